"""The meals and samples in the repository are complete, small and match their annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvernet_app.config import ASSETS_DIR
from rvernet_app.label_files import default_label_set
from rvernet_app.picture.masks import bbox_xywh, from_rle
from training.data.coco import CocoFolder
from training.data.regions import assemble
from training.meals.spec import SPLITS

MEALS, SAMPLES = ASSETS_DIR / "meals", ASSETS_DIR / "samples"


@pytest.fixture(scope="module", params=[MEALS, SAMPLES], ids=["meals", "samples"])
def folder(request: pytest.FixtureRequest) -> Path:
    result: Path = request.param
    return result


@pytest.fixture(scope="module")
def coco(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "annotations.json").read_text())
    return result


def test_photos_exist_with_their_recorded_size(folder: Path, coco: dict[str, Any]) -> None:
    for image in coco["images"]:
        with Image.open(folder / "images" / image["file_name"]) as photo:
            assert photo.size == (image["width"], image["height"])


def test_masks_boxes_and_pieces_agree(coco: dict[str, Any]) -> None:
    size_hw = (coco["images"][0]["height"], coco["images"][0]["width"])
    servings: dict[int, np.ndarray] = {}
    for annotation in coco["annotations"][:150]:
        mask = from_rle(annotation["segmentation"], size_hw)
        assert tuple(annotation["bbox"]) == bbox_xywh(mask)
        assert annotation["area"] == np.count_nonzero(mask)
        for rle in annotation.get("pieces", ()):
            assert not (from_rle(rle, size_hw) & ~mask).any()
        others = servings.setdefault(annotation["image_id"], np.zeros(size_hw, bool))
        assert not (mask & others).any()
        others |= mask


def test_labels_belong_to_the_label_set(coco: dict[str, Any]) -> None:
    known = [label.name for label in default_label_set()]
    assert {category["name"] for category in coco["categories"]} <= set(known)


def test_meals_form_a_training_set() -> None:
    regions = assemble([CocoFolder("meals", MEALS)])
    assert len(regions.train) > 5 * len(regions.val) > 0
    assert len(regions.test) > 0
    assert {"ketchup", "chili paste"} <= set(regions.classes)
    assert sum(path.stat().st_size for path in MEALS.rglob("*") if path.is_file()) < 20e6
    images = json.loads((MEALS / "annotations.json").read_text())["images"]
    assert [image["split"] for image in images] == [SPLITS[image["id"] % len(SPLITS)] for image in images]


def test_samples_are_large_and_show_several_foods() -> None:
    coco = json.loads((SAMPLES / "annotations.json").read_text())
    assert 6 <= len(coco["images"]) <= 10
    for image in coco["images"]:
        assert min(image["width"], image["height"]) >= 960
        assert sum(annotation["image_id"] == image["id"] for annotation in coco["annotations"]) >= 3
