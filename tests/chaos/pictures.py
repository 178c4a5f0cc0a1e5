"""Pictures that take a moment to write."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def noise(number: int) -> bytes:
    """Return a PNG file of 160 x 120 random pixels; each number has its own."""
    levels = np.random.default_rng(number).integers(0, 256, (120, 160, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()
