"""Match annotations of the same food across annotators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco
from scipy.optimize import linear_sum_assignment
from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import Rle, as_encoded
from rvernet_app.store.event_log import change
from rvernet_app.store.tables import ACCEPTED, DELETED, DONE, REJECTED, SAVED, Annotation, Item, Verdict

MINIMUM_IOU = 0.5
"""Two masks with this IoU or more are of the same food."""


def mask_ious(first: Sequence[Rle], second: Sequence[Rle]) -> NDArray[np.float64]:
    """Return the IoUs of masks of one photo, from their run lengths: float64 (N, M) in [0, 1].

    Raises:
        PromptError: a mask is damaged, or they are of photos of different sizes.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    if any(rle["size"] != first[0]["size"] for rle in (*first, *second)):
        raise PromptError("The masks are of photos of different sizes.")
    rows, columns = ([as_encoded(rle) for rle in rles] for rles in (first, second))
    return np.asarray(coco.iou(rows, columns, [0] * len(columns)))


def match(ious: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pair masks of the same food by the assignment with the largest sum of IoUs (Kuhn 1955).

    Args:
        ious: float64 (N, M), between the masks of two annotators.

    Returns:
        (row, column) of each pair; a mask is in at most one pair.
    """
    allowed = np.where(ious >= MINIMUM_IOU, ious, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c] > 0]


def same_foods(ious: NDArray[np.float64], owners: Sequence[int]) -> list[list[int]]:
    """Group masks of any number of annotators by food.

    One annotator after the other is matched to the foods found so far. The IoU of a mask and a food is its
    smallest IoU with any mask of that food. For two annotators this is `match`.

    Args:
        ious: float64 (N, N), between all masks.
        owners: the annotator of each mask.

    Returns:
        Indices of the masks of each food, ordered by owner, with at most one mask per owner. Each mask is in
        exactly one food.
    """
    foods: list[list[int]] = []
    for owner in sorted(set(owners)):
        mine = [index for index, other in enumerate(owners) if other == owner]
        linked = np.array([ious[np.ix_(food, mine)].min(axis=0) for food in foods])
        matched = match(linked.reshape(len(foods), len(mine)))
        for food, place in matched:
            foods[food].append(mine[place])
        alone = set(range(len(mine))) - {place for _, place in matched}
        foods += [[mine[place]] for place in sorted(alone)]
    return foods


def done_with(session: Session, item: Item) -> set[int]:
    """Return the ids of the annotators who are done with a photo."""
    asked = select(Verdict.annotator_id).where(Verdict.item_id == item.id, Verdict.state == DONE)
    return set(session.scalars(asked))


def rows_of(session: Session, item: Item) -> list[Annotation]:
    """Return the annotations that a reviewer sees: of annotators who are done, decided, or merged."""
    asked = select(Annotation).where(Annotation.item_id == item.id, Annotation.status != DELETED)
    done = done_with(session, item)
    rows = session.scalars(asked.order_by(Annotation.id))
    return [row for row in rows if row.sources or row.annotator_id in done or row.status != SAVED]


def foods_of(item: Item, rows: Sequence[Annotation]) -> list[list[Annotation]]:
    """Group the annotations that are not merged ones by food."""
    own = [row for row in rows if not row.sources]
    rles = [rle_of(item, row) for row in own]
    foods = same_foods(mask_ious(rles, rles), [row.annotator_id for row in own])
    return [[own[place] for place in food] for food in foods]


def family(item: Item, rows: Sequence[Annotation], chosen: Sequence[Annotation]) -> list[Annotation]:
    """Return the chosen annotations, their sources and matches, and everything merged from these."""
    ids = {row.id for row in chosen} | {id for row in chosen for id in row.sources}
    for food in foods_of(item, rows):
        of_food = {row.id for row in food}
        if ids & of_food:
            ids |= of_food
    return [row for row in rows if row.id in ids or ids.intersection(row.sources)]


def reopen(session: Session, item: Item, row: Annotation) -> None:
    """Withdraw the decision on a food, because one of its annotations is about to change.

    Other annotations of the food become "saved" again, and merged ones are rejected, so that the food does
    not appear twice. The caller changes the annotation itself. These events belong to no annotator, so undo
    leaves them alone.

    Args:
        item: the photo, locked.
        row: the annotation, accepted or rejected.
    """
    rows = rows_of(session, item)
    for other in family(item, rows, [row]):
        if other is not row and other.status in (ACCEPTED, REJECTED):
            change(session, other, {"status": REJECTED if other.sources else SAVED}, None, other.revision)


def rle_of(item: Item, row: Annotation) -> Rle:
    """Return the mask of an annotation as an RLE of the photo's size."""
    return Rle(size=[item.photo.height, item.photo.width], counts=row.counts)
