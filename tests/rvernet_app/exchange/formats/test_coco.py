"""COCO export, read by pycocotools, supervision and the trainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision
from PIL import Image
from pycocotools.coco import COCO

from tests.rvernet_app.exchange.formats.kitchen import (
    CREME,
    GRAMS,
    LABEL_NAMES,
    RING,
    TWO_PARTS,
    Kitchen,
    masks_of,
    meal_in,
    said,
)
from training.data.coco import CocoFolder
from training.data.photos import open_photo


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("coco", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def described(out: Path) -> dict[str, Any]:
    return json.loads((out / "annotations.json").read_text(encoding="ascii"))


def test_pycocotools_reads_the_masks(kitchen: Kitchen, out: Path) -> None:
    coco = COCO(out / "annotations.json")
    for final in kitchen.finals():
        found = coco.loadAnns(coco.getAnnIds(imgIds=[final.item.id]))
        assert len(found) == len(final.foods)
        masks = [mask for masks in masks_of(final).values() for mask in masks]
        for annotation, mask in zip(found, masks, strict=True):
            np.testing.assert_array_equal(coco.annToMask(annotation), mask)
            assert annotation["area"] == mask.sum()
            rows, columns = np.nonzero(mask)
            box = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
            assert tuple(annotation["bbox"]) == box


def test_categories_are_the_label_set_in_its_order(described: dict[str, Any]) -> None:
    assert [c["id"] for c in described["categories"]] == list(range(1, 10))
    assert tuple(c["name"] for c in described["categories"]) == LABEL_NAMES
    above = {c["name"]: c["supercategory"] for c in described["categories"]}
    assert above == {**dict.fromkeys(LABEL_NAMES, "food"), "apple": "fruit"}


def test_images_have_split_and_meal(kitchen: Kitchen, described: dict[str, Any]) -> None:
    finals = kitchen.finals()
    images = described["images"]
    assert [(i["split"], i["group"]) for i in images] == [(f.split, f.meal) for f in finals]
    assert [i["split"] for i in images[:3]] == ["train", "val", "train"]
    assert images[3]["group"] == images[0]["group"] == meal_in("train")
    assert images[5]["group"] == images[5]["sha256"] == finals[5].item.photo.sha256
    assert [(i["width"], i["height"]) for i in images] == [(96, 72), (48, 64), *[(64, 48)] * 4]


def test_annotations_carry_what_coco_has_no_place_for(kitchen: Kitchen, described: dict[str, Any]) -> None:
    first, second = described["annotations"][:2]
    assert first["attributes"] == {
        **{"amount": 150.0, "unit": "g", "low": 120.0, "high": 180.5, "method": "weighed"},
        **{"note": "=1+1, «two»\nlines", "annotator": "Ann, RD", "food_code": "168878"},
    }
    assert second["attributes"] == {
        **dict.fromkeys(("amount", "unit", "low", "high", "method", "food_code")),
        **{"note": "", "annotator": "Ann, RD"},
    }
    assert {a["iscrowd"] for a in described["annotations"]} == {0}
    assert len({a["id"] for a in described["annotations"]}) == 10


def test_supervision_reads_it(kitchen: Kitchen, out: Path) -> None:
    found = supervision.DetectionDataset.from_coco(
        str(out / "images"), str(out / "annotations.json"), force_masks=True
    )
    assert tuple(found.classes) == LABEL_NAMES
    first = kitchen.finals()[0].item.photo
    [detections] = [d for path, d in found.annotations.items() if first.sha256[:8] in path]
    assert [LABEL_NAMES[i] for i in detections.class_id] == ["rice", CREME]
    np.testing.assert_array_equal(detections.mask, [RING, TWO_PARTS])


def test_the_trainer_reads_it(kitchen: Kitchen, out: Path) -> None:
    found = CocoFolder("kitchen", out).read()
    assert found.labels == LABEL_NAMES
    finals = [final for final in kitchen.finals() for _ in final.foods]
    expected = [
        (food.label.name, final.split, f"kitchen/{final.meal}")
        for final in kitchen.finals()
        for food in final.foods
    ]
    assert [(r.label, r.split, r.group) for r in found.regions] == expected
    masks = [m for final in kitchen.finals() for masks in masks_of(final).values() for m in masks]
    for region, final, mask in zip(found.regions, finals, masks, strict=True):
        photo, read_mask = region.masked[0].read(open_photo)
        np.testing.assert_array_equal(read_mask, mask)
        assert photo.shape == (final.item.photo.height, final.item.photo.width, 3)


def test_photos_are_upright_and_without_metadata(out: Path) -> None:
    [file] = (out / "images").glob("*.jpg")
    with Image.open(file) as image:
        assert image.size == (48, 64)
        assert not image.getexif()


def test_an_import_into_another_project_gives_the_same(kitchen: Kitchen, out: Path) -> None:
    before, photos = said(kitchen.finals()), kitchen.rows()["photo"]
    other = kitchen.new_project()
    report = kitchen.take("coco", out, other)
    assert (report.photos, report.known_photos, report.foods) == (6, 0, 10)
    assert report.not_taken == ()
    assert report.labels == ("rice", CREME, "fruit", "apple", "a/b", "..", "CON", "=cmd|' /C calc'!A0")
    finals = kitchen.finals(other)
    assert said(finals) == before
    assert [f.split for f in finals] == [f.split for f in kitchen.finals() if f.foods]
    first = finals[0].foods[0].annotation
    portion = first.amount, first.unit, first.method, first.low, first.high
    assert portion == (GRAMS.amount, GRAMS.unit, GRAMS.method, GRAMS.low, GRAMS.high)
    assert (first.note, first.prompts) == ("=1+1, «two»\nlines", {"imported": "coco"})
    assert kitchen.rows()["photo"] == photos, "the store knew these photos by their copies"
