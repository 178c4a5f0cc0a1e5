"""Answers about label sets: search, new names while labeling, whole labels, label sets as files."""

from __future__ import annotations

import base64
import binascii
import threading
from dataclasses import dataclass

import cachetools
from sqlalchemy.orm import Session

from rvernet_app.errors import LabelError
from rvernet_app.label_files import decode_label_set, default_label_set, label_set_csv
from rvernet_app.label_search import LabelIndex
from rvernet_app.labels import LabelName
from rvernet_app.store import label_sets
from rvernet_app.store.database import Store
from rvernet_app.store.projects import ensure_annotator, project
from rvernet_app.store.roles import Actor, Role
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.label_replies import (
    AddedLabel,
    FoodCounts,
    FoundLabel,
    FoundLabels,
    LabelSetFile,
    LabelSetReply,
    PutLabelReply,
    RemovedLabelReply,
    TakenLabelSet,
)
from rvernet_app.ui.project.requests import (
    AddLabel,
    DeleteLabel,
    MergeLabel,
    OfProject,
    PutLabel,
    SearchLabels,
    TakeLabelSet,
)
from rvernet_app.ui.project.rows import label_reply, label_set_reply

MAX_SYNONYMS = 50
INDEXES = 16
"""Label sets that are kept ready for search."""
UNCHANGING = 0
"""Version of the default label set."""


@dataclass(frozen=True)
class _Searchable:
    """A version of a label set, ready for search.

    Attributes:
        ids: of the labels, in their order.
    """

    version: int
    ids: tuple[int, ...]
    index: LabelIndex


class LabelSets:
    """The label sets of a store's projects, and the default one, for the page."""

    def __init__(self, store: Store) -> None:
        self._store = store.acting
        self._ready: cachetools.LRUCache[tuple[int, int], _Searchable] = cachetools.LRUCache(INDEXES)
        self._lock = threading.Lock()

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [
            self.search_labels,
            self.labels,
            self.food_counts,
            self.add_label,
            self.put_label,
            self.merge_label,
            self.delete_label,
            self.take_label_set,
            self.label_set,
        ]

    def search_labels(self, asked: SearchLabels, me: Actor) -> FoundLabels:
        """Find labels by what is typed."""
        if asked.project is None:
            searchable = self._default()
        else:
            with self._store(me).reading() as session:
                searchable = self._of_project(session, asked.project)
        found = [
            FoundLabel(
                label=searchable.ids[match.position], through=match.through, kind=match.kind.name.lower()
            )
            for match in searchable.index.search(asked.typed, asked.limit)
        ]
        return FoundLabels(version=searchable.version, found=found)

    def labels(self, asked: OfProject, me: Actor) -> LabelSetReply:
        """Return the label set of a project."""
        with self._store(me).reading() as session:
            return label_set_reply(session, asked.project)

    def food_counts(self, asked: OfProject, me: Actor) -> FoodCounts:
        """Count the foods of each label."""
        with self._store(me).reading() as session:
            return FoodCounts(counts=list(label_sets.food_counts(session, asked.project).items()))

    def add_label(self, asked: AddLabel, me: Actor) -> AddedLabel:
        """Add a label of which only the name is known."""
        name = LabelName(asked.name)
        with self._store(me).writing() as session:
            mine = ensure_annotator(session, me.name)
            added = label_sets.add_label(session, asked.project, name, mine, or_synonym=True)
            version = project(session, asked.project).labels_version
            return AddedLabel(label=label_reply(label_sets.label(session, added)), version=version)

    def put_label(self, asked: PutLabel, me: Actor) -> PutLabelReply:
        """Add a label, or change one."""
        name = _label_name(asked)
        with self._store(me).writing() as session:
            mine = ensure_annotator(session, me.name)
            put = label_sets.put_label(session, asked.project, name, id=asked.id, by=mine)
        return PutLabelReply(id=put, label_set=self._now(asked.project, me))

    def merge_label(self, asked: MergeLabel, me: Actor) -> RemovedLabelReply:
        """Merge a label into another."""
        with self._store(me).writing() as session:
            mine = ensure_annotator(session, me.name)
            foods = label_sets.merge_label(session, asked.project, asked.id, asked.into, mine)
        return RemovedLabelReply(foods=foods, label_set=self._now(asked.project, me))

    def delete_label(self, asked: DeleteLabel, me: Actor) -> RemovedLabelReply:
        """Delete a label."""
        with self._store(me).writing() as session:
            mine = ensure_annotator(session, me.name)
            foods = label_sets.delete_label(session, asked.project, asked.id, asked.into, mine)
        return RemovedLabelReply(foods=foods, label_set=self._now(asked.project, me))

    def take_label_set(self, asked: TakeLabelSet, me: Actor) -> TakenLabelSet:
        """Add the labels of a file to a project's label set."""
        with self._store(me).reading() as session:  # before a file is read that may be large
            project(session, asked.project, Role.ADMIN)
        read = decode_label_set(file_bytes(asked.file))
        if not read.labels:
            raise LabelError("There is no label in this file.")
        with self._store(me).writing() as session:
            mine = ensure_annotator(session, me.name)
            new, changed = label_sets.take_label_set(session, asked.project, read.labels, mine)
        return TakenLabelSet(new=new, changed=changed, label_set=self._now(asked.project, me), note=read.note)

    def label_set(self, asked: OfProject, me: Actor) -> LabelSetFile:
        """Return a project's label set as a CSV file."""
        with self._store(me).reading() as session:
            found = project(session, asked.project)
            return LabelSetFile(
                csv=label_set_csv(label_sets.label_names(session, found.id)),
                name=f"{found.name} labels.csv",
            )

    def _now(self, project_id: int, me: Actor) -> LabelSetReply:
        """Return a label set as it is after a change; nobody waits to save while it is read."""
        with self._store(me).reading() as session:
            return label_set_reply(session, project_id)

    def _of_project(self, session: Session, project_id: int) -> _Searchable:
        version = project(session, project_id).labels_version
        with self._lock:
            known = self._ready.get((project_id, version))
        if known is not None:
            return known
        rows = label_sets.labels_of(session, project_id)
        names = [LabelName(row.name, tuple(row.synonyms), food_code=row.food_code) for row in rows]
        made = _Searchable(version, tuple(row.id for row in rows), LabelIndex(names))
        with self._lock:
            self._ready[project_id, version] = made
        return made

    def _default(self) -> _Searchable:
        with self._lock:
            known = self._ready.get((0, UNCHANGING))
            if known is None:
                names = default_label_set()
                known = _Searchable(UNCHANGING, tuple(range(1, len(names) + 1)), LabelIndex(names))
                self._ready[0, UNCHANGING] = known
            return known


def file_bytes(text: str) -> bytes:
    """Return the bytes of a file that the page sends as base64.

    Raises:
        LabelError: it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LabelError("The file did not arrive whole; choose it again.") from error


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
        asked.unit or None,
    )
