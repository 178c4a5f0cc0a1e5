"""RveRNet's paired folders, read by the trainer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.rvernet_app.store.formats.kitchen import (
    CREME,
    FORMULA,
    LABEL_NAMES,
    RING,
    Kitchen,
    draw,
    masks_of,
)
from training.data.paired_folders import PairedFolders
from training.data.photos import open_photo

FOLDERS = {**{name: name for name in LABEL_NAMES}, "a/b": "a_b", "..": "__", "CON": "_CON"} | {
    FORMULA: "=cmd_' _C calc'!A0"
}


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("rvernet", tmp_path / "out")
    return tmp_path / "out"


def test_the_two_pictures_of_a_food_add_up_to_the_photo(kitchen: Kitchen, out: Path) -> None:
    name = f"rice/plate 1-{kitchen.finals()[0].item.photo.sha256[:8]}.png"
    roi, extra_roi = (np.asarray(Image.open(out / "train" / kind / name)) for kind in ("roi", "extra-roi"))
    photo = draw(RING.shape, 0)
    np.testing.assert_array_equal(roi, photo * RING[:, :, None])
    np.testing.assert_array_equal(roi + extra_roi, photo)


def test_names_that_no_folder_can_have_are_changed_and_said(out: Path, tmp_path: Path) -> None:
    described = json.loads((out / "classes.json").read_text(encoding="ascii"))
    assert described == {folder: name for name, folder in FOLDERS.items()}
    kinds = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_dir()}
    assert {"test/roi/a_b", "test/roi/__", "test/roi/_CON", "test/extra-roi/_CON"} <= kinds
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in out.iterdir()) == ["classes.json", "test", "train"]


def test_the_trainer_reads_it(kitchen: Kitchen, out: Path) -> None:
    back = {folder: name for name, folder in FOLDERS.items()}
    used = {"rice", CREME, "apple", "a/b", "..", "CON", FORMULA}
    found = PairedFolders("kitchen", out, {f: n for f, n in back.items() if n in used}).read()
    assert set(found.labels) == used
    assert len(found.regions) == 10
    for final in kitchen.finals():
        mark = final.item.photo.sha256[:8]
        regions = [r for r in found.regions if mark in r.name]
        side = "test" if final.split == "test" else "train"
        assert {r.split for r in regions} <= {side}
        for label, masks in masks_of(final).items():
            of_label = sorted((r for r in regions if r.label == label), key=lambda r: len(r.name))
            for region, mask in zip(of_label, masks, strict=True):
                np.testing.assert_array_equal(region.masked[0].read(open_photo)[1], mask)


def test_foods_of_one_photo_are_of_one_group_but_the_second_of_a_class(kitchen: Kitchen, out: Path) -> None:
    groups = {r.group for r in PairedFolders("k", out).read().regions}
    marks = [final.item.photo.sha256[:8] for final in kitchen.finals()]
    first, apple, _, left, many, last = marks
    assert groups == {
        *(f"k/plate 1-{first}", f"k/=plate-{apple}", f"k/left-{left}", f"k/many_-{many}"),
        *(f"k/plate 1-{last}", f"k/plate 1-{last}-2"),
    }
