"""The history of a photo's foods, and the one line on which an annotator's undo and redo walk.

A step is everything an annotator did in one action: all their events on a photo that carry the same
`Event.step`. An event without one is a step by itself, and so is each undo and redo.

Steps stand in the order of their last events. If two browser tabs add to two steps in turn, a new event
therefore brings its whole step to the end of the line, unless a later step changed one of the same foods
meanwhile. In that case the step is split: the new event starts another one, because foods can only be taken
back in the order in which they changed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.store.annotations import continue_photo, lock_annotation, lock_item, require_step
from rvernet_app.store.event_log import change, changed_meanwhile, snapshot
from rvernet_app.store.label_sets import removed_labels
from rvernet_app.store.roles import Role, actor_of, own_id, require_item_role, require_role
from rvernet_app.store.sight import require_sight
from rvernet_app.store.tables import ACCEPTED, DELETED, REJECTED, SAVED, Annotation, Event, Item, Sight

NOT_CONTENT = ("id", "revision", "created_at", "changed_at")
"""Columns of an annotation that no edit sets."""
DECISIONS = (ACCEPTED, REJECTED)


def history(session: Session, item_id: int, annotator_id: int | None = None) -> list[Event]:
    """Return all changes on a photo, by one annotator or by all, oldest first.

    Raises:
        RoleError, StoreError: the session's actor may not see others' changes, or is no member.
    """
    if actor_of(session) is not None:
        item = require_item_role(session, session.get(Item, item_id))
        if annotator_id is None or annotator_id != (own_id(session) or 0):
            require_sight(session, item)
    asked = select(Event).where(Event.item_id == item_id, Event.subject != Sight.__tablename__)
    if annotator_id is not None:
        asked = asked.where(Event.annotator_id == annotator_id)
    return list(session.scalars(asked.order_by(Event.id)))


def undo(session: Session, item_id: int, annotator_id: int, *, step: str | None = None) -> list[Event]:
    """Take back the annotator's last step on a photo that still stands.

    A food that was new becomes deleted, any other gets back what it was. A reviewer's decision that the step
    withdrew stays withdrawn. This records events of its own, newest change first, which `redo` takes back.

    Args:
        step: names this undo. A second call with the same name, after a lost answer, changes nothing.

    Returns:
        The events of this undo; none if no step stood.

    Raises:
        ConflictError: someone else changed one of the foods since; nothing was taken back.
        FullError: the annotator gave their place on the photo back, and others have taken it.
        StoreError: there is no such photo.
    """
    return _walk(session, item_id, annotator_id, step, back=True)


def redo(session: Session, item_id: int, annotator_id: int, *, step: str | None = None) -> list[Event]:
    """Take back the annotator's last `undo` on a photo, unless they changed a food since.

    Args:
        step: as in `undo`.

    Returns:
        The events of this redo; none if there was nothing to redo.

    Raises:
        ConflictError, FullError, StoreError: as `undo`.
    """
    return _walk(session, item_id, annotator_id, step, back=False)


def _walk(session: Session, item_id: int, annotator_id: int, step: str | None, *, back: bool) -> list[Event]:
    require_step(step)
    item = lock_item(session, item_id)
    if step is not None and (recorded := _recorded(session, item_id, annotator_id, step)):
        return recorded
    done, undone = _steps(session, item_id, annotator_id)
    line = done if back else undone
    return _take_back(session, item, line[-1], annotator_id, step or uuid.uuid4().hex) if line else []


def _recorded(session: Session, item_id: int, annotator_id: int, step: str) -> list[Event]:
    """Return the events of the undo or redo of this name, oldest first."""
    asked = select(Event).where(
        Event.item_id == item_id,
        Event.annotator_id == annotator_id,
        Event.step == step,
        Event.undoes_id.is_not(None),
    )
    return list(session.scalars(asked.order_by(Event.id)))


@dataclass
class _Step:
    """Events that are taken back together.

    Attributes:
        name: `Event.step`.
        events: their ids, oldest first.
        foods: ids of the annotations that they changed.
    """

    name: str | None
    events: list[int] = field(default_factory=list)
    foods: set[int] = field(default_factory=set)

    def add(self, event_id: int, food_id: int) -> None:
        self.events.append(event_id)
        self.foods.add(food_id)


def _steps(session: Session, item_id: int, annotator_id: int) -> tuple[list[_Step], list[_Step]]:
    """Return the steps that can be undone, and the undos that can be redone; the next is the last."""
    done: list[_Step] = []
    undone: list[_Step] = []
    asked = select(Event.id, Event.subject_id, Event.step, Event.undoes_id).where(
        Event.item_id == item_id,
        Event.annotator_id == annotator_id,
        Event.subject == Annotation.__tablename__,
    )
    for event_id, food_id, name, undoes_id in session.execute(asked.order_by(Event.id)):
        if undoes_id is None:
            step = _step_of(done, name)
            undone.clear()
        else:
            step = _taking_back(done, undone, name, undoes_id)
        step.add(event_id, food_id)
    return done, undone


def _step_of(done: list[_Step], name: str | None) -> _Step:
    """Return the step that a new change belongs to, at the end of the line."""
    place = next((n for n in reversed(range(len(done))) if done[n].name == name), None)
    if name is None or place is None or any(done[place].foods & later.foods for later in done[place + 1 :]):
        done.append(_Step(name))
    else:
        done.append(done.pop(place))
    return done[-1]


def _taking_back(done: list[_Step], undone: list[_Step], name: str | None, undoes_id: int) -> _Step:
    """Return the undo or redo that an event belongs to; its first event moves the step it takes back."""
    for steps in (done, undone):
        if name is not None and steps and steps[-1].name == name:
            return steps[-1]
    source, target = (undone, done) if undone and undoes_id in undone[-1].events else (done, undone)
    source.pop()
    target.append(_Step(name))
    return target[-1]


def _take_back(session: Session, item: Item, step: _Step, annotator_id: int, name: str) -> list[Event]:
    rows = {food_id: lock_annotation(session, food_id, item.id) for food_id in sorted(step.foods)}
    gone = {row.id: row.into_id for row in removed_labels(session, item.project_id)}
    if any(row.annotator_id != annotator_id for row in rows.values()):  # it takes a decision back
        require_role(session, item.project_id, Role.REVIEWER)
    contents = {food_id: _content(snapshot(row), gone) for food_id, row in rows.items()}
    newest_first = select(Event).where(Event.id.in_(step.events)).order_by(Event.id.desc())
    planned = []
    for event in session.scalars(newest_first):  # look at all of them before anything changes
        row = rows[event.subject_id]
        if contents[row.id] != _content(event.after, gone):
            raise changed_meanwhile(row)
        values = _values_before(event, row, gone)
        contents[row.id] |= values
        planned.append((row, values, event.id))
    for row in rows.values():
        continue_photo(session, item, row, annotator_id)
    for row, values, undoes_id in planned:
        change(session, row, values, annotator_id, row.revision, undoes=undoes_id, step=name)
    return list(session.scalars(select(Event).where(Event.undoes_id.in_(step.events)).order_by(Event.id)))


def _values_before(event: Event, row: Annotation, gone: Mapping[int, int | None]) -> dict[str, Any]:
    """Return the columns that take an event back."""
    before, after = _content(event.before, gone), _content(event.after, gone)
    if not before:
        return {"status": DELETED}
    only_status = before == {**after, "status": before["status"]}
    is_decision = only_status and after["status"] != DELETED
    withdrew_decision = before["status"] in DECISIONS and after["status"] != before["status"]
    if withdrew_decision and not is_decision and not row.sources:
        return {**before, "status": SAVED}
    return before


def _content(columns: Mapping[str, Any] | None, gone: Mapping[int, int | None]) -> dict[str, Any]:
    """Return the columns that an edit can change.

    Args:
        gone: removed label -> the label that foods have instead. A merge is no step of anybody's, and the
            steps before it can still be taken back.
    """
    content = {name: value for name, value in (columns or {}).items() if name not in NOT_CONTENT}
    if content.get("label_id") in gone:
        content["label_id"] = gone[content["label_id"]]
    return content
