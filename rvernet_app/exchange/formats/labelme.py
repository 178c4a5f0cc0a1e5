"""Read labelme's JSON files, also those of X-AnyLabeling: polygons, rectangles, circles and masks.

Shapes with the same label and the same group id are one food.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.outlines import Point, points, require_inside, rle_of_polygons
from rvernet_app.exchange.formats.values import whole_of
from rvernet_app.exchange.plan import NotTakenError, Plan, PlannedAnnotation, PlannedPhoto, StoredPhoto
from rvernet_app.exchange.source_folder import SourceFolder, leave_stray, note_unnamed
from rvernet_app.picture.masks import Rle, merged_rle, require_rle, to_rle
from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.reading import json_of, read_bytes
from rvernet_app.stray import Walk, walk

POLYGONS = ("polygon", "rotation", "quadrilateral", "oriented_rectangle")
"""Kinds of shapes whose points are corners. X-AnyLabeling's rotated boxes are of the kind "rotation", and its
rectangles have four corners since version 2.2.
"""
WITHOUT_AREA = ("point", "points", "line", "linestrip")
MAX_BYTES = 200 * 10**6
"""Size of one JSON file, which may hold its photo."""
TAKEN = "polygons, rectangles, circles and masks"


def read(source: Path, plan: Plan) -> None:
    """Read a source, see `plan.Read`.

    Args:
        source: a JSON file, or a folder that is searched for JSON files. A photo is the file that the JSON
            file names, or else the picture inside the JSON file.
    """
    if not source.exists():
        raise StoreError(f"{source} cannot be read: there is no such file or folder.")
    found = walk(source, (".json",)) if source.is_dir() else Walk((source,), ())
    if not found.files:
        raise StoreError(f"{source} has no JSON files, which labelme writes beside the photos.")
    root = source if source.is_dir() else source.parent
    folder = SourceFolder(root)
    leave_stray(plan, found, root)
    for path in plan.each(found.files):
        with plan.part(path.relative_to(root).as_posix()):
            plan.photos.append(_photo(path, folder, plan))
    if source.is_dir():
        note_unnamed(plan, folder, PHOTO_SUFFIXES)


def _photo(path: Path, folder: SourceFolder, plan: Plan) -> PlannedPhoto:
    described = _described(folder.inside(path))
    shapes = described.get("shapes")
    if not isinstance(shapes, list):
        raise NotTakenError("It is not a labelme file: it has no shapes.")
    name, source = _picture(described, path, folder)
    place = folder.folder_of(source if isinstance(source, Path) else path.resolve())
    photo = plan.keep(source)
    _require_size(described, photo)
    found: defaultdict[object, list[PlannedAnnotation]] = defaultdict(list)
    for number, shape in enumerate(plan.foods(shapes, name), 1):
        with plan.part(f"{name}, shape {number}"):
            one = PlannedAnnotation(*_shape(shape, photo.size_hw))
            group = shape.get("group_id")
            found[number if group is None else (one.label, str(group))].append(one)
    annotations = []
    for parts in found.values():
        with plan.part(f"{name}, {parts[0].label}"):
            rle = parts[0].rle if len(parts) == 1 else merged_rle([part.rle for part in parts])
            annotations.append(PlannedAnnotation(parts[0].label, rle))
    return PlannedPhoto(name, photo, tuple(annotations), folder=place)


def _described(path: Path) -> Mapping[str, Any]:
    try:
        described = json_of(read_bytes(path, MAX_BYTES))
    except ValueError as error:
        raise NotTakenError(f"It is damaged, or not a JSON file: {error}.") from error
    return described if isinstance(described, dict) else {}


def _picture(described: Mapping[str, Any], path: Path, folder: SourceFolder) -> tuple[str, Path | bytes]:
    """Return the name of the photo, and its file or the bytes inside the JSON file."""
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


def _require_size(described: Mapping[str, Any], photo: StoredPhoto) -> None:
    height, width = photo.size_hw
    named = described.get("imageWidth") or width, described.get("imageHeight") or height
    said = tuple(whole_of(side) or side for side in named)
    if said != (width, height):
        raise NotTakenError(
            f"The photo has {width} x {height} pixels, and {said[0]} x {said[1]} by the labelme file; "
            "its shapes are of another picture."
        )


def _shape(shape: object, size_hw: tuple[int, int]) -> tuple[str, Rle]:
    """Return the label and the mask of a shape."""
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise NotTakenError("It has no label.")
    kind = shape.get("shape_type") or "polygon"
    corners = points(shape.get("points"))
    require_inside(corners, size_hw)
    if kind in POLYGONS or (kind == "rectangle" and len(corners) == 4):
        return shape["label"], rle_of_polygons([corners], size_hw)
    if kind in WITHOUT_AREA:
        raise NotTakenError(f"A {kind} has no area; only {TAKEN} are taken.")
    if kind not in ("rectangle", "circle", "mask"):
        raise NotTakenError(f"Its kind {kind!r} is not known; only {TAKEN} are taken.")
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
    """Return the pixels whose centre is in the circle, which may extend beyond the photo as in labelme."""
    (x, y), (rim_x, rim_y) = centre, rim
    rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
    distance = (columns + np.float32(0.5 - x)) ** 2 + (rows + np.float32(0.5 - y)) ** 2  # (H, W)
    mask = distance <= (rim_x - x) ** 2 + (rim_y - y) ** 2
    return require_rle(to_rle(mask), size_hw)


def _drawn(data: object, first: Point, last: Point, size_hw: tuple[int, int]) -> Rle:
    """Return a mask that is drawn as a PNG picture of its box.

    Args:
        data: the picture in base64, black outside the mask.
        first, last: the top left and the bottom right pixel of the box, both included.
    """
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
    except NotTakenError:
        raise
    except Exception as error:  # on damaged files Pillow's decoders raise nearly every built-in error
        raise NotTakenError("The picture of its mask is damaged.") from error
    return require_rle(to_rle(mask), size_hw)


def _pixel(point: Point) -> tuple[int, int]:
    return int(point[0]), int(point[1])
