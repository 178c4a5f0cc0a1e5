"""Starts the page: `python app.py`. Options come from the environment, see rvernet_app/config.py."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import sys

from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.exchange.hub_copy import ending_in_order
from rvernet_app.model.malloc import keep_memory
from rvernet_app.store.accounts import Accounts
from rvernet_app.ui.page import build_demo, launch_options


def main() -> int:
    """Build the page and serve it until interrupted or terminated; 2 and one line on stderr when it cannot start."""
    keep_memory()
    with ending_in_order():
        try:
            config = AppConfig.from_env()
            accounts = Accounts(config.data_dir)
            auth = accounts.holds if accounts.names() else None
            demo = build_demo(config)
        except RvernetError as error:
            print(f"rvernet_app: {error}", file=sys.stderr)
            return 2
        try:
            demo.launch(**launch_options(config), auth=auth)
        finally:
            demo.close()  # what someone saved from now on would be in no copy
    return 0


if __name__ == "__main__":
    sys.exit(main())
