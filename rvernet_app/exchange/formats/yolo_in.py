"""Reads YOLO segmentation: outlines, or the exact masks that `yolo_seg` puts beside them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.outlines import filled
from rvernet_app.exchange.formats.yolo_seg import DATA_NAME, MASKS_NAME
from rvernet_app.exchange.importing import NotTakenError, Plan, PlannedFood, PlannedPhoto
from rvernet_app.exchange.reading import ENDINGS, Folder, meal_of, points
from rvernet_app.picture.masks import Rle, require_rle, to_rle

SPLIT_KEYS = ("train", "val", "test")


@dataclass(frozen=True)
class ExactMasks:
    """A line of `masks.jsonl`.

    Attributes:
        labels_sha256: of the label file that the masks are of, line by line.
        photo_sha256: of the photo's file as it came to the store that wrote this.
        group: what the photo must not be parted from, whatever became of its label file.
    """

    labels_sha256: str
    photo_sha256: str
    group: str
    size: list[int]
    counts: list[str]

    def __post_init__(self) -> None:
        if not (
            isinstance(self.size, list) and isinstance(self.counts, list) and isinstance(self.group, str)
        ):
            raise ValueError(f"expected lists and a text, got {self.size!r}, {self.counts!r}, {self.group!r}")

    def fits(self, labels: bytes) -> bool:
        """Whether the masks are of this label file's lines."""
        same = hashlib.sha256(labels).hexdigest() == self.labels_sha256
        return same and len(labels.splitlines()) == len(self.counts)

    def rle(self, line: int) -> Rle:
        return Rle(size=self.size, counts=self.counts[line])


def read(source: Path, plan: Plan) -> None:
    """As `importing.Read`.

    Args:
        source: the YAML file, or the folder of `data.yaml`. A photo without a label file has no foods.
    """
    path = source / DATA_NAME if source.is_dir() else source
    described = _described(path)
    names = _names(described, path)
    folder = Folder(path.parent)
    masks = _exact_masks(folder.root / MASKS_NAME, plan)
    groups = Counter(one.group for one in masks.values())
    photos = [photo for place in _places(described, folder, plan) for photo in _photos_in(place)]
    for file in plan.each(list(dict.fromkeys(photos))):
        relative = file.relative_to(folder.root)
        with plan.part(relative.as_posix()):
            said = masks.get(_labels_of(relative).as_posix())
            photo = _photo(relative, names, folder, said, plan)
            meal = None if said is None else meal_of(said.group, said.photo_sha256, groups)
            plan.photos.append(replace(photo, meal=meal))


def _described(path: Path) -> Mapping[str, Any]:
    try:
        described = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise StoreError(f"{path} is damaged, or no YAML file: {' '.join(str(error).split())}.") from error
    if not isinstance(described, dict):
        raise StoreError(f"{path} does not describe a YOLO data set.")
    return described


def _names(described: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = described.get("names")
    try:
        numbered = enumerate(names) if isinstance(names, list) else dict(names or {}).items()
        found = {int(number): _name(name) for number, name in numbered}
    except (OverflowError, TypeError, ValueError) as error:
        raise StoreError(f"{path} does not say the names of the classes by number.") from error
    if not found:
        raise StoreError(f"{path} does not say the names of the classes.")
    return found


def _name(name: object) -> str:
    if isinstance(
        name, (list, dict, set)
    ):  # never written out: few bytes of YAML can stand for terabytes of text
        raise ValueError("a list is no name")
    return str(name)


def _places(described: Mapping[str, Any], folder: Folder, plan: Plan) -> Iterator[Path]:
    """Folders of photos that are there and inside the folder."""
    path = described.get("path")
    base = folder.root / path if isinstance(path, str) else folder.root
    for key in SPLIT_KEYS:
        entries = described.get(key) or []
        for entry in entries if isinstance(entries, list) else [entries]:
            with plan.part(f"{DATA_NAME}, {key}"):
                yield _place(entry, base, folder)


def _place(entry: object, base: Path, folder: Folder) -> Path:
    """A folder of photos. `path` is often that of another computer, and "../" too much, so both are tried without."""
    if not isinstance(entry, str):
        raise NotTakenError("It is not the name of a folder.")
    tried = [base / entry, folder.root / entry, folder.root / entry.removeprefix("../")]
    refused = NotTakenError(f"There is no folder {entry!r}.")
    for place in tried:
        try:
            found = folder.inside(place)
        except NotTakenError as error:
            refused = error
            continue
        if found.is_dir():
            return found
    raise refused


def _photos_in(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.suffix.lower() in ENDINGS)


def _photo(
    relative: Path, names: Mapping[int, str], folder: Folder, said: ExactMasks | None, plan: Plan
) -> PlannedPhoto:
    labels = _labels_of(relative)
    path = folder.inside(folder.root / labels)
    content = path.read_bytes() if path.is_file() else b""
    exact = said if said is not None and said.fits(content) else None
    photo = plan.keep(folder.inside(folder.root / relative), None if exact is None else exact.photo_sha256)
    foods = []
    for number, line in enumerate(_lines(content)):
        with plan.part(f"{labels.as_posix()}, line {number + 1}"):
            rle = None if exact is None else exact.rle(number)
            foods.append(_food(line, names, photo.size_hw, rle))
    return PlannedPhoto(relative.name, photo, tuple(foods))


def _labels_of(photo: Path) -> Path:
    """Where the labels of a photo are: the last folder "images" is "labels" instead."""
    parts = list(photo.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        parts[last] = "labels"
    return Path(*parts).with_suffix(".txt")


def _lines(content: bytes) -> list[str]:
    try:
        return [line for line in content.decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise NotTakenError("Its label file is damaged, or no text.") from error


def _food(line: str, names: Mapping[int, str], size_hw: tuple[int, int], exact: Rle | None) -> PlannedFood:
    try:
        number, *shares = (float(word) for word in line.split())
    except ValueError as error:
        raise NotTakenError("It is not a line of numbers.") from error
    if number not in names:
        raise NotTakenError(f"Its class {number:g} is not in {DATA_NAME}.")
    label = names[int(number)]
    if exact is not None:
        return PlannedFood(label, require_rle(exact, size_hw))
    if len(shares) < 6 or len(shares) % 2:
        raise NotTakenError("It is not an outline of at least three points; a box alone is not enough.")
    height, width = size_hw
    scaled = [(x * width, y * height) for x, y in zip(shares[::2], shares[1::2], strict=True)]
    mask = filled(points(scaled, size_hw), size_hw)
    return PlannedFood(label, require_rle(to_rle(mask), size_hw))


def _exact_masks(path: Path, plan: Plan) -> dict[str, ExactMasks]:
    """Label file -> the masks that its lines stand for; nothing where there is no such file."""
    found: dict[str, ExactMasks] = {}
    if not path.is_file():
        return found
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                labels = entry.pop("labels")
                found[labels] = ExactMasks(**entry)
            except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
                what = f"{MASKS_NAME}, line {number}"
                plan.leave(what, "It is damaged; the outlines are taken instead.")
    return found
