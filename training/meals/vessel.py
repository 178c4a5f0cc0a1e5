"""Vessels with what they hold, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from training.meals.shapes import SHAPES

ON_TABLE = "none"
"""The shape of a vessel that is not there: food that lies on the table itself."""


@dataclass(frozen=True)
class Serving:
    """One food in a vessel; its place, in the vessel's frame, is where it would like to be."""

    kind: str
    radius: float
    xy: tuple[float, float]
    turn: float
    seed: int


@dataclass(frozen=True)
class Vessel:
    """A plate, bowl or board with what is on it.

    Attributes:
        shape: key of `shapes.SHAPES`, or `ON_TABLE`.
        half: half lengths of its outline.
        seed: of its colours and decoration.
        level: share of its height that its filling reaches.
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
        """Of all foods in it and in what stands on it."""
        return frozenset(s.kind for s in self.servings).union(*(inner.kinds for inner in self.carried))

    @property
    def exponent(self) -> float:
        """Of the superellipse that bounds it."""
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
        """Of a circle that holds its outline."""
        a, b = self.half
        return max(a, b) if self.exponent <= 2.2 else 0.93 * (a * a + b * b) ** 0.5
