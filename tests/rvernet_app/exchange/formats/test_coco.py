"""COCO: exports read by other programs, and imports of files from other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO
from scipy.ndimage import binary_dilation, binary_fill_holes

from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import to_rle
from rvernet_app.store.consensus import FinalPhoto
from rvernet_app.store.label_sets import label_names
from rvernet_app.types import Mask
from tests.rvernet_app.exchange.formats.coco_source import (
    BOX,
    MASK,
    RUNS,
    new_source,
    one_photo,
    write_coco,
)
from tests.rvernet_app.exchange.formats.kitchen import (
    CREME,
    GRAMS,
    LABEL_NAMES,
    RING,
    SMALL,
    TWO_PARTS,
    Kitchen,
    draw,
    encoded,
    masks_of,
    meal_in,
    said,
    said_visible,
    visible_masks_of,
)
from training.data.coco import CocoFolder
from training.data.photos import open_photo


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("coco", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def exported(out: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((out / "annotations.json").read_text(encoding="ascii"))
    return described


def test_pycocotools_reads_the_masks(kitchen: Kitchen, out: Path) -> None:
    coco = COCO(out / "annotations.json")
    for final in kitchen.finals():
        found = coco.loadAnns(coco.getAnnIds(imgIds=[final.item.id]))
        assert len(found) == len(final.foods)
        masks = [mask for masks in visible_masks_of(final).values() for mask in masks]
        for annotation, mask in zip(found, masks, strict=True):
            np.testing.assert_array_equal(coco.annToMask(annotation), mask)
            assert annotation["area"] == mask.sum()
            rows, columns = np.nonzero(mask)
            box = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
            assert tuple(annotation["bbox"]) == box


def test_categories_are_the_label_set_in_its_order(exported: dict[str, Any]) -> None:
    assert [c["id"] for c in exported["categories"]] == list(range(1, 10))
    assert tuple(c["name"] for c in exported["categories"]) == LABEL_NAMES
    above = {c["name"]: c["supercategory"] for c in exported["categories"]}
    assert above == {**dict.fromkeys(LABEL_NAMES, "food"), "apple": "fruit"}


def test_images_have_split_and_meal(kitchen: Kitchen, exported: dict[str, Any]) -> None:
    finals = kitchen.finals()
    images = exported["images"]
    assert [(i["split"], i["group"]) for i in images] == [(f.split, f.meal) for f in finals]
    assert [i["split"] for i in images[:3]] == ["train", "val", "train"]
    assert images[3]["group"] == images[0]["group"] == meal_in("train")
    assert images[5]["group"] == images[5]["sha256"] == finals[5].item.photo.sha256
    assert [(i["width"], i["height"]) for i in images] == [(96, 72), (48, 64), *[(64, 48)] * 4]


def test_attributes_hold_portion_note_annotator_and_food_code(
    kitchen: Kitchen, exported: dict[str, Any]
) -> None:
    first, second = exported["annotations"][:2]
    assert first["attributes"] == {
        "amount": 150.0,
        "unit": "g",
        "low": 120.0,
        "high": 180.5,
        "method": "weighed",
        "note": "=1+1, «two»\nlines",
        "annotator": "Ann, RD",
        "food_code": "168878",
    }
    assert second["attributes"] == {
        **dict.fromkeys(("amount", "unit", "low", "high", "method", "food_code")),
        "note": "",
        "annotator": "Ann, RD",
    }
    assert {a["iscrowd"] for a in exported["annotations"]} == {0}
    assert len({a["id"] for a in exported["annotations"]}) == 10


def test_supervision_reads_the_export(kitchen: Kitchen, out: Path) -> None:
    found = supervision.DetectionDataset.from_coco(
        str(out / "images"), str(out / "annotations.json"), force_masks=True
    )
    assert tuple(found.classes) == LABEL_NAMES
    first = kitchen.finals()[0].item.photo
    [detections] = [d for path, d in found.annotations.items() if first.sha256[:8] in path]
    assert detections.class_id is not None
    assert [LABEL_NAMES[i] for i in detections.class_id] == ["rice", CREME]
    np.testing.assert_array_equal(detections.mask, [RING, TWO_PARTS])


def test_the_training_reads_the_export(kitchen: Kitchen, out: Path) -> None:
    found = CocoFolder("kitchen", out).read()
    assert found.labels == LABEL_NAMES
    finals = [final for final in kitchen.finals() for _ in final.foods]
    expected = [
        (food.label.name, final.split, f"kitchen/{final.meal}")
        for final in kitchen.finals()
        for food in final.foods
    ]
    assert [(r.label, r.split, r.group) for r in found.regions] == expected
    masks = [m for final in kitchen.finals() for masks in visible_masks_of(final).values() for m in masks]
    for region, final, mask in zip(found.regions, finals, masks, strict=True):
        photo, read_mask = region.masked[0].read(open_photo)
        np.testing.assert_array_equal(read_mask, mask)
        assert photo.shape == (final.item.photo.height, final.item.photo.width, 3)


def test_photos_are_upright_and_without_metadata(out: Path) -> None:
    [file] = (out / "images").glob("*.jpg")
    with Image.open(file) as image:
        assert image.size == (48, 64)
        assert not image.getexif()


def test_an_import_into_another_project_gives_what_was_visible(kitchen: Kitchen, out: Path) -> None:
    before, photos = said_visible(kitchen.finals()), kitchen.rows()["photo"]
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
    assert kitchen.rows()["photo"] == photos, "the store recognizes its photos by their copies"


# Imports of files from other programs


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return new_source(tmp_path / "in")


def taken(kitchen: Kitchen, source: Path) -> np.ndarray:
    """Return the only mask after an import into a new project."""
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
    content = one_photo()
    content["annotations"][0]["segmentation"] = segmentation
    write_coco(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


def test_a_polygon_is_rasterized_by_pycocotools(kitchen: Kitchen, source: Path) -> None:
    slanted = [10.3, 5.2, 50.9, 11.7, 33.1, 40.4, -0.6, 30.0]
    content = one_photo()
    content["annotations"][0]["segmentation"] = [slanted]
    write_coco(source, content)
    expected = coco.decode(coco.merge(coco.frPyObjects([slanted], *SMALL))).astype(bool)
    np.testing.assert_array_equal(taken(kitchen, source), expected)


def test_a_crowd_is_imported_like_any_mask(kitchen: Kitchen, source: Path) -> None:
    """Some programs mark every mask drawn with a brush as a crowd."""
    content = one_photo()
    content["annotations"][0].update(iscrowd=1, segmentation={"size": [48, 64], "counts": RUNS})
    write_coco(source, content)
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
def test_photos_are_found_in_common_layouts(
    kitchen: Kitchen, tmp_path: Path, photo: str, annotations: str, named: str
) -> None:
    folder = tmp_path / "in"
    for name in (photo, annotations):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / photo).write_bytes(encoded(draw(SMALL, 9), "PNG"))
    (folder / annotations).write_text(json.dumps(one_photo()))
    np.testing.assert_array_equal(taken(kitchen, folder / named), MASK)


def test_portion_note_and_meal_are_imported(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
    content["images"][0]["group"] = meal_in("val")
    content["annotations"][0]["attributes"] = {
        "amount": "80",
        "unit": "g",
        "method": "weighed",
        "low": None,
        "high": "",
        "note": "with salt",
        "occluded": False,
    }
    write_coco(source, content)
    project = kitchen.new_project()
    assert kitchen.take("coco", source, project).not_taken == ()
    [final] = kitchen.finals(project)
    row = final.foods[0].annotation
    assert (row.amount, row.unit, row.method, row.low, row.note) == (80.0, "g", "weighed", None, "with salt")
    assert (final.item.meal, final.split) == (meal_in("val"), "val")


@pytest.mark.parametrize("said", [None, 0])
def test_a_missing_size_is_accepted(kitchen: Kitchen, source: Path, said: int | None) -> None:
    content = one_photo()
    content["images"][0].update(width=said, height=said)
    write_coco(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


@pytest.mark.parametrize("name", ["/home/someone/images/one.png", "C:\\photos\\images\\one.png"])
def test_a_path_of_another_computer_may_end_with_the_folder(
    kitchen: Kitchen, source: Path, name: str
) -> None:
    content = one_photo()
    content["images"][0]["file_name"] = name
    write_coco(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


@pytest.mark.parametrize("compressed", [False, True])
def test_empty_runs_are_removed(kitchen: Kitchen, source: Path, compressed: bool) -> None:
    """Some programs write empty runs; pycocotools merges such masks incorrectly."""
    runs = [*RUNS[:3], 0, 0, *RUNS[3:]]
    rle: Any = {"size": [48, 64], "counts": runs}
    if compressed:
        rle["counts"] = coco.frPyObjects(rle, 48, 64)["counts"].decode()
        assert rle["counts"] != to_rle(MASK)["counts"]
    content = one_photo()
    content["annotations"][0]["segmentation"] = rle
    write_coco(source, content)
    project = kitchen.new_project()
    kitchen.take("coco", source, project)
    [final] = kitchen.finals(project)
    assert final.foods[0].rle == to_rle(MASK)


def test_categories_whose_names_differ_in_case_are_one_label(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
    content["categories"].append({"id": 6, "name": "Rice"})
    content["annotations"].append({**content["annotations"][0], "id": 4, "category_id": 6})
    write_coco(source, content)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert (report.foods, report.labels, report.not_taken) == (2, ("rice",), ())


def test_labels_are_imported_with_their_details(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
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
    write_coco(source, content)
    project = kitchen.new_project()
    assert kitchen.take("coco", source, project).foods == 1
    with kitchen.store.reading() as session:
        known = {label.name: label for label in label_names(session, project)}
    assert known[name] == LabelName(name, ("reis",), "grain", "#aabbcc", "168878")
    assert (known["grain"].parent, known["staple"].parent) == (
        "staple",
        None,
    )


def test_label_details_and_leftovers_survive_an_export_and_an_import(
    kitchen: Kitchen, tmp_path: Path
) -> None:
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


def test_photos_grouped_only_by_a_hash_stay_together(kitchen: Kitchen, tmp_path: Path) -> None:
    """Leftovers of a photo without a meal: both have the hash of the first one's original file as group."""
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


