"""Cooked and baked food."""

from __future__ import annotations

import numpy as np

from training.drawn_plates.fruit import ball, disc, turned
from training.drawn_plates.scene import (
    SUPERSAMPLING,
    Colour,
    Field,
    Part,
    Scene,
    Shape,
    mix,
    noise,
    rgb,
    smooth_step,
)


def fried_egg(radius: float, rng: np.random.Generator) -> Shape:
    """Uneven white with a browned edge, and a wet yolk a little off its middle."""
    waves = [(k, rng.uniform(0.0, 0.16 / k), rng.uniform(0, 6.3)) for k in range(2, 9)]
    yolk_x, yolk_y = rng.uniform(-0.1, 0.1, 2) * radius

    def shape(x: Field, y: Field) -> Part:
        angle = turned(x, y)
        outline = 0.9 + sum(a * np.cos(k * angle + p) for k, a, p in waves)
        d = np.hypot(x, y) / (radius * outline)
        bumps = noise(x.shape, 34 * SUPERSAMPLING, rng)
        yolk = np.hypot(x - yolk_x, y - yolk_y) / (0.37 * radius)
        height = disc(d, 8.5, 0.14) + 2.2 * bumps * smooth_step(1.0, 0.8, d) + 5 * smooth_step(1.6, 0.9, yolk)
        dome = np.sqrt(np.clip(1 - yolk**2, 0, 1)).astype(np.float32)
        height = height + 0.17 * radius * dome**0.8
        paint = mix((250, 247, 238), (236, 228, 208), 0.35 + 0.5 * bumps)
        crisp = noise(x.shape, 16 * SUPERSAMPLING, rng)
        paint = mix(paint, (190, 124, 52), 0.85 * smooth_step(0.90, 1.0, d + 0.07 * crisp))
        gold = mix((250, 172, 22), (242, 138, 8), smooth_step(0.3, 1.0, yolk) * 0.8)
        paint = mix(paint, gold, smooth_step(1.0, 0.96, yolk))
        pepper = smooth_step(0.80, 0.88, noise(x.shape, 5 * SUPERSAMPLING, rng))
        return Part(
            height.astype(np.float32), mix(paint, (46, 36, 28), 0.8 * pepper), 0.62 + 0.3 * (dome > 0)
        )

    return shape


def toast(side: float, rng: np.random.Generator) -> Shape:
    """A slice of toasted bread: crust, crumb with pores, browned middle."""

    def shape(x: Field, y: Field) -> Part:
        half, corner = side / 2, side * 0.17
        bulge = 0.07 * side * smooth_step(0.1, -0.5, y / side)  # the risen top is wider
        dx, dy = np.abs(x) - half - bulge + corner, np.abs(y) - half + corner
        out = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - corner
        out = out + 2.2 * noise(x.shape, 60 * SUPERSAMPLING, rng)
        crumb, fine = noise(x.shape, 7 * SUPERSAMPLING, rng), noise(x.shape, 3 * SUPERSAMPLING, rng)
        pore = smooth_step(0.35, 0.75, crumb)
        edge = np.sqrt(np.clip(1 - np.clip((out + 10) / 10, 0, 1) ** 2, 0, 1))
        height = 20 * (0.35 + 0.65 * edge) - 2.6 * pore * smooth_step(-6, -12, out) + 0.7 * fine
        browned = (
            noise(x.shape, 110 * SUPERSAMPLING, rng)
            + 0.8 * smooth_step(-0.42 * side, -0.05 * side, out)
            - 0.45
        )
        paint = mix((232, 190, 122), (186, 118, 54), 0.62 - 0.5 * browned + 0.2 * fine)
        paint = mix(paint, (150, 92, 42), 0.35 * pore)
        paint = mix(paint, (128, 72, 30), smooth_step(-10, -5, out))
        return Part(np.where(out < 0, height, -np.inf).astype(np.float32), paint, 0.08)

    return shape


