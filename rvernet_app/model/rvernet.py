"""RveRNet (S. Jin, arXiv 2407.08257): one backbone per picture, joined by an integration module."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from torch import Tensor, nn

IMAGENET_CLASSES = 1000
FUSIONS = ("logits", "features")
_RESERVED = frozenset(
    ("pretrained", "num_classes", "checkpoint_path", "cache_dir", "pretrained_cfg", "pretrained_cfg_overlay")
)
MOST = 10_000
"""The largest depth, width, side or other number that a module or a model may be described with: before it
makes a tensor, timm makes lists of this length."""


@dataclass(frozen=True)
class ModuleSpec:
    """One backbone and the pixel statistics it was trained with.

    Attributes:
        name: a timm model name.
        kwargs: further arguments of `timm.create_model`, e.g. `{"pad_type": "same"}`.
        mean, std: per RGB channel, for pixel values in [0, 1]; None takes timm's for this model.

    Raises:
        ValueError: timm does not know the model, an argument may not be set or is above MOST, or mean or std
            are not three finite numbers with std above 0.
    """

    name: str
    kwargs: Mapping[str, object] = field(default_factory=dict)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not timm.is_model(self.name):
            raise ValueError(f"expected the name of a timm model, got {self.name!r}")
        # A config.json from elsewhere must not make timm fetch or unpickle a file.
        if reserved := _RESERVED & set(self.kwargs):
            raise ValueError(f"{', '.join(sorted(reserved))} cannot be set for a module")
        if not all(abs(number) <= MOST for number in _numbers(self.kwargs)):  # false for NaN too
            raise ValueError(f"expected no number above {MOST} for {self.name}")
        known = timm.get_pretrained_cfg(self.name)
        for name in ("mean", "std"):
            values = getattr(self, name)
            try:
                values = tuple(float(v) for v in (getattr(known, name) if values is None else values))
            except OverflowError as error:
                raise ValueError(f"expected three finite numbers as {name} of {self.name}") from error
            if len(values) != 3 or not all(v == v and abs(v) < 1e6 for v in values):
                raise ValueError(f"expected three finite numbers as {name} of {self.name}, got {values}")
            if name == "std" and min(values) <= 0:
                raise ValueError(f"expected std of {self.name} above 0, got {values}")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "kwargs", dict(self.kwargs))


def _numbers(value: object) -> Iterator[float]:
    """Yield the numbers in a JSON value."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, Mapping):
        yield from _numbers(list(value.values()))


class ModelConfig(ABC):
    """Fields shared by the configs of RveRNet and the single-picture baseline.

    Attributes:
        num_classes: K, 2 to MOST.
        fusion: output of the backbones that the integration module reads: their 1000 ImageNet "logits", as in
            the paper, or their pooled "features".
        hidden: width of the integration module's hidden layer, 1 to MOST.
        input_size: side of the square input of every backbone, in pixels, 32 to MOST.

    Raises:
        ValueError: a value is out of range.
    """

    num_classes: int
    fusion: str
    hidden: int
    input_size: int

    @property
    @abstractmethod
    def modules(self) -> Mapping[str, ModuleSpec]:
        """The backbone of each picture, by the picture's name in `Cutouts`, in the order of `forward`."""

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(f"expected fusion to be one of {', '.join(FUSIONS)}, got {self.fusion!r}")
        for name, least in (("num_classes", 2), ("hidden", 1), ("input_size", 32)):
            value = getattr(self, name)
            if not isinstance(value, int) or not least <= value <= MOST:
                raise ValueError(
                    f"expected {name} as a whole number from {least} to {MOST}, got {reprlib.repr(value)}"
                )


@dataclass(frozen=True)
class RveRNetConfig(ModelConfig):
    """Everything that defines a RveRNet except its weights.

    Attributes:
        roi_module, extra_roi_module: the two backbones.
        num_classes, fusion, hidden, input_size: see `ModelConfig`.

    Raises:
        ValueError: a value is out of range.
    """

    roi_module: ModuleSpec
    extra_roi_module: ModuleSpec
    num_classes: int
    fusion: str = "logits"
    hidden: int = 640
    input_size: int = 224

    @property
    def modules(self) -> Mapping[str, ModuleSpec]:
        """Return both backbones by the names of their pictures."""
        return {"roi": self.roi_module, "extra_roi": self.extra_roi_module}


