"""Lettuce leaves and mixed salad."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.foods.cut_vegetables import carrot_coin, cucumber_slice, tomato_slice, tomato_wedge
from training.meals.geometry import Things, around_z, joined, move, smooth_noise, tube, vertices_of
from training.meals.materials import Colour, Look, blend, give, jitter, paint, painted
from training.meals.piling import Pile, scatter
from training.meals.solids import sheet

LEAF = Look(roughness=0.42, coat=0.25, bump=0.05, bump_size=0.35)
GREENS: tuple[tuple[Colour, Colour], ...] = (
    ((206, 222, 134), (86, 150, 22)),
    ((188, 212, 110), (58, 118, 16)),
    ((226, 228, 164), (142, 184, 50)),
)
RED: tuple[Colour, Colour] = ((178, 196, 96), (88, 22, 34))


def leaf(
    rng: np.random.Generator,
    length: float,
    frill: float,
    colours: tuple[Colour, Colour],
    cells: tuple[int, int] = (52, 26),
) -> bpy.types.Object:
    """A crinkled leaf along x with a pale rib, about its middle.

    Args:
        frill: height of the waves at its edge as a share of the length.
        colours: colours of the rib and of the edge.
        cells: number of cells along and across.
    """
    along, across = np.linspace(0, 1, cells[0]), np.linspace(-1, 1, cells[1])
    u, v = (g.ravel() for g in np.meshgrid(along, across, indexing="ij"))
    flat = np.column_stack([u * 3, v * 1.5, 0 * u])
    wide = length * rng.uniform(0.34, 0.44) * np.sin(np.pi * np.clip(u, 0.04, 0.97) ** 0.75) ** 0.65
    edge = np.abs(v) ** 1.8 + 0.6 * u**6
    ragged = 1 + 0.14 * edge * smooth_noise(flat * 3.0, rng)
    wave = np.sin(u * rng.uniform(22, 32) + np.sign(v) * 2 + 4 * smooth_noise(flat, rng))
    z = length * frill * edge * (0.55 * wave + 0.8 * smooth_noise(flat * 2.2, rng))
    z += length * (0.16 * v**2 * rng.uniform(0.3, 1.4) + rng.uniform(0.0, 0.3) * (u - 0.5) ** 2)
    z += 0.035 * length * smooth_noise(flat * 4.5, rng) + 0.05 * length * smooth_noise(flat * 1.2, rng)
    x = length * (u - 0.5) * (1 + 0.1 * edge * wave * frill)
    made = sheet("leaf", np.column_stack([x, wide * v * ragged, z]).reshape(*cells, 3))
    pale, deep = jitter(rng, colours[0], 6), jitter(rng, colours[1], 10)
    tone = 0.25 + 0.55 * np.abs(v) + 0.5 * u + 0.35 * smooth_noise(flat * 2, rng) - 0.3 * (1 - u) ** 3
    veins = np.exp(-(((((u - 0.35 * np.abs(v)) * 8 + 0.5) % 1 - 0.5) / 0.09) ** 2)) * (1 - np.abs(v)) * 0.5
    rib = np.exp(-((v / (0.05 + 0.14 * (1 - u) ** 2)) ** 2)) * np.clip(1.15 - u, 0, 1)
    green = blend(blend(pale, deep, tone), pale, veins)
    paint(made, blend(green, (236, 236, 200), rib))
    return give(made, painted("leaf", LEAF))


def build_lettuce(rng: np.random.Generator, radius: float) -> Things:
    """Large leaves, green or red, laid in a ring."""
    kind = GREENS[int(rng.integers(len(GREENS)))]
    red = rng.random() < 0.2
    pile, pieces = Pile(radius, 0.2), []
    count, frill = int(rng.integers(4, 8)), rng.uniform(0.05, 0.13)
    start = rng.uniform(0, 6.28)
    for k in range(count):
        size = radius * rng.uniform(1.15, 1.45)
        one = leaf(rng, size, frill, RED if red and rng.random() < 0.7 else kind)
        angle = start + 2 * np.pi * k / count + rng.normal(0, 0.3)
        ring = radius * (0.35 if k < count - 1 else 0.1)
        turn = (rng.normal(0, 0.15), -0.15, angle)
        pieces.append(
            pile.drop(one, (ring * np.cos(angle), ring * np.sin(angle)), turn, slide=0.4, tilt=0.12, sink=0.8)
        )
    return pieces


def _onion_ring(rng: np.random.Generator) -> bpy.types.Object:
    size = rng.uniform(0.9, 1.9)
    turn = np.linspace(0, rng.uniform(4.5, 6.4), 48)
    path = np.column_stack(
        [size * np.cos(turn), size * rng.uniform(0.8, 1) * np.sin(turn), 0.1 * np.sin(turn * 2)]
    )
    ring = tube("onion", path, 0.13, 8, 1.4)
    vertices = vertices_of(ring)
    out = (around_z(vertices)[0] - size) / 0.13
    paint(ring, blend((238, 222, 232), (134, 36, 96), out))
    return give(ring, painted("onion", Look(roughness=0.25, coat=0.5)))


def build_salad(rng: np.random.Generator, radius: float) -> Things:
    """Torn leaves with tomato, cucumber, onion and carrot."""
    pile = Pile(radius, 0.2)
    sorts = [GREENS[int(rng.integers(len(GREENS)))], GREENS[int(rng.integers(len(GREENS)))]]
    if rng.random() < 0.45:
        sorts.append(RED)
    leaves = []
    for _ in range(int(1.0 * radius**2 * rng.uniform(0.8, 1.1))):
        size = rng.uniform(3.2, 5.2)
        leaves.append(
            leaf(rng, size, rng.uniform(0.06, 0.14), sorts[int(rng.integers(len(sorts)))], (24, 13))
        )
    toppings = [_topping(rng) for _ in range(int(rng.integers(6, 13)))]
    order = [*leaves[: len(leaves) * 2 // 3]]
    rest = [*leaves[len(leaves) * 2 // 3 :], *toppings]
    order += [rest[i] for i in rng.permutation(len(rest))]
    for thing in order:
        turn = (*rng.normal(0, 0.4, 2), rng.uniform(0, 6.28))
        pile.drop(thing, scatter(rng, radius * 0.68, 5), turn, slide=0.4, tilt=0.2, sink=0.35)
    return [joined("salad", order)]


def _topping(rng: np.random.Generator) -> bpy.types.Object:
    kind = rng.choice(["wedge", "slice", "cucumber", "cucumber", "onion", "carrot"])
    if kind == "wedge":
        piece = tomato_wedge(rng, rng.uniform(1.7, 2.4), np.pi / 3)
        return move(piece, turn=(np.pi / 2, 0, 0))
    if kind == "slice":
        return tomato_slice(rng, rng.uniform(1.5, 2.2), 0.5)
    if kind == "cucumber":
        return cucumber_slice(rng, rng.uniform(1.5, 1.9), 0.35)
    if kind == "carrot":
        return carrot_coin(rng, rng.uniform(0.8, 1.2), 0.3)
    return _onion_ring(rng)


FOODS: tuple[Food, ...] = (
    Food("lettuce", "lettuce", frozenset({WESTERN, KOREAN}), (4.5, 6.5), build_lettuce),
    Food("salad", "salad", frozenset({WESTERN}), (4.5, 7.0), build_salad),
)
