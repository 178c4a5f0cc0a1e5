"""Render meals: `python -m training.meals --count 1000 --seed 1 --out DIR`, in the environment with Blender.

Meal i depends only on the seed and on i. A folder can grow, and an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from training.meals.dataset import DatasetError, MealFolder, Settings
from training.meals.job import Job, ignore_interrupts, meals_showing, menu_labels, render_meal


def main() -> int:
    arguments = _parse()
    width, height = arguments.size
    settings = Settings(arguments.seed, width, height, arguments.samples, version("bpy"))
    try:
        indices = _wanted(arguments)
        folder = MealFolder(arguments.out, settings)
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    waiting = [i for i in indices if not folder.is_done(i)]
    threads = max(1, (os.cpu_count() or 1) // arguments.processes)
    jobs = [Job(i, arguments.out, settings, threads) for i in waiting]
    interrupted = False
    try:
        with tqdm(total=len(indices), initial=len(indices) - len(waiting), unit="meal") as progress:
            for _ in _rendered(jobs, arguments.processes):
                progress.update()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        count = folder.write_annotations(menu_labels())
    if interrupted:
        print("interrupted; run the same command again to resume", file=sys.stderr, flush=True)
        os._exit(130)  # Blender would complain about the render it could not clean up
    print(f"{count} meals in {arguments.out}")
    return 0


def _wanted(arguments: argparse.Namespace) -> Sequence[int]:
    """Return the numbers of the requested meals."""
    if not arguments.label:
        return range(arguments.first, arguments.first + arguments.count)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as other:  # this process imports Blender, see `training.meals.job`
        labels = frozenset(arguments.label)
        return other.submit(meals_showing, arguments.seed, arguments.first, arguments.count, labels).result()


def _rendered(jobs: list[Job], processes: int) -> Iterator[int]:
    if processes == 1:
        yield from map(render_meal, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, ignore_interrupts) as pool:
        waiting = [pool.submit(render_meal, job) for job in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 64):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT from 64x64, got {text}")
    return int(width), int(height)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text}")
    return int(text)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.meals", description="Render meals with exact masks."
    )
    parser.add_argument("--count", type=_positive, required=True, help="number of meals in the folder")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them (default 0)")
    parser.add_argument(
        "--label",
        action="append",
        help="only meals with a food of this label; may be repeated (default: all meals)",
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder, new or begun with the same settings")
    parser.add_argument("--size", type=_size, default=(512, 384), help="WIDTHxHEIGHT (default 512x384)")
    parser.add_argument(
        "--samples", type=_positive, default=48, help="light paths for each pixel (default 48)"
    )
    parser.add_argument("--processes", type=_positive, default=1, help="meals rendered at a time (default 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
