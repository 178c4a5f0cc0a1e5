"""Find the COCO files of a data set: one, or one for each split as Roboflow and CVAT write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.exchange.formats.coco_file import CocoError
from rvernet_app.stray import is_stray

ANNOTATIONS_NAME = "annotations.json"
IMAGES_NAME = "images"
INSTANCES = "instances_"
"""Start of the names of COCO files with masks, in a folder with captions and key points."""
_SPLITS = re.compile("(?P<train>train)|(?P<val>val)|(?P<test>test)")


@dataclass(frozen=True)
class CocoPart:
    """A COCO file of a data set.

    Attributes:
        path: of the file.
        places: folders that its photos are looked for in, in this order.
        name: of the part; "" if the data set has only one.
        split: "train", "val" or "test", if the part's name says so.
    """

    path: Path
    places: tuple[Path, ...]
    name: str = ""
    split: str | None = None


@dataclass(frozen=True)
class CocoParts:
    """The COCO files of a data set.

    Attributes:
        root: the folder that holds them and the photos.
        unread: JSON files beside them of another kind.
    """

    root: Path
    parts: tuple[CocoPart, ...]
    unread: tuple[Path, ...] = ()


def coco_parts(source: Path) -> CocoParts:
    """Find the COCO files.

    Args:
        source: the COCO file or a folder. In a folder, the file is `annotations.json`, or the single JSON
            file in it or in its folder `annotations`; or there is an `instances_….json` for each split, or a
            folder for each split with a single JSON file.

    Raises:
        CocoError: none of these holds.
    """
    if not source.is_dir():
        root = source.parent.parent if source.parent.name == "annotations" else source.parent
        return CocoParts(root, (_part(source, root),))
    if (path := source / ANNOTATIONS_NAME).is_file():
        return CocoParts(source, (_part(path, source),))
    found = [*_json_in(source), *_json_in(source / "annotations")]
    if len(found) == 1:
        return CocoParts(source, (_part(found[0], source),))
    if instances := [path for path in found if path.name.startswith(INSTANCES)]:
        unread = tuple(path for path in found if path not in instances)
        return CocoParts(source, _named({_subset(path): path for path in instances}, source), unread)
    split = {folder.name: _json_in(folder) for folder in _folders_in(source)} if not found else {}
    of_split = {name: paths[0] for name, paths in split.items() if len(paths) == 1}
    if of_split and len(of_split) == sum(map(bool, split.values())):
        return CocoParts(source, _named(of_split, source))
    count = len(found) + sum(map(len, split.values()))
    if not count:
        raise CocoError(f"{source} has no COCO file: neither it nor a folder in it holds a JSON file.")
    raise CocoError(
        f"{source} has {count} JSON files and no {ANNOTATIONS_NAME}; name the file to import, or import the "
        "files one by one."
    )


def _json_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if not is_stray(path.name))


def _folders_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_stray(path.name))


def _subset(path: Path) -> str:
    return path.stem.removeprefix(INSTANCES)


def _named(paths: dict[str, Path], root: Path) -> tuple[CocoPart, ...]:
    if len(paths) == 1:
        return tuple(_part(path, root) for path in paths.values())
    return tuple(_part(path, root, name) for name, path in paths.items())


def _part(path: Path, root: Path, name: str = "") -> CocoPart:
    images, subset = root / IMAGES_NAME, _subset(path)
    # Photos of a split have a folder of their own; the same name may occur in each.
    own = (path.parent,) if path.parent.name == name else ()
    places = *own, images / subset, root / subset, images, root, path.parent
    split = _SPLITS.match(name.lower())
    return CocoPart(path, tuple(dict.fromkeys(places)), name, split.lastgroup if split else None)
