"""Save and load checkpoint folders (config.json, model.safetensors)."""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load, save

from rvernet_app import files
from rvernet_app.errors import CheckpointError
from rvernet_app.model.baseline import Model, SinglePicture, SinglePictureConfig
from rvernet_app.model.bounded import Bounded
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.preprocessing import Preprocessing
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.reading import json_of, read_bytes

FORMAT = 1
T = TypeVar("T")
MAX_BYTES = 8 * 10**9
"""Size of each of its files."""
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
MOST_CONFIG_BYTES = 10 * 10**6
SPARE_BYTES = 64 * 10**6
SPARE_TENSORS = 10_000
"""What the building of a model may take beyond eight times what the file of its weights holds: weights are
float32 then, and timm makes some that it drops, and tables that are not saved."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A RveRNet or a single-picture baseline, loaded from its folder.

    Attributes:
        name: name of the folder, or the name it was loaded under.
        model: float32, in eval mode, on the CPU, with frozen parameters.
        classes: K class names, in the order of the logits.
        preprocessing: converts cut-outs to the model's inputs.
        training: summary of the training, from config.json.
        metrics: measured results, from config.json.
        fingerprint: first 16 hex digits of the SHA-256 over both files.
        calibration: temperature and threshold; None for an uncalibrated model.
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
    """Save a checkpoint. Each of its two files is replaced in one step and survives a power cut.

    Args:
        folder: created if missing. An older checkpoint in it is replaced; other files stay.
        model: the model to save; it is not changed.
        classes: K different names, in the order of the logits.
        padding: grey level around letterboxed pictures, 0 to 255.
        training, metrics: summaries that can be written as JSON.
        calibration: temperature and threshold; None for an uncalibrated model.
        dtype: type of the saved weights.

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
        files.write(folder / WEIGHTS_NAME, weights_bytes, durable=True)
        files.write(folder / CONFIG_NAME, config_bytes, durable=True)
    except OSError as error:
        raise CheckpointError(f"The checkpoint folder {folder} cannot be written: {error}.") from error


def set_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Set or remove (None) the calibration in config.json; the weights stay unchanged.

    Raises:
        CheckpointError: config.json is missing, damaged or cannot be written.
    """
    path = folder / CONFIG_NAME
    config = _parse(_read(path), folder)
    config.pop("calibration", None)
    if calibration is not None:
        config["calibration"] = asdict(calibration)
    try:
        files.write(path, _to_bytes(config), durable=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error}.") from error


def load_checkpoint(folder: Path, name: str | None = None) -> Checkpoint:
    """Load a checkpoint. Nothing is downloaded or unpickled.

    Args:
        folder: the folder with config.json and model.safetensors.
        name: name of the checkpoint; None takes the folder's name.

    Raises:
        CheckpointError: the folder or a file is missing or damaged, or the two files contradict each other.
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
    tensors = _load_tensors(weights_bytes, folder)
    try:
        with Bounded(SPARE_BYTES + 8 * len(weights_bytes), SPARE_TENSORS + 8 * len(tensors)):
            model = _build_model(config["model"])
        preprocessing = Preprocessing.of(model.config, config["padding"])
        classes = tuple(_of_type(list, config["classes"], "classes"))
        training = _of_type(dict, config["training"], "training")
        metrics = _of_type(dict, config["metrics"], "metrics")
        calibration = Calibration(**config["calibration"]) if "calibration" in config else None
    except Exception as error:  # what strangers describe may raise nearly every built-in error in timm
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{folder / CONFIG_NAME} does not describe a model: {what}.") from error
    _check_classes(classes, model.config.num_classes, folder)
    _load_weights(model, tensors, folder)
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
    """Build the model that `config` describes: a baseline if it names a picture, otherwise a RveRNet."""
    if "picture" in config:
        return SinglePicture(SinglePictureConfig(**{**config, "module": ModuleSpec(**config["module"])}))
    specs = {name: ModuleSpec(**config[name]) for name in ("roi_module", "extra_roi_module")}
    return RveRNet(RveRNetConfig(**{**config, **specs}))


def _to_bytes(config: Mapping[str, Any]) -> bytes:
    return (json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parse(config_bytes: bytes, folder: Path) -> dict[str, Any]:
    try:
        config = json_of(config_bytes)
    except ValueError as error:  # includes bytes that are not UTF-8
        raise CheckpointError(f"{folder / CONFIG_NAME} is not readable JSON: {error}.") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{folder / CONFIG_NAME} does not hold a JSON object.")
    if (found := config.get("format")) != FORMAT:
        raise CheckpointError(
            f"{folder / CONFIG_NAME} has format {reprlib.repr(found)}; this version reads format {FORMAT}."
        )
    return config


def _of_type(kind: type[T], value: object, name: str) -> T:
    """Return the value, or raise TypeError if it is of another type."""
    if not isinstance(value, kind):
        raise TypeError(f"expected {name} as a JSON {kind.__name__}, got {reprlib.repr(value)}")
    return value


def _load_tensors(weights_bytes: bytes, folder: Path) -> dict[str, torch.Tensor]:
    try:
        return load(weights_bytes)
    except Exception as error:  # a damaged header may name types and shapes that torch does not know
        raise CheckpointError(
            f"{folder / WEIGHTS_NAME} is damaged or not a safetensors file: {error}."
        ) from error


def _load_weights(model: Model, tensors: Mapping[str, torch.Tensor], folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if missing := sorted(wanted.keys() - tensors.keys()):
        raise CheckpointError(
            f"{path} lacks {len(missing)} of the model's weights, for example {missing[0]}."
        )
    if surplus := sorted(tensors.keys() - wanted.keys()):
        raise CheckpointError(
            f"{path} holds {len(surplus)} weights that the model does not have, for example {surplus[0]}."
        )
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise CheckpointError(
                f"{path} holds {name} of shape {tuple(tensors[name].shape)}, the model needs {tuple(shape)}."
            )
        if tensors[name].is_floating_point() and not torch.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path} holds values in {name} that are not finite.")
    model.load_state_dict(dict(tensors))


def _check_classes(classes: tuple[str, ...], num_classes: int, folder: Path) -> None:
    if not all(isinstance(name, str) and name for name in classes):
        raise CheckpointError(f"The class names of {folder} must be texts that are not empty.")
    if len(set(classes)) != len(classes):
        raise CheckpointError(f"The class names of {folder} must all be different.")
    if len(classes) != num_classes:
        raise CheckpointError(f"{folder} names {len(classes)} classes, but its model has {num_classes}.")


def _read(path: Path) -> bytes:
    """Return the bytes of a file of a checkpoint. Pipes and devices are not read: they may never end."""
    try:
        return read_bytes(path, MOST_CONFIG_BYTES if path.name == CONFIG_NAME else MAX_BYTES)
    except FileNotFoundError as error:
        raise CheckpointError(f"The checkpoint folder {path.parent} has no {path.name}.") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
