"""Export the finished photos of a project into a folder, which appears only when it is complete."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.names import safe_name
from rvernet_app.picture.masks import Rle, area_and_box
from rvernet_app.picture.overlaps import visible_rles
from rvernet_app.picture.photos import read_pixels
from rvernet_app.scratch import replacing_folder
from rvernet_app.store.consensus import FinalFood, FinalPhoto, Shares, final_photos
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import project
from rvernet_app.store.tables import (
    ACCEPTED,
    DONE,
    REJECTED,
    SAVED,
    UNUSABLE,
    Annotation,
    Item,
    Label,
    Photo,
    Verdict,
)
from rvernet_app.types import Photo as Pixels

Progress = Callable[[int, int], None]
"""Called with the number of photos done so far, and the number of all photos."""

SIDES = {"train": "train", "val": "train", "test": "test"}
"""Split -> folder, in layouts without a folder for validation."""

WITHOUT_FOODS = "photos without foods"
COVERED_FOODS = "foods completely covered by others"
COVERED_PIXELS = "pixels of foods covered by another food"
MARK = 8
"""Digits of a photo's SHA-256 in its file name."""


@dataclass(frozen=True)
class ExportReport:
    """The result of an export.

    Attributes:
        photos: the number of exported photos.
        foods: the number of exported annotations.
        left_out: description of what is missing or changed in the export -> number.
    """

    photos: int
    foods: int
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class ExportFood:
    """A food on a photo to write.

    Attributes:
        final: the food as it was saved, with its mask as it was drawn.
        rle: what is visible of the mask, see `picture.overlaps`; None if other foods cover it wholly.
        area: visible pixels.
        box_xywh: tight box around what is visible: left, top, width, height.
    """

    final: FinalFood
    rle: Rle | None
    area: int
    box_xywh: tuple[int, int, int, int]

    @property
    def annotation(self) -> Annotation:
        """The row of the store."""
        return self.final.annotation

    @property
    def label(self) -> Label:
        return self.final.label

    @property
    def annotator(self) -> str:
        """Name of who saved it."""
        return self.final.annotator


@dataclass(frozen=True)
class VisibleFood(ExportFood):
    """A food of which something is visible."""

    rle: Rle


@dataclass(frozen=True)
class ExportPhoto:
    """A photo to write.

    Attributes:
        final: the photo and its annotations.
        stem: name of its files without suffix, unique in the project.
        file: the upright copy without metadata.
        all_foods: its annotations in the order of the store, with those that others cover wholly.
    """

    final: FinalPhoto
    stem: str
    file: Path
    all_foods: tuple[ExportFood, ...]

    @property
    def name(self) -> str:
        """Name of the photo's file in the export."""
        return self.stem + self.file.suffix

    @property
    def split(self) -> str:
        """One of `consensus.SPLITS`."""
        return self.final.split

    @property
    def foods(self) -> tuple[VisibleFood, ...]:
        """The annotations of which something is visible."""
        return tuple(food for food in self.all_foods if isinstance(food, VisibleFood))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.final.item.photo.height, self.final.item.photo.width

    def copy_into(self, folder: Path) -> None:
        """Copy the file into an existing folder.

        Not as a hard link: some training programs repair or shrink photos in place, which would change the
        store.
        """
        shutil.copyfile(self.file, folder / self.name)

    def pixels(self) -> Pixels:
        """Return the photo as uint8 (H, W, 3) RGB.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            return read_pixels(self.file)
        except OSError as error:
            name = self.final.item.name
            raise StoreError(f"The file of the photo {name!r} in the data folder is damaged.") from error


class ExportPhotos:
    """The photos to write, read one by one, and what is left out of them.

    Args:
        progress: called after each photo.
    """

    def __init__(
        self,
        session: Session,
        files: PhotoFiles,
        project_id: int,
        shares: Shares,
        progress: Progress | None = None,
    ) -> None:
        self._session = session
        self._files = files
        self._project_id = project_id
        self._shares = shares
        self._progress = progress
        self.written: Counter[str] = Counter()

    def __iter__(self) -> Iterator[ExportPhoto]:
        total = _count_items(self._session, self._project_id, ~_has(UNUSABLE), _has(DONE))
        alike = _alike_marks(self._session, self._project_id)
        for final in final_photos(self._session, self._project_id, self._shares):
            photo = final.item.photo
            try:
                file = self._files.upright(photo.sha256, photo.format)
            except StoreError as error:
                raise StoreError(f"The photo {final.item.name!r} cannot be exported. {error}") from error
            foods = _visible_foods(final)
            yield ExportPhoto(final, _stem(final.item, alike), file, foods)
            self.written.update(
                {
                    "photos": 1,
                    "foods": len(foods),
                    COVERED_FOODS: sum(food.rle is None for food in foods),
                    COVERED_PIXELS: sum(food.annotation.area - food.area for food in foods),
                }
            )
            if self._progress is not None:
                self._progress(self.written["photos"], total)

    def left_out(self) -> dict[str, int]:
        """Return what is left out, description -> number; complete when all photos are read."""
        covered = {reason: self.written[reason] for reason in (COVERED_FOODS, COVERED_PIXELS)}
        return {**_left_out(self._session, self._project_id, self.written["foods"]), **covered}


Write = Callable[[Path, ExportPhotos, Sequence[Label]], Mapping[str, int]]
"""Write photos in one format: (new folder, photos, labels in order) -> what is left out or changed -> number.

