"""Write files in one step.

A reader of a file that is being written sees the old content or the new content, never a part.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED_NAME = re.compile(r"\..+\.[0-9a-f]{12}\.part", re.S)
"""Names of the temporary files of `replacing`. A killed program leaves them; see `scratch`."""


@contextmanager
def replacing(path: Path, *, durable: bool) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces `path` when the block ends.

    Missing folders are created. If the block raises an error, the temporary file is removed and `path` stays
    unchanged. Of several writers, the last one to finish wins.

    Args:
        path: the file to replace.
        durable: True flushes file and folder to the disk, so that the new content survives a power cut.

    Yields:
        The path of the temporary file, which does not exist yet. The block must create it.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        if durable:
            _flush(unfinished)
        unfinished.replace(path)
        if durable:
            _flush(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def unfinished_path(path: Path) -> Path:
    """Return a path beside another one, for what replaces it when it is finished."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def write(path: Path, content: bytes | str, *, durable: bool) -> None:
    """Replace the content of a file in one step; text is written as UTF-8.

    Args:
        path, durable: as in `replacing`.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    with replacing(path, durable=durable) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def try_folder(folder: Path) -> None:
    """Make a folder unless it exists, and write a file in it that nobody sees.

    Raises:
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def _flush(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
