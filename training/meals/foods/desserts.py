"""Cake, doughnuts, cookies and ice cream."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import FRUIT, Food
from training.meals.geometry import (
    Array,
    Things,
    blob,
    cloud,
    crumple,
    grounded,
    joined,
    lathe,
    move,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, material, paint, ramp, speckled
from training.meals.solids import block
from training.meals.surfaces import strew
from training.meals.tumbling import tumble

CREAM: Colour = (246, 236, 216)
CHOCOLATE: Colour = (72, 36, 18)


def build_cake(rng: np.random.Generator, radius: float) -> Things:
    """A slice of layer cake: sponge and cream, frosted on top and at the back."""
    kinds: tuple[tuple[Colour, Colour, Colour], ...] = (
        ((222, 168, 86), CREAM, CREAM),
        ((70, 36, 18), (112, 64, 36), (62, 30, 16)),
        ((138, 20, 18), CREAM, CREAM),
        ((74, 38, 20), CREAM, CREAM),
        ((206, 150, 74), (226, 132, 140), (236, 164, 170)),
    )
    sponge, cream, frosting = (jitter(rng, colour, 4) for colour in kinds[int(rng.integers(5))])
    long, high = 1.8 * radius, rng.uniform(4.0, 5.6)
    spread = rng.uniform(0.6, 0.85)
    body = _sector(long, spread, high, 40)
    at = vertices_of(body)
    layers = int(rng.integers(2, 4))
    level = (at[:, 2] + 0.1 * smooth_noise(at * 0.7, rng)) / high * layers
    filled = np.clip((np.abs(level % 1 - 0.5) - 0.5 + 0.085 * layers / 2) / 0.03, 0, 1) * (level > 0.5)
    crumb = cloud(at, rng, 0.35)
    dark = (0.78 * sponge[0], 0.78 * sponge[1], 0.78 * sponge[2])
    colours = blend(sponge, dark, crumb)
    crumple(body, rng, 0.08, 1.5)
    soft = speckled("cake", Look(patch=0.2, roughness=0.75, bump=0.12, bump_size=0.14), speckle=0.08)
    parts = [give(paint(body, blend(colours, cream, filled)), soft)]
    smooth = material("frosting", Look((frosting, frosting), patch=1, roughness=0.45, coat=0.08))
    top = move(_sector(long * 1.02, spread * 1.01, 0.5, 14), (0, 0, high - 0.05))
    back = _sector(long * 1.02, spread * 1.01, high + 0.4, 18, start=0.95)
    for layer in (top, back):
        crumple(layer, rng, 0.06, 0.9)
        parts.append(give(layer, smooth))
    for place in (0.84, 0.45)[: int(rng.integers(0, 3))]:
        rosette = move(_rosette(rng), (long * (place - 0.55), 0, high + 0.35))
        parts.append(give(rosette, material("cream", Look((CREAM,), roughness=0.4, coat=0.2))))
    if rng.random() < 0.6:
        curl = blob("shaving", rng, (0.32, 0.07, 0.05), lumps=0.4, subdivisions=2)
        shaving = material("shaving", Look((CHOCOLATE, (112, 62, 34)), by_piece=1))
        parts.append(strew(rng, parts[1], give(curl, shaving), 36, rise=0.05, wobble=0.4, facing=0.9))
    return [move(grounded(joined("cake", parts)), turn=(0, 0, rng.uniform(0, 2 * np.pi)))]


def build_donut(rng: np.random.Generator, radius: float) -> Things:
    """Ring doughnuts, glazed with sprinkles or bare with sugar."""
    size = min(radius, rng.uniform(4.0, 4.8))
    count = 1 if radius < 1.45 * size else int(rng.integers(1, 3))
    things = [_donut(rng, size) for _ in range(count)]
    tumble(rng, things, radius, gather=0.2, tilt=0.05, tries=40)
    return things


def build_cookies(rng: np.random.Generator, radius: float) -> Things:
    """Round cookies with chocolate chips, one dough and chip for all of them."""
    kinds: tuple[tuple[Colour, Colour], ...] = (
        ((196, 138, 72), CHOCOLATE),
        ((84, 46, 24), (48, 24, 14)),
        ((206, 160, 96), (112, 60, 30)),
        ((92, 50, 26), (240, 228, 204)),
    )
    dough, chip = (jitter(rng, colour, 6) for colour in kinds[int(rng.integers(4))])
    size = float(min(rng.uniform(2.4, 3.3), 0.62 * radius))
    chips = material(
        "chips", Look((jitter(rng, chip, 4), jitter(rng, chip, 10)), by_piece=1, roughness=0.35, coat=0.2)
    )
    crust = speckled("cookie", Look(patch=0.25, roughness=0.7, bump=0.1, bump_size=0.2), 0.08, 0.06)
    things = []
    for _ in range(int(np.clip(rng.normal(1.0 * (radius / size) ** 2 + 1, 1), 2, 7))):
        body = give(_cookie(rng, size * rng.uniform(0.94, 1.06), dough), crust)
        drop = give(blob("chip", rng, (0.4, 0.34, 0.24), lumps=0.25, subdivisions=2), chips)
        things.append(
            joined("cookie", [body, strew(rng, body, drop, int(rng.integers(9, 18)), rise=0.0, facing=0.8)])
        )
    tumble(rng, things, radius, gather=0.03, tilt=0.05, tries=40)
    return things


def build_ice_cream(rng: np.random.Generator, radius: float) -> Things:
    """One to three scoops that melt a little where they stand, some under sauce."""
    size = float(np.clip(radius * 0.5, 2.2, 3.0))
    count = int(rng.integers(1, 4)) if radius > 1.9 * size else 1
    flavours: list[tuple[Colour, Colour]] = [
        ((244, 226, 178), (228, 204, 148)),
        ((112, 64, 38), (88, 46, 26)),
        ((232, 146, 148), (214, 92, 104)),
        ((186, 212, 168), (54, 30, 20)),
        ((248, 240, 224), (92, 54, 32)),
        ((206, 156, 92), (180, 124, 62)),
    ]
    order = rng.permutation(len(flavours))
    things = []
    bearing = rng.uniform(0, 2 * np.pi)
    for k in range(count):
        scoop = _scoop(
            rng, size * rng.uniform(0.93, 1.05), *flavours[int(order[k])], sauce=rng.random() < 0.3
        )
        turn = bearing + 2 * np.pi * k / count
        far = 0 if count == 1 else size * 0.9 / np.sin(np.pi / count)
        things.append(move(scoop, (far * np.cos(turn), far * np.sin(turn), 0), (0, 0, rng.uniform(0, 6))))
    return things


def _sector(long: float, spread: float, high: float, cells: int, start: float = 0.02) -> bpy.types.Object:
    """A slice with its tip at -x, from the share `start` of its length to its back."""
    thing = block("sector", (2, 2, 2), 0.05, cells)
    at = vertices_of(thing)
    share = start + (1 - start) * (at[:, 0] + 1) / 2
    side = at[:, 1] * spread / 2
    set_vertices(
        thing,
        np.column_stack(
            [long * (share * np.cos(side) - 0.55), long * share * np.sin(side), at[:, 2] / 2 * high]
        ),
    )
    return thing


def _rosette(rng: np.random.Generator) -> bpy.types.Object:
    """A piped swirl of cream."""
    t = np.linspace(0, 1, 30)
    segments = 60
    profile = np.column_stack([0.95 * (1 - t) ** 0.65 * (1 + 0.1 * np.sin(t * 16)), 1.5 * t])
    thing = lathe("rosette", profile, segments)
    at = vertices_of(thing)
    turn = np.arctan2(at[:, 1], at[:, 0])
    at[:, :2] *= (1 + 0.12 * np.cos(7 * turn + 3.2 * at[:, 2]))[:, None]
    set_vertices(thing, at)
    return move(thing, turn=(rng.uniform(-0.1, 0.1), 0, rng.uniform(0, 6)))


def _ring(size: float, swell: float, angles: Array, segments: int = 80) -> bpy.types.Object:
    """Make the part of a ring's skin between two angles around its tube; `size` is the outer radius."""
    tube_radius = size * 0.37
    middle = size - tube_radius
    profile = np.column_stack(
        [middle + (tube_radius + swell) * np.cos(angles), (tube_radius + swell) * np.sin(angles)]
    )
    return lathe("ring", profile * [1, 0.88] + [0, tube_radius * 0.84], segments)


