"""List the photos of a queue, with no more of others' work than the viewer may know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from rvernet_app.errors import StoreError
from rvernet_app.store.queue import NEW, PAGE, id_at
from rvernet_app.store.roles import Role, require_role, require_self, role_of
from rvernet_app.store.sight import placed, seen, visible
from rvernet_app.store.tables import (
    DELETED,
    DONE,
    OPEN,
    REJECTED,
    SKIPPED,
    STATES,
    UNUSABLE,
    Annotation,
    Item,
    Label,
    Verdict,
)

FOUND = 100_000
"""Photos that are found at most."""
COUNTED = 2000
"""Rows that are counted at most to find the rarest of several conditions."""


@dataclass(frozen=True)
class Listed:
    """A photo in a list.

    Attributes:
        state: the viewer's state: NEW or one of STATES.
        full: whether the viewer has no place on the photo, and can have none.
        foods: number of foods that are not rejected: the viewer's own, or everyone's if the viewer is a
            reviewer and may see them, see `sight`.
    """

    item: Item
    state: str
    full: bool
    foods: int


@dataclass(frozen=True)
class Filter:
    """Which photos of a queue are listed; a field that is None leaves all.

    Attributes:
        state: only photos in this state of the viewer's: NEW (without full ones) or one of STATES.
        label_id: only photos with a food of this label: the viewer's own, or anyone's if the viewer is a
            reviewer and may see them, see `sight`.
        by: only photos that this annotator has begun; only reviewers may ask for another than themselves.
        uncertain: only photos with at least this uncertainty of the classifier, 0 to 1.
        search: only photos with this text in their file name, in the name of their meal, or in the label of
            a food that the viewer may know of, as with `label_id`. Case makes no difference.

    Raises:
        StoreError: there is no such state.
    """

    state: str | None = None
    label_id: int | None = None
    by: int | None = None
    uncertain: float | None = None
    search: str | None = None

    def __post_init__(self) -> None:
        if self.state not in (None, NEW, *STATES):
            raise StoreError(f"A photo is {', '.join((NEW, *STATES))}; got {self.state!r}.")


def list_items(
    session: Session,
    project_id: int,
    annotator_id: int,
    *,
    state: str | None = None,
    label_id: int | None = None,
    by: int | None = None,
    uncertain: float | None = None,
    search: str | None = None,
    after: int = -1,
    limit: int = PAGE,
) -> list[Listed]:
    """Return a page of a queue, in its order.

    Args:
        annotator_id: the viewer, whose states are listed.
        state, label_id, by, uncertain, search: see `Filter`.
        after: position before the page.

    Raises:
        StoreError: there is no such state.
    """
    only = Filter(state, label_id, by, uncertain, search)
    ids = find_items(session, project_id, annotator_id, only, after=after, limit=limit)
    own = and_(Verdict.item_id == Item.id, Verdict.annotator_id == annotator_id)
    asked = select(Item, Verdict.state).outerjoin(Verdict, own).where(Item.id.in_(ids))
    rows = session.execute(asked.order_by(Item.position)).all()
    no_place = or_(Item.taken >= Item.wanted, seen(annotator_id))
    full = set(session.scalars(select(Item.id).where(Item.id.in_(ids), no_place, ~placed(annotator_id))))
    known = Annotation.annotator_id == annotator_id
    if _reviews(session, project_id):
        open_to_see = select(Item.id).where(Item.id.in_(ids), visible(annotator_id))
        known = or_(known, Annotation.item_id.in_(open_to_see))
    counted = (
        select(Annotation.item_id, func.count())
        .where(Annotation.item_id.in_(ids), Annotation.status.not_in((DELETED, REJECTED)), known)
        .group_by(Annotation.item_id)
    )
    foods = {row[0]: row[1] for row in session.execute(counted)}
    return [Listed(item, mine or NEW, item.id in full, foods.get(item.id, 0)) for item, mine in rows]


def find_items(
    session: Session,
    project_id: int,
    annotator_id: int,
    only: Filter,
    *,
    after: int = -1,
    limit: int = FOUND,
) -> list[int]:
    """Return the ids of the photos of a queue that a filter leaves, in the queue's order.

    Args:
        annotator_id: the viewer, as in `list_items`.
        after: position before the first one.
    """
    require_role(session, project_id, Role.ANNOTATOR)
    require_self(session, annotator_id)
    if only.by is not None and only.by != annotator_id:
        require_role(session, project_id, Role.REVIEWER)
    found = _having(session, project_id, annotator_id, only.search or "")
    # With a label, photos with an own food of it, and those on which the viewer may see that anyone has one.
    # The latter are all photos that they are done with, and none that they are at work on.
    reviews = only.label_id is not None and _reviews(session, project_id)
    without_own, without_others = only.state == DONE, only.state in (OPEN, UNUSABLE)
    turns = (
        (True,) if reviews and without_own else (False, True) if reviews and not without_others else (False,)
    )
    ids: set[int] = set()
    for of_anyone in turns:
        ids.update(_listed_ids(session, project_id, annotator_id, only, of_anyone, found, after, limit))
    return sorted(ids)[:limit]


def _reviews(session: Session, project_id: int) -> bool:
    """Return whether a session's actor is a reviewer."""
    return (role_of(session, project_id) or 0) >= Role.REVIEWER


