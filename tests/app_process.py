"""Run `app.main` with a Hub that is a folder and a page that saves one photo and then waits to be terminated.

Arguments: the folder of the Hub and the id of a project in the store of RVERNET_DATA_DIR. Prints "saved" when
there is a photo to push, "pushing" when it starts to push that photo, which then waits for a line on stdin,
and at the end the messages of all commits.
"""

from __future__ import annotations

import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import app
from rvernet_app.config import AppConfig
from rvernet_app.exchange.hub_copy import HubCopy, open_copied
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.queue import add_photos
from tests.rvernet_app.exchange.folder_hub import A_DAY, FolderHub
from tests.rvernet_app.store.desk import picture


class Page:
    """Stands for the built page."""

    def __init__(self, copy: HubCopy, project: int) -> None:
        self._copy = copy
        self._project = project

    def launch(self, **options: Any) -> None:
        """Wait for the first push, save a photo, and wait for a signal."""
        self._copy.trigger().result()
        files = PhotoFiles(self._copy.store.folder, max_mb=1, max_megapixels=1)
        list(add_photos(self._copy.store, files, self._project, [("last.png", picture(9))]))
        print("saved", flush=True)
        while True:
            signal.pause()

    def close(self) -> None:
        """Nothing to close."""


def main() -> int:
    hub, project = FolderHub(Path(sys.argv[1])), int(sys.argv[2])

    def wait() -> None:
        if hub.messages:
            print("pushing", flush=True)
            sys.stdin.readline()

    hub.before_commit = wait

    def build_demo(config: AppConfig, copy: HubCopy | None) -> Page:
        assert copy is not None
        return Page(copy, project)

    stand_ins = {
        "keep_memory": lambda: None,
        "open_copied": partial(open_copied, hf_api=hub, every=A_DAY),
        "build_demo": build_demo,
    }
    for name, stand_in in stand_ins.items():
        setattr(app, name, stand_in)
    try:
        return app.main()
    finally:
        print("\n".join(hub.messages), flush=True)


if __name__ == "__main__":
    sys.exit(main())
