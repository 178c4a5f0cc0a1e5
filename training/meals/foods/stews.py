"""Stewed and stir-fried meat, and kimchi, each serving one heap."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.foods.garnish import onion_ring, sesame
from training.meals.geometry import (
    Things,
    blob,
    cloud,
    crumple,
    grounded,
    joined,
    move,
    repeat,
    set_vertices,
    smooth_noise,
    vertices_of,
)
from training.meals.materials import Look, blend, give, jitter, material, paint, ramp, speckled
from training.meals.solids import block, mound, sheet
from training.meals.surfaces import random_points, standing, strew
from training.meals.tumbling import tumble


def build_meat_stew(rng: np.random.Generator, radius: float) -> Things:
    """Glossy brown chunks in a dark sauce."""
    brown = jitter(rng, (98, 50, 22), 10)
    look = Look(
        (
            (brown[0] * 0.5, brown[1] * 0.45, brown[2] * 0.4),
            brown,
            (brown[0] + 50, brown[1] + 40, brown[2] + 28),
        ),
        patch=0.7,
        by_piece=0.25,
        roughness=0.3,
        coat=0.7,
        bump=0.12,
        bump_size=0.3,
    )
    made = material("meat", look)
    prototypes = []
    for _ in range(4):
        chunk = block("meat", rng.uniform(1.4, 2.3, 3) * [1.2, 1, 0.75], 0.4, cells=8)
        crumple(chunk, rng, 0.45, 0.6)
        crumple(chunk, rng, 0.1, 2.2)
        prototypes.append(give(chunk, made))
    chunks = repeat(rng, prototypes, int(np.clip(0.55 * radius**2, 7, 18)), vary=0.15)
    tumble(rng, chunks, radius * 0.88, gather=0.1, tilt=1.5)
    gravy = jitter(rng, (74, 30, 10), 8)
    sauce = Look((gravy, (gravy[0] + 34, gravy[1] + 18, gravy[2] + 6)), patch=2, roughness=0.15, coat=0.8)
    pool = mound("sauce", rng, radius, 0.75, 0.15, fullness=5)
    heap = joined("chunks", chunks)
    parts = [heap, give(pool, material("sauce", sauce))]
    if rng.random() < 0.6:
        parts += _garnish(rng, heap)
    return [joined("stew", parts)]


def build_bulgogi(rng: np.random.Generator, radius: float) -> Things:
    """A pile of thin browned slices of beef with sesame and spring onion."""
    brown = jitter(rng, (116, 64, 32), 12)
    look = Look(
        (
            (brown[0] * 0.5, brown[1] * 0.44, brown[2] * 0.4),
            brown,
            (brown[0] + 54, brown[1] + 48, brown[2] + 34),
        ),
        patch=0.8,
        by_piece=0.45,
        roughness=0.3,
        coat=0.6,
        bump=0.1,
        bump_size=0.18,
    )
    made = material("beef", look)
    prototypes = [give(_sheet("beef", rng, 3.2, 1.9, 0.16, 0.65), made) for _ in range(6)]
    heap = _heaped(rng, prototypes, radius, int(np.clip(1.9 * radius**2, 26, 70)), made)
    return [grounded(joined("bulgogi", [heap, *_garnish(rng, heap)]))]


def build_kimchi(rng: np.random.Generator, radius: float) -> Things:
    """Crumpled pieces of cabbage stained red, with white ribs and flakes of chilli."""
    look = Look(patch=0.3, roughness=0.25, coat=0.7, bump=0.06, bump_size=0.2)
    made = speckled("kimchi", look, speckle=0.08, vary=0.08)
    prototypes = []
    for _ in range(6):
        leaf = _sheet("kimchi", rng, rng.uniform(3.2, 4.2), rng.uniform(2.2, 3.0), 0.2, 0.75)
        at = vertices_of(leaf)
        rib = np.clip(1 - np.abs(at[:, 1]) / 0.7, 0, 1)
        colours = ramp(
            cloud(at, rng, 2.5), [(0.2, (232, 190, 104)), (0.6, (222, 160, 70)), (0.9, (176, 160, 64))]
        )
        colours = blend(colours, (244, 226, 186), rib * 1.2)
        stain = cloud(at, rng, 1.1)
        colours = blend(colours, jitter(rng, (204, 62, 16), 8), 0.35 + 1.0 * stain - 0.4 * rib)
        colours = blend(colours, jitter(rng, (148, 22, 6), 6), 2 * np.clip(stain - 0.5, 0, 1))
        prototypes.append(give(paint(leaf, colours), made))
    stained = material(
        "kimchi base", Look(((150, 26, 6), (206, 74, 22)), patch=0.8, roughness=0.25, coat=0.7)
    )
    heap = _heaped(rng, prototypes, radius, int(np.clip(1.5 * radius**2, 18, 50)), stained)
    flake = give(
        blob("chilli", rng, (0.1, 0.08, 0.02), lumps=0.4, subdivisions=1),
        material("chilli", Look(((120, 10, 4), (196, 40, 14)), by_piece=1, coat=0.4)),
    )
    parts = [heap, strew(rng, heap, flake, 120)]
    if rng.random() < 0.5:
        parts.append(strew(rng, heap, onion_ring(rng), 12))
    if rng.random() < 0.5:
        parts.append(sesame(rng, heap, 25, (228, 200, 146)))
    return [grounded(joined("kimchi", parts))]


def _garnish(rng: np.random.Generator, heap: bpy.types.Object) -> Things:
    seeds = sesame(rng, heap, int(rng.integers(25, 60)), (226, 196, 136))
    return [seeds, strew(rng, heap, onion_ring(rng), int(rng.integers(10, 26)), wobble=0.4)]


def _heaped(
    rng: np.random.Generator, sheets: Things, radius: float, count: int, made: bpy.types.Material
) -> bpy.types.Object:
    """Copies of slices that cover a mound of their own kind."""
    size = max(float(np.abs(vertices_of(sheet)).max()) for sheet in sheets)
    body = give(mound("body", rng, radius - 0.65 * size, radius * rng.uniform(0.32, 0.45), 0.4), made)
    points, normals = random_points(body, rng, count, facing=0)
    points += normals * rng.uniform(0.05, 0.4, (count, 1))
    turns = standing(normals, rng, wobble=0.55)
    slices = repeat(rng, sheets, count, vary=0.2)
    for thing, point, turn in zip(slices, points, turns, strict=True):
        grounded(move(thing, point, turn), within=0.5)
    return joined("heap", [body, *slices])


def _sheet(
    name: str, rng: np.random.Generator, length: float, width: float, thickness: float, curl: float
) -> bpy.types.Object:
    """A thin slice with a ragged outline, folded and waved by up to about `curl` cm."""
    rows, columns = 20, 14
    u, v = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    x, y = u * np.sqrt(1 - 0.35 * v**2) * length / 2, v * np.sqrt(1 - 0.35 * u**2) * width / 2
    flat = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    flat[:, :2] *= (1 + 0.22 * smooth_noise(flat * 0.9, rng))[:, None]
    bent = 2 * curl / length * rng.uniform(-1, 1)
    flat[:, 2] = bent * (flat[:, 0] ** 2 - flat[:, 0].mean()) * 0.6
    flat[:, 2] += curl * smooth_noise(flat * 0.55, rng) + 0.35 * curl * smooth_noise(flat * 1.5, rng)
    thing = sheet(name, flat.reshape(rows, columns, 3), thickness)
    at = vertices_of(thing)
    push = np.column_stack([smooth_noise(at * 0.7, rng) for _ in range(3)])
    set_vertices(thing, at + 0.3 * curl * push)
    return thing


FOODS: tuple[Food, ...] = (
    Food("meat_stew", "fried meat", frozenset({KOREAN, WESTERN}), (4.2, 6.2), build_meat_stew),
    Food("bulgogi", "fried meat", frozenset({KOREAN}), (4.2, 6.5), build_bulgogi),
    Food("kimchi", "cabbage", frozenset({KOREAN}), (3.0, 5.0), build_kimchi),
)
