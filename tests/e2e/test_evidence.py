"""The page shows and downloads the engine's suggestions, cut-outs and activation maps for its mask."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator

from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.classify import Classifier
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import bbox_xywh, from_rle
from rvernet_app.picture.overlay import heat_overlay
from rvernet_app.pipeline import Pipeline
from rvernet_app.types import Cutouts, Mask
from tests.e2e.expected import classified, loaded, percent, words

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server, Workbench

pytestmark = pytest.mark.browser

FILES = ["mask.png", "roi.png", "extra_roi.png", "cam_roi.png", "cam_extra_roi.png", "result.json"]


@pytest.fixture
def clicked(workbench: Workbench, plate: DrawnPhoto, pipeline: Pipeline) -> tuple[Mask, Cutouts]:
    """The engine's mask and cut-outs of a food that was clicked; the page shows all its evidence."""
    workbench.open(plate)
    rle = workbench.click(*plate.centres[0])["candidates"][0]["rle"]
    workbench.wait_for_evidence()
    mask = from_rle(rle, (480, 640))
    return mask, cut_out(loaded(plate, pipeline).pixels, mask)


def pixels_of(data_url: str) -> NDArray[np.int_]:
    """Decode a data URL of a picture: int (H, W, channels)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2])))).astype(int)


def assert_pictures(workbench: Workbench, expected: Mapping[str, NDArray[np.uint8]]) -> None:
    """Check that the page shows these pictures, apart from JPEG losses."""
    for name, picture in expected.items():
        difference = np.abs(pixels_of(workbench.picture(name)) - picture).mean()
        assert difference < 2.5, f"{name} differs by {difference:.2f} grey levels on average"


def maps_shown(
    workbench: Workbench,
    clicked: tuple[Mask, Cutouts],
    pipeline: Pipeline,
    label: str,
    method: str,
    common: bool = False,
) -> None:
    """Check that the page shows the engine's activation maps of this class, method and scale."""
    _, cutouts = clicked
    maps = pipeline.classifier.explain(cutouts, label=label, method=method)
    roi, extra_roi = maps.on_common_scale() if common else (maps.roi, maps.extra_roi)
    photo = cutouts.roi + cutouts.extra_roi
    expected = {"map_roi": heat_overlay(photo, roi), "map_extra_roi": heat_overlay(photo, extra_roi)}
    assert_pictures(workbench, expected)


def remapped(workbench: Workbench, act: Callable[[], object]) -> None:
    """Run an action that requests other activation maps and wait for them."""
    before = workbench.state("evidence-seq")
    act()
    workbench.page.wait_for_function(
        "before => document.querySelector('.rv').dataset.evidenceSeq !== before", arg=before
    )


def test_suggestions_say_what_the_context_changed(
    workbench: Workbench, clicked: tuple[Mask, Cutouts], pipeline: Pipeline
) -> None:
    with_context, without = classified(clicked[1], pipeline)

    expected = [
        (
            str(number),
            words(label),
            percent(p),
            "with its surroundings,",
            percent(without.probability_of(label)),
            "the food alone",
        )
        for number, (label, p) in enumerate(with_context.top_k(5), 1)
    ]
    rows = workbench.page.locator("#rv-suggestions li").all_inner_texts()
    assert [tuple(row.split("\n")) for row in rows] == expected
    widths = workbench.page.locator("#rv-suggestions .rv-fill").evaluate_all(
        """bars => {
            const width = (node) => node.getBoundingClientRect().width;
            return bars.map((bar) => width(bar) / width(bar.parentElement));
        }"""
    )
    assert widths == pytest.approx([p for _, p in with_context.top_k(5)], abs=0.03)


@pytest.mark.parametrize(("threshold", "sure"), [(0.0, True), (1.0, False)])
def test_the_page_is_as_sure_as_the_checkpoint(
    threshold: float,
    sure: bool,
    pipeline: Pipeline,
    serve: Callable[[Pipeline], Server],
    new_visitor: Callable[..., Workbench],
    plate: DrawnPhoto,
) -> None:
    checkpoint = load_checkpoint(Path(pipeline.config.checkpoint))
    calibrated = replace(checkpoint, calibration=Calibration(temperature=2.0, threshold=threshold))
    visitor = new_visitor(at=serve(replace(pipeline, classifier=Classifier(calibrated))))
    visitor.open(plate)
    visitor.click(*plate.centres[0])
    visitor.wait_for_evidence()

    (food,) = visitor.foods()
    top = visitor.page.locator(".rv-suggestion-name").first.inner_text()
    assert visitor.page.is_hidden("#rv-unsure") is sure
    if sure:
        share = visitor.page.locator(".rv-suggestion .rv-share").first.inner_text().split("\n")[0]
        assert food.split("\n") == ["Food 1", f"{top}? {share}"]
    else:
        note = visitor.page.locator("#rv-unsure")
        assert note.inner_text() == "Not sure. The best guesses among 61 known foods:"
        assert top_of(note) < top_of(visitor.page.locator("#rv-suggestions"))
        assert food.split("\n") == ["Food 1", f"not sure: {top}?"]


def test_the_page_shows_the_engines_cut_outs_and_maps(
    workbench: Workbench, clicked: tuple[Mask, Cutouts], pipeline: Pipeline
) -> None:
    _, cutouts = clicked
    top = classified(cutouts, pipeline)[0].top_k(1)[0][0]
    assert_pictures(workbench, {"roi": cutouts.roi, "extra_roi": cutouts.extra_roi})
    maps_shown(workbench, clicked, pipeline, top, "gradcam")


