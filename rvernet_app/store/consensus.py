"""What a project says of each photo, once: the foods that exports and trainings take, photo by photo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.picture.masks import Rle
from rvernet_app.store.tables import (
    ACCEPTED,
    DONE,
    SAVED,
    UNUSABLE,
    Annotation,
    Annotator,
    Event,
    Item,
    Label,
    Photo,
    Verdict,
)

SPLITS = ("train", "val", "test")
AT_ONCE = 500
"""Photos read at a time."""


@dataclass(frozen=True)
class FinalFood:
    """One food on a photo.

    Attributes:
        label: its name.
        rle: its mask.
        saved_at: when its annotator changed it last, whatever a reviewer did since.
    """

    annotation: Annotation
    label: Label
    annotator: str
    rle: Rle
    saved_at: datetime


@dataclass(frozen=True)
class FinalPhoto:
    """A photo with all foods named on it.

    Attributes:
        meal: what must not be split: the meal, or the photo itself where none was given. Photos of leftovers, and of
            what was left of these, go with the first of them, whatever meal they say they are of.
        split: one of SPLITS.
        before: the photo taken before the meal, where this one shows what was left of it.
    """

    item: Item
    before: Item | None
    meal: str
    split: str
    foods: tuple[FinalFood, ...]


@dataclass(frozen=True)
class Shares:
    """How much goes to validation and to the test; the rest is for training.

    Raises:
        StoreError: they are not shares, or leave nothing.
    """

    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (self.val >= 0 and self.test >= 0 and self.val + self.test < 1):
            raise StoreError(f"Shares of {self.val:g} and {self.test:g} leave nothing to train on.")

    def split_of(self, meal: str) -> str:
        """The split of a meal, by a hash of its name: it stays when others are added."""
        drawn = int.from_bytes(hashlib.sha256(meal.encode()).digest()[:4], "big") / 2**32
        return "val" if drawn < self.val else "test" if drawn < self.val + self.test else "train"


def final_photos(session: Session, project_id: int, shares: Shares | None = None) -> Iterator[FinalPhoto]:
    """Photos of a project that are done, in the queue's order; memory does not grow with their number.

    Of a photo that several annotated, what a reviewer accepted counts, and of the rest what the one who began first
    among those who are done has and no reviewer rejected. Foods without a name and photos someone called unusable are
    left out.
    """
    shares = shares or Shares()
    last = -1
    while True:
        page = select(Item).where(Item.project_id == project_id, Item.position > last)
        items = list(session.scalars(page.order_by(Item.position).limit(AT_ONCE)))
        if not items:
            return
        last = items[-1].position
        yield from _finished(session, items, shares)
        session.expunge_all()


def _finished(session: Session, items: Sequence[Item], shares: Shares) -> Iterator[FinalPhoto]:
    ids = [item.id for item in items]
    verdicts: dict[int, list[Verdict]] = {}
    for verdict in session.scalars(select(Verdict).where(Verdict.item_id.in_(ids)).order_by(Verdict.id)):
        verdicts.setdefault(verdict.item_id, []).append(verdict)
    named = (
        select(Annotation, Label, Annotator.name)
        .join(Label, Label.id == Annotation.label_id)
        .join(Annotator, Annotator.id == Annotation.annotator_id)
        .where(Annotation.item_id.in_(ids), Annotation.status.in_((SAVED, ACCEPTED)))
        .order_by(Annotation.id)
    )
    foods: dict[int, list[FinalFood]] = {}
    saved = _saved_at(session, ids)
    sizes = {item.id: [item.photo.height, item.photo.width] for item in items}
    for row, label, annotator in session.execute(named):
        rle = Rle(size=sizes[row.item_id], counts=row.counts)
        food = FinalFood(row, label, annotator, rle, saved.get(row.id, row.changed_at))
        foods.setdefault(row.item_id, []).append(food)
    meals = _meals(session, ids)
    linked = select(Item).where(Item.id.in_({item.before_id for item in items} - {None}))
    befores = {item.id: item for item in session.scalars(linked)}
    for item in items:
        of_item = verdicts.get(item.id, [])
        done = [v.annotator_id for v in of_item if v.state == DONE]
        if not done or any(v.state == UNUSABLE for v in of_item):
            continue
        all_foods = foods.get(item.id, [])
        chosen = [
            f for f in all_foods if f.annotation.status == ACCEPTED or f.annotation.annotator_id == done[0]
        ]
        meal = meals[item.id]
        before = befores.get(item.before_id or 0)
        yield FinalPhoto(item, before, meal, shares.split_of(meal), tuple(chosen))


def _saved_at(session: Session, ids: Sequence[int]) -> dict[int, datetime]:
    """When the annotators of the foods on these photos changed them last, by the foods' ids."""
    theirs = Annotation.id == Event.subject_id, Annotation.annotator_id == Event.annotator_id
    asked = (
        select(Event.subject_id, func.max(Event.at))
        .join(Annotation, and_(*theirs))
        .where(Event.item_id.in_(ids), Event.subject == Annotation.__tablename__)
        .group_by(Event.subject_id)
    )
    return {row[0]: row[1] for row in session.execute(asked)}


def _meals(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """What each of these photos must not be parted from: the meal of its first photo, or that photo itself."""
    chain = (
        select(Item.id, Item.before_id)
        .where(Item.id.in_(ids), Item.before_id.is_not(None))
        .cte("chain", recursive=True)
    )
    link = select(Item.id, Item.before_id).where(Item.id == chain.c.before_id, Item.before_id.is_not(None))
    chain = chain.union(link)  # not UNION ALL: links come once, and a circle comes to an end
    firsts = _firsts(ids, {row.id: row.before_id for row in session.execute(select(chain))})
    asked = select(Item.id, Item.meal, Photo.sha256).join(Photo, Photo.id == Item.photo_id)
    found = session.execute(asked.where(Item.id.in_(set(firsts.values()))))
    names = {row.id: row.meal or row.sha256 for row in found}
    return {id: names[first] for id, first in firsts.items()}


def _firsts(ids: Iterable[int], before: dict[int, int]) -> dict[int, int]:
    """The first photo of each one's chain, from the links by which each photo names the one before it.

    Where a chain runs in a circle it has no first photo; the one with the lowest id then stands for all.
    """
    firsts: dict[int, int] = {}
    for id in ids:
        walked: dict[int, None] = {}  # in order
        at = id
        while at in before and at not in walked and at not in firsts:
            walked[at] = None
            at = before[at]
        if at in walked:
            circle = list(walked)
            at = min(circle[circle.index(at) :])
        firsts.update(dict.fromkeys((*walked, id), firsts.get(at, at)))
    return firsts
