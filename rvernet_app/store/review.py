"""Compare, accept, reject, merge and comment on foods that several annotators are done with.

The caller opens the transaction. A food that several have ends up with at most one accepted annotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import exists, func, literal_column, select
from sqlalchemy.orm import Session

from rvernet_app.errors import RoleError, StoreError
from rvernet_app.picture.masks import EmptyMaskError, Rle, merged_rle, part_of, require_rle, to_rle
from rvernet_app.store.annotations import MAX_NOTE, Draft, Portion, Saved, by_annotator, lock_item
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import add, change, now
from rvernet_app.store.label_sets import standing_label
from rvernet_app.store.matching import done_with, family, foods_of, mask_ious, rle_of, rows_of
from rvernet_app.store.projects import ensure_annotator, require_kept
from rvernet_app.store.queue import PAGE
from rvernet_app.store.roles import STRANGER, Role, actor_of, own_id, require_item_role, require_role
from rvernet_app.store.sight import done, has_seen, require_sight, sees_others, visible
from rvernet_app.store.tables import (
    ACCEPTED,
    DONE,
    REJECTED,
    SAVED,
    Annotation,
    Annotator,
    Comment,
    Item,
    Project,
    Sight,
    Verdict,
)

HOWS = ("union", "intersection", "majority")
"""Ways to merge masks; "majority" keeps the pixels of more than half of the masks."""
MAX_COMMENT = 10_000


@dataclass(frozen=True)
class ComparedFood:
    """One food of a photo, as each annotator has it.

    Attributes:
        annotations: one for each annotator of the comparison; None if they do not have the food.
        iou: the smallest IoU between two of the masks; None if only one annotator has the food.
        same_label: whether all who named the food gave it the same label; None if fewer than two named it.
    """

    annotations: tuple[Annotation | None, ...]
    iou: float | None
    same_label: bool | None


@dataclass(frozen=True)
class Comparison:
    """A photo's foods side by side.

    Attributes:
        annotators: the annotators who are done with it.
        merged: the foods that reviewers merged, oldest first.
    """

    annotators: tuple[Annotator, ...]
    foods: tuple[ComparedFood, ...]
    merged: tuple[Annotation, ...]


def review_queue(
    session: Session,
    project_id: int,
    *,
    reviewer_id: int | None = None,
    least: int = 2,
    after: int = -1,
    limit: int = PAGE,
) -> list[Item]:
    """Return a page of the photos that wait for a reviewer, in the queue's order.

    A photo waits if an annotator who is done with it has a food that is neither accepted nor rejected.

    Args:
        reviewer_id: the reviewer; photos whose foods they may not see are left out, and those with their own
            foods unless the project lets people review themselves.
        least: how many annotators must be done with a photo.
        after: position before the page.
    """
    require_role(session, project_id, Role.REVIEWER)
    ready = Verdict.item_id == Item.id, Verdict.state == DONE
    how_many = select(func.count()).where(*ready).correlate(Item).scalar_subquery()
    undecided = select(Annotation.id).join(Verdict, by_annotator()).where(*ready, Annotation.status == SAVED)
    asked = select(Item).where(Item.project_id == project_id, Item.position > after, how_many >= least)
    asked = asked.where(exists(undecided.correlate(Item)))
    if least > 1:
        asked = asked.where(Item.taken > literal_column("1"))  # as the index of shared photos says it
    if reviewer_id is not None:
        asked = asked.where(visible(reviewer_id))
        if not session.get_one(Project, project_id).self_review:
            own = Annotation.item_id == Item.id, Annotation.annotator_id == reviewer_id
            asked = asked.where(~exists().where(*own, Annotation.status == SAVED))
    return list(session.scalars(asked.order_by(Item.position).limit(limit)))


def _reviewed(session: Session, item_id: int) -> Item:
    """Lock a photo for a reviewer.

    Raises:
        RoleError: the session's actor is no reviewer.
        StoreError: there is no such photo, or they may not see others' foods on it.
    """
    item = lock_item(session, item_id, Role.REVIEWER)
    require_sight(session, item)
    return item


def _require_others(session: Session, item: Item, reviewer_id: int, foods: Sequence[Annotation]) -> None:
    """Raise RoleError if one of the foods is the reviewer's own and the project does not allow that."""
    own = any(row.annotator_id == reviewer_id and not row.sources for row in foods)
    if own and actor_of(session) is not None and not session.get_one(Project, item.project_id).self_review:
        raise RoleError(
            "You labeled this food yourself, so somebody else has to review it. "
            "An admin can allow it under “This project”."
        )


