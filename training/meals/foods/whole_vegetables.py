"""Mushrooms, potatoes and peppers."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.geometry import (
    Array,
    Things,
    around_z,
    blob,
    crumple,
    lathe,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, paint, painted
from training.meals.piling import Pile, scatter
from training.meals.solids import disc

BOTH = frozenset({WESTERN, KOREAN})


# Mushrooms


def _mushroom(rng: np.random.Generator, size: float, cooked: float) -> bpy.types.Object:
    rise = np.linspace(0, np.pi / 2, 22)
    thick, tall = rng.uniform(0.36, 0.48), rng.uniform(0.55, 0.85)
    cap = np.column_stack([np.cos(rise) ** 0.75, rng.uniform(0.7, 0.85) * np.sin(rise)])
    stem = [(0, -tall), (thick * 0.9, -tall), (thick, -tall * 0.9), (thick * 0.85, -0.3), (thick, -0.12)]
    under = [(0.7, -0.14), (0.88, -0.16), (0.97, -0.1)]
    profile = np.concatenate([stem, under, cap]) * size
    one = lathe("mushroom", profile, 56)
    vertices = vertices_of(one)
    part = np.repeat(np.arange(len(profile)), 56)
    _, angle = around_z(vertices)
    noise = 0.6 * smooth_noise(vertices * 0.9, rng) + 0.4 * smooth_noise(vertices * 3, rng)
    skin = blend((246, 236, 216), (222, 196, 156), 0.3 + noise)
    skin = blend(skin, blend((186, 132, 76), (110, 64, 30), 0.5 + noise), cooked * (1 + 0.6 * noise))
    gills = blend((168, 128, 96), (112, 78, 56), 0.5 + 0.5 * np.sin(angle * 50))
    foot = blend((244, 234, 212), (196, 150, 104), cooked + 0.3 * noise)
    colours = np.where((part < 5)[:, None], foot, np.where((part < 7)[:, None], gills, skin))
    paint(one, blend(colours, (176, 138, 98), 0.7 * (part < 2).astype(float)))
    set_vertices(one, vertices * (1 + 0.05 * smooth_noise(vertices / size * 1.3, rng))[:, None])
    return one


def _mushroom_slice(rng: np.random.Generator, size: float, cooked: float) -> bpy.types.Object:
    stem, tall = rng.uniform(0.28, 0.38), rng.uniform(0.75, 1.0)
    right = [(stem, -tall), (stem * 0.9, -0.35), (0.5, -0.2), (0.85, -0.3), (1.0, -0.12)]
    right += [(np.cos(t) ** 0.75, 0.72 * np.sin(t)) for t in np.linspace(0.1, np.pi / 2, 9)]
    loop = np.array([*right, *[(-x, y) for x, y in right[::-1][1:]]])
    loop = np.vstack([loop, loop[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    even = np.linspace(0, length[-1], 120, endpoint=False)
    outline = np.column_stack([np.interp(even, length, loop[:, k]) for k in range(2)])
    piece, share = disc("mushroom", outline * size, rng.uniform(0.35, 0.5), 0.07, 20)
    vertices = vertices_of(piece)
    x, y = np.abs(vertices[:, 0]) / size, vertices[:, 1] / size
    noise = 0.6 * smooth_noise(vertices * 1.4, rng) + 0.4 * smooth_noise(vertices * 4, rng)
    flesh = blend((246, 238, 220), (226, 204, 166), 0.2 + 0.6 * noise)
    flesh = blend(flesh, blend((206, 156, 96), (142, 88, 42), 0.5 + noise), cooked * (0.8 + 0.8 * noise))
    band = np.exp(-(((y + 0.1 - 0.28 * np.exp(-(((x - 0.45) / 0.28) ** 2))) / 0.09) ** 2))
    band *= np.clip((x - 0.22) * 8, 0, 1) * np.clip((0.92 - x) * 9, 0, 1)
    flesh = blend(flesh, (104, 70, 48), 0.9 * band)
    rim = blend((220, 196, 158), (124, 74, 36), cooked + 0.2 * noise)
    paint(piece, blend(flesh, rim, (share - 0.94) / 0.03))
    crumple(piece, rng, 0.08 + 0.1 * cooked, 0.6)
    return piece


def build_mushrooms(rng: np.random.Generator, radius: float) -> Things:
    """Mushrooms, whole or sliced, raw or fried."""
    shape = rng.choice(["whole", "sliced", "mixed"])
    cooked = float(rng.choice([0.0, 0.35, 0.8]))
    look = Look(roughness=0.5 - 0.2 * cooked, coat=0.6 * cooked, subsurface=0.1, depth=0.2, bump=0.02)
    surface, pile, pieces = painted("mushroom", look), Pile(radius), []
    size = rng.uniform(1.5, 2.0)
    for _ in range(int(np.clip(rng.uniform(0.9, 1.5) * (radius / size) ** 2, 4, 14))):
        if shape == "whole" or (shape == "mixed" and rng.random() < 0.4):
            one = _mushroom(rng, size * rng.uniform(0.75, 1.05), cooked)
            turn = (rng.normal(0, 1.1), rng.normal(0, 1.1), rng.uniform(0, 6.28))
        else:
            one = _mushroom_slice(rng, size * rng.uniform(0.85, 1.1), cooked)
            turn = (0.0, 0.0, rng.uniform(0, 6.28))
        pieces.append(
            pile.drop(give(one, surface), scatter(rng, radius - size, 8), turn, slide=0.4, tilt=0.25)
        )
    return pieces


# Potatoes


def _cut_flat(rng: np.random.Generator, vertices: Array, cuts: int, near: float) -> Array:
    """Cut vertices by random planes: move those beyond a plane onto it."""
    cut = vertices.copy()
    for _ in range(cuts):
        normal = rng.normal(0, 1, 3)
        normal /= np.linalg.norm(normal)
        beyond = np.maximum(cut @ normal - near * rng.uniform(0.7, 1.0) * np.abs(vertices @ normal).max(), 0)
        cut -= beyond[:, None] * normal
    return cut


def _potato(rng: np.random.Generator, size: float, roasted: bool, herbs: float) -> bpy.types.Object:
    radii = size * np.array([rng.uniform(1.05, 1.3), rng.uniform(0.85, 1.0), rng.uniform(0.8, 0.95)])
    one = blob("potato", rng, radii.tolist(), 0.12, 0.9, 5)
    vertices = vertices_of(one)
    cut = _cut_flat(rng, vertices, int(rng.integers(3, 6)) if roasted else int(rng.integers(0, 3)), 0.72)
    set_vertices(one, cut)
    noise = (
        0.5 * smooth_noise(cut * 0.8, rng)
        + 0.35 * smooth_noise(cut * 2.5, rng)
        + 0.2 * smooth_noise(cut * 6, rng)
    )
    colours = blend((236, 196, 78), (218, 164, 44), 0.4 + noise)
    if roasted:
        far = np.linalg.norm(cut, axis=1)
        corner = (far - np.median(far)) / size
        colours = blend((228, 164, 48), (184, 98, 14), 0.45 + 0.9 * noise)
        colours = blend(colours, (96, 40, 8), 1.8 * noise + 2.2 * corner - 0.05)
    if herbs:
        colours = blend(colours, (44, 84, 20), (smooth_noise(cut * 4.5, rng) - 0.62 + herbs) * 12)
    paint(one, colours)
    crumple(one, rng, 0.05, 1.5)
    return one


def _potato_wedge(rng: np.random.Generator, length: float) -> bpy.types.Object:
    along = np.linspace(-1, 1, 40)
    width = length * rng.uniform(0.2, 0.25)
    straight = np.column_stack([along * length / 2, 0 * along, 0 * along])
    one = tube("potato", straight, width * np.sqrt(np.clip(1 - 0.97 * along**2, 0, 1)) ** 0.8, 36)
    vertices = vertices_of(one)
    height = vertices[:, 2].copy()
    ridge = np.abs(vertices[:, 1])
    skin = height < 0
    vertices[:, 2] = np.where(
        skin, height * 0.75, np.maximum(width * 0.75 - 1.1 * ridge, 0) * np.clip(height / width * 3, 0, 1)
    )
    vertices[:, 2] += 0.3 * width * (vertices[:, 0] * 2 / length) ** 2
    set_vertices(one, vertices)
    noise = 0.5 * smooth_noise(vertices * 0.9, rng) + 0.4 * smooth_noise(vertices * 3, rng)
    flesh = blend((240, 196, 90), (206, 126, 32), 0.35 + noise)
    flesh = blend(flesh, (124, 58, 14), 1.2 * noise - 0.3 + 0.9 * (np.abs(vertices[:, 0]) * 2 / length) ** 6)
    paint(one, np.where(skin[:, None], blend((168, 104, 48), (104, 58, 24), 0.5 + noise), flesh))
    crumple(one, rng, 0.07, 1.0)
    return one


def _mash(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    share = np.linspace(1, 0, 64)
    high = radius * rng.uniform(0.35, 0.55)
    mound = lathe("mash", np.column_stack([radius * 0.92 * share, high * (1 - share**2.4)]), 150)
    vertices = vertices_of(mound)
    out, angle = around_z(vertices)
    out /= radius
    vertices[:, :2] *= (1 + 0.1 * smooth_noise(vertices * [0.4, 0.4, 0], rng))[:, None]
    wobble = 0.7 * smooth_noise(vertices * 0.5, rng)
    swirl = np.sin(out * rng.uniform(12, 20) + angle * rng.choice([-1, 1]) + wobble)
    relief = (
        0.16 * swirl + 0.22 * smooth_noise(vertices * 0.8, rng) + 0.07 * smooth_noise(vertices * 2.6, rng)
    )
    raised = np.clip(vertices[:, 2] / 0.5, 0, 1)
    vertices[:, 2] += relief * raised - 0.18 * high * np.exp(-((out / 0.2) ** 2)) * rng.choice([0.0, 1.0])
    set_vertices(mound, np.column_stack([vertices[:, :2], np.maximum(vertices[:, 2], 0)]))
    colours = blend(
        jitter(rng, (244, 222, 154), 5), jitter(rng, (232, 196, 110), 6), 0.5 - 0.3 * swirl + 0.4 * relief
    )
    specks = (smooth_noise(vertices * 6, rng) - rng.uniform(0.5, 0.8)) * 12
    paint(mound, blend(colours, (70, 84, 32) if rng.random() < 0.5 else (70, 52, 36), specks))
    look = Look(roughness=0.5, coat=0.2, subsurface=0.15, depth=0.25, bump=0.05, bump_size=0.2)
    return give(mound, painted("mash", look))


def build_potatoes(rng: np.random.Generator, radius: float) -> Things:
    """Potatoes, boiled, roasted, in wedges or mashed."""
    shape = rng.choice(["boiled", "roasted", "wedges", "mash"])
    if shape == "mash":
        return [_mash(rng, radius)]
    pile, pieces = Pile(radius), []
    look = Look(roughness=0.45, coat=0.25, subsurface=0.08, depth=0.2, bump=0.05, bump_size=0.15)
    surface, herbs = painted("potato", look), float(rng.choice([0.0, 0.12, 0.22]))
    if shape == "wedges":
        length = min(rng.uniform(6, 8), 1.25 * radius)
        for _ in range(int(np.clip(0.28 * radius**2 * rng.uniform(0.7, 1.2), 3, 9))):
            one = give(_potato_wedge(rng, length * rng.uniform(0.8, 1.05)), surface)
            turn = (rng.choice([0.0, 0.9, -0.9]), 0.0, rng.uniform(0, 6.28))
            pieces.append(pile.drop(one, scatter(rng, radius - 0.45 * length, 8), turn, slide=0.4, tilt=0.2))
        return pieces
    roasted = shape == "roasted"
    size = min(rng.uniform(1.3, 1.7) if roasted else rng.uniform(1.6, 2.2), 0.42 * radius)
    for _ in range(int(np.clip(rng.uniform(0.6, 1.0) * (radius / size) ** 2, 3, 9))):
        one = give(_potato(rng, size * rng.uniform(0.8, 1.1), roasted, herbs), surface)
        turn = (rng.uniform(0, 6.28), 0.0, rng.uniform(0, 6.28))
        pieces.append(pile.drop(one, scatter(rng, radius - size, 8), turn, slide=0.4, tilt=0.3, sink=0.08))
    return pieces


# Peppers


def _strip(rng: np.random.Generator, length: float, width: float, skin: Colour) -> bpy.types.Object:
    along = np.linspace(-1, 1, 36)
    straight = np.column_stack([along * length / 2, 0 * along, 0 * along])
    strip = tube("pepper", straight, 1.0, 20)
    vertices = vertices_of(strip)
    square = (np.abs(vertices[:, 1:]) ** 4).sum(axis=1) ** -0.25
    narrow = 1 - rng.uniform(0.1, 0.5) * np.abs(vertices[:, 0] * 2 / length) ** 4
    inside = np.clip(-2.5 * vertices[:, 2] + 0.2, 0, 1)
    vertices[:, 1] *= square * width / 2 * narrow
    vertices[:, 2] *= square * 0.2
    noise = smooth_noise(vertices * 0.9, rng)
    pale = np.asarray(skin) * 0.7 + np.array([252, 226, 130]) * 0.3
    deep = np.asarray(skin) * 0.86
    paint(strip, blend(blend(skin, deep, 0.5 + 0.8 * noise), pale, inside))
    vertices[:, 2] -= rng.uniform(0.02, 0.1) * vertices[:, 0] ** 2
    vertices[:, 2] += 0.12 * smooth_noise(vertices * 0.7, rng)
    vertices[:, 1] += rng.normal(0, 0.03) * vertices[:, 0] ** 2
    set_vertices(strip, vertices)
    return strip


def _ring(rng: np.random.Generator, size: float, skin: Colour) -> bpy.types.Object:
    turn = np.linspace(0, 2 * np.pi * 1.005, 110)
    lobes = int(rng.integers(3, 5))
    wave = 1 + 0.13 * np.cos(lobes * turn + rng.uniform(0, 6)) + 0.06 * np.cos(2 * turn + rng.uniform(0, 6))
    path = np.column_stack([size * wave * np.cos(turn), size * wave * np.sin(turn), 0 * turn])
    ring = tube("pepper", path, 0.3, 14, rng.uniform(1.0, 1.6))
    vertices = vertices_of(ring)
    middle = np.repeat(path, 14, axis=0)
    outward = ((vertices - middle)[:, :2] * middle[:, :2]).sum(axis=1) / np.linalg.norm(middle, axis=1) / 0.3
    noise = smooth_noise(vertices * 0.9, rng)
    pale = np.asarray(skin) * 0.6 + np.array([252, 230, 170]) * 0.4
    paint(
        ring,
        blend(
            blend(pale, np.asarray(skin) * 1.0, 0.25 + 0.3 * noise),
            np.asarray(skin) * 0.9,
            outward * 2.5 - 0.6,
        ),
    )
    crumple(ring, rng, 0.06, 0.7)
    return ring


def build_pepper(rng: np.random.Generator, radius: float) -> Things:
    """Strips or rings of peppers in one to three colours."""
    every: tuple[Colour, ...] = ((186, 14, 6), (236, 178, 0), (52, 112, 12))
    picked = rng.permutation(3)[: int(rng.integers(1, 4))]
    skins = [jitter(rng, every[i], 8) for i in picked]
    surface, pile, pieces = painted("pepper", Look(roughness=0.25, coat=0.6)), Pile(radius), []
    if rng.random() < 0.4:
        size = min(rng.uniform(2.4, 3.2), radius * 0.62)
        for _ in range(int(np.clip(rng.uniform(1.2, 2.2) * (radius / size) ** 2, 3, 9))):
            skin = skins[int(rng.integers(len(skins)))]
            ring = give(_ring(rng, size * rng.uniform(0.75, 1.0), skin), surface)
            turn = (*rng.normal(0, 0.1, 2), rng.uniform(0, 6.28))
            pieces.append(pile.drop(ring, scatter(rng, radius - size, 6), turn, slide=0.3, tilt=0.25))
        return pieces
    length = min(rng.uniform(4.5, 7.0), 1.4 * radius)
    width, heading, loose = rng.uniform(0.7, 1.1), rng.uniform(0, np.pi), rng.uniform(0.2, 1.5)
    for _ in range(int(np.clip(3.4 * radius**2 / (length * width) * rng.uniform(0.8, 1.3), 8, 28))):
        skin = skins[int(rng.integers(len(skins)))]
        strip = give(
            _strip(rng, length * rng.uniform(0.75, 1.05), width * rng.uniform(0.8, 1.2), skin), surface
        )
        turn = (rng.uniform(0, 6.28), 0.0, heading + rng.normal(0, loose))
        pieces.append(
            pile.drop(strip, scatter(rng, radius - 0.45 * length, 8), turn, slide=0.4, tilt=0.2, sink=0.06)
        )
    return pieces


FOODS: tuple[Food, ...] = (
    Food("mushrooms", "white button mushroom", BOTH, (3.2, 5.0), build_mushrooms),
    Food("potatoes", "potato", BOTH, (3.5, 5.5), build_potatoes),
    Food("pepper", "pepper", BOTH, (3.2, 5.0), build_pepper),
)
