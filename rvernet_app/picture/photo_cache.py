"""Opened photos, by content: files on disk for as long as they are used, the last few decoded in memory."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from pathlib import Path

import cachetools

from rvernet_app.config import AppConfig
from rvernet_app.errors import PhotoError
from rvernet_app.picture.photos import LoadedPhoto, read_photo

KEEP_SECONDS = 24 * 3600
DECODED_BYTES = 400_000_000


class PhotoShelf:
    """Keeps the files of opened photos so that a photo is named by its SHA-256 alone. Safe between threads.

    Who does not have a photo cannot name it, so visitors share the shelf without seeing each other's.
    Files nobody asked for during a day are removed when the next one is added.
    """

    def __init__(self, config: AppConfig) -> None:
        self._folder = config.photos_dir
        self._limits = {"max_mb": config.max_photo_mb, "max_megapixels": config.max_photo_megapixels}
        self._decoded: cachetools.LRUCache[str, LoadedPhoto] = cachetools.LRUCache(
            DECODED_BYTES, getsizeof=lambda photo: photo.pixels.nbytes
        )
        self._lock = threading.Lock()

    @property
    def decoded_bytes(self) -> int:
        """Memory the decoded photos take."""
        return int(self._decoded.currsize)

    def add(self, source: Path) -> LoadedPhoto:
        """Decode a file and keep a copy of it.

        Raises:
            PhotoError: it is not a photo, or over a limit.
        """
        photo = read_photo(source, **self._limits)
        self._drop_old_files()
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = self._folder / photo.sha256
        if not kept.exists():
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as unfinished:
                unfinished.write(source.read_bytes())
            Path(unfinished.name).replace(kept)
        self._remember(photo)
        return photo

    def get(self, sha256: object) -> LoadedPhoto:
        """An opened photo by the SHA-256 of its file.

        Raises:
            PhotoError: no such photo is here (any more).
        """
        if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise PhotoError("That is not the name of a photo.")
        with self._lock:
            photo = self._decoded.get(sha256)
        kept = self._folder / sha256
        if photo is None:
            if not kept.is_file():
                raise PhotoError("This photo is no longer on the server; open it again.")
            photo = read_photo(kept, **self._limits)
            self._remember(photo)
        return photo

    def _remember(self, photo: LoadedPhoto) -> None:
        (self._folder / photo.sha256).touch()
        if photo.pixels.nbytes <= DECODED_BYTES:
            with self._lock:
                self._decoded[photo.sha256] = photo

    def _drop_old_files(self) -> None:
        oldest = time.time() - KEEP_SECONDS
        for file in self._folder.glob("*"):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)
