"""Download a large file over HTTP: resume it, check its SHA-256, then put it in place in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rvernet_app.errors import WeightsError
from rvernet_app.files import replacing
from rvernet_app.scratch import held

Progress = Callable[[int, int], None]
"""Called with the number of bytes received and the total."""

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 30.0
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206


def download(url: str, target: Path, sha256: str, size: int, progress: Progress | None = None) -> Path:
    """Download `url` to `target`.

    Bytes are collected in `target.part`. After a broken connection the next call resumes there, if the server
    supports ranges. `target` is created or replaced in one step, once the SHA-256 of the whole file is right.

    Args:
        url: http or https address.
        target: the file to create; missing folders are created.
        sha256: expected SHA-256, 64 hex digits.
        size: expected number of bytes.
        progress: called after each block.

    Returns:
        `target`.

    Raises:
        WeightsError: the download failed; the message says what to do.
    """
    part = target.with_name(target.name + ".part")
    by_hand = f"You can also download {url} in a browser and save it as {target}."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if _size(part) != size:
            _fetch(url, part, size, progress)
        received = _size(part)
        if received < size:
            raise WeightsError(
                f"The connection broke after {received} of {size} bytes. "
                f"Run the command again to resume. {by_hand}"
            )
        if sha256_of(part) != sha256:
            part.unlink()
            raise WeightsError(
                f"The file from {url} is not the expected one (its SHA-256 differs) and was deleted. "
                + by_hand
            )
        # Durable: its SHA-256 is never checked again.
        with held(target.parent), replacing(target, durable=True) as whole:
            part.replace(whole)
    except HTTPError as error:
        raise WeightsError(f"The server answered {error.code} {error.reason} to {url}. {by_hand}") from error
    except (OSError, HTTPException) as error:
        raise WeightsError(
            f"{url} could not be downloaded: {error}. Run the command again to resume. {by_hand}"
        ) from error
    return target


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
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
    """Request the bytes after the end of `part`; the server may answer with the whole file instead."""
    start = _size(part)
    if start == 0:
        return _request(url, {})
    try:
        return _request(url, {"Range": f"bytes={start}-"})
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()
        return _request(url, {})


def _request(url: str, headers: dict[str, str]) -> HTTPResponse:
    # The addresses are constants of the program.
    response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)  # nosec B310
    return response


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
