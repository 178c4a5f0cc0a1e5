"""Sesame and spring onion, strewn on several foods."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.geometry import blob, tube
from training.meals.materials import Colour, Look, give, jitter, material
from training.meals.surfaces import strew


def sesame(rng: np.random.Generator, body: bpy.types.Object, count: int, colour: Colour) -> bpy.types.Object:
    """Sesame seeds lying on a body."""
    seed = blob("sesame", rng, (0.17, 0.1, 0.06), lumps=0, subdivisions=2)
    look = Look((jitter(rng, colour, 4), jitter(rng, colour, 10)), by_piece=1, roughness=0.4)
    return strew(rng, body, give(seed, material("sesame", look)), count, rise=0.08)


def onion_ring(rng: np.random.Generator) -> bpy.types.Object:
    """One ring cut from a spring onion."""
    turn = np.linspace(0, 2 * np.pi, 13)
    path = np.column_stack([0.26 * np.cos(turn), 0.2 * np.sin(turn), np.zeros(13)])
    green = jitter(rng, (96, 142, 52), 12)
    look = Look((green, (176, 200, 110)), by_piece=1, roughness=0.35, coat=0.3)
    return give(tube("onion", path, 0.07, 5, 1.5), material("onion", look))
