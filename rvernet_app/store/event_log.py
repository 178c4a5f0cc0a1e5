"""Change rows that have a history, and record each change as an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Select, insert, inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rvernet_app.errors import ConflictError, RoleError
from rvernet_app.store.roles import actor_of
from rvernet_app.store.tables import Annotation, Annotator, Base, Event, Photo, Verdict

Row = TypeVar("Row", Annotation, Verdict)
Shared = TypeVar("Shared", Annotator, Photo)
AnyRow = TypeVar("AnyRow", bound=Base)


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


def snapshot(row: Base) -> dict[str, Any]:
    """Return all columns of a row as JSON values; times are in ISO 8601."""
    values = {name: getattr(row, name) for name in _columns(type(row))}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


@lru_cache
def _columns(table: type[Base]) -> tuple[str, ...]:
    return tuple(column.key for column in inspect(table).column_attrs)


def locked(session: Session, table: type[AnyRow], id: int) -> AnyRow | None:
    """Read a row as it is now and lock it until the transaction ends; None where it does not exist.

    `Session.get` alone would lock the row but keep the values that the session read before it had to wait.
    """
    session.flush()
    return session.get(table, id, populate_existing=True, with_for_update={"of": table})


def add(session: Session, row: Base, by: int | None, step: str | None = None) -> None:
    """Add a row.

    Args:
        by: the annotator; None for the program itself.
        step: see `Event`.
    """
    session.add(row)
    session.flush()
    _record(session, row, None, by, step=step)


def record_new(session: Session, rows: Sequence[Base], by: int | None) -> None:
    """Record that rows are new; they have their ids already. All events are written together."""
    _require_actor(session, by)
    if rows:
        session.execute(insert(Event), [_event(row, None, by) for row in rows])


def find_or_add(session: Session, asked: Select[Shared], new: Callable[[], Shared]) -> Shared:
    """Return the row that a query finds, or add it; if two add it at once, both get the same row."""
    found = session.scalars(asked).one_or_none()
    if found is not None:
        return found
    try:
        with session.begin_nested():
            session.add(row := new())
        return row
    except IntegrityError:
        return session.scalars(asked).one()


def change(
    session: Session,
    row: Row,
    values: Mapping[str, Any],
    by: int | None,
    revision: int,
    undoes: int | None = None,
    step: str | None = None,
) -> None:
    """Set columns of a row. If they have these values already, nothing is recorded.

    Args:
        by: the annotator; None for the program itself.
        revision: the one that the change was made from.
        undoes: id of the event that the change takes back.
        step: see `Event`.

    Raises:
        ConflictError: the row is at another revision by now.
    """
    require_revision(row, revision)
    if all(getattr(row, name) == value for name, value in values.items()):
        return
    before = snapshot(row)
    for name, value in values.items():
        setattr(row, name, value)
    row.revision += 1
    row.changed_at = now()
    session.flush()
    _record(session, row, before, by, undoes, step)


def require_revision(row: Row, revision: int) -> None:
    """Raise ConflictError, with the row's columns as `theirs`, if the row is at another revision."""
    if row.revision != revision:
        raise changed_meanwhile(row)


def amend(session: Session, row: Base, values: Mapping[str, Any], by: int | None) -> None:
    """Set columns of a row that has no revision."""
    before = snapshot(row)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    _record(session, row, before, by)


def remove(session: Session, row: Base, by: int | None) -> None:
    """Remove a row that nothing refers to; its event has no columns after."""
    before = snapshot(row)
    session.delete(row)
    session.flush()
    _require_actor(session, by)
    session.add(Event(**{**_event(row, before, by), "after": None}))


def amend_all(session: Session, rows: Sequence[Base], values: Mapping[str, Any], by: int | None) -> None:
    """Set the same columns of rows and leave their revisions as they are, see `amend_each`."""
    amend_each(session, [(row, values) for row in rows], by)


def amend_each(session: Session, changes: Sequence[tuple[Base, Mapping[str, Any]]], by: int | None) -> None:
    """Set columns of rows and leave their revisions as they are. All rows are written together."""
    _require_actor(session, by)
    before = [snapshot(row) for row, _ in changes]
    for row, values in changes:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    if changes:
        events = [_event(row, columns, by) for (row, _), columns in zip(changes, before, strict=True)]
        session.execute(insert(Event), events)


def changed_meanwhile(row: Row) -> ConflictError:
    """Return the error for a change that was made from an old revision."""
    return ConflictError(
        "Someone else changed this meanwhile. Look at their version, then keep it or save yours over it.",
        theirs=snapshot(row),
    )


def _record(
    session: Session,
    row: Base,
    before: dict[str, Any] | None,
    by: int | None,
    undoes: int | None = None,
    step: str | None = None,
) -> None:
    _require_actor(session, by)
    session.add(Event(**_event(row, before, by), undoes_id=undoes, step=step))


def _require_actor(session: Session, by: int | None) -> None:
    """Raise RoleError if a change would be recorded in the name of another than the session's actor."""
    actor = actor_of(session)
    if actor is not None and by is not None and session.get_one(Annotator, by).name != actor.name:
        raise RoleError(f"You work as {actor.name} here, and cannot act for somebody else.")


def _event(row: Base, before: dict[str, Any] | None, by: int | None) -> dict[str, Any]:
    """Return the columns of the event of a change."""
    after = snapshot(row)
    return {
        "at": now(),
        "annotator_id": by,
        "project_id": after["id"] if row.__tablename__ == "project" else after.get("project_id"),
        "item_id": after["id"] if row.__tablename__ == "item" else after.get("item_id"),
        "subject": row.__tablename__,
        "subject_id": after["id"],
        "revision": after.get("revision"),
        "before": before,
        "after": after,
    }
