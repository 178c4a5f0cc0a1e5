"""The queue of a project: add photos, and lead each annotator from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import ColumnElement, exists, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from rvernet_app.errors import RvernetError, StoreError
from rvernet_app.store import projects
from rvernet_app.store.annotations import has_place, lock_item, verdict
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import add, amend, find_or_add, locked, now
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import NO_PHOTO, Role, require_item_role, require_role, require_self
from rvernet_app.store.sight import has_seen, seen
from rvernet_app.store.tables import (
    DELETED,
    OPEN,
    SKIPPED,
    STATES,
    Annotation,
    Item,
    Photo,
    Project,
    Verdict,
)

NEW = "new"
"""State of a photo that the annotator has not begun."""

FULL = "full"
"""Key of `progress`: photos that the annotator has not begun and that have enough others."""

HOLD = timedelta(minutes=30)
"""How long a photo stays reserved for an annotator who was led to it and has not begun it."""

ORDERS = ("queue", "uncertain first")
MAX_MEAL = 200
"""Characters in the name of a meal; an import drops a longer name."""
PAGE = 60


@dataclass(frozen=True)
class Added:
    """The result of adding a file.

    Attributes:
        name: the file's name.
        item_id: None if the file is not a photo.
        was_there: whether the project had this photo already.
        problem: why the file was refused.
    """

    name: str
    item_id: int | None = None
    was_there: bool = False
    problem: str | None = None


class KeptPhoto(Protocol):
    """A photo whose file the store has."""

    @property
    def sha256(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def size_hw(self) -> tuple[int, int]: ...


def add_photos(
    store: Store,
    files: PhotoFiles,
    project_id: int,
    sources: Iterable[tuple[str, Path | bytes]],
    *,
    meal: str | None = None,
    by: int | None = None,
) -> Iterator[Added]:
    """Add photos to a queue, in the order given.

    Each photo is committed by itself, so that an upload that breaks off keeps the photos before. This is why
    the function takes the store and opens its own transactions; `add_item` adds one photo in the caller's.

    Args:
        sources: (name, file or its bytes).
        meal: name of the meal, tray or day of all of them.

    Yields:
        The result for each file, also for those that are not photos.

    Raises:
        StoreError: there is no such project, or files cannot be written.
    """
    with store.reading() as session:
        projects.project(session, project_id, Role.ADMIN)
    for name, source in sources:
        try:
            photo = files.add(source)
        except StoreError:
            raise
        except (RvernetError, OSError) as error:
            yield Added(name, problem=str(error))
            continue
        with store.writing() as session:
            item_id, was_there = add_item(session, project_id, name, photo, meal, by)
            if not files.has(photo.sha256, photo.format):  # removed since, as those of a deleted photo
                files.add(source)
        yield Added(name, item_id, was_there)


def add_item(
    session: Session, project_id: int, name: str, photo: KeptPhoto, meal: str | None, by: int | None
) -> tuple[int, bool]:
    """Add a photo whose file the store has to the end of a queue, unless the queue has it.

    Returns:
        The item's id, and whether the project had this photo already.

    Raises:
        StoreError: there is no such project.
    """
    locked(session, Project, project_id)
    project = projects.project(session, project_id, Role.ADMIN)
    height, width = photo.size_hw
    row = find_or_add(
        session,
        select(Photo).where(Photo.sha256 == photo.sha256),
        lambda: Photo(sha256=photo.sha256, format=photo.format, width=width, height=height, added_at=now()),
    )
    locked(session, Photo, row.id)  # or its files could be removed as those of a photo that nobody uses
    there = select(Item.id).where(Item.project_id == project_id, Item.photo_id == row.id)
    if (found := session.scalar(there)) is not None:
        return found, True
    item = Item(
        project_id=project_id,
        photo_id=row.id,
        position=count_items(session, project_id),
        name=name[:500],
        meal=meal,
        before_id=None,
        uncertainty=None,
        wanted=projects.wanted(project, photo.sha256),
        taken=0,
        blind=projects.is_blind(project, photo.sha256),
    )
    add(session, item, by)
    return item.id, False


def count_items(session: Session, project_id: int) -> int:
    """Count the photos of a queue; positions have no gaps, so the last one says it."""
    last = session.scalar(select(func.max(Item.position)).where(Item.project_id == project_id))
    return 0 if last is None else last + 1


def next_unranked(session: Session, project_id: int) -> Item | None:
    """Return the first photo without an uncertainty."""
    projects.project(session, project_id)
    asked = select(Item).where(Item.project_id == project_id, Item.uncertainty.is_(None))
    return session.scalars(asked.order_by(Item.position).limit(1)).first()


def count_unranked(session: Session, project_id: int) -> tuple[int, int]:
    """Count the photos without an uncertainty, and all photos."""
    projects.project(session, project_id)
    unranked = select(func.count()).where(Item.project_id == project_id, Item.uncertainty.is_(None))
    return session.scalar(unranked) or 0, count_items(session, project_id)


def set_uncertainty(session: Session, item_id: int, uncertainty: float) -> None:
    """Save how unsure the classifier is of a photo, 0 to 1; this value has no history."""
    require_item_role(session, session.get(Item, item_id))
    session.execute(update(Item).where(Item.id == item_id).values(uncertainty=uncertainty))


def link_before(session: Session, item_id: int, before_id: int | None, by: int | None = None) -> None:
    """Link a photo of leftovers to the photo taken before the meal, or remove the link with None.

    Raises:
        StoreError: one of the photos does not exist, or they are the same photo or of two projects.
    """
    row = lock_item(session, item_id)
    before = None if before_id is None else session.get(Item, before_id)
    if before_id is not None and (before is None or before.project_id != row.project_id):
        raise StoreError(NO_PHOTO)
    if before is not None and before.id == row.id:
        raise StoreError("Leftovers belong to another photo of the same project.")
    amend(session, row, {"before_id": before_id}, by)


def set_meal(session: Session, item_id: int, meal: str, by: int | None = None) -> str | None:
    """Save the name of a photo's meal, tray or day, without spare spaces; an empty name removes it.

    Returns:
        The name as it is saved; None without one.

    Raises:
        StoreError: there is no such photo, or the meal's name is too long.
    """
    known = " ".join(meal.split()) or None
    if known is not None and len(known) > MAX_MEAL:
        raise StoreError(f"The name of a meal has at most {MAX_MEAL} characters, this one {len(known)}.")
    row = lock_item(session, item_id)
    if row.meal != known:
        amend(session, row, {"meal": known}, by)
    return known


def lead(
    session: Session, project_id: int, annotator_id: int, after: int = -1, order: str = ORDERS[0]
) -> int | None:
    """Return the id of `next_item` and hold that photo, so that two who ask at once are led to two photos.

    A photo that the annotator has begun needs no hold. None if no photo is left, or others hold the last
    ones.

    Raises:
        StoreError: there is no such order.
    """
    require_self(session, annotator_id)
    while True:
        found = next_item(session, project_id, annotator_id, after, order)
        if found is None:
            return None
        if state_of(session, found.id, annotator_id) != NEW:
            return found.id
        hold = update(Item).where(Item.id == found.id, _not_held(annotator_id))
        hold = hold.values(held_by=annotator_id, held_until=now() + HOLD)
        if session.execute(hold.returning(Item.id)).scalar() is not None:
            return found.id


def _not_held(annotator_id: int) -> ColumnElement[bool]:
    """Return the condition that nobody else holds a photo."""
    over = or_(Item.held_until < now(), Item.held_until > now() + HOLD)  # later only if the clock went back
    return or_(Item.held_by.is_(None), Item.held_by == annotator_id, over)


def next_item(
    session: Session, project_id: int, annotator_id: int, after: int = -1, order: str = ORDERS[0]
) -> Item | None:
    """Return the next photo for an annotator: one that they have begun, or one that has a free place.

    Photos that others hold are passed over. If no such photo is left, one that the annotator skipped comes,
    as long as they have a place on it or can have one.

    Args:
        after: position of the present photo; behind the last photo the queue starts again from the front.
        order: one of ORDERS; by uncertainty, the photo at `after` comes after all others.
    """
    require_role(session, project_id, Role.ANNOTATOR)
    if order not in ORDERS:
        raise StoreError(f"A queue is ordered by {', '.join(ORDERS)}; got {order!r}.")
    own = select(Verdict.item_id).where(
        Verdict.project_id == project_id, Verdict.annotator_id == annotator_id
    )
    begun = own.where(Verdict.state == OPEN).order_by(Verdict.item_id)
    skipped = own.where(Verdict.state == SKIPPED, _has_room(annotator_id)).order_by(Verdict.item_id)
    mine = exists().where(Verdict.item_id == Item.id, Verdict.annotator_id == annotator_id)
    free = select(Item.id).where(Item.project_id == project_id, Item.taken < Item.wanted, ~mine)
    free = free.where(~seen(annotator_id))
    free = free.where(_not_held(annotator_id))
    in_order = free.order_by(Item.position)
    if order == "uncertain first":
        known = free.where(Item.uncertainty.is_not(None))
        ranked = known.order_by(Item.uncertainty.desc(), Item.position)
        at = session.scalar(select(Item.id).where(Item.project_id == project_id, Item.position == after)) or 0
        elsewhere = (
            *(begun.where(Verdict.item_id != at), ranked.where(Item.id != at)),
            *(in_order.where(Item.id != at), skipped.where(Verdict.item_id != at)),
        )
        ids = (session.scalar(asked.limit(1)) for asked in (*elsewhere, begun, in_order, skipped))
        return session.get(Item, next(filter(None, ids), 0))
    here = id_at(session, project_id, after)
    turns = (
        (Verdict.item_id > here, Item.position > after),
        (Verdict.item_id <= here, Item.position <= after),
    )
    for begun_there, free_there in turns:
        asked = begun.where(begun_there), in_order.where(free_there)
        if found := [id for one in asked for id in session.scalars(one.limit(1))]:
            return session.get(Item, min(found))
    ids = (session.scalar(skipped.where(there).limit(1)) for there, _ in turns)
    return session.get(Item, next(filter(None, ids), 0))


def _has_room(annotator_id: int) -> ColumnElement[bool]:
    """Return the condition that an annotator has, or can have, a place on a photo they skipped."""
    food = exists().where(
        Annotation.item_id == Verdict.item_id,
        Annotation.annotator_id == annotator_id,
        Annotation.status != DELETED,
    )
    free = exists().where(
        Item.id == Verdict.item_id, Item.taken < Item.wanted, _not_held(annotator_id), ~seen(annotator_id)
    )
    return or_(food, free)


def id_at(session: Session, project_id: int, position: int) -> int:
    """Return the id of the last photo up to a position, 0 before the first; ids grow with the positions."""
    asked = select(Item.id).where(Item.project_id == project_id, Item.position <= position)
    return session.scalar(asked.order_by(Item.position.desc()).limit(1)) or 0


def item(session: Session, project_id: int, item_id: int) -> Item:
    """Return a photo of a queue by its id.

    Raises:
        GoneError: the photo was deleted.
        StoreError: the photo is not in this project.
    """
    require_role(session, project_id, Role.ANNOTATOR)
    found = require_item_role(session, session.get(Item, item_id))
    projects.require_kept(session, found)
    if found.project_id != project_id:
        raise StoreError(NO_PHOTO)
    return found


def named(session: Session, project_id: int, name: str) -> Item:
    """Return the only photo of a queue that has this name.

    Raises:
        StoreError: no photo has it, or several have.
    """
    found = list(
        session.scalars(select(Item).where(Item.project_id == project_id, Item.name == name).limit(2))
    )
    if len(found) != 1:
        raise StoreError(
            f"{'Several photos are' if found else 'No photo is'} named {name!r} in this project."
        )
    return found[0]


def state_of(session: Session, item_id: int, annotator_id: int) -> str:
    """Return how far an annotator is with a photo: NEW or one of STATES."""
    require_self(session, annotator_id)
    asked = select(Verdict.state).where(Verdict.item_id == item_id, Verdict.annotator_id == annotator_id)
    return session.scalar(asked) or NEW


def is_full(session: Session, item: Item, annotator_id: int) -> bool:
    """Return whether an annotator has no place on a photo, and can have none."""
    own = verdict(session, item.id, annotator_id)
    if own is not None and has_place(session, own):
        return False
    return item.taken >= item.wanted or has_seen(session, item.id, annotator_id)


def neighbour(session: Session, project_id: int, position: int, step: int) -> Item | None:
    """Return the photo before (step -1) or after (step 1) a position, whatever its state."""
    require_role(session, project_id, Role.ANNOTATOR)
    asked = select(Item).where(Item.project_id == project_id)
    if step > 0:
        asked = asked.where(Item.position > position).order_by(Item.position)
    else:
        asked = asked.where(Item.position < position).order_by(Item.position.desc())
    return session.scalars(asked.limit(1)).first()


def progress(session: Session, project_id: int, annotator_id: int) -> dict[str, int]:
    """Count the photos in each state for an annotator: NEW, FULL and STATES, which add up to all photos.

    NEW are the photos that the annotator can still begin.
    """
    require_role(session, project_id, Role.ANNOTATOR)
    require_self(session, annotator_id)
    own = Verdict.project_id == project_id, Verdict.annotator_id == annotator_id
    of_state = {state: select(func.count()).where(*own, Verdict.state == state) for state in STATES}
    free = select(func.count()).where(Item.project_id == project_id, Item.taken < Item.wanted)
    half = free.where(Item.taken > literal_column("0"))  # as the index of such photos says it
    free_and_mine = half.where(exists().where(Verdict.item_id == Item.id, *own))
    given_back = of_state[SKIPPED].where(exists().where(Item.id == Verdict.item_id, Item.taken == 0))
    not_begun = ~exists().where(Verdict.item_id == Item.id, *own)
    free_and_seen = free.where(seen(annotator_id), not_begun)
    asked = (free, free_and_mine, given_back, free_and_seen, *of_state.values())
    counts = list(session.execute(select(*(each.scalar_subquery() for each in asked))).one())
    new, mine = counts[0] - sum(counts[1:4]), dict(zip(STATES, counts[4:], strict=True))
    full = count_items(session, project_id) - new - sum(mine.values())
    return {NEW: new, FULL: full, **mine}
