"""Opened photos by their content: files on disk, and the last few photos decoded in memory."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import cachetools

from rvernet_app import files, scratch
from rvernet_app.config import AppConfig
from rvernet_app.errors import ConfigError, LostPhotoError, PhotoError
from rvernet_app.picture.photos import LoadedPhoto, read_file, read_photo

log = logging.getLogger(__name__)

KEEP_SECONDS = 24 * 3600
NEW_SECONDS = 60
"""Age of a folder without its mark that no program is about to mark any more."""
DECODED_BYTES = 200_000_000
"""Decoded photos in memory: five of 12 megapixels. Decoding one again takes a tenth of a second."""
FOLDER_NAME = "opened-photos"
"""Folder of the cache below `photos_dir`, which may hold files of other programs and people."""
MARK_NAME = "CACHEDIR.TAG"
MARK = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# RveRNet made this folder. It keeps opened photos here and removes them after a day.\n"
)
"""Content of the file that marks a folder as ours. The first line tells backup programs to skip the folder,
see bford.info/cachedir."""

LOST = "This photo is no longer on the server; open it again."

_PHOTO_NAME = re.compile(r"[0-9a-f]{64}")
_UNFINISHED_NAME = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{12}\.part")


class PhotoCache:
    """Keeps opened photos, so that the SHA-256 of a file is enough to find its photo. Safe between threads.

    Visitors share the cache without seeing each other's photos: only a person who has a file knows its
    SHA-256. Adding a photo removes the files that nobody has used for KEEP_SECONDS. Only files that this
    class wrote are removed: they lie in a marked folder, and each has its own SHA-256 as its name.
    """

    def __init__(self, config: AppConfig) -> None:
        self._parent = config.photos_dir
        self._folder = config.photos_dir / FOLDER_NAME
        self._max_mb = config.max_photo_mb
        self._max_megapixels = config.max_photo_megapixels
        self._decoded: cachetools.LRUCache[str, LoadedPhoto] = cachetools.LRUCache(
            DECODED_BYTES, getsizeof=lambda photo: photo.pixels.nbytes
        )
        self._lock = threading.Lock()
        self._removing = threading.Lock()

    def claim(self) -> None:
        """Make the folder of the cache, unless it exists, and remove what a killed program left unfinished.

        Raises:
            ConfigError: the folder cannot be written, or another program or a person made it.
        """
        try:
            self._remove_unmarked_folders()
            self._make_folder()
            files.try_folder(self._folder)  # it may exist and still be read-only
            scratch.remove_unfinished(self._folder)
        except OSError as error:
            raise ConfigError(
                f"Opened photos cannot be kept in {self._parent} ({error.strerror or error}). "
                "Set RVERNET_PHOTOS_DIR to a folder that this account can write."
            ) from error

    @property
    def folder(self) -> Path:
        """The folder of the cache."""
        return self._folder

    def add(self, source: Path) -> LoadedPhoto:
        """Decode a file and keep a copy of it. The file is read once.

        Raises:
            PhotoError: the file is not a photo or exceeds a limit, or the copy cannot be written.
        """
        data = self._read(source)
        photo = self._decode(data)
        kept = self._folder / photo.sha256
        try:
            self._make_folder()
            self._remove_old_files()
            if not (self._touch(kept) and kept.read_bytes() == data):  # a power cut may have damaged it
                files.write(kept, data, durable=False)
        except (ConfigError, OSError) as error:
            log.error("A photo cannot be kept: %s", error)
            why = error.strerror if isinstance(error, OSError) and error.strerror else "see its log"
            raise PhotoError(f"The server cannot keep this photo ({why}).") from error
        self._remember(photo)
        return photo

    def get(self, sha256: object) -> LoadedPhoto:
        """Return an opened photo by the SHA-256 of its file.

        Raises:
            PhotoError: `sha256` is not 64 hex digits, or the photo is not in the cache.
        """
        sha256 = _require_name(sha256)
        with self._lock:
            photo = self._decoded.get(sha256)
        if photo is None:
            photo = self._reopen(sha256)
            self._remember(photo)
        return photo

    def _reopen(self, sha256: str) -> LoadedPhoto:
        """Decode a kept file, which could be read when it was added."""
        file = self.file(sha256)
        try:
            photo = self._decode(self._read(file))
        except PhotoError as error:
            log.error("The opened photo %s is damaged: %s", file, error)
            raise LostPhotoError(LOST) from error
        if photo.sha256 != sha256:
            log.error("The opened photo %s is damaged.", file)
            raise LostPhotoError(LOST)
        return photo

    def file(self, sha256: object) -> Path:
        """Return the file of an opened photo, as it came.

        Raises:
            PhotoError: as `get`.
        """
        kept = self._folder / _require_name(sha256)
        if not kept.is_file():
            raise LostPhotoError(LOST)
        return kept

    def forget(self, sha256: str) -> None:
        """Remove a photo from memory and from the disk, if it is there.

        Raises:
            PhotoError: its file cannot be removed.
        """
        with self._lock:
            self._decoded.pop(sha256, None)
        if not self._is_marked():  # somebody else's folder
            return
        try:
            (self._folder / sha256).unlink(missing_ok=True)
        except OSError as error:
            raise PhotoError(
                f"The copy of a deleted photo could not be removed: {error.strerror or error}."
            ) from error

    def _read(self, path: Path) -> bytes:
        """Read a file as `read_file`, with an error that shows visitors no path of the server."""
        try:
            return read_file(path, max_mb=self._max_mb)
        except PhotoError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            log.error("A photo cannot be read: %s", error.__cause__.strerror)  # its path may hold its name
            raise PhotoError("The server cannot read this photo any more; open it again.") from error

    def _decode(self, data: bytes) -> LoadedPhoto:
        return read_photo(data, max_mb=self._max_mb, max_megapixels=self._max_megapixels)

    def _remember(self, photo: LoadedPhoto) -> None:
        with suppress(FileNotFoundError):  # another process removed the file meanwhile
            os.utime(self._folder / photo.sha256)
        if photo.pixels.nbytes <= DECODED_BYTES:
            with self._lock:
                self._decoded[photo.sha256] = photo

    def _make_folder(self) -> None:
        """Make the marked folder in one step, so that another process never sees it without its mark.

        Raises:
            ConfigError: another program or a person made a folder of this name.
            OSError: the folder cannot be made.
        """
        if self._is_marked():
            return
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # photos are private
        made = Path(tempfile.mkdtemp(prefix=f".{FOLDER_NAME}.", dir=self._parent))
        try:
            (made / MARK_NAME).write_text(MARK, encoding="ascii", newline="")
            made.rename(self._folder)
        except OSError as error:
            (made / MARK_NAME).unlink(missing_ok=True)
            made.rmdir()
            if self._is_marked():  # another process was faster
                return
            if not self._folder.exists():
                raise
            raise ConfigError(
                f"RveRNet did not make {self._folder} and leaves it alone. "
                "Set RVERNET_PHOTOS_DIR to another folder."
            ) from error

    def _remove_unmarked_folders(self) -> None:
        """Remove folders that a program was killed in making: with the begun mark, or with nothing."""
        oldest = time.time() - NEW_SECONDS
        for made in self._parent.glob(f".{FOLDER_NAME}.*"):
            mark = made / MARK_NAME
            with suppress(OSError):  # somebody else's, or another program was faster
                if made.lstat().st_mtime >= oldest or {*made.iterdir()} - {mark}:
                    continue
                if mark.exists():
                    if not MARK.encode().startswith(mark.read_bytes()):
                        continue
                    mark.unlink()
                made.rmdir()

    def _touch(self, file: Path) -> bool:
        """Mark a file as in use; returns whether it exists."""
        with self._removing:  # or a thread that found it old could remove it now
            try:
                os.utime(file)
            except FileNotFoundError:
                return False
            return True

    def _is_marked(self) -> bool:
        try:
            return (self._folder / MARK_NAME).read_bytes() == MARK.encode()
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _remove_old_files(self) -> None:
        oldest = time.time() - KEEP_SECONDS
        for file in self._folder.iterdir():
            try:
                if _is_unused_file(file, oldest) and _is_ours(file):
                    with self._removing:
                        if _is_unused_file(file, oldest):  # still: it may have been opened meanwhile
                            file.unlink()
            except OSError as error:
                if not isinstance(error, FileNotFoundError):  # another process was faster
                    log.warning("An old photo cannot be removed: %s", error)


def _require_name(sha256: object) -> str:
    if not isinstance(sha256, str) or not _PHOTO_NAME.fullmatch(sha256):
        raise PhotoError("That is not the name of a photo.")
    return sha256


def _is_unused_file(path: Path, since: float) -> bool:
    """Return whether this is a file, no link, that nobody has used since a time."""
    return path.is_file() and not path.is_symlink() and path.lstat().st_mtime < since


def _is_ours(file: Path) -> bool:
    """Return whether the cache wrote a file of its folder: a photo by its content, or an unfinished one."""
    if _PHOTO_NAME.fullmatch(file.name):
        return hashlib.sha256(file.read_bytes()).hexdigest() == file.name
    return _UNFINISHED_NAME.fullmatch(file.name) is not None
