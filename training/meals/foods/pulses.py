"""Vegetables served as heaps of small seeds and pods: peas, beans, corn."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.geometry import (
    Array,
    Things,
    blob,
    copies,
    joined,
    lathe,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, material, paint, painted
from training.meals.piling import Pile
from training.meals.solids import mound

BOTH = frozenset({WESTERN, KOREAN})


def _heaped(
    rng: np.random.Generator, name: str, seed: bpy.types.Object, size: float, radius: float, under: Colour
) -> bpy.types.Object:
    """Heap copies of a seed of this width on a body of a dark colour, which shows only through gaps."""
    count = int(np.clip(6 * (radius / size) ** 2, 30, 160))
    spread = min(radius * 0.92, size * np.sqrt(count / 6))
    height = max(rng.uniform(0.16, 0.26) * spread - 0.3 * size, 0.25)
    body = give(
        mound("body", rng, spread * 0.86, height, 0.1), material("body", Look((under,), roughness=0.7))
    )
    pile = Pile(spread, 0.12)
    pile.drop(body, (0, 0), tilt=0)
    wide = pile.drop_many(rng, seed, count * 3 // 4, spread, tries=2, slide=0.12, tilt=0.4, sink=0.1)
    top = pile.drop_many(
        rng, seed, count - count * 3 // 4, 0.5 * spread, tries=4, slide=0.05, tilt=0.4, sink=0.1
    )
    places, turns = (np.concatenate(both) for both in zip(wide, top, strict=True))
    return joined(name, [copies(name, [seed], places, turns, rng.uniform(0.85, 1.0, count), rng), body])


def build_peas(rng: np.random.Generator, radius: float) -> Things:
    """A heap of peas."""
    size = rng.uniform(0.4, 0.46)
    pea = blob("pea", rng, (size, size * 0.96, size * 0.92), 0.08, 1.2, 3)
    tone = rng.uniform(0, 1)
    dark, mid, light = (blend(a, b, np.array([tone]))[0] for a, b in _PEA_GREENS)
    look = Look(
        (jitter(rng, tuple(dark), 4), jitter(rng, tuple(mid), 4), jitter(rng, tuple(light), 4)),
        0.6,
        by_piece=0.75,
        roughness=0.35,
        coat=0.4,
        subsurface=0.1,
        depth=0.15,
        bump=0.03,
        bump_size=0.18,
    )
    give(pea, material("pea", look))
    return [_heaped(rng, "peas", pea, 2 * size, radius, tuple(0.7 * dark))]


_PEA_GREENS: tuple[tuple[Colour, Colour], ...] = (
    ((52, 104, 10), (84, 118, 24)),
    ((84, 146, 18), (122, 152, 40)),
    ((120, 178, 44), (158, 182, 70)),
)


def _kidney(rng: np.random.Generator, length: float) -> bpy.types.Object:
    bean = blob("bean", rng, (length / 2, length * 0.27, length * 0.24), 0.06, 0.8, 3)
    vertices = vertices_of(bean)
    along = vertices[:, 0] / (length / 2)
    vertices[:, 1] += length * 0.14 * along**2
    vertices[:, 1] -= length * 0.04 * np.exp(-((along / 0.3) ** 2)) * (vertices[:, 1] > 0)
    set_vertices(bean, vertices - vertices.mean(axis=0))
    return bean


def build_beans(rng: np.random.Generator, radius: float) -> Things:
    """A heap of red kidney beans."""
    length = rng.uniform(1.35, 1.7)
    bean = _kidney(rng, length)
    deep = jitter(rng, (64, 10, 8), 5)
    tones = (deep, jitter(rng, (104, 20, 14), 8), jitter(rng, (140, 42, 28), 8))
    look = Look(tones, 0.7, by_piece=0.8, roughness=0.22, coat=0.7, bump=0.015, bump_size=0.3)
    give(bean, material("bean", look))
    return [_heaped(rng, "beans", bean, 0.75 * length, radius, (30, 6, 5))]


def _kernel(
    rng: np.random.Generator, radii: tuple[float, float, float], taper: float, subdivisions: int
) -> bpy.types.Object:
    kernel = blob("kernel", rng, (1, 1, 1), 0.1, 1.2, subdivisions)
    vertices = vertices_of(kernel)
    flat = np.abs(vertices[:, :2]) + 1e-6
    square = np.linalg.norm(flat, axis=1) / (flat**4).sum(axis=1) ** 0.25
    vertices[:, :2] *= ((0.4 + 0.6 * square) * (1 + taper * vertices[:, 2]))[:, None]
    set_vertices(kernel, vertices * radii)
    low, mid, high = (jitter(rng, c, 6) for c in ((212, 150, 0), (232, 186, 0), (246, 216, 30)))
    look = Look((low, mid, high), 0.5, by_piece=0.6, roughness=0.28, coat=0.45)
    return give(kernel, material("kernel", look))


def _cob(rng: np.random.Generator, length: float, width: float) -> bpy.types.Object:
    rows, step = int(rng.integers(12, 17)), 0.46
    ranks = max(int(length / step), 2)
    gap = 2 * np.pi * (width / 2 - 0.3) / rows
    kernel = _kernel(rng, (0.54 * step, 0.5 * gap, 0.5), 0.15, 2)
    narrow = rng.uniform(0.0, 0.25)
    places, turns, sizes = [], [], []
    for row in range(rows):
        for rank in range(ranks):
            along = (rank + 0.5 + rng.normal(0, 0.06) - ranks / 2) * step
            angle = 2 * np.pi * row / rows + rng.normal(0, 0.025)
            thin = 1 - narrow * (along / length + 0.5) ** 2
            out = (width / 2 - 0.4) * thin
            places.append((along, -out * np.sin(angle), out * np.cos(angle)))
            turns.append((angle, 0.0, 0.0))
            sizes.append(thin * rng.uniform(0.92, 1.05))
    grains = copies("grains", [kernel], np.array(places), np.array(turns), np.array(sizes), rng)
    half = ranks * step / 2 - 0.06
    profile = np.array(
        [(0, -half), (0.4, -half), (0.92, -half), (1, -half + 0.1), (1, half - 0.1), (0.92, half), (0, half)]
    )
    profile[:, 0] *= width / 2 - 0.42
    core = lathe("core", profile, 24)
    vertices = vertices_of(core)[:, [2, 1, 0]] * [1, 1, -1]
    vertices[:, 1:] *= 1 - narrow * np.clip(vertices[:, :1] / length + 0.5, 0, 1) ** 2
    set_vertices(core, vertices)
    give(
        core,
        material(
            "core", Look(((222, 186, 112), (240, 214, 150)), 0.3, roughness=0.7, bump=0.08, bump_size=0.15)
        ),
    )
    return joined("cob", [grains, core])


def build_corn(rng: np.random.Generator, radius: float) -> Things:
    """A heap of kernels, or pieces of the cob."""
    if rng.random() < 0.45:
        size = rng.uniform(0.75, 0.9)
        kernel = _kernel(rng, (0.48 * size, 0.34 * size, 0.58 * size), 0.32, 3)
        return [_heaped(rng, "corn", kernel, size, radius, (150, 92, 0))]
    width, pile = rng.uniform(3.8, 4.8), Pile(radius)
    count = 1 if radius < 4 else int(rng.integers(1, 4))
    length = (1.75 * radius if count == 1 else 1.1 * radius) * rng.uniform(0.85, 1.0)
    heading, pieces = rng.uniform(0, 6.28), []
    for k in range(count):
        cob = _cob(rng, length, width)
        angle = heading + k * 2 * np.pi / count
        ring = 0.0 if count == 1 else 0.5 * radius
        turn = (rng.uniform(0, 6.28), 0.0, angle + np.pi / 2 + rng.normal(0, 0.4))
        pieces.append(pile.drop(cob, (ring * np.cos(angle), ring * np.sin(angle)), turn, slide=0.4, tilt=0.1))
    return pieces


def _pod(
    rng: np.random.Generator, length: float, width: float, greens: tuple[Colour, Colour]
) -> bpy.types.Object:
    along = np.linspace(-1, 1, 44)
    bumps = 1 + 0.07 * np.sin(along * length * 2.2 + rng.uniform(0, 6)) * (np.abs(along) < 0.85)
    radii = width / 2 * np.clip(1 - np.abs(along) ** 9, 0, 1) ** 0.5 * bumps + 0.03
    bend, twist = rng.normal(0, 0.07), rng.normal(0, 0.05)
    path = np.column_stack([along * length / 2, bend * length * along**2, twist * length * along**3])
    path[:, 1:] += 0.12 * np.column_stack([smooth_noise(path * 0.35, rng) for _ in range(2)])
    pod = tube("pod", path, radii, 10, 0.85)
    vertices = vertices_of(pod)
    tone = (
        0.5
        + 0.5 * smooth_noise(vertices * 0.5, rng)
        + 0.3 * smooth_noise(vertices * [0.5, 3, 3], rng)
        + rng.normal(0, 0.2)
    )
    tip = np.clip((np.abs(vertices[:, 0]) * 2 / length - 0.94) * 14, 0, 1) * (vertices[:, 0] > 0)
    paint(pod, blend(blend(*greens, tone), (136, 132, 62), tip))
    return pod


def build_french_beans(rng: np.random.Generator, radius: float) -> Things:
    """Green pods, side by side or across each other."""
    deep = rng.random()
    dark: Array = blend((38, 84, 8), (70, 100, 20), np.array([deep]))[0]
    light: Array = blend((92, 152, 28), (134, 160, 60), np.array([deep]))[0]
    greens = (jitter(rng, tuple(dark), 6), jitter(rng, tuple(light), 6))
    surface = painted("pod", Look(roughness=0.35, coat=0.35, bump=0.02, bump_size=0.15))
    length, width = min(rng.uniform(8, 11), 1.7 * radius), rng.uniform(0.65, 0.85)
    heading, loose, pile, pieces = rng.uniform(0, np.pi), rng.uniform(0.06, 0.6), Pile(radius), []
    for _ in range(int(rng.uniform(2.6, 4.6) * radius) + 4):
        pod = give(
            _pod(rng, length * rng.uniform(0.75, 1.05), width * rng.uniform(0.85, 1.1), greens), surface
        )
        along, across = rng.normal(0, 0.03) * length, rng.uniform(-0.36, 0.36, (8, 1)) * radius
        places = along * np.array([np.cos(heading), np.sin(heading)]) + across * [
            -np.sin(heading),
            np.cos(heading),
        ]
        turn = (rng.uniform(0, 6.28), 0.0, heading + rng.normal(0, loose))
        pieces.append(pile.drop(pod, places, turn, slide=0.35, tilt=0.12, sink=0.1))
    return [joined("french beans", pieces)]


FOODS: tuple[Food, ...] = (
    Food("peas", "green beans", BOTH, (2.8, 4.5), build_peas),
    Food("beans", "red beans", BOTH, (3.0, 5.0), build_beans),
    Food("corn", "corn", BOTH, (3.0, 5.5), build_corn),
    Food("french_beans", "French beans", frozenset({WESTERN}), (4.5, 6.0), build_french_beans),
)
