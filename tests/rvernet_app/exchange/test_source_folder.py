"""The files that a source names: found by folder and spelling, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rvernet_app.exchange.plan import NotTakenError
from rvernet_app.exchange.source_folder import SourceFolder

Made = Callable[..., SourceFolder]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(*names: str) -> SourceFolder:
        for name in names:
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).touch()
        return SourceFolder(tmp_path / "in")

    return make


def found(folder: SourceFolder, name: str) -> str:
    """Return the file that a name means, looked for in "images" and in the folder itself."""
    return folder.file(name, folder.root / "images", folder.root).relative_to(folder.root).as_posix()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("images/a.jpg", "a.jpg"),
        ("images/monday/a.jpg", "monday/a.jpg"),
        ("images/monday/a.jpg", "a.jpg"),
        ("deep/er/monday/a.jpg", "monday/a.jpg"),
        ("images/a.jpg", "C:\\Users\\me\\images\\a.jpg"),
        ("images/monday/a.jpg", "/home/me/monday/a.jpg"),
        ("a.jpg", "/home/me/in/a.jpg"),
        ("images/a.jpg", "data/images/a.jpg"),
        ("images/monday/a.jpg", "monday\\a.jpg"),
        ("images/a.jpg", "images\\a.jpg"),
        ("images/IMG_1.JPG", "img_1.jpg"),
        ("images/Monday/a.jpg", "monday/a.jpg"),
        ("images/cre\u0300me.jpg", "cr\u00e8me.jpg"),
        ("images/cr\u00e8me.jpg", "cre\u0300me.jpg"),
        ("images/cr\u00e8me 1.jpg", "cr%C3%A8me%201.jpg"),
        ("images/cr%C3%A8me%201.jpg", "cr\u00e8me 1.jpg"),
        ("images/my day/a.jpg", "my%20day/a.jpg"),
        ("images/a.jpg", "3f2c91ab-a.jpg"),
        ("images/3f2c91ab-a.jpg", "a.jpg"),
        ("images/my photo.jpg", "3f2c91ab-my_photo.jpg"),
        ("images/a.jpg", "images/3f2c91ab-a.jpg"),
    ],
)
def test_the_only_file_that_can_be_meant_is_found(made: Made, file: str, name: str) -> None:
    assert found(made(file, "images/other.jpg"), name) == file


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("images/monday/a.jpg", "tuesday/a.jpg"),
        ("images/a.jpg", "tuesday/a.jpg"),
        ("a.jpg", "/home/me/tuesday/a.jpg"),
        ("images/P02/day1/a.jpg", "P01/day1/a.jpg"),
        ("images/monday/a.jpg", "tuesday\\A.JPG"),
    ],
)
def test_a_file_of_another_folder_is_not_the_one_meant(made: Made, file: str, name: str) -> None:
    with pytest.raises(NotTakenError, match=f"'{file}' has its name, but lies in another folder"):
        found(made(file), name)


@pytest.mark.parametrize("name", ["a.jpg", "3f2c91ab-a.jpg", "A.JPG"])
def test_several_files_that_can_be_meant_are_named(made: Made, name: str) -> None:
    folder = made("images/monday/a.jpg", "images/tuesday/a.jpg")
    with pytest.raises(NotTakenError, match=r"can be .*: 'images/monday/a\.jpg', 'images/tuesday/a\.jpg'\."):
        found(folder, name)


def test_the_exact_name_comes_before_other_spellings(made: Made) -> None:
    folder = made("images/a.jpg", "images/A.jpg", "images/3f2c91ab-a.jpg")
    assert [found(folder, name) for name in ("a.jpg", "A.jpg", "3f2c91ab-a.jpg")] == [
        "images/a.jpg",
        "images/A.jpg",
        "images/3f2c91ab-a.jpg",
    ]
    with pytest.raises(NotTakenError, match=r"Several files can be 'A\.JPG'"):
        found(folder, "A.JPG")


def test_two_names_do_not_lead_to_one_file(made: Made) -> None:
    folder = made("images/a.jpg")
    names = ["3f2c91ab-a.jpg", "99aa00bb-a.jpg"]
    folder.expect(names, folder.root)
    for name, other in (names, names[::-1]):
        with pytest.raises(
            NotTakenError, match=f"'{name}' is missing: 'images/a.jpg' is like it, and like '{other}'"
        ):
            found(folder, name)
    assert found(folder, "a.jpg") == "images/a.jpg"


def test_copies_of_other_programs_are_not_found(made: Made) -> None:
    with pytest.raises(NotTakenError, match=r"The file 'a\.jpg' is missing\."):
        found(made("@eaDir/a.jpg", ".thumbnails/a.jpg", "__MACOSX/images/a.jpg"), "a.jpg")
