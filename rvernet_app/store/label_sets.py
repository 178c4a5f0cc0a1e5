"""A project's label set: the names its annotators may give, and what is known of each."""

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
    """A project's label set, in its order."""
    return list(session.scalars(select(Label).where(Label.project_id == project_id).order_by(Label.position)))


def label(session: Session, label_id: int) -> Label:
    """A label by its id. Raises StoreError where there is none."""
    found = session.get(Label, label_id)
    if found is None:
        raise StoreError("There is no such label.")
    return found


def label_names(session: Session, project_id: int) -> list[LabelName]:
    """A project's label set as `begin_label_set` takes it."""
    rows = labels_of(session, project_id)
    names: dict[int | None, str] = {row.id: row.name for row in rows}
    return [
        LabelName(row.name, tuple(row.synonyms), names.get(row.parent_id), row.colour, row.food_code)
        for row in rows
    ]


def begin_label_set(session: Session, project_id: int, labels: Sequence[LabelName]) -> None:
    """Give a new project its label set.

    Raises:
        LabelError: two labels have one name, a parent is none of them, or labels are kinds of each other.
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
        StoreError: there is no such project, or it keeps to its label set.
        LabelError: its parent is no label of the project.
    """
    project = _locked(session, project_id)
    rows = _by_name(session, project_id)
    if found := _named(rows, name.name):
        return found.id
    if not project.new_labels:
        raise StoreError(f"The project {project.name!r} keeps to its label set.")
    return _add(session, project_id, name, rows, by).id


def put_label(
    session: Session, project_id: int, name: LabelName, *, id: int | None = None, by: int | None = None
) -> int:
    """Put a label into the set, or with `id` change all that is known of one; returns its id.

    Foods keep their label when its name changes. A colour that is not given stays, or is one by its place.

    Raises:
        StoreError: there is no such project or label.
        LabelError: another label has the name, the parent is no label of the project, or it would be a kind of itself.
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
    """Bring what a label set says into that of a project; returns how many labels are new and how many changed.

    What it says of a label there is replaces what was known; what it does not say stays, and no label goes.

    Raises:
        StoreError: there is no such project.
        LabelError: as `begin_label_set`; a parent may also be a label of the project. Nothing was changed.
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
    """The label that has a name, upper and lower case being the same."""
    return rows.get(name) or next(
        (row for row in rows.values() if row.name.casefold() == name.casefold()), None
    )


def _add(
    session: Session, project_id: int, name: LabelName, rows: Mapping[str, Label], by: int | None
) -> Label:
    """Add a label behind the others."""
    row = _row(project_id, name, 1 + max((row.position for row in rows.values()), default=-1))
    row.parent_id = _parent_id(name.name, name.parent, rows)
    add(session, row, by)
    return row


def _amend(session: Session, row: Label, values: Mapping[str, Any], by: int | None) -> bool:
    """Give a label what is known of it; whether that is anything new."""
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
        raise LabelError(f"{name!r} is a kind of {parent!r}, which is no label.")
    return rows[parent].id


def _require_tree(rows: Iterable[Label]) -> None:
    """Raise LabelError where labels are kinds of each other."""
    of_id = {row.id: row for row in rows}
    for row in of_id.values():
        above, at = {row.id}, row.parent_id
        while at is not None and at not in above:
            above.add(at)
            at = of_id[at].parent_id
        if at is not None:
            raise LabelError(f"{of_id[at].name!r} would be a kind of itself.")
