"""Put uploaded files together again: large ones come in parts, and folders as a list of files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rvernet_app.errors import StoreError
from rvernet_app.ui.access import uploaded_file

MAX_BYTES = 4 * 10**9
"""Limit for all files of one import or archive together."""


def join_parts(parts: Sequence[object], target: Path) -> None:
    """Write the parts of an uploaded file, in order, as one file.

    Raises:
        PhotoError: a part is not an uploaded file.
        StoreError: the parts are too large together, or the disk cannot take them.
    """
    files = [uploaded_file(part) for part in parts]
    try:
        total = sum(file.stat().st_size for file in files)
        if total > MAX_BYTES:
            raise StoreError(
                f"{target.name} has {total / 1e9:.1f} GB, over the limit of {MAX_BYTES / 1e9:g} GB; "
                "divide it, or use the command `rvernet import` on the server."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as whole:
            for file in files:
                with file.open("rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
    except OSError as error:
        raise StoreError(f"The upload could not be kept: {error.strerror or error}.") from error


def below(folder: Path, name: str) -> Path:
    """Return the path of an uploaded file below a folder.

    Raises:
        StoreError: the name leads out of the folder, or no file can have it.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or any(part in ("..", "/") or ":" in part or "\0" in part for part in parts):
        raise StoreError(f"{name!r} cannot be the name of a file in a folder.")
    return folder.joinpath(*parts)
