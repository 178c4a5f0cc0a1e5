"""Corrections of a mask by hand: strokes, polygons, holes, crumbs and edges."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask

SHIFT = 4
"""Bits of a pixel's fraction that OpenCV draws with."""

Points = Sequence[tuple[float, float]]


def paint(mask: Mask, stroke_xy: Points, radius: float, *, erase: bool = False) -> Mask:
    """Add what a round brush passed over, or take it away.

    Args:
        mask: bool (H, W).
        stroke_xy: where the brush's middle went, in pixels, at least one place.
        radius: of the brush, in pixels.

    Returns:
        A new mask.
    """
    touched = np.zeros(mask.shape, np.uint8)
    path = _fixed(stroke_xy)
    cv2.polylines(touched, [path], False, 1, max(1, round(2 * radius)), shift=SHIFT)
    for x, y in path:
        cv2.circle(touched, (int(x), int(y)), round(radius * (1 << SHIFT)), 1, cv2.FILLED, shift=SHIFT)
    brushed = touched.view(np.bool_)
    return mask & ~brushed if erase else mask | brushed


def from_polygon(size_hw: tuple[int, int], corners_xy: Points) -> Mask:
    """What a polygon encloses (even-odd), bool (H, W); corners in pixels, at least three."""
    filled = np.zeros(size_hw, np.uint8)
    cv2.fillPoly(filled, [_fixed(corners_xy)], 1, shift=SHIFT)
    return filled.view(np.bool_)


def fill_holes(mask: Mask) -> Mask:
    """With everything its outlines enclose; a new mask, bool (H, W)."""
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.view(np.bool_)


def keep_largest(mask: Mask) -> Mask:
    """Its largest connected part (8 neighbours); a new mask, bool (H, W), empty where it was."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return parts == 1 + int(areas.argmax()) if len(areas) else mask.copy()


def smooth(mask: Mask, radius: float) -> Mask:
    """With edges rounded to about this radius in pixels: the majority within a Gaussian; a new mask, bool (H, W)."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), radius / 2, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred >= 0.5)


def _fixed(points_xy: Points) -> NDArray[np.int32]:
    """Places as OpenCV's fixed-point numbers, int32 (N, 2)."""
    return np.round(np.asarray(points_xy, np.float64) * (1 << SHIFT)).astype(np.int32).reshape(-1, 2)
