"""Rows of the store in the forms that travel to the browser."""

from __future__ import annotations

import base64
import io
from typing import Any

from matplotlib.figure import Figure
from sqlalchemy.orm import Session

from rvernet_app.label_files import default_label_set
from rvernet_app.labels import colour_of
from rvernet_app.picture.masks import Rle
from rvernet_app.picture.outlining import rle_polygons
from rvernet_app.portions import UNITS
from rvernet_app.reports.tables import Table
from rvernet_app.store import label_sets, projects, review
from rvernet_app.store.tables import Annotation, Event, Label
from rvernet_app.ui.project.label_replies import (
    LabelReply,
    LabelSetReply,
    RemovedLabel,
)
from rvernet_app.ui.project.replies import (
    CommentReply,
    EventReply,
    FoodReply,
    LimitsReply,
    PortionReply,
    Report,
    ReviewedFood,
    TableReply,
)

FIGURE_DPI = 110


def portion_reply(row: Annotation) -> PortionReply | None:
    """Return how much of a food there is; None if nobody said."""
    if row.amount is None:
        return None
    return PortionReply(
        amount=row.amount, unit=row.unit or "", method=row.method or "", low=row.low, high=row.high
    )


def food_reply(row: Annotation, size_hw: tuple[int, int]) -> FoodReply:
    """Return a food with all that the page needs to change it."""
    rle = Rle(size=list(size_hw), counts=row.counts)
    return FoodReply(
        id=row.id,
        revision=row.revision,
        status=row.status,
        label=row.label_id,
        rle=dict(rle),
        polygons=rle_polygons(rle, size_hw),
        bbox=[row.box_x, row.box_y, row.box_w, row.box_h],
        prompts=row.prompts,
        segmenter=row.segmenter,
        checkpoint=row.checkpoint,
        suggestions=row.suggestions,
        taken=row.suggestion_taken,
        portion=portion_reply(row),
        note=row.note,
    )


def reviewed_food(row: Annotation, size_hw: tuple[int, int]) -> ReviewedFood:
    """Return a food with all that a reviewer sees of it."""
    return ReviewedFood(
        id=row.id,
        revision=row.revision,
        status=row.status,
        label=row.label_id,
        polygons=rle_polygons(Rle(size=list(size_hw), counts=row.counts), size_hw),
        portion=portion_reply(row),
        note=row.note,
    )


def limit_replies() -> dict[str, LimitsReply]:
    """Return the limits of amounts by unit."""
    return {name: LimitsReply(usual=unit.usual, most=unit.most) for name, unit in UNITS.items()}


def label_reply(label: Label) -> LabelReply:
    """Return a label of a label set."""
    return LabelReply(
        id=label.id,
        name=label.name,
        synonyms=list(label.synonyms),
        parent=label.parent_id,
        colour=label.colour,
        code=label.food_code,
        unit=label.unit,
    )


def label_set_reply(session: Session, project_id: int) -> LabelSetReply:
    """Return the label set of a project."""
    return LabelSetReply(
        version=projects.project(session, project_id).labels_version,
        labels=[label_reply(label) for label in label_sets.labels_of(session, project_id)],
        removed=[
            RemovedLabel(id=label.id, name=label.name, into=label.into_id)
            for label in label_sets.removed_labels(session, project_id)
        ],
    )


def default_label_replies() -> list[LabelReply]:
    """Return the default label set, numbered from 1, for who works without a project."""
    labels = default_label_set()
    numbers = {label.name: number for number, label in enumerate(labels, 1)}
    return [
        LabelReply(
            id=number,
            name=label.name,
            synonyms=list(label.synonyms),
            parent=numbers.get(label.parent or ""),
            colour=label.colour or colour_of(number - 1),
            code=label.food_code,
            unit=label.unit,
        )
        for number, label in enumerate(labels, 1)
    ]


def comment_replies(session: Session, item_id: int) -> list[CommentReply]:
    """Return the remarks on a photo, oldest first."""
    names = projects.annotator_names(session)
    return [
        CommentReply(who=names[each.annotator_id], words=each.words, at=each.at.isoformat())
        for each in review.comments(session, item_id)
    ]


def event_reply(event: Event, names: dict[int, str]) -> EventReply:
    """Return one change on a photo, without masks."""
    return EventReply(
        at=event.at.isoformat(),
        who=names.get(event.annotator_id or 0),
        subject=event.subject,
        id=event.subject_id,
        before=_without_mask(event.before),
        after=_without_mask(event.after),
    )


def report_reply(tables: tuple[Table, ...], figure: Figure | None, note: str | None = None) -> Report:
    """Return the tables and the figure of a report, which has no background of its own.

    Args:
        note: what is to be said before them.
    """
    return Report(
        tables=[TableReply(title=t.title, columns=list(t.columns), rows=list(t.rows)) for t in tables],
        figure=None if figure is None else _data_url(figure),
        note=note,
    )


def _data_url(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=FIGURE_DPI, transparent=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _without_mask(columns: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if columns is None else {k: v for k, v in columns.items() if k not in ("counts", "prompts")}
