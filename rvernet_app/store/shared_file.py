"""A small JSON file of the data folder that several processes read and change while they run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from filelock import FileLock, Timeout

from rvernet_app.errors import ConfigError
from rvernet_app.files import replacing

LOCK_SECONDS = 10
"""How long a change waits for a change by another process."""

Content = TypeVar("Content")


class SharedFile(Generic[Content]):
    """A file that only its owner can read. Reading is cheap: the file is parsed when it has changed.

    Changes by other processes count at the next `read`. Safe between threads and between processes.
    """

    def __init__(self, path: Path, parse: Callable[[object], Content], missing: Content) -> None:
        """Name the file; it need not exist.

        Args:
            parse: makes the content of what JSON yields, or raises ValueError.
            missing: the content if there is no file. Nobody may change it in place.
        """
        self.path = path
        self._parse = parse
        self._missing = missing
        self._known: tuple[tuple[int, ...], Content] | None = None

    def read(self) -> Content:
        """Return the content as it is now. Callers must not change it in place.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        known = self._known
        try:
            if known is not None and known[0] == _mark(self.path.stat()):
                return known[1]
            with self.path.open("rb") as file:
                mark = _mark(os.fstat(file.fileno()))
                content = self._parse(json.load(file))
        except FileNotFoundError:
            return self._missing
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{self.path} is damaged: {error}.") from error
        self._known = (mark, content)
        return content

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other threads and processes from changing the file while the block reads and writes it.

        Raises:
            ConfigError: the folder cannot be written, or another process does not end its change.
        """
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=LOCK_SECONDS, mode=0o600)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise ConfigError(f"Another process is changing {self.path}; try again.") from error
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()

    def write(self, found: object) -> None:
        """Replace the content by what JSON can express, in one step.

        Raises:
            ConfigError: the file cannot be written.
        """
        try:
            with replacing(self.path, durable=True) as unfinished:
                unfinished.touch(mode=0o600)
                unfinished.write_text(json.dumps(found, indent=1), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or error}.") from error


def _mark(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells a changed file from the one before."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
