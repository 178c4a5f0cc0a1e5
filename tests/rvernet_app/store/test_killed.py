"""Confirmed saves survive the death of the program at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, takewhile
from pathlib import Path

import pytest
from sqlalchemy import select, text

from rvernet_app.store.database import Store
from rvernet_app.store.tables import Annotation, Event
from tests.conftest import ROOT
from tests.rvernet_app.store.desk import SIZE_HW, Desk, require_complete_events, square

KILLS = {"sqlite": 20, "postgresql": 8}
MOST_LINES = 9
MOST_TURNS = 300_000
"""Most turns of the empty loop before a kill; they last about as long as one save."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX fork and kill")


class Saving:
    """A running `saving_process` whose children the test kills."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def kill_after(self, lines: int, turns: int, run: int) -> list[tuple[int, int, str]]:
        """Start a process, wait for `lines` lines and `turns` loop turns, and kill it.

        Returns:
            (id, revision, note) of each save that the process printed.
        """
        self._input.write(f"{run}\n")
        self._input.flush()
        process = int(self._output.readline())
        printed = list(islice(self._lines(), lines))
        assert len(printed) == lines, "the process ended by itself"
        for _ in range(turns):
            pass
        os.kill(process, signal.SIGKILL)
        printed.extend(self._lines())
        words = [line.split() for line in printed]
        return [(int(id), int(revision), note) for id, revision, note in words]

    def _lines(self) -> Iterator[str]:
        """Yield the lines that the process prints until it is gone."""
        return takewhile(lambda line: line not in ("gone\n", ""), iter(self._output.readline, None))


@contextmanager
def saving(desk: Desk) -> Iterator[Saving]:
    url = desk.store.engine.url.render_as_string(hide_password=False)
    numbers = (desk.items[0], desk.ann, desk.labels["rice"], *SIZE_HW)
    line = [sys.executable, str(Path(__file__).with_name("saving_process.py")), str(desk.store.folder), url]
    with subprocess.Popen(
        [*line, *map(str, numbers), square()["counts"]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Saving(process)


def require_saved(store: Store, printed: list[tuple[int, int, str]]) -> None:
    """Check that every printed save has its event.

    Each food matches its last printed line, or is one unprinted save ahead.
    """
    with store.reading() as session:
        ids = {id for id, _, _ in printed}
        query = select(Event).where(Event.subject == "annotation", Event.subject_id.in_(ids))
        events = {(e.subject_id, e.revision): e.after for e in session.scalars(query)}
        for id, revision, note in printed:
            after = events[id, revision]
            assert after is not None
            assert after["note"] == note
        last = {id: revision for id, revision, _ in printed}
        rows = {row.id: row for row in session.scalars(select(Annotation).where(Annotation.id.in_(ids)))}
        ahead = [rows[id].revision - revision for id, revision in last.items()]
        assert set(ahead) <= {0, 1}
        assert sum(ahead) <= 1
        for id, row in rows.items():
            after = events[id, row.revision]
            assert after is not None
            assert after["note"] == row.note


def test_a_killed_program_loses_no_confirmed_save(desk: Desk, kind: str) -> None:
    draw = random.Random(7)
    url = desk.store.engine.url.render_as_string(hide_password=False)
    confirmed = 0
    with saving(desk) as process:
        for run in range(KILLS[kind]):
            printed = process.kill_after(draw.randrange(MOST_LINES), draw.randrange(MOST_TURNS), run)
            confirmed += len(printed)
            store = Store(desk.store.folder, url)
            require_saved(store, printed)
            if kind == "sqlite":
                with store.reading() as session:
                    assert session.scalar(text("PRAGMA integrity_check")) == "ok"
            store.close()
    with desk.store.reading() as session:
        require_complete_events(session)
        saves = session.scalars(select(Event).where(Event.subject == "annotation")).all()
        assert confirmed <= len(saves) <= confirmed + KILLS[kind]
        assert len({event.after["note"] for event in saves if event.after}) == len(saves)
