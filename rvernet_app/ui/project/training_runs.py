"""Training on a project from the page: a process of its own, how far it is, and taking what it made into use.

A training ends with the server that started it: its standard input is a pipe whose other end the server alone holds, so
it notices however the server ends. The last training is found again at the next start by what lies in its folder: its
checkpoint can still be taken into use, or the page says how it ended.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rvernet_app.errors import StoreError
from rvernet_app.pipeline import Pipeline
from rvernet_app.store import projects
from rvernet_app.store.database import Store
from rvernet_app.ui.requests import number
from rvernet_app.ui.visitor.handlers import Reply

ROOT = Path(__file__).resolve().parents[3]
"""Where the package lies, and the training package beside it."""
FOLDER_NAME = "training"
"""In the data folder: a folder for each training."""
IN_USE_NAME = "checkpoint.txt"
"""In the data folder: the checkpoint taken into use, which the next start uses too."""
RUN_NAME, LOG_NAME, COMPARISON_NAME, CHECKPOINT_NAME = "run.json", "log.txt", "comparison.json", "checkpoint"
TAIL_BYTES = 20_000
DEFAULT_EPOCHS, MAX_EPOCHS = 10, 200
CUT_SHORT = "It was cut short, perhaps for lack of memory; start it again."
STEPS_DONE = re.compile(r"(\d+)/(\d+) \[[^\]]*step")
"""In the progress bar of the steps, and in no other."""
PROGRESS_BAR = re.compile(r"\d+%\||\d+/\d+ \[")


@dataclass
class Run:
    """The last training.

    Attributes:
        folder: of its files.
        process: None where an earlier server started it.
        stopped: by someone on the page.
        share: of its steps that are known to be done.
    """

    project: str
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    stopped: bool = False
    share: float = 0.0

    @property
    def under_way(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_done(self) -> bool:
        """Whether it came to its end; the comparison is what it writes last."""
        failed = self.process is not None and self.process.poll() != 0
        return not failed and (self.folder / COMPARISON_NAME).is_file()

    def let_go(self) -> None:
        """Close the pipe to a process that has ended."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def remember(self) -> None:
        """Keep for the next start what its other files do not tell."""
        kept = {"project": self.project, "stopped": self.stopped}
        (self.folder / RUN_NAME).write_text(json.dumps(kept), encoding="utf-8")

    @classmethod
    def last_in(cls, parent: Path) -> Run | None:
        """The run that was begun last, None where there is none."""
        for path in sorted(parent.glob(f"*/{RUN_NAME}"), reverse=True):
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                return cls(str(kept["project"]), path.parent, stopped=bool(kept["stopped"]))
            except (OSError, ValueError, KeyError, TypeError):  # the server was killed while it wrote
                continue
        return None


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
        self._folder = store.folder.resolve() / FOLDER_NAME
        self._run = Run.last_in(self._folder)
        self._lock = threading.Lock()

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.start_training, self.training, self.stop_training, self.use_checkpoint, self.engine]

    def start_training(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project", "epochs"} -> as `training`, once the process has started."""
        epochs = int(number(message, "epochs", DEFAULT_EPOCHS))
        if not 1 <= epochs <= MAX_EPOCHS:
            raise StoreError(f"A training takes 1 to {MAX_EPOCHS} epochs.")
        with self._store.reading() as session:
            name = projects.project(session, int(number(message, "project"))).name
        if not (ROOT / "training" / "on_project.py").is_file():
            raise StoreError(f"Training is not installed here: there is no folder `training` in {ROOT}.")
        with self._lock:
            if self._run is not None and self._run.under_way:
                raise StoreError(f"A training on {self._run.project!r} is under way; one at a time.")
            folder = _new_folder(self._folder)
            run = Run(name, folder, self._start(name, folder, epochs))
            run.remember()
            if self._run is not None:
                self._run.let_go()
            self._run = run
        return self.training(message, me)

    def _start(self, project: str, folder: Path, epochs: int) -> subprocess.Popen[bytes]:
        start = self._pipeline.config.checkpoint  # a folder, or an id on the Hub
        command = [
            *(sys.executable, "-m", "training.on_project", str(self._store.folder.resolve())),
            *("--project", project, "--out", str(folder), "--epochs", str(epochs), "--attended"),
            *("--start", str(Path(start).resolve() if Path(start).is_dir() else start)),
        ]
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",  # or the last line of the log would not be the last word
            "RVERNET_DATABASE_URL": self._pipeline.config.database_url,
        }
        with (folder / LOG_NAME).open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def training(self, message: Mapping[str, Any], me: str) -> Reply:
        """How far the training is.

        {"state": "none", "running", "stopped", "failed" or "done", "project"}; while it is running with "share", failed
        with what was "said" last, done with its "comparison" and whether its checkpoint is "in_use".
        """
        run = self._run
        if run is None:
            return {"state": "none"}
        under_way = run.under_way  # first, or its last words could be missed
        said = _tail(run.folder / LOG_NAME)
        if under_way:
            run.share = max(run.share, _share(said))
            return {"state": "running", "project": run.project, "share": run.share}
        if run.stopped:
            return {"state": "stopped", "project": run.project}
        if not run.is_done:
            return {"state": "failed", "project": run.project, "said": _last_words(said)}
        in_use = self._pipeline.config.checkpoint == run.folder / CHECKPOINT_NAME
        comparison = json.loads((run.folder / COMPARISON_NAME).read_text(encoding="utf-8"))
        return {"state": "done", "project": run.project, "comparison": comparison, "in_use": in_use}

    def stop_training(self, message: Mapping[str, Any], me: str) -> Reply:
        """End the process; what it saved stays in its folder."""
        run = self._run
        if run is not None and run.process is not None and run.under_way:
            run.process.terminate()
            run.stopped = run.process.wait() != 0  # 0: it was done in this very moment
            run.remember()
        return self.training(message, me)

    def use_checkpoint(self, message: Mapping[str, Any], me: str) -> Reply:
        """Take the new checkpoint into use, for everyone, now and after the next start."""
        run = self._run
        if run is None or self.training(message, me)["state"] != "done":
            raise StoreError("There is no new checkpoint to use.")
        made = run.folder / CHECKPOINT_NAME
        self._pipeline.use(made)
        in_folder = made.relative_to(self._folder.parent)  # the data folder may be moved
        (self._store.folder / IN_USE_NAME).write_text(str(in_folder), encoding="utf-8")
        return {"facts": self._facts()}

    def engine(self, message: Mapping[str, Any], me: str) -> Reply:
        """What is at work now: someone else may have taken another checkpoint into use."""
        return {"facts": self._facts()}


def checkpoint_in_use(folder: Path) -> Path | None:
    """The checkpoint that was taken into use in a data folder, None where none was or it is gone."""
    try:
        path = folder.resolve() / (folder / IN_USE_NAME).read_text(encoding="utf-8")
    except OSError:
        return None
    return path if path.is_dir() else None


def _new_folder(parent: Path) -> Path:
    """A folder named by the time, to the microsecond and in UTC, so that names sort as trainings were begun."""
    folder = parent / f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S-%f}"
    folder.mkdir(parents=True)
    return folder


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").replace("\r", "\n")
    except FileNotFoundError:
        return ""


def _share(said: str) -> float:
    """How far the progress bar of the steps is, the last time it was drawn."""
    found = STEPS_DONE.findall(said)
    return int(found[-1][0]) / max(1, int(found[-1][1])) if found else 0.0


def _last_words(said: str) -> str:
    """Why a training ended: its last line, unless it came to say nothing any more."""
    lines = [line for line in said.splitlines() if line.strip()]
    return CUT_SHORT if not lines or PROGRESS_BAR.search(lines[-1]) else lines[-1].strip()
