import numpy as np

from rvernet_app import memory


def test_it_may_be_called_again_and_memory_still_works():
    memory.keep_memory()
    memory.keep_memory()
    assert np.ones(50_000_000, np.uint8).sum() == 50_000_000


def test_elsewhere_nothing_is_touched(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", None)
    memory.keep_memory()
