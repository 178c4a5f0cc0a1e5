"""Turn names that people gave into names for files and folders that every system accepts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MAX_BYTES = 150
"""Length limit in UTF-8. File systems allow 255; the rest is for what callers append."""

_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$")) | {
    f"{port}{n}" for port in ("COM", "LPT") for n in "123456789¹²³"
}
"""Names that Windows reserves, with any suffix."""


def safe_name(text: str) -> str:
    """Return a file name like the text, with "_" in place of forbidden characters. A safe name is not
    changed.

    The result is a single name and not a path, is not hidden, not empty, and has no line breaks.
    """
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    kept = "".join("_" if c in _FORBIDDEN or unicodedata.category(c)[0] == "C" else c for c in composed)
    short = kept.encode()[:MAX_BYTES].decode(errors="ignore").strip()
    if short.startswith("."):
        short = f"_{short[1:]}"
    if short.endswith("."):
        short = f"{short[:-1]}_"
    if short.split(".")[0].strip().upper() in _DEVICES:
        short = f"_{short}"
    return short or "_"


def safe_names(texts: Sequence[str]) -> list[str]:
    """Return a safe name for each of several different texts; no two names differ only in case.

    A text that is a safe name keeps it, and other texts that would get the same name get a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in sorted(texts, key=lambda text: safe_name(text) != text):
        base, number = safe_name(text), 1
        while (name := base if number == 1 else f"{base}-{number}").casefold() in taken:
            number += 1
        taken.add(name.casefold())
        names[text] = name
    return [names[text] for text in texts]
