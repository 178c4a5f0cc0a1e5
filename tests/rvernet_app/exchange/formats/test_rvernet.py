"""RveRNet's paired folders: exports read by the training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.store.consensus import Shares
from tests.rvernet_app.exchange.formats.kitchen import (
    CREME,
    FORMULA,
    LABEL_NAMES,
    RING,
    SHARES,
    Kitchen,
    draw,
    visible_masks_of,
)
from training.data.paired_folders import PairedFolders
from training.data.photos import open_photo

FOLDERS = {name: name for name in LABEL_NAMES} | {
    "a/b": "a_b",
    "..": "__",
    "CON": "_CON",
    FORMULA: "=cmd_' _C calc'!A0",
}
"""Label -> the name of its folder."""


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("rvernet", tmp_path / "out")
    return tmp_path / "out"


def test_the_two_cut_outs_of_a_food_add_up_to_the_photo(kitchen: Kitchen, out: Path) -> None:
    name = f"rice/plate 1-{kitchen.finals()[0].item.photo.sha256[:8]}.png"
    roi, extra_roi = (np.asarray(Image.open(out / "train" / kind / name)) for kind in ("roi", "extra-roi"))
    photo = draw(RING.shape, 0)
    np.testing.assert_array_equal(roi, photo * RING[:, :, None])
    np.testing.assert_array_equal(roi + extra_roi, photo)


def test_labels_that_cannot_name_a_folder_are_changed_and_listed(out: Path, tmp_path: Path) -> None:
    described = json.loads((out / "classes.json").read_text(encoding="ascii"))
    assert described == {folder: name for name, folder in FOLDERS.items()}
    kinds = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_dir()}
    assert {"test/roi/a_b", "test/roi/__", "test/roi/_CON", "test/extra-roi/_CON"} <= kinds
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in out.iterdir()) == ["classes.json", "groups.jsonl", "test", "train"]


def test_the_training_reads_the_export(kitchen: Kitchen, out: Path) -> None:
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
        for label, masks in visible_masks_of(final).items():
            of_label = sorted((r for r in regions if r.label == label), key=lambda r: len(r.name))
            for region, mask in zip(of_label, masks, strict=True):
                np.testing.assert_array_equal(region.masked[0].read(open_photo)[1], mask)


def test_the_groups_are_the_meals(kitchen: Kitchen, out: Path) -> None:
    regions = PairedFolders("k", out).read().regions
    for final in kitchen.finals():
        of_photo = [r for r in regions if final.item.photo.sha256[:8] in r.name]
        assert len(of_photo) == len(final.foods)
        assert {r.group for r in of_photo} <= {f"k/{final.meal}"}
    served, left = kitchen.finals()[0], kitchen.finals()[3]
    assert served.meal == left.meal  # two photos, one group
    assert len({r.group for r in regions}) == 4


def test_foods_of_one_meal_are_never_in_two_splits(kitchen: Kitchen, tmp_path: Path) -> None:
    for number, share in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
        out = tmp_path / str(number)
        EXPORTS["rvernet"](kitchen.store, kitchen.files, kitchen.project, out, Shares(share, 0.99 - share))
        for val_share in (share, 0.25, 0.5, 0.75):
            regions = PairedFolders("k", out, val_share=val_share).read().regions
            sides = {(r.group, r.split) for r in regions}
            assert len(sides) == len({group for group, _ in sides}) == 4


def test_the_same_share_selects_the_same_validation_photos(kitchen: Kitchen, out: Path) -> None:
    splits = {r.group: r.split for r in PairedFolders("k", out, val_share=SHARES.val).read().regions}
    assert splits == {f"k/{final.meal}": final.split for final in kitchen.finals() if final.foods}
    assert set(splits.values()) == {"train", "val", "test"}
