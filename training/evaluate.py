"""Measure a checkpoint: `python -m training.evaluate CHECKPOINT [--data DIR] [--out DIR] [--json]`.

Intervals are 95 %, from a bootstrap over groups (objects, trays, meals, photos). With --out, report.json, report.md and
pictures are written there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from rvernet_app import files
from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.device import torch_device
from training.evidence.cost import measure_cost
from training.evidence.inputs import add_arguments, open_labelled
from training.evidence.measure import Scores, confusion, counts, describe, probabilities, statistics
from training.evidence.report import draw_confusion, draw_reliability, draw_worst, figures_table, title
from training.evidence.statistics import expected_calibration_error, interval
from training.shared.command import command


def evaluate(
    scores: Scores, checkpoint: Checkpoint, ambiguous: Sequence[str] = (), parts: Sequence[str] = ()
) -> dict[str, Any]:
    """Figures of a checkpoint's scores: overall with intervals, by class, and how far its probabilities can be trusted.

    Args:
        ambiguous: classes of the checkpoint whose mean F1 is given by itself.
        parts: what was scored, see `Regions.parts`; `fitted_on_these` says whether the calibration has seen any of it.

    Raises:
        DataError: there are no scores.
    """
    found = describe(scores, checkpoint.classes, ambiguous)
    by_group = counts(scores)
    intervals = {
        name: [round(bound, 4) for bound in interval(statistic, by_group)]
        for name, statistic in statistics(checkpoint.classes, ambiguous).items()
        if name in found
    }
    fitted_on = () if checkpoint.calibration is None else checkpoint.calibration.fitted_on
    error: dict[str, Any] = {
        "uncalibrated": round(expected_calibration_error(scores.true, probabilities(scores.logits)), 4),
        "as_shown": round(
            expected_calibration_error(scores.true, probabilities(scores.logits, _temperature(checkpoint))),
            4,
        ),
        "fitted_on_these": bool(set(fitted_on) & set(parts)),
    }
    return {**found, "intervals": intervals, "calibration_error": error, "broken": list(scores.broken)}


def _temperature(checkpoint: Checkpoint) -> float:
    return 1.0 if checkpoint.calibration is None else checkpoint.calibration.temperature


def cost(checkpoint: Checkpoint, device: torch.device) -> dict[str, Any]:
    """What one prediction of a checkpoint costs on this machine, see `training.evidence.cost`."""
    size = checkpoint.model.config.input_size
    inputs = tuple(torch.zeros(1, 3, size, size, device=device) for _ in checkpoint.model.pictures)
    found = asdict(measure_cost(checkpoint.model.to(device), inputs))
    return {**found, "device": str(device), "threads": torch.get_num_threads()}


def as_markdown(report: Mapping[str, Any]) -> str:
    """A report of `main` for people."""
    figures, spent = report["figures"], report["cost"]
    intervals = ", ".join(
        f"{title(name)} {low:.3f} to {high:.3f}" for name, (low, high) in figures["intervals"].items()
    )
    error = figures["calibration_error"]
    seen = ", with a temperature fitted on regions measured here," if error["fitted_on_these"] else ","
    lines = [
        f"# {report['checkpoint']} on {report['data']}, {report['split']}, {report['masks']} masks",
        "",
        f"{figures['regions']} regions of {figures['groups']} groups. 95 % intervals: {intervals}.",
        f"Expected calibration error {error['as_shown']:.3f} as the app shows it{seen} "
        f"{error['uncalibrated']:.3f} without calibration.",
        "",
        f"One prediction: {spent['parameters'] / 1e6:.2f} M parameters, {spent['flops'] / 1e9:.2f} GFLOPs (a "
        f"multiply-add counts as 2), {spent['latency_ms']:.1f} ms and {spent['peak_memory_mb']:.0f} MB on "
        f"{spent['device']} with {spent['threads']} threads.",
        "",
        *figures_table(figures, report["masks"]),
        *(["", *(f"- {line}" for line in report["left_out"])] if report["left_out"] else []),
    ]
    return "\n".join([*lines, ""])


@command
def main(arguments: Sequence[str]) -> None:
    """The command itself; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Measure a checkpoint.")
    add_arguments(parser)
    parser.add_argument(
        "--ambiguous", nargs="+", default=[], help="class names whose mean F1 is given by itself"
    )
    parser.add_argument("--device", default="auto", help="torch device")
    parser.add_argument("--out", type=Path, help="folder for report.json, report.md and pictures")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    chosen = parser.parse_args(arguments)
    device = torch_device(chosen.device)
    labelled = open_labelled(chosen)
    labelled.require_known(chosen.ambiguous)
    checkpoint = labelled.checkpoint
    checkpoint.model.to(device)
    scores = labelled.score()
    report = {
        "checkpoint": checkpoint.name,
        "fingerprint": checkpoint.fingerprint,
        "data": labelled.name,
        "split": chosen.split,
        "masks": chosen.masks,
        "figures": evaluate(scores, checkpoint, chosen.ambiguous, labelled.parts),
        "cost": cost(checkpoint, device),
        "left_out": list(labelled.left_out),
    }
    if chosen.out:
        files.write(chosen.out / "report.json", json.dumps(report, indent=2), durable=False)
        files.write(chosen.out / "report.md", as_markdown(report), durable=False)
        draw_confusion(
            confusion(scores.true, scores.logits), checkpoint.classes, chosen.out / "confusion.png"
        )
        draw_reliability(scores, checkpoint.calibration, chosen.out / "reliability.png")
        draw_worst(
            scores,
            labelled.regions,
            checkpoint.classes,
            chosen.out / "worst.png",
            _temperature(checkpoint),
        )
    print(json.dumps(report, indent=2) if chosen.json else as_markdown(report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
