"""Masks as the one outline that YOLO has for an object, and back."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask


def outline(mask: Mask) -> NDArray[np.int32]:
    """The outline of a mask that is not empty, through the outermost pixels of each of its parts.

    Parts are joined by bridges that go there and back on one line. Holes are lost.

    Returns:
        int32 (N, 2) x, y of pixels, N at least 3.
    """
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    first, *others = (part.reshape(-1, 2) for part in found)
    joined = first
    for part in others:
        here, there = _bridge(joined, part)
        turned = np.roll(part, -there, axis=0)
        joined = np.concatenate((joined[: here + 1], turned, turned[:1], joined[here:]))
    return joined if len(joined) >= 3 else np.resize(joined, (3, 2))


def filled(points_xy: Sequence[tuple[float, float]], size_hw: tuple[int, int]) -> Mask:
    """What an outline encloses, itself included, bool (H, W); undoes `outline` but for holes and bridges."""
    mask = np.zeros(size_hw, np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(points_xy)).astype(np.int32)], 1)
    return mask.view(np.bool_)


def _bridge(joined: NDArray[np.int32], part: NDArray[np.int32]) -> tuple[int, int]:
    """Indices of a point of each outline that are near each other: the nearest to the nearest to …"""
    here = there = 0
    for _ in range(3):
        here = int(((joined - part[there]) ** 2).sum(axis=1).argmin())
        there = int(((part - joined[here]) ** 2).sum(axis=1).argmin())
    return here, there
