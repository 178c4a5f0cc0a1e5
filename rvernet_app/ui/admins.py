"""Who runs this server: its admins have every role in every project, and alone make projects."""

from __future__ import annotations

import os

from rvernet_app.config import AppConfig
from rvernet_app.store.accounts import Accounts
from rvernet_app.ui.access import signs_in
from rvernet_app.ui.answers import IsAdmin

OWNER_VARIABLE = "SPACE_AUTHOR_NAME"
"""Set by Hugging Face: the user or organization that a Space belongs to."""


def server_admins(config: AppConfig) -> IsAdmin:
    """Return the function that says who runs the server, of names that have logged in.

    These are the accounts marked so; on a Space without accounts its owner and `AppConfig.admins`.
    """
    accounts = Accounts(config.data_dir)

    def is_admin(name: str) -> bool:
        if accounts.required() or not signs_in():
            return accounts.is_admin(name)
        named = {one.strip() for one in config.admins.split(",")} | {os.environ.get(OWNER_VARIABLE, "")}
        return name in named - {""}

    return is_admin
