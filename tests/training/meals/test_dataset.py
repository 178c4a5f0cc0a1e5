"""The folder of rendered meals."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rvernet_app.picture.masks import from_rle
from rvernet_app.types import Mask
from training.meals.dataset import Annotation, DatasetError, MealFolder, Settings

SETTINGS = Settings(seed=3, width=64, height=48, samples=4, blender="5.0.1")
LABELS = ["rice", "egg", "chili paste", "egg"]


def blot(x: int, y: int, side: int) -> Mask:
    mask = np.zeros((48, 64), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def add(folder: MealFolder, index: int) -> None:
    photo = folder.path / "scratch.jpg"
    cv2.imwrite(str(photo), np.full((48, 64, 3), 40 + index, np.uint8))
    eggs = blot(2, 3, 10) | blot(30, 3, 6)
    found = [
        Annotation("fried_egg", "egg", eggs, (blot(2, 3, 10), blot(30, 3, 6))),
        Annotation("rice", "rice", blot(20, 20, 9), (blot(20, 20, 9),)),
    ]
    folder.add(index, photo, {"split": "train", "cuisine": "korean"}, found)


def test_a_meal_is_done_if_photo_and_record_are_complete(tmp_path: Path) -> None:
    folder = MealFolder(tmp_path, SETTINGS)
    assert not folder.is_done(0)
    add(folder, 0)
    assert folder.is_done(0)

    photo = folder.photo(0).read_bytes()
    folder.photo(0).write_bytes(photo[:-9])
    assert not folder.is_done(0)
    folder.photo(0).write_bytes(photo)
    (tmp_path / "meals" / "000000.json").write_text('{"about": ')
    assert not folder.is_done(0)


def test_the_coco_file_contains_every_complete_meal(tmp_path: Path) -> None:
    folder = MealFolder(tmp_path, SETTINGS)
    for index in (0, 7):
        add(folder, index)
    (tmp_path / "meals" / "000003.json").write_text("half a reco")

    assert folder.write_annotations(LABELS) == 2

    coco = json.loads((tmp_path / "annotations.json").read_text())
    assert coco["categories"] == [
        {"id": 1, "name": "chili paste"},
        {"id": 2, "name": "egg"},
        {"id": 3, "name": "rice"},
    ]
    assert coco["info"]["seed"] == 3
    assert coco["info"]["license"] == "CC0-1.0"
    assert [i["file_name"] for i in coco["images"]] == ["000000.jpg", "000007.jpg"]
    image = coco["images"][1]
    assert (image["id"], image["width"], image["height"]) == (7, 64, 48)
    assert (image["split"], image["cuisine"], image["group"]) == ("train", "korean", "meal-000007")
    egg, rice = (a for a in coco["annotations"] if a["image_id"] == 7)
    assert (egg["id"], egg["category_id"], egg["kind"], egg["iscrowd"]) == (701, 2, "fried_egg", 0)
    assert (egg["bbox"], egg["area"]) == ([2, 3, 34, 10], 136)
    np.testing.assert_array_equal(from_rle(egg["segmentation"], (48, 64)), blot(2, 3, 10) | blot(30, 3, 6))
    assert [int(from_rle(p, (48, 64)).sum()) for p in egg["pieces"]] == [100, 36]
    assert "pieces" not in rice


def test_ids_stay_the_same_when_the_folder_grows(tmp_path: Path) -> None:
    folder = MealFolder(tmp_path, SETTINGS)
    add(folder, 5)
    folder.write_annotations(LABELS)
    before = json.loads((tmp_path / "annotations.json").read_text())
    add(folder, 2)
    folder.write_annotations(LABELS)
    after = json.loads((tmp_path / "annotations.json").read_text())

    for key in ("images", "annotations"):
        assert [x for x in before[key] if x not in after[key]] == []


@pytest.mark.parametrize("changed", [{"seed": 4}, {"width": 80}, {"samples": 8}, {"blender": "4.5.0"}])
def test_other_settings_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    MealFolder(tmp_path, SETTINGS)
    MealFolder(tmp_path, SETTINGS)
    with pytest.raises(DatasetError, match=f"begun with {next(iter(changed))} "):
        MealFolder(tmp_path, Settings(**{**vars(SETTINGS), **changed}))


def test_no_partial_file_is_left(tmp_path: Path) -> None:
    folder = MealFolder(tmp_path, SETTINGS)
    add(folder, 0)
    folder.write_annotations(LABELS)
    assert not list(tmp_path.rglob("*.part"))
