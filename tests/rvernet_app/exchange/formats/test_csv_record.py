"""The food record, read as a spreadsheet reads it."""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from pathlib import Path

import pytest

from rvernet_app.store.review import accept
from tests.rvernet_app.exchange.formats.kitchen import CREME, RING, TWO_PARTS, Kitchen, meal_in
from tests.rvernet_app.store.desk import commit


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("csv", tmp_path / "out")
    return tmp_path / "out"


def read(path: Path) -> list[dict[str, str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_is_a_food(kitchen: Kitchen, out: Path) -> None:
    rows = read(out / "foods.csv")
    assert len(rows) == 10
    assert list(rows[0]) == [
        *("photo", "leftovers_of", "meal", "food", "food_code", "amount", "unit", "low", "high", "method"),
        *("note", "annotator", "time", "reviewed_at", "mask_area_px"),
    ]
    times = [row.pop("time") for row in rows]
    assert rows[0] == {
        **{"photo": "plate 1.png", "meal": meal_in("train"), "food": "rice", "food_code": "168878"},
        **{"amount": "150", "unit": "g", "low": "120", "high": "180.5", "method": "weighed"},
        **{"note": "'=1+1, «two»\nlines", "annotator": "Ann, RD", "mask_area_px": str(RING.sum())},
        **{"leftovers_of": "", "reviewed_at": ""},
    }
    assert rows[1] == {
        **{"photo": "plate 1.png", "meal": meal_in("train"), "food": CREME, "food_code": ""},
        **{"amount": "", "unit": "", "low": "", "high": "", "method": ""},
        **{"note": "", "annotator": "Ann, RD", "mask_area_px": str(TWO_PARTS.sum())},
        **{"leftovers_of": "", "reviewed_at": ""},
    }
    for time, food in zip(times, (f for final in kitchen.finals() for f in final.foods), strict=True):
        assert datetime.fromisoformat(time) == food.annotation.changed_at.replace(microsecond=0)
        assert datetime.fromisoformat(time).tzinfo == timezone.utc


def test_leftovers_name_the_photo_of_the_meal(out: Path) -> None:
    rows = read(out / "foods.csv")
    assert {row["photo"]: row["leftovers_of"] for row in rows if row["leftovers_of"]} == {
        "left.png": "plate 1.png"
    }


def test_a_review_leaves_the_time_as_it_was(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("csv", tmp_path / "before")
    food = kitchen.finals()[1].foods[0].annotation
    commit(kitchen.store, accept, kitchen.items[1], kitchen.ben, food.id, food.revision)
    kitchen.export("csv", tmp_path / "after")
    before, after = (read(tmp_path / name / "foods.csv") for name in ("before", "after"))
    assert [row["time"] for row in before] == [row["time"] for row in after]
    assert [bool(row["reviewed_at"]) for row in after] == [row["photo"] == "'=plate.jpg" for row in after]
    assert not any(row["reviewed_at"] for row in before)


def test_what_a_spreadsheet_would_run_is_made_text(out: Path) -> None:
    rows = read(out / "foods.csv")
    assert [row["photo"] for row in rows][2] == "'=plate.jpg"
    assert [row["food"] for row in rows][7] == "'=cmd|' /C calc'!A0"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_every_start_of_a_formula_gets_an_apostrophe(kitchen: Kitchen, tmp_path: Path, start: str) -> None:
    kitchen.change_item(0, meal=f"{start}5")
    kitchen.export("csv", tmp_path / "out")
    assert read(tmp_path / "out" / "foods.csv")[0]["meal"] == f"'{start}5"
    assert read(tmp_path / "out" / "meals.csv")[0]["meal"] == f"'{start}5"


def test_meals_add_up_their_grams_without_what_was_left(out: Path) -> None:
    rows = read(out / "meals.csv")
    assert [list(row.values()) for row in rows] == [
        [meal_in("train"), "plate 1.png", "2", "3", "2", "150", "30.5"],
        [meal_in("val"), "'=plate.jpg", "1", "1", "0", "0", "0"],
        [meal_in("train", 1), "empty.png", "1", "0", "0", "0", "0"],
        [meal_in("test"), "../été/many?.png", "1", "4", "0", "0", "0"],
        ["", "plate 1.png", "1", "2", "2", "100", "0"],
    ]
    assert list(rows[0]) == [
        "meal",
        "first_photo",
        "photos",
        "foods",
        "foods_in_grams",
        "grams",
        "grams_left",
    ]
