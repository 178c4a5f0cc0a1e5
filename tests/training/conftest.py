"""A made data set: red squares and green discs on grey, each group one object."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

SIDE = 48


def draw_food(kind: str, seed: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """uint8 (40, 48, 3) RGB and the food's x, y, width, height."""
    random = np.random.default_rng(seed)
    photo = random.integers(100, 120, (40, SIDE, 3), dtype=np.uint8)
    x, y = (int(v) for v in random.integers(4, 18, 2))
    if kind == "ketchup":
        photo[y : y + 16, x : x + 16] = (200, 20, 20)
    else:
        cv2.circle(photo, (x + 8, y + 8), 8, (20, 200, 20), -1)
    return photo, (x, y, 16, 16)


@pytest.fixture
def made_data(tmp_path: Path) -> Path:
    """12 training and 4 validation photos, one region each; even ids have a box only, odd ids a polygon."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(16):
        split = "train" if i < 12 else "val"
        photo, (x, y, w, h) = draw_food(("ketchup", "pesto")[i % 2], seed=i)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo[:, :, ::-1])
        images.append(
            {"id": i, "file_name": f"{i}.png", "width": SIDE, "height": 40, "group": f"g{i}", "split": split}
        )
        annotation = {
            "id": 100 + i,
            "image_id": i,
            "category_id": 7 - i % 2,
            "bbox": [x, y, w, h],
            "iscrowd": 0,
        }
        if i % 2:
            annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        annotations.append(annotation)
        annotations.append(
            {"id": 200 + i, "image_id": i, "category_id": 9, "bbox": [0, 0, 3, 3], "ignore": 1}
        )
    categories = [{"id": 9, "name": "coin"}, {"id": 7, "name": "ketchup"}, {"id": 6, "name": "pesto"}]
    described = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(described))
    return folder
