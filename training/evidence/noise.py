"""Disturbances to measure robustness with: noise on the input of the networks, and errors of the mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.picture.cutouts import Letterbox
from rvernet_app.types import Mask, Photo

PAPERS_SIZE = 224
"""Side in pixels of the square that the paper's offsets refer to."""


class Noise(Protocol):
    """Replaces `Letterbox.apply` for pictures that belong together, such as a pair of cut-outs."""

    def apply(self, pictures: Sequence[Photo], letterbox: Letterbox, rng: np.random.Generator) -> list[Photo]:
        """Scale, disturb and pad pictures of one size, all in the same way.

        Args:
            pictures: each uint8 (H, W, 3); not changed.

        Returns:
            One new uint8 (size, size, 3) per picture.

        Raises:
            ValueError: the pictures are not of one size.
        """
        ...


@dataclass(frozen=True)
class PatchPermutation:
    """Patch permutation (S. Jin, arXiv 2407.08257): cut the scaled picture into patches and shuffle them.

    Attributes:
        share: of the patches that take part, 0 to 1; the paper uses 1.
        patch: side of a patch in pixels of the network's input, at any input size.
    """

    share: float
    patch: int = 16

    def __post_init__(self) -> None:
        _require_share(self.share)
        if self.patch < 1:
            raise ValueError(f"expected a patch of at least 1 pixel, got {self.patch}")

    def apply(self, pictures: Sequence[Photo], letterbox: Letterbox, rng: np.random.Generator) -> list[Photo]:
        """See `Noise.apply`. With share 0 the same as `letterbox.apply`."""
        left, top, right, bottom = letterbox.content_box(_common_size(pictures))
        squares = np.stack([letterbox.apply(picture) for picture in pictures])  # (N, S, S, 3)
        scaled = squares[:, top:bottom, left:right]
        squares[:, top:bottom, left:right] = permute_patches(scaled, self.patch, self.share, rng)
        return list(squares)


@dataclass(frozen=True)
class Translocation:
    """Translocation (S. Jin, arXiv 2407.08257): move the scaled picture in the square, partly out of it.

    Attributes:
        factor: distance moved from the letterbox's place to the paper's, 0 to 1.
        dx, dy: the paper's place of the picture's left and top edge, in pixels of a square of PAPERS_SIZE;
            they scale with the square. A picture whose scaled height is at most -dy is out of sight at factor
            1.
    """

    factor: float
    dx: int = 60
    dy: int = -85

    def __post_init__(self) -> None:
        _require_share(self.factor)

    def apply(self, pictures: Sequence[Photo], letterbox: Letterbox, rng: np.random.Generator) -> list[Photo]:
        """See `Noise.apply`. Nothing is drawn from `rng`. With factor 0 the same as `letterbox.apply`."""
        left, top, _, _ = letterbox.content_box(_common_size(pictures))
        scale = letterbox.size / PAPERS_SIZE
        dx = round(self.factor * (self.dx * scale - left))
        dy = round(self.factor * (self.dy * scale - top))
        return [translocate(letterbox.apply(picture), dx, dy, letterbox.padding) for picture in pictures]


def permute_patches(pictures: Photo, patch: int, share: float, rng: np.random.Generator) -> Photo:
    """Shuffle a random share of the patches among themselves.

    Pixels at the right and bottom edge that do not fill a patch stay in place. (The paper's code pads them
    with black to whole patches.)

    Args:
        pictures: uint8 (..., H, W, 3); not changed. All pictures of a stack are shuffled alike.
        patch: side of a patch in pixels.
        share: of the patches that take part, 0 to 1. Some of them may be drawn to stay in place.

    Returns:
        A new array, uint8 (..., H, W, 3).
    """
    rows, columns = pictures.shape[-3] // patch, pictures.shape[-2] // patch
    chosen = rng.permutation(rows * columns)[: round(share * rows * columns)]

    def window(index: int) -> tuple[EllipsisType, slice, slice, slice]:
        y, x = (patch * i for i in divmod(index, columns))
        return ..., slice(y, y + patch), slice(x, x + patch), slice(None)

    permuted = pictures.copy()
    for place, origin in zip(np.sort(chosen), chosen, strict=True):
        permuted[window(place)] = pictures[window(origin)]
    return permuted


def translocate(picture: NDArray[np.uint8], dx: int, dy: int, fill: int) -> NDArray[np.uint8]:
    """Move a picture dx pixels right and dy down within its frame, and fill the bare area with `fill`.

    Args:
        picture: uint8 (H, W) or (H, W, 3); not changed.
        dx, dy: may be negative.
        fill: 0 to 255.

    Returns:
        A new array of the picture's shape.
    """
    size_wh = picture.shape[1], picture.shape[0]
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    result: NDArray[np.uint8] = cv2.warpAffine(
        picture, move, size_wh, flags=cv2.INTER_NEAREST, borderValue=(fill,) * 3
    )
    return result


