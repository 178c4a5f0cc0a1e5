"""A stand-in for the Hugging Face Hub that keeps a copy of a store in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

REPOSITORY = "ann/meals"
A_DAY = 24 * 60.0
"""Minutes between two pushes: no test waits for the second one."""


class FolderHub(HfApi):
    """Keeps uploaded files in a folder.

    Attributes:
        created: the repositories that were requested, with their options.
        messages: the messages of the commits with the rows.
        uploads: the number of uploaded folders.
        files_left: the number of files that arrive before the connection is lost; None for no limit.
        before_commit: called before each commit.
        history: paths of all files that older commits have.
        large: paths of the files in the storage of large files.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(endpoint="https://hub.example", token=False)
        self.folder = folder
        self.created: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[str] = []
        self.uploads = 0
        self.files_left: int | None = None
        self.before_commit: Callable[[], object] = lambda: None
        self.history: set[str] = set()
        self.large: set[str] = set()
        self.run_as_future(list).result()  # starts its only thread, before two callers could do so at once

    def create_repo(self, repo_id: str, **options: Any) -> Any:
        self.created.append((repo_id, options))
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, **options: Any) -> None:  # type: ignore[override]  # keyword arguments only
        """Keep file after file: the Hub's client uploads large folders in several commits, in threads."""
        assert (options["repo_id"], options["repo_type"]) == (REPOSITORY, "dataset")
        self.uploads += 1
        folder = Path(options["folder_path"])
        patterns: list[str] = options["allow_patterns"]
        names = sorted(
            path.relative_to(folder).as_posix()
            for pattern in patterns
            for path in folder.glob(f"{pattern}/*")
            if path.is_file()
        )
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(lambda name: self._keep(folder / name, f"{options['path_in_repo']}/{name}"), names))

    def create_commit(self, **options: Any) -> str:  # type: ignore[override]  # keyword arguments only
        """Keep all files or none."""
        self.before_commit()
        assert (options["repo_id"], options["repo_type"]) == (REPOSITORY, "dataset")
        operations: list[CommitOperationAdd | CommitOperationDelete] = options["operations"]
        if self.files_left is not None and self.files_left < len(operations):
            raise ConnectionError("no route to host")
        for operation in operations:
            if isinstance(operation, CommitOperationDelete):
                (self.folder / operation.path_in_repo).unlink()
                continue
            self._keep(Path(str(operation.path_or_fileobj)), operation.path_in_repo)
        message = str(options["commit_message"])
        self.messages.append(message)
        return message

    def list_repo_files(self, **options: Any) -> list[str]:  # type: ignore[override]  # keyword arguments only
        assert (options["repo_id"], options["repo_type"]) == (REPOSITORY, "dataset")
        return [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]

    def super_squash_history(self, **options: Any) -> None:  # type: ignore[override]  # keyword arguments only
        assert (options["repo_id"], options["repo_type"]) == (REPOSITORY, "dataset")
        self.history = set(self.list_repo_files(**options))

    def list_lfs_files(self, **options: Any) -> list[Any]:  # type: ignore[override]  # keyword arguments only
        assert (options["repo_id"], options["repo_type"]) == (REPOSITORY, "dataset")
        return [SimpleNamespace(filename=name) for name in sorted(self.large)]

    def permanently_delete_lfs_files(self, **options: Any) -> None:  # type: ignore[override]
        assert (options["repo_id"], options["repo_type"]) == (REPOSITORY, "dataset")
        self.large -= {file.filename for file in options["lfs_files"]}

    def _keep(self, file: Path, name: str) -> None:
        if self.files_left is not None:
            if not self.files_left:
                raise ConnectionError("no route to host")
            self.files_left -= 1
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, self.folder / name)
        self.history.add(name)
        if "/originals/" in name or "/photos/" in name:
            self.large.add(name)
