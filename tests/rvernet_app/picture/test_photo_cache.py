"""Opened photos by content."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvernet_app.config import AppConfig
from rvernet_app.errors import PhotoError, PhotoTooLargeError
from rvernet_app.picture import photo_cache
from rvernet_app.picture.photo_cache import KEEP_SECONDS, PhotoCache
from rvernet_app.picture.photos import read_file


@pytest.fixture
def config(tmp_path: Path) -> AppConfig:
    return AppConfig(photos_dir=tmp_path / "cache")


def picture(path: Path, grey: int) -> Path:
    Image.fromarray(np.full((6, 8, 3), grey, np.uint8)).save(path)
    return path


def test_a_photo_is_found_by_its_content_also_by_a_new_cache(tmp_path: Path, config: AppConfig) -> None:
    photo = PhotoCache(config).add(picture(tmp_path / "a.png", 40))
    found = PhotoCache(config).get(photo.sha256)
    assert (found.pixels == 40).all()
    assert found.sha256 == photo.sha256


def test_the_same_photo_is_kept_once(tmp_path: Path, config: AppConfig) -> None:
    cache = PhotoCache(config)
    first = cache.add(picture(tmp_path / "a.png", 40))
    second = cache.add(picture(tmp_path / "b.png", 40))
    assert first.sha256 == second.sha256
    assert [file.name for file in config.photos_dir.iterdir()] == [first.sha256]


def test_a_file_that_is_not_a_photo_is_not_kept(tmp_path: Path, config: AppConfig) -> None:
    (tmp_path / "a.txt").write_text("not a photo")
    with pytest.raises(PhotoError):
        PhotoCache(config).add(tmp_path / "a.txt")
    assert not config.photos_dir.exists()


@pytest.mark.parametrize(
    "name", [None, 3, "", "../../etc/passwd", "A" * 64, "a" * 63, ["a" * 64], "a" * 64 + "\n"]
)
def test_only_a_sha256_names_a_photo(name: object, config: AppConfig) -> None:
    with pytest.raises(PhotoError):
        PhotoCache(config).get(name)


def test_a_photo_that_is_gone_is_an_error(config: AppConfig) -> None:
    with pytest.raises(PhotoError, match="open it again"):
        PhotoCache(config).get("a" * 64)


def test_files_that_were_not_used_for_a_day_are_removed(tmp_path: Path, config: AppConfig) -> None:
    cache = PhotoCache(config)
    old = cache.add(picture(tmp_path / "a.png", 1))
    a_day_ago = time.time() - KEEP_SECONDS - 60
    os.utime(config.photos_dir / old.sha256, (a_day_ago, a_day_ago))
    new = cache.add(picture(tmp_path / "b.png", 2))
    assert [file.name for file in config.photos_dir.iterdir()] == [new.sha256]


def test_only_the_last_decoded_photos_stay_in_memory(
    tmp_path: Path, config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_cache, "DECODED_BYTES", 6 * 8 * 3 * 2)
    cache = PhotoCache(config)
    photos = [cache.add(picture(tmp_path / f"{grey}.png", grey)) for grey in range(5)]
    assert all((cache.get(photo.sha256).pixels == grey).all() for grey, photo in enumerate(photos))

    for file in config.photos_dir.iterdir():
        file.unlink()

    assert [int(cache.get(photo.sha256).pixels[0, 0, 0]) for photo in photos[3:]] == [3, 4]
    for photo in photos[:3]:
        with pytest.raises(PhotoError, match="open it again"):
            cache.get(photo.sha256)


def test_a_file_that_changes_while_it_is_added_is_kept_as_it_was_read(
    tmp_path: Path, config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = picture(tmp_path / "a.png", 40)
    before = source.read_bytes()

    def read_then_change(path: Path, *, max_mb: float) -> bytes:
        data = read_file(path, max_mb=max_mb)
        picture(source, 90)
        return data

    monkeypatch.setattr(photo_cache, "read_file", read_then_change)
    photo = PhotoCache(config).add(source)

    assert (photo.pixels == 40).all()
    assert photo.sha256 == hashlib.sha256(before).hexdigest()
    assert (config.photos_dir / photo.sha256).read_bytes() == before


def test_a_file_over_the_limit_is_not_kept(tmp_path: Path) -> None:
    small = AppConfig(photos_dir=tmp_path / "cache", max_photo_mb=1e-5)
    with pytest.raises(PhotoTooLargeError, match="over the limit of 1e-05 MB"):
        PhotoCache(small).add(picture(tmp_path / "a.png", 40))
    assert not small.photos_dir.exists()


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = AppConfig(photos_dir=tmp_path / "file")
    with pytest.raises(PhotoError, match=r"The photo cannot be saved in .*file"):
        PhotoCache(config).add(picture(tmp_path / "a.png", 40))


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_other_users_of_the_machine_cannot_read_the_photos(tmp_path: Path, config: AppConfig) -> None:
    PhotoCache(config).add(picture(tmp_path / "a.png", 40))
    assert stat.S_IMODE(config.photos_dir.stat().st_mode) == 0o700
