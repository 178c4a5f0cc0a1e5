"""Scripted visitors, whose answers are checked, at a server of this process and at one that lies."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.browser import serving
from bench.load import visitor
from bench.load.__main__ import check_claims, visit_all
from bench.load.photos import OwnPhoto, own_photo
from bench.load.tally import Tally
from bench.load.visitor import Claim, Pace
from bench.load.wire import Page, Steps, UnansweredError, take
from rvernet_app.config import AppConfig
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import to_rle
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.result import SUGGESTIONS
from rvernet_app.ui.access import keeping_uploads
from rvernet_app.ui.visitor.pictures import jpeg
from rvernet_app.ui.visitor.streams import suggestions
from tests.loops import in_loop


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("load")
    return build_pipeline(
        AppConfig(segmenter="small_sam", data_dir=folder / "data", photos_dir=folder / "photos")
    )


def drawn(folder: Path, number: int) -> OwnPhoto:
    """Return a photo with a disc that no other number has."""
    chance = np.random.default_rng(number)
    pixels = chance.integers(60, 90, (120, 160, 3), np.uint8)
    rows, columns = np.ogrid[:120, :160]
    pixels[(rows - 60) ** 2 + (columns - 80) ** 2 < 45**2] = chance.integers(120, 250, 3)
    path = folder / f"{number}.png"
    Image.fromarray(pixels).save(path)
    return own_photo(path)


def test_three_visitors_get_their_own_answers_and_keep_what_they_saved(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "CLICKS_PER_PHOTO", 3)
    tally = Tally()
    photos = [[drawn(tmp_path, number)] for number in range(3)]

    with keeping_uploads(), serving(pipeline) as url:
        claims = in_loop(visit_all(url, photos, tally, Pace(0.0, 0.05), math.inf, rounds=1))
    check_claims(claims[:5], pipeline.classifier, tally)

    assert tally.is_clean, str(tally)
    assert {"mask", "evidence: suggestions", "evidence: maps", "save"} <= set(tally.seconds)
    assert {claim.photo for claim in claims} == {own for (own,) in photos}


def test_suggestions_for_another_mask_are_wrong(pipeline: Pipeline, tmp_path: Path) -> None:
    photo, tally = drawn(tmp_path, 1), Tally()
    mask = np.zeros(photo.size_hw, np.bool_)
    mask[20:100, 40:120] = True
    pixels = np.asarray(Image.open(photo.path))
    cutouts = cut_out(pixels, mask)
    answers = pipeline.classifier.predict_batch([cutouts, cutouts.without_context()])
    claim = Claim(photo, dict(to_rle(mask)), [one.to_json() for one in suggestions(*answers)])
    assert len(claim.suggestions) == SUGGESTIONS

    check_claims([claim], pipeline.classifier, tally)
    assert tally.wrong == []

    check_claims([replace(claim, rle=dict(to_rle(~mask)))], pipeline.classifier, tally)
    assert tally.wrong == ["1.png: suggestions of something else"]


def test_a_cut_out_of_another_mask_or_photo_is_noticed(tmp_path: Path) -> None:
    photo, other = drawn(tmp_path, 1), drawn(tmp_path, 2)
    mask = np.zeros(photo.size_hw, np.bool_)
    mask[20:100, 40:120] = True
    shown = jpeg(np.asarray(Image.open(photo.path)) * mask[:, :, None], 85)

    assert not photo.misses(shown, mask)
    assert photo.misses(shown, ~mask)
    assert other.misses(shown, mask)
    assert photo.misses(b"no picture", mask)


def test_what_an_event_answers_is_taken_step_by_step() -> None:
    first, both, nothing = {"seq": 1}, {"seq": 1, "maps": "two"}, {"__type__": "update"}
    cleared = [["delete", ["seq"], None], ["delete", ["maps"], None], ["add", ["__type__"], "update"]]
    steps = Steps()

    take({"msg": "process_starts"}, steps, 0.5)
    take({"msg": "process_generating", "output": {"data": [first]}, "success": True}, steps, 1.0)
    assert steps == Steps(first, first, [1.0])
    take({"msg": "process_generating", "output": {"data": [[["add", ["maps"], "two"]]]}}, steps, 2.0)
    assert steps == Steps(both, both, [1.0, 2.0])
    take({"msg": "process_generating", "output": {"data": [cleared]}}, steps, 2.1)
    take({"msg": "process_completed", "output": {"data": [nothing]}, "success": True}, steps, 2.2)
    assert steps == Steps(both, nothing, [1.0, 2.0])

    with pytest.raises(UnansweredError, match="event: it failed"):
        take({"msg": "process_completed", "output": {"error": "it failed"}, "success": False}, steps, 3.0)


def test_the_page_is_found_in_gradios_description() -> None:
    components = [{"id": 1, "props": {}}, {"id": 7, "props": {"elem_id": "workbench"}}]
    dependencies = [{"id": 0, "targets": [[7, "evidence"]]}, {"id": 1, "targets": []}]

    page = Page.of({"components": components, "dependencies": dependencies})

    assert page == Page(7, {"evidence": 0})


@pytest.mark.parametrize("fault", ["errors", "wrong", "lost"])
def test_one_fault_fails_the_run(fault: str) -> None:
    tally = Tally()
    assert not tally.is_clean  # nothing was asked at all
    tally.seconds["mask"].append(0.5)
    tally.refusals["No food found here."] += 1
    assert tally.is_clean
    if fault == "errors":
        tally.errors["HTTP 503"] += 1
    else:
        getattr(tally, fault).append("1.jpg")
    assert not tally.is_clean


def test_the_figures_are_percentiles_by_operation() -> None:
    tally = Tally()
    tally.seconds["mask"] += [0.1 * n for n in range(1, 102)]

    assert tally.to_json()["seconds"]["mask"] == {
        "count": 101,
        "p50": pytest.approx(5.1),
        "p95": pytest.approx(9.6),
    }
    assert "mask                             101     5.10     9.60" in str(tally)
