"""Parse COCO instance files into plain values, for the import and for the training.

Fields that this project adds to COCO are listed in `coco`. Values of a wrong type are read as missing, so
that each caller decides what it cannot do without.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycocotools import mask as coco

from rvernet_app.errors import PromptError, RvernetError
from rvernet_app.exchange.formats.outlines import Point, points, rle_of_polygons
from rvernet_app.picture.masks import Rle, require_rle

Row = Mapping[str, Any]


class CocoError(RvernetError):
    """A file cannot be read, or is not a COCO instance file."""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An entry of `images`. A field that the file lacks is None.

    Attributes:
        id: as text, because some programs write in one place as a number what they write as text in another.
        size_hw: height and width; None unless the file gives both as positive whole numbers.
        split: "train", "val" or "test".
        group: photos of one group, such as a meal, belong to one split.
        sha256: of the photo's original file.
        before: `sha256` of the photo of the meal, if this image shows its leftovers.
    """

    id: str | None
    file_name: str | None
    size_hw: tuple[int, int] | None
    split: str | None
    group: str | None
    sha256: str | None
    before: str | None


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
        pieces: unchecked masks of single pieces of the food, as `segmentation`.
        attributes: everything else that is known of the food.
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


def read_coco(path: Path) -> CocoFile:
    """Parse a COCO instance file.

    Raises:
        CocoError: the file cannot be read, is not JSON, or lacks a list of images, annotations or categories.
    """
    try:
        content = path.read_bytes()
        described = json.loads(content)
    except OSError as error:
        raise CocoError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise CocoError(f"{path} is damaged, or not a JSON file: {error}.") from error
    return CocoFile(
        images=tuple(map(_image, _rows(described, "images", path))),
        annotations=tuple(map(_annotation, _rows(described, "annotations", path))),
        categories=tuple(map(_category, _rows(described, "categories", path))),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def rle_of(segmentation: object, size_hw: tuple[int, int]) -> Rle:
    """Return a segmentation (polygons, uncompressed or compressed RLE) as a checked compressed RLE.

    Args:
        segmentation: as it stands in the file.
        size_hw: height and width of the photo.

    Raises:
        PromptError: it is none of these, is damaged, is of another size than the photo, or encloses no pixel.
    """
    if not isinstance(segmentation, dict):
        return rle_of_polygons(polygons_of(segmentation), size_hw)
    if isinstance(segmentation.get("counts"), list):
        return require_rle(_compressed(segmentation, size_hw), size_hw)
    return require_rle(segmentation, size_hw)


def polygons_of(segmentation: object) -> list[list[Point]]:
    """Return the polygons of a segmentation; points may lie outside the photo.

    Raises:
        PromptError: it is not a list of polygons.
    """
    if not isinstance(segmentation, list) or not segmentation:
        raise PromptError("It has no mask; a box alone is not enough.")
    if not all(isinstance(numbers, list) and len(numbers) % 2 == 0 for numbers in segmentation):
        raise PromptError("Its outline is not a list of x, y, x, y, ….")
    return [points(zip(numbers[::2], numbers[1::2], strict=True)) for numbers in segmentation]


def _compressed(segmentation: Row, size_hw: tuple[int, int]) -> Row:
    """Compress an uncompressed RLE. Checked first, because pycocotools trusts what it is given."""
    counts, pixels = segmentation["counts"], size_hw[0] * size_hw[1]
    if not all(type(count) is int and 0 <= count <= pixels for count in counts):
        raise PromptError("The runs of its mask are not numbers of pixels.")
    if segmentation.get("size") != list(size_hw) or sum(counts) != pixels:
        raise PromptError("Its mask is of another size than the photo.")
    packed = coco.frPyObjects({"size": list(size_hw), "counts": counts}, *size_hw)
    return {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}


def _rows(described: object, name: str, path: Path) -> list[Row]:
    found = described.get(name) if isinstance(described, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise CocoError(f"{path} is not a COCO instance file: it has no list of {name}.")
    return found


def _image(row: Row) -> CocoImage:
    height, width = (_whole(row, name) for name in ("height", "width"))
    return CocoImage(
        id=_key(row, "id"),
        file_name=_text(row, "file_name"),
        size_hw=(height, width) if height and width else None,
        split=_text(row, "split"),
        group=_key(row, "group"),
        sha256=_text(row, "sha256"),
        before=_text(row, "before"),
    )


def _category(row: Row) -> CocoCategory:
    synonyms = row.get("synonyms")
    return CocoCategory(
        id=_key(row, "id"),
        name=_text(row, "name"),
        supercategory=_text(row, "supercategory"),
        synonyms=tuple(s for s in synonyms if isinstance(s, str)) if isinstance(synonyms, list) else (),
        colour=_text(row, "colour"),
        food_code=_text(row, "food_code"),
    )


def _annotation(row: Row) -> CocoAnnotation:
    pieces, attributes = row.get("pieces"), row.get("attributes")
    return CocoAnnotation(
        id=_key(row, "id"),
        image_id=_key(row, "image_id"),
        category_id=_key(row, "category_id"),
        segmentation=row.get("segmentation"),
        bbox=_box(row),
        area=_number(row.get("area")),
        iscrowd=bool(row.get("iscrowd")),
        ignore=bool(row.get("ignore")),
        pieces=tuple(pieces) if isinstance(pieces, list) else (),
        attributes=attributes if isinstance(attributes, dict) else {},
    )


def _text(row: Row, name: str) -> str | None:
    found = row.get(name)
    return found if isinstance(found, str) else None


def _key(row: Row, name: str) -> str | None:
    found = row.get(name)
    return str(found) if isinstance(found, int | float | str) else None


def _number(found: object) -> float | None:
    return found if isinstance(found, int | float) else None


def _whole(row: Row, name: str) -> int | None:
    found = _number(row.get(name))
    return int(found) if found is not None and found > 0 and found % 1 == 0 else None


def _box(row: Row) -> tuple[float, float, float, float] | None:
    found = row.get("bbox")
    numbers = (
        [number for one in found if (number := _number(one)) is not None] if isinstance(found, list) else []
    )
    if len(numbers) != 4:
        return None
    left, top, width, height = numbers
    return left, top, width, height
