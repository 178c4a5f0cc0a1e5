"""Stands for the Hugging Face Hub where a copy of a store is kept."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.utils import filter_repo_objects

REPOSITORY = "ann/meals"
A_DAY = 24 * 60.0
"""Between two pushes, in minutes: no test waits for the second."""


class FolderHub(HfApi):
    """Keeps what is uploaded in a folder.

    Attributes:
        made: repositories asked for.
        messages: of the commits with the rows.
        uploads: how many folders were uploaded.
        files_left: how many more files arrive before the connection is lost; None takes all.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(endpoint="https://hub.example", token=False)
        self.folder = folder
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[str] = []
        self.uploads = 0
        self.files_left: int | None = None
        self.run_as_future(list).result()  # its one thread is there before two could ask for it at once

    def create_repo(self, repo_id: str, **how: Any) -> Any:  # type: ignore[override]
        self.made.append((repo_id, how))
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, **what: Any) -> None:  # type: ignore[override]
        """One file after the other, as large folders are committed piece by piece, and in threads as there."""
        assert (what["repo_id"], what["repo_type"]) == (REPOSITORY, "dataset")
        self.uploads += 1
        folder = Path(what["folder_path"])
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        names = filter_repo_objects(found, allow_patterns=what.get("allow_patterns"))
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(lambda name: self._keep(folder / name, f"{what['path_in_repo']}/{name}"), names))

    def create_commit(self, **what: Any) -> str:  # type: ignore[override]
        """All files or none."""
        assert (what["repo_id"], what["repo_type"]) == (REPOSITORY, "dataset")
        operations: list[CommitOperationAdd] = what["operations"]
        if self.files_left is not None and self.files_left < len(operations):
            raise ConnectionError("no route to host")
        for operation in operations:
            self._keep(Path(str(operation.path_or_fileobj)), operation.path_in_repo)
        self.messages.append(what["commit_message"])
        return what["commit_message"]

    def _keep(self, file: Path, name: str) -> None:
        if self.files_left is not None:
            if not self.files_left:
                raise ConnectionError("no route to host")
            self.files_left -= 1
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, self.folder / name)