def keep_sight(store: Store, item_id: int) -> None:
    """Keep that the actor of a store has seen what others have on a photo; call this before they are told.

    Raises:
        RoleError, StoreError: they may not see it, as `require_sight`.
    """
    assert store.actor is not None
    name = store.actor.name
    with store.reading() as session:
        mine = own_id(session)
        if mine is not None and has_seen(session, item_id, mine):
            return
    with store.writing() as session:
        mine = ensure_annotator(session, name)
        _reviewed(session, item_id)
        if not has_seen(session, item_id, mine):
            add(session, Sight(item_id=item_id, annotator_id=mine, at=now()), mine)


def side_by_side(session: Session, item_id: int) -> Comparison:
    """Match the foods of a photo between the annotators who are done with it.

    Raises:
        StoreError: there is no such photo.
    """
    item = _item(session, item_id, Role.REVIEWER)
    require_sight(session, item)
    rows = rows_of(session, item)
    foods = foods_of(item, rows)
    owners = done_with(session, item) | {row.annotator_id for food in foods for row in food}
    annotators = tuple(
        session.scalars(select(Annotator).where(Annotator.id.in_(owners)).order_by(Annotator.id))
    )
    return Comparison(
        annotators,
        tuple(_compared(item, food, annotators) for food in foods),
        tuple(row for row in rows if row.sources),
    )


def accept(
    session: Session, item_id: int, reviewer_id: int, annotation_id: int, revision: int
) -> list[Saved]:
    """Accept one annotation of a food and reject the others.

    Args:
        revision: the revision of the annotation that the reviewer saw.

    Returns:
        The accepted annotation, then the others, whose revisions may have changed too.

    Raises:
        ConflictError: the annotation was changed since that revision.
        StoreError: there is no such food, or its annotator is not done with the photo.
    """
    item = _reviewed(session, item_id)
    rows = rows_of(session, item)
    chosen = _row(rows, annotation_id)
    others = [row for row in family(item, rows, [chosen]) if row is not chosen]
    _require_others(session, item, reviewer_id, [chosen, *others])
    for row in others:
        change(session, row, {"status": REJECTED}, reviewer_id, row.revision)
    # Last, so that the reviewer's first undo takes this back.
    change(session, chosen, {"status": ACCEPTED}, reviewer_id, revision)
    return [Saved(row.id, row.revision) for row in (chosen, *others)]


def reject(session: Session, item_id: int, reviewer_id: int, annotation_id: int, revision: int) -> Saved:
    """Reject one annotation; the others stay as they are.

    Raises:
        ConflictError, StoreError: as `accept`.
    """
    item = _reviewed(session, item_id)
    row = _row(rows_of(session, item), annotation_id)
    _require_others(session, item, reviewer_id, [row])
    change(session, row, {"status": REJECTED}, reviewer_id, revision)
    return Saved(row.id, row.revision)


