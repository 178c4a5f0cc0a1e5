import numpy as np

from rvernet_app.model import malloc


def test_it_may_be_called_again_and_memory_still_works():
    malloc.keep_memory()
    malloc.keep_memory()
    assert np.ones(50_000_000, np.uint8).sum() == 50_000_000


def test_elsewhere_nothing_is_touched(monkeypatch):
    monkeypatch.setattr(malloc.sys, "platform", "darwin")
    monkeypatch.setattr(malloc.ctypes, "CDLL", None)
    malloc.keep_memory()
