"""Serve the page until it is interrupted or told to end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from rvernet_app.config import AppConfig
from rvernet_app.exchange.hub_copy import open_copied
from rvernet_app.store.accounts import Accounts
from rvernet_app.ui.page import build_demo, launch_options


def serve(config: AppConfig) -> None:
    """Build the page and serve it; return when it has ended.

    Visitors log in if the data folder has accounts. What was saved last is pushed to the copy on the Hub, if
    one is configured, before this returns.

    Raises:
        RvernetError: the page cannot start.
    """
    with closing_in_order() as resources:
        accounts = Accounts(config.data_dir)
        auth = accounts.holds if accounts.names() else None
        copy = None
        if config.hub_dataset:
            copy = open_copied(config.hub_dataset, config.data_dir, config.database_url or None)
            resources.callback(copy.close)
        demo = build_demo(config, copy=copy)
        resources.callback(demo.close)  # runs before copy.close, so that the last push has all that was saved
        demo.launch(**launch_options(config), auth=auth)


@contextmanager
def closing_in_order() -> Iterator[ExitStack]:
    """Close what is registered with the yielded stack when the block ends, the latest first.

    SIGTERM ends the block by SystemExit, as if `sys.exit(0)` had been called; while things are closed, it is
    ignored. Call this in the main thread.
    """
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        with ExitStack() as resources:
            try:
                yield resources
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
