"""Messages for visitors hold no path of the server; commands and the log keep them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from rvernet_app.config import home
from rvernet_app.environment import redacted

MAX_LENGTH = 2000
"""Characters of a message that a visitor gets; longer ones are cut."""

_PACKAGE = Path(__file__).resolve().parents[2]
_WITHIN = r"[^/\\\s\"'<>|:;,()]"
_PART = rf"{_WITHIN}(?:[^/\\\n\"'<>|:;,]*{_WITHIN})?"
_ABSOLUTE = re.compile(rf"(?<![\w:/\\.~-])(?:[A-Za-z]:[\\/]|\\\\|/)(?:{_PART}[\\/]+)*({_WITHIN}*)")
"""An absolute path. Its folders may have spaces between other characters; its last name is the group."""


def without_paths(text: str) -> str:
    """Return a text with each absolute path replaced by its last name.

    What lies below a folder that the environment names is left as a relative path.
    """
    text = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"
    for root in sorted(_roots(os.environ), key=len, reverse=True):
        text = text.replace(f"{root}{os.sep}", "").replace(root, Path(root).name)
    return _ABSOLUTE.sub(_last_name, text)


def for_visitors(error: Exception) -> str:
    """Return the message of an error without secrets and paths."""
    return without_paths(redacted(str(error)))


Told = Annotated[str, AfterValidator(without_paths)]
"""A sentence of a reply that may come from an error or from another program."""


def _last_name(found: re.Match[str]) -> str:
    last = found.group(1)
    if last:
        return last
    parts = re.split(r"[\\/]+", found.group().rstrip("\\/"))
    return parts[-1] if len(parts) > 1 else found.group()


def _roots(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the folders that messages may name, also those whose names hold spaces or quotes."""
    named = [text for name, text in environ.items() if re.fullmatch(r"RVERNET_\w+_DIR|TMPDIR|HF_HOME", name)]
    for folder in (*named, str(home()), tempfile.gettempdir(), str(_PACKAGE)):
        whole = folder.rstrip("\\/")
        if Path(whole).is_absolute() and Path(whole).name:
            yield whole
