"""Options of a training run: a YAML file, then `--key value` on the command line over it."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from rvernet_app.errors import ConfigError
from rvernet_app.rvernet import FUSIONS, ModuleSpec


@dataclass(frozen=True)
class TrainOptions:
    """What a training run is made of. Relative paths are relative to the working directory.

    Attributes:
        data: folder of the data set, see `training.data.read_regions`.
        run_folder: where the run's state, metrics and pictures go.
        export: the checkpoint folder written at the end.
        rename: names of the data set's categories -> the class names to use instead.
        roi_module, extra_roi_module: the backbones, in YAML `{name, kwargs, mean, std}`.
        backbone_weights: safetensors file with timm's names that both backbones start from; None starts at
            random.
        fusion, hidden, input_size: see `RveRNetConfig`.
        padding: grey level around letterboxed pictures, 0 to 255.
        segmenter: makes masks of boxes; a name the app knows, or "auto".
        mask_cache: folder where those masks are kept.
        epochs, batch_size: of regions; the last batch of an epoch may be smaller.
        learning_rate: peak for the integration module.
        backbone_learning_rate: peak for what is not frozen of the backbones.
        weight_decay: AdamW's, on matrices and kernels only.
        warmup: share of all steps over which the learning rate rises linearly; a cosine to 0 follows.
        label_smoothing: share of the target spread over all classes.
        frozen: name prefixes, inside each backbone, of parameters that stay as they are.
        flip: probability of a horizontal flip, one draw for both pictures.
        min_crop: smallest side of the random window, around the region, as a share of the photo's; 1 is off.
        brightness: largest relative change of brightness, one draw for both pictures.
        context_dropout: probability that the extra-ROI picture is blanked, so that a prediction without
            context is one the model has learned to make.
        notes: what a user of the checkpoint should know of its data; printed in its model card.
        seed: of the weights, the order and every augmentation.
        workers: processes that prepare batches; 0 prepares them in the training process.
        save_every: steps between two saved states.
        device: torch device, or "auto".

    Raises:
        ConfigError: a value is out of range or two contradict each other.
    """

    data: Path
    run_folder: Path
    export: Path
    roi_module: ModuleSpec
    extra_roi_module: ModuleSpec
    rename: dict[str, str] = field(default_factory=dict)
    backbone_weights: Path | None = None
    fusion: str = "logits"
    hidden: int = 640
    input_size: int = 224
    padding: int = 125
    segmenter: str = "auto"
    mask_cache: Path = Path("cache/masks")
    epochs: int = 30
    batch_size: int = 50
    learning_rate: float = 4e-3
    backbone_learning_rate: float = 4e-4
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.1
    frozen: tuple[str, ...] = ()
    flip: float = 0.5
    min_crop: float = 1.0
    brightness: float = 0.0
    context_dropout: float = 0.0
    notes: tuple[str, ...] = ()
    seed: int = 0
    workers: int = 1
    save_every: int = 50
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "save_every"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "backbone_learning_rate"):
            _require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "workers", "seed"):
            _require(getattr(self, name) >= 0, f"{name} must not be below 0, got {getattr(self, name)}")
        for name in ("warmup", "label_smoothing", "brightness"):
            _require(0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("flip", "context_dropout"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be in [0, 1], got {getattr(self, name)}")
        _require(0 < self.min_crop <= 1, f"min_crop must be in (0, 1], got {self.min_crop}")
        _require(0 <= self.padding <= 255, f"padding must be in 0..255, got {self.padding}")
        _require(self.fusion in FUSIONS, f"fusion is one of {', '.join(FUSIONS)}; got {self.fusion!r}")
        _require(
            not self.frozen or self.backbone_weights is not None,
            "frozen parameters without backbone_weights would stay random",
        )

    def to_json(self) -> dict[str, Any]:
        """The options as JSON can hold them."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}


def read_options(arguments: Sequence[str]) -> TrainOptions:
    """`["--config", FILE, "--key", "value", …]` -> options; values on the command line are read as YAML.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or missing, or a value is not of its type.
    """
    pairs = _pairs(arguments)
    values: dict[str, Any] = {}
    if "config" in pairs:
        values.update(_read_yaml(Path(pairs.pop("config"))))
    for key, text in pairs.items():
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--{key} {text!r} is not a value: {error}.") from error
    return options_from(values)


def options_from(values: Mapping[str, Any]) -> TrainOptions:
    """A mapping as read from YAML -> options.

    Raises:
        ConfigError: a key is unknown or missing, or a value is not of its type.
    """
    kinds = get_type_hints(TrainOptions)
    if unknown := sorted(values.keys() - kinds.keys()):
        raise ConfigError(f"Unknown option {', '.join(unknown)}; known are {', '.join(kinds)}.")
    converted = {key: _convert(key, value, kinds[key]) for key, value in values.items()}
    try:
        return TrainOptions(**converted)
    except TypeError as error:
        required = [f.name for f in fields(TrainOptions) if f.name not in converted]
        raise ConfigError(
            f"An option without a default is not given; not given are {', '.join(required)}."
        ) from error


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    if len(arguments) % 2 or not all(key.startswith("--") for key in arguments[::2]):
        raise ConfigError(f"Options are given as --key value, got {' '.join(arguments)!r}.")
    return {key[2:]: text for key, text in zip(arguments[::2], arguments[1::2], strict=True)}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"The options file {path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"The options file {path} does not hold `key: value` lines.")
    return values


def _convert(key: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    try:
        if kind is ModuleSpec:
            return ModuleSpec(**({"name": value} if isinstance(value, str) else value))
        if get_origin(kind) is tuple:
            return tuple(_typed(str, part) for part in _typed(list, value))
        if get_origin(kind) is dict:
            return {_typed(str, k): _typed(str, v) for k, v in _typed(dict, value).items()}
        if kind is Path:
            return Path(_typed(str, value)).expanduser()
        # YAML 1.1 reads 1e-3 as text
        return float(value) if kind is float and not isinstance(value, bool) else _typed(kind, value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} cannot be {value!r}: {error}.") from error


def _typed(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ConfigError(f"{sentence}.")
