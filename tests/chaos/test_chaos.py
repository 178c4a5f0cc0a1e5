"""A few deaths of `make chaos`, and the sentences for the troubles that do not need a disk of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.deaths import die
from tests.chaos.engine_operations import Downloading, Opening, Training
from tests.chaos.store_operations import OPERATIONS
from tests.chaos.troubles import TROUBLES, trouble

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX fork and kill")


def test_a_killed_program_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    operations = [*(make() for make in OPERATIONS), Training(), Downloading(), Opening()]
    rows = die(operations, 15, 7, tmp_path)
    assert sum(row.deaths for row in rows) == 15
    assert [text for row in rows for text in row.found.all()] == []


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_ends_in_a_sentence(name: str, tmp_path: Path) -> None:
    assert trouble(name, tmp_path) == []
