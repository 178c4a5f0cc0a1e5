"""The single-picture baseline: RveRNet with one picture less, to be compared with."""

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
    """What defines a single-picture baseline, apart from its weights; see `ModelConfig` for the rest.

    Attributes:
        picture: what it sees, one of PICTURES.
        module: its backbone.

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
        return {self.picture: self.module}


class SinglePicture(nn.Module):
    """One backbone and RveRNet's integration module, so that the second picture is the only difference.

    Nothing is downloaded: the weights are random until a state dict is loaded.

    Attributes:
        config: what it was built from.

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
        """Names, as in `Cutouts`, of the pictures `forward` takes, in its order."""
        return tuple(self.config.modules)

    @property
    def backbones(self) -> dict[str, Any]:
        """The backbone of each picture, by the picture's name."""
        return {self.config.picture: self.module}

    def forward(self, picture: Tensor) -> Tensor:
        """float (B, 3, S, S), letterboxed and normalised as for `RveRNet` -> logits (B, K)."""
        return self.integration_module(self.module(picture))


Model = RveRNet | SinglePicture
"""What a checkpoint may hold."""
