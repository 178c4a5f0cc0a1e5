"""The store's tables, for SQLite and PostgreSQL alike.

Rows hold the present state. `Event` holds how it came about and only grows: everything that an edit replaces
stays there, so that nothing a person saved is lost.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

OPEN, DONE, UNUSABLE, SKIPPED = "open", "done", "unusable", "skipped"
STATES = (OPEN, DONE, UNUSABLE, SKIPPED)
"""How far one annotator is with one photo. A photo that they have not begun has no verdict."""

SAVED, ACCEPTED, REJECTED, DELETED = "saved", "accepted", "rejected", "deleted"
"""Statuses of an annotation: as its annotator left it, as a reviewer decided, or deleted."""


class UtcDateTime(TypeDecorator[datetime]):
    """Times in UTC; SQLite drops the zone, PostgreSQL returns the one of its settings."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return (
            None
            if value is None
            else value.replace(tzinfo=value.tzinfo or timezone.utc).astimezone(timezone.utc)
        )


class Base(DeclarativeBase):
    """Base of the tables; it names every constraint, so that migrations can change it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        int: BigInteger().with_variant(Integer, "sqlite"),
        float: Double(),
    }


class Project(Base):
    """Photos that are labeled together, with one label set.

    Attributes:
        new_labels: whether annotators may add labels while labeling.
        double_share: share of the photos that two annotators label independently, 0 to 1.
        blind_share: share of the photos on which suggestions are hidden, 0 to 1.
        self_review: whether reviewers may decide on their own foods.
        labels_version: grows with every change of the label set.
        deleted_at: None for a project that is in use. A deleted project keeps its rows, and nothing shows
            them. Photos deleted from a project lie in a deleted project of their own: so no query has to
            leave them out, and no id is ever given twice.
    """

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    new_labels: Mapped[bool] = mapped_column(default=True)
    double_share: Mapped[float] = mapped_column(default=0.0)
    blind_share: Mapped[float] = mapped_column(default=0.0)
    self_review: Mapped[bool] = mapped_column(default=False, server_default=false())
    labels_version: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class Label(Base):
    """A name in a project's label set.

    Attributes:
        synonyms: other names that find it.
        parent_id: the broader label.
        colour: "#rrggbb".
        food_code: of a food composition database, such as FoodData Central's FDC id.
        position: in the order of the label set.
        unit: in which its portions are given by default; None for the first of UNITS.
        removed: whether it was deleted or merged into another. Its row stays, because events name it.
        into_id: the label that its foods have instead; never a removed one.
    """

    __tablename__ = "label"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(String(200))
    synonyms: Mapped[list[Any]] = mapped_column(default=list)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("label.id"))
    colour: Mapped[str] = mapped_column(String(7))
    food_code: Mapped[str | None] = mapped_column(String(100))
    position: Mapped[int]
    unit: Mapped[str | None] = mapped_column(String(20))
    removed: Mapped[bool] = mapped_column(default=False, server_default=false())
    into_id: Mapped[int | None]


class Annotator(Base):
    """Someone who labels or reviews."""

    __tablename__ = "annotator"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)


class Member(Base):
    """Somebody who may work on a project.

    Attributes:
        role: the word of a `roles.Role`.
    """

    __tablename__ = "member"
    __table_args__ = (UniqueConstraint("project_id", "annotator_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    role: Mapped[str] = mapped_column(String(10))


class Photo(Base):
    """A photo file, known by its content; the same file in two projects is one photo.

    Attributes:
        sha256: hex digest of the original file's bytes.
        width, height: size of the upright photo, in pixels.
    """

    __tablename__ = "photo"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    format: Mapped[str] = mapped_column(String(10))
    width: Mapped[int]
    height: Mapped[int]
    added_at: Mapped[datetime]


class Item(Base):
    """A photo's place in a project's queue.

    Attributes:
        position: place in the queue, from 0, without gaps. New photos join at the end, so ids grow with
            positions.
        name: the file's name as it was given.
        meal: name of the meal, tray or day; photos of one meal are never split between training and
            validation.
        before_id: the photo taken before the meal, if this one shows the leftovers.
        uncertainty: how unsure the classifier is of the photo's foods, 0 to 1; None while unknown.
        wanted: how many annotators label it, independently of each other.
        taken: how many annotators have begun.
        held_by, held_until: the annotator who was led here last, and until when nobody else is; without
            history.
        blind: whether suggestions are hidden.
    """

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("project_id", "photo_id"),
        UniqueConstraint("project_id", "position"),
        Index(
            "ix_item_free",
            "project_id",
            "position",
            sqlite_where=text("taken < wanted"),
            postgresql_where=text("taken < wanted"),
        ),
        Index(
            "ix_item_half",
            "project_id",
            "id",
            sqlite_where=text("taken > 0 AND taken < wanted"),
            postgresql_where=text("taken > 0 AND taken < wanted"),
        ),
        Index(
            "ix_item_free_uncertain",
            "project_id",
            "uncertainty",
            sqlite_where=text("taken < wanted"),
            postgresql_where=text("taken < wanted"),
        ),
        Index(
            "ix_item_unranked",
            "project_id",
            "position",
            sqlite_where=text("uncertainty IS NULL"),
            postgresql_where=text("uncertainty IS NULL"),
        ),
        Index(
            "ix_item_shared",
            "project_id",
            "position",
            sqlite_where=text("taken > 1"),
            postgresql_where=text("taken > 1"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(500))
    meal: Mapped[str | None] = mapped_column(String(200))
    before_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
    uncertainty: Mapped[float | None]
    wanted: Mapped[int] = mapped_column(default=1)
    taken: Mapped[int] = mapped_column(default=0)
    held_by: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    held_until: Mapped[datetime | None]
    blind: Mapped[bool] = mapped_column(default=False)

    photo: Mapped[Photo] = relationship(lazy="joined")


class Sight(Base):
    """Somebody has seen what others have on a photo, and can no longer begin it as one of its annotators."""

    __tablename__ = "sight"
    __table_args__ = (UniqueConstraint("item_id", "annotator_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)
    at: Mapped[datetime]


class Verdict(Base):
    """How far one annotator is with one photo.

    Attributes:
        reason: why the photo is unusable or was skipped.
        seconds: time spent on the photo so far.
        revision: 1 at first, one more with every change.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("item_id", "annotator_id"),
        Index("ix_verdict_mine", "project_id", "annotator_id", "state", "item_id"),
        Index("ix_verdict_begun", "project_id", "annotator_id", "item_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    reason: Mapped[str | None] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(default=0.0)
    revision: Mapped[int] = mapped_column(default=1)
    begun_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Annotation(Base):
    """One food on one photo, as an annotator or a reviewer sees it.

    Attributes:
        label_id: None while the food has a mask but no name.
        counts: COCO compressed RLE of the mask; its size is the photo's.
        box_x, box_y, box_w, box_h, area: the mask's tight box and area, in pixels.
        prompts: points, box or strokes that made the mask, or the format it was imported from.
        segmenter, checkpoint: models that made the mask and the suggestions, as "name@fingerprint".
        suggestions: [label, probability] pairs, likeliest first; None if nothing was suggested.
        suggestion_taken: whether the label is one of the suggestions; None if they were hidden.
        amount, low, high: the portion in `unit`, and the range that it lies in.
        sources: ids of the annotations that a reviewer merged into this one.
        revision: 1 at first, one more with every change.
    """

    __tablename__ = "annotation"
    __table_args__ = (
        Index("ix_annotation_of_item", "item_id", "annotator_id", "status"),
        Index(
            "ix_annotation_of_label", "project_id", "label_id", "status", "annotator_id", "suggestion_taken"
        ),
        Index("ix_annotation_with_label", "project_id", "label_id", "item_id", "status"),
        Index("ix_annotation_mine", "project_id", "annotator_id", "label_id", "item_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    label_id: Mapped[int | None] = mapped_column(ForeignKey("label.id"))
    status: Mapped[str] = mapped_column(String(10), default=SAVED)
    counts: Mapped[str] = mapped_column(Text)
    box_x: Mapped[int]
    box_y: Mapped[int]
    box_w: Mapped[int]
    box_h: Mapped[int]
    area: Mapped[int]
    prompts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    segmenter: Mapped[str | None] = mapped_column(String(200))
    checkpoint: Mapped[str | None] = mapped_column(String(200))
    suggestions: Mapped[list[Any] | None]
    suggestion_taken: Mapped[bool | None]
    amount: Mapped[float | None]
    unit: Mapped[str | None] = mapped_column(String(20))
    method: Mapped[str | None] = mapped_column(String(20))
    low: Mapped[float | None]
    high: Mapped[float | None]
    note: Mapped[str] = mapped_column(Text, default="")
    sources: Mapped[list[Any]] = mapped_column(default=list)
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Comment(Base):
    """A remark on a photo or on one of its annotations."""

    __tablename__ = "comment"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    annotation_id: Mapped[int | None] = mapped_column(ForeignKey("annotation.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    words: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class Event(Base):
    """One change: who, when, before, after. Never changed, never removed.

    Attributes:
        subject, subject_id: table and id of the row that changed.
        revision: the row's revision after the change.
        before, after: the row's columns; `before` is None for a new row.
        undoes_id: the event this one takes back.
        step: names the annotator's action that this event is part of; None where it is an action by itself.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_of_subject", "subject", "subject_id", "id"),
        Index("ix_event_of_item", "item_id", "annotator_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
    subject: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[int]
    revision: Mapped[int | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"))
    step: Mapped[str | None] = mapped_column(String(64))
