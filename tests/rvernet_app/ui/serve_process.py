"""Run `rvernet serve` with a folder as the Hub and a page that saves one photo and waits to be terminated.

Arguments: the folder of the Hub and the id of a project in the store of RVERNET_DATA_DIR. The process prints
"saved" when there is a photo to push and "pushing" when that push starts; the push waits for a line on stdin.
At the end the process prints the messages of all commits.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rvernet_app.cli import main as cli
from rvernet_app.config import AppConfig
from rvernet_app.exchange.hub_copy import HubCopy, open_copied
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.queue import add_photos
from rvernet_app.ui import serve
from tests.rvernet_app.exchange.folder_hub import A_DAY, FolderHub
from tests.rvernet_app.store.desk import picture


class Page:
    """A fake of the built page and of its server."""

    def __init__(self, copy: HubCopy, project: int) -> None:
        self._copy = copy
        self._project = project

    def wait(self, seconds: float) -> bool:
        """Wait for the first push, save a photo, and wait for a signal."""
        self._copy.trigger().result()
        files = PhotoFiles(self._copy.store.folder, max_mb=1, max_megapixels=1)
        list(add_photos(self._copy.store, files, self._project, [("last.png", picture(9))]))
        print("saved", flush=True)
        while True:
            signal.pause()


@contextmanager
def running(page: Page, sockets: object) -> Iterator[Page]:
    yield page


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
    vars(serve)["web_app"] = lambda page, config, sign_in: page
    vars(serve)["running"] = running
    try:
        return cli.main(["serve"])
    finally:
        print("\n".join(hub.messages), flush=True)


if __name__ == "__main__":
    sys.exit(main())
