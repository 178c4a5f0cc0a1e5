"""A project's label set on the page: a name while labelling, all that is known of a label, and whole sets as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rvernet_app.errors import LabelError
from rvernet_app.labels import LabelName, label_set_csv, parse_label_set
from rvernet_app.store import label_sets
from rvernet_app.store.database import Store
from rvernet_app.store.projects import ensure_annotator, project
from rvernet_app.store.tables import Label
from rvernet_app.ui.requests import number, text
from rvernet_app.ui.visitor.handlers import Reply

MAX_SYNONYMS = 50


class LabelSets:
    """The label sets of a store's projects, for the page."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.add_label, self.put_label, self.take_label_set, self.label_set]

    def add_label(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "name"} of a food that has no label yet -> the label."""
        project_id, name = int(number(message, "project")), LabelName(text(message, "name"))
        with self._store.writing() as session:
            added = label_sets.add_label(session, project_id, name, ensure_annotator(session, me))
            return {"label": label_json(label_sets.label(session, added))}

    def put_label(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "id", "name", "synonyms", "parent", "colour", "code"} -> the label's id, and the set.

        Without an id it is a new one; synonyms have semicolons between them.
        """
        project_id, name = int(number(message, "project")), _label_name(message)
        id = None if message.get("id") is None else int(number(message, "id"))
        with self._store.writing() as session:
            put = label_sets.put_label(session, project_id, name, id=id, by=ensure_annotator(session, me))
        return {"id": put, **self._labels(project_id)}

    def take_label_set(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "text"} of a file -> how many labels are new and changed, and the set."""
        project_id = int(number(message, "project"))
        labels = parse_label_set(text(message, "text"))
        if not labels:
            raise LabelError("There is no label in this file.")
        with self._store.writing() as session:
            mine = ensure_annotator(session, me)
            new, changed = label_sets.take_label_set(session, project_id, labels, mine)
        return {"new": new, "changed": changed, **self._labels(project_id)}

    def label_set(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project"} -> the set as CSV, and what to call the file."""
        with self._store.reading() as session:
            found = project(session, int(number(message, "project")))
            return {
                "csv": label_set_csv(label_sets.label_names(session, found.id)),
                "name": f"{found.name} labels.csv",
            }

    def _labels(self, project_id: int) -> Reply:
        with self._store.reading() as session:
            return {"labels": [label_json(label) for label in label_sets.labels_of(session, project_id)]}


def label_json(label: Label) -> Reply:
    """A label as the page has it."""
    return {
        "id": label.id,
        "name": label.name,
        "synonyms": label.synonyms,
        "parent": label.parent_id,
        "colour": label.colour,
        "code": label.food_code,
    }


def _label_name(message: Mapping[str, Any]) -> LabelName:
    synonyms = text(message, "synonyms", "").split(";")
    if len(synonyms) > MAX_SYNONYMS:
        raise LabelError(f"A label has at most {MAX_SYNONYMS} synonyms.")
    return LabelName(
        text(message, "name"),
        tuple(filter(None, (name.strip() for name in synonyms))),
        text(message, "parent", "").strip() or None,
        text(message, "colour", "") or None,
        text(message, "code", "").strip() or None,
    )
