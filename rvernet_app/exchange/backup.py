"""Back up a whole store into a folder, and restore it on SQLite or PostgreSQL.

A backup has the rows of each table as JSON lines in `tables/<name>.jsonl`, the photo files as in the data
folder, and `manifest.json`, which lists the files with their SHA-256. The manifest is written last: a folder
without one is not a backup.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    MetaData,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from rvernet_app import files, scratch
from rvernet_app.errors import StoreError
from rvernet_app.reading import bounded_lines, json_of, open_file, read_bytes
from rvernet_app.segment.download import sha256_of
from rvernet_app.store.database import Store, known_revisions, upgrade
from rvernet_app.store.event_log import now
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.removal import used_photos
from rvernet_app.store.tables import Base

MANIFEST = "manifest.json"
UNFINISHED = ".rvernet-unfinished"
"""An empty file that marks a folder with a backup that is not finished."""
PHOTO_FOLDERS = ("originals", "photos")
FILE_NAME = re.compile(
    r"tables/[a-z_]+\.jsonl|originals/[0-9a-f]{2}/[0-9a-f]{64}|photos/[0-9a-f]{2}/[0-9a-f]{64}\.(jpg|png)"
)
"""Paths of the files that a backup may hold."""
MAX_MANIFEST = 500 * 10**6
"""Bytes of the manifest, which lists every file."""
MAX_ROW = 64 * 10**6
"""Bytes of one row."""
BATCH = 1000
"""Rows in memory at a time."""
_REFUSED = (
    *(OSError, SQLAlchemyError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError),
    ValueError,
)
"""What the rows of a file that is no backup of ours may raise."""


@dataclass(frozen=True)
class BackupReport:
    """The manifest of a backup.

    Attributes:
        made_at: time of the backup, with its time zone.
        schema: revision of the database schema.
        rows: table -> number of rows.
        files: path in the backup -> SHA-256.
        problems: photo files that were missing or damaged in the store itself, a sentence each.

    Raises:
        StoreError: a path or a SHA-256 is not one of a backup, or the file of a table is not listed.
    """

    made_at: datetime
    schema: str
    rows: Mapping[str, int]
    files: Mapping[str, str]
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, digest in self.files.items():
            if not (FILE_NAME.fullmatch(name) and re.fullmatch("[0-9a-f]{64}", digest)):
                raise StoreError(f"A backup cannot hold a file {name!r} with the SHA-256 {digest!r}.")
        if without := sorted(name for name in self.rows if rows_path(name) not in self.files):
            raise StoreError(f"The manifest lists no file with the rows of {without[0]!r}.")


def backup(store: Store, destination: Path) -> BackupReport:
    """Copy the state of a store at one moment. Others may go on working in the store.

    Photo files become hard links, which take no space, if the file system allows it. Photo files that the
    store has lost are left out and listed in the report. What a killed backup left in the folder is replaced.

    Args:
        destination: an empty or a new folder.

    Raises:
        StoreError: the folder is not empty, or cannot be written. It then has no manifest.
    """
    try:
        destination.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(destination)
        if any(destination.iterdir()):
            raise StoreError(f"{destination} is not empty; give the backup a folder of its own.")
        (destination / UNFINISHED).touch()
        with scratch.held(destination):
            return _back_up(store, destination)
    except OSError as error:
        raise StoreError(
            f"The backup in {destination} could not be finished: {error.strerror or error}."
        ) from error


def _back_up(store: Store, destination: Path) -> BackupReport:
    """Write a backup into a folder that has nothing but the mark, and remove the mark."""
    with store.reading() as session:
        rows = {
            table.name: _write_rows(session, table, destination / rows_path(table.name))
            for table in Base.metadata.sorted_tables
        }
        photos = used_photos(session)
        schema = _revision(session.connection())
    digests = {rows_path(name): sha256_of(destination / rows_path(name)) for name in rows}
    problems: list[str] = []
    for name in photo_paths(store.folder, photos):
        try:
            _take(store.folder / name, destination / name)
        except FileNotFoundError:
            problems.append(f"{name} is missing.")
            continue
        digests[name] = sha256_of(destination / name)
        if name.startswith("originals/") and not name.endswith(digests[name]):
            problems.append(f"{name} is damaged.")
    report = BackupReport(now(), schema, rows, digests, tuple(problems))
    manifest = json.dumps(asdict(report), default=_as_text, indent=1)
    files.write(destination / MANIFEST, manifest, durable=True)
    (destination / UNFINISHED).unlink()
    return report


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed backup left in a marked folder, and the folders that are then empty."""
    if not (folder / UNFINISHED).is_file() or (folder / MANIFEST).exists():
        return
    with scratch.alone(folder) as unused:
        if not unused:
            return
        paths = sorted(folder.rglob("*"), reverse=True)  # what is in a folder comes before the folder
        for path in paths:
            name = path.relative_to(folder).as_posix()
            if path.is_dir() and not path.is_symlink():
                with suppress(OSError):  # somebody put something else there
                    path.rmdir()
            elif FILE_NAME.fullmatch(name) or files.UNFINISHED_NAME.fullmatch(path.name):
                path.unlink()
        (folder / UNFINISHED).unlink()


