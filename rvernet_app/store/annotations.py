"""Save what an annotator says of a photo: its foods, and whether it is done.

The caller opens the transaction, and tells the person that something is saved only after it has ended.
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
from rvernet_app.portions import METHODS, UNITS
from rvernet_app.store.event_log import add, change, locked, now, require_revision
from rvernet_app.store.label_sets import standing_label
from rvernet_app.store.matching import reopen
from rvernet_app.store.projects import require_kept
from rvernet_app.store.roles import Role, actor_of, own_id, require_item_role, require_self
from rvernet_app.store.sight import has_seen, require_sight
from rvernet_app.store.tables import (
    ACCEPTED,
    DELETED,
    OPEN,
    REJECTED,
    SAVED,
    SKIPPED,
    STATES,
    UNUSABLE,
    Annotation,
    Item,
    Verdict,
)

MAX_NOTE = 10_000
NO_FOOD = "There is no such food on this photo."
MAX_STEP = 64
"""Characters in the name of a step."""
JUDGED = ("counts", "label_id", "amount", "unit", "method", "low", "high")
"""Columns that a reviewer's decision is about."""


@dataclass(frozen=True)
class Portion:
    """The amount of a food, and how it was estimated.

    Attributes:
        amount: best estimate, in `unit`.
        unit: one of UNITS.
        method: one of METHODS.
        low, high: the range that the amount lies in; None if nobody gave it.

    Raises:
        StoreError: a value is not allowed or larger than any portion, or the range does not contain the
            amount.
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
            raise StoreError(f"A portion is estimated by one of {', '.join(METHODS)}; got {self.method!r}.")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise StoreError(f"A portion is a number of at least 0, got {self.amount}.")
        low, high, most = self.low, self.high, UNITS[self.unit].most
        if max(self.amount, high or 0) > most:
            raise StoreError(
                f"A portion has at most {most:g} {self.unit}, got {max(self.amount, high or 0):g}."
            )
        if (low is None) != (high is None):
            raise StoreError("Give both ends of a portion's range.")
        if low is not None and high is not None and not 0 <= low <= self.amount <= high < math.inf:
            raise StoreError(
                f"The range {low:g} to {high:g} does not contain the portion of {self.amount:g}."
            )


@dataclass(frozen=True)
class Draft:
    """A food on a photo, ready to be saved.

    Attributes:
        rle: the mask, COCO compressed RLE of the photo's size, not empty.
        label_id: a label of the project; None while the food has no name.
        prompts: what made the mask, as JSON.
        segmenter, checkpoint: models that made mask and suggestions, "name@fingerprint"; None without a
            model.
        suggestions: (label, probability), likeliest first; None if nothing was suggested.
        suggestion_taken: whether the label is one of the suggestions; None if they were hidden.
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
        """Return the columns of `Annotation`; box and area are counted on the mask."""
        (area, box), portion = area_and_box(self.rle), self.portion
        return {
            "label_id": self.label_id,
            "counts": self.rle["counts"],
            "area": area,
            **dict(zip(("box_x", "box_y", "box_w", "box_h"), box, strict=True)),
            "prompts": json.loads(json.dumps(self.prompts)),  # as the database returns them, for comparison
            "segmenter": self.segmenter,
            "checkpoint": self.checkpoint,
            "suggestions": None if self.suggestions is None else [[n, p] for n, p in self.suggestions],
            "suggestion_taken": self.suggestion_taken,
            **{n: getattr(portion, n, None) for n in ("amount", "unit", "method", "low", "high")},
            "note": self.note,
        }