class MaskError(Protocol):
    """An error of a mask."""

    def __call__(self, mask: Mask, strength: float, rng: np.random.Generator, others: Sequence[Mask]) -> Mask:
        """Return a wrong mask for a right one.

        Args:
            mask: bool (H, W), not empty; not changed.
            strength: of the error; 0 returns the mask itself. Each function tells its unit.
            others: masks of other regions of the same photo, each bool (H, W), not empty.

        Returns:
            bool (H, W), not empty.

        Raises:
            ValueError: the strength is out of range.
        """
        ...


def erode(mask: Mask, strength: float) -> Mask:
    """Remove pixels within `strength` equivalent radii (>= 0) of the outline.

    The equivalent radius is that of a disc of the mask's area, sqrt(area / pi). The photo's edge is no
    outline. If nothing remained, the deepest pixel stays, which is farthest from the outline and the photo's
    edge.
    """
    return _or_deepest(_depth(mask) > _pixels(mask, strength), mask)


def dilate(mask: Mask, strength: float) -> Mask:
    """Add pixels within `strength` equivalent radii (>= 0) of the mask."""
    return _depth(~mask) <= _pixels(mask, strength)


def shift(mask: Mask, strength: float, rng: np.random.Generator) -> Mask:
    """Move the mask by `strength` equivalent radii (>= 0) in a random direction.

    It moves only as far as its deepest pixel (see `erode`) stays in the photo; pixels outside the photo are
    lost.
    """
    length = _pixels(mask, strength)
    angle = rng.uniform(0, 2 * math.pi)
    height, width = mask.shape
    y, x = _deepest(mask)
    dx = min(max(x + round(length * math.cos(angle)), 0), width - 1) - x
    dy = min(max(y + round(length * math.sin(angle)), 0), height - 1) - y
    return translocate(mask.view(np.uint8), dx, dy, fill=0).view(np.bool_)


def drop(mask: Mask, strength: float, rng: np.random.Generator) -> Mask:
    """Remove a share `strength` (0 to 1) of the mask's area beyond a straight line of random direction.

    If nothing remained, the deepest pixel (see `erode`) stays.
    """
    _require_share(strength)
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.nonzero(mask)
    along = x * math.cos(angle) + y * math.sin(angle)
    kept = np.argsort(along, kind="stable")[: round((1 - strength) * len(along))]
    left = np.zeros_like(mask)
    left[y[kept], x[kept]] = True
    return _or_deepest(left, mask)


def wrong_object(mask: Mask, strength: float, rng: np.random.Generator, others: Sequence[Mask]) -> Mask:
    """With probability `strength` (0 to 1) return the mask of another region, each equally likely.

    Without other regions, return this mask mirrored left to right.
    """
    _require_share(strength)
    wrong, chosen = rng.random(), rng.random()
    if wrong >= strength:
        return mask.copy()
    candidates = others or (mask[:, ::-1],)
    return candidates[int(chosen * len(candidates))].copy()


MASK_ERRORS: Mapping[str, MaskError] = {
    "erode": lambda mask, strength, rng, others: erode(mask, strength),
    "dilate": lambda mask, strength, rng, others: dilate(mask, strength),
    "shift": lambda mask, strength, rng, others: shift(mask, strength, rng),
    "drop": lambda mask, strength, rng, others: drop(mask, strength, rng),
    "wrong_object": wrong_object,
}
"""Every error by its name."""


def _require_share(value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"expected a share of 0 to 1, got {value}")


def _common_size(pictures: Sequence[Photo]) -> tuple[int, int]:
    sizes = {(picture.shape[0], picture.shape[1]) for picture in pictures}
    if len(sizes) != 1:
        raise ValueError(f"expected pictures of one size, got {sorted(sizes)}")
    return sizes.pop()


def _pixels(mask: Mask, strength: float) -> float:
    """Return `strength` equivalent radii of the mask in pixels."""
    if strength < 0:
        raise ValueError(f"expected a strength of at least 0, got {strength}")
    return strength * math.sqrt(np.count_nonzero(mask) / math.pi)


def _depth(mask: Mask) -> NDArray[np.float32]:
    """Return the Euclidean distance of each pixel to the nearest one outside the mask, float32 (H, W); 0
    outside.
    """
    result: NDArray[np.float32] = cv2.distanceTransform(
        mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return result


def _deepest(mask: Mask) -> tuple[int, int]:
    """Return row and column of the pixel farthest from the outline of a mask and from the photo's edge."""
    depth = _depth(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), mask.shape)
    return int(y), int(x)


def _or_deepest(changed: Mask, mask: Mask) -> Mask:
    """Return a changed mask, or the deepest pixel of the original mask if the changed one is empty."""
    if not changed.any():
        changed[_deepest(mask)] = True
    return changed
