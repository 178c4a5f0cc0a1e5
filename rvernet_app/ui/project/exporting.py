"""A project's labels as a file for the browser to keep."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.names import safe_name
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.store import projects
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor, Role
from rvernet_app.ui.access import ServedFiles, uploads_folder
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import Exported
from rvernet_app.ui.project.requests import ExportProject


class Exporting:
    """Exports of a store, for the page.

    Args:
        served: the files that the page may fetch.
    """

    def __init__(self, store: Store, files: PhotoFiles, served: ServedFiles) -> None:
        self._store = store.acting
        self._files = files
        self._served = served

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.export_project]

    def export_project(self, asked: ExportProject, me: Actor) -> Exported:
        """Export the finished photos of a project as a ZIP."""
        if asked.format not in EXPORTS:
            raise StoreError(f"There is no export {asked.format!r}, but {', '.join(EXPORTS)}.")
        store = self._store(me)
        with store.reading() as session:
            project = safe_name(projects.project(session, asked.project, Role.ADMIN).name)
        name = f"{project}-{datetime.now():%Y-%m-%d}-{asked.format}"
        place = uploads_folder() / secrets.token_hex(16)  # nobody can guess its address
        place.mkdir(parents=True)
        try:
            with tempfile.TemporaryDirectory(dir=place) as scratch:
                folder = Path(scratch, name)
                report = EXPORTS[asked.format](store, self._files, asked.project, folder, Shares())
                archive = _one_file(folder, place, name)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return Exported(
            url=self._served.add(archive),
            name=archive.name,
            photos=report.photos,
            foods=report.foods,
            left_out=dict(report.left_out),
        )


def _one_file(folder: Path, place: Path, name: str) -> Path:
    """Put an export into one file: the only file that it has, or a ZIP."""
    held = list(folder.iterdir())
    if len(held) == 1 and held[0].is_file():
        return held[0].replace(place / f"{name.rsplit('-', 1)[0]}{held[0].suffix}")
    return Path(shutil.make_archive(str(place / name), "zip", folder.parent, name))
