"""Accessibility: keyboard, touch, screen reader, contrast and fit at three sizes, light and dark."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.classify import Classifier
from rvernet_app.pipeline import Pipeline

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server, Workbench

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3

CONTRASTS = """() => {
    const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
        .getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const over = (top, low) => low.map((value, i) => (top[i] * top[3] + value * (255 - top[3])) / 255);
    const background = (node) => {
        if (!node) return [255, 255, 255];
        const own = rgba(getComputedStyle(node).backgroundColor);
        return own[3] === 255 ? own.slice(0, 3) : over(own, background(node.parentElement));
    };
    const luminance = (rgb) => {
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = rgb.map((v) => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    const walker = document.createTreeWalker(document.querySelector('.rv'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
        // Disabled controls are exempt; names on thumbnails lie on a picture, not on a colour.
        if (!text || !node.checkVisibility() || node.closest(':disabled, option, .rv-thumb-name')) continue;
        const behind = background(node);
        const ink = over(rgba(getComputedStyle(node).color), behind);
        const [dark, light] = [luminance(ink), luminance(behind)].sort((a, b) => a - b);
        found.push({ text, contrast: (light + 0.05) / (dark + 0.05) });
    }
    return found;
}"""


def open_sample_and_click(workbench: Workbench, share: float) -> None:
    """Open the first sample, click at this share of its width and height, and wait for all evidence."""
    page = workbench.page
    page.locator("[data-sample]").first.click()
    page.wait_for_selector(".rv[data-photo]")
    page.evaluate("window.scrollTo(0, 0)")  # on a phone the samples are at the bottom
    width, height = map(int, page.inner_text("#rv-photo-size").split(" × "))
    workbench.click(round(width * share), round(height * share))
    workbench.wait_for_evidence()


def assert_readable(workbench: Workbench) -> None:
    """Check the contrast of every visible text on the page."""
    texts = workbench.page.evaluate(CONTRASTS)
    assert len(texts) > 10
    assert [each for each in texts if each["contrast"] < LEAST_CONTRAST] == []


def overflow(workbench: Workbench, selector: str) -> tuple[int, int]:
    """Return how far an element's contents exceed it to the right and down, in CSS pixels."""
    return tuple(
        workbench.page.eval_on_selector(
            selector, "node => [node.scrollWidth - node.clientWidth, node.scrollHeight - node.clientHeight]"
        )
    )


def assert_fits_and_is_readable(workbench: Workbench, name: str, screenshots: str, tmp_path: Path) -> None:
    """Check the page at one of SIZES, light and dark; save screenshots in RVERNET_SCREENSHOTS."""
    folder = Path(os.environ.get("RVERNET_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page, (width, height) = workbench.page, SIZES[name]
    for theme in ("light", "dark"):
        page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
        right, down = overflow(workbench, "html")
        assert right <= 0
        if name == "desktop":
            assert down <= 0
            assert overflow(workbench, ".rv-panel") == (0, 0)
        assert_readable(workbench)
        picture = folder / f"{screenshots}-{theme}.png"
        page.screenshot(path=picture, animations="disabled")
        with Image.open(picture) as screenshot:
            assert screenshot.size == (width, height)


@pytest.mark.parametrize("name", SIZES)
def test_the_page_fits_and_is_readable(workbench: Workbench, name: str, tmp_path: Path) -> None:
    width, height = SIZES[name]
    workbench.page.set_viewport_size({"width": width, "height": height})
    assert_readable(workbench)
    open_sample_and_click(workbench, share=0.42)

    assert_fits_and_is_readable(workbench, name, name, tmp_path)
    workbench.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("name", ["desktop", "phone"])
def test_the_page_is_readable_when_it_is_not_sure(
    pipeline: Pipeline,
    serve: Callable[[Pipeline], Server],
    new_visitor: Callable[..., Workbench],
    name: str,
    tmp_path: Path,
) -> None:
    checkpoint = load_checkpoint(Path(pipeline.config.checkpoint))
    never_sure = replace(checkpoint, calibration=Calibration(temperature=3.0, threshold=1.0))
    width, height = SIZES[name]
    visitor = new_visitor(
        at=serve(replace(pipeline, classifier=Classifier(never_sure))),
        viewport={"width": width, "height": height},
    )
    open_sample_and_click(visitor, share=0.42)
    visitor.page.locator("#rv-unsure").scroll_into_view_if_needed()

    assert_fits_and_is_readable(visitor, name, f"{name}-not-sure", tmp_path)


@pytest.mark.parametrize("sheet", ["help", "models"])
def test_a_sheet_is_readable_and_closed_by_escape(workbench: Workbench, sheet: str) -> None:
    page = workbench.page
    page.focus(f"#rv-{sheet}")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#rv-{sheet}-sheet[open]")
    assert page.evaluate("document.activeElement.closest('dialog')?.id") == f"rv-{sheet}-sheet"
    for theme in ("light", "dark"):
        page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
        assert_readable(workbench)

    page.keyboard.press("Escape")

    assert page.is_hidden(f"#rv-{sheet}-sheet")
    assert page.evaluate("document.activeElement.id") == f"rv-{sheet}"


def test_the_help_sheet_names_the_keys_and_disables_them_while_it_is_open(
    workbench: Workbench, plate: DrawnPhoto
) -> None:
    workbench.open(plate)
    workbench.click(*plate.centres[0])
    page = workbench.page
    page.keyboard.press("?")
    page.wait_for_selector("#rv-help-sheet[open]")
    assert {"P", "Delete", "Enter", "Z"} <= set(page.locator("#rv-help-sheet kbd").all_inner_texts())

    page.keyboard.press("Delete")
    page.keyboard.press("Escape")

    assert len(workbench.foods()) == 1


def test_the_theme_is_switched_and_remembered(workbench: Workbench) -> None:
    page = workbench.page

    def ink() -> str:
        colour: str = page.eval_on_selector(".rv", "node => getComputedStyle(node).backgroundColor")
        return colour

    light = ink()
    page.click("#rv-theme")
    dark = ink()
    assert dark != light
    workbench.load()
    assert ink() == dark
    page.keyboard.press("l")
    assert ink() == light


def test_every_control_has_a_name_and_is_reached_by_keyboard(workbench: Workbench) -> None:
    open_sample_and_click(workbench, share=0.42)
    page = workbench.page
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "radio", "slider", "combobox", "link", "checkbox", "textbox"}
    controls = [node for node in nodes if node.get("role", {}).get("value") in roles and not node["ignored"]]
    assert len(controls) > 30
    assert [node for node in controls if not node["name"].get("value", "").strip()] == []
    session.detach()

    page.evaluate(
        """() => {
            const controls = document.querySelectorAll('.rv :is(button, select, input, canvas)');
            const usable = (node) => node.checkVisibility() && !node.disabled && node.tabIndex >= 0;
            window.missing = new Set([...controls].filter(usable));
            window.unmarked = [];
            document.activeElement.blur();
        }"""
    )
    count = page.evaluate("window.missing.size")
    for _ in range(count + 10):
        page.keyboard.press("Tab")
        page.evaluate(
            """() => {
                const node = document.activeElement, style = getComputedStyle(node);
                const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
                if (window.missing.delete(node) && !marked)
                    window.unmarked.push(node.outerHTML.slice(0, 80));
            }"""
        )
    assert page.evaluate("[...window.missing].map(node => node.outerHTML.slice(0, 80))") == []
    assert page.evaluate("window.unmarked") == []


def test_a_food_is_found_with_the_keyboard_alone(workbench: Workbench, plate: DrawnPhoto) -> None:
    page = workbench.page
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("o")
    chooser.value.set_files(plate.path)
    workbench.wait_for_photo(plate.path.read_bytes())
    for _ in range(40):
        if page.evaluate("document.activeElement.classList.contains('rv-overlay')"):
            break
        page.keyboard.press("Tab")

    def go_to(target: tuple[int, int], start: tuple[int, int]) -> tuple[int, int]:
        """Move the crosshair with the arrow keys, first by ten steps and then by one; return its place."""
        stride = max(1, round(4 / workbench.view["scale"]))
        at = list(start)
        for axis, (less, more) in enumerate((("ArrowLeft", "ArrowRight"), ("ArrowUp", "ArrowDown"))):
            for step, shift in ((10 * stride, "Shift+"), (stride, "")):
                while abs(target[axis] - at[axis]) >= step:
                    page.keyboard.press(shift + (more if target[axis] > at[axis] else less))
                    at[axis] += step if target[axis] > at[axis] else -step
        return at[0], at[1]

    third = go_to(plate.centres[2], start=(320, 240))
    workbench.mask_after(lambda: page.keyboard.press("Space"))
    workbench.wait_for_evidence()
    assert workbench.sent("segment")[-1]["points"] == [[*third, 1]]
    page.keyboard.press("Enter")
    first = go_to(plate.centres[0], start=third)
    workbench.mask_after(lambda: page.keyboard.press("Space"))

    assert workbench.sent("segment")[-1]["points"] == [[*first, 1]]
    assert len(workbench.foods()) == 2
    page.keyboard.press("Delete")
    assert len(workbench.foods()) == 1
    page.keyboard.press("z")
    assert len(workbench.foods()) == 2
    page.keyboard.press("[")
    assert page.locator("#rv-foods li").first.get_attribute("aria-current") == "true"
    page.keyboard.press("2")
    page.wait_for_selector('#rv-suggestions li:nth-child(2) [aria-pressed="true"]')


@pytest.fixture
def phone(new_visitor: Callable[..., Workbench]) -> Workbench:
    """The page on a phone with a touch screen."""
    width, height = SIZES["phone"]
    return new_visitor(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)


def test_a_tap_on_a_phone_finds_the_food_and_leaves_the_page_where_it_is(
    phone: Workbench, plate: DrawnPhoto
) -> None:
    phone.open(plate)

    phone.mask_after(lambda: phone.page.touchscreen.tap(*phone.client(*plate.centres[0])))
    phone.wait_for_evidence()

    assert phone.sent("segment")[-1]["points"] == [[pytest.approx(140, abs=1), pytest.approx(130, abs=1), 1]]
    assert phone.overlay_at(plate.centres[0][0] + 36, plate.centres[0][1])[3] > 0
    assert phone.page.evaluate("window.scrollY") == 0


def test_two_fingers_zoom_and_one_moves_the_photo(phone: Workbench, plate: DrawnPhoto) -> None:
    phone.open(plate)
    before = phone.view
    session = phone.page.context.new_cdp_session(phone.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    x, y = phone.client(320, 240)
    touch("touchStart", (x - 30, y), (x + 30, y))
    touch("touchMove", (x - 75, y), (x + 75, y))
    touch("touchEnd")
    assert phone.view["scale"] == pytest.approx(2.5 * before["scale"], rel=0.05)
    assert phone.client(320, 240) == pytest.approx((x, y), abs=3)

    touch("touchStart", (x, y))
    touch("touchMove", (x + 20, y + 10))
    touch("touchMove", (x + 40, y + 20))
    touch("touchEnd")

    assert phone.client(320, 240) == pytest.approx((x + 40, y + 20), abs=4)
    assert phone.sent("segment") == []