def restore(source: Path, folder: Path, url: str | None = None) -> BackupReport:
    """Fill an empty store from a backup, which may be of another kind of database and of an older schema.

    Args:
        source: the folder of the backup.
        folder, url: see `Store`. The folder may hold photo files of the backup, as a killed restore leaves
            them; the database may exist but must have no rows.

    Returns:
        The manifest of the backup.

    Raises:
        StoreError: the backup is incomplete or damaged, the store is not empty, or it cannot hold the backup.
            Nothing is restored then.
    """
    report = read_report(source)
    _require_whole(source, report)
    if report.schema not in known_revisions():
        raise StoreError(
            f"A newer version of this program made the backup (schema {report.schema}); update the program."
        )
    if _photos_in(folder) - report.files.keys():
        raise StoreError(f"{folder} already holds other photos; restore into an empty folder.")
    taken: list[Path] = []
    try:
        with closing(Store(folder, url, revision=report.schema)) as store:
            _require_empty(store, report.schema)
            for name, digest in report.files.items():
                if name.startswith(PHOTO_FOLDERS) and not _has_digest(folder / name, digest):
                    _take(source / name, folder / name)
                    taken.append(folder / name)
            with store.writing() as session:
                _fill(session.connection(), source)
                upgrade(session.connection())
    except BaseException as error:
        for path in taken:
            path.unlink(missing_ok=True)
        if isinstance(error, _REFUSED):
            raise StoreError(f"Nothing was restored: {error}") from error
        raise
    return report


def take_photos(source: Path, folder: Path, names: Iterable[str]) -> list[str]:
    """Copy photo files from a backup into a data folder that lacks them.

    Args:
        source: the folder of the backup; only its manifest and the photo files are read.
        folder: the data folder.
        names: paths in the data folder, see `photo_paths`.

    Returns:
        The copied paths. The backup lacks the others, or they are damaged there.

    Raises:
        StoreError: the manifest is missing or damaged, or the folder cannot be written.
    """
    digests = read_report(source).files
    whole = [name for name in names if name in digests and _has_digest(source / name, digests[name])]
    try:
        for name in whole:
            _take(source / name, folder / name)
    except OSError as error:
        raise StoreError(
            f"The photo files cannot be copied to {folder}: {error.strerror or error}."
        ) from error
    return whole


def read_report(source: Path) -> BackupReport:
    """Read the manifest of a backup.

    Raises:
        StoreError: the manifest is missing or damaged.
    """
    path = source / MANIFEST
    try:
        found = json_of(read_bytes(path, MAX_MANIFEST))
        return BackupReport(
            made_at=datetime.fromisoformat(found["made_at"]),
            schema=str(found["schema"]),
            rows={str(name): int(count) for name, count in found["rows"].items()},
            files={str(name): str(digest) for name, digest in found["files"].items()},
            problems=tuple(str(problem) for problem in found["problems"]),
        )
    except FileNotFoundError as error:
        raise StoreError(f"{source} is not a backup, or was never finished: it has no {MANIFEST}.") from error
    except _REFUSED as error:
        raise StoreError(f"{path} is damaged; use another backup.") from error


def rows_path(table: str) -> str:
    """Return the path of a table's rows in a backup."""
    return f"tables/{table}.jsonl"


