"""No part of a CSV cell runs as a formula, whatever a spreadsheet takes for the end of a cell."""

from __future__ import annotations

import csv
import io
import re

import pytest

from rvernet_app.spreadsheet import as_typed, neutral

HOSTILE = (
    "=1+1",
    " =1+1",
    "a;=1+1",
    "a; \t=1+1",
    "a\n=1+1",
    "a\r-2",
    'a";"=1+1',
    "a;;@SUM(A1)",
    "\t=1",
    "+1;-1",
    "＝1",
    "x\t\u00a0＋1",
)


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_no_reader_finds_a_formula(separator: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([[neutral(text), neutral(text)] for text in HOSTILE])
    cells = [
        cell
        for row in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=separator)
        for cell in row
    ]
    torn = re.split(r"[\n\r" + separator + "]", file.getvalue()) if separator != "," else cells
    for cell in (*cells, *torn):
        assert not cell.strip(' "\u00a0').startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")), cell


@pytest.mark.parametrize("text", [*HOSTILE, "rice", "it's", "1-2", "a, -b", ""])
def test_what_was_typed_comes_back(text: str) -> None:
    assert as_typed(str(neutral(text))) == text


def test_other_texts_and_numbers_stay() -> None:
    assert [neutral(cell) for cell in ("a-b", "half, -5 g", 2.0, -2.5, None)] == [
        "a-b",
        "half, -5 g",
        2,
        -2.5,
        None,
    ]