@dataclass(frozen=True)
class Saved:
    """The id of a saved annotation or verdict, and its revision."""

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
    step: str | None = None,
) -> Saved:
    """Save a food: a new one, or a changed one by its id and the revision it was changed from.

    A food with a label that was merged gets the other label; one with a label that was deleted has no name.
    A deleted food comes back, and a skipped photo is open again. If a reviewer decided on the food and its
    mask, label or portion changes, the decision is withdrawn, see `matching.reopen`.

    Args:
        step: names the person's action; `history.undo` takes back all changes of one step together.

    Raises:
        ConflictError: someone else changed the food since that revision.
        FullError: the photo has enough annotators, and this one is not among them.
        StoreError: there is no such photo, label or food, or the note or the step's name is too long.
        PromptError: the mask is damaged, empty, or of another photo's size.
    """
    if len(draft.note) > MAX_NOTE:
        raise StoreError(f"A note has at most {MAX_NOTE} characters, this one {len(draft.note)}.")
    require_step(step)
    item = lock_item(session, item_id)
    draft = replace(draft, rle=require_rle(draft.rle, (item.photo.height, item.photo.width)))
    if draft.label_id is not None:
        label_id = standing_label(session, item.project_id, draft.label_id)
        draft = replace(draft, label_id=label_id)
    if id is not None:
        row = _own(session, lock_annotation(session, id, item_id), annotator_id)
        require_revision(row, revision)
        continue_photo(session, item, row, annotator_id)
        columns = draft.columns()
        status = SAVED if row.status == DELETED else row.status
        if _is_decided(row) and any(getattr(row, name) != columns[name] for name in JUDGED):
            reopen(session, item, row)
            status = SAVED
        change(session, row, {**columns, "status": status}, annotator_id, revision, step=step)
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
    continue_photo(session, item, row, annotator_id)
    add(session, row, annotator_id, step)
    return Saved(row.id, row.revision)


def delete(
    session: Session, item_id: int, annotator_id: int, *, id: int, revision: int, step: str | None = None
) -> Saved:
    """Delete a food; its history stays, and a reviewer's decision on it is withdrawn.

    Args:
        step: as in `save`.

    Raises:
        ConflictError, FullError, StoreError: as `save`.
    """
    require_step(step)
    item = lock_item(session, item_id)
    row = _own(session, lock_annotation(session, id, item_id), annotator_id)
    require_revision(row, revision)
    continue_photo(session, item, row, annotator_id)
    if _is_decided(row):
        reopen(session, item, row)
    change(session, row, {"status": DELETED}, annotator_id, revision, step=step)
    return Saved(row.id, row.revision)


def _own(session: Session, row: Annotation, annotator_id: int) -> Annotation:
    """Return a food if it is the annotator's own. Others' foods change by a review only.

    Raises:
        StoreError: it is another's, which is answered as if it were not there.
    """
    if actor_of(session) is not None and row.annotator_id != annotator_id:
        raise StoreError(NO_FOOD)
    return row


def require_step(step: str | None) -> None:
    """Raise StoreError if the name of a step is empty or too long."""
    if step is not None and not 0 < len(step) <= MAX_STEP:
        raise StoreError(f"The name of a step has 1 to {MAX_STEP} characters, this one {len(step)}.")


def _is_decided(row: Annotation) -> bool:
    """Return whether a reviewer chose between this annotation and those that others have of the food."""
    return row.status in (ACCEPTED, REJECTED) and not row.sources


def give_verdict(
    session: Session,
    item_id: int,
    annotator_id: int,
    state: str,
    reason: str | None = None,
    seconds: float = 0.0,
) -> Saved:
    """Save how far an annotator is with a photo.

    An annotator who skips a photo without a food on it gives their place back.

    Args:
        state: one of STATES.
        reason: required for an unusable photo.
        seconds: time spent on it since the last call.

    Raises:
        FullError: as `save`.
        StoreError: there is no such photo or state, or the reason is missing.
    """
    if state not in STATES:
        raise StoreError(f"A photo is {', '.join(STATES)}; got {state!r}.")
    reason = (reason or "").strip() or None
    if state == UNUSABLE and reason is None:
        raise StoreError("Say why this photo is unusable.")
    item = lock_item(session, item_id)
    require_self(session, annotator_id)
    row = begin(session, item, annotator_id)
    values = {"state": state, "reason": reason, "seconds": row.seconds + max(0.0, seconds)}
    change(session, row, values, annotator_id, row.revision)
    if not has_place(session, row):
        item.taken -= 1
    return Saved(row.id, row.revision)


