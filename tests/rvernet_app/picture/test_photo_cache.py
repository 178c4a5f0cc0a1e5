"""Opened photos by content."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvernet_app.config import AppConfig
from rvernet_app.errors import PhotoError
from rvernet_app.picture import photo_cache as shelf_module
from rvernet_app.picture.photo_cache import KEEP_SECONDS, PhotoShelf


@pytest.fixture
def config(tmp_path: Path) -> AppConfig:
    return AppConfig(photos_dir=tmp_path / "shelf")


def picture(path: Path, grey: int) -> Path:
    Image.fromarray(np.full((6, 8, 3), grey, np.uint8)).save(path)
    return path


def test_a_photo_is_found_by_its_content_also_by_a_new_shelf(tmp_path: Path, config: AppConfig) -> None:
    photo = PhotoShelf(config).add(picture(tmp_path / "a.png", 40))
    found = PhotoShelf(config).get(photo.sha256)
    assert (found.pixels == 40).all()
    assert found.sha256 == photo.sha256


def test_the_same_photo_is_kept_once(tmp_path: Path, config: AppConfig) -> None:
    shelf = PhotoShelf(config)
    first = shelf.add(picture(tmp_path / "a.png", 40))
    second = shelf.add(picture(tmp_path / "b.png", 40))
    assert first.sha256 == second.sha256
    assert [file.name for file in config.photos_dir.iterdir()] == [first.sha256]


def test_what_is_not_a_photo_is_not_kept(tmp_path: Path, config: AppConfig) -> None:
    (tmp_path / "a.txt").write_text("not a photo")
    with pytest.raises(PhotoError):
        PhotoShelf(config).add(tmp_path / "a.txt")
    assert not config.photos_dir.exists()


@pytest.mark.parametrize(
    "name", [None, 3, "", "../../etc/passwd", "A" * 64, "a" * 63, ["a" * 64], "a" * 64 + "\n"]
)
def test_only_a_sha256_names_a_photo(name: object, config: AppConfig) -> None:
    with pytest.raises(PhotoError):
        PhotoShelf(config).get(name)


def test_a_photo_that_is_gone_says_so(config: AppConfig) -> None:
    with pytest.raises(PhotoError, match="open it again"):
        PhotoShelf(config).get("a" * 64)


def test_files_nobody_asked_for_in_a_day_go(tmp_path: Path, config: AppConfig) -> None:
    shelf = PhotoShelf(config)
    old = shelf.add(picture(tmp_path / "a.png", 1))
    a_day_ago = time.time() - KEEP_SECONDS - 60
    os.utime(config.photos_dir / old.sha256, (a_day_ago, a_day_ago))
    new = shelf.add(picture(tmp_path / "b.png", 2))
    assert [file.name for file in config.photos_dir.iterdir()] == [new.sha256]


def test_decoded_photos_do_not_pile_up(
    tmp_path: Path, config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "DECODED_BYTES", 6 * 8 * 3 * 2)
    shelf = PhotoShelf(config)
    photos = [shelf.add(picture(tmp_path / f"{grey}.png", grey)) for grey in range(5)]
    assert shelf.decoded_bytes <= 6 * 8 * 3 * 2
    assert all((shelf.get(photo.sha256).pixels == grey).all() for grey, photo in enumerate(photos))
