"""Build plates, bowls, trays and boards, and their materials."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from training.meals.geometry import add_mesh, tube
from training.meals.materials import Colour, give, jitter
from training.meals.shading import Shader, Socket, darker
from training.meals.shapes import SHAPES, Array, outline
from training.meals.vessel import Vessel

FLAT = ("board", "round board")
SEGMENTS = 128
WHITES: tuple[Colour, ...] = ((244, 243, 239), (240, 236, 226), (232, 232, 230), (247, 245, 240))
GLAZES: tuple[Colour, ...] = (
    (226, 214, 192),
    (196, 190, 180),
    (142, 146, 148),
    (62, 66, 72),
    (34, 34, 38),
    (44, 62, 96),
    (112, 140, 168),
    (176, 200, 204),
    (160, 182, 160),
    (98, 116, 92),
    (204, 150, 110),
    (168, 92, 66),
    (222, 184, 176),
    (216, 178, 84),
    (120, 84, 62),
)
PLASTICS: tuple[Colour, ...] = (
    (206, 190, 160),
    (120, 70, 46),
    (60, 62, 66),
    (86, 122, 140),
    (150, 46, 44),
    (70, 110, 86),
    (224, 222, 214),
    (208, 120, 60),
)
WOODS: tuple[tuple[Colour, Colour], ...] = (
    ((150, 98, 56), (206, 154, 98)),
    ((92, 56, 34), (140, 92, 58)),
    ((178, 134, 88), (224, 188, 142)),
    ((62, 38, 26), (104, 66, 42)),
    ((196, 164, 124), (232, 208, 172)),
)


def floor_height(vessel: Vessel) -> float:
    """Return the height of the vessel's floor over the table."""
    wall = SHAPES[vessel.shape].wall
    return wall if vessel.shape in FLAT else wall + 0.25


def build_vessel(vessel: Vessel) -> list[bpy.types.Object]:
    """Build a vessel at the origin, standing on z = 0."""
    rng = np.random.default_rng(vessel.seed)
    shape = SHAPES[vessel.shape]
    body = _loft(vessel)
    stuff = STUFFS[str(rng.choice(shape.stuff))](rng, vessel)
    give(body, stuff)
    if vessel.shape == "skillet":
        return [body, *(give(handle, stuff) for handle in _handles(vessel))]
    return [body]


def _loft(vessel: Vessel) -> bpy.types.Object:
    """Return rings of the outline along the profile: up the outside, over the rim, down to the floor."""
    shape = SHAPES[vessel.shape]
    long, short = vessel.half
    rest = floor_height(vessel)
    inner = _rounded(np.array([(share * long, rest + height * long) for share, height in shape.profile]))
    outer = inner + np.array([0.75, -1.0]) * shape.wall
    outer[:, 0] = np.minimum(outer[:, 0], long)
    lip = (inner[-1] + outer[-1]) / 2 + np.array([0.1, 0.35]) * shape.wall
    foot = 0.94 * inner[0, 0]
    rings = [
        (foot - 0.2, 0.0),
        (foot, 0.0),
        *outer[outer[:, 1] > 0.02],
        lip,
        *inner[::-1],
        (0.96 * inner[0, 0], rest),
    ]
    if vessel.shape in FLAT:
        rings = [(0.98 * long, 0.0), (long, 0.15), (long, rest - 0.2), *inner[::-1], (0.9 * long, rest)]
    outlines = []
    for radius, height in rings:
        inset = long - radius
        edge = outline((radius, max(short - inset, 0.3 * radius)), shape.exponent, SEGMENTS)
        outlines.append(np.column_stack([edge, np.full(SEGMENTS, height)]))
    return _skin(vessel.shape, np.stack(outlines))


def _rounded(line: Array) -> Array:
    """Smooth a polyline by two rounds of Chaikin's corner cutting; the ends stay."""
    for _ in range(2):
        near, far = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
        line = np.concatenate([line[:1], np.stack([near, far], axis=1).reshape(-1, 2), line[-1:]])
    return line


