"""Read photos: limits, decoding, orientation and colour."""

from __future__ import annotations

import ctypes
import hashlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError, _imaging, features

from rvernet_app.errors import PhotoError, PhotoTooLargeError
from rvernet_app.picture.decode_budget import DECODING
from rvernet_app.picture.file_kinds import begins_with_preview, is_camera_raw, kind_of
from rvernet_app.picture.jpeg_end import lacks_end, mended
from rvernet_app.picture.pixels import bytes_to_decode, piece_pixels, upright_rgb
from rvernet_app.reading import open_file
from rvernet_app.types import Photo

_READS_AVIF = "avif" in features.modules and features.check_module("avif")
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "BMP", "TIFF", "GIF", *(("AVIF",) if _READS_AVIF else ()))
"""Accepted formats by their Pillow names; Pillow's other decoders are never used. AVIF needs Pillow 11.3."""

_READABLE = f"JPEG, PNG, WebP, HEIC, {'AVIF, ' if _READS_AVIF else ''}BMP, TIFF or GIF"

_ENCODING = 3
"""Memory for encoding over that of the pixels: Pillow's picture, the encoder's buffer."""

pillow_heif.register_heif_opener()
PHOTO_SUFFIXES = frozenset(
    suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS
)
"""File name suffixes of FORMATS, lower case with a dot."""

# Pillow warns about unusual metadata, which does not help a person, and about large pictures, which the
# limits here refuse. The filter is set once at import: catching warnings per call is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


def _silence_libtiff() -> None:
    """Have libtiff write no errors, of which a single file can cause megabytes; Pillow raises what counts."""
    try:
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
    except (AttributeError, OSError):  # a Pillow that hides its libtiff, or has none
        return


_silence_libtiff()


@dataclass(frozen=True, eq=False)
class LoadedPhoto:
    """A photo and facts about its file.

    Attributes:
        pixels: uint8 (H, W, 3) sRGB, EXIF orientation applied, transparent parts white.
        sha256: hex digest of the file's bytes.
        format: one of FORMATS, or "MPO" for a JPEG file that holds several pictures.
    """

    pixels: Photo
    sha256: str
    format: str

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_photo(source: Path | bytes, *, max_mb: float, max_megapixels: float) -> LoadedPhoto:
    """Decode a file's first picture. Both limits are checked before decoding.

    Grey levels of 16 bits are scaled to 8. Deeper integers and floats are divided by the smallest of 1
    (floats only), 255, 65535 and their own maximum that brings them to at most 1. Colours are converted from
    an embedded ICC profile to sRGB. Damaged metadata (EXIF, ICC) is ignored; damaged pixels raise an error.
    A JPEG file may lack its end mark if it has all pixels.

    Args:
        source: path of a file, or its bytes.
        max_mb: largest accepted file, in megabytes (10^6 bytes).
        max_megapixels: largest accepted photo, in 10^6 pixels. Pillow's own limit of 179 applies as well.

    Raises:
        PhotoTooLargeError: the file or the photo exceeds a limit.
        BusyError: too many photos are being decoded at once.
        PhotoError: the file is missing, empty or damaged, its format is not one of FORMATS, or it begins with
            a small preview of its photo, as camera raw files do.
    """
    data = read_file(source, max_mb=max_mb) if isinstance(source, Path) else source
    _require_bytes_within(len(data), max_mb)
    _require_no_preview(data)
    image = _open(data, max_megapixels)
    file_format = image.format or ""
    with DECODING.taking(bytes_to_decode(image)):
        if lacks_end(data):
            image.close()
            image = _open(_with_end(data), max_megapixels)
        with image:
            try:
                image.load()
                pixels = upright_rgb(image, _orientation(image))
            except Exception as error:  # on damaged files Pillow's decoders raise nearly every built-in error
                raise PhotoError(
                    f"This {file_format} file is damaged or of an unusual kind; "
                    "copy it again from where it came from, or save it as JPEG and open that."
                ) from error
    return LoadedPhoto(pixels, hashlib.sha256(data).hexdigest(), file_format)


def read_pixels(path: Path) -> Photo:
    """Decode a file that this program wrote: uint8 (H, W, 3), as it is stored.

    Raises:
        BusyError: too many photos are being decoded at once.
        OSError: the file is missing or damaged.
    """
    with _opened_own(path) as image:
        image.load()
        return upright_rgb(image, 1)


