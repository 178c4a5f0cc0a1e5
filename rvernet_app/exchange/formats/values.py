"""Read values that other programs write in more than one way: numbers as texts, whole numbers as 1.0."""

from __future__ import annotations

import math


def number_of(value: object) -> float | None:
    """Return a finite number, also if it is written as a text; else None. True and False are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def whole_of(value: object) -> int | None:
    """Return a whole number, also of 1.0, "1" and "1.0"; else None."""
    number = number_of(value)
    return None if number is None or number % 1 else int(number)


def key_of(value: object) -> str | None:
    """Return an id as text: 1, 1.0, "1" and "1.0" are one id. None if it is neither a number nor a text."""
    if isinstance(value, str):
        whole = whole_of(value) if value.endswith(".0") else None
        return value if whole is None else str(whole)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # exact, unlike a float of many digits
    number = number_of(value)
    if number is None:
        return None
    return str(int(number)) if number % 1 == 0 else str(number)


def flag_of(value: object) -> bool:
    """Return True for a flag that is set: 1, 1.0, "1", true or "true"."""
    if isinstance(value, str) and value.strip().lower() == "true":
        return True
    return value is True or number_of(value) not in (None, 0.0)
