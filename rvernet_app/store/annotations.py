"""What an annotator says of a photo: its foods, and when it is done.

The caller opens the transaction; tell a person that something is saved only after it has ended.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from rvernet_app.errors import FullError, StoreError
from rvernet_app.picture.masks import Rle, area_and_box, require_rle
from rvernet_app.store.event_log import add, change, changed_meanwhile, locked, now, snapshot
from rvernet_app.store.matching import reopen
from rvernet_app.store.tables import (
    ACCEPTED,
    DELETED,
    METHODS,
    OPEN,
    REJECTED,
    SAVED,
    SKIPPED,
    STATES,
    UNITS,
    UNUSABLE,
    Annotation,
    Event,
    Item,
    Label,
    Verdict,
)

MAX_NOTE = 10_000
JUDGED = ("counts", "label_id", "amount", "unit", "method", "low", "high")
"""The columns that a reviewer's decision is about."""


@dataclass(frozen=True)
class Portion:
    """How much of a food there is, and how that is known.

    Attributes:
        amount: best estimate, in `unit`.
        unit: one of UNITS.
        method: one of METHODS.
        low, high: the range it is thought to be in; None where it was not asked.

    Raises:
        StoreError: a value it cannot have, or a range that does not hold the amount.
    """

    amount: float
    unit: str
    method: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise StoreError(f"A portion is given in {', '.join(UNITS)}; got {self.unit!r}.")
        if self.method not in METHODS:
            raise StoreError(f"A portion is {', '.join(METHODS)}; got {self.method!r}.")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise StoreError(f"A portion is a number from 0 on, got {self.amount}.")
        low, high = self.low, self.high
        if (low is None) != (high is None):
            raise StoreError("The range of a portion needs both its ends.")
        if low is not None and high is not None and not 0 <= low <= self.amount <= high < math.inf:
            raise StoreError(f"The range {low:g} to {high:g} does not hold the portion of {self.amount:g}.")


@dataclass(frozen=True)
class Draft:
    """A food on a photo, as it is to be saved.

    Attributes:
        rle: the mask, COCO compressed RLE of the photo's size, not empty.
        label_id: of the project's label set; None while it has no name.
        prompts: what made the mask, as JSON.
        segmenter, checkpoint: what made mask and suggestions, "name@fingerprint"; None where nothing did.
        suggestions: (label, probability), likeliest first; None where there were none.
        suggestion_taken: whether the label was taken from them; None where they were hidden.
    """

    rle: Rle
    label_id: int | None = None
    prompts: dict[str, Any] = field(default_factory=dict)
    segmenter: str | None = None
    checkpoint: str | None = None
    suggestions: Sequence[tuple[str, float]] | None = None
    suggestion_taken: bool | None = None
    portion: Portion | None = None
    note: str = ""

    def columns(self) -> dict[str, Any]:
        """As columns of `Annotation`; box and area are counted on the mask."""
        (area, box), portion = area_and_box(self.rle), self.portion
        return {
            **{"label_id": self.label_id, "counts": self.rle["counts"], "area": area},
            **dict(zip(("box_x", "box_y", "box_w", "box_h"), box, strict=True)),
            "prompts": json.loads(json.dumps(self.prompts)),  # as the database gives it back, to be compared
            **{"segmenter": self.segmenter, "checkpoint": self.checkpoint},
            "suggestions": None if self.suggestions is None else [[n, p] for n, p in self.suggestions],
            "suggestion_taken": self.suggestion_taken,
            **{n: getattr(portion, n, None) for n in ("amount", "unit", "method", "low", "high")},
            "note": self.note,
        }


@dataclass(frozen=True)
class Saved:
    """What the store now has: the id of an annotation or a verdict, and its revision."""

    id: int
    revision: int


