"""Sources that would stall or end the program are imported without their bad part, or refused.

What the old ways took minutes, gigabytes or the whole process for is done in the time of any other test.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from rvernet_app import label_files
from rvernet_app.errors import LabelError, PromptError, StoreError
from rvernet_app.exchange import archive, plan
from rvernet_app.exchange.formats import outlines
from rvernet_app.exchange.formats.outlines import filled, outline
from rvernet_app.exchange.formats.yolo_files import yaml_of
from rvernet_app.exchange.formats.yolo_rows import Row, parse_rows
from rvernet_app.label_files import MAX_SHEET, decode_label_set
from rvernet_app.store.label_sets import labels_of
from tests.rvernet_app.exchange.formats.coco_source import MASK, new_source, one_photo, write_coco
from tests.rvernet_app.exchange.formats.kitchen import SMALL, Kitchen, draw, encoded, masks_of
from tests.rvernet_app.exchange.test_archive import SOUND, zipped

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def coco_with(outline: list[float]) -> dict[str, Any]:
    described = one_photo()
    described["annotations"].append({**described["annotations"][0], "id": 4, "segmentation": [outline]})
    return described


@pytest.mark.parametrize(
    ("outline", "why"),
    [
        ([1.0, 1.0, 60.0, 40.0] * 40_000, "Its outline is too long; it runs to and fro across the photo."),
        ([1.0, 1.0] * 200_001, "Its outline has 200001 points, over the limit of 200000."),
        ([1e300, 1.0] * 3, "It lies outside the photo of 64 x 48 pixels, at 1e+300, 1."),
    ],
)
def test_an_endless_outline_costs_only_itself(
    kitchen: Kitchen, tmp_path: Path, outline: list[float], why: str
) -> None:
    source = new_source(tmp_path / "in")
    write_coco(source, coco_with(outline))
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert [one.why for one in report.not_taken] == [why]
    np.testing.assert_array_equal(masks_of(kitchen.finals(project)[0])["rice"], [MASK])


def test_a_photo_has_a_limit_on_its_foods(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MAX_FOODS", 2)
    source = new_source(tmp_path / "in")
    described = one_photo()
    one = described["annotations"][0]
    described["annotations"] = [
        {**one, "id": number, "segmentation": [[1, 1, 9, 1, 9, 5 + number]]} for number in range(4)
    ]
    write_coco(source, described)
    report = kitchen.take("coco", source, kitchen.new_project())
    assert report.foods == 2
    assert [one.why for one in report.not_taken] == ["It has 4 foods; only the first 2 are taken."]


def test_a_chain_of_more_categories_than_calls_nest_is_taken(kitchen: Kitchen, tmp_path: Path) -> None:
    source = new_source(tmp_path / "in")
    described = one_photo()
    described["categories"] = [
        {"id": number, "name": f"food {number}", "supercategory": f"food {number + 1}"}
        for number in range(1200)
    ]
    write_coco(source, described)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert (report.foods, len(report.labels)) == (1, 1195)  # its food is the fifth of the chain
    with kitchen.store.reading() as session:
        names = {label.id: label.name for label in labels_of(session, project)}
        parents = {label.name: names.get(label.parent_id or 0) for label in labels_of(session, project)}
    assert parents["food 5"] == "food 6"
    assert parents["food 1199"] is None


def test_a_lone_surrogate_does_not_come_in(kitchen: Kitchen, tmp_path: Path) -> None:
    source = new_source(tmp_path / "in")
    described = one_photo()
    described["categories"][0]["synonyms"] = ["arroz\udc80", "reis"]
    described["annotations"].append({**described["annotations"][0], "id": 4, "category_id": 6})
    described["categories"].append({"id": 6, "name": "so\ud800up"})
    write_coco(source, described)
    project = kitchen.new_project()
    report = kitchen.take("coco", source, project)
    assert [one.why for one in report.not_taken] == [
        "Its name or its note holds characters that cannot be stored."
    ]
    with kitchen.store.reading() as session:
        assert [(label.name, label.synonyms) for label in labels_of(session, project)] == [("rice", ["reis"])]


def yolo(folder: Path, rows: str, data: str = "train: images\nnames: [rice, peas]\n") -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text(data)
    (folder / "images" / "one.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    (folder / "labels" / "one.txt").write_text(rows)
    return folder


ROW = "0 0.25 0.25 0.75 0.25 0.75 0.5"


def test_label_files_of_many_rows_and_long_rows_are_cut(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MAX_FOODS", 2)
    long = "0 " + "0.5 0.25 0.75 0.5 " * 150_000
    source = yolo(tmp_path / "in", "\n".join((long, *[ROW] * 200_000)))
    report = kitchen.take("yolo-seg", source, kitchen.new_project())
    assert report.foods == 1
    assert [one.why for one in report.not_taken] == [
        "It has 200001 foods; only the first 2 are taken.",
        "It is an outline of 300000 points, over the limit of 200000.",
    ]


def test_exact_masks_hold_whatever_breaks_lines(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("yolo-seg", tmp_path / "out")
    [first, *_] = sorted((tmp_path / "out" / "labels").rglob("*.txt"))
    first.write_text(first.read_text() + "\x0b0 1 1\x0c\n")
    report = kitchen.take("yolo-seg", tmp_path / "out", kitchen.new_project())
    assert report.photos == 6


@pytest.mark.parametrize("last", ["9" * 5000, "1e999", "nan"])
def test_numbers_of_any_length_end_in_a_row_or_a_reason(last: str) -> None:
    [row] = parse_rows([f"{ROW} 0.5 {last}"])
    assert not isinstance(row, Row) or len(row.shares) >= 6


def test_a_long_outline_that_ends_like_a_prediction_is_read() -> None:
    angle = np.linspace(0, 2 * np.pi, 50_000, endpoint=False)
    shares = (0.5 + 0.4 * np.stack((np.cos(angle), np.sin(angle)), axis=1)).ravel()
    [row] = parse_rows([f"0 {' '.join(f'{share:.6f}' for share in shares)} 0.5 1"])
    assert isinstance(row, Row)
    assert row.extra == ("0.5", "1")


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        "a: &a {x: 1}\nb: {<<: [*a, *a]}\n",
        "a: " + "[" * 5000,
        "{" * 5000,
        "- " * 5000,
        "\0",
        "a: b: c",
    ],
)
def test_yaml_that_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        yaml_of(text)


def test_yaml_holds_texts() -> None:
    text = "a: 1:1\nb: 2020-01-01\nc: no\nd: [~, 0x_, 1_000.5]\n"
    assert yaml_of(text) == {"a": "1:1", "b": "2020-01-01", "c": "no", "d": ["~", "0x_", "1_000.5"]}


def test_a_class_may_be_called_no(kitchen: Kitchen, tmp_path: Path) -> None:
    source = yolo(tmp_path / "in", ROW, "train: images\nnames: [no, 1:1]\n")
    assert kitchen.take("yolo-seg", source, kitchen.new_project()).labels == ("no",)


def test_yaml_of_megabytes_is_not_parsed(kitchen: Kitchen, tmp_path: Path) -> None:
    source = yolo(tmp_path / "in", ROW, "names: [rice]\nx:\n" + "- {a: [b, c]}\n" * 300_000)
    with pytest.raises(StoreError, match=r"it has 4\.2 MB, over the limit of 1 MB"):
        kitchen.take("yolo-seg", source)


@needs_pipes
@pytest.mark.parametrize("name", ["coco", "labelme", "yolo-seg"])
def test_pipes_and_folders_among_photos_and_labels_are_named(
    kitchen: Kitchen, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "in"
    kind: dict[str, Callable[[Path], Path]] = {
        "coco": new_source,
        "yolo-seg": lambda place: yolo(place, ROW),
        "labelme": labelme,
    }
    kind[name](folder)
    os.mkfifo(folder / "images" / "pipe.png")
    os.mkfifo(folder / "pipe.txt")
    (folder / "images" / "folder.jpg").mkdir()
    (folder / "images" / "loop.png").symlink_to(folder / "images" / "loop.png")
    report = kitchen.take(name, folder, kitchen.new_project())
    assert report.photos == 1
    assert {one.what for one in report.not_taken if one.why == "It is not a file."} == {
        "images/folder.jpg",
        "images/loop.png",
        "images/pipe.png",
    }


def labelme(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "one.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    shape = {"label": "rice", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    (folder / "images" / "one.json").write_text(json.dumps({"imagePath": "one.png", "shapes": [shape]}))
    return folder


@needs_pipes
@pytest.mark.parametrize("suffix", [".json", ".zip"])
@pytest.mark.parametrize("name", ["coco", "yolo-seg"])
def test_a_pipe_is_no_source(kitchen: Kitchen, tmp_path: Path, name: str, suffix: str) -> None:
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match="it is not a file"):
        kitchen.take(name, pipe)


@needs_pipes
def test_a_pipe_is_no_labelme_file(kitchen: Kitchen, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    report = kitchen.take("labelme", tmp_path / "pipe.json")
    assert [one.why for one in report.not_taken] == ["It cannot be read: it is not a file."]


def test_members_that_no_file_can_be_are_named(kitchen: Kitchen, tmp_path: Path) -> None:
    odd = {"a" * 300 + ".png": b"", "images/default/one.png/inner.png": b""}
    report = kitchen.take("coco", zipped(tmp_path / "in.zip", SOUND | odd), kitchen.new_project())
    assert report.foods == 1
    assert [one.why for one in report.not_taken] == [
        "Its name is too long.",
        "The archive has a file of the name of its folder.",
    ]


def test_the_list_of_members_has_a_limit(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipped(tmp_path / "in.zip", {f"{number}.txt": b"" for number in range(300)})
    monkeypatch.setattr(archive, "MAX_DIRECTORY", 10_000)
    with pytest.raises(StoreError, match=r"its list of files has more than 0\.01 MB"):
        kitchen.take("coco", source)


def test_a_mask_of_very_many_specks_becomes_one_outline() -> None:
    mask = np.zeros((480, 480), np.bool_)
    mask[::6, ::6] = True  # 6,400 specks
    corners = outline(mask)
    assert len(corners) < 200_000
    assert not (mask & ~filled(corners.tolist(), mask.shape)).any()


def test_a_food_has_a_limit_on_its_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlines, "MAX_PARTS", 2)
    with pytest.raises(PromptError, match="It has 3 outlines, over the limit of 2"):
        outlines.rle_of_parts([[1, 1, 5, 1, 5, 5]] * 3, SMALL)


def workbook(rows: int, **sheet: str) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["name"])
    for number in range(rows):
        book.active.append([f"food {number}"])
    plain, changed = io.BytesIO(), io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            text = old.read(part)
            for before, after in sheet.items() if part.filename.endswith("sheet1.xml") else ():
                text = text.replace(before.encode(), after.encode())
            new.writestr(part.filename, text)
    return changed.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"name\n" + b"x" * (4 * 10**6), "over 4 MB"),
        (b'name,parent\n"' + b"y" * 200_000 + b'",\n', "damaged: field larger"),
        (b"name,parent\n\0,\n", "not text"),
        (b"a\nb\nc\nd", "at most 3 labels"),
        (b"rice" + b"; r" * 200, "more than 100 synonyms"),
        (workbook(1, **{"<sheetData>": "<sheetData>" + " " * MAX_SHEET}), "over 8 MB when unpacked"),
    ],
)
def test_label_sets_have_limits(data: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_files, "MAX_LABELS", 3)
    with pytest.raises(LabelError, match=message):
        decode_label_set(data)


def test_a_sheet_that_says_to_have_a_million_rows_is_read() -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    data = workbook(2, **{'ref="A1:A3"': 'ref="A1:XFD1048576"', "</sheetData>": far})
    assert [label.name for label in decode_label_set(data).labels] == ["food 0", "food 1"]
