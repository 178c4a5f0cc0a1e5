"""The pointer on the canvas: the mask is where the person clicked, for any photo shape, zoom and pan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Route

from rvernet_app.picture.masks import from_rle
from rvernet_app.store.database import Store
from tests.e2e.conftest import message_of
from tests.e2e.project import Project, standing

if TYPE_CHECKING:
    from tests.e2e.conftest import Button, DrawnPhoto, Workbench

Rgb: TypeAlias = tuple[int, int, int]

pytestmark = pytest.mark.browser

UNNAMED_RGB = (95, 125, 153)
"""The colour of a food without a name on the canvas."""


def mask_of(reply: dict[str, Any], candidate: int = 0) -> NDArray[np.bool_]:
    """Decode a candidate of a reply: bool (H, W)."""
    rle = reply["candidates"][candidate]["rle"]
    return from_rle(rle, tuple(rle["size"]))


def assert_covers(mask: NDArray[np.bool_], food: NDArray[np.bool_]) -> None:
    """Check that the mask is the drawn food; GrabCut sees only colours, so the edges may differ."""
    overlap = (mask & food).sum() / (mask | food).sum()
    assert overlap > 0.6, f"IoU of mask and drawn food is {overlap:.3f}"


def assert_drawn(
    workbench: Workbench, mask: NDArray[np.bool_], but_near: Sequence[tuple[float, float]]
) -> None:
    """Check that the canvas is filled inside the mask and clear outside, except at its edge and at points."""
    scale = workbench.view["scale"]
    rim = int(np.ceil(3 / scale + 0.5))
    disc = np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)
    height, width = mask.shape
    inside = cv2.erode(mask.astype(np.uint8), disc, borderValue=1) > 0
    outside = cv2.dilate(mask.astype(np.uint8), disc) == 0
    step = max(1, min(height, width) // 24)
    for y in range(0, height, step):
        for x in range(0, width, step):
            if any(np.hypot(x - px, y - py) * scale < 12 for px, py in but_near):
                inside[y, x] = outside[y, x] = False
    grid = [(x, y) for y in range(0, height, step) for x in range(0, width, step)]
    seen = {
        xy: alpha for xy, alpha in zip(grid, workbench.overlay_alphas(grid), strict=True) if alpha is not None
    }
    filled = {(x, y): alpha for (x, y), alpha in seen.items() if inside[y, x]}
    clear = {(x, y): alpha for (x, y), alpha in seen.items() if outside[y, x]}
    assert filled
    assert clear
    assert {xy: alpha for xy, alpha in filled.items() if not 100 < alpha < 130} == {}
    assert {xy: alpha for xy, alpha in clear.items() if alpha != 0} == {}


@pytest.mark.parametrize(
    ("size", "centre"),
    [
        pytest.param((2400, 300), (1700, 120), id="wide"),
        pytest.param((300, 2400), (180, 700), id="tall"),
        pytest.param((40, 30), (28, 12), id="tiny"),
    ],
)
def test_a_click_finds_the_food_in_photos_of_any_shape(
    workbench: Workbench, draw: Callable[..., DrawnPhoto], size: tuple[int, int], centre: tuple[int, int]
) -> None:
    photo = draw(size, [centre])
    workbench.open(photo)
    if workbench.view["scale"] < 1:
        workbench.zoom(centre, wheel=-700)

    reply = workbench.click(*centre)

    assert_covers(mask_of(reply), photo.foods[0])
    assert_drawn(workbench, mask_of(reply), but_near=photo.centres)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_turned_by_the_camera_is_shown_upright_and_clicked_there(
    workbench: Workbench, draw: Callable[..., DrawnPhoto], orientation: int
) -> None:
    photo = draw((360, 240), [(90, 60)], orientation=orientation)
    workbench.open(photo)
    assert workbench.page.inner_text("#rv-photo-size") == "360 × 240"
    assert workbench.photo_at(*photo.centres[0]) == pytest.approx((176, 52, 38, 255), abs=12)
    assert workbench.photo_at(*photo.corner) == pytest.approx((226, 221, 208, 255), abs=12)

    reply = workbench.click(*photo.centres[0])

    assert_covers(mask_of(reply), photo.foods[0])
    assert_drawn(workbench, mask_of(reply), but_near=photo.centres)


def test_the_clicked_pixel_is_the_one_sent_at_any_zoom(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    x, y = plate.centres[1]
    for wheel in (-900, -900, 500):
        workbench.zoom((x + 20, y - 10), wheel)
    assert workbench.view["scale"] > 3

    reply = workbench.click(x, y)

    assert workbench.sent("segment")[-1]["points"] == [[x, y, 1]]
    assert_covers(mask_of(reply), plate.foods[1])
    assert workbench.overlay_at(x + 25, y)[:3] == pytest.approx(UNNAMED_RGB, abs=6)


def test_the_wheel_zooms_at_the_pointer_and_fit_restores_the_view(
    workbench: Workbench, plate: DrawnPhoto
) -> None:
    workbench.open(plate)
    fitted = workbench.view
    x, y = workbench.client(*plate.centres[0])
    workbench.zoom(plate.centres[0], wheel=-600)
    assert workbench.client(*plate.centres[0]) == pytest.approx((x, y), abs=3)
    assert workbench.view["scale"] > 2 * fitted["scale"]

    workbench.page.click("#rv-zoom-fit")

    assert workbench.view == fitted


@pytest.mark.parametrize("way", ["middle button", "move tool", "space"])
def test_moving_the_photo_sends_no_prompt(workbench: Workbench, plate: DrawnPhoto, way: str) -> None:
    workbench.open(plate)
    page, before = workbench.page, workbench.view
    if way == "move tool":
        page.click('[data-tool="move"]')
    if way == "space":
        page.focus(".rv-overlay")
        page.keyboard.down("Space")
    x, y = workbench.client(300, 200)
    page.mouse.move(x, y)
    page.mouse.down(button="middle" if way == "middle button" else "left")
    page.mouse.move(x + 40, y - 25, steps=3)
    page.mouse.up(button="middle" if way == "middle button" else "left")
    if way == "space":
        page.keyboard.up("Space")
    page.click('[data-tool="point"]')

    assert (workbench.view["x"] - before["x"], workbench.view["y"] - before["y"]) == pytest.approx((40, -25))
    assert workbench.sent("segment") == []
    assert_covers(mask_of(workbench.click(*plate.centres[2])), plate.foods[2])


@pytest.mark.parametrize("way", ["drag", "box tool"])
def test_a_dragged_box_finds_the_food_in_it(workbench: Workbench, plate: DrawnPhoto, way: str) -> None:
    workbench.open(plate)
    if way == "box tool":
        workbench.page.keyboard.press("b")

    reply = workbench.mask_after(lambda: workbench.drag((420, 100), (540, 200)))

    (sent,) = workbench.sent("segment")
    assert sent["points"] == []
    assert sent["box"] == pytest.approx([420, 100, 541, 201], abs=1)
    assert_covers(mask_of(reply), plate.foods[1])


@pytest.mark.parametrize(
    ("button", "key", "tool"), [("right", None, None), ("left", "Alt", None), ("left", None, "#rv-polarity")]
)
def test_cutting_away_sends_a_background_point(
    workbench: Workbench, draw: Callable[..., DrawnPhoto], button: Button, key: str | None, tool: str | None
) -> None:
    photo = draw((640, 480), [(250, 200), (350, 200)])
    workbench.open(photo)
    (x, y), (cut_x, cut_y) = photo.centres
    whole = mask_of(workbench.mask_after(lambda: workbench.drag((190, 150), (410, 250))))
    assert whole[y, x]
    assert whole[cut_y, cut_x]
    if tool:
        workbench.page.click(tool)

    mask = mask_of(workbench.click(cut_x, cut_y, button=button, key=key))

    assert workbench.sent("segment")[-1]["points"] == [[cut_x, cut_y, 0]]
    assert mask[y, x]
    assert not mask[cut_y, cut_x]
    assert len(workbench.foods()) == 1


def test_cutting_away_without_a_food_says_what_to_do(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)

    workbench.press(*plate.centres[0], button="right")

    workbench.page.wait_for_selector("#rv-toast:not([hidden])")
    assert "Click the food first" in workbench.page.inner_text("#rv-toast")
    assert workbench.sent("segment") == []


def test_a_food_is_selected_refined_and_removed(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    page, (first, second, third) = workbench.page, plate.centres
    workbench.click(*first)
    workbench.click(*second, key="Shift")
    assert len(workbench.foods()) == 2
    for x, y in (first, second):
        assert workbench.overlay_at(x + 30, y)[:3] == pytest.approx(UNNAMED_RGB, abs=6)
    assert page.locator("#rv-foods li").nth(1).get_attribute("aria-current") == "true"
    assert page.inner_text(".rv-thumbs .rv-count") == "2\nfoods"  # "foods" is only spoken

    page.locator("#rv-foods .rv-food").first.click()
    workbench.click(*third)
    assert workbench.sent("segment")[-1]["points"] == [[*first, 1], [*third, 1]]

    page.get_by_role("button", name="Remove food 1").click()
    assert len(workbench.foods()) == 1
    assert workbench.overlay_at(first[0] + 30, first[1])[3] == 0
    assert workbench.overlay_at(second[0] + 30, second[1])[3] > 0


def test_a_click_on_a_food_selects_it_and_makes_no_second_one(
    workbench: Workbench, plate: DrawnPhoto
) -> None:
    workbench.open(plate)
    page, (first, second, _) = workbench.page, plate.centres
    workbench.click(*first)
    workbench.click(*second, key="Shift")

    workbench.press(first[0] + 10, first[1])

    assert page.locator("#rv-foods li").first.get_attribute("aria-current") == "true"
    workbench.press(first[0] + 20, first[1])  # in the selected food, which has this point already
    assert page.inner_text("#rv-callout-title") == "This is part of the food already"
    assert len(workbench.sent("segment")) == len(workbench.foods()) == 2
    x, y = first[0] + 20, first[1]
    workbench.mask_after(lambda: page.click("text=New food here"))
    assert workbench.sent("segment")[-1]["points"] == [[x, y, 1]]
    assert len(workbench.foods()) == 3
    assert page.is_hidden("#rv-callout")


def test_a_click_on_no_food_makes_nothing_unless_one_insists(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    page, centre, (x, y) = workbench.page, plate.centres[0], plate.corner
    workbench.click(*centre)
    workbench.wait_for_evidence()  # the row names the best guess
    before = workbench.foods()
    told = "No food found here. Click the middle of a food, or draw a box around it."

    def refuse(route: Route) -> None:
        asked = message_of(route.request)
        refused = asked["fn_name"] == "segment" and not asked["data"].get("insist")
        route.fulfill(json={"error": told, "no_food": True}) if refused else route.continue_()

    page.route("**/component_server/", refuse)
    workbench.press(x, y)

    page.wait_for_selector("#rv-callout:not([hidden])")
    assert page.inner_text("#rv-callout-title") == "No food found here"
    assert page.inner_text("#rv-status") == "No food found here"
    assert workbench.foods() == before
    assert workbench.overlay_at(x, y)[3] == 0
    page.keyboard.press("Escape")
    assert page.is_hidden("#rv-callout")
    workbench.press(x, y)
    page.wait_for_selector("#rv-callout:not([hidden])")
    workbench.mask_after(lambda: page.click("text=Take it anyway"))
    assert workbench.sent("segment")[-1]["points"] == [[*centre, 1], [x, y, 1]]
    assert workbench.sent("segment")[-1]["insist"] is True
    page.click("#rv-undo")
    page.click("#rv-undo")
    page.wait_for_function("document.querySelector('#rv-undo').disabled")
    assert workbench.foods() == []


def test_of_two_named_foods_the_smaller_is_drawn_and_clicked_on_top(
    project: Project, plates: list[DrawnPhoto]
) -> None:
    workbench, page, (x, y) = project.workbench, project.page, plates[0].centres[0]
    for name, half in (("egg", 30), ("rice", 80)):  # the smaller one first
        draw_square(project, (x, y), half)
        project.name_by_typing(name)
    project.saved()  # the list is redrawn when a name is saved
    assert project.listed() == ["egg", "rice"]
    assert page.locator("#rv-foods .rv-overlap").all_text_contents() == ["overlaps rice", "overlaps egg"]
    egg, rice = (rgb_of(swatch) for swatch in page.locator("#rv-foods .rv-swatch").all())
    assert egg != rice

    project.keys("p")
    page.fill("#rv-opacity", "100")
    assert workbench.overlay_at(x - 60, y)[:3] == pytest.approx(rice, abs=6)
    drawn = {workbench.overlay_at(x + step, y)[:3] for step in range(-12, 12)}
    is_egg = [colour == pytest.approx(egg, abs=6) for colour in drawn]
    assert any(is_egg)  # between stripes
    assert not all(is_egg)  # the stripes
    for place, name in ((x, "egg"), (x - 60, "rice")):
        workbench.press(place, y)
        assert page.inner_text("#rv-foods [aria-current] .rv-food-name") == name
    assert workbench.sent("segment") == []


def test_several_foods_are_named_and_removed_at_once(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    page, places = project.page, [(100, 100), (250, 100), (400, 100)]
    for place in places:
        draw_square(project, place, 30)
    rows = page.locator("#rv-foods .rv-food")
    rows.nth(0).click()
    rows.nth(2).click(modifiers=["Control"])

    project.name_by_typing("bread")

    assert project.listed() == ["bread", "no name yet", "bread"]
    project.saved()
    assert [row.label_id is None for row in standing(store, project.item)] == [False, True, False]
    project.keys("z")
    page.wait_for_function("!document.querySelector('#rv-foods').textContent.includes('bread')")
    assert project.listed() == ["no name yet"] * 3
    page.click("#rv-choose")
    page.click("#rv-several-all")
    page.click("#rv-several-remove")
    assert project.listed() == []
    project.saved()
    project.keys("z")
    page.wait_for_selector("#rv-foods li:nth-child(3)")


def draw_square(project: Project, centre: tuple[int, int], half: int) -> None:
    """Draw a new food with the polygon tool."""
    (x, y), count = centre, len(project.listed())
    project.keys("n", "g")
    for corner in ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)):
        project.workbench.press(*corner)
    project.keys("Enter")
    project.page.wait_for_selector(f"#rv-foods li:nth-child({count + 1})")


def rgb_of(swatch: Locator) -> Rgb:
    """Return the colour of a swatch in the list of foods."""
    text = ""
    while not text:  # a node that was redrawn in between has no style
        text = swatch.evaluate("node => getComputedStyle(node).backgroundColor")
    red, green, blue = (int(part) for part in text.removeprefix("rgb(").removesuffix(")").split(","))
    return red, green, blue


def test_the_move_tool_selects_the_food_under_the_pointer(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    first, second, _ = plate.centres
    workbench.click(*first)
    workbench.click(*second, key="Shift")
    workbench.page.keyboard.press("v")

    workbench.press(*first)

    assert workbench.page.locator("#rv-foods li").first.get_attribute("aria-current") == "true"


def test_undo_redo_and_clear(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    page, (first, second, _) = workbench.page, plate.centres

    def shown() -> list[bool]:
        return [workbench.overlay_at(x + 30, y)[3] > 0 for x, y in (first, second)]

    workbench.click(*first)
    workbench.click(*second, key="Shift")
    page.click("#rv-undo")
    assert shown() == [True, False]
    page.keyboard.press("Control+z")
    assert shown() == [False, False]
    assert page.is_disabled("#rv-undo")
    page.click("#rv-redo")
    page.keyboard.press("Shift+Z")
    assert shown() == [True, True]
    assert page.is_disabled("#rv-redo")
    page.click("#rv-clear")
    assert shown() == [False, False]
    assert workbench.foods() == []
    page.keyboard.press("z")
    assert shown() == [True, True]
    assert len(workbench.foods()) == 2


def test_another_candidate_is_drawn_and_explained(
    workbench: Workbench, draw: Callable[..., DrawnPhoto]
) -> None:
    photo = draw((640, 480), [(300, 220)])
    workbench.open(photo)
    page, centre = workbench.page, photo.centres[0]
    reply = workbench.click(*centre)
    workbench.wait_for_evidence()
    candidates = page.locator("#rv-candidates button")
    assert candidates.count() == len(reply["candidates"]) > 1
    assert candidates.nth(0).get_attribute("aria-checked") == "true"

    candidates.nth(1).click()
    workbench.wait_for_evidence()

    assert candidates.nth(1).get_attribute("aria-checked") == "true"
    assert_drawn(workbench, mask_of(reply, 1), but_near=photo.centres)
    assert workbench.asked_evidence()[-1]["rle"] == reply["candidates"][1]["rle"]
    page.keyboard.press("c")
    assert candidates.nth(2 % candidates.count()).get_attribute("aria-checked") == "true"


def test_opacity_and_hiding_change_only_how_masks_are_drawn(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    x, y = plate.centres[0]
    workbench.click(x, y)
    alphas = []
    for opacity in ("0", "100"):
        workbench.page.fill("#rv-opacity", opacity)
        alphas.append(workbench.overlay_at(x + 30, y)[3])
    workbench.page.keyboard.press("h")
    alphas.append(workbench.overlay_at(x + 30, y)[3])
    workbench.page.keyboard.press("h")
    alphas.append(workbench.overlay_at(x + 30, y)[3])

    assert alphas == [0, 255, 0, 255]
    assert len(workbench.sent("segment")) == 1


def test_a_click_beside_the_photo_does_nothing(workbench: Workbench, draw: Callable[..., DrawnPhoto]) -> None:
    photo = draw((300, 600), [(150, 260)])
    workbench.open(photo)

    workbench.press(-20, 300)
    workbench.press(320, 300)

    assert workbench.sent("segment") == []
    assert workbench.page.is_hidden("#rv-toast")


def test_a_click_on_a_real_photo_gives_mask_suggestions_and_evidence(
    workbench: Workbench, real_photos: Path
) -> None:
    workbench.open(real_photos / "trays" / "images" / "tray1_food_image.jpg")

    mask = mask_of(workbench.click(930, 340))
    workbench.wait_for_evidence()

    assert mask[340, 930]
    assert 0.01 < mask.mean() < 0.4
    assert_drawn(workbench, mask, but_near=[(930, 340)])
    assert len(workbench.foods()) == 1
    assert workbench.page.locator("#rv-suggestions li").count() == 5
    pictures = [workbench.picture(name) for name in ("roi", "extra_roi", "map_roi", "map_extra_roi")]
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    assert len(set(pictures)) == 4
