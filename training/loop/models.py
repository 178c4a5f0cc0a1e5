"""The model of a run, and the weights that its backbones start from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rvernet_app.errors import CheckpointError, ConfigError, RvernetError, WeightsError
from rvernet_app.model.baseline import Model, SinglePicture, SinglePictureConfig
from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.loop.options import ModelOptions


def build_model(options: ModelOptions, num_classes: int) -> Model:
    """Build the model and load the weights that its backbones start from; the integration module is random.

    Raises:
        ConfigError: the options make no model.
        WeightsError: weights are missing, of another backbone, or cannot be fetched.
        CheckpointError: a checkpoint to start from is missing, damaged or of another backbone.
    """
    rest: dict[str, Any] = {
        **{"num_classes": num_classes, "fusion": options.fusion},
        **{"hidden": options.hidden, "input_size": options.input_size},
    }
    try:
        model: Model
        if options.kind == "rvernet":
            extra = options.extra_roi_module or options.roi_module
            model = RveRNet(RveRNetConfig(options.roi_module, extra, **rest))
        else:
            model = SinglePicture(SinglePictureConfig(options.kind, options.roi_module, **rest))
    except ValueError as error:
        raise ConfigError(f"No model can be built from these options: {error}.") from error
    for picture, backbone in model.backbones.items():
        if picture in options.start:
            start_from(backbone, options.start[picture], picture)
        elif options.weights != "scratch":
            load_backbone(
                backbone, read_weights(options.weights, model.config.modules[picture]), options.weights
            )
    return model


def start_from(backbone: nn.Module, folder: Path, picture: str) -> None:
    """Load a backbone from a checkpoint of any classes: the one for the same picture, or the only one.

    Raises:
        CheckpointError: the checkpoint is missing or damaged, or has no such backbone.
    """
    found = load_checkpoint(folder).model.backbones
    chosen = found.get(picture) or (next(iter(found.values())) if len(found) == 1 else None)
    if chosen is None:
        raise CheckpointError(f"{folder} has no backbone that sees the picture {picture}.")
    try:
        backbone.load_state_dict(chosen.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder} has another backbone for {picture} than these options: {_in_one_line(error)}"
        ) from error


def load_backbone(backbone: Any, tensors: dict[str, Tensor], source: str) -> None:
    """Load a timm backbone from tensors with timm's names; a classifier that it does not have is ignored.

    Args:
        source: name of the tensors in errors.

    Raises:
        WeightsError: they are of another backbone.
    """
    classifier = backbone.pretrained_cfg.get("classifier") or ()
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
        raise WeightsError(
            f"{source} holds the weights of another backbone: {_in_one_line(error)}"
        ) from error


def _in_one_line(error: RuntimeError) -> str:
    """Shorten torch's message about weights that do not fit, which may be hundreds of names over several
    lines.
    """
    return textwrap.shorten(str(error), 240, placeholder=" …")


def read_weights(source: str, spec: ModuleSpec) -> dict[str, Tensor]:
    """Read weights of a backbone with timm's names: its "pretrained" ones, or those in a safetensors file.

    Raises:
        WeightsError: they are missing or damaged, or cannot be fetched.
    """
    if source != "pretrained":
        try:
            return load_file(Path(source).expanduser())
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"The backbone weights {source} cannot be read: {error}.") from error
    try:
        result: dict[str, Tensor] = timm.create_model(spec.name, pretrained=True, **spec.kwargs).state_dict()
        return result
    except Exception as error:  # timm and the hub raise whatever went wrong on the way
        raise WeightsError(
            f"The pretrained weights of {spec.name} are neither cached here nor could they be fetched "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}). "
            "Give `weights` a safetensors file with timm's names, or `scratch`."
        ) from error


def measure_batch_norm(backbone: nn.Module, batches: Iterable[Tensor]) -> int:
    """Set the statistics of every batch norm to those of its input, without changing the output of the
    backbone.

    Weights with folded batch norm state "mean 0, variance 1" for inputs that are nothing like that. Training
    with batch statistics would destroy them; without, nothing would keep their activations alive.

    Args:
        batches: normalized pictures, float (B, 3, S, S), equally many in each, for this backbone.

    Returns:
        The number of batch norms.

    Raises:
        RvernetError: a statistic is not finite.
    """
    norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm)]
    backbone.eval()
    with _moments(norms) as moments, torch.inference_mode():
        for batch in batches:
            backbone(batch)
    for norm in norms:
        mean, square = (torch.stack(values).mean(dim=0) for values in zip(*moments[norm], strict=True))
        variance = (square - mean**2).clamp(min=0)
        if not torch.isfinite(variance).all():
            raise RvernetError("The backbone's activations on the training pictures are not finite.")
        _set_statistics(norm, mean, variance)
    return len(norms)


@torch.no_grad()
def _set_statistics(norm: Any, mean: Tensor, variance: Tensor) -> None:
    """Set the statistics of a batch norm, and adapt weight and bias so that its output stays the same."""
    before = (norm.running_var + norm.eps).sqrt()
    norm.bias += norm.weight * (mean - norm.running_mean) / before
    norm.weight *= (variance + norm.eps).sqrt() / before
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)


@contextmanager
def _moments(norms: list[_BatchNorm]) -> Iterator[dict[_BatchNorm, list[tuple[Tensor, Tensor]]]]:
    """Collect mean and mean square, (C,) in float64, of each norm's input by batch, while the context is
    open.
    """
    found: dict[_BatchNorm, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms}

    def add(norm: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        dims = [0, *range(2, inputs[0].ndim)]
        variance, mean = (t.double() for t in torch.var_mean(inputs[0], dims, correction=0))
        found[norm].append((mean, variance + mean**2))

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
