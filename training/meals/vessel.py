"""Vessels and their content, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from training.meals.shapes import SHAPES

ON_TABLE = "none"
"""Shape for food that lies on the table without a vessel."""


@dataclass(frozen=True)
class Serving:
    """A food in a vessel and its wished place in the vessel's frame."""

    kind: str
    radius: float
    xy: tuple[float, float]
    turn: float
    seed: int


@dataclass(frozen=True)
class Vessel:
    """A plate, bowl or board and its content.

    Attributes:
        shape: key of `shapes.SHAPES`, or `ON_TABLE`.
        half: half lengths of its outline.
        seed: seed of its colours and decoration.
        level: height of its filling as a share of its height.
        xy, turn: its place on the table, or in the frame of the vessel that carries it.
        servings: foods on its floor.
        carried: vessels that stand on its floor.
    """

    shape: str
    half: tuple[float, float]
    seed: int
    level: float = 0.6
    xy: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    servings: tuple[Serving, ...] = ()
    carried: tuple[Vessel, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of all foods in it and in the vessels on it."""
        return frozenset(s.kind for s in self.servings).union(*(inner.kinds for inner in self.carried))

    @property
    def exponent(self) -> float:
        """Exponent of the superellipse that bounds it."""
        return 2.0 if self.shape == ON_TABLE else SHAPES[self.shape].exponent

    @property
    def floor(self) -> tuple[float, float]:
        """Half lengths of the flat floor."""
        rim = 0.0 if self.shape == ON_TABLE else self.half[0] * (1 - SHAPES[self.shape].floor)
        return self.half[0] - rim, self.half[1] - rim

    @property
    def depth(self) -> float:
        """Height of the rim over the floor."""
        return 0.0 if self.shape == ON_TABLE else self.half[0] * SHAPES[self.shape].profile[-1][1]

    @property
    def radius(self) -> float:
        """Radius of a circle that encloses its outline."""
        a, b = self.half
        return max(a, b) if self.exponent <= 2.2 else 0.93 * (a * a + b * b) ** 0.5
