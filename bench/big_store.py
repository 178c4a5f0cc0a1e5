"""Fill a store of any size in about a minute: the project of a team, with nine tenths of the photos begun.

The rows of one block of photos are drawn at random. The database copies the block until there are enough
photos.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import ColumnElement, case, func, insert, literal, select, text
from sqlalchemy.orm import Session

from rvernet_app.picture.masks import Rle, to_rle
from rvernet_app.store import projects
from rvernet_app.store.annotations import Draft, Portion
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import now, snapshot
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.tables import (
    ACCEPTED,
    DONE,
    OPEN,
    REJECTED,
    SAVED,
    SKIPPED,
    UNUSABLE,
    Annotation,
    Base,
    Event,
    Item,
    Photo,
    Verdict,
)

SIZE_HW = (480, 640)
"""Height and width of every photo."""
BLOCK = 1000
"""Number of photos in a block."""
BEGUN = 0.9
"""Share of the photos that an annotator has begun; they are the first ones of the queue."""
DOUBLE, BOTH = 0.2, 0.7
"""Share of the photos that need two annotators, and share of these that the second has begun too."""
STATES_DRAWN = {DONE: 0.93, SKIPPED: 0.03, UNUSABLE: 0.03, OPEN: 0.01}
STATUSES_DRAWN = {SAVED: 0.85, ACCEPTED: 0.1, REJECTED: 0.05}
EDITED = 0.1
"""Share of the foods that were changed once after saving."""
RANKED = 0.5
"""Share of the new photos with a known uncertainty."""
LATE_BLOCKS = 2
"""In this many blocks, the last ones, an annotator who joined late replaces the first one of the team."""
TABLES: tuple[type[Base], ...] = (Photo, Item, Verdict, Annotation, Event)


@dataclass(frozen=True)
class BigStore:
    """A filled store.

    Attributes:
        team: annotators who were there from the start; the first one has left no photo open.
        late: the annotator who joined late.
        labels: ids, the most common label first.
        photos: number of photos; the ids of their items are 1, 2, … in the order of the queue.
        begun: number of photos that an annotator has begun; they are the first ones.
    """

    store: Store
    files: PhotoFiles
    project: int
    team: tuple[str, ...]
    late: str
    labels: tuple[int, ...]
    photos: int
    begun: int


def fill(store: Store, photos: int, foods: int, team: int) -> BigStore:
    """Fill a new store.

    Args:
        photos: number of photos, at least two blocks; the begun photos are whole blocks.
        foods: approximate number of foods on all photos.
        team: number of annotators who are there from the start.
    """
    blocks = int(photos * BEGUN) // BLOCK
    double = DOUBLE if team > 1 else 0.0
    names = [*(f"annotator {n}" for n in range(1, team + 1)), "late"]
    with store.writing() as session:
        project = projects.create_project(session, "Canteen", double_share=double)
        ids = [projects.ensure_annotator(session, name) for name in names]
    with store.reading() as session:
        labels = tuple(label.id for label in labels_of(session, project))
        before = session.scalar(select(func.max(Event.id))) or 0
    made = _Block(project, ids[:-1], labels, double, foods / (blocks * BLOCK), before)
    with store.writing() as session:
        for table, rows in made.rows.items():
            session.execute(insert(table), rows)
    for number in range(1, blocks):
        who = {ids[0]: ids[-1]} if number >= blocks - LATE_BLOCKS else {}
        with store.writing() as session:
            _copy(session, made, number, who)
    with store.writing() as session:
        _add_waiting(session, project, double, blocks * BLOCK + 1, photos)
    _settle(store)
    files = PhotoFiles(store.folder, max_mb=1, max_megapixels=1)
    _add_files(store, files)
    team_names = tuple(names[:-1])
    return BigStore(store, files, project, team_names, names[-1], labels, photos, blocks * BLOCK)


class _Block:
    """The rows of the first photos, all of them begun.

    Args:
        double: share of the photos that need two annotators.
        foods: mean number of foods on a photo.
        events: number of events already in the store.
    """

    def __init__(
        self,
        project: int,
        annotators: list[int],
        labels: tuple[int, ...],
        double: float,
        foods: float,
        events: int,
    ) -> None:
        self.rows: dict[type[Base], list[dict[str, Any]]] = {table: [] for table in TABLES}
        self._project = project
        self._annotators = annotators
        self._labels = labels
        self._events = events
        self._rng = np.random.default_rng(0)
        ranks = np.arange(1, len(labels) + 1)
        self._shares = ranks**-1.5 / (ranks**-1.5).sum()  # a few foods are common, many are rare
        self._masks = [_blob(self._rng) for _ in range(50)]
        self._at = now()
        verdicts = (1 + double * BOTH) * STATES_DRAWN[DONE]
        for n in range(1, BLOCK + 1):
            wanted = 1 + int(self._rng.random() < double)
            taken = 1 + int(wanted > 1 and self._rng.random() < BOTH)
            self._add(Photo, photo_row(n, self._rng))
            self._add(Item, item_row(project, n, wanted=wanted, taken=taken))
            for annotator in self._rng.choice(annotators, taken, replace=False).tolist():
                state = self._drawn(STATES_DRAWN)
                if state == OPEN and annotator == annotators[0]:
                    state = DONE
                self._add_verdict(n, annotator, state)
                for _ in range(self._rng.poisson(foods / verdicts) if state == DONE else 0):
                    self._add_food(n, annotator)

    def count(self, table: type[Base]) -> int:
        """Return the number of rows of a table, which is also the last id."""
        return len(self.rows[table])

    def _add(self, table: type[Base], row: dict[str, Any]) -> dict[str, Any]:
        row = {**row, "id": len(self.rows[table]) + 1}
        self.rows[table].append(row)
        return row

    def _drawn(self, shares: dict[str, float]) -> str:
        return str(self._rng.choice(list(shares), p=list(shares.values())))

    def _add_verdict(self, n: int, annotator: int, state: str) -> None:
        begun = {
            "project_id": self._project,
            "item_id": n,
            "annotator_id": annotator,
            "begun_at": self._at,
            "changed_at": self._at,
            "state": OPEN,
            "reason": None,
            "seconds": 0.0,
            "revision": 1,
        }
        said = {
            **begun,
            "state": state,
            "reason": "blurred" if state == UNUSABLE else None,
            "seconds": float(self._rng.gamma(4, 15)),
            "revision": 2,
        }
        row = self._add(Verdict, begun if state == OPEN else said)
        self._add_event(Verdict, None, {**begun, "id": row["id"]})
        if state != OPEN:
            self._add_event(Verdict, {**begun, "id": row["id"]}, row)

    def _add_food(self, n: int, annotator: int) -> None:
        label = int(self._rng.choice(self._labels, p=self._shares))
        suggestions = [(f"food {k}", round(0.7 / 2**k, 4)) for k in range(5)]
        draft = Draft(
            self._masks[self._rng.integers(len(self._masks))],
            label,
            prompts={"points": self._rng.integers(0, 640, (3, 2)).tolist(), "labels": [1, 1, 0], "box": None},
            segmenter="mobile_sam@0123456789abcdef",
            checkpoint="rvernet@fedcba9876543210",
            suggestions=suggestions,
            suggestion_taken=bool(self._rng.random() < 0.7),
            portion=Portion(float(self._rng.integers(5, 400)), "g", "weighed"),
            note="no oil" if self._rng.random() < 0.1 else "",
        )
        new = {
            **draft.columns(),
            "project_id": self._project,
            "item_id": n,
            "annotator_id": annotator,
            "status": SAVED,
            "sources": [],
            "revision": 1,
            "created_at": self._at,
            "changed_at": self._at,
        }
        status = self._drawn(STATUSES_DRAWN)
        changed = status != SAVED or self._rng.random() < EDITED
        row = self._add(Annotation, {**new, "status": status, "revision": 2} if changed else new)
        self._add_event(Annotation, None, {**new, "id": row["id"]})
        if changed:
            self._add_event(Annotation, {**new, "id": row["id"]}, row)

    def _add_event(self, table: type[Base], before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        event = {
            **{name: after[name] for name in ("project_id", "item_id", "annotator_id", "revision")},
            "at": self._at,
            "subject": table.__tablename__,
            "subject_id": after["id"],
            "undoes_id": None,
            "before": None if before is None else snapshot(table(**before)),
            "after": snapshot(table(**after)),
        }
        self.rows[Event].append({**event, "id": self._events + len(self.rows[Event]) + 1})


def photo_row(n: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the row of a photo. Copies replace the last eight digits of its hash, which are zeros."""
    height, width = SIZE_HW
    sha256 = rng.bytes(28).hex() + "0" * 8
    return {"id": n, "sha256": sha256, "format": "JPEG", "width": width, "height": height, "added_at": now()}


