"""The members of a project: who they are, their roles, and what each has done."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from rvernet_app.errors import RoleError, StoreError
from rvernet_app.store.event_log import add, amend, locked, remove
from rvernet_app.store.projects import ensure_annotator, find_annotator, project
from rvernet_app.store.roles import ROLES, Role, actor_of, names_with
from rvernet_app.store.tables import DELETED, DONE, Annotation, Annotator, Member, Project, Verdict


@dataclass(frozen=True)
class Person:
    """What somebody may do and has done in a project.

    Attributes:
        role: None for somebody who is no member any more, or never was, and has worked on it.
        begun, done: the number of photos.
        foods: the number of foods that are not deleted.
    """

    name: str
    role: Role | None
    begun: int
    done: int
    foods: int


def people(session: Session, project_id: int) -> list[Person]:
    """Return the members of a project, and all who began a photo or have a food in it, by name.

    Raises:
        RoleError: only admins of the project see this.
    """
    project(session, project_id, Role.ADMIN)
    verdicts = (
        select(Verdict.annotator_id, func.count(), func.count().filter(Verdict.state == DONE))
        .where(Verdict.project_id == project_id)
        .group_by(Verdict.annotator_id)
    )
    foods = (
        select(Annotation.annotator_id, func.count())
        .where(Annotation.project_id == project_id, Annotation.status != DELETED)
        .group_by(Annotation.annotator_id)
    )
    members = select(Member.annotator_id, Member.role).where(Member.project_id == project_id)
    photos = {row[0]: (row[1], row[2]) for row in session.execute(verdicts)}
    counted = {row[0]: row[1] for row in session.execute(foods)}
    roles = {row[0]: Role.of(row[1]) for row in session.execute(members)}
    names = select(Annotator).where(Annotator.id.in_({*photos, *counted, *roles})).order_by(Annotator.name)
    found = []
    for one in session.scalars(names):
        begun, done = photos.get(one.id, (0, 0))
        found.append(Person(one.name, roles.get(one.id), begun, done, counted.get(one.id, 0)))
    return found


def names_of(session: Session, project_id: int) -> list[str]:
    """Return the names of all members of a project and of all who began a photo of it, sorted.

    Raises:
        RoleError: only reviewers and admins of the project see this.
    """
    project(session, project_id, Role.REVIEWER)
    is_member, began = (
        exists().where(table.project_id == project_id, table.annotator_id == Annotator.id)
        for table in (Member, Verdict)
    )
    asked = select(Annotator.name).where(or_(is_member, began))
    return list(session.scalars(asked.order_by(Annotator.name)))


def set_member(session: Session, project_id: int, name: str, role: Role, by: int | None = None) -> None:
    """Make somebody a member of a project, or give a member another role.

    Raises:
        RoleError: only admins of the project do this, and they cannot leave it without an admin.
        StoreError: there is no such project, or the name is empty or too long.
    """
    locked(session, Project, project_id)
    project(session, project_id, Role.ADMIN)
    annotator_id = ensure_annotator(session, name)
    row = _member(session, project_id, annotator_id)
    if row is None:
        add(session, Member(project_id=project_id, annotator_id=annotator_id, role=role.word), by)
    elif row.role != role.word:
        _require_other_admin(session, row)
        amend(session, row, {"role": role.word}, by)
    session.info.pop(ROLES, None)


def remove_member(session: Session, project_id: int, name: str, by: int | None = None) -> None:
    """Take somebody out of a project; what they saved stays.

    Raises:
        RoleError: as `set_member`.
        StoreError: there is no such project, or nobody of this name is a member of it.
    """
    locked(session, Project, project_id)
    project(session, project_id, Role.ADMIN)
    annotator_id = find_annotator(session, name)
    row = None if annotator_id is None else _member(session, project_id, annotator_id)
    if row is None:
        raise StoreError(f"{name} is no member of this project.")
    _require_other_admin(session, row)
    remove(session, row, by)
    session.info.pop(ROLES, None)


def _member(session: Session, project_id: int, annotator_id: int) -> Member | None:
    asked = select(Member).where(Member.project_id == project_id, Member.annotator_id == annotator_id)
    return session.scalars(asked).one_or_none()


def _require_other_admin(session: Session, row: Member) -> None:
    """Raise RoleError if a member is the last admin, unless the session's actor runs the server."""
    actor = actor_of(session)
    if row.role != Role.ADMIN.word or actor is None or actor.is_admin:
        return
    if len(names_with(session, row.project_id, Role.ADMIN)) == 1:
        raise RoleError("A project needs an admin. Make somebody else an admin first.")
