"""Keep a copy of the store in a private dataset repository on the Hugging Face Hub.

For hosts that lose their disk when they restart, such as a Space.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    CommitScheduler,
    HfApi,
    snapshot_download,
)
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: see below
    HFValidationError,
    HTTPError,  # the base of HfHubHTTPError, from httpx or httpx2 depending on the version
    RepositoryNotFoundError,
)
from sqlalchemy import exists, func, inspect, select
from sqlalchemy.exc import DBAPIError

from rvernet_app.environment import proxy_problem, redacted
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
from rvernet_app.scratch import scratch_folder
from rvernet_app.store.database import DATABASE_NAME, Store, open_engine, reason
from rvernet_app.store.removal import is_used
from rvernet_app.store.tables import Annotator, Event, Photo, Project

log = logging.getLogger(__name__)

FOLDER = "backup"
"""Folder of the copy in the repository."""
EVERY_MINUTES = 5


class HubCopy(CommitScheduler):
    """Pushes a backup of a store in the background, now and every few minutes, if anything has changed.

    Whoever makes it must close it before the program ends. A handler of `atexit` would be too late: no thread
    can be started by then, and uploads need threads.

    Args:
        store: the store to copy.
        repository: "owner/name" of a dataset repository, created as a private one if it does not exist.
        hf_api: the Hub, with a token that may write to the repository.
        every: minutes between two pushes.

    Attributes:
        store: the store to copy.
        problem: why the last push failed, as a sentence for the annotators; None if it succeeded.

    Raises:
        StoreError: the repository cannot be created or accessed.
    """

    def __init__(
        self, store: Store, repository: str, hf_api: HfApi | None = None, every: float = EVERY_MINUTES
    ) -> None:
        self.store = store
        self.problem: str | None = None
        self._pushed = 0
        self._photos_there: set[str] | None = None  # unknown before the first push
        self._gone: set[str] = set()
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
            raise StoreError(f"The store cannot be copied to {repository}: {_line(error)}") from error

    def push_to_hub(self) -> Any:
        """Push now if anything has changed since the last push. Let errors of the Hub's client pass."""
        try:
            pushed = self._push_changes()
        except Exception as error:  # whatever the Hub's client raises; the scheduler logs it
            self.problem = f"The latest changes are not in {self.repo_id} yet: {_line(error)}"
            raise
        self.problem = None
        return pushed

    def _push_changes(self) -> Any:
        with self.lock:
            with self.store.reading() as session:
                # Not the highest id: PostgreSQL may commit changes in another order than their ids.
                changes = session.scalar(select(func.count()).select_from(Event)) or 0
            if changes == self._pushed:
                return None
            with scratch_folder("copy", self.store.folder) as scratch:
                report = backup(self.store, scratch / FOLDER)
                pushed = self._push(scratch / FOLDER, report, f"Up to change {changes}")
            self._pushed = changes
            return pushed

    def close(self) -> None:
        """Push the latest changes and stop. If the push fails, log the error."""
        try:
            self.push_to_hub()
        except Exception:  # whatever the Hub's client raises: closing must go on
            log.exception("The latest changes are not in %s", self.repo_id)
        self.stop()

    def _push(self, folder: Path, report: BackupReport, message: str) -> Any:
        """Push photos first, then rows and manifest in one commit, which removes deleted photos.

        The Hub's client uploads a folder in several commits. If it uploaded everything this way, a copy
        fetched between two of the commits, or left by a program killed there, could mix the manifest and the
        rows of two states.
        """
        photos = {name for name in report.files if name.startswith(PHOTO_FOLDERS)}
        there = self._photos_on_hub() if self._photos_there is None else self._photos_there
        if photos - there:
            self.api.upload_folder(
                repo_id=self.repo_id,
                repo_type="dataset",
                folder_path=folder,
                path_in_repo=FOLDER,
                allow_patterns=[f"{name}/**" for name in PHOTO_FOLDERS],
                commit_message=f"{message}: photos",
            )
        gone = sorted(there - photos)
        pushed = self.api.create_commit(
            repo_id=self.repo_id,
            repo_type="dataset",
            operations=[
                *(
                    CommitOperationAdd(f"{FOLDER}/{name}", folder / name)
                    for name in (*map(rows_path, report.rows), MANIFEST)
                ),
                *(CommitOperationDelete(f"{FOLDER}/{name}") for name in gone),
            ],
            commit_message=message,
        )
        self._photos_there = photos
        self._gone.update(gone)
        self._purge()
        return pushed

    def _photos_on_hub(self) -> set[str]:
        found = self.api.list_repo_files(repo_id=self.repo_id, repo_type="dataset")
        names = {name.removeprefix(f"{FOLDER}/") for name in found if name.startswith(f"{FOLDER}/")}
        return {name for name in names if name.startswith(PHOTO_FOLDERS)}

    def _purge(self) -> None:
        """Take deleted photos out of the history of the repository and out of its storage of large files."""
        if not self._gone:
            return
        of_repository: dict[str, Any] = {"repo_id": self.repo_id, "repo_type": "dataset"}
        self.api.super_squash_history(**of_repository)
        paths = {f"{FOLDER}/{name}" for name in self._gone}
        large = [file for file in self.api.list_lfs_files(**of_repository) if file.filename in paths]
        if large:
            self.api.permanently_delete_lfs_files(lfs_files=large, **of_repository)
        self._gone.clear()


