"""Keep cells of CSV files from running as formulas in a spreadsheet."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The wide signs are for spreadsheets in East Asian languages, which read them like the narrow ones."""

Cell = str | int | float | None


def neutral(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet runs as a formula.

    A text that starts like a formula gets an apostrophe in front. Whole floats become integers.
    """
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def as_typed(cell: str) -> str:
    """Undo `neutral` for a text."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell
