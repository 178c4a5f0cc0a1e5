"""The interface of foods to the renderer."""

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
"""Builds the pieces of one serving from random numbers and a radius in cm.

The pieces rest on z = 0 at the origin and stay roughly within the radius. A piece is something a person could
lift: one sausage, one dumpling; a heap of rice is one piece.
"""


@dataclass(frozen=True)
class Food:
    """A food that can be served.

    Attributes:
        kind: unique name in this package, e.g. "fried_egg".
        label: name in the label set, e.g. "egg".
        cuisines: cuisines of the meals that can contain it.
        radii_cm: smallest and largest radius of a serving.
        build: builds its pieces.
        liquid: True if it fills its dish (soup, sauce in a bowl). `build` then gets the inner radius of the
            dish at the surface and puts the surface at z = 0.
    """

    kind: str
    label: str
    cuisines: frozenset[str]
    radii_cm: tuple[float, float]
    build: Build
    liquid: bool = False
