"""Suggestions, cut-outs, maps and the download are those of the engine for the mask that is shown."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.classify import Classifier
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import bbox_xywh, from_rle
from rvernet_app.picture.overlay import heat_overlay
from rvernet_app.picture.photos import read_photo
from rvernet_app.types import Cutouts, Mask

pytestmark = pytest.mark.browser

FILES = ["mask.png", "roi.png", "extra_roi.png", "cam_roi.png", "cam_extra_roi.png", "result.json"]


@pytest.fixture
def clicked(workbench, plate, pipeline) -> tuple[Mask, Cutouts]:
    """One food clicked and all its evidence shown; its mask and cut-outs as the engine makes them."""
    workbench.open(plate)
    rle = workbench.click(*plate.centres[0])["candidates"][0]["rle"]
    workbench.wait_for_evidence()
    mask = from_rle(rle, (480, 640))
    limits = {"max_mb": pipeline.config.max_photo_mb, "max_megapixels": pipeline.config.max_photo_megapixels}
    return mask, cut_out(read_photo(plate.path, **limits).pixels, mask)


def pixels_of(data_url: str) -> Any:
    """Address of a JPEG with its bytes in it -> int (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2])))).astype(int)


def assert_pictures(workbench, expected: dict[str, Any]) -> None:
    """The page shows these pictures, but for what JPEG loses."""
    for name, picture in expected.items():
        difference = np.abs(pixels_of(workbench.picture(name)) - picture).mean()
        assert difference < 2.5, f"{name} differs by {difference:.2f} grey levels on average"


def maps_shown(workbench, clicked, pipeline, label: str, method: str, common: bool = False) -> None:
    """The page shows the engine's maps of this class, method and scale."""
    _, cutouts = clicked
    maps = pipeline.classifier.explain(cutouts, label=label, method=method)
    roi, extra_roi = maps.on_common_scale() if common else (maps.roi, maps.extra_roi)
    photo = cutouts.roi + cutouts.extra_roi
    expected = {"map_roi": heat_overlay(photo, roi), "map_extra_roi": heat_overlay(photo, extra_roi)}
    assert_pictures(workbench, expected)


def remapped(workbench, act) -> None:
    """Do something that asks for other maps and wait until they are there."""
    before = workbench.state("evidence-seq")
    act()
    workbench.page.wait_for_function(
        "before => document.querySelector('.rv').dataset.evidenceSeq !== before", arg=before
    )


def test_suggestions_say_what_the_context_changed(workbench, clicked, pipeline) -> None:
    with_context, without = pipeline.classify(clicked[1])

    expected = [
        (label.replace("_", " "), percent(p), percent(without.probability_of(label)))
        for label, p in with_context.top_k(5)
    ]
    rows = workbench.page.locator("#rv-suggestions li").all_inner_texts()
    assert [tuple(row.split("\n")) for row in rows] == expected
    widths = workbench.page.locator("#rv-suggestions .rv-fill").evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width)"
    )
    assert widths == pytest.approx([p for _, p in with_context.top_k(5)], abs=0.03)


@pytest.mark.parametrize(("threshold", "sure"), [(0.0, True), (1.0, False)])
def test_the_page_is_as_sure_as_the_checkpoint(threshold, sure, pipeline, serve, new_visitor, plate) -> None:
    checkpoint = load_checkpoint(pipeline.config.checkpoint)
    calibrated = replace(checkpoint, calibration=Calibration(temperature=2.0, threshold=threshold))
    visitor = new_visitor(at=serve(replace(pipeline, classifier=Classifier(calibrated))))
    visitor.open(plate)
    visitor.click(*plate.centres[0])
    visitor.wait_for_evidence()

    (food,) = visitor.foods()
    top = visitor.page.locator(".rv-suggestion-name").first.inner_text()
    assert visitor.page.is_hidden("#rv-unsure") is sure
    if sure:
        assert food.startswith(top)
    else:
        note = visitor.page.locator("#rv-unsure")
        assert note.inner_text() == "Not sure. The best guesses among 61 known foods:"
        assert note.bounding_box()["y"] < visitor.page.locator("#rv-suggestions").bounding_box()["y"]
        assert food.split("\n") == ["Food 1", f"not sure: {top}?"]


