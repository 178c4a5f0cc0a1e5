"""Photo files: unchanged originals, upright working copies without metadata, and thumbnails."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from rvernet_app.errors import PhotoError, PhotoTooLargeError, StoreError
from rvernet_app.picture.photos import LoadedPhoto, read_photo
from rvernet_app.store.files import THUMBNAIL_SIDE, PhotoFiles
from tests.conftest import ROOT
from tests.rvernet_app.store.desk import SIZE_HW, picture

WRITE_PAST_THE_FILE_SIZE_LIMIT = """
import resource
import signal
import sys
from pathlib import Path
from rvernet_app.files import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write(Path(sys.argv[1]), bytes(5000), durable=True)
except OSError as error:
    print(error.strerror)
"""

ROTATED = 6
"""EXIF orientation of a photo whose pixels are stored lying on their left side."""


@pytest.fixture
def files(tmp_path: Path) -> PhotoFiles:
    return PhotoFiles(tmp_path / "data", max_mb=1, max_megapixels=1)


def snapshot_of_lunch(orientation: int = ROTATED) -> bytes:
    """Return a JPEG, stored 60 x 40, red on the left, blue on the right, with GPS data in its EXIF."""
    picture = Image.new("RGB", (60, 40), (0, 0, 255))
    picture.paste((255, 0, 0), (0, 0, 30, 40))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Canteen camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (60.0, 10.0, 30.0), 3: "E", 4: (24.0, 56.0, 0.0)})
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, exif=exif, comment=b"Ann's lunch", dpi=(300, 300))
    return file.getvalue()


def all_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_the_original_is_kept_byte_for_byte(files: PhotoFiles, tmp_path: Path) -> None:
    data = snapshot_of_lunch()
    (tmp_path / "IMG_1.jpg").write_bytes(data)
    photo = files.add(tmp_path / "IMG_1.jpg")
    digest = hashlib.sha256(data).hexdigest()
    assert photo.sha256 == digest
    original = files.original(digest)
    assert original == tmp_path / "data" / "originals" / digest[:2] / digest
    assert original.read_bytes() == data
    assert (tmp_path / "IMG_1.jpg").read_bytes() == data


def test_the_working_copy_is_upright_and_has_no_metadata(files: PhotoFiles) -> None:
    data = snapshot_of_lunch()
    with Image.open(io.BytesIO(data)) as original:
        assert original.getexif().get_ifd(ExifTags.IFD.GPSInfo)  # the copy must lose this
    photo = files.add(data)
    path = files.working_copy(photo.sha256, photo.format)
    assert (photo.format, path.suffix) == ("JPEG", ".jpg")
    with Image.open(path) as copy:
        assert copy.format == "JPEG"
        assert copy.size == (40, 60)
        assert dict(copy.getexif()) == {}
        assert set(copy.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        pixels = np.asarray(copy)
    assert b"Canteen" not in path.read_bytes()
    assert np.abs(pixels[10, 20].astype(int) - (255, 0, 0)).max() < 6  # the left side is now on top
    assert np.abs(pixels[50, 20].astype(int) - (0, 0, 255)).max() < 6
    assert photo.size_hw == (60, 40)


def test_a_lossless_photo_has_a_lossless_working_copy(files: PhotoFiles) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canteen camera"
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    photo = files.add(file.getvalue())
    path = files.working_copy(photo.sha256, photo.format)
    assert path.suffix == ".png"
    with Image.open(path) as copy:
        assert copy.info == {}
        assert dict(copy.getexif()) == {}
        assert np.array_equal(np.asarray(copy), pixels)


def test_the_same_bytes_are_kept_once(files: PhotoFiles, tmp_path: Path) -> None:
    first = files.add(snapshot_of_lunch())
    kept = {path: path.stat().st_mtime_ns for path in all_files(tmp_path)}
    assert len(kept) == 2
    assert files.add(snapshot_of_lunch()).sha256 == first.sha256
    assert {path: path.stat().st_mtime_ns for path in all_files(tmp_path)} == kept


def test_adding_a_photo_again_repairs_an_interrupted_add(files: PhotoFiles, tmp_path: Path) -> None:
    photo = files.add(snapshot_of_lunch())
    path = files.working_copy(photo.sha256, photo.format)
    whole = path.read_bytes()
    path.unlink()
    (path.parent / "tmpunfinished").write_bytes(whole[:100])  # a crash during a write leaves such a file
    files.add(snapshot_of_lunch())
    assert path.read_bytes() == whole
    assert files.original(photo.sha256).read_bytes() == snapshot_of_lunch()


def test_an_invalid_or_oversized_photo_leaves_no_files(files: PhotoFiles, tmp_path: Path) -> None:
    for data in (b"", b"rice and beans", snapshot_of_lunch()[:300]):
        with pytest.raises(PhotoError):
            files.add(data)
    with pytest.raises(PhotoTooLargeError):
        files.add(b"\0" * 1_000_001)
    assert all_files(tmp_path) == set()


def test_an_oversized_file_is_never_read(
    files: PhotoFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "film.jpg").open("wb") as sparse:
        sparse.truncate(1_000_001)
    read: list[Path] = []

    def record(path: Path) -> bytes:
        read.append(path)
        return b""

    monkeypatch.setattr(Path, "read_bytes", record)
    with pytest.raises(PhotoTooLargeError, match=r"1\.0 MB, over the limit of 1 MB"):
        files.add(tmp_path / "film.jpg")
    assert read == []


def test_a_missing_file_is_refused(files: PhotoFiles, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="Cannot read"):
        files.add(tmp_path / "gone.jpg")


def test_a_file_that_changes_during_reading_is_not_kept(
    files: PhotoFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lunch.jpg"
    path.write_bytes(snapshot_of_lunch())

    def changing(source: Path, **limits: float) -> LoadedPhoto:
        photo = read_photo(source, **limits)
        path.write_bytes(snapshot_of_lunch(orientation=1))
        return photo

    monkeypatch.setattr("rvernet_app.store.files.read_photo", changing)
    with pytest.raises(PhotoError, match="changed while it was read"):
        files.add(path)
    assert all_files(tmp_path) == {path}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file size limits")
def test_a_failed_write_leaves_no_files(tmp_path: Path) -> None:
    """A process with a file size limit of 1000 bytes stands in for a full disk."""
    line = [sys.executable, "-c", WRITE_PAST_THE_FILE_SIZE_LIMIT, str(tmp_path / "data" / "photo")]
    found = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "File too large\n"), found.stderr
    assert all_files(tmp_path) == set()


def test_an_unwritable_folder_raises_a_store_error(files: PhotoFiles, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="could not be kept"):
        files.add(picture(1))


def test_a_thumbnail_is_small_and_upright(files: PhotoFiles) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = ROTATED
    Image.new("RGB", (640, 320), (0, 128, 0)).save(file, "JPEG", exif=exif)
    photo = files.add(file.getvalue())
    shown = files.thumbnail(photo.sha256, photo.format)
    with Image.open(io.BytesIO(shown)) as thumbnail:
        assert thumbnail.format == "JPEG"
        assert thumbnail.size == (THUMBNAIL_SIDE // 2, THUMBNAIL_SIDE)
        assert dict(thumbnail.getexif()) == {}
    files.working_copy(photo.sha256, photo.format).unlink()
    assert files.thumbnail(photo.sha256, photo.format) == shown  # the store keeps the thumbnail


def test_a_thumbnail_of_a_lost_photo_raises_a_store_error(files: PhotoFiles) -> None:
    photo = files.add(picture(1))
    assert photo.size_hw == SIZE_HW
    files.working_copy(photo.sha256, photo.format).unlink()
    files.original(photo.sha256).unlink()
    with pytest.raises(StoreError, match=f"photo {photo.sha256[:12]} is missing .* add the same photo again"):
        files.thumbnail(photo.sha256, photo.format)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_a_lost_or_empty_working_copy_is_made_again_from_the_original(
    files: PhotoFiles, file_format: str
) -> None:
    photo = files.add(picture(1, file_format))
    copy = files.working_copy(photo.sha256, photo.format)
    first = copy.read_bytes()
    copy.unlink()
    assert files.upright(photo.sha256, photo.format) == copy
    assert copy.read_bytes() == first
    copy.write_bytes(b"")
    assert files.upright(photo.sha256, photo.format).read_bytes() == first


def test_lost_and_empty_files_come_back_when_the_same_photo_is_added_again(files: PhotoFiles) -> None:
    photo = files.add(picture(1))
    paths = files.original(photo.sha256), files.working_copy(photo.sha256, photo.format)
    before = [path.read_bytes() for path in paths]
    paths[0].unlink()
    paths[1].write_bytes(b"")
    files.add(picture(1))
    assert [path.read_bytes() for path in paths] == before
