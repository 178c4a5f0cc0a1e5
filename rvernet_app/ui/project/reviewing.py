"""What the page asks of the store beyond one's own labelling: reviews, agreement, and how a project stands."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from matplotlib.figure import Figure
from sqlalchemy.orm import Session

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import Rle, from_rle, polygons
from rvernet_app.picture.photo_cache import PhotoShelf
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.reports.agreement import agreement, draw_agreement
from rvernet_app.reports.dashboard import dashboard, draw_dashboard
from rvernet_app.store import projects, queue, review
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.measures import Table
from rvernet_app.store.tables import Annotation, Item
from rvernet_app.ui.project.labeling import comments_json, portion_json
from rvernet_app.ui.requests import as_mapping, number, read_portion, text
from rvernet_app.ui.visitor.handlers import Reply

FIGURE_DPI = 110


class Reviewing:
    """A store's reviews and reports, for the page; each function takes untrusted JSON and returns JSON.

    Args:
        shelf, present: as for `Labeling`.
    """

    def __init__(
        self, store: Store, files: PhotoFiles, shelf: PhotoShelf, present: Callable[[LoadedPhoto, str], Reply]
    ) -> None:
        self._store = store
        self._files = files
        self._shelf = shelf
        self._present = present

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.open_review, self.accept, self.reject, self.merge, self.comment, self.report]

    def open_review(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "after", "least"} or {"project", "item"} -> a photo with its foods side by side.

        {"item": null} where no photo waits for the visitor. One they have begun themselves and are not done with is
        not shown to them.
        """
        project_id = int(number(message, "project"))
        with self._store.reading() as session:
            item = self._asked(session, message, project_id, me)
            if item is None:
                return {"item": None}
            sha256, name = item.photo.sha256, item.name
            reply = {"item": item.id, "position": item.position, **self._comparison(session, item)}
        # Outside the transaction: decoding a photo takes long.
        photo = self._shelf.add(self._files.original(sha256))
        return {**reply, "photo": self._present(photo, name)}

    def accept(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "id", "revision"} -> the photo's foods side by side, once committed."""
        item, id, revision = (int(number(message, name)) for name in ("item", "id", "revision"))
        with self._reviewing(item, me) as (session, mine):
            review.accept(session, item, mine, id, revision)
        return self._now(item)

    def reject(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "id", "revision"} -> the photo's foods side by side, once committed."""
        item, id, revision = (int(number(message, name)) for name in ("item", "id", "revision"))
        with self._reviewing(item, me) as (session, mine):
            review.reject(session, item, mine, id, revision)
        return self._now(item)

    def merge(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "foods": [{"id", "revision"}, …], "how", "label", "portion"} -> the foods, once committed."""
        item = int(number(message, "item"))
        foods, portion = message.get("foods"), message.get("portion")
        if not isinstance(foods, list):
            raise PromptError("Choose two or more foods to merge.")
        revisions = {
            int(number(food, "id")): int(number(food, "revision")) for food in map(as_mapping, foods)
        }
        how = text(message, "how")
        label_id = None if message.get("label") is None else int(number(message, "label"))
        merged_portion = None if portion is None else read_portion(as_mapping(portion))
        with self._reviewing(item, me) as (session, mine):
            review.merge(session, item, mine, revisions, how, label_id, merged_portion)
        return self._now(item)

    def comment(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"item", "words"} -> the photo's foods and comments, once committed."""
        item, words = int(number(message, "item")), text(message, "words")
        with self._reviewing(item, me) as (session, mine):
            review.comment(session, item, mine, words)
        return self._now(item)

    def report(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "of": "dashboard" or "agreement"} -> its tables and its figure."""
        project_id = int(number(message, "project"))
        with self._store.reading() as session:
            projects.project(session, project_id)
            if text(message, "of") == "agreement":
                agreed = agreement(session, project_id)
                return _report_json(agreed.tables(), draw_agreement(agreed))
            standing = dashboard(session, project_id)
            return _report_json(standing.tables(), draw_dashboard(standing))

    def _asked(self, session: Session, message: Mapping[str, Any], project_id: int, me: str) -> Item | None:
        mine = projects.find_annotator(session, me)
        if message.get("item") is not None:
            item = queue.item(session, project_id, int(number(message, "item")))
            if mine is not None:
                review.require_independent(session, item.id, mine)
            return item
        after, least = int(number(message, "after", -1)), int(number(message, "least", 2))
        for start in dict.fromkeys((after, -1)):
            waiting = review.review_queue(
                session, project_id, reviewer_id=mine, least=least, after=start, limit=1
            )
            if waiting:
                return waiting[0]
        return None

    @contextmanager
    def _reviewing(self, item_id: int, me: str) -> Iterator[tuple[Session, int]]:
        """Open a transaction for a reviewer's decision; yields the session and the reviewer's id.

        Raises:
            StoreError: the reviewer has begun this photo and is not done with it.
        """
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
            review.require_independent(session, item_id, mine)
            yield session, mine

    def _now(self, item_id: int) -> Reply:
        with self._store.reading() as session:
            item = session.get_one(Item, item_id)
            return self._comparison(session, item)

    def _comparison(self, session: Session, item: Item) -> Reply:
        compared = review.side_by_side(session, item.id)
        size_hw = item.photo.height, item.photo.width
        return {
            "annotators": [annotator.name for annotator in compared.annotators],
            "compared": [
                {
                    "foods": [None if row is None else _food_json(row, size_hw) for row in food.annotations],
                    "iou": food.iou,
                    "same_label": food.same_label,
                }
                for food in compared.foods
            ],
            "merged": [_food_json(row, size_hw) for row in compared.merged],
            "comments": comments_json(session, item.id),
        }


def _food_json(row: Annotation, size_hw: tuple[int, int]) -> Reply:
    return {
        "id": row.id,
        "revision": row.revision,
        "status": row.status,
        "label": row.label_id,
        "polygons": polygons(from_rle(Rle(size=list(size_hw), counts=row.counts), size_hw)),
        "portion": portion_json(row),
        "note": row.note,
    }


def _report_json(tables: tuple[Table, ...], figure: Figure) -> Reply:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=FIGURE_DPI)
    return {
        "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in tables],
        "figure": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
