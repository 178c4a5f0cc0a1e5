"""A file has its old or its new content, whatever happens in between."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rvernet_app.files import replacing, write


@pytest.mark.parametrize("durable", [True, False])
def test_content_replaces_content(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "made" / "file.txt"
    write(path, "old", durable=durable)
    write(path, "grün", durable=durable)

    assert path.read_bytes() == "grün".encode()
    assert list(path.parent.iterdir()) == [path]


def test_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "file", b"\r\n\xff", durable=False)

    assert (tmp_path / "file").read_bytes() == b"\r\n\xff"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write(path, "old", durable=False)

    def write_half() -> None:
        with replacing(path, durable=True) as unfinished:
            unfinished.write_text("ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write(path, "old", durable=False)

    with replacing(path, durable=False) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file", durable=False):
        pass


def test_durable_files_and_their_folder_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
    )

    write(tmp_path / "file", "text", durable=True)
    assert flushed == [False, True]  # the file before the rename, the folder after it

    write(tmp_path / "file", "text", durable=False)
    assert flushed == [False, True]


def test_files_have_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write(tmp_path / "file", "text", durable=False)
    finally:
        os.umask(before)

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
