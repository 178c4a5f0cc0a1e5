"""What readers of foreign files share: files that stay inside their folder, and shapes that stay inside their photo."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image
from pycocotools import mask as coco

from rvernet_app.errors import StoreError
from rvernet_app.exchange.importing import NotTakenError
from rvernet_app.picture.masks import Rle, require_rle
from rvernet_app.picture.photos import FORMATS
from rvernet_app.store.queue import MAX_MEAL

ENDINGS = frozenset(ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS)
"""Of the names of files that may be photos, in lower case."""

OVERHANG = 1.0
"""Pixels by which a shape may reach over the photo's edge, as rounding makes them do."""

Point = tuple[float, float]


class Folder:
    """The folder that is imported; nothing outside it is ever read."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def inside(self, place: Path) -> Path:
        """The place, with links and ".." followed, if it is inside.

        Raises:
            NotTakenError: it lies outside the folder.
        """
        try:
            found = place.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # loops of links; a null character
            raise NotTakenError(f"{place.name!r} is no name of a file.") from error
        if not found.is_relative_to(self.root):
            raise NotTakenError(f"{place.name!r} lies outside the folder that is imported; copy it there.")
        return found

    def file(self, name: str, *places: Path) -> Path:
        """The file of this name in the first of several places, or else the only one of that name in the folder.

        Args:
            name: as the source has it, perhaps with folders in front, and perhaps from another system.

        Raises:
            NotTakenError: there is no such file, or it lies outside the folder.
        """
        posix = name.replace("\\", "/")
        refused = NotTakenError(f"The file {name!r} is missing.")
        for place in places:
            try:
                found = self.inside(place / posix)
            except NotTakenError as error:  # such as a whole path on another computer
                refused = error
                continue
            if found.is_file():
                return found
        same_name = self._by_name[PurePosixPath(posix).name]
        if len(same_name) == 1:
            return self.inside(same_name[0])
        raise refused

    @cached_property
    def _by_name(self) -> defaultdict[str, list[Path]]:
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.root.rglob("*"):
            if path.is_file():
                found[path.name].append(path)
        return found


def meal_of(group: object, sha256: object, groups: Mapping[str, int]) -> str | None:
    """The meal of a photo in an export of this program, which calls the group of a photo without a meal by its hash.

    Args:
        group, sha256: as the export says them, or as another program says something else.
        groups: how many photos say each group; a hash that several say keeps them together.
    """
    if not isinstance(group, str) or not 0 < len(group) <= MAX_MEAL:
        return None
    return None if group == sha256 and groups[group] == 1 else group


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        StoreError: it cannot be read, or is damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged, or no JSON file: {error}.") from error


def points(numbers: object, size_hw: tuple[int, int]) -> list[Point]:
    """x, y pairs of an untrusted source, inside the photo.

    Args:
        numbers: a list of pairs.

    Raises:
        NotTakenError: they are no points, or lie outside the photo.
    """
    try:
        found = [(float(x), float(y)) for x, y in numbers]  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError) as error:
        raise NotTakenError("Its points are not pairs of numbers.") from error
    height, width = size_hw
    for x, y in found:
        if not (math.isfinite(x) and math.isfinite(y)):
            raise NotTakenError("Its points are not pairs of numbers.")
        if not (-OVERHANG <= x <= width + OVERHANG and -OVERHANG <= y <= height + OVERHANG):
            raise NotTakenError(f"It lies outside the photo of {width} x {height} pixels, at {x:g}, {y:g}.")
    return found


def rle_of_polygons(polygons: Sequence[Sequence[Point]], size_hw: tuple[int, int]) -> Rle:
    """What polygons enclose together.

    Args:
        polygons: each at least three points that `points` has checked, on a grid where the first pixel is the square
            from (0, 0) to (1, 1).

    Raises:
        NotTakenError: a polygon has fewer points.
        PromptError: they enclose no pixel.
    """
    if not polygons or min(map(len, polygons)) < 3:
        raise NotTakenError("It is an outline of fewer than three points.")
    flat = [[v for point in polygon for v in point] for polygon in polygons]
    merged = coco.merge(coco.frPyObjects(flat, *size_hw))
    return require_rle(
        {"size": [int(v) for v in merged["size"]], "counts": merged["counts"].decode("ascii")}, size_hw
    )
