"""Masks on the wire: COCO compressed RLE, which is exact, and polygons, which draw fast."""

from __future__ import annotations

from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.types import Mask


class Rle(TypedDict):
    """COCO compressed run-length encoding: size is [height, width], counts the compressed string."""

    size: list[int]
    counts: str


def to_rle(mask: Mask) -> Rle:
    """bool (H, W) -> COCO compressed RLE (pycocotools), counts as str."""
    columns_first = cv2.transpose(mask.view(np.uint8)).T
    encoded = coco.encode(columns_first)
    return {"size": [int(v) for v in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def require_rle(rle: object, size_hw: tuple[int, int]) -> Rle:
    """A COCO compressed RLE from an untrusted source, once it is known to be one, as this program encodes the mask.

    Others write runs of no length, with which pycocotools counts wrong.

    Raises:
        PromptError: not an RLE, damaged, of another size than the photo, or empty.
    """
    if not isinstance(rle, dict) or not isinstance(rle.get("counts"), str) or not rle["counts"].isascii():
        raise PromptError("The mask is not a COCO compressed RLE.")
    if rle.get("size") != list(size_hw):
        raise PromptError(
            f"The mask is for a photo of size {rle.get('size')}, this photo is {list(size_hw)}."
        )
    runs = _runs(rle["counts"])
    if runs is None or sum(runs) != size_hw[0] * size_hw[1]:
        raise PromptError("The mask's run lengths do not add up to its size.")
    found = Rle(size=list(size_hw), counts=rle["counts"])
    if 0 in runs[1:]:
        found = to_rle(coco.decode(_encoded(found)).view(np.bool_))
    if not coco.area(_encoded(found)):
        raise PromptError("The mask is empty.")
    return found


def from_rle(rle: object, size_hw: tuple[int, int]) -> Mask:
    """COCO compressed RLE from an untrusted source -> bool (H, W).

    Raises:
        PromptError: as `require_rle`.
    """
    mask = coco.decode(_encoded(require_rle(rle, size_hw))).view(np.bool_)
    return np.ascontiguousarray(mask)


def area_and_box(rle: Rle) -> tuple[int, tuple[int, int, int, int]]:
    """Pixels of a mask, and the tight box around it: left, top, width, height."""
    encoded = _encoded(rle)
    x, y, width, height = (int(v) for v in coco.toBbox(encoded))
    return int(coco.area(encoded)), (x, y, width, height)


def _encoded(rle: Rle) -> dict[str, object]:
    return {"size": rle["size"], "counts": rle["counts"].encode("ascii")}


def _runs(counts: str) -> list[int] | None:
    """The run lengths in a compressed counts string, None where it is damaged.

    pycocotools writes past its buffer on runs longer than the size, so they are added up first. The
    code is COCO's LEB128 variant: five bits a character from '0', bit 0x20 says more follow, and from
    the fourth run on each is stored as the difference to the one before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        chunk = ord(character) - 48
        if not 0 <= chunk < 64 or shift > 30:
            return None
        value |= (chunk & 0x1F) << shift
        shift += 5
        if chunk & 0x20:
            continue
        if chunk & 0x10:
            value |= -1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return None
        runs.append(value)
        value = shift = 0
    return runs if shift == 0 else None


def bbox_xywh(mask: Mask) -> tuple[int, int, int, int]:
    """Tight box around a non-empty mask: left, top, width, height in pixels."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return x, y, width, height


def polygons(mask: Mask, tolerance: float = 0.5) -> list[list[int]]:
    """Outlines of a mask for drawing with the even-odd rule; holes are outlines of their own.

    Args:
        mask: bool (H, W).
        tolerance: how far, in pixels, an outline may stray (Douglas-Peucker).

    Returns:
        One flat list x0, y0, x1, y1, … per outline, on pixel corners, so that a mask of one pixel at
        (x, y) is the unit square from (x, y) to (x + 1, y + 1). Stairs are cut to slopes, so what they
        enclose is the mask within a pixel; the exact mask is its RLE.
    """
    x, y, width, height = bbox_xywh(mask)
    corners = _grown_to_corners(mask[y : y + height, x : x + width])
    outlines, _ = cv2.findContours(corners, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
    return [cv2.approxPolyDP(outline, tolerance, closed=True).ravel().tolist() for outline in outlines]


def _grown_to_corners(mask: Mask) -> NDArray[np.uint8]:
    """bool (h, w) of pixels -> uint8 (h + 1, w + 1) of pixel corners touched by one."""
    corners = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.uint8)
    pixels = mask.view(np.uint8)
    for dy in (0, 1):
        for dx in (0, 1):
            corners[dy : dy + mask.shape[0], dx : dx + mask.shape[1]] |= pixels
    return corners
