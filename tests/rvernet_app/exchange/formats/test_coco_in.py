"""COCO import: every kind of mask, and everything that can be wrong with a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from rvernet_app.errors import StoreError
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import to_rle
from rvernet_app.store.label_sets import label_names
from tests.rvernet_app.exchange.formats.kitchen import SMALL, Kitchen, draw, encoded, masks_of, meal_in

MASK = np.zeros(SMALL, np.bool_)
MASK[10:20, 30:50] = True
BOX = [30, 10, 50, 10, 50, 20, 30, 20]
RUNS = [30 * 48 + 10, *[10, 38] * 19, 10, 14 * 48 + 28]
Described = dict[str, Any]


def described() -> Described:
    image = {"id": 7, "file_name": "one.png", "width": 64, "height": 48}
    annotation = {"id": 3, "image_id": 7, "category_id": 5, "segmentation": [BOX]}
    return {
        "images": [image],
        "annotations": [annotation],
        "categories": [{"id": 5, "name": "rice", "supercategory": "food"}],
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "one.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    write(folder, described())
    return folder


def write(folder: Path, content: Any) -> None:
    (folder / "annotations.json").write_text(json.dumps(content))


def taken(kitchen: Kitchen, source: Path) -> np.ndarray:
    """The one mask that an import into a new project gives."""
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert report.not_taken == ()
    [final] = kitchen.finals(project)
    [(label, [mask])] = masks_of(final).items()
    assert label == "rice"
    return mask


@pytest.mark.parametrize(
    "segmentation",
    [
        [BOX],
        [[30, 10, 40, 10, 40, 20, 30, 20], [40, 10, 50, 10, 50, 20, 40, 20]],
        {"size": [48, 64], "counts": RUNS},
        {"size": [48, 64], "counts": [*RUNS, 0]},
        to_rle(MASK),
    ],
    ids=["polygon", "two polygons", "uncompressed RLE", "uncompressed with an empty run", "compressed RLE"],
)
def test_every_kind_of_mask_is_read(kitchen: Kitchen, source: Path, segmentation: Any) -> None:
    content = described()
    content["annotations"][0]["segmentation"] = segmentation
    write(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


def test_a_polygon_is_what_pycocotools_makes_of_it(kitchen: Kitchen, source: Path) -> None:
    slanted = [10.3, 5.2, 50.9, 11.7, 33.1, 40.4, -0.6, 30.0]
    content = described()
    content["annotations"][0]["segmentation"] = [slanted]
    write(source, content)
    expected = coco.decode(coco.merge(coco.frPyObjects([slanted], *SMALL))).astype(bool)
    np.testing.assert_array_equal(taken(kitchen, source), expected)


def test_a_crowd_is_a_mask_as_others(kitchen: Kitchen, source: Path) -> None:
    """Some tools call every mask that is drawn with a brush a crowd."""
    content = described()
    content["annotations"][0].update(iscrowd=1, segmentation={"size": [48, 64], "counts": RUNS})
    write(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


@pytest.mark.parametrize(
    ("photo", "annotations", "named"),
    [
        ("images/one.png", "annotations.json", ""),
        ("one.png", "annotations.json", "annotations.json"),
        ("one.png", "_annotations.coco.json", ""),
        ("val2017/one.png", "annotations/instances_val2017.json", ""),
        ("val2017/one.png", "annotations/instances_val2017.json", "annotations/instances_val2017.json"),
        ("images/default/one.png", "annotations/instances_default.json", ""),
    ],
)
def test_photos_are_found_in_the_layouts_there_are(
    kitchen: Kitchen, tmp_path: Path, photo: str, annotations: str, named: str
) -> None:
    folder = tmp_path / "in"
    for name in (photo, annotations):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / photo).write_bytes(encoded(draw(SMALL, 9), "PNG"))
    (folder / annotations).write_text(json.dumps(described()))
    np.testing.assert_array_equal(taken(kitchen, folder / named), MASK)


def test_a_folder_with_several_files_needs_a_name(kitchen: Kitchen, source: Path) -> None:
    (source / "annotations.json").rename(source / "one.json")
    (source / "two.json").write_text("{}")
    with pytest.raises(StoreError, match=r"has 2 JSON files and no annotations\.json; name the file"):
        kitchen.take("coco", source)


def test_portion_note_and_meal_come_along(kitchen: Kitchen, source: Path) -> None:
    content = described()
    content["images"][0]["group"] = meal_in("val")
    content["annotations"][0]["attributes"] = {
        **{"amount": "80", "unit": "g", "method": "weighed", "low": None, "high": ""},
        **{"note": "with salt", "occluded": False},
    }
    write(source, content)
    project = kitchen.new_project()
    assert kitchen.take("coco", source, project).not_taken == ()
    [final] = kitchen.finals(project)
    row = final.foods[0].annotation
    assert (row.amount, row.unit, row.method, row.low, row.note) == (80.0, "g", "weighed", None, "with salt")
    assert (final.item.meal, final.split) == (meal_in("val"), "val")


@pytest.mark.parametrize(
    ("attributes", "what", "why"),
    [
        ({"amount": 80}, "one.png, annotation 3, portion", "It is no portion: A portion is given in g"),
        ({"amount": "much", "unit": "g"}, "one.png, annotation 3, portion", "It is no portion: could not"),
        (
            {"amount": 80, "unit": "g", "method": "weighed", "low": 90, "high": 95},
            "one.png, annotation 3, portion",
            "It is no portion: The range 90 to 95",
        ),
        ({"note": "x" * 10_001}, "one.png, annotation 3, note", "It has 10001 characters"),
    ],
)
def test_a_food_is_taken_without_a_portion_or_note_of_no_use(
    kitchen: Kitchen, source: Path, attributes: dict[str, Any], what: str, why: str
) -> None:
    content = described()
    content["annotations"][0]["attributes"] = attributes
    write(source, content)
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
    """Another name for the category of the first annotation alone."""

    def edit(content: Described) -> None:
        content["categories"].append({"id": 6, "name": name})
        content["annotations"][0]["category_id"] = 6

    return edit


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
        (category("half \ud800"), FOOD, "Its name or its note holds characters that cannot be kept."),
        (category("null \0"), FOOD, "Its name or its note holds characters that cannot be kept."),
        (annotation(attributes={"note": "\udfff"}), FOOD, "Its name or its note holds characters"),
        (image(group="\ud800"), PHOTO, "Its name or its note holds characters that cannot be kept."),
        (image(width=65), PHOTO, "The photo has 64 x 48 pixels, and 65 x 48 by the COCO file"),
        (image(width=48, height=64), PHOTO, "The photo has 64 x 48 pixels, and 48 x 64 by the COCO file"),
        (annotation(image_id=None), "annotation 3", "Its photo None is not in the file."),
        (annotation(category_id=None), FOOD, "Its category None is not in the file."),
        (category(None), FOOD, "Its category 6 has no name."),
        (category(["rice"]), FOOD, "Its category 6 has no name."),
        (image(file_name="two.png"), "two.png", "The file 'two.png' is missing."),
        (image(file_name=None), "image 7", "The file does not name this photo's file."),
        (image(file_name="a\0b"), "a\0b", "'a\\x00b' is no name of a file."),
        (image(file_name="x" * 300), "x" * 300, "It cannot be read: File name too long."),
    ],
)
def test_what_is_of_no_use_is_named_and_the_rest_taken(
    kitchen: Kitchen, source: Path, edit: Callable[[Described], None], what: str, why: str
) -> None:
    content = described()
    edit(content)
    content["images"].append({"id": "other", "file_name": "other.png"})
    content["annotations"].append(
        {"id": 4, "image_id": "other", "category_id": 5, "segmentation": to_rle(MASK)}
    )
    (source / "images" / "other.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    write(source, content)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    [left] = report.not_taken
    assert left.what == what
    assert left.why.startswith(why)
    assert report.foods == 1
    [final] = kitchen.finals(project)
    assert final.item.name == "other.png"
    np.testing.assert_array_equal(masks_of(final)["rice"], [MASK])


def test_ids_that_are_missing_are_never_taken_for_each_other(kitchen: Kitchen, source: Path) -> None:
    content = described()
    for row, name in (("images", "id"), ("categories", "id"), ("annotations", "image_id")):
        content[row][0].pop(name)
    write(source, content)
    report = kitchen.take("coco", source, kitchen.new_project())
    assert (report.photos, report.foods) == (1, 0)
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("annotation 3", "Its photo None is not in the file.")
    ]


def test_two_photos_of_one_id_are_not_taken(kitchen: Kitchen, source: Path) -> None:
    content = described()
    content["images"].append({"id": "7", "file_name": "other.png"})
    (source / "images" / "other.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    write(source, content)
    rows = kitchen.rows()
    report = kitchen.take("coco", source)
    assert [one.what for one in report.not_taken] == ["one.png", "other.png"]
    assert {one.why for one in report.not_taken} == {
        "Several photos have the id 7, so nobody can tell whose its foods are."
    }
    assert kitchen.rows() == rows


def test_categories_of_one_name_are_one_label(kitchen: Kitchen, source: Path) -> None:
    content = described()
    content["categories"].append({"id": 6, "name": "Rice"})
    content["annotations"].append({**content["annotations"][0], "id": 4, "category_id": 6})
    write(source, content)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert (report.foods, report.labels, report.not_taken) == (2, ("rice",), ())


@pytest.mark.parametrize("said", [None, 0])
def test_a_size_that_is_not_said_is_the_photos(kitchen: Kitchen, source: Path, said: int | None) -> None:
    content = described()
    content["images"][0].update(width=said, height=said)
    write(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


def test_a_whole_path_of_another_computer_is_found_by_its_name(kitchen: Kitchen, source: Path) -> None:
    content = described()
    content["images"][0]["file_name"] = "/home/someone/photos/one.png"
    write(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


@pytest.mark.parametrize("compressed", [False, True])
def test_runs_of_no_length_are_not_kept(kitchen: Kitchen, source: Path, compressed: bool) -> None:
    """As some tools write them; pycocotools merges such masks wrong."""
    runs = [*RUNS[:3], 0, 0, *RUNS[3:]]
    rle: Any = {"size": [48, 64], "counts": runs}
    if compressed:
        rle["counts"] = coco.frPyObjects(rle, 48, 64)["counts"].decode()
        assert rle["counts"] != to_rle(MASK)["counts"]
    content = described()
    content["annotations"][0]["segmentation"] = rle
    write(source, content)
    project = kitchen.new_project()
    kitchen.take("coco", source, project)
    [final] = kitchen.finals(project)
    assert final.foods[0].rle == to_rle(MASK)


def test_photos_that_only_a_hash_keeps_together_stay_together(kitchen: Kitchen, tmp_path: Path) -> None:
    """Leftovers of a photo without a meal: the export calls both by the first one's hash, which a copy has not."""
    kitchen.change_item(0, meal=None)
    kitchen.export("coco", tmp_path / "out")
    served = kitchen.finals()[0].item.photo.sha256
    [copy] = (tmp_path / "out" / "images").glob(f"*{served[:8]}*")
    with Image.open(copy) as picture:
        picture.save(copy, compress_level=1)
    project = kitchen.new_project()
    kitchen.take("coco", tmp_path / "out", project)
    meals = {final.item.name.split("-")[0]: final.meal for final in kitchen.finals(project)[:4]}
    assert (meals["plate 1"], meals["left"]) == (served, served)


