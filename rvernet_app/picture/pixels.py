"""From a decoded picture to upright sRGB pixels, a strip at a time, and what decoding takes of memory."""

from __future__ import annotations

import io
import math
import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageChops, ImageCms

from rvernet_app.types import Photo

STRIP_PIXELS = 1 << 19
"""Pixels that are converted at a time: conversions need several copies of them."""
FIXED_BYTES = 16_000_000
"""What decoding takes besides the pixels: tables, the strip, small buffers."""
MAX_PROFILE_BYTES = 4_000_000
"""A larger ICC profile is ignored; those of printers have up to 3 MB."""

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of an ICC profile -> Pillow mode."""
_STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow's memory; all other modes have 4."""
_DECODER_BYTES = {"WEBP": 12, "HEIF": 6, "AVIF": 6}
"""Bytes of a pixel that a decoder takes beside Pillow's picture, as measured."""
_COEFFICIENT_BYTES = 2
_PIECE_BYTES = 8
"""Bytes of a pixel in a piece of a TIFF file: four samples of 16 bits."""

_Convert = Callable[[Image.Image], Image.Image]


def bytes_to_decode(image: Image.Image) -> int:
    """Return how much memory it takes to decode an opened picture and to convert it, by its header."""
    pixels = image.width * image.height
    decoder = pixels * _DECODER_BYTES.get(image.format or "", 0)
    if image.format in ("JPEG", "MPO"):  # libjpeg keeps all coefficients of a photo in several scans
        decoder = pixels * len(image.getbands()) * _COEFFICIENT_BYTES
    elif image.format == "TIFF":
        decoder = piece_pixels(image) * _PIECE_BYTES
    return pixels * _STORED_BYTES.get(image.mode, 4) + max(decoder, 3 * pixels) + FIXED_BYTES


def piece_pixels(image: Image.Image) -> int:
    """Return the size of the tile or strip of a TIFF file that is decoded at a time; 0 for other formats.

    A tile may be far larger than its picture.
    """
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return 0
    width, height = tags.get(ExifTags.Base.TileWidth), tags.get(ExifTags.Base.TileLength)
    if isinstance(width, int) and isinstance(height, int):
        return width * height
    rows = tags.get(ExifTags.Base.RowsPerStrip)
    return image.width * min(image.height, rows if isinstance(rows, int) else image.height)


def upright_rgb(image: Image.Image, orientation: int) -> Photo:
    """Return a decoded picture of any mode as upright sRGB, transparent parts white.

    Beside the picture and the result, only a strip is in memory.

    Args:
        orientation: EXIF orientation; other values than 2 to 8 leave the picture as it is stored.

    Returns:
        uint8 (H, W, 3).
    """
    width, height = image.size
    sideways = 5 <= orientation <= 8
    upright = _in_own_pages((width, height, 3) if sideways else (height, width, 3))
    stored = _as_stored(upright, orientation)  # (height, width, 3)
    convert = _converter(image)
    for top, bottom in _strips(image.size):
        stored[top:bottom] = np.asarray(convert(image.crop((0, top, width, bottom))))
    return upright


def _in_own_pages(shape: tuple[int, int, int]) -> Photo:
    """Return a new array, uint8 and black, whose memory goes back to the system as soon as it is unused.

    The allocator keeps freed memory (`model/malloc.py`), and photos of many sizes would leave holes in it.
    """
    return np.frombuffer(mmap.mmap(-1, math.prod(shape)), np.uint8).reshape(shape)


def _strips(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield top and bottom of the strips of a picture of this width and height."""
    width, height = size
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _as_stored(upright: Photo, orientation: int) -> Photo:
    """Return a view of an upright picture with rows and columns as a camera stores them (CIPA DC-008)."""
    turned = upright.transpose(1, 0, 2)
    views = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: turned,
        6: turned[::-1],
        7: turned[::-1, ::-1],
        8: turned[:, ::-1],
    }
    return views.get(orientation, upright)


def _converter(image: Image.Image) -> _Convert:
    """Return the function that converts a strip of a picture to mode "RGB" in sRGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        top = _top_level(image)
        return lambda strip: Image.fromarray(_eight_bits(np.asarray(strip), top)).convert("RGB")
    # Pillow inverts every CMYK JPEG, but only Adobe writes them inverted.
    inverted = image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info
    transparent = image.has_transparency_data
    to_srgb = _to_srgb(image.info.get("icc_profile"), _plain_mode(image))

    def convert(strip: Image.Image) -> Image.Image:
        if inverted:
            strip = ImageChops.invert(strip)
        if transparent:
            strip = _on_white(strip)
        elif strip.mode not in _PROFILE_MODES.values():
            strip = strip.convert("RGB")
        strip = to_srgb(strip)
        return strip if strip.mode == "RGB" else strip.convert("RGB")

    return convert


def _plain_mode(image: Image.Image) -> str:
    """Return the mode that a picture has once it lies on white."""
    if image.has_transparency_data:
        return "L" if image.mode in ("LA", "La") else "RGB"
    return image.mode if image.mode in _PROFILE_MODES.values() else "RGB"


def _top_level(image: Image.Image) -> float:
    """Return the level of white of a grey picture of more than 8 bits."""
    if image.mode not in ("I", "F"):
        return 65535.0
    highest = max(
        float(_finite(np.asarray(image.crop((0, top, image.width, bottom)))).max())
        for top, bottom in _strips(image.size)
    )
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    return next((scale for scale in scales if highest <= scale), highest)


def _eight_bits(levels: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Scale grey levels (H, W), uint16, int32 or float32, to uint8 (H, W); below 0 and NaN become 0."""
    return (np.clip(_finite(levels) * np.float32(255.0 / top), 0, 255) + 0.5).astype(np.uint8)


def _finite(levels: NDArray[Any]) -> NDArray[Any]:
    return levels if levels.dtype.kind == "u" else np.nan_to_num(levels, posinf=0.0, neginf=0.0)


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with an alpha channel or a transparent colour on white; returns mode "L" or "RGB"."""
    colour, with_alpha = ("L", "LA") if image.mode in ("LA", "La") else ("RGB", "RGBA")
    image = image.convert(with_alpha)
    flat = Image.new(colour, image.size, "white")
    flat.paste(image.convert(colour), mask=image.getchannel("A"))
    return flat


def _to_srgb(profile: bytes | None, mode: str) -> _Convert:
    """Return the conversion from an ICC profile to sRGB of pictures of a mode, "L", "RGB" or "CMYK".

    A profile that is damaged, too large, of another mode or sRGB changes nothing.
    """
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return _unchanged
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        of_profile = _PROFILE_MODES.get(source.profile.xcolor_space.strip())
        taken = "RGB" if of_profile == "RGB" and mode == "L" else mode
        if taken != of_profile or ImageCms.getProfileDescription(source).startswith("sRGB"):
            return _unchanged
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), taken, "RGB")
    except (OSError, ImageCms.PyCMSError):
        return _unchanged

    def convert(strip: Image.Image) -> Image.Image:
        return ImageCms.applyTransform(strip if strip.mode == taken else strip.convert(taken), transform)  # type: ignore[return-value]

    return convert


def _unchanged(strip: Image.Image) -> Image.Image:
    return strip