def _skin(name: str, rings: Array) -> bpy.types.Object:
    """Make quads between rings, float (N, S, 3), and a flat cap at each end."""
    count, segments = rings.shape[:2]
    start = np.arange(segments)
    after = (start + 1) % segments
    faces: list[list[int]] = []
    for i in range(count - 1):
        low, high = i * segments, (i + 1) * segments
        faces += np.column_stack([low + start, low + after, high + after, high + start]).tolist()
    faces += [start[::-1].tolist(), (start + (count - 1) * segments).tolist()]
    return add_mesh(name, rings.reshape(-1, 3), faces)


def _handles(vessel: Vessel) -> list[bpy.types.Object]:
    """Make a handle at each end."""
    long, height = vessel.half[0], floor_height(vessel) + 0.8 * vessel.depth
    turn = np.linspace(-np.pi / 2, np.pi / 2, 13)
    loops = []
    for side in (-1, 1):
        x = side * (0.93 * long + 2.6 * np.cos(turn))
        loops.append(tube("handle", np.column_stack([x, 2.8 * np.sin(turn), np.full(13, height)]), 0.55))
    return loops


def _ceramic_colour(rng: np.random.Generator) -> Colour:
    palette = WHITES if rng.random() < 0.6 else GLAZES
    return jitter(rng, palette[int(rng.integers(len(palette)))], 4)


def _share_of_rim(shader: Shader, vessel: Vessel) -> Socket:
    """Return the position from 0 in the middle to 1 at the outline."""
    x, y, _ = shader.axes()
    power = vessel.exponent
    terms = [
        shader.math("POWER", shader.math("ABSOLUTE", shader.math("DIVIDE", axis, half)), power)
        for axis, half in ((x, vessel.half[0]), (y, vessel.half[1]))
    ]
    return shader.math("POWER", shader.math("ADD", *terms), 1 / power)


