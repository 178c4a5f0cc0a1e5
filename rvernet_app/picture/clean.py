"""What does not belong to a mask, out of it: crumbs, pinholes, what lies apart from the prompt."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask

CRUMB_SHARE = 0.02
BOX_MARGIN = 0.05
"""Share of a box's width and height by which a food may reach beyond it: people draw boxes by hand."""
OUTSIDE = np.float32(-8.0)
"""Logit of what surely is not the food."""


def clean(mask: Mask, keep_xy: Sequence[tuple[float, float]] = (), crumb_share: float = CRUMB_SHARE) -> Mask:
    """Remove crumbs (small components, 8-connected) and fill pinholes (small holes, 4-connected).

    Small means fewer pixels than `crumb_share` of the mask. The largest component always stays, and so does each
    one that holds a point of `keep_xy`. Works on outlines, so that it costs little even on large photos.

    Args:
        mask: bool (H, W).
        keep_xy: points in the mask's frame that must stay, the prompt's foreground points.
        crumb_share: 0 to 1.

    Returns:
        bool (H, W), a new array.
    """
    pixels = np.array(mask, np.uint8, order="C")
    limit = crumb_share * cv2.countNonZero(pixels)
    outlines, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return pixels.view(np.bool_)
    is_hole = hierarchy[0, :, 3] >= 0
    areas = np.array([_pixels_within(outline, hole) for outline, hole in zip(outlines, is_hole, strict=True)])
    largest = int(np.argmax(np.where(is_hole, -1, areas)))
    for index in map(int, np.flatnonzero(areas < limit)):
        outline = outlines[index]
        if is_hole[index] or (index != largest and not any(_holds(outline, point) for point in keep_xy)):
            # one at a time: OpenCV copies the whole list it is given, at every call
            cv2.drawContours(pixels, [outline], 0, int(is_hole[index]), cv2.FILLED)
    return pixels.view(np.bool_)


def keep_to_prompt(
    logits: NDArray[np.float32],
    foreground_xy: Sequence[tuple[float, float]],
    box_xyxy: tuple[float, float, float, float] | None,
) -> NDArray[np.float32]:
    """Give up what the prompt cannot mean.

    With a box that is everything beyond it and its margin. Without one it is every component (8-connected) that
    holds no foreground point, as long as some component holds one.

    Args:
        logits: float32 (h, w), the food where they are above 0.
        foreground_xy: in the frame of the logits, as `box_xyxy`.

    Returns:
        float32 (h, w), a new array; at most OUTSIDE where something was given up.
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
    """Pixels of a filled component, or of a hole, whose outline OpenCV draws on the pixels around it (Pick)."""
    inner = cv2.contourArea(outline) - len(outline) / 2 + 1
    return inner if hole else inner + len(outline)


def _holds(outline: NDArray[np.int32], point_xy: tuple[float, float]) -> bool:
    x, y = point_xy
    return cv2.pointPolygonTest(outline, (int(x), int(y)), measureDist=False) >= 0
