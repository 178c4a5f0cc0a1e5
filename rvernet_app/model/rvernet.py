"""RveRNet: two backbones, one for the ROI and one for the extra-ROI picture, joined by a small head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from torch import Tensor, nn

IMAGENET_CLASSES = 1000
FUSIONS = ("logits", "features")
_NOT_THE_CALLERS = frozenset(
    ("pretrained", "num_classes", "checkpoint_path", "cache_dir", "pretrained_cfg", "pretrained_cfg_overlay")
)


@dataclass(frozen=True)
class ModuleSpec:
    """One backbone and the pixel statistics it was trained with.

    Attributes:
        name: a timm model name.
        kwargs: further arguments of `timm.create_model`, e.g. `{"pad_type": "same"}`.
        mean, std: per RGB channel, for pixel values in [0, 1]; None takes timm's for this model.

    Raises:
        ValueError: timm does not know the model, an argument is not the caller's to set, or the statistics
            are not three numbers each with std above 0.
    """

    name: str
    kwargs: Mapping[str, object] = field(default_factory=dict)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not timm.is_model(self.name):
            raise ValueError(f"expected the name of a timm model, got {self.name!r}")
        # A config.json from elsewhere must not make timm fetch or unpickle a file.
        if reserved := _NOT_THE_CALLERS & set(self.kwargs):
            raise ValueError(f"{', '.join(sorted(reserved))} cannot be set for a module")
        known = timm.get_pretrained_cfg(self.name)
        for name in ("mean", "std"):
            values = getattr(self, name)
            values = tuple(float(v) for v in (getattr(known, name) if values is None else values))
            if len(values) != 3 or not all(v == v and abs(v) < 1e6 for v in values):
                raise ValueError(f"expected three finite numbers as {name} of {self.name}, got {values}")
            if name == "std" and min(values) <= 0:
                raise ValueError(f"expected std of {self.name} above 0, got {values}")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "kwargs", dict(self.kwargs))


class ModelConfig(ABC):
    """What the definition of RveRNet shares with that of the single-picture baseline.

    Attributes:
        num_classes: K, at least 2.
        fusion: what the integration module reads from the backbones: their 1000 ImageNet "logits", as in the
            paper, or their pooled "features".
        hidden: width of the integration module's hidden layer, at least 1.
        input_size: side of the square input of every backbone, in pixels, at least 32.

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
            if not isinstance(value, int) or value < least:
                raise ValueError(f"expected {name} as a whole number of at least {least}, got {value!r}")


@dataclass(frozen=True)
class RveRNetConfig(ModelConfig):
    """What defines a RveRNet, apart from its weights; see `ModelConfig` for the rest.

    Attributes:
        roi_module, extra_roi_module: the two backbones.
    """

    roi_module: ModuleSpec
    extra_roi_module: ModuleSpec
    num_classes: int
    fusion: str = "logits"
    hidden: int = 640
    input_size: int = 224

    @property
    def modules(self) -> Mapping[str, ModuleSpec]:
        return {"roi": self.roi_module, "extra_roi": self.extra_roi_module}


class RveRNet(nn.Module):
    """RveRNet (S. Jin, arXiv 2407.08257): ROI module, extra-ROI module and integration module.

    The two modules may be any two timm backbones. Nothing is downloaded: the weights are random until a
    state dict is loaded.

    Attributes:
        config: what it was built from.
        roi_tap, extra_roi_tap: identities through which each backbone's unpooled features pass, (B, C, h, w),
            (B, h, w, C) or (B, N, C) as the backbone has it; hooks on them see the last features that still
            have a place in the picture.

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
        """Names, as in `Cutouts`, of the pictures `forward` takes, in its order."""
        return tuple(self.config.modules)

    @property
    def backbones(self) -> dict[str, Any]:
        """The backbone of each picture, by the picture's name."""
        return {"roi": self.roi_module, "extra_roi": self.extra_roi_module}

    def forward(self, roi: Tensor, extra_roi: Tensor) -> Tensor:
        """Logits of both pictures together.

        Args:
            roi, extra_roi: float (B, 3, S, S), letterboxed to S = `config.input_size` and normalised by each
                module's mean and std (`rvernet_app.model.preprocessing`).

        Returns:
            Logits (B, K).
        """
        return self.integrate(self.encode_roi(roi), self.encode_extra_roi(extra_roi))

    def encode_roi(self, roi: Tensor) -> Tensor:
        """(B, 3, S, S) -> what the integration module reads of the ROI module, (B, D)."""
        features = self.roi_tap(self.roi_module.forward_features(roi))
        return self.roi_module.forward_head(features)  # (B, D)

    def encode_extra_roi(self, extra_roi: Tensor) -> Tensor:
        """(B, 3, S, S) -> what the integration module reads of the extra-ROI module, (B, D)."""
        features = self.extra_roi_tap(self.extra_roi_module.forward_features(extra_roi))
        return self.extra_roi_module.forward_head(features)  # (B, D)

    def integrate(self, roi: Tensor, extra_roi: Tensor) -> Tensor:
        """Both modules' (B, D) -> logits (B, K)."""
        return self.integration_module(torch.cat((roi, extra_roi), dim=1))


def build_backbone(spec: ModuleSpec, config: ModelConfig) -> Any:
    """A timm backbone with random weights that ends in what `config.fusion` names.

    Raises:
        ValueError: timm cannot build it, or not for pictures of `config.input_size`.
    """
    num_classes = IMAGENET_CLASSES if config.fusion == "logits" else 0
    try:
        backbone = timm.create_model(spec.name, pretrained=False, num_classes=num_classes, **spec.kwargs)
    except Exception as error:  # timm raises whatever the model's constructor does
        raise ValueError(f"timm cannot build {spec.name} with {spec.kwargs}: {error}") from error
    patches = getattr(backbone, "patch_embed", None) or getattr(backbone, "stem", None)
    fixed_size = getattr(patches, "img_size", None)
    if fixed_size is not None and tuple(fixed_size) != (config.input_size, config.input_size):
        raise ValueError(
            f"{spec.name} was built for pictures of {fixed_size} pixels, but input_size is "
            f"{config.input_size}; give the module img_size={config.input_size}"
        )
    return backbone


def build_integration_module(backbones: Iterable[Any], config: ModelConfig) -> nn.Sequential:
    """The backbones' (B, D) side by side -> logits (B, K): linear, ReLU, linear."""
    return nn.Sequential(
        nn.Linear(sum(map(output_width, backbones)), config.hidden),
        nn.ReLU(),
        nn.Linear(config.hidden, config.num_classes),
    )


def output_width(backbone: Any) -> int:
    """D of what a backbone gives to the integration module."""
    return backbone.num_classes or getattr(backbone, "head_hidden_size", None) or backbone.num_features