def test_labels_come_with_all_that_is_known_of_them(kitchen: Kitchen, source: Path) -> None:
    content = described()
    (category,) = content["categories"]
    name = category["name"]
    category |= {
        "supercategory": "grain",
        "synonyms": ["reis", 5],
        "colour": "#aabbcc",
        "food_code": "168878",
    }
    content["categories"] += [
        {"id": 90, "name": "grain", "supercategory": "staple"},
        {"id": 91, "name": "staple", "supercategory": name, "colour": "red"},
    ]
    write(source, content)
    project = kitchen.new_project()
    assert kitchen.take("coco", source, project).foods == 1
    with kitchen.store.reading() as session:
        known = {label.name: label for label in label_names(session, project)}
    assert known[name] == LabelName(name, ("reis",), "grain", "#aabbcc", "168878")
    assert (known["grain"].parent, known["staple"].parent) == (
        "staple",
        None,
    )  # a colour nobody has is nothing known


def test_a_project_comes_back_with_its_label_set_and_its_leftovers(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("coco", tmp_path / "out")
    project = kitchen.new_project()
    kitchen.take("coco", tmp_path / "out", project)
    with kitchen.store.reading() as session:
        given = {label.name: label for label in label_names(session, kitchen.project)}
        taken = {label.name: label for label in label_names(session, project)}
    assert {"rice", "apple", "fruit"} <= taken.keys()
    assert all(taken[name] == given[name] for name in ("rice", "apple", "fruit"))
    linked = [(final.item.name, final.before.name) for final in kitchen.finals(project) if final.before]
    assert [(photo[:4], before[:7]) for photo, before in linked] == [("left", "plate 1")]


@pytest.mark.parametrize("content", [b"no photo", b"", encoded(draw(SMALL, 9), "PNG")[:-40]])
def test_a_broken_photo_is_named(kitchen: Kitchen, source: Path, content: bytes) -> None:
    (source / "images" / "one.png").write_bytes(content)
    rows = kitchen.rows()
    report = kitchen.take("coco", source)
    assert [one.what for one in report.not_taken] == ["one.png"]
    assert (report.photos, report.foods) == (0, 0)
    assert kitchen.rows() == rows


def test_a_photo_on_its_side_is_measured_upright(kitchen: Kitchen, source: Path) -> None:
    (source / "images" / "one.png").write_bytes(encoded(draw((64, 48), 9), "JPEG", orientation=6))
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "../../secret.png", "a/../../secret.png", "..\\secret.png", "{folder}/secret.png"],
)
def test_nothing_outside_the_folder_is_read(kitchen: Kitchen, source: Path, name: str) -> None:
    (source.parent / "secret.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    name = name.format(folder=source.parent)
    content = described()
    content["images"][0]["file_name"] = name
    write(source, content)
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
        json.dumps({**described(), "images": None}).encode(),
        json.dumps({**described(), "annotations": [1]}).encode(),
        json.dumps({**described(), "categories": {"5": "rice"}}).encode(),
        json.dumps(described()).encode()[:-30],
    ],
)
def test_a_damaged_file_changes_nothing(kitchen: Kitchen, source: Path, content: bytes) -> None:
    (source / "annotations.json").write_bytes(content)
    rows = kitchen.rows()
    with pytest.raises(StoreError, match=r"annotations\.json is (damaged|no COCO instance file)"):
        kitchen.take("coco", source)
    assert kitchen.rows() == rows


def test_the_photo_is_kept_as_it_came(kitchen: Kitchen, source: Path) -> None:
    project = kitchen.new_project()
    kitchen.take("coco", source, project)
    [final] = kitchen.finals(project)
    original = kitchen.files.original(final.item.photo.sha256)
    assert original.read_bytes() == (source / "images" / "one.png").read_bytes()
    copy = kitchen.files.working_copy(final.item.photo.sha256, final.item.photo.format)
    with Image.open(copy) as image:
        np.testing.assert_array_equal(np.asarray(image), draw(SMALL, 9))
