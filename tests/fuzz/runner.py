"""Run the inputs of a target in processes of their own, and keep what made them fail."""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz import shrink
from tests.fuzz.child import CURRENT
from tests.fuzz.outcome import NAMED, RESULT, ROOT, UNNAMED, Outcome
from tests.fuzz.registry import target_named

START_SECONDS = 180
"""How long a process may take until it is ready."""
SHRINK_SECONDS = 60
SHRINK_TRIES = 400
DEATH = "death"
HANG = "hang"


@dataclass
class Fault:
    """A kind of unnamed end, with the first input that led to it.

    Attributes:
        what: what tells it from others.
        count: how many inputs ended so.
        path: the file with the input.
    """

    target: str
    what: str
    path: Path
    detail: str
    count: int = 1


@dataclass
class Tally:
    """What came of the inputs of a target."""

    inputs: int = 0
    results: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Fault] = field(default_factory=dict)
    megabytes: float = 0.0
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def unnamed(self) -> int:
        """The number of inputs that ended in neither a result nor a named error."""
        return sum(fault.count for fault in self.faults.values())

    def add(self, ended: Outcome) -> None:
        """Count one input, unless it ended unnamed: `note` counts those."""
        self.inputs += 1
        self.megabytes = max(self.megabytes, ended.megabytes)
        self.slowest = max(self.slowest, ended.seconds)
        self.seconds += ended.seconds
        if ended.kind == RESULT:
            self.results[ended.what] += 1
        elif ended.kind == NAMED:
            self.named[ended.what] += 1

    def note(self, target: str, ended: Outcome, data: bytes, found: Path) -> Fault | None:
        """Count an unnamed end and keep its input; return the fault if it is new."""
        if ended.what in self.faults:
            self.faults[ended.what].count += 1
            return None
        path = found / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
        path.write_bytes(data)
        self.faults[ended.what] = Fault(target, ended.what, path, ended.detail)
        return self.faults[ended.what]

    def merge(self, other: Tally) -> None:
        """Take the counts of another process of the same target."""
        self.inputs += other.inputs
        self.results += other.results
        self.named += other.named
        self.megabytes = max(self.megabytes, other.megabytes)
        self.slowest = max(self.slowest, other.slowest)
        self.seconds += other.seconds
        for what, fault in other.faults.items():
            if what in self.faults:
                self.faults[what].count += fault.count
            else:
                self.faults[what] = fault


