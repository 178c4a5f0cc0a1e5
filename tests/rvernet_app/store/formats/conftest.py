"""The kitchen, on SQLite."""

from __future__ import annotations

import pytest

from tests.rvernet_app.store.conftest import NewStore
from tests.rvernet_app.store.formats.kitchen import Kitchen, cook


@pytest.fixture
def kitchen(new_store: NewStore) -> Kitchen:
    return cook(new_store("sqlite"))
