"""Draw the surroundings of the food: table, clutter, light and camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.meals.shapes import Array
from training.meals.vessel import Vessel

TABLES = {
    "planks": 3.0,
    "wood": 2.5,
    "laminate": 1.5,
    "stone": 1.2,
    "marble": 1.5,
    "terrazzo": 0.7,
    "tiles": 0.8,
    "linen": 2.0,
    "gingham": 1.2,
    "striped": 0.8,
    "dotted": 0.6,
    "slate": 1.0,
}
WORLDS = ("city", "courtyard", "forest", "interior", "studio", "sunrise", "sunset")
VIEWS = {
    ("AgX", "AgX - Medium High Contrast"): 2.5,
    ("AgX", "AgX - Punchy"): 2.5,
    ("AgX", "AgX - Base Contrast"): 1.0,
    ("Filmic", "Medium High Contrast"): 1.0,
    ("Standard", "None"): 1.0,
}
CLUTTER = {
    "cup": 1.0,
    "tumbler": 1.2,
    "wine glass": 0.5,
    "bottle": 0.7,
    "shaker": 0.7,
    "napkin": 1.2,
    "cloth": 1.0,
    "coaster": 0.4,
    "fork": 1.5,
    "knife": 1.2,
    "spoon": 1.2,
    "chopsticks": 1.0,
    "empty dish": 0.7,
    "phone": 0.25,
}
TALL = ("tumbler", "wine glass", "bottle", "shaker")
LONG = {"fork": 9.5, "knife": 10.5, "spoon": 9.5, "chopsticks": 11.0}
"""Half lengths of things that lie beside a plate."""

ROUND = {
    "cup": 5.5,
    "tumbler": 3.9,
    "wine glass": 4.2,
    "bottle": 3.8,
    "shaker": 2.4,
    "napkin": 8.8,
    "cloth": 13.0,
}
ROUND |= {"coaster": 5.0, "empty dish": 5.0, "phone": 8.0}
"""Radii of circles that enclose the other things."""


@dataclass(frozen=True)
class Clutter:
    """A thing on the table that is not food."""

    kind: str
    xy: tuple[float, float]
    turn: float
    seed: int


@dataclass(frozen=True)
class Table:
    """A table top: kind of surface, half lengths in cm, turn of pattern and edges, seed of the colours."""

    kind: str
    half: tuple[float, float]
    turn: float
    seed: int


@dataclass(frozen=True)
class Light:
    """A surrounding and one key light.

    Attributes:
        world: name of the surrounding, turned by `world_turn`.
        key: "sun" or "window".
        azimuth, elevation: direction of the key light in radians.
        softness: angle in radians under which the key light is seen.
        warmth: its colour temperature in kelvin.
        share: share of the light on the table from the key light.
        exposure: stops above a medium exposure.
        view, contrast: Blender's view transform and look.
    """

    world: str
    world_turn: float
    key: str
    azimuth: float
    elevation: float
    softness: float
    warmth: float
    share: float
    exposure: float
    view: str
    contrast: str


@dataclass(frozen=True)
class Camera:
    """The camera.

    Attributes:
        target_xy: point of the table in the middle of the frame.
        reach: distances around it in cm, across and in depth, that just fit the frame.
        elevation, azimuth, roll: radians.
        lens: focal length in mm for a 36 mm wide sensor.
        f_number: None keeps everything sharp.
    """

    target_xy: tuple[float, float]
    reach: tuple[float, float]
    elevation: float
    azimuth: float
    roll: float
    lens: float
    f_number: float | None


def draw_table(rng: np.random.Generator) -> Table:
    """Draw a table top, mostly larger than the frame."""
    small = rng.random() < 0.25
    half = rng.uniform((38, 32), (75, 50)) if small else np.array([200.0, 200.0])
    turn = float(rng.choice([0, rng.normal(0, 0.1), rng.uniform(0, 2 * np.pi)]))
    return Table(_pick(rng, TABLES), (float(half[0]), float(half[1])), turn, int(rng.integers(2**31)))


def draw_light(rng: np.random.Generator) -> Light:
    """Draw daylight, room light or sun, more often soft than hard."""
    views = list(VIEWS)
    shares = np.array(list(VIEWS.values()))
    view, contrast = views[int(rng.choice(len(views), p=shares / shares.sum()))]
    key = str(rng.choice(["sun", "window", "window"]))
    soft = rng.uniform(0.35, 1.1) if key == "window" else np.exp(rng.uniform(np.log(0.01), np.log(0.6)))
    return Light(
        world=str(rng.choice(WORLDS)),
        world_turn=_angle(rng),
        key=key,
        azimuth=_angle(rng),
        elevation=float(np.radians(rng.uniform(22, 52) if key == "window" else rng.uniform(28, 72))),
        softness=float(soft),
        warmth=float(rng.choice([rng.normal(5600, 500), rng.normal(6500, 500), rng.normal(3900, 500)])),
        share=float(rng.uniform(0.25, 0.8)),
        exposure=float(np.clip(rng.normal(0.05, 0.27), -0.6, 0.55)),
        view=view,
        contrast=contrast,
    )


def draw_camera(rng: np.random.Generator, vessels: Sequence[Vessel]) -> Camera:
    """Draw a view of the main vessel or of all; some are so close that the frame cuts the plate."""
    wide = len(vessels) > 1 and rng.random() < 0.6
    azimuth = _angle(rng)
    centre, reach = _extent(vessels if wide else vessels[:1], azimuth)
    if wide and reach[1] > reach[0]:
        azimuth += np.pi / 2
        centre, reach = _extent(vessels, azimuth)
    way = rng.choice(["whole", "near", "far"], p=[0.7, 0.2, 0.1])
    zoom = {"whole": rng.uniform(0.92, 1.12), "near": rng.uniform(0.6, 0.85), "far": rng.uniform(1.12, 1.35)}[
        way
    ]
    if wide:
        zoom = 0.93 * max(zoom, 0.78)
    steep = rng.choice([rng.uniform(25, 40), rng.uniform(40, 65), rng.uniform(65, 85)], p=[0.25, 0.5, 0.25])
    centre = centre + rng.normal(0, 0.08, 2) * min(reach)
    blurred = rng.random() < 0.35
    return Camera(
        target_xy=(float(centre[0]), float(centre[1])),
        reach=(max(float(zoom * reach[0]), 6.0), max(float(zoom * reach[1]), 5.0)),
        elevation=float(np.radians(steep)),
        azimuth=float(azimuth),
        roll=float(np.radians(rng.normal(0, 2.5))),
        lens=float(rng.choice([rng.uniform(26, 36), rng.uniform(40, 60), rng.uniform(60, 90)])),
        f_number=float(rng.uniform(4, 11)) if blurred else None,
    )


def _extent(vessels: Sequence[Vessel], azimuth: float) -> tuple[Array, Array]:
    """Return the middle of the vessels seen from this azimuth, and their reach across and in depth."""
    depth = np.array([np.cos(azimuth), np.sin(azimuth)])
    axes = np.array([[-depth[1], depth[0]], depth])
    seen = np.array([v.xy for v in vessels]) @ axes.T
    radii = np.array([[v.radius * (1.0 if v.exponent <= 2.2 else 0.8)] for v in vessels])
    low, high = (seen - radii).min(axis=0), (seen + radii).max(axis=0)
    return (low + high) / 2 @ axes, (high - low) / 2


def draw_clutter(rng: np.random.Generator, vessels: Sequence[Vessel], azimuth: float) -> tuple[Clutter, ...]:
    """Draw things beside the vessels without contact; tall ones never stand in front of the camera."""
    taken = [(*v.xy, v.radius) for v in vessels]
    found: list[Clutter] = []
    for _ in range(int(rng.choice([0, 1, 2, 3, 4, 5, 6], p=[0.1, 0.15, 0.2, 0.2, 0.17, 0.11, 0.07]))):
        kind = _pick(rng, CLUTTER)
        for _ in range(30):
            x, y, radius = taken[int(rng.integers(len(vessels)))]
            side = _angle(rng)
            away = radius + float(rng.uniform(0.8, 4)) + (1.4 if kind in LONG else ROUND[kind])
            place = np.array([x + away * np.cos(side), y + away * np.sin(side)])
            turn = side + float(rng.normal(0, 0.12)) if kind in LONG else _angle(rng)
            discs = _discs(kind, place, turn)
            hides = kind in TALL and np.cos(side - azimuth) > -0.2
            if not hides and all(np.hypot(a - x, b - y) > r + s for a, b, r in discs for x, y, s in taken):
                found.append(
                    Clutter(kind, (float(place[0]), float(place[1])), turn, int(rng.integers(2**31)))
                )
                taken += discs
                break
    return tuple(found)


def _discs(kind: str, place: Array, turn: float) -> list[tuple[float, float, float]]:
    """Return circles that together enclose a thing; long things lie along y before they are turned."""
    if kind not in LONG:
        return [(float(place[0]), float(place[1]), ROUND[kind])]
    along = np.array([-np.sin(turn), np.cos(turn)])
    steps = np.linspace(-LONG[kind], LONG[kind], 9)
    return [(float(x), float(y), 1.3) for x, y in place + steps[:, None] * along]


def _pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    shares = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=shares / shares.sum()))


def _angle(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))
