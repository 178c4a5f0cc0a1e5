"""Render one meal into its folder.

Blender is imported only when a meal is rendered: it changes `sys.path` and `__main__`, so a process that has
imported it cannot start others.
"""

from __future__ import annotations

import signal
import tempfile
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from training.meals.dataset import Annotation, DatasetError, MealFolder, Settings
from training.meals.masks import read_coverage, serving_masks
from training.meals.spec import draw_meal

LEAST_VISIBLE = 0.001
"""Servings on a smaller share of the picture are not annotated."""


@dataclass(frozen=True)
class Job:
    """A meal to render, and the number of threads."""

    index: int
    folder: Path
    settings: Settings
    threads: int


def render_meal(job: Job) -> int:
    """Render one meal into its folder; returns its index."""
    from training.meals.foods.registry import MENU
    from training.meals.render import render, reset, silence
    from training.meals.scene import build_scene

    settings = job.settings
    size_wh = (settings.width, settings.height)
    meal = draw_meal(settings.seed, job.index, MENU)
    foods = {food.kind: food for food in MENU}
    folder = MealFolder(job.folder, settings)
    with tempfile.TemporaryDirectory(dir=job.folder) as scratch:
        photo, coverage = Path(scratch) / "photo.jpg", Path(scratch) / "coverage.exr"
        with silence():
            reset()
            served = build_scene(meal, foods, size_wh)
            render(photo, coverage, size_wh, settings.samples, job.threads)
            reset()
        seen = read_coverage(coverage, [name for serving in served for name in serving.pieces])
        masks = serving_masks(seen, [serving.pieces for serving in served], LEAST_VISIBLE)
        found = [
            Annotation(serving.kind, foods[serving.kind].label, mask[0], tuple(mask[1]))
            for serving, mask in zip(served, masks, strict=True)
            if mask is not None
        ]
        folder.add(job.index, photo, {"split": meal.split, "cuisine": meal.cuisine}, found)
    return job.index


def meals_showing(seed: int, first: int, wanted: int, labels: frozenset[str]) -> list[int]:
    """Return the numbers of the first `count` meals, from `first` on, with a food of one of the labels.

    Raises:
        DatasetError: no food has such a label.
    """
    from training.meals.foods.registry import MENU

    if unknown := labels - {food.label for food in MENU}:
        raise DatasetError(f"No food has the label {', '.join(sorted(unknown))}.")
    kinds = {food.kind for food in MENU if food.label in labels}
    showing = (i for i in count(first) if kinds & draw_meal(seed, i, MENU).kinds)
    return list(islice(showing, wanted))


def menu_labels() -> list[str]:
    """Return the labels of all foods."""
    from training.meals.foods.registry import MENU

    return [food.label for food in MENU]


def ignore_interrupts() -> None:
    """Ignore Ctrl+C in this process: the parent process lets the current meal finish, then ends the pool."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
