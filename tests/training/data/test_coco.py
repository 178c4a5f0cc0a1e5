from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rvernet_app.picture.masks import to_rle
from training.data.coco import AnnotatedPhoto, CocoFolder
from training.data.photos import PhotoCache, open_photo
from training.data.regions import DataError, OpenPhoto, SourceRegions, assemble

MASK = np.zeros((40, 48), np.bool_)
MASK[5:9, 7:9] = True
RUNS = [7 * 40 + 5, 4, 36, 4, 39 * 40 + 31]
"""Run lengths of MASK in column-major order."""


def change(folder: Path, edit: Callable[..., Any]) -> None:
    path = folder / "annotations.json"
    described = json.loads(path.read_text())
    edit(described)
    path.write_text(json.dumps(described))


def read(folder: Path, **options: Any) -> SourceRegions:
    return CocoFolder("coco", folder, **options).read()


def splits(found: SourceRegions) -> dict[str, int]:
    return dict(Counter(r.split for r in found.regions))


def remove_all_splits(described: dict[str, list[dict[str, Any]]]) -> None:
    for image in described["images"]:
        del image["split"]


def test_reader_returns_the_regions_of_the_file(made_data: Path) -> None:
    found = read(made_data)
    assert splits(found) == {"train": 12, "val": 4}
    first, second = found.regions[:2]
    annotation = json.loads((made_data / "annotations.json").read_text())["annotations"][0]
    x, y, width, height = annotation["bbox"]
    assert (first.name, first.label, first.group) == ("coco/100", "ketchup", "coco/g0")
    assert (first.photo, first.size_hw) == (made_data / "images" / "0.png", (40, 48))
    assert first.box_xyxy == (x, y, x + width, y + height)
    assert first.share == 256 / (40 * 48)
    assert first.masked == ()  # has only a box
    assert (second.name, second.label, len(second.masked)) == ("coco/101", "pesto", 1)


def test_classes_follow_category_ids_and_include_classes_without_regions(
    made_data: Path,
) -> None:
    assert read(made_data).labels == ("pesto", "ketchup", "coin")  # ids 6, 7 and 9; every coin is ignored


def test_reader_ignores_stray_files_among_the_photos(made_data: Path) -> None:
    expected = read(made_data)
    for name in (".DS_Store", "99.png", "annotations.json"):
        (made_data / "images" / name).write_bytes(b"")
    (made_data / "images" / "soup").mkdir()
    assert read(made_data) == expected


@pytest.mark.parametrize(
    ("flag", "reason"), [("iscrowd", "a crowd without a mask"), ("ignore", "marked to be ignored")]
)
@pytest.mark.parametrize("value", [1, 1.0, "1", True])
def test_reader_leaves_out_and_names_crowds_of_boxes_and_ignored_annotations(
    made_data: Path, flag: str, reason: str, value: object
) -> None:
    change(made_data, lambda described: described["annotations"][0].update({flag: value}))
    found = read(made_data)
    assert "coco/100" not in [r.name for r in found.regions]
    assert found.left_out[reason][0] == "coco/100"
    assert len(found.left_out["marked to be ignored"]) == 16 + (flag == "ignore")


@pytest.mark.parametrize("value", [0, 0.0, "0", False, None])
def test_a_flag_that_is_not_set_leaves_nothing_out(made_data: Path, value: object) -> None:
    change(made_data, lambda described: described["annotations"][0].update(iscrowd=value))
    assert read(made_data).regions[0].name == "coco/100"


def test_a_mask_drawn_with_a_brush_is_taken(made_data: Path) -> None:
    """CVAT marks such masks as crowds, with uncompressed RLE."""
    rle = {"size": [40, 48], "counts": RUNS}
    change(made_data, lambda described: described["annotations"][0].update(iscrowd=1, segmentation=rle))
    region = read(made_data).regions[0]
    assert region.name == "coco/100"
    np.testing.assert_array_equal(region.masked[0].read(open_photo)[1], MASK)


def test_a_useless_part_of_an_outline_is_named_and_the_others_are_the_mask(made_data: Path) -> None:
    parts = [[7, 5, 9, 5, 9, 9, 7, 9], [1, 1, 2, 2], [1, 2, 3]]
    change(made_data, lambda described: described["annotations"][0].update(segmentation=parts))
    found = read(made_data)
    assert found.left_out["useless part of an outline"] == ("coco/100 part 2", "coco/100 part 3")
    np.testing.assert_array_equal(found.regions[0].masked[0].read(open_photo)[1], MASK)


