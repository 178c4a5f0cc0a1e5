"""Masks as COCO compressed RLE, which is exact and small.

Every RLE is checked before pycocotools sees it, also one from our own database: pycocotools writes past its
buffer on runs that are longer than the photo, and a database can come from a backup that somebody else made.
"""

from __future__ import annotations

from collections.abc import Sequence
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

SHOWN = 40
"""Characters of an unusable size that are shown."""

MAX_RUNS = 100_000
"""Runs of a mask. A food has some ten thousand in a photo of 12 megapixels; one of speckles has a million."""

TOO_RAGGED = "The mask is too ragged: it has {} runs of pixels, over the limit of {}; draw it smoother."


class EmptyMaskError(PromptError):
    """A mask has no pixel."""

    def __init__(self) -> None:
        super().__init__("The mask is empty.")


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
    _require_few_runs(2 * len(spans))
    return _packed(spans.ravel(), size_hw)


def _packed(turns: NDArray[np.int64], size_hw: tuple[int, int]) -> Rle:
    """Encode a mask by the places of the pixels, column after column, at which it begins and ends in turn."""
    runs = np.diff(turns, prepend=0, append=size_hw[0] * size_hw[1])
    runs = runs if runs[-1] else runs[:-1]
    packed = coco.frPyObjects({"size": list(size_hw), "counts": runs.tolist()}, *size_hw)
    return {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}


def _require_few_runs(count: int) -> None:
    if count > MAX_RUNS:
        raise PromptError(TOO_RAGGED.format(count, MAX_RUNS))


def require_rle(rle: object, size_hw: tuple[int, int]) -> Rle:
    """Check an RLE that is to be kept, and return it as this program encodes the mask.

    Args:
        rle: anything.
        size_hw: height and width of the photo.

    Raises:
        PromptError: not an RLE, damaged, for a photo of another size, empty, or of more than MAX_RUNS runs.
    """
    found, runs = _checked(rle, size_hw)
    _require_few_runs(len(runs))
    return found


def from_rle(rle: object, size_hw: tuple[int, int]) -> Mask:
    """Check and decode an RLE: bool (H, W). A ragged mask that was kept once can be decoded.

    Raises:
        PromptError: not an RLE, damaged, for a photo of another size, or empty.
    """
    return _decode(_checked(rle, size_hw)[0])


def _checked(rle: object, size_hw: tuple[int, int]) -> tuple[Rle, NDArray[np.int64]]:
    """Check an RLE and return it as this program encodes the mask, with its run lengths.

    The check is vectorised and costs less than decoding. Runs of length zero, which pycocotools counts
    wrongly, are encoded again.
    """
    if not isinstance(rle, dict) or not isinstance(rle.get("counts"), str) or not rle["counts"].isascii():
        raise PromptError("The mask is not a COCO compressed RLE.")
    if rle.get("size") != list(size_hw):
        raise PromptError(
            f"The mask is for a photo of size {str(rle.get('size'))[:SHOWN]}, this photo is {list(size_hw)}."
        )
    pixels = size_hw[0] * size_hw[1]
    runs = _run_lengths(rle["counts"]) if len(rle["counts"]) <= MAX_CHARACTERS * (pixels + 2) else None
    if runs is None or runs.sum() != pixels:
        raise PromptError("The mask's run lengths do not add up to its size.")
    found = Rle(size=list(size_hw), counts=rle["counts"])
    if not runs[1::2].any():
        raise EmptyMaskError
    if not runs[1:].all():
        found = to_rle(_decode(found))
    return found, runs


def area_and_box(rle: Rle) -> tuple[int, tuple[int, int, int, int]]:
    """Return the number of pixels of an RLE and its tight box: left, top, width, height.

    Raises:
        PromptError: as `from_rle`.
    """
    runs = _checked(rle, _size_of(rle))[1]
    return int(runs[1::2].sum()), _box(runs, rle["size"][0])


def part_of(rle: object, size_hw: tuple[int, int]) -> tuple[Mask, tuple[int, int]]:
    """Check an RLE and decode the tight box around its mask: bool (h, w), and x and y of its top left corner.

    Memory and time depend on the box, not on the photo.

    Raises:
        PromptError: as `from_rle`.
    """
    runs = _checked(rle, size_hw)[1]
    photo_height = size_hw[0]
    x, y, width, height = _box(runs, photo_height)
    ends = np.clip(runs.cumsum() - x * photo_height, 0, width * photo_height)
    flags = np.arange(len(runs), dtype=np.uint8) % 2
    columns = np.repeat(flags, np.diff(ends, prepend=0)).reshape(width, -1)  # (w, H)
    return np.asarray(cv2.transpose(columns[:, y : y + height])).view(np.bool_), (x, y)


def rle_of_part(part: Mask, corner_xy: tuple[int, int], size_hw: tuple[int, int]) -> Rle:
    """Encode a mask of which only a box is known, the inverse of `part_of`.

    Args:
        part: bool (h, w), inside the photo.
        corner_xy: place of its top left corner.
        size_hw: height and width of the photo.
    """
    (x, y), (height, width) = corner_xy, part.shape
    columns = np.zeros((width, size_hw[0]), np.uint8)
    columns[:, y : y + height] = cv2.transpose(part.view(np.uint8))
    turns = np.flatnonzero(np.diff(columns.ravel(), prepend=np.uint8(0), append=np.uint8(0)))
    return _packed(turns + x * size_hw[0], size_hw)


def merged_rle(rles: Sequence[Rle], *, intersect: bool = False) -> Rle:
    """Return the pixels that are in any of several masks of a photo, or in all of them.

    Raises:
        PromptError: a mask is damaged or of another photo's size, or the result is empty or too ragged.
    """
    size_hw = _size_of(rles[0])
    merged = coco.merge([_encoded(_checked(rle, size_hw)[0]) for rle in rles], intersect=intersect)
    return require_rle({"size": list(size_hw), "counts": merged["counts"].decode("ascii")}, size_hw)


def as_encoded(rle: Rle) -> dict[str, object]:
    """Check an RLE and return it as pycocotools' functions take it.

    Raises:
        PromptError: as `from_rle`.
    """
    return _encoded(_checked(rle, _size_of(rle))[0])


def _size_of(rle: Rle) -> tuple[int, int]:
    size = rle["size"]
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise PromptError("The mask is not a COCO compressed RLE.")
    return size[0], size[1]


def _box(runs: NDArray[np.int64], height: int) -> tuple[int, int, int, int]:
    """Return the tight box around the pixels of checked runs: left, top, width, height."""
    ends = runs.cumsum()
    first, last = ends[:-1:2], ends[1::2] - 1  # places of the first and the last pixel of each span
    first, last = first[last >= first], last[last >= first]
    left, right = int(first[0] // height), int(last[-1] // height)
    if (first // height < last // height).any():  # a span that goes on in the next column
        return left, 0, right - left + 1, height
    top, bottom = int((first % height).min()), int((last % height).max())
    return left, top, right - left + 1, bottom - top + 1


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
