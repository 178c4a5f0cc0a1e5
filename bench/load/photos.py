"""Photos for visitors: each visitor has photos that nobody else has, so that mixed answers show."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.photos import read_photo
from rvernet_app.types import Mask, Photo

SMALL_SIDE = 80
"""Longest side of the copies that cut-outs are compared at."""
LARGE_SIDE = 4000
LARGE_SHARE = 0.15
"""The share of photos that are enlarged to the size that a phone takes."""
TOLERANCE = 10.0
"""Largest mean difference of a cut-out from the expected one, of 255; JPEG and scaling explain 1 to 4."""


@dataclass(frozen=True, eq=False)
class OwnPhoto:
    """A photo of one visitor.

    Attributes:
        path: its file.
        size_hw: height and width.
        small: a reduced copy, float32 (h, w, 3).
    """

    path: Path
    size_hw: tuple[int, int]
    small: np.ndarray[Any, np.dtype[np.float32]]

    def mask(self, rle: dict[str, Any]) -> Mask:
        """Decode a mask of this photo, bool (H, W).

        Raises:
            PromptError: it is not one.
        """
        return from_rle(rle, self.size_hw)

    def misses(self, jpeg: bytes, mask: Mask) -> bool:
        """Return whether a JPEG is not what a mask, bool (H, W), keeps of this photo."""
        size = (self.small.shape[1], self.small.shape[0])
        share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        flags = cv2.IMREAD_REDUCED_COLOR_4
        found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
        if found is None:
            return True
        seen = cv2.resize(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), size, interpolation=cv2.INTER_AREA)
        difference = np.abs(seen.astype(np.float32) - self.small * share[:, :, None])
        return bool(difference.mean() > TOLERANCE)


def make_photo(source: Path, target: Path, chance: random.Random, large: bool) -> OwnPhoto:
    """Write a photo that no other call writes: a part of the source, mirrored, tinted and with a mark."""
    pixels = read_photo(source, max_mb=100, max_megapixels=100).pixels
    height, width = pixels.shape[:2]
    top, left = (chance.randrange(max(1, side // 8)) for side in (height, width))
    part = pixels[top : height - chance.randrange(max(1, height // 8)), left:]
    if chance.random() < 0.5:
        part = part[:, ::-1]
    tint = np.array([chance.uniform(0.8, 1.0) for _ in range(3)], np.float32)
    made = (part * tint).astype(np.uint8)
    if large:
        scale = LARGE_SIDE / max(made.shape[:2])
        made = np.asarray(cv2.resize(made, None, fx=scale, fy=scale), np.uint8)
    made[:16, :16] = [chance.randrange(256) for _ in range(3)]
    Image.fromarray(made).save(target, "JPEG", quality=90)
    return own_photo(target)


def own_photo(path: Path) -> OwnPhoto:
    """Read a photo."""
    pixels = read_photo(path, max_mb=100, max_megapixels=100).pixels
    size_hw = (pixels.shape[0], pixels.shape[1])
    return OwnPhoto(path, size_hw, _small(pixels))


def make_photos(
    sources: Sequence[Path], folder: Path, count: int, seed: int, large_share: float = LARGE_SHARE
) -> list[OwnPhoto]:
    """Write `count` photos into a folder, which must exist."""
    chance = random.Random(seed)
    return [
        make_photo(
            chance.choice(sources), folder / f"{seed}-{n}.jpg", chance, large=chance.random() < large_share
        )
        for n in range(count)
    ]


def _small(pixels: Photo) -> np.ndarray[Any, np.dtype[np.float32]]:
    height, width = pixels.shape[:2]
    scale = SMALL_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
