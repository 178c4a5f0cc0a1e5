"""What all exports share: which photos and what they are called, and a folder that is there whole or not at all."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from PIL import Image
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.names import safe_name
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
"""Called with how many photos are done, and of how many."""

SIDES = {"train": "train", "val": "train", "test": "test"}
"""Split -> folder, in layouts that have no validation."""

WITHOUT_FOODS = "photos without foods"
MARK = 8
"""Digits of a photo's sha256 in its name."""


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        photos, foods: how many.
        left_out: what is not in it, or not as it was -> how many.
    """

    photos: int
    foods: int
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class ExportPhoto:
    """A photo to be written.

    Attributes:
        stem: what its files are called, without an ending; no other photo of the project has it.
        file: upright, without metadata.
    """

    final: FinalPhoto
    stem: str
    file: Path

    @property
    def name(self) -> str:
        """Of its file in the export."""
        return self.stem + self.file.suffix

    @property
    def split(self) -> str:
        return self.final.split

    @property
    def foods(self) -> tuple[FinalFood, ...]:
        return self.final.foods

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.final.item.photo.height, self.final.item.photo.width

    def copy_into(self, folder: Path) -> None:
        """Copy the file into a folder that is there.

        No hard link: some trainers mend or shrink the photos they are given in place, and would change the store's.
        """
        shutil.copyfile(self.file, folder / self.name)

    def pixels(self) -> Pixels:
        """uint8 (H, W, 3). Raises StoreError where the file is damaged."""
        try:
            with Image.open(self.file) as image:
                return np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            name = self.final.item.name
            raise StoreError(f"The file of the photo {name!r} in the data folder is damaged.") from error


Write = Callable[[Path, Iterator[ExportPhoto], Sequence[Label]], Mapping[str, int]]
"""Writes one format into a new folder: (folder, photos, label set in its order) -> what it left out, and how many.

Takes one photo after the other, and keeps none.
"""


class Export(Protocol):
    """Writes a project in one format."""

    def __call__(
        self,
        store: Store,
        files: PhotoFiles,
        project_id: int,
        out: Path,
        shares: Shares,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write the photos that are done, as `final_photos` has them, and their foods.

        Args:
            out: a new or an empty folder; while it is being written it has another name.

        Raises:
            StoreError: there is no such project, `out` is not free or cannot be written, or the file of a photo is
                missing. Then nothing is written.
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
    """Write a project with `write`; otherwise as `Export`."""
    with _whole(out) as folder, store.reading() as session:
        labels = labels_of(session, project(session, project_id).id)
        written: Counter[str] = Counter()
        photos = _photos(session, files, project_id, shares, progress, written)
        lost = write(folder, photos, labels)
        left_out = {**_left_out(session, project_id, written["foods"]), **lost}
    return ExportReport(
        photos=written["photos"] - left_out.get(WITHOUT_FOODS, 0),
        foods=written["foods"],
        left_out={reason: count for reason, count in left_out.items() if count > 0},
    )


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder to write in, which becomes `out` when the block ends well and is gone when it does not."""
    try:
        out = out.resolve()
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise StoreError(f"{out} is there already; export into a new or an empty folder.")
        part = out.with_name(f"{out.name}.part")
        if part.exists():
            raise StoreError(
                f"{part} is there already, of an export that runs or was broken off; "
                "delete it, or export into another folder."
            )
        part.mkdir(parents=True)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise StoreError(
            f"The folder {out} cannot be made: {getattr(error, 'strerror', '') or error}."
        ) from error
    try:
        yield part
        if out.exists():
            out.rmdir()
        part.replace(out)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreError(f"The export could not be written: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _photos(
    session: Session,
    files: PhotoFiles,
    project_id: int,
    shares: Shares,
    progress: Progress | None,
    written: Counter[str],
) -> Iterator[ExportPhoto]:
    """The photos to write; each is counted once the next is asked for."""
    total = _count_items(session, project_id, ~_has(UNUSABLE), _has(DONE))
    alike = _alike_marks(session, project_id)
    for final in final_photos(session, project_id, shares):
        photo = final.item.photo
        file = files.working_copy(photo.sha256, photo.format)
        if not file.is_file():
            raise StoreError(f"The file of the photo {final.item.name!r} is missing from the data folder.")
        yield ExportPhoto(final, _stem(final.item, alike), file)
        written.update(photos=1, foods=len(final.foods))
        if progress is not None:
            progress(written["photos"], total)


def _stem(item: Item, alike: frozenset[str]) -> str:
    sha256 = item.photo.sha256
    mark = sha256 if sha256[:MARK] in alike else sha256[:MARK]
    given = PurePosixPath(item.name.replace("\\", "/")).stem
    return f"{safe_name(given.removesuffix(f'-{mark}'))}-{mark}"


def _alike_marks(session: Session, project_id: int) -> frozenset[str]:
    """Beginnings of a sha256 that several photos of a project share, which is rare."""
    mark = func.substr(Photo.sha256, 1, MARK)
    of_project = select(mark).join(Item, Item.photo_id == Photo.id).where(Item.project_id == project_id)
    return frozenset(session.scalars(of_project.group_by(mark).having(func.count() > 1)))


def _left_out(session: Session, project_id: int, exported_foods: int) -> dict[str, int]:
    """Photos that are not done, and foods on the others that were not taken: what they are -> how many."""
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
        "photos called unusable": _count_items(session, project_id, _has(UNUSABLE)),
        "foods without a name": foods(standing, Annotation.label_id.is_(None)),
        "foods that a reviewer rejected": foods(Annotation.status == REJECTED),
        "foods of other annotators than the one whose were taken": foods(
            standing, Annotation.label_id.is_not(None)
        )
        - exported_foods,
    }


def _count_items(session: Session, project_id: int, *conditions: ColumnElement[bool]) -> int:
    asked = select(func.count()).select_from(Item).where(Item.project_id == project_id, *conditions)
    return session.scalar(asked) or 0


def _has(state: str) -> ColumnElement[bool]:
    """Whether someone's verdict on an item is this."""
    return exists().where(Verdict.item_id == Item.id, Verdict.state == state)
