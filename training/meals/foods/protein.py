"""Eggs, fish and shrimp."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.geometry import (
    Array,
    Things,
    blob,
    cloud,
    crumple,
    joined,
    lathe,
    loft,
    move,
    repeat,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, material, paint, ramp, speckled
from training.meals.piling import stack, stand_ring
from training.meals.surfaces import strew


def build_fried_egg(rng: np.random.Generator, radius: float) -> Things:
    """One egg, or two that touch: a white with a lacy edge and a glossy yolk."""
    if radius < 5.8 or rng.random() < 0.4:
        return [_fried_egg(rng, radius)]
    apart = radius * 0.46
    heading = rng.uniform(0, 2 * np.pi)
    offset = apart * np.array([np.cos(heading), np.sin(heading), 0])
    first = move(_fried_egg(rng, radius * 0.58), -offset)
    return [first, move(_fried_egg(rng, radius * 0.58), [*offset[:2], 0.08])]


def build_boiled_egg(rng: np.random.Generator, radius: float) -> Things:
    """Halves with their yolks up, or whole eggs, peeled or in their shells."""
    long = rng.uniform(2.5, 2.8)
    count = int(rng.integers(2, 5 if radius > 2.15 * long else 4 if radius > 1.9 * long else 3))
    if rng.random() < 0.25:
        shell: Colour = ((196, 140, 98), (242, 236, 226), (244, 240, 230))[int(rng.integers(3))]
        tint = jitter(rng, shell, 8)
        look = Look((tint, tint), patch=0.15, roughness=0.4, coat=0.15, bump=0.01, bump_size=0.1)
        whole = lathe("egg", _egg_profile(long), 48)
        move(whole, turn=(np.pi / 2, 0, 0))
        things = repeat(rng, [give(whole, material("egg", look))], min(count, 3), vary=0.04)
        stand_ring(rng, things, 0.9 * long)
        return things
    soft = rng.random() < 0.4
    white = Look(patch=0.5, roughness=0.28, coat=0.4, subsurface=0.1)
    made = speckled("egg", white, speckle=0.02, vary=0.02)
    things = repeat(rng, [give(_half_egg(rng, long, soft), made) for _ in range(3)], count, vary=0.03)
    stand_ring(rng, [move(thing, turn=(*rng.uniform(-0.15, 0.15, 2), 0)) for thing in things], 0.9 * long)
    return things


def build_fish_fillet(rng: np.random.Generator, radius: float) -> Things:
    """A fillet: salmon with white lines, at times grilled, or white fish with a browned crust."""
    kind = str(rng.choice(["salmon", "crust"]))
    length = 2 * radius * rng.uniform(0.9, 1.0)
    look = Look(patch=0.35, roughness=0.34, coat=0.5, bump=0.05, bump_size=0.25)
    made = speckled("fish", look, speckle=0.07)
    fillet = give(_fillet(rng, length, length * rng.uniform(0.36, 0.48), kind), made)
    parts = [fillet]
    if rng.random() < 0.6:
        flake = blob("herb", rng, (0.16, 0.09, 0.02), lumps=0.4, subdivisions=2)
        look = Look(((44, 92, 30), (90, 130, 52)), by_piece=1)
        parts.append(
            strew(rng, fillet, give(flake, material("herb", look)), int(rng.integers(12, 40)), rise=0.03)
        )
    thing = joined("fish", parts)
    return [move(thing, turn=(0, 0, rng.uniform(0, 2 * np.pi)))]


def build_shrimp(rng: np.random.Generator, radius: float) -> Things:
    """Curled cooked shrimp with orange bands, most with their tails."""
    look = Look(patch=0.3, roughness=0.25, coat=0.6, subsurface=0.15, depth=0.2)
    made = speckled("shrimp", look, speckle=0.05, vary=0.08)
    tailed = rng.random() < 0.75
    size = rng.uniform(1.4, 1.8)
    prototypes = [give(_shrimp(rng, size, tailed), made) for _ in range(4)]
    things = repeat(rng, prototypes, int(np.clip(rng.normal(radius * 1.7, 2), 4, 14)), vary=0.1)
    stack(rng, things, radius, gather=0.12, tilt=0.2, tries=80, sink=0.1)
    return things


def _fried_egg(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    rings, segments = 30, 120
    share = np.concatenate([np.linspace(0, 0.99, 6), np.linspace(1, 0, rings - 6)])
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(segments)])
    outline = radius * (0.86 + 0.14 * smooth_noise(circle * 1.1, rng) + 0.035 * smooth_noise(circle * 5, rng))
    thing = lathe("egg", np.column_stack([share, np.zeros(rings)]), segments)
    at = vertices_of(thing) * np.tile(outline, rings)[:, None]
    top = np.repeat(np.arange(rings) >= 6, segments)
    out = np.repeat(share, segments)
    ripple = smooth_noise(at * 0.8, rng)
    fine = smooth_noise(at * 2.6, rng)
    thick = 0.14 + 0.42 * np.clip(1 - out**3, 0, 1) * (0.75 + 0.4 * ripple) + 0.07 * fine * out
    rise = 0.16 * np.clip(out - 0.8, 0, 1) * (1 + smooth_noise(at * 1.4, rng))
    at[:, 2] = np.where(top, thick, 0) + rise
    set_vertices(thing, at)
    crisp = rng.uniform(0, 1)
    white = blend(jitter(rng, (246, 243, 232), 3), (232, 222, 192), 0.5 * cloud(at, rng, 1.2) * out)
    edge = np.clip((out - 0.93 + 0.12 * (cloud(at, rng, 0.6) - 0.4)) / 0.07, 0, 1)
    white = blend(white, (196, 132, 52), crisp * edge * 1.1)
    white = blend(white, (104, 52, 16), crisp * np.clip(edge * 2 - 1.1, 0, 1) * cloud(at, rng, 0.4) * 1.5)
    look = Look(patch=0.5, roughness=0.25, coat=0.5, subsurface=0.1, bump=0.04, bump_size=0.3)
    give(paint(thing, white), speckled("egg white", look, speckle=0.02))
    yolk = lathe("yolk", _cap(1.65 * rng.uniform(0.9, 1.1), rng.uniform(0.75, 1.05)), 48)
    bearing, off = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0, 0.2)
    move(yolk, (off * np.cos(bearing), off * np.sin(bearing), 0.38))
    crumple(yolk, rng, 0.05, 0.5)
    orange = jitter(rng, (224, 122, 0), 10)
    yellow = (min(orange[0] + 12, 255), orange[1] + 32, orange[2] + 8)
    yolk_look = Look((orange, yellow), patch=1.2, roughness=0.18, coat=0.8, subsurface=0.1)
    return joined("egg", [thing, give(yolk, material("yolk", yolk_look))])


def _cap(radius: float, height: float) -> Array:
    angle = np.linspace(-0.15, np.pi / 2, 18)
    return np.column_stack([radius * np.cos(angle), height * np.sin(angle)])


def _egg_profile(long: float) -> Array:
    """Half the outline of an egg along z: radius and height."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 32)
    return np.column_stack([0.76 * long * np.cos(angle) * (1 - 0.14 * np.sin(angle)), long * np.sin(angle)])


