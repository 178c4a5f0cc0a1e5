"""What a file is that must not or cannot be opened as a photo, told from its bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, TiffImagePlugin

_Tags = dict[int, Any]
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_READ = (
    ExifTags.Base.DNGVersion,
    ExifTags.Base.PhotometricInterpretation,
    ExifTags.Base.NewSubfileType,
    ExifTags.Base.ImageWidth,
    ExifTags.Base.ImageLength,
)
_MOST_DIRECTORIES = 64
"""Directories of a TIFF file that are looked at; a file may hold any number."""
_OF_SENSOR = (32803, 34892)
"""Values of PhotometricInterpretation for the values of a sensor: colour filter array, linear raw."""
_REDUCED = 1
"""Bit of NewSubfileType that marks a smaller version of another picture of the file."""

_RAW_MARKS = (
    (0, b"FUJIFILM"),  # RAF
    (0, b"IIRO"),  # ORF
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # RW2, RWL
    (0, b"FOVb"),  # X3F
    (0, b"\0MRM"),  # MRW
    (4, b"ftypcrx "),  # CR3
    (6, b"HEAPCCDR"),  # CRW
    (8, b"CR\2"),  # CR2 and IIQ are TIFF files otherwise
    (8, b"IIII"),
    (8, b"MMMM"),
)
"""Bytes at an offset that only camera raw files have; most others are TIFF files, see `is_camera_raw`."""

_KINDS = (
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript drawing"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"gimp xcf", "a GIMP file"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"v/1\1", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "an HDR picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypavis", "an AVIF picture"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (8, b"AVI LIST", "a video"),
    (0, b"PK\3\4", "an archive or an office document"),
    (0, b"\xd0\xcf\x11\xe0", "an office document"),
)
_HEIF_BRANDS = (b"hei", b"hev", b"mif", b"msf")


def is_camera_raw(data: bytes) -> bool:
    """Return whether a file holds the values of a camera's sensor, of which decoders show a small preview."""
    if any(data.startswith(mark, offset) for offset, mark in _RAW_MARKS):
        return True
    return any(
        ExifTags.Base.DNGVersion in tags or tags.get(ExifTags.Base.PhotometricInterpretation) in _OF_SENSOR
        for tags, _ in _tiff_directories(data)
    )


def begins_with_preview(data: bytes) -> bool:
    """Return whether the first picture of a TIFF file is a smaller version of another one."""
    directories = list(_tiff_directories(data))
    first = directories[0][0] if directories else {}
    reduced = bool(first.get(ExifTags.Base.NewSubfileType, 0) & _REDUCED)
    return any((reduced or is_part) and _pixels(tags) > _pixels(first) for tags, is_part in directories[1:])


def kind_of(data: bytes) -> str | None:
    """Return what bytes are that no decoder accepts, with its article, such as "a video"; None if unknown."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"<svg" in head:
        return "an SVG drawing"
    for offset, mark, kind in _KINDS:
        if (head if offset == 0 else data).startswith(mark, offset):
            return kind
    if data[4:8] == b"ftyp" and data[8:11] not in _HEIF_BRANDS:
        return "a video"
    return "text" if head.isascii() and b"\0" not in head else None


def _tiff_directories(data: bytes) -> Iterator[tuple[_Tags, bool]]:
    """Yield the tags of each picture of a TIFF file as far as they can be read, the first picture first.

    Yields:
        The tags, and whether the picture is a part of another one (SubIFDs) rather than a page.
    """
    if data[:4] not in _TIFF_STARTS:
        return
    length = 16 if 43 in data[2:4] else 8
    if len(data) < length:
        return
    header, stream = data[:length], io.BytesIO(data)
    ahead, seen = [(TiffImagePlugin.ImageFileDirectory_v2(header).next, False)], {0}
    while ahead and len(seen) <= _MOST_DIRECTORIES:
        offset, is_part = ahead.pop(0)
        if offset in seen:
            continue
        seen.add(offset)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        try:
            stream.seek(offset)
            tags.load(stream)
            parts = [(int(part), True) for part in tags.get(ExifTags.Base.SubIFDs, ())]
            found = {int(tag): tags.get(tag) for tag in _READ if tag in tags}
        except Exception:  # damaged; Pillow raises nearly every built-in error
            return
        yield found, is_part
        ahead += [(tags.next, is_part), *parts]


def _pixels(tags: _Tags) -> int:
    return int(tags.get(ExifTags.Base.ImageWidth, 0)) * int(tags.get(ExifTags.Base.ImageLength, 0))
