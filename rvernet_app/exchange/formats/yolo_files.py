"""Find the photos and the class names of a YOLO data set, as different programs write them.

ultralytics has `data.yaml`, whose splits are folders, lists of photos, or several of these. Label Studio has
no `data.yaml`: it writes `classes.txt`, `notes.json`, `images` and `labels`. CVAT's older export has
`obj.names` and a list `train.txt`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.values import whole_of
from rvernet_app.exchange.plan import NotTakenError, Plan
from rvernet_app.exchange.source_folder import SourceFolder, leave_stray
from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.reading import json_of, lines_of, read_bytes, read_text
from rvernet_app.store.consensus import SPLITS
from rvernet_app.stray import is_stray, walk

DATA_NAME = "data.yaml"
CLASSES_NAMES = ("classes.txt", "obj.names")
NOTES_NAME = "notes.json"
MAX_DATA = 10**6
"""Bytes of the file that describes a data set."""
MAX_DEPTH = 8
"""Levels of lists and mappings in it."""
NOTHING: tuple[object, ...] = (None, [], "", "~", "null", "Null", "NULL")
"""Ways to write in YAML that there is no value."""
LISTS = tuple(f"{split}.txt" for split in SPLITS)
SPLIT_KEYS = (*SPLITS, "valid", "validation", "minival")


@dataclass(frozen=True)
class YoloFiles:
    """A YOLO data set.

    Attributes:
        folder: that is imported.
        described_in: name of the file with the class names.
        names: number -> class name.
        photos: resolved paths of the photos, each once.
    """

    folder: SourceFolder
    described_in: str
    names: Mapping[int, str]
    photos: tuple[Path, ...]


def find_files(source: Path, plan: Plan) -> YoloFiles:
    """Find the photos and the class names.

    Args:
        source: the YAML file, or the folder of the data set.

    Raises:
        StoreError: there is no file with class names, it is damaged, or the data set has key points.
    """
    path = _data_file(source) if source.is_dir() else source
    folder = SourceFolder(path.parent)
    if path.name in CLASSES_NAMES or path.name == NOTES_NAME:
        names = _names_without_data(path.parent)
        places = [folder.root / name for name in LISTS if (folder.root / name).is_file()]
        if not places:
            places = [place if (place := folder.root / "images").is_dir() else folder.root]
    else:
        described = _described(path)
        names = _names(described, path)
        places = list(_places(described, folder, plan, path.name))
        if all(described.get(key) in NOTHING for key in SPLIT_KEYS):
            plan.leave(path.name, f"It names no photos; expected {', '.join(SPLITS[:-1])} or {SPLITS[-1]}.")
    photos = dict.fromkeys(photo for place in places for photo in _photos_at(place, folder, plan))
    return YoloFiles(folder, path.name, names, tuple(photos))


def _data_file(folder: Path) -> Path:
    """Return the file that names the classes."""
    if (path := folder / DATA_NAME).is_file():
        return path
    found = [
        path
        for ending in ("*.yaml", "*.yml")
        for path in sorted(folder.glob(ending))
        if not is_stray(path.name)
    ]
    if len(found) == 1:
        return found[0]
    for name in (*CLASSES_NAMES, NOTES_NAME):
        if (folder / name).is_file():
            return folder / name
    return folder / DATA_NAME


def _described(path: Path) -> Mapping[str, Any]:
    try:
        described = yaml_of(read_text(path, MAX_DATA))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged, or not a YAML file: {' '.join(str(error).split())}.") from error
    if not isinstance(described, dict):
        raise StoreError(f"{path} does not describe a YOLO data set.")
    if "kpt_shape" in described:
        raise StoreError(f"{path} describes key points, not outlines.")
    return described


def yaml_of(text: str) -> object:
    """Parse YAML into lists, mappings and texts; numbers, dates and words such as "no" stay texts.

    A data set is described without anchors, with which a few bytes can name gigabytes, and without deep
    levels, which crash the parser.

    Raises:
        ValueError: it is not YAML, or has anchors or deep levels.
    """
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # in C where PyYAML was built with it
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise ValueError("it has anchors, which no data set needs")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ValueError("it is nested too deeply")
        return yaml.load(text, loader)  # nosec B506  # it makes texts, lists and mappings only
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _names(described: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = described.get("names")
    try:
        numbered = enumerate(names) if isinstance(names, list) else dict(names or {}).items()
        found = {_number(number): _name(name) for number, name in numbered}
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path} does not give the names of the classes by number.") from error
    if not found:
        raise StoreError(f"{path} does not give the names of the classes.")
    return found


def _number(number: object) -> int:
    if (whole := whole_of(number)) is None:
        raise ValueError(f"{number!r} is not a number of a class")
    return whole


def _name(name: object) -> str:
    if not isinstance(name, str) or name in NOTHING:
        raise ValueError("not a name")
    return name


def _names_without_data(folder: Path) -> dict[int, str]:
    """Return the names of `classes.txt` or `obj.names`, a line for each class, or of `notes.json`."""
    listed = noted = None
    for path in (folder / name for name in CLASSES_NAMES):
        if listed is None and path.is_file():
            lines = [line.strip() for line in _lines_of(path)]
            listed = {number: name for number, name in enumerate(lines) if name}
    if (path := folder / NOTES_NAME).is_file():
        try:
            rows = json_of(read_bytes(path, MAX_DATA))["categories"]
            noted = {_number(row["id"]): _name(row["name"]) for row in rows}
        except (OSError, LookupError, TypeError, ValueError) as error:
            raise StoreError(f"{path} does not give the names of the classes by number.") from error
    if listed and noted and any(noted.get(number, name) != name for number, name in listed.items()):
        raise StoreError(
            f"{folder} has other class names in {NOTES_NAME} than in {CLASSES_NAMES[0]}; remove one."
        )
    found = listed or noted
    if not found:
        raise StoreError(f"{folder} does not give the names of the classes.")
    return found


def _places(described: Mapping[str, Any], folder: SourceFolder, plan: Plan, named: str) -> Iterator[Path]:
    """Yield the folders of photos, and the lists of photos, that exist inside the source folder."""
    path = described.get("path")
    base = folder.root / path if isinstance(path, str) else folder.root
    for key in SPLIT_KEYS:
        entries = described.get(key)
        if entries in NOTHING:
            continue
        for entry in entries if isinstance(entries, list) else [entries]:
            with plan.part(f"{named}, {key}"):
                yield _place(entry, base, folder)


def _place(entry: object, base: Path, folder: SourceFolder) -> Path:
    """Find a folder of photos, or a list of photos.

    `path` is often a folder of another computer, and some tools write "../" too often, so try without these
    as well.
    """
    if not isinstance(entry, str):
        raise NotTakenError("It is not the name of a folder.")
    tried = [base / entry, folder.root / entry, folder.root / entry.removeprefix("../")]
    kind = "list of photos" if entry.endswith(".txt") else "folder"
    inside: list[Path] = []
    outside: list[NotTakenError] = []
    for place in tried:
        try:
            inside.append(folder.inside(place))
        except NotTakenError as error:
            outside.append(error)
    for found in inside:
        if found.is_dir() or (found.is_file() and found.suffix == ".txt"):
            return found
    raise NotTakenError(f"There is no {kind} {entry!r}.") if inside else outside[0]


def _photos_at(place: Path, folder: SourceFolder, plan: Plan) -> Iterator[Path]:
    """Yield the photos in a folder, or those that a list names."""
    if place.is_dir():
        found = walk(place, tuple(PHOTO_SUFFIXES))
        leave_stray(plan, found, folder.root)
        for path in found.files:
            with plan.part(path.relative_to(folder.root).as_posix()):
                yield folder.take(path)
        return
    names = [line.strip() for line in _lines_of(place) if line.strip()]
    places = place.parent, folder.root
    folder.expect(names, *places)
    for name in names:
        with plan.part(f"{place.name}, {name}"):
            yield folder.file(name, *places)


def _lines_of(path: Path) -> list[str]:
    try:
        return lines_of(read_text(path))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is damaged, or not a text file.") from error
