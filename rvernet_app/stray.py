"""Tell files of a person from the copies that other programs keep beside them.

File managers, cloud disks, photo servers and notebooks leave thumbnails, old versions, deleted files and
unfinished downloads among the files of a folder. They have the suffixes of photos and of label files, so
whoever searches a folder has to know them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

FOLDERS = frozenset(
    {
        *("__macosx", "lost+found", "lost.dir", "$recycle.bin", "recycler", "system volume information"),
        *("@eadir", "@recycle", "@recently-snapshot", "@__thumb", "@tmp", "@sharebin"),  # of NAS disks
        *("#recycle", "#snapshot", "__pycache__"),
    }
)
"""Names of folders, lower case. Hidden folders, such as .thumbnails, .Trash-1000 or .ipynb_checkpoints, need
no entry.
"""
FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
SUFFIXES = (".partial", ".part", ".crdownload", ".download", ".filepart", ".tmp", "~", "@synoeastream")
"""Ends of file names, lower case: downloads that did not finish, and side files."""
STARTS = ("~$",)

MAX_FOUND = 200_000
"""Files and folders that are looked at below one folder."""

NOT_A_FILE = "It is not a file."
"""Said of a pipe, a socket, a device, a folder or a link that leads nowhere."""
WHY = "It is a copy that another program keeps, such as a thumbnail or a deleted file."
"""Said of a stray copy that is left out."""


@dataclass(frozen=True)
class Walk:
    """The files below a folder, sorted.

    Attributes:
        files: those of a person.
        stray: the copies of other programs.
        others: what is named like a file that was looked for, and is none: a pipe, a socket, a device, a
            folder, a link that leads nowhere. They must not be opened: reading from one can wait for ever.
    """

    files: tuple[Path, ...]
    stray: tuple[Path, ...]
    others: tuple[Path, ...] = ()


def is_stray(path: PurePath | str) -> bool:
    """Return True if a file, or a folder on the way to it, is a copy that another program keeps.

    Args:
        path: relative to the folder that is searched, because that folder itself may be hidden; with "/" or,
            from Windows, back slashes.
    """
    *folders, name = [
        part for part in str(path).replace("\\", "/").lower().split("/") if part not in (".", "")
    ]
    if name.startswith((".", *STARTS)) or name.endswith(SUFFIXES) or name in FILES:
        return True
    # An unfinished download can have its suffix before the real one, as in "a.partial.jpg".
    if ".partial" in name or name in FOLDERS:
        return True
    return any(_is_stray_folder(folder) for folder in folders)


def walk(folder: Path, suffixes: Collection[str] | None = None) -> Walk:
    """Find the files below a folder. Links to files are found, links to folders are not followed.

    Args:
        folder: to search, with all folders in it.
        suffixes: lower case with a dot; None finds every file.

    Raises:
        OSError: the folder holds more than MAX_FOUND files and folders.
    """
    found: tuple[list[Path], list[Path], list[Path]] = [], [], []
    for path in _below(folder):
        if suffixes is not None and not path.name.lower().endswith(tuple(suffixes)):
            continue
        stray = is_stray(path.relative_to(folder))
        if _is_file(path):
            found[stray].append(path)
        elif not stray and not (suffixes is None and path.is_dir()):
            found[2].append(path)
    files, copies, others = (tuple(sorted(paths)) for paths in found)
    return Walk(files, copies, others)


def _below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder. What is behind a link is not followed."""
    seen = 0
    for place, folders, names in os.walk(folder):
        seen += len(folders) + len(names)
        if seen > MAX_FOUND:
            raise OSError(errno.E2BIG, f"it holds more than {MAX_FOUND} files and folders", str(folder))
        yield from (Path(place, name) for name in (*folders, *names))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long for what a link leads to
        return False


def _is_stray_folder(name: str) -> bool:
    return name in FOLDERS or (name.startswith(".") and name != "..")
