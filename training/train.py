"""Train a RveRNet or a model to compare it with: `python -m training.train --config FILE [--key value …]`.

`accelerate launch -m training.train …` does the same on several devices or machines. The run folder gets `state.pt`
(an interrupted run continues from it), `config.yaml`, `data.json`, `metrics.jsonl`, `progress.jsonl` and pictures. The
export folder gets the checkpoint that the app loads, with figures measured on the stored weights.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import ProjectConfiguration

from rvernet_app import files
from rvernet_app.errors import CheckpointError, ConfigError
from rvernet_app.model.baseline import Model
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rvernet_app.model.preprocessing import Preprocessing
from training.data.regions import Regions
from training.data.sources import read_data, with_masks
from training.evidence.measure import confusion, describe, figures, score
from training.evidence.report import draw_confusion, draw_curves, draw_worst, model_card
from training.loop.engine import Trainer
from training.loop.models import build_model
from training.loop.options import TrainOptions
from training.shared.command import command
from training.shared.configuration import read_options, to_json
from training.shared.progress import Progress

STORED = torch.float16
"""How weights are stored in the checkpoint."""


def train(
    options: TrainOptions, command: str, accelerator: Accelerator, progress: Progress
) -> dict[str, Any]:
    """Run a training to its end and export the checkpoint.

    Args:
        command: the command line, stored in the checkpoint.
        accelerator: from `open_accelerator`.
        progress: gets the stages "train" and "export".

    Returns:
        The figures stored in the checkpoint; empty in a process that is not the main one.
    """
    with accelerator.main_process_first():
        data = read_data(options.data)
    if not data.val:
        raise ConfigError("No region is held out to validate on; set held_out or val_share of a source.")
    if unknown := sorted(set(options.ambiguous) - set(data.classes)):
        raise ConfigError(f"The data has no classes {', '.join(unknown)} to call ambiguous.")
    torch.manual_seed(options.seed)
    model = build_model(options.model, len(data.classes))
    teacher = None if options.distillation is None else load_checkpoint(options.distillation.teacher)
    # a segmenter draws weights before it has its own; what is learned must not depend on whether one was needed
    with accelerator.main_process_first(), torch.random.fork_rng(devices=[]):
        data = with_masks(data, options.data)
    preprocessing = Preprocessing.of(model.config, options.model.padding)
    trainer = Trainer(model, preprocessing, data, options, accelerator, teacher)
    trainer.resume()
    if accelerator.is_main_process:
        _describe_run(options, data)
        print("\n".join(data.summary()), file=sys.stderr)
    start_trackers(accelerator, options)
    trainer.run(progress)
    accelerator.end_training()
    progress.stage("export")
    return export(trainer, data, options, command) if accelerator.is_main_process else {}


def open_accelerator(options: TrainOptions) -> Accelerator:
    """Places, precision and processes, as `accelerate launch` and the options say.

    Raises:
        ConfigError: the device has no such precision, or a tracker is not installed.
    """
    installed = {str(tracker) for tracker in get_available_trackers()}
    if missing := [tracker for tracker in options.trackers if tracker not in installed]:
        raise ConfigError(
            f"The tracker {missing[0]} is not installed here; install it or leave it out of `trackers`."
        )
    try:
        options.run_folder.mkdir(parents=True, exist_ok=True)
        accelerator = Accelerator(
            mixed_precision=options.optimization.precision,
            cpu=options.device == "cpu",
            log_with=list(options.trackers) or None,
            project_config=ProjectConfiguration(
                project_dir=str(options.run_folder), logging_dir=str(options.run_folder)
            ),
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"The run cannot be set up: {str(error).rstrip('.')}.") from error
    # Accelerate would quietly train in float32
    if options.optimization.precision == "fp16" and accelerator.device.type == "cpu":
        raise ConfigError("The precision fp16 needs a GPU; take bf16, or no.")
    return accelerator


def start_trackers(accelerator: Accelerator, options: TrainOptions) -> None:
    """Raises ConfigError where a tracker cannot start."""
    try:
        accelerator.init_trackers("rvernet", config=_flat(to_json(options)))
    except Exception as error:  # trackers raise whatever went wrong with their files or servers
        raise ConfigError(f"The trackers {', '.join(options.trackers)} cannot start: {error}.") from error


def export(trainer: Trainer, data: Regions, options: TrainOptions, command: str) -> dict[str, Any]:
    """Write the checkpoint with its figures and card, and the run's pictures. Returns the figures.

    A calibration of the same weights, from before, stays.
    """
    training: dict[str, Any] = {
        "command": command,
        "options": to_json(options),
        "data": dict(data.fingerprints),
        "segmenter": data.segmenter,
        "train_regions": len(data.train),
        "train_groups": len({r.group for r in data.train}),
        "epochs": len(trainer.history),
        "stored_dtype": str(STORED).removeprefix("torch."),
    }
    model = trainer.trained()
    how: dict[str, Any] = {
        "padding": options.model.padding,
        "training": training,
        "calibration": _calibration_of(options.export, model, data.classes),
    }
    save_checkpoint(options.export, model, data.classes, **how)
    stored = load_checkpoint(options.export)
    skip = options.data.broken == "skip"
    scores = score(stored.model, stored.preprocessing, data.val, data.classes, skip_broken=skip)
    metrics = describe(scores, data.classes, options.ambiguous)
    if "roi" in stored.model.pictures:
        metrics["from_one_click"] = from_one_click(stored, data, options)
    save_checkpoint(options.export, model, data.classes, **how, metrics=metrics)
    files.write(
        options.export / "README.md",
        model_card(options.export.name, data.classes, training, metrics),
        durable=False,
    )
    files.write(options.run_folder / "result.json", json.dumps(metrics, indent=2), durable=False)
    left_out = [*trainer.broken, *scores.broken]
    if left_out:
        print(f"{len(left_out)} regions could not be read, first {left_out[0]}", file=sys.stderr)
        files.write(options.run_folder / "broken.txt", "\n".join(left_out) + "\n", durable=False)
    draw_curves(trainer.history, options.run_folder / "curves.png")
    draw_confusion(confusion(scores.true, scores.logits), data.classes, options.run_folder / "confusion.png")
    draw_worst(scores, data.val, data.classes, options.run_folder / "worst.png")
    return metrics


def from_one_click(stored: Checkpoint, data: Regions, options: TrainOptions) -> dict[str, float]:
    """Figures with the masks of one click each, on the validation regions that have a photo to click on."""
    clickable = replace(data, val=tuple(r for r in data.val if r.photo is not None))
    if not clickable.val:
        return {}
    clicked = with_masks(clickable, replace(options.data, masks=("click",)), ("val",)).val
    skip = options.data.broken == "skip"
    return figures(
        score(stored.model, stored.preprocessing, clicked, data.classes, skip_broken=skip),
        data.classes,
        options.ambiguous,
    )


def _calibration_of(folder: Path, model: Model, classes: Sequence[str]) -> Calibration | None:
    """That of the checkpoint in a folder, if it is of these classes and of the weights that are stored of the model."""
    try:
        found = load_checkpoint(folder)
    except CheckpointError:
        return None
    now = {
        name: tensor.to("cpu", STORED)
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point()
    }
    before = {name: tensor.to(STORED) for name, tensor in found.model.state_dict().items() if name in now}
    same = found.classes == tuple(classes) and now.keys() == before.keys()
    return found.calibration if same and all(torch.equal(now[name], before[name]) for name in now) else None


def _describe_run(options: TrainOptions, data: Regions) -> None:
    files.write(
        options.run_folder / "config.yaml", yaml.safe_dump(to_json(options), sort_keys=False), durable=False
    )
    described = {
        "classes": list(data.classes),
        "fingerprints": dict(data.fingerprints),
        "segmenter": data.segmenter,
        "summary": data.summary(),
        "left_out": {reason: list(names) for reason, names in data.left_out.items()},
    }
    files.write(options.run_folder / "data.json", json.dumps(described, indent=2), durable=False)


def _flat(options: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Options inside others named with dots; what is neither number nor text becomes text, as trackers want it."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
    return flat


@command
def main(arguments: Sequence[str]) -> None:
    """Train as the options say."""
    options = read_options(arguments, TrainOptions)
    accelerator = open_accelerator(options)
    with Progress(options.run_folder if accelerator.is_main_process else None) as progress:
        metrics = train(options, " ".join(("python -m training.train", *arguments)), accelerator, progress)
    if metrics:
        shown = {name: metrics[name] for name in ("macro_f1", "top1", "ambiguous_f1") if name in metrics}
        print(f"{options.export}: " + ", ".join(f"{name} {value:.4f}" for name, value in shown.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
