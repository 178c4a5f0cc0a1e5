"""A copy of the store in a private dataset repository on the Hugging Face Hub, for hosts whose disk does not last."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import CommitScheduler, HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError, HTTPError, RepositoryNotFoundError
from sqlalchemy import func, select

from rvernet_app.errors import StoreError
from rvernet_app.store.backup import MANIFEST, backup, restore
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.tables import Event

log = logging.getLogger(__name__)

FOLDER = "backup"
"""Of the copy in the repository."""
EVERY_MINUTES = 5


class HubCopy(CommitScheduler):
    """Pushes a backup of the store every few minutes in which something was saved, and when the program ends.

    Args:
        repository: "owner/name" of a dataset repository, made private when new.
        hf_api: the Hub, with the token that may write there.

    Raises:
        StoreError: the repository cannot be made or written.
    """

    def __init__(
        self, store: Store, repository: str, hf_api: HfApi | None = None, every: float = EVERY_MINUTES
    ) -> None:
        self._store = store
        self._pushed: int | None = None
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

    def push_to_hub(self) -> Any:
        """Push now, unless nothing was saved since the last time."""
        with self._store.reading() as session:
            newest = session.scalar(select(func.max(Event.id)))
        if newest is None or newest == self._pushed:
            return None
        with self.lock, tempfile.TemporaryDirectory(dir=self._store.folder) as scratch:
            backup(self._store, Path(scratch) / FOLDER)
            pushed = self.api.upload_folder(
                repo_id=self.repo_id,
                repo_type="dataset",
                folder_path=Path(scratch) / FOLDER,
                path_in_repo=FOLDER,
                commit_message=f"Up to change {newest}",
            )
        self._pushed = newest
        return pushed


def bring_back(repository: str, folder: Path, url: str | None = None) -> bool:
    """Fill a new data folder from the copy on the Hub; whether there was anything to bring.

    A folder that has a database already is left as it is.

    Raises:
        StoreError: the Hub cannot be reached, or its copy is damaged.
    """
    if url is None and (folder / DATABASE_NAME).exists():
        return False
    try:
        found = (
            Path(snapshot_download(repository, repo_type="dataset", allow_patterns=f"{FOLDER}/**")) / FOLDER
        )
    except RepositoryNotFoundError:
        return False
    except (HTTPError, HFValidationError, OSError) as error:
        raise StoreError(f"What was labelled cannot be fetched from {repository}: {_line(error)}") from error
    if not (found / MANIFEST).is_file():
        return False
    restore(found, folder, url)
    return True


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
