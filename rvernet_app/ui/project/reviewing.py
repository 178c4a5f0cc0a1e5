"""Answers about reviews of other annotators' foods, and reports of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.reports.agreement import agreement, draw_agreement
from rvernet_app.reports.dashboard import dashboard, draw_dashboard
from rvernet_app.store import projects, queue, review
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import Item
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project import replies, requests
from rvernet_app.ui.project.rows import comment_replies, report_reply, reviewed_food
from rvernet_app.ui.visitor.replies import PhotoReply

NO_COUPLE = (
    "No photo has been finished by two people yet, so there is nothing to compare. Let a second person label "
    "some of the photos: the share is set under “This project”."
)


class Reviewing:
    """Answers about a store's reviews and reports, for the page.

    Args:
        photos, present: as for `Labeling`.
    """

    def __init__(
        self,
        store: Store,
        files: PhotoFiles,
        photos: PhotoCache,
        present: Callable[[LoadedPhoto, str], PhotoReply],
    ) -> None:
        self._store = store.acting
        self._files = files
        self._photos = photos
        self._present = present

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.open_review, self.accept, self.reject, self.merge, self.comment, self.report]

    def open_review(self, asked: requests.OpenReview, me: Actor) -> replies.Review:
        """Open a photo to review, with its foods side by side.

        A photo on which the visitor has a place, or may still take one, is not shown before they are done
        with it. That they have seen it is kept, so they cannot begin it later.
        """
        with self._store(me).reading() as session:
            item = _asked(session, asked, projects.find_annotator(session, me.name) or projects.NOBODY)
            if item is None:
                return replies.Review(item=None)
            review_reply = _compared(session, item)
            sha256, name = item.photo.sha256, item.name
            place = {"item": item.id, "position": item.position}
        review.keep_sight(self._store(me), place["item"])
        photo = self._photos.add(self._files.original(sha256))  # outside the transaction: decoding takes long
        return review_reply.model_copy(update={**place, "photo": self._present(photo, name)})

    def accept(self, asked: requests.Decide, me: Actor) -> replies.Review:
        """Accept a food, and return the foods side by side once that is committed."""
        with self._reviewing(me) as (session, mine):
            review.accept(session, asked.item, mine, asked.id, asked.revision)
        return self._now(asked.item, me)

    def reject(self, asked: requests.Decide, me: Actor) -> replies.Review:
        """Reject a food, and return the foods side by side once that is committed."""
        with self._reviewing(me) as (session, mine):
            review.reject(session, asked.item, mine, asked.id, asked.revision)
        return self._now(asked.item, me)

    def merge(self, asked: requests.Merge, me: Actor) -> replies.Review:
        """Merge what annotators have of one food, and return the foods once that is committed."""
        revisions = {food.id: food.revision for food in asked.foods}
        portion = asked.portion.portion() if asked.portion else None
        with self._reviewing(me) as (session, mine):
            review.merge(session, asked.item, mine, revisions, asked.how, asked.label, portion)
        return self._now(asked.item, me)

    def comment(self, asked: requests.Comment, me: Actor) -> replies.Review:
        """Remark something on a photo, and return its foods and remarks once that is committed."""
        with self._reviewing(me) as (session, mine):
            review.comment(session, asked.item, mine, asked.words)
        return self._now(asked.item, me)

    def report(self, asked: requests.ShowReport, me: Actor) -> replies.Report:
        """Return a report of a project."""
        with self._store(me).reading() as session:
            projects.project(session, asked.project)
            if asked.of == "agreement":
                agreed = agreement(session, asked.project)
                if agreed.couples:
                    return report_reply(agreed.tables(), draw_agreement(agreed))
                return report_reply(agreed.tables_of_one(), None, NO_COUPLE)
            standing = dashboard(session, asked.project)
            return report_reply(standing.tables(), draw_dashboard(standing))

    @contextmanager
    def _reviewing(self, me: Actor) -> Iterator[tuple[Session, int]]:
        """Open a transaction for a reviewer's decision; yield the session and the reviewer's id."""
        with self._store(me).writing() as session:
            mine = projects.ensure_annotator(session, me.name)
            yield session, mine

    def _now(self, item_id: int, me: Actor) -> replies.Review:
        review.keep_sight(self._store(me), item_id)
        with self._store(me).reading() as session:
            return _compared(session, session.get_one(Item, item_id))


def _asked(session: Session, asked: requests.OpenReview, mine: int) -> Item | None:
    if asked.item is not None:
        return queue.item(session, asked.project, asked.item)
    after = -1 if asked.after is None else asked.after
    least = 2 if asked.least is None else asked.least
    for start in dict.fromkeys((after, -1)):
        waiting = review.review_queue(
            session, asked.project, reviewer_id=mine, least=least, after=start, limit=1
        )
        if waiting:
            return waiting[0]
    return None


def _compared(session: Session, item: Item) -> replies.Review:
    compared = review.side_by_side(session, item.id)
    size_hw = item.photo.height, item.photo.width
    return replies.Review(
        annotators=[annotator.name for annotator in compared.annotators],
        compared=[
            replies.ComparedFood(
                foods=[None if row is None else reviewed_food(row, size_hw) for row in food.annotations],
                iou=food.iou,
                same_label=food.same_label,
            )
            for food in compared.foods
        ],
        merged=[reviewed_food(row, size_hw) for row in compared.merged],
        comments=comment_replies(session, item.id),
    )
