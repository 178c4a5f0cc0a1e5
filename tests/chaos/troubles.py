"""What else can go wrong: damaged and foreign files, a clock that jumps, two servers on one folder.

Each trouble ends in a sentence that says what to do, or in work that goes on. Nothing is said to be saved
that was not.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from sqlalchemy import select, text

from rvernet_app.errors import RvernetError
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.store import database, event_log, queue
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.tables import Annotation, Event
from rvernet_app.ui.page import build_engine
from rvernet_app.ui.project.training_runs import IN_USE_NAME
from tests.chaos import dying
from tests.chaos.operation import Findings, Operation, Place
from tests.chaos.pictures import noise
from tests.chaos.starting import be_at, check_database, start
from tests.chaos.store_operations import Adding, check_photos, desk_in, finished
from tests.rvernet_app.store.desk import Desk, commit

TROUBLES: dict[str, Callable[[Place], list[str]]] = {}
"""What goes wrong: name -> function that makes it go wrong and returns what is not as it should be."""


def trouble(name: str, folder: Path) -> list[str]:
    """Let one thing go wrong, in a process of its own."""
    place = Place(folder)

    def work(tell: dying.Tell) -> None:
        be_at(place)
        tell(json.dumps(TROUBLES[name](place)))

    death = dying.finish(work, folder / "said.txt")
    said = (folder / "said.txt").read_text()
    shown = ["a traceback in the log"] if "Traceback" in said else []
    return shown + (json.loads(death.told[-1]) if death.told else [death.problem])


def named(name: str) -> Callable[[Callable[[Place], list[str]]], Callable[[Place], list[str]]]:
    def keep(function: Callable[[Place], list[str]]) -> Callable[[Place], list[str]]:
        TROUBLES[name] = function
        return function

    return keep


def sentence(act: Callable[[], object], *words: str) -> list[str]:
    """Return nothing if an act is refused with a sentence that has these words, else what happened."""
    try:
        act()
    except RvernetError as error:
        missing = [word for word in words if word not in str(error)]
        return [f"{missing} not in {str(error)!r}"] if missing else []
    except Exception as error:
        return [f"{type(error).__name__} without a name of ours: {error}"]
    return ["it was not refused"]


def begun(place: Place) -> Path:
    """Make a store with some work; return the path of its database, which no other file completes."""
    desk = desk_in(place)
    finished(desk)
    with desk.store.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    desk.store.close()
    return place.data / DATABASE_NAME


@named("a database that is a text file")
def text_file(place: Place) -> list[str]:
    place.data.mkdir()
    (place.data / DATABASE_NAME).write_text("Dear diary, " * 500)
    found = sentence(lambda: start(place.config, whole=False), "not a database", "restore a back-up")
    same = (place.data / DATABASE_NAME).read_text() == "Dear diary, " * 500
    return found if same else [*found, "the file was changed"]


@named("a database of another program")
def foreign(place: Place) -> list[str]:
    place.data.mkdir()
    with sqlite3.connect(place.data / DATABASE_NAME) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    found = sentence(lambda: start(place.config, whole=False), "Another program made", "bookmarks")
    with sqlite3.connect(place.data / DATABASE_NAME) as other:
        tables = [row[0] for row in other.execute("SELECT name FROM sqlite_master")]
    return found if tables == ["bookmarks"] else [*found, f"it now has {tables}"]


@named("a truncated database")
def truncated(place: Place) -> list[str]:
    path = begun(place)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])
    return sentence(lambda: _read_all(place), "damaged", "back-up")


@named("a database with flipped bytes")
def flipped(place: Place) -> list[str]:
    path = begun(place)
    data = bytearray(path.read_bytes())
    for at in range(4096 * 2, len(data), 4096):
        data[at : at + 200] = bytes(value ^ 0x5A for value in data[at : at + 200])
    path.write_bytes(data)
    return sentence(lambda: _read_all(place), "damaged", "back-up")


def _read_all(place: Place) -> None:
    start(place.config, whole=False)
    store = Store(place.data)
    with store.reading() as session:
        session.scalars(select(Event)).all()
        session.scalars(select(Annotation)).all()


@named("an empty database file")
def empty(place: Place) -> list[str]:
    place.data.mkdir()
    (place.data / DATABASE_NAME).touch()
    start(place.config, whole=False)
    return []


@named("a locked database")
def locked(place: Place) -> list[str]:
    desk = desk_in(place)
    vars(database)["BUSY_SECONDS"] = 0
    impatient = Desk(Store(place.data), desk.files, desk.project, desk.labels, desk.ann, desk.ben, desk.items)
    with sqlite3.connect(place.data / DATABASE_NAME, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        found = sentence(lambda: impatient.save("not saved"), "Nothing was saved", "try again")
        other.execute("ROLLBACK")
    other.close()
    return found if desk.count(Annotation) == 0 else [*found, "it was saved"]


@named("a lost write-ahead log")
def without_wal(place: Place) -> list[str]:
    begun(place)
    for name in ("-wal", "-shm"):
        (place.data / f"{DATABASE_NAME}{name}").unlink(missing_ok=True)
    start(place.config, whole=False)
    found = Findings()
    check_database(place.data, found)
    return found.all()


@named("a lost original and working copy")
def lost_files(place: Place) -> list[str]:
    desk = desk_in(place)
    finished(desk)
    photo = desk.item(0).photo_id
    with desk.store.reading() as session:
        row = session.get_one(queue.Photo, photo)
        sha256, kind = row.sha256, row.format
    desk.files.working_copy(sha256, kind).unlink()
    desk.files.thumbnail(sha256, kind)  # from the original
    shutil.rmtree(place.data / "originals")
    shutil.rmtree(place.data / "photos")
    return sentence(
        lambda: EXPORTS["coco"](desk.store, desk.files, desk.project, place.folder / "out", Shares()),
        "add the same photo again",
    )


@named("a damaged pointer to the trained checkpoint")
def damaged_pointer(place: Place) -> list[str]:
    place.data.mkdir()
    (place.data / IN_USE_NAME).write_bytes(b"\xff\0")
    return [] if build_engine(place.config).without_trained else ["the page does not say so"]


@named("a clock that jumps")
def jumping_clock(place: Place) -> list[str]:
    """Go two days forward, then three years back: events keep their order, photos stay usable."""
    desk = desk_in(place)
    found: list[str] = []
    noted = []
    for days in (0, 2, -1000):
        at = datetime.now(timezone.utc) + timedelta(days=days)
        for module in (event_log, queue):
            vars(module)["now"] = lambda at=at: at
        noted.append(desk.save(f"{days}").id)
        if commit(desk.store, queue.lead, desk.project, desk.ben) is None:
            found.append(f"no photo is free {days} days from now")
    with desk.store.reading() as session:
        events = session.scalars(select(Event).where(Event.subject == "annotation").order_by(Event.id))
        if [event.subject_id for event in events] != noted:
            found.append("the events lost their order")
    cache = PhotoCache(place.config)
    (place.folder / "a.png").write_bytes(noise(1))
    sha256 = cache.add(place.folder / "a.png").sha256
    future = datetime.now(timezone.utc).timestamp() + 1e8
    os.utime(cache.file(sha256), (future, future))
    (place.folder / "b.png").write_bytes(noise(2))
    cache.add(place.folder / "b.png")
    PhotoCache(place.config).get(sha256)
    return found


@named("two servers on one data folder")
def two_servers(place: Place) -> list[str]:
    """One adds photos while others start and end beside it."""
    operation: Operation = Adding()
    operation.prepare(place)

    def work(tell: dying.Tell) -> None:
        for _ in range(3):
            operation.work(place, tell)

    child, reading = dying.in_child(work, place.folder / "first.txt")
    for _ in range(4):
        start(place.config, whole=False)
    death = dying.listen(child, reading, dying.MOST_SECONDS)
    found = Findings()
    store = Store(place.data)
    check_photos(store, found)
    store.close()
    return [*found.all(), *([death.problem] if death.problem else [])]


def report(folder: Path) -> list[str]:
    """Let everything go wrong once; print a line each and return what was not as it should be."""
    wrong: list[str] = []
    for number, name in enumerate(TROUBLES):
        place = folder / str(number)
        place.mkdir(parents=True)
        found = trouble(name, place)
        print(f"{name:<48} {'as it should be' if not found else '; '.join(found)}", flush=True)
        wrong.extend(found)
    return wrong
