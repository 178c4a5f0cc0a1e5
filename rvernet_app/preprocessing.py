"""Cut-outs -> what the two modules of RveRNet read; the same for serving and training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rvernet_app.cutouts import Letterbox
from rvernet_app.rvernet import ModuleSpec, RveRNetConfig
from rvernet_app.types import Cutouts, Photo


@dataclass(frozen=True)
class Preprocessing:
    """Letterbox both pictures, then normalise each by its own module's mean and std.

    Attributes:
        letterbox: fits a picture into the modules' square.
        roi_module, extra_roi_module: whose mean and std are used.
    """

    letterbox: Letterbox
    roi_module: ModuleSpec
    extra_roi_module: ModuleSpec

    @classmethod
    def of(cls, config: RveRNetConfig, padding: int) -> Preprocessing:
        """What a model of this config reads, with grey `padding` (0 to 255) around the pictures."""
        return cls(Letterbox(config.input_size, padding), config.roi_module, config.extra_roi_module)

    def __call__(self, cutouts: Sequence[Cutouts]) -> tuple[Tensor, Tensor]:
        """B cut-outs of any sizes -> (roi, extra_roi), each float32 (B, 3, S, S).

        Of cut-outs that share a picture (`cutouts.without_context()` shares its ROI), it is letterboxed once.
        """
        squares: dict[int, Photo] = {}
        for pair in cutouts:
            for picture in (pair.roi, pair.extra_roi):
                if id(picture) not in squares:
                    squares[id(picture)] = self.letterbox.apply(picture)
        return (
            normalise(np.stack([squares[id(pair.roi)] for pair in cutouts]), self.roi_module),
            normalise(np.stack([squares[id(pair.extra_roi)] for pair in cutouts]), self.extra_roi_module),
        )


def normalise(squares: Photo, module: ModuleSpec) -> Tensor:
    """uint8 (B, S, S, 3) -> float32 (B, 3, S, S), `(value / 255 - mean) / std` per channel."""
    mean = np.asarray(module.mean, np.float32)
    std = np.asarray(module.std, np.float32)
    values = (squares.astype(np.float32) * (1 / (255 * std)) - mean / std).astype(np.float32)  # (B, S, S, 3)
    return torch.from_numpy(values).permute(0, 3, 1, 2)  # (B, 3, S, S)
