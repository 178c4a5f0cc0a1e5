"""Serve the page until it is interrupted or told to end."""

from __future__ import annotations

from rvernet_app.config import AppConfig
from rvernet_app.exchange.hub_copy import ending_in_order
from rvernet_app.store.accounts import Accounts
from rvernet_app.ui.page import build_demo, launch_options


def serve(config: AppConfig) -> None:
    """Build the page and serve it; return when it has ended.

    Where the data folder has accounts, visitors log in with them.

    Raises:
        RvernetError: the page cannot start.
    """
    with ending_in_order():
        accounts = Accounts(config.data_dir)
        auth = accounts.holds if accounts.names() else None
        demo = build_demo(config)
        try:
            demo.launch(**launch_options(config), auth=auth)
        finally:
            demo.close()  # what someone saved from now on would be in no copy
