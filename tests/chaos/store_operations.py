"""Deaths in what the store does: saving, adding photos, deleting, migrating."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image
from sqlalchemy import func, select

from rvernet_app.errors import RvernetError
from rvernet_app.exchange.backup import backup, restore
from rvernet_app.exchange.formats.registry import EXPORTS, IMPORTS
from rvernet_app.store.accounts import Accounts
from rvernet_app.store.annotations import delete, give_verdict
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.queue import add_photos
from rvernet_app.store.removal import delete_photos
from rvernet_app.store.tables import DONE, Annotation, Event, Item, Photo, Project
from tests.chaos.operation import Findings, Operation, Place, Tell
from tests.chaos.pictures import noise
from tests.rvernet_app.store.desk import Desk, commit, require_complete_events, set_up

FIRST_PICTURE = 100
"""Number of the first picture that an operation adds; smaller ones are of the desk."""


def files_of(store: Store) -> PhotoFiles:
    return PhotoFiles(store.folder, max_mb=10, max_megapixels=10)


@contextmanager
def opened(place: Place) -> Iterator[Store]:
    store = Store(place.data)
    try:
        yield store
    finally:
        store.close()


def desk_in(place: Place) -> Desk:
    return set_up(Store(place.data))


class Saving(Operation):
    """Foods are saved, changed and deleted, and photos get verdicts."""

    name = "save"

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        desk.store.close()
        self._desk = desk

    def work(self, place: Place, tell: Tell) -> None:
        desk = self._at(Store(place.data))
        for round_ in range(4):
            saved = desk.save(f"new {round_}", left=round_)
            tell(f"{saved.id} {saved.revision} new {round_}")
            saved = desk.edit(saved, f"changed {round_}", left=round_)
            tell(f"{saved.id} {saved.revision} changed {round_}")
            if round_ % 2:
                commit(desk.store, delete, desk.items[0], desk.ann, id=saved.id, revision=saved.revision)
                tell(f"{saved.id} {saved.revision + 1} changed {round_}")
        commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE, seconds=3.0)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with opened(place) as store, store.reading() as session:
            chained(session, found)
            query = select(Event).where(Event.subject == "annotation")
            events = {(e.subject_id, e.revision): e.after for e in session.scalars(query)}
            for line in told:
                id, revision, note = line.split(" ", 2)
                after = events.get((int(id), int(revision)))
                if after is None or after["note"] != note:
                    found.lost.append(line)

    def _at(self, store: Store) -> Desk:
        desk = self._desk
        return Desk(store, files_of(store), desk.project, desk.labels, desk.ann, desk.ben, desk.items)


def chained(session: object, found: Findings) -> None:
    try:
        require_complete_events(session)  # type: ignore[arg-type]
    except AssertionError as error:
        found.half.append(f"events do not lead to the rows: {error}")


def check_photos(store: Store, found: Findings) -> None:
    """Every photo of a queue has its files, and they are whole."""
    files = files_of(store)
    with store.reading() as session:
        rows = select(Photo).join(Item).join(Project).where(Project.deleted_at.is_(None))
        for photo in session.scalars(rows):
            for path in (files.original(photo.sha256), files.working_copy(photo.sha256, photo.format)):
                if not path.is_file():
                    found.half.append(f"{path.name[:12]} has no {path.parent.parent.name}")
            try:
                with Image.open(files.working_copy(photo.sha256, photo.format)) as shown:
                    shown.load()
            except OSError as error:
                found.half.append(f"a working copy is damaged: {error}")


class Adding(Operation):
    """Photos come into a queue, and get thumbnails."""

    name = "add photos"

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        self._project = desk.project
        desk.store.close()

    def work(self, place: Place, tell: Tell) -> None:
        store = Store(place.data)
        files = files_of(store)
        sources = [(f"{n}.png", noise(n)) for n in range(FIRST_PICTURE, FIRST_PICTURE + 4)]
        for added in add_photos(store, files, self._project, sources):
            tell(added.name)
            with store.reading() as session:
                of = session.get_one(Item, added.item_id).photo
                sha256, kind = of.sha256, of.format
            files.thumbnail(sha256, kind)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with opened(place) as store:
            check_photos(store, found)
            with store.reading() as session:
                chained(session, found)
                names = {*session.scalars(select(Item.name).where(Item.project_id == self._project))}
                positions = [*session.scalars(select(Item.position).order_by(Item.position))]
            found.lost.extend(name for name in told if name not in names)
            if positions != [*range(len(positions))]:
                found.half.append(f"the queue has gaps: {positions}")
            self._add_again(store, found)

    def _add_again(self, store: Store, found: Findings) -> None:
        sources = [(f"{n}.png", noise(n)) for n in range(FIRST_PICTURE, FIRST_PICTURE + 4)]
        for added in add_photos(store, files_of(store), self._project, sources):
            if added.problem:
                found.failed.append(f"{added.name} cannot be added again: {added.problem}")
        files = files_of(store)
        with store.reading() as session:
            for row in session.scalars(select(Photo)):
                files.thumbnail(row.sha256, row.format)


class Deleting(Operation):
    """Photos are deleted from a project."""

    name = "delete photos"

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        desk.save("stays", item=3)
        self._project, self._items = desk.project, desk.items
        desk.store.close()

    def work(self, place: Place, tell: Tell) -> None:
        store = Store(place.data)
        for item in self._items[:3]:
            delete_photos(store, files_of(store), self._project, [item])
            tell(str(item))

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with opened(place) as store:
            check_photos(store, found)
            with store.reading() as session:
                there = {*session.scalars(select(Item.id).where(Item.project_id == self._project))}
                foods = session.scalar(select(func.count()).select_from(Annotation))
            found.lost.extend(f"the deletion of {item}" for item in told if int(item) in there)
            if foods != 1 or self._items[3] not in there:
                found.half.append("a photo that nobody deleted is gone")
            rest = [item for item in self._items[:3] if item in there]
            delete_photos(store, files_of(store), self._project, rest)
            files = [path for path in (store.folder / "originals").rglob("*") if path.is_file()]
            if len(files) != 1:
                found.half.append(f"{len(files) - 1} files of deleted photos stay after the next deletion")


class Migrating(Operation):
    """A database of the first schema is brought to the newest."""

    name = "migrate"

    def prepare(self, place: Place) -> None:
        Store(place.data, revision="0001").close()
        with sqlite3.connect(place.data / DATABASE_NAME) as database:
            database.execute("INSERT INTO annotator (name) VALUES ('Ann')")
        database.close()

    def work(self, place: Place, tell: Tell) -> None:
        Store(place.data)
        tell("migrated")

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with sqlite3.connect(place.data / DATABASE_NAME) as database:
            names = [row[0] for row in database.execute("SELECT name FROM annotator")]
        database.close()
        if names != ["Ann"]:
            found.lost.append("the annotator of the old schema")


class Importing(Operation):
    """A COCO folder is imported into a project of its own."""

    name = "import"

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        finished(desk)
        EXPORTS["coco"](desk.store, desk.files, desk.project, place.folder / "source", Shares())
        desk.store.close()

    def work(self, place: Place, tell: Tell) -> None:
        store = Store(place.data)
        for name in ("first", "second"):
            IMPORTS["coco"](store, files_of(store), name, "Cleo", place.folder / "source")
            tell(name)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with opened(place) as store:
            check_photos(store, found)
            with store.reading() as session:
                chained(session, found)
                for name in ("first", "second"):
                    of = Project.name == name
                    foods = session.scalar(
                        select(func.count())
                        .select_from(Annotation)
                        .join(Item, Item.id == Annotation.item_id)
                        .join(Project, Project.id == Item.project_id)
                        .where(of)
                    )
                    if name in told and foods != 2:
                        found.lost.append(f"the import {name} with {foods} foods")
                    elif foods not in (0, 2):
                        found.half.append(f"the import {name} has {foods} of 2 foods")
            IMPORTS["coco"](store, files_of(store), "first", "Cleo", place.folder / "source")


def finished(desk: Desk) -> None:
    """Save a food on two photos and mark both as done by both annotators."""
    for item in (0, 1):
        desk.save("food", item=item)
        for who in (desk.ann, desk.ben):
            commit(desk.store, give_verdict, desk.items[item], who, DONE, seconds=1.0)


class Exporting(Operation):
    """A project is exported in two formats."""

    name = "export"
    kept = frozenset(("out",))

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        finished(desk)
        self._project = desk.project
        desk.store.close()

    def work(self, place: Place, tell: Tell) -> None:
        store = Store(place.data)
        for kind in ("coco", "yolo-seg"):
            EXPORTS[kind](store, files_of(store), self._project, place.folder / "out" / kind, Shares())
            tell(kind)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        out = place.folder / "out"
        with opened(place) as store:
            for kind in ("coco", "yolo-seg"):
                EXPORTS[kind](store, files_of(store), self._project, out / f"again-{kind}", Shares())
                if not (out / kind).exists():
                    if kind in told:
                        found.lost.append(f"the export {kind}")
                    try:
                        EXPORTS[kind](store, files_of(store), self._project, out / kind, Shares())
                    except RvernetError as error:
                        found.failed.append(str(error))
                        continue
                names = [
                    sorted(p.relative_to(top).as_posix() for p in top.rglob("*"))
                    for top in (out / kind, out / f"again-{kind}")
                ]
                if names[0] != names[1]:
                    found.half.append(f"the export {kind} lacks files")


class BackingUp(Operation):
    """The store is backed up."""

    name = "back up"
    kept = frozenset(("backup",))

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        finished(desk)
        desk.store.close()

    def work(self, place: Place, tell: Tell) -> None:
        backup(Store(place.data), place.folder / "backup")
        tell("backup")

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        try:
            restore(place.folder / "backup", place.folder / "restored")
        except RvernetError as error:
            if told:
                found.lost.append(f"the backup: {error}")
        else:
            with _at(place, "restored") as store:
                check_photos(store, found)
            return
        with opened(place) as store:
            backup(store, place.folder / "backup")


@contextmanager
def _at(place: Place, name: str) -> Iterator[Store]:
    store = Store(place.folder / name)
    try:
        yield store
    finally:
        store.close()


class Restoring(Operation):
    """A backup is restored into a new data folder."""

    name = "restore"

    def prepare(self, place: Place) -> None:
        store = Store(place.folder / "old")
        desk = set_up(store)
        finished(desk)
        backup(store, place.folder / "backup")
        store.close()

    def work(self, place: Place, tell: Tell) -> None:
        restore(place.folder / "backup", place.data)
        tell("restored")

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with opened(place) as store, store.reading() as session:
            count = session.scalar(select(func.count()).select_from(Annotation))
        if told and count != 2:
            found.lost.append(f"{count} of 2 foods after the restore")
        elif count not in (0, 2):
            found.half.append(f"{count} of 2 foods after the restore")
        if not count:
            restore(place.folder / "backup", place.data)
        with opened(place) as store:
            check_photos(store, found)


class ChangingAccounts(Operation):
    """Accounts are added and removed."""

    name = "accounts"

    def prepare(self, place: Place) -> None:
        place.data.mkdir(parents=True)
        Accounts(place.data).add("Ann", "correct horse")

    def work(self, place: Place, tell: Tell) -> None:
        accounts = Accounts(place.data)
        for name in ("Ben", "Cleo"):
            accounts.add(name, "battery staple")
            tell(name)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        names = Accounts(place.data).names()
        found.lost.extend(name for name in ("Ann", *told) if name not in names)


OPERATIONS: tuple[type[Operation], ...] = (
    Saving,
    Adding,
    Deleting,
    Migrating,
    Importing,
    Exporting,
    BackingUp,
    Restoring,
    ChangingAccounts,
)
