"""How far a checkpoint's probabilities can be relied on."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """Two numbers measured on photos the model was not trained on.

    Attributes:
        temperature: what the logits are divided by before the softmax, above 0 (Guo et al., arXiv 1706.04599).
        threshold: in [0, 1]; a likeliest class whose probability is below it is a guess.
        fitted_on: what tells the regions apart that both were fitted on, as who fitted them wrote it; empty where
            that was not written down.

    Raises:
        ValueError: a value is no number or out of range, or a name is no text.
    """

    temperature: float
    threshold: float
    fitted_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("temperature", "threshold"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"expected {name} as a number, got {value!r}")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"expected a finite temperature above 0, got {self.temperature}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"expected threshold in 0..1, got {self.threshold}")
        if isinstance(self.fitted_on, str) or not all(isinstance(name, str) for name in self.fitted_on):
            raise ValueError(f"expected fitted_on as texts, got {self.fitted_on!r}")
        object.__setattr__(self, "fitted_on", tuple(self.fitted_on))