def test_ids_and_sizes_may_be_written_as_decimals_and_texts(made_data: Path) -> None:
    expected = read(made_data)

    def edit(described: dict[str, list[dict[str, Any]]]) -> None:
        for annotation in described["annotations"]:
            annotation |= {name: float(annotation[name]) for name in ("id", "image_id", "category_id")}
            annotation["bbox"] = [str(number) for number in annotation["bbox"]]
        for image in described["images"]:
            image |= {"width": "48", "height": "40.0"}

    change(made_data, edit)
    assert read(made_data).regions == expected.regions


def test_a_file_for_each_split_decides_the_splits(made_data: Path) -> None:
    described = json.loads((made_data / "annotations.json").read_text())
    (made_data / "annotations.json").unlink()
    for split, folder in (("train", "train"), ("val", "valid")):
        images = [
            {**image, "id": n} for n, image in enumerate(described["images"]) if image["split"] == split
        ]
        (made_data / folder).mkdir()
        for image in images:
            (made_data / "images" / image["file_name"]).rename(made_data / folder / image["file_name"])
            del image["split"]
        boxes = [
            {"id": n, "image_id": image["id"], "category_id": 6, "bbox": [1, 1, 4, 4]}
            for n, image in enumerate(images)
        ]
        part = {"images": images, "annotations": boxes, "categories": described["categories"]}
        (made_data / folder / "_annotations.coco.json").write_text(json.dumps(part))
    found = read(made_data)
    assert splits(found) == {"train": 12, "val": 4}
    assert (found.regions[0].name, found.regions[-1].name) == ("coco/train/0", "coco/valid/3")
    assert found.regions[-1].photo == made_data / "valid" / "15.png"
    assert found.left_out == {}


def test_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"data\.zip is a file; unpack it, and name the folder\."):
        read(tmp_path / "data.zip")


def test_photos_are_found_by_other_spellings_but_in_no_other_folder(made_data: Path) -> None:
    images = made_data / "images"
    (images / "0.png").rename(images / "Cafe\u0301 1.PNG")
    (images / "monday").mkdir()
    (images / "1.png").rename(images / "monday" / "1.png")
    change(made_data, lambda described: described["images"][0].update(file_name="caf%C3%A9%201.png"))
    change(made_data, lambda described: described["images"][1].update(file_name="tuesday/1.png"))
    found = read(made_data, skip_missing=True)
    assert found.regions[0].photo == images / "Cafe\u0301 1.PNG"
    assert found.left_out["photo missing"] == ("coco/101",)
    with pytest.raises(DataError, match=r"'images/monday/1\.png' has its name, but lies in another folder"):
        read(made_data)


def test_rename_changes_category_names(made_data: Path) -> None:
    found = read(made_data, rename={"pesto": "green pesto", "coin": "ketchup"})
    assert found.labels == ("green pesto", "ketchup")
    assert found.regions[1].label == "green pesto"


def test_renaming_an_unknown_category_fails(made_data: Path) -> None:
    with pytest.raises(DataError, match=r"no categories pest, soup to rename"):
        read(made_data, rename={"soup": "stew", "pest": "pesto"})


def test_reading_regions_opens_no_photo(made_data: Path) -> None:
    expected = read(made_data)
    for photo in (made_data / "images").iterdir():
        photo.write_bytes(b"not a photo")
    assert read(made_data) == expected


def test_two_foods_on_a_photo_are_two_regions_in_one_group(made_data: Path) -> None:
    def add(described: dict[str, list[dict[str, Any]]]) -> None:
        described["annotations"].append({"id": 99, "image_id": 0, "category_id": 6, "bbox": [1, 1, 4, 4]})

    change(made_data, add)
    found = [r for r in read(made_data).regions if r.photo is not None and r.photo.name == "0.png"]
    assert [(r.name, r.label, r.group) for r in found] == [
        ("coco/100", "ketchup", "coco/g0"),
        ("coco/99", "pesto", "coco/g0"),
    ]


def test_reader_finds_photos_in_subfolders(made_data: Path) -> None:
    (made_data / "images" / "one").mkdir()
    (made_data / "images" / "0.png").rename(made_data / "images" / "one" / "0.png")
    change(made_data, lambda described: described["images"][0].update(file_name="one/0.png"))
    assert read(made_data).regions[0].photo == made_data / "images" / "one" / "0.png"


