"""YOLO segmentation: `data.yaml`, `images/<split>/` and `labels/<split>/`, a line for each food.

A line is a class and an outline. An outline has neither holes nor parts, so the export joins them by bridges,
which cover a few pixels between parts. It adds `masks.jsonl`, a line for each photo, with the exact masks and
the photo's `group` (see `groups`). The import uses the exact masks unless the photo's label file has changed
since.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rvernet_app.exchange.exporting import ExportPhoto
from rvernet_app.exchange.formats.groups import meal_of
from rvernet_app.exchange.formats.outlines import filled, outline, points, require_inside
from rvernet_app.exchange.formats.yolo_files import DATA_NAME, YoloFiles, find_files
from rvernet_app.exchange.formats.yolo_rows import Row, parse_rows
from rvernet_app.exchange.plan import NotTakenError, Plan, PlannedAnnotation, PlannedPhoto
from rvernet_app.exchange.source_folder import SourceFolder, note_unnamed
from rvernet_app.picture.masks import Rle, from_rle, require_rle, to_rle
from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.reading import json_of, lines_of, read_bytes, text_of
from rvernet_app.store.consensus import SPLITS
from rvernet_app.store.tables import Label
from rvernet_app.stray import walk

MAX_LABELS = 32 * 10**6
"""Bytes of a label file of one photo."""
MAX_MASKS = 500 * 10**6
"""Bytes of `masks.jsonl`."""
EXTRA = "They are the confidence or the track of a prediction, and no corner."
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
            raise ValueError("expected four texts and a size, got others")
        if not (isinstance(self.counts, list) and all(isinstance(one, str) for one in self.counts)):
            raise ValueError("expected a list of texts as counts")

    def fits(self, labels: bytes, rows: int) -> bool:
        """Return True if the label file has this content, and a mask for each of its rows."""
        return hashlib.sha256(labels).hexdigest() == self.labels_sha256 and rows == len(self.counts)

    def rle(self, line: int) -> Rle:
        """Return the unchecked mask of a line, counted from 0."""
        return Rle(size=self.size, counts=self.counts[line])


def write(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
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
        source: see `find_files`.
    """
    found = find_files(source, plan)
    folder = found.folder
    labels = _Labels(folder)
    masks = _exact_masks(folder.root / MASKS_NAME, plan)
    groups = Counter(one.group for one in masks.values())
    for file in plan.each(found.photos):
        relative = file.relative_to(folder.root)
        with plan.part(relative.as_posix()):
            exact = masks.get(_labels_of(relative).as_posix())
            photo = _photo(relative, found, labels, exact, plan)
            meal = None if exact is None else meal_of(exact.group, exact.photo_sha256, groups)
            plan.photos.append(replace(photo, meal=meal))
    for path in labels.unread():
        plan.leave(path.as_posix(), "No photo of the data set has its name.")
    note_unnamed(plan, folder, PHOTO_SUFFIXES)


class _Labels:
    """The label files of a data set: those in a folder "labels", or beside the photos."""

    def __init__(self, folder: SourceFolder) -> None:
        self._folder = folder
        files = walk(folder.root, (".txt",)).files
        self._unread = {path.relative_to(folder.root) for path in files if "labels" in path.parent.parts}

    def of(self, photo: Path) -> Path | None:
        """Return the label file of a photo, relative to the root as the photo is; None if it has none.

        Raises:
            NotTakenError: several files can be meant, or it lies outside the folder.
        """
        beside = photo.with_suffix(".txt")
        for wanted in (_labels_of(photo), beside):
            if self._folder.inside(self._folder.root / wanted).is_file():
                return self._read(wanted)
        wanted = _labels_of(photo)
        if found := self._folder.find(wanted.as_posix()):
            return self._read(found.relative_to(self._folder.root))
        return None

    def _read(self, path: Path) -> Path:
        self._unread.discard(path)
        return path

    def unread(self) -> list[Path]:
        """Return the label files that no photo asked for."""
        return sorted(self._unread)


def _photo(
    relative: Path, found: YoloFiles, labels: _Labels, known: ExactMasks | None, plan: Plan
) -> PlannedPhoto:
    folder = found.folder
    of_photo = labels.of(relative)
    content = b"" if of_photo is None else read_bytes(folder.root / of_photo, MAX_LABELS)
    lines = _lines(content)
    exact = known if known is not None and known.fits(content, len(lines)) else None
    photo = plan.keep(folder.root / relative, None if exact is None else exact.photo_sha256)
    annotations = []
    for number, row in enumerate(parse_rows(plan.foods(lines, (of_photo or relative).as_posix()))):
        what = f"{(of_photo or relative).as_posix()}, line {number + 1}"
        with plan.part(what):
            rle = None if exact is None else exact.rle(number)
            annotations.append(_annotation(row, found, photo.size_hw, rle))
            if isinstance(row, Row) and row.extra:
                plan.leave(f"{what}, last numbers", EXTRA)
    return PlannedPhoto(
        relative.name, photo, tuple(annotations), folder=folder.folder_of(folder.root / relative)
    )


def _labels_of(photo: Path) -> Path:
    """Return the path of a photo's label file: the last folder "images" becomes "labels"."""
    parts = list(photo.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        parts[last] = "labels"
    return Path(*parts).with_suffix(".txt")


def _lines(content: bytes) -> list[str]:
    try:
        return [line for line in lines_of(text_of(content)) if line.strip()]
    except UnicodeDecodeError as error:
        raise NotTakenError("Its label file is damaged, or not a text file.") from error


def _annotation(
    row: Row | NotTakenError, found: YoloFiles, size_hw: tuple[int, int], exact: Rle | None
) -> PlannedAnnotation:
    if isinstance(row, NotTakenError):
        raise row
    if row.number not in found.names:
        raise NotTakenError(f"Its class {row.number:g} is not in {found.described_in}.")
    label = found.names[int(row.number)]
    if exact is not None:
        return PlannedAnnotation(label, require_rle(exact, size_hw))
    height, width = size_hw
    xs, ys = row.shares[::2], row.shares[1::2]
    corners = points((x * width, y * height) for x, y in zip(xs, ys, strict=True))
    require_inside(corners, size_hw)
    return PlannedAnnotation(label, require_rle(to_rle(filled(corners, size_hw)), size_hw))


def _exact_masks(path: Path, plan: Plan) -> dict[str, ExactMasks]:
    """Return the exact masks by the path of the label file; none if there is no such file."""
    found: dict[str, ExactMasks] = {}
    if not path.is_file():
        return found
    with plan.part(MASKS_NAME):
        for number, line in enumerate(io.BytesIO(read_bytes(path, MAX_MASKS)), 1):
            try:
                masks = ExactMasks(**json_of(line))
            except (TypeError, ValueError):
                what = f"{MASKS_NAME}, line {number}"
                plan.leave(what, "It is damaged; the outlines are used instead.")
            else:
                found[masks.labels] = masks
    return found
