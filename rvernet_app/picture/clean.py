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
    mask: Mask, keep_xy: Sequence[tuple[float, float]] = (), fragment_share: float = FRAGMENT_SHARE
) -> Mask:
    """Remove fragments (small components, 8-connected) and fill pinholes (small holes, 4-connected).

    Small means fewer pixels than `fragment_share` of the mask. The largest component stays, and so does every
    component that contains a point of `keep_xy`. The work is done on outlines, which is fast even for large
    photos.

    Args:
        mask: bool (H, W).
        keep_xy: foreground points of the prompt, in the mask's frame.
        fragment_share: 0 to 1.

    Returns:
        bool (H, W), a new array.
    """
    pixels = np.array(mask, np.uint8, order="C")
    limit = fragment_share * cv2.countNonZero(pixels)
    outlines, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return pixels.view(np.bool_)
    is_hole = hierarchy[0, :, 3] >= 0
    areas = np.array([_pixels_within(outline, hole) for outline, hole in zip(outlines, is_hole, strict=True)])
    largest = int(np.argmax(np.where(is_hole, -1, areas)))
    for index in map(int, np.flatnonzero(areas < limit)):
        outline = outlines[index]
        if is_hole[index] or (index != largest and not any(_holds(outline, point) for point in keep_xy)):
            # one outline per call: OpenCV copies the whole list at every call
            cv2.drawContours(pixels, [outline], 0, int(is_hole[index]), cv2.FILLED)
    return pixels.view(np.bool_)


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


def _pixels_within(outline: NDArray[np.int32], hole: bool) -> float:
    """Count the pixels of a filled component or of a hole from its outline, by Pick's theorem.

    OpenCV's outline of a component runs on its own pixels, that of a hole on the pixels around it.
    """
    inner = cv2.contourArea(outline) - len(outline) / 2 + 1
    return inner if hole else inner + len(outline)


def _holds(outline: NDArray[np.int32], point_xy: tuple[float, float]) -> bool:
    x, y = point_xy
    return cv2.pointPolygonTest(outline, (int(x), int(y)), measureDist=False) >= 0
