"""How well a segmenter masks annotated foods by clicks and by boxes: `python -m training.segmenter_eval`.

Clicks follow `training.evidence.clicks`; after each one the first candidate counts, and it is handed back as the mask to be
corrected, as the page does. NoC@q is the mean number of clicks until the IoU is at least q %, at most --clicks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError, SegmentationError
from rvernet_app.model.device import torch_device
from rvernet_app.model.malloc import keep_memory
from rvernet_app.picture.masks import bbox_xywh, from_rle
from rvernet_app.picture.photos import read_photo
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.registry import load_segmenter, open_segmenter
from rvernet_app.types import FOREGROUND, Embedding, Mask, Photo, Prompt
from training.data.regions import SPLITS, DataError
from training.evidence.clicks import correction, innermost_point, iou
from training.segmenter.data import Scene, read_masks
from training.segmenter.options import Source
from training.segmenter.sheets import draw_sheet

NOC = (80, 85, 90)
AFTER = (1, 2, 3, 5)
CLICKS = 20


@dataclass(frozen=True)
class Answer:
    """What a segmenter made of one food.

    Attributes:
        click_ious: IoU after each click; the last one stays where no further click was needed.
        best_of_first: the best IoU among the first click's candidates.
        box_iou: IoU for the food's exact box.
    """

    click_ious: tuple[float, ...]
    best_of_first: float
    box_iou: float


def answer(segmenter: Segmenter, embedding: Embedding, true: Mask, clicks: int = CLICKS) -> Answer:
    """Click and box one food, bool (H, W) and not empty, in an encoded photo."""
    x, y = innermost_point(true)
    points, labels = [(float(x), float(y))], [FOREGROUND]
    mask, previous, best_of_first = np.zeros_like(true), None, 0.0
    ious: list[float] = []
    for _ in range(clicks):
        try:
            found = segmenter.predict(embedding, Prompt(tuple(points), tuple(labels), None, previous))
            mask, previous = found.masks[0], found.low_res[0]
            if not ious:
                best_of_first = max(iou(candidate, true) for candidate in found.masks)
        except SegmentationError:  # the mask so far stays
            pass
        ious.append(iou(mask, true))
        click = correction(mask, true)
        if click is None:
            break
        points.append(click[:2])
        labels.append(click[2])
    left, top, width, height = bbox_xywh(true)
    try:
        box = Prompt(box_xyxy=(left, top, left + width, top + height))
        box_iou = iou(segmenter.predict(embedding, box).masks[0], true)
    except SegmentationError:
        box_iou = 0.0
    return Answer(tuple(ious + [ious[-1]] * (clicks - len(ious))), best_of_first, box_iou)


def answers(segmenter: Segmenter, scenes: Iterable[Scene], clicks: int = CLICKS) -> list[Answer]:
    """An answer for every food of the scenes.

    Raises:
        PhotoError: a photo cannot be read.
    """
    found = []
    for scene in scenes:
        embedding = segmenter.encode(_read(scene.photo))
        for rle in scene.foods:
            mask = from_rle(rle, scene.size_hw)
            if mask.any():
                found.append(answer(segmenter, embedding, mask, clicks))
    return found


def summary(found: Sequence[Answer]) -> dict[str, float]:
    """Means over answers, at least one: mIoU after clicks, best of the first three, box IoU, NoC."""
    ious = np.array([a.click_ious for a in found])  # (N, clicks)
    clicks = ious.shape[1]
    figures = {f"mIoU@{n}": float(ious[:, n - 1].mean()) for n in AFTER if n <= clicks}
    figures["best of 3"] = float(np.mean([a.best_of_first for a in found]))
    figures["box IoU"] = float(np.mean([a.box_iou for a in found]))
    for q in NOC:
        reached = ious >= q / 100
        counts = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, clicks)
        figures[f"NoC@{q}"] = float(counts.mean())
    return {"foods": float(len(found)), **{name: round(value, 4) for name, value in figures.items()}}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.segmenter_eval", description=__doc__)
    parser.add_argument("--segmenter", default="auto", help="a name the app knows (default: auto)")
    parser.add_argument("--data", type=Path, required=True, help="folder of images/ and annotations.json")
    parser.add_argument("--annotations", type=Path, help="another COCO file for the folder's images")
    parser.add_argument("--split", choices=SPLITS, help="only this split (default: all)")
    parser.add_argument("--groups", nargs="+", help="only images of these groups")
    parser.add_argument("--clicks", type=int, default=CLICKS, help=f"at most (default: {CLICKS})")
    parser.add_argument(
        "--weights", type=Path, help="a file of weights instead of the one the app would take"
    )
    parser.add_argument(
        "--sheet", type=Path, help="also draw what one click on 40 of the foods gives, a JPEG"
    )
    parser.add_argument(
        "--no-photos", action="store_true", help="draw annotated masks in place of the photos"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    keep_memory()
    try:
        if options.clicks < 1:
            raise DataError(f"--clicks must be at least 1, got {options.clicks}.")
        segmenter = _open(options)
        scenes = _choose(options)
        figures = summary(answers(segmenter, tqdm(scenes, unit="photo"), options.clicks))
        if options.sheet:
            draw_sheet(segmenter, scenes, options.sheet, with_photos=not options.no_photos)
    except RvernetError as error:
        print(error, file=sys.stderr)
        return 2
    report: dict[str, Any] = {"segmenter": segmenter.name, "data": str(options.data), **figures}
    if options.json:
        print(json.dumps(report))
    else:
        print("  ".join(f"{name} {value}" for name, value in report.items()))
    return 0


def _open(options: argparse.Namespace) -> Segmenter:
    config = replace(AppConfig.from_env(), segmenter=options.segmenter)
    if options.weights is None:
        return open_segmenter(config)
    return load_segmenter(options.segmenter, options.weights, torch_device(config.device))


def _choose(options: argparse.Namespace) -> list[Scene]:
    source = Source(options.data, options.annotations, held_out=tuple(options.groups or ()))
    by_split = read_masks(source)
    if options.groups:
        scenes = by_split["val"]
    elif options.split:
        scenes = by_split[options.split]
    else:
        scenes = [scene for split in SPLITS for scene in by_split[split]]
    if not scenes:
        raise DataError(f"{options.data} has no annotated mask of that kind.")
    return scenes


def _read(path: Path) -> Photo:
    return read_photo(
        path, max_mb=AppConfig.max_photo_mb, max_megapixels=AppConfig.max_photo_megapixels
    ).pixels


if __name__ == "__main__":
    sys.exit(main())