def small_jpeg(path: Path, longest_side: int) -> bytes:
    """Return a file that this program wrote as a small JPEG file without metadata.

    Raises:
        As `read_pixels`.
    """
    encoded = io.BytesIO()
    with _opened_own(path) as image:
        image.thumbnail((longest_side, longest_side))
        image.convert("RGB").save(encoded, "JPEG", quality=80)
    return encoded.getvalue()


@contextmanager
def _opened_own(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image, DECODING.taking(bytes_to_decode(image)):
            yield image
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # so Pillow calls some damage
        raise OSError(f"{path} is damaged.") from error


def save_pixels(pixels: Photo, target: Path | io.BytesIO, file_format: str, **how: Any) -> None:
    """Encode a photo, uint8 (H, W, 3), as a file without metadata.

    Raises:
        BusyError: the server is busy with other photos.
        OSError: the file cannot be written.
    """
    with DECODING.taking(_ENCODING * pixels.nbytes):
        Image.fromarray(pixels).save(target, file_format, **how)


def _with_end(data: bytes) -> bytes:
    """Return a JPEG file without its end mark as one with it. Raises PhotoError if pixels are missing."""
    whole = mended(data)
    if whole is None:
        raise PhotoError(
            "This JPEG file is cut off, and a part of its photo is missing; copy it again from its source."
        )
    return whole


def _require_no_preview(data: bytes) -> None:
    if is_camera_raw(data):
        raise PhotoError("This file is a camera raw file; export it as JPEG and open that.")
    if begins_with_preview(data):
        raise PhotoError("This TIFF file begins with a small preview; save its photo as JPEG and open that.")


def read_file(path: Path, *, max_mb: float) -> bytes:
    """Read a file of at most `max_mb` megabytes (10^6 bytes); its size is checked before reading.

    Raises:
        PhotoTooLargeError: the file exceeds the limit.
        PhotoError: the file is missing, empty or not readable.
    """
    try:
        with open_file(path) as file:
            _require_bytes_within(os.fstat(file.fileno()).st_size, max_mb)
            data = file.read(int(max_mb * 1e6) + 1)
    except OSError as error:
        raise PhotoError(f"Cannot read {path}: {error.strerror or error}.") from error
    _require_bytes_within(len(data), max_mb)  # it may have grown since
    return data


def _require_bytes_within(count: int, max_mb: float) -> None:
    if count == 0:
        raise PhotoError("This file is empty; copy it again from where it came from.")
    if count > max_mb * 1e6:
        raise PhotoTooLargeError(
            f"This file has {count / 1e6:.1f} MB, over the limit of {max_mb:g} MB; "
            "save the photo smaller or at a lower quality and open that."
        )


def _open(data: bytes, max_megapixels: float) -> Image.Image:
    """Read the header and check the limit on pixels."""
    advice = "save a smaller copy and open that."
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise PhotoTooLargeError(f"This photo has too many pixels to be opened safely; {advice}") from error
    except UnidentifiedImageError as error:
        raise PhotoError(_not_a_photo(data)) from error
    except Exception as error:  # as in read_photo
        raise PhotoError("This file is damaged; copy it again from where it came from.") from error
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        image.close()
        raise PhotoTooLargeError(
            f"This photo has {width} x {height} pixels, over the limit of {max_megapixels:g} megapixels; "
            + advice
        )
    if piece_pixels(image) > max_megapixels * 1e6:
        image.close()
        raise PhotoTooLargeError("The tiles of this TIFF file are too large; save it as JPEG and open that.")
    return image


def _not_a_photo(data: bytes) -> str:
    """Describe bytes that no decoder accepts in one sentence: their likely kind, and what to do."""
    kind = kind_of(data)
    if kind is None:
        return f"This file is damaged or not a photo; open a {_READABLE} file."
    return f"This file is {kind}; open a photo in {_READABLE} format."


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 if the photo names no other.

    The decoders of HEIF and TIFF turn the pixels and then drop the tag. `ImageOps.exif_transpose` would copy
    upright pictures, and fails on any damaged tag because it rewrites the metadata.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF; the pixels can still be good
        return 1
    return orientation if isinstance(orientation, int) else 1
