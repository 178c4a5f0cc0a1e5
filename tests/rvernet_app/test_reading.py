"""Files from outside: what is no file, is too large or is nested too deeply is refused with a sentence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rvernet_app.errors import PhotoError
from rvernet_app.picture.photos import read_photo
from rvernet_app.reading import bounded_lines, is_text, json_of, lines_of, open_file, read_bytes, read_text

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@needs_pipes
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    pipe, place = tmp_path / "pipe.jpg", tmp_path / "socket.jpg"
    os.mkfifo(pipe)
    link, loop = tmp_path / "link.jpg", tmp_path / "loop.jpg"
    link.symlink_to(pipe)
    loop.symlink_to(loop)
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket must be short
        try:
            listening.bind(place.name)
        finally:
            os.chdir(here)
        for path in (pipe, place, link, Path("/dev/zero"), tmp_path):
            with pytest.raises(OSError, match="it is not a file"):
                open_file(path)
        with pytest.raises(OSError, match="symbolic links"):
            open_file(loop)
        with pytest.raises(PhotoError, match="it is not a file"):
            read_photo(pipe, max_mb=1, max_megapixels=1)


def test_no_more_is_read_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"x" * 2_000_001)
    with pytest.raises(OSError, match=r"it has 2\.0 MB, over the limit of 2 MB"):
        read_bytes(path, 2_000_000)
    assert len(read_bytes(path, 2_000_001)) == 2_000_001


def test_lines_end_at_line_breaks_only(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffa\x0bb\r\nc\u2028d\re\n\nf".encode())
    assert lines_of(read_text(path)) == ["a\x0bb", "c\u2028d", "e", "", "f"]
    assert lines_of("") == []
    assert lines_of("a\n") == ["a"]


@pytest.mark.parametrize("text", ["[]," * 10, '{"a":{},' * 10, "[1," * 10, '"",' * 40])
def test_json_has_a_limit_on_what_it_becomes_in_memory(text: str) -> None:
    with pytest.raises(ValueError, match="too many values"):
        json_of(text, most=len(text) + 10)


def test_json_of_deep_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        json_of("[" * 100_000)
    assert json_of('{"a": [1, "b"]}'.encode("utf-16")) == {"a": [1, "b"]}


def test_long_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"12\n345\n6")
    with open_file(path) as file:
        assert list(bounded_lines(file, 4)) == [b"12\n", b"345\n", b"6"]
    with open_file(path) as file, pytest.raises(ValueError, match="a line has more than"):
        list(bounded_lines(file, 3))


def test_a_text_has_neither_nulls_nor_lone_surrogates() -> None:
    assert [is_text(text) for text in ("Äpfel \U0001f34e", "a\0b", "a\udc80b")] == [True, False, False]