class RveRNet(nn.Module):
    """RveRNet: ROI module, extra-ROI module and integration module.

    The two modules may be any two timm backbones. The weights are random until a state dict is loaded;
    nothing is downloaded.

    Attributes:
        config: its definition.
        roi_tap, extra_roi_tap: identities through which the unpooled features of each backbone pass: (B, C,
            h, w), (B, h, w, C) or (B, N, C), depending on the backbone. Hooks on them see the last features
            with positions.

    Raises:
        ValueError: timm cannot build a backbone from its spec.
    """

    def __init__(self, config: RveRNetConfig) -> None:
        super().__init__()
        self.config = config
        self.roi_module = build_backbone(config.roi_module, config)
        self.extra_roi_module = build_backbone(config.extra_roi_module, config)
        self.roi_tap = nn.Identity()
        self.extra_roi_tap = nn.Identity()
        self.integration_module = build_integration_module(self.backbones.values(), config)

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names, as in `Cutouts`, of the arguments of `forward`, in its order."""
        return tuple(self.config.modules)

    @property
    def backbones(self) -> dict[str, Any]:
        """The backbone of each picture, by the picture's name."""
        return {"roi": self.roi_module, "extra_roi": self.extra_roi_module}

    def forward(self, roi: Tensor, extra_roi: Tensor) -> Tensor:
        """Classify pairs of pictures.

        Args:
            roi, extra_roi: float (B, 3, S, S), letterboxed to S = `config.input_size` and normalised by each
                module's mean and std (`rvernet_app.model.preprocessing`).

        Returns:
            Logits (B, K).
        """
        return self.integrate(self.encode_roi(roi), self.encode_extra_roi(extra_roi))

    def encode_roi(self, roi: Tensor) -> Tensor:
        """Return the output of the ROI module, (B, D), for pictures (B, 3, S, S)."""
        return self.pool_roi(self.roi_tap(self.roi_module.forward_features(roi)))

    def encode_extra_roi(self, extra_roi: Tensor) -> Tensor:
        """Return the output of the extra-ROI module, (B, D), for pictures (B, 3, S, S)."""
        return self.pool_extra_roi(self.extra_roi_tap(self.extra_roi_module.forward_features(extra_roi)))

    def pool_roi(self, features: Tensor) -> Tensor:
        """Return the output of the ROI module, (B, D), for its unpooled features."""
        encoded: Tensor = self.roi_module.forward_head(features)
        return encoded  # (B, D)

    def pool_extra_roi(self, features: Tensor) -> Tensor:
        """Return the output of the extra-ROI module, (B, D), for its unpooled features."""
        encoded: Tensor = self.extra_roi_module.forward_head(features)
        return encoded  # (B, D)

    def integrate(self, roi: Tensor, extra_roi: Tensor) -> Tensor:
        """Return logits (B, K) for the outputs of both modules, (B, D) each."""
        logits: Tensor = self.integration_module(torch.cat((roi, extra_roi), dim=1))
        return logits


def build_backbone(spec: ModuleSpec, config: ModelConfig) -> Any:
    """Build a timm backbone with random weights, whose output is the one that `config.fusion` names.

    Raises:
        ValueError: timm cannot build it, or it does not take pictures of `config.input_size`.
    """
    num_classes = IMAGENET_CLASSES if config.fusion == "logits" else 0
    try:
        backbone = timm.create_model(spec.name, pretrained=False, num_classes=num_classes, **spec.kwargs)
    except Exception as error:  # the model's constructor may raise anything
        raise ValueError(
            f"timm cannot build {spec.name} with {reprlib.repr(spec.kwargs)}: {error}"
        ) from error
    patches = getattr(backbone, "patch_embed", None) or getattr(backbone, "stem", None)
    fixed_size = getattr(patches, "img_size", None)
    if fixed_size is not None and tuple(fixed_size) != (config.input_size, config.input_size):
        raise ValueError(
            f"{spec.name} was built for pictures of {fixed_size} pixels, but input_size is "
            f"{config.input_size}; give the module img_size={config.input_size}"
        )
    return backbone


def build_integration_module(backbones: Iterable[Any], config: ModelConfig) -> nn.Sequential:
    """Build linear, ReLU, linear: the concatenated outputs of the backbones -> logits (B, K)."""
    return nn.Sequential(
        nn.Linear(sum(map(output_width, backbones)), config.hidden),
        nn.ReLU(),
        nn.Linear(config.hidden, config.num_classes),
    )


def output_width(backbone: Any) -> int:
    """Return D, the width of a backbone's output (B, D)."""
    width = backbone.num_classes or getattr(backbone, "head_hidden_size", None) or backbone.num_features
    return int(width)
