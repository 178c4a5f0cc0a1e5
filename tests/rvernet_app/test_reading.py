"""Files from outside are read within their bounds."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from rvernet_app.reading import read_bytes


def test_a_high_limit_takes_no_memory_for_a_small_file(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"rice")
    tracemalloc.start()
    try:
        assert read_bytes(tmp_path / "small", 8 * 10**9) == b"rice"
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 3, 4])
def test_a_file_of_the_limit_is_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"r" * size)
    assert read_bytes(tmp_path / "file", 4) == b"r" * size


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"rices")
    with pytest.raises(OSError, match="over the limit"):
        read_bytes(tmp_path / "file", 4)
