"""The help text of a tree of options, from its dataclasses and their docstrings."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

WIDTH = 100
ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)")


def help_text(kind: type[Any], file: str) -> str:
    """Return what `--help` prints: every option with its default and what it means.

    Args:
        kind: the dataclass at the root of the tree.
        file: name of the argument for the options file.
    """
    lines = [f"--{file} FILE", "    a YAML file with options; those on the command line come over it"]
    for name, default, meaning in _options(kind, ""):
        lines.append(f"--{name}{default}")
        lines += textwrap.wrap(meaning, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _options(kind: type[Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield (dotted name, default, meaning) for each option.

    Options inside an option follow it. Those of a list, "name[].option", can be given in the file only.
    """
    meanings, kinds = _meanings(kind), get_type_hints(kind)
    for option in fields(kind):
        name = prefix + option.name
        inside = next(filter(is_dataclass, (kinds[option.name], *get_args(kinds[option.name]))), None)
        yield name, _default(option, inside is not None), meanings.get(option.name, "")
        if isinstance(inside, type):
            several = get_origin(kinds[option.name]) in (tuple, list, dict)
            yield from _options(inside, f"{name}[]." if several else f"{name}.")


def _default(option: Field[Any], nested: bool) -> str:
    if option.default is not MISSING:
        return f" (default: {option.default})" if not is_dataclass(option.default) else ""
    if option.default_factory is not MISSING:
        return "" if nested else f" (default: {option.default_factory()})"
    return " (required)"


def _meanings(kind: type[Any]) -> dict[str, str]:
    """Read the section "Attributes" of a docstring: field -> meaning, on one line."""
    _, _, section = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in textwrap.dedent(section.split("\n\n")[0]).splitlines():
        entry = ENTRY.match(line)
        if entry:
            names = entry[1].split(", ")
            found.update(dict.fromkeys(names, entry[2]))
        else:
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return found