def _donut(rng: np.random.Generator, size: float) -> bpy.types.Object:
    angles = np.linspace(-np.pi / 2, 1.5 * np.pi, 48)
    body = _ring(size, 0.0, angles)
    at = vertices_of(body)
    height = at[:, 2] / (0.74 * size)
    golden = jitter(rng, (190, 120, 50), 10)
    colours = blend(golden, (146, 82, 30), 0.8 * cloud(at, rng, 1.5))
    line = np.exp(-(((height - 0.45 + 0.03 * smooth_noise(at * 0.5, rng)) / 0.07) ** 2))
    colours = blend(colours, (236, 204, 142), 0.8 * line)
    set_vertices(body, at * (1 + 0.03 * smooth_noise(at * 0.4, rng))[:, None])
    crust = speckled("donut", Look(patch=0.3, roughness=0.55, coat=0.1, bump=0.05, bump_size=0.2))
    parts = [give(paint(body, colours), crust)]
    kind = str(rng.choice(["sprinkles", "drizzle", "plain icing", "sugar"]))
    if kind == "sugar":
        grain = give(
            blob("sugar", rng, (0.05, 0.05, 0.04), lumps=0, subdivisions=1), material("sugar", Look((CREAM,)))
        )
        return joined("donut", [*parts, strew(rng, body, grain, 500, rise=0.01, facing=-0.2)])
    colour: Colour = ((230, 112, 140), CHOCOLATE, (248, 240, 228), (150, 92, 48))[int(rng.integers(4))]
    icing = _ring(size, 0.1, np.linspace(-0.02, np.pi + 0.02, 26), 110)
    skin = vertices_of(icing)
    turn = np.arctan2(skin[:, 1], skin[:, 0])
    circle = np.column_stack([np.cos(turn), np.sin(turn), 0.2 * np.linalg.norm(skin[:, :2], axis=1)])
    skin[:, 2] = np.maximum(skin[:, 2], 0.4 * size + 0.13 * size * smooth_noise(circle * 1.6, rng))
    set_vertices(icing, skin * (1 + 0.03 * smooth_noise(skin * 0.4, rng))[:, None])
    look = Look((jitter(rng, colour, 6), jitter(rng, colour, 8)), patch=2, roughness=0.22, coat=0.5)
    parts.append(give(icing, material("icing", look)))
    if kind == "sprinkles":
        for tint in ((226, 40, 50), (250, 206, 40), (60, 130, 210), (80, 180, 80), (250, 244, 236)):
            grain = tube("sprinkle", np.array([[-0.2, 0, 0], [0, 0, 0], [0.2, 0, 0]]), 0.06, 6)
            made = material("sprinkle", Look((jitter(rng, tint, 6),), roughness=0.3))
            parts.append(
                strew(rng, icing, give(grain, made), int(rng.integers(14, 30)), rise=0.05, facing=0.35)
            )
    if kind == "drizzle":
        parts.append(_drizzle(rng, icing, size, CREAM if colour[0] < 200 else CHOCOLATE))
    return joined("donut", parts)


