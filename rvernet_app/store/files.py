"""Photo files by content: the original, and an upright working copy without metadata."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from rvernet_app.errors import PhotoError, StoreError
from rvernet_app.files import replacing, write
from rvernet_app.picture.photos import LoadedPhoto, read_photo, save_pixels, small_jpeg
from rvernet_app.reading import read_bytes
from rvernet_app.types import Photo

LOSSY = ("JPEG", "MPO", "WEBP", "HEIF", "AVIF")
JPEG_QUALITY = 95
THUMBNAIL_SIDE = 160
_ENCODING: dict[str, dict[str, int]] = {"JPEG": {"quality": JPEG_QUALITY, "subsampling": 0}, "PNG": {}}
THUMBNAILS = "thumbnails"
"""Folder of thumbnails in the data folder."""


class PhotoFiles:
    """Files of a data folder: `originals/ab/<sha256>` and `photos/ab/<sha256>.jpg` or `.png`.

    Args:
        folder: the data folder.
        max_mb, max_megapixels: largest photo that is accepted, as in `read_photo`.
    """

    def __init__(self, folder: Path, *, max_mb: float, max_megapixels: float) -> None:
        self._folder = folder
        self._limits = {"max_mb": max_mb, "max_megapixels": max_megapixels}

    @property
    def max_bytes(self) -> int:
        """The size of the largest file that is accepted."""
        return int(self._limits["max_mb"] * 1e6)

    def looking(self) -> PhotoFiles:
        """Return the same files for a look: what is added is read and checked, and not kept."""
        return _Looking(self._folder, **self._limits)

    def add(self, source: Path | bytes) -> LoadedPhoto:
        """Keep the original bytes of a photo, once, and a working copy.

        Raises:
            PhotoError: the file cannot be read, is not a photo, or is over a limit.
            StoreError: the data folder cannot be written.
        """
        photo = read_photo(source, **self._limits)
        try:
            original = self.original(photo.sha256)
            if not _has_content(original):
                # Durable, or the photo's row, which is on the disk by then, may outlive its file.
                write(original, _bytes_again(source, photo.sha256, self.max_bytes), durable=True)
            self._keep_copy(photo)
        except OSError as error:
            raise StoreError(f"The photo could not be kept: {error.strerror or error}.") from error
        return photo

    def _keep_copy(self, photo: LoadedPhoto) -> None:
        copy = self.working_copy(photo.sha256, photo.format)
        if not _has_content(copy):
            kind = "JPEG" if photo.format in LOSSY else "PNG"
            with replacing(copy, durable=True) as unfinished:
                save_pixels(photo.pixels, unfinished, kind, **_ENCODING[kind])

    def upright(self, sha256: str, file_format: str) -> Path:
        """Return the path of the working copy; one that is lost is made again from the original.

        Raises:
            StoreError: the original is lost as well, or the copy cannot be written.
        """
        copy = self.working_copy(sha256, file_format)
        if not _has_content(copy):
            try:
                self._keep_copy(read_photo(self.original(sha256), **self._limits))
            except (PhotoError, OSError) as error:
                raise StoreError(
                    f"The file of photo {sha256[:12]} is missing from the data folder, or cannot be read; "
                    "add the same photo again, or bring it back from a back-up."
                ) from error
        return copy

    def add_pixels(self, pixels: Photo, like: str) -> LoadedPhoto:
        """Keep pixels, uint8 (H, W, 3), as a photo of its own, whose file holds no metadata.

        Args:
            like: format of the photo that they come from, which decides between JPEG and PNG.

        Raises:
            StoreError: the data folder cannot be written.
        """
        file_format = "JPEG" if like in LOSSY else "PNG"
        encoded = io.BytesIO()
        save_pixels(pixels, encoded, file_format, **_ENCODING[file_format])
        sha256 = hashlib.sha256(encoded.getbuffer()).hexdigest()
        try:
            for path in (self.original(sha256), self.working_copy(sha256, file_format)):
                write(path, encoded.getvalue(), durable=True)
        except OSError as error:
            raise StoreError(f"The photo could not be kept: {error.strerror or error}.") from error
        return LoadedPhoto(pixels, sha256, file_format)

    def has(self, sha256: str, file_format: str) -> bool:
        """Return whether the original and the working copy of a photo are there."""
        return self.original(sha256).exists() and self.working_copy(sha256, file_format).exists()

    def remove(self, sha256: str, file_format: str) -> bool:
        """Remove all files of a photo; returns whether there were any.

        Raises:
            StoreError: a file cannot be removed.
        """
        paths = self.original(sha256), self.working_copy(sha256, file_format), self._thumbnail(sha256)
        there = [path for path in paths if path.is_file()]
        try:
            for path in there:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"The files of a deleted photo could not be removed: {error.strerror or error}."
            ) from error
        return bool(there)

    def original(self, sha256: str) -> Path:
        """Return the path of the original file."""
        return self._folder / "originals" / sha256[:2] / sha256

    def working_copy(self, sha256: str, file_format: str) -> Path:
        """Return the path of the upright copy without metadata."""
        return self._folder / "photos" / sha256[:2] / f"{sha256}{_suffix(file_format)}"

    def thumbnail(self, sha256: str, file_format: str) -> bytes:
        """Return a small JPEG of the photo, which the first call makes.

        Raises:
            StoreError: the photo's file cannot be read.
        """
        path = self._thumbnail(sha256)
        try:
            if not path.exists():
                small = small_jpeg(self.upright(sha256, file_format), THUMBNAIL_SIDE)
                write(path, small, durable=False)
            return path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"The file of photo {sha256[:12]} cannot be read: {error.strerror or 'it is damaged'}."
            ) from error

    def _thumbnail(self, sha256: str) -> Path:
        return self._folder / THUMBNAILS / sha256[:2] / f"{sha256}.jpg"


class _Looking(PhotoFiles):
    def add(self, source: Path | bytes) -> LoadedPhoto:
        return read_photo(source, **self._limits)


def _has_content(path: Path) -> bool:
    """Return whether a file is there; an empty one is what a power cut leaves of it."""
    return path.is_file() and path.stat().st_size > 0


def _bytes_again(source: Path | bytes, sha256: str, most: int) -> bytes:
    """Read a photo's bytes once more. Raises PhotoError if the file has changed since."""
    data = source if isinstance(source, bytes) else read_bytes(source, most)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PhotoError("This file changed while it was read. Add it again.")
    return data


def _suffix(file_format: str) -> str:
    return ".jpg" if file_format in LOSSY else ".png"
