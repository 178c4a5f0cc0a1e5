"""Rows of YOLO label files: a class and an outline, and what a prediction appends to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rvernet_app.exchange.plan import NotTakenError
from rvernet_app.picture.rasters import MAX_POINTS

BOX = 4
"""Numbers of a box."""
_WHOLE = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Row:
    """A row of a label file.

    Attributes:
        number: of the class, as written.
        shares: x, y, x, y, … of the outline as shares of the photo's width and height.
        extra: words of a prediction behind the outline: a confidence, the number of a track, or both.
    """

    number: float
    shares: tuple[float, ...]
    extra: tuple[str, ...] = ()


def parse_rows(lines: Sequence[str]) -> list[Row | NotTakenError]:
    """Return the rows of a label file, or why a row cannot be used.

    ultralytics appends a confidence, the number of a track, or both to the rows of a prediction. An odd
    number says so by itself. Confidence and track together look like one more corner; they are told from it
    by a track above 1, by other rows of the file, or because such a corner makes the outline cross itself.
    """
    words = [line.split() for line in lines]
    predicted = any(len(row) % 2 == 0 or _has_track(row) for row in words)
    return [_row(row, predicted) for row in words]


def _row(words: Sequence[str], predicted: bool) -> Row | NotTakenError:
    if len(words) > 2 * MAX_POINTS + 3:
        return NotTakenError(f"It is an outline of {len(words) // 2} points, over the limit of {MAX_POINTS}.")
    try:
        number, *shares = (float(word) for word in words)
    except ValueError:
        return NotTakenError("It is not a line of numbers.")
    extra = _extra(words[1:], shares, predicted)
    shares = shares[: len(shares) - len(extra)]
    if len(shares) < 6 or len(shares) % 2:
        return NotTakenError("It is not an outline of at least three points; a box alone is not enough.")
    return Row(number, tuple(shares), extra)


def _extra(words: Sequence[str], shares: Sequence[float], predicted: bool) -> tuple[str, ...]:
    """Return the words at the end that belong to no corner."""
    if len(words) % 2:
        fits = 0 <= shares[-1] <= 1 or _WHOLE.fullmatch(words[-1])
        return (words[-1],) if fits and len(words) > BOX else ()
    if len(words) <= BOX or not _may_have_track(words):
        return ()
    surely = predicted or shares[-1] > 1 or len(words) == BOX + 2 or _crosses_itself(shares)
    return tuple(words[-2:]) if surely else ()


def _has_track(row: Sequence[str]) -> bool:
    """Return True if a row ends with a confidence and a track above 1, which is no share of a photo."""
    return len(row) > BOX + 2 and _may_have_track(row) and float(row[-1]) > 1


def _may_have_track(words: Sequence[str]) -> bool:
    try:
        return _WHOLE.fullmatch(words[-1]) is not None and 0 < float(words[-2]) <= 1
    except ValueError:
        return False


def _crosses_itself(shares: Sequence[float]) -> bool:
    """Return True if the lines to and from the last corner cross the outline more often than the line that
    closes it without that corner.
    """
    corners = np.reshape(shares, (-1, 2))  # (N, 2)
    before, last, first = corners[-2], corners[-1], corners[0]
    rest = corners[:-1]
    with_last = _crossings(before, last, rest) + _crossings(last, first, rest)
    return with_last > _crossings(before, first, rest)


def _crossings(start: np.ndarray, end: np.ndarray, path: np.ndarray) -> int:
    """Count how many lines of a path, float64 (N, 2), a line crosses; ends that meet do not cross."""

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        one, other = b - a, c - a
        signs: np.ndarray = np.sign(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
        return signs

    c, d = path[:-1], path[1:]
    crossed = (side(start, end, c) * side(start, end, d) < 0) & (side(c, d, start) * side(c, d, end) < 0)
    return int(crossed.sum())