def _having(session: Session, project_id: int, annotator_id: int, search: str) -> ColumnElement[bool] | None:
    """Return the condition that a photo has a text, see `Filter.search`; None for an empty text."""
    wanted = " ".join(search.split())
    if not wanted:
        return None
    food = aliased(Annotation)
    label = wanted.replace(" ", "_")
    names = or_(Label.name.icontains(wanted, autoescape=True), Label.name.icontains(label, autoescape=True))
    labels = list(session.scalars(select(Label.id).where(Label.project_id == project_id, names)))
    known = food.annotator_id == annotator_id
    if _reviews(session, project_id):
        known = or_(known, visible(annotator_id))
    return or_(
        Item.name.icontains(wanted, autoescape=True),
        Item.meal.icontains(wanted, autoescape=True),
        exists().where(
            food.item_id == Item.id,
            food.label_id.in_(labels),
            food.status.not_in((DELETED, REJECTED)),
            known,
        ),
    )


def _listed_ids(
    session: Session,
    project_id: int,
    annotator_id: int,
    only: Filter,
    of_anyone: bool,
    having: ColumnElement[bool] | None,
    after: int,
    limit: int,
) -> list[int]:
    """Return the ids of a page of `find_items`, found by the index of the rarest condition.

    Args:
        of_anyone: look for the label among everyone's foods that a reviewer may see, not among the
            annotator's own.
        having: one more condition on the photo.
    """
    own, other, food = aliased(Verdict), aliased(Verdict), aliased(Annotation)
    sources: list[tuple[Any, ColumnElement[bool]]] = []
    if only.state in STATES:
        sources.append((own, and_(own.annotator_id == annotator_id, own.state == only.state)))
    if only.by is not None:
        sources.append((other, other.annotator_id == only.by))
    if only.label_id is not None:
        labelled = and_(food.label_id == only.label_id, food.status.not_in((DELETED, REJECTED)))
        mine = food.annotator_id == annotator_id
        sources.append((food, labelled if of_anyone else and_(labelled, mine)))
    if sources:
        here = id_at(session, project_id, after)
        (table, condition), *others = _rarest_first(session, project_id, here, sources)
        id = table.item_id
        asked = select(id).distinct().where(table.project_id == project_id, condition).order_by(id)
        asked = asked.where(id > here)
    else:
        id, others = Item.id, []
        asked = select(id).where(Item.project_id == project_id, Item.position > after).order_by(Item.position)
    for table, condition in others:
        asked = asked.where(exists().where(table.project_id == project_id, table.item_id == id, condition))
    photo = aliased(Item) if sources else Item
    if of_anyone and only.state != DONE:
        asked = _where_photo(asked, photo, id, visible(annotator_id, photo))
    if only.state == NEW:
        asked = asked.where(~exists().where(own.item_id == id, own.annotator_id == annotator_id))
        free = and_(photo.taken < photo.wanted, ~seen(annotator_id, photo))
        asked = _where_photo(asked, photo, id, free)
    if only.uncertain is not None:
        asked = _where_photo(asked, photo, id, photo.uncertainty >= only.uncertain)
    if having is not None:
        found = select(Item.id).where(Item.project_id == project_id, having)
        asked = asked.where(having if photo is Item else id.in_(found))
    return list(session.scalars(asked.limit(limit)))


def _rarest_first(
    session: Session, project_id: int, after_id: int, sources: list[tuple[Any, ColumnElement[bool]]]
) -> list[tuple[Any, ColumnElement[bool]]]:
    """Sort tables and conditions by the number of rows after a photo, up to COUNTED."""
    if len(sources) < 2:
        return sources
    rows = (
        select(table.id).where(table.project_id == project_id, table.item_id > after_id, condition)
        for table, condition in sources
    )
    counts = (select(func.count()).select_from(each.limit(COUNTED).subquery()) for each in rows)
    found = session.execute(select(*(count.scalar_subquery() for count in counts))).one()
    return [sources[n] for n in sorted(range(len(sources)), key=found.__getitem__)]


def _where_photo(asked: Select[Any], photo: Any, id: Any, condition: ColumnElement[bool]) -> Select[Any]:
    """Add a condition on the photo, whether the query selects photos or rows that name them."""
    return asked.where(condition if photo is Item else exists().where(photo.id == id, condition))


def count_states(session: Session, project_id: int) -> tuple[dict[str, int], int]:
    """Count the photos of a project by state, over all annotators.

    Returns:
        Number of photos by state, which is NEW or one of STATES, and the number of photos that two or more
        annotators are done with. The first match counts: unusable if an annotator says so, done if enough
        annotators are done, open if an annotator works on it, skipped if an annotator skipped it, open if
        another annotator is needed.

    Raises:
        RoleError: only reviewers and admins of the project see this.
    """
    require_role(session, project_id, Role.REVIEWER)
    counted = (func.sum(case((Verdict.state == state, 1), else_=0)).label(f"n_{state}") for state in STATES)
    verdicts = (
        select(Verdict.item_id, *counted)
        .where(Verdict.project_id == project_id)
        .group_by(Verdict.item_id)
        .subquery()
    )
    n = {state: func.coalesce(verdicts.c[f"n_{state}"], 0) for state in STATES}
    state = case(
        (n[UNUSABLE] > 0, UNUSABLE),
        (n[DONE] >= Item.wanted, DONE),
        (n[OPEN] > 0, OPEN),
        (n[SKIPPED] > 0, SKIPPED),
        (n[DONE] > 0, OPEN),
        else_=NEW,
    )
    of_items = (
        select(state.label("state"), case((n[DONE] > 1, 1), else_=0).label("double"))
        .outerjoin_from(Item, verdicts, verdicts.c.item_id == Item.id)
        .where(Item.project_id == project_id)
        .subquery()
    )
    asked = select(of_items.c.state, func.count(), func.sum(of_items.c.double)).group_by(of_items.c.state)
    rows = session.execute(asked).all()
    photos = dict.fromkeys((NEW, *STATES), 0) | {row[0]: row[1] for row in rows}
    return photos, sum(row[2] for row in rows)
