"""Tell files of a person from the copies that other programs keep beside them.

File managers, cloud disks, photo servers and notebooks leave thumbnails, old versions, deleted files and
unfinished downloads among the files of a folder. They have the suffixes of photos and of label files, so
whoever searches a folder has to know them.
"""

from __future__ import annotations

from collections.abc import Collection
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

WHY = "It is a copy that another program keeps, such as a thumbnail or a deleted file."
"""Said of a stray copy that is left out."""


@dataclass(frozen=True)
class Walk:
    """The files below a folder, sorted.

    Attributes:
        files: those of a person.
        stray: the copies of other programs.
    """

    files: tuple[Path, ...]
    stray: tuple[Path, ...]


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
        OSError: a folder cannot be read.
    """
    found: tuple[list[Path], list[Path]] = [], []
    for path in sorted(folder.rglob("*")):
        if suffixes is not None and not path.name.lower().endswith(tuple(suffixes)):
            continue
        if path.is_file():
            found[is_stray(path.relative_to(folder))].append(path)
    return Walk(tuple(found[False]), tuple(found[True]))


def _is_stray_folder(name: str) -> bool:
    return name in FOLDERS or (name.startswith(".") and name != "..")
