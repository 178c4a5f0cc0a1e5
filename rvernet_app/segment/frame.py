"""Where a photo lies in a segmenter's logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rvernet_app.types import Photo

Pixel = tuple[int, int]
"""Column and row."""


@dataclass(frozen=True)
class Frame:
    """A photo shrunk into the top left corner of a segmenter's logits.

    Attributes:
        size_hw: height and width of the photo.
        inner_hw: rows and columns of the logits that show it.
        logits_hw: all rows and columns of the logits.
        scale_xy: columns per pixel of the photo, and rows.
    """

    size_hw: tuple[int, int]
    inner_hw: tuple[int, int]
    logits_hw: tuple[int, int]
    scale_xy: tuple[float, float]

    def pixel(self, point_xy: Sequence[float]) -> Pixel:
        """Return the pixel of the logits that shows a point of the photo; the nearest one for points
        beyond it.
        """
        column, row = (
            int((int(at) + 0.5) * scale) for at, scale in zip(point_xy, self.scale_xy, strict=True)
        )
        return min(max(column, 0), self.inner_hw[1] - 1), min(max(row, 0), self.inner_hw[0] - 1)

    def box(self, box_xyxy: Sequence[float]) -> tuple[float, float, float, float]:
        """Return a box of the photo in the frame of the logits."""
        x, y = self.scale_xy
        left, top, right, bottom = box_xyxy
        return left * x, top * y, right * x, bottom * y

    def shrink(self, photo: Photo) -> Photo:
        """Shrink a photo, uint8 (H, W, 3), to the rows and columns that show it."""
        size_wh = self.inner_hw[1], self.inner_hw[0]
        return np.asarray(cv2.resize(photo, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
