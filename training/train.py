"""Train a RveRNet: `python -m training.train --config training/configs/ecustfd.yaml [--key value …]`.

The run folder gets `state.pt` (an interrupted run continues from it), `metrics.jsonl`, `curves.png` and
`confusion.png`; the export folder gets the checkpoint the app loads, with figures measured on what is stored.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from rvernet_app.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.config import AppConfig
from rvernet_app.device import torch_device
from rvernet_app.errors import CheckpointError, ConfigError, RvernetError, WeightsError
from rvernet_app.memory import keep_memory
from rvernet_app.preprocessing import Preprocessing
from rvernet_app.rvernet import RveRNet, RveRNetConfig
from rvernet_app.segment.registry import open_segmenter
from training.configuration import read_options, to_json
from training.data import read_regions, region_masks
from training.engine import Trainer
from training.measure import confusion, describe, overall, score_regions
from training.options import TrainOptions
from training.report import draw_confusion, draw_curves, model_card


def train(options: TrainOptions, command: str) -> dict[str, Any]:
    """Run a training to its end and export it. Returns the figures stored in the checkpoint."""
    torch.manual_seed(options.seed)
    data = read_regions(options.data, options.rename)
    if unused := sorted(set(options.rename.values()) - set(data.classes)):
        raise ConfigError(
            f"rename gives names to categories {options.data} does not have: {', '.join(unused)}."
        )
    segmenter = open_segmenter(AppConfig(segmenter=options.segmenter, device=options.device))
    rles = region_masks([*data.train, *data.val], data.fingerprint, segmenter, options.mask_cache)
    try:
        config = RveRNetConfig(
            options.roi_module,
            options.extra_roi_module,
            num_classes=len(data.classes),
            fusion=options.fusion,
            hidden=options.hidden,
            input_size=options.input_size,
        )
        model = RveRNet(config)
    except ValueError as error:
        raise RvernetError(f"These options make no RveRNet: {error}.") from error
    if options.backbone_weights is not None:
        for backbone in (model.roi_module, model.extra_roi_module):
            load_backbone(backbone, options.backbone_weights)
    if options.start is not None:
        load_modules(model, options.start)
    preprocessing = Preprocessing.of(config, options.padding)
    trainer = Trainer(model, preprocessing, data.train, data.val, rles, options, torch_device(options.device))
    trainer.resume()
    trainer.run()

    training: dict[str, Any] = {
        "command": command,
        "options": to_json(options),
        "data_fingerprint": data.fingerprint,
        "segmenter": segmenter.fingerprint,
        "train_regions": len(data.train),
        "train_groups": len({r.group for r in data.train}),
        "stored_dtype": "float16",
    }
    save_checkpoint(options.export, model, data.classes, padding=options.padding, training=training)
    stored = load_checkpoint(options.export)
    scores = score_regions(stored.model, stored.preprocessing, data.val, rles)
    clicked = region_masks(data.val, data.fingerprint, segmenter, options.mask_cache, prompt="click")
    metrics = {
        **describe(scores, data.classes, data.val),
        "from_one_click": overall(score_regions(stored.model, stored.preprocessing, data.val, clicked)),
    }
    save_checkpoint(
        options.export, model, data.classes, padding=options.padding, training=training, metrics=metrics
    )
    card = model_card(options.export.name, data.classes, training, metrics)
    (options.export / "README.md").write_text(card, encoding="utf-8")
    draw_curves(trainer.history, options.run_folder / "curves.png")
    draw_confusion(
        confusion(scores.true, scores.with_context), data.classes, options.run_folder / "confusion.png"
    )
    return metrics


def load_modules(model: RveRNet, folder: Path) -> None:
    """Start both modules from the ROI module of a checkpoint of any classes.

    Raises:
        CheckpointError: the checkpoint is missing or damaged, or its ROI module is another backbone.
    """
    found = load_checkpoint(folder).model.roi_module.state_dict()
    try:
        for module in (model.roi_module, model.extra_roi_module):
            module.load_state_dict(found)
    except RuntimeError as error:
        raise CheckpointError(f"{folder} has another ROI module than these options: {error}") from error


def load_backbone(backbone: nn.Module, path: Path) -> None:
    """Start a timm backbone from a safetensors file with timm's names; a classifier it does not have is left.

    Raises:
        WeightsError: the file is missing, damaged, or of another backbone.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"The backbone weights {path} cannot be read: {error}.") from error
    classifier = backbone.pretrained_cfg["classifier"]  # type: ignore[index]
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    wanted = backbone.state_dict()
    kept = {
        name: tensor
        for name, tensor in tensors.items()
        if name in wanted or not name.startswith(tuple(f"{head}." for head in heads))
    }
    try:
        backbone.load_state_dict(kept)
    except RuntimeError as error:
        raise WeightsError(f"{path} holds the weights of another backbone: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0, or 2 with one line on stderr where the options or the data are at fault."""
    keep_memory()
    try:
        options = read_options(arguments, TrainOptions)
        metrics = train(options, " ".join(("python -m training.train", *arguments)))
    except RvernetError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{options.export}: macro F1 {metrics['macro_f1']:.4f}, top-1 {metrics['top1']:.4f}; "
        f"without context macro F1 {metrics['without_context']['macro_f1']:.4f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
