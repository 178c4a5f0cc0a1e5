"""Projects, and the annotators who work on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.errors import GoneError, StoreError
from rvernet_app.label_files import default_label_set
from rvernet_app.labels import LabelName
from rvernet_app.store.event_log import add, amend, find_or_add, locked, now
from rvernet_app.store.label_sets import begin_label_set
from rvernet_app.store.roles import (
    NO_PROJECT,
    STRANGER,
    Role,
    actor_of,
    own_id,
    require_role,
    require_server_admin,
    role_of,
)
from rvernet_app.store.tables import Annotator, Item, Member, Project

NOBODY = STRANGER
"""An id that no annotator has. Read functions take it for a visitor who has saved nothing yet."""


def create_project(
    session: Session,
    name: str,
    labels: Sequence[LabelName] | None = None,
    *,
    new_labels: bool = True,
    double_share: float = 0.0,
    blind_share: float = 0.0,
    self_review: bool = False,
    by: int | None = None,
) -> int:
    """Create a project, and make whom the session acts for its admin; returns its id.

    Args:
        labels: its label set; None for `default_label_set`.
        new_labels, double_share, blind_share, self_review: see `Project`.

    Raises:
        RoleError: only admins of the server make projects.
        StoreError: the name is empty, too long or taken, or a share is not from 0 to 1.
        LabelError: two labels have the same name, a parent is missing, or labels are their own parents.
    """
    require_server_admin(session, "make projects")
    name = _name(name, "project")
    _require_shares(double_share, blind_share)
    labels = default_label_set() if labels is None else labels
    _require_free(session, name)
    project = Project(
        name=name,
        new_labels=new_labels,
        double_share=double_share,
        blind_share=blind_share,
        self_review=self_review,
        created_at=now(),
    )
    add(session, project, by)
    begin_label_set(session, project.id, labels)
    if by is not None and actor_of(session) is not None:
        add(session, Member(project_id=project.id, annotator_id=by, role=Role.ADMIN.word), by)
    return project.id


def change_project(
    session: Session,
    project_id: int,
    name: str,
    *,
    new_labels: bool,
    double_share: float,
    blind_share: float,
    self_review: bool,
    by: int | None = None,
) -> Project:
    """Change the name and the settings of a project; returns it.

    A new share holds for the photos that are there too: by the same draw as for new photos, those wait for a
    second annotator or no longer do. Suggestions are hidden or shown only on photos that nobody has begun.

    Args:
        name, new_labels, double_share, blind_share, self_review: see `Project`.

    Raises:
        RoleError: only admins of the project change it.
        StoreError: there is no such project, or as `create_project`.
    """
    locked(session, Project, project_id)
    row = project(session, project_id, Role.ADMIN)
    name = _name(name, "project")
    _require_shares(double_share, blind_share)
    if name != row.name:
        _require_free(session, name)
    values: dict[str, Any] = {
        "name": name,
        "new_labels": new_labels,
        "double_share": double_share,
        "blind_share": blind_share,
        "self_review": self_review,
    }
    drawn = row.double_share, row.blind_share
    if any(getattr(row, column) != value for column, value in values.items()):
        amend(session, row, values, by)
    if drawn != (double_share, blind_share):
        _draw_again(session, row)
    return row


def _draw_again(session: Session, row: Project) -> None:
    """Set what follows from a project's shares on its photos; this has no history."""
    for item in session.scalars(select(Item).where(Item.project_id == row.id)):
        item.wanted = max(wanted(row, item.photo.sha256), item.taken)
        if item.taken == 0:
            item.blind = is_blind(row, item.photo.sha256)
    session.flush()


def wanted(project: Project, sha256: str) -> int:
    """Return how many annotators a project wants for a photo, 1 or 2, drawn from the photo's content."""
    return 1 + (_share(sha256, 0) < project.double_share)


def is_blind(project: Project, sha256: str) -> bool:
    """Return whether a project hides the suggestions on a photo, drawn from the photo's content."""
    return _share(sha256, 8) < project.blind_share


def _share(sha256: str, start: int) -> float:
    """Draw a number in [0, 1) from a photo's content."""
    return int(sha256[start : start + 8], 16) / 2**32


def _require_shares(double_share: float, blind_share: float) -> None:
    for what, share in (("double_share", double_share), ("blind_share", blind_share)):
        if not 0 <= share <= 1:
            raise StoreError(f"{what} is a share from 0 to 1, got {share}.")


def _require_free(session: Session, name: str) -> None:
    if session.scalar(select(Project.id).where(Project.name == name)) is not None:
        raise StoreError(f"There is a project {name!r} already.")


def all_projects(session: Session) -> list[Project]:
    """Return all projects of a session's actor that are not deleted, oldest first."""
    asked = select(Project).where(Project.deleted_at.is_(None)).order_by(Project.id)
    actor = actor_of(session)
    if actor is not None and not actor.is_admin:
        mine = select(Member.project_id).where(Member.annotator_id == (own_id(session) or NOBODY))
        asked = asked.where(Project.id.in_(mine))
    return list(session.scalars(asked))


def project(session: Session, project_id: int, least: Role = Role.ANNOTATOR) -> Project:
    """Return a project by its id.

    Args:
        least: the role that the session's actor needs.

    Raises:
        GoneError: it was deleted.
        RoleError: the actor's role is a lower one.
        StoreError: there is no such project, or the actor is no member of it.
    """
    found = session.get(Project, project_id)
    if found is None or role_of(session, project_id) is None:
        raise StoreError(NO_PROJECT)
    if found.deleted_at is not None:
        raise GoneError("This project was deleted.")
    require_role(session, project_id, least)
    return found


def require_kept(session: Session, item: Item) -> None:
    """Raise GoneError if a photo, or the project it is in, was deleted."""
    if session.get_one(Project, item.project_id).deleted_at is not None:
        raise GoneError("This photo was deleted from the project, with all that was on it.")


def find_annotator(session: Session, name: str) -> int | None:
    """Return an annotator's id, or None for a name that nobody has saved anything under."""
    return session.scalar(select(Annotator.id).where(Annotator.name == " ".join(name.split())))


def ensure_annotator(session: Session, name: str) -> int:
    """Return an annotator's id; a new name gets a row.

    Call it first in a transaction: two people who come with the same new name at once wait for each other
    here, and must not hold a photo meanwhile.

    Raises:
        StoreError: the name is empty or too long.
    """
    name = _name(name, "annotator")
    asked = select(Annotator).where(Annotator.name == name)
    return find_or_add(session, asked, lambda: Annotator(name=name)).id


def annotator_names(session: Session) -> dict[int, str]:
    """Return the names of all annotators, by id."""
    return {row.id: row.name for row in session.scalars(select(Annotator))}


def _name(name: str, what: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 200:
        raise StoreError(f"The name of {'an' if what[0] in 'aeiou' else 'a'} {what} has 1 to 200 characters.")
    return name
