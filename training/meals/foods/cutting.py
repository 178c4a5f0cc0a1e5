"""Round fruit cut into slices and halves whose faces are painted."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from training.meals.geometry import (
    Array,
    Things,
    around_z,
    cloud,
    lathe,
    repeat,
    set_vertices,
    smooth_noise,
    vertices_of,
)
from training.meals.materials import Colour, paint
from training.meals.piling import lay_row
from training.meals.solids import puck
from training.meals.tumbling import tumble

Face = Callable[[Array, Array, Array], Array]
"""Colours, float (N, 3), of a cut face's vertices from their shares of the radius, angles and points."""


def round_slice(
    rng: np.random.Generator,
    size: float,
    thickness: float,
    face: Face,
    skin: Colour,
) -> bpy.types.Object:
    """A round slice with the face painted on both sides."""
    thing = puck("slice", size, thickness, 0.04, 38, 120)
    at = vertices_of(thing)
    out, turn = around_z(at)
    share = out / size
    colours = face(share, turn, at * [1, 1, 0])
    edge = (at[:, 2] < thickness - 0.02) & (share > 0.9)
    colours[edge] = skin
    bend = np.column_stack([at[:, :2] * (1 + 0.05 * smooth_noise(at * 0.35, rng))[:, None], at[:, 2]])
    bend[:, 2] += 0.05 * smooth_noise(at * [0.5, 0.5, 0], rng)
    set_vertices(thing, bend)
    return paint(thing, colours)


def half_fruit(
    rng: np.random.Generator,
    size: float,
    long: float,
    face: Face,
    skin: Colour,
) -> bpy.types.Object:
    """Half a round fruit, its face up, its skin below."""
    bowl = np.linspace(-np.pi / 2, 0, 16)
    top = np.concatenate([[0.99], np.linspace(0.96, 0, 38)])
    profile = [
        *np.column_stack([np.cos(bowl), long * np.sin(bowl)]),
        *np.column_stack([top, np.full(39, 0.02)]),
    ]
    thing = lathe("half", size * np.array(profile), 150)
    at = vertices_of(thing)
    out, turn = around_z(at)
    share = out / size
    colours = face(share, turn, at * [1, 1, 0])
    below = at[:, 2] < 0.01 * size
    colours[below] = np.asarray(skin, float) * (0.92 + 0.16 * cloud(at[below], rng, 0.8))[:, None]
    at[:, 2] = np.maximum(at[:, 2], -0.86 * size * long)
    set_vertices(thing, at)
    return paint(thing, colours)


def serve_slices(rng: np.random.Generator, radius: float, prototypes: Things, size: float) -> Things:
    """Slices in a shingled row or scattered over each other."""
    if rng.random() < 0.5:
        step = size * rng.uniform(0.55, 0.8)
        things = repeat(rng, prototypes, int(np.clip((2 * radius - 2 * size) / step + 1, 2, 7)), vary=0.04)
        lay_row(rng, things, step)
    else:
        things = repeat(rng, prototypes, int(np.clip((radius / size) ** 2 * 0.9, 2, 12)), vary=0.04)
        tumble(rng, things, radius, gather=0.0, tilt=0.05, tries=80)
    return things