def _half_egg(rng: np.random.Generator, long: float, soft: bool) -> bpy.types.Object:
    """An egg cut along its length, its face up, the round side flattened where it stands."""
    rings, segments = 40, 72
    angle = np.linspace(0, np.pi / 2, 12)
    share = np.concatenate([np.sin(angle), np.linspace(0.985, 0, rings - 12)])
    depth = np.concatenate([-np.cos(angle), np.zeros(rings - 12)])
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    x = long * 0.97 * np.outer(share, np.cos(turn))
    y = 0.74 * long * np.outer(share, np.sin(turn)) * (1 - 0.14 * np.outer(share, np.cos(turn)))
    z = np.repeat((0.74 * long * depth)[:, None], segments, 1)
    at = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    face = np.repeat(np.arange(rings) >= 12, segments)
    middle = np.array([-0.16 * long * rng.uniform(0.2, 1), 0.08 * long * rng.uniform(-1, 1)])
    far = np.linalg.norm((at[:, :2] - middle) / (0.47 * long * rng.uniform(0.95, 1.08)), axis=1)
    far += 0.05 * smooth_noise(at * 0.8, rng)
    at[:, 2] += np.where(face & (far < 1), 0.07 * (1 - far**4), 0)
    at[:, 2] = np.maximum(at[:, 2], -0.66 * long)
    thing = lathe("egg", np.column_stack([share, depth]), segments)
    set_vertices(thing, at)
    yolk: Colour = jitter(rng, (228, 126, 0) if soft else (232, 172, 44), 8)
    heart: Colour = jitter(rng, (220, 104, 0) if soft else (240, 190, 64), 8)
    white: Colour = (246, 243, 234)
    colours = ramp(far, [(0, heart), (0.7, yolk), (0.93, yolk), (1.0, white)])
    colours = np.where(face[:, None], colours, np.asarray(white, float))
    return paint(thing, colours)


