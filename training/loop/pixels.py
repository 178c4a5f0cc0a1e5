"""Normalize squares of a batch on the device, with the same values as `rvernet_app.model.preprocessing`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from rvernet_app.model.baseline import Model
from rvernet_app.model.rvernet import ModuleSpec


def as_pixels(squares: Tensor) -> Tensor:
    """Convert uint8 (B, S, S, 3) to float32 (B, 3, S, S) in 0..255, channels last in memory."""
    return squares.permute(0, 3, 1, 2).float()


def normalise_pixels(pixels: Tensor, spec: ModuleSpec) -> Tensor:
    """Compute `(value / 255 - mean) / std` of float (B, 3, S, S) in 0..255; see
    `rvernet_app.model.preprocessing`.
    """
    mean, std = (pixels.new_tensor(values).view(3, 1, 1) for values in (spec.mean, spec.std))
    return (pixels - 255 * mean) / (255 * std)


def normalised(pixels: Mapping[str, Tensor], model: Model) -> list[Tensor]:
    """Return the pictures that a model reads, in its order and normalized by its statistics.

    Args:
        pixels: float (B, 3, S, S) in 0..255 by name of the picture.
    """
    return [normalise_pixels(pixels[picture], spec) for picture, spec in model.config.modules.items()]
