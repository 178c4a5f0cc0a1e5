"""Rice, pasta and noodles, each serving one heap."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.foods.garnish import onion_ring, sesame
from training.meals.geometry import (
    Array,
    Things,
    blob,
    copies,
    crumple,
    grounded,
    joined,
    loft,
    repeat,
    set_shade,
    smooth_noise,
    tube,
)
from training.meals.materials import Colour, Look, give, jitter, material
from training.meals.solids import mound, sheet
from training.meals.surfaces import random_points, standing, strew
from training.meals.tumbling import tumble


def build_rice(rng: np.random.Generator, radius: float) -> Things:
    """A bowl-shaped mound of grains, plain or with sesame or a few bits of vegetable."""
    white = Look(
        ((204, 194, 170), (240, 234, 218), (252, 248, 238)),
        patch=1.2,
        by_piece=0.6,
        roughness=0.42,
        coat=0.15,
        bump=0.03,
    )
    parts = _grain_heap(rng, radius, material("rice", white))
    topping = rng.choice(["none", "sesame", "black sesame", "vegetables"], p=[0.4, 0.2, 0.2, 0.2])
    if topping == "vegetables":
        parts += _bits(rng, parts[0], int(rng.integers(15, 40)))
    elif topping != "none":
        colour: Colour = (38, 33, 30) if topping == "black sesame" else (214, 172, 104)
        parts.append(sesame(rng, parts[0], int(rng.integers(20, 60)), colour))
    return [grounded(joined("rice", parts))]


def build_fried_rice(rng: np.random.Generator, radius: float) -> Things:
    """Yellowish brown grains with carrot, peas, egg and spring onion."""
    base = jitter(rng, (206, 148, 66), 14)
    dark = (base[0] * 0.74, base[1] * 0.68, base[2] * 0.6)
    fried = Look(
        (dark, base, (240, 208, 140)), patch=1.5, by_piece=0.65, roughness=0.35, coat=0.35, bump=0.03
    )
    parts = _grain_heap(rng, radius, material("fried rice", fried), fullness=1.8, loose=0.06)
    parts += _bits(rng, parts[0], int(rng.integers(70, 120)), egg=True)
    return [grounded(joined("fried rice", parts))]


def build_pasta(rng: np.random.Generator, radius: float) -> Things:
    """Short pasta of one shape, plain or in tomato, pesto or cream sauce."""
    sauce = rng.choice(["plain", "tomato", "pesto", "cream"])
    pasta: Colour = (228, 176, 78)
    colours: dict[str, tuple[Colour, ...]] = {
        "plain": ((206, 148, 54), pasta, (238, 200, 116)),
        "tomato": ((146, 24, 8), (196, 58, 18), (224, 130, 52)),
        "pesto": ((48, 82, 14), (132, 138, 40), (216, 176, 82)),
        "cream": ((222, 182, 112), (240, 216, 164), (248, 234, 200)),
    }
    look = Look(
        tuple(jitter(rng, c, 8) for c in colours[str(sauce)]),
        patch=0.8,
        contrast=0.25,
        by_piece=0.3,
        roughness=0.38,
        coat=0.45,
    )
    shape = [_penne, _fusilli, _farfalle, _macaroni][int(rng.integers(4))]
    prototypes = [give(shape(rng), material("pasta", look)) for _ in range(3)]
    things = repeat(rng, prototypes, int(3.2 * radius**1.4), vary=0.06)
    tumble(rng, things, radius, gather=0.25, tilt=0.6)
    heap = joined("pasta", things)
    parts = [heap]
    if sauce != "plain" or rng.random() < 0.5:
        green: Colour = (44, 92, 30)
        flake = blob("herb", rng, (0.16, 0.1, 0.02), lumps=0.4, subdivisions=2)
        parts.append(
            strew(rng, heap, give(flake, material("herb", Look((green, (84, 130, 50)), by_piece=1))), 30)
        )
    if rng.random() < 0.5:
        shaving = blob("cheese", rng, (0.28, 0.07, 0.03), lumps=0.4, subdivisions=2)
        parts.append(strew(rng, heap, give(shaving, material("cheese", Look(((250, 238, 200),)))), 40))
    return [joined("pasta", parts)]


def build_spaghetti(rng: np.random.Generator, radius: float) -> Things:
    """A nest of long strands, plain or with a sauce in its middle."""
    height = radius * rng.uniform(0.4, 0.55)
    base = jitter(rng, (226, 172, 78), 8)
    look = Look((base, (240, 204, 120)), patch=2, by_piece=0.7, roughness=0.35, coat=0.4)
    sauce = rng.choice(["none", "tomato", "meat", "pesto"])
    if sauce == "tomato":
        look = Look(
            ((170, 40, 12), (216, 100, 30), (230, 158, 70)), patch=1.8, by_piece=0.3, roughness=0.3, coat=0.6
        )
    parts = [_strands(rng, radius, height, material("spaghetti", look), thickness=0.115, swirl=True)]
    if sauce in ("meat", "pesto"):
        parts += _sauce_cap(rng, radius * rng.uniform(0.45, 0.6), height, str(sauce))
    elif sauce == "tomato" or rng.random() < 0.5:
        leaf = blob("herb", rng, (0.2, 0.12, 0.02), lumps=0.4, subdivisions=2)
        green = Look(((44, 92, 30), (84, 130, 50)), by_piece=1)
        parts.append(strew(rng, parts[0], give(leaf, material("herb", green)), 40))
    return [joined("spaghetti", parts)]


def build_noodles(rng: np.random.Generator, radius: float) -> Things:
    """A wavy pile, stir-fried and brownish with strips of vegetable, or pale."""
    fried = rng.random() < 0.6
    colours: tuple[Colour, ...] = (
        ((112, 58, 18), (172, 104, 40), (208, 150, 74)) if fried else ((222, 186, 112), (240, 216, 160))
    )
    look = Look(tuple(jitter(rng, c, 8) for c in colours), patch=2, by_piece=0.5, roughness=0.3, coat=0.6)
    thickness = float(rng.uniform(0.13, 0.2) if fried else rng.choice([0.12, 0.24]))
    height = radius * rng.uniform(0.34, 0.48)
    body = _strands(rng, radius, height, material("noodles", look), thickness, swirl=False)
    parts = [body]
    if fried:
        for colour, count in (((224, 112, 30), 14), ((110, 140, 54), 14), ((206, 200, 150), 10)):
            path = np.column_stack(
                [np.linspace(-0.9, 0.9, 6), 0.1 * np.sin(np.linspace(0, 4, 6)), np.zeros(6)]
            )
            strip = give(
                tube("strip", path, 0.11, 6, 0.6), material("strip", Look((jitter(rng, colour),), coat=0.5))
            )
            parts.append(strew(rng, body, strip, count, rise=0.1, wobble=0.3))
    if rng.random() < 0.7:
        parts.append(strew(rng, body, onion_ring(rng), 22, wobble=0.4))
    parts.append(sesame(rng, body, 40, (232, 206, 150)))
    return [grounded(joined("noodles", parts))]


def _grain_heap(
    rng: np.random.Generator,
    radius: float,
    made: bpy.types.Material,
    fullness: float = 2.6,
    loose: float = 0.0,
) -> Things:
    """The body of a heap of rice and the grains on it; the body comes first."""
    height = radius * rng.uniform(0.42, 0.62)
    body = give(mound("body", rng, radius * 0.97, height, 0.12 * radius, fullness), made)
    grains = []
    for _ in range(4):
        x = np.linspace(-1, 1, 6)
        path = np.column_stack([0.3 * x, rng.uniform(-0.05, 0.05) * x**2, np.zeros(6)])
        grains.append(give(tube("grain", path, 0.115 * np.array([0.45, 0.88, 1, 1, 0.85, 0.4]), 6), made))
    count = int(np.clip(26 * radius**2 * (1 + height / radius), 300, 1400))
    points, normals = random_points(body, rng, count, facing=-0.05)
    points += normals * rng.uniform(-0.03, 0.07 + loose, (count, 1))
    points[:, 2] = np.maximum(points[:, 2], 0.1)
    turns = standing(normals, rng, wobble=0.45)
    return [body, copies("grains", grains, points, turns, rng.uniform(0.85, 1.15, count), rng)]


def _bits(rng: np.random.Generator, body: bpy.types.Object, count: int, egg: bool = False) -> Things:
    """Cubes of carrot, peas and rings of spring onion on a heap of rice; bits of egg if asked."""
    carrot = blob("carrot", rng, (0.24, 0.22, 0.2), lumps=0.1, subdivisions=2)
    give(carrot, material("carrot", Look(((228, 106, 26), (244, 144, 52)), by_piece=1, coat=0.4)))
    pea = give(
        blob("pea", rng, (0.32, 0.32, 0.3), lumps=0.04, subdivisions=2),
        material("pea", Look(((96, 146, 44), (140, 178, 66)), by_piece=1, coat=0.4)),
    )
    parts = [
        strew(rng, body, carrot, count // 3, rise=0.08),
        strew(rng, body, pea, count // 4, rise=0.1),
        strew(rng, body, onion_ring(rng), count // 5, rise=0.08, wobble=0.5),
    ]
    if egg:
        crumb = blob("egg", rng, (0.5, 0.36, 0.16), lumps=0.7, scale=2.2, subdivisions=2)
        look = Look(((244, 196, 74), (252, 224, 130)), patch=0.6, by_piece=0.5, roughness=0.4)
        parts.append(strew(rng, body, give(crumb, material("egg", look)), count // 4, rise=0.08, wobble=0.5))
    return parts


def _strands(
    rng: np.random.Generator,
    radius: float,
    height: float,
    made: bpy.types.Material,
    thickness: float,
    swirl: bool,
) -> bpy.types.Object:
    """A pile of noodles, wound about the middle (`swirl`) or wandering in bundles."""
    things = [give(mound("body", rng, radius * 0.72, height * 0.7, 0.1), made)]
    count = int(np.clip((13 if swirl else 20) * radius / (thickness / 0.12), 56, 110))
    bundle = 1 if swirl else 4
    for i in range(count):
        if i % bundle == 0:
            path = _wound(rng, radius) if swirl else _wandering(rng, radius, i / count)
            base = rng.uniform(-0.1, 0.12)
        else:
            forward = np.gradient(path, axis=0)
            side = forward[:, ::-1] * [-1, 1] / (np.linalg.norm(forward, axis=1, keepdims=True) + 1e-9)
            path = path + side * thickness * 2 * rng.uniform(0.7, 1.3)
        far = np.minimum(np.linalg.norm(path, axis=1) / radius, 1.1)
        layer = base + 0.07 * smooth_noise(np.column_stack([path * 0.7, far]), rng)
        z = height * (np.clip(1 - far**2.2, 0, 1) + layer * (1.2 - far)) + thickness
        strand = tube("strand", np.column_stack([path, np.maximum(z, thickness)]), thickness, 6)
        set_shade(strand, i * 0.618 % 1)
        things.append(give(strand, made))
    return joined("strands", things)


def _wound(rng: np.random.Generator, radius: float) -> Array:
    """Return a strand wound about the middle of a nest, float (N, 2)."""
    t = np.linspace(0, 1, 70)
    turn = rng.uniform(0, 2 * np.pi) + rng.choice([1, 1, 1, -1]) * 2 * np.pi * rng.uniform(0.7, 1.5) * t
    offset = radius * 0.3 * np.array([rng.normal(), rng.normal()]) * 0.6
    orbit = (
        radius
        * np.sqrt(rng.uniform(0.02, 0.75))
        * (1 + 0.25 * np.sin(2 * np.pi * (t * rng.uniform(0.5, 1.5) + rng.random())))
    )
    at = offset + orbit[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return _within(at, radius)


def _wandering(rng: np.random.Generator, radius: float, share: float) -> Array:
    """Return a strand that meanders over the pile with small waves, float (N, 2).

    Args:
        share: position of its middle, from the centre (0) to the edge (1).
    """
    steps = 80
    drift = smooth_noise(np.column_stack([np.linspace(0, 5, steps), np.zeros(steps), np.zeros(steps)]), rng)
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(0.2 * drift + 0.02 * rng.choice([-1, 1]))
    heading += rng.uniform(0.1, 0.5) * np.sin(np.linspace(0, rng.uniform(25, 40), steps) + rng.uniform(0, 6))
    way = np.cumsum(np.column_stack([np.cos(heading), np.sin(heading)]), axis=0) * radius * 0.038
    bearing = 75 * share
    start = 0.72 * radius * np.sqrt(share) * np.array([np.cos(bearing), np.sin(bearing)])
    return _within(way - way.mean(axis=0) + start, 0.9 * radius)


def _within(path: Array, radius: float) -> Array:
    """Bend parts of a path outside the disc back into it."""
    far = np.linalg.norm(path, axis=1, keepdims=True) + 1e-9
    return np.asarray(path / far * radius * 0.97 * np.tanh(far / radius))


def _sauce_cap(rng: np.random.Generator, radius: float, height: float, sauce: str) -> Things:
    """Sauce poured on the middle of a nest: minced meat in tomato, or pesto."""
    colours: tuple[Colour, ...] = (
        ((92, 26, 12), (150, 52, 22), (186, 84, 40))
        if sauce == "meat"
        else ((44, 72, 18), (92, 118, 36), (140, 152, 66))
    )
    made = material("sauce", Look(colours, patch=0.6, by_piece=0.4, roughness=0.28, coat=0.6, bump=0.06))
    cap = mound("cap", rng, radius, height * 0.35, 0.25)
    lift = height * 0.92
    for vertex in cap.data.vertices:
        vertex.co.z += lift + 0.1
    give(cap, made)
    crumb = give(blob("mince", rng, (0.3, 0.26, 0.2), lumps=0.5, scale=2, subdivisions=2), made)
    size = 1.0 if sauce == "meat" else 0.45
    points, normals = random_points(cap, rng, 110, facing=0)
    return [
        cap,
        copies("mince", [crumb], points, standing(normals, rng, 0.5), size * rng.uniform(0.7, 1.4, 110), rng),
    ]


def _penne(rng: np.random.Generator) -> bpy.types.Object:
    """A ribbed hollow quill cut aslant."""
    return _hollow(np.column_stack([np.linspace(-1.7, 1.7, 9), np.zeros(9), np.zeros(9)]), 0.5, slant=0.7)


def _macaroni(rng: np.random.Generator) -> bpy.types.Object:
    """A short hollow bow."""
    turn = np.linspace(-0.85, 0.85, 12)
    return _hollow(
        np.column_stack([1.5 * np.sin(turn), 1.5 * (np.cos(turn) - 0.8), np.zeros(12)]), 0.42, slant=0.0
    )


def _hollow(path: Array, radius: float, slant: float) -> bpy.types.Object:
    """A hollow tube along a level path, its wall 0.1 cm, its ends cut aslant by `slant` cm."""
    segments, forward = 18, np.gradient(path, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    side = np.cross([0, 0, 1], forward)
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rings = []
    order = [*range(len(path)), *range(len(path) - 1, -1, -1)]
    for k, i in enumerate(order):
        wall = radius * (1 + 0.04 * np.cos(9 * turn)) if k < len(path) else np.full(segments, radius - 0.12)
        ring = path[i] + wall[:, None] * (np.cos(turn)[:, None] * side[i] + np.sin(turn)[:, None] * [0, 0, 1])
        rings.append(ring + slant * np.sin(turn)[:, None] * forward[i])
    rings.append(rings[0])
    return loft("pasta", np.array(rings))


def _fusilli(rng: np.random.Generator) -> bpy.types.Object:
    """A three-bladed corkscrew."""
    length, segments = 26, 18
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    along = np.linspace(-1.7, 1.7, length)
    lobed = 0.17 + 0.36 * np.clip(np.cos(1.5 * turn), -1, 1) ** 4
    angle = turn[None, :] + 2.3 * along[:, None]
    rings = np.stack(
        [np.repeat(along[:, None], segments, 1), lobed * np.cos(angle), lobed * np.sin(angle)], axis=-1
    )
    return loft("pasta", rings)


def _farfalle(rng: np.random.Generator) -> bpy.types.Object:
    """A bow tie pinched in its middle."""
    u, v = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 13), indexing="ij")
    pinch = 1 - 0.62 * np.exp(-((u / 0.35) ** 2))
    fold = 0.22 * np.cos(v * 5.5) * np.exp(-((u / 0.45) ** 2))
    zigzag = 0.06 * np.cos(v * 22) * (np.abs(u) > 0.95) * np.sign(u)
    top = np.stack([1.75 * u + zigzag, 1.05 * v * pinch, fold + 0.12 * np.sin(2 * u)], axis=-1)
    thing = sheet("pasta", top, 0.11)
    crumple(thing, rng, 0.15, 0.8)
    return thing


FOODS: tuple[Food, ...] = (
    Food("rice", "rice", frozenset({KOREAN}), (4.0, 5.6), build_rice),
    Food("fried_rice", "rice", frozenset({KOREAN}), (4.5, 6.5), build_fried_rice),
    Food("pasta", "pasta", frozenset({WESTERN}), (5.0, 7.0), build_pasta),
    Food("spaghetti", "pasta", frozenset({WESTERN}), (4.5, 6.5), build_spaghetti),
    Food("noodles", "noodles", frozenset({KOREAN}), (4.5, 6.5), build_noodles),
)
