"""Reads labelme's JSON files: polygons, rectangles, circles and masks; shapes of one label and group are one food."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from rvernet_app.errors import StoreError
from rvernet_app.exchange.importing import KeptPhoto, NotTakenError, Plan, PlannedFood, PlannedPhoto
from rvernet_app.exchange.reading import Folder, Point, points, read_json, rle_of_polygons
from rvernet_app.picture.masks import Rle, from_rle, require_rle, to_rle
from rvernet_app.types import Mask


def read(source: Path, plan: Plan) -> None:
    """As `importing.Read`.

    Args:
        source: a JSON file, or a folder with JSON files in it or in its folders. Photos are the files they name, or
            else the pictures inside them.
    """
    if not source.exists():
        raise StoreError(f"{source} cannot be read: there is no such file or folder.")
    paths = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    if not paths:
        raise StoreError(f"{source} has no JSON files, which labelme writes beside the photos.")
    root = source if source.is_dir() else source.parent
    folder = Folder(root)
    for path in plan.each(paths):
        with plan.part(str(path.relative_to(root))):
            plan.photos.append(_photo(path, folder, plan))


def _photo(path: Path, folder: Folder, plan: Plan) -> PlannedPhoto:
    try:
        described = read_json(folder.inside(path))
    except StoreError as error:
        raise NotTakenError(str(error)) from error
    shapes = described.get("shapes") if isinstance(described, dict) else None
    if not isinstance(shapes, list):
        raise NotTakenError("It is no file of labelme: it has no shapes.")
    name, source = _picture(described, path, folder)
    photo = plan.keep(source)
    _require_size(described, photo)
    foods: dict[object, tuple[str, Mask]] = {}
    for number, shape in enumerate(shapes, 1):
        with plan.part(f"{name}, shape {number}"):
            food = PlannedFood(*_shape(shape, photo.size_hw))
            group = shape.get("group_id")
            key = (food.label, str(group)) if group is not None else number
            mask = from_rle(food.rle, photo.size_hw)
            foods[key] = food.label, mask | foods[key][1] if key in foods else mask
    return PlannedPhoto(
        name, photo, tuple(PlannedFood(label, to_rle(mask)) for label, mask in foods.values())
    )


def _picture(described: Mapping[str, Any], path: Path, folder: Folder) -> tuple[str, Path | bytes]:
    """Name and file of the photo, or the bytes inside the JSON file."""
    named, data = described.get("imagePath"), described.get("imageData")
    named = named if isinstance(named, str) and named else path.with_suffix("").name
    name = PurePosixPath(named.replace("\\", "/")).name
    try:
        return name, folder.file(named, path.parent)
    except NotTakenError:
        if not isinstance(data, str):
            raise
    try:
        return name, base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotTakenError("The picture inside it is damaged.") from error


def _require_size(described: Mapping[str, Any], photo: KeptPhoto) -> None:
    height, width = photo.size_hw
    said = described.get("imageWidth") or width, described.get("imageHeight") or height
    if said != (width, height):
        raise NotTakenError(
            f"The photo has {width} x {height} pixels, and {said[0]} x {said[1]} by the labelme file; "
            "its shapes are of another picture."
        )


def _shape(shape: object, size_hw: tuple[int, int]) -> tuple[str, Rle]:
    """Label and mask of a shape."""
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise NotTakenError("It has no label.")
    kind = shape.get("shape_type") or "polygon"
    corners = points(shape.get("points"), size_hw)
    if kind == "polygon":
        return shape["label"], rle_of_polygons([corners], size_hw)
    if kind not in ("rectangle", "circle", "mask"):
        raise NotTakenError(f"A {kind} has no area; only polygons, rectangles, circles and masks are taken.")
    if len(corners) != 2:
        raise NotTakenError(f"A {kind} has two points, this one {len(corners)}.")
    if kind == "mask":
        return shape["label"], _drawn(shape.get("mask"), corners[0], corners[1], size_hw)
    made = _rectangle if kind == "rectangle" else _circle
    return shape["label"], made(corners[0], corners[1], size_hw)


def _rectangle(one: Point, other: Point, size_hw: tuple[int, int]) -> Rle:
    (x0, y0), (x1, y1) = one, other
    return rle_of_polygons([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]], size_hw)


def _circle(centre: Point, rim: Point, size_hw: tuple[int, int]) -> Rle:
    """Pixels whose middle is in the circle; the part outside the photo is cut off, as labelme lets it be drawn."""
    (x, y), (rim_x, rim_y) = centre, rim
    rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
    distance = (columns + np.float32(0.5 - x)) ** 2 + (rows + np.float32(0.5 - y)) ** 2  # (H, W)
    mask = distance <= (rim_x - x) ** 2 + (rim_y - y) ** 2
    return require_rle(to_rle(mask), size_hw)


def _drawn(data: object, first: Point, last: Point, size_hw: tuple[int, int]) -> Rle:
    """A mask that is a PNG picture of the box from its first to its last pixel, black where it is not."""
    (x0, y0), (x1, y1) = _pixel(first), _pixel(last)
    height, width = size_hw
    if not (0 <= x0 <= x1 < width and 0 <= y0 <= y1 < height):
        raise NotTakenError("The box of its mask lies outside the photo.")
    mask = np.zeros(size_hw, np.bool_)
    try:
        file = io.BytesIO(base64.b64decode(str(data), validate=True))
        with Image.open(file, formats=("PNG",)) as picture:
            if picture.size != (x1 - x0 + 1, y1 - y0 + 1) or picture.mode not in ("1", "L"):
                raise NotTakenError("The picture of its mask does not fit its box.")
            mask[y0 : y1 + 1, x0 : x1 + 1] = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NotTakenError("The picture of its mask is damaged.") from error
    return require_rle(to_rle(mask), size_hw)


def _pixel(point: Point) -> tuple[int, int]:
    return int(point[0]), int(point[1])
