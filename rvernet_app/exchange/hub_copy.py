"""A copy of the store in a private dataset repository on the Hugging Face Hub, for hosts whose disk does not last."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitScheduler, HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError, HTTPError, RepositoryNotFoundError
from sqlalchemy import exists, func, inspect, select
from sqlalchemy.exc import DBAPIError

from rvernet_app.errors import StoreError
from rvernet_app.exchange.backup import (
    MANIFEST,
    PHOTO_FOLDERS,
    BackupReport,
    backup,
    photo_paths,
    restore,
    rows_path,
    take_photos,
)
from rvernet_app.store.database import DATABASE_NAME, Store, open_engine, reason
from rvernet_app.store.tables import Annotator, Event, Photo, Project

log = logging.getLogger(__name__)

FOLDER = "backup"
"""Of the copy in the repository."""
EVERY_MINUTES = 5

_running: set[HubCopy] = set()


class HubCopy(CommitScheduler):
    """Pushes a backup of the store every few minutes in which something was saved, and when it is finished.

    Args:
        repository: "owner/name" of a dataset repository, made private when new.
        hf_api: the Hub, with the token that may write there.

    Attributes:
        problem: why the last push failed, as a sentence; None where it did not.

    Raises:
        StoreError: the repository cannot be made or written.
    """

    def __init__(
        self, store: Store, repository: str, hf_api: HfApi | None = None, every: float = EVERY_MINUTES
    ) -> None:
        self.problem: str | None = None
        self._store = store
        self._pushed = 0
        self._photos_there: set[str] = set()
        try:
            super().__init__(
                repo_id=repository,
                repo_type="dataset",
                private=True,
                folder_path=store.folder,
                every=every,
                hf_api=hf_api,
            )
        except (HTTPError, HFValidationError, OSError) as error:
            raise StoreError(f"What is labelled cannot be kept in {repository}: {_line(error)}") from error
        _running.add(self)

    def push_to_hub(self) -> Any:
        """Push now, unless nothing was saved since the last time."""
        try:
            pushed = self._push_changes()
        except Exception as error:  # whatever the Hub's client raises; the scheduler logs it
            self.problem = f"What was saved last is not in {self.repo_id} yet: {_line(error)}"
            raise
        self.problem = None
        return pushed

    def _push_changes(self) -> Any:
        with self.lock:
            with self._store.reading() as session:
                # Not the newest id: on PostgreSQL a change may be committed behind one with a higher id.
                changes = session.scalar(select(func.count()).select_from(Event)) or 0
            if changes == self._pushed:
                return None
            with tempfile.TemporaryDirectory(dir=self._store.folder) as scratch:
                report = backup(self._store, Path(scratch) / FOLDER)
                pushed = self._push(Path(scratch) / FOLDER, report, f"Up to change {changes}")
            self._pushed = changes
            return pushed

    def finish(self) -> None:
        """Push what was saved since the last time, and stop; where that fails the log says so."""
        try:
            self.push_to_hub()
        except Exception:  # whatever the Hub's client raises: the program is at its end
            log.exception("What was saved last is not in %s", self.repo_id)
        self.stop()

    def stop(self) -> None:
        """Push no more."""
        super().stop()
        _running.discard(self)

    def _push(self, folder: Path, report: BackupReport, message: str) -> Any:
        """Photos first, then rows and manifest in one commit.

        A folder is uploaded in several commits; were they one upload, a copy fetched between two of these, or left by a
        program killed there, would have the manifest of the one state and the rows of another.
        """
        photos = {name for name in report.files if name.startswith(PHOTO_FOLDERS)}
        if photos - self._photos_there:
            self.api.upload_folder(
                repo_id=self.repo_id,
                repo_type="dataset",
                folder_path=folder,
                path_in_repo=FOLDER,
                allow_patterns=[f"{name}/**" for name in PHOTO_FOLDERS],
                commit_message=f"{message}: photos",
            )
            self._photos_there = photos
        return self.api.create_commit(
            repo_id=self.repo_id,
            repo_type="dataset",
            operations=[
                CommitOperationAdd(f"{FOLDER}/{name}", folder / name)
                for name in (*map(rows_path, report.rows), MANIFEST)
            ],
            commit_message=message,
        )


@contextmanager
def ending_in_order() -> Iterator[None]:
    """While the block runs SIGTERM raises SystemExit; after it, however it ends, every copy is pushed once more.

    For the program's entry, in its main thread. What `atexit` calls comes too late: no thread can be started any more,
    and uploads take threads.
    """
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked twice, it still ends in order
        for copy in tuple(_running):
            copy.finish()
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def bring_back(repository: str, folder: Path, url: str | None = None) -> bool:
    """Fill a store that holds nothing from its copy on the Hub; whether anything was brought.

    A store with a project, an annotator or a change is left as it is, but for photo files that its database names and
    its folder lacks. So a database that outlives the disk with the photos has them again, except those added after the
    last push: of these the rows alone are left, and adding the same files again heals them.

    Args:
        folder, url: as `Store`.

    Raises:
        StoreError: the Hub cannot be reached, its copy is damaged, or the database cannot be opened.
    """
    photos = _photos(folder, url)
    missing = [name for name in photo_paths(folder, photos or ()) if not (folder / name).is_file()]
    if photos is not None and not missing:
        return False
    wanted = None if photos is None else missing
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / FOLDER
        if not _fetch(repository, Path(scratch), wanted) or not (copy / MANIFEST).is_file():
            return False
        if wanted is None:
            restore(copy, folder, url)
            return True
        brought = take_photos(copy, folder, wanted)
    if len(brought) < len(wanted):
        log.warning("%d photo files are neither here nor in %s", len(wanted) - len(brought), repository)
    return bool(brought)


def _photos(folder: Path, url: str | None) -> list[tuple[str, str]] | None:
    """(SHA-256, format) of all photos in a database, which is not changed; None where it holds nothing."""
    if url is None and not (folder / DATABASE_NAME).exists():
        return None
    engine = open_engine(folder, url)
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            there = [table for table in (Project, Annotator, Event) if table.__tablename__ in tables]
            if not any(connection.scalar(select(exists(select(table.id)))) for table in there):
                return None
            return [
                (row.sha256, row.format) for row in connection.execute(select(Photo.sha256, Photo.format))
            ]
    except DBAPIError as error:
        raise StoreError(f"The database cannot be opened: {reason(error)}") from error
    finally:
        engine.dispose()


def _fetch(repository: str, folder: Path, photos: Collection[str] | None) -> bool:
    """Bring the newest copy into a new folder, or its manifest and photo files alone; False without a repository.

    Not by way of the cache of Hugging Face, which without a network gives an older copy for the newest.
    """
    patterns = [f"{FOLDER}/**"]
    if photos is not None:
        # By folder: each pattern is tried on each file.
        patterns = [f"{FOLDER}/{MANIFEST}"]
        patterns += sorted({f"{FOLDER}/{PurePosixPath(name).parent}/*" for name in photos})
    try:
        snapshot_download(repository, repo_type="dataset", allow_patterns=patterns, local_dir=folder)
    except RepositoryNotFoundError:
        return False
    except (HTTPError, HFValidationError, OSError) as error:
        raise StoreError(f"What was labelled cannot be fetched from {repository}: {_line(error)}") from error
    return True


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
