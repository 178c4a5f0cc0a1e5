"""Hugging Face's imagefolder: `{train,validation,test}/` with photos and `metadata.jsonl`.

Readers infer the type of each column from the first rows of each split, and refuse splits whose types differ.
So no value is ever null: a missing text is "", a missing number is -1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from rvernet_app.exchange.exporting import WITHOUT_FOODS, ExportPhoto, VisibleFood
from rvernet_app.store.tables import Label

FOLDERS = {"train": "train", "val": "validation", "test": "test"}
METADATA_NAME = "metadata.jsonl"
UNKNOWN = -1.0
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T][\d:.+Z-]*)?")


def write(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`. It has no photos without foods: an empty list has no type."""
    without_foods = 0
    metadata: dict[str, IO[str]] = {}
    with ExitStack() as stack:
        for photo in photos:
            if not photo.foods:
                without_foods += 1
                continue
            split = folder / FOLDERS[photo.split]
            if photo.split not in metadata:
                split.mkdir()
                file = (split / METADATA_NAME).open("w", encoding="ascii")
                metadata[photo.split] = stack.enter_context(file)
            photo.copy_into(split)
            metadata[photo.split].write(json.dumps(_row(photo)) + "\n")
    return {WITHOUT_FOODS: without_foods}


def _row(photo: ExportPhoto) -> dict[str, Any]:
    columns = [_columns(food) for food in photo.foods]
    return {
        "file_name": photo.name,
        "group": _text(photo.final.meal),
        "objects": {name: [food[name] for food in columns] for name in columns[0]},
    }


def _columns(food: VisibleFood) -> dict[str, Any]:
    row = food.annotation
    return {
        "label": _text(food.label.name),
        "bbox": list(food.box_xywh),
        "area": food.area,
        "segmentation": food.rle,
        "amount": _number(row.amount),
        "unit": _text(row.unit),
        "low": _number(row.low),
        "high": _number(row.high),
        "method": _text(row.method),
        "note": _text(row.note),
        "annotator": _text(food.annotator),
        "food_code": _text(food.label.food_code),
    }


def _number(value: float | None) -> float:
    return UNKNOWN if value is None else float(value)


def _text(value: str | None) -> str:
    """Append a space to a date, so that readers do not infer the type timestamp for a split of dates."""
    value = value or ""
    return f"{value} " if _TIME.fullmatch(value) else value
