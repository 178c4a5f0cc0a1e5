"""Options of a tiny training, and helpers that inspect it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor

from rvernet_app.model.preprocessing import Preprocessing
from rvernet_app.picture.cutouts import cut_out
from training.data.photos import open_photo
from training.data.regions import Region, Regions
from training.loop.engine import Trainer

TINY = {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 12, "num_heads": 3}
DEIT = {"name": "deit_tiny_distilled_patch16_224", "kwargs": TINY}
MOBILENET = {"name": "mobilenetv2_035", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
MODEL = {"roi_module": DEIT, "fusion": "features", "hidden": 8, "input_size": 32}
BASE = {
    "data": {"sources": ["store"], "workers": 0},
    "model": {**MODEL, "weights": "scratch", "batch_norm": "measured"},
    "optimization": {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "backbone_learning_rate": 0.003},
    "device": "cpu",
    "trackers": [],
}
FULL_SIZE: dict[str, Any] = {
    "model__roi_module": {**DEIT, "kwargs": {**TINY, "img_size": 48}, "std": [0.2, 0.3, 0.4]},
    "model__input_size": 48,
    "augmentation__flip": 0,
    "optimization__epochs": 1,
    "optimization__batch_size": 8,
}
"""Options that use the full photo size and put all regions in a single step."""


Make = Callable[..., Trainer]


def forget_accelerate() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def assert_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert not changed(one, other)


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def without_speed(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "regions_per_second"} for record in history]


def inputs_of(model: Any) -> list[list[Tensor]]:
    """Record the inputs of each backbone of a model from now on."""
    seen: list[list[Tensor]] = [[] for _ in model.backbones]
    for backbone, inputs in zip(model.backbones.values(), seen, strict=True):
        backbone.register_forward_pre_hook(lambda _, given, inputs=inputs: inputs.append(given[0].clone()))
    return seen


def logits_of(model: Any) -> list[Tensor]:
    """Record the logits of a model's integration module from now on."""
    seen: list[Tensor] = []
    model.integration_module.register_forward_hook(lambda _, given, said: seen.append(said.detach().clone()))
    return seen


def heads_of(trainer: Trainer) -> dict[str, Any]:
    """Return the linear heads outside the model by name."""
    return dict(trainer._student.heads.items())


def regions_of_step(trainer: Trainer, data: Regions, epoch: int = 0, step: int = 0) -> list[Region]:
    """Return the training regions of a step in order."""
    return [data.train[i] for i in trainer._plan.epoch(epoch)[step]]


def force_logits(trainer: Trainer, *logits: float) -> None:
    """Make a model return these logits for every input."""
    last: Any = trainer.model.integration_module[2]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor(logits))


def as_served(preprocessing: Preprocessing, regions: list[Region]) -> tuple[Tensor, ...]:
    return preprocessing([cut_out(*region.masked[0].read(open_photo)) for region in regions])


def assert_same_end(one: Trainer, other: Trainer) -> None:
    assert_equal(weights(one), weights(other))
    assert_equal(one.trained().state_dict(), other.trained().state_dict())
    assert without_speed(one.history) == without_speed(other.history)
    told = [
        [json.loads(line) for line in (t._options.run_folder / "metrics.jsonl").read_text().splitlines()]
        for t in (one, other)
    ]
    assert without_speed(told[0]) == without_speed(told[1]) == without_speed(one.history)
