"""What of others' work on a photo somebody may see, so that annotators stay independent of each other.

Others' foods on a photo may be seen by a reviewer who is done with it, or who has no place on it and can have
none. Whoever has seen them once can no longer begin the photo.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Exists, and_, exists, or_, select
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.store.roles import STRANGER, Role, actor_of, own_id, require_item_role, role_of
from rvernet_app.store.tables import DELETED, DONE, SKIPPED, Annotation, Item, Sight, Verdict

Photo = type[Item]
"""The table of photos, or an alias of it in a query."""


def done(annotator_id: int, photo: Photo = Item) -> Exists:
    """Return the condition that an annotator is done with a photo."""
    return exists().where(
        Verdict.item_id == photo.id, Verdict.annotator_id == annotator_id, Verdict.state == DONE
    )


def placed(annotator_id: int, photo: Photo = Item) -> Exists:
    """Return the condition that an annotator has a place on a photo, see `annotations.has_place`."""
    food = exists().where(
        Annotation.item_id == Verdict.item_id,
        Annotation.annotator_id == annotator_id,
        Annotation.status != DELETED,
    )
    return exists().where(
        Verdict.item_id == photo.id,
        Verdict.annotator_id == annotator_id,
        or_(Verdict.state != SKIPPED, food),
    )


def seen(annotator_id: int, photo: Photo = Item) -> Exists:
    """Return the condition that somebody has seen what others have on a photo."""
    return exists().where(Sight.item_id == photo.id, Sight.annotator_id == annotator_id)


def visible(annotator_id: int, photo: Photo = Item) -> ColumnElement[bool]:
    """Return the condition that somebody, if they are a reviewer, may see others' foods on a photo."""
    no_place_left = or_(photo.taken >= photo.wanted, seen(annotator_id, photo))
    return or_(done(annotator_id, photo), and_(~placed(annotator_id, photo), no_place_left))


def sees_others(session: Session, item: Item) -> bool:
    """Return whether a session's actor may see others' foods on a photo."""
    if actor_of(session) is None:
        return True
    if (role_of(session, item.project_id) or 0) < Role.REVIEWER:
        return False
    mine = own_id(session) or STRANGER
    return session.scalar(select(Item.id).where(Item.id == item.id, visible(mine))) is not None


def require_sight(session: Session, item: Item) -> None:
    """Require that a session's actor may see others' foods on a photo.

    Raises:
        RoleError: they are no reviewer.
        StoreError: they have a place on the photo, or may still take one.
    """
    require_item_role(session, item, Role.REVIEWER)
    if sees_others(session, item):
        return
    mine = own_id(session) or STRANGER
    if session.scalar(select(Item.id).where(Item.id == item.id, placed(mine))) is not None:
        raise StoreError("You have begun this photo yourself. Finish it before you review it.")
    raise StoreError(
        "This photo still waits for an annotator, who must not know what others have on it. "
        "It can be reviewed once enough people have begun it, or once you have labeled it yourself."
    )


def has_seen(session: Session, item_id: int, annotator_id: int) -> bool:
    """Return whether somebody has seen what others have on a photo."""
    asked = select(Sight.id).where(Sight.item_id == item_id, Sight.annotator_id == annotator_id)
    return session.scalar(asked) is not None
