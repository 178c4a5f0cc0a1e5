"""Mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899) of pairs; both pictures share partner, share and
box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from timm.data import Mixup
from torch import Tensor

from training.shared.configuration import require_within


@dataclass(frozen=True)
class Mix:
    """How to mix regions of a batch.

    Attributes:
        mixup, cutmix: alpha of each, 0 is off; with both, one of them is drawn for each batch.

    Raises:
        ConfigError: a value is out of range.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        require_within(self, "mixup cutmix", 0, 100)

    @property
    def active(self) -> bool:
        return bool(self.mixup or self.cutmix)

    def apply(
        self, pictures: Sequence[Tensor], true: Tensor, num_classes: int, smoothing: float, seed: int
    ) -> tuple[list[Tensor], Tensor]:
        """Mix a batch with itself in reverse order.

        Args:
            pictures: each float (B, 3, S, S), B even.
            true: class indices (B,).
            smoothing: of the labels.
            seed: of the draws, 0 to 2^32 - 1.

        Returns:
            The mixed pictures, and their classes as probabilities (B, num_classes).
        """
        mixup = Mixup(
            mixup_alpha=self.mixup,
            cutmix_alpha=self.cutmix,
            label_smoothing=smoothing,
            num_classes=num_classes,
        )
        np.random.seed(seed)  # noqa: NPY002 -- timm draws from NumPy's global generator
        mixed, target = mixup(torch.cat(list(pictures), dim=1), true)  # (B, 3 P, S, S), (B, K)
        return list(mixed.split(3, dim=1)), target
