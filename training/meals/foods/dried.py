"""Nuts and dried fruit, each nut and each fruit a piece."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import FRUIT, Food
from training.meals.geometry import (
    Array,
    Things,
    around_z,
    blob,
    cloud,
    lathe,
    move,
    repeat,
    set_vertices,
    smooth_noise,
    vertices_of,
)
from training.meals.materials import Look, blend, give, jitter, paint, ramp, speckled
from training.meals.tumbling import tumble


def build_almonds(rng: np.random.Generator, radius: float) -> Things:
    """Almonds in their brown skins."""
    made = speckled("almond", Look(patch=0.15, roughness=0.55, bump=0.03, bump_size=0.08), 0.08, 0.12)
    prototypes = [give(_almond(rng), made) for _ in range(4)]
    return _scattered(rng, prototypes, radius, piece_cm=1.05, tilt=0.4)


def build_walnuts(rng: np.random.Generator, radius: float) -> Things:
    """Halves of walnut kernels, their folds like a brain's."""
    made = speckled("walnut", Look(patch=0.2, roughness=0.5, coat=0.1, bump=0.03, bump_size=0.1), 0.08, 0.12)
    prototypes = [give(_walnut(rng), made) for _ in range(4)]
    return _scattered(rng, prototypes, radius, piece_cm=1.5, tilt=0.4)


def build_hazelnuts(rng: np.random.Generator, radius: float) -> Things:
    """Hazelnuts without shells, in their thin brown skins."""
    made = speckled("hazelnut", Look(patch=0.2, roughness=0.5, coat=0.1), 0.08, 0.12)
    prototypes = [give(_hazelnut(rng), made) for _ in range(4)]
    return _scattered(rng, prototypes, radius, piece_cm=0.85, tilt=1.5)


def build_dates(rng: np.random.Generator, radius: float) -> Things:
    """Dried dates: long, glossy, wrinkled along their length."""
    made = speckled(
        "date",
        Look(patch=0.3, roughness=0.36, coat=0.25, bump=0.08, bump_size=0.25),
        0.07,
        0.12,
    )
    prototypes = [give(_date(rng), made) for _ in range(4)]
    return _scattered(rng, prototypes, radius, piece_cm=1.6, tilt=0.2)


def build_figs(rng: np.random.Generator, radius: float) -> Things:
    """Dried figs: flat, pale brown, wrinkled towards the stalk."""
    made = speckled("fig", Look(patch=0.3, roughness=0.55, coat=0.1, bump=0.06, bump_size=0.2), 0.07, 0.1)
    prototypes = [give(_fig(rng), made) for _ in range(4)]
    return _scattered(rng, prototypes, radius, piece_cm=1.9, tilt=0.15)


def _scattered(
    rng: np.random.Generator, prototypes: Things, radius: float, piece_cm: float, tilt: float
) -> Things:
    """Lay copies close together in one or two layers; `piece_cm` is about half the length of a piece."""
    crowd = rng.uniform(0.5, 1.1)
    count = int(np.clip(crowd * (radius / piece_cm) ** 2, 3, 30))
    things = repeat(rng, prototypes, count, vary=0.12)
    tumble(rng, things, radius, gather=0.15, tilt=tilt, tries=24)
    return things


def _almond(rng: np.random.Generator) -> bpy.types.Object:
    thing = blob("almond", rng, (1, 1, 1), lumps=0.03, subdivisions=4)
    at = vertices_of(thing)
    turn = np.arctan2(at[:, 2], at[:, 1])
    point = np.clip((at[:, 0] + 1) / 2, 0, 1)
    shape = np.column_stack(
        [
            1.15 * at[:, 0],
            at[:, 1] * 0.64 * (1.1 - 0.55 * point**2),
            at[:, 2] * 0.4 * (1.05 - 0.35 * point**2),
        ]
    )
    grooves = smooth_noise(np.column_stack([4.5 * np.cos(turn), 4.5 * np.sin(turn), 0.8 * at[:, 0]]), rng)
    set_vertices(thing, shape * (1 + 0.05 * grooves)[:, None])
    brown = jitter(rng, (148, 84, 38), 8)
    colours = blend(brown, (96, 48, 20), np.clip(-1.6 * grooves, 0, 0.8))
    colours = blend(colours, (190, 126, 68), np.clip(1.4 * grooves, 0, 0.6))
    return paint(thing, blend(colours, (84, 46, 22), 0.7 * np.clip((point - 0.93) / 0.07, 0, 1)))


def _walnut(rng: np.random.Generator) -> bpy.types.Object:
    """Two lobes with a groove between them, flat below, folded above."""
    thing = blob("walnut", rng, (1, 1, 1), lumps=0, subdivisions=5)
    at = vertices_of(thing)
    warp = at + 0.25 * np.column_stack([smooth_noise(at * 1.5, rng) for _ in range(3)])
    folds = np.abs(smooth_noise(warp * [2.0, 1.6, 1.6], rng)) ** 0.6
    groove = np.exp(-((at[:, 1] / 0.13) ** 2))
    notch = np.exp(-(((np.abs(at[:, 0]) - 1.0) / 0.35) ** 2)) * np.exp(-((at[:, 1] / 0.3) ** 2))
    reach = 0.86 + 0.3 * folds - 0.34 * groove - 0.2 * notch
    shape = at * reach[:, None] * [1.6, 1.3, 0.85]
    shape[:, 2] = np.where(shape[:, 2] < -0.2, -0.2 + 0.25 * (shape[:, 2] + 0.2), shape[:, 2])
    set_vertices(thing, shape)
    colours = ramp(
        np.clip(folds * (1 - 0.7 * groove), 0, 1),
        [(0.1, (110, 66, 30)), (0.4, (186, 132, 74)), (0.85, (220, 176, 112))],
    )
    tint = jitter(rng, (178, 122, 62), 8)
    return paint(thing, blend(colours, tint, 0.6 * cloud(at, rng, 0.6)))


