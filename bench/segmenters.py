"""Measure how well and how fast each available segmenter answers one click: `python -m bench.segmenters
FOLDER …`.

Reports the IoU of the first candidate for one click at the innermost point of each annotated food, and the
median milliseconds of encoding a photo and of a click. `python -m training.segmenter_eval` measures more
clicks, and boxes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from rvernet_app.config import AppConfig
from rvernet_app.model.malloc import keep_memory
from rvernet_app.picture.masks import from_rle, innermost_point
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.registry import available_segmenters, open_segmenter
from rvernet_app.types import FOREGROUND, Prompt
from training.data.clicks import iou
from training.data.photos import open_photo
from training.segmenter.data import Scene, read_masks
from training.segmenter.options import Source


def measure(segmenter: Segmenter, scenes: list[Scene]) -> dict[str, float]:
    """Return mean IoU over the foods of the scenes, and milliseconds."""
    encode_ms, click_ms, ious = [], [], []
    for scene in scenes:
        photo = open_photo(scene.photo)
        start = time.perf_counter()
        embedding = segmenter.encode(photo.pixels)
        encode_ms.append(1e3 * (time.perf_counter() - start))
        for rle in scene.foods:
            true = from_rle(rle, scene.size_hw)
            x, y = innermost_point(true)
            start = time.perf_counter()
            found = segmenter.predict(embedding, Prompt(((float(x), float(y)),), (FOREGROUND,), insist=True))
            click_ms.append(1e3 * (time.perf_counter() - start))
            ious.append(iou(found.masks[0], true))
    return {
        "foods": len(ious),
        "click IoU": float(np.mean(ious)),
        "encode ms": float(np.median(encode_ms)),
        "click ms": float(np.median(click_ms)),
        "p95 ms": float(np.percentile(click_ms, 95)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="COCO folders with masks")
    parser.add_argument("--segmenter", help="only this one; by default every one whose weights are here")
    arguments = parser.parse_args()
    keep_memory()
    config = AppConfig.from_env()
    header_printed = False
    for name in [arguments.segmenter] if arguments.segmenter else available_segmenters(config):
        segmenter = open_segmenter(replace(config, segmenter=name))
        for folder in arguments.folders:
            split = read_masks(Source(folder))
            figures = measure(segmenter, [scene for scenes in split.values() for scene in scenes])
            if not header_printed:
                print(f"{'segmenter':<12}{'set':<10}" + "".join(f"{key:>11}" for key in figures))
                header_printed = True
            print(f"{name:<12}{folder.name:<10}" + "".join(f"{value:>11.4g}" for value in figures.values()))


if __name__ == "__main__":
    main()
