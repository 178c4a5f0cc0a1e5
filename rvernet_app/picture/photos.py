"""Read photos: limits, decoding, orientation and colour."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageChops, ImageCms, UnidentifiedImageError, features

from rvernet_app.errors import PhotoError, PhotoTooLargeError
from rvernet_app.picture.file_kinds import begins_with_preview, is_camera_raw, kind_of
from rvernet_app.picture.jpeg_end import lacks_end, mended
from rvernet_app.reading import read_bytes
from rvernet_app.types import Photo

_READS_AVIF = "avif" in features.modules and features.check_module("avif")
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "BMP", "TIFF", "GIF", *(("AVIF",) if _READS_AVIF else ()))
"""Accepted formats by their Pillow names; Pillow's other decoders are never used. AVIF needs Pillow 11.3."""

_READABLE = f"JPEG, PNG, WebP, HEIC, {'AVIF, ' if _READS_AVIF else ''}BMP, TIFF or GIF"

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> transposition that turns the stored picture upright."""

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of an ICC profile -> Pillow mode."""

pillow_heif.register_heif_opener()
PHOTO_SUFFIXES = frozenset(
    suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS
)
"""File name suffixes of FORMATS, lower case with a dot."""

# Pillow warns about unusual metadata, which does not help a person, and about large pictures, which the
# limits here refuse. The filter is set once at import: catching warnings per call is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")


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
        PhotoError: the file is missing, empty or damaged, its format is not one of FORMATS, or it begins with
            a small preview of its photo, as camera raw files do.
    """
    data = read_file(source, max_mb=max_mb) if isinstance(source, Path) else source
    _require_bytes_within(len(data), max_mb)
    _require_no_preview(data)
    image = _open(data, max_megapixels)
    file_format = image.format or ""
    if lacks_end(data):
        image.close()
        image = _open(_with_end(data), max_megapixels)
    with image:
        try:
            image.load()
            pixels = np.array(_rgb(_upright(image)))  # (H, W, 3)
        except Exception as error:  # on damaged files Pillow's decoders raise nearly every built-in error
            raise PhotoError(
                f"This {file_format} file is damaged or of an unusual kind; "
                "copy it again from where it came from, or save it as JPEG and open that."
            ) from error
    return LoadedPhoto(pixels, hashlib.sha256(data).hexdigest(), file_format)


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
        _require_bytes_within(path.stat().st_size, max_mb)
        return read_bytes(path, int(max_mb * 1e6))
    except OSError as error:
        raise PhotoError(f"Cannot read {path}: {error.strerror or error}.") from error


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
    return image


def _not_a_photo(data: bytes) -> str:
    """Describe bytes that no decoder accepts in one sentence: their likely kind, and what to do."""
    kind = kind_of(data)
    if kind is None:
        return f"This file is damaged or not a photo; open a {_READABLE} file."
    return f"This file is {kind}; open a photo in {_READABLE} format."


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation, unless the decoder did so (HEIF and TIFF, which then drop the tag).

    `ImageOps.exif_transpose` would copy upright pictures, and fails on any damaged tag because it rewrites
    the metadata.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF; the pixels can still be good
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode that Pillow decodes to "RGB" in sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = ImageChops.invert(
            image
        )  # Pillow inverts every CMYK JPEG, but only Adobe writes them inverted
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.has_transparency_data:
        image = _on_white(image)
    elif image.mode not in _PROFILE_MODES.values():
        image = image.convert("RGB")
    if profile:
        image = _srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale grey levels (H, W), uint16, int32 or float32, to uint8 (H, W); below 0 and NaN become 0."""
    if levels.dtype.kind == "u":
        top = 65535.0
    else:
        levels = np.nan_to_num(levels, posinf=0.0, neginf=0.0)
        highest = float(levels.max())
        scales = (1.0, 255.0, 65535.0) if levels.dtype.kind == "f" else (255.0, 65535.0)
        top = next((scale for scale in scales if highest <= scale), highest)
    return (np.clip(levels * np.float32(255.0 / top), 0, 255) + 0.5).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with an alpha channel or a transparent colour on white; returns mode "L" or "RGB"."""
    colour, with_alpha = ("L", "LA") if image.mode in ("LA", "La") else ("RGB", "RGBA")
    image = image.convert(with_alpha)
    flat = Image.new(colour, image.size, "white")
    flat.paste(image.convert(colour), mask=image.getchannel("A"))
    return flat


def _srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert "L", "RGB" or "CMYK" from an ICC profile to sRGB; a profile of another mode is ignored."""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        mode = _PROFILE_MODES.get(source.profile.xcolor_space.strip())
        if mode == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if image.mode != mode or ImageCms.getProfileDescription(source).startswith("sRGB"):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return image
    return image if converted is None else converted
