"""The targets by name. A target's module is imported when it is needed: some import much."""

from __future__ import annotations

import importlib

from tests.fuzz.target import Target

_PLACES = {
    "photos": "photos:Photos",
    "labels": "labels:Labels",
    "coco": "imports:Coco",
    "labelme": "imports:Labelme",
    "yolo": "imports:Yolo",
    "archives": "imports:Archives",
    "backups": "backups:Backups",
    "checkpoints": "checkpoints:Checkpoints",
    "messages": "messages:Messages",
    "web": "web:Web",
    "login": "web:Login",
    "commands": "commands:Commands",
}
NAMES = tuple(_PLACES)
"""The targets of a run; `target_named` knows one more, "naughty", which tries the runner itself."""


def target_named(name: str) -> Target:
    """Return a new target."""
    module, _, kind = {**_PLACES, "naughty": "naughty:Naughty"}[name].partition(":")
    made: Target = getattr(importlib.import_module(f"tests.fuzz.targets.{module}"), kind)()
    return made
