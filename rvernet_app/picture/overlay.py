"""Draw activation maps over photos."""

from __future__ import annotations

from functools import cache

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Photo

COLORMAP = "inferno"
"""Perceptually uniform, and readable with colour blindness."""

STRENGTH = 0.75
"""Weight of the colour at activation 1, in [0, 1]; at activation 0 the photo shows alone."""


@cache
def _lookup_table() -> NDArray[np.float32]:
    """Return the colours of the levels 0 to 255, float32 (256, 3) in [0, 255]."""
    colours = matplotlib.colormaps[COLORMAP](np.arange(256))[:, :3]
    return (colours * 255).astype(np.float32)


def fit_within(picture: Photo, longest_side: int) -> Photo:
    """Return a copy of uint8 (H, W, 3), reduced if its longest side exceeds `longest_side` pixels."""
    height, width = picture.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return picture.copy()
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def heat_overlay(photo: Photo, activation: NDArray[np.float32]) -> Photo:
    """Draw an activation map over a slightly greyed photo.

    Args:
        photo: uint8 (H, W, 3).
        activation: float32 (h, w) in [0, 1], scaled to the photo if its size differs.

    Returns:
        uint8 (H, W, 3), a new array.
    """
    height, width = photo.shape[:2]
    if activation.shape != (height, width):
        activation = cv2.resize(activation, (width, height), interpolation=cv2.INTER_LINEAR)
    heat = np.clip(activation, 0, 1)
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    base = cv2.addWeighted(photo, 0.45, grey, 0.45, 0).astype(np.float32)
    colours = _lookup_table()[(heat * 255).round().astype(np.uint8)]
    weight = (STRENGTH * np.sqrt(heat))[:, :, None]
    return np.asarray((base + (colours - base) * weight).round().astype(np.uint8))
