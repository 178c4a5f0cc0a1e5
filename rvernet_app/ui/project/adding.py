"""Photos come into a queue from the page: uploaded, or from a folder of the machine it runs on."""

from __future__ import annotations

import re
import secrets
import time
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from rvernet_app.errors import StoreError
from rvernet_app.exchange.archive import open_zip
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.store import projects, queue
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor, Role, require_role_anywhere
from rvernet_app.stray import is_stray
from rvernet_app.ui.access import uploaded_file, uploads_folder
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import AddedReply, ArchiveReply, FolderReply
from rvernet_app.ui.project.requests import AddFromArchive, AddFromFolder, AddPhoto, ListArchive, ListFolder
from rvernet_app.ui.project.server_folder import list_photos
from rvernet_app.ui.project.uploads import join_parts

ARCHIVES = "archives"
"""Folder of uploaded ZIPs, below that of all uploads."""
KEEP_SECONDS = 24 * 3600
BAD_ZIP = (OSError, ValueError, NotImplementedError, EOFError, zlib.error, zipfile.BadZipFile)


class Adding:
    """Takes photos into the queues of a store, for the page.

    Args:
        photos: the opened photos, which can be taken by their id.
        import_dir: folder whose photos may be taken; None allows no folder.
    """

    def __init__(self, store: Store, files: PhotoFiles, photos: PhotoCache, import_dir: Path | None) -> None:
        self._store = store.acting
        self._files = files
        self._photos = photos
        self._import_dir = import_dir

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [
            self.add_photo,
            self.list_archive,
            self.add_from_archive,
            self.list_folder,
            self.add_from_folder,
        ]

    def add_photo(self, asked: AddPhoto, me: Actor) -> AddedReply:
        """Take an uploaded or an opened photo into a queue."""
        self._require_admin(me, asked.project)
        path = uploaded_file(asked.path) if asked.photo is None else self._photos.file(asked.photo)
        return self._add(asked, me, path, asked.name)

    def list_archive(self, asked: ListArchive, me: Actor) -> ArchiveReply:
        """List the photos in an uploaded ZIP, for `add_from_archive`."""
        self._require_admin(me)
        _remove_old_archives()
        token = secrets.token_hex(16)
        archive = _archive(token)
        join_parts(asked.parts, archive)
        try:
            with open_zip(archive) as opened:
                names = sorted({one.filename for one in opened.infolist() if not one.is_dir()})
        except BAD_ZIP as error:
            archive.unlink()
            raise StoreError(f"{asked.name} is damaged, or not a ZIP.") from error
        stray = [name for name in names if is_stray(name)]
        photos = [name for name in names if _is_photo(name) and not is_stray(name)]
        others = [name for name in names if not _is_photo(name) and not is_stray(name)]
        return ArchiveReply(token=token, names=photos, others=others, stray=len(stray))

    def add_from_archive(self, asked: AddFromArchive, me: Actor) -> AddedReply:
        """Take a photo of an uploaded ZIP into a queue."""
        self._require_admin(me, asked.project)
        if not re.fullmatch("[0-9a-f]{32}", asked.token):
            raise StoreError("There is no such ZIP.")
        try:
            with open_zip(_archive(asked.token)) as opened, opened.open(asked.name) as file:
                data = file.read(self._files.max_bytes + 1)  # one more is refused as too large
        except (*BAD_ZIP, KeyError, RuntimeError) as error:
            raise StoreError("It cannot be unpacked; the ZIP is damaged, or has a password.") from error
        return self._add(asked, me, data, PurePosixPath(asked.name).name)

    def list_folder(self, asked: ListFolder, me: Actor) -> FolderReply:
        """List the photos in a folder of the server, for `add_from_folder`."""
        self._require_admin(me)
        folder = self._folder(asked.folder)
        try:
            found = list_photos(folder, tuple(PHOTO_SUFFIXES))
        except OSError as error:
            raise StoreError(
                f"The folder {asked.folder} cannot be read: {error.strerror or error}."
            ) from error
        return FolderReply(names=found.names, stray=found.stray, more=found.more)

    def add_from_folder(self, asked: AddFromFolder, me: Actor) -> AddedReply:
        """Take a photo of a folder of the server into a queue."""
        self._require_admin(me, asked.project)
        folder = self._folder(asked.folder)
        path = (folder / asked.name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise StoreError(f"{asked.name!r} is not in the folder.")
        return self._add(asked, me, path, path.name)

    def _require_admin(self, me: Actor, project_id: int | None = None) -> None:
        """Refuse files before they are read to who is no admin of a project, or of any."""
        with self._store(me).reading() as session:
            if project_id is None:
                require_role_anywhere(session, Role.ADMIN)
            else:
                projects.project(session, project_id, Role.ADMIN)

    def _add(
        self, asked: AddPhoto | AddFromArchive | AddFromFolder, me: Actor, source: Path | bytes, name: str
    ) -> AddedReply:
        store = self._store(me)
        with store.writing() as session:
            mine = projects.ensure_annotator(session, me.name)
        meal = (asked.meal or "").strip() or None
        photos = [(name, source)]
        (added,) = queue.add_photos(store, self._files, asked.project, photos, meal=meal, by=mine)
        return AddedReply(**asdict(added))

    def _folder(self, name: str) -> Path:
        if self._import_dir is None:
            raise StoreError(
                "This server takes uploads only; set RVERNET_IMPORT_DIR to open a folder of its own."
            )
        root = self._import_dir.resolve()
        try:
            folder = (root / name).resolve()
            found = folder.is_relative_to(root) and folder.is_dir()
        except (OSError, ValueError):  # a name that no disk could have
            found = False
        if not found:
            raise StoreError(f"There is no folder {name!r} in the one that is open on the server.")
        return folder


def _is_photo(name: str) -> bool:
    return Path(name).suffix.lower() in PHOTO_SUFFIXES


def _archive(token: str) -> Path:
    """Return the path of an uploaded ZIP; nobody can guess its token."""
    return uploads_folder() / ARCHIVES / f"{token}.zip"


def _remove_old_archives() -> None:
    for path in (uploads_folder() / ARCHIVES).glob("*.zip"):
        with suppress(OSError):  # another process was faster
            if path.stat().st_mtime < time.time() - KEEP_SECONDS:
                path.unlink()
