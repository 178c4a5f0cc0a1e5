"""Things on a table that are not food: cutlery, cups, glasses, bottles, napkins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy
import numpy as np

from training.meals.geometry import add_mesh, lathe, slab, smooth_noise, smooth_surface, tube
from training.meals.materials import Colour, give, jitter
from training.meals.serve import draw_vessel
from training.meals.setting import LONG, Clutter
from training.meals.shading import Shader
from training.meals.shapes import Array, outline
from training.meals.tables import PALE, STRONG, cloth
from training.meals.tableware import GLAZES, WHITES, WOODS, build_vessel, wooden

METALS: tuple[Colour, ...] = (
    (208, 208, 210),
    (208, 208, 210),
    (208, 208, 210),
    (222, 186, 120),
    (60, 60, 62),
)


def build_clutter(thing: Clutter) -> list[bpy.types.Object]:
    """Build a thing at the origin, standing or lying on z = 0."""
    return BUILDERS[thing.kind](np.random.default_rng(thing.seed))


def _metal(rng: np.random.Generator) -> bpy.types.Material:
    colour = METALS[int(rng.integers(len(METALS)))]
    shader = Shader("metal", metallic=1.0, roughness=float(rng.uniform(0.1, 0.32)))
    return shader.colour(jitter(rng, colour, 4)).material


def _strip(
    name: str, ys: Array, widths: Array, rises: Array, dips: Array, thickness: float
) -> bpy.types.Object:
    """Make a bent blade along y from its half widths, the heights of its middle and the rise of its edges."""
    across = np.linspace(-1, 1, 9)
    vertices = np.stack(
        [
            widths[:, None] * across,
            np.broadcast_to(ys[:, None], (len(ys), 9)),
            rises[:, None] + dips[:, None] * across**2,
        ],
        axis=-1,
    )
    faces = [
        [i * 9 + j, i * 9 + j + 1, (i + 1) * 9 + j + 1, (i + 1) * 9 + j]
        for i in range(len(ys) - 1)
        for j in range(8)
    ]
    strip = add_mesh(name, vertices.reshape(-1, 3), faces)
    modifier = strip.modifiers.new("solidify", "SOLIDIFY")
    modifier.thickness, modifier.offset = thickness, 1.0
    smooth_surface(strip, 1)
    return strip


def _along(ys: Array, knots: list[tuple[float, float]]) -> Array:
    at, values = np.array(knots).T
    return np.asarray(np.interp(ys, at, values))


def _spoon(rng: np.random.Generator) -> list[bpy.types.Object]:
    half = LONG["spoon"]
    ys = np.linspace(-half, half, 49)
    bowl = np.sqrt(np.clip(1 - ((ys - (half - 2.9)) / 2.9) ** 2, 0.004, 1)) * float(rng.uniform(1.7, 2.1))
    stem = _along(ys, [(-half, 0.95), (-half + 3, 0.75), (half - 8, 0.38), (half - 4.5, 0.42), (half, 0.05)])
    rises = _along(ys, [(-half, 0.25), (0, 0.9), (half - 6, 0.95), (half - 3, 0.1), (half, 0.75)])
    dips = np.where(bowl > 0.6, 0.65 * np.clip(bowl / 1.9, 0, 1), 0.0)
    spoon = _strip("spoon", ys, np.maximum(bowl, stem), rises, dips, 0.16)
    return [give(spoon, _metal(rng))]


def _fork(rng: np.random.Generator) -> list[bpy.types.Object]:
    half = LONG["fork"]
    ys = np.linspace(-half, half - 4.6, 41)
    widths = _along(
        ys,
        [
            (-half, 0.95),
            (-half + 3, 0.75),
            (half - 9, 0.36),
            (half - 7, 0.6),
            (half - 5.6, 1.22),
            (half, 1.25),
        ],
    )
    rises = _along(ys, [(-half, 0.25), (0, 0.9), (half - 8, 1.1), (half - 4.6, 0.45)])
    steel = _metal(rng)
    parts = [give(_strip("fork", ys, widths, rises, np.zeros_like(ys), 0.16), steel)]
    share = np.linspace(0, 1, 9)
    for x in np.linspace(-1.0, 1.0, 4):
        path = np.column_stack(
            [
                np.full(9, x),
                half - 4.8 + 4.8 * share,
                0.52 - 0.42 * np.sin(np.pi * 0.65 * share) + 0.75 * share**2,
            ]
        )
        parts.append(give(tube("tine", path, 0.2 - 0.13 * share**2, segments=8, flatten=0.6), steel))
    return parts


def _knife(rng: np.random.Generator) -> list[bpy.types.Object]:
    half = LONG["knife"]
    ys = np.linspace(-half, half, 61)
    tip = np.sqrt(np.clip((half - ys) / 2.5, 0.01, 1))
    widths = _along(ys, [(-half, 0.8), (-2, 0.62), (-0.5, 0.55), (0.5, 0.95), (half, 0.95)]) * tip
    steel = _metal(rng)
    blade = _strip("knife", ys[26:], widths[26:], 0.12 + 0 * ys[26:], 0 * ys[26:], 0.1)
    path = np.column_stack([np.zeros(26), ys[:26], np.full(26, 0.36)])
    handle = tube("handle", path, widths[:26], segments=16, flatten=0.42)
    grip = steel if rng.random() < 0.7 else wooden("grip", rng, (40, 26, 20), (88, 58, 40), 0.4)
    return [give(blade, steel), give(handle, grip)]


def _chopsticks(rng: np.random.Generator) -> list[bpy.types.Object]:
    half = LONG["chopsticks"]
    if rng.random() < 0.35:
        stuff = _metal(rng)
    elif rng.random() < 0.6:
        dark, light = WOODS[int(rng.integers(len(WOODS)))]
        stuff = wooden("chopsticks", rng, dark, light, 0.4)
    else:
        shader = Shader("lacquer", roughness=0.15)
        stuff = shader.colour(
            jitter(rng, ((30, 24, 24), (120, 24, 24), (60, 30, 20))[int(rng.integers(3))], 6)
        ).material
    ys = np.linspace(-half, half, 13)
    radii = np.linspace(0.38, 0.17, 13)
    lean = float(rng.uniform(-0.035, 0.035))
    sticks = []
    for side in (-0.5, 0.5):
        path = np.column_stack([side + lean * np.sign(side) * ys, ys, radii])
        sticks.append(give(tube("chopstick", path, radii, segments=8), stuff))
    return sticks


def _turned(name: str, outer: list[tuple[float, float]], wall: float) -> bpy.types.Object:
    """Make a hollow vessel of revolution from its outer profile."""
    radii, heights = np.array(outer).T
    base = heights[0] + 2 * wall
    inner = [(max(r - wall, 0.05), z) for r, z in outer[::-1] if z > base]
    bottom = max(float(np.interp(base, heights, radii)) - wall, 0.05)
    return _lathe(name, [(0.0, heights[0]), *outer, *inner, (bottom, base), (0.0, base)])


def _lathe(name: str, profile: Sequence[tuple[float, float]]) -> bpy.types.Object:
    """Make a surface of revolution whose smooth shading keeps the corners of the profile sharp."""
    corners = np.array(profile)
    ends = [corners[:-1] + share * np.diff(corners, axis=0) for share in (0.0, 0.06, 0.94)]
    return lathe(name, np.concatenate([np.stack(ends, axis=1).reshape(-1, 2), corners[-1:]]), segments=64)


def _cup(rng: np.random.Generator) -> list[bpy.types.Object]:
    """Make an empty mug."""
    palette = WHITES if rng.random() < 0.5 else GLAZES
    colour = jitter(rng, palette[int(rng.integers(len(palette)))], 6)
    stuff = Shader("cup", roughness=float(rng.uniform(0.1, 0.4)), coat_weight=0.3).colour(colour).material
    radius, height = float(rng.uniform(3.4, 4.2)), float(rng.uniform(6.0, 9.5))
    low = radius * float(rng.uniform(0.6, 0.98))
    body = _turned(
        "cup",
        [
            (low * 0.8, 0.0),
            (low, 0.6),
            (low * 0.4 + radius * 0.6, height * 0.4),
            (radius, height * 0.9),
            (radius, height),
        ],
        0.3,
    )
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 15)
    path = np.column_stack(
        [0.93 * radius + 2.2 * np.cos(turn), np.zeros(15), 0.52 * height + 0.3 * height * np.sin(turn)]
    )
    return [give(body, stuff), give(tube("handle", path, 0.42, segments=10), stuff)]


def _glass(tint: Colour = (255, 255, 255)) -> bpy.types.Material:
    return Shader("glass", roughness=0.0, transmission_weight=1.0, ior=1.45).colour(tint).lets_light_through()


def _tumbler(rng: np.random.Generator) -> list[bpy.types.Object]:
    """A glass, often with water in it."""
    radius, height = float(rng.uniform(2.8, 3.7)), float(rng.uniform(8, 13))
    low = radius * float(rng.uniform(0.75, 1.0))
    body = _turned("tumbler", [(low * 0.95, 0.0), (low, 0.4), (radius, height)], 0.22)
    parts = [give(body, _glass())]
    if rng.random() < 0.6:
        level = height * float(rng.uniform(0.3, 0.85))
        at = low + (radius - low) * level / height - 0.24
        water = _lathe("water", [(0, 0.6), (low - 0.26, 0.6), (at, level), (0, level)])
        parts.append(
            give(
                water, Shader("water", roughness=0.0, transmission_weight=1.0, ior=1.33).lets_light_through()
            )
        )
    return parts


def _wine_glass(rng: np.random.Generator) -> list[bpy.types.Object]:
    """An empty glass on a stem."""
    wide, tall = float(rng.uniform(3.3, 4.1)), float(rng.uniform(8, 11))
    stem = float(rng.uniform(6, 9))
    share = np.linspace(0.05, 1, 14)
    belly = wide * np.sin(np.pi * (0.12 + 0.62 * share)) ** 0.8
    outer = [(r, stem + tall * s) for r, s in zip(belly, share, strict=True)]
    bowl = _turned("bowl", outer, 0.12)
    foot = _lathe(
        "stem",
        [
            (0, 0),
            (3.4, 0),
            (3.4, 0.12),
            (0.7, 0.5),
            (0.36, 1.4),
            (0.34, stem),
            (0.7, stem + 0.5),
            (0, stem + 0.6),
        ],
    )
    glass = _glass()
    return [give(bowl, glass), give(foot, glass)]


def _bottle(rng: np.random.Generator) -> list[bpy.types.Object]:
    """A bottle of water, or one of coloured glass, with a cap and a paper label."""
    radius, height = float(rng.uniform(2.9, 3.7)), float(rng.uniform(17, 24))
    shoulder = height * float(rng.uniform(0.6, 0.72))
    tint = ((255, 255, 255), (60, 96, 60), (96, 60, 30), (190, 214, 214))[int(rng.integers(4))]
    body = _lathe(
        "bottle",
        [
            (0, 0),
            (radius * 0.9, 0),
            (radius, 0.5),
            (radius, shoulder),
            (radius * 0.8, shoulder + 2),
            (1.3, shoulder + 4.5),
            (1.25, height),
            (0, height),
        ],
    )
    cap = _lathe("cap", [(1.5, height - 0.8), (1.5, height + 1), (0, height + 1)])
    band = _lathe("label", [(radius + 0.03, shoulder * 0.3), (radius + 0.03, shoulder * 0.85)])
    paper = (
        Shader("label", roughness=0.6)
        .colour(jitter(rng, (*PALE, *STRONG)[int(rng.integers(15))], 10))
        .material
    )
    lid = Shader("cap", roughness=0.35).colour(jitter(rng, STRONG[int(rng.integers(10))], 10)).material
    return [give(body, _glass(tint)), give(cap, lid), give(band, paper)]


def _shaker(rng: np.random.Generator) -> list[bpy.types.Object]:
    """A salt or pepper shaker: ceramic, wood or steel, with a metal cap."""
    radius, height = float(rng.uniform(1.6, 2.2)), float(rng.uniform(6, 9))
    colour = jitter(rng, (*WHITES, (40, 38, 38))[int(rng.integers(5))], 5)
    stuff = Shader("shaker", roughness=0.2).colour(colour).material
    if rng.random() < 0.3:
        stuff = wooden("shaker", rng, *WOODS[int(rng.integers(len(WOODS)))], 0.4)
    waist = radius * float(rng.uniform(0.7, 1.0))
    body = _lathe(
        "shaker",
        [
            (0, 0),
            (radius, 0),
            (radius, 0.4),
            (waist, height * 0.6),
            (waist, height * 0.8),
            (0, height * 0.8),
        ],
    )
    cap = _lathe(
        "cap",
        [
            (waist * 1.04, height * 0.78),
            (waist * 1.04, height * 0.9),
            (waist * 0.7, height),
            (0, height * 1.02),
        ],
    )
    return [give(body, stuff), give(cap, _metal(rng))]


def _sheet(
    rng: np.random.Generator, half: tuple[float, float], wrinkle: float, thickness: float
) -> bpy.types.Object:
    """A cloth lying flat with soft wrinkles."""
    count = 40
    axis = np.linspace(-1, 1, count)
    x, y = np.meshgrid(axis * half[0], axis * half[1])
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(count * count)])
    rise = wrinkle * np.abs(smooth_noise(points * 0.22, rng)) + 0.1 * wrinkle * smooth_noise(
        points * 0.7, rng
    )
    edge = np.column_stack([smooth_noise(points * 0.15, rng), smooth_noise(points * 0.15, rng)])
    points[:, :2] += 0.5 * edge
    points[:, 2] = 0.03 + np.clip(rise, 0, None)
    faces = [
        [i * count + j, i * count + j + 1, (i + 1) * count + j + 1, (i + 1) * count + j]
        for i in range(count - 1)
        for j in range(count - 1)
    ]
    sheet = add_mesh("sheet", points, faces)
    modifier = sheet.modifiers.new("solidify", "SOLIDIFY")
    modifier.thickness, modifier.offset = thickness, 1.0
    smooth_surface(sheet, 1)
    return sheet


def _cloth_look(rng: np.random.Generator) -> bpy.types.Material:
    shader = Shader("napkin")
    ground = jitter(rng, (*PALE, *PALE, *STRONG)[int(rng.integers(20))], 8)
    ink = jitter(rng, (*PALE, *STRONG)[int(rng.integers(15))], 8)
    design = rng.choice(["plain", "stripes", "checks"], p=[0.45, 0.35, 0.2])
    if design == "plain":
        return cloth(shader, shader.plain(ground))
    x, y, _ = shader.axes()
    size = float(rng.uniform(0.8, 3.5))
    stripes = [
        shader.math("GREATER_THAN", shader.math("PINGPONG", axis, size), 0.7 * size) for axis in (x, y)
    ]
    share = stripes[0] if design == "stripes" else shader.math("MULTIPLY", shader.math("ADD", *stripes), 0.5)
    return cloth(shader, shader.mix(share, ground, ink))


def _napkin(rng: np.random.Generator) -> list[bpy.types.Object]:
    """A folded napkin: two or three layers that do not quite meet."""
    look = _cloth_look(rng)
    half = (float(rng.uniform(4, 6)), float(rng.uniform(5.5, 7)))
    layers = []
    for i in range(int(rng.integers(2, 4))):
        layer = give(_sheet(rng, half, 0.12, 0.08), look)
        layer.location = (*rng.normal(0, 0.12, 2), 0.12 * i)
        layer.rotation_euler.z = float(rng.normal(0, 0.02))
        layers.append(layer)
    return layers


def _cloth(rng: np.random.Generator) -> list[bpy.types.Object]:
    """A rumpled kitchen towel."""
    half = (float(rng.uniform(6, 8)), float(rng.uniform(8, 10)))
    return [give(_sheet(rng, half, float(rng.uniform(0.8, 2.0)), 0.12), _cloth_look(rng))]


def _coaster(rng: np.random.Generator) -> list[bpy.types.Object]:
    side = float(rng.uniform(4, 4.8))
    body = slab("coaster", outline((side, side), float(rng.choice([2, 8])), 64), 0.5, bevel=0.1)
    dark, light = WOODS[int(rng.integers(len(WOODS)))]
    return [give(body, wooden("coaster", rng, dark, light, 0.5))]


def _phone(rng: np.random.Generator) -> list[bpy.types.Object]:
    body = slab("phone", outline((3.6, 7.4), 9, 96), 0.8, bevel=0.2)
    dark = Shader("phone", roughness=0.05).colour((14, 14, 17)).material
    return [give(body, dark)]


def _empty_dish(rng: np.random.Generator) -> list[bpy.types.Object]:
    return build_vessel(draw_vessel(rng, "small dish"))


BUILDERS: dict[str, Callable[[np.random.Generator], list[bpy.types.Object]]] = {
    "cup": _cup,
    "tumbler": _tumbler,
    "wine glass": _wine_glass,
    "bottle": _bottle,
    "shaker": _shaker,
    "napkin": _napkin,
    "cloth": _cloth,
    "coaster": _coaster,
    "fork": _fork,
    "knife": _knife,
    "spoon": _spoon,
    "chopsticks": _chopsticks,
    "empty dish": _empty_dish,
    "phone": _phone,
}