def _fillet(rng: np.random.Generator, length: float, width: float, kind: str) -> bpy.types.Object:
    """A fillet along x: thicker on one long side, tapered towards the tail."""
    rows, columns = 72, 44
    u = np.linspace(-1, 1, rows)
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    taper = rng.uniform(0.1, 0.35) if kind == "salmon" else rng.uniform(0.4, 0.6)
    ends = np.clip(1 - np.abs(u) ** (7 if kind == "salmon" else 3), 0, 1) ** 0.5
    breadth = width / 2 * ends * (1 - taper * (u + 1) / 2)
    high = rng.uniform(1.6, 2.1) if kind == "salmon" else rng.uniform(1.1, 1.5)
    thick = high * ends * (1 - 0.55 * taper * (u + 1))
    across = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.7
    up = np.clip(np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.6, -0.05, 1)
    side = rng.choice([-1, 1])
    y = breadth[:, None] * across[None, :]
    z = thick[:, None] * (
        0.05 + up[None, :] * (0.72 + 0.3 * side * across[None, :] - 0.08 * across[None, :] ** 2)
    )
    bend = rng.uniform(-0.05, 0.05) * length
    rings = np.stack(
        [np.repeat(length / 2 * u[:, None], columns, 1), y + bend * u[:, None] ** 2, z], axis=-1
    )[:, ::-1]
    thing = loft("fish", rings)
    at = rings.reshape(-1, 3)
    crumple(thing, rng, 0.18, 0.5)
    crumple(thing, rng, 0.06, 1.8)
    at2 = vertices_of(thing)
    at2[:, 2] = np.maximum(at2[:, 2] - at2[:, 2].min(), 0) * np.where(at[:, 2] < 0.1, 0.3, 1)
    set_vertices(thing, at2)
    top = np.clip(at[:, 2] / 0.6, 0, 1)
    return paint(thing, _fish_colours(rng, at, top, kind))


