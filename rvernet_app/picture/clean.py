"""Clean masks: drop fragments, fill pinholes, discard parts the prompt does not touch."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask

FRAGMENT_SHARE = 0.02
"""Components and holes below this share of the mask are fragments and pinholes."""
BOX_MARGIN = 0.05
"""A food may reach beyond the box by this share of its width and height: people draw boxes by hand."""
OUTSIDE = np.float32(-8.0)
"""Logit of pixels that surely are not the food."""


def clean(
    mask: Mask,
    keep_xy: Sequence[tuple[float, float]] = (),
    free_xy: Sequence[tuple[float, float]] = (),
    only_held: bool = False,
    fragment_share: float = FRAGMENT_SHARE,
) -> Mask:
    """Remove fragments (small components, 8-connected) and fill pinholes (small holes, 4-connected).

    Small means fewer pixels than `fragment_share` of the mask. The largest component stays, and so does every
    component that contains a point of `keep_xy`. A hole that contains a point of `free_xy` stays a hole. The
    work is done on outlines, which is fast even for large photos.

    Args:
        mask: bool (H, W).
        keep_xy: foreground points of the prompt, in the mask's frame.
        free_xy: background points of the prompt.
        only_held: True to remove every component without a point of `keep_xy`, if a point lies in the mask.
        fragment_share: 0 to 1.

    Returns:
        bool (H, W), a new array.
    """
    pixels = np.array(mask, np.uint8, order="C")
    limit = fragment_share * cv2.countNonZero(pixels)
    outlines, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return pixels.view(np.bool_)
    if np.count_nonzero(hierarchy[0, :, 3] < 0) > 1:
        _drop_components(pixels, keep_xy, limit, only_held)
        outlines, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for index in map(int, np.flatnonzero(hierarchy[0, :, 3] >= 0)):
        hole = outlines[index]
        if _pixels_in_hole(hole) < limit and not any(_holds(hole, point) for point in free_xy):
            # one outline per call: OpenCV copies the whole list at every call
            cv2.drawContours(pixels, [hole], 0, 1, cv2.FILLED)
    return pixels.view(np.bool_)


def _drop_components(
    pixels: NDArray[np.uint8], keep_xy: Sequence[tuple[float, float]], limit: float, only_held: bool
) -> None:
    """Set components to 0 in pixels, uint8 (H, W): those below the limit, or all that are not held."""
    left, top, width, height = cv2.boundingRect(pixels)
    part = pixels[top : top + height, left : left + width]
    _, components, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    held = {
        int(components[int(y) - top, int(x) - left])
        for x, y in keep_xy
        if left <= int(x) < left + width and top <= int(y) < top + height
    } - {0}
    kept = np.zeros(len(areas), np.uint8)
    if not (only_held and held):
        kept[areas >= limit] = 1
        kept[1 + int(areas[1:].argmax())] = 1
    kept[list(held)] = 1
    kept[0] = 0
    part[...] = kept[components]


def keep_to_prompt(
    logits: NDArray[np.float32],
    foreground_xy: Sequence[tuple[float, float]],
    box_xyxy: tuple[float, float, float, float] | None,
) -> NDArray[np.float32]:
    """Discard the parts of a mask that the prompt cannot mean.

    With a box, discard everything beyond the box and its margin. Without a box, discard every component
    (8-connected) without a foreground point, unless all components are without one.

    Args:
        logits: float32 (h, w), above 0 on the food.
        foreground_xy: foreground points in the frame of the logits.
        box_xyxy: left, top, right, bottom in the frame of the logits, or None.

    Returns:
        float32 (h, w), a new array, at most OUTSIDE on the discarded parts.
    """
    height, width = logits.shape
    if box_xyxy is not None:
        left, top, right, bottom = box_xyxy
        aside, up = BOX_MARGIN * (right - left), BOX_MARGIN * (bottom - top)
        rows, columns = np.arange(height)[:, None] + 0.5, np.arange(width) + 0.5
        kept = (rows > top - up) & (rows < bottom + up) & (columns > left - aside) & (columns < right + aside)
    else:
        _, components = cv2.connectedComponents((logits > 0).astype(np.uint8), connectivity=8)
        held = {int(components[min(int(y), height - 1), min(int(x), width - 1)]) for x, y in foreground_xy}
        if not held - {0}:
            return logits.copy()
        kept = np.isin(components, [0, *held])
    return np.where(kept, logits, np.minimum(logits, OUTSIDE))


def _pixels_in_hole(outline: NDArray[np.int32]) -> float:
    """Count the pixels of a hole from its outline, which runs on the pixels around it, by Pick's theorem."""
    return cv2.contourArea(outline) - len(outline) / 2 + 1


def _holds(outline: NDArray[np.int32], point_xy: tuple[float, float]) -> bool:
    x, y = point_xy
    return cv2.pointPolygonTest(outline, (int(x), int(y)), measureDist=False) >= 0
