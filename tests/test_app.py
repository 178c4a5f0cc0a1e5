"""The program that serves the page: how it starts, and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import app
from rvernet_app.store.accounts import ACCOUNTS_NAME, Accounts


class Page:
    """Stands for the built page; serves until something happens."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens
        self.options: dict[str, Any] = {}
        self.closed = False

    def launch(self, **options: Any) -> None:
        self.options = options
        self._happens()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a program that leaves the tests' own memory as it is."""
    monkeypatch.setattr(app, "keep_memory", lambda: None)
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path))
    return tmp_path


def test_it_ends_when_it_is_told_to(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(lambda: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(app, "build_demo", lambda config: page)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 0
    assert page.closed
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_asks_for_a_password_where_there_are_accounts(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(lambda: None)
    monkeypatch.setattr(app, "build_demo", lambda config: page)
    assert app.main() == 0
    assert page.options["auth"] is None
    Accounts(data).add("Ann", "correct horse")
    assert app.main() == 0
    assert page.options["auth"]("Ann", "correct horse")
    assert not page.options["auth"]("Ann", "battery staple")


def test_damaged_accounts_are_named_and_let_nobody_in(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "build_demo", lambda config: pytest.fail("the page was built"))
    (data / ACCOUNTS_NAME).write_text('{"Ann": "not$base64"}')
    assert app.main() == 2
    assert capsys.readouterr().err == f"rvernet_app: {data / ACCOUNTS_NAME} is not a list of accounts.\n"
