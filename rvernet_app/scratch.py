"""Temporary folders and unfinished files, and what a killed program leaves of them.

A living program locks the folders that it writes to. Locks of a killed program are gone, so the next start
knows which unfinished files nobody writes any more. Only files and folders that this program made are
removed: unfinished files by the pattern of their names, temporary folders by a mark inside.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rvernet_app.files import UNFINISHED_NAME, unfinished_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

MARK_NAME = ".rvernet-scratch"
"""An empty file that marks a temporary folder as ours."""
KINDS = ("uploads", "download", "copy", "import")
"""Kinds of temporary folders; no other name is taken for one of ours, even of an empty folder."""
_FOLDER_NAME = re.compile(rf"rvernet-({'|'.join(KINDS)})-\w{{8}}")
_STALE_SECONDS = 24 * 3600
"""Age of an unfinished file that nobody writes any more, where locks cannot tell."""
_NEW_SECONDS = 60
"""Age of an empty folder that no program is about to mark any more."""


class Hold:
    """Keeps others from removing unfinished files in a folder, until it is closed or the process dies.

    Args:
        folder: an existing folder. Where folders cannot be locked, nothing is held.
    """

    def __init__(self, folder: Path) -> None:
        descriptor = _lock(folder, alone=False)
        self._let_go = None if descriptor is None else weakref.finalize(self, os.close, descriptor)

    def close(self) -> None:
        """Let go of the folder."""
        if self._let_go is not None:
            self._let_go()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs, see `Hold`."""
    hold = Hold(folder)
    try:
        yield
    finally:
        hold.close()


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Yield whether no other program holds a folder; if so, others that want to hold it wait meanwhile."""
    descriptor = _lock(folder, alone=True)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def scratch_folder(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder that only this account can read; remove it when the block ends.

    If the program is killed, `remove_dead` removes the folder.

    Args:
        kind: one of KINDS, for the name of the folder.
        parent: where the folder is made; None takes the system's folder for temporary files.

    Raises:
        OSError: the folder cannot be made.
    """
    made = tempfile.TemporaryDirectory(prefix=f"rvernet-{kind}-", dir=parent, ignore_cleanup_errors=True)
    with made as name:
        folder = Path(name)
        with held(folder):  # before the mark, or another program could take the folder for a dead one's
            (folder / MARK_NAME).touch()
            yield folder


def remove_dead(parent: Path | None = None) -> None:
    """Remove the folders of `scratch_folder` that a killed program left.

    Args:
        parent: as in `scratch_folder`.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    for folder in _entries(parent):
        if _FOLDER_NAME.fullmatch(folder.name):
            _remove_dead_folder(folder, marked=(folder / MARK_NAME).is_file())


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder that becomes `folder` when the block ends.

    If the block raises an error, the new folder is removed. If the program is killed, the next call for the
    same `folder` removes it.

    Args:
        folder: does not exist, or is empty. Missing folders above it are made.

    Raises:
        OSError: the folder cannot be made, or is not empty by then.
    """
    parent = folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    for found in _entries(parent):
        if UNFINISHED_NAME.fullmatch(found.name) and found.name.startswith(f".{folder.name}."):
            _remove_dead_folder(found, marked=True)
    unfinished = unfinished_path(folder)
    unfinished.mkdir()
    try:
        with held(unfinished):
            yield unfinished
            if folder.exists():
                folder.rmdir()
            unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def remove_unfinished(folder: Path, below: tuple[str, ...] = ()) -> None:
    """Remove the unfinished files of `files.replacing` that a killed program left.

    While another program holds the folder, only files that nobody has written for a day are removed.

    Args:
        folder: the folder to hold, see `Hold`; it need not exist.
        below: its subfolders that are searched as well, with all that is below them.
    """
    with alone(folder) as unused:
        _remove_parts(folder, unused, below)


def _remove_parts(folder: Path, unused: bool, below: tuple[str, ...]) -> None:
    oldest = time.time() - _STALE_SECONDS
    places = [folder, *(Path(found) for name in below for found, _, _ in os.walk(folder / name))]
    for path in (path for place in places for path in _entries(place)):
        if not UNFINISHED_NAME.fullmatch(path.name):
            continue
        try:
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and (unused or found.st_mtime < oldest):
                path.unlink()
        except FileNotFoundError:  # another program was faster
            continue
        except OSError as error:
            log.warning("An unfinished file cannot be removed: %s", error)


def _remove_dead_folder(folder: Path, *, marked: bool) -> None:
    """Remove a folder of ours that nobody holds.

    Args:
        marked: whether the folder is known to be ours; another one is removed if it is empty and not new.
    """
    if not _is_own_folder(folder):
        return
    with alone(folder) as unused, suppress(OSError):  # somebody else's, or another program was faster
        if unused and marked:
            shutil.rmtree(folder, ignore_errors=True)
        elif unused and folder.stat().st_mtime < time.time() - _NEW_SECONDS:
            folder.rmdir()  # fails unless it is empty: killed before it was marked


def _is_own_folder(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (os.name == "nt" or found.st_uid == os.getuid())


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing if it cannot be read."""
    with suppress(OSError):
        return list(folder.iterdir())
    return []


def _lock(folder: Path, *, alone: bool) -> int | None:
    """Lock a folder, together with others or alone.

    Returns:
        A descriptor that holds the lock until it is closed; None where folders cannot be locked, or where one
        asks to be alone and is not.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
