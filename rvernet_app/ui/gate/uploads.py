"""How much visitors may put on the server's disk."""

from __future__ import annotations

import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.ui.gate.refusal import Refused

KEPT_SECONDS = 24 * 3600
"""How long an upload counts; after that, Gradio deletes it."""
MAX_FILES = 1
"""The page and gradio_client send each file in a request of its own."""
MAX_PARTS = MAX_FILES + 3
"""Most parts of an upload; fields that are no file count as well."""


@dataclass(frozen=True)
class Space:
    """Limits of what is uploaded within a day, in bytes.

    Attributes:
        each: most of one visitor.
        in_all: most of all visitors.
        free: what stays free on the disk.
    """

    each: int
    in_all: int
    free: int


@dataclass
class Upload:
    """One upload: the bytes that count for it."""

    at: float
    visitor: str
    size: int


class Uploads:
    """Counts what is uploaded.

    Args:
        folder: returns where uploads go.
        clock: returns seconds.
    """

    def __init__(
        self, space: Space, folder: Callable[[], Path], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._space = space
        self._folder = folder
        self._clock = clock
        self._kept: deque[Upload] = deque()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def room(self, visitor: str, size: int) -> Iterator[Upload]:
        """Keep room for an upload while the block runs; the block sets the size that it had in the end.

        Raises:
            Refused: with 429 if the visitor has sent too much, 507 if all have or the disk is full.
        """
        self._forget_old()
        if self._bytes[visitor] + size > self._space.each:
            raise Refused(
                429, f"You have sent {self._space.each / 1e9:.3g} GB within a day, which is the limit here."
            )
        if self._bytes.total() + size > self._space.in_all:
            raise Refused(507, "The server has no room for more uploads today.")
        if free_bytes(self._folder()) - size < self._space.free:
            raise Refused(507, "The disk of the server is full. Tell whoever runs it.")
        upload = Upload(self._clock(), visitor, size)
        self._kept.append(upload)
        self._bytes[visitor] += size
        try:
            yield upload
        finally:
            self._bytes[visitor] += upload.size - size

    def _forget_old(self) -> None:
        while self._kept and self._kept[0].at < self._clock() - KEPT_SECONDS:
            old = self._kept.popleft()
            self._bytes[old.visitor] -= old.size
            if not self._bytes[old.visitor]:
                del self._bytes[old.visitor]


class Parts:
    """Counts the parts of a multipart body while it streams by.

    Args:
        content_type: of the request; a body that is not multipart has no parts.
    """

    def __init__(self, content_type: str) -> None:
        _, _, boundary = content_type.partition("boundary=")
        boundary = boundary.partition(";")[0].strip().strip('"')
        self._mark = b"--" + boundary.encode("latin-1") if boundary else b""
        self._tail = b""
        self._marks = 0

    def count(self, piece: bytes) -> None:
        """Count the parts that begin in the next piece of the body.

        Raises:
            Refused: with 413 if there are too many.
        """
        if not self._mark:
            return
        text = self._tail + piece
        self._marks += text.count(self._mark)
        self._tail = text[-(len(self._mark) - 1) :]
        if self._marks > MAX_PARTS + 1:  # the last mark ends the last part
            raise Refused(413, "Send each file in a request of its own.")


def free_bytes(folder: Path) -> int:
    """Return the bytes that are free on the disk of a folder, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