def _drizzle(
    rng: np.random.Generator, icing: bpy.types.Object, size: float, colour: Colour
) -> bpy.types.Object:
    """Thin lines of icing back and forth over the ring's top."""
    t = np.linspace(0, 1, 260)
    turn = 2 * np.pi * t
    tube_radius = size * 0.37
    sway = np.sin(turn * int(rng.integers(11, 16)))
    far = size - tube_radius + 0.8 * tube_radius * sway
    high = tube_radius * 0.84 + 0.88 * (tube_radius + 0.12) * np.sqrt(1 - (0.8 * sway) ** 2)
    line = tube("drizzle", np.column_stack([far * np.cos(turn), far * np.sin(turn), high]), 0.11, 6)
    return give(line, material("drizzle", Look((colour,), roughness=0.25, coat=0.4)))


def _cookie(rng: np.random.Generator, size: float, dough: Colour) -> bpy.types.Object:
    share = np.linspace(1, 0, 26)
    top = size * (0.12 + 0.13 * (1 - share**4) + 0.03 * (1 - share))
    profile = [
        (0, 0),
        (0.5 * size, 0),
        (0.96 * size, 0.02),
        (size, 0.06 * size),
        *np.column_stack([0.985 * size * share, top]),
    ]
    thing = lathe("cookie", np.array(profile), 80)
    at = vertices_of(thing)
    circle = at * [1, 1, 0] / size
    cracks = np.clip(1 - np.abs(smooth_noise(circle * 2.6, rng)) / 0.12, 0, 1)
    at[:, :2] *= (1 + 0.05 * smooth_noise(circle * 1.5, rng))[:, None]
    upper = at[:, 2] > 0.1 * size
    lumps = 0.11 * smooth_noise(at * 1.1, rng) + 0.05 * smooth_noise(at * 3, rng)
    at[:, 2] += upper * (lumps - 0.1 * cracks)
    set_vertices(thing, at)
    far = np.linalg.norm(at[:, :2], axis=1) / size
    dark = (0.66 * dough[0], 0.58 * dough[1], 0.5 * dough[2])
    light = (min(1.12 * dough[0], 255), min(1.18 * dough[1], 255), min(1.25 * dough[2], 255))
    colours = ramp(far, [(0, light), (0.6, dough), (1.0, dark)])
    colours = blend(colours, dark, 0.4 * cloud(at, rng, 1.0) + 0.35 * cracks * upper)
    return paint(thing, colours)


