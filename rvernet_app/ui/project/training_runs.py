"""Train on a project from the page: start the process, tell its progress, use its checkpoint.

A training ends with the server that started it: its stdin is a pipe whose other end only the server holds, so
it notices however the server ends. The server reads the progress from `progress.jsonl` in the folder of the
run, whose format is in `training.shared.progress`. At the next start the server finds the last training by
its folder: its checkpoint can still be used, or the page tells how it ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rvernet_app import files
from rvernet_app.errors import CheckpointError, StoreError
from rvernet_app.pipeline import Pipeline
from rvernet_app.store import projects
from rvernet_app.store.database import Store
from rvernet_app.store.roles import Actor, Role, role_of
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import Engine, TrainingState
from rvernet_app.ui.project.requests import StartTraining
from rvernet_app.ui.requests import Empty

ROOT = Path(__file__).resolve().parents[3]
"""Folder of this package, and of the training package beside it: a clone, or site-packages."""
PROGRAM = (sys.executable, "-m", "training.on_project")
FOLDER_NAME = "training"
"""In the data folder: holds a folder for each training."""
IN_USE_NAME = "checkpoint.txt"
"""In the data folder: names the checkpoint in use, also for the next start."""
RUN_NAME, LOG_NAME, PROGRESS_NAME = "run.json", "log.txt", "progress.jsonl"
COMPARISON_NAME, CHECKPOINT_NAME = "comparison.json", "checkpoint"
TAIL_BYTES = 20_000
NO_ID = 0
"""An id that no project has."""
DEFAULT_EPOCHS, MAX_EPOCHS = 10, 200
CUT_SHORT = "It was cut short, perhaps for lack of memory; start it again."


@dataclass
class Run:
    """The last training.

    Attributes:
        folder: of its files.
        process: None where an earlier server started it.
        stopped: True after someone stopped it on the page.
        share: of the training steps that are done, 0 to 1; never falls.
        project_id: None where an older version of this program started it.
    """

    project: str
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    stopped: bool = False
    share: float = 0.0
    project_id: int | None = None

    @property
    def under_way(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_done(self) -> bool:
        """True after a training without errors; the comparison is the last file that it writes."""
        failed = self.process is not None and self.process.poll() != 0
        return not failed and self.comparison() is not None

    def comparison(self) -> dict[str, Any] | None:
        """Return how the new checkpoint compares with the old one; None without a whole comparison."""
        try:
            found = json.loads((self.folder / COMPARISON_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def progress(self) -> list[dict[str, Any]]:
        """Return the last lines of `progress.jsonl`; empty before the first."""
        lines = []
        for line in _tail(self.folder / PROGRESS_NAME).splitlines():
            with suppress(ValueError):  # cut by the tail, or not yet complete
                lines.append(json.loads(line))
        return [line for line in lines if isinstance(line, dict) and {"event", "stage"} <= line.keys()]

    def why_it_ended(self) -> str:
        """Return the reason for a failure: what the training reported, else the last line of its log."""
        progress = self.progress()
        if progress and progress[-1]["event"] == "failed":
            return str(progress[-1]["message"])
        ended_by_itself = self.process is not None and (self.process.poll() or 0) > 0
        said = [line.strip() for line in _tail(self.folder / LOG_NAME).splitlines() if line.strip()]
        return said[-1] if ended_by_itself and said else CUT_SHORT

    def let_go(self) -> None:
        """Close the pipe to a process that has ended."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def remember(self) -> None:
        """Save what the other files do not tell, for the next start of the server."""
        kept = {"project": self.project, "stopped": self.stopped, "project_id": self.project_id}
        files.write(self.folder / RUN_NAME, json.dumps(kept), durable=False)

    @classmethod
    def last_in(cls, parent: Path) -> Run | None:
        """Return the run that started last, None before the first."""
        for path in sorted(parent.glob(f"*/{RUN_NAME}"), reverse=True):
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                project_id = kept.get("project_id")
                return cls(
                    str(kept["project"]),
                    path.parent,
                    stopped=bool(kept["stopped"]),
                    project_id=project_id if isinstance(project_id, int) else None,
                )
            except (OSError, ValueError, KeyError, TypeError):  # damaged; an older one may do
                continue
        return None


