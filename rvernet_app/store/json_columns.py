"""Write and read JSON columns: nothing is written that another database or a browser cannot read again."""

from __future__ import annotations

import json
from typing import Any

from rvernet_app.reading import is_text


def written(value: Any) -> str:
    """Return the text of a JSON column.

    Raises:
        ValueError: a text in it has characters that cannot be kept, or it is nested too deeply.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
        safe = json.dumps(value)
    except RecursionError as error:
        raise ValueError("a value is nested too deeply.") from error
    if not is_text(text) or "\\u0000" in safe:
        raise ValueError("a text holds characters that cannot be kept.")
    return safe


def read(column: str | bytes) -> Any:
    """Return the value of a JSON column, which PostgreSQL's driver gives as bytes.

    Lone surrogates, which older versions kept, become replacement characters: no browser can be sent them.
    """
    value = json.loads(column)
    text = column if isinstance(column, str) else column.decode()
    return _mended(value) if "\\ud" in text.lower() else value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    return value
