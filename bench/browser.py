"""Serve the page on a free port and open it in Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

from rvernet_app.pipeline import Pipeline
from rvernet_app.ui.listening import close, listen, page_address, port_of
from rvernet_app.ui.page import build_demo, web_app
from rvernet_app.ui.serve import running
from rvernet_app.ui.signin.sign_in import SignIn

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def serving(pipeline: Pipeline) -> Iterator[str]:
    """Serve the page from this process; yields its address without a slash at the end."""
    sockets = listen("127.0.0.1", 0)
    try:
        config = pipeline.config
        site = web_app(build_demo(config, pipeline), config, SignIn.of(config))
        with running(site, sockets):
            yield page_address("127.0.0.1", port_of(sockets))
    finally:
        close(sockets)


def open_chromium(playwright: Playwright) -> Browser:
    """Start an installed Chromium without a window, or else Playwright's own."""
    installed = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return playwright.chromium.launch(executable_path=installed, args=list(CHROMIUM_FLAGS))
