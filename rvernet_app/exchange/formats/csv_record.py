"""The food record for a spreadsheet: `foods.csv`, a row for each food, and `meals.csv`, a row for each meal.

`leftovers_of` names the photo of the meal, on photos that show its leftovers. `time` is when the annotator
last saved the food, `reviewed_at` when a reviewer accepted it. `photo_file` is the name that other exports
give the photo, which is unique; `photo_id` and `food_id` are the ids of the COCO export. `mask_area_px`
counts visible pixels; a food that others cover wholly has 0.

The files are UTF-8 with a byte order mark, so that spreadsheets recognize the encoding. An apostrophe
precedes texts that a spreadsheet would run as a formula.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from rvernet_app.exchange.exporting import COVERED_FOODS, WITHOUT_FOODS, ExportFood, ExportPhoto
from rvernet_app.spreadsheet import Cell, neutral
from rvernet_app.store.tables import ACCEPTED, Label

FOODS_NAME, MEALS_NAME = "foods.csv", "meals.csv"
FOOD_COLUMNS = (
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
)
MEAL_COLUMNS = (
    "meal",
    "first_photo",
    "photos",
    "foods",
    "foods_in_grams",
    "grams",
    "grams_left",
    "first_photo_file",
)


def write(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`. No photo is copied."""
    without_foods = 0
    with (
        (folder / FOODS_NAME).open("w", encoding="utf-8-sig", newline="") as file,
        closing(_Meals()) as meals,
    ):
        rows = _Rows(file, FOOD_COLUMNS)
        for photo in photos:
            without_foods += not photo.all_foods
            for food in photo.all_foods:
                rows.append(_food_row(food, photo))
            meals.add(photo)
        with (folder / MEALS_NAME).open("w", encoding="utf-8-sig", newline="") as meals_file:
            meal_rows = _Rows(meals_file, MEAL_COLUMNS)
            for row in meals:
                meal_rows.append(row)
    return {WITHOUT_FOODS: without_foods, COVERED_FOODS: 0}  # a covered food was eaten as well


class _Rows:
    """Write rows of cells under a header."""

    def __init__(self, file: IO[str], head: Sequence[str]) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(head)

    def append(self, cells: Iterable[Cell]) -> None:
        self._writer.writerow([neutral(cell) for cell in cells])


def _food_row(food: ExportFood, photo: ExportPhoto) -> tuple[Cell, ...]:
    row, before, item = food.annotation, photo.final.before, photo.final.item
    return (
        item.name,
        before.name if before else None,
        item.meal,
        food.label.name,
        food.label.food_code,
        row.amount,
        row.unit,
        row.low,
        row.high,
        row.method,
        row.note,
        food.annotator,
        _time(food.final.saved_at),
        _time(row.changed_at) if row.status == ACCEPTED else None,
        food.area,
        photo.name,
        item.id,
        row.id,
        item.photo.sha256,
    )


def _time(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat(timespec="seconds")


class _Meals:
    """Sums for each meal, in the order of their first photos. A photo without a meal counts as a meal.

    A temporary SQLite database holds the sums, so that memory does not grow with the number of meals.
    """

    def __init__(self) -> None:
        self._sums = sqlite3.connect("")
        self._sums.execute(
            "CREATE TABLE sums (key TEXT PRIMARY KEY, meal TEXT, first_photo TEXT, photos INT, foods INT, "
            "foods_in_grams INT, grams REAL, grams_left REAL, first_photo_file TEXT)"
        )

    def add(self, photo: ExportPhoto) -> None:
        """Add a photo to its meal. Leftovers are added up apart from what was served."""
        item = photo.final.item
        weighed = [food.annotation.amount or 0.0 for food in photo.all_foods if food.annotation.unit == "g"]
        grams = sum(weighed)
        served, left = (grams, 0.0) if item.before_id is None else (0.0, grams)
        self._sums.execute(
            "INSERT INTO sums VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "meal = coalesce(meal, excluded.meal), photos = photos + 1, foods = foods + excluded.foods, "
            "foods_in_grams = foods_in_grams + excluded.foods_in_grams, "
            "grams = grams + excluded.grams, grams_left = grams_left + excluded.grams_left",
            (
                photo.final.meal,
                item.meal,
                item.name,
                len(photo.all_foods),
                len(weighed),
                served,
                left,
                photo.name,
            ),
        )

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        """Yield a row of MEAL_COLUMNS for each meal."""
        return self._sums.execute(f"SELECT {', '.join(MEAL_COLUMNS)} FROM sums ORDER BY rowid")  # nosec B608  # constants

    def close(self) -> None:
        """Delete the database."""
        self._sums.close()
