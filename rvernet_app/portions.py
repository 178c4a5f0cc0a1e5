"""Units and ways of estimating portions, and the largest amounts that a food on a plate can have."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("weighed", "reference object", "guessed")
"""How a portion was estimated."""
DEFAULT_METHOD = "guessed"


@dataclass(frozen=True)
class Unit:
    """Limits of a unit.

    Attributes:
        usual: the largest amount that the page takes without a question.
        most: the largest amount that is saved.
    """

    usual: float
    most: float


UNITS = {
    "g": Unit(2_000, 20_000),
    "ml": Unit(3_000, 20_000),
    "cup": Unit(10, 100),
    "tablespoon": Unit(30, 1_000),
    "teaspoon": Unit(50, 3_000),
    "piece": Unit(50, 1_000),
    "slice": Unit(30, 1_000),
    "serving": Unit(10, 100),
}
"""Units of portions; the first is the default."""
