"""Read files that came from outside: regular files of a bounded size, JSON of a bounded number of values.

A pipe would be read for ever, a device or a file that grows without an end, and a few megabytes of brackets
become gigabytes of lists.
"""

from __future__ import annotations

import codecs
import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

MAX_TEXT = 16 * 10**6
"""Bytes of a text file, unless a reader says otherwise."""

MAX_PARSED = 10**9
"""Bytes in memory that JSON may become, by `_parsed_bytes`."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_BYTES_OF = {b",": 40, b'"': 30, b"[": 80, b"{": 240}
"""Bytes in memory for each of these characters in JSON text, about as CPython needs them."""


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading. Nothing else is opened, because that can wait for ever.

    Raises:
        OSError: it is not a regular file, or cannot be opened.
    """
    _require_regular(path, path.stat().st_mode)
    # Without waiting, in case that a pipe has taken its place since.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _require_regular(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes.

    Raises:
        OSError: it is not a regular file, cannot be read, or has more bytes.
    """
    with open_file(path) as file:
        content = file.read(most + 1)  # its size may grow after it was asked for
        size = max(len(content), os.fstat(file.fileno()).st_size)
    if len(content) > most:
        why = f"it has {size / 1e6:.1f} MB, over the limit of {most / 1e6:g} MB"
        raise OSError(errno.EFBIG, why, str(path))
    return content


def read_text(path: Path, most: int = MAX_TEXT) -> str:
    """Return the text of a file that a person or another program may have written, see `text_of`.

    Raises:
        OSError: as `read_bytes`.
        UnicodeDecodeError: it is not text.
    """
    return text_of(read_bytes(path, most))


def text_of(content: bytes) -> str:
    """Decode text: UTF-8, or what a byte order mark says.

    Notepad and Excel put a mark in front of UTF-8, and call UTF-16 with a mark "Unicode". The mark is no part
    of the text.

    Raises:
        UnicodeDecodeError: it is not text.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text file, without their ends.

    `str.splitlines` also breaks lines at characters that may be part of a name, such as a vertical tab.
    """
    lines = _LINE_END.split(text)
    return lines[:-1] if not lines[-1] else lines


def bounded_lines(file: BinaryIO, most: int = MAX_TEXT) -> Iterator[bytes]:
    """Yield the lines of an open file, with their ends.

    Raises:
        ValueError: a line has more than `most` bytes.
    """
    while line := file.readline(most + 1):
        if len(line) > most:
            raise ValueError(f"a line has more than {most / 1e6:g} MB")
        yield line


def json_of(content: bytes | str, most: int = MAX_PARSED) -> Any:
    """Parse JSON of a bounded size in memory.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or has more values than fit `most` bytes of memory.
    """
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    if _parsed_bytes(data) > most:
        raise ValueError("it holds too many values to be read safely; divide it")
    try:
        return json.loads(content if isinstance(content, str) else text_of(content))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def is_text(text: str) -> bool:
    """Return whether a database can keep a text: no null characters and no lone surrogates."""
    return "\0" not in text and text.encode(errors="replace") == text.encode(errors="surrogatepass")


def _parsed_bytes(data: bytes) -> int:
    """Estimate the memory that JSON text becomes, from its punctuation."""
    return len(data) + sum(each * data.count(mark) for mark, each in _BYTES_OF.items())


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a file", str(path))
