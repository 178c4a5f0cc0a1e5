"""Import photos and annotations: read a source into a plan, then write the plan in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.exchange.archive import unpacked
from rvernet_app.exchange.exporting import Progress
from rvernet_app.exchange.plan import NotTaken, Plan, PlannedPhoto, Read
from rvernet_app.labels import LabelName
from rvernet_app.store import label_sets, projects, queue
from rvernet_app.store.annotations import (
    Draft,
    foods,
    give_verdict,
    has_place,
    lock_item,
    save,
    verdict,
)
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.tables import DONE, Annotator, Item

UNNAMED = "The folder holds this photo, but no file with labels names it."


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    Attributes:
        photos: the number of photos that are new in the project.
        known_photos: the number of photos that the project had already.
        foods: the number of saved annotations.
        labels: the names that were added to the label set.
        not_taken: the parts of the source that were not imported.
        unnamed: photos that lie in the folder, but that the source does not name, so they were not imported.
    """

    photos: int
    known_photos: int
    foods: int
    labels: tuple[str, ...]
    not_taken: tuple[NotTaken, ...]
    unnamed: tuple[str, ...] = ()


class Import(Protocol):
    """Imports photos and annotations of one format into a project."""

    def __call__(
        self,
        store: Store,
        files: PhotoFiles,
        project: int | str,
        annotator: int | str,
        source: Path,
        progress: Progress | None = None,
        *,
        keep: bool = True,
    ) -> ImportReport:
        """Import everything that can be used. If an error occurs, no row is written.

        A photo that the project has already keeps its place in the queue. The annotations belong to the
        annotator, who is then done with their photos. A photo without annotations only joins the queue. An
        annotation that the annotator has already saved is not saved again. New labels are added if the
        project accepts them.

        Args:
            project, annotator: ids or names. An unknown name creates the project or the annotator, unless the
                source has no usable photo.
            source: a folder, a file, or a ZIP of a folder.
            progress: called after each photo that is read.
            keep: False only looks: the report says what an import would do, and nothing is written.

        Raises:
            StoreError: the project or the annotator does not exist, the source cannot be read, or the rows
                cannot be saved. Files of photos may have been stored.
        """
        ...


def import_source(
    read: Read,
    format_name: str,
    store: Store,
    files: PhotoFiles,
    project: int | str,
    annotator: int | str,
    source: Path,
    progress: Progress | None = None,
    *,
    keep: bool = True,
) -> ImportReport:
    """Import a source that `read` understands, see `Import`.

    The store is not locked while the source is read, which may take long.
    """
    with store.reading() as session:
        if isinstance(project, int):
            projects.project(session, project)
        if isinstance(annotator, int) and session.get(Annotator, annotator) is None:
            raise StoreError("There is no such annotator.")
    plan = Plan(files if keep else files.looking(), progress)
    try:
        with unpacked(source, plan) as place:
            read(place, plan)
    except OSError as error:
        raise StoreError(f"{source} cannot be read: {error.strerror or error}.") from error
    plan.tell_apart()
    if not plan.photos:
        return ImportReport(0, 0, 0, (), tuple(plan.not_taken), tuple(plan.unnamed))
    with store.writing() as session:
        by = annotator if isinstance(annotator, int) else projects.ensure_annotator(session, annotator)
        writer = _PlanWriter(session, _ensure_project(session, project, by), by, format_name)
        report = writer.write(plan)
        if not keep:
            session.rollback()
        elif not all(files.has(one.photo.sha256, one.photo.format) for one in plan.photos):
            raise StoreError("One of these photos was deleted while they were imported. Import them again.")
        return report


def _ensure_project(session: Session, project: int | str, by: int) -> int:
    """Return the id of a project, which is created if its name is new."""
    if isinstance(project, int):
        return project
    known = {row.name: row.id for row in projects.all_projects(session)}
    return known[project] if project in known else projects.create_project(session, project, by=by)


