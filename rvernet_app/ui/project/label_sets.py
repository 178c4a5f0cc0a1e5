"""Answers about a project's label set: new names while labeling, whole labels, label sets as files."""

from __future__ import annotations

from rvernet_app.errors import LabelError
from rvernet_app.labels import LabelName, label_set_csv, parse_label_set
from rvernet_app.store import label_sets
from rvernet_app.store.database import Store
from rvernet_app.store.projects import ensure_annotator, project
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import AddedLabel, LabelReply, LabelSetFile, PutLabelReply, TakenLabelSet
from rvernet_app.ui.project.requests import AddLabel, OfProject, PutLabel, TakeLabelSet
from rvernet_app.ui.project.rows import label_reply

MAX_SYNONYMS = 50


class LabelSets:
    """The label sets of a store's projects, for the page."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.add_label, self.put_label, self.take_label_set, self.label_set]

    def add_label(self, asked: AddLabel, me: str) -> AddedLabel:
        """Add a label of which only the name is known."""
        name = LabelName(asked.name)
        with self._store.writing() as session:
            added = label_sets.add_label(session, asked.project, name, ensure_annotator(session, me))
            return AddedLabel(label=label_reply(label_sets.label(session, added)))

    def put_label(self, asked: PutLabel, me: str) -> PutLabelReply:
        """Add a label, or change one."""
        name = _label_name(asked)
        with self._store.writing() as session:
            mine = ensure_annotator(session, me)
            put = label_sets.put_label(session, asked.project, name, id=asked.id, by=mine)
        return PutLabelReply(id=put, labels=self._labels(asked.project))

    def take_label_set(self, asked: TakeLabelSet, me: str) -> TakenLabelSet:
        """Add the labels of a file to a project's label set."""
        labels = parse_label_set(asked.text)
        if not labels:
            raise LabelError("There is no label in this file.")
        with self._store.writing() as session:
            mine = ensure_annotator(session, me)
            new, changed = label_sets.take_label_set(session, asked.project, labels, mine)
        return TakenLabelSet(new=new, changed=changed, labels=self._labels(asked.project))

    def label_set(self, asked: OfProject, me: str) -> LabelSetFile:
        """Return a project's label set as a CSV file."""
        with self._store.reading() as session:
            found = project(session, asked.project)
            return LabelSetFile(
                csv=label_set_csv(label_sets.label_names(session, found.id)),
                name=f"{found.name} labels.csv",
            )

    def _labels(self, project_id: int) -> list[LabelReply]:
        with self._store.reading() as session:
            return [label_reply(label) for label in label_sets.labels_of(session, project_id)]


def _label_name(asked: PutLabel) -> LabelName:
    synonyms = (asked.synonyms or "").split(";")
    if len(synonyms) > MAX_SYNONYMS:
        raise LabelError(f"A label has at most {MAX_SYNONYMS} synonyms.")
    return LabelName(
        asked.name,
        tuple(filter(None, (name.strip() for name in synonyms))),
        (asked.parent or "").strip() or None,
        asked.colour or None,
        (asked.code or "").strip() or None,
    )
