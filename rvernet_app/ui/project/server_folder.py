"""List the photos in a folder of the server, however many files lie there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.stray import is_stray

MAX_NAMES = 10_000
MAX_SECONDS = 5.0


@dataclass(frozen=True)
class Listing:
    """The photos below a folder.

    Attributes:
        names: their paths below the folder, sorted.
        stray: how many copies that other programs keep were left out.
        more: whether the search ended before it had seen all.
    """

    names: list[str]
    stray: int
    more: bool


def list_photos(
    folder: Path,
    suffixes: Collection[str],
    most: int = MAX_NAMES,
    seconds: float = MAX_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Listing:
    """List photos until there are too many or it takes too long. Links to folders are not followed.

    Args:
        suffixes: of photos, lower case with a dot.

    Raises:
        OSError: the folder cannot be read; one below it that cannot be is left out.
    """
    names: list[str] = []
    ends, stray, more = clock() + seconds, 0, False
    for name in _files_below(folder):
        is_photo = name.lower().endswith(tuple(suffixes))
        if clock() > ends or (is_photo and len(names) == most):
            more = True
            break
        if is_photo and is_stray(name):
            stray += 1
        elif is_photo:
            names.append(name)
    return Listing(sorted(names), stray, more)


def _files_below(folder: Path) -> Iterator[str]:
    """Yield the paths of files, relative to the folder; "" for what is none, so that the caller can stop."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            entries = os.scandir(folder / below)
        except OSError:
            if not below:
                raise
            continue
        with entries:
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                yield path if entry.is_file() else ""
