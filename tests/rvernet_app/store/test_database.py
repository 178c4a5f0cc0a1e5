"""Database: opening, migrations, transactions and errors on SQLite and PostgreSQL."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, func, inspect, select, text

from rvernet_app.errors import BusyStoreError, StoreError
from rvernet_app.store.database import (
    DATABASE_NAME,
    WRITERS,
    Store,
    known_revisions,
    migrate,
    migration_config,
)
from rvernet_app.store.event_log import now
from rvernet_app.store.projects import ensure_annotator
from rvernet_app.store.tables import Annotator, Base, Photo
from tests.conftest import ROOT
from tests.rvernet_app.conftest import NewUrl
from tests.rvernet_app.store.desk import at_once, commit

OPEN_A_STORE = """
import sys
from pathlib import Path
from rvernet_app.store.database import Store
Store(Path(sys.argv[1]), sys.argv[2] or None).close()
"""


def names(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(Annotator.name).order_by(Annotator.id)))


def version(store: Store) -> str | None:
    with store.reading() as session:
        found = session.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def test_migrations_create_the_declared_tables(store: Store) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_can_be_reverted_and_reapplied(store: Store) -> None:
    newest = version(store)
    with store.engine.begin() as connection:
        command.downgrade(migration_config(connection), "base")
    assert inspect(store.engine).get_table_names() == ["alembic_version"]
    migrate(store.engine)
    assert version(store) == newest
    commit(store, ensure_annotator, "Ann")


def test_a_reopened_store_keeps_its_data(store: Store) -> None:
    ann = commit(store, ensure_annotator, "Ann")
    again = Store(store.folder, store.engine.url.render_as_string(hide_password=False))
    assert commit(again, ensure_annotator, "Ann") == ann
    again.close()


def test_a_newer_schema_is_refused_and_left_unchanged(store: Store) -> None:
    commit(store, ensure_annotator, "Ann")
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer version of this program .*\(schema 9999\)"):
        Store(store.folder, store.engine.url.render_as_string(hide_password=False))
    assert version(store) == "9999"
    assert names(store) == ["Ann"]


def test_several_threads_can_open_a_new_store_together(kind: str, new_url: NewUrl, tmp_path: Path) -> None:
    for round_ in range(3):
        folder, url = tmp_path / str(round_), new_url(kind)
        opened = at_once(*[lambda folder=folder, url=url: Store(folder, url) for _ in range(4)])
        for store in opened:
            assert isinstance(store, Store), store
            assert version(store) == max(known_revisions())
            store.close()


def test_several_processes_can_open_a_new_store_together(kind: str, new_url: NewUrl, tmp_path: Path) -> None:
    url = new_url(kind) or ""
    line = [sys.executable, "-c", OPEN_A_STORE, str(tmp_path / "data"), url]
    processes = [subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    store = Store(tmp_path / "data", url or None)
    assert names(store) == []
    store.close()


def test_the_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    Store(tmp_path / "new" / "data").close()
    assert (tmp_path / "new" / "data" / DATABASE_NAME).is_file()


def test_a_url_can_put_sqlite_outside_the_data_folder(tmp_path: Path) -> None:
    Store(tmp_path / "data", f"sqlite:///{tmp_path}/other.sqlite3").close()
    assert (tmp_path / "other.sqlite3").is_file()
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_common_postgresql_scheme_is_recognized(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"The database cannot be opened: .*refused") as raised:
        Store(tmp_path, f"{scheme}://ann:secret@127.0.0.1:1/foods")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "DATABASE_URL is not the URL of a database"),
        ("postgresql://ann:secret@host:port/foods", "DATABASE_URL is not the URL of a database"),
        ("postgresql+nothing://ann:secret@host/foods", "DATABASE_URL is not the URL of a database"),
        ("mysql://ann:secret@host/foods", "SQLite or PostgreSQL, not with mysql"),
        ("sqlite:////no/such/folder/foods.sqlite3", "The database cannot be opened: unable to open"),
    ],
)
def test_an_unsupported_database_url_is_refused(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=message) as raised:
        Store(tmp_path, url)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_a_database_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"not a database, " * 500)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)
    assert (tmp_path / DATABASE_NAME).read_bytes() == b"not a database, " * 500


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreError, match=r"data folder .* cannot be used"):
        Store(tmp_path / "data")


def test_a_failed_transaction_saves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as session:
            session.add(Annotator(name="Ann"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(store) == []


def test_a_refused_write_raises_a_store_error_and_saves_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="Nothing was saved"), store.writing() as session:
        session.add_all([Annotator(name="Ann"), Annotator(name="Ben"), Annotator(name="Ann")])
    assert names(store) == []


def test_a_failed_read_raises_a_store_error(store: Store) -> None:
    with pytest.raises(StoreError, match=r"The store cannot be read: .*nowhere"), store.reading() as session:
        session.execute(text("SELECT name FROM nowhere"))


def test_an_exhausted_connection_pool_raises_a_clear_error(store: Store) -> None:
    store.engine.dispose()
    store.engine = create_engine(store.engine.url, pool_size=1, max_overflow=0, pool_timeout=0)
    with store.reading() as session:
        session.connection()
        with pytest.raises(StoreError, match="cannot be read: too many people"), store.reading() as other:
            other.connection()
        with pytest.raises(StoreError, match="Nothing was saved: too many people"), store.writing() as other:
            other.add(Annotator(name="Ann"))


def test_a_reader_sees_one_state_and_does_not_block_writers(store: Store) -> None:
    commit(store, ensure_annotator, "Ann")
    with store.reading() as session:
        counted = select(func.count()).select_from(Annotator)
        assert session.scalar(counted) == 1
        commit(store, ensure_annotator, "Ben")
        assert session.scalar(counted) == 1
    assert names(store) == ["Ann", "Ben"]


def test_changes_in_a_reading_session_are_dropped(store: Store) -> None:
    with store.reading() as session:
        session.add(Annotator(name="Ann"))
        session.flush()
    assert names(store) == []


def test_writers_wait_for_each_other(store: Store) -> None:
    def write(who: int) -> None:
        for number in range(10):
            commit(store, ensure_annotator, f"{who}.{number}")

    assert at_once(*[lambda who=who: write(who) for who in range(4)]) == [None] * 4
    assert sorted(names(store)) == sorted(f"{who}.{number}" for who in range(4) for number in range(10))


def test_writers_that_wait_leave_threads_for_readers(store: Store) -> None:
    refused: queue.Queue[BusyStoreError] = queue.Queue()

    def write(number: int) -> None:
        try:
            commit(store, ensure_annotator, f"{number}")
        except BusyStoreError as error:
            refused.put(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS + 5)]
    with store.writing() as session:
        session.execute(select(Annotator).with_for_update())
        if store.engine.dialect.name == "postgresql":
            session.execute(text("LOCK TABLE annotator"))
        for thread in threads:
            thread.start()
        for _ in range(6):  # all but WRITERS - 1 are answered while this one still holds the lock
            assert "Nothing was saved: too many people are at work at once" in str(refused.get(timeout=60))
        with store.reading() as other:
            assert other.scalar(text("SELECT 1")) == 1
    for thread in threads:
        thread.join()
    assert refused.empty()
    assert len(names(store)) == WRITERS - 1


def test_times_are_read_back_in_utc(store: Store) -> None:
    at = now()
    with store.writing() as session:
        session.add(Photo(sha256="0" * 64, format="PNG", width=1, height=1, added_at=at))
    with store.reading() as session:
        found = session.scalars(select(Photo.added_at)).one()
    assert found.isoformat() == at.isoformat()


def test_sqlite_uses_durable_commits_and_foreign_keys(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.reading() as session:
        settings = [
            session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    store.close()
    assert settings == ["wal", 2, 1]
