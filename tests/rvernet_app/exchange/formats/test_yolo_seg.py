"""YOLO: the export as others read it, and the import with and without exact masks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision
import yaml

from rvernet_app.errors import StoreError
from tests.rvernet_app.exchange.formats.kitchen import (
    CREME,
    LABEL_NAMES,
    RING,
    SMALL,
    Kitchen,
    draw,
    encoded,
    masks_of,
    said,
    said_visible,
    visible_masks_of,
)

SPLITS = ("train", "val", "test")
BOX = "0 0.5 0.25 0.75 0.25 0.75 0.5 0.5 0.5"
"""Fills the pixels from (32, 12) to (48, 24), both included."""


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("yolo-seg", tmp_path / "out")
    return tmp_path / "out"


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_the_data_file_has_relative_paths_and_all_labels(out: Path) -> None:
    described = yaml.safe_load((out / "data.yaml").read_text(encoding="ascii"))
    assert described == {
        "path": "",
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": dict(enumerate(LABEL_NAMES)),
    }


def test_photos_and_label_files_lie_in_folders_by_split(kitchen: Kitchen, out: Path) -> None:
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


def test_supervision_reads_the_same_pixels(kitchen: Kitchen, out: Path) -> None:
    checked = 0
    for split in SPLITS:
        found = supervision.DetectionDataset.from_yolo(
            str(out / "images" / split), str(out / "labels" / split), str(out / "data.yaml")
        )
        assert tuple(found.classes) == LABEL_NAMES
        for final in (f for f in kitchen.finals() if f.split == split and f.foods):
            [detections] = [d for p, d in found.annotations.items() if final.item.photo.sha256[:8] in p]
            masks = [m for masks in visible_masks_of(final).values() for m in masks]
            assert isinstance(detections.mask, np.ndarray)
            for mask, read_mask, food in zip(masks, detections.mask, final.foods, strict=True):
                if food.label.name == CREME:
                    assert iou(read_mask, mask) > 0.99
                else:
                    np.testing.assert_array_equal(read_mask, mask)
                checked += 1
    assert checked == 10


def test_an_import_with_exact_masks_gives_the_same_masks(kitchen: Kitchen, out: Path) -> None:
    other = kitchen.new_project()
    report = kitchen.take("yolo-seg", out, other)
    assert (report.photos, report.foods, report.not_taken) == (6, 10, ())
    assert sorted(said(kitchen.finals(other))) == sorted(said_visible(kitchen.finals()))
    assert kitchen.finals(other)[0].foods[0].annotation.prompts == {"imported": "yolo-seg"}


def test_an_import_of_outlines_gives_almost_the_same_masks(kitchen: Kitchen, out: Path) -> None:
    (out / "masks.jsonl").unlink()
    other = kitchen.new_project()
    report = kitchen.take("yolo-seg", out, other)
    assert (report.photos, report.foods, report.not_taken) == (6, 10, ())
    names = {
        final.item.photo.sha256[:8]: visible_masks_of(final) for final in kitchen.finals() if final.foods
    }
    for final in kitchen.finals(other):
        expected = names[Path(final.item.name).stem[-8:]]
        found = masks_of(final)
        assert list(found) == list(expected)
        for label, masks in found.items():
            for mask, before in zip(masks, expected[label], strict=True):
                assert iou(mask, before) > 0.98


def test_a_changed_label_file_overrides_the_exact_masks(kitchen: Kitchen, out: Path) -> None:
    mark = kitchen.finals()[0].item.photo.sha256[:8]
    labels = out / "labels" / "train" / f"plate 1-{mark}.txt"
    first, _ = labels.read_text().splitlines()
    labels.write_text(f"{first}\n4 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n")
    other = kitchen.new_project()
    kitchen.take("yolo-seg", out, other)
    [final] = [f for f in kitchen.finals(other) if mark in f.item.name]
    assert list(masks_of(final)) == ["rice", "apple"]
    [mask] = masks_of(final)["apple"]
    np.testing.assert_array_equal(masks_of(final)["rice"], [RING])
    np.testing.assert_array_equal(np.argwhere(mask)[[0, -1]], [[18, 24], [36, 48]])
    assert mask.sum() == 19 * 25


def test_exact_masks_refer_to_their_label_file(kitchen: Kitchen, out: Path) -> None:
    for line in (out / "masks.jsonl").read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        content = (out / entry["labels"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["labels_sha256"]
        assert len(entry["counts"]) == len(content.splitlines())


# Imports of files from other programs


def described(**rest: Any) -> dict[str, Any]:
    return {"train": "images/train", "val": "images/val", "names": ["rice", "peas"], **rest}


def write(folder: Path, lines: str, photo: str = "images/train/one.png", **rest: Any) -> Path:
    """Make a data set of one photo."""
    labels = folder / photo.replace("images", "labels").replace(".png", ".txt")
    for path in (folder / photo, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    (folder / photo).write_bytes(encoded(draw(SMALL, 9), "PNG"))
    labels.write_text(lines)
    (folder / "images" / "val").mkdir(parents=True, exist_ok=True)
    (folder / "data.yaml").write_text(yaml.safe_dump(described(**rest)))
    return folder


def expected() -> np.ndarray:
    mask = np.zeros(SMALL, np.bool_)
    mask[12:25, 32:49] = True
    return mask


@pytest.mark.parametrize(
    ("photo", "rest"),
    [
        ("images/train/one.png", {}),
        ("images/train/one.png", {"names": {1: "peas", 0: "rice"}}),
        ("images/train/one.png", {"names": {"0": "rice"}}),
        ("images/train/one.png", {"path": "/home/someone/elsewhere"}),
        ("images/train/one.png", {"path": "."}),
        ("data/images/train/one.png", {"path": "data", "val": None}),
        ("images/train/deeper/one.png", {"train": ["images/train", "images/val"], "val": None}),
        ("train/images/one.png", {"train": "../train/images", "val": "../valid/images"}),
    ],
)
def test_data_sets_of_other_programs_are_read(
    kitchen: Kitchen, tmp_path: Path, photo: str, rest: dict[str, Any]
) -> None:
    folder = write(tmp_path / "in", BOX, photo, **rest)
    (folder / "valid" / "images").mkdir(parents=True)
    for place in (folder, folder / "data.yaml"):
        project = kitchen.new_project()
        report = kitchen.take("yolo-seg", place, project)
        assert (report.photos, report.foods, report.not_taken) == (1, 1, ())
        [final] = kitchen.finals(project)
        np.testing.assert_array_equal(masks_of(final)["rice"], [expected()])


def test_a_photo_without_a_label_file_has_no_foods(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "labels" / "train" / "one.txt").unlink()
    project = kitchen.new_project()
    report = kitchen.take("yolo-seg", folder, project)
    assert (report.photos, report.foods, report.not_taken) == (1, 0, ())
    assert kitchen.finals(project) == []


def test_a_photo_in_two_splits_is_read_once(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX, val="images/train")
    report = kitchen.take("yolo-seg", folder, kitchen.new_project())
    assert (report.photos, report.known_photos, report.foods) == (1, 0, 1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2" + BOX[1:], "Its class 2 is not in data.yaml."),
        ("-1" + BOX[1:], "Its class -1 is not in data.yaml."),
        ("0.5" + BOX[1:], "Its class 0.5 is not in data.yaml."),
        ("nan" + BOX[1:], "Its class nan is not in data.yaml."),
        ("rice" + BOX[1:], "It is not a line of numbers."),
        ("0 0.5 0.5 0.2 0.2", "It is not an outline of at least three points; a box alone is not enough."),
        (
            "0 0.1 0.1 0.2 0.2 0.3",
            "It is not an outline of at least three points; a box alone is not enough.",
        ),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 4.5", "It is not an outline of at least three points; a box alone"),
        ("0", "It is not an outline of at least three points; a box alone is not enough."),
        (BOX + " 1.1 0.5", "It lies outside the photo of 64 x 48 pixels, at 70.4, 24."),
        (BOX + " inf 0.5", "Its points are not pairs of numbers."),
        ("0 32 12 48 12 48 24", "It lies outside the photo of 64 x 48 pixels, at 2048, 576."),
    ],
)
def test_an_invalid_line_is_reported_and_the_rest_imported(
    kitchen: Kitchen, tmp_path: Path, line: str, why: str
) -> None:
    folder = write(tmp_path / "in", f"{BOX}\n\n{line}\n")
    project = kitchen.new_project()
    report = kitchen.take("yolo-seg", folder, project)
    [left] = report.not_taken
    assert left.what == "labels/train/one.txt, line 2"
    assert left.why.startswith(why)
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [expected()])


def test_a_class_may_be_written_as_a_decimal(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project()
    kitchen.take("yolo-seg", write(tmp_path / "in", f"1.000e+00{BOX[1:]}\n"), project)
    assert list(masks_of(kitchen.finals(project)[0])) == ["peas"]


def test_a_label_file_that_is_not_text_is_reported(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "labels" / "train" / "one.txt").write_bytes(b"0 \xff\xfe")
    rows = kitchen.rows()
    [left] = kitchen.take("yolo-seg", folder).not_taken
    assert (left.what, left.why) == ("images/train/one.png", "Its label file is damaged, or not a text file.")
    assert kitchen.rows() == rows


@pytest.mark.parametrize("entry", ["../secret", "/etc", "{folder}/secret", "../../../secret"])
def test_nothing_outside_the_folder_is_read(kitchen: Kitchen, tmp_path: Path, entry: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "one.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    folder = write(tmp_path / "in", BOX, val=entry.format(folder=tmp_path))
    report = kitchen.take("yolo-seg", folder, kitchen.new_project())
    [left] = report.not_taken
    assert left.what == "data.yaml, val"
    assert "outside" in left.why or "There is no folder" in left.why
    assert report.photos == 1


def test_a_missing_folder_is_reported(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX, val="images/valid")
    [left] = kitchen.take("yolo-seg", folder, kitchen.new_project()).not_taken
    assert (left.what, left.why) == ("data.yaml, val", "There is no folder 'images/valid'.")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"names: [a\n",
        b"\xff\xfe\x00",
        b"- a\n- b\n",
        b"train: images/train\n",
        b"names: 7\n",
        b"names: {a: rice}\n",
        b"names: []\n",
        b"names: [[rice]]\n",
        b"names: {.inf: rice}\n",
        b"names: !!bool maybe\n",
        b"names: !!int ''\n",
        b"names: !!timestamp lunch\n",
    ],
)
def test_a_damaged_data_file_changes_nothing(kitchen: Kitchen, tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "data.yaml").write_bytes(content)
    rows = kitchen.rows()
    with pytest.raises(StoreError, match=r"data\.yaml (is damaged|does not)"):
        kitchen.take("yolo-seg", folder)
    assert kitchen.rows() == rows


@pytest.mark.parametrize(
    "change",
    [
        b"{",
        b"[]",
        b"7",
        json.dumps({"labels": "labels/train/one.txt"}).encode(),
        json.dumps(
            {"labels": [], "labels_sha256": "", "photo_sha256": "", "group": "", "size": [], "counts": []}
        ).encode(),
        json.dumps(
            {"labels": "a", "labels_sha256": "", "photo_sha256": "", "group": "", "size": 1, "counts": 1}
        ).encode(),
        json.dumps(
            {"labels": "a", "labels_sha256": "", "photo_sha256": "", "group": 1, "size": [], "counts": []}
        ).encode(),
    ],
)
def test_a_damaged_line_of_exact_masks_is_reported_and_the_outline_used(
    kitchen: Kitchen, tmp_path: Path, change: bytes
) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "masks.jsonl").write_bytes(change + b"\n")
    project = kitchen.new_project()
    report = kitchen.take("yolo-seg", folder, project)
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("masks.jsonl, line 1", "It is damaged; the outlines are used instead.")
    ]
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [expected()])


# Rows of predictions


def taken(kitchen: Kitchen, folder: Path) -> tuple[list[np.ndarray], list[tuple[str, str]]]:
    """Return the masks in the order of the rows, and what was left out."""
    project = kitchen.new_project()
    report = kitchen.take("yolo-seg", folder, project)
    masks = [
        mask for final in kitchen.finals(project) for found in masks_of(final).values() for mask in found
    ]
    return masks, [(one.what, one.why) for one in report.not_taken]


PREDICTED = "They are the confidence or the track of a prediction, and no corner."


@pytest.mark.parametrize(
    ("rows", "predicted"),
    [
        ([f"{BOX} 0.873"], [1]),
        ([f"{BOX} 1"], [1]),
        ([f"{BOX} 0.91 12"], [1]),
        ([f"{BOX} 0.91 1"], [1]),
        ([f"{BOX} 0.91 1", f"1{BOX[1:]} 0.8 2"], [1, 2]),
        ([f"{BOX} 0.873", f"1{BOX[1:]} 0.6 1"], [1, 2]),
    ],
    ids=["confidence", "confidence 1", "and a track", "a corner that crosses", "two tracks", "mixed"],
)
def test_numbers_of_a_prediction_are_no_corners(
    kitchen: Kitchen, tmp_path: Path, rows: list[str], predicted: list[int]
) -> None:
    masks, left = taken(kitchen, write(tmp_path / "in", "\n".join(rows)))
    assert len(masks) == len(rows)
    for mask in masks:
        np.testing.assert_array_equal(mask, expected())
    assert left == [(f"labels/train/one.txt, line {number}, last numbers", PREDICTED) for number in predicted]


def test_a_corner_at_the_edge_of_the_photo_is_a_corner(kitchen: Kitchen, tmp_path: Path) -> None:
    masks, left = taken(kitchen, write(tmp_path / "in", "0 0.5 0.5 1 0.5 1 1 0.5 1"))
    assert left == []
    np.testing.assert_array_equal(np.argwhere(masks[0])[[0, -1]], [[24, 32], [47, 63]])


@pytest.mark.parametrize("row", ["0 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.2 0.2 0.91", "0 0.5 0.5 0.2 0.2 0.91 1"])
def test_boxes_of_a_prediction_are_boxes(kitchen: Kitchen, tmp_path: Path, row: str) -> None:
    masks, left = taken(kitchen, write(tmp_path / "in", f"{BOX}\n{row}"))
    assert len(masks) == 1
    assert left == [
        (
            "labels/train/one.txt, line 2",
            "It is not an outline of at least three points; a box alone is not enough.",
        )
    ]


def test_key_points_are_refused(kitchen: Kitchen, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="describes key points, not outlines"):
        kitchen.take("yolo-seg", write(tmp_path / "in", BOX, kpt_shape=[17, 3]))


# Data sets as other programs lay them out


@pytest.mark.parametrize(
    "entry", ["./images/train/one.png", "data/images/train/one.png", "images\\train\\one.png"]
)
def test_a_split_may_be_a_list_of_photos(kitchen: Kitchen, tmp_path: Path, entry: str) -> None:
    """CVAT writes such lists, with a folder in front that is not in its archive."""
    folder = write(tmp_path / "in", BOX, train="train.txt", val=None, path=".")
    (folder / "train.txt").write_text(f"{entry}\n\n", encoding="utf-8-sig")
    masks, left = taken(kitchen, folder)
    np.testing.assert_array_equal(masks, [expected()])
    assert left == []


def test_a_file_without_splits_is_named(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX, train=None, val=None)
    report = kitchen.take("yolo-seg", folder, kitchen.new_project())
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("data.yaml", "It names no photos; expected train, val or test."),
        ("labels/train/one.txt", "No photo of the data set has its name."),
    ]
    assert report.unnamed == ("images/train/one.png",)


def test_an_entry_of_a_list_without_its_photo_is_named(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX, train="train.txt", val="val.txt")
    (folder / "train.txt").write_text("images/train/one.png\nimages/tuesday/one.png\n")
    masks, left = taken(kitchen, folder)
    assert len(masks) == 1
    assert [what for what, _ in left] == ["data.yaml, val", "train.txt, images/tuesday/one.png"]
    assert left[0][1] == "There is no list of photos 'val.txt'."


@pytest.mark.parametrize("names", ["classes.txt", "notes.json", "both", "obj.names"])
def test_a_data_set_of_label_studio_has_no_yaml(kitchen: Kitchen, tmp_path: Path, names: str) -> None:
    folder = write(tmp_path / "in", f"1{BOX[1:]}", photo="images/3f2c91ab-one.png")
    (folder / "images" / "3f2c91ab-one.png").rename(folder / "images" / "one.png")
    (folder / "data.yaml").unlink()
    if names != "notes.json":
        file = folder / ("obj.names" if names == "obj.names" else "classes.txt")
        file.write_text("rice\npeas\n", encoding="utf-8-sig")
    if names in ("notes.json", "both"):
        notes = {"categories": [{"id": 0, "name": "rice"}, {"id": 1, "name": "peas"}]}
        (folder / "notes.json").write_text(json.dumps(notes))
    project = kitchen.new_project()
    report = kitchen.take("yolo-seg", folder, project)
    assert (report.photos, report.foods, report.labels, report.not_taken) == (1, 1, ("peas",), ())


def test_class_names_that_contradict_each_other_are_refused(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "data.yaml").unlink()
    (folder / "classes.txt").write_text("rice\npeas\n")
    (folder / "notes.json").write_text(json.dumps({"categories": [{"id": 0, "name": "peas"}]}))
    with pytest.raises(StoreError, match=r"other class names in notes\.json than in classes\.txt"):
        kitchen.take("yolo-seg", folder)


def test_label_files_without_a_photo_and_photos_of_no_split_are_said(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "labels" / "train" / "gone.txt").write_text(BOX)
    (folder / "images" / "extra").mkdir()
    (folder / "images" / "extra" / "two.png").write_bytes(encoded(draw(SMALL, 10), "PNG"))
    report = kitchen.take("yolo-seg", folder, kitchen.new_project())
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("labels/train/gone.txt", "No photo of the data set has its name.")
    ]
    assert report.unnamed == ("images/extra/two.png",)


def test_thumbnails_among_the_photos_are_left_out_and_named(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX)
    thumb = folder / "images" / "train" / "@eaDir" / "one.png" / "thumb.png"
    thumb.parent.mkdir(parents=True)
    thumb.write_bytes(encoded(draw(SMALL, 11), "PNG"))
    report = kitchen.take("yolo-seg", folder, kitchen.new_project())
    assert (report.photos, report.unnamed) == (1, ())
    assert {one.what for one in report.not_taken} == {"images/train/@eaDir/one.png/thumb.png"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_text_files_may_begin_with_a_byte_order_mark(kitchen: Kitchen, tmp_path: Path, encoding: str) -> None:
    folder = write(tmp_path / "in", BOX)
    for path in (folder / "data.yaml", folder / "labels" / "train" / "one.txt"):
        path.write_text(path.read_text(), encoding=encoding)
    masks, left = taken(kitchen, folder)
    np.testing.assert_array_equal(masks, [expected()])
    assert left == []


@pytest.mark.parametrize(
    "names", ["[rice, null]", "[rice, ~]", "{0: rice, true: peas}", "{0: rice, .nan: peas}"]
)
def test_words_for_nothing_are_no_names(kitchen: Kitchen, tmp_path: Path, names: str) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "data.yaml").write_text(f"train: images/train\nnames: {names}\n")
    with pytest.raises(StoreError, match=r"does not give the names of the classes by number"):
        kitchen.take("yolo-seg", folder)