class Child:
    """One process that runs inputs of a target, and is started anew after it died."""

    def __init__(self, target: str, seed: int, folder: Path, log: Callable[[str], None]) -> None:
        self._place = self.folder = folder
        self._target = target
        self._seed = seed
        self._log = log
        self._seconds = target_named(target).seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._starts = 0

    def many(self, start: int, stop: int) -> Iterator[tuple[int, Outcome]]:
        """Run the inputs of these numbers; yield each number with how it ended."""
        number = start
        while number < stop:
            self._send([number, stop])
            while number < stop:
                ended = self._answer()
                yield number, ended
                number += 1
                if self._process is None:
                    break

    def one(self, path: Path) -> Outcome:
        """Run one input from a file."""
        self._send(str(path))
        return self._answer()

    def failed(self, number: int) -> bytes:
        """Return the input of this number, which ended unnamed."""
        kept = self.folder / f"{number}.bin"
        return (kept if kept.is_file() else self.folder / CURRENT).read_bytes()

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        self._process = None

    def _send(self, job: Any) -> None:
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()

    def _start(self) -> None:
        self._starts += 1
        place = self._place / f"{self._starts}"
        place.mkdir(parents=True)
        self.folder = place
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.child", self._target]
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RVERNET_")},
            **dict.fromkeys(("OMP_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
            **dict.fromkeys(("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1"),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "TMPDIR": str(place),
            "HOME": str(place),
        }
        with (place / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._seed), str(place)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=environ,
            )
        self._rest = b""
        if self._line(START_SECONDS) is None:
            self.end()
            raise SystemExit(f"{self._target} does not start:\n{self._last_words()}")

    def _answer(self) -> Outcome:
        """Return how the next input ended; a process that died or hangs is ended."""
        start = time.monotonic()
        line = self._line(self._seconds)
        if line is not None:
            answer = json.loads(line)
            del answer["number"]
            return Outcome(**answer)
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            self._process.send_signal(signal.SIGABRT)  # faulthandler then says where it was
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.end()
        words = self._last_words()
        what = HANG if code is None else f"{DEATH} with status {code}"
        return Outcome(UNNAMED, f"{what} {_frame(words)}", seconds=time.monotonic() - start, detail=words)

    def _line(self, seconds: float) -> bytes | None:
        """Return the next line of the process; None if it ended or needs longer."""
        assert self._process is not None
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = until - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                read = os.read(self._process.stdout.fileno(), 1 << 16)
                if not read:
                    self._process.wait()
                    return None
                self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _last_words(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")[-4000:]


def _frame(words: str) -> str:
    """Return the innermost line of this project that faulthandler named."""
    for line in words.rpartition("(most recent call first)")[2].splitlines():
        if f"{ROOT}/rvernet_app" in line:
            return "in " + line.strip().removeprefix(f'File "{ROOT}/').replace('", line ', ":")
    return ""


def fuzz(
    target: str,
    seed: int,
    start: int,
    stop: int,
    place: Path,
    log: Callable[[str], None],
) -> Tally:
    """Run the inputs of a target from one number to another.

    Args:
        place: a folder; what was found goes into its folder "found".
        log: takes a line for each new fault and about every 20 seconds.
    """
    found = place / "found"
    found.mkdir(exist_ok=True)
    child = Child(target, seed, place / f"{target}-{start}", log)
    tally, told = Tally(), time.monotonic()
    try:
        for number, ended in child.many(start, stop):
            tally.add(ended)
            if ended.kind == UNNAMED and (fault := tally.note(target, ended, child.failed(number), found)):
                log(f"{target}: input {number}: {fault.what}\n  {fault.path}")
            if time.monotonic() - told > 20:
                told = time.monotonic()
                log(f"{target}: {tally.inputs} of {stop - start}, {tally.unnamed} unnamed")
    finally:
        child.end()
    return tally


def shorten(fault: Fault, seed: int, place: Path) -> None:
    """Replace the input of a fault by the smallest one that ends in the same way."""
    child = Child(fault.target, seed, place / f"shrink-{fault.path.stem}", lambda line: None)
    tries, until = 0, time.monotonic() + SHRINK_SECONDS
    trial = place / f"trial-{fault.path.stem}.bin"

    def fails(data: bytes) -> bool:
        nonlocal tries
        tries += 1
        if tries > SHRINK_TRIES or time.monotonic() > until:
            raise StopIteration
        trial.write_bytes(data)
        return child.one(trial).what == fault.what

    try:
        if fails(data := fault.path.read_bytes()):
            fault.path.write_bytes(shrink.smallest(data, target_named(fault.target).smaller, fails))
        else:
            fault.detail += "\nThe input alone does not do it; it needs the ones before it."
    finally:
        child.end()
        trial.unlink(missing_ok=True)


def table(tallies: dict[str, Tally]) -> str:
    """Return the figures of all targets as a table."""
    head = ("target", "inputs", "results", "named", "unnamed", "MB", "slowest s", "mean ms")
    rows = [head]
    for name, tally in tallies.items():
        named, mean = sum(tally.named.values()), 1000 * tally.seconds / max(1, tally.inputs)
        rows.append(
            (
                *(name, f"{tally.inputs}", f"{tally.results.total()}", f"{named}", f"{tally.unnamed}"),
                *(f"{tally.megabytes:.0f}", f"{tally.slowest:.2f}", f"{mean:.1f}"),
            )
        )
    every = tallies.values()
    rows.append(
        (
            *("all", f"{sum(t.inputs for t in every)}", f"{sum(t.results.total() for t in every)}"),
            *(f"{sum(t.named.total() for t in every)}", f"{sum(t.unnamed for t in every)}"),
            *(f"{max(t.megabytes for t in every):.0f}", f"{max(t.slowest for t in every):.2f}", ""),
        )
    )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    for name, tally in tallies.items():
        lines.append(f"{name}: {_counted(tally.results)}; named: {_counted(tally.named)}")
    return "\n".join(lines)


def _counted(words: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in words.most_common()) or "none"