def test_the_size_is_that_of_the_upright_photo(kitchen: Kitchen, source: Path) -> None:
    (source / "images" / "one.png").write_bytes(encoded(draw((64, 48), 9), "JPEG", orientation=6))
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


def test_the_original_file_of_the_photo_is_kept(kitchen: Kitchen, source: Path) -> None:
    project = kitchen.new_project()
    kitchen.take("coco", source, project)
    [final] = kitchen.finals(project)
    original = kitchen.files.original(final.item.photo.sha256)
    assert original.read_bytes() == (source / "images" / "one.png").read_bytes()
    copy = kitchen.files.working_copy(final.item.photo.sha256, final.item.photo.format)
    with Image.open(copy) as image:
        np.testing.assert_array_equal(np.asarray(image), draw(SMALL, 9))


def test_one_useless_part_of_an_outline_does_not_cost_the_food(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
    parts: list[Any] = [[1, 1, 2, 2], BOX, [3, 3, 4, 4, 5], "x", [9, 9, 9, 9, 9, 9], [90, 9, 99, 9, 99, 20]]
    content["annotations"][0]["segmentation"] = parts
    write_coco(source, content)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [MASK])
    assert [(one.what, one.why) for one in report.not_taken] == [
        (f"one.png, annotation 3, part {number} of its outline", why)
        for number, why in (
            (1, "It is an outline of fewer than three points."),
            (3, "Its outline is not a list of x, y, x, y, …."),
            (4, "Its outline is not a list of x, y, x, y, …."),
            (5, "The mask is empty."),
            (6, "It lies outside the photo of 64 x 48 pixels, at 90, 9."),
        )
    ]


