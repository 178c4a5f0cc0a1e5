"""Pizza, sandwiches, hot dogs and croissants."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import WESTERN, Food
from training.meals.geometry import (
    Array,
    Things,
    blob,
    cloud,
    crumple,
    joined,
    lathe,
    loft,
    move,
    set_vertices,
    slab,
    smooth_noise,
    tube,
    vertices_of,
)
from training.meals.materials import Colour, Look, blend, give, jitter, material, paint, ramp, speckled
from training.meals.solids import block, puck, sheet
from training.meals.tumbling import tumble


def build_pizza(rng: np.random.Generator, radius: float) -> Things:
    """A whole pizza or some slices: tomato, melted cheese, and salami, basil or olives."""
    topping = str(rng.choice(["salami", "basil", "olives", "salami and olives"]))
    if rng.random() < 0.45:
        body = lathe(
            "pizza", np.array([(0, 0), (radius, 0), *((r, 1) for r in np.linspace(radius, 0, 46))]), 150
        )
        at = vertices_of(body)
        share = np.linalg.norm(at[:, :2], axis=1) / radius
        return [_pizza(rng, body, share, np.arctan2(at[:, 1], at[:, 0]), radius, np.pi, topping)]
    count = int(rng.integers(1, 4))
    spread = rng.uniform(0.62, 0.8)
    long = float(np.clip(radius * 1.75, 9, 15))
    things = []
    for k in range(count):
        body = block("pizza", (2, 2, 2), 0.04, cells=36)
        at = vertices_of(body) - [0, 0, 1]
        share, turn = 0.02 + 0.98 * (at[:, 0] + 1) / 2, at[:, 1] * spread / 2
        set_vertices(
            body,
            np.column_stack([long * share * np.cos(turn), long * share * np.sin(turn), (at[:, 2] > 0) * 1.0]),
        )
        slice_ = _pizza(rng, body, share, turn, long, spread / 2, topping)
        apart = rng.uniform(0.4, 1.2)
        heading = (k - (count - 1) / 2) * (spread + rng.uniform(0.03, 0.1))
        things.append(move(move(slice_, (apart, 0, 0)), (-0.6 * long, 0, 0), (0, 0, heading)))
    yaw = rng.uniform(0, 2 * np.pi)
    return [move(thing, turn=(0, 0, yaw)) for thing in things]


def build_sandwich(rng: np.random.Generator, radius: float) -> Things:
    """Two triangular halves that show their filling."""
    leg = min(radius * 1.3, 9.5)
    toasted = rng.random() < 0.5
    crumb: Colour = (206, 146, 74) if toasted else (240, 220, 174)
    brown_bread = rng.random() < 0.3
    if brown_bread:
        crumb = (168, 112, 62)
    fillings = rng.permutation(["lettuce", "cheese", "ham", "tomato"])[: int(rng.integers(2, 5))]
    things = [_triangle(rng, leg, jitter(rng, crumb, 6), toasted, list(fillings)) for _ in range(2)]
    if rng.random() < 0.5:
        gap = rng.uniform(0.6, 1.6)
        for thing in things:
            move(thing, (gap / 2 + 0.12 * leg, gap / 2 + 0.12 * leg, 0))
        move(things[1], turn=(0, 0, np.pi))
    else:
        thick = float(max(vertices_of(thing)[:, 2].max() for thing in things))
        for k, thing in enumerate(things):
            move(thing, turn=(0, np.pi / 2, 0))
            at = vertices_of(thing)
            apart = (k - 0.5) * (thick + rng.uniform(0.1, 0.6)) - at[:, 0].mean()
            move(thing, (apart, rng.uniform(-0.5, 0.5), -at[:, 2].min()), (0, 0, rng.uniform(-0.08, 0.08)))
    yaw = rng.uniform(0, 2 * np.pi)
    return [move(thing, turn=(0, 0, yaw)) for thing in things]


def build_hot_dog(rng: np.random.Generator, radius: float) -> Things:
    """A sausage in a split bun with a line of mustard or ketchup, or both."""
    half = radius * 0.95
    crust = speckled("bun", Look(patch=0.6, roughness=0.55, coat=0.05, bump=0.03, bump_size=0.3), 0.05)
    parts = [give(_bun(rng, half), crust)]
    x = np.linspace(-1, 1, 40)
    long = half * rng.uniform(1.0, 1.12)
    round_end = np.sqrt(np.clip(1 - np.abs(x) ** 10, 0, 1)).clip(0.12)
    path = np.column_stack([long * x, 0.12 * np.sin(3 * x), 2.75 - 0.35 * x**2])
    red = jitter(rng, (150, 58, 30), 10)
    meat = Look(((104, 34, 16), red, (186, 92, 50)), patch=1.2, roughness=0.25, coat=0.5)
    parts.append(give(tube("sausage", path, 1.22 * round_end, 24), material("sausage", meat)))
    sauces: list[Colour] = [(222, 166, 10), (160, 16, 8)]
    for k, colour in enumerate(sauces if rng.random() < 0.4 else [sauces[int(rng.integers(2))]]):
        wave = np.linspace(-0.88, 0.88, 120)
        sway = 0.55 * np.sin(wave * 15 + 2.2 * k)
        line = np.column_stack([long * wave, sway, 2.75 - 0.35 * wave**2 + np.sqrt(1.28**2 - sway**2)])
        made = material("sauce", Look((jitter(rng, colour, 6),), roughness=0.2, coat=0.6))
        parts.append(give(tube("sauce", line, 0.2, 10, 0.8), made))
    return [move(joined("hot dog", parts), turn=(0, 0, rng.uniform(0, 2 * np.pi)))]


def build_croissant(rng: np.random.Generator, radius: float) -> Things:
    """One or two croissants, ridged and glossy."""
    crust = speckled("croissant", Look(patch=0.4, roughness=0.34, coat=0.3, bump=0.05, bump_size=0.15), 0.07)
    half = min(radius, 6.5)
    count = 1 if radius < 6.2 or rng.random() < 0.5 else 2
    things = [give(_croissant(rng, half * (1 if count == 1 else 0.85)), crust) for _ in range(count)]
    tumble(rng, things, radius * 1.05, gather=0.1, tilt=0.05, tries=40)
    return things


def _pizza(
    rng: np.random.Generator,
    body: bpy.types.Object,
    share: Array,
    turn: Array,
    radius: float,
    half_spread: float,
    topping: str,
) -> bpy.types.Object:
    """Shape, paint and top a flat body as pizza: puffed rim, tomato, and cheese with browned spots."""
    at = vertices_of(body)
    top = at[:, 2] > 0.5
    rim_at = 1 - 1.15 / radius
    flat = at * [1, 1, 0]
    rim = np.clip(1 - ((share - rim_at) / (0.95 / radius)) ** 2, 0, 1) ** 0.5
    puff = 1 + 0.35 * smooth_noise(flat * 0.35, rng)
    z = 0.6 + 0.12 * smooth_noise(flat * 0.8, rng) + 1.0 * rim * puff
    edge = np.clip((1 - share) * radius / 0.35, 0, 1) ** 0.5
    at[:, 2] = np.where(top, z * (0.3 + 0.7 * edge), 0)
    set_vertices(body, at)
    burnt = cloud(flat, rng, 1.2)
    cheese = blend(jitter(rng, (236, 184, 72), 6), (246, 216, 134), cloud(flat, rng, 2.0))
    cheese = blend(
        cheese, (190, 44, 14), 4 * np.clip(cloud(flat, rng, 2.6) - rng.uniform(0.46, 0.58), 0, 0.24)
    )
    cheese = blend(cheese, (184, 104, 30), 3 * np.clip(burnt - 0.62, 0, 1))
    dough = blend(jitter(rng, (222, 168, 92), 8), (166, 92, 32), 1.3 * burnt * np.clip(at[:, 2] / 1.2, 0, 1))
    dough = blend(dough, (70, 36, 18), 3 * np.clip(cloud(flat, rng, 0.9) - 0.72, 0, 1) * (at[:, 2] > 0.8))
    on_rim = np.clip(
        (share - rim_at + 0.8 / radius + 0.25 / radius * smooth_noise(flat, rng)) * radius / 0.3, 0, 1
    )
    inside = (share < 0.97) & top
    colours = np.where(inside[:, None], cheese * (1 - on_rim)[:, None] + dough * on_rim[:, None], dough)
    made = speckled("pizza", Look(patch=0.4, roughness=0.34, coat=0.3, bump=0.07, bump_size=0.2), 0.05)
    parts = [give(paint(body, colours), made)]
    reach = radius - 2.4
    area = half_spread * reach**2
    if "salami" in topping:
        places = _spread(rng, int(np.clip(area / 11, 3, 26)), reach, half_spread, 2.7, 1.3)
        parts += [_salami(rng, x, y) for x, y in places]
    if topping == "basil":
        places = _spread(rng, int(np.clip(area / 26, 2, 10)), reach, half_spread, 3.0, 1.2)
        parts += [_basil(rng, x, y) for x, y in places]
        places = _spread(rng, int(np.clip(area / 20, 2, 12)), reach, half_spread, 3.2, 1.2)
        white = material("mozzarella", Look(((250, 244, 226),), roughness=0.3, coat=0.4))
        for x, y in places:
            melt = blob("mozzarella", rng, (1.3, 1.2, 0.25), lumps=0.35, scale=1.3, subdivisions=3)
            parts.append(give(move(melt, (x, y, 0.68)), white))
    if "olives" in topping:
        black = material("olive", Look(((30, 24, 26), (62, 54, 44)), by_piece=1, roughness=0.2, coat=0.4))
        circle = np.linspace(0, 2 * np.pi, 17)
        for x, y in _spread(rng, int(np.clip(area / 10, 3, 24)), reach, half_spread, 1.5, 0.6):
            path = np.column_stack([0.48 * np.cos(circle), 0.48 * np.sin(circle), 0 * circle])
            ring = tube("olive", path, 0.2, 8)
            parts.append(give(move(ring, (x, y, 0.8), (*rng.uniform(-0.2, 0.2, 2), 0)), black))
    return joined("pizza", parts)


def _spread(
    rng: np.random.Generator, count: int, reach: float, half_spread: float, apart: float, margin: float
) -> list[tuple[float, float]]:
    """Draw up to `count` points in a sector about +x, `apart` from each other and `margin` from its sides."""
    kept: list[tuple[float, float]] = []
    for _ in range(count * 8):
        far, turn = reach * np.sqrt(rng.uniform()), rng.uniform(-half_spread, half_spread)
        x, y = far * np.cos(turn), far * np.sin(turn)
        side = far * np.sin(min(half_spread - abs(turn), np.pi / 2))
        free = half_spread >= np.pi or side > margin
        if free and all((x - a) ** 2 + (y - b) ** 2 > apart**2 for a, b in kept):
            kept.append((float(x), float(y)))
        if len(kept) == count:
            break
    return kept


def _salami(rng: np.random.Generator, x: float, y: float) -> bpy.types.Object:
    size = rng.uniform(1.2, 1.45)
    disc = puck("salami", size, 0.22, 0.05, 22, 44)
    at = vertices_of(disc)
    far = np.linalg.norm(at[:, :2], axis=1) / size
    colours = blend(
        jitter(rng, (176, 44, 28), 8),
        (232, 160, 124),
        2.2 * (cloud(at, rng, 0.35) - 0.52),
    )
    colours = blend(colours, (112, 22, 14), np.clip((far - 0.88) / 0.1, 0, 1))
    at[:, 2] += 0.18 * far**3 * (0.5 + smooth_noise(at * 0.6, rng))
    set_vertices(disc, at)
    made = speckled("salami", Look(patch=0.3, roughness=0.28, coat=0.5))
    return give(
        move(paint(disc, colours), (x, y, 0.68), (*rng.uniform(-0.08, 0.08, 2), rng.uniform(0, 6))), made
    )


def _basil(rng: np.random.Generator, x: float, y: float) -> bpy.types.Object:
    half = rng.uniform(1.1, 1.6)
    u, v = np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-1, 1, 7), indexing="ij")
    width = 0.62 * half * np.sqrt(np.clip(1 - u**2, 0, 1)) * (1 - 0.25 * u)
    leaf = sheet("basil", np.stack([half * u, width * v, 0.3 * np.abs(v) * width - 0.15 * u**2], axis=-1))
    crumple(leaf, rng, 0.2, 0.7)
    green = material("basil", Look(((34, 78, 20), (78, 124, 40)), patch=0.6, roughness=0.4, coat=0.2))
    return give(move(leaf, (x, y, 1.0), (*rng.uniform(-0.2, 0.2, 2), rng.uniform(0, 6))), green)


def _triangle(
    rng: np.random.Generator, leg: float, crumb: Colour, toasted: bool, fillings: list[str]
) -> bpy.types.Object:
    """A sandwich cut corner to corner: its right angle at +x +y, its cut face towards -x -y."""
    corner = np.array([[leg, 0], [leg, leg], [0, leg]]) - 0.62 * leg
    outline = _rounded(corner, (0.7, 1.0, 0.7))
    inside: Look = Look(
        (jitter(rng, crumb, 4), (244, 228, 188)), patch=0.8, roughness=0.8, bump=0.1, bump_size=0.15
    )
    pale = Look(((232, 208, 156), (246, 230, 190)), patch=0.6, roughness=0.85, bump=0.12, bump_size=0.14)
    crust = Look(((146, 84, 34), (184, 118, 54)), patch=0.8, roughness=0.6, bump=0.03)
    if toasted:
        inside = Look(
            ((148, 82, 32), crumb, (232, 192, 124)), patch=1.6, roughness=0.7, bump=0.1, bump_size=0.15
        )
    materials = [material("bread", inside), material("cut", pale), material("crust", crust)]
    z = 0.0
    parts = []
    for name in ("bread", *fillings, "bread"):
        layer, high = _layer(rng, name, outline, leg, materials)
        parts.append(move(layer, (0, 0, z)))
        z += high
    return joined("sandwich", parts)


def _layer(
    rng: np.random.Generator, name: str, outline: Array, leg: float, bread: list[bpy.types.Material]
) -> tuple[bpy.types.Object, float]:
    """Build one layer of a sandwich with its underside at z = 0; returns it with its height."""
    looks: dict[str, tuple[Look, float, float]] = {
        "cheese": (Look(((238, 176, 40), (244, 192, 66)), patch=3, roughness=0.35, coat=0.2), 0.35, 0.05),
        "ham": (Look(((206, 112, 104), (232, 160, 148)), patch=1, roughness=0.35, coat=0.3), 0.45, 0.22),
        "tomato": (Look(((176, 26, 14), (214, 62, 34)), patch=0.7, roughness=0.25, coat=0.5), 0.6, 0.12),
    }
    if name == "bread":
        high = rng.uniform(1.2, 1.5)
        layer = slab("bread", outline, high, 0.08)
        for made in bread:
            layer.data.materials.append(made)
        for face in layer.data.polygons:
            x, y, up = face.normal
            face.material_index = 0 if abs(up) > 0.7 else (1 if x + y < -0.9 else 2)
        crumple(layer, rng, 0.08, 0.5)
        return layer, high - 0.03
    if name == "lettuce":
        return _lettuce(rng, leg), 0.45
    look, high, wave = looks[name]
    layer = slab(name, outline * rng.uniform(0.97, 1.02) + rng.uniform(-0.15, 0.15, 2), high, 0.08)
    crumple(layer, rng, wave, 0.7)
    return give(layer, material(name, look)), high


def _lettuce(rng: np.random.Generator, leg: float) -> bpy.types.Object:
    """A frilled leaf that sticks out of all three sides."""
    cells = 56
    u, v = np.meshgrid(np.linspace(0, 1, cells), np.linspace(0, 1, cells), indexing="ij")
    x, y = u * leg, leg - (1 - v) * u * leg
    at = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3) - [0.62 * leg, 0.62 * leg, 0]
    edge = 1 - np.clip(np.minimum(np.minimum(v, 1 - v) * u * 4, (1 - u) * 5).ravel() * 2, 0, 1)
    at[:, :2] *= 1.05
    at[:, 2] = 0.22 + (0.06 + 0.22 * edge) * smooth_noise(at * 1.5, rng) * 1.3
    at[:, :2] += 0.25 * edge[:, None] * np.column_stack([smooth_noise(at * 1.2, rng) for _ in range(2)])
    leaf = sheet("lettuce", at.reshape(cells, cells, 3))
    green = Look(((70, 118, 30), (122, 164, 54), (186, 206, 110)), patch=1.2, roughness=0.4, coat=0.2)
    return give(leaf, material("lettuce", green))


def _rounded(corners: Array, radii: tuple[float, ...]) -> Array:
    """An outline with its corners cut round by about the radii."""
    points = []
    for i, corner in enumerate(corners):
        before, after = corners[i - 1] - corner, corners[(i + 1) % len(corners)] - corner
        start = corner + radii[i] * before / np.linalg.norm(before)
        end = corner + radii[i] * after / np.linalg.norm(after)
        t = np.linspace(0, 1, 6)[:, None]
        points.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    return np.concatenate(points)


def _bun(rng: np.random.Generator, half: float) -> bpy.types.Object:
    """A long soft roll along x, split open above: golden outside, pale in the split."""
    angle = np.linspace(0.36, -np.pi - 0.36, 40)
    outer = np.column_stack([2.75 * np.cos(angle), 1.75 + 1.85 * np.sin(angle)])
    outer[:, 0] *= 1 + 0.1 * np.clip(np.sin(angle), -1, 0)
    outer[:, 1] = np.maximum(outer[:, 1], 0.12 * outer[:, 1])
    split = np.array([[-1.9, 2.9], [-1.45, 2.6], [-0.8, 1.7], [0, 1.3], [0.8, 1.7], [1.45, 2.6], [1.9, 2.9]])
    section = np.concatenate([outer, split])[::-1]
    u = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 46))
    taper = np.clip(1 - np.abs(u) ** 5, 0, 1)[:, None] ** 0.5
    rings = np.stack(
        [
            np.repeat(half * u[:, None], len(section), 1),
            taper * section[:, 0],
            0.9 * (1 - taper) + taper * section[:, 1],
        ],
        axis=-1,
    )
    bun = loft("bun", rings)
    at = vertices_of(bun)
    pale = np.tile(np.arange(len(section)) < len(split), len(u))
    high = np.clip(at[:, 2] / 2.6, 0, 1)
    golden = jitter(rng, (196, 122, 48), 8)
    colours = ramp(high, [(0, (224, 176, 104)), (0.3, (218, 158, 82)), (0.9, golden)])
    colours = blend(colours, (150, 84, 30), 0.7 * cloud(at, rng, 2.2) * high)
    colours = np.where(pale[:, None], np.array([240.0, 218, 168]), colours)
    crumple(bun, rng, 0.15, 0.35)
    at = vertices_of(bun)
    set_vertices(bun, at - np.array([0, 0, at[:, 2].min()]))
    return paint(bun, colours)


def _croissant(rng: np.random.Generator, half: float) -> bpy.types.Object:
    """A bent roll, thick in its middle, with overlapping turns of dough; `half` is half its span."""
    count, segments = 150, 40
    t = np.linspace(-1, 1, count)
    sweep = rng.uniform(1.1, 1.75)
    path = np.column_stack(
        [
            half * np.sin(sweep * t) / np.sin(min(sweep, np.pi / 2)),
            half * 0.55 * (1 - np.cos(sweep * t)) / (1 - np.cos(sweep)) * sweep * 0.8,
            0 * t,
        ]
    )
    turns = 3.5
    wrap = np.abs(t) * turns + rng.uniform(0, 0.3)
    step = 1 - (wrap % 1)
    thick = half * 0.37 * (1 - 0.8 * np.abs(t) ** 1.3)
    body = tube("croissant", path, thick * (0.82 + 0.22 * (1 - step) ** 0.6), segments, 0.86)
    at = vertices_of(body)
    centre = np.repeat(path, segments, axis=0)
    fine = np.repeat(wrap, segments)
    around = np.tile(np.linspace(0, 2 * np.pi, segments, endpoint=False), count)
    lumps = smooth_noise(at * 0.5, rng)
    layers = np.sin(fine * 2 * np.pi * 4 + 1.5 * smooth_noise(at * 0.8, rng) + 0.6 * np.sin(around))
    at = centre + (at - centre) * (1 + 0.08 * lumps + 0.012 * layers)[:, None]
    set_vertices(body, at)
    groove = np.repeat(step, segments)
    golden = jitter(rng, (198, 120, 44), 8)
    colours = blend(
        golden,
        (226, 172, 96),
        0.9 * np.clip((groove - 0.55) / 0.4, 0, 1),
    )
    colours = blend(colours, (122, 58, 18), 1.7 * np.clip(0.75 - groove, 0, 1) * cloud(at, rng, 1.6))
    colours = blend(colours, (236, 196, 124), 0.25 * np.clip(layers, 0, 1))
    low = np.clip(-(at[:, 2] - centre[:, 2]) / (0.3 * half), 0, 1)
    return paint(body, blend(colours, (150, 84, 32), 0.6 * low))


FOODS: tuple[Food, ...] = (
    Food("pizza", "pizza", frozenset({WESTERN}), (7.0, 13.0), build_pizza),
    Food("sandwich", "bread", frozenset({WESTERN}), (5.5, 7.5), build_sandwich),
    Food("hot_dog", "bread", frozenset({WESTERN}), (6.5, 8.5), build_hot_dog),
    Food("croissant", "bread", frozenset({WESTERN}), (5.0, 7.5), build_croissant),
)
