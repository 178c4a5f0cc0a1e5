"""Whole and sliced fruit and vegetables. Every function returns a shape of about `radius` pixels."""

from __future__ import annotations

import numpy as np

from training.drawn_plates.scene import (
    SUPERSAMPLING,
    Colour,
    Field,
    Part,
    Scene,
    Shape,
    mix,
    noise,
    smooth_step,
)


def ball(d: Field, height: float) -> Field:
    """Upper half of an ellipsoid over the unit disc, standing on the ground; -inf outside."""
    dome = np.sqrt(np.clip(1 - d * d, 0, None))
    return np.where(d < 1, height * (0.5 + 0.5 * dome), -np.inf).astype(np.float32)


def turned(x: Field, y: Field) -> Field:
    """Angle about the origin, radians."""
    return np.arctan2(y, x).astype(np.float32)


def apple(radius: float, rng: np.random.Generator, skin: Colour = (188, 28, 30)) -> Shape:
    """Seen from above: dimple, streaks from the stem, a yellow cheek. The stem is `stem`."""

    def shape(x: Field, y: Field) -> Part:
        angle = turned(x, y)
        d = np.hypot(x, y) / (radius * (1 + 0.010 * np.cos(5 * angle + 0.6) + 0.012 * np.cos(2 * angle)))
        dimple = np.exp(-((d / 0.24) ** 2))
        height = ball(d, 1.55 * radius) - 0.34 * radius * dimple
        streaks = noise((360, 64), (8, 64), rng)[((np.degrees(angle) + 180) % 360).astype(int), 20]
        blotch = noise(d.shape, radius * SUPERSAMPLING, rng)
        cheek = smooth_step(0.0, 1.3, 0.55 * x / radius + 0.5 * y / radius + 0.45 * blotch + 0.3 * streaks)
        paint = mix(skin, (232, 176, 62), 0.75 * cheek + 0.16 * streaks)
        paint = mix(paint, (186, 176, 70), 0.9 * smooth_step(0.42, 0.06, d + 0.06 * streaks))
        dots = smooth_step(0.62, 0.8, noise(d.shape, 5.0 * SUPERSAMPLING, rng)) * smooth_step(0.1, 0.5, d)
        return Part(height, mix(paint, (240, 205, 150), 0.35 * dots), 0.72)

    return shape


def stem(length: float, width: float = 5.0) -> Shape:
    """A short brown stalk from the origin along x."""

    def shape(x: Field, y: Field) -> Part:
        swell = width * (0.75 + 0.5 * smooth_step(0.6, 1.0, x / length))
        across = (y - 0.12 * x * x / length) / swell
        inside = (np.abs(across) < 1) & (x > 0) & (x < length)
        height = np.where(inside, 8 + 0.5 * x + swell * np.sqrt(np.clip(1 - across**2, 0, 1)), -np.inf)
        return Part(height.astype(np.float32), mix((74, 48, 26), (128, 92, 52), across * 0.5 + 0.5), 0.15)

    return shape


def citrus(radius: float, rng: np.random.Generator, skin: Colour, *, nipples: bool = False) -> Shape:
    """A whole orange, or with `nipples` a lemon lying along x."""
    pits = 3.2 * SUPERSAMPLING

    def shape(x: Field, y: Field) -> Part:
        if nipples:
            point = 1.34 + 0.16 * np.exp(-((y / (0.26 * radius)) ** 2))
            d = np.hypot(x / (radius * point), y / radius).astype(np.float32)
        else:
            d = (np.hypot(x, y) / radius).astype(np.float32)
        pores = noise(d.shape, pits, rng)
        height = ball(d, (1.5 if nipples else 1.65) * radius) + 0.55 * pores
        patch = noise(d.shape, radius * SUPERSAMPLING, rng)
        darker = tuple(int(c * f) for c, f in zip(skin, (0.90, 0.78, 0.6), strict=True))
        paint = mix(skin, darker, 0.4 + 0.3 * patch + 0.25 * pores)  # type: ignore[arg-type]
        if not nipples:
            eye = np.hypot(x - 0.2 * radius, y + 0.12 * radius) / radius
            star = smooth_step(
                0.085, 0.06, eye * (1 + 0.25 * np.cos(5 * turned(x - 0.2 * radius, y + 0.12 * radius)))
            )
            paint = mix(paint, (122, 128, 58), star)
            height = height - 3.0 * np.exp(-((eye / 0.1) ** 2)) + 2.0 * star
        return Part(height.astype(np.float32), paint, 0.58)

    return shape


