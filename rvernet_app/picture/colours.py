"""What colours a part of a photo has, and how alike the colours of two parts are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.picture.overlay import fit_within
from rvernet_app.types import Mask, Photo

SIDE = 640
"""Longest side in pixels of the copy whose colours are counted."""

BINS = (8, 32, 32)
"""Steps of lightness, which light and shadow change, and of the two colour axes of Lab."""

Colours = NDArray[np.float32]
"""float32 BINS, the share of each colour; the sum is 1."""


def colours_of(photo: Photo, mask: Mask) -> Colours:
    """Return the colours of a photo, uint8 (H, W, 3), within a mask, bool (H, W) and not empty."""
    small = fit_within(photo, SIDE)
    size_wh = small.shape[1], small.shape[0]
    inside = cv2.resize(mask.astype(np.uint8), size_wh, interpolation=cv2.INTER_AREA)
    if not inside.any():  # smaller than a pixel of the copy
        small, inside = photo, mask.astype(np.uint8)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], inside, list(BINS), [0, 256] * 3)
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), 1) for plane in counts])
    smooth[1:] = (smooth[1:] + smooth[:-1]) / 2
    return np.asarray(smooth / smooth.sum(), np.float32)


def likeness(colours: Colours, others: Colours) -> float:
    """Return how alike two colours are, in [0, 1] (Bhattacharyya coefficient)."""
    return float(np.sqrt(colours * others).sum())
