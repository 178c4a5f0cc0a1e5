"""Parsing COCO instance files into plain values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rvernet_app.errors import PromptError
from rvernet_app.exchange.formats.coco_file import (
    CocoAnnotation,
    CocoCategory,
    CocoError,
    CocoImage,
    read_coco,
    rle_of,
)
from rvernet_app.picture.masks import from_rle, to_rle
from tests.rvernet_app.exchange.formats.coco_source import BOX, MASK, RUNS
from tests.rvernet_app.exchange.formats.kitchen import SMALL


def write(folder: Path, **lists: list[Any]) -> Path:
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": [], **lists}))
    return path


def test_all_fields_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        images=[
            {
                "id": 7,
                "file_name": "one.png",
                "width": 64,
                "height": 48,
                "split": "val",
                "group": "tray 3",
                "sha256": "ab",
                "before": "cd",
            }
        ],
        categories=[
            {
                "id": 5,
                "name": "apple",
                "supercategory": "fruit",
                "synonyms": ["Apfel"],
                "colour": "#aabbcc",
                "food_code": "171688",
            }
        ],
        annotations=[
            {
                "id": 3,
                "image_id": 7,
                "category_id": 5,
                "segmentation": [BOX],
                "bbox": [30, 10, 20, 10.5],
                "area": 200,
                "iscrowd": 1,
                "ignore": 1,
                "pieces": ["a", "b"],
                "attributes": {"note": "with salt"},
            }
        ],
    )
    found = read_coco(path)
    assert found.images == (CocoImage("7", "one.png", (48, 64), "val", "tray 3", "ab", "cd"),)
    assert found.categories == (CocoCategory("5", "apple", "fruit", ("Apfel",), "#aabbcc", "171688"),)
    assert found.annotations == (
        CocoAnnotation(
            id="3",
            image_id="7",
            category_id="5",
            segmentation=[BOX],
            bbox=(30, 10, 20, 10.5),
            area=200,
            iscrowd=True,
            ignore=True,
            pieces=("a", "b"),
            attributes={"note": "with salt"},
        ),
    )
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_missing_fields_are_none_or_empty(tmp_path: Path) -> None:
    found = read_coco(write(tmp_path, images=[{}], categories=[{}], annotations=[{}]))
    assert found.images == (CocoImage(None, None, None, None, None, None, None),)
    assert found.categories == (CocoCategory(None, None, None, (), None, None),)
    assert found.annotations == (CocoAnnotation(None, None, None, None, None, None, False, False, (), {}),)


@pytest.mark.parametrize("value", [None, [], {}, ["a"]])
def test_fields_of_a_wrong_type_are_missing(tmp_path: Path, value: Any) -> None:
    names = ("id", "file_name", "width", "height", "split", "group", "sha256", "before")
    [image] = read_coco(write(tmp_path, images=[dict.fromkeys(names, value)])).images
    assert image == CocoImage(None, None, None, None, None, None, None)
    row = {"id": value, "bbox": value, "area": value, "attributes": [], "pieces": "ab", "image_id": value}
    [annotation] = read_coco(write(tmp_path, annotations=[row])).annotations
    assert annotation == CocoAnnotation(None, None, None, None, None, None, False, False, (), {})
    row = {"name": value, "synonyms": ["rice", value], "colour": 7, "food_code": 7}
    [category] = read_coco(write(tmp_path, categories=[row])).categories
    assert category == CocoCategory(None, None, None, ("rice",), None, None)


@pytest.mark.parametrize(
    ("width", "height", "size_hw"),
    [
        (64, 48, (48, 64)),
        (64.0, 48.0, (48, 64)),
        (64, None, None),
        (64, 0, None),
        (64, -48, None),
        (64, 48.5, None),
        (64, float("inf"), None),
        (64, float("nan"), None),
        (64, "48", (48, 64)),
        ("64.0", 48.0, (48, 64)),
        (64, "forty", None),
        (True, 48, None),
    ],
)
def test_a_size_is_two_positive_whole_numbers(
    tmp_path: Path, width: Any, height: Any, size_hw: tuple[int, int] | None
) -> None:
    [image] = read_coco(write(tmp_path, images=[{"width": width, "height": height}])).images
    assert image.size_hw == size_hw


@pytest.mark.parametrize(
    "box", [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "four"], [1, 2, 3, True], [1, 2, 3, None]]
)
def test_a_box_is_four_numbers(tmp_path: Path, box: list[Any]) -> None:
    [annotation] = read_coco(write(tmp_path, annotations=[{"bbox": box}])).annotations
    assert annotation.bbox is None


@pytest.mark.parametrize("id", [7, "7", 7.0, "7.0"])
def test_ids_are_texts(tmp_path: Path, id: float | str) -> None:
    found = read_coco(write(tmp_path, images=[{"id": id}], annotations=[{"image_id": 7}]))
    assert found.images[0].id == found.annotations[0].image_id == "7"


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), [1]])
def test_values_that_are_no_ids_are_named(tmp_path: Path, value: object) -> None:
    found = read_coco(write(tmp_path, images=[{"id": value, "width": -1}], annotations=[{"image_id": value}]))
    assert (found.images[0].id, found.annotations[0].image_id) == (None, None)
    assert found.images[0].faults == {"id": repr(value), "width": "-1"}
    assert found.annotations[0].faults == {"image_id": repr(value)}


@pytest.mark.parametrize(
    ("value", "said"),
    [(1, True), (1.0, True), ("1", True), ("true", True), (0, False), ("0", False), (None, False)],
)
def test_flags_are_written_in_several_ways(tmp_path: Path, value: object, said: bool) -> None:
    [annotation] = read_coco(write(tmp_path, annotations=[{"iscrowd": value, "ignore": value}])).annotations
    assert (annotation.iscrowd, annotation.ignore) == (said, said)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged, or not a JSON file"),
        (b"\xff\xfe", "is damaged, or not a JSON file"),
        (b"[" * 100_000, "is damaged, or not a JSON file"),
        (b"[]", "is not a COCO instance file: it has no list of images"),
        (b'{"images": [], "annotations": [1]}', "it has no list of annotations"),
        (b'{"images": [], "annotations": [], "categories": {}}', "it has no list of categories"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "coco.json"
    path.write_bytes(content)
    with pytest.raises(CocoError, match=message):
        read_coco(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CocoError, match=r"none\.json cannot be read: No such file"):
        read_coco(tmp_path / "none.json")


@pytest.mark.parametrize(
    "segmentation",
    [
        [BOX],
        [[30, 10, 40, 10, 40, 20, 30, 20], [40, 10, 50, 10, 50, 20, 40, 20]],
        {"size": [48, 64], "counts": RUNS},
        to_rle(MASK),
    ],
    ids=["polygon", "two polygons", "uncompressed RLE", "compressed RLE"],
)
def test_every_kind_of_segmentation_becomes_the_same_rle(segmentation: object) -> None:
    assert rle_of(segmentation, SMALL) == to_rle(MASK)


def test_a_polygon_outside_the_photo_is_clipped() -> None:
    mask = from_rle(rle_of([[-50, 10, 10, 10, 10, 20, -50, 20]], SMALL), SMALL)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 19, 0, 9)
    assert mask.sum() == 100


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "It has no mask"),
        ([], "It has no mask"),
        ("polygon", "It has no mask"),
        (BOX, "not a list of x, y"),
        ([BOX[:-1]], "not a list of x, y"),
        ([BOX[:4]], "fewer than three points"),
        ([[*BOX, 1, "x"]], "not pairs of numbers"),
        ([[5, 5, 5, 5, 5, 5]], "The mask is empty"),
        ({}, "not a COCO compressed RLE"),
        ({"size": [64, 48], "counts": RUNS}, "another size than the photo"),
        ({"size": [48, 64], "counts": RUNS[:-1]}, "another size than the photo"),
        ({"size": [48, 64], "counts": [-1, *RUNS]}, "not numbers of pixels"),
        ({"size": [48, 64], "counts": ["1"]}, "not numbers of pixels"),
    ],
)
def test_other_segmentations_are_refused(segmentation: object, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        rle_of(segmentation, SMALL)