def sausage(length: float, width: float, rng: np.random.Generator, bow: float = 0.7) -> Shape:
    """A grilled sausage bent about a circle, with dark grill marks."""
    ring = length / bow

    def shape(x: Field, y: Field) -> Part:
        along = (np.arctan2(x, y + ring) * ring).astype(np.float32)
        aside = (np.hypot(x, y + ring) - ring).astype(np.float32)
        past = np.maximum(np.abs(along) - (length / 2 - width), 0)
        d = np.hypot(past, aside) / width
        wrinkle = noise(x.shape, (22 * SUPERSAMPLING, 12 * SUPERSAMPLING), rng)
        height = 2 + ball(d, 1.8 * width) + 0.5 * wrinkle
        paint = mix((172, 88, 46), (128, 54, 26), 0.42 + 0.5 * wrinkle + 0.25 * np.abs(aside) / width)
        marks = smooth_step(0.82, 0.97, np.cos((along + 0.8 * aside) / 5.2))
        paint = mix(paint, (58, 26, 14), 0.75 * marks * smooth_step(0.95, 0.5, d))
        ends = smooth_step(width * 0.75, width, past)
        return Part((height - 0.8 * marks).astype(np.float32), mix(paint, (86, 40, 20), ends), 0.72)

    return shape


def fry(length: float, width: float, rng: np.random.Generator) -> Shape:
    """One potato fry along x."""
    bend = rng.uniform(-0.07, 0.07)

    def shape(x: Field, y: Field) -> Part:
        dx, dy = np.abs(x) - length / 2, np.abs(y - bend * x * x / length * 2) - width / 2
        out = np.maximum(dx, dy)
        edge = smooth_step(0, -3.2, out)
        grain = noise(x.shape, 9 * SUPERSAMPLING, rng)
        paint = mix((246, 206, 106), (226, 164, 62), 0.35 + 0.5 * grain)
        paint = mix(paint, (186, 116, 40), 0.75 * smooth_step(-14, 0, dx) + 0.35 * smooth_step(-3, 0, dy))
        height = np.where(out < 0, width * (0.5 + 0.4 * edge) + 0.6 * grain, -np.inf)
        return Part(height.astype(np.float32), paint, 0.4)

    return shape


def grain(length: float, width: float, colour: Colour) -> Shape:
    """One grain of rice along x."""

    def shape(x: Field, y: Field) -> Part:
        d = np.hypot(x / length, y / width).astype(np.float32)
        return Part(ball(d, 1.5 * width), rgb(colour), 0.45)

    return shape


def mound(radius: float, height: float, colour: Colour, rng: np.random.Generator) -> Shape:
    """A smooth heap, the ground that grains lie on."""

    def shape(x: Field, y: Field) -> Part:
        bumps = noise(x.shape, 40 * SUPERSAMPLING, rng)
        d = np.hypot(x, y) / radius + 0.05 * bumps
        rise = np.where(d < 1, height * (1 - np.clip(d, 0, 1) ** 2.4) ** 0.7, -np.inf)
        return Part(rise.astype(np.float32), mix(colour, (150, 140, 120), 0.35 + 0.3 * bumps), 0.05)

    return shape


def rice(scene: Scene, xy: tuple[float, float], radius: float) -> None:
    """A heap of loose rice."""
    rng = scene.rng
    table = float(scene.height[int(xy[1] * SUPERSAMPLING), int(xy[0] * SUPERSAMPLING)])
    crown = radius * 0.38
    scene.put(mound(radius * 0.95, crown, (232, 227, 214), rng), xy, radius * 1.1, ground=table)
    count = int(radius**2 / 7)
    angles, distances = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count)) * radius * 0.97
    for angle, distance in zip(angles, distances, strict=True):
        tone = int(rng.integers(-12, 8))
        shape = grain(rng.uniform(7.5, 9.5), rng.uniform(3.0, 3.6), (236 + tone, 232 + tone, 222 + tone))
        place = xy[0] + distance * np.cos(angle), xy[1] + distance * np.sin(angle)
        ground = table + crown * (1 - min(1.0, distance / radius) ** 2.4) ** 0.7 + rng.uniform(-2.5, 1.0)
        scene.put(shape, place, 10, angle=float(rng.uniform(0, 360)), ground=ground)


