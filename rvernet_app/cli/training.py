"""The training package's commands: `rvernet train …` starts `python -m training.train …`.

They run in a process of their own, as everything of `training` does that the app starts.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from rvernet_app.errors import ConfigError

COMMANDS = {
    "train": "train a RveRNet on labelled photos",
    "evaluate": "measure a checkpoint on labelled photos",
    "robustness": "measure a checkpoint under noise, wrong masks and other backgrounds",
    "focus": "measure where both modules look",
    "calibrate": "make a checkpoint's probabilities honest",
    "compare": "train and compare a grid of models",
    "push": "publish a checkpoint on the Hugging Face Hub",
}
"""Command -> what it does, and the module `training.<command>` that does it."""


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    """List the commands in the help; `run` takes their arguments."""
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose, add_help=False)


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one command of the training package and return its exit status.

    Args:
        arguments: options of the command, which it reads itself.

    Raises:
        ConfigError: the training package or a package it needs is not installed.
    """
    for needed in ("training", "accelerate"):
        if importlib.util.find_spec(needed) is None:
            raise ConfigError(
                f"Training needs the package {needed!r}, which is not installed. "
                "Install this program with its extra: pip install '.[train]'"
            )
    return subprocess.call([sys.executable, "-m", f"training.{name}", *arguments])
