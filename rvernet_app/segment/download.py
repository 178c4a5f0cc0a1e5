"""One large file over HTTP: resumed, checked, and put in place whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rvernet_app.errors import WeightsError

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 30.0
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206


def download(url: str, target: Path, sha256: str, size: int, progress: Progress | None = None) -> Path:
    """Fetch `url` into `target` by way of `target.part`.

    What a broken connection leaves in `target.part` is taken up by the next call, where the server knows ranges.
    `target` appears in one step, after the SHA-256 of the whole file was checked.

    Args:
        url: http or https.
        target: where the file goes; its folder is made.
        sha256: 64 hex digits the file must have.
        size: bytes the file must have.
        progress: called after each block.

    Raises:
        WeightsError: whatever went wrong; the message says what to do about it.
    """
    part = target.with_name(target.name + ".part")
    by_hand = f"You can also fetch {url} in a browser and put the file at {target}."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if _size(part) != size:
            _fetch(url, part, size, progress)
        received = _size(part)
        if received < size:
            raise WeightsError(
                f"The connection broke after {received} of {size} bytes. Run it again to go on from there. {by_hand}"
            )
        if sha256_of(part) != sha256:
            part.unlink()
            raise WeightsError(
                f"What came from {url} is not the file expected (SHA-256 differs) and was deleted. {by_hand}"
            )
        part.replace(target)
    except HTTPError as error:
        raise WeightsError(f"The server answered {error.code} {error.reason} to {url}. {by_hand}") from error
    except (OSError, HTTPException) as error:
        raise WeightsError(
            f"{url} could not be fetched: {error}. Run it again to go on. {by_hand}"
        ) from error
    return target


def sha256_of(path: Path) -> str:
    """64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _fetch(url: str, part: Path, size: int, progress: Progress | None) -> None:
    with _open(url, part) as response:
        done = _size(part) if response.status == PARTIAL_CONTENT else 0
        with part.open("ab" if done else "wb") as file:
            while block := response.read(BLOCK_BYTES):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, size)


def _open(url: str, part: Path) -> HTTPResponse:
    """A response that goes on where `part` ends, or from the start where the server cannot."""
    start = _size(part)
    if start == 0:
        return urlopen(Request(url), timeout=TIMEOUT_S)
    try:
        return urlopen(Request(url, headers={"Range": f"bytes={start}-"}), timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()
        return urlopen(Request(url), timeout=TIMEOUT_S)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
