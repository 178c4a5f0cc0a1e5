"""Training on a project from the page: a process of its own, how far it is, and taking what it made into use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rvernet_app.errors import StoreError
from rvernet_app.pipeline import Pipeline
from rvernet_app.store import projects
from rvernet_app.store.database import Store
from rvernet_app.ui.handlers import Reply
from rvernet_app.ui.messages import number

IN_USE_NAME = "checkpoint.txt"
"""In the data folder: the checkpoint taken into use, which the next start uses too."""
LOG_NAME, COMPARISON_NAME = "log.txt", "comparison.json"
TAIL_BYTES = 4000
DEFAULT_EPOCHS, MAX_EPOCHS = 10, 200


@dataclass
class Run:
    """A training under way or done; its files are in `folder`."""

    project: str
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)


class TrainingRuns:
    """At most one training at a time, for everyone on this server.

    Args:
        pipeline: its classifier is replaced when a new checkpoint is taken into use.
        facts: what the page says of the engine.
    """

    def __init__(self, store: Store, pipeline: Pipeline, facts: Callable[[], Reply]) -> None:
        self._store = store
        self._pipeline = pipeline
        self._facts = facts
        self._run: Run | None = None
        self._lock = threading.Lock()

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.start_training, self.training, self.stop_training, self.use_checkpoint]

    def start_training(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "epochs"} -> as `training`, once the process has started."""
        epochs = int(number(message, "epochs", DEFAULT_EPOCHS))
        if not 1 <= epochs <= MAX_EPOCHS:
            raise StoreError(f"A training takes 1 to {MAX_EPOCHS} epochs.")
        with self._store.reading() as session:
            name = projects.project(session, int(number(message, "project"))).name
        with self._lock:
            if self._run is not None and self._run.process.poll() is None:
                raise StoreError(f"A training on {self._run.project!r} is under way; one at a time.")
            folder = _new_folder(self._store.folder / "training")
            command = [
                *(sys.executable, "-m", "training.on_project", str(self._store.folder), "--project", name),
                *("--start", str(self._pipeline.config.checkpoint), "--out", str(folder)),
                *("--epochs", str(epochs)),
            ]
            with (folder / LOG_NAME).open("wb") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            self._run = Run(name, folder, process)
        return self.training(message, me)

    def training(self, message: Mapping[str, Any], me: str) -> Reply:
        """How far the training is: {"state": "none", "running", "failed" or "done", "share", "said", "comparison"}."""
        run = self._run
        if run is None:
            return {"state": "none"}
        status = run.process.poll()  # first, or its last words could be missed
        said = _tail(run.folder / LOG_NAME)
        if status is None:
            return {"state": "running", "project": run.project, "share": _share(said)}
        comparison = run.folder / COMPARISON_NAME
        if status != 0 or not comparison.is_file():
            lines = [line for line in said.splitlines() if line.strip()]
            return {
                "state": "failed",
                "project": run.project,
                "said": lines[-1] if lines else "It was stopped.",
            }
        return {"state": "done", "project": run.project, "comparison": json.loads(comparison.read_text())}

    def stop_training(self, message: Mapping[str, Any], me: str) -> Reply:
        """End the process; what it saved stays in its folder."""
        if self._run is not None:
            self._run.process.terminate()
            self._run.process.wait()
        return self.training(message, me)

    def use_checkpoint(self, message: Mapping[str, Any], me: str) -> Reply:
        """Take the new checkpoint into use, for everyone, now and after the next start."""
        run = self._run
        if run is None or self.training(message, me)["state"] != "done":
            raise StoreError("There is no new checkpoint to use.")
        made = run.folder / "checkpoint"
        self._pipeline.use(made)
        (self._store.folder / IN_USE_NAME).write_text(str(made), encoding="utf-8")
        return {"facts": self._facts()}


def checkpoint_in_use(folder: Path) -> Path | None:
    """The checkpoint that was taken into use in a data folder, None where none was or it is gone."""
    try:
        path = Path((folder / IN_USE_NAME).read_text(encoding="utf-8"))
    except OSError:
        return None
    return path if path.is_dir() else None


def _new_folder(parent: Path) -> Path:
    """A folder named by the time; two in one second are told apart."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=parent))


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode("utf-8", errors="replace").replace("\r", "\n")


def _share(said: str) -> float:
    """How far the progress bar of the steps is, the last time it was drawn."""
    found = re.findall(r"(\d+)/(\d+) \[[^\]]*step", said)
    return int(found[-1][0]) / max(1, int(found[-1][1])) if found else 0.0
