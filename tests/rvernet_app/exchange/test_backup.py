"""A backup is complete or refused, and can be restored on either kind of database."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from rvernet_app.errors import StoreError
from rvernet_app.exchange.backup import MANIFEST, BackupReport, backup, read_report, restore
from rvernet_app.labels import LabelName
from rvernet_app.store import database
from rvernet_app.store.annotations import Portion, delete, give_verdict
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.event_log import add, now
from rvernet_app.store.history import undo
from rvernet_app.store.label_sets import add_label
from rvernet_app.store.members import set_member
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import add_photos
from rvernet_app.store.roles import Role
from rvernet_app.store.tables import DONE, Base, Comment, Event, Item, Photo, Sight
from tests.rvernet_app.conftest import KINDS, NewStore, NewUrl
from tests.rvernet_app.store.desk import Desk, commit, picture, require_complete_events, set_up


def work(desk: Desk) -> None:
    """Fill every table and every kind of column, with references to earlier and to later rows."""
    commit(desk.store, add_label, desk.project, LabelName("Süßkartoffel", parent="beans"), desk.ann)
    commit(desk.store, create_project, "Kinds", [LabelName("brown rice", parent="rice"), LabelName("rice")])
    saved = desk.save("„0,5 l“ — 半分", prompts={"box": [0, 1.5, None]})
    desk.edit(
        saved,
        "",
        suggestions=[("rice", 0.1)],
        portion=Portion(0.1, "cup", "guessed", 0.05, 1 / 3),
        suggestion_taken=False,
    )
    gone = desk.save("gone", by=desk.ben, item=1)
    commit(desk.store, delete, desk.items[1], desk.ben, id=gone.id, revision=1)
    commit(desk.store, undo, desk.items[1], desk.ben)
    commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE, seconds=12.5)
    with desk.store.writing() as session:
        session.get_one(Item, desk.items[0]).before_id = desk.items[3]
        session.get_one(Item, desk.items[1]).uncertainty = 0.25
        row = Comment(item_id=desk.items[0], annotator_id=desk.ben, words="Rice?", at=now())
        add(session, row, desk.ben)
        add(session, Sight(item_id=desk.items[0], annotator_id=desk.ben, at=now()), desk.ben)
    commit(desk.store, set_member, desk.project, "Ben", Role.REVIEWER, desk.ann)


def content(store: Store) -> dict[str, list[dict[str, Any]]]:
    with store.reading() as session:
        return {
            table.name: [dict(row) for row in session.execute(select(table).order_by(table.c.id)).mappings()]
            for table in Base.metadata.sorted_tables
        }


def photo_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("originals", "photos")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def made(desk: Desk, tmp_path: Path) -> Path:
    """A backup of a desk with work on it."""
    work(desk)
    backup(desk.store, tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def small(new_store: NewStore, tmp_path: Path) -> Path:
    """A backup from SQLite."""
    work(desk := set_up(new_store("sqlite")))
    backup(desk.store, tmp_path / "backup")
    return tmp_path / "backup"


@pytest.mark.parametrize("target", KINDS)
def test_a_store_is_restored_on_either_database(
    desk: Desk, kind: str, made: Path, target: str, new_url: NewUrl, tmp_path: Path
) -> None:
    folder, url = tmp_path / "data", new_url(target)
    report = restore(made, folder, url)
    store = Store(folder, url)
    assert content(store) == content(desk.store)
    assert all(content(store).values())
    assert photo_files(folder) == photo_files(desk.store.folder)
    assert len(photo_files(folder)) == 8
    assert report == read_report(made)
    assert (report.rows["annotation"], report.rows["item"], report.problems) == (2, 4, ())
    with store.reading() as session:
        require_complete_events(session)
        assert (
            session.scalars(select(Event).where(Event.undoes_id.is_not(None))).one().subject == "annotation"
        )
    # SQL null stays SQL null and does not become JSON null
    nulls = text("SELECT count(*) FROM annotation WHERE suggestions IS NULL")
    for one in (desk.store, store):
        with one.reading() as session:
            assert session.scalar(nulls) == 1
    store.close()


def test_new_ids_continue_after_the_restored_ones(
    made: Path, desk: Desk, kind: str, new_url: NewUrl, tmp_path: Path
) -> None:
    folder, url = tmp_path / "data", new_url(kind)
    restore(made, folder, url)
    there = Desk(Store(folder, url), desk.files, desk.project, desk.labels, desk.ann, desk.ben, desk.items)
    assert there.save("new").id == 3
    (added,) = add_photos(there.store, there.files, there.project, [("new.png", picture(77))])
    assert added.item_id == max(desk.items) + 1
    assert commit(there.store, ensure_annotator, "Cleo") == 3
    assert commit(there.store, undo, there.items[0], there.ann)
    there.store.close()


def test_a_backup_of_a_backup_is_the_same(made: Path, kind: str, new_url: NewUrl, tmp_path: Path) -> None:
    folder, url = tmp_path / "data", new_url("sqlite" if kind == "postgresql" else "postgresql")
    first = restore(made, folder, url)
    store = Store(folder, url)
    second = backup(store, tmp_path / "second")
    store.close()
    assert (second.files, second.rows, second.schema) == (first.files, first.rows, first.schema)


def test_an_empty_store_can_be_backed_up(store: Store, new_url: NewUrl, kind: str, tmp_path: Path) -> None:
    report = backup(store, tmp_path / "backup")
    assert set(report.rows.values()) == {0}
    url = new_url(kind)
    restore(tmp_path / "backup", tmp_path / "data", url)
    restored = Store(tmp_path / "data", url)
    assert commit(restored, create_project, "Trays", []) == 1
    restored.close()


def test_a_backup_shows_one_moment_while_others_write(desk: Desk, tmp_path: Path) -> None:
    under_way, enough = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            desk.save(str(number), item=number % 4)
            if number == 3:
                under_way.set()

    writer = threading.Thread(target=write)
    writer.start()
    under_way.wait()
    reports = [backup(desk.store, tmp_path / str(n)) for n in range(3)]
    enough.set()
    writer.join()
    saves = desk.count()
    for number, report in enumerate(reports):
        restore(tmp_path / str(number), tmp_path / f"data {number}")
        store = Store(tmp_path / f"data {number}")
        with store.reading() as session:
            require_complete_events(session)
        store.close()
        assert 3 <= report.rows["annotation"] < report.rows["event"] <= saves


def test_photo_files_are_hard_links_on_the_same_disk(small: Path, tmp_path: Path) -> None:
    restore(small, tmp_path / "data")
    for name in photo_files(small):
        assert (small / name).samefile(tmp_path / "data" / name)


def test_photo_files_lost_or_damaged_in_the_store_are_reported(desk: Desk, tmp_path: Path) -> None:
    first, second = (desk.item(number).photo.sha256 for number in (0, 1))
    desk.files.working_copy(first, "PNG").unlink()
    desk.files.original(second).write_bytes(b"damaged")
    report = backup(desk.store, tmp_path / "backup")
    copy = f"photos/{first[:2]}/{first}.png"
    assert report.problems == (f"{copy} is missing.", f"originals/{second[:2]}/{second} is damaged.")
    assert copy not in report.files
    assert restore(tmp_path / "backup", tmp_path / "data").problems == report.problems
    assert len(photo_files(tmp_path / "data")) == 7


def test_a_backup_needs_an_empty_folder(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="is not empty; give the backup a folder of its own"):
        backup(desk.store, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["notes.txt"]
    with pytest.raises(StoreError, match="could not be finished"):
        backup(desk.store, tmp_path / "notes.txt")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((path / MANIFEST).read_text())
    change(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest))


def original(folder: Path) -> Path:
    return sorted(path for path in (folder / "originals").rglob("*") if path.is_file())[0]


def damage(path: Path) -> None:
    """Change a byte in a copy of the file, because the store may share the file."""
    data = bytearray(path.read_bytes())
    path.unlink()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "or was never finished: it has no manifest.json"),
        (lambda folder: (folder / MANIFEST).write_text('{"made_at":'), "manifest.json is damaged"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "manifest.json is damaged"),
        (lambda folder: edit(folder, lambda m: m.pop("rows")), "manifest.json is damaged"),
        (lambda folder: damage(folder / "tables" / "annotation.jsonl"), "tables/annotation.jsonl is damaged"),
        (lambda folder: (folder / "tables" / "event.jsonl").unlink(), "tables/event.jsonl is missing"),
        (lambda folder: damage(original(folder)), "originals/[0-9a-f/]+ is damaged"),
        (lambda folder: original(folder).unlink(), "originals/[0-9a-f/]+ is missing"),
        (lambda folder: shutil.rmtree(folder / "photos"), "is missing and 1 files more"),
        (
            lambda folder: edit(folder, lambda m: m["rows"].update(event=1)),
            "event.jsonl has [0-9]+ rows instead of 1",
        ),
        (
            lambda folder: edit(folder, lambda m: m["rows"].update(meals=0)),
            "lists no file with the rows of 'meals'",
        ),
        (
            lambda folder: edit(folder, lambda m: m["files"].update({"../x": "0" * 64})),
            "cannot hold a file '../x'",
        ),
        (lambda folder: edit(folder, lambda m: m.update(schema="9999")), "newer version .*schema 9999"),
    ],
)
def test_an_incomplete_or_damaged_backup_is_refused(
    small: Path, harm: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    harm(small)
    with pytest.raises(StoreError, match=message):
        restore(small, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_store_with_rows_is_not_changed(store: Store, small: Path) -> None:
    commit(store, ensure_annotator, "Cleo")
    before = content(store)
    with pytest.raises(StoreError, match="database is not empty"):
        restore(small, store.folder, store.engine.url.render_as_string(hide_password=False))
    assert content(store) == before
    assert photo_files(store.folder) == {}


def test_a_folder_with_photos_is_not_changed(small: Path, tmp_path: Path) -> None:
    name = f"originals/ab/{'ab' * 32}"
    (tmp_path / "data" / name).parent.mkdir(parents=True)
    (tmp_path / "data" / name).write_bytes(b"mine")
    with pytest.raises(StoreError, match="already holds other photos"):
        restore(small, tmp_path / "data")
    assert photo_files(tmp_path / "data") == {name: b"mine"}
    assert not (tmp_path / "data" / DATABASE_NAME).exists()


def test_leftover_files_of_a_killed_restore_do_not_matter(small: Path, tmp_path: Path) -> None:
    taken, damaged, *_ = sorted(photo_files(small))
    for name in (taken, damaged, "originals/ab/tmpunfinished"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(small / taken, tmp_path / "data" / taken)
    for name in (damaged, "originals/ab/tmpunfinished"):
        (tmp_path / "data" / name).write_bytes(b"unfinished")
    restore(small, tmp_path / "data")
    (tmp_path / "data" / "originals" / "ab" / "tmpunfinished").unlink()
    assert photo_files(tmp_path / "data") == photo_files(small)


def test_a_store_that_was_only_opened_counts_as_empty(store: Store, small: Path) -> None:
    restore(small, store.folder, store.engine.url.render_as_string(hide_password=False))
    assert len(content(store)["item"]) == 4


def test_rows_that_the_other_database_refuses_leave_nothing_restored(
    new_store: NewStore, tmp_path: Path
) -> None:
    desk, target = set_up(new_store("sqlite")), new_store("postgresql")
    with desk.store.writing() as session:
        session.get_one(Item, desk.items[2]).meal = "m" * 300
    backup(desk.store, tmp_path / "backup")
    with pytest.raises(StoreError, match="value too long"):
        restore(tmp_path / "backup", target.folder, target.engine.url.render_as_string(hide_password=False))
    assert not any(content(target).values())
    assert photo_files(target.folder) == {}


NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "next", "{newest}"


def upgrade():
    with op.batch_alter_table("photo") as batch_op:
        batch_op.add_column(sa.Column("camera", sa.String(50), nullable=True))


def downgrade():
    with op.batch_alter_table("photo") as batch_op:
        batch_op.drop_column("camera")
"""


