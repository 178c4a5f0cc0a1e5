"""A COCO folder of one photo with one food, to change before it is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.rvernet_app.exchange.formats.kitchen import SMALL, draw, encoded

MASK = np.zeros(SMALL, np.bool_)
MASK[10:20, 30:50] = True
BOX = [30, 10, 50, 10, 50, 20, 30, 20]
RUNS = [30 * 48 + 10, *[10, 38] * 19, 10, 14 * 48 + 28]

Described = dict[str, Any]


def one_photo() -> Described:
    image = {"id": 7, "file_name": "one.png", "width": 64, "height": 48}
    annotation = {"id": 3, "image_id": 7, "category_id": 5, "segmentation": [BOX]}
    return {
        "images": [image],
        "annotations": [annotation],
        "categories": [{"id": 5, "name": "rice", "supercategory": "food"}],
    }


def new_source(folder: Path) -> Path:
    """Make the folder, with the photo and the COCO file."""
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "one.png").write_bytes(encoded(draw(SMALL, 9), "PNG"))
    write_coco(folder, one_photo())
    return folder


def write_coco(folder: Path, content: Any) -> None:
    (folder / "annotations.json").write_text(json.dumps(content))
