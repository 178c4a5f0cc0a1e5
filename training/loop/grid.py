"""A grid of training runs: the product of axes, each run made once and measured under the same conditions."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rvernet_app import files
from rvernet_app.errors import RvernetError
from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.device import torch_device
from training.data.options import DataOptions, Source
from training.data.regions import SPLITS, DataError, Region, Regions, require_no_shared_photo
from training.data.sources import open_source, read_data, read_whole, source_names, with_masks
from training.evidence.conditions import CLEAN, Condition
from training.evidence.measure import Scores, score
from training.loop.optimization import STATE_NAME
from training.loop.options import TrainOptions
from training.shared.configuration import options_from, put, read_yaml, require
from training.shared.progress import Progress

OPTIONS_NAME = "options.yaml"
RESULT_NAME = "result.json"


class GridError(RvernetError):
    """A run of a grid failed, or is not what the grid says any more."""


@dataclass(frozen=True)
class Grid:
    """What is compared.

    Attributes:
        config: the options that all runs share, a file as for `python -m training.train`.
        folder: of the runs, and of the table and figure made of them.
        axes: name of an axis -> name of a value -> the options it sets, named with dots. Every combination is a row of
            the table.
        changes: options that differ from the config in all runs.
        seeds: each combination is trained once with every seed.
        split: the regions measured on; "test" if nothing was chosen by them.
        measured_on: other folders of labelled photos, all of whose regions are measured on instead, but for those of
            classes that nothing was trained on.
        conditions: under which is measured, see `training.evidence.conditions`.
        reference: a value of each axis; the other rows are compared with this one. Empty compares with none.

    Raises:
        ConfigError: a condition or split does not exist, the reference is not in the grid, or two runs would have one
            folder.
    """

    config: Path
    folder: Path
    axes: dict[str, dict[str, dict[str, Any]]]
    changes: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)
    split: str = "val"
    measured_on: tuple[Source, ...] = ()
    conditions: tuple[str, ...] = (CLEAN,)
    reference: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(bool(self.axes) and all(self.axes.values()), "axes must name at least one value each")
        require(bool(self.seeds), "seeds must not be empty")
        require(self.split in SPLITS, f"split is one of {', '.join(SPLITS)}; got {self.split!r}")
        different = {Condition.parse(text) for text in self.conditions}
        require(
            len(self.conditions) == len(different) > 0,
            f"conditions must be different ones, got {', '.join(self.conditions)}",
        )
        if self.reference:
            fits = self.reference.keys() == self.axes.keys() and all(
                self.reference[axis] in values for axis, values in self.axes.items()
            )
            require(fits, f"reference must be a value of each axis, got {self.reference}")
        folders = [run.folder.name for run in self.runs]
        shared = sorted({name for name in folders if folders.count(name) > 1})
        require(
            not shared,
            f"two runs would share the folder {', '.join(shared[:1])}; name values and seeds differently",
        )

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Every combination of values, as their names in the order of the axes."""
        return list(itertools.product(*self.axes.values()))

    @property
    def runs(self) -> list[Run]:
        """Every combination with the first seed, then with the next: a whole comparison early, a surer one later."""
        return [Run(self, row, seed) for seed in self.seeds for row in self.rows]


@dataclass(frozen=True)
class Run:
    """One training of a grid."""

    grid: Grid
    row: tuple[str, ...]
    seed: int

    @property
    def folder(self) -> Path:
        name = " ".join((*self.row, f"seed {self.seed}"))
        return self.grid.folder / "".join(c if c.isalnum() or c in ".=-" else "_" for c in name)

    def options(self) -> dict[str, Any]:
        """Its options as a tree, as a YAML file holds it."""
        values = read_yaml(self.grid.config)
        chosen = [
            self.grid.changes,
            *(self.grid.axes[axis][name] for axis, name in zip(self.grid.axes, self.row, strict=True)),
        ]
        for changes in chosen:
            for key, value in changes.items():
                put(values, key, value)
        own = {"seed": self.seed, "run_folder": str(self.folder), "export": str(self.folder / "checkpoint")}
        return {**values, **own}

    def scores_path(self, where: str, condition: str) -> Path:
        return self.folder / f"{where} {condition}.npz"

    def train(self) -> None:
        """Train it to its end in a process of its own, unless that is done; an interrupted run goes on.

        Raises:
            GridError: the run failed; what it said has been printed.
        """
        path, result = self.folder / OPTIONS_NAME, self.folder / RESULT_NAME
        text = yaml.safe_dump(self.options(), sort_keys=False)
        same = path.is_file() and path.read_text(encoding="utf-8") == text
        if same and result.is_file():
            return
        outdated = [result, *self.folder.glob("*.npz")]
        if not same:  # a training does not continue one with other options
            outdated.append(self.folder / STATE_NAME)
        for file in outdated:
            file.unlink(missing_ok=True)
        files.write(path, text, durable=False)
        if status := train_in_own_process(path):
            raise GridError(
                f"The run {self.folder} failed with exit status {status}. Correct the cause, then start again."
            )

    def require_trained_on(self, data: Regions) -> None:
        """Raise GridError unless it was trained on these data as they are now."""
        described = json.loads((self.folder / "data.json").read_text(encoding="utf-8"))
        if described["fingerprints"] != dict(data.fingerprints):
            raise GridError(
                f"The data have changed since {self.folder} was trained; remove the folder to train it anew."
            )

    def measure(self, where: str, regions: Sequence[Region], options: TrainOptions) -> dict[str, Scores]:
        """Its scores under every condition; those already measured are read.

        Args:
            where: names the regions, in the names of files.
        """
        checkpoint = None
        found: dict[str, Scores] = {}
        for text in self.grid.conditions:
            path = self.scores_path(where, text)
            if not path.is_file():
                checkpoint = checkpoint or load_checkpoint(self.folder / "checkpoint")
                checkpoint.model.to(torch_device(options.device))
                letterbox = checkpoint.preprocessing.letterbox
                score(
                    checkpoint.model,
                    checkpoint.preprocessing,
                    regions,
                    checkpoint.classes,
                    view=Condition.parse(text).view(checkpoint.model.pictures, letterbox, regions),
                    skip_broken=options.data.broken == "skip",
                ).save(path)
            found[text] = Scores.load(path)
        return found


