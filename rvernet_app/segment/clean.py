"""Crumbs and pinholes out of a mask."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask

CRUMB_SHARE = 0.02


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


def _pixels_within(outline: NDArray[np.int32], hole: bool) -> float:
    """Pixels of a filled component, or of a hole, whose outline OpenCV draws on the pixels around it (Pick)."""
    inner = cv2.contourArea(outline) - len(outline) / 2 + 1
    return inner if hole else inner + len(outline)


def _holds(outline: NDArray[np.int32], point_xy: tuple[float, float]) -> bool:
    x, y = point_xy
    return cv2.pointPolygonTest(outline, (int(x), int(y)), measureDist=False) >= 0
