from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rvernet_app.picture.masks import from_rle
from rvernet_app.segment.grabcut import GrabCutSegmenter
from training.data.regions import DataError
from training.segmenter.data import Scene, Windows, read_scenes
from training.segmenter.options import SegmenterOptions, Source, Stage


def scenes_of(source: Source, tmp_path: Path) -> dict[str, Any] | dict[str, list[Scene]]:
    return read_scenes(source, GrabCutSegmenter(), tmp_path / "masks")


def names(scenes: list[Scene]) -> list[str]:
    return [scene.photo.name for scene in scenes]


def test_split_and_held_out_groups_select_the_scenes(scenes_folder: Path, tmp_path: Path) -> None:
    split = scenes_of(Source(scenes_folder, held_out=("g3", "g0")), tmp_path)
    assert {name: names(scenes) for name, scenes in split.items()} == {
        "train": ["0.png", "1.png"],
        "val": ["2.png", "3.png"],
        "test": [],
    }
    assert [len(s.foods) for s in split["train"]] == [2, 2]
    assert [len(s.pieces) for s in split["train"]] == [2, 2]


def test_reader_accepts_annotations_from_another_path(scenes_folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    (scenes_folder / "annotations.json").rename(elsewhere)
    assert len(scenes_of(Source(scenes_folder, annotations=elsewhere), tmp_path)["train"]) == 3


def test_segmenter_turns_boxes_into_masks(made_data: Path, tmp_path: Path) -> None:
    split = scenes_of(Source(made_data, boxes=True), tmp_path)
    assert (len(split["train"]), len(split["val"])) == (12, 4)
    for scene in split["train"]:
        (food,) = scene.foods
        assert from_rle(food, scene.size_hw).any()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda coco: coco.pop("annotations"),
        lambda coco: coco["annotations"][0].pop("segmentation"),
        lambda coco: coco["annotations"][0].update(segmentation="x"),
        lambda coco: coco["images"][0].update(split="both"),
    ],
    ids=["no annotations", "no mask", "a damaged mask", "an unknown split"],
)
def test_data_without_usable_masks_fail(
    scenes_folder: Path, tmp_path: Path, spoil: Callable[..., Any]
) -> None:
    path = scenes_folder / "annotations.json"
    coco = json.loads(path.read_text())
    spoil(coco)
    path.write_text(json.dumps(coco))
    with pytest.raises(DataError):
        scenes_of(Source(scenes_folder), tmp_path)


def windows_of(options: SegmenterOptions) -> Windows:
    split = [read_scenes(source, GrabCutSegmenter(), options.mask_cache) for source in options.sources]
    return Windows([scenes["train"] for scenes in split], options)


def test_window_depends_only_on_seed_and_place(options: SegmenterOptions) -> None:
    one, other = windows_of(options), windows_of(options)
    other[0, 0]
    for place in ((0, 1), (2, 0)):
        first, again = one[place], other[place]
        np.testing.assert_array_equal(first.pixels, again.pixels)
        np.testing.assert_array_equal(first.targets, again.targets)
        assert first.offset_yx == again.offset_yx
    changed = windows_of(dataclasses.replace(options, seed=1))[0, 1]
    assert not np.array_equal(changed.pixels, one[0, 1].pixels)


@pytest.mark.parametrize("side", [64, 448])
def test_targets_are_masks_of_foods_in_the_window(options: SegmenterOptions, side: int) -> None:
    windows = windows_of(dataclasses.replace(options, stages=(Stage(50, window=side),)))
    for index in range(12):
        window = windows[index, 0]
        assert window.pixels.shape == (side, side, 3)
        assert window.targets.shape == (2, side // 2, side // 2)
        assert 0 <= min(window.offset_yx) <= max(window.offset_yx) <= (448 - side) // 8
        for target in window.targets:
            inside = window.pixels[::2, ::2][target].astype(int)
            spread = inside.max(axis=1) - inside.min(axis=1)
            assert np.count_nonzero(target) >= 24
            assert (spread > 12).mean() > 0.8 or spread.max() < 30  # coloured food or grey background


def test_sources_without_photos_fail(options: SegmenterOptions) -> None:
    with pytest.raises(DataError):
        Windows([[]], options)
