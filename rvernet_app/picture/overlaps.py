"""Where foods overlap, a pixel shows one of them: the smaller food lies on top, of two equal ones the newer.

The store keeps masks as they were drawn. Exports and the training on a project show each food without what
lies on it, so that areas, cut-outs and maps of pixels agree with each other and with the page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.picture.masks import Rle, area_and_box, from_rle, to_rle
from rvernet_app.types import Mask


def top_first(areas: Sequence[int]) -> list[int]:
    """Return the indices of foods from the one on top to the one at the bottom.

    Args:
        areas: pixels of each food as drawn, from the oldest food to the newest.
    """
    return sorted(range(len(areas)), key=lambda index: (areas[index], -index))


def visible(masks: Mask) -> Mask:
    """Return what is visible of each food.

    Args:
        masks: bool (N, H, W), from the oldest food to the newest.

    Returns:
        bool (N, H, W). No pixel belongs to two foods. The mask of a food is empty if others cover it wholly.
    """
    shown = masks.copy()
    covered: NDArray[np.bool_] = np.zeros(masks.shape[1:], np.bool_)  # (H, W)
    for index in top_first(masks.sum(axis=(1, 2)).tolist()):
        shown[index] &= ~covered
        covered |= masks[index]
    return shown


def visible_rles(rles: Sequence[Rle], size_hw: tuple[int, int]) -> list[Rle | None]:
    """Return what is visible of each food as RLE; None if others cover it wholly.

    A mask that overlaps no other stays the very RLE that it was. Only masks that overlap are decoded.

    Args:
        rles: checked masks, from the oldest food to the newest.
        size_hw: height and width of the photo.

    Raises:
        PromptError: see `require_rle`.
    """
    found: list[Rle | None] = list(rles)
    overlapping = _overlapping(rles)
    if overlapping:
        shown = visible(np.stack([from_rle(rles[index], size_hw) for index in overlapping]))
        for index, mask in zip(overlapping, shown, strict=True):
            found[index] = to_rle(mask) if mask.any() else None
    return found


def _overlapping(rles: Sequence[Rle]) -> list[int]:
    """Return the indices of the masks that share a pixel with another one."""
    boxes = np.array([area_and_box(rle)[1] for rle in rles], np.int64).reshape(-1, 4)  # (N, 4)
    (left, top), (right, bottom) = boxes[:, :2].T, (boxes[:, :2] + boxes[:, 2:]).T
    near = (
        (left[:, None] < right) & (left < right[:, None]) & (top[:, None] < bottom) & (top < bottom[:, None])
    )  # (N, N)
    np.fill_diagonal(near, False)
    found: set[int] = set()
    for one, other in np.argwhere(np.triu(near)).tolist():
        pair = [
            {"size": rle["size"], "counts": rle["counts"].encode("ascii")} for rle in (rles[one], rles[other])
        ]
        if coco.area(coco.merge(pair, intersect=True)):
            found |= {one, other}
    return sorted(found)
