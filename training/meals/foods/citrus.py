"""Oranges and lemons: whole, halved, sliced, in wedges."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import FRUIT, Food
from training.meals.foods.cutting import half_fruit, round_slice, serve_slices
from training.meals.geometry import (
    Array,
    Things,
    cloud,
    lathe,
    move,
    repeat,
    set_vertices,
    smooth_noise,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, paint, speckled
from training.meals.piling import stand_ring
from training.meals.solids import wedge
from training.meals.tumbling import tumble

_RAW = Look(patch=0.3, roughness=0.5)
_PORED = Look(patch=0.5, roughness=0.34, coat=0.25, bump=0.03, bump_size=0.12)


def build_orange(rng: np.random.Generator, radius: float) -> Things:
    """An orange whole, halved, sliced, in wedges or peeled segments."""
    rind, flesh = jitter(rng, (234, 128, 0), 8), jitter(rng, (236, 136, 4), 8)
    return _citrus(rng, radius, rind, flesh, size=rng.uniform(3.0, 3.7), long=1.0)


def build_lemon(rng: np.random.Generator, radius: float) -> Things:
    """A lemon whole, halved, sliced or in wedges."""
    rind, flesh = jitter(rng, (234, 200, 6), 8), jitter(rng, (234, 204, 50), 8)
    return _citrus(rng, radius, rind, flesh, size=rng.uniform(2.3, 2.8), long=1.4)


def _citrus(
    rng: np.random.Generator, radius: float, rind: Colour, flesh: Colour, size: float, long: float
) -> Things:
    form = str(rng.choice(["whole", "half", "slices", "wedges"], p=[0.2, 0.2, 0.35, 0.25]))
    segments = int(rng.integers(9, 12))

    def face(share: Array, turn: Array, at: Array) -> Array:
        return _citrus_face(rng, share, turn, at, size, segments, rind, flesh)

    if form == "whole":
        made = speckled("citrus", _PORED, speckle=0.05)
        count = int(rng.integers(1, 4)) if radius > 1.95 * size else 1
        things = [give(_whole_citrus(rng, size, long, rind, flesh), made) for _ in range(count)]
        stand_ring(rng, things, size * 0.5 * (1 + long))
        return things
    made = speckled("citrus", _RAW, speckle=0.05)
    if form == "half":
        count = int(rng.integers(2, 4)) if radius > 1.95 * size else 1
        things = [give(half_fruit(rng, size, long, face, rind), made) for _ in range(count)]
        stand_ring(rng, [move(thing, turn=(rng.uniform(0, 0.25), 0, 0)) for thing in things], size)
        return things
    if form == "slices":
        return serve_slices(
            rng, radius, [give(round_slice(rng, size, 0.5, face, rind), made) for _ in range(2)], size
        )
    cut = [give(_citrus_wedge(rng, size, long, rind, flesh), made) for _ in range(2)]
    things = repeat(rng, cut, int(np.clip(rng.normal(2.2 * radius / size, 1), 2, 7)), vary=0.04)
    for thing in things:
        move(thing, turn=(rng.choice([0.0, -1.1]), 0, 0))
    tumble(rng, things, radius, gather=0.15, tilt=0.15)
    return things


def _citrus_face(
    rng: np.random.Generator,
    share: Array,
    turn: Array,
    at: Array,
    size: float,
    segments: int,
    rind: Colour,
    flesh: Colour,
) -> Array:
    """Segments of pulp between pale skins, in a white pith and the rind."""
    warped = turn + 0.06 * smooth_noise(at * 0.6, rng)
    within = (warped / (2 * np.pi) * segments) % 1
    side = np.minimum(within, 1 - within) * 2 * np.pi / segments * share * size
    streaks = smooth_noise(np.column_stack([np.cos(turn) * 5, np.sin(turn) * 5, share * 1.6]), rng)
    colours = blend(flesh, (248, 196, 90), 0.45 * np.clip(streaks, 0, 1))
    colours = colours * (1 - 0.12 * np.clip(-streaks, 0, 1))[:, None]
    pith: Colour = (246, 226, 172)
    colours = blend(colours, pith, 1.3 * np.clip(1 - side / 0.09, 0, 1))
    colours = blend(
        colours, pith, np.clip((0.1 - share) / 0.04, 0, 1) + np.clip((share - 0.885) / 0.02, 0, 1)
    )
    return blend(colours, rind, np.clip((share - 0.955) / 0.02, 0, 1))


def _whole_citrus(
    rng: np.random.Generator, size: float, long: float, rind: Colour, flesh: Colour
) -> bpy.types.Object:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 40)
    nipple = (long - 1) * 0.55 * np.abs(np.sin(angle)) ** 14
    dimple = (0.05 if long == 1 else 0) * np.sin(angle) ** 30
    profile = np.column_stack([np.cos(angle), (1 + (long - 1) * 0.5 + nipple - dimple) * np.sin(angle)])
    thing = lathe("citrus", size * profile, 64)
    at = vertices_of(thing)
    set_vertices(thing, at * (1 + 0.025 * smooth_noise(at * 0.4, rng))[:, None])
    shade = cloud(at, rng, 2.5)
    colours = blend(rind, flesh, 0.4 * shade)
    end = np.linalg.norm(at[:, :2], axis=1) / size
    colours = blend(colours, (96, 108, 40), 1.2 * np.clip(1 - end / 0.09, 0, 1) * (at[:, 2] > 0))
    paint(thing, colours)
    return move(thing, turn=(rng.uniform(1.25, 1.6) if long > 1 else rng.uniform(0, 1.6), 0, 0))


def _citrus_wedge(
    rng: np.random.Generator, size: float, long: float, rind: Colour, flesh: Colour
) -> bpy.types.Object:
    def outline(polar: Array) -> Array:
        return np.asarray(size / np.sqrt((np.cos(polar) / long) ** 2 + np.sin(polar) ** 2))

    thing, share, polar, skin = wedge("wedge", rng.uniform(0.75, 1.1), outline, cells=22, along=72)
    at = vertices_of(thing)
    streaks = smooth_noise(np.column_stack([np.cos(polar) * 6, np.sin(polar) * 6, share * 1.5]), rng)
    colours = blend(flesh, (248, 196, 90), 0.45 * np.clip(streaks, 0, 1))
    pith: Colour = (246, 226, 172)
    near_axis = share * np.sin(polar)
    colours = blend(
        colours, pith, np.clip((share - 0.87) / 0.03, 0, 1) + np.clip((0.07 - near_axis) / 0.03, 0, 1)
    )
    colours = blend(colours, rind, np.clip((share - 0.965) / 0.015, 0, 1))
    colours[skin] = np.asarray(rind, float) * (0.94 + 0.12 * cloud(at[skin], rng, 0.7))[:, None]
    return paint(thing, colours)


FOODS: tuple[Food, ...] = (
    Food("orange", "orange", frozenset({FRUIT}), (4.0, 7.0), build_orange),
    Food("lemon", "lemon", frozenset({FRUIT}), (3.2, 5.5), build_lemon),
)
