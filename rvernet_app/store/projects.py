"""Projects, and the annotators who work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rvernet_app.errors import GoneError, StoreError
from rvernet_app.label_files import default_label_set
from rvernet_app.labels import LabelName
from rvernet_app.store.event_log import add, amend, find_or_add, locked, now
from rvernet_app.store.label_sets import begin_label_set
from rvernet_app.store.tables import DELETED, DONE, Annotation, Annotator, Item, Project, Verdict


@dataclass(frozen=True)
class Person:
    """What an annotator has done in a project.

    Attributes:
        begun, done: the number of photos.
        foods: the number of foods that are not deleted.
    """

    name: str
    begun: int
    done: int
    foods: int


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
    _require_shares(double_share, blind_share)
    labels = default_label_set() if labels is None else labels
    _require_free(session, name)
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


def change_project(
    session: Session,
    project_id: int,
    name: str,
    *,
    new_labels: bool,
    double_share: float,
    blind_share: float,
    by: int | None = None,
) -> Project:
    """Change the name and the settings of a project; returns it.

    A new share holds for the photos that are there too: by the same draw as for new photos, those wait for a
    second annotator or no longer do. Suggestions are hidden or shown only on photos that nobody has begun.

    Args:
        name, new_labels, double_share, blind_share: see `Project`.

    Raises:
        StoreError: there is no such project, or as `create_project`.
    """
    locked(session, Project, project_id)
    row = project(session, project_id)
    name = _name(name, "project")
    _require_shares(double_share, blind_share)
    if name != row.name:
        _require_free(session, name)
    values: dict[str, Any] = {
        "name": name,
        "new_labels": new_labels,
        "double_share": double_share,
        "blind_share": blind_share,
    }
    if any(getattr(row, column) != value for column, value in values.items()):
        amend(session, row, values, by)
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
    """Return all projects that are not deleted, oldest first."""
    return list(session.scalars(select(Project).where(Project.deleted_at.is_(None)).order_by(Project.id)))


def project(session: Session, project_id: int) -> Project:
    """Return a project by its id.

    Raises:
        GoneError: it was deleted.
        StoreError: there is no such project.
    """
    found = session.get(Project, project_id)
    if found is None:
        raise StoreError("There is no such project.")
    if found.deleted_at is not None:
        raise GoneError("This project was deleted.")
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


def people(session: Session, project_id: int) -> list[Person]:
    """Return those who began a photo of a project or have a food in it, by name."""
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
    photos = {row[0]: (row[1], row[2]) for row in session.execute(verdicts)}
    counted = {row[0]: row[1] for row in session.execute(foods)}
    names = select(Annotator).where(Annotator.id.in_({*photos, *counted})).order_by(Annotator.name)
    found = []
    for one in session.scalars(names):
        begun, done = photos.get(one.id, (0, 0))
        found.append(Person(one.name, begun, done, counted.get(one.id, 0)))
    return found


def annotator_names(session: Session) -> dict[int, str]:
    """Return the names of all annotators, by id."""
    return {row.id: row.name for row in session.scalars(select(Annotator))}


def _name(name: str, what: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 200:
        raise StoreError(f"The name of {'an' if what[0] in 'aeiou' else 'a'} {what} has 1 to 200 characters.")
    return name