def photo_paths(folder: Path, photos: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the paths in the data folder of the files of photos.

    Args:
        folder: the data folder.
        photos: SHA-256 and format of each photo.
    """
    photo_files = PhotoFiles(folder, max_mb=math.inf, max_megapixels=math.inf)
    for sha256, file_format in photos:
        yield photo_files.original(sha256).relative_to(folder).as_posix()
        yield photo_files.working_copy(sha256, file_format).relative_to(folder).as_posix()


def _photos_in(folder: Path) -> set[str]:
    """Return the paths of the photo files in a data folder, without unfinished files."""
    found = (path for name in PHOTO_FOLDERS for path in (folder / name).rglob("*") if path.is_file())
    paths = {path.relative_to(folder).as_posix() for path in found}
    return {path for path in paths if FILE_NAME.fullmatch(path)}


def _has_digest(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_of(path) == digest


def _take(source: Path, target: Path) -> None:
    """Link a file, or copy it if it cannot be linked, as between two disks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)  # resolved: files fetched from the Hub may be links into its cache
    except OSError:
        with files.replacing(target, durable=True) as unfinished:
            shutil.copyfile(source, unfinished)


def _write_rows(session: Session, table: Table, path: Path) -> int:
    """Write the rows of a table as JSON lines. Return their number."""
    count = 0
    with (
        files.replacing(path, durable=True) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="\n") as file,
    ):
        asked = select(table).order_by(table.c.id).execution_options(yield_per=BATCH)
        for row in session.execute(asked).mappings():
            file.write(json.dumps(dict(row), default=_as_text) + "\n")
            count += 1
    return count


def _as_text(value: datetime) -> str:
    return value.isoformat()


def _require_whole(source: Path, report: BackupReport) -> None:
    """Raise StoreError if a file of the backup is missing or damaged, or has too few or too many rows."""
    wrong = [
        f"{name} is {'damaged' if (source / name).is_file() else 'missing'}"
        for name, digest in report.files.items()
        if not _has_digest(source / name, digest)
    ]
    for table, count in report.rows.items() if not wrong else ():
        with open_file(source / rows_path(table)) as file:
            if (found := sum(1 for _ in file)) != count:
                wrong.append(f"{rows_path(table)} has {found} rows instead of {count}")
    if wrong:
        more = f" and {len(wrong) - 3} files more" if len(wrong) > 3 else ""
        raise StoreError(
            f"The backup in {source} is not whole: {', '.join(wrong[:3])}{more}; use another backup."
        )


def _require_empty(store: Store, schema: str) -> None:
    """Raise StoreError if the database has rows, or another schema."""
    with store.reading() as session:
        connection = session.connection()
        for table in _tables(connection).sorted_tables:
            if session.scalar(select(func.count()).select_from(table)):
                raise StoreError("The database is not empty; restore into a new one.")
        if (found := _revision(connection)) != schema:
            raise StoreError(
                f"The database has schema {found}, the backup {schema}; "
                "restore into a database without tables."
            )


def _revision(connection: Connection) -> str:
    return str(MigrationContext.configure(connection).get_current_revision())


def _tables(connection: Connection) -> MetaData:
    """Return the store's tables as this database has them; its schema may be older than the program."""
    tables = MetaData()
    tables.reflect(connection, only=lambda name, _: name in Base.metadata.tables)
    for table in tables.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return tables


def _fill(connection: Connection, source: Path) -> None:
    """Insert the rows of a backup into empty tables."""
    for table in _tables(connection).sorted_tables:
        path = source / rows_path(table.name)
        # A row may refer to a later row of its own table, so such references are set when all rows are there.
        own = [c.name for c in table.columns if any(key.column.table is table for key in c.foreign_keys)]
        for rows in _batches(path, table):
            connection.execute(insert(table), [{**row, **dict.fromkeys(own)} for row in rows])
        for name in own:
            named = update(table).where(table.c.id == bindparam("of")).values({name: bindparam("to")})
            for rows in _batches(path, table):
                if pairs := [{"of": row["id"], "to": row[name]} for row in rows if row[name] is not None]:
                    connection.execute(named, pairs)
        if connection.dialect.name == "postgresql":
            counter, last = func.pg_get_serial_sequence(table.name, "id"), select(func.max(table.c.id))
            connection.execute(select(func.setval(counter, last.scalar_subquery())))


def _batches(path: Path, table: Table) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in a file of JSON lines, BATCH at a time."""
    moments = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    with open_file(path) as file:
        rows = (json_of(line) for line in bounded_lines(file, MAX_ROW))
        while batch := list(islice(rows, BATCH)):
            for row in batch:
                row.update((name, datetime.fromisoformat(row[name])) for name in moments if row[name])
            yield batch
