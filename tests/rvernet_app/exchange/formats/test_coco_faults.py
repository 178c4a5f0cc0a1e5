"""COCO import: invalid files, and files with invalid parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rvernet_app.errors import StoreError
from rvernet_app.picture.masks import to_rle
from tests.rvernet_app.exchange.formats.coco_source import (
    BOX,
    MASK,
    RUNS,
    Described,
    new_source,
    one_photo,
    write_coco,
)
from tests.rvernet_app.exchange.formats.kitchen import (
    SMALL,
    Kitchen,
    draw,
    encoded,
    masks_of,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return new_source(tmp_path / "in")


def test_a_folder_with_several_json_files_is_refused(kitchen: Kitchen, source: Path) -> None:
    (source / "annotations.json").rename(source / "one.json")
    (source / "two.json").write_text("{}")
    with pytest.raises(StoreError, match=r"has 2 JSON files and no annotations\.json; name the file"):
        kitchen.take("coco", source)


def test_a_folder_without_json_files_is_refused(kitchen: Kitchen, source: Path) -> None:
    (source / "annotations.json").unlink()
    with pytest.raises(StoreError, match="has no COCO file: neither it nor a folder in it holds a JSON file"):
        kitchen.take("coco", source)


@pytest.mark.parametrize(
    ("attributes", "what", "why"),
    [
        ({"amount": 80}, "one.png, annotation 3, portion", "It is not a portion: A portion is given in g"),
        ({"amount": "much", "unit": "g"}, "one.png, annotation 3, portion", "It is not a portion: could not"),
        (
            {"amount": 80, "unit": "g", "method": "weighed", "low": 90, "high": 95},
            "one.png, annotation 3, portion",
            "It is not a portion: The range 90 to 95",
        ),
        ({"note": "x" * 10_001}, "one.png, annotation 3, note", "It has 10001 characters"),
    ],
)
def test_an_invalid_portion_or_note_is_reported_and_the_food_imported(
    kitchen: Kitchen, source: Path, attributes: dict[str, Any], what: str, why: str
) -> None:
    content = one_photo()
    content["annotations"][0]["attributes"] = attributes
    write_coco(source, content)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert report.foods == 1
    [left] = report.not_taken
    assert left.what == what
    assert left.why.startswith(why)
    [final] = kitchen.finals(project)
    assert (final.foods[0].annotation.amount, final.foods[0].annotation.note) == (None, "")


def annotation(**values: Any) -> Callable[[Described], None]:
    return lambda content: content["annotations"][0].update(values)


def image(**values: Any) -> Callable[[Described], None]:
    return lambda content: content["images"][0].update(values)


def segmentation(value: Any) -> Callable[[Described], None]:
    return annotation(segmentation=value)


def rle(counts: Any, size: Any = (48, 64)) -> Callable[[Described], None]:
    return segmentation({"size": list(size), "counts": counts})


def category(name: Any) -> Callable[[Described], None]:
    """Give the first annotation a category of its own with this name."""

    def edit(content: Described) -> None:
        content["categories"].append({"id": 6, "name": name})
        content["annotations"][0]["category_id"] = 6

    return edit


def same_id(content: Described) -> None:
    content["categories"].append({"id": 6, "name": "peas"})
    content["categories"].append({"id": 6.0, "name": "soup"})
    content["annotations"][0]["category_id"] = 6


FOOD, PHOTO = "one.png, annotation 3", "one.png"


@pytest.mark.parametrize(
    ("edit", "what", "why"),
    [
        (annotation(category_id=6), FOOD, "Its category 6 is not in the file."),
        (annotation(image_id=8), "annotation 3", "Its photo 8 is not in the file."),
        (segmentation(None), FOOD, "It has no mask; a box alone is not enough."),
        (segmentation([]), FOOD, "It has no mask; a box alone is not enough."),
        (segmentation("polygon"), FOOD, "It has no mask; a box alone is not enough."),
        (segmentation(BOX), FOOD, "Its outline is not a list of x, y, x, y, …."),
        (segmentation([BOX[:-1]]), FOOD, "Its outline is not a list of x, y, x, y, …."),
        (segmentation([BOX[:4]]), FOOD, "It is an outline of fewer than three points."),
        (segmentation([[*BOX, 1, "x"]]), FOOD, "Its points are not pairs of numbers."),
        (segmentation([[*BOX, 1, float("nan")]]), FOOD, "Its points are not pairs of numbers."),
        (segmentation([[*BOX, 66, 20]]), FOOD, "It lies outside the photo of 64 x 48 pixels, at 66, 20."),
        (
            segmentation([[*BOX, 1e30, 20]]),
            FOOD,
            "It lies outside the photo of 64 x 48 pixels, at 1e+30, 20.",
        ),
        (segmentation([[5, 5, 5, 5, 5, 5]]), FOOD, "The mask is empty."),
        (rle([48 * 64]), FOOD, "The mask is empty."),
        (rle(RUNS[:-1]), FOOD, "Its mask is of another size than the photo."),
        (rle(RUNS, (64, 48)), FOOD, "Its mask is of another size than the photo."),
        (rle([-1, *RUNS]), FOOD, "The runs of its mask are not numbers of pixels."),
        (rle([2**40, 1]), FOOD, "The runs of its mask are not numbers of pixels."),
        (rle("x" * 30), FOOD, "The mask's run lengths do not add up to its size."),
        (rle(7), FOOD, "The mask is not a COCO compressed RLE."),
        (category("half \ud800"), FOOD, "Its name or its note holds characters that cannot be stored."),
        (category("null \0"), FOOD, "Its name or its note holds characters that cannot be stored."),
        (annotation(attributes={"note": "\udfff"}), FOOD, "Its name or its note holds characters"),
        (image(group="\ud800"), PHOTO, "Its name or its note holds characters that cannot be stored."),
        (image(width=65), PHOTO, "The photo has 64 x 48 pixels, and 65 x 48 by the COCO file"),
        (image(width=48, height=64), PHOTO, "The photo has 64 x 48 pixels, and 48 x 64 by the COCO file"),
        (annotation(image_id=None), "annotation 3", "Its photo None is not in the file."),
        (annotation(category_id=None), FOOD, "Its category None is not in the file."),
        (same_id, FOOD, "Several categories have the id 6, so its name is unclear."),
        (category(None), FOOD, "Its category 6 has no name."),
        (category(["rice"]), FOOD, "Its category 6 has no name."),
        (image(file_name="two.png"), "two.png", "The file 'two.png' is missing."),
        (image(file_name=None), "image 7", "The COCO file does not name the photo's file."),
        (image(file_name="a\0b"), "a\0b", "'a\\x00b' is not a valid file name."),
        (image(file_name="x" * 300), "x" * 300, "It cannot be read: File name too long."),
    ],
)
def test_an_invalid_part_is_reported_and_the_rest_imported(
    kitchen: Kitchen, source: Path, edit: Callable[[Described], None], what: str, why: str
) -> None:
    content = one_photo()
    edit(content)
    content["images"].append({"id": "other", "file_name": "other.png"})
    content["annotations"].append(
        {"id": 4, "image_id": "other", "category_id": 5, "segmentation": to_rle(MASK)}
    )
    (source / "images" / "other.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    write_coco(source, content)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    [left] = report.not_taken
    assert left.what == what
    assert left.why.startswith(why)
    assert report.foods == 1
    [final] = kitchen.finals(project)
    assert final.item.name == "other.png"
    np.testing.assert_array_equal(masks_of(final)["rice"], [MASK])


def test_missing_ids_do_not_match(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
    for row, name in (("images", "id"), ("categories", "id"), ("annotations", "image_id")):
        content[row][0].pop(name)
    write_coco(source, content)
    report = kitchen.take("coco", source, kitchen.new_project())
    assert (report.photos, report.foods) == (1, 0)
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("annotation 3", "Its photo None is not in the file.")
    ]


def test_photos_with_the_same_id_are_not_imported(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
    content["images"].append({"id": "7", "file_name": "other.png"})
    (source / "images" / "other.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    write_coco(source, content)
    rows = kitchen.rows()
    report = kitchen.take("coco", source)
    assert [one.what for one in report.not_taken] == ["one.png", "other.png"]
    assert {one.why for one in report.not_taken} == {
        "Several photos have the id 7, so it is unclear which one its foods belong to."
    }
    assert kitchen.rows() == rows


@pytest.mark.parametrize("content", [b"no photo", b"", encoded(draw(SMALL, 9), "PNG")[:-40]])
def test_a_damaged_photo_is_reported(kitchen: Kitchen, source: Path, content: bytes) -> None:
    (source / "images" / "one.png").write_bytes(content)
    rows = kitchen.rows()
    report = kitchen.take("coco", source)
    assert [one.what for one in report.not_taken] == ["one.png"]
    assert (report.photos, report.foods) == (0, 0)
    assert kitchen.rows() == rows


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "../../secret.png", "a/../../secret.png", "..\\secret.png", "{folder}/secret.png"],
)
def test_nothing_outside_the_folder_is_read(kitchen: Kitchen, source: Path, name: str) -> None:
    (source.parent / "secret.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    name = name.format(folder=source.parent)
    content = one_photo()
    content["images"][0]["file_name"] = name
    write_coco(source, content)
    rows = kitchen.rows()
    report = kitchen.take("coco", source)
    [left] = report.not_taken
    assert (left.what, report.photos) == (name, 0)
    assert "lies outside the folder that is imported" in left.why
    assert kitchen.rows() == rows


def test_a_link_to_the_outside_is_not_followed(kitchen: Kitchen, source: Path) -> None:
    (source.parent / "secret.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    (source / "images" / "one.png").unlink()
    (source / "images" / "one.png").symlink_to(source.parent / "secret.png")
    [left] = kitchen.take("coco", source).not_taken
    assert "lies outside the folder" in left.why


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"{}",
        json.dumps({**one_photo(), "images": None}).encode(),
        json.dumps({**one_photo(), "annotations": [1]}).encode(),
        json.dumps({**one_photo(), "categories": {"5": "rice"}}).encode(),
        json.dumps(one_photo()).encode()[:-30],
    ],
)
def test_a_damaged_file_changes_nothing(kitchen: Kitchen, source: Path, content: bytes) -> None:
    (source / "annotations.json").write_bytes(content)
    rows = kitchen.rows()
    with pytest.raises(StoreError, match=r"annotations\.json is (damaged|not a COCO instance file)"):
        kitchen.take("coco", source)
    assert kitchen.rows() == rows
