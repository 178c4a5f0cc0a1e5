"""Projects, and the annotators who work on them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.labels import LabelName, default_label_set
from rvernet_app.store.event_log import add, find_or_add, now
from rvernet_app.store.label_sets import begin_label_set
from rvernet_app.store.tables import Annotator, Project

NOBODY = 0
"""An id that no annotator has. Read functions take it for a visitor who has saved nothing yet."""


def create_project(
    session: Session,
    name: str,
    labels: Sequence[LabelName] | None = None,
    *,
    new_labels: bool = True,
    double_share: float = 0.0,
    blind_share: float = 0.0,
    by: int | None = None,
) -> int:
    """Create a project; returns its id.

    Args:
        labels: its label set; None for `default_label_set`.
        new_labels, double_share, blind_share: see `Project`.

    Raises:
        StoreError: the name is empty, too long or taken, or a share is not from 0 to 1.
        LabelError: two labels have the same name, a parent is missing, or labels are their own parents.
    """
    name = _name(name, "project")
    for what, share in (("double_share", double_share), ("blind_share", blind_share)):
        if not 0 <= share <= 1:
            raise StoreError(f"{what} is a share from 0 to 1, got {share}.")
    labels = default_label_set() if labels is None else labels
    if session.scalar(select(Project.id).where(Project.name == name)) is not None:
        raise StoreError(f"There is a project {name!r} already.")
    project = Project(
        name=name,
        new_labels=new_labels,
        double_share=double_share,
        blind_share=blind_share,
        created_at=now(),
    )
    add(session, project, by)
    begin_label_set(session, project.id, labels)
    return project.id


def all_projects(session: Session) -> list[Project]:
    """Return all projects, oldest first."""
    return list(session.scalars(select(Project).order_by(Project.id)))


def project(session: Session, project_id: int) -> Project:
    """Return a project by its id.

    Raises:
        StoreError: there is no such project.
    """
    found = session.get(Project, project_id)
    if found is None:
        raise StoreError("There is no such project.")
    return found


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
