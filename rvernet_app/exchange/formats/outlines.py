"""Outlines to masks, and masks to the single outline that YOLO has for an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import PromptError
from rvernet_app.exchange.formats.values import number_of
from rvernet_app.picture.masks import EmptyMaskError, Rle, from_spans, require_rle
from rvernet_app.picture.rasters import Spans, enclosed, require_few_points, spans_inside, union
from rvernet_app.types import Mask

OVERHANG = 1.0
"""Pixels by which a point may lie outside the photo; programs that round write such points."""

FAR = 10.0
"""Sides of the photo by which a point may lie outside, where outlines are cut off at the edges. An outline is
walked along outside the photo too.
"""

FEW_PARTS = 200
"""Outlines that are joined by short bridges; more are joined in a chain."""

BAND = 16
"""Height in pixels of the rows along which a chain runs."""

MAX_PARTS = 5000
"""Outlines of one food."""

NOT_PAIRS = "Its points are not pairs of numbers."
NOT_XY = "Its outline is not a list of x, y, x, y, …."
TOO_FEW_POINTS = "It is an outline of fewer than three points."

Point = tuple[float, float]
"""x, y in pixels. (0, 0) is the top left corner of the first pixel, (1, 1) its bottom right corner."""


def points(numbers: object) -> list[Point]:
    """Return the x, y pairs of an untrusted source.

    Raises:
        PromptError: `numbers` is not a list of pairs of finite numbers, or a list of too many.
    """
    if not isinstance(numbers, Iterable):
        raise PromptError(NOT_PAIRS)
    if isinstance(numbers, Sized):
        require_few_points(len(numbers))
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
        PromptError: no outline is of use, or they are more than any food has.
    """
    if len(parts) > MAX_PARTS:
        raise PromptError(f"It has {len(parts)} outlines, over the limit of {MAX_PARTS}.")
    require_few_points(sum(map(len, parts)) // 2)
    found: list[Spans] = []
    refused: dict[int, str] = {}
    for number, numbers in enumerate(parts, 1):
        try:
            found.append(_spans_of(numbers, size_hw, clip))
        except PromptError as error:
            if len(parts) == 1:
                raise
            refused[number] = str(error)
    if not found:
        raise PromptError(next(iter(refused.values()), TOO_FEW_POINTS))
    return require_rle(from_spans(union(found), size_hw), size_hw), refused


def rle_of_polygons(polygons: Sequence[Sequence[Point]], size_hw: tuple[int, int]) -> Rle:
    """Return the mask of the pixels inside any of several polygons, see `rle_of_parts`."""
    flat = [[value for corner in polygon for value in corner] for polygon in polygons]
    return rle_of_parts(flat, size_hw, clip=True)[0]


def _spans_of(numbers: Sequence[object], size_hw: tuple[int, int], clip: bool) -> Spans:
    if len(numbers) % 2:
        raise PromptError(NOT_XY)
    corners = points(zip(numbers[::2], numbers[1::2], strict=True))
    require_inside(corners, size_hw, FAR * max(size_hw) if clip else OVERHANG)
    if len(corners) < 3:
        raise PromptError(TOO_FEW_POINTS)
    spans = spans_inside(np.array(corners), size_hw)
    if not len(spans):
        raise EmptyMaskError
    return spans


def outline(mask: Mask) -> NDArray[np.int32]:
    """Trace one outline around the parts of a mask, through their outermost pixels, and around its holes.

    A bridge, drawn there and back on one line, joins a part or a hole to those before it.

    Args:
        mask: bool (H, W), not empty.

    Returns:
        int32 (N, 2), x and y of pixels, N at least 3.
    """
    found, [links] = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    inside = links[:, 3] >= 0  # a hole has the part around it as parent
    parts = [found[index].reshape(-1, 2) for index in np.argsort(inside, kind="stable")]
    joined = _joined(parts) if len(parts) <= FEW_PARTS else _in_a_chain(parts)
    return joined if len(joined) >= 3 else np.resize(joined, (3, 2))


def _joined(parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Join outlines, each to whichever of those before it is nearest; the time grows with their square."""
    joined, *others = parts
    for part in others:
        here, there = _bridge(joined, part)
        turned = np.roll(part, -there, axis=0)
        joined = np.concatenate((joined[: here + 1], turned, turned[:1], joined[here:]))
    return joined


def _in_a_chain(parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Join many small outlines, each to the next on a way to and fro across the photo."""
    band = [int(part[0, 1]) // BAND for part in parts]
    order = sorted(range(len(parts)), key=lambda i: (band[i], int(parts[i][0, 0]) * (-1) ** band[i]))
    there: list[NDArray[np.int32]] = []
    back: list[NDArray[np.int32]] = []
    current = parts[order[0]]
    for index in order[1:]:
        here, begin = _bridge(current, parts[index])
        there.append(current[: here + 1])
        back.append(np.concatenate((current[here:], current[:1])))
        current = np.roll(parts[index], -begin, axis=0)
    return np.concatenate((*there, current, current[:1], *reversed(back)))


def filled(points_xy: Sequence[Point], size_hw: tuple[int, int]) -> Mask:
    """Fill an outline, its own pixels included: the inverse of `outline`, except for bridges.

    Returns:
        bool (H, W).

    Raises:
        PromptError: there are too many points, or the outline is too long.
    """
    pixels = np.round(np.asarray(points_xy, np.float64).reshape(-1, 2))
    mask = enclosed(pixels + 0.5, size_hw)
    cv2.polylines(mask.view(np.uint8), [pixels.astype(np.int32)], True, 1)
    return mask


def _bridge(joined: NDArray[np.int32], part: NDArray[np.int32]) -> tuple[int, int]:
    """Return the indices of two points, one of each outline, that are close to each other.

    Three rounds of going to the nearest point of the other outline; that is not always the closest pair.
    """
    here = there = 0
    for _ in range(3):
        here = int(((joined - part[there]) ** 2).sum(axis=1).argmin())
        there = int(((part - joined[here]) ** 2).sum(axis=1).argmin())
    return here, there