def test_the_maps_follow_the_chosen_class_method_and_scale(
    workbench: Workbench, clicked: tuple[Mask, Cutouts], pipeline: Pipeline
) -> None:
    page = workbench.page
    top = classified(clicked[1], pipeline)[0]
    other = next(label for label in pipeline.classifier.labels if label not in dict(top.top_k(5)))
    second = top.top_k(2)[1][0]

    remapped(workbench, lambda: page.select_option("#rv-class", other))
    maps_shown(workbench, clicked, pipeline, other, "gradcam")
    remapped(workbench, lambda: page.select_option("#rv-method", "layercam"))
    maps_shown(workbench, clicked, pipeline, other, "layercam")
    remapped(workbench, lambda: page.click('[data-scale="common"]'))
    maps_shown(workbench, clicked, pipeline, other, "layercam", common=True)
    assert page.get_attribute('[data-scale="common"]', "aria-checked") == "true"
    remapped(workbench, lambda: page.select_option("#rv-class", second))
    maps_shown(workbench, clicked, pipeline, second, "layercam", common=True)
    assert page.input_value("#rv-class") == second


def test_a_suggestion_names_the_food(workbench: Workbench, clicked: tuple[Mask, Cutouts]) -> None:
    page = workbench.page
    second, third = page.locator("#rv-suggestions .rv-suggestion-name").all_inner_texts()[1:3]
    assert page.locator('#rv-suggestions [aria-pressed="true"]').count() == 0
    assert "No name yet" in page.inner_text("#rv-offer")
    page.locator("#rv-suggestions button").nth(1).click()
    page.wait_for_selector('#rv-suggestions li:nth-child(2) [aria-pressed="true"]')
    assert workbench.foods()[0].startswith(second)
    page.keyboard.press("3")
    page.wait_for_selector('#rv-suggestions li:nth-child(3) [aria-pressed="true"]')
    assert workbench.foods()[0].startswith(third)


def test_a_click_enlarges_a_picture(workbench: Workbench, clicked: tuple[Mask, Cutouts]) -> None:
    page = workbench.page
    page.click('[data-picture="map_extra_roi"]')

    title = page.inner_text("#rv-picture-title")
    assert title
    assert page.get_attribute("#rv-picture", "aria-label") == title
    box = page.locator("#rv-picture").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(640 / 480, abs=0.01)  # the whole photo
    assert box["width"] > 640
    enlarged = pixels_of(page.eval_on_selector("#rv-picture", "node => node.toDataURL('image/png')"))
    small = pixels_of(workbench.picture("map_extra_roi"))
    height, width, _ = small.shape
    shrunk = Image.fromarray(enlarged[..., :3].astype(np.uint8)).resize((width, height))
    assert np.abs(np.asarray(shrunk).astype(int) - small).mean() < 2.5
    workbench.page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.is_hidden("#rv-picture-sheet")


def test_the_download_holds_the_files_of_the_command_line(
    workbench: Workbench, clicked: tuple[Mask, Cutouts], pipeline: Pipeline, plate: DrawnPhoto, tmp_path: Path
) -> None:
    mask, cutouts = clicked
    remapped(workbench, lambda: workbench.page.select_option("#rv-class", "egg"))
    with workbench.page.expect_download() as caught:
        workbench.page.click("#rv-download")
    assert caught.value.suggested_filename == f"{plate.path.stem}-foods.zip"
    with zipfile.ZipFile(caught.value.path()) as archive:
        assert sorted(archive.namelist()) == sorted(FILES)
        archive.extractall(tmp_path)

    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert result["photo"] == {"width": 640, "height": 480, "sha256": plate.sha256}
    assert (result["segmenter"], result["checkpoint"]) == ("grabcut", pipeline.classifier.name)
    assert result["mask"]["bbox"] == list(bbox_xywh(mask))
    assert result["mask"]["area"] == mask.sum()
    assert np.array_equal(from_rle(result["mask"]["rle"], (480, 640)), mask)
    assert 0 <= result["mask"]["score"] <= 1
    for name, prediction in zip(
        ("suggestions", "without_context"), classified(cutouts, pipeline), strict=True
    ):
        shown = [(each["label"], each["probability"]) for each in result[name]]
        assert shown == [(label, pytest.approx(p, abs=1e-5)) for label, p in prediction.top_k(5)]
    assert result["activation_maps"]["label"] == "egg"
    assert all(ms > 0 for ms in result["timings_ms"].values())

    def picture(name: str) -> NDArray[np.uint8]:
        return np.asarray(Image.open(tmp_path / name))

    assert np.array_equal(picture("mask.png") > 0, mask)
    assert np.array_equal(picture("roi.png"), cutouts.roi)
    assert np.array_equal(picture("extra_roi.png"), cutouts.extra_roi)
    assert picture("cam_roi.png").shape == picture("cam_extra_roi.png").shape == (480, 640, 3)


def test_there_is_nothing_to_download_before_a_food_is_selected(
    workbench: Workbench, plate: DrawnPhoto
) -> None:
    workbench.open(plate)

    assert workbench.page.is_disabled("#rv-download")


def top_of(element: Locator) -> float:
    """Return the distance of a visible element from the top of the window, in CSS pixels."""
    box = element.bounding_box()
    assert box is not None
    return box["y"]
