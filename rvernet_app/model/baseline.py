"""The single-picture baseline, to compare RveRNet with: one picture and one module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rvernet_app.model.rvernet import (
    ModelConfig,
    ModuleSpec,
    RveRNet,
    build_backbone,
    build_integration_module,
)

PICTURES = ("photo", "roi", "extra_roi")


@dataclass(frozen=True)
class SinglePictureConfig(ModelConfig):
    """Everything that defines a single-picture baseline except its weights.

    Attributes:
        picture: the picture it sees, one of PICTURES.
        module: its backbone.
        num_classes, fusion, hidden, input_size: see `ModelConfig`.

    Raises:
        ValueError: a value is out of range.
    """

    picture: str
    module: ModuleSpec
    num_classes: int
    fusion: str = "logits"
    hidden: int = 640
    input_size: int = 224

    def __post_init__(self) -> None:
        if self.picture not in PICTURES:
            raise ValueError(f"expected picture to be one of {', '.join(PICTURES)}, got {self.picture!r}")
        super().__post_init__()

    @property
    def modules(self) -> Mapping[str, ModuleSpec]:
        """Return the only backbone by the name of its picture."""
        return {self.picture: self.module}


class SinglePicture(nn.Module):
    """One backbone and RveRNet's integration module: the second picture is the only difference to RveRNet.

    The weights are random until a state dict is loaded; nothing is downloaded.

    Attributes:
        config: its definition.

    Raises:
        ValueError: timm cannot build the backbone from its spec.
    """

    def __init__(self, config: SinglePictureConfig) -> None:
        super().__init__()
        self.config = config
        self.module = build_backbone(config.module, config)
        self.integration_module = build_integration_module(self.backbones.values(), config)

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names, as in `Cutouts`, of the arguments of `forward`."""
        return tuple(self.config.modules)

    @property
    def backbones(self) -> dict[str, Any]:
        """The backbone of each picture, by the picture's name."""
        return {self.config.picture: self.module}

    def forward(self, picture: Tensor) -> Tensor:
        """Return logits (B, K) for float (B, 3, S, S), letterboxed and normalised as for `RveRNet`."""
        logits: Tensor = self.integration_module(self.module(picture))
        return logits


Model = RveRNet | SinglePicture
"""The model of a checkpoint."""
