"""YOLO segmentation: `data.yaml`, `images/<split>/`, and `labels/<split>/` with a line for each food: class, outline.

Such a line has neither holes nor parts: holes are filled, parts are joined by a bridge. The exact masks are in
`masks.jsonl` beside it, a line for each photo, and hold as long as the photo's label file is as it was written. There
too is the photo's `group`, the meal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from rvernet_app.exchange.exporting import ExportPhoto
from rvernet_app.exchange.formats.outlines import outline
from rvernet_app.picture.masks import Rle, from_rle
from rvernet_app.store.consensus import SPLITS
from rvernet_app.store.tables import Label

DATA_NAME = "data.yaml"
MASKS_NAME = "masks.jsonl"
INWARDS = 0.1
"""Of a pixel; what is written lies this far behind the pixel's number, so that readers that round it and readers that
cut off the fraction find the same pixel."""


def write(folder: Path, photos: Iterator[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """As `exporting.Write`. Classes are numbered from 0 in the label set's order."""
    numbers = {label.id: number for number, label in enumerate(labels)}
    for kind in ("images", "labels"):
        for split in SPLITS:
            (folder / kind / split).mkdir(parents=True)
    _write_data(folder / DATA_NAME, labels)
    with (folder / MASKS_NAME).open("w", encoding="ascii") as masks:
        for photo in photos:
            photo.copy_into(folder / "images" / photo.split)
            lines = [_line(numbers[food.label.id], food.rle, photo.size_hw) for food in photo.foods]
            content = "".join(lines).encode("ascii")
            place = f"labels/{photo.split}/{photo.stem}.txt"
            (folder / place).write_bytes(content)
            masks.write(json.dumps(_masks(photo, place, content)) + "\n")
    return {}


def _write_data(path: Path, labels: Sequence[Label]) -> None:
    described = {
        "path": "",  # the folder of this file, wherever it is moved to
        **{split: f"images/{split}" for split in SPLITS},
        "names": {number: label.name for number, label in enumerate(labels)},
    }
    path.write_text(yaml.safe_dump(described, sort_keys=False), encoding="ascii")


def _line(number: int, rle: Rle, size_hw: tuple[int, int]) -> str:
    height, width = size_hw
    points = outline(from_rle(rle, size_hw)) + INWARDS
    shares = (points / (width, height)).ravel()
    return f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n"


def _masks(photo: ExportPhoto, place: str, content: bytes) -> dict[str, Any]:
    return {
        "labels": place,
        "labels_sha256": hashlib.sha256(content).hexdigest(),
        "photo_sha256": photo.final.item.photo.sha256,
        "group": photo.final.meal,
        "size": list(photo.size_hw),
        "counts": [food.rle["counts"] for food in photo.foods],
    }
