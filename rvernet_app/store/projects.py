"""Projects, their label sets, and who works on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.labels import LabelName, colour_of, default_label_set, require_unique
from rvernet_app.store.changes import add, find_or_add, now
from rvernet_app.store.database import Store
from rvernet_app.store.tables import Annotator, Label, Project


def create_project(
    store: Store,
    name: str,
    labels: Sequence[LabelName] | None = None,
    *,
    new_labels: bool = True,
    double_share: float = 0.0,
    blind_share: float = 0.0,
    by: int | None = None,
) -> int:
    """A new project; returns its id.

    Args:
        labels: its label set; None takes `default_label_set`.
        new_labels, double_share, blind_share: see `Project`.

    Raises:
        StoreError: the name is empty, too long or taken, or a share is not one.
        LabelError: two labels have one name, or a parent is none of them.
    """
    name = _name(name, "project")
    for what, share in (("double_share", double_share), ("blind_share", blind_share)):
        if not 0 <= share <= 1:
            raise StoreError(f"{what} is a share from 0 to 1, got {share}.")
    labels = default_label_set() if labels is None else labels
    require_unique(labels)
    with store.writing() as session:
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
        rows: dict[str, Label] = {}
        for position, label in enumerate(labels):
            rows[label.name] = _row(project.id, label, position)
        session.add_all(rows.values())
        session.flush()
        for label in labels:
            rows[label.name].parent_id = _parent_id(label, rows)
        return project.id


def add_label(store: Store, project_id: int, name: LabelName, by: int | None = None) -> int:
    """A label added while labelling; returns its id, or that of the one that has the name already.

    Raises:
        StoreError: there is no such project, or it keeps to its label set.
        LabelError: its parent is no label of the project.
    """
    with store.writing() as session:
        project = session.get(Project, project_id, with_for_update=True)
        if project is None:
            raise StoreError("There is no such project.")
        rows = {row.name: row for row in labels_of(session, project_id)}
        same = (row for row in rows.values() if row.name.casefold() == name.name.casefold())
        if found := next(same, None):
            return found.id
        if not project.new_labels:
            raise StoreError(f"The project {project.name!r} keeps to its label set.")
        row = _row(project_id, name, 1 + max((row.position for row in rows.values()), default=-1))
        row.parent_id = _parent_id(name, rows)
        add(session, row, by)
        return row.id


def all_projects(session: Session) -> list[Project]:
    """Every project, the oldest first."""
    return list(session.scalars(select(Project).order_by(Project.id)))


def project(session: Session, project_id: int) -> Project:
    """A project by its id. Raises StoreError where there is none."""
    found = session.get(Project, project_id)
    if found is None:
        raise StoreError("There is no such project.")
    return found


def label(session: Session, label_id: int) -> Label:
    """A label by its id. Raises StoreError where there is none."""
    found = session.get(Label, label_id)
    if found is None:
        raise StoreError("There is no such label.")
    return found


def labels_of(session: Session, project_id: int) -> list[Label]:
    """A project's label set, in its order."""
    return list(session.scalars(select(Label).where(Label.project_id == project_id).order_by(Label.position)))


def annotator_id(store: Store, name: str) -> int:
    """The id of an annotator, who is added when new.

    Raises:
        StoreError: the name is empty or too long.
    """
    name = _name(name, "annotator")
    with store.reading() as session:
        found = known_annotator(session, name)
    if found is not None:
        return found
    asked = select(Annotator).where(Annotator.name == name)
    with store.writing() as session:
        return find_or_add(session, asked, lambda: Annotator(name=name)).id


def known_annotator(session: Session, name: str) -> int | None:
    """The id of an annotator by a name as `annotator_id` takes it; None where nobody has it."""
    return session.scalar(select(Annotator.id).where(Annotator.name == " ".join(name.split())))


def annotator_names(session: Session) -> dict[int, str]:
    """The names of all annotators, by id."""
    return {row.id: row.name for row in session.scalars(select(Annotator))}


def _row(project_id: int, label: LabelName, position: int) -> Label:
    return Label(
        project_id=project_id,
        name=label.name,
        synonyms=list(label.synonyms),
        parent_id=None,
        colour=label.colour or colour_of(position),
        food_code=label.food_code,
        position=position,
    )


def _parent_id(label: LabelName, rows: Mapping[str, Label]) -> int | None:
    if label.parent is None:
        return None
    if label.parent not in rows:
        raise LabelError(f"{label.name!r} is a kind of {label.parent!r}, which is no label.")
    return rows[label.parent].id


def _name(name: str, what: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 200:
        raise StoreError(f"The name of {'an' if what[0] in 'aeiou' else 'a'} {what} has 1 to 200 characters.")
    return name
