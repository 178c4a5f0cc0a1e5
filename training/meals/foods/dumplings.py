"""Dumplings and tofu, each dumpling and each block one piece."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, Food
from training.meals.foods.garnish import onion_ring, sesame
from training.meals.geometry import Array, Things, cloud, crumple, joined, loft, move, repeat, vertices_of
from training.meals.materials import Colour, Look, blend, give, jitter, paint, speckled
from training.meals.piling import lay_row
from training.meals.solids import block
from training.meals.surfaces import strew
from training.meals.tumbling import tumble


def build_dumplings(rng: np.random.Generator, radius: float) -> Things:
    """Pleated half moons, steamed or fried golden on one side."""
    fried = rng.random() < 0.5
    half = rng.uniform(2.7, 3.3)
    look = Look(patch=0.5, roughness=0.32, coat=0.45 if fried else 0.2, subsurface=0.15, depth=0.2)
    made = speckled("dumpling", look, speckle=0.04, vary=0.05)
    prototypes = [give(_half_moon(rng, half, fried), made) for _ in range(4)]
    in_row = rng.random() < 0.5
    count = int(np.clip(rng.normal(0.17 * radius**2, 0.7), 3, 0.8 * radius if in_row else 7))
    things = repeat(rng, prototypes, count, vary=0.05)
    if fried:
        for thing in things:
            move(thing, turn=(rng.uniform(1.2, 1.5), 0, 0))
    if in_row:
        lay_row(rng, things, step=2.0, lean=False)
    else:
        tumble(rng, things, radius, gather=0.3, tilt=0.15)
    return things


def build_tofu(rng: np.random.Generator, radius: float) -> Things:
    """Cubes or slabs, white or browned, most with spring onion or sesame on top."""
    slabs = rng.random() < 0.5
    if slabs:
        size = np.array([4.2, 3.0, 1.2]) * rng.uniform(0.85, 1.05)
        count = int(np.clip((2 * radius - size[1]) / (0.75 * size[1]) + 1, 2, 6))
    else:
        size = np.array([1, 1, 0.9]) * rng.uniform(1.6, 2.1)
        count = int(np.clip(rng.normal(0.42 * radius**2, 2), 4, 15))
    browned = rng.random() < 0.5
    look = Look(patch=0.4, roughness=0.4, coat=0.3, subsurface=0.12, bump=0.03, bump_size=0.12)
    made = speckled("tofu", look, speckle=0.03, vary=0.03)
    prototypes = [give(_tofu(rng, size * rng.uniform(0.94, 1.06, 3), browned), made) for _ in range(3)]
    things = repeat(rng, prototypes, count, vary=0.03)
    if slabs:
        lay_row(rng, things, step=float(size[1]) * rng.uniform(0.65, 0.8))
    else:
        tumble(rng, things, radius, gather=0.3, tilt=0.1)
    onions, seeds = rng.random() < 0.7, rng.random() < 0.5
    served = []
    for thing in things:
        parts = [thing]
        if onions:
            parts.append(strew(rng, thing, onion_ring(rng), int(rng.integers(2, 6)), rise=0.03, facing=0.85))
        if seeds:
            parts.append(sesame(rng, thing, int(rng.integers(3, 9)), (228, 196, 136)))
        served.append(joined("tofu", parts))
    return served


def _tofu(rng: np.random.Generator, size: Array, browned: bool) -> bpy.types.Object:
    """A slightly uneven block; browned, its broad sides and edges are golden."""
    cube = block("tofu", size, 0.16, cells=16)
    at = vertices_of(cube)
    colours: Array | Colour = jitter(rng, (234, 220, 188), 4)
    if browned:
        broad = np.abs(at[:, 2] - size[2] / 2) > size[2] / 2 - 0.12
        rim = np.max(np.abs(at[:, :2]) / (size[:2] / 2), axis=1) ** 6
        burnt = cloud(at, rng, 1.0)
        colours = blend(colours, (206, 138, 50), broad * (0.3 + 1.2 * burnt) + 0.25 * burnt)
        colours = blend(colours, (122, 62, 16), broad * (1.6 * (burnt - 0.55) + 0.5 * rim * burnt))
    crumple(cube, rng, 0.07, 0.8)
    return paint(cube, colours)


def _half_moon(rng: np.random.Generator, half: float, fried: bool) -> bpy.types.Object:
    """A dumpling along x with its pleated seam up and slightly bent ends; `half` is half its length in cm."""
    u = np.linspace(-1, 1, 49)
    swell = (1 - np.abs(u) ** 2.4) ** 0.6
    wide, high = half * 0.42 * swell + 0.04, half * 0.5 * swell + 0.06
    angle = np.concatenate([np.linspace(0.42, -0.5, 10), np.linspace(-0.56, -1.42, 9)]) * np.pi
    out = np.cos(angle) * np.where(np.sin(angle) > 0, 1 - 0.25 * np.sin(angle), 1)
    up = np.where(np.sin(angle) > 0, 0.3 + 0.62 * np.sin(angle), 0.3 + 0.3 * np.sin(angle))
    near_seam = np.clip(up / 0.9, 0, 1) ** 2
    pleats = np.sin(u * rng.uniform(15, 20) + rng.uniform(0, 6))
    front = near_seam * (np.cos(angle) >= 0) * 0.13
    n = out[None, :] * wide[:, None] + front[None, :] * (pleats * swell)[:, None]
    z = up[None, :] * high[:, None]
    fin_high = high * 0.92 + half * 0.15 * (0.75 + 0.25 * swell)
    fin_bend = 0.14 * pleats + 0.08
    fin_n = np.column_stack([fin_bend - 0.06, fin_bend + 0.06])
    n = np.column_stack([fin_n[:, 1], n, fin_n[:, 0]])
    z = np.column_stack([fin_high, z, fin_high])
    bend = half * rng.uniform(0.2, 0.4)
    columns = n.shape[1]
    rings = np.stack([np.repeat(half * u[:, None], columns, 1), n - bend * u[:, None] ** 2, z], axis=-1)
    thing = loft("dumpling", rings, caps=True)
    crumple(thing, rng, 0.08, 0.7)
    at = vertices_of(thing)
    dough = jitter(rng, (228, 204, 152), 6)
    stuffed = np.repeat(swell[:, None], columns, 1).ravel() * (at[:, 2] < 0.8 * half * 0.5)
    colours = blend(dough, (190, 164, 104), 0.45 * stuffed * cloud(at, rng, 0.8))
    if fried:
        low = np.clip(1.15 - at[:, 2] / (half * 0.32), 0, 1)
        burnt = cloud(at, rng, 0.9)
        colours = blend(colours, (212, 146, 58), low * (0.5 + burnt) + 0.35 * burnt)
        colours = blend(colours, (128, 64, 18), low * 2 * (burnt - 0.42))
    return paint(thing, colours)


FOODS: tuple[Food, ...] = (
    Food("dumplings", "wonton dumplings", frozenset({KOREAN}), (4.5, 6.5), build_dumplings),
    Food("tofu", "tofu", frozenset({KOREAN}), (3.5, 5.5), build_tofu),
)
