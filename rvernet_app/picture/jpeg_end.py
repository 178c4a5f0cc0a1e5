"""JPEG files without their end mark: with all pixels there they are mended, otherwise they are cut off.

The standard asks for the two bytes at the end (EOI, ITU-T T.81 B.1.1.3). Some programs leave them out, and
browsers show such photos. Pillow refuses them, and it takes other bytes that follow for missing pixels.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator

from PIL import Image

END = b"\xff\xd9"
_START = b"\xff\xd8"
_FILLINGS = (b"", b"\x55" * 64, b"\xaa" * 64)
"""Bytes after the last scan: a decoder skips them if it has all pixels, and takes them for pixels if not."""
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN = 0xDA
_PROGRESSIVE = (0xC2, 0xCA)
_COEFFICIENTS = 64
_DIGESTED_ROWS = 64


def lacks_end(data: bytes) -> bool:
    """Return whether a JPEG file lacks its end mark; bytes of another kind may follow its scans."""
    return data.startswith(_START) and _scans_end(data) is not None


def mended(data: bytes) -> bytes | None:
    """Return a JPEG file that lacks its end mark with it; None if pixels are missing too."""
    end = _scans_end(data)
    if end is None:
        return None
    scans = data[:end].rstrip(b"\xff")
    if scans.endswith(b"\0"):
        scans = scans.rstrip(b"\0") + b"\0"  # a broken download may have zeros in place of pixels
    try:
        decoded = {_digest(scans + filling + END) for filling in _FILLINGS}
        return scans + END if len(decoded) == 1 and _is_refined(data) else None
    except Exception:  # on damaged files Pillow's decoders raise nearly every built-in error
        return None


def _digest(data: bytes) -> bytes:
    digest = hashlib.sha256()
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        for top in range(0, image.height, _DIGESTED_ROWS):  # all at once would be several copies of the photo
            strip = (0, top, image.width, min(top + _DIGESTED_ROWS, image.height))
            digest.update(image.crop(strip).tobytes())
    return digest.digest()


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and end of each segment up to the end mark; a scan ends where its pixels do."""
    at = len(_START)
    while data[at : at + 1] == b"\xff" and at + 2 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a byte that only fills
            at += 1
            continue
        if marker == END[1]:
            yield marker, b"", at + len(END)
            return
        end = at + 2 + length
        if length < 2 or end > len(data) or marker < 0xC0 or marker == _START[1]:
            return
        content = data[at + 4 : end]
        if marker == _START_OF_SCAN:
            found = _NEXT_MARKER.search(data, end)
            end = len(data) if found is None else found.start()
        yield marker, content, end
        at = end


def _scans_end(data: bytes) -> int | None:
    """Return where the last scan ends; None if there is no scan or the end mark follows."""
    end = None
    for marker, _, after in _segments(data):
        if marker == END[1]:
            return None
        if marker == _START_OF_SCAN:
            end = after
    return end


def _is_refined(data: bytes) -> bool:
    """Return whether the scans of a progressive file give every coefficient to its last bit.

    A file that ends between two scans has all of its pixels, but they are blurred.
    """
    bits_left: dict[int, list[int]] = {}  # of each coefficient, by component
    for marker, content, _ in _segments(data):
        if marker in _PROGRESSIVE:
            bits_left = {component: [8] * _COEFFICIENTS for component in content[6::3]}
        elif marker == _START_OF_SCAN and bits_left:
            count = content[0]
            first, last, precision = content[1 + 2 * count : 4 + 2 * count]
            for component in content[1 : 1 + 2 * count : 2]:
                bits_left[component][first : last + 1] = [precision & 15] * (last + 1 - first)
    return not any(bits for of_component in bits_left.values() for bits in of_component)
