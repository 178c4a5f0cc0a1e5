"""Berries and grapes: strawberries and blueberries one piece each, grapes a bunch or loose."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import FRUIT, Food
from training.meals.geometry import (
    Array,
    Things,
    blob,
    cloud,
    copies,
    joined,
    lathe,
    move,
    repeat,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, material, paint, ramp, speckled
from training.meals.solids import sheet
from training.meals.surfaces import standing
from training.meals.tumbling import tumble


def build_grapes(rng: np.random.Generator, radius: float) -> Things:
    """A bunch on its stem, or loose grapes, green, red or purple."""
    colour: Colour = ((150, 168, 62), (122, 34, 44), (48, 26, 58))[int(rng.integers(3))]
    skin = jitter(rng, colour, 8)
    light = (min(skin[0] + 46, 255), min(skin[1] + 38, 255), min(skin[2] + 34, 255))
    look = Look(
        ((skin[0] * 0.75, skin[1] * 0.7, skin[2] * 0.75), skin, light),
        patch=0.9,
        by_piece=0.5,
        roughness=0.3,
        coat=0.3,
        subsurface=0.25 if colour[1] > 100 else 0.05,
        depth=0.4,
    )
    made = material("grape", look)
    long = rng.uniform(1.0, 1.3)
    size = rng.uniform(0.85, 1.1)
    prototypes = []
    for _ in range(3):
        grape = blob("grape", rng, (size, size, size * long), lumps=0.04, subdivisions=3)
        prototypes.append(give(move(grape, turn=(np.pi / 2, 0, 0)), made))
    bunch = rng.random() < 0.6
    count = int(np.clip((1.15 if bunch else 0.7) * (radius / size) ** 2, 6, 46))
    things = repeat(rng, prototypes, count, vary=0.1)
    tumble(rng, things, radius, gather=0.3 if bunch else 0.15, tilt=1.2)
    if not bunch:
        return things
    tops = np.array([vertices_of(t).mean(axis=0) for t in things])
    wood = material("stem", Look(((96, 104, 46), (134, 108, 62)), patch=0.4, roughness=0.6))
    crown = tops[np.argmax(tops[:, 2])]
    stems = [give(_stem(rng, crown, radius), wood)]
    return [joined("grapes", [*things, *stems])]


def build_strawberries(rng: np.random.Generator, radius: float) -> Things:
    """Strawberries with seeds and leaves, some of them cut in half."""
    size = rng.uniform(1.4, 1.8)
    count = int(np.clip(0.55 * (radius / size) ** 2 + rng.uniform(0, 1.5), 2, 9))
    halved = rng.random() < 0.4
    red = jitter(rng, (196, 18, 18), 8)
    flesh = speckled("strawberry", Look(patch=0.3, roughness=0.22, coat=0.5), speckle=0.05, vary=0.1)
    seeds = material("seeds", Look(((216, 168, 62), (186, 120, 40)), by_piece=1, roughness=0.4))
    leaves = material("calyx", Look(((62, 104, 30), (112, 150, 56)), patch=0.3, roughness=0.5))
    things = []
    for _ in range(count):
        cut = halved and rng.random() < 0.6
        berry = _strawberry(rng, size * rng.uniform(0.85, 1.12), red, flesh, seeds, leaves, cut)
        things.append(move(berry, turn=(rng.uniform(-0.15, 0.15), 0, 0)))
    tumble(rng, things, radius, gather=0.08, tilt=0.25, tries=24)
    return things


def build_blueberries(rng: np.random.Generator, radius: float) -> Things:
    """Blueberries with their crowns and bloom, lying close together."""
    size = rng.uniform(0.6, 0.75)
    made = speckled("blueberry", Look(patch=0.25, roughness=0.5, coat=0.08), speckle=0.08, vary=0.15)
    prototypes = [give(_blueberry(rng, size), made) for _ in range(4)]
    for prototype in prototypes:
        move(prototype, turn=(rng.uniform(-1.2, 1.2), 0, 0))
    things = repeat(rng, prototypes, int(np.clip(0.95 * (radius / size) ** 2, 8, 34)), vary=0.15)
    tumble(rng, things, radius, gather=0.25, tilt=0.9)
    return things


def _stem(rng: np.random.Generator, crown: Array, radius: float) -> bpy.types.Object:
    t = np.linspace(0, 1, 12)
    bearing = rng.uniform(0, 2 * np.pi)
    out = radius * 0.75 * t
    path = crown + np.column_stack(
        [out * np.cos(bearing + 0.5 * t), out * np.sin(bearing + 0.5 * t), 0.6 + 0.9 * np.sin(2.6 * t) * 0.7]
    )
    return tube("stem", path, 0.16 * (1 - 0.2 * t + 0.6 * t**6), 8)


def _strawberry_profile(t: Array) -> Array:
    """Return the radius as a share of the width, from the tip (0) to the shoulder (1)."""
    return np.sin(np.pi * np.clip(t, 0, 1) ** 1.35) ** 0.62 * (1.06 - 0.12 * t)


def _strawberry(
    rng: np.random.Generator,
    size: float,
    red: Colour,
    flesh: bpy.types.Material,
    seeds: bpy.types.Material,
    leaves: bpy.types.Material,
    cut: bool,
) -> bpy.types.Object:
    """A strawberry lying along x, its leaves at +x; `cut` leaves the half below z = 0, its face up."""
    rows, columns = 44, 52
    t = np.linspace(0, 1, rows)
    long = size * rng.uniform(1.15, 1.4)
    body = lathe(
        "strawberry", np.column_stack([size * _strawberry_profile(t), 2 * long * (t - 0.5)]), columns
    )
    at = vertices_of(body)
    at *= (1 + 0.07 * smooth_noise(at * 0.5 / size, rng))[:, None]
    along = np.repeat(t, columns)
    colours = blend(red, (226, 60, 34), 0.5 * cloud(at, rng, 1.2))
    colours = blend(
        colours, (238, 200, 150), 0.9 * np.clip((along - 0.88) / 0.12, 0, 1) * rng.uniform(0.2, 1)
    )
    spots, normals = _seed_places(at.reshape(rows, columns, 3), t, columns)
    pits = np.linalg.norm(at[:, None] - spots[None], axis=2).min(axis=1)
    colours = blend(colours, (140, 8, 10), 0.7 * np.clip(1 - pits / 0.16, 0, 1))
    at -= (
        0.05
        * np.clip(1 - pits / 0.15, 0, 1)[:, None]
        * at
        / (np.linalg.norm(at, axis=1, keepdims=True) + 1e-9)
    )
    set_vertices(body, at)
    paint(body, colours)
    seed = give(blob("seed", rng, (0.05, 0.08, 0.035), lumps=0, subdivisions=1), seeds)
    parts = [give(body, flesh)]
    if cut:
        keep = spots[:, 0] > 0.05
        spots, normals = spots[keep], normals[keep]
        _flatten_half(rng, body, along, size, long, red)
    parts.append(copies("seeds", [seed], spots - 0.02 * normals, standing(normals, rng), 1.0, rng))
    parts += _calyx(rng, long, size, leaves, half=cut)
    return move(joined("strawberry", parts), turn=(0, np.pi / 2, 0))


def _seed_places(grid: Array, t: Array, columns: int) -> tuple[Array, Array]:
    """Points in staggered rings over the skin and rough normals there."""
    places, normals = [], []
    for k, share in enumerate(np.linspace(0.12, 0.92, 9)):
        i = int(np.argmin(np.abs(t - share)))
        ring = grid[i]
        around = max(int(np.linalg.norm(ring[0, :2]) * 2 * np.pi / 0.62), 3)
        for j in range(around):
            point = ring[int((j + 0.5 * (k % 2)) * columns / around) % columns]
            out = np.array([point[0], point[1], 0.4 * (point[2])])
            places.append(point)
            normals.append(out / (np.linalg.norm(out) + 1e-9))
    return np.array(places), np.array(normals)


def _flatten_half(
    rng: np.random.Generator, body: bpy.types.Object, along: Array, size: float, long: float, red: Colour
) -> None:
    """Press the half with x < 0 flat onto the plane x = 0 and paint it as a cut face."""
    at = vertices_of(body)
    face = at[:, 0] < 0.02 * size
    inner = at * [0, 1, 1]
    set_vertices(body, np.where(face[:, None], inner, at))
    share = np.abs(inner[:, 1]) / (size * _strawberry_profile(along) + 0.02)
    middle = np.hypot(share, (inner[:, 2] - 0.2 * long) / long)
    pale: Colour = (246, 206, 180)
    inside = ramp(middle, [(0, (248, 226, 206)), (0.25, pale), (0.55, (228, 84, 58)), (0.95, red)])
    inside = blend(inside, (252, 224, 206), 0.4 * cloud(inner, rng, 0.5) * np.clip(1 - middle, 0, 1))
    outside = blend(red, (226, 60, 34), 0.5 * cloud(at, rng, 1.2))
    paint(body, np.where(face[:, None], inside, outside))


def _calyx(
    rng: np.random.Generator, long: float, size: float, made: bpy.types.Material, half: bool
) -> Things:
    """Pointed leaves around the end at z = long, and a stub of stalk."""
    leaves = []
    count = int(rng.integers(7, 10))
    for k in range(count):
        bearing = 2 * np.pi * k / count + rng.uniform(-0.2, 0.2)
        if half and np.cos(bearing) < -0.2:
            continue
        t = np.linspace(0, 1, 9)
        reach = size * rng.uniform(0.65, 0.95)
        width = size * 0.2 * np.sin(np.pi * t**0.7) ** 0.8 + 0.01
        lift = rng.uniform(0.0, 0.4)
        drop = long * 0.97 + 0.05 - size * (0.75 - lift) * t**2 * 0.6 + 0.25 * lift * np.sin(3 * t)
        rib = np.column_stack([reach * t, np.zeros(9), drop])
        across = [rib + np.column_stack([0 * t, s * width, 0.06 * abs(s) + 0 * t]) for s in (-1, 0, 1)]
        leaf = move(sheet("leaf", np.stack(across, axis=1)), turn=(0, 0, bearing))
        leaves.append(give(leaf, made))
    z = np.linspace(long * 0.95, long * 0.95 + rng.uniform(0.2, 0.6), 4)
    stalk = tube("stalk", np.column_stack([0.1 * (z - z[0]) + 0.06, 0 * z, z]), 0.08, 7)
    return [*leaves, give(stalk, made)]


def _blueberry(rng: np.random.Generator, size: float) -> bpy.types.Object:
    """A slightly flat ball with a crowned pit on top."""
    angle = np.linspace(-np.pi / 2, 1.2, 22)
    profile = [*np.column_stack([np.cos(angle), 0.88 * np.sin(angle)])]
    profile += [(0.36, 0.9), (0.33, 0.9), (0.27, 0.74), (0.1, 0.7), (0, 0.7)]
    thing = lathe("blueberry", size * np.array(profile), 30)
    at = vertices_of(thing)
    turn = np.arctan2(at[:, 1], at[:, 0])
    crown = np.clip((at[:, 2] / size - 0.84) / 0.06, 0, 1)
    at[:, :2] *= (1 + 0.22 * crown * np.cos(5 * turn))[:, None]
    set_vertices(thing, at)
    base = jitter(rng, (44, 52, 92), 6)
    colours = blend(base, (116, 130, 172), 1.1 * cloud(at, rng, 0.7) - 0.1)
    inside = (np.linalg.norm(at[:, :2], axis=1) < 0.3 * size) & (at[:, 2] > 0)
    return paint(thing, blend(colours, (26, 22, 40), 0.9 * inside))


FOODS: tuple[Food, ...] = (
    Food("grapes", "grape", frozenset({FRUIT}), (3.8, 6.5), build_grapes),
    Food("strawberries", "strawberry", frozenset({FRUIT}), (3.4, 5.5), build_strawberries),
    Food("blueberries", "blueberry", frozenset({FRUIT}), (2.2, 4.2), build_blueberries),
)
