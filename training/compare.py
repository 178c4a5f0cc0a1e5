"""Train and compare a grid of models: `python -m training.compare --grid FILE [--key value …]`.

An interrupted grid continues where it stopped. Its folder gets comparison.json, comparison.md and
comparison.png: for every combination and condition the mean over the seeds, with a 95 % interval from a
bootstrap over groups.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rvernet_app import files
from training.data.regions import DataError
from training.data.sources import source_names
from training.evidence.measure import counts, statistics
from training.evidence.report import title
from training.evidence.statistics import ClassCounts, Statistic, interval, paired_interval
from training.loop.grid import Grid, Measured, run_grid
from training.shared.command import command
from training.shared.configuration import read_options
from training.shared.progress import Progress

Row = tuple[str, ...]


def compare(grid: Grid, measured: Iterable[Measured]) -> list[dict[str, Any]]:
    """Compare the runs of a grid.

    Args:
        measured: every run of the grid, in the order of `Grid.runs`.

    Returns:
        A record for each row and condition: statistics, their intervals, and the difference to the reference.

    Raises:
        DataError: the runs were not measured on the same regions and classes.
        RvernetError: a run failed.
    """
    found: dict[tuple[Row, str], list[NDArray[np.int64]]] = defaultdict(list)
    wanted: dict[str, Statistic] = {}
    measured_on: tuple[Any, ...] = ()
    for one in measured:
        wanted = statistics(one.classes, one.ambiguous)
        for condition, scores in one.scores.items():
            this = one.classes, one.ambiguous, scores.names, scores.true.tolist()
            measured_on = measured_on or this
            if this != measured_on:
                raise DataError(
                    f"{one.run.folder} was measured on other regions or classes than the runs before it."
                )
            found[one.run.row, condition].append(counts(scores))
    return [
        _record(grid, row, condition, found, wanted) for row in grid.rows for condition in grid.conditions
    ]


def _record(
    grid: Grid,
    row: Row,
    condition: str,
    found: Mapping[tuple[Row, str], Sequence[NDArray[np.int64]]],
    wanted: Mapping[str, Statistic],
) -> dict[str, Any]:
    runs = found[row, condition]
    joined = np.concatenate(runs, axis=-1)  # (G, 3, runs * K)
    record: dict[str, Any] = {"row": dict(zip(grid.axes, row, strict=True)), "condition": condition}
    for name, statistic in wanted.items():
        mean = _mean_over(statistic, len(runs))
        value = float(mean(joined.sum(axis=0)))
        if np.isnan(value):  # none of its classes has a region
            continue
        record[name] = round(value, 4)
        record[f"{name}_by_seed"] = _rounded(statistic(run.sum(axis=0)) for run in runs)
        record[f"{name}_interval"] = _rounded(interval(mean, joined))
        if grid.reference and (reference := tuple(grid.reference[axis] for axis in grid.axes)) != row:
            others = np.concatenate(found[reference, condition], axis=-1)
            record[f"{name}_less_reference"] = round(value - float(mean(others.sum(axis=0))), 4)
            record[f"{name}_less_reference_interval"] = _rounded(paired_interval(mean, joined, others))
    return record


def _mean_over(statistic: Statistic, runs: int) -> Statistic:
    """Return the mean of a statistic over runs whose counts, (..., 3, K) each, are joined along the last
    axis.
    """

    def mean(joined: ClassCounts) -> NDArray[np.float64]:
        parts: list[Any] = np.split(joined, runs, axis=-1)
        result: NDArray[np.float64] = np.mean([statistic(part) for part in parts], axis=0)
        return result

    return mean


def _rounded(values: Iterable[Any]) -> list[float]:
    return [round(float(value), 4) for value in values]


def as_markdown(grid: Grid, records: Sequence[Mapping[str, Any]]) -> str:
    """Format the records as a table."""
    names = [name for name in ("macro_f1", "ambiguous_f1", "top1") if name in records[0]]
    heads = [*grid.axes, *(["condition"] if len(grid.conditions) > 1 else [])]
    heads += [title(name) for name in names]
    main_one = _main_one(records)
    if grid.reference:
        heads.append(f"{title(main_one)}, less {', '.join(grid.reference.values())}")
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for record in records:
        cells = [*record["row"].values(), *([record["condition"]] if len(grid.conditions) > 1 else [])]
        cells += [_with_interval(record, name) for name in names]
        if grid.reference:
            key = f"{main_one}_less_reference"
            cells.append(_with_interval(record, key) if key in record else "")
        lines.append(f"| {' | '.join(cells)} |")
    where = ", ".join(source_names(grid.measured_on)) if grid.measured_on else f"the {grid.split} split"
    of = "One seed" if len(grid.seeds) == 1 else f"Mean of {len(grid.seeds)} seeds"
    seeds = f"{of} on {where}; in brackets 95 % intervals over groups."
    return "\n".join([*lines, "", seeds, ""])


def _main_one(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the statistic that the comparison is about."""
    return "ambiguous_f1" if "ambiguous_f1" in records[0] else "macro_f1"