def begin(session: Session, item: Item, annotator_id: int) -> Verdict:
    """Take a place on a photo for an annotator, unless they have one, and return their verdict.

    Args:
        item: locked by `lock_item`.

    Raises:
        FullError: all places are taken.
    """
    row = verdict(session, item.id, annotator_id)
    if row is not None and has_place(session, row):
        return row
    if item.taken >= item.wanted:
        raise FullError("This photo already has enough annotators. Continue with the next one.")
    if has_seen(session, item.id, annotator_id):
        raise FullError(
            "You have seen what others have on this photo, so you cannot label it independently any more. "
            "Continue with the next one."
        )
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
    """Return the annotator's verdict on a photo; None if they have not begun it."""
    asked = select(Verdict).where(Verdict.item_id == item_id, Verdict.annotator_id == annotator_id)
    return session.scalars(asked).one_or_none()


def has_place(session: Session, row: Verdict) -> bool:
    """Return True unless the annotator skipped the photo without saving a food."""
    own = _foods(session, row.item_id, row.annotator_id) if row.state == SKIPPED else ()
    return row.state != SKIPPED or not all(food.sources for food in own)


def continue_photo(session: Session, item: Item, row: Annotation, annotator_id: int) -> None:
    """Take a place on the photo of an own food, and open the photo again if it was skipped."""
    if row.sources or row.annotator_id != annotator_id:
        return
    mine = begin(session, item, annotator_id)
    if mine.state == SKIPPED:
        change(session, mine, {"state": OPEN, "reason": None}, annotator_id, mine.revision)


def by_annotator() -> ColumnElement[bool]:
    """Return the condition that joins annotations to the verdicts of their annotators."""
    return and_(Annotation.item_id == Verdict.item_id, Annotation.annotator_id == Verdict.annotator_id)


def foods(session: Session, item_id: int, annotator_id: int | None = None) -> list[Annotation]:
    """Return the foods of a photo, of one annotator or of all, oldest first, without deleted ones.

    Raises:
        RoleError, StoreError: the session's actor may not see them, see `sight`.
    """
    if actor_of(session) is not None:
        item = require_item_role(session, session.get(Item, item_id))
        if annotator_id is None or annotator_id != (own_id(session) or 0):
            require_sight(session, item)
    return _foods(session, item_id, annotator_id)


def _foods(session: Session, item_id: int, annotator_id: int | None) -> list[Annotation]:
    asked = select(Annotation).where(Annotation.item_id == item_id, Annotation.status != DELETED)
    if annotator_id is not None:
        asked = asked.where(Annotation.annotator_id == annotator_id)
    return list(session.scalars(asked.order_by(Annotation.id)))


def lock_item(session: Session, item_id: int, least: Role = Role.ANNOTATOR) -> Item:
    """Lock a photo before anything on it changes, so that no two people wait for each other later.

    Args:
        least: the role that the session's actor needs in its project.

    Raises:
        GoneError: the photo was deleted.
        RoleError: the actor's role is a lower one.
        StoreError: there is no such photo, or the actor is no member of its project.
    """
    item = require_item_role(session, locked(session, Item, item_id), least)
    require_kept(session, item)
    return item


def lock_annotation(session: Session, id: int, item_id: int) -> Annotation:
    """Lock a food of a photo, after the photo itself.

    Raises:
        StoreError: there is no such food on this photo.
    """
    row = locked(session, Annotation, id)
    if row is None or row.item_id != item_id:
        raise StoreError(NO_FOOD)
    return row
