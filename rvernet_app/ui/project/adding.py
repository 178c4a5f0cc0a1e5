"""Photos come into a queue from the page: uploaded, or out of a folder of the machine it runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rvernet_app.errors import StoreError
from rvernet_app.store import projects, queue
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.ui.requests import number, text
from rvernet_app.ui.visitor.handlers import Reply, uploaded_file

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff", ".gif")


class Adding:
    """Takes photos into the queues of a store, for the page.

    Args:
        import_dir: folder whose photos may be taken; None allows none.
    """

    def __init__(self, store: Store, files: PhotoFiles, import_dir: Path | None) -> None:
        self._store = store
        self._files = files
        self._import_dir = import_dir

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.add_photo, self.list_folder, self.add_from_folder]

    def add_photo(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "path", "name", "meal"} of an upload -> what became of it."""
        return self._add(message, me, uploaded_file(message.get("path")), text(message, "name"))

    def list_folder(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"folder"} -> names of the picture files in it, for `add_from_folder`."""
        folder = self._folder(message)
        try:
            names = sorted(
                str(path.relative_to(folder))
                for path in folder.rglob("*")
                if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
            )
        except OSError as error:
            raise StoreError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
        return {"names": names}

    def add_from_folder(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "folder", "name", "meal"} -> what became of that file."""
        folder, name = self._folder(message), text(message, "name")
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise StoreError(f"{name!r} is not in the folder.")
        return self._add(message, me, path, path.name)

    def _add(self, message: Mapping[str, Any], me: str, path: Path, name: str) -> Reply:
        with self._store.writing() as session:
            mine = projects.ensure_annotator(session, me)
        meal = text(message, "meal", "").strip() or None
        project_id = int(number(message, "project"))
        (added,) = queue.add_photos(self._store, self._files, project_id, [(name, path)], meal=meal, by=mine)
        return asdict(added)

    def _folder(self, message: Mapping[str, Any]) -> Path:
        if self._import_dir is None:
            raise StoreError(
                "This server takes uploads only; set RVERNET_IMPORT_DIR to open a folder of its own."
            )
        root = self._import_dir.resolve()
        folder = (root / text(message, "folder")).resolve()
        try:
            found = folder.is_relative_to(root) and folder.is_dir()
        except OSError:  # a name no disk could have
            found = False
        if not found:
            raise StoreError(f"There is no folder {text(message, 'folder')!r} in {root}.")
        return folder
