"""A project with everything that is difficult to export."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import func, select

from rvernet_app.exchange.exporting import ExportReport
from rvernet_app.exchange.formats.registry import EXPORTS, IMPORTS
from rvernet_app.exchange.importing import ImportReport
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import from_rle, to_rle
from rvernet_app.store.annotations import Draft, Portion, give_verdict, save
from rvernet_app.store.consensus import FinalPhoto, Shares, final_photos
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import add_photos
from rvernet_app.store.tables import DONE, UNUSABLE, Base, Item
from rvernet_app.types import Mask, Photo
from tests.rvernet_app.store.desk import commit

SHARES = Shares(val=0.3, test=0.3)
CREME, FORMULA = "crème; fraîche, ½", "=cmd|' /C calc'!A0"
LABELS = (
    LabelName("rice", food_code="168878"),
    LabelName(CREME),
    LabelName(FORMULA),
    LabelName("fruit"),
    LabelName("apple", parent="fruit"),
    LabelName("a/b"),
    LabelName(".."),
    LabelName("CON"),
    LabelName("never seen"),
)
LABEL_NAMES = tuple(label.name for label in LABELS)


def meal_in(split: str, number: int = 0) -> str:
    """Return the name of a meal that SHARES puts into a split, a different one for each number."""
    fitting = (name for n in count() if SHARES.split_of(name := f"tray {n}") == split)
    return [next(fitting) for _ in range(number + 1)][number]


def draw(size_hw: tuple[int, int], seed: int) -> Photo:
    """Return a photo without black that compresses well as JPEG."""
    height, width = size_hw
    rows, columns = np.mgrid[:height, :width]
    return np.stack([90 + rows, 90 + columns, np.full(size_hw, 90 + 10 * seed)], axis=2).astype(np.uint8)


def encoded(photo: Photo, file_format: str, orientation: int = 1) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"exif": exif, "quality": 95} if file_format == "JPEG" else {}
    Image.fromarray(photo).save(file, file_format, **how)
    return file.getvalue()


def disc(size_hw: tuple[int, int], x: int, y: int, radius: int) -> Mask:
    """Return a mask of a disc around the pixel (x, y)."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    mask: Mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return mask


PLATE, TALL, SMALL = (72, 96), (64, 48), (48, 64)
RING = disc(PLATE, 28, 36, 22) & ~disc(PLATE, 28, 36, 7)
TWO_PARTS = disc(PLATE, 66, 20, 15) | disc(PLATE, 72, 54, 16)
GRAMS = Portion(150.0, "g", "weighed", 120.0, 180.5)


