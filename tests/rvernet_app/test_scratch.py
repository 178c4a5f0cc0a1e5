"""Temporary folders: a dead program's go at the next start, and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rvernet_app import scratch
from rvernet_app.scratch import KINDS, MARK_NAME, remove_dead, remove_unfinished, scratch_folder

LONG_AGO = 10**9


def dead(parent: Path, name: str, *, marked: bool = True) -> Path:
    """Make a folder as a killed program leaves it."""
    folder = parent / name
    folder.mkdir()
    if marked:
        (folder / MARK_NAME).touch()
        (folder / "photo.jpg").touch()
    os.utime(folder, (LONG_AGO, LONG_AGO))
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_there_while_the_block_runs_and_no_other_start_removes_it(
    tmp_path: Path, kind: str
) -> None:
    with scratch_folder(kind, tmp_path) as folder:
        (folder / "photo.jpg").touch()
        remove_dead(tmp_path)
        assert (folder / "photo.jpg").exists()
    assert list(tmp_path.iterdir()) == []


def test_folders_of_dead_programs_go(tmp_path: Path) -> None:
    dead(tmp_path, "rvernet-uploads-abcd1234")
    dead(tmp_path, "rvernet-import-abcd1234", marked=False)
    remove_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_others_made_stays(tmp_path: Path) -> None:
    others = [
        dead(tmp_path, "rvernet-fuzz-abcd1234", marked=False),
        dead(tmp_path, "rvernet-uploads-abcd", marked=False),
        dead(tmp_path, "uploads", marked=False),
    ]
    full = dead(tmp_path, "rvernet-uploads-abcd5678", marked=False)
    (full / "letter.txt").touch()
    os.utime(full, (LONG_AGO, LONG_AGO))
    remove_dead(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*others, full])


def test_unfinished_files_of_the_dead_go_and_others_stay(tmp_path: Path) -> None:
    unfinished = tmp_path / "photos" / f".{'a' * 64}.0123456789ab.part"
    unfinished.parent.mkdir()
    unfinished.touch()
    letter = tmp_path / "photos" / "letter.part"
    letter.touch()
    remove_unfinished(tmp_path, below=("photos",))
    assert list(unfinished.parent.iterdir()) == [letter]


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be locked here")
def test_unfinished_files_stay_while_another_program_holds_the_folder(tmp_path: Path) -> None:
    unfinished = tmp_path / f".{'a' * 64}.0123456789ab.part"
    unfinished.touch()
    with scratch.held(tmp_path):
        remove_unfinished(tmp_path)
        assert unfinished.exists()
    remove_unfinished(tmp_path)
    assert not unfinished.exists()
