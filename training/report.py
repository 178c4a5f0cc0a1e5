"""Pictures and words about a run: learning curves, confusion matrix, model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.measure import Confusion


def draw_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Training loss and validation figures over the epochs, as a PNG."""
    epochs = [record["epoch"] for record in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, score_axes = figure.subplots(1, 2)
    loss_axes.plot(epochs, [record["loss"] for record in history], marker="o", label="training loss")
    for key, label in (
        ("val_macro_f1", "macro F1"),
        ("val_macro_f1_without_context", "macro F1 without context"),
        ("val_top1", "top-1"),
    ):
        score_axes.plot(epochs, [record[key] for record in history], marker="o", label=label)
    score_axes.set_ylim(top=1)
    score_axes.set_title("validation")
    for axes in (loss_axes, score_axes):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def draw_confusion(counts: Confusion, classes: Sequence[str], path: Path) -> None:
    """Confusion matrix as a PNG: rows the true class, shaded by its share, counts written in."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2 + 0.36 * len(classes)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    figure.savefig(path, dpi=120)


def model_card(
    name: str, classes: Sequence[str], training: Mapping[str, Any], metrics: Mapping[str, Any]
) -> str:
    """README.md of a checkpoint folder, with every figure taken from what was measured."""
    options = training["options"]
    lines = [
        f"# {name}",
        "",
        f"RveRNet (arXiv 2407.08257): ROI module `{options['roi_module']['name']}`, extra-ROI module "
        f"`{options['extra_roi_module']['name']}`, integration module on their {options['fusion']}, "
        f"{options['hidden']} hidden. Input {options['input_size']} x {options['input_size']}.",
        "",
        f"It knows {len(classes)} classes and nothing else: {', '.join(classes)}.",
        "",
        "## Training",
        "",
        f"Data: `{Path(options['data']).name}`, {training['train_regions']} regions of "
        f"{training['train_groups']} objects; masks by the segmenter `{training['segmenter']}`. "
        f"{options['epochs']} epochs, the last one's weights; nothing was chosen by epoch.",
        "",
        "```",
        training["command"],
        "```",
        "",
        "All options are in `config.json` under `training`.",
        "",
        "## Measured",
        "",
        f"On the stored {training['stored_dtype']} weights, {metrics['regions']} validation regions of "
        f"{metrics['groups']} objects, none of them in training.",
        "",
        *figures_table(metrics),
    ]
    if notes := options["notes"]:
        lines += ["", "## Limits", "", *(f"- {note}" for note in notes)]
    return "\n".join([*lines, ""])


def figures_table(metrics: Mapping[str, Any]) -> list[str]:
    """What `training.measure.describe` found, as lines of Markdown."""
    rows = [
        ("ROI and extra-ROI picture", metrics),
        ("extra-ROI picture blanked", metrics["without_context"]),
    ]
    if clicked := metrics.get("from_one_click"):
        rows += [
            ("masks from one click in the middle of the box", clicked),
            ("the same, extra-ROI picture blanked", clicked["without_context"]),
        ]
    lines = [
        "| | macro F1 | top-1 |",
        "|---|---|---|",
        *(f"| {what} | {row['macro_f1']:.4f} | {row['top1']:.4f} |" for what, row in rows),
        "",
        "| class | regions | objects | F1 | F1, blanked |",
        "|---|---|---|---|---|",
        *(
            f"| {label} | {row['regions']} | {row['groups']} "
            f"| {row['f1']:.3f} | {row['f1_without_context']:.3f} |"
            for label, row in metrics["by_class"].items()
        ),
    ]
    if untested := metrics["classes_without_regions"]:
        lines += ["", f"No region, so not measured and not counted: {', '.join(untested)}."]
    return lines
