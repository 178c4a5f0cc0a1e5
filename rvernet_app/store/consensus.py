"""The final foods of each photo, which exports and trainings take."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.picture.masks import Rle
from rvernet_app.store.roles import Role, require_role
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
"""Photos that are read at a time."""


@dataclass(frozen=True)
class FinalFood:
    """One food on a photo.

    Attributes:
        saved_at: when the annotator changed it last; a reviewer's decisions do not count.
    """

    annotation: Annotation
    label: Label
    annotator: str
    rle: Rle
    saved_at: datetime


@dataclass(frozen=True)
class FinalPhoto:
    """A photo with its named foods.

    Attributes:
        before: the photo taken before the meal, if this one shows the leftovers.
        meal: name of the meal, or the photo's SHA-256 without one; photos of one meal are in one split.
            Photos of leftovers belong to the meal of the first photo in their chain, whatever meal they name.
        split: one of SPLITS.
    """

    item: Item
    before: Item | None
    meal: str
    split: str
    foods: tuple[FinalFood, ...]


@dataclass(frozen=True)
class Shares:
    """Shares of the meals for validation and test; the rest is for training.

    Raises:
        StoreError: a share is negative, or nothing is left for training.
    """

    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (self.val >= 0 and self.test >= 0 and self.val + self.test < 1):
            raise StoreError(f"Shares of {self.val:g} and {self.test:g} leave nothing to train on.")

    def split_of(self, meal: str) -> str:
        """Return the split of a meal, by a hash of its name; it stays when meals are added."""
        drawn = int.from_bytes(hashlib.sha256(meal.encode()).digest()[:4], "big") / 2**32
        return "val" if drawn < self.val else "test" if drawn < self.val + self.test else "train"


def final_photos(session: Session, project_id: int, shares: Shares | None = None) -> Iterator[FinalPhoto]:
    """Yield the finished photos of a project, in the queue's order; memory does not grow with their number.

    A photo's foods are those that a reviewer accepted, and those of the annotator who began first among those
    who are done, unless a reviewer rejected them. Foods without a name, and photos that somebody called
    unusable, are left out.

    Raises:
        RoleError: only admins of the project take them.
    """
    require_role(session, project_id, Role.ADMIN)
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
    """Return when each food of these photos was last changed by its annotator, by the food's id."""
    theirs = Annotation.id == Event.subject_id, Annotation.annotator_id == Event.annotator_id
    asked = (
        select(Event.subject_id, func.max(Event.at))
        .join(Annotation, and_(*theirs))
        .where(Event.item_id.in_(ids), Event.subject == Annotation.__tablename__)
        .group_by(Event.subject_id)
    )
    return {row[0]: row[1] for row in session.execute(asked)}


def _meals(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Return the meal of each photo: that of the first photo in its chain, or its SHA-256."""
    chain = (
        select(Item.id, Item.before_id)
        .where(Item.id.in_(ids), Item.before_id.is_not(None))
        .cte("chain", recursive=True)
    )
    link = select(Item.id, Item.before_id).where(Item.id == chain.c.before_id, Item.before_id.is_not(None))
    chain = chain.union(link)  # UNION drops repeated links, so a circle ends
    firsts = _firsts(ids, {row.id: row.before_id for row in session.execute(select(chain))})
    asked = select(Item.id, Item.meal, Photo.sha256).join(Photo, Photo.id == Item.photo_id)
    found = session.execute(asked.where(Item.id.in_(set(firsts.values()))))
    names = {row.id: row.meal or row.sha256 for row in found}
    return {id: names[first] for id, first in firsts.items()}


def _firsts(ids: Iterable[int], before: dict[int, int]) -> dict[int, int]:
    """Return the first photo of each photo's chain, given the photo before each one.

    A chain that runs in a circle has no first photo; its lowest id stands for it.
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