A format that leaves nothing out for some reason says 0. It must not collect the photos, so that memory does
not grow with their number. It writes its files directly, because the folder is complete only when all are
written.
"""


class Export(Protocol):
    """Exports a project in one format."""

    def __call__(
        self,
        store: Store,
        files: PhotoFiles,
        project_id: int,
        out: Path,
        shares: Shares,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write the finished photos and their annotations, see `consensus.final_photos`.

        Where foods overlap, masks show what is visible of each, see `picture.overlaps`.

        Args:
            out: a new or an empty folder. Until the export is complete, it is a hidden folder beside it.
            shares: the shares of validation and test.
            progress: called after each photo.

        Raises:
            StoreError: the project does not exist, `out` is not empty or cannot be written, or the file of a
                photo is missing. Nothing is written then.
        """
        ...


def export(
    write: Write,
    store: Store,
    files: PhotoFiles,
    project_id: int,
    out: Path,
    shares: Shares,
    progress: Progress | None = None,
) -> ExportReport:
    """Export a project with `write`, see `Export`."""
    with _whole(out) as folder, store.reading() as session:
        labels = labels_of(session, project(session, project_id).id)
        photos = ExportPhotos(session, files, project_id, shares, progress)
        lost = write(folder, photos, labels)
        left_out = {**photos.left_out(), **lost}
    return ExportReport(
        photos=photos.written["photos"] - left_out.get(WITHOUT_FOODS, 0),
        foods=photos.written["foods"] - left_out[COVERED_FOODS],
        left_out={reason: count for reason, count in left_out.items() if count > 0},
    )


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Yield a new folder that becomes `out` when the block ends, or is deleted if the block raises."""
    try:
        out = out.resolve()
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise StoreError(f"{out} already exists; export into a new or an empty folder.")
        out.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise StoreError(
            f"The folder {out} cannot be created: {getattr(error, 'strerror', '') or error}."
        ) from error
    try:
        with replacing_folder(out) as unfinished:
            yield unfinished
    except OSError as error:
        raise StoreError(f"The export could not be written: {error.strerror or error}.") from error


def _visible_foods(final: FinalPhoto) -> tuple[ExportFood, ...]:
    photo = final.item.photo
    shown = visible_rles([food.rle for food in final.foods], (photo.height, photo.width))
    return tuple(
        ExportFood(food, None, 0, (0, 0, 0, 0)) if rle is None else VisibleFood(food, rle, *area_and_box(rle))
        for food, rle in zip(final.foods, shown, strict=True)
    )


def _stem(item: Item, alike: frozenset[str]) -> str:
    """Return the stem of a photo's file: its given name, and enough of its SHA-256 to make it unique."""
    sha256 = item.photo.sha256
    mark = sha256 if sha256[:MARK] in alike else sha256[:MARK]
    given = PurePosixPath(item.name.replace("\\", "/")).stem
    return f"{safe_name(given.removesuffix(f'-{mark}'))}-{mark}"


def _alike_marks(session: Session, project_id: int) -> frozenset[str]:
    """Return the beginnings of SHA-256 that several photos of a project share, which is rare."""
    mark = func.substr(Photo.sha256, 1, MARK)
    of_project = select(mark).join(Item, Item.photo_id == Photo.id).where(Item.project_id == project_id)
    return frozenset(session.scalars(of_project.group_by(mark).having(func.count() > 1)))


def _left_out(session: Session, project_id: int, exported_foods: int) -> dict[str, int]:
    """Count photos that are not finished, and foods that are not exported on finished photos."""
    of_done = (
        select(func.count())
        .select_from(Annotation)
        .join(Item, Item.id == Annotation.item_id)
        .where(Item.project_id == project_id, ~_has(UNUSABLE), _has(DONE))
    )

    def foods(*conditions: ColumnElement[bool]) -> int:
        return session.scalar(of_done.where(*conditions)) or 0

    standing = Annotation.status.in_((SAVED, ACCEPTED))
    return {
        "photos that are not done": _count_items(session, project_id, ~_has(UNUSABLE), ~_has(DONE)),
        "photos marked as unusable": _count_items(session, project_id, _has(UNUSABLE)),
        "foods without a name": foods(standing, Annotation.label_id.is_(None)),
        "foods that a reviewer rejected": foods(Annotation.status == REJECTED),
        "foods of other annotators on the same photos": foods(standing, Annotation.label_id.is_not(None))
        - exported_foods,
    }


def _count_items(session: Session, project_id: int, *conditions: ColumnElement[bool]) -> int:
    asked = select(func.count()).select_from(Item).where(Item.project_id == project_id, *conditions)
    return session.scalar(asked) or 0


def _has(state: str) -> ColumnElement[bool]:
    """Return the condition that an annotator gave an item this verdict."""
    return exists().where(Verdict.item_id == Item.id, Verdict.state == state)
