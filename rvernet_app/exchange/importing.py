"""What all imports share: everything is read into a plan first, then written in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.exchange.exporting import Progress
from rvernet_app.exchange.plan import NotTaken, Plan, PlannedPhoto, Read
from rvernet_app.labels import LabelName
from rvernet_app.store import label_sets, projects, queue
from rvernet_app.store.annotations import Draft, foods, give_verdict, has_place, save, verdict
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.tables import DONE, Annotator, Item


@dataclass(frozen=True)
class ImportReport:
    """What an import brought.

    Attributes:
        photos: how many are new in the project.
        known_photos: how many of the source's the project had already.
        foods: how many were saved.
        labels: names that were added to the label set.
    """

    photos: int
    known_photos: int
    foods: int
    labels: tuple[str, ...]
    not_taken: tuple[NotTaken, ...]


class Import(Protocol):
    """Takes photos and foods in one format into a project."""

    def __call__(
        self,
        store: Store,
        files: PhotoFiles,
        project: int | str,
        annotator: int | str,
        source: Path,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import what is of use, all of it or, on an error, nothing.

        Photos that the project has keep their place. Foods are the annotator's, whose verdict on their photos becomes
        done; a photo that brings no foods just joins the queue. Foods that the annotator has there already are not
        saved twice. Labels that the project lacks are added where it takes new ones.

        Args:
            project, annotator: ids, or names; who or what has a name nobody has yet is new, unless nothing was of use.
            source: a folder or a file.

        Raises:
            StoreError: there is no such project or annotator, the source cannot be read, or nothing can be saved. No
                row was written; files of photos may have been kept.
        """
        ...


def import_source(
    read: Read,
    name: str,
    store: Store,
    files: PhotoFiles,
    project: int | str,
    annotator: int | str,
    source: Path,
    progress: Progress | None = None,
) -> ImportReport:
    """Import with `read`; `name` is the format's. Otherwise as `Import`."""
    with store.reading() as session:
        if isinstance(project, int):
            projects.project(session, project)
        if isinstance(annotator, int) and session.get(Annotator, annotator) is None:
            raise StoreError("There is no such annotator.")
    plan = Plan(files, progress)
    read(source, plan)
    if not plan.photos:
        return ImportReport(0, 0, 0, (), tuple(plan.not_taken))
    with store.writing() as session:
        within = _OneTransaction(session)
        by = annotator if isinstance(annotator, int) else projects.annotator_id(within, annotator)
        return _Writing(within, _project_id(within, project, by), by, name).write(plan)


class _OneTransaction(Store):
    """The store inside an open transaction: what is saved through it is committed together, or not at all."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        yield self.session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        yield self.session


def _project_id(store: _OneTransaction, project: int | str, by: int) -> int:
    if isinstance(project, int):
        return project
    known = {row.name: row.id for row in projects.all_projects(store.session)}
    return known[project] if project in known else projects.create_project(store, project, by=by)


class _Writing:
    """Writes a plan in an open transaction.

    Args:
        annotator_id: whose the foods are.
        name: of the format.
    """

    def __init__(self, store: _OneTransaction, project_id: int, annotator_id: int, name: str) -> None:
        self._session = store.session
        self._store = store
        self._project_id = project_id
        self._annotator_id = annotator_id
        self._name = name

    def write(self, plan: Plan) -> ImportReport:
        """All of it."""
        known_labels = {label.id for label in label_sets.labels_of(self._session, self._project_id)}
        labels = self._labels(plan)
        new_photos = saved = 0
        items: dict[str, int] = {}
        for planned in plan.photos:
            item, was_there = self._item(planned)
            new_photos += not was_there
            if planned.key is not None:
                items[planned.key] = item.id
            drafts = self._drafts(item, planned, labels, plan)
            if drafts:
                self._save(item, drafts)
            saved += len(drafts)
        self._link_leftovers(plan, items)
        all_labels = label_sets.labels_of(self._session, self._project_id)
        return ImportReport(
            photos=new_photos,
            known_photos=len(plan.photos) - new_photos,
            foods=saved,
            labels=tuple(label.name for label in all_labels if label.id not in known_labels),
            not_taken=tuple(plan.not_taken),
        )

    def _labels(self, plan: Plan) -> Mapping[str, int | str]:
        """Name -> the label's id, or why the project cannot have it."""
        found: dict[str, int | str] = {}
        for name in dict.fromkeys(food.label for planned in plan.photos for food in planned.annotations):
            try:
                found[name] = self._label(name, plan.labels)
            except (LabelError, StoreError) as error:
                found[name] = str(error)
        return found

    def _label(self, name: str, known: Mapping[str, LabelName], below: frozenset[str] = frozenset()) -> int:
        """The id of a label, which is added when new, with all that is known of it and what it is a kind of."""
        label = known.get(name) or LabelName(name)
        parent = label.parent if label.parent not in below | {name} else None
        if parent is not None:
            self._label(parent, known, below | {name})
        return label_sets.add_label(
            self._store, self._project_id, replace(label, parent=parent), self._annotator_id
        )

    def _link_leftovers(self, plan: Plan, items: Mapping[str, int]) -> None:
        """Photos of leftovers show those of the photo they name, unless the project knows of another."""
        for planned in plan.photos:
            before = items.get(planned.before or "")
            if before is None or planned.key is None or before == items[planned.key]:
                continue
            if self._session.get_one(Item, items[planned.key]).before_id is None:
                queue.link_before(self._store, items[planned.key], before, self._annotator_id)

    def _item(self, planned: PlannedPhoto) -> tuple[Item, bool]:
        """The photo's place in the queue, locked, and whether it was there already."""
        added = queue.add_item(
            self._session,
            self._project_id,
            planned.name,
            planned.photo,  # type: ignore[arg-type]  # the pixels are of no account to it
            planned.meal,
            self._annotator_id,
        )
        item = self._session.get_one(Item, added.item_id, with_for_update={"of": Item})
        return item, added.was_there

    def _drafts(
        self, item: Item, planned: PlannedPhoto, labels: Mapping[str, int | str], plan: Plan
    ) -> list[Draft]:
        """The foods to save on a photo; the others join what is not taken."""
        there = {(row.label_id, row.counts) for row in foods(self._session, item.id, self._annotator_id)}
        drafts = []
        for food in planned.annotations:
            label = labels[food.label]
            if isinstance(label, str):
                plan.leave(f"{planned.name}, {food.label}", label)
            elif (label, food.rle["counts"]) in there:
                plan.leave(f"{planned.name}, {food.label}", "It is in the project already.")
            else:
                prompts = {"imported": self._name}
                drafts.append(Draft(food.rle, label, prompts, portion=food.portion, note=food.note))
        return drafts

    def _save(self, item: Item, drafts: Sequence[Draft]) -> None:
        """Save foods, and be done with their photo, which may want an annotator more for it."""
        own = verdict(self._session, item.id, self._annotator_id)
        if own is None or not has_place(self._session, own):
            item.wanted = max(item.wanted, item.taken + 1)
        for draft in drafts:
            save(self._store, item.id, self._annotator_id, draft)
        give_verdict(self._store, item.id, self._annotator_id, DONE)
