"""Run work in a forked process and kill it with SIGKILL at a chosen moment."""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = frozenset(("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate"))
"""Audit events of Python that change the disk."""
MOST_SECONDS = 120.0
END = b"\n.\n"
"""What a process says when it has done its work; it then waits to be killed."""

Tell = Callable[[str], None]
Work = Callable[[Tell], None]


@dataclass(frozen=True)
class Moment:
    """When a process dies: before its nth change of the disk, after so many seconds, or after its work."""

    change: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        if self.change is None and self.seconds is None:
            return "the end"
        return f"change {self.change}" if self.change else f"{1000 * (self.seconds or 0):.1f} ms"


@dataclass(frozen=True)
class Rehearsal:
    """An operation that nobody interrupted: the number of its changes of the disk, and its seconds."""

    changes: int
    seconds: float

    def moment(self, draw: random.Random) -> Moment:
        """Draw a moment at which the operation is under way, or just over."""
        kind = draw.choices(("change", "time", "end"), (6, 3, 1))[0]
        if kind == "change":
            return Moment(change=draw.randint(1, max(1, self.changes)))
        return Moment(seconds=draw.uniform(0, 1.5 * self.seconds)) if kind == "time" else Moment()


@dataclass(frozen=True)
class Death:
    """The end of a process.

    Attributes:
        told: lines that it acknowledged.
        ended: whether it ended its work before the moment came.
        problem: the traceback of an error that ended it, "" if there was none.
    """

    told: list[str]
    ended: bool
    problem: str


class Changes:
    """Counts what a process does to the disk, and kills the process in front of a given change."""

    def __init__(self, deadly: int | None) -> None:
        self.count = 0
        self._deadly = deadly
        self._lock = threading.Lock()
        sys.addaudithook(self._heard)
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._step)
        self._fsync, os.fsync = os.fsync, self._flush  # type: ignore[assignment]  # it has no audit event

    def _heard(self, name: str, given: tuple[Any, ...]) -> None:
        if name in CHANGES or (name == "open" and isinstance(given[2], int) and given[2] & WRITING):
            self._step()

    def _statement(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SELECT", "PRAGMA")):
            self._step()

    def _flush(self, descriptor: int) -> None:
        self._step()
        self._fsync(descriptor)

    def _step(self, *_: Any) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Work, said: Path) -> tuple[int, int]:
    """Fork a process that does the work; return its id and the reading end of its pipe.

    Lines of the pipe: "=" and what was acknowledged, then "." at the end of the work or "!" and a traceback.

    Args:
        work: gets the function that acknowledges.
        said: file that gets what the process prints.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading

    def send(line: str) -> None:
        os.write(writing, (line.replace("\n", "\r") + "\n").encode())

    try:
        os.close(reading)
        printed = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(printed, stream)
        work(lambda line: send(f"={line}"))
        send(".")
        signal.pause()
    except BaseException:  # the parent tells
        send(f"!{traceback.format_exc()}")
    finally:
        os._exit(1)


def rehearse(work: Work, said: Path) -> Rehearsal:
    """Let an operation end, and measure it."""

    def counted(tell: Tell) -> None:
        changes = Changes(None)
        start = time.perf_counter()
        work(tell)
        tell(f"{changes.count} {time.perf_counter() - start}")

    death = listen(*in_child(counted, said), MOST_SECONDS)
    if death.problem or not death.ended:
        raise RuntimeError(death.problem or "the rehearsal took too long")
    count, seconds = death.told[-1].split()
    return Rehearsal(int(count), float(seconds))


def kill(work: Work, moment: Moment, said: Path) -> Death:
    """Start the work and kill its process at a moment, or when it has ended its work."""

    def dying(tell: Tell) -> None:
        if moment.change:
            Changes(moment.change)
        work(tell)

    child, reading = in_child(dying, said)
    return listen(child, reading, MOST_SECONDS if moment.seconds is None else moment.seconds)


def finish(work: Work, said: Path) -> Death:
    """Let a process do its work to the end."""
    return listen(*in_child(work, said), MOST_SECONDS)


def listen(child: int, reading: int, seconds: float) -> Death:
    """Read what a process says, kill it after some seconds, and read the rest."""
    until = time.monotonic() + seconds
    heard = b""
    killed = False
    while True:
        left = until - time.monotonic()
        if not killed and (left <= 0 or not select.select([reading], [], [], left)[0]):
            os.kill(child, signal.SIGKILL)
            killed = True
        block = os.read(reading, 1 << 16)
        if not block:
            break
        heard += block
        if (b"\n" + heard).endswith(END):
            os.kill(child, signal.SIGKILL)
            killed = True
    os.close(reading)
    os.waitpid(child, 0)
    # A line that the death cut short was not acknowledged.
    lines = heard.decode().split("\n")[:-1]
    return Death(
        told=[line[1:] for line in lines if line.startswith("=")],
        ended="." in lines,
        problem="".join(line[1:].replace("\r", "\n") for line in lines if line.startswith("!")),
    )
