from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import training.data.photos
from rvernet_app.picture.photos import LoadedPhoto, read_photo
from training.data.photos import PhotoCache, files_in, fit_mask, mostly, open_photo
from training.data.regions import DataError

PHOTO = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
"""A photo that decodes to 3600 bytes."""


def encoded(pixels: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the names of decoded files in order."""
    names = []

    def counting(path: Path, **limits: float) -> LoadedPhoto:
        names.append(path.name)
        return read_photo(path, **limits)

    monkeypatch.setattr(training.data.photos, "read_photo", counting)
    return names


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Return the paths of three photos that decode to 3600 bytes each."""
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for i, path in enumerate(paths):
        path.write_bytes(encoded(PHOTO + np.uint8(i), "PNG"))
    return paths


def test_open_photo_returns_pixels_and_size(photos: list[Path]) -> None:
    photo = open_photo(photos[0])
    np.testing.assert_array_equal(photo.pixels, PHOTO)
    assert photo.size_hw == (30, 40)


def test_content_decides_the_format_instead_of_the_extension(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(PHOTO, "PNG"))
    np.testing.assert_array_equal(open_photo(path).pixels, PHOTO)


def test_open_photo_applies_the_exif_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.png"
    path.write_bytes(encoded(PHOTO, "PNG", exif=exif))
    photo = open_photo(path)
    np.testing.assert_array_equal(photo.pixels, np.rot90(PHOTO, -1))
    assert photo.size_hw == (40, 30)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a photo", encoded(PHOTO, "JPEG")[:-300], encoded(PHOTO, "PNG")[:-300], None],
    ids=["empty", "text", "half a JPEG", "half a PNG", "missing"],
)
def test_error_names_an_undecodable_photo(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg"):
        open_photo(path)
    with pytest.raises(DataError, match=r"a\.jpg"):
        PhotoCache(1, 100).open(path)


def test_cached_photo_is_decoded_once(photos: list[Path], decoded: list[Any]) -> None:
    kept = PhotoCache(1, max_side=100)
    first = kept.open(photos[0])
    assert kept.open(photos[0]) is first
    assert decoded == ["a.png"]


def test_cache_without_memory_keeps_no_photo(photos: list[Path], decoded: list[Any]) -> None:
    kept = PhotoCache(0, max_side=100)
    for _ in range(2):
        np.testing.assert_array_equal(kept.open(photos[0]).pixels, PHOTO)
    assert decoded == ["a.png", "a.png"]


def test_full_cache_drops_the_least_recently_used_photo(photos: list[Path], decoded: list[Any]) -> None:
    a, b, c = photos
    kept = PhotoCache(2 * 3600 / 1e6, max_side=100)
    for path in (a, b, a, c):  # b is the least recently used
        kept.open(path)
    decoded.clear()
    for path in (a, c, b):
        kept.open(path)
    assert decoded == ["b.png"]


def test_photo_larger_than_the_cache_is_not_kept_and_evicts_nothing(
    photos: list[Path], decoded: list[Any], tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(encoded(np.zeros((60, 60, 3), np.uint8), "PNG"))
    kept = PhotoCache(2 * 3600 / 1e6, max_side=100)
    for path in (photos[0], large, large, photos[0]):
        kept.open(path)
    assert decoded == ["a.png", "large.png", "large.png"]


def test_cached_and_uncached_photos_shrink_to_the_longest_side(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    squares = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], np.uint8)
    pixels = np.repeat(np.repeat(squares, 4, axis=0), 4, axis=1)  # (8, 16)
    path.write_bytes(encoded(np.stack([pixels] * 3, axis=2), "PNG"))
    for memory in (0, 1):
        photo = PhotoCache(memory, max_side=4).open(path)
        np.testing.assert_array_equal(photo.pixels, np.stack([squares] * 3, axis=2))
        assert photo.size_hw == (8, 16)


def test_cache_counts_the_bytes_of_reduced_photos(photos: list[Path], decoded: list[Any]) -> None:
    kept = PhotoCache(3 * 15 * 20 * 3 / 1e6, max_side=20)
    for path in photos * 2:
        assert kept.open(path).pixels.shape == (15, 20, 3)
    assert len(decoded) == 3


def test_thin_photo_keeps_one_pixel_of_width(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(np.zeros((1, 100, 3), np.uint8), "PNG"))
    assert PhotoCache(0, max_side=10).open(path).pixels.shape == (1, 10, 3)


def test_mask_of_the_photo_size_stays_unchanged() -> None:
    mask = np.eye(5, dtype=np.bool_)
    assert fit_mask(mask, (5, 5)) is mask


def test_reduced_mask_includes_half_covered_pixels() -> None:
    mask = np.zeros((4, 6), np.bool_)
    mask[:2, :2] = True  # covers all four pixels of one reduced pixel
    mask[0, 2:4] = True  # two
    mask[2, 4] = True  # one
    reduced = fit_mask(mask, (2, 3))
    assert reduced.dtype == np.bool_
    assert reduced.tolist() == [[True, True, False], [False, False, False]]


def test_reduced_mask_is_never_empty() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        mask = np.zeros(random.integers(20, 60, 2), np.bool_)
        y, x = random.integers(0, mask.shape)
        mask[y, x] = True
        height, width = random.integers(1, 12, 2)
        reduced = fit_mask(mask, (height, width))
        assert reduced.shape == (height, width)
        assert reduced.any()
        at = np.argwhere(reduced).mean(axis=0) + 0.5
        assert np.all(
            np.abs(at / reduced.shape - (np.array([y, x]) + 0.5) / mask.shape) < 1 / np.array(reduced.shape)
        )


def test_empty_mask_stays_empty() -> None:
    assert not fit_mask(np.zeros((8, 8), np.bool_), (2, 2)).any()


def test_reduced_mask_keeps_the_most_covered_pixels_if_none_is_half_covered() -> None:
    covered = np.array([[0.1, 0.4], [0.4, 0.0]], np.float32)
    assert mostly(covered).tolist() == [[False, True], [True, False]]
    assert mostly(covered + np.float32(0.1)).tolist() == [[False, True], [True, False]]
    assert not mostly(np.zeros((2, 2), np.float32)).any()


def test_missing_folder_lists_no_files(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert files_in(tmp_path) == {tmp_path / "a"}
    assert files_in(tmp_path / "none") == frozenset()
