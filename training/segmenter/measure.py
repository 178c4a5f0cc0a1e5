"""Measure a segmenter by simulated clicks and boxes on annotated foods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rvernet_app.errors import SegmentationError
from rvernet_app.picture.masks import bbox_xywh, from_rle, innermost_point
from rvernet_app.segment.base import Segmenter
from rvernet_app.types import FOREGROUND, Embedding, Mask, Prompt
from training.data.clicks import correction, iou
from training.data.photos import open_photo
from training.segmenter.data import Scene

NOC = (80, 85, 90)
AFTER = (1, 2, 3, 5)
CLICKS = 20


@dataclass(frozen=True)
class Answer:
    """Answers of a segmenter for one food.

    Attributes:
        click_ious: IoU after each click; the last one is repeated if no further click was needed.
        best_of_first: best IoU among the candidates of the first click.
        box_iou: IoU for the exact box of the food.
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
            prompt = Prompt(tuple(points), tuple(labels), None, previous, insist=True)
            found = segmenter.predict(embedding, prompt)
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
    """Return an answer for every food of the scenes.

    Raises:
        DataError: a photo cannot be read.
    """
    found = []
    for scene in scenes:
        embedding = segmenter.encode(open_photo(scene.photo).pixels)
        for rle in scene.foods:
            mask = from_rle(rle, scene.size_hw)
            if mask.any():
                found.append(answer(segmenter, embedding, mask, clicks))
    return found


def summary(found: Sequence[Answer]) -> dict[str, float]:
    """Return means over at least one answer: mIoU after clicks, best first candidate, box IoU, NoC."""
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