def _glaze(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """One colour, sometimes pooled darker or thinner towards the rim."""
    colour = _ceramic_colour(rng)
    shader = Shader("glaze", roughness=float(rng.choice([0.08, 0.18, 0.45])), coat_weight=0.3)
    if rng.random() < 0.4:
        thin = jitter(rng, (150, 112, 78), 14) if sum(colour) < 600 else darker(colour, 0.9)
        place = shader.math(
            "ADD", _share_of_rim(shader, vessel), shader.math("MULTIPLY", shader.noise(2), 0.05)
        )
        return shader.colour(shader.ramp(place, [colour, colour, thin], [0, 0.94, 1.0])).material
    return shader.colour(colour).material


def _banded(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Lines, a broad rim, or a wreath of strokes on a plain glaze."""
    ground = jitter(rng, WHITES[int(rng.integers(len(WHITES)))], 4)
    ink = jitter(rng, GLAZES[int(rng.integers(2, len(GLAZES)))], 10)
    shader = Shader("banded", roughness=0.12, coat_weight=0.3)
    place = _share_of_rim(shader, vessel)
    design = rng.choice(["lines", "rim", "wreath"])
    edge = float(rng.uniform(0.8, 0.9))
    if design == "lines":
        width = float(rng.uniform(0.008, 0.03))
        lines = shader.ramp(
            place,
            [ground, ink, ground, ink, ground],
            [0, edge, edge + width, 0.975 - width, 0.99],
            hard=True,
        )
        return shader.colour(lines).material
    if design == "rim":
        return shader.colour(shader.ramp(place, [ground, ink], [0, edge], hard=True)).material
    x, y, _ = shader.axes()
    spokes = shader.math("MULTIPLY", shader.math("ARCTAN2", y, x), float(rng.integers(14, 44)))
    lean = shader.math("MULTIPLY", place, float(rng.choice([0.0, 40.0, -60.0])))
    stroke = shader.math(
        "GREATER_THAN", shader.math("SINE", shader.math("ADD", spokes, lean)), float(rng.uniform(-0.2, 0.6))
    )
    band = shader.ramp(place, [(0, 0, 0), (255, 255, 255), (0, 0, 0)], [0, edge, 0.96], hard=True)
    return shader.colour(shader.mix(shader.math("MULTIPLY", stroke, band), ground, ink)).material


def _speckled(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Stoneware with dark specks and a bare clay rim."""
    colour = _ceramic_colour(rng)
    clay = jitter(rng, (158, 118, 84), 14)
    speck = clay if sum(colour) > 330 else (190, 180, 160)
    shader = Shader("speckled", roughness=float(rng.uniform(0.25, 0.55)))
    distance, chance = shader.cells(float(rng.uniform(0.35, 0.7)))
    spots = shader.math(
        "MULTIPLY", shader.math("LESS_THAN", distance, 0.22), shader.math("LESS_THAN", chance, 0.4)
    )
    cloud = shader.ramp(shader.noise(4), [darker(colour, 0.93), colour], [0.35, 0.65])
    spotted = shader.mix(spots, cloud, speck)
    ragged = shader.math(
        "ADD", _share_of_rim(shader, vessel), shader.math("MULTIPLY", shader.noise(1.2), 0.03)
    )
    return shader.colour(shader.mix(shader.clamped(ragged, 0.985, 0.995), spotted, clay)).material


def _melamine(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Plain plastic tableware in a pale colour or white."""
    colour = _ceramic_colour(rng)
    return Shader("melamine", roughness=float(rng.uniform(0.2, 0.4))).colour(colour).material


def _plastic(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """A canteen tray: strong colour, fine grain."""
    colour = jitter(rng, PLASTICS[int(rng.integers(len(PLASTICS)))], 8)
    shader = Shader("plastic", roughness=float(rng.uniform(0.35, 0.6)))
    shader.relief(shader.noise(0.12), 0.01)
    return shader.colour(shader.ramp(shader.noise(0.3), [darker(colour, 0.94), colour], [0.3, 0.7])).material


def _wood(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Oiled wood, its grain along x."""
    dark, light = WOODS[int(rng.integers(len(WOODS)))]
    return wooden("wood", rng, jitter(rng, dark), jitter(rng, light), roughness=float(rng.uniform(0.35, 0.6)))


def wooden(
    name: str, rng: np.random.Generator, dark: Colour, light: Colour, roughness: float, plank: float = 0.0
) -> bpy.types.Material:
    """Wood with its grain along x; with planks of this width if it is not 0."""
    shader = Shader(name, roughness=roughness)
    offset = float(rng.uniform(0, 100))
    shift: Socket | tuple[float, ...] = (offset, offset, offset)
    if plank:
        tone, gap = shader.bricks(float(rng.uniform(60, 160)), plank, 0.08, shift=0.37)
        shift = shader.math("MULTIPLY", tone, 300.0)
    rough = shader.noise(1.0, shader.stretched((0.04, 0.5, 0.5), shift), detail=3, distortion=0.5)
    fine = shader.noise(1.0, shader.stretched((0.25, 5.0, 5.0), shift), detail=5)
    grain = shader.math("ADD", shader.math("MULTIPLY", rough, 0.55), shader.math("MULTIPLY", fine, 0.45))
    if plank:
        level = shader.math("MULTIPLY", shader.math("SUBTRACT", tone, 0.5), float(rng.uniform(0.03, 0.16)))
        grain = shader.math("ADD", grain, level)
    deep = darker(dark, 0.72)
    colour = shader.ramp(grain, [deep, dark, light], [0.28, 0.45, 0.68])
    if plank:
        colour = shader.mix(gap, colour, darker(dark, 0.35))
    shader.relief(fine, 0.02)
    return shader.colour(colour).material


def _steel(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Brushed or polished stainless steel."""
    shader = Shader("steel", metallic=1.0, roughness=float(rng.uniform(0.15, 0.4)))
    return shader.colour((206, 206, 208)).material


def _iron(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Seasoned cast iron."""
    shader = Shader("iron", roughness=0.42)
    shader.relief(shader.noise(0.15), 0.02)
    return shader.colour(shader.ramp(shader.noise(2), [(22, 22, 23), (40, 38, 37)], [0.35, 0.65])).material


def _slate(rng: np.random.Generator, vessel: Vessel) -> bpy.types.Material:
    """Split dark stone."""
    shader = Shader("slate", roughness=0.6)
    layers = shader.noise(3.0, detail=8)
    shader.relief(layers, 0.25)
    return shader.colour(shader.ramp(layers, [(38, 40, 44), (74, 78, 82)], [0.3, 0.7])).material


STUFFS: dict[str, Callable[[np.random.Generator, Vessel], bpy.types.Material]] = {
    "glaze": _glaze,
    "banded": _banded,
    "speckled": _speckled,
    "melamine": _melamine,
    "plastic": _plastic,
    "wood": _wood,
    "steel": _steel,
    "iron": _iron,
    "slate": _slate,
}
