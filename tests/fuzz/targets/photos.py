"""Photo files of every format, decoded under the limits of the app."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from rvernet_app.config import AppConfig
from rvernet_app.picture.photos import FORMATS, read_photo
from tests.fuzz import mutate
from tests.fuzz.target import Target

SIZE = (24, 16)


class Photos(Target):
    """Decodes the bytes of a file."""

    name, weight = "photos", 34
    megabytes = 1600
    short = 200

    def seeds(self) -> Sequence[bytes]:
        """Return tiny photos of every format, mode and kind of metadata."""
        return _seeds()

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the seed with a few changes, among them other dimensions in a PNG with a sound checksum."""
        changed = super().mutated(rng, data)
        return mutate.with_sound_png_checksums(changed) if rng.random() < 0.7 else changed

    def run(self, data: bytes) -> str:
        """Decode the bytes."""
        limits = AppConfig()
        photo = read_photo(data, max_mb=limits.max_photo_mb, max_megapixels=limits.max_photo_megapixels)
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.shape[2] == 3
        return photo.format


@cache
def _seeds() -> tuple[bytes, ...]:
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    rgb = np.stack([rows * 9, columns * 7, rows + columns], axis=2).astype(np.uint8)
    photo = Image.fromarray(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = [_saved(photo, kind) for kind in FORMATS]
    made += [_saved(photo.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "I")]
    made += [_saved(photo.convert(mode), "TIFF") for mode in ("1", "L", "CMYK", "F", "I;16", "LAB", "P")]
    made += [_saved(photo, "TIFF", compression=c) for c in ("tiff_lzw", "jpeg", "packbits", "tiff_deflate")]
    made += [_saved(photo.convert(mode), "JPEG", exif=exif) for mode in ("L", "CMYK")]
    made += [
        _saved(photo, "JPEG", exif=exif, icc_profile=profile, progressive=True),
        _saved(photo, "PNG", exif=exif, icc_profile=profile),
        _saved(photo, "WEBP", lossless=True, exif=exif),
        _saved(photo, "GIF", save_all=True, append_images=[photo.rotate(90)]),
        _saved(photo, "MPO", save_all=True, append_images=[photo]),
        _saved(photo.resize((1, 400)), "PNG"),
        _saved(Image.new("L", (3000, 2000)), "PNG"),
    ]
    return tuple(made)


def _saved(photo: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    photo.save(file, kind, **options)
    return file.getvalue()
