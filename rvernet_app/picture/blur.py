"""Make parts of a photo unrecognizable, for good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import cv2
import numpy as np

from rvernet_app.errors import PromptError
from rvernet_app.types import Photo

BLOCKS = 5
"""Blocks along the longer side of a box. A face of so few colours cannot be brought back by any program."""

LEAST_SIDE = 4
"""Side of the smallest block, in pixels."""

Box: TypeAlias = tuple[int, int, int, int]


def blurred(photo: Photo, boxes_xyxy: Iterable[Box]) -> Photo:
    """Return a photo in which each box is a few blocks of one colour, the mean of what was there.

    Args:
        photo: uint8 (H, W, 3).
        boxes_xyxy: left, top, right, bottom in pixels; what lies outside of the photo does not count.

    Returns:
        uint8 (H, W, 3), a new array.

    Raises:
        PromptError: there is no box, or one has no pixel of the photo.
    """
    height, width = photo.shape[:2]
    result = photo.copy()
    count = 0
    for box in boxes_xyxy:
        left, top, right, bottom = _within(box, width, height)
        part = result[top:bottom, left:right]
        across, down = right - left, bottom - top
        side = max(LEAST_SIDE, max(across, down) / BLOCKS)
        few = cv2.resize(part, (_blocks(across, side), _blocks(down, side)), interpolation=cv2.INTER_AREA)
        part[...] = cv2.resize(few, (across, down), interpolation=cv2.INTER_NEAREST)
        count += 1
    if not count:
        raise PromptError("Draw a box around what is to be blurred.")
    return np.asarray(result)


def _blocks(length: int, side: float) -> int:
    return max(1, round(length / side))


def _within(box: Box, width: int, height: int) -> Box:
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    if left >= right or top >= bottom:
        raise PromptError("This box has nothing of the photo in it; draw it again.")
    return left, top, right, bottom
