"""The docstring of `rvernet_app.errors` shows every error class of the project."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from rvernet_app import errors

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"(?P<indent> *)[*x+] (?P<name>\w+)(?: \((?P<module>[\w.]+)\))?")

Error = tuple[str, str, str]
"""Name, base class and defining module."""


def printed() -> set[Error]:
    """Errors in the tree of the docstring."""
    found: set[Error] = set()
    above: list[str] = ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            continue
        depth = len(match["indent"]) // 2
        del above[depth + 1 :]
        found.add((match["name"], above[-1], match["module"] or errors.__name__))
        above.append(match["name"])
    return found


def defined() -> set[Error]:
    """Classes in the source of both packages that derive from RvernetError."""
    bases: dict[str, tuple[str, str]] = {}
    for package in ("rvernet_app", "training"):
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.ClassDef) and node.bases and isinstance(node.bases[0], ast.Name):
                    bases[node.name] = node.bases[0].id, module
    ours = {"RvernetError"}
    while more := {name for name, (base, _) in bases.items() if base in ours} - ours:
        ours |= more
    return {(name, *bases[name]) for name in ours}


def test_the_docstring_shows_every_error_under_its_base_class() -> None:
    assert printed() == defined()
