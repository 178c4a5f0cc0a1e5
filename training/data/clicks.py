"""Simulated clicks, and the IoU of masks.

The clicks follow benchmarks of interactive segmentation (e.g. Sofiiuk et al. 2021, arXiv 2102.06583): the
first one at the innermost point of the mask, each further one at the innermost point of the largest wrong
region.
"""

from __future__ import annotations

import cv2
import numpy as np

from rvernet_app.picture.masks import innermost_point
from rvernet_app.types import BACKGROUND, FOREGROUND, Mask

__all__ = ["Click", "correction", "innermost_point", "iou"]

Click = tuple[float, float, int]
"""x, y of the center of a pixel, counted from (0, 0), and the point label."""


def iou(mask: Mask, other: Mask) -> float:
    """Return the intersection over union of two bool (H, W) masks; at least one must not be empty."""
    return float(np.count_nonzero(mask & other) / np.count_nonzero(mask | other))


def correction(mask: Mask, true: Mask) -> Click | None:
    """Return the next click for a mask, bool (H, W), or None if it equals the true one."""
    missed, extra = true & ~mask, mask & ~true
    if not missed.any() and not extra.any():
        return None
    missed_depth, extra_depth = _depth(missed), _depth(extra)
    label = FOREGROUND if missed_depth.max() >= extra_depth.max() else BACKGROUND
    depth = missed_depth if label == FOREGROUND else extra_depth
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(column), float(row), label


def _depth(region: Mask) -> np.ndarray:
    result: np.ndarray = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return result
