"""Keep cells of CSV files from running as formulas in a spreadsheet.

A spreadsheet that expects semicolons or tabs splits a file with commas at those, also inside quotes, and at
line breaks inside cells. So what follows one of them can become a cell of its own.
"""

from __future__ import annotations

import re

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The wide signs are for spreadsheets in East Asian languages, which read them like the narrow ones."""

_SIGNS = "=+@＝＋－＠-"
_BEFORE = r"(^|[;\t\r\n])([ \u00a0\"]*)"
_FORMULA = re.compile(f"{_BEFORE}(?=[{_SIGNS}])")
_NEUTRAL = re.compile(f"{_BEFORE}'(?=[{_SIGNS}])")

Cell = str | int | float | None


def neutral(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet runs as a formula, whatever it takes for the end of a cell.

    An apostrophe is put before what would start a formula. Whole floats become integers.
    """
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if not isinstance(cell, str):
        return cell
    quiet = _FORMULA.sub(r"\1\2'", cell)
    return f"'{quiet}" if quiet.startswith(FORMULA_STARTS) else quiet


def as_typed(cell: str) -> str:
    """Undo `neutral` for a text."""
    if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS):
        cell = cell[1:]
    return _NEUTRAL.sub(r"\1\2", cell)
