"""Photos that several annotators labeled independently, and their ratings of the same foods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

from rvernet_app.picture.masks import Rle
from rvernet_app.store.annotations import by_annotator
from rvernet_app.store.measures import mask_ious, same_foods
from rvernet_app.store.tables import DELETED, DONE, Annotation, Item, Photo, Verdict

AT_ONCE = 500
"""Number of photos read by one query."""


@dataclass(frozen=True)
class Rating:
    """The label and the portion that one annotator gave a food.

    Attributes:
        label_id: None if the food has no name.
        grams: None if the food has no portion, or one in another unit.
        suggested: True if the annotator saw suggestions for the food.
    """

    annotator_id: int
    label_id: int | None
    grams: float | None
    suggested: bool


@dataclass(frozen=True)
class Pair:
    """The ratings of one food by two annotators, in the order of their ids, and the IoU of their masks."""

    iou: float
    first: Rating
    second: Rating

    @property
    def couple(self) -> tuple[int, int]:
        """The ids of both annotators."""
        return self.first.annotator_id, self.second.annotator_id

    @property
    def named(self) -> bool:
        """True if both gave the food a label."""
        return self.first.label_id is not None and self.second.label_id is not None


@dataclass(frozen=True)
class SharedPhoto:
    """A photo that two or more annotators are done with. Annotators and ratings are in the order of ids.

    Attributes:
        blind: True if suggestions were hidden on it.
        done: ids of the annotators.
        counts: number of foods of each annotator.
        foods: the ratings of each food; a single one if only one annotator has the food.
        pairs: every pair of ratings of one food.
    """

    blind: bool
    done: tuple[int, ...]
    counts: Counter[int]
    foods: list[list[Rating]]
    pairs: list[Pair]


def shared_photos(session: Session, project_id: int, minimum_iou: float) -> Iterator[SharedPhoto]:
    """Yield the photos of a project that two or more annotators are done with, oldest first.

    Foods that a reviewer merged are left out.

    Args:
        minimum_iou: smallest IoU of two masks of one food, in (0, 1].

    Raises:
        StoreError: the minimum IoU is not in (0, 1].
    """
    done = Verdict.project_id == project_id, Verdict.state == DONE
    several = select(Verdict.item_id).where(*done).group_by(Verdict.item_id).having(func.count() > 1)
    ids = sorted(session.scalars(several))
    asked = (
        select(
            Verdict.item_id,
            Verdict.annotator_id,
            Item.blind,
            Photo.height,
            Photo.width,
            Annotation.label_id,
            Annotation.counts,
            Annotation.amount,
            Annotation.unit,
            Annotation.sources,
            Annotation.suggestions.is_not(None).label("suggested"),
        )
        .join(Item, Item.id == Verdict.item_id)
        .join(Photo, Photo.id == Item.photo_id)
        .outerjoin(Annotation, and_(by_annotator(), Annotation.status != DELETED))
        .where(*done)
        .order_by(Verdict.item_id, Verdict.annotator_id, Annotation.id)
    )
    for start in range(0, len(ids), AT_ONCE):
        rows = session.execute(asked.where(Verdict.item_id.in_(ids[start : start + AT_ONCE])))
        for _, of_photo in groupby(rows, key=lambda row: row.item_id):
            yield _shared_photo(list(of_photo), minimum_iou)


def _shared_photo(rows: Sequence[Row[Any]], minimum_iou: float) -> SharedPhoto:
    """Build a photo from a row for each food. An annotator without foods has one row without a mask."""
    found = [row for row in rows if row.counts is not None and not row.sources]
    rles = [Rle(size=[row.height, row.width], counts=row.counts) for row in found]
    ious = mask_ious(rles, rles)
    ratings = [
        Rating(row.annotator_id, row.label_id, row.amount if row.unit == "g" else None, row.suggested)
        for row in found
    ]
    foods = same_foods(ious, [row.annotator_id for row in found], minimum_iou)
    return SharedPhoto(
        blind=rows[0].blind,
        done=tuple(dict.fromkeys(row.annotator_id for row in rows)),
        counts=Counter(row.annotator_id for row in found),
        foods=[[ratings[index] for index in food] for food in foods],
        pairs=[
            Pair(float(ious[one, other]), ratings[one], ratings[other])
            for food in foods
            for one, other in combinations(food, 2)
        ],
    )
