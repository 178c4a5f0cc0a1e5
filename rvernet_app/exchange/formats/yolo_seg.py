"""YOLO segmentation: `data.yaml`, `images/<split>/` and `labels/<split>/`, a line for each food.

A line is a class and an outline. An outline has neither holes nor parts, so the export fills holes and joins
parts by bridges. It adds `masks.jsonl`, a line for each photo, with the exact masks and the photo's `group`
(see `groups`). The import uses the exact masks unless the photo's label file has changed since.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rvernet_app.errors import StoreError
from rvernet_app.exchange.exporting import ExportPhoto
from rvernet_app.exchange.formats.groups import meal_of
from rvernet_app.exchange.formats.outlines import filled, outline, points, require_inside
from rvernet_app.exchange.plan import NotTakenError, Plan, PlannedAnnotation, PlannedPhoto
from rvernet_app.exchange.source_folder import SourceFolder
from rvernet_app.picture.masks import Rle, from_rle, require_rle, to_rle
from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.store.consensus import SPLITS
from rvernet_app.store.tables import Label

DATA_NAME = "data.yaml"
MASKS_NAME = "masks.jsonl"
INWARDS = 0.1
"""Added to coordinates, in pixels, so that rounding and truncating them give the same pixel."""


@dataclass(frozen=True)
class ExactMasks:
    """A line of `masks.jsonl`: the exact masks of a photo.

    Attributes:
        labels: path of the photo's label file.
        labels_sha256: of that file; its lines are in the order of `counts`.
        photo_sha256: of the photo's original file.
        group: the photo's group, valid even if the label file has changed.
        size: height and width of the masks.
        counts: compressed RLE counts of each mask.

    Raises:
        ValueError: a value has the wrong type.
    """

    labels: str
    labels_sha256: str
    photo_sha256: str
    group: str
    size: list[int]
    counts: list[str]

    def __post_init__(self) -> None:
        texts = self.labels, self.labels_sha256, self.photo_sha256, self.group
        if not (all(isinstance(text, str) for text in texts) and isinstance(self.size, list)):
            raise ValueError(f"expected four texts and a size, got {texts!r} and {self.size!r}")
        if not isinstance(self.counts, list):
            raise ValueError(f"expected a list of counts, got {self.counts!r}")

    def fits(self, labels: bytes) -> bool:
        """Return True if the label file has this content."""
        same = hashlib.sha256(labels).hexdigest() == self.labels_sha256
        return same and len(labels.splitlines()) == len(self.counts)

    def rle(self, line: int) -> Rle:
        """Return the unchecked mask of a line, counted from 0."""
        return Rle(size=self.size, counts=self.counts[line])


def write(folder: Path, photos: Iterator[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`. Classes count from 0 in the order of the label set."""
    numbers = {label.id: number for number, label in enumerate(labels)}
    for kind in ("images", "labels"):
        for split in SPLITS:
            (folder / kind / split).mkdir(parents=True)
    _write_data(folder / DATA_NAME, labels)
    with (folder / MASKS_NAME).open("w", encoding="ascii") as masks:
        for photo in photos:
            photo.copy_into(folder / "images" / photo.split)
            lines = [_line(numbers[food.label.id], food.rle, photo.size_hw) for food in photo.foods]
            content = "".join(lines).encode("ascii")
            place = f"labels/{photo.split}/{photo.stem}.txt"
            (folder / place).write_bytes(content)
            masks.write(json.dumps(asdict(_masks(photo, place, content))) + "\n")
    return {}


def _write_data(path: Path, labels: Sequence[Label]) -> None:
    described: dict[str, Any] = {"path": ""}  # relative to this file, so that the folder can be moved
    described |= {split: f"images/{split}" for split in SPLITS}
    described["names"] = {number: label.name for number, label in enumerate(labels)}
    path.write_text(yaml.safe_dump(described, sort_keys=False), encoding="ascii")


def _line(number: int, rle: Rle, size_hw: tuple[int, int]) -> str:
    height, width = size_hw
    corners = outline(from_rle(rle, size_hw)) + INWARDS
    shares = (corners / (width, height)).ravel()
    return f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n"


def _masks(photo: ExportPhoto, place: str, content: bytes) -> ExactMasks:
    return ExactMasks(
        labels=place,
        labels_sha256=hashlib.sha256(content).hexdigest(),
        photo_sha256=photo.final.item.photo.sha256,
        group=photo.final.meal,
        size=list(photo.size_hw),
        counts=[food.rle["counts"] for food in photo.foods],
    )