def _hazelnut(rng: np.random.Generator) -> bpy.types.Object:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 26)
    radius = np.cos(angle) * (1 - 0.08 * np.sin(angle))
    height = 1.05 * np.sin(angle) + 0.14 * np.clip(np.sin(angle), 0, 1) ** 12
    thing = lathe("hazelnut", 0.78 * np.column_stack([radius, height]), 32)
    at = vertices_of(thing)
    turn = np.arctan2(at[:, 1], at[:, 0])
    veins = smooth_noise(np.column_stack([3.5 * np.cos(turn), 3.5 * np.sin(turn), 0.8 * at[:, 2]]), rng)
    set_vertices(thing, at * (1 + 0.03 * veins + 0.04 * smooth_noise(at, rng))[:, None])
    brown = jitter(rng, (142, 82, 40), 8)
    colours = blend(brown, (104, 56, 26), np.clip(-1.8 * veins, 0, 0.8))
    bare = cloud(at, rng, 0.8)
    colours = blend(colours, (226, 188, 126), 5 * np.clip(bare - rng.uniform(0.55, 0.8), 0, 0.2))
    return paint(
        thing, blend(colours, (206, 164, 108), 0.8 * np.clip((-at[:, 2] / 0.78 - 0.86) / 0.06, 0, 1))
    )


def _date(rng: np.random.Generator) -> bpy.types.Object:
    thing = blob("date", rng, (1, 1, 1), lumps=0.14, subdivisions=5)
    at = vertices_of(thing)
    turn = np.arctan2(at[:, 2], at[:, 1])
    bend = 0.5 * smooth_noise(at * 1.2, rng)
    wrinkles = _ridges(np.column_stack([2.6 * np.cos(turn) + bend, 2.6 * np.sin(turn), 0.9 * at[:, 0]]), rng)
    blunt = np.sign(at[:, 0]) * np.abs(at[:, 0]) ** 0.85
    shape = np.column_stack([1.95 * blunt, 1.0 * at[:, 1], 0.85 * at[:, 2]])
    inward = 1 - 0.16 * wrinkles * np.sqrt(np.clip(1 - at[:, 0] ** 2, 0, 1))
    shape[:, 1:] *= inward[:, None]
    set_vertices(thing, shape)
    brown = jitter(rng, (92, 42, 18), 12)
    colours = blend(brown, (52, 22, 10), 0.8 * wrinkles)
    colours = blend(colours, (140, 78, 34), 0.5 * (cloud(at, rng, 0.8) - 0.3) * (1 - wrinkles))
    return paint(thing, blend(colours, (198, 156, 92), 0.9 * np.clip((at[:, 0] - 0.965) / 0.02, 0, 1)))


def _fig(rng: np.random.Generator) -> bpy.types.Object:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 44)
    radius = 1.85 * np.cos(angle) ** 0.8 * (1 - 0.1 * np.sin(angle))
    height = 0.85 * np.sin(angle) + 0.5 * np.clip(np.sin(angle), 0, 1) ** 16
    thing = lathe("fig", np.column_stack([radius, height]), 96)
    at = vertices_of(thing)
    out, turn = around_z(at)
    uneven = np.column_stack([smooth_noise(at * 0.9, rng) for _ in range(3)])
    wrinkles = _ridges(
        np.column_stack([2.6 * np.cos(turn), 2.6 * np.sin(turn), 0.9 * out]) + 0.4 * uneven, rng
    )
    pressed = at * (1 - 0.1 * wrinkles + 0.22 * smooth_noise(at * 0.55, rng))[:, None]
    lean = rng.uniform(0.2, 0.7)
    pressed[:, 0] += lean * np.clip(at[:, 2], 0, 2)
    set_vertices(thing, pressed)
    brown = jitter(rng, (176, 130, 76), 10)
    colours = blend(brown, (116, 76, 40), 0.8 * wrinkles)
    colours = blend(colours, (218, 186, 134), 0.8 * (cloud(at, rng, 1.0) - 0.25) * (1 - wrinkles))
    colours = blend(colours, (92, 60, 34), 0.9 * np.clip((at[:, 2] - 1.15) / 0.12, 0, 1))
    return paint(move(thing, turn=(rng.uniform(-0.2, 0.2), 0, 0)), colours)


def _ridges(points: Array, rng: np.random.Generator) -> Array:
    """Return the depth of wrinkles, float (N,) in [0, 1]: narrow valleys between broad swellings."""
    return np.clip(1 - np.abs(smooth_noise(points, rng)) / 0.22, 0, 1) ** 1.3


FOODS: tuple[Food, ...] = (
    Food("almonds", "almond", frozenset({FRUIT}), (2.5, 4.5), build_almonds),
    Food("walnuts", "walnut", frozenset({FRUIT}), (2.8, 4.8), build_walnuts),
    Food("hazelnuts", "walnut", frozenset({FRUIT}), (2.2, 4.0), build_hazelnuts),
    Food("dates", "date", frozenset({FRUIT}), (3.0, 5.2), build_dates),
    Food("figs", "fig", frozenset({FRUIT}), (3.2, 5.5), build_figs),
)
