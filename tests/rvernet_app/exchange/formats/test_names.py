"""File names that are safe on every system."""

from __future__ import annotations

import pytest

from rvernet_app.exchange.formats.names import MAX_BYTES, safe_name, safe_names


@pytest.mark.parametrize("name", ["rice", "crème; fraîche, ½", "=cmd", "IMG_0012", "a.b", "米饭", "console"])
def test_a_safe_name_is_not_changed(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", "a_b"),
        ("a\\b:c*?", "a_b_c__"),
        ("..", "__"),
        (".", "_"),
        (".hidden", "_hidden"),
        ("ends.", "ends_"),
        ("", "_"),
        (" \t ", "_"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("lpt1", "_lpt1"),
        ("two\nlines", "two lines"),
        ("line\u2028break", "line break"),
        ("bell\x07", "bell_"),
        ("right\u202eleft", "right_left"),
        ("half \ud800", "half _"),
        ("e\u0301", "é"),
    ],
)
def test_forbidden_characters_and_names_are_replaced(text: str, expected: str) -> None:
    assert safe_name(text) == expected


def test_a_long_name_is_cut_between_characters() -> None:
    assert safe_name("é" * 200) == "é" * (MAX_BYTES // 2)
    assert safe_name("x" + "米" * 100) == "x" + "米" * ((MAX_BYTES - 1) // 3)


def test_equal_safe_names_are_numbered() -> None:
    assert safe_names(["a/b", "a?b", "a_b", "A_B"]) == ["a_b-3", "a_b-4", "a_b", "A_B-2"]


def test_a_number_in_use_is_skipped() -> None:
    assert safe_names(["a/b", "a_b", "a_b-2"]) == ["a_b-3", "a_b", "a_b-2"]
