"""The food record as a spreadsheet reads it."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from rvernet_app.spreadsheet import as_typed
from rvernet_app.store.annotations import Draft, save
from rvernet_app.store.consensus import FinalPhoto
from rvernet_app.store.review import accept
from tests.rvernet_app.exchange.formats.kitchen import CREME, RING, TWO_PARTS, Kitchen, meal_in
from tests.rvernet_app.store.desk import commit


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("csv", tmp_path / "out")
    return tmp_path / "out"


ID_COLUMNS = ("photo_file", "photo_id", "food_id", "photo_sha256")


def read(path: Path) -> list[dict[str, str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def file_name(final: FinalPhoto) -> str:
    """Return the name that exports give a photo's file."""
    stems = {"../été/many?.png": "many_"}
    given = Path(final.item.name)
    return f"{stems.get(final.item.name, given.stem)}-{final.item.photo.sha256[:8]}{given.suffix}"


def test_a_row_is_a_food(kitchen: Kitchen, out: Path) -> None:
    rows = read(out / "foods.csv")
    assert len(rows) == 10
    assert list(rows[0]) == [
        "photo",
        "leftovers_of",
        "meal",
        "food",
        "food_code",
        "amount",
        "unit",
        "low",
        "high",
        "method",
        "note",
        "annotator",
        "time",
        "reviewed_at",
        "mask_area_px",
        "photo_file",
        "photo_id",
        "food_id",
        "photo_sha256",
    ]
    ids = [{name: row.pop(name) for name in ID_COLUMNS} for row in rows]
    times = [row.pop("time") for row in rows]
    assert rows[0] == {
        "photo": "plate 1.png",
        "meal": meal_in("train"),
        "food": "rice",
        "food_code": "168878",
        "amount": "150",
        "unit": "g",
        "low": "120",
        "high": "180.5",
        "method": "weighed",
        "note": "'=1+1, «two»\nlines",
        "annotator": "Ann, RD",
        "mask_area_px": str(RING.sum()),
        "leftovers_of": "",
        "reviewed_at": "",
    }
    assert rows[1] == {
        "photo": "plate 1.png",
        "meal": meal_in("train"),
        "food": CREME,
        "food_code": "",
        "amount": "",
        "unit": "",
        "low": "",
        "high": "",
        "method": "",
        "note": "",
        "annotator": "Ann, RD",
        "mask_area_px": str(TWO_PARTS.sum()),
        "leftovers_of": "",
        "reviewed_at": "",
    }
    photos = [(final, food) for final in kitchen.finals() for food in final.foods]
    assert ids == [
        {
            "photo_file": file_name(final).replace("=", "'=", 1),
            "photo_id": str(final.item.id),
            "food_id": str(food.annotation.id),
            "photo_sha256": final.item.photo.sha256,
        }
        for final, food in photos
    ]
    for time, food in zip(times, (f for final in kitchen.finals() for f in final.foods), strict=True):
        assert datetime.fromisoformat(time) == food.saved_at.replace(microsecond=0)
        assert datetime.fromisoformat(time).tzinfo == timezone.utc


def test_rows_join_the_other_exports(kitchen: Kitchen, out: Path, tmp_path: Path) -> None:
    """Two photos have the same name, and one of them two foods with the same name."""
    kitchen.export("coco", tmp_path / "coco")
    described = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    files = {image["id"]: image["file_name"] for image in described["images"]}
    joined = {str(one["id"]): (files[one["image_id"]], one["area"]) for one in described["annotations"]}
    rows = read(out / "foods.csv")
    assert {row["food_id"]: (as_typed(row["photo_file"]), int(row["mask_area_px"])) for row in rows} == joined
    assert len({row["photo_file"] for row in rows if row["photo"] == "plate 1.png"}) == 2


def test_a_food_that_another_one_covers_wholly_was_eaten_as_well(kitchen: Kitchen, tmp_path: Path) -> None:
    first = kitchen.finals()[0].foods[0]
    draft = Draft(first.rle, first.label.id)
    newer = commit(kitchen.store, save, kitchen.items[0], kitchen.ann, draft)
    reports = {name: kitchen.export(name, tmp_path / name) for name in ("csv", "coco")}
    rows = {row["food_id"]: row["mask_area_px"] for row in read(tmp_path / "csv" / "foods.csv")}
    assert (rows[str(first.annotation.id)], rows[str(newer.id)]) == ("0", str(RING.sum()))
    assert (reports["csv"].foods, reports["coco"].foods) == (11, 10)
    assert "foods completely covered by others" not in reports["csv"].left_out
    assert reports["coco"].left_out["foods completely covered by others"] == 1


def test_leftovers_refer_to_the_photo_of_the_meal(out: Path) -> None:
    rows = read(out / "foods.csv")
    assert {row["photo"]: row["leftovers_of"] for row in rows if row["leftovers_of"]} == {
        "left.png": "plate 1.png"
    }


def test_a_review_does_not_change_the_time(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("csv", tmp_path / "before")
    food = kitchen.finals()[1].foods[0].annotation
    commit(kitchen.store, accept, kitchen.items[1], kitchen.ben, food.id, food.revision)
    kitchen.export("csv", tmp_path / "after")
    before, after = (read(tmp_path / name / "foods.csv") for name in ("before", "after"))
    assert [row["time"] for row in before] == [row["time"] for row in after]
    assert [bool(row["reviewed_at"]) for row in after] == [row["photo"] == "'=plate.jpg" for row in after]
    assert not any(row["reviewed_at"] for row in before)


def test_formulas_become_text(out: Path) -> None:
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


def test_meals_sum_up_grams_served_and_grams_left(kitchen: Kitchen, out: Path) -> None:
    rows = read(out / "meals.csv")
    files = [file_name(final) for final in kitchen.finals()]
    assert [list(row.values()) for row in rows] == [
        [meal_in("train"), "plate 1.png", "2", "3", "2", "150", "30.5", files[0]],
        [meal_in("val"), "'=plate.jpg", "1", "1", "0", "0", "0", f"'{files[1]}"],
        [meal_in("train", 1), "empty.png", "1", "0", "0", "0", "0", files[2]],
        [meal_in("test"), "../été/many?.png", "1", "4", "0", "0", "0", files[4]],
        ["", "plate 1.png", "1", "2", "2", "100", "0", files[5]],
    ]
    assert list(rows[0]) == [
        "meal",
        "first_photo",
        "photos",
        "foods",
        "foods_in_grams",
        "grams",
        "grams_left",
        "first_photo_file",
    ]
