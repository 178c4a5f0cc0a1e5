"""Cut a photo in two along a mask, and fit pictures into the square that a network reads."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Cutouts, Mask, Photo


def cut_out(photo: Photo, mask: Mask) -> Cutouts:
    """Split a photo into what is inside a mask and what is outside it (RveRNet, arXiv 2407.08257).

    Args:
        photo: uint8 (H, W, 3).
        mask: bool (H, W).

    Returns:
        Cutouts with `roi + extra_roi` equal to the photo. New arrays.

    Raises:
        ValueError: the mask is not bool or differs from the photo in height or width.
    """
    if mask.shape != photo.shape[:2] or mask.dtype != np.bool_:
        raise ValueError(f"expected a bool mask of shape {photo.shape[:2]}, got {mask.dtype} {mask.shape}")
    roi = photo * mask[:, :, None]
    return Cutouts(roi=roi, extra_roi=photo - roi)


@dataclass(frozen=True)
class Letterbox:
    """Fits a picture of any size into a square: scales the longest side to `size` and pads the shorter one.

    Attributes:
        size: side of the square in pixels.
        padding: grey level of the padding, 0 to 255 (125 in the paper).

    Raises:
        ValueError: a value is out of range.
    """

    size: int
    padding: int = 125

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.padding <= 255:
            raise ValueError(f"expected size >= 1 and padding in 0..255, got {self.size} and {self.padding}")

    def content_box(self, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return the place of a picture of this (height, width) in the square: left, top, right, bottom."""
        height, width = size_hw
        scale = self.size / max(height, width)
        inner_h, inner_w = max(1, round(height * scale)), max(1, round(width * scale))
        left, top = (self.size - inner_w) // 2, (self.size - inner_h) // 2
        return left, top, left + inner_w, top + inner_h

    def apply(self, picture: Photo) -> Photo:
        """Fit a picture into the square: uint8 (H, W, 3) -> uint8 (size, size, 3)."""
        left, top, right, bottom = self.content_box(picture.shape[:2])
        square = np.full((self.size, self.size, 3), self.padding, np.uint8)
        shrinks = right - left < picture.shape[1] or bottom - top < picture.shape[0]
        square[top:bottom, left:right] = cv2.resize(
            picture,
            (right - left, bottom - top),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
        return square

    def undo(self, square: NDArray[np.float32], size_hw: tuple[int, int]) -> NDArray[np.float32]:
        """Map values over the square back onto the photo, with bilinear interpolation.

        Args:
            square: float32 (s, s) of any resolution s.
            size_hw: height and width of the photo.

        Returns:
            float32 (H, W), within the range of `square`.
        """
        left, top, right, bottom = self.content_box(size_hw)
        full = cv2.resize(square, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        inner = np.ascontiguousarray(full[top:bottom, left:right], dtype=np.float32)
        on_photo = cv2.resize(inner, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(on_photo, np.float32)  # (H, W)