def open_copied(
    repository: str,
    folder: Path,
    url: str | None = None,
    hf_api: HfApi | None = None,
    every: float = EVERY_MINUTES,
) -> HubCopy:
    """Open a store that has a copy on the Hub: restore what is lost here, and start to push what changes
    here.

    Args:
        repository, hf_api, every: see `HubCopy`.
        folder, url: see `Store`.

    Raises:
        StoreError: the Hub cannot be reached, its copy is damaged, or the database cannot be opened.
    """
    bring_back(repository, folder, url)
    return HubCopy(Store(folder, url), repository, hf_api, every)


def bring_back(repository: str, folder: Path, url: str | None = None) -> bool:
    """Restore an empty store, or the missing photo files of a store, from its copy on the Hub.

    A store counts as empty if it has no project, no annotator and no event. Otherwise its rows stay as they
    are, and only photo files that the database names and the folder lacks are fetched: the database may have
    outlived the disk. Photo files added after the last push are lost; adding the same files again restores
    them.

    Args:
        repository: "owner/name" of a dataset repository; it need not exist.
        folder, url: see `Store`.

    Returns:
        True if anything was restored.

    Raises:
        StoreError: the Hub cannot be reached, its copy is damaged, or the database cannot be opened.
    """
    if problem := proxy_problem(os.environ):
        raise StoreError(f"The copy of the store in {repository} cannot be reached: {problem}")
    photos = _photos(folder, url)
    missing = [name for name in photo_paths(folder, photos or ()) if not (folder / name).is_file()]
    if photos is not None and not missing:
        return False
    wanted = None if photos is None else missing
    with scratch_folder("copy") as scratch:
        fetched = scratch / "fetched"  # of a folder with something in it, the client says that it was fetched
        copy = fetched / FOLDER
        if not _fetch(repository, fetched, wanted) or not (copy / MANIFEST).is_file():
            return False
        if wanted is None:
            restore(copy, folder, url)
            return True
        brought = take_photos(copy, folder, wanted)
    if len(brought) < len(wanted):
        log.warning("%d photo files are missing here and in %s", len(wanted) - len(brought), repository)
    return bool(brought)


def _photos(folder: Path, url: str | None) -> list[tuple[str, str]] | None:
    """Return (SHA-256, format) of all photos in a database without changing it; None if it is empty."""
    if url is None and not (folder / DATABASE_NAME).exists():
        return None
    engine = open_engine(folder, url)
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            there = [table for table in (Project, Annotator, Event) if table.__tablename__ in tables]
            if not any(connection.scalar(select(exists(select(table.id)))) for table in there):
                return None
            asked = select(Photo.sha256, Photo.format)
            columns = {column["name"] for column in inspect(connection).get_columns(Project.__tablename__)}
            if Project.deleted_at.name in columns:  # an older schema has none, and nothing deleted
                asked = asked.where(is_used())
            return [(row.sha256, row.format) for row in connection.execute(asked)]
    except DBAPIError as error:
        raise StoreError(f"The database cannot be opened: {reason(error)}") from error
    finally:
        engine.dispose()


def _fetch(repository: str, folder: Path, photos: Collection[str] | None) -> bool:
    """Download the copy into a new folder; if `photos` is given, only these and the manifest.

    The download bypasses the cache of Hugging Face, which would pass off an older copy as the newest one when
    there is no network.

    Returns:
        False if there is no such repository.
    """
    patterns = [f"{FOLDER}/**"]
    if photos is not None:
        # Patterns for folders, not files: the Hub's client tries each pattern on each file.
        patterns = [f"{FOLDER}/{MANIFEST}"]
        patterns += sorted({f"{FOLDER}/{PurePosixPath(name).parent}/*" for name in photos})
    try:
        # The newest revision is what a restart needs; backup.py checks every file of it.
        snapshot_download(  # nosec B615
            repository, repo_type="dataset", allow_patterns=patterns, local_dir=folder
        )
    except RepositoryNotFoundError:
        return False
    except (HTTPError, HFValidationError, OSError) as error:
        raise StoreError(
            f"The copy of the store in {repository} cannot be fetched: {_line(error)}"
        ) from error
    return True


def _line(error: Exception) -> str:
    return redacted(" ".join(str(error).split()))
