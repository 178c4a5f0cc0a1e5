"""The next start of the program after a death, and what it must have cleaned."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from rvernet_app.config import AppConfig
from rvernet_app.store.database import Store
from rvernet_app.ui import serve as serving
from tests.chaos.operation import Findings, Place

PARTS = re.compile(r"\..*\.part|.*\.part|rvernet-.*|\.opened-photos\..*|tmp\w{8}")
"""Names of all temporary files and folders that the program ever makes."""
LATER_SECONDS = 120
"""The next start comes some minutes after the death."""


def be_at(place: Place) -> None:
    """Give this process the folders of a place."""
    place.temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(place.temporary)
    os.environ.pop("GRADIO_TEMP_DIR", None)
    tempfile.tempdir = None


def start(config: AppConfig, *, whole: bool) -> None:
    """Start the server as `rvernet serve` does, ask it for its page, and end it by SIGTERM.

    Args:
        whole: build the page with its models. Otherwise the page is left out and the store is opened, which
            takes a tenth of the time.
    """
    if not whole:
        vars(serving)["build_demo"] = lambda config, copy: Store(config.data_dir).close()
        vars(serving)["web_app"] = lambda demo, config, auth: None
        vars(serving)["running"] = _nothing_running
        serving.serve(config)
        return
    asked: list[str] = []

    @contextmanager
    def running(site: Any, sockets: Any) -> Iterator[threading.Event]:
        with real_running(site, sockets) as ended:
            address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
            with urllib.request.urlopen(address, timeout=60) as page:
                asked.append(page.read().decode())
            threading.Timer(0, os.kill, (os.getpid(), signal.SIGTERM)).start()
            yield ended

    real_running, vars(serving)["running"] = serving.running, running
    try:
        serving.serve(config)
    except SystemExit as ended:
        if ended.code:
            raise
    if "gradio" not in asked[0]:  # the page, or the page for logging in
        raise RuntimeError("the page did not come")


@contextmanager
def _nothing_running(site: Any, sockets: Any) -> Iterator[threading.Event]:
    ended = threading.Event()
    ended.set()
    yield ended


def age(folder: Path) -> None:
    """Make all files and folders look as old as they are when the next start comes."""
    then = time.time() - LATER_SECONDS
    for path in [*folder.rglob("*")]:
        os.utime(path, (then, then), follow_symlinks=False)


def leftovers(place: Place, kept: frozenset[str] = frozenset()) -> list[str]:
    """Return the temporary files that are there, but for those in folders or of names that are kept."""
    return [
        str(path.relative_to(place.folder))
        for path in place.folder.rglob("*")
        if PARTS.fullmatch(path.name) and kept.isdisjoint(path.relative_to(place.folder).parts)
    ]


def check_database(folder: Path, found: Findings) -> None:
    """Have SQLite check the database of a data folder."""
    store = Store(folder)
    try:
        with store.reading() as session:
            for pragma in ("integrity_check", "foreign_key_check"):
                said = session.execute(text(f"PRAGMA {pragma}")).all()
                if said not in ([], [("ok",)]):
                    found.half.append(f"{pragma}: {said[:3]}")
    finally:
        store.close()
