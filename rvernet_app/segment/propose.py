"""Propose masks for a whole photo: predict at points all over it.

This follows SamAutomaticMaskGenerator of segment-anything, for any Segmenter, but skips points on masks
already found.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import SegmentationError
from rvernet_app.segment.base import Segmenter
from rvernet_app.types import FOREGROUND, Embedding, Mask, Prompt

MIN_SCORE = 0.4
"""Lowest score. Measured with `small_sam` on 16 tray photos: 88 % of the 56 foods are found, and 83 % of the
59 masks are foods; with 0.6 it is 77 % and 98 %.
"""
MIN_SHARE, MAX_SHARE = 0.004, 0.45
"""Smallest and largest share of the photo that a mask may cover."""
MAX_OVERLAP = 0.5
"""Largest share of the smaller of two masks that the other may cover."""


@dataclass(frozen=True, eq=False)
class Proposals:
    """Masks found so far.

    Attributes:
        done, total: number of points tried, and of all points.
        masks: bool (H, W) each, best first; two masks overlap by at most half of the smaller one.
        scores: the score of each, in [0, 1]; see `Candidates`.
    """

    done: int
    total: int
    masks: tuple[Mask, ...]
    scores: tuple[float, ...]


def propose(
    segmenter: Segmenter, embedding: Embedding, per_side: int = 10
) -> Generator[Proposals, None, None]:
    """Predict at points all over a photo; yields after every point.

    Args:
        segmenter: the segmenter to ask.
        embedding: its embedding of the photo.
        per_side: number of points along the photo's longer side.
    """
    points = grid(embedding.size_hw, per_side)
    kept: list[tuple[float, Mask]] = []
    for done, (x, y) in enumerate(points, 1):
        if not any(mask[int(y), int(x)] for _, mask in kept):
            found = _at(segmenter, embedding, (x, y))
            if found is not None:
                kept = _with(kept, *found)
        yield Proposals(done, len(points), tuple(m for _, m in kept), tuple(s for s, _ in kept))


def grid(size_hw: tuple[int, int], per_side: int) -> list[tuple[float, float]]:
    """Return the centres (x, y) of square cells, in an order that covers the whole photo soon."""
    height, width = size_hw
    cell = max(height, width) / per_side
    columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    cells.sort(key=lambda at: ((at[0] + at[1]) % 2, at[0] % 2))
    return [((column + 0.5) * width / columns, (row + 0.5) * height / rows) for row, column in cells]


def _at(
    segmenter: Segmenter, embedding: Embedding, point_xy: tuple[float, float]
) -> tuple[float, Mask] | None:
    try:
        candidates = segmenter.predict(embedding, Prompt((point_xy,), (FOREGROUND,)))
    except SegmentationError:
        return None
    for mask, score in zip(candidates.masks, candidates.scores, strict=True):
        if score >= MIN_SCORE and MIN_SHARE <= mask.mean() <= MAX_SHARE:
            return float(score), mask
    return None


def _with(kept: list[tuple[float, Mask]], score: float, mask: Mask) -> list[tuple[float, Mask]]:
    """Return the masks with one more, which replaces overlapping masks with lower scores; best first."""
    rivals = [(s, other) for s, other in kept if _overlap(mask, other) > MAX_OVERLAP]
    if any(s >= score for s, _ in rivals):
        return kept
    beaten = {id(other) for _, other in rivals}
    rest = [(s, other) for s, other in kept if id(other) not in beaten]
    return sorted([*rest, (score, mask)], key=lambda pair: -pair[0])


def _overlap(one: Mask, other: Mask) -> float:
    areas: NDArray[np.int64] = np.array([one.sum(), other.sum()])
    return float((one & other).sum() / areas.min())
