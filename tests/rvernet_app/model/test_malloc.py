"""Memory settings of glibc."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest

from rvernet_app.model import malloc


def test_memory_can_be_allocated_after_two_calls() -> None:
    malloc.keep_memory()
    malloc.keep_memory()
    assert np.ones(50_000_000, np.uint8).sum() == 50_000_000


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", None)
    malloc.keep_memory()
