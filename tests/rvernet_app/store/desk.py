"""A small project for the store tests, and the helpers that they share."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import RvernetError
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import Rle, to_rle
from rvernet_app.store.annotations import Draft, Saved, delete, save
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import snapshot
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.history import redo, undo
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import add_photos
from rvernet_app.store.tables import Annotation, Base, Event, Item, Verdict

SIZE_HW = (6, 8)
"""Height and width of every photo, in pixels."""

Result = TypeVar("Result")
Given = ParamSpec("Given")


@dataclass(frozen=True)
class Desk:
    """A project that wants two annotators per photo.

    Attributes:
        labels: label ids by name (rice, soup, beans).
        ann: id of the annotator Ann.
        ben: id of the annotator Ben.
        items: item ids in queue order.
    """

    store: Store
    files: PhotoFiles
    project: int
    labels: dict[str, int]
    ann: int
    ben: int
    items: tuple[int, ...]

    def draft(self, note: str = "", label: str | None = "rice", left: int = 0, **rest: Any) -> Draft:
        label_id = None if label is None else self.labels[label]
        return Draft(square(left), label_id=label_id, note=note, **rest)

    def save(
        self, note: str = "", by: int | None = None, item: int = 0, step: str | None = None, **rest: Any
    ) -> Saved:
        """Save a new food on a photo, as Ann unless `by` names someone else."""
        draft = self.draft(note, **rest)
        return commit(self.store, save, self.items[item], by or self.ann, draft, step=step)

    def edit(
        self,
        saved: Saved,
        note: str,
        by: int | None = None,
        item: int = 0,
        step: str | None = None,
        **rest: Any,
    ) -> Saved:
        draft, who = self.draft(note, **rest), by or self.ann
        with self.store.writing() as session:
            return save(
                session, self.items[item], who, draft, id=saved.id, revision=saved.revision, step=step
            )

    def delete(self, saved: Saved, by: int | None = None, item: int = 0, step: str | None = None) -> Saved:
        who = by or self.ann
        with self.store.writing() as session:
            return delete(session, self.items[item], who, id=saved.id, revision=saved.revision, step=step)

    def undo(self, by: int | None = None, item: int = 0) -> list[Event]:
        return commit(self.store, undo, self.items[item], by or self.ann)

    def redo(self, by: int | None = None, item: int = 0) -> list[Event]:
        return commit(self.store, redo, self.items[item], by or self.ann)

    def food(self, id: int) -> Annotation:
        with self.store.reading() as session:
            return session.get_one(Annotation, id)

    def item(self, number: int = 0) -> Item:
        with self.store.reading() as session:
            return session.get_one(Item, self.items[number])

    def count(self, table: type[Base] = Event) -> int:
        with self.store.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


def commit(
    store: Store,
    change: Callable[Concatenate[Session, Given], Result],
    *args: Given.args,
    **kwargs: Given.kwargs,
) -> Result:
    """Call a store function in its own transaction and return its result."""
    with store.writing() as session:
        return change(session, *args, **kwargs)


def set_up(store: Store, photos: int = 4, double_share: float = 1.0) -> Desk:
    """Create a desk in an empty store."""
    names = [LabelName("rice"), LabelName("soup", ("broth",)), LabelName("beans", food_code="175199")]
    project = commit(store, create_project, "Trays", names, double_share=double_share, self_review=True)
    files = PhotoFiles(store.folder, max_mb=1, max_megapixels=1)
    added = add_photos(store, files, project, [(f"{n}.png", picture(n)) for n in range(photos)])
    with store.reading() as session:
        labels = {label.name: label.id for label in labels_of(session, project)}
    items = tuple(one.item_id or 0 for one in added)
    ann, ben = (commit(store, ensure_annotator, name) for name in ("Ann", "Ben"))
    return Desk(store, files, project, labels, ann, ben, items)


def nobody(name: str) -> bool:
    """Say that nobody who has logged in runs the server."""
    return False


def picture(number: int, file_format: str = "PNG") -> bytes:
    """Return an image file of one colour; each number has its own colour."""
    file = io.BytesIO()
    Image.new("RGB", SIZE_HW[::-1], (number % 256, number // 256, 90)).save(file, file_format)
    return file.getvalue()


def square(left: int = 0, side: int = 2, size_hw: tuple[int, int] = SIZE_HW) -> Rle:
    """Return a square mask with its upper left corner at x = `left`, y = 1."""
    mask = np.zeros(size_hw, np.bool_)
    mask[1 : 1 + side, left : left + side] = True
    return to_rle(mask)


def at_once(*calls: Callable[[], Result]) -> list[Result | RvernetError]:
    """Start all calls at the same moment, one per thread; return each result or the error it raised."""
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result | RvernetError:
        together.wait()
        try:
            return call()
        except RvernetError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def require_complete_events(session: Session) -> None:
    """Check that the events of each row form a chain that ends with the current row."""
    last: dict[tuple[str, int], dict[str, Any] | None] = {}
    for event in session.scalars(select(Event).order_by(Event.id)):
        row = (event.subject, event.subject_id)
        assert event.before == last.get(row)
        assert event.after is not None
        assert event.revision == event.after.get("revision")
        assert event.before is None or event.revision == event.before["revision"] + 1
        last[row] = event.after
    rows: list[Annotation | Verdict] = [
        *session.scalars(select(Annotation)),
        *session.scalars(select(Verdict)),
    ]
    said = {row: after for row, after in last.items() if row[0] in ("annotation", "verdict")}
    assert {(row.__tablename__, row.id): snapshot(row) for row in rows} == said