def banana(length: float, width: float, rng: np.random.Generator, bow: float = 2.0) -> Shape:
    """A banana bent about a circle, stalk to the right; `bow` is the arc in radians."""
    ring = length / bow

    def shape(x: Field, y: Field) -> Part:
        along = np.arctan2(x, y + ring) / bow + 0.5  # 0 to 1
        aside = (np.hypot(x, y + ring) - ring).astype(np.float32)
        taper = np.clip(np.sin(np.pi * np.clip(along * 1.02 - 0.005, 0, 1)), 0, 1) ** 0.42
        stalk = smooth_step(0.90, 0.965, along)
        half = width * (0.18 + 0.82 * taper) * (1 - stalk) + width * 0.2 * stalk
        across = aside / np.maximum(half, 1)
        inside = (np.abs(across) < 1) & (along > 0.0) & (along < 1.05)
        tube = np.sqrt(np.clip(1 - across**2, 0, 1))
        ridge = (
            np.maximum(1 - np.abs(across - 0.3) * 1.5, 0) * 0.16
            + np.maximum(1 - np.abs(across + 0.5) * 2, 0) * 0.1
        )
        height = np.where(inside, 3 + half * (0.55 + 0.95 * tube + ridge), -np.inf)
        fibre = noise(x.shape, 44 * SUPERSAMPLING, rng)
        paint = mix((247, 208, 62), (228, 170, 36), 0.35 + 0.45 * fibre + 0.5 * np.maximum(across, 0))
        edge = np.exp(-(((across - 0.3) / 0.06) ** 2)) + np.exp(-(((across + 0.5) / 0.06) ** 2))
        paint = mix(paint, (168, 122, 30), 0.32 * edge)
        ends = smooth_step(0.14, 0.03, along) + smooth_step(0.84, 0.94, along)
        paint = mix(paint, (150, 160, 56), 0.75 * ends)
        paint = mix(paint, (62, 42, 22), smooth_step(0.035, 0.015, along) + smooth_step(1.015, 1.03, along))
        flecks = smooth_step(0.50, 0.62, noise(x.shape, 9 * SUPERSAMPLING, rng))
        return Part(height.astype(np.float32), mix(paint, (104, 66, 24), 0.6 * flecks), 0.5)

    return shape


def disc(d: Field, thickness: float, edge: float = 0.10) -> Field:
    """Height of a slice over the unit disc with a rounded edge; -inf outside."""
    rounded = np.sqrt(np.clip(1 - np.clip((d - 1 + edge) / edge, 0, 1) ** 2, 0, 1))
    return np.where(d < 1, thickness * (0.45 + 0.55 * rounded), -np.inf).astype(np.float32)


def kiwi_slice(radius: float, rng: np.random.Generator) -> Shape:
    """Pale core, rays, a ring of black seeds, brown skin."""

    def shape(x: Field, y: Field) -> Part:
        angle = turned(x, y)
        wobble = 1 + 0.02 * np.cos(2 * angle + 1) + 0.012 * np.cos(3 * angle)
        d = np.hypot(x, y) / (radius * wobble)
        rays = np.cos(34 * angle + 2 * np.sin(5 * angle))
        flesh = noise(x.shape, 10 * SUPERSAMPLING, rng)
        paint = mix(
            (150, 190, 52), (104, 158, 34), 0.4 + 0.32 * rays * smooth_step(0.2, 0.4, d) + 0.3 * flesh
        )
        core = np.hypot(x, y * 1.35) / radius
        paint = mix(
            paint, (236, 238, 190), smooth_step(0.30, 0.20, core) + 0.45 * smooth_step(0.5, 0.25, core)
        )
        seeds = np.zeros_like(x)
        for at in np.arange(0, 2 * np.pi, 2 * np.pi / 30):
            reach = (0.41 + 0.09 * rng.uniform(-1, 1)) * radius
            along = x * np.cos(at) + y * np.sin(at) - reach
            side = y * np.cos(at) - x * np.sin(at)
            seeds = np.maximum(seeds, smooth_step(1.1, 0.8, np.hypot(along / 4.2, side / 1.9) * 52 / radius))
        paint = mix(paint, (26, 22, 16), seeds)
        paint = mix(paint, (112, 84, 46), smooth_step(0.955, 0.975, d))
        height = disc(d, 12) + 1.0 * seeds + 0.5 * flesh - 0.6 * rays * smooth_step(0.3, 0.5, d) * 0.5
        return Part(height, paint, 0.8 * smooth_step(0.98, 0.94, d) + 0.05)

    return shape