def save(
    session: Session,
    item_id: int,
    annotator_id: int,
    draft: Draft,
    *,
    id: int | None = None,
    revision: int = 0,
) -> Saved:
    """Save a food: a new one, or a changed one by its id and the revision it was changed from.

    One that was deleted is there again, and a photo that was skipped is open again. Where a reviewer decided on it and
    its mask, label or portion changes, the decision is withdrawn, see `families.reopen`.

    Raises:
        ConflictError: it was changed by someone else since that revision.
        FullError: the photo has all the annotators it wants, and this one is none of them.
        StoreError: there is no such photo, label or annotation, or the note is too long; nothing was saved.
        PromptError: the mask is damaged, empty, or of another photo's size.
    """
    if len(draft.note) > MAX_NOTE:
        raise StoreError(f"A note has at most {MAX_NOTE} characters, this one {len(draft.note)}.")
    item = lock_item(session, item_id)
    draft = replace(draft, rle=require_rle(draft.rle, (item.photo.height, item.photo.width)))
    if draft.label_id is not None:
        label = session.get(Label, draft.label_id)
        if label is None or label.project_id != item.project_id:
            raise StoreError("This label is not in the project's label set.")
    if id is not None:
        row = _annotation(session, id, item_id)
        _go_on(session, item, row, annotator_id)
        columns = draft.columns()
        status = SAVED if row.status == DELETED else row.status
        if _is_decided(row) and any(getattr(row, name) != columns[name] for name in JUDGED):
            reopen(session, item, row)
            status = SAVED
        change(session, row, {**columns, "status": status}, annotator_id, revision)
        return Saved(row.id, row.revision)
    row = Annotation(
        project_id=item.project_id,
        item_id=item_id,
        annotator_id=annotator_id,
        status=SAVED,
        revision=1,
        created_at=now(),
        changed_at=now(),
        sources=[],
        **draft.columns(),
    )
    _go_on(session, item, row, annotator_id)
    add(session, row, annotator_id)
    return Saved(row.id, row.revision)


def delete(session: Session, item_id: int, annotator_id: int, *, id: int, revision: int) -> Saved:
    """Take a food away; history keeps it, and a reviewer's decision on it is withdrawn as by `save`.

    Raises:
        ConflictError, StoreError: as `save`.
    """
    item = lock_item(session, item_id)
    row = _annotation(session, id, item_id)
    _go_on(session, item, row, annotator_id)
    if _is_decided(row):
        reopen(session, item, row)
    change(session, row, {"status": DELETED}, annotator_id, revision)
    return Saved(row.id, row.revision)


def _is_decided(row: Annotation) -> bool:
    """Whether a reviewer chose between this and what others have of the food."""
    return row.status in (ACCEPTED, REJECTED) and not row.sources


def give_verdict(
    session: Session,
    item_id: int,
    annotator_id: int,
    state: str,
    reason: str | None = None,
    seconds: float = 0.0,
) -> Saved:
    """Say how far one is with a photo: one of STATES.

    Who skips a photo on which they have no food gives their place on it back.

    Args:
        reason: needed for an unusable photo.
        seconds: spent on it since the last call.

    Raises:
        FullError: as `save`.
        StoreError: there is no such photo or state, or no reason.
    """
    if state not in STATES:
        raise StoreError(f"A photo is {', '.join(STATES)}; got {state!r}.")
    reason = (reason or "").strip() or None
    if state == UNUSABLE and reason is None:
        raise StoreError("Say why this photo is unusable.")
    item = lock_item(session, item_id)
    row = begin(session, item, annotator_id)
    values = {"state": state, "reason": reason, "seconds": row.seconds + max(0.0, seconds)}
    change(session, row, values, annotator_id, row.revision)
    if not has_place(session, row):
        item.taken -= 1
    return Saved(row.id, row.revision)


def begin(session: Session, item: Item, annotator_id: int) -> Verdict:
    """The annotator's verdict on a photo, on which they have a place from now on.

    Args:
        item: locked against others, as `lock_item` gives it.

    Raises:
        FullError: all its places are taken.
    """
    row = verdict(session, item.id, annotator_id)
    if row is not None and has_place(session, row):
        return row
    if item.taken >= item.wanted:
        raise FullError("This photo has all the annotators it wants; go on to the next.")
    item.taken += 1
    if item.held_by == annotator_id:
        item.held_by = item.held_until = None
    if row is None:
        row = Verdict(
            project_id=item.project_id,
            item_id=item.id,
            annotator_id=annotator_id,
            state=OPEN,
            reason=None,
            seconds=0.0,
            revision=1,
            begun_at=now(),
            changed_at=now(),
        )
        add(session, row, annotator_id)
    return row


def verdict(session: Session, item_id: int, annotator_id: int) -> Verdict | None:
    """The annotator's verdict on a photo; None where they have not begun it."""
    asked = select(Verdict).where(Verdict.item_id == item_id, Verdict.annotator_id == annotator_id)
    return session.scalars(asked).one_or_none()


def has_place(session: Session, row: Verdict) -> bool:
    """Whether the annotator of a verdict has a place on its photo: not on one they skipped without a food."""
    own = foods(session, row.item_id, row.annotator_id) if row.state == SKIPPED else ()
    return row.state != SKIPPED or not all(food.sources for food in own)


