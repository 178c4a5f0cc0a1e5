"""Progress of a run: lines of JSON for programs, bars for a terminal.

A run appends to `progress.jsonl` in its output folder, one JSON object per line, flushed line by line. A run that
continues after an interruption appends to the same file, so the last line always tells the present state. Every line has

    event   "stage": a stage begins. "step": some of its work is done. "epoch": an epoch of the training is done.
            "done": the run is complete. "failed": the run ended with an error.
    stage   name of the present stage, "" before the first; the optimization is the stage "train"
    done    units of work done in this stage (steps of "train", runs of a comparison)
    total   units of work in this stage; 0 where nobody knows
    at      ISO 8601 time in UTC

and may have more: "loss" on "step", the record of `metrics.jsonl` on "epoch", "message" (one line of text) on "failed".
Numbers that are not finite are null. A process that is killed writes neither "done" nor "failed". For example:

    {"event": "stage", "stage": "train", "done": 0, "total": 2, "at": "2026-01-31T12:00:00+00:00"}
    {"event": "step", "stage": "train", "done": 1, "total": 2, "at": "2026-01-31T12:00:01+00:00", "loss": 0.6931}
    {"event": "failed", "stage": "train", "done": 1, "total": 2, "at": "…", "message": "The disk is full."}
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

PROGRESS_NAME = "progress.jsonl"


class Progress:
    """Report the progress of a run; as a context manager also how the run ends.

    An error before the first stage is not reported: a run that is refused leaves the folder of another one as it is.

    Args:
        folder: gets `progress.jsonl`; made when missing. None reports nothing. A bar is drawn only where stderr is a
            terminal.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / PROGRESS_NAME
        self._stage, self._done, self._total = "", 0, 0
        self._bar: tqdm[Any] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_bar()
        if error is None:
            self._write("done")
        elif self._stage:
            with suppress(OSError):  # the error that ended the run says more
                self.failed(one_line(error))

    def stage(self, name: str, total: int = 0, done: int = 0, unit: str = "it") -> None:
        """Begin a stage.

        Args:
            total: units of work; 0 for unknown, which draws no bar.
            done: units done before, by a run that is continued.
            unit: what the bar calls one unit.
        """
        self._close_bar()
        self._stage, self._done, self._total = name, done, total
        if self._path is not None and total:
            self._bar = tqdm(desc=name, total=total, initial=done, unit=unit, disable=None)
        self._write("stage")

    def step(self, done: int, **facts: float) -> None:
        """Report the units of work done so far in this stage, with facts such as the loss."""
        self._done = done
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.3f}" for name, value in facts.items()}, refresh=False)
            self._bar.update(done - self._bar.n)
        self._write("step", facts)

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Report the end of an epoch, and print its record."""
        if self._path is not None:
            tqdm.write(json.dumps(dict(record)))
        self._write("epoch", record)

    def failed(self, message: str) -> None:
        """Report that the run ends with an error."""
        self._write("failed", {"message": message})

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _write(self, event: str, facts: Mapping[str, Any] | None = None) -> None:
        if self._path is None:
            return
        line = {
            "event": event,
            "stage": self._stage,
            "done": self._done,
            "total": self._total,
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **{name: _or_null(value) for name, value in (facts or {}).items()},
        }
        with self._lock:  # the watch on standard input reports from a thread of its own
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line; an error without a message gives its name."""
    return " ".join(str(error).split()) or type(error).__name__


def _or_null(value: Any) -> Any:
    """Return the value, None for a number that JSON cannot hold."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
