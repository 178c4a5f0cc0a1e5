"""Table tops: wood, stone, tiles, plain and patterned cloth."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from training.meals.geometry import slab
from training.meals.materials import Colour, give, jitter
from training.meals.setting import Table
from training.meals.shading import Shader, Socket, darker
from training.meals.shapes import outline
from training.meals.tableware import WOODS, wooden

PALE: tuple[Colour, ...] = (
    (236, 232, 224),
    (222, 216, 204),
    (206, 208, 206),
    (226, 214, 196),
    (240, 240, 238),
)
STRONG: tuple[Colour, ...] = (
    (168, 40, 44),
    (44, 74, 128),
    (52, 104, 74),
    (206, 156, 52),
    (70, 64, 66),
    (124, 62, 96),
    (70, 132, 150),
    (196, 104, 56),
    (112, 128, 86),
    (150, 150, 152),
)
THICKNESS = 2.5


def build_table(table: Table) -> bpy.types.Object:
    """Build a table top whose upper side is z = 0."""
    rng = np.random.default_rng(table.seed)
    top = slab("table", outline(table.half, 12 if rng.random() < 0.7 else 2, 96), THICKNESS, bevel=0.3)
    top.location.z = -THICKNESS
    top.rotation_euler.z = table.turn
    return give(top, SURFACES[table.kind](rng))


def _of(rng: np.random.Generator, palette: tuple[Colour, ...], amount: float = 8) -> Colour:
    return jitter(rng, palette[int(rng.integers(len(palette)))], amount)


def _planks(rng: np.random.Generator) -> bpy.types.Material:
    """Boards side by side: oiled, bleached or painted."""
    dark, light = WOODS[int(rng.integers(len(WOODS)))]
    if rng.random() < 0.25:
        light = _of(rng, (*PALE, (96, 130, 140), (140, 150, 140)))
        dark = darker(light, 0.86)
    gloss = float(rng.uniform(0.3, 0.65))
    return wooden(
        "planks", rng, jitter(rng, dark), jitter(rng, light), gloss, plank=float(rng.uniform(6, 15))
    )


def _solid_wood(rng: np.random.Generator) -> bpy.types.Material:
    dark, light = WOODS[int(rng.integers(len(WOODS)))]
    return wooden("wood", rng, jitter(rng, dark), jitter(rng, light), float(rng.uniform(0.25, 0.6)))


def _laminate(rng: np.random.Generator) -> bpy.types.Material:
    """One colour, faintly specked."""
    colour = _of(rng, (*PALE, *STRONG), 10)
    shader = Shader("laminate", roughness=float(rng.uniform(0.2, 0.5)))
    return shader.colour(
        shader.ramp(shader.noise(0.25), [darker(colour, 0.93), colour], [0.35, 0.6])
    ).material


def _stone(rng: np.random.Generator) -> bpy.types.Material:
    """Concrete or sandstone: clouds over grain."""
    colour = _of(rng, ((150, 148, 144), (186, 180, 170), (112, 112, 114), (206, 200, 190)), 12)
    shader = Shader("stone", roughness=float(rng.uniform(0.4, 0.75)))
    cloud = shader.math(
        "ADD",
        shader.math("MULTIPLY", shader.noise(18, detail=6), 0.6),
        shader.math("MULTIPLY", shader.noise(0.7), 0.4),
    )
    shader.relief(shader.noise(0.4), 0.02)
    return shader.colour(shader.ramp(cloud, [darker(colour, 0.75), colour], [0.35, 0.65])).material


def _marble(rng: np.random.Generator) -> bpy.types.Material:
    """Veins through a pale or a black ground."""
    black = rng.random() < 0.2
    ground = (36, 36, 40) if black else _of(rng, ((240, 238, 234), (228, 224, 218)), 5)
    vein = (196, 186, 170) if black else _of(rng, ((140, 140, 146), (168, 148, 120)), 12)
    shader = Shader("marble", roughness=float(rng.uniform(0.08, 0.3)))
    shift = float(rng.uniform(0, 500))
    place = shader.stretched((1, 0.6, 1), (shift, shift, 0.0))
    ridge = [
        shader.math("ABSOLUTE", shader.math("SUBTRACT", shader.noise(size, place, 8, distortion), 0.5))
        for size, distortion in ((34, 1.2), (12, 0.8))
    ]
    broad, fine = shader.clamped(ridge[0], 0.05, 0.0), shader.clamped(ridge[1], 0.02, 0.0)
    strength = shader.math("ADD", shader.math("MULTIPLY", broad, 0.6), shader.math("MULTIPLY", fine, 0.2))
    cloud = shader.ramp(shader.noise(25, place), [darker(ground, 0.92), ground], [0.35, 0.65])
    return shader.colour(shader.mix(strength, cloud, vein)).material


def _terrazzo(rng: np.random.Generator) -> bpy.types.Material:
    """Chips of stone in cement."""
    shader = Shader("terrazzo", roughness=0.25)
    edge, chance = shader.cells(float(rng.uniform(1.0, 2.2)), "DISTANCE_TO_EDGE")
    chips = shader.ramp(
        chance,
        [_of(rng, ((196, 130, 100), (90, 96, 100), (214, 190, 150), (130, 150, 140)), 14) for _ in range(5)],
        [0, 0.2, 0.4, 0.6, 0.8],
        hard=True,
    )
    chip = shader.math(
        "MULTIPLY", shader.math("GREATER_THAN", edge, 0.08), shader.math("GREATER_THAN", chance, 0.3)
    )
    return shader.colour(shader.mix(chip, _of(rng, PALE), chips)).material


def _tiles(rng: np.random.Generator) -> bpy.types.Material:
    """Glazed tiles with grout."""
    side = float(rng.uniform(5, 14))
    colour = _of(rng, (*PALE, *STRONG))
    shader = Shader("tiles", roughness=float(rng.uniform(0.1, 0.35)))
    tone, gap = shader.bricks(side, side, 0.12, shift=float(rng.choice([0, 0.5])))
    tile = shader.ramp(tone, [darker(colour, 0.85), colour], [0, 1])
    shader.relief(shader.math("SUBTRACT", 1.0, gap), 0.08)
    return shader.colour(shader.mix(gap, tile, (190, 186, 178))).material


def _slate(rng: np.random.Generator) -> bpy.types.Material:
    """Dark stone."""
    shader = Shader("slate", roughness=float(rng.uniform(0.35, 0.7)))
    layers = shader.noise(6, detail=8)
    shader.relief(layers, 0.15)
    dark = _of(rng, ((34, 36, 40), (52, 54, 58), (40, 46, 52)), 5)
    return shader.colour(shader.ramp(layers, [darker(dark, 0.8), darker(dark, 1.3)], [0.3, 0.7])).material


def cloth(shader: Shader, colour: Socket) -> bpy.types.Material:
    """Woven threads and soft folds over a colour."""
    x, y, _ = shader.axes()
    threads = [shader.math("SINE", shader.math("MULTIPLY", axis, 2 * np.pi / 0.11)) for axis in (x, y)]
    weave = shader.math("MULTIPLY", *threads)
    folds = shader.math("MULTIPLY", shader.noise(14, detail=1), 14.0)
    shader.relief(shader.math("ADD", weave, folds), 0.025)
    slubs = [shader.noise(1.0, shader.stretched(scale), detail=2) for scale in ((0.5, 7, 1), (7, 0.5, 1))]
    slub = shader.math("MULTIPLY", shader.math("ADD", *slubs), 0.5)
    shade = shader.ramp(slub, [(222, 222, 222), (255, 255, 255)], [0.35, 0.6])
    return shader.set(roughness=0.9, sheen_weight=0.15).colour(shader.times(colour, shade)).material


def _linen(rng: np.random.Generator) -> bpy.types.Material:
    shader = Shader("linen")
    return cloth(shader, shader.plain(_of(rng, (*PALE, *PALE, *STRONG), 10)))


def _gingham(rng: np.random.Generator) -> bpy.types.Material:
    """Checks of two crossing stripes."""
    shader = Shader("gingham")
    size = float(rng.uniform(1.0, 4.5))
    x, y, _ = shader.axes()
    stripes = [shader.math("GREATER_THAN", shader.math("PINGPONG", axis, size), size / 2) for axis in (x, y)]
    both = shader.math("MULTIPLY", shader.math("ADD", *stripes), 0.5)
    return cloth(shader, shader.mix(both, _of(rng, PALE, 4), _of(rng, STRONG, 10)))


def _striped(rng: np.random.Generator) -> bpy.types.Material:
    """Stripes of uneven width."""
    shader = Shader("striped")
    period = float(rng.uniform(2, 9))
    _, y, _ = shader.axes()
    place = shader.math("DIVIDE", shader.math("PINGPONG", y, period), period)
    ground, ink, other = _of(rng, PALE, 4), _of(rng, STRONG, 10), _of(rng, (*PALE, *STRONG), 10)
    ends = [0.0, *np.sort(rng.uniform(0.15, 0.95, 3)).tolist()]
    return cloth(shader, shader.ramp(place, [ground, ink, ground, other], ends, hard=True))


def _dotted(rng: np.random.Generator) -> bpy.types.Material:
    """Spots on a grid, or scattered ones of several colours."""
    shader = Shader("dotted")
    distance, chance = shader.cells(float(rng.uniform(1.5, 5)), randomness=float(rng.choice([0.0, 0.9])))
    inks = shader.ramp(chance, [_of(rng, (*STRONG, *PALE), 10) for _ in range(3)], [0, 0.4, 0.7], hard=True)
    dot = shader.math("LESS_THAN", distance, float(rng.uniform(0.15, 0.35)))
    return cloth(shader, shader.mix(dot, _of(rng, (*PALE, *STRONG), 10), inks))


SURFACES: dict[str, Callable[[np.random.Generator], bpy.types.Material]] = {
    "planks": _planks,
    "wood": _solid_wood,
    "laminate": _laminate,
    "stone": _stone,
    "marble": _marble,
    "terrazzo": _terrazzo,
    "tiles": _tiles,
    "slate": _slate,
    "linen": _linen,
    "gingham": _gingham,
    "striped": _striped,
    "dotted": _dotted,
}