def _go_on(session: Session, item: Item, row: Annotation, annotator_id: int) -> None:
    """Have the annotator at work on the photo of a food of theirs; where they skipped it, it is open again."""
    if row.sources or row.annotator_id != annotator_id:
        return
    mine = begin(session, item, annotator_id)
    if mine.state == SKIPPED:
        change(session, mine, {"state": OPEN, "reason": None}, annotator_id, mine.revision)


def by_annotator() -> ColumnElement[bool]:
    """The condition that joins foods to the verdict of the annotator who has them."""
    return and_(Annotation.item_id == Verdict.item_id, Annotation.annotator_id == Verdict.annotator_id)


def foods(session: Session, item_id: int, annotator_id: int | None = None) -> list[Annotation]:
    """What is saved of a photo, by one annotator or by all, in the order it was made; nothing deleted."""
    asked = select(Annotation).where(Annotation.item_id == item_id, Annotation.status != DELETED)
    if annotator_id is not None:
        asked = asked.where(Annotation.annotator_id == annotator_id)
    return list(session.scalars(asked.order_by(Annotation.id)))


def history(session: Session, item_id: int, annotator_id: int | None = None) -> list[Event]:
    """All changes on a photo, by one annotator or by all, oldest first."""
    asked = select(Event).where(Event.item_id == item_id)
    if annotator_id is not None:
        asked = asked.where(Event.annotator_id == annotator_id)
    return list(session.scalars(asked.order_by(Event.id)))


def undo(session: Session, item_id: int, annotator_id: int) -> Event | None:
    """Take back the annotator's last change of a food on a photo that still stands; None where there is none.

    A food that was new becomes deleted, any other gets back what it was, but for a reviewer's decision that the change
    withdrew. This is a change of its own, which `redo` takes back.

    Raises:
        ConflictError: someone else changed the food since.
        StoreError: there is no such photo.
    """
    item = lock_item(session, item_id)
    done, _ = _stacks(session, item_id, annotator_id)
    return _take_back(session, item, done[-1], annotator_id) if done else None


def redo(session: Session, item_id: int, annotator_id: int) -> Event | None:
    """Take back the annotator's last `undo` on a photo, unless they changed a food since; None where there is none.

    Raises:
        ConflictError, StoreError: as `undo`.
    """
    item = lock_item(session, item_id)
    _, undone = _stacks(session, item_id, annotator_id)
    return _take_back(session, item, undone[-1], annotator_id) if undone else None


def _stacks(session: Session, item_id: int, annotator_id: int) -> tuple[list[Event], list[Event]]:
    """The annotator's changes of foods that can be undone, and the undoings that can be redone, oldest first."""
    done: list[Event] = []
    undone: list[Event] = []
    for event in history(session, item_id, annotator_id):
        if event.subject != Annotation.__tablename__:
            continue
        if event.undoes_id is None:
            done.append(event)
            undone.clear()
        elif undone and event.undoes_id == undone[-1].id:
            undone.pop()
            done.append(event)
        else:
            done.pop()
            undone.append(event)
    return done, undone


def _take_back(session: Session, item: Item, event: Event, annotator_id: int) -> Event:
    row = _annotation(session, event.subject_id, item.id)
    if _content(snapshot(row)) != _content(event.after):
        raise changed_meanwhile(row)
    _go_on(session, item, row, annotator_id)
    values = _content(event.before) if event.before else {"status": DELETED}
    if row.annotator_id == annotator_id and not row.sources and values["status"] in (ACCEPTED, REJECTED):
        values["status"] = SAVED
    change(session, row, values, annotator_id, row.revision, undoes=event.id)
    return session.scalars(select(Event).where(Event.undoes_id == event.id)).one()


def _content(columns: dict[str, Any] | None) -> dict[str, Any]:
    """What an edit can change."""
    return {
        k: v for k, v in (columns or {}).items() if k not in ("id", "revision", "created_at", "changed_at")
    }


def lock_item(session: Session, item_id: int) -> Item:
    """Lock a photo before anything on it changes, so that no two people wait for each other later.

    Raises:
        StoreError: there is no such photo.
    """
    item = locked(session, Item, item_id)
    if item is None:
        raise StoreError("This photo is not in a project any more.")
    return item


def _annotation(session: Session, id: int, item_id: int | None) -> Annotation:
    row = locked(session, Annotation, id)
    if row is None or row.item_id != item_id:
        raise StoreError("There is no such food on this photo.")
    return row
