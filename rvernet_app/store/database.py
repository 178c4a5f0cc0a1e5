"""Open the store's database, on SQLite or PostgreSQL, and bring its schema up to date."""

from __future__ import annotations

import copy
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, StatementError, TimeoutError
from sqlalchemy.orm import Session

from rvernet_app import scratch
from rvernet_app.environment import redacted
from rvernet_app.errors import BusyStoreError, StoreError
from rvernet_app.store.json_columns import read, written
from rvernet_app.store.roles import ACTOR, Actor

MIGRATIONS = Path(__file__).parent / "migrations"
DATABASE_NAME = "rvernet.sqlite3"
JSON_COLUMNS: dict[str, Any] = {"json_serializer": written, "json_deserializer": read}
BUSY_SECONDS = 30
"""How long one writer waits for another on SQLite."""
BUSY = "too many people are at work at once, or a large import is under way; try again in a moment."
CONNECTIONS: dict[str, Any] = {"pool_size": 8, "max_overflow": 32}
"""One connection for each of the 40 threads that answer visitors; the others are closed after use."""
WRITERS = 24
"""How many writers of one process may wait at a time. Each holds one of the 40 threads that answer visitors,
so that as many stay free for who only reads."""
QUEUE_SECONDS = 0.5
"""How long one more writer waits for a place among them; in this time many short changes are over."""
ADVICE = {
    "disk is full": "Make room on the disk, and try again",
    "disk I/O error": "Look whether the disk is full or failing, and try again",
    "readonly database": "Whoever runs this server must make its file and folder writable",
    "unable to open database file": "Whoever runs this server must make its folder readable and writable",
    "malformed": "The database is damaged; whoever runs this server must restore the last back-up",
    "not a database": "It is another program's, or damaged; move it away, or restore a back-up",
}
"""What to do, by what SQLite says."""
MIGRATION_LOCK = 0x52766552
"""Key of PostgreSQL's advisory lock that lets one process migrate at a time."""


class Store:
    """A database of projects, photos, annotations and events. Safe between threads and processes.

    Args:
        folder: the data folder, made if missing. It holds the photos, and the database unless `url` names
            another.
        url: an SQLAlchemy URL, or a `postgres://` one as hosts give them; None for an SQLite file in the
            folder.
        revision: schema of a new database; only restoring a backup asks for another than the newest.

    Raises:
        StoreError: the database cannot be opened, or a newer version of this program has written it.

    Attributes:
        actor: whom its sessions act for; None for the program itself, which may do everything.
    """

    def __init__(self, folder: Path, url: str | None = None, revision: str = "head") -> None:
        self.folder = folder
        self.actor: Actor | None = None
        self._writers = threading.BoundedSemaphore(WRITERS)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.engine = open_engine(folder, url)
            migrate(self.engine, revision)
        except OSError as error:
            raise StoreError(
                f"The data folder {folder} cannot be used: {error.strerror or error}. "
                "Set RVERNET_DATA_DIR to a folder that this account can write."
            ) from error
        except DBAPIError as error:
            where = "Check DATABASE_URL" if url else f"It is in the data folder {folder}"
            raise StoreError(
                f"The database cannot be opened: {reason(error).rstrip('.')}. {where}."
            ) from error
        self._hold = scratch.Hold(folder)  # whoever adds photos has opened the store

    def acting(self, actor: Actor) -> Store:
        """Return the same store for one person; all its sessions act for them, see `roles`."""
        bound = copy.copy(self)
        bound.actor = actor
        return bound

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees the store as it is at its first query; its changes are dropped.

        Raises:
            StoreError: the database does not answer.
        """
        engine = self.engine
        if engine.dialect.name == "postgresql":  # by default each query would see a newer state
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            with Session(engine, expire_on_commit=False, info={ACTOR: self.actor}) as session:
                yield session
        except (DBAPIError, TimeoutError) as error:
            raise StoreError(f"The store cannot be read: {reason(error)}") from error
        except UnicodeEncodeError as error:
            raise StoreError("A text that was asked for holds characters that no store keeps.") from error

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session whose changes are committed together when the block ends, or dropped if it raises.

        Raises:
            BusyStoreError: too many others wait to change something, or one of them took too long.
            StoreError: the database refuses the changes.
        """
        if not self._writers.acquire(timeout=QUEUE_SECONDS):
            raise BusyStoreError(f"Nothing was saved: {BUSY}")
        try:
            engine = self.engine.execution_options(immediate=True)
            info = {ACTOR: self.actor}
            with Session(engine, expire_on_commit=False, info=info) as session, session.begin():
                yield session
        except (DBAPIError, TimeoutError) as error:
            kind = BusyStoreError if is_busy(error) else StoreError
            raise kind(f"Nothing was saved: {reason(error)}") from error
        except StatementError as error:  # of what `json_columns.written` refused
            raise StoreError(f"Nothing was saved: {error.orig}") from error
        except UnicodeEncodeError as error:
            raise StoreError("Nothing was saved: a text holds characters that cannot be kept.") from error
        finally:
            self._writers.release()

    def close(self) -> None:
        """Close all connections, and let go of the data folder."""
        self.engine.dispose()
        self._hold.close()


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, by default the newest.

    Raises:
        StoreError: the schema is newer than this program.
    """
    with engine.execution_options(immediate=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        if unknown := set(MigrationContext.configure(connection).get_current_heads()) - known_revisions():
            raise StoreError(
                "A newer version of this program has written this database "
                f"(schema {', '.join(sorted(unknown))}). Update the program, or use another data folder."
            )
        _require_own(connection)
        upgrade(connection, revision)


def _require_own(connection: Connection) -> None:
    """Raise StoreError if an SQLite file has tables, and none that says that this program made them.

    A PostgreSQL database may be shared with other programs.
    """
    if connection.dialect.name != "sqlite" or MigrationContext.configure(connection).get_current_heads():
        return
    found = connection.scalar(text("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1"))
    if found not in (None, "alembic_version"):
        raise StoreError(
            f"Another program made the database, which has a table {found!r}. Move it away, or set "
            "RVERNET_DATA_DIR to another folder."
        )


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to a revision, in the connection's transaction."""
    command.upgrade(migration_config(connection), revision)


