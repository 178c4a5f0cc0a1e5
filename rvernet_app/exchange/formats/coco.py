"""COCO instances: `images/` and `annotations.json`, which holds everything that an import takes back.

Beyond what COCO has, an image carries `split`, `group` (the meal), `sha256` (of the file as it came to the store) and,
where it shows leftovers, `before` (that of the photo of the meal). A category has the label's `synonyms`, `colour` and
`food_code`, and an annotation carries `attributes` (portion, note, annotator, food code).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from rvernet_app.exchange.exporting import ExportPhoto
from rvernet_app.store.consensus import FinalFood
from rvernet_app.store.tables import Label

ANNOTATIONS_NAME = "annotations.json"
TOP_CATEGORY = "food"


def write(folder: Path, photos: Iterator[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """As `exporting.Write`. Categories are numbered from 1 in the label set's order; masks are compressed RLE."""
    numbers = {label.id: number for number, label in enumerate(labels, 1)}
    (folder / "images").mkdir()
    # ASCII, because some readers open the file in whatever encoding the system has.
    with (
        (folder / ANNOTATIONS_NAME).open("w", encoding="ascii") as file,
        tempfile.TemporaryFile("w+", encoding="ascii") as annotations,
    ):
        file.write('{"info": {"description": "Foods in photos"}, "licenses": [], "images": [')
        image_list, annotation_list = _JsonList(file), _JsonList(annotations)
        for photo in photos:
            photo.copy_into(folder / "images")
            image_list.append(_image(photo))
            for food in photo.foods:
                annotation_list.append(_annotation(food, photo.final.item.id, numbers[food.label.id]))
        file.write('\n], "annotations": [')
        annotations.seek(0)
        shutil.copyfileobj(annotations, file)
        file.write(f'\n], "categories": {json.dumps(_categories(labels), indent=0)}}}\n')
    return {}


class _JsonList:
    """Writes the members of a JSON list, a line each."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._before = "\n"

    def append(self, member: Mapping[str, Any]) -> None:
        self._file.write(self._before + json.dumps(member))
        self._before = ",\n"


def _categories(labels: Sequence[Label]) -> list[dict[str, Any]]:
    names = {label.id: label.name for label in labels}
    return [
        {
            "id": number,
            "name": label.name,
            "supercategory": names.get(label.parent_id or 0, TOP_CATEGORY),
            **{"synonyms": label.synonyms, "colour": label.colour, "food_code": label.food_code},
        }
        for number, label in enumerate(labels, 1)
    ]


def _image(photo: ExportPhoto) -> dict[str, Any]:
    height, width = photo.size_hw
    return {
        "id": photo.final.item.id,
        "file_name": photo.name,
        "width": width,
        "height": height,
        "split": photo.split,
        "group": photo.final.meal,
        "sha256": photo.final.item.photo.sha256,
        **({"before": photo.final.before.photo.sha256} if photo.final.before else {}),
    }


def _annotation(food: FinalFood, image_id: int, category_id: int) -> dict[str, Any]:
    row = food.annotation
    portion = {name: getattr(row, name) for name in ("amount", "unit", "low", "high", "method")}
    described = {"note": row.note, "annotator": food.annotator, "food_code": food.label.food_code}
    return {
        "id": row.id,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": food.rle,
        "bbox": [row.box_x, row.box_y, row.box_w, row.box_h],
        "area": row.area,
        "iscrowd": 0,
        "attributes": portion | described,
    }
