"""YOLO import: layouts of other tools, and everything that can be wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rvernet_app.errors import StoreError
from tests.rvernet_app.exchange.formats.kitchen import SMALL, Kitchen, draw, encoded, masks_of

BOX = "0 0.5 0.25 0.75 0.25 0.75 0.5 0.5 0.5"
"""From pixel (32, 12) to (48, 24), both included, as outlines are filled."""


def described(**rest: Any) -> dict[str, Any]:
    return {"train": "images/train", "val": "images/val", "names": ["rice", "peas"], **rest}


def write(folder: Path, lines: str, photo: str = "images/train/one.png", **rest: Any) -> Path:
    """A data set of one photo."""
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
def test_data_sets_of_other_tools_are_read(
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


def test_a_photo_that_two_splits_share_is_read_once(kitchen: Kitchen, tmp_path: Path) -> None:
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
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "It is not an outline of at least three points; a box alone"),
        ("0", "It is not an outline of at least three points; a box alone is not enough."),
        (BOX + " 1.1 0.5", "It lies outside the photo of 64 x 48 pixels, at 70.4, 24."),
        (BOX + " inf 0.5", "Its points are not pairs of numbers."),
        ("0 32 12 48 12 48 24", "It lies outside the photo of 64 x 48 pixels, at 2048, 576."),
    ],
)
def test_a_line_of_no_use_is_named_and_the_rest_taken(
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


def test_a_label_file_that_is_no_text_is_named(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "labels" / "train" / "one.txt").write_bytes(b"0 \xff\xfe")
    rows = kitchen.rows()
    [left] = kitchen.take("yolo-seg", folder).not_taken
    assert (left.what, left.why) == ("images/train/one.png", "Its label file is damaged, or no text.")
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


def test_a_folder_that_is_missing_is_named(kitchen: Kitchen, tmp_path: Path) -> None:
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
def test_a_damaged_line_of_exact_masks_is_named_and_the_outlines_taken(
    kitchen: Kitchen, tmp_path: Path, change: bytes
) -> None:
    folder = write(tmp_path / "in", BOX)
    (folder / "masks.jsonl").write_bytes(change + b"\n")
    project = kitchen.new_project()
    report = kitchen.take("yolo-seg", folder, project)
    assert [(one.what, one.why) for one in report.not_taken] == [
        ("masks.jsonl, line 1", "It is damaged; the outlines are taken instead.")
    ]
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [expected()])