def item_row(project: int, n: int, **rest: Any) -> dict[str, Any]:
    """Return the row of an item; a meal has two photos."""
    return {
        "id": n,
        "project_id": project,
        "photo_id": n,
        "position": n - 1,
        "name": f"IMG_{n:06}.jpg",
        "meal": f"tray {n // 2}",
        "before_id": None,
        "uncertainty": None,
        "blind": False,
        **rest,
    }


def _blob(rng: np.random.Generator) -> Rle:
    """Draw the mask of a food: an ellipse with a wavy edge."""
    height, width = SIZE_HW
    rows, columns = np.mgrid[:height, :width]
    x, y = rng.uniform(0.25, 0.75, 2) * (width, height)
    across, down, waves = rng.uniform(30, 150), rng.uniform(30, 110), rng.integers(3, 12)
    angle = np.arctan2(rows - y, columns - x)
    reach = 1 + 0.15 * np.sin(waves * angle) + 0.03 * np.sin(41 * angle)
    return to_rle(((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 <= reach**2)


def _copy(session: Session, block: _Block, number: int, who: dict[int, int]) -> None:
    """Append a copy of the block to the queue.

    Args:
        number: 1 for the first copy.
        who: annotator id in the block -> annotator id in the copy.
    """
    photos = number * BLOCK
    for table in TABLES:
        own = number * block.count(table)
        shifts = {"id": own, "photo_id": photos, "item_id": photos, "position": photos}
        columns: dict[str, ColumnElement[Any]] = {}
        for column in table.__table__.columns:
            columns[column.name] = column + shifts[column.name] if column.name in shifts else column
        if table is Photo:
            columns["sha256"] = func.substr(Photo.sha256, 1, 56) + literal(f"{number:08x}")
        if table is Item:
            columns["meal"] = Item.meal + literal(f" of block {number}")
        if table is Event:
            of_verdict = Event.subject == Verdict.__tablename__
            other = case((of_verdict, block.count(Verdict)), else_=block.count(Annotation))
            columns["subject_id"] = Event.subject_id + number * other
        if who and "annotator_id" in columns:
            columns["annotator_id"] = case(who, value=columns["annotator_id"], else_=columns["annotator_id"])
        ids = [row["id"] for row in block.rows[table]]
        rows = select(*columns.values()).where(table.__table__.c.id.between(ids[0], ids[-1]))
        session.execute(insert(table).from_select(list(columns), rows))


def _add_waiting(session: Session, project: int, double: float, first: int, last: int) -> None:
    """Add new photos, which nobody has begun."""
    rng = np.random.default_rng(1)
    photos, items = [], []
    for n in range(first, last + 1):
        photos.append(photo_row(n, rng))
        uncertainty = float(rng.random()) if rng.random() < RANKED else None
        wanted = 1 + int(rng.random() < double)
        items.append(item_row(project, n, wanted=wanted, taken=0) | {"uncertainty": uncertainty})
    if photos:
        session.execute(insert(Photo), photos)
        session.execute(insert(Item), items)


def _settle(store: Store) -> None:
    """Set the counters and statistics of PostgreSQL as in a database that has grown over months."""
    if store.engine.dialect.name != "postgresql":
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in TABLES:
            counter = func.pg_get_serial_sequence(table.__tablename__, "id")
            last = select(func.max(table.__table__.c.id)).scalar_subquery()
            connection.execute(select(func.setval(counter, last)))
        connection.execute(text("VACUUM ANALYZE"))


def _add_files(store: Store, files: PhotoFiles) -> None:
    """Add the working copy and the thumbnail of every photo, as hard links to one picture."""
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 256, (*SIZE_HW, 3), np.uint8))
    thumbnail = picture.resize((160, 120))
    with store.reading() as session:
        hashes = list(session.scalars(select(Photo.sha256)))
    first_of: dict[Path, Path] = {}
    for sha256 in hashes:
        for made, path in _pictures(files, store.folder, sha256, picture, thumbnail):
            first = first_of.setdefault(path.parent, path)
            if first is path:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.save(path, quality=85)
            else:
                os.link(first, path)


def _pictures(
    files: PhotoFiles, folder: Path, sha256: str, picture: Image.Image, thumbnail: Image.Image
) -> Iterator[tuple[Image.Image, Path]]:
    yield picture, files.working_copy(sha256, "JPEG")
    yield thumbnail, folder / "thumbnails" / sha256[:2] / f"{sha256}.jpg"
