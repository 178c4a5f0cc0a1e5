"""The label set of a project: its labels with their synonyms, parents, colours and food codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.labels import MAX_LABELS, MAX_NAME, LabelName, colour_of, require_unique
from rvernet_app.store.event_log import amend, amend_all, amend_each, locked, record_new
from rvernet_app.store.roles import NO_PROJECT, Role, require_role, role_of
from rvernet_app.store.tables import DELETED, Annotation, Label, Project

REMOVED = " (removed {})"
"""What is put behind the name of a removed label, with its id, so that a new label can have its name."""


def labels_of(session: Session, project_id: int) -> list[Label]:
    """Return the labels of a project, in their order."""
    require_role(session, project_id, Role.ANNOTATOR)
    asked = select(Label).where(Label.project_id == project_id, Label.removed.is_(False))
    return list(session.scalars(asked.order_by(Label.position)))


def removed_labels(session: Session, project_id: int) -> list[Label]:
    """Return the labels of a project that were deleted or merged into others."""
    require_role(session, project_id, Role.ANNOTATOR)
    asked = select(Label).where(Label.project_id == project_id, Label.removed.is_(True))
    return list(session.scalars(asked.order_by(Label.id)))


def standing_label(session: Session, project_id: int, label_id: int) -> int | None:
    """Return the label that foods have instead of a label by now.

    It is the label itself, the one it was merged into, or None if it was deleted.

    Raises:
        StoreError: the project never had this label.
    """
    row = session.get(Label, label_id)
    if row is None or row.project_id != project_id:
        raise StoreError("This label is not in the project's label set.")
    return row.into_id if row.removed else row.id


def food_counts(session: Session, project_id: int) -> dict[int, int]:
    """Return how many foods have each label, for labels that any food has.

    Raises:
        RoleError: only admins of the project see this, because it tells of photos they may not have begun.
    """
    require_role(session, project_id, Role.ADMIN)
    asked = (
        select(Annotation.label_id, func.count())
        .where(Annotation.project_id == project_id, Annotation.label_id.is_not(None))
        .where(Annotation.status != DELETED)
        .group_by(Annotation.label_id)
    )
    return {label_id: count for label_id, count in session.execute(asked) if label_id is not None}


def label(session: Session, label_id: int) -> Label:
    """Return a label by its id.

    Raises:
        StoreError: there is no such label.
    """
    found = session.get(Label, label_id)
    if found is None or role_of(session, found.project_id) is None:
        raise StoreError("There is no such label.")
    return found


def label_names(session: Session, project_id: int) -> list[LabelName]:
    """Return the labels of a project in the form that `begin_label_set` takes."""
    rows = labels_of(session, project_id)
    names: dict[int | None, str] = {row.id: row.name for row in rows}
    return [
        LabelName(
            row.name, tuple(row.synonyms), names.get(row.parent_id), row.colour, row.food_code, row.unit
        )
        for row in rows
    ]


def begin_label_set(session: Session, project_id: int, labels: Sequence[LabelName]) -> None:
    """Save the label set of a new project.

    Raises:
        LabelError: two labels have the same name, a parent is missing, or labels are parents of each other;
            or there are more than MAX_LABELS.
    """
    require_unique(labels)
    _require_room(len(labels))
    rows = _inserted(session, project_id, labels, 0)
    for one in labels:
        rows[one.name].parent_id = _parent_id(one.name, one.parent, rows)
    _require_tree(rows.values())


def add_label(
    session: Session, project_id: int, name: LabelName, by: int | None = None, *, or_synonym: bool = False
) -> int:
    """A label added while labeling; returns its id, or that of the one that has the name already.

    Args:
        or_synonym: whether a label that has the name as a synonym will do.

    Raises:
        StoreError: there is no such project, or it does not accept new labels.
        LabelError: the parent is not a label of the project.
    """
    project = _locked(session, project_id, Role.ANNOTATOR)
    rows = _Rows(session, project)
    found = rows.named(name.name) or (rows.called(name.name) if or_synonym else None)
    if found is not None:
        return found.id
    if not project.new_labels:
        raise StoreError(f"Project {project.name!r} does not accept new labels.")
    return rows.add(name, by).id


def add_labels(
    session: Session, project_id: int, names: Sequence[LabelName], by: int | None = None
) -> dict[str, int]:
    """Add the labels that a project does not have yet, all at once; returns the ids of the names it has then.

    A project that does not accept new labels gets none.

    Args:
        names: parents before their children.

    Raises:
        StoreError: there is no such project.
        LabelError: there would be more than MAX_LABELS, or a parent is neither among the names nor a label of
            the project.
    """
    project = _locked(session, project_id, Role.ANNOTATOR)
    rows = _Rows(session, project)
    new: dict[str, LabelName] = {}
    for one in names:
        if project.new_labels and rows.named(one.name) is None:
            new.setdefault(one.name.casefold(), one)

    def called(parent: str | None) -> str | None:
        if parent is None:
            return None
        known = rows.named(parent)
        return new.get(parent.casefold(), LabelName(parent)).name if known is None else known.name

    rows.add_all([replace(one, parent=called(one.parent)) for one in new.values()], by)
    return {one.name: row.id for one in names if (row := rows.named(one.name)) is not None}


def put_label(
    session: Session, project_id: int, name: LabelName, *, id: int | None = None, by: int | None = None
) -> int:
    """Add a label, or replace the label with this `id`; returns its id.

    Foods keep their label when its name changes. Without a colour, the old one stays, or the position gives
    one.

    Raises:
        StoreError: there is no such project or label.
        LabelError: another label has the name or is also called so, the parent is not a label of the project,
            or the label would be its own parent.
    """
    rows = _Rows(session, _locked(session, project_id))
    row = None if id is None else rows.of_id(id)
    rows.require_free(name.name, row)
    if row is None:
        return rows.add(name, by).id
    values = {
        "name": name.name,
        "synonyms": list(name.synonyms),
        "parent_id": rows.parent_id(name),
        "colour": name.colour or row.colour,
        "food_code": name.food_code,
        "unit": name.unit,
    }
    rows.amend(row, values, by)
    _require_tree(rows.all)
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
    rows = _Rows(session, _locked(session, project_id))
    known = [name for name in labels if rows.named(name.name) is not None]
    new = rows.add_all([name for name in labels if rows.named(name.name) is None], by)
    changes: list[tuple[Label, Mapping[str, Any]]] = []
    for name in known:
        row = rows.named(name.name)
        assert row is not None
        values = {
            "synonyms": list(name.synonyms) or row.synonyms,
            "parent_id": rows.parent_id(name) or row.parent_id,
            "colour": name.colour or row.colour,
            "food_code": name.food_code or row.food_code,
            "unit": name.unit or row.unit,
        }
        changes.append((row, values))
    changed = rows.amend_each(changes, by)
    _require_tree(rows.all)
    return new, changed


def merge_label(session: Session, project_id: int, label_id: int, into_id: int, by: int | None = None) -> int:
    """Merge a label into another, which is also called like it from then on.

    Its foods get the other label. Their revisions stay, so that nobody who has one of them open is asked to
    choose between two versions.

    Returns:
        The number of foods that changed.

    Raises:
        StoreError: there is no such project or label.
        LabelError: both are the same label.
    """
    rows = _Rows(session, _locked(session, project_id))
    row, into = rows.of_id(label_id), rows.of_id(into_id)
    if row is into:
        raise LabelError(f"{row.name!r} cannot be merged into itself.")
    taken = {name.casefold() for name in (into.name, *into.synonyms)}
    names = [name for name in (row.name, *row.synonyms) if name.casefold() not in taken]
    rows.amend(into, {"synonyms": [*into.synonyms, *names]}, by)
    return _remove(session, rows, row, into, into.id, by)


def delete_label(
    session: Session, project_id: int, label_id: int, foods_to: int | None = None, by: int | None = None
) -> int:
    """Delete a label.

    Args:
        foods_to: the label that its foods get; None leaves them without a name.

    Returns:
        The number of foods that changed.

    Raises:
        StoreError: there is no such project or label.
        LabelError: its foods cannot get the deleted label.
    """
    rows = _Rows(session, _locked(session, project_id))
    row = rows.of_id(label_id)
    into = None if foods_to is None else rows.of_id(foods_to)
    if row is into:
        raise LabelError(f"The foods cannot stay {row.name!r} if that label is deleted.")
    return _remove(session, rows, row, into, row.parent_id, by)


def _remove(
    session: Session, rows: _Rows, row: Label, into: Label | None, heir_id: int | None, by: int | None
) -> int:
    """Take a label out of its set; its name is free again.

    Args:
        into: the label that its foods get.
        heir_id: the label that its children belong to from now on.
    """
    into_id = None if into is None else into.id
    if into is not None and rows.is_above(row, into):
        rows.amend(into, {"parent_id": row.parent_id}, by)
    for child in rows.all:
        if child.parent_id == row.id:
            rows.amend(child, {"parent_id": heir_id}, by)
    merged_before = update(Label).where(Label.project_id == rows.project.id, Label.into_id == row.id)
    session.execute(merged_before.values(into_id=into_id))
    mark = REMOVED.format(row.id)
    name = row.name[: MAX_NAME - len(mark)] + mark
    rows.amend(row, {"name": name, "removed": True, "into_id": into_id, "parent_id": None}, by)
    of_label = select(Annotation).where(
        Annotation.project_id == rows.project.id, Annotation.label_id == row.id
    )
    foods = list(session.scalars(of_label))
    amend_all(session, foods, {"label_id": into_id}, None)  # the program's changes are no steps to undo
    return sum(food.status != DELETED for food in foods)


def _locked(session: Session, project_id: int, least: Role = Role.ADMIN) -> Project:
    project = locked(session, Project, project_id)
    if project is None:
        raise StoreError(NO_PROJECT)
    require_role(session, project_id, least)
    return project


class _Rows:
    """The labels of a project while they change, by name. Every change makes a new version of the set.

    Attributes:
        project: locked.
    """

    def __init__(self, session: Session, project: Project) -> None:
        self.project = project
        self._session = session
        self._rows = {row.name: row for row in labels_of(session, project.id)}
        self._folded = {row.name.casefold(): row for row in reversed(self._rows.values())}

    @property
    def all(self) -> list[Label]:
        return list(self._rows.values())

    def of_id(self, label_id: int) -> Label:
        row = next((row for row in self._rows.values() if row.id == label_id), None)
        if row is None:
            raise StoreError("There is no such label.")
        return row

    def named(self, name: str) -> Label | None:
        """Return the label with a name, whatever its case."""
        return self._rows.get(name) or self._folded.get(name.casefold())

    def called(self, name: str) -> Label | None:
        """Return the first label with a synonym, whatever its case."""
        folded = name.casefold()
        return next(
            (row for row in self._rows.values() if folded in (other.casefold() for other in row.synonyms)),
            None,
        )

    def require_free(self, name: str, row: Label | None) -> None:
        """Raise LabelError if a label other than `row` has this name or synonym."""
        same = self.named(name)
        if same is not None and same is not row:
            raise LabelError(f"There is a label {same.name!r} already.")
        called = self.called(name)
        if called is not None and called is not row:
            raise LabelError(
                f"{called.name!r} is also called {name!r}; merge the two, or take that name off it."
            )

    def parent_id(self, name: LabelName) -> int | None:
        return _parent_id(name.name, name.parent, self._rows)

    def add(self, name: LabelName, by: int | None) -> Label:
        """Add a label after the others."""
        self.add_all([name], by)
        return self._rows[name.name]

    def add_all(self, names: Sequence[LabelName], by: int | None) -> int:
        """Add labels after the others; returns their number. They may be parents of each other."""
        _require_room(len(self._rows) + len(names))
        last = select(func.max(Label.position)).where(Label.project_id == self.project.id)
        highest = self._session.scalar(last)  # a removed label keeps its position
        first = 0 if highest is None else highest + 1
        new = _inserted(self._session, self.project.id, names, first)
        self._rows |= new
        self._folded |= {name.casefold(): row for name, row in new.items()}
        for name in names:
            new[name.name].parent_id = self.parent_id(name)
        record_new(self._session, list(new.values()), by)
        self._changed(bool(new))
        return len(new)

    def amend(self, row: Label, values: Mapping[str, Any], by: int | None) -> bool:
        """Set values of a label; returns whether any of them is new."""
        if all(getattr(row, name) == value for name, value in values.items()):
            return False
        amend(self._session, row, values, by)
        self._changed(True)
        return True

    def amend_each(self, changes: Sequence[tuple[Label, Mapping[str, Any]]], by: int | None) -> int:
        """Set values of several labels at once; returns how many of these labels change."""
        new = [
            (row, values)
            for row, values in changes
            if any(getattr(row, name) != value for name, value in values.items())
        ]
        amend_each(self._session, new, by)
        self._changed(bool(new))
        return len(new)

    def is_above(self, row: Label, other: Label) -> bool:
        """Return whether a label is the parent of another, or the parent of its parent, and so on."""
        of_id = {each.id: each for each in self._rows.values()}
        at = other.parent_id
        while at is not None and at != row.id:
            at = of_id[at].parent_id
        return at is not None

    def _changed(self, is_changed: bool) -> None:
        self.project.labels_version += is_changed


def _require_room(count: int) -> None:
    """Raise LabelError if a label set has too many labels."""
    if count > MAX_LABELS:
        raise LabelError(
            f"A label set has at most {MAX_LABELS:,} labels, and this one would have {count:,}. "
            "Keep the labels that are needed, or divide the photos between projects."
        )


def _inserted(session: Session, project_id: int, labels: Sequence[LabelName], first: int) -> dict[str, Label]:
    """Insert labels without parents, from a position on; return their rows by name.

    All are written in one statement: the ORM would need one for each row to learn its id.
    """
    if not labels:
        return {}
    values = [
        {
            "project_id": project_id,
            "name": label.name,
            "synonyms": list(label.synonyms),
            "parent_id": None,
            "colour": label.colour or colour_of(position),
            "food_code": label.food_code,
            "position": position,
            "unit": label.unit,
        }
        for position, label in enumerate(labels, first)
    ]
    session.execute(insert(Label), values)
    asked = select(Label).where(Label.project_id == project_id, Label.position >= first)
    return {row.name: row for row in session.scalars(asked.order_by(Label.position))}


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
