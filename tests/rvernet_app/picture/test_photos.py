"""Photos of all formats, and refusals."""

import hashlib
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from rvernet_app.errors import PhotoError, PhotoTooLargeError
from rvernet_app.picture.photos import FORMATS, PHOTO_SUFFIXES, LoadedPhoto, read_photo

# pytest replaces the filters that photos.py sets at import; test_pillows_warnings_are_not_shown tests them.
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

REPOSITORY = Path(__file__).resolve().parents[3]

RED, GREEN, BLUE, YELLOW, GREY, BROWN = (
    (230, 20, 30),
    (20, 200, 40),
    (30, 40, 210),
    (240, 220, 20),
    (120, 120, 120),
    (110, 60, 20),
)
# Flat blocks of 16 pixels: exact where a format is lossless, and off by a few levels at most where it is not.
UPRIGHT: NDArray[np.uint8] = np.repeat(
    np.repeat(np.array([[RED, GREEN, BLUE], [YELLOW, GREY, BROWN]], np.uint8), 16, axis=0), 16, axis=1
)  # (32, 48, 3)
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "GIF": {},
}
SAVING = {**LOSSLESS, "JPEG": {"quality": 98, "subsampling": 0}, "HEIF": {"quality": 95, "chroma": 444}}
SAVING["AVIF"] = {"quality": 98, "subsampling": "4:4:4"}
NEEDS_AVIF = pytest.mark.skipif("AVIF" not in FORMATS, reason="this Pillow reads no AVIF")
ROUNDING = 6


def encoded(picture: Image.Image | NDArray[Any], file_format: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **{**SAVING[file_format], **options})
    return buffer.getvalue()


def read(source: Path | bytes) -> LoadedPhoto:
    return read_photo(source, max_mb=1, max_megapixels=1)


def stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return the rows and columns that a camera stores for an EXIF orientation (CIPA DC-008, tag 274)."""
    turned = upright.transpose(1, 0, 2)
    return np.ascontiguousarray(
        {
            1: upright,  # row 0 is the top, column 0 the left side
            2: upright[:, ::-1],  # top, right
            3: upright[::-1, ::-1],  # bottom, right
            4: upright[::-1],  # bottom, left
            5: turned,  # left, top
            6: turned[::-1],  # right, top
            7: turned[::-1, ::-1],  # right, bottom
            8: turned[:, ::-1],  # left, bottom
        }[orientation]
    )


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return tags.tobytes()


def icc_profile(space: bytes, **tags: bytes) -> bytes:
    """Write an ICC display profile (ICC.1:2001-04) with these tags."""
    body, table = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    header = struct.pack(">I4xI4s4s4s12x4s28x", size, 0x02100000, b"mntr", space, b"XYZ ", b"acsp")
    header += struct.pack(">iii", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def icc_xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in values))


LINEAR = b"curv" + bytes(8)
WHITE = icc_xyz(0.9642, 1.0, 0.8249)


# --- formats and orientation


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_lossless_formats_are_exact(file_format: str) -> None:
    photo = read(encoded(UPRIGHT, file_format))

    np.testing.assert_array_equal(photo.pixels, UPRIGHT)
    assert photo.pixels.dtype == np.uint8
    assert photo.format == file_format


@pytest.mark.parametrize("file_format", ["JPEG", "HEIF", pytest.param("AVIF", marks=NEEDS_AVIF)])
def test_lossy_formats_are_close(file_format: str) -> None:
    photo = read(encoded(UPRIGHT, file_format))

    np.testing.assert_allclose(photo.pixels, UPRIGHT.astype(float), atol=ROUNDING)
    assert photo.format == file_format


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_turned_upright(file_format: str, orientation: int) -> None:
    photo = read(encoded(stored(UPRIGHT, orientation), file_format, exif=exif(orientation)))

    assert photo.pixels.shape == UPRIGHT.shape
    np.testing.assert_allclose(
        photo.pixels, UPRIGHT.astype(float), atol=0 if file_format in LOSSLESS else ROUNDING
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["HEIF", pytest.param("AVIF", marks=NEEDS_AVIF)])
def test_every_orientation_of_heic_and_avif_is_applied_once(file_format: str, orientation: int) -> None:
    # The encoder writes the turn as the format's own irot and imir, which the decoder applies or reports.
    photo = read(encoded(stored(UPRIGHT, orientation), file_format, exif=exif(orientation)))

    np.testing.assert_allclose(photo.pixels, UPRIGHT.astype(float), atol=ROUNDING)


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_an_orientation_that_does_not_exist_leaves_the_photo_as_stored(orientation: int) -> None:
    np.testing.assert_array_equal(read(encoded(UPRIGHT, "PNG", exif=exif(orientation))).pixels, UPRIGHT)


def test_damaged_exif_is_ignored() -> None:
    for damaged in (b"Exif\0\0garbage", b"Exif\0\0" + exif(6)[6:-9], b"Exif\0\0MM\0*\xff\xff\xff\xff"):
        assert read(encoded(UPRIGHT, "JPEG", exif=damaged)).pixels.shape == UPRIGHT.shape


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "TIFF"])
def test_the_first_of_several_pictures_is_taken(file_format: str) -> None:
    others = [Image.new("RGB", (48, 32), "white"), Image.new("RGB", (48, 32), "black")]
    photo = read(encoded(UPRIGHT, file_format, save_all=True, append_images=others))

    np.testing.assert_array_equal(photo.pixels, UPRIGHT)


def test_a_jpeg_with_several_pictures_as_written_by_phones() -> None:
    buffer = io.BytesIO()
    first, second = Image.fromarray(UPRIGHT), Image.new("RGB", (48, 32))
    first.save(buffer, "MPO", save_all=True, append_images=[second], quality=98, subsampling=0)

    photo = read(buffer.getvalue())

    np.testing.assert_allclose(photo.pixels, UPRIGHT.astype(float), atol=ROUNDING)
    assert photo.format == "MPO"


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 700), (700, 1)])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_very_thin_photos_are_read(file_format: str, size_wh: tuple[int, int]) -> None:
    assert read(encoded(Image.new("RGB", size_wh, RED), file_format)).pixels.shape == (*size_wh[::-1], 3)


# --- modes


def test_grey_levels_become_equal_channels() -> None:
    levels = np.array([[0, 100, 255]], np.uint8)
    np.testing.assert_array_equal(read(encoded(levels, "PNG")).pixels, [[[0] * 3, [100] * 3, [255] * 3]])


def test_one_bit_per_pixel_becomes_black_and_white() -> None:
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    np.testing.assert_array_equal(read(encoded(image, "TIFF")).pixels, [[[0] * 3, [255] * 3]])


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(file_format: str) -> None:
    levels = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    np.testing.assert_array_equal(read(encoded(levels, file_format)).pixels[0, :, 0], [0, 1, 128, 255])


def test_sixteen_bits_in_big_endian_order_are_scaled() -> None:
    levels = np.array([[0, 128 * 257, 65535]], ">u2")
    tags = [(256, 3), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    entries = b"".join(struct.pack(">HHIHxx", tag, 3, 1, value) for tag, value in tags)
    file = b"MM\0*" + struct.pack(">I", 14) + levels.tobytes() + struct.pack(">H", len(tags)) + entries

    np.testing.assert_array_equal(read(file + bytes(4)).pixels[0, :, 1], [0, 128, 255])


def test_a_sixteen_bit_colour_png_is_scaled() -> None:
    pixels = np.array([[[65535, 128 * 257, 0], [3 * 257, 200 * 257, 65535]]], ">u2")
    file = _png(width=2, height=1, bits=16, colour_type=2, rows=b"\0" + pixels.tobytes())

    np.testing.assert_array_equal(read(file).pixels, [[[255, 128, 0], [3, 200, 255]]])


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 254.6], [0, 100, 255]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([0.0, 5e8, 1e9], [0, 128, 255]),
        ([-3.0, np.nan, 1.0], [0, 0, 255]),
        ([-np.inf, np.inf, 0.0], [0, 0, 0]),
    ],
)
def test_float_tiff_takes_the_smallest_scale_that_holds_it(levels: list[float], expected: list[int]) -> None:
    photo = read(encoded(np.array([levels], np.float32), "TIFF"))
    np.testing.assert_array_equal(photo.pixels[0, :, 2], expected)


def test_thirty_two_bit_integers_are_scaled() -> None:
    for levels, expected in (
        ([0, 1, 255], [0, 1, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-5, 10**9, 2 * 10**9], [0, 128, 255]),
    ):
        photo = read(encoded(np.array([levels], np.int32), "TIFF"))
        np.testing.assert_array_equal(photo.pixels[0, :, 0], expected)


def test_alpha_is_flattened_on_white() -> None:
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [0, 0, 0, 102]]], np.uint8)
    expected = [[[200, 100, 0], [255, 255, 255], [153, 153, 153]]]

    for file_format, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"exact": True})):
        np.testing.assert_array_equal(read(encoded(rgba, file_format, **options)).pixels, expected)


def test_grey_with_alpha_is_flattened_on_white() -> None:
    image = Image.merge("LA", [Image.fromarray(np.array([c], np.uint8)) for c in ([60, 60], [255, 0])])
    np.testing.assert_array_equal(read(encoded(image, "PNG")).pixels, [[[60] * 3, [255] * 3]])


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_entry(file_format: str, transparency: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    image.putpalette([*RED, *GREEN])
    if file_format == "GIF" and isinstance(transparency, bytes):
        transparency = transparency.index(0)

    photo = read(encoded(image, file_format, transparency=transparency))

    np.testing.assert_array_equal(photo.pixels, [[RED, (255, 255, 255)]])


def test_a_key_colour_is_transparent() -> None:
    photo = read(encoded(np.array([[RED, GREEN]], np.uint8), "PNG", transparency=GREEN))
    np.testing.assert_array_equal(photo.pixels, [[RED, (255, 255, 255)]])


def test_a_cmyk_tiff_is_converted() -> None:
    ink = np.array([[[0, 255, 255, 0], [0, 0, 0, 255], [255, 0, 0, 0]]], np.uint8)
    photo = read(encoded(Image.fromarray(ink, "CMYK"), "TIFF"))
    np.testing.assert_array_equal(photo.pixels, [[[255, 0, 0], [0, 0, 0], [0, 255, 255]]])


def test_cmyk_jpeg_with_and_without_adobes_inversion() -> None:
    ink = Image.new("CMYK", (16, 16), (0, 200, 255, 0))
    red = np.full((16, 16, 3), (255, 55, 0))
    adobe = encoded(ink, "JPEG", quality=100)
    np.testing.assert_allclose(read(adobe).pixels, red, atol=ROUNDING)

    inverted = encoded(Image.new("CMYK", (16, 16), (255, 55, 0, 255)), "JPEG", quality=100)
    start = inverted.index(b"\xff\xee")
    length = struct.unpack(">H", inverted[start + 2 : start + 4])[0]
    plain = inverted[:start] + inverted[start + 2 + length :]
    assert b"Adobe" not in plain
    np.testing.assert_allclose(read(plain).pixels, red, atol=ROUNDING)


# --- colour profiles


def test_an_rgb_profile_is_converted_to_srgb() -> None:
    # sRGB with the red and blue primaries exchanged: converting exchanges the two channels.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmp0").replace(b"bXYZ", b"rXYZ").replace(b"tmp0", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    pixels = np.array([[(200, 10, 90), (0, 128, 255), (255, 255, 255)]], np.uint8)

    for file_format in ("PNG", "TIFF"):
        converted = read(encoded(pixels, file_format, icc_profile=swapped)).pixels
        np.testing.assert_allclose(converted, pixels[..., ::-1].astype(float), atol=1)
        kept = read(encoded(pixels, file_format, icc_profile=profile)).pixels
        np.testing.assert_array_equal(kept, pixels)


def test_a_linear_grey_profile_brightens() -> None:
    profile = icc_profile(b"GRAY", wtpt=WHITE, kTRC=LINEAR)
    photo = read(encoded(np.array([[0, 55, 255]], np.uint8), "PNG", icc_profile=profile))

    srgb = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels[0, :, 0], [0, srgb, 255], atol=1)


def test_an_rgb_profile_applies_to_a_grey_photo() -> None:
    primaries = {
        "rXYZ": (0.4361, 0.2225, 0.0139),
        "gXYZ": (0.3851, 0.7169, 0.0971),
        "bXYZ": (0.143, 0.0606, 0.7139),
    }
    tags = {name: icc_xyz(*values) for name, values in primaries.items()}
    profile = icc_profile(b"RGB ", wtpt=WHITE, rTRC=LINEAR, gTRC=LINEAR, bTRC=LINEAR, **tags)
    photo = read(encoded(np.array([[55]], np.uint8), "PNG", icc_profile=profile))

    srgb = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels[0, 0], [srgb] * 3, atol=1)


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", icc_profile(b"GRAY", wtpt=WHITE, kTRC=LINEAR), icc_profile(b"RGB ", wtpt=WHITE)],
)
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes) -> None:
    np.testing.assert_array_equal(read(encoded(UPRIGHT, "PNG", icc_profile=profile)).pixels, UPRIGHT)


# --- refusals


def test_the_limit_on_bytes_is_exact() -> None:
    data = encoded(UPRIGHT, "PNG")
    limit = len(data) / 1e6

    assert read_photo(data, max_mb=limit, max_megapixels=1).pixels.shape == UPRIGHT.shape
    with pytest.raises(PhotoTooLargeError, match="over the limit of"):
        read_photo(data, max_mb=limit - 1e-6, max_megapixels=1)


def test_the_limit_on_bytes_is_checked_before_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(10**13)

    with pytest.raises(PhotoTooLargeError, match=r"10000000\.0 MB, over the limit of 40 MB"):
        read_photo(path, max_mb=40, max_megapixels=100)


def test_the_limit_on_pixels_is_exact_and_says_the_size() -> None:
    data = encoded(UPRIGHT, "PNG")  # 32 x 48 = 1536 pixels

    assert read_photo(data, max_mb=1, max_megapixels=0.001536).pixels.shape == UPRIGHT.shape
    with pytest.raises(PhotoTooLargeError, match=r"48 x 32 pixels, over the limit of 0\.0015 megapixels"):
        read_photo(data, max_mb=1, max_megapixels=0.0015)


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_a_decompression_bomb_is_refused_before_decoding(side: int) -> None:
    bomb = _png(width=side, height=side, bits=1, colour_type=0, rows=b"")  # a header without pixels
    with pytest.raises(PhotoTooLargeError, match="pixels"):
        read_photo(bomb, max_mb=40, max_megapixels=100)


def test_bytes_and_path_are_the_same_photo(tmp_path: Path) -> None:
    data = encoded(UPRIGHT, "WEBP")
    path = tmp_path / "no suffix needed"
    path.write_bytes(data)

    from_path, from_bytes = read(path), read(data)

    np.testing.assert_array_equal(from_path.pixels, from_bytes.pixels)
    assert from_path.sha256 == from_bytes.sha256 == hashlib.sha256(data).hexdigest()


def test_pixels_belong_to_the_caller() -> None:
    pixels = read(encoded(UPRIGHT, "JPEG")).pixels
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"Cannot read .*absent\.jpg: No such file"):
        read(tmp_path / "absent.jpg")
    with pytest.raises(PhotoError, match="Cannot read"):
        read(tmp_path)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(PhotoError, match="This file is empty"):
        read(b"")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "is a PDF document"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>', "is an SVG drawing"),
        (b"\xef\xbb\xbf<svg width='1'/>", "is an SVG drawing"),
        (b"Rice, 200 g\nBeans, 150 g\n", "is text"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free", "is a video"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\0\x08wide", "is a video"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01webm", "is a video"),
        (b"RIFF\x24\0\0\0AVI LIST", "is a video"),
        (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0", "is an archive or an office document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an office document"),
        (b"8BPS\0\1\0\0", "is a Photoshop file"),
        (b"\0\0\1\0\1\0\x10\x10", "is an icon"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is a PostScript drawing"),
        (bytes(range(256)) * 4, "damaged or not a photo"),
        (b"\xff\xd8\xff", "damaged or not a photo"),
    ],
)
def test_the_error_names_the_kind_of_a_file_that_is_not_a_photo(data: bytes, sentence: str) -> None:
    with pytest.raises(PhotoError, match=f"{sentence}.*JPEG, PNG, WebP, HEIC") as caught:
        read(data)
    assert caught.value.__cause__ is not None


def tiff(*pictures: dict[int, int | bytes], parts: int = 0, big_endian: bool = False) -> bytes:
    """Write a TIFF file of grey pictures by their tags; the last `parts` are SubIFDs of the first."""
    order = ">" if big_endian else "<"
    body, offsets = b"", []
    start = 8
    for _ in pictures:
        offsets.append(start + len(body))
        body += bytes(2 + 12 * 14 + 4)  # room for a directory of up to 14 tags
    data = start + len(body)
    pages = len(pictures) - parts
    directories = b""
    for index, tags in enumerate(pictures):
        size = int(tags[256]) * int(tags[257])
        every: dict[int, int | bytes] = {258: 8, 259: 1, 262: 1, 273: data, 277: 1, 278: tags[257], 279: size}
        every |= tags
        if parts and index == 0:
            every[330] = offsets[pages]
        entries = b""
        for tag, value in sorted(every.items()):
            if isinstance(value, bytes):
                entries += struct.pack(f"{order}HHI4s", tag, 1, len(value), value)
            else:
                entries += struct.pack(f"{order}HHII", tag, 4, 1, value)
        following = offsets[index + 1] if index + 1 < len(pictures) and index + 1 != pages else 0
        directory = struct.pack(f"{order}H", len(every)) + entries + struct.pack(f"{order}I", following)
        directories += directory.ljust(2 + 12 * 14 + 4, b"\0")
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", start)
    largest = max(int(tags[256]) * int(tags[257]) for tags in pictures)
    return head + directories + bytes([200]) * largest


PREVIEW: dict[int, int | bytes] = {254: 1, 256: 4, 257: 3}
WHOLE: dict[int, int | bytes] = {254: 0, 256: 8, 257: 6}


@pytest.mark.parametrize(
    "data",
    [
        tiff({**PREVIEW, 50706: b"\1\4\0\0"}, {**WHOLE, 262: 32803}, parts=1),  # DNG
        tiff({**WHOLE, 254: 0, 50706: b"\1\4\0\0"}),  # a DNG of linear values
        tiff(PREVIEW, {**WHOLE, 262: 32803}, parts=1, big_endian=True),  # NEF, ARW
        tiff(WHOLE, {**PREVIEW, 262: 32803}),  # the values of the sensor in a page of their own
        tiff({**WHOLE, 262: 34892}),
        b"II*\0\x10\0\0\0CR\2\0" + bytes(40),
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"IIRO\x08\0\0\0",
        b"IIRS\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FUJIFILMCCD-RAW 0201",
        b"FOVb\0\0\2\0",
        b"\0MRM\0\0\0\0",
        b"II\x1a\0\0\0HEAPCCDR",
    ],
)
def test_camera_raw_files_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(PhotoError) as refused:
        read(data)
    assert str(refused.value) == "This file is a camera raw file; export it as JPEG and open that."


@pytest.mark.parametrize("parts", [0, 1])
def test_a_small_preview_is_never_taken_for_the_photo(parts: int) -> None:
    with pytest.raises(PhotoError, match="begins with a small preview; save its photo as JPEG"):
        read(tiff(PREVIEW, WHOLE, parts=parts))


@pytest.mark.parametrize(
    "data",
    [
        tiff(WHOLE, PREVIEW),  # the thumbnail follows, as programs for pictures write it
        tiff(WHOLE, PREVIEW, parts=1),  # a pyramid
        tiff(WHOLE, {**WHOLE, 256: 16}),  # pages of several sizes
        tiff(WHOLE, big_endian=True),
    ],
)
def test_a_tiff_file_whose_photo_comes_first_is_read(data: bytes) -> None:
    np.testing.assert_array_equal(read(data).pixels, np.full((6, 8, 3), 200))


def test_directories_of_a_tiff_file_that_name_each_other_end() -> None:
    data = bytearray(tiff(WHOLE))
    struct.pack_into("<I", data, 8 + 2 + 12 * 10, 8)  # the next directory is this one
    np.testing.assert_array_equal(read(bytes(data)).pixels, np.full((6, 8, 3), 200))


def _scans(data: bytes) -> list[int]:
    return [index for index in range(len(data) - 1) if data[index : index + 2] == b"\xff\xda"]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"quality": 30}])
@pytest.mark.parametrize("after", [b"", b"\xff", bytes(1000), b"ftypmp42 and a moving picture \xff\xe1"])
def test_a_jpeg_without_its_end_mark_is_read_if_all_pixels_are_there(
    options: dict[str, Any], after: bytes
) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (40, 56, 3), np.uint8)
    whole = encoded(noise, "JPEG", **options)
    assert whole.endswith(b"\xff\xd9")
    cut = whole[:-2] + after

    photo = read(cut)

    np.testing.assert_array_equal(photo.pixels, read(whole).pixels)
    assert photo.sha256 == hashlib.sha256(cut).hexdigest()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize(
    ("missing", "after"),
    # Not fewer before zeros, which are the code for "no more detail" in the last block of colour.
    [(8, b""), (40, b""), (40, b"\xff"), (300, b""), (300, bytes(5000))],
)
def test_a_jpeg_without_some_of_its_pixels_is_cut_off(
    options: dict[str, Any], after: bytes, missing: int
) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (40, 56, 3), np.uint8)
    cut = encoded(noise, "JPEG", **options)[:-missing]
    with pytest.raises(PhotoError, match="cut off, and a part of its photo is missing"):
        read(cut + after)


def test_a_progressive_jpeg_that_ends_between_two_scans_is_cut_off() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (40, 56, 3), np.uint8)
    whole = encoded(noise, "JPEG", progressive=True)
    for start in _scans(whole)[1:]:
        with pytest.raises(PhotoError, match="cut off"):
            read(whole[:start])


def test_other_formats_are_refused() -> None:
    for file_format in ("PPM", "TGA", "ICO", "EPS"):
        buffer = io.BytesIO()
        Image.fromarray(UPRIGHT).save(buffer, file_format)
        with pytest.raises(PhotoError):
            read(buffer.getvalue())


def test_a_picture_without_width_is_refused() -> None:
    with pytest.raises(PhotoError, match="damaged"):
        read(_png(width=0, height=4, bits=8, colour_type=0, rows=b""))


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_truncated_file_is_refused_wherever_it_ends(file_format: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(noise, file_format)

    for part in (0.05, 0.3, 0.6, 0.9):
        with pytest.raises(PhotoError):
            read(data[: int(part * len(data))])


@pytest.mark.parametrize("file_format", FORMATS)
def test_flipped_bytes_raise_nothing_but_photo_errors(file_format: str) -> None:
    data = np.frombuffer(encoded(UPRIGHT, file_format, exif=exif(6)), np.uint8)
    rng = np.random.default_rng(11)
    for _ in range(60):
        damaged = data.copy()
        places = rng.integers(0, min(400, len(data)), 3)
        damaged[places] = rng.integers(0, 256, 3)
        try:
            photo = read(damaged.tobytes())
        except PhotoError:
            continue
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.ndim == 3


def test_pillows_warnings_are_not_shown(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    palette.putpalette([*RED, *GREEN])
    bomb = _png(width=11_000, height=9_000, bits=1, colour_type=0, rows=b"")
    files = {
        "palette.png": encoded(palette, "PNG", transparency=b"\xff\x80"),
        "exif.jpg": encoded(UPRIGHT, "JPEG", exif=b"Exif\0\0" + exif(6)[6:-9]),
        "bomb.png": bomb,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    script = (
        "import sys; from pathlib import Path\n"
        "from rvernet_app.errors import PhotoError\n"
        "from rvernet_app.picture.photos import read_photo\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    try: print(path.name, read_photo(path, max_mb=40, max_megapixels=100).pixels.shape)\n"
        "    except PhotoError as error: print(path.name, type(error).__name__)\n"
    )
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", script, str(tmp_path)]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "bomb.png PhotoError",  # within the limits, and without a single row
        "exif.jpg (32, 48, 3)",
        "palette.png (1, 2, 3)",
    ]


def _png(*, width: int, height: int, bits: int, colour_type: int, rows: bytes) -> bytes:
    """Write a PNG file chunk by chunk; `rows` are its scan lines, each with a filter byte."""
    buffer = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    buffer.seek(0, io.SEEK_END)
    PngImagePlugin.putchunk(
        buffer, b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    )
    PngImagePlugin.putchunk(buffer, b"IDAT", zlib.compress(rows))
    PngImagePlugin.putchunk(buffer, b"IEND", b"")
    return buffer.getvalue()


def test_photo_suffixes_are_those_of_the_accepted_formats() -> None:
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".heic",
        ".heif",
        ".bmp",
        ".tif",
        ".tiff",
        ".gif",
    } <= PHOTO_SUFFIXES
    assert (".avif" in PHOTO_SUFFIXES) == ("AVIF" in FORMATS)
    assert not {".pdf", ".svg", ".dng", ".psd", ".txt", ""} & PHOTO_SUFFIXES