def broccoli(scene: Scene, xy: tuple[float, float], radius: float) -> None:
    """A floret seen from its crown: a dome of domes of buds."""
    rng = scene.rng
    scene.put(mound(radius * 0.9, radius * 0.7, (96, 124, 62), rng), xy, radius)
    for ring, count in ((0.72, 9), (0.42, 6), (0.0, 1)):
        start = rng.uniform(0, 6.3)
        for k in range(count):
            angle = start + 2 * np.pi * k / count + rng.uniform(-0.15, 0.15)
            place = xy[0] + ring * radius * np.cos(angle), xy[1] + ring * radius * np.sin(angle)
            scene.put(_buds(radius * rng.uniform(0.27, 0.36), rng), place, radius * 0.4)


def _buds(radius: float, rng: np.random.Generator) -> Shape:
    def shape(x: Field, y: Field) -> Part:
        ragged = noise(x.shape, 14 * SUPERSAMPLING, rng)
        d = (np.hypot(x, y) / radius + 0.16 * ragged).astype(np.float32)
        bud = noise(x.shape, 6.5 * SUPERSAMPLING, rng)
        paint = mix((92, 136, 58), (50, 92, 38), 0.5 - 0.55 * bud + 0.25 * ragged)
        paint = mix(paint, (146, 178, 92), 0.5 * smooth_step(0.3, 0.8, bud))
        return Part((ball(d, 1.3 * radius) + 3.4 * bud).astype(np.float32), paint, 0.25)

    return shape


def fillet(length: float, width: float, rng: np.random.Generator) -> Shape:
    """A fried salmon fillet along x: white lines between the flakes, browned ridges."""

    def shape(x: Field, y: Field) -> Part:
        t = x / length
        half = width * (0.5 + 0.10 * np.sin(3 * t + 0.4)) * np.clip(1 - np.abs(2 * t) ** 6, 0, 1) ** 0.35
        across = y / np.maximum(half, 1)
        warp = noise(x.shape, 90 * SUPERSAMPLING, rng)
        flake = ((x + 26 * np.abs(across) ** 1.6 + 9 * warp) / 19) % 1
        line = smooth_step(0.14, 0.04, np.minimum(flake, 1 - flake))
        body = np.clip(1 - np.abs(across) ** 3.2, 0, 1) ** 0.5
        fibre = noise(x.shape, (26 * SUPERSAMPLING, 7 * SUPERSAMPLING), rng)
        height = 6 + 26 * body - 1.8 * line * body + 0.8 * fibre
        paint = mix((238, 140, 98), (222, 112, 72), 0.4 + 0.4 * fibre + 0.3 * warp)
        paint = mix(paint, (250, 206, 178), 0.75 * line)
        seared = smooth_step(0.05, 0.75, warp + 0.5 * fibre - 0.25 * line)
        paint = mix(paint, (176, 96, 44), 0.6 * seared + 0.5 * smooth_step(0.8, 1.0, np.abs(across)))
        inside = (np.abs(across) < 1) & (np.abs(t) < 0.5)
        return Part(np.where(inside, height, -np.inf).astype(np.float32), paint, 0.6)

    return shape


def doughnut(radius: float, rng: np.random.Generator, icing: Colour, sprinkles: list[Colour]) -> Shape:
    """A ring of dough with icing and, where colours are given, sprinkles."""
    drips = [(k, rng.uniform(0.0, 0.05), rng.uniform(0, 6.3)) for k in range(3, 10)]
    places = rng.uniform(0, 1, (110 if sprinkles else 0, 3))

    def shape(x: Field, y: Field) -> Part:
        angle = turned(x, y)
        d = np.hypot(x, y) / radius
        across = (d - 0.64) / 0.36
        tube = np.sqrt(np.clip(1 - across**2, 0, 1))
        edge = 0.80 + sum(a * np.cos(k * angle + p) for k, a, p in drips)
        iced = smooth_step(0.03, -0.03, np.abs(across) - edge)
        crust = noise(x.shape, 18 * SUPERSAMPLING, rng)
        paint = mix((214, 150, 78), (176, 106, 46), 0.45 + 0.5 * crust)
        sheen = noise(x.shape, 50 * SUPERSAMPLING, rng)
        lighter = tuple(min(255, c + 22) for c in icing)
        paint = mix(paint, mix(icing, lighter, 0.4 + 0.5 * sheen), iced)  # type: ignore[arg-type]
        height = (
            3
            + radius * 0.36 * (0.8 + 0.9 * tube)
            + 3.0 * iced
            + 0.6 * crust * (1 - iced)
            + 0.8 * sheen * iced
        )
        for index, (a, r, turn) in enumerate(places):
            at, reach, lie = a * 2 * np.pi, (0.46 + 0.36 * r) * radius, turn * np.pi
            sx, sy = x - reach * np.cos(at), y - reach * np.sin(at)
            near = (np.abs(sx) < 9) & (np.abs(sy) < 9)
            along = np.maximum(np.abs(sx[near] * np.cos(lie) + sy[near] * np.sin(lie)) - 4.5, 0)
            rod = np.hypot(along, sy[near] * np.cos(lie) - sx[near] * np.sin(lie)) / 2.1
            height[near] += 2.6 * np.sqrt(np.clip(1 - rod**2, 0, 1))
            paint[near] = mix(paint[near], rgb(sprinkles[index % len(sprinkles)]), smooth_step(1.0, 0.8, rod))
        inside = np.abs(across) < 1
        return Part(np.where(inside, height, -np.inf).astype(np.float32), paint, 0.25 + 0.6 * iced)

    return shape


