"""Delete photos from a project, and whole projects.

Rows and events stay: what is deleted lies in a project that is marked as deleted, see `Project`. Files of
photos that no other project uses are removed from the disk.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from rvernet_app.errors import GoneError, StoreError
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import add, amend, locked, now
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.projects import project
from rvernet_app.store.queue import count_items
from rvernet_app.store.roles import Role, require_item_role, require_server_admin
from rvernet_app.store.tables import (
    DELETED,
    Annotation,
    Annotator,
    Comment,
    Item,
    Member,
    Photo,
    Project,
    Verdict,
)

SHEETS = "training/**/worst.png"
"""In the data folder: the photos that each training named worst."""
NAME_KEPT = 150
"""Characters that a deleted project keeps of its name."""


@dataclass(frozen=True)
class Loss:
    """What a deletion takes away.

    Attributes:
        foods: the number of foods of each annotator, by name.
        people: the names of all who began one of the photos or have a food on it, sorted.
    """

    photos: int
    foods: Mapping[str, int]
    people: tuple[str, ...]
    comments: int


def loss(session: Session, project_id: int, item_ids: Collection[int] | None = None) -> Loss:
    """Count what is on photos of a project.

    Args:
        item_ids: the photos; None for all of the project.

    Raises:
        GoneError, StoreError: there is no such project any more, or never was.
    """
    project(session, project_id, Role.ADMIN)
    photos = select(Item.id).where(Item.project_id == project_id)
    if item_ids is not None:
        photos = photos.where(Item.id.in_(item_ids))
    foods = (
        select(Annotator.name, func.count())
        .join(Annotation, Annotation.annotator_id == Annotator.id)
        .where(Annotation.item_id.in_(photos), Annotation.status != DELETED)
        .group_by(Annotator.name)
        .order_by(Annotator.name)
    )
    of_each = {row[0]: row[1] for row in session.execute(foods)}
    began = select(Annotator.name).join(Verdict, Verdict.annotator_id == Annotator.id)
    people = {*of_each, *session.scalars(began.where(Verdict.item_id.in_(photos)))}
    comments = select(func.count()).where(Comment.item_id.in_(photos))
    return Loss(
        photos=session.scalar(select(func.count()).select_from(photos.subquery())) or 0,
        foods=of_each,
        people=tuple(sorted(people)),
        comments=session.scalar(comments) or 0,
    )


def delete_photos(
    store: Store, files: PhotoFiles, project_id: int, item_ids: Collection[int], by: int | None = None
) -> list[str]:
    """Delete photos from a project, with all that was labeled on them. Photos behind them move up.

    The files are removed once the rows are committed, so that no photo is ever without its file; this is why
    the function takes the store and opens its own transactions.

    Returns:
        SHA-256 of each photo whose files were removed.

    Raises:
        GoneError: the project, or one of the photos, is deleted already. Nothing is deleted then.
        StoreError: there is no such project, a photo is not in it, or a file cannot be removed.
    """
    with store.writing() as session:
        locked(session, Project, project_id)
        source = project(session, project_id, Role.ADMIN)
        gone = _hidden_project(session, source, by)
        for item_id in sorted(set(item_ids)):
            _move(session, item_id, project_id, gone, by)
        _close_gaps(session, project_id)
    return remove_unused(store, files)


def delete_project(store: Store, files: PhotoFiles, project_id: int, by: int | None = None) -> list[str]:
    """Delete a project with its photos and all that was labeled on them; its name is free again.

    Returns:
        SHA-256 of each photo whose files were removed.

    Raises:
        GoneError: it is deleted already.
        StoreError: there is no such project, or a file cannot be removed.
    """
    with store.writing() as session:
        locked(session, Project, project_id)
        row = project(session, project_id, Role.ADMIN)
        amend(session, row, {"name": _name_of_deleted(row.name), "deleted_at": now()}, by)
    return remove_unused(store, files)


def remove_unused(store: Store, files: PhotoFiles) -> list[str]:
    """Remove the files of photos that are in no project any more; returns the SHA-256 of each.

    A deletion that was cut short is thereby finished by the next one.
    """
    removed = []
    with store.writing() as session:  # locked: nobody adds one of them meanwhile
        for photo in session.scalars(select(Photo).where(~is_used()).with_for_update()):
            if files.remove(photo.sha256, photo.format):
                removed.append(photo.sha256)
    if removed:
        _remove_sheets(store)
    return removed


def _remove_sheets(store: Store) -> None:
    """Remove the sheets on which trainings draw photos; nothing tells which photos are on one.

    Raises:
        StoreError: one cannot be removed.
    """
    try:
        for sheet in store.folder.glob(SHEETS):
            sheet.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"A training's picture of deleted photos could not be removed: {error.strerror or error}."
        ) from error


def used_photos(session: Session) -> list[tuple[str, str]]:
    """Return SHA-256 and format of each photo whose files the store keeps."""
    require_server_admin(session, "copy the store")
    return [(row[0], row[1]) for row in session.execute(select(Photo.sha256, Photo.format).where(is_used()))]


def is_used() -> ColumnElement[bool]:
    """Return the condition that a photo is in a project that is not deleted."""
    return exists().where(
        Item.photo_id == Photo.id, Item.project_id == Project.id, Project.deleted_at.is_(None)
    )


def _hidden_project(session: Session, source: Project, by: int | None) -> int:
    """Make a deleted project for photos of another one; returns its id.

    It has the same members, who are told that its photos are gone.
    """
    hidden = Project(
        name=_name_of_deleted(f"photos of {source.name}"),
        new_labels=False,
        double_share=0.0,
        blind_share=0.0,
        created_at=now(),
        deleted_at=now(),
    )
    add(session, hidden, by)
    members = select(Member.annotator_id, Member.role).where(Member.project_id == source.id)
    for annotator_id, role in session.execute(members):
        session.add(Member(project_id=hidden.id, annotator_id=annotator_id, role=role))
    return hidden.id


def _name_of_deleted(name: str) -> str:
    return f"{name[:NAME_KEPT]} (deleted, {secrets.token_hex(8)})"


def _move(session: Session, item_id: int, source: int, target: int, by: int | None) -> None:
    """Move a photo, with all that is on it, from one project to the end of another."""
    item = require_item_role(session, locked(session, Item, item_id))
    if item.project_id != source:
        raise GoneError("This photo is not in the project any more.")
    for leftovers in session.scalars(select(Item).where(Item.before_id == item.id)):
        amend(session, leftovers, {"before_id": None}, by)
    position = count_items(session, target)
    amend(session, item, {"project_id": target, "position": position, "before_id": None}, by)
    for table in (Annotation, Verdict):
        session.execute(update(table).where(table.item_id == item.id).values(project_id=target))


def _close_gaps(session: Session, project_id: int) -> None:
    """Number the photos of a project from 0 again; this has no history."""
    asked = select(Item.id, Item.position).where(Item.project_id == project_id).order_by(Item.position)
    rows = list(session.execute(asked))
    # In this order no photo comes to a position before the one there has left it.
    moved = [{"id": id, "position": n} for n, (id, position) in enumerate(rows) if position != n]
    if moved:
        session.execute(update(Item), moved)
