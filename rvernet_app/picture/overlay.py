"""Pure drawing: pictures in, pictures out."""

from __future__ import annotations

from functools import cache

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Photo

COLORMAP = "inferno"
"""Perceptually even and readable by the colour-blind; low activation leaves the photo as it is."""


@cache
def _lookup_table() -> NDArray[np.float32]:
    colours = matplotlib.colormaps[COLORMAP](np.arange(256))[:, :3]
    return (colours * 255).astype(np.float32)


def fit_within(picture: Photo, longest_side: int) -> Photo:
    """A copy of uint8 (H, W, 3) no longer than `longest_side`; never enlarged."""
    height, width = picture.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return picture.copy()
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def heat_overlay(photo: Photo, activation: NDArray[np.float32], strength: float = 0.75) -> Photo:
    """Lay an activation map over a photo that is greyed a little, hot where the module looked.

    Args:
        photo: uint8 (H, W, 3).
        activation: float32 (h, w) in [0, 1]; scaled to the photo when of another size.
        strength: weight of the colour where the activation is 1, in [0, 1].

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
    weight = (strength * np.sqrt(heat))[:, :, None]
    return (base + (colours - base) * weight).round().astype(np.uint8)
