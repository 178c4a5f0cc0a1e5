"""A folder of the server is listed within bounds."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from rvernet_app.ui.project.server_folder import Listing, list_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photos in four folders, and what else lies about."""
    for place, number in itertools.product(("", "a", "b/c", "d"), range(3)):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / f"{number}.jpg").write_bytes(b"")
    (tmp_path / "a" / "menu.txt").write_bytes(b"")
    (tmp_path / "a" / "._0.jpg").write_bytes(b"")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    return tmp_path


def test_all_photos_of_a_small_folder_are_listed(folder: Path) -> None:
    listing = list_photos(folder, [".jpg"])
    assert listing == Listing(
        [f"{place}{number}.jpg" for place in ("", "a/", "b/c/", "d/") for number in range(3)], 1, False
    )


@pytest.mark.parametrize(("most", "more"), [(11, True), (12, False), (13, False)])
def test_a_listing_has_a_most(folder: Path, most: int, more: bool) -> None:
    listing = list_photos(folder, [".jpg"], most=most)
    assert (len(listing.names), listing.more) == (min(most, 12), more)


def test_a_listing_ends_in_time_even_if_there_are_no_photos(folder: Path) -> None:
    ticks = itertools.count()
    listing = list_photos(folder, [".png"], seconds=4, clock=lambda: float(next(ticks)))
    assert listing == Listing([], 0, True)
    assert next(ticks) == 6


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_photos(tmp_path / "none", [".jpg"])
