"""Unpack a ZIP that somebody else made into a temporary folder."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from rvernet_app import stray
from rvernet_app.errors import StoreError
from rvernet_app.exchange.plan import Plan
from rvernet_app.reading import open_file
from rvernet_app.scratch import scratch_folder

MAX_MEMBERS = 200_000
MAX_DIRECTORY = 30 * 10**6
"""Bytes of the list of members."""
MAX_BYTES = 50 * 10**9
"""Limit for all files of an archive together, unpacked."""
MAX_RATIO = 200
"""Limit for the unpacked size over the size of the archive, beyond SMALL: photos hardly shrink in a ZIP."""
SMALL = 10**9

OTHER_ARCHIVES = (".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst")


class _Bounded(io.RawIOBase):
    """A file of which no more than MAX_DIRECTORY bytes are read at once: zipfile reads the list of members in
    one piece, of whatever size the archive says.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(min(size, MAX_DIRECTORY + 1) if size >= 0 else MAX_DIRECTORY + 1)
        if len(content) > MAX_DIRECTORY:
            raise ValueError(f"its list of files has more than {MAX_DIRECTORY / 1e6:g} MB")
        return content

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP whose list of members has a bounded size. Its members are still to be checked.

    Raises:
        OSError, ValueError, NotImplementedError, zipfile.BadZipFile: it is no ZIP, is damaged, or its list of
            members is too long.
    """
    with _Bounded(open_file(path)) as file, zipfile.ZipFile(file) as archive:
        yield archive


@contextmanager
def unpacked(source: Path, plan: Plan) -> Iterator[Path]:
    """Yield the folder that an archive holds, or the source itself if it is no archive.

    If everything in the archive lies in one folder, that folder is the one. Members that cannot be unpacked
    safely are noted in the plan.

    Raises:
        StoreError: the archive is of another kind, damaged, encrypted or too large, or cannot be unpacked.
    """
    if source.is_file() and source.name.lower().endswith(OTHER_ARCHIVES):
        raise StoreError(
            f"{source} is an archive of a kind that is not read; unpack it and import the folder."
        )
    if not (source.is_file() and _is_zip(source)):
        if source.is_file() and source.suffix.lower() == ".zip":
            raise StoreError(f"{source} is damaged, or not a ZIP.")
        yield source
        return
    with scratch_folder("import") as place:
        folder = place / "unpacked"
        folder.mkdir()
        try:
            with open_zip(source) as archive:
                _unpack(archive, folder, source, plan)
        except StoreError:
            raise
        except (
            OSError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            EOFError,
            zipfile.BadZipFile,
        ) as error:
            why = getattr(error, "strerror", None) or error
            raise StoreError(f"{source} cannot be unpacked: {why}.") from error
        yield _top(folder)


def _is_zip(source: Path) -> bool:
    with open_file(source) as file:
        return zipfile.is_zipfile(file)


def _unpack(archive: zipfile.ZipFile, folder: Path, source: Path, plan: Plan) -> None:
    members = [member for member in archive.infolist() if not member.is_dir()]
    _require_harmless(members, source, folder)
    for member in members:
        name = _name(member)
        parts = _parts(name)
        if parts is None:
            plan.leave(name, "Its path leads out of the archive.")
        elif stat.S_ISLNK(member.external_attr >> 16):
            plan.leave(name, "It is a link, which is not followed.")
        elif stray.is_stray("/".join(parts)):
            plan.leave("/".join(parts), stray.WHY)
        else:
            target = _room_for(parts, folder, plan)
            if target is not None:
                # zipfile reads no more than the size that was checked, and then compares the checksum.
                with archive.open(member) as packed, target.open("xb") as file:
                    shutil.copyfileobj(packed, file, 1 << 20)


def _room_for(parts: tuple[str, ...], folder: Path, plan: Plan) -> Path | None:
    """Return the path that a member is unpacked to, and make its folder; None if no file can have it."""
    name = "/".join(parts)
    target = folder.joinpath(*parts)
    try:
        if target.exists():
            plan.leave(name, "The archive has another file of this name, which is used.")
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        return target
    except (FileExistsError, NotADirectoryError):
        plan.leave(name, "The archive has a file of the name of its folder.")
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        plan.leave(name, "Its name is too long.")
    return None


def _require_harmless(members: list[zipfile.ZipInfo], source: Path, folder: Path) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise StoreError(f"{source} has a password; unpack it and import the folder.")
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or total > MAX_BYTES:
        raise StoreError(
            f"{source} holds {len(members)} files of {total / 1e9:.1f} GB, over the limits of {MAX_MEMBERS} "
            f"files and {MAX_BYTES / 1e9:.0f} GB; unpack it and import the folder."
        )
    if total > max(SMALL, MAX_RATIO * source.stat().st_size):
        raise StoreError(
            f"{source} unpacks to {total / 1e9:.1f} GB, far more than photos; it was not opened."
        )
    if total > shutil.disk_usage(folder).free:
        raise StoreError(
            f"{source} needs {total / 1e9:.1f} GB to unpack, more than there is in {folder.parent.parent}."
        )


def _name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member. macOS writes UTF-8 without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode()
    except UnicodeError:
        return member.filename


def _parts(name: str) -> tuple[str, ...] | None:
    """Return the parts of a member's path; None if it would lead out of the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = tuple(part for part in path.parts if part != ".")
    if path.is_absolute() or not parts or any(part == ".." or ":" in part or "\0" in part for part in parts):
        return None
    if os.name == "nt" and PureWindowsPath(*parts).is_reserved():  # a device, such as NUL.jpg
        return None
    return parts


def _top(folder: Path) -> Path:
    """Return the innermost folder that holds everything."""
    while True:
        held = list(folder.iterdir())
        if len(held) != 1 or not held[0].is_dir():
            return folder
        folder = held[0]