@dataclass(frozen=True)
class Kitchen:
    """A project of eight photos, six of them done.

    Attributes:
        items: ids in the order of the queue:
            0 training: rice with a hole and a portion in grams, CREME of two parts
            1 validation, JPEG with EXIF orientation, upright 64 x 48: Ann's apple; Ben's rice does not count
            2 unusable, and 3 not done, both with a food
            4 training: done, without foods
            5 leftovers of 0: rice
            6 test: a/b partly covered by .., CON inside FORMULA, a food without a name
            7 without a meal, same name as 0: rice twice
    """

    store: Store
    files: PhotoFiles
    project: int
    ann: int
    ben: int
    items: tuple[int, ...]

    def export(self, name: str, out: Path, **rest: Any) -> ExportReport:
        return EXPORTS[name](self.store, self.files, self.project, out, SHARES, **rest)

    def take(
        self, name: str, source: Path, project: int | None = None, by: int | None = None
    ) -> ImportReport:
        return IMPORTS[name](self.store, self.files, project or self.project, by or self.ben, source)

    def new_project(self, *labels: str, new_labels: bool = True) -> int:
        names = [LabelName(label) for label in labels]
        return commit(
            self.store, create_project, f"copy {self.rows()['project']}", names, new_labels=new_labels
        )

    def finals(self, project: int | None = None) -> list[FinalPhoto]:
        with self.store.reading() as session:
            return list(final_photos(session, project or self.project, SHARES))

    def rows(self) -> dict[str, int]:
        """Return the number of rows in each table."""
        with self.store.reading() as session:
            return {
                table.name: session.scalar(select(func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }

    def change_item(self, number: int, **values: Any) -> None:
        with self.store.writing() as session:
            item = session.get_one(Item, self.items[number])
            for name, value in values.items():
                setattr(item, name, value)


def masks_of(final: FinalPhoto) -> dict[str, list[Mask]]:
    """Return the masks on a photo in their order, by label."""
    found: dict[str, list[Mask]] = {}
    size_hw = final.item.photo.height, final.item.photo.width
    for food in final.foods:
        found.setdefault(food.label.name, []).append(from_rle(food.rle, size_hw))
    return found


def visible_masks_of(final: FinalPhoto) -> dict[str, list[Mask]]:
    """Return what exports show of the masks on a photo: no pixel that a smaller or an equal newer one has."""
    size_hw = final.item.photo.height, final.item.photo.width
    drawn = [from_rle(food.rle, size_hw) for food in final.foods]
    found: dict[str, list[Mask]] = {}
    for number, (food, mask) in enumerate(zip(final.foods, drawn, strict=True)):
        shown = mask.copy()
        for newer, other in enumerate(drawn):
            if newer != number and (other.sum(), -newer) < (mask.sum(), -number):
                shown &= ~other
        if shown.any():
            found.setdefault(food.label.name, []).append(shown)
    return found


def said_visible(finals: list[FinalPhoto]) -> list[list[tuple[str, str, list[int]]]]:
    """Return what `said` returns after an export and an import."""
    return [
        [
            (label, (rle := to_rle(mask))["counts"], rle["size"])
            for label, masks in shown.items()
            for mask in masks
        ]
        for shown in map(visible_masks_of, finals)
        if shown
    ]


def said(finals: list[FinalPhoto]) -> list[list[tuple[str, str, list[int]]]]:
    """Return label, RLE counts and size of every food, photo by photo, without photos that have no foods."""
    return [[(f.label.name, f.rle["counts"], f.rle["size"]) for f in p.foods] for p in finals if p.foods]


def open_files(store: Store) -> PhotoFiles:
    return PhotoFiles(store.folder, max_mb=1, max_megapixels=1)


def cook(store: Store) -> Kitchen:
    """Create the kitchen in an empty store."""
    project = commit(store, create_project, "Kitchen", LABELS, double_share=1.0)
    files = open_files(store)
    ann, ben = commit(store, ensure_annotator, "Ann, RD"), commit(store, ensure_annotator, "Ben")
    lying = np.rot90(draw(TALL, 1), 1).copy()  # orientation 6 turns it back by 90 degrees
    sources: list[tuple[str, str | None, bytes]] = [
        ("plate 1.png", meal_in("train"), encoded(draw(PLATE, 0), "PNG")),
        ("=plate.jpg", meal_in("val"), encoded(lying, "JPEG", orientation=6)),
        ("blurred.png", meal_in("train"), encoded(draw(SMALL, 2), "PNG")),
        ("later.png", meal_in("train"), encoded(draw(SMALL, 3), "PNG")),
        ("empty.png", meal_in("train", 1), encoded(draw(SMALL, 4), "PNG")),
        ("left.png", None, encoded(draw(SMALL, 5), "PNG")),
        ("../été/many?.png", meal_in("test"), encoded(draw(SMALL, 6), "PNG")),
        ("plate 1.png", None, encoded(draw(SMALL, 7), "PNG")),
    ]
    items = [
        one.item_id or 0
        for name, meal, data in sources
        for one in add_photos(store, files, project, [(name, data)], meal=meal)
    ]
    with store.reading() as session:
        labels = {label.name: label.id for label in labels_of(session, project)}

    def put(number: int, by: int, mask: Mask, label: str | None, **rest: Any) -> None:
        label_id = None if label is None else labels[label]
        commit(store, save, items[number], by, Draft(to_rle(mask), label_id, **rest))

    put(0, ann, RING, "rice", portion=GRAMS, note="=1+1, «two»\nlines")
    put(0, ann, TWO_PARTS, CREME)
    put(1, ann, disc(TALL, 24, 30, 14), "apple", portion=Portion(1.0, "piece", "guessed"))
    put(1, ben, disc(TALL, 24, 30, 9), "rice")
    put(2, ann, disc(SMALL, 30, 24, 9), "rice")
    put(3, ann, disc(SMALL, 30, 24, 9), "rice")
    put(5, ann, disc(SMALL, 30, 24, 9), "rice", portion=Portion(30.5, "g", "reference object"))
    put(6, ann, disc(SMALL, 20, 24, 14), "a/b", portion=Portion(250.0, "ml", "guessed"))
    put(6, ann, disc(SMALL, 30, 24, 10), "..")
    put(6, ann, disc(SMALL, 52, 24, 4), "CON")
    put(6, ann, disc(SMALL, 52, 24, 6), FORMULA)
    put(6, ann, disc(SMALL, 5, 5, 3), None)
    put(7, ann, disc(SMALL, 16, 24, 10), "rice", portion=Portion(40.0, "g", "weighed"))
    put(7, ann, disc(SMALL, 44, 24, 11), "rice", portion=Portion(60.0, "g", "weighed"))
    for number in (0, 1, 4, 5, 6, 7):
        commit(store, give_verdict, items[number], ann, DONE)
    commit(store, give_verdict, items[1], ben, DONE)
    commit(store, give_verdict, items[2], ann, UNUSABLE, "blurred")
    kitchen = Kitchen(store, files, project, ann, ben, tuple(items))
    kitchen.change_item(5, before_id=items[0])
    return kitchen