@dataclass(frozen=True, eq=False)
class Measured:
    """A run and what was measured of it.

    Attributes:
        classes: of the checkpoint.
        ambiguous: those whose mean F1 is reported by itself.
        scores: under each condition of the grid.
    """

    run: Run
    classes: tuple[str, ...]
    ambiguous: tuple[str, ...]
    scores: Mapping[str, Scores]


def train_in_own_process(config: Path) -> int:
    """Run `python -m training.train` on a file of options. Return its exit status."""
    command = [sys.executable, "-m", "training.train", "--config", str(config)]
    return subprocess.run(command, check=False).returncode


def run_grid(grid: Grid, progress: Progress) -> Iterator[Measured]:
    """Train and measure every run that is not done yet, and yield all runs in the order of `Grid.runs`.

    Args:
        progress: gets the stage "runs", whose unit is a run trained and measured.

    Raises:
        GridError: a run failed, or the data have changed since it was trained.
        RvernetError: the options or the data are at fault.
    """
    progress.stage("runs", len(grid.runs), unit="run")
    # those of all runs before the first is trained, as a mistake in the last is better told now than in some hours
    options_of_runs = [options_from(run.options(), TrainOptions) for run in grid.runs]
    read: dict[str, tuple[Regions, str, Sequence[Region]]] = {}
    for number, (run, options) in enumerate(zip(grid.runs, options_of_runs, strict=True), 1):
        if (key := repr(options.data)) not in read:
            data = read_data(options.data)
            read[key] = data, *_measured_on(grid, data, options.data)
        data, where, regions = read[key]
        run.train()
        run.require_trained_on(data)
        scores = run.measure(where, regions, options)
        progress.step(number)
        yield Measured(run, data.classes, options.ambiguous, scores)


def _measured_on(grid: Grid, data: Regions, options: DataOptions) -> tuple[str, Sequence[Region]]:
    """What to call the regions that runs on these data are measured on, and the regions."""
    if not grid.measured_on:
        found = with_masks(data, options, (grid.split,))
        regions: Sequence[Region] = getattr(found, grid.split)
        if not regions:
            raise DataError(f"The data have no {grid.split} region to measure on.")
        return grid.split, regions
    trained_on = {source.path.resolve() for source in options.sources}
    if seen := [source.path for source in grid.measured_on if source.path.resolve() in trained_on]:
        raise DataError(f"{seen[0]} is trained on and cannot be measured on as a whole.")
    names = source_names(grid.measured_on)
    opened = [
        open_source(source, name, options, unsplit="val")
        for source, name in zip(grid.measured_on, names, strict=True)
    ]
    whole = read_whole(opened, options.min_share)
    if again := set(whole.fingerprints.values()) & set(data.fingerprints.values()):
        copied = [name for name, mark in whole.fingerprints.items() if mark in again]
        raise DataError(f"{copied[0]} holds what is trained on and cannot be measured on as a whole.")
    require_no_shared_photo({"train": data.train, "measured_on": whole.val})
    known = whole.with_split("val", [region for region in whole.val if region.label in data.classes])
    if not known.val:
        raise DataError(f"{', '.join(names)} has no region of a class that is trained on.")
    return f"{' '.join(names)} {whole.fingerprint}", with_masks(known, options, ("val",)).val
