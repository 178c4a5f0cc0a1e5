"""Photos and foods labeled elsewhere come into a project from the page: first a look, then the import."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.registry import IMPORTS
from rvernet_app.exchange.importing import UNNAMED, ImportReport
from rvernet_app.exchange.plan import NotTaken
from rvernet_app.store import projects
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor, Role
from rvernet_app.ui.access import uploads_folder
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import Imported, LeftOut
from rvernet_app.ui.project.requests import ImportedFile, ImportFiles
from rvernet_app.ui.project.uploads import MAX_BYTES, below, join_parts


class Importing:
    """Imports uploaded files into a store, as the command `rvernet import` does."""

    def __init__(self, store: Store, files: PhotoFiles) -> None:
        self._store = store.acting
        self._files = files

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.import_files]

    def import_files(self, asked: ImportFiles, me: Actor) -> Imported:
        """Import uploaded files, or say what would come of it. The foods become the visitor's."""
        if asked.format not in IMPORTS:
            raise StoreError(f"There is no import {asked.format!r}, but {', '.join(IMPORTS)}.")
        store = self._store(me)
        with store.reading() as session:
            projects.project(session, asked.project, Role.ADMIN)
        uploads_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=uploads_folder(), prefix="import-") as scratch:
            source = _put_together(asked.files, Path(scratch, "files"))
            read = IMPORTS[asked.format]
            try:
                report = read(store, self._files, asked.project, me.name, source, keep=asked.keep)
            except StoreError as error:
                raise type(error)(_without(scratch, str(error))) from error
        return _reply(report, scratch)


def _put_together(uploaded: list[ImportedFile], folder: Path) -> Path:
    """Return the folder of the uploaded files, or the file if there is only one."""
    for file in uploaded:
        join_parts(file.parts, below(folder, file.name))
    if sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) > MAX_BYTES:
        raise StoreError(f"These files have more than {MAX_BYTES / 1e9:g} GB together; import them in turn.")
    return below(folder, uploaded[0].name) if len(uploaded) == 1 else _top(folder)


def _top(folder: Path) -> Path:
    """Return the innermost folder that holds everything, as a browser sends a chosen folder with its name."""
    held = list(folder.iterdir())
    return _top(held[0]) if len(held) == 1 and held[0].is_dir() else folder


def _reply(report: ImportReport, scratch: str) -> Imported:
    return Imported(
        photos=report.photos,
        known_photos=report.known_photos,
        foods=report.foods,
        labels=list(report.labels),
        left_out=[
            LeftOut(what=_without(scratch, one.what), why=_without(scratch, one.why))
            for one in (*report.not_taken, *(NotTaken(name, UNNAMED) for name in report.unnamed))
        ],
    )


def _without(scratch: str, text: str) -> str:
    """Return a text without the temporary folder, which says nothing to the person."""
    return text.replace(f"{scratch}/files/", "").replace(f"{scratch}/files", "The upload")