def merge(
    session: Session,
    item_id: int,
    reviewer_id: int,
    revisions: Mapping[int, int],
    how: str,
    label_id: int | None,
    portion: Portion | None = None,
) -> list[Saved]:
    """Merge annotations into a new accepted one, and reject all other annotations of the same food.

    The new annotation gets the notes of the merged ones.

    Args:
        revisions: ids of the annotations to merge, with the revisions that the reviewer saw.
        how: one of HOWS.
        portion: the portion of the new annotation.

    Returns:
        The new annotation, then the others, whose revisions may have changed too.

    Raises:
        ConflictError: one of the annotations was changed since its revision.
        StoreError: there are fewer than two, there is no such food, label or way to merge, an annotator is
            not done with the photo, or the merged mask is empty.
    """
    item = _reviewed(session, item_id)
    if how not in HOWS:
        raise StoreError(f"Masks are merged by {', '.join(HOWS)}; got {how!r}.")
    if len(revisions) < 2:
        raise StoreError("Choose two or more foods to merge.")
    if label_id is not None:
        label_id = standing_label(session, item.project_id, label_id)
    rows = rows_of(session, item)
    chosen = [_row(rows, id) for id in sorted(revisions)]
    rle = merged_mask([rle_of(item, row) for row in chosen], how)
    note = "; ".join(dict.fromkeys(row.note for row in chosen if row.note))[:MAX_NOTE]
    others = family(item, rows, chosen)
    _require_others(session, item, reviewer_id, others)
    for row in others:
        change(session, row, {"status": REJECTED}, reviewer_id, revisions.get(row.id, row.revision))
    new = Annotation(
        project_id=item.project_id,
        item_id=item_id,
        annotator_id=reviewer_id,
        status=ACCEPTED,
        revision=1,
        created_at=now(),
        changed_at=now(),
        sources=sorted(revisions),
        **Draft(rle, label_id, prompts={"merge": how}, portion=portion, note=note).columns(),
    )
    add(session, new, reviewer_id)
    return [Saved(row.id, row.revision) for row in (new, *others)]


def merged_mask(rles: Sequence[Rle], how: str) -> Rle:
    """Merge masks of a photo in one of the HOWS.

    Raises:
        StoreError: the merged mask is empty.
    """
    try:
        if how != "majority":
            return merged_rle(rles, intersect=how == "intersection")
        height, width = rles[0]["size"]
        votes = np.zeros((height, width), np.uint16)  # (H, W)
        for rle in rles:
            part, (x, y) = part_of(rle, (height, width))
            votes[y : y + part.shape[0], x : x + part.shape[1]] += part
        return require_rle(to_rle(votes > len(rles) // 2), (height, width))
    except EmptyMaskError as error:
        raise StoreError(
            "These masks share too little to be merged in this way. Take their union, or accept one of them."
        ) from error


def comment(session: Session, item_id: int, annotator_id: int, words: str) -> int:
    """Remark on a photo; returns the comment's id.

    Raises:
        StoreError: there is no such photo, or the comment is empty or too long.
    """
    require_sight(session, _item(session, item_id, Role.REVIEWER))
    words = words.strip()
    if not 0 < len(words) <= MAX_COMMENT:
        raise StoreError(f"A comment has 1 to {MAX_COMMENT} characters, this one {len(words)}.")
    row = Comment(item_id=item_id, annotation_id=None, annotator_id=annotator_id, words=words, at=now())
    add(session, row, annotator_id)
    return row.id


def comments(session: Session, item_id: int) -> list[Comment]:
    """Return the comments on a photo, oldest first, to its reviewers and to annotators who are done with it.

    Raises:
        StoreError: there is no such photo, or the session's actor may not read them yet.
    """
    item = _item(session, item_id, Role.ANNOTATOR)
    mine = own_id(session) or STRANGER
    is_done = session.scalar(select(Item.id).where(Item.id == item_id, done(mine))) is not None
    if not is_done and not sees_others(session, item):
        raise StoreError("Finish this photo to read what others say of it.")
    return list(session.scalars(select(Comment).where(Comment.item_id == item_id).order_by(Comment.id)))


def _item(session: Session, item_id: int, least: Role) -> Item:
    item = require_item_role(session, session.get(Item, item_id), least)
    require_kept(session, item)
    return item


def _row(rows: Sequence[Annotation], id: int) -> Annotation:
    row = next((row for row in rows if row.id == id), None)
    if row is None:
        raise StoreError("There is no such food on this photo, or its annotator is not done with the photo.")
    return row


def _compared(item: Item, food: Sequence[Annotation], annotators: Sequence[Annotator]) -> ComparedFood:
    of_annotator = {row.annotator_id: row for row in food}
    rles = [rle_of(item, row) for row in food]
    labels = [row.label_id for row in food if row.label_id is not None]
    return ComparedFood(
        annotations=tuple(of_annotator.get(annotator.id) for annotator in annotators),
        iou=float(mask_ious(rles, rles).min()) if len(food) > 1 else None,
        same_label=len(set(labels)) == 1 if len(labels) > 1 else None,
    )