def citrus_slice(
    radius: float, rng: np.random.Generator, flesh: Colour, skin: Colour, segments: int = 10
) -> Shape:
    """Segments of juice vesicles between white walls."""

    def shape(x: Field, y: Field) -> Part:
        d, angle = np.hypot(x, y) / radius, turned(x, y)
        within = np.abs(((angle * segments / (2 * np.pi)) % 1) - 0.5) * 2  # 0 mid-segment, 1 at a wall
        wall = smooth_step(0.86, 0.95, within + 0.05 / np.maximum(d, 0.08))
        wall = np.maximum(wall, smooth_step(0.83, 0.86, d + 0.05 * within**6))
        cells = noise(x.shape, (6 * SUPERSAMPLING, 6 * SUPERSAMPLING), rng)
        radial = noise((1024, 32), (10, 20), rng)[
            ((angle + np.pi) / (2 * np.pi) * 1023).astype(int), np.clip(d * 30, 0, 31).astype(int)
        ]
        bright = tuple(min(255, int(c * 1.08) + 34) for c in flesh)
        paint = mix(flesh, bright, 0.4 + 0.3 * cells + 0.4 * radial)  # type: ignore[arg-type]
        paint = mix(paint, (250, 236, 200), 0.88 * wall)
        paint = mix(paint, skin, smooth_step(0.93, 0.955, d))
        height = disc(d, 12) + (1 - wall) * (0.9 * cells + 0.8 * radial - 0.4)
        return Part(height.astype(np.float32), paint, 0.78)

    return shape


def tomato_slice(radius: float, rng: np.random.Generator) -> Shape:
    """Chambers of jelly and seeds between walls of flesh."""

    def shape(x: Field, y: Field) -> Part:
        angle = turned(x, y)
        d = np.hypot(x, y) / (radius * (1 + 0.02 * np.cos(4 * angle)))
        beat = np.abs(((angle * 6 / (2 * np.pi) + 0.03 * np.sin(3 * angle)) % 1) - 0.5) * 2
        chamber = smooth_step(0.74, 0.62, beat) * smooth_step(0.28, 0.38, d) * smooth_step(0.84, 0.78, d)
        flesh = noise(x.shape, 14 * SUPERSAMPLING, rng)
        paint = mix((206, 56, 38), (226, 92, 62), 0.45 + 0.4 * flesh)
        paint = mix(paint, (196, 74, 30), 0.85 * chamber)
        seeds = smooth_step(0.30, 0.46, noise(x.shape, 11 * SUPERSAMPLING, rng)) * chamber
        paint = mix(paint, (232, 190, 104), 0.9 * seeds)
        paint = mix(paint, (238, 150, 118), 0.6 * smooth_step(0.2, 0.05, d))
        paint = mix(paint, (176, 26, 20), smooth_step(0.93, 0.96, d))
        return Part(disc(d, 12) - 1.6 * chamber + 1.6 * seeds + 0.4 * flesh, paint, 0.85)

    return shape


