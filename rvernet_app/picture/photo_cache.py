"""Opened photos by their content: files on disk, and the last few photos decoded in memory."""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import cachetools

from rvernet_app import files
from rvernet_app.config import AppConfig
from rvernet_app.errors import PhotoError
from rvernet_app.picture.photos import LoadedPhoto, read_file, read_photo

KEEP_SECONDS = 24 * 3600
DECODED_BYTES = 400_000_000


class PhotoCache:
    """Keeps opened photos, so that the SHA-256 of a file is enough to find its photo. Safe between threads.

    Visitors share the cache without seeing each other's photos: only a person who has a file knows its
    SHA-256. Adding a photo removes the files that nobody has used for KEEP_SECONDS.
    """

    def __init__(self, config: AppConfig) -> None:
        self._folder = config.photos_dir
        self._max_mb = config.max_photo_mb
        self._max_megapixels = config.max_photo_megapixels
        self._decoded: cachetools.LRUCache[str, LoadedPhoto] = cachetools.LRUCache(
            DECODED_BYTES, getsizeof=lambda photo: photo.pixels.nbytes
        )
        self._lock = threading.Lock()

    def add(self, source: Path) -> LoadedPhoto:
        """Decode a file and keep a copy of it. The file is read once.

        Raises:
            PhotoError: the file is not a photo or exceeds a limit, or the copy cannot be written.
        """
        data = read_file(source, max_mb=self._max_mb)
        photo = self._decode(data)
        kept = self._folder / photo.sha256
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # photos are private
            self._remove_old_files()
            if not kept.exists():
                files.write(kept, data, durable=False)
        except OSError as error:
            raise PhotoError(f"The photo cannot be saved in {self._folder}: {error}.") from error
        self._remember(photo)
        return photo

    def get(self, sha256: object) -> LoadedPhoto:
        """Return an opened photo by the SHA-256 of its file.

        Raises:
            PhotoError: `sha256` is not 64 hex digits, or the photo is not in the cache.
        """
        if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise PhotoError("That is not the name of a photo.")
        with self._lock:
            photo = self._decoded.get(sha256)
        if photo is None:
            kept = self._folder / sha256
            if not kept.is_file():
                raise PhotoError("This photo is no longer on the server; open it again.")
            photo = self._decode(read_file(kept, max_mb=self._max_mb))
            self._remember(photo)
        return photo

    def forget(self, sha256: str) -> None:
        """Remove a photo from memory and from the disk, if it is there.

        Raises:
            PhotoError: its file cannot be removed.
        """
        with self._lock:
            self._decoded.pop(sha256, None)
        try:
            (self._folder / sha256).unlink(missing_ok=True)
        except OSError as error:
            raise PhotoError(f"The copy of a deleted photo could not be removed: {error}.") from error

    def _decode(self, data: bytes) -> LoadedPhoto:
        return read_photo(data, max_mb=self._max_mb, max_megapixels=self._max_megapixels)

    def _remember(self, photo: LoadedPhoto) -> None:
        with suppress(FileNotFoundError):  # another process removed the file meanwhile
            os.utime(self._folder / photo.sha256)
        if photo.pixels.nbytes <= DECODED_BYTES:
            with self._lock:
                self._decoded[photo.sha256] = photo

    def _remove_old_files(self) -> None:
        oldest = time.time() - KEEP_SECONDS
        for file in self._folder.glob("*"):
            with suppress(FileNotFoundError):  # another process was faster
                if file.stat().st_mtime < oldest:
                    file.unlink()
