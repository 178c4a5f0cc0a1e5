"""Calibration of a checkpoint's probabilities."""

from __future__ import annotations

from dataclasses import dataclass

MOST_TEMPERATURE = 10**6
"""Logits divided by a temperature beyond this, or below one over it, may not be finite."""


@dataclass(frozen=True)
class Calibration:
    """A temperature and a threshold, measured on photos that the model was not trained on.

    Attributes:
        temperature: divisor of the logits before the softmax, from 1 / MOST_TEMPERATURE to MOST_TEMPERATURE
            (Guo et al. 2017, arXiv 1706.04599).
        threshold: in [0, 1]. If the most likely class has a lower probability, the prediction is not sure.
        fitted_on: names of the regions on which both were measured; empty if unknown.

    Raises:
        ValueError: a value is not a number or out of range, or a name is not text.
    """

    temperature: float
    threshold: float
    fitted_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("temperature", "threshold"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"expected {name} as a number, got {value!r}")
        if not 1 / MOST_TEMPERATURE <= self.temperature <= MOST_TEMPERATURE:
            raise ValueError(f"expected a finite temperature above 0, got {self.temperature}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"expected threshold in 0..1, got {self.threshold}")
        if isinstance(self.fitted_on, str) or not all(isinstance(name, str) for name in self.fitted_on):
            raise ValueError(f"expected fitted_on as texts, got {self.fitted_on!r}")
        object.__setattr__(self, "fitted_on", tuple(self.fitted_on))