def known_revisions() -> set[str]:
    """Return the schema revisions that this program can bring up to date."""
    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def migration_config(connection: Connection) -> Config:
    """Return the configuration with which Alembic's commands work on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def reason(error: DBAPIError | TimeoutError) -> str:
    """Return why the database failed, for a person to read."""
    if isinstance(error, TimeoutError) or is_busy(error):
        return BUSY
    said = redacted(str(error.orig).strip())
    advice = next((advice for problem, advice in ADVICE.items() if problem in said), None)
    return said if advice is None else f"{said}. {advice}."


def is_busy(error: DBAPIError | TimeoutError) -> bool:
    """Return whether the database would have done it, had others not been at work for so long."""
    return isinstance(error, TimeoutError) or "database is locked" in str(error.orig)


def open_engine(folder: Path, url: str | None) -> Engine:
    """Open a store's database, named as in `Store`, with whatever schema it has.

    Raises:
        StoreError: the URL does not name an SQLite or PostgreSQL database.
    """
    url = url or f"sqlite:///{folder / DATABASE_NAME}"
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise StoreError(
                f"The store works with SQLite or PostgreSQL, not with {parsed.get_backend_name()}."
            )
        if parsed.get_backend_name() == "postgresql":
            return create_engine(
                parsed, pool_pre_ping=True, hide_parameters=True, **CONNECTIONS, **JSON_COLUMNS
            )
        engine = create_engine(
            parsed,
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
            hide_parameters=True,
            **CONNECTIONS,
            **JSON_COLUMNS,
        )
    except ImportError as error:
        raise StoreError("PostgreSQL needs a driver: pip install '.[postgres]'.") from error
    except (ArgumentError, NoSuchModuleError, TypeError, ValueError) as error:
        # Neither the URL nor the cause: what is wrong with it may be a character of its password.
        raise StoreError(
            "DATABASE_URL is not the URL of a database, such as postgresql://name:password@host/database; "
            "special characters of a password are written as %40 for @, %2F for / and %3A for a colon."
        ) from error
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    """Let people read while one writes, and let commits survive a power cut."""
    _use_wal(connection)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _use_wal(connection: Any) -> None:
    """Turn on write-ahead logging; SQLite itself does not wait for other connections here."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction. Writers lock at once: two that had both read could not both write."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