@pytest.mark.parametrize("target", KINDS)
def test_a_backup_of_an_older_schema_is_migrated(
    small: Path, target: str, new_url: NewUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(database.MIGRATIONS, tmp_path / "migrations")
    newer = NEXT_MIGRATION.format(newest=read_report(small).schema)
    (tmp_path / "migrations" / "versions" / "next.py").write_text(newer)
    monkeypatch.setattr(database, "MIGRATIONS", tmp_path / "migrations")
    folder, url = tmp_path / "data", new_url(target)
    restore(small, folder, url)
    store = Store(folder, url)
    with store.reading() as session:
        assert session.execute(text("SELECT camera FROM photo")).all() == [(None,)] * 4
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "next"
        assert len(session.scalars(select(Photo)).all()) == 4
    store.close()

    opened = Store(tmp_path / "opened", other := new_url(target))
    opened.close()
    with pytest.raises(
        StoreError, match=r"has schema next, the backup .*; restore into a database without tables"
    ):
        restore(small, tmp_path / "opened", other)


@pytest.mark.parametrize("target", KINDS)
def test_a_failed_migration_leaves_nothing_restored(
    small: Path, target: str, new_url: NewUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = tmp_path / "data", new_url(target)
    with monkeypatch.context() as patch:
        shutil.copytree(database.MIGRATIONS, tmp_path / "migrations")
        newer = NEXT_MIGRATION.format(newest=read_report(small).schema)
        newer = newer.replace("def upgrade():", "def upgrade():\n    op.execute('no such statement')")
        (tmp_path / "migrations" / "versions" / "next.py").write_text(newer)
        patch.setattr(database, "MIGRATIONS", tmp_path / "migrations")
        with pytest.raises(StoreError, match="syntax error"):
            restore(small, folder, url)
    assert photo_files(folder) == {}
    restore(small, folder, url)
    store = Store(folder, url)
    assert len(content(store)["item"]) == 4
    store.close()


def test_a_manifest_lists_a_valid_file_for_every_table() -> None:
    with pytest.raises(StoreError, match="lists no file with the rows of 'event'"):
        BackupReport(now(), "0001", {"event": 1}, {})
    with pytest.raises(StoreError, match=r"cannot hold a file 'tables/event.jsonl' with the SHA-256 'abc'"):
        BackupReport(now(), "0001", {"event": 1}, {"tables/event.jsonl": "abc"})
