"""Run as a program: keeps a copy of a store, as the page's program does, until it is told to end.

Arguments are the store's folder, that of the Hub, and a project. It prints "saved" once there is a photo more to push,
and "pushing" while it pushes that; it then waits for a line, and in the end prints the commits made.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from rvernet_app.exchange.hub_copy import HubCopy, ending_in_order
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.queue import add_photos
from tests.rvernet_app.exchange.folder_hub import A_DAY, REPOSITORY, FolderHub
from tests.rvernet_app.store.desk import picture


class WaitingHub(FolderHub):
    """Takes nothing but the first push before it is let."""

    def create_commit(self, **what: Any) -> str:
        if self.messages:
            print("pushing", flush=True)
            sys.stdin.readline()
        return super().create_commit(**what)


def main() -> None:
    folder, hub_folder, project = sys.argv[1:]
    store, hub = Store(Path(folder)), WaitingHub(Path(hub_folder))
    files = PhotoFiles(store.folder, max_mb=1, max_megapixels=1)
    try:
        with ending_in_order():
            HubCopy(store, REPOSITORY, hub, every=A_DAY).trigger().result()
            list(add_photos(store, files, int(project), [("last.png", picture(9))]))
            print("saved", flush=True)
            while True:
                signal.pause()
    finally:
        print("\n".join(hub.messages), flush=True)


if __name__ == "__main__":
    main()