def test_reader_accepts_annotations_from_another_path(made_data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    (made_data / "annotations.json").rename(elsewhere)
    assert len(read(made_data, annotations=elsewhere).regions) == 16


def test_each_photo_without_a_group_forms_its_own_group(made_data: Path) -> None:
    change(made_data, lambda described: [image.pop("group") for image in described["images"]])
    assert [r.group for r in read(made_data).regions[-2:]] == ["coco/14.png", "coco/15.png"]


def test_group_in_both_splits_fails(made_data: Path) -> None:
    change(made_data, lambda described: described["images"][13].update(group="g3"))
    with pytest.raises(DataError, match=r"1 groups are in both train and val.*coco/g3"):
        assemble([CocoFolder("coco", made_data)])


def test_reader_accepts_numeric_groups(made_data: Path) -> None:
    change(made_data, lambda described: [image.update(group=7) for image in described["images"][:2]])
    assert splits(read(made_data, held_out=["7"])) == {"train": 10, "val": 6}


def test_held_out_groups_define_the_split_if_the_file_has_none(made_data: Path) -> None:
    change(made_data, remove_all_splits)
    found = read(made_data, held_out=["g2", "g5"])
    assert [r.name for r in found.regions if r.split == "val"] == ["coco/102", "coco/105"]
    assert splits(found) == {"train": 14, "val": 2}


def test_val_share_defines_the_split_if_the_file_has_none(made_data: Path) -> None:
    change(made_data, remove_all_splits)
    found = splits(read(made_data, val_share=0.5))
    assert found["train"] + found["val"] == 16
    assert 4 <= found["val"] <= 12


def test_one_split_can_hold_all_photos_if_the_file_has_none(made_data: Path) -> None:
    change(made_data, remove_all_splits)
    assert splits(read(made_data, unsplit="val")) == {"val": 16}
    change(made_data, lambda described: described["images"][0].update(split="test"))
    assert splits(read(made_data, unsplit="val")) == {"test": 1, "val": 15}


def test_null_split_counts_as_missing(made_data: Path) -> None:
    change(made_data, lambda described: [image.update(split=None) for image in described["images"][:2]])
    assert splits(read(made_data, unsplit="test")) == {"test": 2, "train": 10, "val": 4}


def drop_split(described: dict[str, list[dict[str, Any]]]) -> None:
    del described["images"][0]["split"]


def set_unknown_split(described: dict[str, list[dict[str, Any]]]) -> None:
    described["images"][0]["split"] = "some"


def break_photo_paths(described: dict[str, list[dict[str, Any]]]) -> None:
    described["images"][3]["file_name"] = "gone.png"
    described["images"][4]["file_name"] = "nowhere/at/all.png"


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (drop_split, "split None for 0.png"),
        (set_unknown_split, "split 'some' for 0.png; known are train, val, test"),
        (break_photo_paths, "2 photos are missing, first .*gone.png"),
        (lambda described: described.pop("images"), "not a COCO instance file"),
        (lambda described: described.update(images=["0.png"]), "not a COCO instance file"),
        (lambda described: described.update(annotations=["0.png"]), "not a COCO instance file"),
        (lambda described: described["annotations"][0].update(image_id=77), "not a COCO instance file"),
        (lambda described: described["annotations"][0].update(category_id=77), "not a COCO instance file"),
        (lambda described: described["annotations"][0].pop("bbox"), "not a COCO instance file"),
        (lambda described: described["annotations"][0].update(bbox=[1, 2]), "not a COCO instance file"),
        (lambda described: described["images"][0].update(width=0), "not a COCO instance file"),
        (
            lambda described: described["categories"].append({"id": 6, "name": "soup"}),
            "several categories have the id 6",
        ),
        (lambda described: described["images"][0].update(width="wide"), "not a COCO instance file"),
        (lambda described: described["images"][0].update(width=True), "not a COCO instance file"),
    ],
)
def test_inconsistent_file_fails(made_data: Path, edit: Callable[..., Any], sentence: str) -> None:
    change(made_data, edit)
    with pytest.raises(DataError, match=sentence):
        read(made_data)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is damaged, or not a JSON file"),
        (b"{", "is damaged, or not a JSON file"),
        (b"[]", "is not a COCO instance file"),
        (b"\xff\xfe", "is damaged, or not a JSON file"),
    ],
)
def test_error_names_the_damaged_file(made_data: Path, content: bytes, sentence: str) -> None:
    (made_data / "annotations.json").write_bytes(content)
    with pytest.raises(DataError, match=rf"annotations\.json {sentence}"):
        read(made_data)


