"""Edit masks by hand: strokes, polygons, holes, fragments and edges.

The time of an edit depends on the size of the edit, not on the size of the photo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask

SHIFT = 4
"""OpenCV draws with coordinates in steps of 2^-SHIFT pixels."""

WIDE_RADIUS = 32
"""A wider brush is drawn by the distance from its path: its many overlapping discs would take too long."""

EXACT_RADIUS = 128
"""A wider brush is drawn on a reduced mask; the error is too small to be seen on a screen."""

COARSE_SIGMA = 4
"""A Gaussian with a larger sigma is computed on a reduced mask."""

Points = Sequence[tuple[float, float]]
Places = NDArray[np.float64]
"""float64 (N, 2) as x, y in pixels."""


def paint(mask: Mask, stroke_xy: Points, radius: float, *, erase: bool = False) -> Mask:
    """Add the pixels under a brush stroke to a mask, or erase them.

    Args:
        mask: bool (H, W).
        stroke_xy: path of the centre of a round brush, in pixels, at least one point.
        radius: radius of the brush in pixels.
        erase: True to remove the pixels instead.

    Returns:
        bool (H, W), a new array.
    """
    path = np.asarray(stroke_xy, np.float64).reshape(-1, 2)
    left, top, right, bottom = _reach(path, radius, mask.shape)
    edited = mask.copy()
    if left >= right or top >= bottom:
        return edited
    draw = _wide if radius > WIDE_RADIUS else _fine
    brushed = draw(path - (left, top), radius, (bottom - top, right - left))
    part = edited[top:bottom, left:right]
    if erase:
        part &= ~brushed
    else:
        part |= brushed
    return edited


def from_polygon(size_hw: tuple[int, int], corners_xy: Points) -> Mask:
    """Fill a polygon by the even-odd rule: bool (H, W). It has at least three corners, in pixels."""
    corners = np.asarray(corners_xy, np.float64).reshape(-1, 2)
    left, top, right, bottom = _reach(corners, 0, size_hw)
    filled = np.zeros(size_hw, np.bool_)
    if left < right and top < bottom:
        part = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(part, [_fixed(corners - (left, top))], 1, shift=SHIFT)
        filled[top:bottom, left:right] = part.view(np.bool_)
    return filled


def move_outline(mask: Mask, outline_xy: Points, moved_xy: Points) -> Mask:
    """Move one outline of a mask; the rest of the mask stays unchanged.

    Args:
        mask: bool (H, W).
        outline_xy: one outline from `masks.polygons`, on pixel corners. Outlines of holes run the other way
            round.
        moved_xy: the same outline with corners moved, added or removed; at least three corners.

    Returns:
        bool (H, W), a new array. A pixel changes if its centre is now on the other side of the outline.
    """
    before, after = (np.asarray(ring, np.float64).reshape(-1, 2) for ring in (outline_xy, moved_xy))
    left, top, right, bottom = _reach(np.concatenate((before, after)), 0, mask.shape)
    edited = mask.copy()
    if left >= right or top >= bottom:
        return edited
    size_hw = bottom - top, right - left
    was, will_be = (_enclosed(ring - (left, top), size_hw) for ring in (before, after))
    gained, lost = will_be & ~was, was & ~will_be
    if cv2.contourArea(before.astype(np.float32), oriented=True) > 0:  # the outline of a hole
        gained, lost = lost, gained
    part = edited[top:bottom, left:right]
    part |= gained
    part &= ~lost
    return edited


def _enclosed(corners: Places, size_hw: tuple[int, int]) -> Mask:
    """Mark the pixels whose centres lie inside an outline on pixel corners (even-odd): bool (H, W).

    OpenCV's fillPoly would also mark pixels that the outline only touches.
    """
    height, width = size_hw
    # True where entering a pixel from the left crosses the outline
    turns = np.zeros((height, width + 1), np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        first, last = (int(np.clip(np.ceil(y - 0.5), 0, height)) for y in sorted((y0, y1)))
        rows = np.arange(first, last)
        if len(rows):
            crossed = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            turns[rows, np.clip(np.ceil(crossed - 0.5), 0, width).astype(np.int64)] ^= True
    return np.logical_xor.accumulate(turns, axis=1)[:, :width]


def fill_holes(mask: Mask) -> Mask:
    """Fill all holes of a mask: bool (H, W), a new array."""

    def filled(part: Mask) -> Mask:
        outlines, _ = cv2.findContours(part.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        drawn = np.zeros(part.shape, np.uint8)
        cv2.drawContours(drawn, outlines, -1, 1, cv2.FILLED)
        return drawn.view(np.bool_)

    return _around(mask, 0, filled)


def keep_largest(mask: Mask) -> Mask:
    """Keep the largest 8-connected component of a mask (none if it is empty): bool (H, W), a new array."""

    def largest(part: Mask) -> Mask:
        _, parts, stats, _ = cv2.connectedComponentsWithStats(part.view(np.uint8), connectivity=8)
        return np.asarray(parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))

    return _around(mask, 0, largest)


def smooth(mask: Mask, radius: float) -> Mask:
    """Round the edges of a mask to about this radius in pixels: bool (H, W), a new array.

    A pixel belongs to the result if the majority around it, weighted by a Gaussian, belongs to the mask.
    """
    sigma = radius / 2
    return _around(mask, math.ceil(4 * sigma) + 1, lambda part: _majority(part, sigma))


def _majority(part: Mask, sigma: float) -> Mask:
    height, width = part.shape
    shrink = max(1, int(sigma // COARSE_SIGMA))
    size = math.ceil(width / shrink), math.ceil(height / shrink)
    share = cv2.resize(part.view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(
        share.astype(np.float32),
        (0, 0),
        sigmaX=sigma * size[0] / width,
        sigmaY=sigma * size[1] / height,
        borderType=cv2.BORDER_REPLICATE,
    )
    levels = cv2.resize(cv2.convertScaleAbs(blurred), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(levels >= 128)


def _fine(path: Places, radius: float, size_hw: tuple[int, int]) -> Mask:
    """Draw a stroke as lines and discs: bool (H, W)."""
    touched = np.zeros(size_hw, np.uint8)
    places = _fixed(path)
    cv2.polylines(touched, [places], False, 1, max(1, round(2 * radius)), shift=SHIFT)
    for x, y in places:
        cv2.circle(touched, (int(x), int(y)), round(radius * (1 << SHIFT)), 1, cv2.FILLED, shift=SHIFT)
    return touched.view(np.bool_)


def _wide(path: Places, radius: float, size_hw: tuple[int, int]) -> Mask:
    """Draw a stroke as all pixels within the radius of its path: bool (H, W)."""
    shrink = max(1, int(radius // EXACT_RADIUS))
    margin = shrink * math.ceil(radius / shrink + 1)  # a path this far outside still reaches into the photo
    height, width = (math.ceil((side + 2 * margin) / shrink) for side in size_hw)
    away = np.ones((height, width), np.uint8)
    places = (path + margin + 0.5) / shrink - 0.5
    cv2.polylines(away, [_fixed(places)], False, 0, 1, shift=SHIFT)
    x, y = np.round(places).astype(np.int64).T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    away[y[inside], x[inside]] = 0
    if away.all():
        return np.zeros(size_hw, np.bool_)
    distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if shrink > 1:
        distance = cv2.resize(distance, (width * shrink, height * shrink), interpolation=cv2.INTER_LINEAR)
    near = distance[margin : margin + size_hw[0], margin : margin + size_hw[1]]
    return np.asarray(near <= radius / shrink)


def _around(mask: Mask, margin: int, edit: Callable[[Mask], Mask]) -> Mask:
    """Apply `edit` to the box around a mask, enlarged by `margin` pixels; the result is empty elsewhere."""
    edited = np.zeros(mask.shape, np.bool_)
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if width:
        box = np.s_[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]
        edited[box] = edit(mask[box])
    return edited


def _reach(places: Places, radius: float, size_hw: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the part of a photo that a brush at these places can touch: left, top, right, bottom.

    The part is empty if left >= right or top >= bottom.
    """
    low = np.floor(places.min(axis=0) - radius).astype(np.int64) - 1
    high = np.ceil(places.max(axis=0) + radius).astype(np.int64) + 2
    return (
        max(0, int(low[0])),
        max(0, int(low[1])),
        min(size_hw[1], int(high[0])),
        min(size_hw[0], int(high[1])),
    )


def _fixed(places: Places) -> NDArray[np.int32]:
    """Convert places to OpenCV's fixed-point numbers, int32 (N, 2)."""
    return np.round(places * (1 << SHIFT)).astype(np.int32)