def _scoop(
    rng: np.random.Generator, size: float, colour: Colour, vein: Colour, sauce: bool
) -> bpy.types.Object:
    """A ball scraped along one way, with a ragged skirt and a melted foot."""
    ball = blob("scoop", rng, (1, 1, 1), lumps=0, subdivisions=5)
    unit = vertices_of(ball)
    scrape = smooth_noise(unit * [1.2, 5.5, 5.5], rng)
    rough = smooth_noise(unit * 6, rng)
    skirt = np.exp(-(((unit[:, 2] + 0.38 + 0.1 * smooth_noise(unit * 2.0, rng)) / 0.17) ** 2))
    reach = (
        1
        + 0.05 * scrape
        + 0.035 * rough
        - 0.05 * np.clip(1 - np.abs(smooth_noise(unit * 1.8, rng)) / 0.08, 0, 1)
        + skirt * (0.1 + 0.12 * smooth_noise(unit * 4.5, rng))
    )
    at = unit * reach[:, None] * size + [0, 0, 0.72 * size]
    at[:, 2] = np.maximum(at[:, 2], 0.02)
    set_vertices(ball, at)
    tint = jitter(rng, colour, 6)
    colours = blend(tint, vein, 0.5 * np.clip(scrape, 0, 1))
    spots = np.clip((cloud(at, rng, 0.45) - 0.74) / 0.04, 0, 1)
    contrast = 0.9 if abs(colour[0] - vein[0]) > 60 else 0.2
    colours = blend(colours, vein, contrast * spots)
    cold = Look(patch=0.3, roughness=0.45, coat=0.15, subsurface=0.1, bump=0.05, bump_size=0.12)
    parts = [give(paint(ball, colours), speckled("ice cream", cold, speckle=0.04))]
    foot = lathe(
        "foot",
        np.column_stack([size * np.linspace(1.12, 0, 14), 0.22 * (1 - np.linspace(1, 0, 14) ** 4)]),
        60,
    )
    ring = vertices_of(foot)
    ring[:, :2] *= (1 + 0.12 * smooth_noise(ring * 0.7, rng))[:, None]
    set_vertices(foot, ring)
    parts.append(give(foot, material("melted", Look((tint,), roughness=0.2, coat=0.5))))
    if sauce:
        turn = np.linspace(0, 2 * np.pi, 100, endpoint=False)
        down = 0.8 + 0.45 * smooth_noise(np.column_stack([np.cos(turn), np.sin(turn), 0 * turn]) * 1.6, rng)
        share = np.linspace(1, 0, 20)
        polar = share[:, None] * down[None, :]
        reach_out = 1.07 * size
        cap = lathe("sauce", np.column_stack([share, share]), 100)
        xyz = np.stack(
            [
                reach_out * np.sin(polar) * np.cos(turn),
                reach_out * np.sin(polar) * np.sin(turn),
                reach_out * np.cos(polar) + 0.72 * size,
            ],
            axis=-1,
        )
        set_vertices(cap, xyz.reshape(-1, 3))
        red: Colour = (150, 16, 28) if rng.random() < 0.4 else (62, 28, 12)
        parts.append(give(cap, material("sauce", Look((jitter(rng, red, 6),), roughness=0.12, coat=0.7))))
    return joined("ice cream", parts)


FOODS: tuple[Food, ...] = (
    Food("cake", "cake", frozenset({FRUIT}), (4.8, 6.5), build_cake),
    Food("donut", "cake", frozenset({FRUIT}), (4.2, 7.0), build_donut),
    Food("cookies", "biscuit", frozenset({FRUIT}), (3.6, 6.5), build_cookies),
    Food("ice_cream", "ice cream", frozenset({FRUIT}), (3.4, 6.5), build_ice_cream),
)
