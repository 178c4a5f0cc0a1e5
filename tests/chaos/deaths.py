"""Kill operations many times and check what each death leaves."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos import dying
from tests.chaos.operation import Findings, Operation, Place
from tests.chaos.starting import age, be_at, check_database, leftovers, start

SAID_EVERY = 50
WHOLE_EVERY = 10
"""Every so many deaths the next start builds the whole page."""


@dataclass
class Row:
    """The deaths in one operation."""

    name: str
    deaths: int = 0
    told: int = 0
    found: Findings = field(default_factory=Findings)


class Deaths:
    """The deaths of one operation.

    Args:
        folder: an empty folder for the places.
    """

    def __init__(self, operation: Operation, folder: Path) -> None:
        self._operation = operation
        self._prepared = Place(folder / "prepared")
        self._place = Place(folder / "place")
        self._said = folder / "said.txt"
        self.row = Row(operation.name)
        self._prepared.folder.mkdir(parents=True)
        operation.prepare(self._prepared)
        self._lay_out()
        self._rehearsal = dying.rehearse(self._work, self._said)

    @property
    def is_slow(self) -> bool:
        """Whether one death takes seconds."""
        return self._operation.starts_engine

    def one(self, draw: random.Random) -> None:
        """Kill the operation once, start the program again, and check."""
        self._lay_out()
        self._said.unlink(missing_ok=True)
        moment = self._rehearsal.moment(draw)
        death = dying.kill(self._work, moment, self._said)
        self.row.deaths += 1
        self.row.told += len(death.told)
        whole = self._operation.starts_engine or self.row.deaths % WHOLE_EVERY == 0
        after = dying.finish(lambda tell: self._start_and_check(tell, death.told, whole), self._said)
        found = Findings(**json.loads(after.told[-1])) if after.told else Findings()
        for problem in (death.problem, after.problem):
            if problem:
                found.failed.append(problem)
        for text in found.all():
            print(f"{self._operation.name}, killed at {moment}: {text}", flush=True)
        for name, texts in asdict(found).items():
            getattr(self.row.found, name).extend(texts)

    def _work(self, tell: dying.Tell) -> None:
        be_at(self._place)
        self._operation.work(self._place, tell)

    def _start_and_check(self, tell: dying.Tell, told: Sequence[str], whole: bool) -> None:
        be_at(self._place)
        found = Findings()
        age(self._place.folder)
        start(self._place.config, whole=whole)
        found.leftover.extend(leftovers(self._place, self._operation.kept))
        check_database(self._place.data, found)
        self._operation.check(self._place, told, found)
        found.leftover.extend(leftovers(self._place))
        tell(json.dumps(asdict(found)))

    def _lay_out(self) -> None:
        shutil.rmtree(self._place.folder, ignore_errors=True)
        shutil.copytree(self._prepared.folder, self._place.folder)


def die(operations: Sequence[Operation], count: int, seed: int, folder: Path) -> list[Row]:
    """Kill the operations in turn, `count` times in all."""
    draw = random.Random(seed)
    all_deaths = [Deaths(operation, folder / str(n)) for n, operation in enumerate(operations)]
    # An operation with the real models takes ten times as long, so it comes in every third round.
    rounds = [deaths for n in range(3) for deaths in all_deaths if n == 0 or not deaths.is_slow]
    for number in range(count):
        rounds[number % len(rounds)].one(draw)
        if (number + 1) % SAID_EVERY == 0:
            print(f"{number + 1} of {count} deaths", file=sys.stderr, flush=True)
    return [deaths.row for deaths in all_deaths]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text, with their sum."""
    lines = [f"{'operation':<22}{'deaths':>7}{'saved':>7}{'lost':>6}{'half':>6}{'left':>6}{'failed':>8}"]
    lines.extend(
        f"{row.name:<22}{row.deaths:>7}{row.told:>7}{len(row.found.lost):>6}{len(row.found.half):>6}"
        f"{len(row.found.leftover):>6}{len(row.found.failed):>8}"
        for row in [*rows, _total(rows)]
    )
    return "\n".join(lines)


def _total(rows: Sequence[Row]) -> Row:
    total = Row("all", sum(row.deaths for row in rows), sum(row.told for row in rows))
    for row in rows:
        for name, texts in asdict(row.found).items():
            getattr(total.found, name).extend(texts)
    return total