class TrainingRuns:
    """Run at most one training at a time, for everyone on this server.

    Args:
        pipeline: gets the new classifier when someone uses the new checkpoint.
        facts: returns what the page tells about segmenter and model.
        program: the command to which the arguments of `training.on_project` are added.
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        facts: Callable[[], dict[str, Any]],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._store = store.acting
        self._data = store.folder
        self._pipeline = pipeline
        self._facts = facts
        self._program = program
        self._folder = store.folder.resolve() / FOLDER_NAME
        self._run = Run.last_in(self._folder)
        self._lock = threading.Lock()

    @property
    def handlers(self) -> list[StoreHandler]:
        """The requests of the page."""
        return [self.start_training, self.training, self.stop_training, self.use_checkpoint, self.engine]

    def start_training(self, asked: StartTraining, me: Actor) -> TrainingState:
        """Start the process, and reply as `training`."""
        with self._store(me).reading() as session:
            name = projects.project(session, asked.project, Role.ADMIN).name
        epochs = DEFAULT_EPOCHS if asked.epochs is None else asked.epochs
        if not 1 <= epochs <= MAX_EPOCHS:
            raise StoreError(f"A training takes 1 to {MAX_EPOCHS} rounds.")
        if not (ROOT / "training" / "on_project.py").is_file():
            raise StoreError("Training is not installed here.")
        with self._lock:
            if self._run is not None and self._run.under_way:
                on = f" on {self._run.project!r}" if self._run_of(me) else ""
                raise StoreError(f"A training{on} is under way on this server; one at a time.")
            folder = _new_folder(self._folder)
            run = Run(name, folder, self._start(name, folder, epochs), project_id=asked.project)
            run.remember()
            if self._run is not None:
                self._run.let_go()
            self._run = run
        return self._state(me)

    def _start(self, project: str, folder: Path, epochs: int) -> subprocess.Popen[bytes]:
        start = self._pipeline.config.checkpoint  # a folder, or an id on the Hugging Face Hub
        if Path(start).is_dir():
            start = Path(start).resolve()
        command = [
            *self._program,
            str(self._data.resolve()),
            f"--project={project}",
            f"--start={start}",
            f"--out={folder}",
            f"--epochs={epochs}",
            "--attended",
        ]
        with (folder / LOG_NAME).open("wb") as log:
            return subprocess.Popen(
                command,
                env=_environment(self._pipeline.config.database_url),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def training(self, asked: Empty, me: Actor) -> TrainingState:
        """Reply with the state of the last training."""
        return self._state(me)

    def _state(self, me: Actor) -> TrainingState:
        run = self._run_of(me)
        if run is None:
            return TrainingState(state="none")
        if run.under_way:
            run.share = max(run.share, _share(run.progress()))
            return TrainingState(state="running", project=run.project, share=run.share)
        if run.stopped:
            return TrainingState(state="stopped", project=run.project)
        if not run.is_done:
            return TrainingState(state="failed", project=run.project, said=run.why_it_ended())
        in_use = self._pipeline.config.checkpoint == run.folder / CHECKPOINT_NAME
        return TrainingState(state="done", project=run.project, comparison=run.comparison(), in_use=in_use)

    def _run_of(self, me: Actor) -> Run | None:
        """Return the last training; None where it is none of the visitor's projects, as far as they know."""
        run = self._run
        if run is None:
            return None
        with self._store(me).reading() as session:
            role = role_of(session, run.project_id or NO_ID)
        return run if role is Role.ADMIN else None

    def stop_training(self, asked: Empty, me: Actor) -> TrainingState:
        """Stop the process and keep its files."""
        run = self._run_of(me)
        if run is not None and run.process is not None and run.under_way:
            run.process.terminate()
            run.stopped = run.process.wait() != 0  # 0: it ended by itself just now
            run.remember()
        return self._state(me)

    def use_checkpoint(self, asked: Empty, me: Actor) -> Engine:
        """Use the new checkpoint for everyone, from now on and after the next start."""
        run = self._run_of(me)
        if run is None or self._state(me).state != "done":
            raise StoreError("There is no newly trained model to use.")
        made = run.folder / CHECKPOINT_NAME
        self._pipeline.use(made)
        in_folder = made.relative_to(self._folder.parent)  # the data folder may be moved
        files.write(self._data / IN_USE_NAME, str(in_folder), durable=True)
        return Engine(facts=self._facts())

    def engine(self, asked: Empty, me: Actor) -> Engine:
        """Reply with the segmenter and model at work; someone else may have changed the checkpoint."""
        return Engine(facts=self._facts())


def checkpoint_in_use(folder: Path) -> Path | None:
    """Return the checkpoint chosen on the page of a data folder, None if nobody chose one.

    Raises:
        CheckpointError: the file that names it is damaged or names something else, or the checkpoint is gone.
    """
    pointer = folder / IN_USE_NAME
    try:
        told = pointer.read_text(encoding="utf-8")
        trainings = folder.resolve() / FOLDER_NAME
        path = (folder.resolve() / told).resolve()
        known = path.is_relative_to(trainings) and path != trainings and path.is_dir()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # not text, or no name of a file
        raise CheckpointError(f"{pointer} is damaged; remove it, or choose a training again.") from error
    if not known:
        raise CheckpointError(
            f"{pointer} names {told[:200]!r}, where no training left a checkpoint; "
            "remove it, or choose a training again."
        )
    return path


def _environment(database_url: str) -> dict[str, str]:
    """Return the environment in which a process finds the training package from any folder."""
    given = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    found = {
        **given,
        "PYTHONUNBUFFERED": "1",  # or the last line of the log would be lost when the process is killed
        "PYTHONSAFEPATH": "1",  # a folder `training` in the current folder is not the package
        "RVERNET_DATABASE_URL": database_url,
    }
    if str(ROOT) != sysconfig.get_path("purelib"):  # in a clone
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return found


def _new_folder(parent: Path) -> Path:
    """Make a folder named by the time in UTC, to the microsecond, so that names sort by the start."""
    folder = parent / f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S-%f}"
    folder.mkdir(parents=True)
    return folder


def _tail(path: Path) -> str:
    """Return the end of a text file, "" if the file does not exist."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").replace("\r", "\n")
    except FileNotFoundError:
        return ""


def _share(progress: Sequence[Mapping[str, Any]]) -> float:
    """Return the share of the training steps that are done, from lines of `progress.jsonl`."""
    steps = [line for line in progress if line["stage"] == "train" and line["total"]]
    return steps[-1]["done"] / steps[-1]["total"] if steps else 0.0
