"""Soups, and the red sauce: ketchup or chili paste, depending on the meal around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy
import numpy as np

from training.meals.foods.base import KOREAN, WESTERN, Food
from training.meals.geometry import (
    Array,
    add_mesh,
    copies,
    joined,
    lathe,
    rounded_outline,
    slab,
    smooth_noise,
    tube,
)
from training.meals.materials import Colour, Look, give, jitter, material

RINGS, SEGMENTS = 36, 96

BROTHS: dict[str, tuple[tuple[Colour, Colour], ...]] = {
    "cream": (
        ((218, 146, 52), (236, 172, 84)),
        ((226, 206, 164), (240, 226, 194)),
        ((164, 140, 106), (190, 168, 134)),
        ((120, 140, 62), (150, 166, 88)),
    ),
    "broth": (
        ((176, 116, 48), (204, 150, 76)),
        ((150, 100, 52), (182, 134, 78)),
        ((206, 184, 134), (222, 206, 164)),
    ),
    "stew": (((150, 62, 24), (184, 92, 40)), ((168, 84, 34), (196, 116, 58))),
    "bean": (((140, 96, 50), (176, 130, 78)), ((160, 118, 70), (192, 152, 102))),
}
"""Pairs of a darker and a lighter colour."""


def build_red_sauce(rng: np.random.Generator, radius: float) -> list[bpy.types.Object]:
    """A helping on a plate: a dollop, a pool, a smear of a spoon or a squeezed line."""
    form = FORMS[int(rng.choice(len(FORMS), p=[0.3, 0.3, 0.22, 0.18]))]
    return [give(form(rng, radius), _red(rng))]


def build_red_sauce_in_dish(rng: np.random.Generator, radius: float) -> list[bpy.types.Object]:
    """The same sauce filling a dish: level, heaped or with a swirl of the spoon."""
    crown = radius * float(rng.choice([0.0, 0.08, 0.2]))
    swirl = float(rng.uniform(0.0, 0.1))
    start, arms = rng.uniform(0, 2 * np.pi), int(rng.integers(1, 4))

    def height(share: Array, turn: Array) -> Array:
        wave = np.sin(arms * turn + 9 * share + start) * swirl * radius * share * (1 - share) * 2
        return crown * (1 - share**2) + wave

    return [
        give(
            _poured("sauce", rng, np.full((SEGMENTS, 2), radius) * _circle(), height, 0.012 * radius),
            _red(rng),
        )
    ]


def build_soup(rng: np.random.Generator, radius: float) -> list[bpy.types.Object]:
    """Cream soup, clear broth, red stew or bean paste soup in a bowl, with pieces of food in it."""
    kind = str(rng.choice(list(BROTHS)))
    pairs = BROTHS[kind]
    dark, light = pairs[int(rng.integers(len(pairs)))]
    look = Look(
        (jitter(rng, dark), jitter(rng, light)),
        patch=float(rng.uniform(1.2, 3.0)),
        contrast=0.1,
        roughness=0.28 if kind == "cream" else 0.06,
        coat=0.6,
        bump=0.02,
        bump_size=1.6,
    )
    surface = _poured("soup", rng, radius * _circle(), lambda share, turn: np.zeros_like(share), 0.02)
    give(surface, material("soup", look))
    parts = [surface]
    if kind == "cream":
        parts.append(_drizzle(rng, radius))
        parts.append(_herbs(rng, 0.35 * radius, int(rng.integers(10, 40))))
        if rng.random() < 0.5:
            parts.append(
                _cubes(rng, 0.45 * radius, int(rng.integers(5, 11)), 0.9, ((150, 92, 40), (206, 152, 84)))
            )
    else:
        parts.append(_droplets(rng, 0.9 * radius, int(rng.integers(20, 70))))
        parts.append(_rings(rng, 0.8 * radius, int(rng.integers(12, 45))))
        if kind == "broth":
            parts.append(
                _cubes(rng, 0.75 * radius, int(rng.integers(6, 14)), 0.8, ((206, 92, 24), (232, 128, 44)))
            )
            parts.append(
                _cubes(rng, 0.75 * radius, int(rng.integers(6, 14)), 0.9, ((222, 196, 120), (236, 216, 152)))
            )
        else:
            parts.append(
                _cubes(rng, 0.75 * radius, int(rng.integers(5, 12)), 1.3, ((228, 216, 190), (244, 238, 222)))
            )
    return [joined("soup", parts)]


def _red(rng: np.random.Generator) -> bpy.types.Material:
    """Draw a look between bright tomato red and a deep, slightly grainy brick red."""
    deep = float(rng.random())
    colour = jitter(rng, (188 - 56 * deep, 28 - 8 * deep, 18 - 6 * deep), 8)
    lighter = (min(255.0, colour[0] * 1.12), colour[1] * 1.3, colour[2] * 1.2)
    look = Look(
        (colour, lighter),
        patch=float(rng.uniform(0.3, 1.5)),
        roughness=float(rng.uniform(0.12, 0.4)),
        coat=float(rng.uniform(0.2, 0.8)),
        subsurface=0.08,
        depth=0.15,
        bump=float(rng.uniform(0.0, 0.035)),
        bump_size=float(rng.uniform(0.08, 0.25)),
    )
    return material("red sauce", look)


def _circle() -> Array:
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    return np.column_stack([np.cos(turn), np.sin(turn)])


def _poured(
    name: str,
    rng: np.random.Generator,
    outline: Array,
    height: Callable[[Array, Array], Array],
    ripple: float,
) -> bpy.types.Object:
    """Make a surface over an outline, float (SEGMENTS, 2); `height` gets shares of the radius and angles."""
    share = np.linspace(0, 1, RINGS) ** 0.7
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    shares, turns = np.meshgrid(share[1:], turn, indexing="ij")
    flat = shares[..., None] * outline
    z = height(shares, turns)
    points = np.concatenate([flat, z[..., None]], axis=-1).reshape(-1, 3)
    middle = [[0.0, 0.0, float(height(np.zeros((1, 1)), np.zeros((1, 1)))[0, 0])]]
    points = np.concatenate([middle, points])
    points[:, 2] += ripple * smooth_noise(points * 0.9, rng) * (points[:, 2] > 0.3 * points[:, 2].max())
    here = np.arange(SEGMENTS)
    after = (here + 1) % SEGMENTS
    faces: list[list[int]] = np.column_stack([np.zeros(SEGMENTS, int), 1 + here, 1 + after]).tolist()
    for ring in range(RINGS - 2):
        near, far = 1 + ring * SEGMENTS, 1 + (ring + 1) * SEGMENTS
        faces += np.column_stack([near + here, far + here, far + after, near + after]).tolist()
    return add_mesh(name, points, faces)


def _dollop(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    """A round heap with the turn of the spoon in it."""
    radius *= 0.8
    tall, arms, start = radius * rng.uniform(0.32, 0.55), int(rng.integers(1, 3)), rng.uniform(0, 6)
    depth = rng.uniform(0.05, 0.2)

    def height(share: Array, turn: Array) -> Array:
        body = (1 - share**2.2) ** 0.7
        return tall * (body + depth * np.sin(arms * turn + 8 * share + start) * share * (1 - share) * 3)

    outline = rounded_outline(rng, radius, radius * rng.uniform(0.8, 1), 0.07, SEGMENTS)
    return _poured("sauce", rng, outline, height, 0.05 * radius)


def _pool(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    """A flat pool with a round edge."""
    tall = rng.uniform(0.25, 0.5)
    outline = rounded_outline(rng, radius * 0.9, radius * rng.uniform(0.6, 0.9), 0.14, SEGMENTS)
    return _poured("sauce", rng, outline, lambda share, turn: tall * np.sqrt(1 - share**7 + 1e-9), 0.08)


def _smear(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    """A smear made with a spoon: thick at one end, streaked and thin at the other."""
    narrow = rng.uniform(0.42, 0.6)
    outline = rounded_outline(rng, radius, radius * narrow, 0.1, SEGMENTS)
    outline[:, 1] *= 1 - rng.uniform(0.1, 0.35) * outline[:, 0] / radius
    tall, streaks, depth = rng.uniform(0.5, 0.9), float(rng.uniform(4, 9)), float(rng.uniform(0.02, 0.08))

    def height(share: Array, turn: Array) -> Array:
        x, y = share * np.cos(turn), share * np.sin(turn)
        thick = 0.22 + 0.78 / (1 + np.exp(5 * (x + 0.25)))
        grooves = 1 + depth * np.sin(streaks * y / narrow + 1.5 * x)
        return tall * thick * grooves * np.sqrt(1 - share**5 + 1e-9)

    return _poured("sauce", rng, outline, height, 0.05)


def _squeezed(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    """A line from a bottle: a zigzag or a spiral."""
    thick = float(rng.uniform(0.28, 0.42))
    along = np.linspace(0, 1, 90)
    if rng.random() < 0.6:
        swings = float(rng.integers(3, 6))
        x = (2 * along - 1) * (radius - thick)
        y = radius * rng.uniform(0.3, 0.55) * np.sin(2 * np.pi * swings * along)
    else:
        turn = 2 * np.pi * float(rng.uniform(1.8, 2.8)) * along
        reach = (radius - thick) * (1 - 0.85 * along)
        x, y = reach * np.cos(turn), reach * np.sin(turn)
    path = np.column_stack([x, y, np.full(90, 0.7 * thick)])
    path[:, :2] += 0.12 * radius * np.column_stack([smooth_noise(path * 0.3, rng) for _ in range(2)])
    width = (
        thick
        * (1 + 0.18 * smooth_noise(path * 1.1, rng))
        * np.minimum(1, 8 * np.minimum(along, 1 - along) + 0.3)
    )
    return tube("sauce", path, width, segments=12, flatten=0.75)


FORMS: tuple[Callable[[np.random.Generator, float], bpy.types.Object], ...] = (
    _dollop,
    _pool,
    _smear,
    _squeezed,
)


def _afloat(rng: np.random.Generator, radius: float, count: int, low: float, high: float) -> Array:
    """Draw places over a round surface, float (count, 3), at heights from low to high."""
    turn, reach = rng.uniform(0, 2 * np.pi, count), radius * np.sqrt(rng.uniform(0, 1, count))
    return np.column_stack([reach * np.cos(turn), reach * np.sin(turn), rng.uniform(low, high, count)])


def _spun(rng: np.random.Generator, count: int, tilt: float) -> Array:
    return np.column_stack([rng.normal(0, tilt, (count, 2)), rng.uniform(0, 2 * np.pi, count)])


def _drizzle(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    """A spiral of cream."""
    along = np.linspace(0, 1, 80)
    turn = 2 * np.pi * float(rng.uniform(1.2, 2.4)) * along + rng.uniform(0, 6)
    reach = radius * (0.12 + 0.6 * along)
    path = np.column_stack([reach * np.cos(turn), reach * np.sin(turn), np.full(80, -0.03)])
    width = (
        0.16
        * (1 + 0.5 * smooth_noise(path * 0.8, rng))
        * np.minimum(1, 6 * np.minimum(along, 1 - along) + 0.2)
    )
    cream = material("cream", Look(((246, 240, 226),), roughness=0.3, coat=0.4))
    return give(tube("drizzle", path, width, segments=10, flatten=0.5), cream)


def _herbs(rng: np.random.Generator, radius: float, count: int) -> bpy.types.Object:
    """Chopped green leaves."""
    outline = rounded_outline(rng, 0.24, 0.13, 0.2, 8)
    leaf = slab("leaf", outline, 0.03)
    give(leaf, material("herb", Look(((44, 84, 26), (86, 130, 48)), by_piece=0.9, roughness=0.5)))
    return copies("herbs", [leaf], _afloat(rng, radius, count, 0.0, 0.05), _spun(rng, count, 0.25), 1.0, rng)


def _droplets(rng: np.random.Generator, radius: float, count: int) -> bpy.types.Object:
    """Drops of fat on a broth."""
    profile = np.array([(0.2, 0.0), (0.17, 0.012), (0.1, 0.02), (0.0, 0.024)])
    drop = lathe("drop", profile, segments=16)
    give(
        drop,
        material("fat", Look(((212, 150, 60), (226, 176, 90)), by_piece=1, roughness=0.03, transmission=0.7)),
    )
    sizes = rng.uniform(0.3, 1.4, count)
    return copies("fat", [drop], _afloat(rng, radius, count, 0.0, 0.01), np.zeros((count, 3)), sizes, rng)


def _rings(rng: np.random.Generator, radius: float, count: int) -> bpy.types.Object:
    """Sliced spring onion."""
    profile = np.array([(0.3, 0.0), (0.36, 0.06), (0.33, 0.14), (0.25, 0.14), (0.22, 0.07), (0.26, 0.0)])
    ring = lathe("ring", profile, segments=14)
    give(
        ring,
        material("onion", Look(((70, 122, 40), (150, 186, 92), (214, 226, 170)), by_piece=1, roughness=0.35)),
    )
    sizes = rng.uniform(0.6, 1.2, count)
    places = _afloat(rng, radius, count, -0.06, 0.02)
    return copies("rings", [ring], places, _spun(rng, count, 0.2), sizes, rng)


def _cubes(
    rng: np.random.Generator, radius: float, count: int, side: float, colours: Sequence[Colour]
) -> bpy.types.Object:
    """Diced food, half sunk."""
    half = side / 2
    cube = slab(
        "cube", np.array([(-half, -half), (half, -half), (half, half), (-half, half)]), side, bevel=0.1 * side
    )
    give(cube, material("cube", Look(tuple(colours), by_piece=0.6, roughness=0.4, coat=0.4, bump=0.02)))
    places = _afloat(rng, radius, count, -0.95 * side, -0.65 * side)
    sizes = rng.uniform(0.75, 1.15, count)
    return copies("cubes", [cube], places, _spun(rng, count, 0.2), sizes, rng)


FOODS: tuple[Food, ...] = (
    Food("ketchup", "ketchup", frozenset({WESTERN}), (2.2, 3.8), build_red_sauce),
    Food(
        "ketchup_in_dish", "ketchup", frozenset({WESTERN}), (2.0, 3.6), build_red_sauce_in_dish, liquid=True
    ),
    Food("chili_paste", "chili paste", frozenset({KOREAN}), (2.2, 3.8), build_red_sauce),
    Food(
        "chili_paste_in_dish",
        "chili paste",
        frozenset({KOREAN}),
        (2.0, 3.6),
        build_red_sauce_in_dish,
        liquid=True,
    ),
    Food("soup", "soup", frozenset({WESTERN, KOREAN}), (4.0, 8.0), build_soup, liquid=True),
)
