"""What decoding takes of memory, and pixels that are converted a strip at a time."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from rvernet_app.errors import PhotoError, PhotoTooLargeError
from rvernet_app.picture import pixels
from rvernet_app.picture.photos import read_photo
from rvernet_app.picture.pixels import FIXED_BYTES, bytes_to_decode, upright_rgb

RNG = np.random.default_rng(5)
COLOURS: NDArray[np.uint8] = RNG.integers(0, 256, (11, 7, 3), np.uint8)
GREY: NDArray[np.uint8] = COLOURS[:, :, 0]
EXPECTED_MODES = [
    ("RGB", COLOURS),
    ("L", np.repeat(GREY[:, :, None], 3, axis=2)),
    ("1", np.repeat(((GREY > 127) * np.uint8(255))[:, :, None], 3, axis=2)),
    ("I;16", np.repeat(GREY[:, :, None], 3, axis=2)),
    ("F", np.repeat(GREY[:, :, None], 3, axis=2)),
]


def picture(mode: str) -> Image.Image:
    if mode == "RGB":
        return Image.fromarray(COLOURS)
    if mode == "1":
        return Image.fromarray(GREY > 127)
    scale: dict[str, NDArray[Any]] = {"I;16": GREY.astype(np.uint16) * 257, "F": GREY.astype(np.float32)}
    return Image.fromarray(scale.get(mode, GREY))


def read(data: bytes) -> NDArray[np.uint8]:
    return read_photo(data, max_mb=1, max_megapixels=1).pixels


@pytest.mark.parametrize("strip", [1, 21, 70, 1000])
@pytest.mark.parametrize(("mode", "expected"), EXPECTED_MODES)
def test_strips_of_any_height_give_the_same_pixels(
    mode: str, expected: NDArray[np.uint8], strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "STRIP_PIXELS", strip)
    np.testing.assert_array_equal(upright_rgb(picture(mode), 1), expected)


def test_strips_of_a_turned_photo_come_to_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "STRIP_PIXELS", 21)
    expected = np.rot90(COLOURS, -1)  # orientation 6: turned clockwise
    np.testing.assert_array_equal(upright_rgb(picture("RGB"), 6), expected)


def test_the_header_says_how_much_memory_decoding_takes() -> None:
    def needed(mode: str, file_format: str, **how: Any) -> int:
        buffer = io.BytesIO()
        Image.new(mode, (100, 50)).save(buffer, file_format, **how)
        with Image.open(buffer) as image:
            return bytes_to_decode(image) - FIXED_BYTES

    assert needed("RGB", "PNG") == 5000 * (4 + 3)
    assert needed("P", "PNG") == 5000 * (1 + 3)
    assert needed("I;16", "PNG") == 5000 * (2 + 3)
    assert needed("RGB", "JPEG") == 5000 * (4 + 6)
    assert needed("CMYK", "JPEG", progressive=True) == 5000 * (4 + 8)
    assert needed("RGB", "WEBP") == 5000 * (4 + 12)
    assert needed("RGB", "TIFF", tiffinfo={ExifTags.Base.RowsPerStrip: 10}) == 5000 * (4 + 3)
    one_strip = {ExifTags.Base.RowsPerStrip: 50}
    assert needed("RGB", "TIFF", compression="tiff_deflate", tiffinfo=one_strip) == 5000 * (4 + 8)


def tiff(tags: dict[int, int]) -> bytes:
    """Write a TIFF file of one directory, whose tags are whole numbers."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def test_a_small_tiff_with_a_huge_tile_is_refused() -> None:
    packed = zlib.compress(bytes(3 * 2000 * 2000), 9)
    tags = {
        256: 16,
        257: 16,
        258: 8,
        259: 8,
        262: 2,
        277: 3,
        322: 2000,
        323: 2000,
        324: 134,
        325: len(packed),
    }
    with pytest.raises(PhotoTooLargeError, match="The tiles of this TIFF file are too large"):
        read(tiff(tags).ljust(134, b"\0") + packed)


def test_damaged_tiff_files_write_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    grey = {256: 16, 257: 16, 258: 8, 259: 5, 262: 1, 273: 8, 277: 1, 278: 16, 279: 100}
    many_tags = tiff({**grey, **{60000 + n: n for n in range(5000)}})
    for damaged in (tiff(grey), many_tags):
        with pytest.raises(PhotoError, match="damaged"):
            read(damaged)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_a_png_with_a_huge_packed_text_is_refused(kind: bytes) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOURS).save(buffer, "PNG")
    header, rest = buffer.getvalue()[:33], buffer.getvalue()[33:]
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    body = b"name\0" + (b"\1\0\0\0" if kind == b"iTXt" else b"\0") + packed
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    with pytest.raises(PhotoError, match="damaged"):
        read(header + chunk + rest)
