"""Serve the page on a free port and open it in Chromium."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from playwright.sync_api import Browser, Playwright

from rvernet_app.pipeline import Pipeline
from rvernet_app.ui.page import build_demo, launch_options

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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo = build_demo(pipeline.config, pipeline)
    options = launch_options(replace(pipeline.config, host="127.0.0.1", port=port))
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    try:
        yield url.rstrip("/")
    finally:
        demo.close(verbose=False)


def open_chromium(playwright: Playwright) -> Browser:
    """Start an installed Chromium without a window, or else Playwright's own."""
    installed = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return playwright.chromium.launch(executable_path=installed, args=list(CHROMIUM_FLAGS))
