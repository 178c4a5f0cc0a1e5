"""Where foods overlap, a pixel shows one of them: the smaller food lies on top, of two equal ones the newer.

The store keeps masks as they were drawn. Exports and the training on a project show each food without what
lies on it, so that areas, cut-outs and maps of pixels agree with each other and with the page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco

from rvernet_app.picture.masks import Rle, area_and_box, as_encoded, part_of, rle_of_part


def top_first(areas: Sequence[int]) -> list[int]:
    """Return the indices of foods from the one on top to the one at the bottom.

    Args:
        areas: pixels of each food as drawn, from the oldest food to the newest.
    """
    return sorted(range(len(areas)), key=lambda index: (areas[index], -index))


def visible_rles(rles: Sequence[Rle], size_hw: tuple[int, int]) -> list[Rle | None]:
    """Return what is visible of each food as RLE; None if others cover it wholly.

    A mask that nothing covers stays the very RLE that it was. Only masks that overlap others are decoded, one
    at a time.

    Args:
        rles: masks, from the oldest food to the newest.
        size_hw: height and width of the photo.

    Raises:
        PromptError: see `from_rle`.
    """
    found: list[Rle | None] = list(rles)
    overlapping = _overlapping(rles)
    covered = np.zeros(size_hw if overlapping else (0, 0), np.bool_)  # (H, W)
    for place in top_first([area_and_box(rles[index])[0] for index in overlapping]):
        index = overlapping[place]
        part, (x, y) = part_of(rles[index], size_hw)  # (h, w)
        under = covered[y : y + part.shape[0], x : x + part.shape[1]]
        shown = part & ~under
        if not shown.any():
            found[index] = None
        elif not np.array_equal(shown, part):
            found[index] = rle_of_part(shown, (x, y), size_hw)
        under |= part
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
        pair = [as_encoded(rles[one]), as_encoded(rles[other])]
        if coco.area(coco.merge(pair, intersect=True)):
            found |= {one, other}
    return sorted(found)
