"""Run `rvernet serve` with a Hub that is a folder and a page that saves one photo and then waits to be terminated.

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

from rvernet_app.cli import main as cli
from rvernet_app.config import AppConfig
from rvernet_app.exchange.hub_copy import HubCopy, open_copied
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.queue import add_photos
from rvernet_app.ui import serve
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

    vars(cli)["keep_memory"] = lambda: None
    vars(serve)["open_copied"] = partial(open_copied, hf_api=hub, every=A_DAY)
    vars(serve)["build_demo"] = build_demo
    try:
        return cli.main(["serve"])
    finally:
        print("\n".join(hub.messages), flush=True)


if __name__ == "__main__":
    sys.exit(main())