def read(source: Path, plan: Plan) -> None:
    """Read a source, see `plan.Read`. A photo without a label file has no foods.

    Args:
        source: the YAML file, or the folder of `data.yaml`.
    """
    path = source / DATA_NAME if source.is_dir() else source
    described = _described(path)
    names = _names(described, path)
    folder = SourceFolder(path.parent)
    masks = _exact_masks(folder.root / MASKS_NAME, plan)
    groups = Counter(one.group for one in masks.values())
    photos = [photo for place in _places(described, folder, plan) for photo in _photos_in(place)]
    for file in plan.each(list(dict.fromkeys(photos))):
        relative = file.relative_to(folder.root)
        with plan.part(relative.as_posix()):
            exact = masks.get(_labels_of(relative).as_posix())
            photo = _photo(relative, names, folder, exact, plan)
            meal = None if exact is None else meal_of(exact.group, exact.photo_sha256, groups)
            plan.photos.append(replace(photo, meal=meal))


def _described(path: Path) -> Mapping[str, Any]:
    try:
        described = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise StoreError(f"{path} is damaged, or not a YAML file: {' '.join(str(error).split())}.") from error
    if not isinstance(described, dict):
        raise StoreError(f"{path} does not describe a YOLO data set.")
    return described


def _names(described: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = described.get("names")
    try:
        numbered = enumerate(names) if isinstance(names, list) else dict(names or {}).items()
        found = {int(number): _name(name) for number, name in numbered}
    except (OverflowError, TypeError, ValueError) as error:
        raise StoreError(f"{path} does not give the names of the classes by number.") from error
    if not found:
        raise StoreError(f"{path} does not give the names of the classes.")
    return found


def _name(name: object) -> str:
    # Never convert a container: with anchors, a few bytes of YAML can expand to terabytes of text.
    if isinstance(name, (list, dict, set)):
        raise ValueError("a list is not a name")
    return str(name)


def _places(described: Mapping[str, Any], folder: SourceFolder, plan: Plan) -> Iterator[Path]:
    """Yield the folders of photos that exist inside the source folder."""
    path = described.get("path")
    base = folder.root / path if isinstance(path, str) else folder.root
    for key in SPLITS:
        entries = described.get(key) or []
        for entry in entries if isinstance(entries, list) else [entries]:
            with plan.part(f"{DATA_NAME}, {key}"):
                yield _place(entry, base, folder)


def _place(entry: object, base: Path, folder: SourceFolder) -> Path:
    """Find a folder of photos.

    `path` is often a folder of another computer, and some tools write "../" too often, so try without these
    as well.
    """
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
    return sorted(path for path in place.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)


def _photo(
    relative: Path, names: Mapping[int, str], folder: SourceFolder, known: ExactMasks | None, plan: Plan
) -> PlannedPhoto:
    labels = _labels_of(relative)
    path = folder.inside(folder.root / labels)
    content = path.read_bytes() if path.is_file() else b""
    exact = known if known is not None and known.fits(content) else None
    photo = plan.keep(folder.inside(folder.root / relative), None if exact is None else exact.photo_sha256)
    annotations = []
    for number, line in enumerate(_lines(content)):
        with plan.part(f"{labels.as_posix()}, line {number + 1}"):
            rle = None if exact is None else exact.rle(number)
            annotations.append(_annotation(line, names, photo.size_hw, rle))
    return PlannedPhoto(relative.name, photo, tuple(annotations))


def _labels_of(photo: Path) -> Path:
    """Return the path of a photo's label file: the last folder "images" becomes "labels"."""
    parts = list(photo.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        parts[last] = "labels"
    return Path(*parts).with_suffix(".txt")


def _lines(content: bytes) -> list[str]:
    try:
        return [line for line in content.decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise NotTakenError("Its label file is damaged, or not a text file.") from error


def _annotation(
    line: str, names: Mapping[int, str], size_hw: tuple[int, int], exact: Rle | None
) -> PlannedAnnotation:
    try:
        number, *shares = (float(word) for word in line.split())
    except ValueError as error:
        raise NotTakenError("It is not a line of numbers.") from error
    if number not in names:
        raise NotTakenError(f"Its class {number:g} is not in {DATA_NAME}.")
    label = names[int(number)]
    if exact is not None:
        return PlannedAnnotation(label, require_rle(exact, size_hw))
    if len(shares) < 6 or len(shares) % 2:
        raise NotTakenError("It is not an outline of at least three points; a box alone is not enough.")
    height, width = size_hw
    corners = points((x * width, y * height) for x, y in zip(shares[::2], shares[1::2], strict=True))
    require_inside(corners, size_hw)
    return PlannedAnnotation(label, require_rle(to_rle(filled(corners, size_hw)), size_hw))


def _exact_masks(path: Path, plan: Plan) -> dict[str, ExactMasks]:
    """Return the exact masks by the path of the label file; none if there is no such file."""
    found: dict[str, ExactMasks] = {}
    if not path.is_file():
        return found
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                masks = ExactMasks(**json.loads(line))
            except (RecursionError, TypeError, ValueError):
                what = f"{MASKS_NAME}, line {number}"
                plan.leave(what, "It is damaged; the outlines are used instead.")
            else:
                found[masks.labels] = masks
    return found
