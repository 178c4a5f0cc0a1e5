"""Start the page: `python app.py`. Options come from the environment, see rvernet_app/config.py."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.exchange.hub_copy import open_copied
from rvernet_app.model.malloc import keep_memory
from rvernet_app.store.accounts import Accounts
from rvernet_app.ui.page import build_demo, launch_options


def main() -> int:
    """Serve the page until the program is interrupted or terminated.

    Returns:
        The exit status: 2 if the page cannot start; stderr has the reason on one line.
    """
    keep_memory()
    with closing_in_order() as resources:
        try:
            config = AppConfig.from_env()
            accounts = Accounts(config.data_dir)
            auth = accounts.holds if accounts.names() else None
            copy = None
            if config.hub_dataset:
                copy = open_copied(config.hub_dataset, config.data_dir, config.database_url or None)
                resources.callback(copy.close)
            demo = build_demo(config, copy=copy)
        except RvernetError as error:
            print(f"rvernet_app: {error}", file=sys.stderr)
            return 2
        resources.callback(demo.close)  # runs before copy.close, so that the last push has all that was saved
        demo.launch(**launch_options(config), auth=auth)
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
