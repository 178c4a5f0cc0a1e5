"""The label set of a project: its labels with their synonyms, parents, colours and food codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.labels import LabelName, colour_of, require_unique
from rvernet_app.store.event_log import add, amend, locked
from rvernet_app.store.tables import Label, Project


def labels_of(session: Session, project_id: int) -> list[Label]:
    """Return the labels of a project, in their order."""
    return list(session.scalars(select(Label).where(Label.project_id == project_id).order_by(Label.position)))


def label(session: Session, label_id: int) -> Label:
    """Return a label by its id.

    Raises:
        StoreError: there is no such label.
    """
    found = session.get(Label, label_id)
    if found is None:
        raise StoreError("There is no such label.")
    return found


def label_names(session: Session, project_id: int) -> list[LabelName]:
    """Return the labels of a project in the form that `begin_label_set` takes."""
    rows = labels_of(session, project_id)
    names: dict[int | None, str] = {row.id: row.name for row in rows}
    return [
        LabelName(row.name, tuple(row.synonyms), names.get(row.parent_id), row.colour, row.food_code)
        for row in rows
    ]


def begin_label_set(session: Session, project_id: int, labels: Sequence[LabelName]) -> None:
    """Save the label set of a new project.

    Raises:
        LabelError: two labels have the same name, a parent is missing, or labels are parents of each other.
    """
    require_unique(labels)
    rows = {label.name: _row(project_id, label, position) for position, label in enumerate(labels)}
    session.add_all(rows.values())
    session.flush()
    for one in labels:
        rows[one.name].parent_id = _parent_id(one.name, one.parent, rows)
    _require_tree(rows.values())


def add_label(session: Session, project_id: int, name: LabelName, by: int | None = None) -> int:
    """A label added while labeling; returns its id, or that of the one that has the name already.

    Raises:
        StoreError: there is no such project, or it does not accept new labels.
        LabelError: the parent is not a label of the project.
    """
    project = _locked(session, project_id)
    rows = _by_name(session, project_id)
    if found := _named(rows, name.name):
        return found.id
    if not project.new_labels:
        raise StoreError(f"Project {project.name!r} does not accept new labels.")
    return _add(session, project_id, name, rows, by).id


def put_label(
    session: Session, project_id: int, name: LabelName, *, id: int | None = None, by: int | None = None
) -> int:
    """Add a label, or replace the label with this `id`; returns its id.

    Foods keep their label when its name changes. Without a colour, the old one stays, or the position gives
    one.

    Raises:
        StoreError: there is no such project or label.
        LabelError: another label has the name, the parent is not a label of the project, or the label would
            be its own parent.
    """
    _locked(session, project_id)
    rows = _by_name(session, project_id)
    same = _named(rows, name.name)
    if same is not None and same.id != id:
        raise LabelError(f"There is a label {same.name!r} already.")
    if id is None:
        return _add(session, project_id, name, rows, by).id
    row = next((row for row in rows.values() if row.id == id), None)
    if row is None:
        raise StoreError("There is no such label.")
    known = {"name": name.name, "synonyms": list(name.synonyms), "food_code": name.food_code}
    parent_id = _parent_id(name.name, name.parent, rows)
    _amend(session, row, {**known, "parent_id": parent_id, "colour": name.colour or row.colour}, by)
    _require_tree(rows.values())
    return row.id


def take_label_set(
    session: Session, project_id: int, labels: Sequence[LabelName], by: int | None = None
) -> tuple[int, int]:
    """Merge a label set into that of a project; returns the numbers of new and of changed labels.

    Values that the given set has replace those of the project; the other values stay, and no label is
    removed.

    Raises:
        StoreError: there is no such project.
        LabelError: as `begin_label_set`; a parent may also be a label of the project.
    """
    require_unique(labels)
    _locked(session, project_id)
    rows = _by_name(session, project_id)
    new = [name for name in labels if _named(rows, name.name) is None]
    for name in new:
        rows[name.name] = _add(session, project_id, LabelName(name.name), rows, by)
    changed = 0
    for name in labels:
        row = _named(rows, name.name)
        assert row is not None
        said = {
            "synonyms": list(name.synonyms) or row.synonyms,
            "parent_id": _parent_id(name.name, name.parent, rows) or row.parent_id,
            "colour": name.colour or row.colour,
            "food_code": name.food_code or row.food_code,
        }
        changed += _amend(session, row, said, by) and name not in new
    _require_tree(rows.values())
    return len(new), changed


def _locked(session: Session, project_id: int) -> Project:
    project = locked(session, Project, project_id)
    if project is None:
        raise StoreError("There is no such project.")
    return project


def _by_name(session: Session, project_id: int) -> dict[str, Label]:
    return {row.name: row for row in labels_of(session, project_id)}


def _named(rows: Mapping[str, Label], name: str) -> Label | None:
    """Return the label with a name, whatever its case."""
    return rows.get(name) or next(
        (row for row in rows.values() if row.name.casefold() == name.casefold()), None
    )


def _add(
    session: Session, project_id: int, name: LabelName, rows: Mapping[str, Label], by: int | None
) -> Label:
    """Add a label after the others."""
    row = _row(project_id, name, 1 + max((row.position for row in rows.values()), default=-1))
    row.parent_id = _parent_id(name.name, name.parent, rows)
    add(session, row, by)
    return row


def _amend(session: Session, row: Label, values: Mapping[str, Any], by: int | None) -> bool:
    """Set values of a label; returns whether any of them is new."""
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    amend(session, row, values, by)
    return True


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


def _parent_id(name: str, parent: str | None, rows: Mapping[str, Label]) -> int | None:
    if parent is None:
        return None
    if parent not in rows:
        raise LabelError(f"The parent of {name!r}, {parent!r}, is not in the label set.")
    return rows[parent].id


def _require_tree(rows: Iterable[Label]) -> None:
    """Raise LabelError if labels are parents of each other."""
    of_id = {row.id: row for row in rows}
    for row in of_id.values():
        above, at = {row.id}, row.parent_id
        while at is not None and at not in above:
            above.add(at)
            at = of_id[at].parent_id
        if at is not None:
            raise LabelError(f"{of_id[at].name!r} would be its own parent.")
