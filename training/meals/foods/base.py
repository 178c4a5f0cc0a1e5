"""What a food is to the renderer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import bpy

WESTERN = "western"
KOREAN = "korean"
FRUIT = "fruit"
"""Fruit, nuts and sweets."""

Build = Callable[[np.random.Generator, float], "list[bpy.types.Object]"]
"""(random numbers, radius in cm) -> the pieces of one serving.

The pieces rest on z = 0 about the origin and stay within about the radius. A piece is what a person could
lift: one sausage, one dumpling; a heap of rice is one piece.
"""


@dataclass(frozen=True)
class Food:
    """A food that can be served.

    Attributes:
        kind: its name here, unique: "fried_egg".
        label: its name in the label set: "egg".
        cuisines: the meals it belongs to.
        radii_cm: smallest and largest radius of a serving.
        build: makes its pieces.
        liquid: it takes the shape of its dish (soup, sauce in a bowl): `build` gets the radius of the dish's
            inside at the surface and lays the surface at z = 0.
    """

    kind: str
    label: str
    cuisines: frozenset[str]
    radii_cm: tuple[float, float]
    build: Build
    liquid: bool = False
