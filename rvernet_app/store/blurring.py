"""Blur parts of a photo in a project. The blurred photo takes the place of the photo, for good.

A photo is known by the content of its file. So a blurred photo is another photo: it has its own SHA-256, and
it stands at the same place of the queue, with all that was labeled there. Its file holds the blurred pixels
and nothing else. The files of the photo before are removed from the disk unless another project uses them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import GoneError, StoreError
from rvernet_app.picture.blur import Box, blurred
from rvernet_app.picture.photos import read_pixels
from rvernet_app.store import queue
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import amend, find_or_add, locked, now
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.projects import project
from rvernet_app.store.removal import remove_unused
from rvernet_app.store.roles import Role
from rvernet_app.store.tables import Item, Photo, Project


@dataclass(frozen=True)
class Blurring:
    """What became of a photo that was blurred.

    Attributes:
        replaced: SHA-256 of the photo before.
        removed: SHA-256 of each photo whose files were removed.
        elsewhere: the number of other projects that use the photo as it was.
    """

    replaced: str
    removed: tuple[str, ...]
    elsewhere: int


def blur_photo(
    store: Store,
    files: PhotoFiles,
    project_id: int,
    item_id: int,
    boxes_xyxy: Collection[Box],
    by: int | None = None,
) -> Blurring:
    """Blur boxes of a photo: left, top, right, bottom in pixels of the upright photo.

    The function takes the store and opens its own transactions, because encoding takes long.

    Raises:
        PromptError: there is no box, or one lies outside of the photo.
        GoneError: the photo is deleted, or somebody else blurred it meanwhile.
        RoleError: the actor is neither a reviewer nor an admin of the project.
        StoreError: there is no such photo, or its file is missing or cannot be written.
    """
    with store.reading() as session:
        project(session, project_id, Role.REVIEWER)
        before = queue.item(session, project_id, item_id).photo
        copy = files.working_copy(before.sha256, before.format)
    try:
        pixels = read_pixels(copy)
    except OSError as error:
        raise StoreError("The file of this photo is missing or damaged.") from error
    result = files.add_pixels(blurred(pixels, boxes_xyxy), before.format)
    with store.writing() as session:
        project(session, project_id, Role.REVIEWER)
        item = locked(session, Item, item_id)
        if item is None or item.photo_id != before.id or item.project_id != project_id:
            raise GoneError("Somebody else changed this photo meanwhile; open it again.")
        height, width = result.size_hw
        photo = find_or_add(
            session,
            select(Photo).where(Photo.sha256 == result.sha256),
            lambda: Photo(
                sha256=result.sha256, format=result.format, width=width, height=height, added_at=now()
            ),
        )
        locked(session, Photo, photo.id)  # or its files could be removed as those of a photo nobody uses
        if photo.id == before.id:
            return Blurring(before.sha256, (), 0)
        twin = select(Item.id).where(Item.project_id == project_id, Item.photo_id == photo.id)
        if session.scalar(twin) is not None:
            raise StoreError("The project has this blurred photo already; delete one of the two.")
        amend(session, item, {"photo_id": photo.id}, by)
        if not files.has(result.sha256, result.format):
            raise GoneError("The blurred photo was removed meanwhile; blur it again.")
        elsewhere = _other_projects(session, before.id)
    return Blurring(before.sha256, tuple(remove_unused(store, files)), elsewhere)


def _other_projects(session: Session, photo_id: int) -> int:
    in_use = Project.deleted_at.is_(None)
    asked = select(func.count(Item.id)).join(Project, Item.project_id == Project.id)
    return session.scalar(asked.where(Item.photo_id == photo_id, in_use)) or 0