def test_error_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"annotations\.json cannot be read"):
        read(tmp_path)


def test_skip_leaves_out_and_names_regions_of_missing_photos(made_data: Path) -> None:
    change(made_data, break_photo_paths)
    found = read(made_data, skip_missing=True)
    assert len(found.regions) == 14
    assert found.left_out["photo missing"] == ("coco/103", "coco/104")


def test_held_out_group_can_lack_its_photos(made_data: Path) -> None:
    change(made_data, remove_all_splits)
    change(made_data, break_photo_paths)
    found = read(made_data, skip_missing=True, held_out=["g3", "g5"])
    assert [r.name for r in found.regions if r.split == "val"] == ["coco/105"]


def test_the_fingerprint_changes_with_the_file(made_data: Path) -> None:
    before = read(made_data).fingerprint
    assert len(before) == 12
    assert read(made_data, rename={"pesto": "sauce"}).fingerprint == before
    change(made_data, lambda described: described["annotations"][0].update(bbox=[0, 0, 5, 5]))
    assert read(made_data).fingerprint != before


@pytest.mark.parametrize(
    "segmentation",
    [
        to_rle(MASK),
        {"size": [40, 48], "counts": RUNS},
        [[7, 5, 9, 5, 9, 9, 7, 9]],
        [[7, 5, 8, 5, 8, 9, 7, 9], [8, 5, 9, 5, 9, 9, 8, 9]],
    ],
    ids=["compressed RLE", "uncompressed RLE", "polygon", "two polygons"],
)
def test_region_reads_its_photo_and_mask(
    made_data: Path, segmentation: dict[str, Any] | dict[str, list[int]] | list[list[int]]
) -> None:
    change(made_data, lambda described: described["annotations"][0].update(segmentation=segmentation))
    region = read(made_data).regions[0]
    assert region.photo is not None
    photo, mask = region.masked[0].read(open_photo)
    np.testing.assert_array_equal(photo, open_photo(region.photo).pixels)
    np.testing.assert_array_equal(mask, MASK)


def test_mask_shrinks_with_its_photo(made_data: Path) -> None:
    change(made_data, lambda described: described["annotations"][0].update(segmentation=to_rle(MASK)))
    photo, mask = read(made_data).regions[0].masked[0].read(PhotoCache(0, max_side=24).open)
    assert photo.shape == (20, 24, 3)
    assert np.argwhere(mask).tolist() == [[3, 3], [3, 4]]


def test_empty_polygon_list_leaves_only_the_box(made_data: Path) -> None:
    change(made_data, lambda described: described["annotations"][0].update(segmentation=[]))
    assert read(made_data).regions[0].masked == ()


def blank(path: Path) -> OpenPhoto:
    return OpenPhoto(np.zeros((40, 48, 3), np.uint8), (40, 48))


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [40, 48], "counts": ["x"]},
        {"size": [40, 48], "counts": RUNS[:-1]},
        {"size": [48, 40], "counts": RUNS},
        {"size": [40, 48], "counts": "\x00"},
        {"size": [40, 48], "counts": [40 * 48]},
        {"counts": RUNS},
        [[1, "x"]],
        "polygon",
        7,
    ],
    ids=[
        *("no numbers", "too short", "of another size", "no RLE", "empty"),
        *("without a size", "no polygon", "text", "a number"),
    ],
)
def test_error_names_the_unusable_mask(tmp_path: Path, segmentation: Any) -> None:
    masked = AnnotatedPhoto(tmp_path / "0.png", (40, 48), segmentation, "annotation 100 (0.png)")
    with pytest.raises(DataError, match=r"annotation 100 \(0\.png\)"):
        masked.read(blank)


def test_error_names_a_photo_whose_size_differs_from_the_annotation(tmp_path: Path) -> None:
    masked = AnnotatedPhoto(tmp_path / "0.png", (40, 50), to_rle(MASK), "annotation 100")
    with pytest.raises(DataError, match=r"0\.png is \(40, 48\).*annotated as \(40, 50\)"):
        masked.read(blank)


def test_reader_keeps_compressed_rle_unchanged() -> None:
    for segmentation in (to_rle(MASK), {"size": [40, 48], "counts": RUNS}):
        assert AnnotatedPhoto(Path("0.png"), (40, 48), segmentation, "it").rle() == to_rle(MASK)
