"""How a checkpoint bears noise and wrong masks: `python -m training.robustness CHECKPOINT --data DIR [--out DIR]`.

Noise is that of the paper (arXiv 2407.08257), patch permutation and translocation, at graded strengths; masks are
eroded, dilated, shifted, cut or those of another food; foods are laid on other photos. See `training.evidence.noise` for what a
strength means.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rvernet_app import files
from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.device import torch_device
from training.data.regions import Region
from training.evidence.conditions import CLEAN, GRADES, Condition
from training.evidence.inputs import add_arguments, open_labelled
from training.evidence.measure import Scores, counts, figures, score
from training.evidence.report import title
from training.evidence.statistics import interval, macro_f1
from training.shared.command import command

PANELS = 4
"""On a line of the picture."""


def robustness(
    checkpoint: Checkpoint,
    regions: Sequence[Region],
    conditions: Sequence[Condition],
    ambiguous: Sequence[str] = (),
    around: Sequence[Region] = (),
    backgrounds: Sequence[Path] = (),
    skip_broken: bool = False,
) -> list[dict[str, Any]]:
    """A row for each condition, the clean one first: figures, an interval of macro F1, and which classes changed.

    `kept` is the share of regions that are still called what they are called when all is clean, of those that could be
    read both times.

    Args:
        around: all foods on the photos, where they are more than the regions.
        backgrounds: photos that foods are laid on, see `Condition.view`.
        skip_broken: leave regions that cannot be read out, rather than stop.
    """
    rows: list[dict[str, Any]] = []
    clean: dict[str, int] = {}
    for condition in dict.fromkeys((Condition(CLEAN), *conditions)):
        view = condition.view(
            checkpoint.model.pictures,
            checkpoint.preprocessing.letterbox,
            around or regions,
            backgrounds=backgrounds,
            skip_broken=skip_broken,
        )
        scores = score(
            checkpoint.model,
            checkpoint.preprocessing,
            regions,
            checkpoint.classes,
            view=view,
            skip_broken=skip_broken,
        )
        called = _called(scores)
        clean = clean or called
        rows.append(
            {
                "condition": condition.name,
                "strength": condition.strength,
                "regions": len(scores),
                **figures(scores, checkpoint.classes, ambiguous),
                "macro_f1_interval": [round(bound, 4) for bound in interval(macro_f1, counts(scores))],
                "kept": round(
                    float(np.mean([called[n] == clean[n] for n in called.keys() & clean.keys()])), 4
                ),
            }
        )
    return rows


def _called(scores: Scores) -> dict[str, int]:
    """The class that each region is called, by the region's name."""
    return dict(zip(scores.names, scores.logits.argmax(axis=1).tolist(), strict=True))


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of `robustness` as a table."""
    names = [
        name for name in ("macro_f1", "top1", "ambiguous_f1", "macro_f1_without_context") if name in rows[0]
    ]
    lines = [
        f"| condition | strength | {' | '.join(title(name) for name in names)} | 95 % of macro F1 | kept |",
        f"|---|---|{'---|' * len(names)}---|---|",
    ]
    for row in rows:
        low, high = row["macro_f1_interval"]
        shown = " | ".join(f"{row[name]:.3f}" for name in names)
        lines.append(
            f"| {row['condition']} | {row['strength']:g} | {shown} | {low:.3f} to {high:.3f} | {row['kept']:.3f} |"
        )
    return "\n".join([*lines, ""])


def draw_grades(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Macro F1 and its interval over the strength, a panel for each condition, dotted where all is clean, as a PNG."""
    clean, rest = rows[0], sorted(rows[1:], key=lambda row: row["strength"])
    kinds = list(dict.fromkeys(row["condition"] for row in rows[1:]))
    columns = max(1, min(PANELS, len(kinds)))
    lines = max(1, -(-len(kinds) // columns))
    figure = Figure(figsize=(1 + 2.2 * columns, 0.6 + 2.2 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).flat
    for axes, kind in zip_longest(panels, kinds):
        if kind is None:
            axes.set_axis_off()
            continue
        graded = [clean, *(row for row in rest if row["condition"] == kind)]
        strength, f1 = ([row[name] for row in graded] for name in ("strength", "macro_f1"))
        low, high = zip(*(row["macro_f1_interval"] for row in graded), strict=True)
        axes.axhline(clean["macro_f1"], color="grey", linestyle=":")
        axes.fill_between(strength, low, high, alpha=0.2)
        axes.plot(strength, f1, marker="o")
        axes.set(title=kind.replace("_", " "), ylim=(0, 1))
        axes.grid(alpha=0.3)
    figure.supxlabel("strength")
    figure.supylabel("macro F1")
    figure.savefig(path, dpi=120)


@command
def main(arguments: Sequence[str]) -> None:
    """The command itself; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m training.robustness", description="Measure a checkpoint under noise and wrong masks."
    )
    add_arguments(parser)
    parser.add_argument(
        "--ambiguous", nargs="+", default=[], help="class names whose mean F1 is given by itself"
    )
    parser.add_argument(
        "--conditions",
        nargs="+",
        default=[f"{name}={strength:g}" for name, grades in GRADES.items() for strength in grades],
        help="name=strength; default all, graded",
    )
    parser.add_argument(
        "--backgrounds",
        nargs="+",
        type=Path,
        default=[],
        help="photos to lay foods on (default: those of --data)",
    )
    parser.add_argument(
        "--out", type=Path, help="folder for robustness.json, robustness.md and robustness.png"
    )
    parser.add_argument("--device", default="auto", help="torch device")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    chosen = parser.parse_args(arguments)
    conditions = [Condition.parse(text) for text in chosen.conditions]
    device = torch_device(chosen.device)
    labelled = open_labelled(chosen)
    labelled.require_known(chosen.ambiguous)
    labelled.checkpoint.model.to(device)
    rows = robustness(
        labelled.checkpoint,
        labelled.regions,
        conditions,
        chosen.ambiguous,
        labelled.around,
        chosen.backgrounds,
        chosen.skip_broken,
    )
    if chosen.out:
        files.write(chosen.out / "robustness.json", json.dumps(rows, indent=2), durable=False)
        files.write(chosen.out / "robustness.md", as_markdown(rows), durable=False)
        draw_grades(rows, chosen.out / "robustness.png")
    print(json.dumps(rows, indent=2) if chosen.json else as_markdown(rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
