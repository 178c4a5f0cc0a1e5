"""Starts the page: `python app.py`. Options come from the environment, see rvernet_app/config.py."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import sys

from rvernet_app.accounts import Accounts
from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.memory import keep_memory
from rvernet_app.ui.page import build_demo, launch_options


def main() -> int:
    """Build the page and serve it until interrupted; 2 and one line on stderr when it cannot start."""
    keep_memory()
    try:
        config = AppConfig.from_env()
        demo = build_demo(config)
    except RvernetError as error:
        print(f"rvernet_app: {error}", file=sys.stderr)
        return 2
    accounts = Accounts(config.data_dir)
    demo.launch(**launch_options(config), auth=accounts.holds if accounts.names() else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
