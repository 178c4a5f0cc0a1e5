"""Kiwi, watermelon, apple and banana: whole, halved, sliced, in wedges."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import FRUIT, Food
from training.meals.foods.cutting import half_fruit, round_slice, serve_slices
from training.meals.geometry import (
    Array,
    Things,
    blob,
    cloud,
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
from training.meals.piling import lay_row, stand_ring
from training.meals.solids import block, wedge
from training.meals.surfaces import strew
from training.meals.tumbling import tumble


def build_kiwi(rng: np.random.Generator, radius: float) -> Things:
    """Slices of kiwi, or halves in their brown skin."""
    size = rng.uniform(2.2, 2.7)
    golden = rng.random() < 0.2
    flesh: Colour = jitter(rng, (206, 176, 30) if golden else (112, 160, 24), 8)
    halved = rng.random() < 0.35
    made = speckled("kiwi", Look(patch=0.2, roughness=0.32, coat=0.5 if not halved else 0.3))
    peeled = rng.random() < 0.6

    def face(share: Array, turn: Array, at: Array) -> Array:
        rays = 0.5 + 0.5 * np.sin(turn * 34 + 1.5 * smooth_noise(at * 1.5, rng))
        core = 0.24 * (1 + 0.2 * smooth_noise(at * 0.9, rng))
        colours = blend(flesh, (190, 206, 90), (0.15 + 0.55 * rays) * np.clip(1.15 - share * 1.2, 0, 1))
        colours = blend(colours, (72, 112, 12), 0.6 * np.clip((share - 0.72) / 0.25, 0, 1))
        colours = blend(colours, (238, 236, 190), np.clip((core - share) / 0.06 + 0.5, 0, 1))
        slot = np.floor(turn / (2 * np.pi) * 30)
        middle = core + 0.05 + 0.17 * ((slot * 0.618) % 1)
        across = ((turn / (2 * np.pi) * 30) % 1 - 0.5) * 2 * np.pi / 30 * share * size
        seed = np.hypot(across / 0.055, (share - middle) * size / 0.12)
        return blend(colours, (26, 20, 12), np.clip(1.6 - seed, 0, 1) * 1.8)

    skin: Colour = flesh if peeled and not halved else (112, 80, 40)
    if halved:
        count = int(rng.integers(2, 4)) if radius > 1.95 * size else 1
        things = [give(half_fruit(rng, size, 1.15, face, skin), made) for _ in range(count)]
        stand_ring(rng, [move(thing, turn=(0.15, 0, 0)) for thing in things], size)
        return things
    return serve_slices(
        rng, radius, [give(round_slice(rng, size, 0.6, face, skin), made) for _ in range(3)], size
    )


def build_watermelon(rng: np.random.Generator, radius: float) -> Things:
    """Triangular wedges of watermelon, or cubes without rind."""
    red = jitter(rng, (214, 38, 30), 10)
    made = speckled("melon", Look(patch=0.15, roughness=0.3, coat=0.5, bump=0.03, bump_size=0.1))
    if rng.random() < 0.3:
        size = rng.uniform(1.8, 2.3)
        cubes = []
        for _ in range(4):
            cube = block("melon", size * rng.uniform(0.9, 1.1, 3), 0.12, cells=12)
            at = vertices_of(cube)
            flesh = blend(red, (236, 96, 76), 0.6 * cloud(at, rng, 0.8))
            cubes.append(_pips(rng, give(paint(cube, flesh), made), 6))
        things = repeat(rng, cubes, int(np.clip(0.36 * radius**2, 5, 16)), vary=0.06)
        tumble(rng, things, radius, gather=0.3, tilt=0.2)
        return things
    long = min(radius * 1.15, 8.0)
    count = int(rng.integers(2, 4)) if radius > 6.5 else int(rng.integers(1, 3))
    pieces = [_pips(rng, give(_melon_slice(rng, long, red), made), 26) for _ in range(count)]
    lay_row(rng, pieces, step=rng.uniform(2.4, 3.2))
    return pieces


def build_apple(rng: np.random.Generator, radius: float) -> Things:
    """A whole apple, red, green or yellow, or its wedges."""
    size = rng.uniform(3.3, 3.9)
    skins: tuple[tuple[Colour, Colour], ...] = (
        ((222, 170, 52), (176, 16, 16)),
        ((206, 60, 34), (146, 8, 14)),
        ((150, 182, 42), (176, 196, 76)),
        ((226, 190, 62), (226, 120, 50)),
    )
    under, streak = (jitter(rng, colour, 8) for colour in skins[int(rng.integers(4))])
    made = speckled("apple", Look(patch=0.12, roughness=0.22, coat=0.4), speckle=0.06)
    if rng.random() < 0.45:
        count = 1 if radius < 1.9 * size else int(rng.integers(1, 4))
        things = [_whole_apple(rng, size, under, streak, made) for _ in range(count)]
        stand_ring(rng, things, 1.08 * size)
        return things
    wedges = [give(_apple_wedge(rng, size, under, streak), made) for _ in range(3)]
    things = repeat(rng, wedges, int(np.clip(rng.normal(radius, 1), 3, 8)), vary=0.05)
    tumble(rng, things, radius, gather=0.1, tilt=0.6)
    return things


def build_banana(rng: np.random.Generator, radius: float) -> Things:
    """A banana, a small bunch, or slices."""
    if rng.random() < 0.4:
        made = speckled("banana", Look(patch=0.3, roughness=0.42, coat=0.15, subsurface=0.1))
        size = rng.uniform(1.4, 1.7)

        def face(share: Array, turn: Array, at: Array) -> Array:
            star = 0.34 * (1 + 0.18 * np.cos(3 * turn + 0.5))
            colours = ramp(share, [(0, (226, 196, 120)), (0.3, (236, 212, 146)), (0.9, (246, 230, 184))])
            seed = np.clip(1 - np.hypot((share - star * 0.8) / 0.06, np.sin(4.5 * turn) / 0.45), 0, 1)
            return blend(colours, (112, 76, 34), 1.4 * seed + 0.5 * np.clip(1 - share / 0.08, 0, 1))

        return serve_slices(
            rng,
            radius,
            [give(round_slice(rng, size, 0.7, face, (244, 228, 180)), made) for _ in range(3)],
            size,
        )
    ripeness = rng.uniform(0, 1)
    made = speckled("banana", Look(patch=0.4, roughness=0.42, coat=0.15), speckle=0.05)
    length = float(np.clip(radius * 2.1, 12, 17))
    count = int(rng.choice([1, 1, 2, 3]))
    things = []
    for i in range(count):
        fruit = give(_banana(rng, length * rng.uniform(0.95, 1.03), ripeness), made)
        things.append(move(fruit, turn=(0, 0, 0.2 * i)))
        move(fruit, (0, 0, 0) if i == 0 else (-0.6 * i, -2.7 * i, 0.5 * (i % 2)))
    middle = np.mean([vertices_of(t).mean(axis=0) for t in things], axis=0)
    yaw = rng.uniform(0, 2 * np.pi)
    for thing in things:
        move(move(thing, (-middle[0], -middle[1], 0)), turn=(0, 0, yaw))
    return [joined("banana", things)] if count > 1 else things


def _pips(rng: np.random.Generator, piece: bpy.types.Object, count: int) -> bpy.types.Object:
    """Add dark pips to the flesh of a piece."""
    pip = blob("pip", rng, (0.24, 0.14, 0.05), lumps=0, subdivisions=2)
    dark = material("pip", Look(((24, 14, 10), (58, 34, 20)), by_piece=1, roughness=0.25))
    return joined(
        "melon", [piece, strew(rng, piece, give(pip, dark), count, rise=0.0, wobble=0.1, facing=-1)]
    )


def _melon_slice(rng: np.random.Generator, long: float, red: Colour) -> bpy.types.Object:
    """A flat sector of a round slice: tip, red flesh, white and green rind."""
    spread, thickness = rng.uniform(0.7, 1.0), rng.uniform(1.4, 2.0)
    thing = block("melon", (2, 2, 2), 0.08, cells=32)
    at = vertices_of(thing) - [0, 0, 1]
    share, side = (at[:, 0] + 1) / 2, at[:, 1] * spread / 2
    share = 0.02 + 0.98 * share
    flat = np.column_stack(
        [long * (share * np.cos(side) - 0.55), long * share * np.sin(side), (at[:, 2] + 1) / 2 * thickness]
    )
    set_vertices(thing, flat)
    flesh = blend(red, (238, 98, 76), 0.55 * cloud(flat, rng, 0.9) + 0.3 * (share > 0.8))
    colours = blend(
        flesh, (240, 226, 188), np.clip((share - 0.885 + 0.008 * smooth_noise(flat, rng)) / 0.03, 0, 1)
    )
    colours = blend(colours, (150, 178, 84), np.clip((share - 0.945) / 0.02, 0, 1))
    stripes = (48, 92, 34)
    return paint(thing, blend(colours, stripes, np.clip((share - 0.975) / 0.01, 0, 1)))


def _apple_outline(polar: Array) -> Array:
    """Return the radius of an apple of size 1 at an angle from its stalk, with dimples at both ends."""
    return (
        1.02
        - 0.42 * np.exp(-((polar / 0.38) ** 2))
        - 0.3 * np.exp(-(((np.pi - polar) / 0.3) ** 2))
        - 0.07 * np.cos(2 * polar)
    )


def _apple_skin(
    rng: np.random.Generator, at: Array, polar: Array, turn: Array, under: Colour, streak: Colour
) -> Array:
    stripes = smooth_noise(np.column_stack([6 * np.cos(turn), 6 * np.sin(turn), 0.7 * polar]), rng)
    blush = cloud(at, rng, 3.5) + 0.35 * stripes
    colours = blend(under, streak, 2.2 * (blush - 0.25))
    dimple = np.clip(1 - polar / 0.5, 0, 1)
    return blend(colours, (150, 150, 60), 0.8 * dimple)


def _whole_apple(
    rng: np.random.Generator, size: float, under: Colour, streak: Colour, made: bpy.types.Material
) -> bpy.types.Object:
    polar = np.linspace(np.pi, 0, 48)
    reach = size * _apple_outline(polar)
    thing = lathe("apple", np.column_stack([reach * np.sin(polar), reach * np.cos(polar)]), 72)
    at, angles = vertices_of(thing), np.repeat(polar, 72)
    turn = np.arctan2(at[:, 1], at[:, 0])
    lobes = 1 + 0.018 * np.cos(5 * turn) * (1 - np.cos(angles)) / 2 + 0.03 * smooth_noise(at * 0.25, rng)
    set_vertices(thing, at * lobes[:, None])
    paint(thing, _apple_skin(rng, at, angles, turn, under, streak))
    bend = rng.uniform(-0.5, 0.5, 2)
    height = np.linspace(0, 1, 7)
    path = np.column_stack([bend[0] * height**2, bend[1] * height**2, size * (0.5 + 0.62 * height)])
    stalk = tube("stalk", path, 0.11 * (1 - 0.3 * height + 0.5 * height**6), 8)
    paint(stalk, (84, 58, 32))
    return joined("apple", [give(thing, made), give(stalk, made)])


def _apple_wedge(rng: np.random.Generator, size: float, under: Colour, streak: Colour) -> bpy.types.Object:
    thing, share, polar, skin = wedge(
        "apple", rng.uniform(0.7, 1.0), lambda p: size * _apple_outline(p), cells=20, along=64
    )
    at = vertices_of(thing)
    turn = np.arctan2(at[:, 2], at[:, 1])
    flesh = blend((244.0, 230, 188), (232, 212, 156), 0.7 * cloud(at, rng, 1.0))
    away = np.hypot(at[:, 0] / (0.42 * size), share * np.sin(polar) / 0.26)
    flesh = blend(flesh, (222, 200, 140), 0.9 * np.clip(1.15 - np.abs(away - 1) / 0.16, 0, 1) * 0.6)
    pip = np.hypot(at[:, 0] / (0.17 * size), (share * np.sin(polar) - 0.13) / 0.06)
    flesh = blend(flesh, (74, 40, 20), np.clip(1.5 - pip, 0, 1) * 1.5)
    colours = np.where(skin[:, None], _apple_skin(rng, at, polar, turn, under, streak), flesh)
    return paint(thing, blend(colours, under, 0.8 * np.clip((share - 0.984) / 0.002, 0, 1) * ~skin))


def _banana(rng: np.random.Generator, length: float, ripeness: float) -> bpy.types.Object:
    """A banana bent in the plane of the table, five-sided, with a stalk and a dark tip."""
    count, segments = 60, 30
    t = np.linspace(0, 1, count)
    sweep = rng.uniform(1.0, 1.5)
    angle = (t - 0.5) * sweep - 0.25 * np.clip(0.16 - t, 0, 1) / 0.16
    step = length / count
    path = np.column_stack([np.cumsum(np.cos(angle)), np.cumsum(np.sin(angle)), np.zeros(count)]) * step
    thick = 1.65 * np.interp(
        t, [0, 0.1, 0.15, 0.25, 0.5, 0.8, 0.93, 0.975, 1], [0.34, 0.34, 0.5, 0.85, 1, 0.92, 0.5, 0.24, 0.2]
    )
    thing = tube("banana", path, thick, segments)
    at = vertices_of(thing)
    turn = np.tile(np.linspace(0, 2 * np.pi, segments, endpoint=False), count)
    centre = np.repeat(path, segments, axis=0)
    set_vertices(thing, centre + (at - centre) * (1 + 0.05 * np.cos(5 * turn))[:, None] + [0, 0, 1.72])
    along = np.repeat(t, segments)
    yellow = jitter(rng, (226, 166, 4), 8)
    colours = blend(yellow, (240, 194, 40), 0.5 * cloud(at, rng, 2))
    green = np.clip(1 - along / 0.22, 0, 1) + np.clip((along - 0.88) / 0.12, 0, 1)
    colours = blend(colours, (150, 166, 48), (1 - 0.7 * ripeness) * green)
    colours = blend(colours, (172, 126, 30), 0.35 * np.clip(np.cos(5 * turn) - 0.8, 0, 1) * 5)
    spots = np.clip((cloud(at, rng, 0.8) - 0.72 + 0.12 * ripeness) / 0.05, 0, 1)
    colours = blend(colours, (104, 64, 22), 0.8 * ripeness * spots)
    ends = np.clip((along - 0.972) / 0.01, 0, 1) + np.clip((0.015 - along) / 0.01, 0, 1)
    return paint(thing, blend(colours, (62, 44, 26), ends))


FOODS: tuple[Food, ...] = (
    Food("kiwi", "kiwi", frozenset({FRUIT}), (3.5, 6.0), build_kiwi),
    Food("watermelon", "watermelon", frozenset({FRUIT}), (5.0, 8.0), build_watermelon),
    Food("apple", "apple", frozenset({FRUIT}), (4.2, 7.0), build_apple),
    Food("banana", "banana", frozenset({FRUIT}), (5.0, 8.0), build_banana),
)
