"""`rvernet train …` hands its arguments to the training package, or says what is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from rvernet_app.cli.main import build_parser, main
from rvernet_app.cli.training import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_runs_the_module_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def call(command: list[str]) -> int:
        ran.append(command)
        return 3

    monkeypatch.setattr(subprocess, "call", call)
    assert main([name, "--data", "a b", "--help"]) == 3
    assert ran == [[sys.executable, "-m", f"training.{name}", "--data", "a b", "--help"]]
    assert importlib.util.find_spec(f"training.{name}") is not None


def test_the_help_lists_every_command() -> None:
    text = build_parser().format_help()
    assert all(f"    {name}" in text for name in COMMANDS)


@pytest.mark.parametrize("missing", ["training", "accelerate"])
def test_a_missing_package_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec

    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == missing else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    assert main(["train"]) == 2
    said = capsys.readouterr().err
    assert f"the package '{missing}'" in said
    assert said.count("\n") == 1