def bun(radius: float, rng: np.random.Generator, *, seeds: bool = True) -> Shape:
    """A round bread roll, egg-washed, with sesame."""
    places = rng.uniform(0, 1, (90 if seeds else 0, 3))

    def shape(x: Field, y: Field) -> Part:
        blotch = noise(x.shape, 60 * SUPERSAMPLING, rng)
        d = (np.hypot(x, y) / radius * (1 + 0.015 * blotch)).astype(np.float32)
        fine = noise(x.shape, 6 * SUPERSAMPLING, rng)
        height = ball(d, 1.15 * radius) + 0.35 * fine
        paint = mix((206, 132, 58), (160, 84, 30), 0.45 + 0.4 * blotch)
        paint = mix(paint, (238, 196, 126), 0.9 * smooth_step(0.74, 1.0, d + 0.05 * blotch))
        for a, r, turn in places:
            at, reach, lie = a * 2 * np.pi, np.sqrt(r) * 0.72 * radius, turn * np.pi
            sx, sy = x - reach * np.cos(at), y - reach * np.sin(at)
            near = (np.abs(sx) < 8) & (np.abs(sy) < 8)
            u, v = (
                sx[near] * np.cos(lie) + sy[near] * np.sin(lie),
                sy[near] * np.cos(lie) - sx[near] * np.sin(lie),
            )
            drop = np.hypot(u / 4.6, v / (2.6 - 0.25 * u))
            height[near] += 2.2 * np.sqrt(np.clip(1 - drop**2, 0, 1))
            paint[near] = mix(paint[near], rgb((246, 228, 186)), smooth_step(1.0, 0.8, drop))
        return Part(height.astype(np.float32), paint, 0.55)

    return shape


def lettuce(radius: float, rng: np.random.Generator) -> Shape:
    """A ruffled leaf, its rib along x."""

    def shape(x: Field, y: Field) -> Part:
        angle = turned(x, y)
        frill = 0.07 * np.sin(17 * angle + 2 * np.sin(4 * angle)) + 0.05 * np.sin(29 * angle)
        d = np.hypot(x, y * 1.25) / (radius * (0.9 + frill))
        veins = np.abs(np.sin(7 * angle + 0.05 * radius * np.abs(y) / radius))
        waves = noise(x.shape, 46 * SUPERSAMPLING, rng)
        rib = smooth_step(0.07, 0.02, np.abs(y) / radius) * smooth_step(0.95, 0.5, d)
        ruffle = 4 * waves * smooth_step(0.2, 0.8, d) + 25 * frill * smooth_step(0.6, 1.0, d)
        paint = mix((146, 190, 62), (84, 142, 36), 0.45 - 0.5 * waves + 0.45 * smooth_step(0.3, 1.0, d))
        paint = mix(
            paint,
            (206, 224, 150),
            0.85 * rib + 0.25 * smooth_step(0.25, 0.05, veins) * smooth_step(1.0, 0.4, d),
        )
        height = np.where(d < 1, 9 + ruffle + 3 * rib, -np.inf)
        return Part(np.maximum(height, np.where(d < 1, 1.0, -np.inf)).astype(np.float32), paint, 0.42)

    return shape
