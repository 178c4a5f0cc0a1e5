"""Outlines to masks, and masks to the single outline that YOLO has for an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.exchange.formats.values import number_of
from rvernet_app.picture.masks import Rle, require_rle
from rvernet_app.types import Mask

OVERHANG = 1.0
"""Pixels by which a point may lie outside the photo; programs that round write such points."""

FAR = 10.0
"""Sides of the photo by which a point may lie outside, where outlines are cut off at the edges. pycocotools
walks along every outline.
"""

NOT_PAIRS = "Its points are not pairs of numbers."
NOT_XY = "Its outline is not a list of x, y, x, y, …."
TOO_FEW_POINTS = "It is an outline of fewer than three points."

Point = tuple[float, float]
"""x, y in pixels. (0, 0) is the top left corner of the first pixel, (1, 1) its bottom right corner."""


def points(numbers: object) -> list[Point]:
    """Return the x, y pairs of an untrusted source.

    Raises:
        PromptError: `numbers` is not a list of pairs of finite numbers.
    """
    if not isinstance(numbers, Iterable):
        raise PromptError(NOT_PAIRS)
    try:
        pairs = [(number_of(x), number_of(y)) for x, y in numbers]
    except (TypeError, ValueError) as error:
        raise PromptError(NOT_PAIRS) from error
    found = [(x, y) for x, y in pairs if x is not None and y is not None]
    if len(found) < len(pairs):
        raise PromptError(NOT_PAIRS)
    return found


def require_inside(corners: Iterable[Point], size_hw: tuple[int, int], overhang: float = OVERHANG) -> None:
    """Check that points lie inside a photo, or at most `overhang` pixels outside.

    Raises:
        PromptError: a point lies farther outside.
    """
    height, width = size_hw
    for x, y in corners:
        if not (-overhang <= x <= width + overhang and -overhang <= y <= height + overhang):
            raise PromptError(f"It lies outside the photo of {width} x {height} pixels, at {x:g}, {y:g}.")


def rle_of_parts(
    parts: Sequence[Sequence[object]], size_hw: tuple[int, int], *, clip: bool = False
) -> tuple[Rle, Mapping[int, str]]:
    """Return the mask of the pixels inside any of an untrusted source's outlines, as pycocotools rasterizes
    them, and why some outlines are of no use: number of the outline, counted from 1 -> a sentence.

    One outline of no use, such as a crumb of two points, does not cost the others.

    Args:
        parts: x, y, x, y, … of each outline.
        clip: cut outlines off at the edges of the photo; False takes none with points outside.

    Raises:
        PromptError: no outline is of use.
    """
    masks: list[dict[str, object]] = []
    refused: dict[int, str] = {}
    for number, numbers in enumerate(parts, 1):
        try:
            masks.append(_mask_of(numbers, size_hw, clip))
        except PromptError as error:
            if len(parts) == 1:
                raise
            refused[number] = str(error)
    if not masks:
        raise PromptError(next(iter(refused.values()), TOO_FEW_POINTS))
    merged = coco.merge(masks)
    return require_rle({"size": list(size_hw), "counts": merged["counts"].decode("ascii")}, size_hw), refused


def rle_of_polygons(polygons: Sequence[Sequence[Point]], size_hw: tuple[int, int]) -> Rle:
    """Return the mask of the pixels inside any of several polygons, see `rle_of_parts`."""
    flat = [[value for corner in polygon for value in corner] for polygon in polygons]
    return rle_of_parts(flat, size_hw, clip=True)[0]


def _mask_of(numbers: Sequence[object], size_hw: tuple[int, int], clip: bool) -> dict[str, object]:
    if len(numbers) % 2:
        raise PromptError(NOT_XY)
    corners = points(zip(numbers[::2], numbers[1::2], strict=True))
    require_inside(corners, size_hw, FAR * max(size_hw) if clip else OVERHANG)
    if len(corners) < 3:
        raise PromptError(TOO_FEW_POINTS)
    [mask] = coco.frPyObjects([[value for corner in corners for value in corner]], *size_hw)
    if not coco.area(mask):
        raise PromptError("The mask is empty.")
    encoded: dict[str, object] = mask
    return encoded


def outline(mask: Mask) -> NDArray[np.int32]:
    """Trace one outline around a mask, through the outermost pixels of each of its parts.

    A bridge, drawn there and back on one line, joins a part to those before it. Holes are lost.

    Args:
        mask: bool (H, W), not empty.

    Returns:
        int32 (N, 2), x and y of pixels, N at least 3.
    """
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    first, *others = (part.reshape(-1, 2) for part in found)
    joined = first
    for part in others:
        here, there = _bridge(joined, part)
        turned = np.roll(part, -there, axis=0)
        joined = np.concatenate((joined[: here + 1], turned, turned[:1], joined[here:]))
    return joined if len(joined) >= 3 else np.resize(joined, (3, 2))


def filled(points_xy: Sequence[Point], size_hw: tuple[int, int]) -> Mask:
    """Fill an outline, its own pixels included: the inverse of `outline`, except for holes and bridges.

    Returns:
        bool (H, W).
    """
    mask = np.zeros(size_hw, np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(points_xy)).astype(np.int32)], 1)
    return mask.view(np.bool_)


def _bridge(joined: NDArray[np.int32], part: NDArray[np.int32]) -> tuple[int, int]:
    """Return the indices of two points, one of each outline, that are close to each other.

    Three rounds of going to the nearest point of the other outline; that is not always the closest pair.
    """
    here = there = 0
    for _ in range(3):
        here = int(((joined - part[there]) ** 2).sum(axis=1).argmin())
        there = int(((part - joined[here]) ** 2).sum(axis=1).argmin())
    return here, there
