"""Western meat dishes: sausages, roast, steak, fried chicken."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import WESTERN, Food
from training.meals.geometry import (
    Array,
    Things,
    around_z,
    blob,
    crumple,
    lathe,
    move,
    rounded_outline,
    set_vertices,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import WHITE, Colour, Look, blend, give, jitter, paint, painted
from training.meals.piling import Pile, scatter
from training.meals.solids import disc

# Sausages


def _sausage_piece(
    rng: np.random.Generator,
    length: float,
    width: float,
    skin: tuple[Colour, Colour],
    char: float,
    scored: bool,
) -> bpy.types.Object:
    along = np.linspace(-1, 1, 72)
    radii = width / 2 * (1 - np.abs(along) ** (length / width * 2.2)) ** 0.5
    radii = np.maximum(radii, 0.12 * width * (1 - np.abs(along) * 0.5))
    bend = rng.uniform(0.0, 0.14) * length
    path = np.column_stack([along * length / 2, bend * along**2, 0 * along])
    path += 0.12 * width * smooth_noise(path * 0.3, rng)[:, None] * [0, 1, 0]
    link = tube("sausage", path, radii, segments=28)
    vertices = vertices_of(link)
    unbent = vertices - np.column_stack(
        [0 * vertices[:, 0], bend * (vertices[:, 0] * 2 / length) ** 2, 0 * vertices[:, 0]]
    )
    side = np.arctan2(unbent[:, 2], unbent[:, 1])
    end = np.clip((np.abs(vertices[:, 0]) - length / 2 + width * 0.45) / (width * 0.45), 0, 1)
    mottle = 0.5 * smooth_noise(vertices * 0.8, rng) + 0.3 * smooth_noise(vertices * 2.5, rng)
    band = np.exp(-((np.angle(np.exp(1j * (side - rng.uniform(0.4, 2.6)))) / 0.7) ** 2))
    colours = blend(skin[0], skin[1], 0.5 + mottle)
    colours = blend(colours, (72, 26, 12), char * (1.3 * band + 0.5 * end + 1.6 * mottle))
    if scored:
        gap = length / int(rng.integers(4, 7))
        across = ((vertices[:, 0] + 0.7 * unbent[:, 1]) / gap + 0.5) % 1 - 0.5
        cut = np.exp(-((across * gap / (0.09 * width)) ** 2)) * (unbent[:, 2] > -0.05) * (end < 0.4)
        colours = blend(colours, (232, 168, 122), cut * 1.2)
        colours = blend(
            colours, (84, 34, 16), np.exp(-((across * gap / (0.2 * width)) ** 2)) * (cut > 0) - cut
        )
        vertices[:, 1:] -= 0.1 * width * cut[:, None] * (unbent[:, 1:] / (width / 2))
    paint(link, blend(colours, (110, 58, 30), (end - 0.8) * 3))
    set_vertices(link, vertices)
    return link


def build_sausage(rng: np.random.Generator, radius: float) -> Things:
    """Sausages, long or small, browned, some of them scored."""
    kinds: tuple[tuple[Colour, Colour], ...] = (
        ((168, 74, 38), (206, 112, 62)),
        ((176, 58, 32), (208, 84, 48)),
        ((188, 130, 84), (214, 162, 114)),
    )
    pale, dark = kinds[int(rng.integers(3))]
    skin = (jitter(rng, pale, 8), jitter(rng, dark, 8))
    small = rng.random() < 0.35
    length = rng.uniform(4.0, 5.5) if small else 2 * radius * rng.uniform(0.88, 0.98)
    width = length / rng.uniform(3.0, 3.8) if small else rng.uniform(2.0, 2.8)
    count = int(0.25 * radius**2 * rng.uniform(0.6, 1.1)) if small else int(rng.integers(1, 4))
    char, scored = rng.uniform(0.15, 1.0), rng.random() < 0.4
    look = Look(roughness=0.3, coat=0.5, bump=0.02, bump_size=0.2)
    surface, pile, pieces = painted("sausage", look), Pile(radius), []
    heading = rng.uniform(0, np.pi)
    for k in range(count):
        link = give(_sausage_piece(rng, length * rng.uniform(0.93, 1.0), width, skin, char, scored), surface)
        if small:
            place, yaw = scatter(rng, 0.55 * radius, 3), heading + rng.normal(0, 0.5)
        else:
            off = (k - (count - 1) / 2) * width * 1.02
            place, yaw = (
                np.array([-off * np.sin(heading), off * np.cos(heading)]),
                heading + rng.normal(0, 0.06),
            )
        pieces.append(pile.drop(link, place, (rng.normal(0, 0.12), 0, yaw), slide=0.2, tilt=0.1))
    return pieces


# Slices of roast and of steak


def _slice_places(rng: np.random.Generator, count: int, step: float) -> tuple[Array, float]:
    heading, curve = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.25)
    along = (np.arange(count) - (count - 1) / 2) * step
    across = curve * (along**2 - (along**2).mean()) / max(step * count / 2, 1)
    c, s = np.cos(heading), np.sin(heading)
    return np.column_stack([along * c - across * s, along * s + across * c]), heading


def _roast_slice(rng: np.random.Generator, outline: Array, belly: bool, lean: Colour) -> bpy.types.Object:
    piece, share = disc("pork", outline, rng.uniform(0.45, 0.7), 0.12, 26)
    vertices = vertices_of(piece)
    grain = 0.5 * smooth_noise(vertices * [0.6, 1.6, 0.6], rng) + 0.35 * smooth_noise(
        vertices * [1.5, 5, 1.5], rng
    )
    meat = blend(lean, np.asarray(lean) * [0.84, 0.78, 0.72], 0.5 + grain)
    fat = jitter(rng, (244, 222, 190), 5)
    high = np.abs(outline[:, 1]).max()
    if belly:
        level = vertices[:, 1] / high + 0.12 * smooth_noise(vertices * 0.6, rng)
        layers = np.sin(level * rng.uniform(6, 8) + rng.uniform(0, 6))
        meat = blend(meat, fat, (layers - 0.15) * 3)
        rind = (level - 0.72) / 0.08
    else:
        seam = np.abs(smooth_noise(vertices * 0.45, rng))
        meat = blend(meat, fat, 0.8 - seam * 14)
        meat = blend(
            meat,
            fat,
            (share + 0.12 * smooth_noise(vertices * 0.7, rng) + 0.25 * vertices[:, 1] / high - 1.0) * 9,
        )
        rind = (share - 0.93) / 0.03
    crust = blend((150, 82, 36), (78, 36, 16), 0.5 + 1.2 * grain)
    paint(piece, blend(meat, crust, rind * (1 if belly else 0.9 + 0.4 * grain)))
    crumple(piece, rng, 0.12, 0.5)
    return piece


def build_roast(rng: np.random.Generator, radius: float) -> Things:
    """Slices of roast pork or of pork belly."""
    belly = rng.random() < 0.3
    long, high = radius * rng.uniform(0.55, 0.68), radius * rng.uniform(0.42, 0.55)
    lean = jitter(rng, (214, 158, 122) if rng.random() < 0.6 else (196, 140, 106), 8)
    count = int(rng.integers(4, 8))
    places, heading = _slice_places(rng, count, 2 * (radius - high) / count)
    surface = painted(
        "pork",
        Look(roughness=0.38, coat=0.3, subsurface=0.08, depth=0.15, bump=0.05, bump_size=0.16),
    )
    pile, pieces = Pile(radius), []
    base = rounded_outline(rng, long, high, 0.12, 110)
    for place in places:
        outline = base * rng.uniform(0.92, 1.05, 2)
        if belly:
            turn = np.linspace(0, 2 * np.pi, 110, endpoint=False)
            square = (np.abs(np.cos(turn)) ** 5 + np.abs(np.sin(turn)) ** 5) ** (-1 / 5)
            outline = np.column_stack([np.cos(turn) * long, np.sin(turn) * high * 0.8]) * square[:, None]
            outline *= (1 + 0.03 * smooth_noise(np.column_stack([outline, 0 * turn]) * 0.8, rng))[:, None]
        piece = give(_roast_slice(rng, outline, belly, lean), surface)
        pieces.append(pile.drape(piece, (place[0], place[1]), heading + np.pi / 2 + rng.normal(0, 0.12), 1.0))
    return pieces


def _seared(rng: np.random.Generator, vertices: Array, dark: float) -> Array:
    mottle = 0.5 * smooth_noise(vertices * 0.7, rng) + 0.35 * smooth_noise(vertices * 2.4, rng)
    mottle += 0.2 * smooth_noise(vertices * 6, rng)
    return blend((152, 88, 52), (62, 28, 15), dark + mottle)


def _whole_steak(rng: np.random.Generator, radius: float) -> bpy.types.Object:
    thick = rng.uniform(1.7, 2.6)
    outline = rounded_outline(rng, radius * 0.94, radius * rng.uniform(0.6, 0.75), 0.16, 150)
    steak, share = disc("steak", outline, thick, thick * 0.38, 40)
    vertices = vertices_of(steak)
    colours = _seared(rng, vertices, rng.uniform(0.35, 0.65))
    turn = rng.uniform(0, np.pi)
    fat_side = np.cos(around_z(vertices)[1] - rng.uniform(0, 6.28))
    fat = (
        (share - 0.86 + 0.05 * smooth_noise(vertices * 0.8, rng))
        * 14
        * (fat_side > 0.3)
        * np.clip(3 * fat_side - 0.9, 0, 1)
    )
    colours = blend(colours, blend((226, 176, 112), (168, 104, 50), 0.5 + smooth_noise(vertices, rng)), fat)
    if rng.random() < 0.7:
        for angle in (turn, turn + rng.choice([0.9, 1.2]))[: 1 + int(rng.random() < 0.6)]:
            across = vertices[:, 0] * np.cos(angle) + vertices[:, 1] * np.sin(angle)
            across += 0.08 * smooth_noise(vertices * 0.7, rng)
            gap = rng.uniform(1.1, 1.5)
            bar = np.exp(-((((across / gap + 0.5) % 1 - 0.5) * gap / 0.17) ** 2)) * (
                vertices[:, 2] > thick * 0.7
            )
            bar *= np.clip(0.8 + 0.8 * smooth_noise(vertices * 0.9, rng), 0.15, 1)
            colours = blend(colours, (26, 12, 8), bar * 1.1)
            vertices[:, 2] -= 0.07 * bar
    paint(steak, colours)
    vertices[:, 2] += np.where(vertices[:, 2] > thick / 2, 1, 0.1) * 0.16 * smooth_noise(vertices * 0.5, rng)
    set_vertices(steak, vertices)
    crumple(steak, rng, 0.07, 1.6)
    return steak


def _steak_slice(
    rng: np.random.Generator, long: float, high: float, thick: float, done: float
) -> bpy.types.Object:
    outline = rounded_outline(rng, long, high, 0.08, 110)
    square = (np.abs(outline / [long, high]) ** 3.5).sum(axis=1) ** (-1 / 3.5)
    outline *= (0.35 + 0.65 * square)[:, None]
    piece, share = disc("steak", outline, thick, 0.12, 26)
    vertices = vertices_of(piece)
    fibre = 0.5 * smooth_noise(vertices * [1.2, 5, 1.2], rng) + 0.4 * smooth_noise(vertices * 1.1, rng)
    inside = blend((178, 44, 44), (206, 96, 84), 0.45 + 0.8 * fibre)
    inside = blend(inside, (146, 98, 74), (share + 0.1 * fibre - done) / 0.22)
    inside = blend(inside, (230, 186, 160), 0.7 - np.abs(smooth_noise(vertices * 0.7, rng)) * 18)
    paint(piece, blend(inside, _seared(rng, vertices, 0.75), (share - 0.925) / 0.03))
    crumple(piece, rng, 0.1, 0.7)
    return piece


def build_steak(rng: np.random.Generator, radius: float) -> Things:
    """A whole steak, or slices pink inside."""
    look = Look(roughness=0.36, coat=0.45, bump=0.09, bump_size=0.2)
    surface, pile = painted("steak", look), Pile(radius)
    if rng.random() < 0.6:
        steak = give(_whole_steak(rng, radius), surface)
        return [pile.drop(steak, (0, 0), (0, 0, rng.uniform(0, 6.28)), tilt=0.05)]
    done, high, thick = rng.uniform(0.5, 0.85), rng.uniform(1.4, 1.9), rng.uniform(0.8, 1.2)
    step = thick * rng.uniform(1.5, 2.2)
    places, _ = _slice_places(rng, int(np.clip(2 * (radius - high) / step + 1, 3, 7)), step)
    slices = [
        give(_steak_slice(rng, radius * rng.uniform(0.5, 0.58), high, thick, done), surface) for _ in places
    ]
    pile.shingle(slices, places, thick)
    return slices


# Fried chicken


def _crust(rng: np.random.Generator, thing: bpy.types.Object, size: float, deep: float) -> None:
    vertices = vertices_of(thing)
    centre = vertices.mean(axis=0)
    rough = smooth_noise(vertices * 1.1, rng)
    flakes = 1 - 2 * np.abs(smooth_noise(vertices * 2.4, rng))
    fine = smooth_noise(vertices * 6, rng)
    out = vertices - centre
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    set_vertices(thing, vertices + size * out * (0.17 * rough + 0.14 * flakes + 0.07 * fine)[:, None])
    tone = deep + 0.5 * rough + 0.35 * flakes + 0.3 * fine
    colours = blend((104, 44, 10), (202, 108, 20), 0.75 - 0.5 * deep + 0.7 * (tone - deep))
    paint(thing, blend(colours, (236, 172, 66), (flakes + fine - 0.7 - 0.5 * deep) * 1.5))


def _drumstick(rng: np.random.Generator, length: float, deep: float) -> bpy.types.Object:
    bulb = length * rng.uniform(0.2, 0.25)
    along = np.array([0, 0.01, 0.05, 0.14, 0.28, 0.42, 0.56, 0.68, 0.78, 0.86, 0.93, 0.98, 1.0])
    wide = np.array([0, 0.25, 0.6, 0.9, 1.0, 0.95, 0.75, 0.52, 0.36, 0.3, 0.36, 0.3, 0]) * bulb
    even = np.linspace(0, 1, 64)
    profile = np.column_stack([np.interp(even, along, wide), even * length])
    leg = lathe("chicken", profile, segments=64)
    move(leg, turn=(0, np.pi / 2, 0))
    vertices = vertices_of(leg)
    vertices[:, 2] *= 0.85
    vertices[:, 1] += 0.1 * bulb * np.sin(vertices[:, 0] / length * 3)
    set_vertices(leg, vertices - [length / 2, 0, 0])
    _crust(rng, leg, 0.9, deep)
    return leg


def build_fried_chicken(rng: np.random.Generator, radius: float) -> Things:
    """Drumsticks, nuggets or chunks in a rough crust."""
    deep = rng.uniform(0.0, 0.6)
    look = Look(((205, 190, 175), WHITE), 0.35, roughness=0.5, coat=0.2, bump=0.2, bump_size=0.16)
    surface, pile, pieces = painted("chicken", look), Pile(radius), []
    shape = rng.choice(["drumsticks", "nuggets", "chunks"])
    if shape == "drumsticks":
        count = int(rng.integers(2, 5)) if radius > 5 else int(rng.integers(1, 3))
        heading = rng.uniform(0, 6.28)
        for k in range(count):
            leg = give(
                _drumstick(
                    rng, min(11.0, radius * (1.7 if count == 1 else 1.4)) * rng.uniform(0.9, 1.0), deep
                ),
                surface,
            )
            angle = heading + k * 2 * np.pi / count + rng.normal(0, 0.15)
            ring = 0.0 if count == 1 else 0.36 * radius
            place = (-ring * np.cos(angle), -ring * np.sin(angle))
            pieces.append(
                pile.drop(leg, place, (rng.uniform(0, 6.28), 0, angle), slide=0.4, tilt=0.1, sink=0.1)
            )
        return pieces
    nugget = shape == "nuggets"
    size = rng.uniform(2.0, 2.4) if nugget else rng.uniform(1.9, 2.6)
    count = int(np.clip(rng.uniform(0.7, 1.1) * (radius / size) ** 2, 2, 9))
    for _ in range(count):
        long = size * rng.uniform(0.85, 1.15)
        thick = long * (rng.uniform(0.4, 0.5) if nugget else rng.uniform(0.5, 0.7))
        piece = blob("chicken", rng, (long, long * rng.uniform(0.65, 0.85), thick), 0.32, 1.1, 5)
        _crust(rng, piece, 0.55 if nugget else 1.2, deep)
        turn = (0.0 if nugget else rng.uniform(0, 6.28), 0.0, rng.uniform(0, 6.28))
        pieces.append(
            pile.drop(give(piece, surface), scatter(rng, radius - size * 1.1, 12), turn, 0.5, 0.2, 0.1)
        )
    return pieces


FOODS: tuple[Food, ...] = (
    Food("sausage", "sausage", frozenset({WESTERN}), (5.5, 8.0), build_sausage),
    Food("roast_slices", "pork", frozenset({WESTERN}), (5.0, 7.0), build_roast),
    Food("steak", "steak", frozenset({WESTERN}), (5.5, 7.5), build_steak),
    Food("fried_chicken", "chicken duck", frozenset({WESTERN}), (4.5, 7.0), build_fried_chicken),
)
