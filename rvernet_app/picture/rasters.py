"""Fill outlines whose number of points and whose length are bounded.

The fills of OpenCV and pycocotools can take minutes, gigabytes or the whole process for an outline of many
points. Time and memory here grow with the length of the outline, which is checked first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import PromptError
from rvernet_app.types import Mask

MAX_POINTS = 200_000
"""Points of the outlines of one food. The most ragged food in a photo of 12 megapixels has some thousand."""

MAX_LENGTH = 2_000_000
"""Pixels along the outline of one food."""

STEPS = 5
"""Steps per pixel in which pycocotools walks along an outline."""

CHUNK = 1 << 20
"""Crossings in memory at a time."""

Places = NDArray[np.float64]
"""float64 (N, 2) as x, y in pixels."""

Spans = NDArray[np.int64]
"""int64 (S, 2), places of the first pixel of each span and of the one behind its last, rising. Pixels count
column after column.
"""


def require_few_points(count: int) -> None:
    """Check the number of points of an outline, before anything looks at the points.

    Raises:
        PromptError: there are more than MAX_POINTS.
    """
    if count > MAX_POINTS:
        raise PromptError(f"Its outline has {count} points, over the limit of {MAX_POINTS}.")


def require_short(corners: Places) -> None:
    """Check the points of an outline before it is filled.

    Raises:
        PromptError: there are too many points, or the outline is longer than MAX_LENGTH.
    """
    require_few_points(len(corners))
    length = np.abs(corners - np.roll(corners, -1, axis=0)).max(axis=1).sum()
    if not length <= MAX_LENGTH:  # NaN is not
        raise PromptError("Its outline is too long; it runs to and fro across the photo.")


def spans_inside(corners: Places, size_hw: tuple[int, int]) -> Spans:
    """Return the pixels inside an outline by the even-odd rule, exactly as pycocotools' `rleFrPoly` does.

    pycocotools walks along every edge in steps of a fifth of a pixel, and keeps all steps at once. Here each
    edge gives the places where it passes into the next column.

    Args:
        corners: finite, (0, 0) is the top left corner of the first pixel.
        size_hw: height and width of the photo.

    Raises:
        PromptError: see `require_short`.
    """
    require_short(corners)
    height, width = size_hw
    steps = (STEPS * corners + 0.5).astype(np.int64)  # (N, 2), toward zero as in C
    crossings = np.concatenate([np.zeros(0, np.int64), *_crossings(steps, size_hw)])
    places, counts = np.unique(crossings, return_counts=True)
    turns = places[counts % 2 == 1]
    return np.append(turns, np.full(len(turns) % 2, height * width)).reshape(-1, 2)


def union(parts: Sequence[Spans]) -> Spans:
    """Return the pixels that are in any of several parts."""
    spans = np.concatenate(parts)
    starts, ends = spans[np.argsort(spans[:, 0], kind="stable")].T
    reached = np.maximum.accumulate(ends)
    begins = np.append(True, starts[1:] > reached[:-1])
    return np.stack((starts[begins], reached[np.append(begins[1:], True)]), axis=1)


def enclosed(corners: Places, size_hw: tuple[int, int]) -> Mask:
    """Mark the pixels whose centres lie inside an outline by the even-odd rule.

    Args:
        corners: finite, (0, 0) is the top left corner of the first pixel.
        size_hw: height and width of the photo.

    Returns:
        bool (H, W).

    Raises:
        PromptError: see `require_short`.
    """
    require_short(corners)
    height, width = size_hw
    # True where entering a pixel from the left crosses the outline
    turns = np.zeros((height, width + 1), np.bool_)
    start, end = corners, np.roll(corners, -1, axis=0)
    first, last = (
        np.clip(np.ceil(side - 0.5), 0, height).astype(np.int64)
        for side in (np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1]))
    )
    for edge, row in _numbered(first, last - first):
        (x0, y0), (x1, y1) = start[edge].T, end[edge].T
        crossed = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        column = np.clip(np.ceil(crossed - 0.5), 0, width).astype(np.int64)
        np.logical_xor.at(turns, (row, column), True)
    return np.logical_xor.accumulate(turns, axis=1)[:, :width]


def _numbered(
    first: NDArray[np.int64], counts: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield all numbers from first[e] to first[e] + counts[e] - 1 of each edge e, CHUNK at a time.

    Yields:
        The edge and the number, each int64 (C,).
    """
    behind = np.cumsum(counts)
    for begin in range(0, int(behind[-1]), CHUNK):
        index = np.arange(begin, min(begin + CHUNK, int(behind[-1])))
        edge = np.searchsorted(behind, index, side="right")
        yield edge, first[edge] + index - (behind[edge] - counts[edge])


def _crossings(ends: NDArray[np.int64], size_hw: tuple[int, int]) -> Iterator[NDArray[np.int64]]:
    """Yield where edges of an outline pass from one column of pixels to the next, at most CHUNK at a time.

    Args:
        ends: int64 (N, 2), corners in steps.

    Yields:
        int64 (C,), places in the photo, column after column.
    """
    height, width = size_hw
    start, end = ends, np.roll(ends, -1, axis=0)
    steep = np.abs(end - start)[:, 0] < np.abs(end - start)[:, 1]
    along = np.where(steep, 1, 0)
    rows = np.arange(len(ends))
    flip = start[rows, along] > end[rows, along]
    low, high = np.where(flip[:, None], end, start), np.where(flip[:, None], start, end)
    left, right = np.minimum(low[:, 0], high[:, 0]), np.maximum(low[:, 0], high[:, 0])
    # A column begins at the steps 2, 7, 12, …: column c between the steps STEPS * c + 2 and + 3.
    first = np.maximum(-((2 - left) // STEPS), 0)
    last = np.minimum((right - 3) // STEPS, width - 1)
    counts = np.maximum(last - first + 1, 0)
    for edge, column in _numbered(first, counts):
        level = _levels(low[edge], high[edge], steep[edge], column)
        row = np.ceil(np.clip((level + 0.5) / STEPS - 0.5, 0, height)).astype(np.int64)
        yield column * height + row


def _levels(
    low: NDArray[np.int64], high: NDArray[np.int64], steep: NDArray[np.bool_], column: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the upper of the two steps between which edges pass into a column: int64 (C,), y in steps.

    Args:
        low, high: int64 (C, 2), ends of the edges, in the order in which they are walked.
        steep: whether y is the longer side, so that the walk goes down.
        column: number of the column of pixels.
    """
    (x0, y0), (x1, y1) = low.T, high.T
    at = STEPS * column + 2
    long = np.where(steep, y1 - y0, x1 - x0)
    slope = np.where(steep, x1 - x0, y1 - y0) / np.maximum(long, 1)
    # Flat edges: both steps are known.
    one, other = ((y0 + slope * (at + more - x0) + 0.5).astype(np.int64) for more in (0, 1))
    flat = np.minimum(one, other)
    # Steep edges: the walk passes from one x to the next behind some step; find it as the walk rounds it.
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = np.where(steep, np.floor((at + 0.5 - x0) / slope), 0)
    guess = np.nan_to_num(guess, posinf=0, neginf=0).astype(np.int64)
    rising = slope > 0

    def passed(step: NDArray[np.int64]) -> NDArray[np.bool_]:
        reached = (x0 + slope * step + 0.5).astype(np.int64) > at
        return np.asarray(reached == rising)

    step = guess - 2  # the last step in front of the passage
    for _ in range(4):
        step = np.where(passed(step + 1), step, step + 1)
    return np.asarray(np.where(steep, y0 + step, flat))
