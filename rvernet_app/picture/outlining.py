"""Masks as polygons, which browsers draw fast."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.picture.masks import bbox_xywh, part_of
from rvernet_app.types import Mask

MAX_OUTLINES = 2000
"""Outlines of one mask that are drawn at most."""

MAX_BORDER = 100_000
"""Pixels' sides between a mask and the rest of the photo, of which outlines are traced at most."""


def polygons(mask: Mask, tolerance: float = 0.5) -> list[list[int]]:
    """Outline a mask for drawing with the even-odd rule; holes are outlines of their own.

    Args:
        mask: bool (H, W).
        tolerance: largest deviation of an outline in pixels (Douglas-Peucker).

    Returns:
        One flat list x0, y0, x1, y1, … per outline, on pixel corners: a mask of one pixel at (x, y) is the
        unit square from (x, y) to (x + 1, y + 1). Outlines may deviate from the mask by a pixel; its RLE is
        exact. A mask of very many parts is outlined on a coarser grid, so that no browser has to draw more
        than MAX_OUTLINES.
    """
    x, y, width, height = bbox_xywh(mask)
    return _outlines(mask[y : y + height, x : x + width], (x, y), tolerance, cv2.RETR_CCOMP)


def rle_polygons(rle: object, size_hw: tuple[int, int]) -> list[list[int]]:
    """Check an RLE and outline its mask as `polygons` does, without a mask of the whole photo.

    Raises:
        PromptError: as `from_rle`.
    """
    return _outlines(*part_of(rle, size_hw), 0.5, cv2.RETR_CCOMP)


def outer_polygons(mask: Mask, tolerance: float = 0.5) -> list[list[int]]:
    """Outline the parts of a mask as `polygons` does, without their holes."""
    x, y, width, height = bbox_xywh(mask)
    return _outlines(mask[y : y + height, x : x + width], (x, y), tolerance, cv2.RETR_EXTERNAL)


def _outlines(part: Mask, corner_xy: tuple[int, int], tolerance: float, mode: int) -> list[list[int]]:
    """Outline the box of a mask, bool (h, w), whose top left corner is at a place of the photo."""
    seen, held, step = part, part.astype(np.float32) if _border(part) > MAX_BORDER else None, 1
    while True:
        if _border(seen) <= MAX_BORDER:
            found, _ = cv2.findContours(_grown_to_corners(seen), mode, cv2.CHAIN_APPROX_SIMPLE)
            if len(found) <= MAX_OUTLINES:
                break
        held, step = _halved(part.astype(np.float32) if held is None else held), 2 * step
        seen = _fullest(held, step)
    edge_xy = np.array(part.shape[::-1])
    return [
        (np.minimum(cv2.approxPolyDP(outline, tolerance, closed=True) * step, edge_xy) + corner_xy)
        .ravel()
        .tolist()
        for outline in found
    ]


def _halved(held: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add up squares of four values: float32 (h, w) -> (ceil(h / 2), ceil(w / 2))."""
    height, width = held.shape
    even = np.pad(held, ((0, height % 2), (0, width % 2)))
    size_wh = even.shape[1] // 2, even.shape[0] // 2
    return np.asarray(4 * cv2.resize(even, size_wh, interpolation=cv2.INTER_AREA), np.float32)


def _fullest(held: NDArray[np.float32], step: int) -> Mask:
    """Reduce a mask to the squares that hold most of it, about as many as have its area together.

    Args:
        held: float32 (h, w), the number of pixels of the mask in each square.
        step: side of the squares in pixels.

    Returns:
        bool (h, w), not empty.
    """
    squares = np.bincount(held.astype(np.int64).ravel())  # by what they hold
    wanted = max(1, round(float(held.sum(dtype=np.float64)) / step**2))
    at_least = squares[::-1].cumsum()[::-1]
    least = int(np.flatnonzero(at_least >= wanted)[-1])
    return np.asarray(held >= max(1, least))


def _border(mask: Mask) -> int:
    """Count the pixels' sides between a mask and what is beside it, inside the array."""
    return int(np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1]))


def _grown_to_corners(mask: Mask) -> NDArray[np.uint8]:
    """Mark the corners of all pixels: bool (h, w) -> uint8 (h + 1, w + 1)."""
    corners = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.uint8)
    pixels = mask.view(np.uint8)
    for dy in (0, 1):
        for dx in (0, 1):
            corners[dy : dy + mask.shape[0], dx : dx + mask.shape[1]] |= pixels
    return corners
