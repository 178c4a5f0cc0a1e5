"""Where a person would click: in the middle of a food, then of what the mask got wrong; and how right a mask is.

The protocol of interactive segmentation's benchmarks (e.g. Sofiiuk et al. 2021, arXiv 2102.06583): the first click at
the innermost point of the mask, each next one at the innermost point of the largest wrong region.
"""

from __future__ import annotations

import cv2
import numpy as np

from rvernet_app.types import BACKGROUND, FOREGROUND, Mask

Click = tuple[float, float, int]
"""x, y of a pixel's centre counted from (0, 0), and the point label."""


def innermost_point(mask: Mask) -> tuple[int, int]:
    """x and y of the pixel farthest from the outside of a mask, bool (H, W), not empty; the photo's edge is outside."""
    depth = _depth(mask)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column), int(row)


def iou(mask: Mask, other: Mask) -> float:
    """Intersection over union of two bool (H, W) masks, at least one of them not empty."""
    return float(np.count_nonzero(mask & other) / np.count_nonzero(mask | other))


def correction(mask: Mask, true: Mask) -> Click | None:
    """The next click for a mask, bool (H, W), or None where it is right everywhere."""
    missed, extra = true & ~mask, mask & ~true
    if not missed.any() and not extra.any():
        return None
    missed_depth, extra_depth = _depth(missed), _depth(extra)
    label = FOREGROUND if missed_depth.max() >= extra_depth.max() else BACKGROUND
    depth = missed_depth if label == FOREGROUND else extra_depth
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(column), float(row), label


def _depth(region: Mask) -> np.ndarray:
    return cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
