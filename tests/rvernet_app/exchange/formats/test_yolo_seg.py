"""YOLO export, read by supervision and by the import, with and without the exact masks beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import supervision
import yaml

from tests.rvernet_app.exchange.formats.kitchen import (
    CREME,
    LABEL_NAMES,
    PLATE,
    RING,
    Kitchen,
    disc,
    masks_of,
    said,
)

SPLITS = ("train", "val", "test")


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("yolo-seg", tmp_path / "out")
    return tmp_path / "out"


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def test_the_data_file_holds_wherever_the_folder_is(out: Path) -> None:
    described = yaml.safe_load((out / "data.yaml").read_text(encoding="ascii"))
    assert described == {
        **{"path": "", "train": "images/train", "val": "images/val", "test": "images/test"},
        "names": dict(enumerate(LABEL_NAMES)),
    }


def test_photos_and_labels_lie_side_by_side_by_split(kitchen: Kitchen, out: Path) -> None:
    for final in kitchen.finals():
        mark = final.item.photo.sha256[:8]
        [photo] = (out / "images").rglob(f"*-{mark}.*")
        assert photo.parent.name == final.split
        lines = (out / "labels" / final.split / f"{photo.stem}.txt").read_text().splitlines()
        assert [int(line.split()[0]) for line in lines] == [
            LABEL_NAMES.index(food.label.name) for food in final.foods
        ]
        numbers = [float(word) for line in lines for word in line.split()[1:]]
        assert all(0 <= number < 1 for number in numbers)
        assert all(len(line.split()) >= 7 for line in lines)


def test_supervision_reads_outlines_of_the_same_pixels(kitchen: Kitchen, out: Path) -> None:
    checked = 0
    for split in SPLITS:
        found = supervision.DetectionDataset.from_yolo(
            str(out / "images" / split), str(out / "labels" / split), str(out / "data.yaml")
        )
        assert tuple(found.classes) == LABEL_NAMES
        for final in (f for f in kitchen.finals() if f.split == split and f.foods):
            [detections] = [d for p, d in found.annotations.items() if final.item.photo.sha256[:8] in p]
            masks = [m for masks in masks_of(final).values() for m in masks]
            for mask, read_mask, food in zip(masks, detections.mask, final.foods, strict=True):
                if food.annotation.area == RING.sum():  # the ring, of which the hole is filled
                    mask = disc(PLATE, 28, 36, 22)
                if food.label.name == CREME:
                    assert iou(read_mask, mask) > 0.99
                else:
                    np.testing.assert_array_equal(read_mask, mask)
                checked += 1
    assert checked == 10


def test_an_import_with_the_exact_masks_gives_the_same(kitchen: Kitchen, out: Path) -> None:
    other = kitchen.new_project()
    report = kitchen.take("yolo-seg", out, other)
    assert (report.photos, report.foods, report.not_taken) == (6, 10, ())
    assert sorted(said(kitchen.finals(other))) == sorted(said(kitchen.finals()))
    assert kitchen.finals(other)[0].foods[0].annotation.prompts == {"imported": "yolo-seg"}


def test_an_import_of_the_outlines_alone_is_within_a_pixel(kitchen: Kitchen, out: Path) -> None:
    (out / "masks.jsonl").unlink()
    other = kitchen.new_project()
    report = kitchen.take("yolo-seg", out, other)
    assert (report.photos, report.foods, report.not_taken) == (6, 10, ())
    names = {final.item.photo.sha256[:8]: masks_of(final) for final in kitchen.finals() if final.foods}
    for final in kitchen.finals(other):
        expected = names[Path(final.item.name).stem[-8:]]
        found = masks_of(final)
        assert list(found) == list(expected)
        for label, masks in found.items():
            for mask, before in zip(masks, expected[label], strict=True):
                before = disc(PLATE, 28, 36, 22) if before.sum() == RING.sum() else before
                assert iou(mask, before) > 0.98


def test_a_label_file_that_was_changed_counts_more_than_the_exact_masks(kitchen: Kitchen, out: Path) -> None:
    mark = kitchen.finals()[0].item.photo.sha256[:8]
    labels = out / "labels" / "train" / f"plate 1-{mark}.txt"
    first, _ = labels.read_text().splitlines()
    labels.write_text(f"{first}\n4 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n")
    other = kitchen.new_project()
    kitchen.take("yolo-seg", out, other)
    [final] = [f for f in kitchen.finals(other) if mark in f.item.name]
    assert list(masks_of(final)) == ["rice", "apple"]
    [mask] = masks_of(final)["apple"]
    np.testing.assert_array_equal(masks_of(final)["rice"], [disc(PLATE, 28, 36, 22)])
    np.testing.assert_array_equal(np.argwhere(mask)[[0, -1]], [[18, 24], [36, 48]])
    assert mask.sum() == 19 * 25


def test_the_exact_masks_name_the_label_file_they_are_of(kitchen: Kitchen, out: Path) -> None:
    for line in (out / "masks.jsonl").read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        content = (out / entry["labels"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["labels_sha256"]
        assert len(entry["counts"]) == len(content.splitlines())
