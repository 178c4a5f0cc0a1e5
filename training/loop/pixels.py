"""Squares of a batch -> what the networks read, on the device; the same values as
`rvernet_app.model.preprocessing` gives.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from rvernet_app.model.baseline import Model
from rvernet_app.model.rvernet import ModuleSpec


def as_pixels(squares: Tensor) -> Tensor:
    """uint8 (B, S, S, 3) -> float32 (B, 3, S, S) in 0..255, channels last in memory."""
    return squares.permute(0, 3, 1, 2).float()


def normalise_pixels(pixels: Tensor, spec: ModuleSpec) -> Tensor:
    """float (B, 3, S, S) in 0..255 -> `(value / 255 - mean) / std`, as
    `rvernet_app.model.preprocessing.normalise`.
    """
    mean, std = (pixels.new_tensor(values).view(3, 1, 1) for values in (spec.mean, spec.std))
    return (pixels - 255 * mean) / (255 * std)


def normalised(pixels: Mapping[str, Tensor], model: Model) -> list[Tensor]:
    """Those of the pictures, float (B, 3, S, S) in 0..255, that a model reads, in its order and by its
    statistics.
    """
    return [normalise_pixels(pixels[picture], spec) for picture, spec in model.config.modules.items()]
