"""Parts of every training run: schedule, parameter groups, frozen parameters, saved state."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn

from rvernet_app import files
from rvernet_app.errors import CheckpointError
from training.shared.configuration import to_json

STATE_NAME = "state.pt"


def learning_rate_share(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak learning rate at a step: linear warm-up from above 0, then a cosine
    towards 0.
    """
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def parameter_groups(
    model: nn.Module, peak: Callable[[str], float], weight_decay: float, plain: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Group trainable parameters by peak learning rate and weight decay; biases and norms are not decayed.

    Args:
        peak: a parameter's name -> its peak learning rate.
        plain: parameters with one of these in their name are not decayed either.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.ndim > 1 and not any(part in name for part in plain)
            groups.setdefault((peak(name), weight_decay if decayed else 0.0), []).append(parameter)
    return [{"params": p, "peak": rate, "lr": rate, "weight_decay": d} for (rate, d), p in groups.items()]


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group to this share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share


def freeze(backbone: nn.Module, prefixes: Sequence[str]) -> None:
    """Train the parameters of a backbone except those whose names start with one of the prefixes.

    Raises:
        CheckpointError: a prefix fits no parameter.
    """
    named = dict(backbone.named_parameters())
    frozen: set[str] = set()
    for prefix in prefixes:
        chosen = {name for name in named if name == prefix or name.startswith(f"{prefix}.")}
        if not chosen:
            raise CheckpointError(f"The backbone has no parameters {prefix!r} to freeze.")
        frozen |= chosen
    for name, parameter in named.items():
        parameter.requires_grad_(name not in frozen)


def save_state(folder: Path, options: Any, state: dict[str, Any]) -> None:
    """Write the state of a run into its folder. The older state stays until the new one is complete.

    Raises:
        CheckpointError: the state cannot be written.
    """
    path = folder / STATE_NAME
    try:
        with files.replacing(path, durable=True) as unfinished:
            torch.save({"options": _identity(options), **state}, unfinished)
    except (OSError, RuntimeError) as error:  # torch.save says a full disk with a RuntimeError
        raise CheckpointError(
            f"{path} cannot be written. Make room on its disk, or make it writable; then run the same "
            "command again, which goes on from the last state."
        ) from error


def load_state(folder: Path, options: Any) -> dict[str, Any] | None:
    """Read the state in a run's folder; None if there is no state.

    Raises:
        CheckpointError: the state is damaged, or of a run with other options.
    """
    path = folder / STATE_NAME
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        made_with = state["options"]
    except Exception as error:  # torch.load raises whatever its unpickler does
        raise CheckpointError(f"{path} is damaged; remove it to start the run again.") from error
    if made_with != _identity(options):
        raise CheckpointError(f"{path} is of a run with other options; choose another run_folder.")
    return state


def load_state_together(folder: Path, options: Any, accelerator: Accelerator) -> dict[str, Any] | None:
    """Read the state in every process, also on machines without the folder of the main process; see
    `load_state`.
    """
    told: list[Any] = [None]
    if accelerator.is_main_process:
        try:
            told = [load_state(folder, options)]
        except CheckpointError as error:  # the others wait to be told
            told = [error]
    (state,) = broadcast_object_list(told)
    if isinstance(state, CheckpointError):
        raise state
    result: dict[str, Any] | None = state
    return result


def _identity(options: Any) -> str:
    return json.dumps(to_json(options, without_free=True), sort_keys=True)