def test_a_photo_of_another_folder_is_not_taken_for_the_one_named(kitchen: Kitchen, source: Path) -> None:
    (source / "images" / "monday").mkdir()
    (source / "images" / "one.png").rename(source / "images" / "monday" / "one.png")
    content = one_photo()
    content["images"][0]["file_name"] = "monday/one.png"
    content["images"].append({"id": 8, "file_name": "tuesday/one.png"})
    content["annotations"].append({**content["annotations"][0], "id": 4, "image_id": 8})
    write_coco(source, content)
    report = kitchen.take("coco", source, kitchen.new_project())
    assert (report.photos, report.foods) == (1, 1)
    [left] = report.not_taken
    assert left.what == "tuesday/one.png"
    assert left.why.startswith("The file 'tuesday/one.png' is missing.")


def test_two_photos_do_not_become_one_by_a_loose_name(kitchen: Kitchen, source: Path) -> None:
    content = one_photo()
    content["images"] = [
        {"id": id, "file_name": f"{mark}-one.png"} for id, mark in ((7, "3f2c91ab"), (8, "99aa00bb"))
    ]
    write_coco(source, content)
    report = kitchen.take("coco", source, kitchen.new_project())
    assert report.photos == 0
    assert [one.what for one in report.not_taken] == ["3f2c91ab-one.png", "99aa00bb-one.png"]


