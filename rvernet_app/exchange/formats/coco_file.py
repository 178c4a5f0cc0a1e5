"""Parse COCO instance files into plain values, for the import and for the training.

Fields that this project adds to COCO are listed in `coco`. Values of a wrong type are read as missing, so
that each caller decides what it cannot do without.
"""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycocotools import mask as coco

from rvernet_app.errors import PromptError, RvernetError
from rvernet_app.exchange.formats.outlines import NOT_XY, rle_of_parts
from rvernet_app.exchange.formats.values import flag_of, key_of, number_of, whole_of
from rvernet_app.picture.masks import MAX_RUNS, TOO_RAGGED, Rle, require_rle
from rvernet_app.reading import MAX_PARSED, json_of, read_bytes

Row = Mapping[str, Any]
MAX_BYTES = 10**9
SHOWN = 60
"""Characters of an unusable value that are shown."""


class CocoError(RvernetError):
    """A file cannot be read, or is not a COCO instance file."""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An entry of `images`. A field that the file lacks is None.

    Attributes:
        id: as text, because some programs write in one place as a number what they write as text in another,
            and others as 1.0.
        size_hw: height and width; None unless the file gives both as positive whole numbers.
        split: "train", "val" or "test".
        group: photos of one group, such as a meal, belong to one split.
        sha256: of the photo's original file.
        before: `sha256` of the photo of the meal, if this image shows its leftovers.
        faults: field -> its value, where the value is of a wrong kind, such as a width of NaN.
    """

    id: str | None
    file_name: str | None
    size_hw: tuple[int, int] | None
    split: str | None
    group: str | None
    sha256: str | None
    before: str | None
    faults: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """An entry of `categories`. A field that the file lacks is None, or empty."""

    id: str | None
    name: str | None
    supercategory: str | None
    synonyms: tuple[str, ...]
    colour: str | None
    food_code: str | None


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """An entry of `annotations`. A field that the file lacks is None, or empty.

    Attributes:
        segmentation: unchecked; `rle_of` turns it into a mask.
        bbox: left, top, width and height in pixels.
        area: in pixels.
        iscrowd, ignore: True if the file sets the flag.
        pieces: unchecked masks of single pieces of the food.
        attributes: everything else that is known of the food.
        faults: field -> its value, where the value is of a wrong kind, such as an id that is true.
    """

    id: str | None
    image_id: str | None
    category_id: str | None
    segmentation: object
    bbox: tuple[float, float, float, float] | None
    area: float | None
    iscrowd: bool
    ignore: bool
    pieces: tuple[object, ...]
    attributes: Row
    faults: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class CocoFile:
    """A COCO instance file.

    Attributes:
        sha256: hex digest of the file.
    """

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: tuple[CocoCategory, ...]
    sha256: str


def read_coco(path: Path, most: int = MAX_PARSED) -> CocoFile:
    """Parse a COCO instance file.

    Args:
        most: bytes in memory that it may become.

    Raises:
        CocoError: the file cannot be read, is not JSON, holds too many values, or lacks a list of images,
            annotations or categories.
    """
    try:
        content = read_bytes(path, MAX_BYTES)
        described = json_of(content, most)
    except OSError as error:
        raise CocoError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise CocoError(f"{path} is damaged, or not a JSON file: {error}.") from error
    return CocoFile(
        images=tuple(map(_image, _rows(described, "images", path))),
        annotations=tuple(map(_annotation, _rows(described, "annotations", path))),
        categories=tuple(map(_category, _rows(described, "categories", path))),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def rle_of(segmentation: object, size_hw: tuple[int, int]) -> Rle:
    """Return a segmentation as one mask, cut off at the edges of the photo; see `rle_and_faults`."""
    return rle_and_faults(segmentation, size_hw, clip=True)[0]


def rle_and_faults(
    segmentation: object, size_hw: tuple[int, int], *, clip: bool = False
) -> tuple[Rle, Mapping[int, str]]:
    """Return a segmentation (polygons, uncompressed or compressed RLE) as a checked compressed RLE, and why
    some of its polygons are of no use, see `rle_of_parts`.

    Args:
        segmentation: as it stands in the file.
        size_hw: height and width of the photo.
        clip: see `rle_of_parts`.

    Raises:
        PromptError: it is none of these, is damaged, is of another size than the photo, or encloses no pixel.
    """
    if not isinstance(segmentation, dict):
        return rle_of_parts(_parts(segmentation), size_hw, clip=clip)
    if isinstance(segmentation.get("counts"), list):
        return require_rle(_compressed(segmentation, size_hw), size_hw), {}
    return require_rle(segmentation, size_hw), {}


def useless_parts(segmentation: object) -> list[int]:
    """Return the numbers, counted from 1, of the polygons that can enclose nothing, beside others that can.

    Nothing is rasterized, so this is for files with many annotations.
    """
    if not isinstance(segmentation, list) or len(segmentation) < 2:
        return []
    fit = [isinstance(part, list) and len(part) >= 6 and len(part) % 2 == 0 for part in segmentation]
    return [number for number, good in enumerate(fit, 1) if not good]


def _parts(segmentation: object) -> list[list[object]]:
    """Return the polygons of a segmentation, each an unchecked list."""
    if not isinstance(segmentation, list) or not segmentation:
        raise PromptError("It has no mask; a box alone is not enough.")
    if not any(isinstance(numbers, list) for numbers in segmentation):
        raise PromptError(NOT_XY)
    return [numbers if isinstance(numbers, list) else [numbers] for numbers in segmentation]


def _compressed(segmentation: Row, size_hw: tuple[int, int]) -> Row:
    """Compress an uncompressed RLE. Checked first, because pycocotools trusts what it is given."""
    pixels = size_hw[0] * size_hw[1]
    if len(segmentation["counts"]) > MAX_RUNS:
        raise PromptError(TOO_RAGGED.format(len(segmentation["counts"]), MAX_RUNS))
    counts = [-1 if isinstance(run, str) else whole_of(run) for run in segmentation["counts"]]
    runs = [run for run in counts if run is not None and 0 <= run <= pixels]
    if len(runs) < len(counts):
        raise PromptError("The runs of its mask are not numbers of pixels.")
    if segmentation.get("size") != list(size_hw) or sum(runs) != pixels:
        raise PromptError("Its mask is of another size than the photo.")
    packed = coco.frPyObjects({"size": list(size_hw), "counts": runs}, *size_hw)
    return {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}


def _rows(described: object, name: str, path: Path) -> list[Row]:
    found = described.get(name) if isinstance(described, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise CocoError(f"{path} is not a COCO instance file: it has no list of {name}.")
    return found


def _image(row: Row) -> CocoImage:
    height, width = (whole_of(row.get(name)) or 0 for name in ("height", "width"))
    return CocoImage(
        id=key_of(row.get("id")),
        file_name=_text(row, "file_name"),
        size_hw=(height, width) if min(height, width) > 0 else None,
        split=_text(row, "split"),
        group=key_of(row.get("group")),
        sha256=_text(row, "sha256"),
        before=_text(row, "before"),
        faults=_faults(row, id=key_of, width=_side, height=_side),
    )


def _category(row: Row) -> CocoCategory:
    synonyms = row.get("synonyms")
    return CocoCategory(
        id=key_of(row.get("id")),
        name=_text(row, "name"),
        supercategory=_text(row, "supercategory"),
        synonyms=tuple(s for s in synonyms if isinstance(s, str)) if isinstance(synonyms, list) else (),
        colour=_text(row, "colour"),
        food_code=_text(row, "food_code"),
    )


def _annotation(row: Row) -> CocoAnnotation:
    pieces, attributes = row.get("pieces"), row.get("attributes")
    return CocoAnnotation(
        id=key_of(row.get("id")),
        image_id=key_of(row.get("image_id")),
        category_id=key_of(row.get("category_id")),
        segmentation=row.get("segmentation"),
        bbox=_box(row),
        area=number_of(row.get("area")),
        iscrowd=flag_of(row.get("iscrowd")),
        ignore=flag_of(row.get("ignore")),
        pieces=tuple(pieces) if isinstance(pieces, list) else (),
        attributes=attributes if isinstance(attributes, dict) else {},
        faults=_faults(row, id=key_of, image_id=key_of, category_id=key_of),
    )


def _faults(row: Row, **readers: Callable[[object], object]) -> Mapping[str, str]:
    """Return the fields that the file gives, but not as a reader can read them."""
    given = {name: row[name] for name in readers if row.get(name) is not None}
    unread = {name: value for name, value in given.items() if readers[name](value) is None}
    return {name: reprlib.repr(value)[:SHOWN] for name, value in unread.items()}


def _side(value: object) -> int | None:
    """Return a height or width; 0 stands for a missing one."""
    side = whole_of(value)
    return None if side is None or side < 0 else side


def _text(row: Row, name: str) -> str | None:
    found = row.get(name)
    return found if isinstance(found, str) else None


def _box(row: Row) -> tuple[float, float, float, float] | None:
    numbers = row.get("bbox")
    found = [number_of(number) for number in numbers] if isinstance(numbers, list) else []
    if len(found) != 4 or None in found:
        return None
    left, top, width, height = (number for number in found if number is not None)
    return left, top, width, height
