"""Which annotations of a photo are of one food, whoever made them, and what a decision between them stands on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.picture.masks import Rle
from rvernet_app.store.event_log import change
from rvernet_app.store.measures import mask_ious, same_foods
from rvernet_app.store.tables import ACCEPTED, DELETED, DONE, REJECTED, SAVED, Annotation, Item, Verdict


def done_with(session: Session, item: Item) -> set[int]:
    """Ids of the annotators who are done with a photo."""
    asked = select(Verdict.annotator_id).where(Verdict.item_id == item.id, Verdict.state == DONE)
    return set(session.scalars(asked))


def rows_of(session: Session, item: Item) -> list[Annotation]:
    """What a reviewer decides on: foods of those who are done, what was decided on before, and merged ones."""
    asked = select(Annotation).where(Annotation.item_id == item.id, Annotation.status != DELETED)
    done = done_with(session, item)
    rows = session.scalars(asked.order_by(Annotation.id))
    return [row for row in rows if row.sources or row.annotator_id in done or row.status != SAVED]


def foods_of(item: Item, rows: Sequence[Annotation]) -> list[list[Annotation]]:
    """The annotators' own among the rows, put together by the food they are of."""
    own = [row for row in rows if not row.sources]
    rles = [rle_of(item, row) for row in own]
    foods = same_foods(mask_ious(rles, rles), [row.annotator_id for row in own])
    return [[own[place] for place in food] for food in foods]


def family(item: Item, rows: Sequence[Annotation], chosen: Sequence[Annotation]) -> list[Annotation]:
    """The chosen, what they were merged of, what is matched to any of these, and what was merged of any."""
    ids = {row.id for row in chosen} | {id for row in chosen for id in row.sources}
    for food in foods_of(item, rows):
        of_food = {row.id for row in food}
        if ids & of_food:
            ids |= of_food
    return [row for row in rows if row.id in ids or ids.intersection(row.sources)]


def reopen(session: Session, item: Item, row: Annotation) -> None:
    """Withdraw the decision on a food whose annotation is about to change: it was made of what will be no more.

    The other annotations of the food are as their annotators left them again, and what was merged of them is rejected,
    so that the food is there once, now as after the next decision. The annotation itself is left to the caller. Nobody
    does this by themselves, so it is no deed of anybody that could be undone.

    Args:
        item: locked.
        row: accepted or rejected.
    """
    rows = rows_of(session, item)
    for other in family(item, rows, [row]):
        if other is not row and other.status in (ACCEPTED, REJECTED):
            change(session, other, {"status": REJECTED if other.sources else SAVED}, None, other.revision)


def rle_of(item: Item, row: Annotation) -> Rle:
    """An annotation's mask, of its photo's size."""
    return Rle(size=[item.photo.height, item.photo.width], counts=row.counts)