@pytest.mark.parametrize("number", [float, str])
def test_numbers_may_be_decimals_or_texts(kitchen: Kitchen, source: Path, number: type) -> None:
    content = one_photo()
    for name in ("id", "image_id", "category_id"):
        content["annotations"][0][name] = number(content["annotations"][0][name])
    content["images"][0] |= {"width": number(64), "height": number(48)}
    content["annotations"][0]["segmentation"] = [[number(value) for value in BOX]]
    write_coco(source, content)
    np.testing.assert_array_equal(taken(kitchen, source), MASK)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("image_id", True, "Its image_id is True, which cannot be used."),
        ("image_id", float("nan"), "Its image_id is nan, which cannot be used."),
        ("category_id", True, "Its category_id is True, which cannot be used."),
        ("category_id", [5], "Its category_id is [5], which cannot be used."),
    ],
)
def test_values_that_are_no_ids_are_named(
    kitchen: Kitchen, source: Path, field: str, value: object, why: str
) -> None:
    content = one_photo()
    content["annotations"][0][field] = value
    content["images"][0]["id"] = 1 if field == "image_id" else 7  # True equals 1
    write_coco(source, content)
    report = kitchen.take("coco", source, kitchen.new_project())
    assert (report.photos, report.foods, [one.why for one in report.not_taken]) == (1, 0, [why])


@pytest.mark.parametrize("value", [True, float("nan"), -48, "tall"])
def test_a_size_that_is_none_is_named(kitchen: Kitchen, source: Path, value: object) -> None:
    content = one_photo()
    content["images"][0]["height"] = value
    write_coco(source, content)
    [left] = kitchen.take("coco", source, kitchen.new_project()).not_taken
    assert (left.what, left.why) == ("one.png", f"Its height is {value!r}, which cannot be used.")


@pytest.mark.parametrize(
    "names",
    [
        {"train": "train/_annotations.coco.json", "valid": "valid/_annotations.coco.json"},
        {"images/train": "annotations/instances_train.json", "images/val": "annotations/instances_val.json"},
        {
            "train2017": "annotations/instances_train2017.json",
            "val2017": "annotations/instances_val2017.json",
        },
    ],
    ids=["Roboflow", "CVAT", "COCO"],
)
def test_a_file_for_each_split_is_read(kitchen: Kitchen, tmp_path: Path, names: dict[str, str]) -> None:
    """Both photos have the same name and the same ids."""
    for seed, (folder, file) in enumerate(names.items(), 9):
        for name in (f"{folder}/one.png", file):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / folder / "one.png").write_bytes(encoded(draw(SMALL, seed), "PNG"))
        (tmp_path / "in" / file).write_text(json.dumps(one_photo()))
    (tmp_path / "in" / "annotations").mkdir(exist_ok=True)
    (tmp_path / "in" / "annotations" / "._instances_train.json").write_bytes(b"side file")
    project = kitchen.new_project()
    report = kitchen.take("coco", tmp_path / "in", project)
    assert (report.photos, report.foods, report.unnamed) == (2, 2, ())
    assert {final.item.name for final in kitchen.finals(project)} == {f"{folder}/one.png" for folder in names}


def test_captions_beside_the_instances_are_named(kitchen: Kitchen, source: Path) -> None:
    (source / "annotations").mkdir()
    (source / "annotations.json").rename(source / "annotations" / "instances_val.json")
    (source / "annotations" / "captions_val.json").write_text("{}")
    report = kitchen.take("coco", source, kitchen.new_project())
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("annotations/captions_val.json", "Only COCO files with masks are read.")
    ]
    assert report.foods == 1


# Polygons


def test_polygons_are_read_by_programs_without_rle(kitchen: Kitchen, tmp_path: Path) -> None:
    report = kitchen.export("coco-polygons", tmp_path / "out")
    described = json.loads((tmp_path / "out" / "annotations.json").read_text(encoding="ascii"))
    assert report.left_out["foods whose holes the polygons fill"] == 2
    for one in described["annotations"]:
        assert all(
            isinstance(part, list) and len(part) >= 6 and len(part) % 2 == 0 for part in one["segmentation"]
        )
    masks = {
        f.annotation.id: m
        for p in kitchen.finals()
        for f, m in zip(p.foods, visible_in_order(p), strict=True)
    }
    read = COCO(tmp_path / "out" / "annotations.json")
    for id, mask in masks.items():
        [one] = read.loadAnns([id])
        found = read.annToMask(one).astype(bool)
        assert one["area"] == mask.sum()
        assert not (mask & ~found).any()
        assert not (found & ~binary_dilation(binary_fill_holes(mask), np.ones((3, 3)))).any()


def visible_in_order(final: FinalPhoto) -> list[Mask]:
    shown = visible_masks_of(final)
    return [shown[food.label.name].pop(0) for food in final.foods]
