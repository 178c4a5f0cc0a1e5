"""Fries, bread, pancakes and cheese."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import WESTERN, Food
from training.meals.geometry import (
    Array,
    Things,
    apply_modifiers,
    around_z,
    blob,
    copies,
    crumple,
    joined,
    move,
    remove,
    rounded_outline,
    set_vertices,
    slab,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import WHITE, Look, blend, give, jitter, material, paint, painted
from training.meals.piling import Pile, scatter
from training.meals.solids import disc
from training.meals.surfaces import even_points

# French fries


def _fry(
    rng: np.random.Generator, length: float, width: float, crinkle: float, brown: float
) -> bpy.types.Object:
    steps = 40 if crinkle else 16
    along = np.linspace(-length / 2, length / 2, steps)
    fry = tube("fry", np.column_stack([along, 0 * along, 0 * along]), 1.0, segments=16)
    vertices = vertices_of(fry)
    around = np.abs(vertices[:, 1:])
    square = (around**5).sum(axis=1) ** (-1 / 5)
    end = np.abs(vertices[:, 0]) / (length / 2)
    half = width / 2 * rng.uniform(0.85, 1.15, 2)
    vertices[:, 1:] *= square[:, None] * half * (1 - 0.22 * end**8)[:, None]
    vertices[:, 2] += crinkle * np.sin(vertices[:, 0] * 2 * np.pi / 0.8) * np.sign(vertices[:, 2])
    bend = rng.normal(0, 0.012, 2)
    vertices[:, 1:] += bend * vertices[:, :1] ** 2
    vertices += 0.05 * np.column_stack([smooth_noise(vertices * 1.1, rng) for _ in range(3)])
    set_vertices(fry, vertices)
    toast = 0.55 * end**5 + 0.6 * smooth_noise(vertices * 0.7, rng) + 0.25 * smooth_noise(vertices * 3, rng)
    corner = np.clip(around.min(axis=1) * 3 - 1.2, 0, 1)
    toast += 0.3 * corner + brown + rng.normal(0, 0.12)
    colours = blend((250, 200, 84), (222, 140, 34), toast * 1.4)
    paint(fry, blend(colours, (140, 68, 16), 1.5 * toast - 0.9))
    return fry


def build_fries(rng: np.random.Generator, radius: float) -> Things:
    """A heap of french fries, thin or thick, straight or crinkled."""
    width = float(rng.choice([0.65, 0.85, 1.15]))
    crinkle = 0.09 if width > 0.8 and rng.random() < 0.35 else 0.0
    brown = rng.uniform(-0.05, 0.35)
    look = Look(roughness=0.42, coat=0.15, subsurface=0.12, depth=0.15, bump=0.04, bump_size=0.12)
    surface = painted("fries", look)
    pile = Pile(radius)
    count = int(rng.uniform(0.09, 0.16) * radius**3 / width**2) + 6
    aligned, heading = rng.uniform(0, 0.8), rng.uniform(0, np.pi)
    pieces = []
    for _ in range(min(count, 60)):
        length = min(rng.normal(6.5, 1.4), 1.3 * radius)
        fry = give(_fry(rng, max(length, 2.5), width, crinkle, brown), surface)
        yaw = heading + rng.normal(0, 0.5) if rng.random() < aligned else rng.uniform(0, 2 * np.pi)
        turn = (rng.choice([0, np.pi / 2]), 0.0, yaw)
        pieces.append(pile.drop(fry, scatter(rng, radius * 0.65, 10), turn, slide=0.4, tilt=0.15, sink=0.1))
    return [joined("fries", pieces)]


# Bread


def _loaf_outline(rng: np.random.Generator, radius: float) -> Array:
    shoulder = rng.uniform(0.8, 1.0)
    corners = np.array(
        [
            (-0.78, -0.8),
            (0.78, -0.8),
            (0.78, 0.2),
            (shoulder, 0.5),
            (0.66, 0.82),
            (0, 0.86 + 0.1 * rng.random()),
            (-0.66, 0.82),
            (-shoulder, 0.5),
            (-0.78, 0.2),
        ]
    )
    closed = np.vstack([corners, corners[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    even = np.linspace(0, length[-1], 144, endpoint=False)
    outline = np.column_stack([np.interp(even, length, closed[:, k]) for k in range(2)])
    kernel = np.hanning(13) / np.hanning(13).sum()
    smooth = np.column_stack(
        [
            np.convolve(np.r_[outline[-6:, k], outline[:, k], outline[:6, k]], kernel, "valid")
            for k in range(2)
        ]
    )
    return smooth * radius


def _bread_slice(
    rng: np.random.Generator,
    outline: Array,
    thickness: float,
    crumb: tuple[float, float, float],
    toast: float,
) -> bpy.types.Object:
    piece, share = disc("bread", outline, thickness, 0.14, 18)
    vertices = vertices_of(piece)
    grain = 0.35 * smooth_noise(vertices * 0.6, rng) + 0.25 * smooth_noise(vertices * 3.5, rng)
    face = blend(crumb, (206, 140, 66), toast * (1 + grain) - 0.8 * (share - 0.6) ** 2)
    face = blend(face, np.asarray(crumb) * 0.86, 0.5 * grain)
    crust = blend((196, 124, 56), (126, 66, 24), 0.5 + 1.2 * grain)
    paint(piece, blend(face, crust, (share - 0.94) / 0.03))
    crumple(piece, rng, 0.09, 0.35)
    vertices = vertices_of(piece)
    vertices[:, 2] += 0.02 * smooth_noise(vertices * 4, rng)
    set_vertices(piece, vertices)
    look = Look((WHITE, (228, 220, 208), WHITE), 0.25, roughness=0.85, bump=0.16, bump_size=0.18)
    return give(piece, painted("bread", look))


def _roll(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    long = rng.uniform(1.0, 1.5)
    roll = blob("roll", rng, (radius, radius / long, radius * 0.62), 0.05, 1.0, subdivisions=5)
    vertices = vertices_of(roll)
    low = vertices[:, 2] < 0
    vertices[low, 2] *= 0.45
    cut = np.exp(-((vertices[:, 1] / (0.16 * radius)) ** 2)) * (vertices[:, 2] > 0)
    cut *= (rng.random() < 0.6) * np.clip(1.4 - np.abs(vertices[:, 0]) / radius * 1.6, 0, 1)
    vertices[:, 2] -= 0.14 * radius * cut
    set_vertices(roll, vertices)
    high = vertices[:, 2] / (radius * 0.62) + 0.2 * smooth_noise(vertices * 0.8, rng)
    crust = blend((232, 184, 112), (176, 98, 36), 0.3 + 0.9 * high)
    paint(roll, blend(crust, (244, 214, 158), cut * 0.8 + 0.15 * smooth_noise(vertices * 3, rng)))
    return give(roll, painted("roll", Look(roughness=0.45, coat=0.2, bump=0.04, bump_size=0.35)))


def build_bread(rng: np.random.Generator, radius: float) -> Things:
    """Slices of a loaf or a baguette, or rolls."""
    shape = rng.choice(["loaf", "baguette", "roll"])
    pile = Pile(radius, 0.2)
    if shape == "roll":
        count = int(rng.integers(1, 4)) if radius > 4.5 else 1
        size = radius * (0.85 if count == 1 else 0.5)
        turns = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 6)
        ring = 0.0 if count == 1 else size * 0.95
        return [
            pile.drop(_roll(rng, size), (ring * np.cos(t), ring * np.sin(t)), (0, 0, rng.uniform(0, 6)))
            for t in turns
        ]
    crumb = jitter(rng, (246, 222, 168) if rng.random() < 0.75 else (200, 152, 96), 6)
    toast = float(rng.choice([0.0, 0.5, 0.9]))
    thick, heading = rng.uniform(1.1, 1.5), rng.uniform(0, 2 * np.pi)
    if shape == "loaf":
        outline = _loaf_outline(rng, radius * 0.9)
        return [
            pile.drop(
                _bread_slice(rng, outline * rng.uniform(0.97, 1.03), thick, crumb, toast),
                scatter(rng, 0.15 * radius),
                (0, 0, heading + rng.normal(0, 0.35)),
            )
            for _ in range(int(rng.integers(1, 4)))
        ]
    size, step = min(3.2, radius * 0.58), thick * rng.uniform(1.3, 1.9)
    outline = rounded_outline(rng, size, size * rng.uniform(0.72, 0.85), 0.07, 96)
    count = int(np.clip(2 * (radius - 0.8 * size) / step + 1, 2, 6))
    slices = [_bread_slice(rng, outline * rng.uniform(0.95, 1.03), thick, crumb, toast) for _ in range(count)]
    along = (np.arange(count) - (count - 1) / 2) * step
    pile.shingle(slices, np.column_stack([along * np.cos(heading), along * np.sin(heading)]), thick)
    return slices


# Pancakes


def _pancake(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    thick = rng.uniform(0.9, 1.3)
    cake, share = disc("pancake", rounded_outline(rng, radius, radius, 0.05, 110), thick, thick * 0.45, 24)
    vertices = vertices_of(cake)
    mottle = 0.4 * smooth_noise(vertices * 0.7, rng) + 0.3 * smooth_noise(vertices * 2.2, rng)
    face = blend((206, 124, 42), (120, 56, 14), 0.45 + 0.9 * mottle)
    rim = blend((250, 212, 118), (234, 172, 70), 0.3 + mottle)
    paint(cake, blend(face, rim, (share + 0.06 * mottle - 0.85) / 0.05))
    crumple(cake, rng, 0.1, 0.4)
    look = Look(roughness=0.6, subsurface=0.1, depth=0.2, bump=0.04, bump_size=0.18)
    return give(cake, painted("pancake", look))


def _syrup(rng: np.random.Generator, radius: float, base: float) -> bpy.types.Object:
    turn = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    reach = radius * (0.62 + 0.12 * smooth_noise(circle * 1.2, rng))
    for _ in range(int(rng.integers(4, 8))):
        off = np.angle(np.exp(1j * (turn - rng.uniform(0, 2 * np.pi))))
        reach += radius * rng.uniform(0.35, 0.75) * np.exp(-((off / rng.uniform(0.09, 0.16)) ** 2))
    pool, _ = disc("syrup", reach[:, None] * circle[:, :2], 0.14, 0.07, 40)
    vertices = vertices_of(pool)
    out, _ = around_z(vertices)
    edge = radius - 0.35
    beyond = np.maximum(out - edge, 0)
    bent = np.minimum(beyond / 0.55, np.pi / 2)
    new_out = np.minimum(out, edge) + 0.55 * np.sin(bent)
    drop = 0.55 * (1 - np.cos(bent)) + np.maximum(beyond - 0.55 * np.pi / 2, 0)
    vertices[:, :2] *= (new_out / np.maximum(out, 1e-6))[:, None]
    vertices[:, :2] *= (1 + (vertices[:, 2] * np.sin(bent) / np.maximum(new_out, 1e-6)))[:, None]
    vertices[:, 2] = base + vertices[:, 2] * np.cos(bent) - drop
    set_vertices(pool, np.column_stack([vertices[:, :2], np.maximum(vertices[:, 2], 0.02)]))
    amber = jitter(rng, (150, 68, 12), 10)
    return give(pool, material("syrup", Look((amber,), roughness=0.08, coat=1.0, transmission=0.55)))


def build_pancakes(rng: np.random.Generator, radius: float) -> Things:
    """A stack of pancakes with syrup and butter."""
    pile = Pile(radius, 0.2)
    count = int(rng.integers(2, 6))
    cakes = [
        pile.drop(
            _pancake(rng, radius * rng.uniform(0.88, 0.96)), scatter(rng, 0.06 * radius), tilt=0.04, sink=0.1
        )
        for _ in range(count)
    ]
    last = vertices_of(cakes[-1])
    middle, top = last.mean(axis=0), last[:, 2].max()
    extras = []
    if rng.random() < 0.6:
        extras.append(move(_syrup(rng, radius * 0.93, top - 0.1), (*middle[:2], 0)))
    if rng.random() < 0.65:
        side, thick = rng.uniform(1.4, 2.1), rng.uniform(0.6, 1.0)
        corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
        pat = slab("butter", corner, thick, 0.18)
        turn = (0, 0, rng.uniform(0, 1.5))
        move(pat, (*(middle[:2] + rng.normal(0, 0.4, 2)), top - 0.1), turn)
        butter = Look(((252, 226, 120),), roughness=0.3, coat=0.4, subsurface=0.3, depth=0.4)
        extras.append(give(pat, material("butter", butter)))
    return [joined("pancakes", [*cakes, *extras])]


# Cheese


def _bore(rng: np.random.Generator, thing: bpy.types.Object, count: int, sizes: tuple[float, float]) -> None:
    spots = even_points(thing, 0.3)
    ball = blob("hole", rng, (1, 1, 1), 0.03, subdivisions=3)
    places: list[Array] = []
    radii: list[float] = []
    for _ in range(count * 12):
        place, size = spots[int(rng.integers(len(spots)))], rng.uniform(*sizes)
        if len(places) < count and all(
            np.linalg.norm(place - other) > size + radius + 0.08
            for other, radius in zip(places, radii, strict=True)
        ):
            places.append(place)
            radii.append(float(size))
    holes = copies("holes", [ball], np.array(places), np.zeros((len(places), 3)), np.array(radii), rng)
    modifier = thing.modifiers.new("holes", "BOOLEAN")
    modifier.operation, modifier.object = "DIFFERENCE", holes
    apply_modifiers(thing)
    remove([holes])


def _cheese_slice(rng: np.random.Generator, side: float, holes: bool) -> bpy.types.Object:
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    square = np.maximum(np.abs(np.cos(turn)), np.abs(np.sin(turn)))
    outline = np.column_stack([np.cos(turn), np.sin(turn)]) / square[:, None] * side / 2
    slice_, _ = disc("cheese", outline, rng.uniform(0.22, 0.32), 0.06, 14)
    if holes:
        _bore(rng, slice_, 9, (0.25, 0.6))
    return slice_


def build_cheese(rng: np.random.Generator, radius: float) -> Things:
    """Wedges with holes, slices or cubes."""
    shape = rng.choice(["wedge", "slices", "cubes"])
    tint = jitter(rng, ((236, 168, 20), (244, 202, 76), (236, 146, 0))[int(rng.integers(3))], 8)
    pale = jitter(rng, tint, 5)
    look = Look(
        (tint, pale), 1.5, roughness=0.42, coat=0.08, subsurface=0.1, depth=0.2, bump=0.008, bump_size=0.15
    )
    surface = material("cheese", look)
    pile = Pile(radius)
    pieces = []
    if shape == "wedge":
        for k in range(1 if radius < 3.5 else int(rng.integers(1, 3))):
            length, half = radius * (1.5 if k == 0 else 1.1), rng.uniform(0.28, 0.42)
            arc = np.linspace(-half, half, 12)
            outline = np.vstack([[[0, 0]], length * np.column_stack([np.cos(arc), np.sin(arc)])])
            wedge = slab("cheese", outline - [length * 0.55, 0], radius * rng.uniform(0.45, 0.65), 0.08)
            wedge.data.polygons.foreach_set("use_smooth", np.zeros(len(wedge.data.polygons), bool))
            _bore(rng, wedge, int(rng.integers(16, 30)), (0.15, 0.55))
            place = (0.0, 0.0) if k == 0 else (0.2 * radius, -0.55 * radius)
            pieces.append(pile.drop(give(wedge, surface), place, (0, 0, rng.uniform(0, 6.28)), tilt=0.1))
        return pieces
    if shape == "slices":
        count, side = int(rng.integers(2, 6)), radius * 1.25
        holes, heading = rng.random() < 0.5, rng.uniform(0, 6.28)
        for k in range(count):
            slice_ = _cheese_slice(rng, side, holes)
            off = (k - (count - 1) / 2) * 0.8 * radius / count
            place = (off * np.cos(heading), off * np.sin(heading))
            pieces.append(pile.drape(give(slice_, surface), place, heading + rng.normal(0, 0.25), 1.5))
        return pieces
    side = rng.uniform(1.2, 1.8)
    for _ in range(int(np.clip(1.6 * (radius / side) ** 2, 4, 26) * rng.uniform(0.7, 1.1)) + 1):
        edge = side * rng.uniform(0.85, 1.15, 2)
        corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * edge / 2
        cube = give(slab("cheese", corner, side * rng.uniform(0.85, 1.1), 0.08), surface)
        turn = (0.0, 0.0, rng.uniform(0, 6.28))
        pieces.append(pile.drop(cube, scatter(rng, radius * 0.75, 2), turn, slide=0.4, tilt=0.3))
    return pieces


FOODS: tuple[Food, ...] = (
    Food("fries", "french fries", frozenset({WESTERN}), (4.0, 6.5), build_fries),
    Food("bread", "bread", frozenset({WESTERN}), (4.0, 6.0), build_bread),
    Food("pancakes", "cake", frozenset({WESTERN}), (5.0, 7.0), build_pancakes),
    Food("cheese", "cheese butter", frozenset({WESTERN}), (2.8, 5.0), build_cheese),
)
