"""Figures and texts about a run: learning curves, confusion matrix, worst cases, model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rvernet_app.model.calibration import Calibration
from training.data.photos import PhotoCache
from training.data.regions import Region
from training.evidence.measure import Confusion, Scores, probabilities

WITHOUT = "_without_context"
TITLES = {"macro_f1": "macro F1", "top1": "top-1", "ambiguous_f1": "F1 of the ambiguous classes"}
MASKS_TITLES = {"annotated": "annotated masks", "click": "masks of one click"}
BINS = 10
"""Bins of the reliability diagram."""
WORST = 24
"""Regions on the sheet of the worst."""
WORST_COLUMNS = 8
WORST_SIDE = 400


def draw_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw training loss and validation figures over the epochs, as a PNG."""
    epochs = [record["epoch"] for record in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, score_axes = figure.subplots(1, 2)
    loss_axes.plot(epochs, [record["loss"] for record in history], marker="o", label="training loss")
    for key in history[0] if history else ():
        if key.startswith("val_"):
            label = key.removeprefix("val_").replace("_", " ")
            score_axes.plot(epochs, [record[key] for record in history], marker="o", label=label)
    score_axes.set_ylim(top=1)
    score_axes.set_title("validation")
    for axes in (loss_axes, score_axes):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def draw_confusion(counts: Confusion, classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix as a PNG: true classes in rows, shaded by share, with counts."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1 + 0.08 * max(map(len, classes)) + 0.36 * len(classes)  # inches: titles, names, cells
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=8)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    figure.savefig(path, dpi=120)


def draw_reliability(scores: Scores, calibration: Calibration | None, path: Path) -> None:
    """Draw the share of right answers over the probability of the likeliest class, as a PNG.

    Shows the state before and after calibration; the area of a dot grows with its number of regions.
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    temperatures = {"uncalibrated": 1.0}
    if calibration is not None:
        temperatures[f"temperature {calibration.temperature:.2f}"] = calibration.temperature
        axes.axvline(calibration.threshold, color="grey", linestyle=":", label="not sure below")
    for label, temperature in temperatures.items():
        shown = probabilities(scores.logits, temperature)
        top, right = shown.max(axis=1), shown.argmax(axis=1) == scores.true
        place = np.minimum((top * BINS).astype(int), BINS - 1)
        filled, regions = np.unique(place, return_counts=True)
        said, was = (np.array([values[place == b].mean() for b in filled]) for values in (top, right))
        (line,) = axes.plot(said, was, label=label)
        axes.scatter(said, was, 15 + 200 * regions / len(place), color=line.get_color(), clip_on=False)
    axes.set(
        xlabel="probability of the likeliest class", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1)
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def draw_worst(
    scores: Scores,
    regions: Sequence[Region],
    classes: Sequence[str],
    path: Path,
    temperature: float = 1.0,
) -> None:
    """Draw the regions with the largest loss as a PNG: true class, predicted class and its probability."""
    shown = probabilities(scores.logits, temperature)
    loss = -np.log(np.maximum(shown[np.arange(len(scores)), scores.true], 1e-12))
    chosen = np.argsort(-loss)[:WORST]
    by_name = {region.name: region for region in regions}
    rows = max(1, -(-len(chosen) // WORST_COLUMNS))
    figure = Figure(figsize=(2.1 * WORST_COLUMNS, 2.1 * rows), layout="constrained")
    for place, axes in zip(
        range(rows * WORST_COLUMNS), figure.subplots(rows, WORST_COLUMNS).flat, strict=True
    ):
        axes.set_axis_off()
        if place >= len(chosen):
            continue
        index = chosen[place]
        photo, mask = by_name[scores.names[index]].masked[0].read(PhotoCache(0, WORST_SIDE).open)
        axes.imshow(np.where(mask[:, :, None], photo, photo // 2 + 24))
        if not mask.all():
            axes.contour(mask, levels=[0.5], colors=["#ffb000"], linewidths=1)
        true, called = scores.true[index], shown[index].argmax()
        axes.set_title(
            f"{classes[true]}\ncalled {classes[called]}, {shown[index].max():.0%}",
            fontsize=7,
            color="black" if called == true else "#b00020",
        )
    figure.savefig(path, dpi=110)


def model_card(
    name: str, classes: Sequence[str], training: Mapping[str, Any], metrics: Mapping[str, Any]
) -> str:
    """Return the README.md of a checkpoint folder. Every figure in it is measured."""
    options = training["options"]
    lines = [
        f"# {name}",
        "",
        _model_sentence(options["model"]),
        "",
        f"It knows {len(classes)} classes and nothing else: {', '.join(classes)}.",
        "",
        "## Training",
        "",
        f"Data: {', '.join(f'`{source}`' for source in training['data'])}; {training['train_regions']} "
        f"regions of {training['train_groups']} groups (objects, trays, meals or photos). "
        f"{training['epochs']} epochs; the weights are those of the {options['optimization']['keep']} one.",
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
        f"{metrics['groups']} groups, none of them in training.",
        "",
        *figures_table(metrics, options["data"]["masks"][0]),
    ]
    if notes := options["notes"]:
        lines += ["", "## Limits", "", *(f"- {note}" for note in notes)]
    return "\n".join([*lines, ""])


def _model_sentence(model: Mapping[str, Any]) -> str:
    side = model["input_size"]
    what = f"integration module on {model['fusion']}, {model['hidden']} hidden, input {side} x {side}."
    roi = model["roi_module"]["name"]
    if model["kind"] != "rvernet":
        return f"A model of one picture ({model['kind']}), to compare RveRNet with: `{roi}`, {what}"
    extra = (model["extra_roi_module"] or model["roi_module"])["name"]
    return f"RveRNet (arXiv 2407.08257): ROI module `{roi}`, extra-ROI module `{extra}`, {what}"


def title(name: str) -> str:
    """Return the display name of a figure of `training.evidence.measure.figures`."""
    return TITLES[name.removesuffix(WITHOUT)] + " without context" * name.endswith(WITHOUT)


def figures_table(metrics: Mapping[str, Any], masks: str = "annotated") -> list[str]:
    """Format the result of `training.evidence.measure.describe` as lines of Markdown."""
    measured = {MASKS_TITLES[masks]: metrics}
    if clicked := metrics.get("from_one_click"):
        measured[MASKS_TITLES["click"]] = clicked
    rows = [
        ("the same, extra-ROI picture blanked" if suffix else what, found, suffix)
        for what, found in measured.items()
        for suffix in ("", WITHOUT)
        if f"macro_f1{suffix}" in found
    ]
    names = [name for name in TITLES if name in metrics]
    titles = {**TITLES, "ambiguous_f1": f"F1 of {', '.join(metrics['ambiguous'])}"}
    heads = " | ".join(titles[name] for name in names)
    lines = [
        f"| | {heads} |",
        f"|---|{'---|' * len(names)}",
        *(
            f"| {what} | {' | '.join(_cell(found.get(name + suffix)) for name in names)} |"
            for what, found, suffix in rows
        ),
        "",
    ]
    if by_source := metrics.get("by_source"):
        lines += [
            f"| source | regions | groups | {heads} |",
            f"|---|---|---|{'---|' * len(names)}",
            *(
                f"| {source} | {found['regions']} | {found['groups']} | "
                f"{' | '.join(_cell(found.get(name)) for name in names)} |"
                for source, found in by_source.items()
            ),
            "",
        ]
    blanked = f"macro_f1{WITHOUT}" in metrics
    lines += [
        "| class | regions | groups | F1 |" + (" F1, blanked |" if blanked else ""),
        "|---|---|---|---|" + ("---|" if blanked else ""),
        *(
            f"| {label} | {row['regions']} | {row['groups']} | {row['f1']:.3f} |"
            + (f" {row['f1_without_context']:.3f} |" if blanked else "")
            for label, row in metrics["by_class"].items()
        ),
    ]
    if untested := metrics["classes_without_regions"]:
        lines += ["", f"No region, so not measured and not counted: {', '.join(untested)}."]
    if narrow := metrics.get("classes_of_one_group"):
        lines += ["", _narrow_sentence(len(narrow))]
    return lines


def _narrow_sentence(count: int) -> str:
    classes = "1 class rests" if count == 1 else f"{count} classes rest"
    return (
        f"{classes} on a single group; how much another would change the figures, their intervals do not say."
    )


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
