"""A project's labels as a file for the browser to keep."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gradio import utils

from rvernet_app.errors import StoreError
from rvernet_app.exchange.formats.names import safe_name
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.store import projects
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.ui.requests import number, text
from rvernet_app.ui.visitor.handlers import Reply


class Exporting:
    """Exports of a store, for the page.

    Args:
        served: told the path of each file that the page may fetch.
    """

    def __init__(self, store: Store, files: PhotoFiles, served: Callable[[str], None]) -> None:
        self._store = store
        self._files = files
        self._served = served

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.export_project]

    def export_project(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "format"} -> the address of a ZIP of its finished photos, and what is in it and what is not."""
        wanted = text(message, "format")
        if wanted not in EXPORTS:
            raise StoreError(f"There is no export {wanted!r}, but {', '.join(EXPORTS)}.")
        project_id = int(number(message, "project"))
        with self._store.reading() as session:
            name = f"{safe_name(projects.project(session, project_id).name)}-{wanted}"
        place = Path(utils.get_upload_folder(), secrets.token_hex(16))  # nobody can guess its address
        place.mkdir(parents=True)
        try:
            with tempfile.TemporaryDirectory(dir=place) as scratch:
                folder = Path(scratch, name)
                report = EXPORTS[wanted](self._store, self._files, project_id, folder, Shares())
                archive = shutil.make_archive(str(place / name), "zip", scratch, name)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        self._served(archive)
        return {
            "url": f"gradio_api/file={archive}",
            "name": Path(archive).name,
            "photos": report.photos,
            "foods": report.foods,
            "left_out": dict(report.left_out),
        }
