"""Copies that other programs keep are told from the files of a person, here and in the browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rvernet_app.stray import Walk, is_stray, walk

TABLE = json.loads((Path(__file__).parents[1] / "web" / "stray.json").read_text("utf-8"))


@pytest.mark.parametrize("path", TABLE["stray"])
def test_copies_of_other_programs_are_stray(path: str) -> None:
    assert is_stray(path)


@pytest.mark.parametrize("path", TABLE["kept"])
def test_files_of_a_person_are_not(path: str) -> None:
    assert not is_stray(path)


def test_a_walk_tells_them_apart_and_keeps_to_the_suffixes(tmp_path: Path) -> None:
    root = tmp_path / ".hidden root"
    for name in (
        "b.jpg",
        "a/C.JPG",
        "a/notes.txt",
        "a/@eaDir/C.JPG/thumb.jpg",
        "._b.jpg",
        "folder.jpg/x.txt",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert walk(root, (".jpg",)) == Walk(
        (root / "a" / "C.JPG", root / "b.jpg"),
        (root / "._b.jpg", root / "a" / "@eaDir" / "C.JPG" / "thumb.jpg"),
        (root / "folder.jpg",),
    )
    assert root / "a" / "notes.txt" in walk(root).files