def test_cut_outs_and_maps_are_the_engine_s(workbench, clicked, pipeline) -> None:
    _, cutouts = clicked
    top = pipeline.classify(cutouts)[0].top_k(1)[0][0]
    assert_pictures(workbench, {"roi": cutouts.roi, "extra_roi": cutouts.extra_roi})
    maps_shown(workbench, clicked, pipeline, top, "gradcam")


def test_class_method_and_scale_of_the_maps_are_chosen(workbench, clicked, pipeline) -> None:
    page = workbench.page
    top = pipeline.classify(clicked[1])[0]
    other = next(label for label in pipeline.classifier.labels if label not in dict(top.top_k(5)))
    second = top.top_k(2)[1][0]

    remapped(workbench, lambda: page.select_option("#rv-class", other))
    maps_shown(workbench, clicked, pipeline, other, "gradcam")
    remapped(workbench, lambda: page.select_option("#rv-method", "layercam"))
    maps_shown(workbench, clicked, pipeline, other, "layercam")
    remapped(workbench, lambda: page.click('[data-scale="common"]'))
    maps_shown(workbench, clicked, pipeline, other, "layercam", common=True)
    assert page.get_attribute('[data-scale="common"]', "aria-checked") == "true"
    remapped(workbench, lambda: page.locator("#rv-suggestions button").nth(1).click())
    maps_shown(workbench, clicked, pipeline, second, "layercam", common=True)
    assert page.input_value("#rv-class") == second
    assert page.locator("#rv-suggestions button").nth(1).get_attribute("aria-pressed") == "true"


def test_a_picture_is_enlarged(workbench, clicked) -> None:
    workbench.page.click('[data-picture="map_roi"]')

    assert workbench.page.get_attribute("#rv-picture", "src") == workbench.picture("map_roi")
    assert workbench.page.inner_text("#rv-picture-title")
    workbench.page.keyboard.press("Escape")
    assert workbench.page.is_hidden("#rv-picture-sheet")


def test_the_download_holds_what_the_command_line_writes(
    workbench, clicked, pipeline, plate, tmp_path
) -> None:
    mask, cutouts = clicked
    remapped(workbench, lambda: workbench.page.select_option("#rv-class", "egg"))
    with workbench.page.expect_download() as caught:
        workbench.page.click("#rv-download")
    assert caught.value.suggested_filename == f"{plate.sha256[:8]}-egg.zip"
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
    for name, prediction in zip(("suggestions", "without_context"), pipeline.classify(cutouts), strict=True):
        shown = [(each["label"], each["probability"]) for each in result[name]]
        assert shown == [(label, pytest.approx(p, abs=1e-5)) for label, p in prediction.top_k(5)]
    assert result["activation_maps"]["label"] == "egg"
    assert all(ms > 0 for ms in result["timings_ms"].values())

    def picture(name: str) -> Any:
        return np.asarray(Image.open(tmp_path / name))

    assert np.array_equal(picture("mask.png") > 0, mask)
    assert np.array_equal(picture("roi.png"), cutouts.roi)
    assert np.array_equal(picture("extra_roi.png"), cutouts.extra_roi)
    assert picture("cam_roi.png").shape == picture("cam_extra_roi.png").shape == (480, 640, 3)


def test_there_is_nothing_to_download_before_a_food_is_selected(workbench, plate) -> None:
    workbench.open(plate)

    assert workbench.page.is_disabled("#rv-download")


def percent(share: float) -> str:
    """A probability as the page writes it."""
    return "100 %" if share >= 0.995 else "< 1 %" if share < 0.01 else f"{int(share * 100 + 0.5)} %"