def cucumber_slice(radius: float, rng: np.random.Generator) -> Shape:
    """Pale flesh, a ring of seeds in three lobes, dark skin."""

    def shape(x: Field, y: Field) -> Part:
        d, angle = np.hypot(x, y) / radius, turned(x, y)
        lobe = 0.5 + 0.09 * np.cos(3 * angle)
        flesh = noise(x.shape, 12 * SUPERSAMPLING, rng)
        paint = mix((206, 226, 160), (186, 212, 134), 0.4 + 0.4 * flesh)
        paint = mix(paint, (226, 232, 188), 0.8 * smooth_step(lobe.max(), 0.35, d))
        seeds = np.zeros_like(x)
        for at in np.arange(0, 2 * np.pi, 2 * np.pi / 15):
            reach = (0.38 + 0.06 * np.cos(3 * at)) * radius
            along, side = x * np.cos(at) + y * np.sin(at) - reach, y * np.cos(at) - x * np.sin(at)
            seeds = np.maximum(seeds, smooth_step(1.15, 0.75, np.hypot(along / 0.13, side / 0.05) / radius))
        paint = mix(paint, (244, 240, 206), 0.9 * seeds)
        paint = mix(paint, (150, 190, 92), 0.8 * smooth_step(0.80, 0.92, d))
        paint = mix(paint, (38, 84, 36), smooth_step(0.93, 0.955, d))
        return Part(disc(d, 9) + 1.0 * seeds + 0.3 * flesh, paint, 0.75)

    return shape


def carrot_coin(radius: float, rng: np.random.Generator) -> Shape:
    """A boiled slice: lighter star-edged core."""

    def shape(x: Field, y: Field) -> Part:
        d, angle = np.hypot(x, y) / radius, turned(x, y)
        rays = np.cos(22 * angle)
        core = smooth_step(0.5, 0.44, d + 0.03 * np.cos(9 * angle))
        grain = noise(x.shape, 8 * SUPERSAMPLING, rng)
        paint = mix(
            (226, 112, 24), (240, 140, 40), 0.4 + 0.22 * rays * smooth_step(0.45, 0.7, d) + 0.3 * grain
        )
        paint = mix(paint, (244, 166, 62), 0.7 * core)
        return Part(disc(d, 13, 0.2) + 0.3 * grain, paint, 0.7)

    return shape


def berry(radius: float, rng: np.random.Generator, skin: Colour, bloom: float = 0.0) -> Shape:
    """A grape, a pea, a cherry tomato: a small ball, dulled by `bloom`."""

    def shape(x: Field, y: Field) -> Part:
        d = (np.hypot(x, y) / radius).astype(np.float32)
        patch = noise(d.shape, radius * SUPERSAMPLING, rng)
        darker = tuple(int(c * 0.72) for c in skin)
        paint = mix(mix(skin, darker, 0.4 + 0.4 * patch), (196, 200, 214), bloom * (0.5 + 0.5 * patch))  # type: ignore[arg-type]
        return Part(ball(d, 1.7 * radius), paint, 0.85 - 0.6 * bloom)

    return shape


def calyx(radius: float, leaf: Colour = (62, 110, 40)) -> Shape:
    """The green star on a tomato."""

    def shape(x: Field, y: Field) -> Part:
        d, angle = np.hypot(x, y) / radius, turned(x, y)
        ray = 0.18 + 0.82 * np.abs(np.cos(2.5 * angle)) ** 3
        height = np.where(d < ray, 2.5 + 2 * np.cos(d * 3) + 6 * smooth_step(0.2, 0.05, d), -np.inf)
        return Part(height.astype(np.float32), mix(leaf, (104, 146, 66), smooth_step(0.2, 0.9, d)), 0.2)

    return shape


def heap(
    scene: Scene,
    shapes: list[tuple[Shape, float]],
    xy: tuple[float, float],
    spread: float,
    crown: float | None = None,
) -> None:
    """Pile many small shapes (each with its reach) about a place, the outermost first.

    They are spread evenly, as the seeds of a sunflower are (Vogel 1979). With `crown` the heap is a dome of
    that height; without, each lies on what is under it.
    """
    rng, count = scene.rng, len(shapes)
    table = float(scene.height[int(xy[1] * SUPERSAMPLING), int(xy[0] * SUPERSAMPLING)])
    for (shape, reach), k in zip(shapes, range(count, 0, -1), strict=True):
        out = float(np.clip(np.sqrt(k / count) + rng.uniform(-0.08, 0.08), 0, 1))
        angle = 2.39996 * k + rng.uniform(-0.2, 0.2)
        place = xy[0] + out * spread * np.cos(angle), xy[1] + out * spread * np.sin(angle)
        ground = None if crown is None else table + crown * (1 - out**2)
        scene.put(shape, place, reach, angle=float(rng.uniform(0, 360)), ground=ground)
