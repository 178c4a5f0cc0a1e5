"""Dimensions of plates, bowls and boards in cm, for drawing a meal and for building it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A family of vessels.

    Attributes:
        half: smallest and largest half length.
        aspect: smallest and largest width as a share of the length.
        exponent: exponent of the superellipse of its outline; 2 is an ellipse, 8 nearly a rectangle.
        profile: inner side as (share of the half length, height as a share of it) from the flat floor to the
            rim.
        wall: thickness of the wall in cm.
        stuff: possible materials.
    """

    half: tuple[float, float]
    aspect: tuple[float, float]
    exponent: float
    profile: tuple[tuple[float, float], ...]
    wall: float
    stuff: tuple[str, ...]

    @property
    def floor(self) -> float:
        """Half length of the flat floor as a share of the half length."""
        return self.profile[0][0]

    @property
    def round(self) -> bool:
        """True for a circle seen from above; dishes for liquids must be round."""
        return self.exponent == 2 and self.aspect == (1.0, 1.0)


ROUND = (1.0, 1.0)
CERAMIC = ("glaze", "glaze", "glaze", "banded", "banded", "speckled", "speckled", "melamine")

SHAPES: dict[str, Shape] = {
    "plate": Shape(
        (9.2, 12.2), ROUND, 2, ((0.68, 0.0), (0.73, 0.045), (0.76, 0.07), (0.99, 0.125)), 0.35, CERAMIC
    ),
    "coupe": Shape(
        (9.2, 12.2), ROUND, 2, ((0.74, 0.0), (0.84, 0.025), (0.92, 0.075), (0.985, 0.16)), 0.35, CERAMIC
    ),
    "deep plate": Shape(
        (10.0, 12.5),
        ROUND,
        2,
        ((0.52, 0.0), (0.62, 0.05), (0.7, 0.17), (0.74, 0.2), (0.99, 0.24)),
        0.35,
        CERAMIC,
    ),
    "oval platter": Shape(
        (12.5, 16.0), (0.62, 0.76), 2.2, ((0.74, 0.0), (0.8, 0.04), (0.99, 0.12)), 0.35, CERAMIC
    ),
    "square plate": Shape(
        (9.5, 12.5), (0.85, 1.0), 5, ((0.8, 0.0), (0.88, 0.03), (0.985, 0.12)), 0.4, (*CERAMIC, "slate")
    ),
    "long plate": Shape(
        (12.0, 15.5), (0.52, 0.68), 7, ((0.86, 0.0), (0.91, 0.02), (0.99, 0.08)), 0.4, (*CERAMIC, "slate")
    ),
    "tray": Shape(
        (14.0, 18.0),
        (0.66, 0.76),
        6,
        ((0.89, 0.0), (0.93, 0.015), (0.96, 0.07), (0.99, 0.08)),
        0.3,
        ("melamine", "melamine", "plastic", "plastic", "wood", "steel"),
    ),
    "large tray": Shape(
        (20.0, 23.0),
        (0.68, 0.78),
        7,
        ((0.9, 0.0), (0.93, 0.015), (0.965, 0.06), (0.99, 0.065)),
        0.3,
        ("plastic", "plastic", "melamine", "wood"),
    ),
    "board": Shape((12.0, 17.0), (0.55, 0.8), 9, ((0.96, 0.0), (0.99, -0.01)), 1.6, ("wood",)),
    "round board": Shape(
        (12.0, 16.0), ROUND, 2, ((0.96, 0.0), (0.99, -0.01)), 1.5, ("wood", "wood", "slate")
    ),
    "skillet": Shape((11.0, 13.5), ROUND, 2, ((0.8, 0.0), (0.86, 0.04), (0.98, 0.3)), 0.4, ("iron",)),
    "lunch box": Shape(
        (9.0, 12.0),
        (0.6, 0.78),
        7,
        ((0.88, 0.0), (0.92, 0.03), (0.975, 0.42)),
        0.25,
        ("plastic", "steel", "melamine"),
    ),
    "small plate": Shape((7.5, 9.5), ROUND, 2, ((0.72, 0.0), (0.8, 0.03), (0.985, 0.15)), 0.3, CERAMIC),
    "bowl": Shape(
        (6.0, 8.5),
        ROUND,
        2,
        ((0.42, 0.0), (0.6, 0.06), (0.76, 0.19), (0.88, 0.39), (0.96, 0.66)),
        0.32,
        (*CERAMIC, "steel", "wood"),
    ),
    "wide bowl": Shape(
        (7.8, 10.0),
        ROUND,
        2,
        ((0.6, 0.0), (0.72, 0.05), (0.83, 0.16), (0.92, 0.32), (0.975, 0.46)),
        0.35,
        CERAMIC,
    ),
    "side dish": Shape(
        (5.2, 6.6), ROUND, 2, ((0.68, 0.0), (0.8, 0.05), (0.9, 0.18), (0.97, 0.36)), 0.28, (*CERAMIC, "steel")
    ),
    "small dish": Shape(
        (3.2, 4.4), ROUND, 2, ((0.6, 0.0), (0.75, 0.06), (0.88, 0.2), (0.96, 0.4)), 0.2, (*CERAMIC, "steel")
    ),
}


def inner_half(shape: Shape, half: float, height: float) -> float:
    """Return the half length of the hollow at this height over its floor."""
    shares, heights = np.array(shape.profile).T
    return half * float(np.interp(height / half, heights, shares))


def height_for(shape: Shape, half: float, radius: float) -> float:
    """Return the height over the floor at which a disc of this radius just fits."""
    shares, heights = np.array(shape.profile).T
    return half * float(np.interp(radius / half, shares, heights))


def outline(half: tuple[float, float], exponent: float, segments: int) -> Array:
    """Return points of a superellipse, float (segments, 2) counter-clockwise, evenly spaced in angle."""
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    ray = np.column_stack([np.cos(turn), np.sin(turn)])
    reach = (np.abs(ray / np.asarray(half)) ** exponent).sum(axis=1) ** (-1 / exponent)
    return np.asarray(ray * reach[:, None])


def inside(points: Array, half: tuple[float, float], exponent: float) -> NDArray[np.bool_]:
    """Mark points, float (..., 2), inside a superellipse at the origin: bool (...)."""
    return np.asarray((np.abs(points / np.asarray(half)) ** exponent).sum(axis=-1) <= 1)
