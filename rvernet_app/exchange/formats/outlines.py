"""Outlines to masks, and masks to the single outline that YOLO has for an object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import Rle, require_rle
from rvernet_app.types import Mask

OVERHANG = 1.0
"""Pixels by which a point may lie outside the photo; programs that round write such points."""

Point = tuple[float, float]
"""x, y in pixels. (0, 0) is the top left corner of the first pixel, (1, 1) its bottom right corner."""


def points(numbers: object) -> list[Point]:
    """Return the x, y pairs of an untrusted source.

    Raises:
        PromptError: `numbers` is not a list of pairs of finite numbers.
    """
    if not isinstance(numbers, Iterable):
        raise PromptError("Its points are not pairs of numbers.")
    try:
        found = [(float(x), float(y)) for x, y in numbers]
    except (TypeError, ValueError, OverflowError) as error:
        raise PromptError("Its points are not pairs of numbers.") from error
    if not all(math.isfinite(value) for point in found for value in point):
        raise PromptError("Its points are not pairs of numbers.")
    return found


def require_inside(corners: Iterable[Point], size_hw: tuple[int, int]) -> None:
    """Check that points lie inside a photo, or at most OVERHANG outside.

    Raises:
        PromptError: a point lies farther outside.
    """
    height, width = size_hw
    for x, y in corners:
        if not (-OVERHANG <= x <= width + OVERHANG and -OVERHANG <= y <= height + OVERHANG):
            raise PromptError(f"It lies outside the photo of {width} x {height} pixels, at {x:g}, {y:g}.")


def rle_of_polygons(polygons: Sequence[Sequence[Point]], size_hw: tuple[int, int]) -> Rle:
    """Return the mask of the pixels inside any of the polygons, as pycocotools rasterizes them.

    Raises:
        PromptError: a polygon has fewer than three points, or the polygons enclose no pixel.
    """
    if not polygons or min(map(len, polygons)) < 3:
        raise PromptError("It is an outline of fewer than three points.")
    flat = [[value for point in polygon for value in point] for polygon in polygons]
    merged = coco.merge(coco.frPyObjects(flat, *size_hw))
    return require_rle({"size": list(size_hw), "counts": merged["counts"].decode("ascii")}, size_hw)


def outline(mask: Mask) -> NDArray[np.int32]:
    """Trace one outline around a mask, through the outermost pixels of each of its parts.

    A bridge, drawn there and back on one line, joins a part to those before it. Holes are lost.

    Args:
        mask: bool (H, W), not empty.

    Returns:
        int32 (N, 2), x and y of pixels, N at least 3.
    """
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    first, *others = (part.reshape(-1, 2) for part in found)
    joined = first
    for part in others:
        here, there = _bridge(joined, part)
        turned = np.roll(part, -there, axis=0)
        joined = np.concatenate((joined[: here + 1], turned, turned[:1], joined[here:]))
    return joined if len(joined) >= 3 else np.resize(joined, (3, 2))


def filled(points_xy: Sequence[Point], size_hw: tuple[int, int]) -> Mask:
    """Fill an outline, its own pixels included: the inverse of `outline`, except for holes and bridges.

    Returns:
        bool (H, W).
    """
    mask = np.zeros(size_hw, np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(points_xy)).astype(np.int32)], 1)
    return mask.view(np.bool_)


def _bridge(joined: NDArray[np.int32], part: NDArray[np.int32]) -> tuple[int, int]:
    """Return the indices of two points, one of each outline, that are close to each other.

    Three rounds of going to the nearest point of the other outline; that is not always the closest pair.
    """
    here = there = 0
    for _ in range(3):
        here = int(((joined - part[there]) ** 2).sum(axis=1).argmin())
        there = int(((part - joined[here]) ** 2).sum(axis=1).argmin())
    return here, there
