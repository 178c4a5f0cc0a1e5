"""Opened photos by content."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvernet_app.config import AppConfig
from rvernet_app.errors import ConfigError, LostPhotoError, PhotoError, PhotoTooLargeError
from rvernet_app.picture import photo_cache
from rvernet_app.picture.photo_cache import FOLDER_NAME, KEEP_SECONDS, MARK, MARK_NAME, PhotoCache
from rvernet_app.picture.photos import read_file
from rvernet_app.scratch import held
from tests.rvernet_app.store.desk import at_once


@pytest.fixture
def config(tmp_path: Path) -> AppConfig:
    return AppConfig(photos_dir=tmp_path / "cache")


def picture(path: Path, grey: int) -> Path:
    Image.fromarray(np.full((6, 8, 3), grey, np.uint8)).save(path)
    return path


def kept_in(config: AppConfig) -> Path:
    return config.photos_dir / FOLDER_NAME


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def make_old(*paths: Path) -> None:
    """Set the time of last use to more than a day ago."""
    a_day_ago = time.time() - KEEP_SECONDS - 60
    for path in paths:
        os.utime(path, (a_day_ago, a_day_ago))


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
    assert names(kept_in(config)) == {MARK_NAME, first.sha256}


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
    unfinished = kept_in(config) / f".{old.sha256}.{'0' * 12}.part"
    unfinished.write_bytes(b"as a killed process leaves it")
    make_old(kept_in(config) / old.sha256, kept_in(config) / MARK_NAME, unfinished)
    new = cache.add(picture(tmp_path / "b.png", 2))
    assert names(kept_in(config)) == {MARK_NAME, new.sha256}


def test_photos_of_yesterday_can_be_opened_by_many_at_the_same_moment(
    tmp_path: Path, config: AppConfig
) -> None:
    sources = [picture(tmp_path / f"{grey}.png", grey) for grey in range(8)]
    cache = PhotoCache(config)
    kept = [kept_in(config) / cache.add(source).sha256 for source in sources]
    for _ in range(20):
        make_old(*kept)
        again = PhotoCache(config)
        added = at_once(*[partial(again.add, source) for source in sources for _ in range(3)])
        assert [type(one).__name__ for one in added] == ["LoadedPhoto"] * 24
        assert names(kept_in(config)) == {MARK_NAME, *(path.name for path in kept)}


@pytest.mark.parametrize("damage", [b"", b"\x89PNG", None])
def test_a_photo_that_was_damaged_on_the_disk_can_be_opened_again(
    tmp_path: Path, config: AppConfig, damage: bytes | None
) -> None:
    source = picture(tmp_path / "a.png", 40)
    photo = PhotoCache(config).add(source)
    other = picture(tmp_path / "b.png", 41).read_bytes()
    (kept_in(config) / photo.sha256).write_bytes(other if damage is None else damage)
    with pytest.raises(LostPhotoError, match="open it again"):
        PhotoCache(config).get(photo.sha256)
    PhotoCache(config).add(source)
    assert (PhotoCache(config).get(photo.sha256).pixels == 40).all()


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")
def test_the_next_start_removes_what_a_killed_program_left_unfinished(
    tmp_path: Path, config: AppConfig
) -> None:
    photo = PhotoCache(config).add(picture(tmp_path / "a.png", 1))
    unfinished = kept_in(config) / f".{photo.sha256}.{'0' * 12}.part"
    unfinished.write_bytes(b"as a killed process leaves it")
    begun = config.photos_dir / f".{FOLDER_NAME}.abcd1234"
    begun.mkdir()
    (begun / MARK_NAME).write_text(MARK[:20])
    make_old(begun)
    theirs = config.photos_dir / f".{FOLDER_NAME}.notes"
    theirs.mkdir()
    (theirs / "a.txt").write_text("by hand")
    make_old(theirs)
    with held(kept_in(config)):  # another server writes it
        PhotoCache(config).claim()
        assert unfinished.exists()
    PhotoCache(config).claim()
    assert names(kept_in(config)) == {MARK_NAME, photo.sha256}
    assert not begun.exists()
    assert theirs.exists()


def test_files_and_folders_of_others_stay_whatever_their_age_and_name(
    tmp_path: Path, config: AppConfig
) -> None:
    own = config.photos_dir
    own.mkdir()
    picture(own / "holiday.jpg", 7)
    data = (own / "holiday.jpg").read_bytes()
    (own / hashlib.sha256(data).hexdigest()).write_bytes(data)
    (own / "trip").mkdir()
    before = names(own)
    make_old(*own.iterdir(), own)

    cache = PhotoCache(config)
    old = cache.add(picture(tmp_path / "a.png", 1))
    inside = kept_in(config)
    (inside / "notes.txt").write_text("by hand")
    (inside / ("b" * 64)).write_text("not what its name says")
    (inside / "trip").mkdir()
    (inside / ("c" * 64)).symlink_to(own / "holiday.jpg")
    make_old(*(path for path in inside.iterdir() if not path.is_symlink()))
    new = cache.add(picture(tmp_path / "b.png", 2))

    by_hand = {"notes.txt", "b" * 64, "c" * 64, "trip"}
    assert names(inside) == {MARK_NAME, new.sha256} | by_hand
    assert old.sha256 not in names(inside)
    assert names(own) - {FOLDER_NAME} - {f"{FOLDER_NAME}/{name}" for name in names(inside)} == before
    assert (own / "holiday.jpg").read_bytes() == data


def test_a_folder_that_someone_else_made_is_refused_and_stays_as_it_was(
    tmp_path: Path, config: AppConfig
) -> None:
    kept_in(config).mkdir(parents=True)
    (kept_in(config) / "holiday.jpg").write_text("mine")
    with pytest.raises(ConfigError, match=r"did not make .*opened-photos.* Set RVERNET_PHOTOS_DIR"):
        PhotoCache(config).claim()
    with pytest.raises(PhotoError, match="cannot keep this photo"):
        PhotoCache(config).add(picture(tmp_path / "a.png", 1))
    assert names(config.photos_dir) == {FOLDER_NAME, f"{FOLDER_NAME}/holiday.jpg"}


def test_claiming_makes_the_marked_folder_once(config: AppConfig) -> None:
    for _ in range(2):
        PhotoCache(config).claim()
        assert names(config.photos_dir) == {FOLDER_NAME, f"{FOLDER_NAME}/{MARK_NAME}"}
    assert (kept_in(config) / MARK_NAME).read_text() == MARK


def test_of_two_processes_that_make_the_folder_the_slower_one_uses_it(
    config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def be_slower(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        PhotoCache(config).claim()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", be_slower)
    PhotoCache(config).claim()
    assert names(config.photos_dir) == {FOLDER_NAME, f"{FOLDER_NAME}/{MARK_NAME}"}


def test_a_kept_file_that_was_cut_short_is_written_again(tmp_path: Path, config: AppConfig) -> None:
    photo = PhotoCache(config).add(picture(tmp_path / "a.png", 40))
    (kept_in(config) / photo.sha256).write_bytes(b"")
    PhotoCache(config).add(tmp_path / "a.png")
    assert (PhotoCache(config).get(photo.sha256).pixels == 40).all()


def test_only_the_last_decoded_photos_stay_in_memory(
    tmp_path: Path, config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_cache, "DECODED_BYTES", 6 * 8 * 3 * 2)
    cache = PhotoCache(config)
    photos = [cache.add(picture(tmp_path / f"{grey}.png", grey)) for grey in range(5)]
    assert all((cache.get(photo.sha256).pixels == grey).all() for grey, photo in enumerate(photos))

    for photo in photos:
        (kept_in(config) / photo.sha256).unlink()

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
    assert (kept_in(config) / photo.sha256).read_bytes() == before


def test_a_file_over_the_limit_is_not_kept(tmp_path: Path) -> None:
    small = AppConfig(photos_dir=tmp_path / "cache", max_photo_mb=1e-5)
    with pytest.raises(PhotoTooLargeError, match="over the limit of 1e-05 MB"):
        PhotoCache(small).add(picture(tmp_path / "a.png", 40))
    assert not small.photos_dir.exists()


def test_a_folder_that_cannot_be_written_is_an_error_that_shows_visitors_no_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    config = AppConfig(photos_dir=tmp_path / "file")
    with pytest.raises(PhotoError) as raised:
        PhotoCache(config).add(picture(tmp_path / "a.png", 40))
    assert str(raised.value) == "The server cannot keep this photo (File exists)."
    assert str(tmp_path / "file") in caplog.text
    with pytest.raises(ConfigError) as refused:
        PhotoCache(config).claim()
    assert str(refused.value) == (
        f"Opened photos cannot be kept in {tmp_path / 'file'} (File exists). "
        "Set RVERNET_PHOTOS_DIR to a folder that this account can write."
    )


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_other_users_of_the_machine_cannot_read_the_photos(tmp_path: Path, config: AppConfig) -> None:
    PhotoCache(config).add(picture(tmp_path / "a.png", 40))
    assert stat.S_IMODE(config.photos_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept_in(config).stat().st_mode) == 0o700
