"""How well and how fast each segmenter at hand answers one click and one box: `python -m bench.segmenters`.

One click lies at the innermost point of each annotated mask, one box around the mask; IoU is candidate 0's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from rvernet_app.config import AppConfig
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.registry import available_segmenters, open_segmenter
from rvernet_app.types import Mask, Photo, Prompt


@dataclass(frozen=True, eq=False)
class Food:
    """One annotated mask, bool (H, W), with its innermost point and its box."""

    mask: Mask
    point_xy: tuple[float, float]
    box_xyxy: tuple[float, float, float, float]


def annotated(folder: Path) -> Iterator[tuple[Photo, list[Food]]]:
    """Photos of a COCO folder (`images/`, `annotations.json` with masks as RLE), each with its foods."""
    coco = json.loads((folder / "annotations.json").read_text())
    for image in coco["images"]:
        masks = [
            coco_mask.decode(entry["segmentation"]).astype(np.bool_)
            for entry in coco["annotations"]
            if entry["image_id"] == image["id"]
        ]
        picture = cv2.imread(str(folder / "images" / image["file_name"]))
        yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), [_food(mask) for mask in masks]


def iou(mask: Mask, other: Mask) -> float:
    """Intersection over union of two bool (H, W) masks, at least one of them not empty."""
    return float(np.count_nonzero(mask & other) / np.count_nonzero(mask | other))


def _food(mask: Mask) -> Food:
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return Food(mask, (float(column), float(row)), (left, top, left + width, top + height))


def measure(segmenter: Segmenter, folder: Path) -> dict[str, float]:
    """Mean IoU over a folder's foods, and milliseconds."""
    encode_ms, click_ms, click_ious, best_ious, box_ious = [], [], [], [], []
    for photo, foods in annotated(folder):
        start = time.perf_counter()
        embedding = segmenter.encode(photo)
        encode_ms.append(1e3 * (time.perf_counter() - start))
        for food in foods:
            start = time.perf_counter()
            clicked = segmenter.predict(embedding, Prompt((food.point_xy,), (1,)))
            click_ms.append(1e3 * (time.perf_counter() - start))
            boxed = segmenter.predict(embedding, Prompt(box_xyxy=food.box_xyxy))
            click_ious.append(iou(clicked.masks[0], food.mask))
            best_ious.append(max(iou(mask, food.mask) for mask in clicked.masks))
            box_ious.append(iou(boxed.masks[0], food.mask))
    return {
        "foods": len(click_ious),
        "click IoU": float(np.mean(click_ious)),
        "best of 3": float(np.mean(best_ious)),
        "box IoU": float(np.mean(box_ious)),
        "encode ms": float(np.median(encode_ms)),
        "click ms": float(np.median(click_ms)),
        "p95 ms": float(np.percentile(click_ms, 95)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="COCO folders with masks")
    parser.add_argument("--segmenter", help="only this one; by default every one whose weights are here")
    arguments = parser.parse_args()
    config = AppConfig.from_env()
    names = [arguments.segmenter] if arguments.segmenter else available_segmenters(config)
    header_printed = False
    for name in names:
        segmenter = open_segmenter(replace(config, segmenter=name))
        for folder in arguments.folders:
            figures = measure(segmenter, folder)
            if not header_printed:
                print(f"{'segmenter':<12}{'set':<10}" + "".join(f"{key:>11}" for key in figures))
                header_printed = True
            print(f"{name:<12}{folder.name:<10}" + "".join(f"{value:>11.4g}" for value in figures.values()))


if __name__ == "__main__":
    main()
