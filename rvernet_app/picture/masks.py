"""Masks as COCO compressed RLE, which is exact and small, and as polygons, which browsers draw fast."""

from __future__ import annotations

from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.rasters import Spans
from rvernet_app.types import Mask

MAX_CHARACTERS = 7
"""A run length of more characters is longer than any photo."""

MAX_RUNS = 250_000
"""Runs of a mask. A food has some ten thousand in a photo of 12 megapixels; one of speckles has a million."""

TOO_RAGGED = "The mask is too ragged: it has {} runs of pixels, over the limit of {}. Smooth it first."


class Rle(TypedDict):
    """COCO compressed run-length encoding: `size` is [height, width], `counts` the compressed string."""

    size: list[int]
    counts: str


def to_rle(mask: Mask) -> Rle:
    """Encode a mask, bool (H, W)."""
    columns_first = cv2.transpose(mask.view(np.uint8)).T
    encoded = coco.encode(columns_first)
    return {"size": [int(v) for v in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def from_spans(spans: Spans, size_hw: tuple[int, int]) -> Rle:
    """Encode the pixels of spans that do not touch.

    Raises:
        PromptError: there are more spans than a mask may have.
    """
    runs = np.diff(spans.ravel(), prepend=0, append=size_hw[0] * size_hw[1])
    runs = runs if runs[-1] else runs[:-1]
    _require_few_runs(len(runs))
    packed = coco.frPyObjects({"size": list(size_hw), "counts": runs.tolist()}, *size_hw)
    return {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}


def _require_few_runs(count: int) -> None:
    if count > MAX_RUNS:
        raise PromptError(TOO_RAGGED.format(count, MAX_RUNS))


def require_rle(rle: object, size_hw: tuple[int, int]) -> Rle:
    """Check an RLE and return it as this program encodes the mask.

    Every RLE is checked, also one from our own database, because pycocotools writes past its buffer on runs
    that are longer than the photo, and a database can come from a backup that somebody else made. The check
    is vectorised and costs less than decoding. Runs of length zero, which pycocotools counts wrongly, are
    encoded again.

    Args:
        rle: anything.
        size_hw: height and width of the photo.

    Raises:
        PromptError: not an RLE, damaged, for a photo of another size, or empty.
    """
    if not isinstance(rle, dict) or not isinstance(rle.get("counts"), str) or not rle["counts"].isascii():
        raise PromptError("The mask is not a COCO compressed RLE.")
    if rle.get("size") != list(size_hw):
        raise PromptError(
            f"The mask is for a photo of size {rle.get('size')}, this photo is {list(size_hw)}."
        )
    runs = _run_lengths(rle["counts"])
    if runs is None or runs.sum() != size_hw[0] * size_hw[1]:
        raise PromptError("The mask's run lengths do not add up to its size.")
    found = Rle(size=list(size_hw), counts=rle["counts"])
    if not runs[1:].all():
        found = to_rle(_decode(found))
    if not runs[1::2].any():
        raise PromptError("The mask is empty.")
    return found


def from_rle(rle: object, size_hw: tuple[int, int]) -> Mask:
    """Check and decode an RLE: bool (H, W).

    Raises:
        PromptError: see `require_rle`.
    """
    return _decode(require_rle(rle, size_hw))


def area_and_box(rle: Rle) -> tuple[int, tuple[int, int, int, int]]:
    """Return the number of pixels of a checked RLE and its tight box: left, top, width, height."""
    encoded = _encoded(rle)
    x, y, width, height = (int(v) for v in coco.toBbox(encoded))
    return int(coco.area(encoded)), (x, y, width, height)


def bbox_xywh(mask: Mask) -> tuple[int, int, int, int]:
    """Return the tight box around a non-empty mask: left, top, width, height in pixels."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return x, y, width, height


def innermost_point(mask: Mask) -> tuple[int, int]:
    """Return x and y of the pixel farthest from the outside of a mask, bool (H, W), not empty. The area
    beyond the edge of the photo is outside.
    """
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column), int(row)


def polygons(mask: Mask, tolerance: float = 0.5) -> list[list[int]]:
    """Outline a mask for drawing with the even-odd rule; holes are outlines of their own.

    Args:
        mask: bool (H, W).
        tolerance: largest deviation of an outline in pixels (Douglas-Peucker).

    Returns:
        One flat list x0, y0, x1, y1, … per outline, on pixel corners: a mask of one pixel at (x, y) is the
        unit square from (x, y) to (x + 1, y + 1). Outlines may deviate from the mask by a pixel; its RLE is
        exact.
    """
    return _outlines(mask, tolerance, cv2.RETR_CCOMP)


def outer_polygons(mask: Mask, tolerance: float = 0.5) -> list[list[int]]:
    """Outline the parts of a mask as `polygons` does, without their holes."""
    return _outlines(mask, tolerance, cv2.RETR_EXTERNAL)


def _outlines(mask: Mask, tolerance: float, mode: int) -> list[list[int]]:
    x, y, width, height = bbox_xywh(mask)
    corners = _grown_to_corners(mask[y : y + height, x : x + width])
    outlines, _ = cv2.findContours(corners, mode, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
    return [cv2.approxPolyDP(outline, tolerance, closed=True).ravel().tolist() for outline in outlines]


def _encoded(rle: Rle) -> dict[str, object]:
    return {"size": rle["size"], "counts": rle["counts"].encode("ascii")}


def _decode(rle: Rle) -> Mask:
    """Decode a checked RLE: bool (H, W), rows first."""
    # OpenCV transposes the column-first array twice as fast as NumPy copies it.
    return np.asarray(cv2.transpose(coco.decode(_encoded(rle)).T)).view(np.bool_)


def _run_lengths(counts: str) -> NDArray[np.int64] | None:
    """Decode a counts string: int64 (R,), or None if it is damaged.

    The code is COCO's variant of LEB128 (`rleFrString` in pycocotools): each character less '0' holds five
    bits of a number, least significant first; bit 0x20 says that more characters follow, and bit 0x10 of the
    last one is the sign. From the fourth run on, the number is the difference to the run before the previous
    one.
    """
    chunks = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - ord("0")
    ends = np.flatnonzero(chunks & 0x20 == 0)
    if not len(ends) or ends[-1] != len(chunks) - 1 or chunks.min() < 0 or chunks.max() > 0x3F:
        return None
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > MAX_CHARACTERS:
        return None
    shifts = 5 * (np.arange(len(chunks)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((chunks & 0x1F) << shifts, starts)
    runs -= ((chunks[ends] & 0x10) << 1) << shifts[ends]  # two's complement
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return None if (runs < 0).any() else runs


def _grown_to_corners(mask: Mask) -> NDArray[np.uint8]:
    """Mark the corners of all pixels: bool (h, w) -> uint8 (h + 1, w + 1)."""
    corners = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.uint8)
    pixels = mask.view(np.uint8)
    for dy in (0, 1):
        for dx in (0, 1):
            corners[dy : dy + mask.shape[0], dx : dx + mask.shape[1]] |= pixels
    return corners
