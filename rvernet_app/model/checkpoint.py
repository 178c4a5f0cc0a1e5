"""A folder of config.json and model.safetensors <-> a model with all it needs to be used rightly."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from rvernet_app.errors import CheckpointError
from rvernet_app.model.baseline import Model, SinglePicture, SinglePictureConfig
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.preprocessing import Preprocessing
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig

FORMAT = 1
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A RveRNet or a single-picture baseline as loaded from its folder.

    Attributes:
        name: the folder's name, unless it was loaded under another.
        model: float32, in eval mode, on the CPU, its parameters frozen.
        classes: the K class names, in the order of the logits.
        preprocessing: cut-outs -> the model's inputs.
        training: how it was trained, as its maker wrote it.
        metrics: what was measured of it, as its maker wrote it.
        fingerprint: 16 hex digits of the SHA-256 over both files.
        calibration: how its logits become probabilities to be relied on; None where nobody measured it.
    """

    name: str
    model: Model
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    fingerprint: str
    calibration: Calibration | None = None


def save_checkpoint(
    folder: Path,
    model: Model,
    classes: tuple[str, ...],
    *,
    padding: int = 125,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    calibration: Calibration | None = None,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a checkpoint folder; each of its two files appears whole or not at all.

    Args:
        folder: made when missing; an older checkpoint in it is replaced, other files stay.
        model: left as it is.
        classes: K different names, in the order of the logits.
        padding: grey level around letterboxed pictures, 0 to 255.
        training, metrics: anything JSON can hold.
        calibration: None for a model that is not calibrated.
        dtype: of the stored weights.

    Raises:
        CheckpointError: the classes do not fit the model, a weight is not finite in `dtype`, or the folder
            cannot be written.
    """
    _check_classes(classes, model.config.num_classes, folder)
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"The weights {name} hold values that are not finite in {dtype}.")
    weights_bytes = save(tensors)
    config = {
        "format": FORMAT,
        "weights_sha256": hashlib.sha256(weights_bytes).hexdigest(),
        "model": asdict(model.config),
        "padding": padding,
        "classes": list(classes),
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
    }
    if calibration is not None:
        config["calibration"] = asdict(calibration)
    config_bytes = _to_bytes(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / WEIGHTS_NAME, weights_bytes)
        _write_whole(folder / CONFIG_NAME, config_bytes)
    except OSError as error:
        raise CheckpointError(f"The checkpoint folder {folder} cannot be written: {error}.") from error


def set_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Rewrite the calibration of a checkpoint folder, None to take it out; the weights file stays untouched.

    Raises:
        CheckpointError: config.json is missing, damaged or cannot be written.
    """
    path = folder / CONFIG_NAME
    config = _parse(_read(path), folder)
    config.pop("calibration", None)
    if calibration is not None:
        config["calibration"] = asdict(calibration)
    try:
        _write_whole(path, _to_bytes(config))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error}.") from error


def load_checkpoint(folder: Path, name: str | None = None) -> Checkpoint:
    """Read a checkpoint folder. Nothing is downloaded, nothing is unpickled.

    Args:
        folder: of config.json and model.safetensors.
        name: what to call it; None takes the folder's name.

    Raises:
        CheckpointError: the folder or a file is missing or damaged, or its parts contradict each other.
    """
    if not folder.is_dir():
        raise CheckpointError(f"There is no checkpoint folder {folder}.")
    config_bytes = _read(folder / CONFIG_NAME)
    weights_bytes = _read(folder / WEIGHTS_NAME)
    config = _parse(config_bytes, folder)
    if config.get("weights_sha256") != hashlib.sha256(weights_bytes).hexdigest():
        raise CheckpointError(
            f"{folder / WEIGHTS_NAME} is damaged or does not belong to the {CONFIG_NAME} beside it: "
            "its SHA-256 differs."
        )
    try:
        model = _build_model(config["model"])
        preprocessing = Preprocessing.of(model.config, config["padding"])
        classes = tuple(_of_type(list, config["classes"], "classes"))
        training = _of_type(dict, config["training"], "training")
        metrics = _of_type(dict, config["metrics"], "metrics")
        calibration = Calibration(**config["calibration"]) if "calibration" in config else None
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{folder / CONFIG_NAME} does not describe a model: {what}.") from error
    _check_classes(classes, model.config.num_classes, folder)
    _load_weights(model, weights_bytes, folder)
    model.eval().requires_grad_(False)
    return Checkpoint(
        name=name or folder.resolve().name,
        model=model,
        classes=classes,
        preprocessing=preprocessing,
        training=training,
        metrics=metrics,
        fingerprint=hashlib.sha256(config_bytes + weights_bytes).hexdigest()[:16],
        calibration=calibration,
    )


def _build_model(config: Mapping[str, Any]) -> Model:
    """The model that `config` describes: with a picture a baseline, without one a RveRNet."""
    if "picture" in config:
        return SinglePicture(SinglePictureConfig(**{**config, "module": ModuleSpec(**config["module"])}))
    specs = {name: ModuleSpec(**config[name]) for name in ("roi_module", "extra_roi_module")}
    return RveRNet(RveRNetConfig(**{**config, **specs}))


def _to_bytes(config: Mapping[str, Any]) -> bytes:
    return (json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parse(config_bytes: bytes, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads(config_bytes)
    except ValueError as error:  # also what is not UTF-8
        raise CheckpointError(f"{folder / CONFIG_NAME} is not readable JSON: {error}.") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{folder / CONFIG_NAME} does not hold a JSON object.")
    if config.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / CONFIG_NAME} has format {config.get('format')!r}; this version reads format {FORMAT}."
        )
    return config


def _of_type(kind: type, value: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {name} as a JSON {kind.__name__}, got {value!r}")
    return value


def _load_weights(model: Model, weights_bytes: bytes, folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    try:
        tensors = load(weights_bytes)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file: {error}.") from error
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if missing := sorted(wanted.keys() - tensors.keys()):
        raise CheckpointError(f"{path} lacks {len(missing)} of the model's weights, first {missing[0]}.")
    if surplus := sorted(tensors.keys() - wanted.keys()):
        raise CheckpointError(
            f"{path} holds {len(surplus)} weights the model has no place for: {surplus[0]}."
        )
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise CheckpointError(
                f"{path} holds {name} of shape {tuple(tensors[name].shape)}, the model needs {tuple(shape)}."
            )
        if tensors[name].is_floating_point() and not torch.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path} holds values in {name} that are not finite.")
    model.load_state_dict(tensors)


def _check_classes(classes: tuple[str, ...], num_classes: int, folder: Path) -> None:
    if not all(isinstance(name, str) and name for name in classes):
        raise CheckpointError(f"The class names of {folder} must be texts that are not empty.")
    if len(set(classes)) != len(classes):
        raise CheckpointError(f"The class names of {folder} must all be different.")
    if len(classes) != num_classes:
        raise CheckpointError(f"{folder} names {len(classes)} classes, but its model has {num_classes}.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"The checkpoint folder {path.parent} has no {path.name}.") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error


def _write_whole(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