@dataclass(frozen=True)
class _PlanWriter:
    """Writes a plan in an open transaction.

    Attributes:
        annotator_id: whom the annotations belong to.
        format_name: saved with each annotation as its origin.
    """

    session: Session
    project_id: int
    annotator_id: int
    format_name: str

    def write(self, plan: Plan) -> ImportReport:
        """Write the photos, labels and annotations of a plan."""
        known_labels = {label.id for label in label_sets.labels_of(self.session, self.project_id)}
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
        all_labels = label_sets.labels_of(self.session, self.project_id)
        return ImportReport(
            photos=new_photos,
            known_photos=len(plan.photos) - new_photos,
            foods=saved,
            labels=tuple(label.name for label in all_labels if label.id not in known_labels),
            not_taken=tuple(plan.not_taken),
            unnamed=tuple(plan.unnamed),
        )

    def _labels(self, plan: Plan) -> Mapping[str, int | str]:
        """Return for each name the id of its label, or the reason why the project cannot have it."""
        found: dict[str, int | str] = {}
        wanted: dict[str, LabelName] = {}
        for name in dict.fromkeys(one.label for planned in plan.photos for one in planned.annotations):
            found[name] = f"Project {self._project_name()!r} does not accept new labels."
            try:
                for label in _with_parents(name, plan.labels, wanted):
                    wanted[label.name] = label
            except LabelError as error:
                found[name] = str(error)
        ids = label_sets.add_labels(self.session, self.project_id, list(wanted.values()), self.annotator_id)
        return found | {name: ids[called] for name in found if (called := " ".join(name.split())) in ids}

    def _project_name(self) -> str:
        return projects.project(self.session, self.project_id).name

    def _link_leftovers(self, plan: Plan, items: Mapping[str, int]) -> None:
        """Link photos of leftovers to the photos of their meals, except photos that have a link already."""
        for planned in plan.photos:
            before = items.get(planned.before or "")
            if before is None or planned.key is None or before == items[planned.key]:
                continue
            if self.session.get_one(Item, items[planned.key]).before_id is None:
                queue.link_before(self.session, items[planned.key], before, self.annotator_id)

    def _item(self, planned: PlannedPhoto) -> tuple[Item, bool]:
        """Add a photo to the queue. Return its item, locked, and whether the project had it already."""
        item_id, was_there = queue.add_item(
            self.session,
            self.project_id,
            planned.name,
            planned.photo,
            planned.meal,
            self.annotator_id,
        )
        return lock_item(self.session, item_id), was_there

    def _drafts(
        self, item: Item, planned: PlannedPhoto, labels: Mapping[str, int | str], plan: Plan
    ) -> list[Draft]:
        """Return the annotations to save on a photo, and note in the plan those that are left out."""
        there = {(row.label_id, row.counts) for row in foods(self.session, item.id, self.annotator_id)}
        drafts = []
        for one in planned.annotations:
            label = labels[one.label]
            if isinstance(label, str):
                plan.leave(f"{planned.name}, {one.label}", label)
            elif (label, one.rle["counts"]) in there:
                plan.leave(f"{planned.name}, {one.label}", "It is in the project already.")
            else:
                prompts = {"imported": self.format_name}
                drafts.append(Draft(one.rle, label, prompts, portion=one.portion, note=one.note))
        return drafts

    def _save(self, item: Item, drafts: Sequence[Draft]) -> None:
        """Save annotations and mark their photo as done, with room for one more annotator if need be."""
        own = verdict(self.session, item.id, self.annotator_id)
        if own is None or not has_place(self.session, own):
            item.wanted = max(item.wanted, item.taken + 1)
        for draft in drafts:
            save(self.session, item.id, self.annotator_id, draft)
        give_verdict(self.session, item.id, self.annotator_id, DONE)


def _with_parents(
    name: str, known: Mapping[str, LabelName], there: Mapping[str, LabelName]
) -> list[LabelName]:
    """Return a label with its known details, behind those of its parents that are not there yet.

    Where parents form a circle, the first of them has no parent.

    Raises:
        LabelError: one of them cannot be a label.
    """
    line: dict[str, LabelName] = {}
    at: str | None = name
    while at is not None and at not in line and at not in there:
        line[at] = known.get(at) or LabelName(at)
        at = line[at].parent
    upwards = list(line.values())
    if at in line:
        upwards[-1] = replace(upwards[-1], parent=None)
    return upwards[::-1]
