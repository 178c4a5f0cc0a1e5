"""Vegetables that are cut into slices, sticks and wedges or served whole."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.geometry import (
    Things,
    around_z,
    blob,
    copies,
    crumple,
    joined,
    lathe,
    loft,
    move,
    rounded_outline,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Look, blend, give, jitter, material, paint, painted
from training.meals.piling import Pile, scatter
from training.meals.solids import disc

BOTH = frozenset({WESTERN, KOREAN})
FIRM = Look(roughness=0.4, coat=0.25, bump=0.01, bump_size=0.2)
WET = Look(roughness=0.25, coat=0.6, subsurface=0.08, depth=0.15)


# Tomato


def tomato_slice(rng: np.random.Generator, radius: float, thick: float) -> bpy.types.Object:
    """A round slice with its chambers of seeds and jelly, underside on z = 0."""
    piece, share = disc("tomato", rounded_outline(rng, radius, radius, 0.05, 120), thick, 0.1, 26)
    vertices = vertices_of(piece)
    _, angle = around_z(vertices)
    chambers = int(rng.integers(4, 8))
    angle = angle + 0.15 * smooth_noise(vertices * 0.8, rng)
    wall = np.abs(np.sin(angle * chambers / 2 + rng.uniform(0, 6)))
    noise = smooth_noise(vertices * 1.2, rng)
    jelly = np.clip((wall - 0.42) * 6, 0, 1) * np.clip((0.82 - share + 0.05 * noise) * 16, 0, 1)
    jelly *= np.clip((share - 0.3 - 0.08 * noise) * 12, 0, 1)
    flesh = blend((232, 92, 66), (206, 44, 28), share * 1.1 + 0.25 * noise)
    colours = blend(flesh, (190, 62, 18), jelly)
    seeds = np.clip((smooth_noise(vertices * 4.5, rng) - 0.3) * 8, 0, 1) * jelly
    colours = blend(colours, (238, 196, 110), seeds)
    paint(piece, blend(colours, (188, 14, 8), (share - 0.94) / 0.03))
    vertices[:, 2] -= 0.06 * jelly * (vertices[:, 2] > thick / 2)
    set_vertices(piece, vertices)
    return give(piece, painted("tomato", WET))


def tomato_wedge(rng: np.random.Generator, radius: float, spread: float) -> bpy.types.Object:
    """A wedge of `spread` radians cut from pole to pole, skin outside, flesh and seeds on the cuts."""
    turns, levels, depth = 11, 27, 14
    rise = np.linspace(-np.pi / 2, np.pi / 2, levels) * 0.98
    inward = np.linspace(0.03, 1, depth)
    across = np.linspace(-spread / 2, spread / 2, turns)
    out = np.concatenate([inward, np.ones(turns), inward[::-1]])
    turn = np.concatenate([np.full(depth, -spread / 2), across, np.full(depth, spread / 2)])
    outside = np.tile(np.r_[np.zeros(depth, bool), np.ones(turns, bool), np.zeros(depth, bool)], levels)
    ring = np.stack(
        [
            np.outer(np.cos(rise), out * np.cos(turn)),
            np.outer(np.cos(rise), out * np.sin(turn)),
            np.repeat(0.85 * np.sin(rise)[:, None], len(out), axis=1),
        ],
        axis=-1,
    )
    wedge = loft("tomato", ring * radius)
    depth_in = np.tile(out, levels)
    high = np.repeat(np.abs(np.sin(rise)), len(out))
    noise = smooth_noise(vertices_of(wedge) * 1.6, rng)
    jelly = np.clip((0.28 - np.abs(depth_in - 0.58 - 0.06 * noise)) * 12, 0, 1)
    jelly *= np.clip((0.72 - high + 0.1 * noise) * 10, 0, 1)
    flesh = blend((226, 84, 58), (196, 34, 20), depth_in * 1.4 - 0.4 + 0.2 * noise)
    flesh = blend(flesh, (184, 74, 12), jelly)
    seeds = np.clip((smooth_noise(vertices_of(wedge) * 4.5, rng) - 0.2) * 6, 0, 1) * jelly
    flesh = blend(flesh, (236, 194, 100), seeds)
    paint(wedge, np.where(outside[:, None], jitter(rng, (184, 14, 6), 10), flesh))
    crumple(wedge, rng, 0.05 * radius, 0.8)
    return give(wedge, painted("tomato", WET))


def _whole_tomato(rng: np.random.Generator, radius: float, cherry: bool, leaves: bool) -> bpy.types.Object:
    rise = np.linspace(-np.pi / 2, np.pi / 2, 36)
    tall = rng.uniform(0.9, 1.25) if cherry else rng.uniform(0.76, 0.9)
    profile = np.column_stack([np.cos(rise), tall * np.sin(rise)])
    if not cherry:
        profile[:, 1] -= 0.16 * np.exp(-((profile[:, 0] / 0.25) ** 2)) * np.sign(profile[:, 1])
    body = lathe("tomato", profile * radius, 60)
    vertices = vertices_of(body)
    out, angle = around_z(vertices)
    lobes = 0.0 if cherry else 0.035
    ribs = lobes * np.cos(angle * int(rng.integers(4, 7))) * (vertices[:, 2] > 0) * (vertices[:, 2] / radius)
    vertices *= (1 + 0.03 * smooth_noise(vertices / radius, rng) + ribs)[:, None]
    tone = 0.5 * smooth_noise(vertices / radius, rng) + 0.5
    top = np.exp(-((out / radius / 0.35) ** 2)) * (vertices[:, 2] > 0) * (0.2 if cherry else 0.5)
    ripe = blend(jitter(rng, (196, 14, 8), 8), jitter(rng, (220, 52, 16), 10), tone)
    paint(body, blend(ripe, (212, 120, 40), top))
    set_vertices(body, vertices)
    give(body, painted("skin", Look(roughness=0.16, coat=0.6)))
    if not leaves:
        return body
    crown = vertices[out < 0.2 * radius, 2].max() + 0.02
    green = material("calyx", Look(((58, 96, 26), (96, 136, 50)), 0.5, roughness=0.6))
    parts, size = [body], radius * (0.75 if cherry else 0.55)
    for k in range(5):
        along = np.linspace(0, 1, 9)
        turn = k * 1.257 + rng.normal(0, 0.15)
        lift = 0.25 * size * np.sin(along * 2.4) + rng.uniform(0, 0.2) * size * along**2
        path = np.column_stack(
            [along * size * np.cos(turn), along * size * np.sin(turn), crown + lift - 0.1 * size * along]
        )
        parts.append(give(tube("sepal", path, 0.13 * size * (1.05 - along**1.5), 8, 0.3), green))
    stem = np.column_stack(
        [0.1 * size * np.linspace(0, 1, 5) ** 2, np.zeros(5), crown + np.linspace(-0.05, 0.5, 5) * size]
    )
    parts.append(give(tube("stem", stem, 0.08 * size, 8), green))
    return joined("tomato", parts)


def build_tomato(rng: np.random.Generator, radius: float) -> Things:
    """Whole tomatoes, cherry tomatoes, slices or wedges."""
    shape = rng.choice(["whole", "cherry", "slices", "wedges"])
    pile, pieces = Pile(radius), []
    if shape == "whole":
        size = min(radius * 0.95, 3.6)
        count = int(rng.integers(1, 4)) if radius > 2.1 * size else 1
        whole = [
            _whole_tomato(rng, size * rng.uniform(0.9, 1), False, rng.random() < 0.8) for _ in range(count)
        ]
        return [
            pile.drop(
                one,
                scatter(rng, radius - size, 30),
                (*rng.normal(0, 0.2, 2), rng.uniform(0, 6)),
                tilt=0.1,
            )
            for one in whole
        ]
    if shape == "cherry":
        size, leaves = rng.uniform(1.1, 1.5), rng.random()
        for _ in range(int(np.clip(rng.uniform(0.5, 0.85) * (radius / size) ** 2, 3, 14))):
            one = _whole_tomato(rng, size * rng.uniform(0.85, 1.1), True, rng.random() < leaves)
            tip = (rng.normal(0, 0.9), rng.normal(0, 0.9), rng.uniform(0, 6))
            pieces.append(pile.drop(one, scatter(rng, radius - size, 6), tip, slide=0.5, tilt=0.1))
        return pieces
    if shape == "slices":
        size, thick = min(3.4, radius * rng.uniform(0.5, 0.62)), rng.uniform(0.45, 0.7)
        return _lay(
            rng, pile, lambda: tomato_slice(rng, size * rng.uniform(0.88, 1.0), thick), size, thick, radius
        )
    size, spread = min(3.4, radius * 0.7), rng.choice([np.pi / 4, np.pi / 3])
    for _ in range(int(np.clip(rng.uniform(0.9, 1.5) * (radius / size) ** 2 * 1.5, 3, 10))):
        piece = tomato_wedge(rng, size * rng.uniform(0.9, 1), spread)
        move(move(piece, turn=(0, 0, rng.choice([1.2, 1.9, 4.7]))), turn=(np.pi / 2, 0, 0))
        turn = (0.0, 0.0, rng.uniform(0, 6.28))
        pieces.append(pile.drop(piece, scatter(rng, radius - size * 0.7, 8), turn, slide=0.4, tilt=0.25))
    return pieces


def _lay(
    rng: np.random.Generator,
    pile: Pile,
    make: Callable[[], bpy.types.Object],
    size: float,
    thick: float,
    radius: float,
) -> Things:
    """Slices of about this size that overlap in a row or a ring, or lie about."""
    shape, reach = rng.choice(["row", "ring", "heap"]), radius - size
    if shape == "heap":
        count = int(np.clip(rng.uniform(0.8, 1.5) * (radius / size) ** 2, 3, 14))
        return [
            pile.drop(make(), scatter(rng, reach, 8), (0, 0, rng.uniform(0, 6.28)), slide=0.2, tilt=0.25)
            for _ in range(count)
        ]
    step = max(thick * rng.uniform(1.4, 2.0), size * rng.uniform(0.4, 0.7))
    start = rng.uniform(0, 2 * np.pi)
    if shape == "ring" and reach > 0.8 * step:
        ring = 0.85 * reach
        angle = start + np.arange(int(5.2 * ring / step) + 1) * step / ring
        places = ring * np.column_stack([np.cos(angle), np.sin(angle)])
    else:
        count = max(int(2 * reach / step) + 1, 3)
        along = (np.arange(count) - (count - 1) / 2) * step
        bow = rng.normal(0, 0.3) * (1 - (along / radius) ** 2) * reach
        c, s = np.cos(start), np.sin(start)
        places = np.column_stack([along * c - bow * s, along * s + bow * c])
    slices = [make() for _ in places]
    pile.shingle(slices, places, thick)
    return slices


# Cucumber


def cucumber_slice(rng: np.random.Generator, radius: float, thick: float) -> bpy.types.Object:
    """A round slice with dark skin and a ring of seeds, underside on z = 0."""
    piece, share = disc("cucumber", rounded_outline(rng, radius, radius, 0.04, 72), thick, 0.06, 16)
    vertices = vertices_of(piece)
    _, angle = around_z(vertices)
    noise = smooth_noise(vertices * 2.0, rng)
    third = 0.5 + 0.5 * np.cos(3 * angle + rng.uniform(0, 6))
    core = np.clip((0.56 + 0.06 * noise - share) * 9, 0, 1)
    colours = blend((212, 226, 158), (186, 212, 124), (share - 0.5) * 2 + 0.2 * noise)
    colours = blend(colours, (196, 208, 138), core * (0.5 + 0.5 * third))
    seeds = np.zeros(len(vertices))
    for _ in range(int(rng.integers(12, 18))):
        turn, far = rng.uniform(0, 6.28), radius * rng.uniform(0.2, 0.5)
        aside = vertices[:, :2] - far * np.array([np.cos(turn), np.sin(turn)])
        along = aside @ [np.cos(turn), np.sin(turn)] / 0.17
        across = aside @ [-np.sin(turn), np.cos(turn)] / 0.075
        seeds = np.maximum(seeds, np.exp(-(along**2) - across**2))
    colours = blend(colours, (240, 238, 196), seeds)
    skin = blend(
        (40, 84, 26),
        (92, 136, 46),
        0.5 * smooth_noise(np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]) * 3, rng) + 0.35,
    )
    paint(piece, blend(colours, skin, (share - 0.93) / 0.035))
    return give(piece, painted("cucumber", WET))


def build_cucumber(rng: np.random.Generator, radius: float) -> Things:
    """Slices of cucumber, straight or slanting."""
    size, thick, slant = rng.uniform(1.5, 2.1), rng.uniform(0.3, 0.6), rng.uniform(1.0, 1.35)

    def make() -> bpy.types.Object:
        piece = cucumber_slice(rng, size * rng.uniform(0.9, 1.0), thick)
        set_vertices(piece, vertices_of(piece) * [slant, 1, 1])
        return piece

    return _lay(rng, Pile(radius), make, size * slant, thick, radius)


# Carrot


def carrot_coin(rng: np.random.Generator, radius: float, thick: float) -> bpy.types.Object:
    """A round slice with a paler core, underside on z = 0."""
    piece, share = disc("carrot", rounded_outline(rng, radius, radius, 0.06, 64), thick, 0.07, 16)
    vertices = vertices_of(piece)
    _, angle = around_z(vertices)
    rays = 0.12 * np.cos(angle * int(rng.integers(7, 12)))
    core = np.clip((0.5 + rays + 0.08 * smooth_noise(vertices * 2, rng) - share) * 10, 0, 1)
    colours = blend((226, 112, 0), (204, 82, 0), share + 0.4 * smooth_noise(vertices * 2.5, rng))
    colours = blend(colours, (236, 140, 10), 0.8 * core)
    colours = blend(colours, (190, 66, 0), np.exp(-(((share - 0.5 - rays) / 0.04) ** 2)) * 0.5)
    paint(piece, blend(colours, (190, 70, 0), (share - 0.95) / 0.03))
    return give(piece, painted("carrot", FIRM))


def _carrot_stick(rng: np.random.Generator, length: float, width: float, baby: bool) -> bpy.types.Object:
    along = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 26))
    path = np.column_stack([along * length / 2, 0 * along, 0 * along])
    if baby:
        radii = width / 2 * (1 - 0.22 * along) * np.clip(1 - np.abs(along) ** 14, 0.02, 1) ** 0.4
        stick = tube("carrot", path, radii, 20)
    else:
        stick = tube("carrot", path, width / 2, 16)
    vertices = vertices_of(stick)
    if not baby:
        around = vertices[:, 1:] / (width / 2)
        vertices[:, 1:] *= ((np.abs(around) ** 8).sum(axis=1) ** (-1 / 8))[:, None]
        vertices[:, 1:] *= 1 - 0.12 * np.abs(vertices[:, :1] * 2 / length) ** 30
    grooves = smooth_noise(vertices * [6, 0.6, 0.6], rng) if baby else 0 * vertices[:, 0]
    tone = 0.5 + 0.5 * smooth_noise(vertices * [0.6, 2.5, 2.5], rng) + 0.3 * grooves
    paint(stick, blend((232, 124, 0), (204, 84, 0), tone))
    vertices[:, 1:] *= (1 - 0.03 * np.abs(grooves))[:, None]
    vertices[:, 1:] += rng.normal(0, 0.008, 2) * vertices[:, :1] ** 2
    set_vertices(stick, vertices)
    crumple(stick, rng, 0.05, 0.8)
    return give(stick, painted("carrot", FIRM))


def build_carrot(rng: np.random.Generator, radius: float) -> Things:
    """Carrots as coins, sticks or small whole ones."""
    shape = rng.choice(["coins", "sticks", "baby"])
    pile, pieces = Pile(radius), []
    if shape == "coins":
        size = rng.uniform(1.1, 1.7)
        for _ in range(int(np.clip(rng.uniform(1.2, 2.0) * (radius / size) ** 2, 5, 24))):
            piece = carrot_coin(rng, size * rng.uniform(0.75, 1.05), rng.uniform(0.45, 0.75))
            turn = (rng.normal(0, 0.3), rng.normal(0, 0.3), rng.uniform(0, 6))
            pieces.append(pile.drop(piece, scatter(rng, radius - size, 3), turn, slide=0.25, tilt=0.25))
        return pieces
    baby = shape == "baby"
    length = min(rng.uniform(4.5, 6.0) if baby else rng.uniform(5, 8), radius * (1.25 if baby else 1.55))
    width = length * rng.uniform(0.22, 0.28) if baby else rng.uniform(0.7, 1.0)
    heading, loose = rng.uniform(0, np.pi), rng.uniform(0.15, 0.9)
    for _ in range(int(np.clip(rng.uniform(0.7, 1.2) * 3.0 * radius**2 / (length * width), 4, 28))):
        piece = _carrot_stick(rng, length * rng.uniform(0.85, 1.05), width * rng.uniform(0.85, 1.15), baby)
        turn = (rng.choice([0, np.pi / 2]), 0.0, heading + rng.normal(0, loose))
        pieces.append(
            pile.drop(
                piece,
                scatter(rng, max(radius - length / 2, 0.25 * radius), 6),
                turn,
                slide=0.3,
                tilt=0.15,
                sink=0.06,
            )
        )
    return pieces


# Broccoli


def _floret(rng: np.random.Generator, size: float) -> bpy.types.Object:
    lobes = int(rng.integers(7, 11))
    turn = np.arange(lobes) * 2.4 + rng.uniform(0, 6)
    tip = np.sqrt((np.arange(lobes) + 0.3) / lobes) * rng.uniform(0.95, 1.15)
    middles = np.column_stack([np.sin(tip) * np.cos(turn), np.sin(tip) * np.sin(turn), np.cos(tip) * 0.85])
    middles *= 0.62 * size * rng.uniform(0.9, 1.1, (lobes, 1))
    bulges = size * rng.uniform(0.36, 0.46, lobes)
    shells = []
    for middle, bulge in zip(middles, bulges, strict=True):
        count = int(62 * (bulge / 0.8) ** 2)
        k = np.arange(count)
        z = 1 - 1.5 * (k + 0.5) / count
        flat = np.sqrt(1 - z**2)
        unit = np.column_stack([flat * np.cos(k * 2.39996), flat * np.sin(k * 2.39996), z])
        axis = middle / np.linalg.norm(middle)
        side = np.cross(axis, [0.3, 0.9, 0.1])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(axis, side), axis])
        swell = 1 + 0.12 * smooth_noise(unit * 2.5 + middle, rng)
        shells.append(middle + bulge * swell[:, None] * (unit @ frame))
    places = np.concatenate(shells)
    inside = (np.linalg.norm(places[:, None] - middles, axis=2) < 0.8 * bulges).any(axis=1)
    places = places[~inside & (places[:, 2] > -0.25 * size)]
    bud = blob("bud", rng, (1, 1, 1), 0.15, 1.5, 1)
    tones = (jitter(rng, (28, 74, 10), 6), jitter(rng, (62, 122, 16), 8), jitter(rng, (116, 166, 40), 8))
    give(bud, material("bud", Look(tones, 0.6, by_piece=0.5, roughness=0.55)))
    turns = rng.uniform(0, 6.28, (len(places), 3))
    parts = [copies("head", [bud], places, turns, rng.uniform(0.1, 0.16, len(places)), rng)]
    for middle, bulge in zip(middles, bulges, strict=True):
        core = blob("core", rng, (bulge * 0.97,) * 3, 0.08, 1, 2)
        set_vertices(core, vertices_of(core) + middle)
        parts.append(give(core, material("core", Look((tones[0],), roughness=0.7))))
    stalk = material("stalk", Look(((134, 168, 78), (176, 200, 116)), 0.8, roughness=0.4, coat=0.2))
    foot = np.array([*rng.normal(0, 0.1, 2) * size, -1.15 * size])
    fork = np.array([0, 0, -0.45 * size])
    along = np.linspace(0, 1, 10)[:, None]
    trunk = foot * (1 - along) + (fork + np.array([0, 0, 0.3 * size])) * along
    parts.append(give(tube("stalk", trunk, np.linspace(0.25, 0.32, 10) * size, 16), stalk))
    for middle in middles:
        branch = (fork + np.array([0, 0, -0.15 * size])) * (1 - along) + middle * along
        branch[:, :2] *= along**0.6
        parts.append(give(tube("stalk", branch, np.linspace(0.2, 0.13, 10) * size, 8), stalk))
    return joined("broccoli", parts)


def build_broccoli(rng: np.random.Generator, radius: float) -> Things:
    """Florets of broccoli."""
    pile, size = Pile(radius), rng.uniform(1.5, 2.0)
    pieces = []
    for _ in range(int(np.clip(rng.uniform(0.55, 0.95) * (radius / size) ** 2, 2, 7))):
        one = _floret(rng, size * rng.uniform(0.8, 1.1))
        turn = (rng.normal(0, 0.6), rng.normal(0, 0.6), rng.uniform(0, 6.28))
        pieces.append(pile.drop(one, scatter(rng, radius - size, 14), turn, slide=0.5, tilt=0.3, sink=0.1))
    return pieces


FOODS: tuple[Food, ...] = (
    Food("tomato", "tomato", BOTH, (3.5, 5.5), build_tomato),
    Food("cucumber", "cucumber", BOTH, (3.5, 5.5), build_cucumber),
    Food("carrot", "carrot", BOTH, (3.2, 5.0), build_carrot),
    Food("broccoli", "broccoli", BOTH, (3.5, 5.5), build_broccoli),
)
