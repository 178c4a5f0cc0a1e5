"""Names that people gave -> names that files and folders may have, on any system."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MAX_BYTES = 150
"""Of a name, in UTF-8; room is left for what is added to it below the 255 that file systems allow."""

_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)
"""Names that Windows keeps for itself, whatever ending they have."""


def safe_name(text: str) -> str:
    """A name like the text, with "_" for what a file's name may not hold; one that may stay is not changed.

    It is a single name, never a path; it is not hidden, and nothing that lists names line by line can break it.
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
    """A name for each of several different texts, no two the same, upper and lower case being the same.

    A text that is a safe name has it to itself; what another text would share with it gets a number.
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
