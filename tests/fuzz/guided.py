"""Inputs guided by coverage, where atheris is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.outcome import ROOT


def fuzz_all(counts: dict[str, int], seed: int, place: Path, log: Callable[[str], None]) -> int:
    """Run every target under atheris, one after the other; return 1 if one of them failed."""
    if importlib.util.find_spec("atheris") is None:
        log("atheris is not installed; pip install atheris, or leave GUIDED away")
        return 2
    failed = 0
    for name, count in counts.items():
        log(f"{name}: {count} inputs")
        command = [sys.executable, "-m", "tests.fuzz.guided_child", name, str(seed), str(count), str(place)]
        failed |= bool(subprocess.call(command, cwd=ROOT))
    return failed
