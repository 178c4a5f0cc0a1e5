"""The food record as an Excel workbook."""

from __future__ import annotations

import io
import zipfile
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from rvernet_app.store.annotations import Draft, Portion, save
from tests.rvernet_app.exchange.formats.kitchen import FORMULA, RING, Kitchen, meal_in
from tests.rvernet_app.store.desk import commit

Sheet = list[dict[str, Any]]


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("xlsx", tmp_path / "out")
    return tmp_path / "out" / "food-record.xlsx"


def rows(path: Path, title: str) -> Sheet:
    head, *rest = load_workbook(path)[title].iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rest]


def test_the_book_has_sheets_whose_heads_stay_in_sight(out: Path) -> None:
    book = load_workbook(out)
    assert book.sheetnames == ["Foods", "Photos", "Left out"]
    assert {sheet.freeze_panes for sheet in book} == {"A2"}
    assert book["Foods"]["A1"].font.bold
    assert book["Foods"].column_dimensions["A"].width == 28


def test_a_row_is_a_food_with_typed_numbers_and_times(kitchen: Kitchen, out: Path) -> None:
    finals = kitchen.finals()
    first, photo = finals[0].foods[0], finals[0].item
    saved = first.saved_at.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
    assert rows(out, "Foods")[0] == {
        "photo": "plate 1.png",
        "leftovers of": None,
        "meal": meal_in("train"),
        "food": "rice",
        "amount": 150,
        "unit": "g",
        "method": "weighed",
        "low": 120,
        "high": 180.5,
        "note": "=1+1, «two»\nlines",
        "who": "Ann, RD",
        "when (UTC)": saved,
        "reviewed (UTC)": None,
        "food code": "168878",
        "visible pixels": int(RING.sum()),
        "photo file": f"plate 1-{photo.photo.sha256[:8]}.png",
        "photo id": photo.id,
        "food id": first.annotation.id,
    }
    assert len(rows(out, "Foods")) == 10


def test_a_row_of_the_photos_counts_foods_and_grams(kitchen: Kitchen, out: Path) -> None:
    found = rows(out, "Photos")
    assert [(row["photo"], row["foods"], row["grams"]) for row in found] == [
        ("plate 1.png", 2, 150),
        ("=plate.jpg", 1, None),
        ("empty.png", 0, None),
        ("left.png", 1, 30.5),
        ("../été/many?.png", 4, None),
        ("plate 1.png", 2, 100),
    ]
    assert (found[1]["width"], found[1]["height"]) == (48, 64)
    assert found[3]["leftovers of"] == "plate 1.png"
    assert len({row["photo file"] for row in found}) == 6


def test_the_last_sheet_says_what_was_left_out(kitchen: Kitchen, tmp_path: Path) -> None:
    report = kitchen.export("xlsx", tmp_path / "out")
    found = rows(tmp_path / "out" / "food-record.xlsx", "Left out")
    assert {row["what"]: row["number"] for row in found} == report.left_out


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_texts_never_become_formulas(kitchen: Kitchen, tmp_path: Path, start: str) -> None:
    kitchen.change_item(0, meal=f"{start}1+1")
    kitchen.export("xlsx", tmp_path / "out")
    path = tmp_path / "out" / "food-record.xlsx"
    cell = load_workbook(path)["Foods"]["C2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (f"{start}1+1", "s", True)
    foods = [cell for (cell,) in load_workbook(path)["Foods"]["D2:D11"]]
    assert {cell.data_type for cell in foods} == {"s"}
    assert FORMULA in [cell.value for cell in foods]
    with zipfile.ZipFile(path) as parts:
        assert not any(b"<f>" in parts.read(name) for name in parts.namelist())


@pytest.mark.parametrize("note", ["#N/A", "bell \x07", "x" * 10_000])
def test_any_note_is_a_text(kitchen: Kitchen, tmp_path: Path, note: str) -> None:
    food = kitchen.finals()[0].foods[0]
    draft = Draft(food.rle, food.label.id, note=note, portion=Portion(1.5, "g", "weighed"))
    saved = commit(kitchen.store, save, kitchen.items[0], kitchen.ann, draft)
    kitchen.export("xlsx", tmp_path / "out")
    [row] = [r for r in rows(tmp_path / "out" / "food-record.xlsx", "Foods") if r["food id"] == saved.id]
    assert (row["note"], row["amount"]) == (note.replace("\x07", "\N{REPLACEMENT CHARACTER}"), 1.5)


def test_the_file_is_a_complete_archive(out: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(out.read_bytes())) as parts:
        assert parts.testzip() is None
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert [path.name for path in out.parent.iterdir()] == ["food-record.xlsx"]
