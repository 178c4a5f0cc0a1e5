"""The kitchen on SQLite, created once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rvernet_app.store.database import Store
from tests.rvernet_app.exchange.formats.kitchen import Kitchen, cook, open_files


@pytest.fixture(scope="session")
def cooked(tmp_path_factory: pytest.TempPathFactory) -> Kitchen:
    store = Store(tmp_path_factory.mktemp("kitchen"))
    kitchen = cook(store)
    store.close()
    return kitchen


@pytest.fixture
def kitchen(cooked: Kitchen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    folder: Path = tmp_path_factory.mktemp("data")
    shutil.copytree(cooked.store.folder, folder, dirs_exist_ok=True)
    store = Store(folder)
    yield replace(cooked, store=store, files=open_files(store))
    store.close()