def _fish_colours(rng: np.random.Generator, at: Array, top: Array, kind: str) -> Array:
    burnt = cloud(at, rng, 1.3)
    wobble = 0.35 * smooth_noise(at * 0.6, rng)
    if kind == "salmon":
        flesh = jitter(rng, (226, 106, 58), 10)
        colours = blend(flesh, (240, 146, 96), cloud(at, rng, 0.8))
        chevron = np.abs(((at[:, 0] + 0.9 * np.abs(at[:, 1]) + wobble) / 0.95) % 1 - 0.5) * 2
        colours = blend(colours, (250, 206, 172), 1.5 * np.clip(1 - chevron / 0.26, 0, 1))
        if rng.random() < 0.6:
            grill = np.abs(((at[:, 0] * 0.8 + at[:, 1] * 0.6) / 1.9) % 1 - 0.5) * 2
            colours = blend(colours, (92, 38, 16), top * np.clip(1.6 - grill / 0.14, 0, 0.85) * (0.4 + burnt))
        return blend(colours, (196, 104, 40), 0.8 * np.clip(burnt - 0.5, 0, 1))
    flesh = jitter(rng, (240, 226, 196), 5)
    flakes = np.abs(((at[:, 0] + 0.7 * np.abs(at[:, 1]) + 1.6 * wobble) / 1.1) % 1 - 0.5) * 2
    colours = blend(flesh, (206, 142, 56), top * (0.1 + 1.2 * burnt) * (0.5 + 0.6 * flakes))
    colours = blend(colours, (128, 66, 20), top * 2.6 * np.clip(burnt * (0.6 + 0.5 * flakes) - 0.42, 0, 1))
    return blend(colours, (176, 116, 52), 0.9 * np.clip(1 - flakes / 0.12, 0, 1))


def _shrimp(rng: np.random.Generator, size: float, tailed: bool) -> bpy.types.Object:
    """A body curled about z through most of a turn, ringed by its shell, with a fanned tail."""
    count, segments = 66, 16
    t = np.linspace(0, 1, count)
    angle = rng.uniform(2.7, 3.6) * t**0.85
    curl = size * (1 - 0.3 * t)
    path = np.column_stack([curl * np.cos(angle), curl * np.sin(angle), 0.15 * np.sin(3 * t)])
    shell = (6 * t) % 1
    thick = size * 0.5 * (1.06 - 0.78 * t) * (0.86 + 0.14 * shell**0.7)
    thick *= np.sqrt(np.clip(t / 0.06 + 0.1, 0, 1))
    body = tube("shrimp", path, thick, segments, 0.78)
    at = vertices_of(body)
    far = np.linalg.norm(at[:, :2], axis=1) - np.repeat(curl, segments)
    back = np.clip(0.5 + far / (2 * np.repeat(thick, segments)), 0, 1)
    band = np.repeat(np.clip(shell * 1.3 - 0.3, 0, 1), segments)
    pale = jitter(rng, (248, 206, 170), 5)
    red = jitter(rng, (222, 74, 16), 8)
    colours = blend(
        pale, red, (0.25 + 0.75 * band) * (0.25 + 0.85 * back) + 0.5 * (cloud(at, rng, 0.5) - 0.5)
    )
    colours = blend(colours, (252, 232, 214), 0.8 * np.clip(1 - 2.2 * back, 0, 1))
    parts = [paint(body, colours)]
    if tailed:
        heading = path[-1] - path[-3]
        yaw = float(np.arctan2(heading[1], heading[0]))
        for spread in (-0.42, -0.14, 0.14, 0.42):
            fin = blob("fin", rng, (size * 0.36, size * 0.13, 0.05), lumps=0.05, subdivisions=2)
            move(fin, (size * 0.3, 0, 0))
            move(fin, path[-1], (rng.uniform(-0.3, 0.3), rng.uniform(-0.35, 0.1), yaw + spread))
            parts.append(paint(fin, jitter(rng, (214, 62, 26), 10)))
    return joined("shrimp", parts)


FOODS: tuple[Food, ...] = (
    Food("fried_egg", "egg", frozenset({WESTERN, KOREAN}), (4.2, 6.5), build_fried_egg),
    Food("boiled_egg", "egg", frozenset({WESTERN, KOREAN}), (4.4, 6.2), build_boiled_egg),
    Food("fish_fillet", "fish", frozenset({WESTERN, KOREAN}), (5.5, 8.0), build_fish_fillet),
    Food("shrimp", "shrimp", frozenset({WESTERN, KOREAN}), (3.8, 5.8), build_shrimp),
)
