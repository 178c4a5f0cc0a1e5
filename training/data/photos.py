"""Decode photos of a data set once, and keep them small."""

from __future__ import annotations

from pathlib import Path

import cachetools
import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.config import AppConfig
from rvernet_app.errors import PhotoError
from rvernet_app.picture.photos import read_photo
from rvernet_app.types import Mask
from training.data.regions import DataError, OpenPhoto


def open_photo(path: Path) -> OpenPhoto:
    """Decode a photo as the app does.

    Raises:
        DataError: it is missing, damaged or too large.
    """
    try:
        pixels = read_photo(
            path, max_mb=AppConfig.max_photo_mb, max_megapixels=AppConfig.max_photo_megapixels
        ).pixels
    except PhotoError as error:
        raise DataError(f"{path}: {error}") from error
    return OpenPhoto(pixels, pixels.shape[:2])


def _nbytes(photo: OpenPhoto) -> int:
    return photo.pixels.nbytes


class PhotoCache:
    """Keep decoded photos at the size that training needs; drop the least recently used first.

    Args:
        max_mb: memory for the photos, in 10^6 bytes; 0 keeps none.
        max_side: longest side of a kept photo, in pixels.
    """

    def __init__(self, max_mb: float, max_side: int) -> None:
        self._max_side = max_side
        self._kept: cachetools.LRUCache[Path, OpenPhoto] = cachetools.LRUCache(
            max_mb * 1e6, getsizeof=_nbytes
        )

    def open(self, path: Path) -> OpenPhoto:
        """Decode a photo as `open_photo` does, and reduce it to `max_side`."""
        if (kept := self._kept.get(path)) is not None:
            return kept
        photo = self._reduced(open_photo(path))
        if photo.pixels.nbytes <= self._kept.maxsize:
            self._kept[path] = photo
        return photo

    def _reduced(self, photo: OpenPhoto) -> OpenPhoto:
        height, width = photo.size_hw
        scale = self._max_side / max(height, width)
        if scale >= 1:
            return photo
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        return OpenPhoto(cv2.resize(photo.pixels, size_wh, interpolation=cv2.INTER_AREA), photo.size_hw)


def fit_mask(mask: Mask, size_hw: tuple[int, int]) -> Mask:
    """Reduce a mask, bool (H, W), to the size of its photo. A mask with pixels never becomes empty."""
    if mask.shape == size_hw:
        return mask
    return mostly(cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_AREA))


def mostly(covered: NDArray[np.float32]) -> Mask:
    """Return the pixels that are at least half covered, or else the most covered ones.

    Args:
        covered: float32 (H, W), covered share of each pixel, 0 to 1.

    Returns:
        bool (H, W).
    """
    result: Mask = (covered >= min(0.5, covered.max())) & (covered > 0)
    return result


def files_in(folder: Path) -> frozenset[Path]:
    """Return the files in a folder; empty if the folder does not exist."""
    return frozenset(folder.iterdir()) if folder.is_dir() else frozenset()