def _with_interval(record: Mapping[str, Any], name: str) -> str:
    low, high = record[f"{name}_interval"]
    return f"{record[name]:.3f} [{low:.3f}, {high:.3f}]"


def draw_comparison(grid: Grid, records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw every row with its interval, its seeds as ticks and a color for each condition, as a PNG.

    With one axis of numbers the values are places on a line; otherwise rows lie below each other.
    """
    name = _main_one(records)
    labels = [", ".join(row) for row in grid.rows]
    try:
        places, numeric = [float(label) for label in labels], True
    except ValueError:
        places, numeric = [float(i) for i in range(len(labels))], False
    height = 4.5 if numeric else 1.2 + len(labels) * (0.2 + 0.2 * len(grid.conditions))
    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()

    def plot(along: Sequence[float], values: Sequence[float], style: str, **how: Any) -> Any:
        (line,) = axes.plot(*((along, values) if numeric else (values, along)), style, **how)
        return line.get_color()

    for number, condition in enumerate(grid.conditions):
        chosen = [record for record in records if record["condition"] == condition]
        offset = 0.0 if numeric else 0.6 * ((number + 0.5) / len(grid.conditions) - 0.5)
        at = [place + offset for place in places]
        means = [record[name] for record in chosen]
        colour = plot(at, means, "o-" if numeric else "o", label=condition)
        for x, record in zip(at, chosen, strict=True):
            plot([x, x], record[f"{name}_interval"], "-", color=colour)
            seeds = record[f"{name}_by_seed"]
            plot([x] * len(seeds), seeds, "_" if numeric else "|", color=colour)
    if numeric:
        axes.set(xlabel=", ".join(grid.axes), ylabel=title(name), ylim=(0, 1))
    else:
        axes.set(xlabel=title(name), ylabel=", ".join(grid.axes), xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5))
        axes.set_yticks(places, labels)
    axes.grid(alpha=0.3)
    if len(grid.conditions) > 1:
        figure.legend(loc="outside upper center", ncols=4)
    figure.savefig(path, dpi=120)


@command
def main(arguments: Sequence[str]) -> None:
    """Run the command; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m training.compare",
        usage="%(prog)s [-h] --grid FILE [--key value ...]",
        description="Compare a grid of models. Every --key value replaces an option of the file.",
        allow_abbrev=False,
    )
    parser.add_argument("--grid", required=True, help="YAML file, see training.loop.grid.Grid")
    chosen, changed = parser.parse_known_args(arguments)
    grid = read_options(["--grid", chosen.grid, *changed], Grid, file="grid")
    with Progress(grid.folder) as progress:
        records = compare(grid, run_grid(grid, progress))
    table = as_markdown(grid, records)
    files.write(grid.folder / "comparison.json", json.dumps(records, indent=2), durable=False)
    files.write(grid.folder / "comparison.md", table, durable=False)
    draw_comparison(grid, records, grid.folder / "comparison.png")
    print(table)


if __name__ == "__main__":
    # an exception ends the training under way too, which a signal's default would leave running
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(sys.argv[1:]))
