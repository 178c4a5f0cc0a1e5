"""Who may what: the roles of a project's members, and the person whom a session acts for.

Every session knows its actor, see `Store.acting`. The functions of the store ask `require_role` before they
read or change anything, so no caller has to remember it. To somebody who is no member, a project does not
exist: the answer is the same as for an id that was never given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.errors import RoleError, StoreError
from rvernet_app.store.tables import Annotator, Item, Member, Project

NO_PROJECT = "There is no such project."
NO_PHOTO = "This photo is not in the project."
STRANGER = 0
"""Stands for an actor who has no row of their own yet; no annotator has this id."""
ACTOR, ROLES = "actor", "roles"
"""Keys of `Session.info`: the actor, and the roles that were looked up, by project."""


class Role(IntEnum):
    """What a member of a project may do; a higher role may all that a lower one may."""

    ANNOTATOR = 1
    REVIEWER = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The name of the role in the database and in messages."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """Return the role of a name.

        Raises:
            StoreError: there is no such role.
        """
        for role in cls:
            if role.word == word:
                return role
        raise StoreError(f"A member is {', '.join(role.word for role in cls)}; got {word!r}.")


@dataclass(frozen=True)
class Actor:
    """Somebody who reads or changes the store.

    Attributes:
        is_admin: whether they run the server. They have every role in every project and alone make projects.
        alone: whether nobody logs in on this server, so that everyone who reaches it runs it.
    """

    name: str
    is_admin: bool = False
    alone: bool = False


def actor_of(session: Session) -> Actor | None:
    """Return whom a session acts for; None for the program itself, which may do everything."""
    actor: Actor | None = session.info.get(ACTOR)
    return actor


def role_of(session: Session, project_id: int) -> Role | None:
    """Return the role of a session's actor in a project; None where they are no member."""
    actor = actor_of(session)
    if actor is None or actor.is_admin:
        return Role.ADMIN
    known: dict[int, Role | None] = session.info.setdefault(ROLES, {})
    if project_id not in known:
        asked = select(Member.role).join(Annotator, Annotator.id == Member.annotator_id)
        word = session.scalar(asked.where(Member.project_id == project_id, Annotator.name == actor.name))
        known[project_id] = None if word is None else Role.of(word)
    return known[project_id]


def require_role(session: Session, project_id: int, least: Role) -> None:
    """Require that a session's actor has at least a role in a project.

    Raises:
        RoleError: their role is a lower one.
        StoreError: they are no member, so there is no such project for them.
    """
    role = role_of(session, project_id)
    if role is None:
        raise StoreError(NO_PROJECT)
    if role < least:
        whom = _whom_to_ask(session, project_id)
        raise RoleError(f"Only {_with_article(least)} of this project may do this. {whom}")


def require_item_role(session: Session, item: Item | None, least: Role = Role.ANNOTATOR) -> Item:
    """Return a photo if a session's actor has at least a role in its project.

    Raises:
        RoleError: their role is a lower one.
        StoreError: there is no such photo, or they are no member of its project.
    """
    if item is None or role_of(session, item.project_id) is None:
        raise StoreError(NO_PHOTO)
    require_role(session, item.project_id, least)
    return item


def require_server_admin(session: Session, what: str) -> None:
    """Raise RoleError unless a session's actor runs the server.

    Args:
        what: what they want to do, as the end of a sentence.
    """
    actor = actor_of(session)
    if actor is not None and not actor.is_admin:
        raise RoleError(f"Only an admin of this server may {what}. Ask whoever runs it.")


def require_role_anywhere(session: Session, least: Role) -> None:
    """Raise RoleError unless a session's actor has at least a role in one of the projects in use."""
    actor = actor_of(session)
    if actor is None or actor.is_admin:
        return
    asked = (
        select(Member.role)
        .join(Annotator, Annotator.id == Member.annotator_id)
        .join(Project, Project.id == Member.project_id)
        .where(Annotator.name == actor.name, Project.deleted_at.is_(None))
    )
    if all(Role.of(word) < least for word in session.scalars(asked)):
        who = _with_article(least)
        raise RoleError(f"Only {who} of a project may do this. Ask whoever runs this server.")


def require_self(session: Session, annotator_id: int) -> None:
    """Raise RoleError if a session's actor acts in the name of another annotator."""
    actor = actor_of(session)
    if actor is not None and annotator_id != (own_id(session) or STRANGER):
        raise RoleError(f"You work as {actor.name} here, and cannot act for somebody else.")


def own_id(session: Session) -> int | None:
    """Return the id of a session's actor as an annotator; None without one, or before they saved anything."""
    actor = actor_of(session)
    if actor is None:
        return None
    return session.scalar(select(Annotator.id).where(Annotator.name == actor.name))


def names_with(session: Session, project_id: int, role: Role) -> Sequence[str]:
    """Return the names of the members of a project who have just this role, sorted."""
    asked = select(Annotator.name).join(Member, Member.annotator_id == Annotator.id)
    return list(
        session.scalars(
            asked.where(Member.project_id == project_id, Member.role == role.word).order_by(Annotator.name)
        )
    )


def _with_article(role: Role) -> str:
    return f"{'a' if role is Role.REVIEWER else 'an'} {role.word}"


def _whom_to_ask(session: Session, project_id: int) -> str:
    admins = names_with(session, project_id, Role.ADMIN)
    return f"Ask {' or '.join(admins)}." if admins else "Ask whoever runs this server."
