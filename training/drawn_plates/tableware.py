"""Tables, plates and cutlery."""

from __future__ import annotations

import cv2
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
    rgb,
    smooth_step,
)

WELL = 6.0
"""Height of a plate's flat middle above the table, in pixels."""


def wood(scene: Scene, light: Colour, dark: Colour, plank: float = 190.0) -> None:
    """Planks along x."""
    rows, columns = scene.height.shape
    s = SUPERSAMPLING
    y = np.mgrid[:rows, :columns][0].astype(np.float32) / s
    board = (y // plank).astype(int)
    count = int(board.max()) + 1
    bend = noise((rows, columns), (260 * s, 900 * s), scene.rng) * 38
    fibres = noise((rows, columns), (3 * s, 260 * s), scene.rng)
    pores = noise((rows, columns), (1.6 * s, 60 * s), scene.rng)
    offset = scene.rng.uniform(0, 900, count).astype(np.float32)[board]
    rings = 0.5 + 0.5 * np.sin(
        (y + bend + offset) / 9 + 3 * noise((rows, columns), (90 * s, 700 * s), scene.rng)
    )
    tone = scene.rng.uniform(-0.13, 0.13, count).astype(np.float32)[board]
    scene.colour[:] = mix(light, dark, 0.35 + 0.34 * (rings - 0.5) + 0.32 * fibres + tone)
    scene.colour *= (1 - 0.22 * smooth_step(0.35, 0.8, pores))[..., None]
    seam = np.abs((y + plank / 2) % plank - plank / 2)
    scene.colour *= (1 - 0.65 * smooth_step(2.2, 0.4, seam))[..., None]
    scene.height[:] = fibres * 0.25 - 2.0 * smooth_step(2.5, 0.5, seam)
    scene.gloss[:] = 0.3


def linen(scene: Scene, colour: Colour, shade: Colour) -> None:
    """Woven cloth with soft folds."""
    rows, columns = scene.height.shape
    s = SUPERSAMPLING
    y, x = np.mgrid[:rows, :columns].astype(np.float32) / s
    uneven_x, uneven_y = (
        noise((rows, columns), (900 * s, 5 * s), scene.rng),
        noise((rows, columns), (5 * s, 900 * s), scene.rng),
    )
    pitch = np.float32(np.pi / 2.1)
    over = np.sin(x * pitch) * np.sin(y * pitch)
    folds = noise((rows, columns), (520 * s, 300 * s), scene.rng)
    scene.colour[:] = mix(colour, shade, 0.35 + 0.28 * uneven_x + 0.28 * uneven_y - 0.22 * over)
    scene.height[:] = over * 0.28 + folds * 7
    scene.gloss[:] = 0.0


def stone(scene: Scene, colour: Colour, vein: Colour, *, veins: float = 0.8, gloss: float = 0.35) -> None:
    """Marble with veins, or slate where `veins` is 0."""
    size_hw = scene.height.shape
    s = SUPERSAMPLING
    cloud, warp = noise(size_hw, 420 * s, scene.rng), noise(size_hw, 260 * s, scene.rng)
    y, x = np.mgrid[: size_hw[0], : size_hw[1]].astype(np.float32) / s
    lines = 1 - np.abs(np.sin((x * 0.6 + y) / 170 + 2.6 * warp))
    grain = noise(size_hw, 7 * s, scene.rng)
    weight = 0.22 + 0.3 * cloud + 0.1 * grain + veins * lines**9
    scene.colour[:] = mix(colour, vein, weight)
    scene.height[:] = grain * (0.2 if veins else 0.55)
    scene.gloss[:] = gloss


def plate(radius: float, glaze: Colour, band: Colour | None = None, depth: float = 13.0) -> Shape:
    """A round plate: flat well, raised rim; `band` paints a line on the rim."""

    def shape(x: Field, y: Field) -> Part:
        d = np.hypot(x, y) / radius
        rise = smooth_step(0.66, 0.80, d) * 0.75 + smooth_step(0.76, 0.99, d) * 0.25
        lip = smooth_step(0.955, 0.985, d) * smooth_step(1.0, 0.985, d)
        height = WELL + depth * rise + 1.4 * lip - (WELL + depth) * smooth_step(0.985, 1.0, d) * 0.8
        height = np.where(d < 1, height, -np.inf).astype(np.float32)
        colour = np.broadcast_to(rgb(glaze), (*d.shape, 3))
        if band is not None:
            line = smooth_step(0.018, 0.012, np.abs(d - 0.93)) + 0.8 * smooth_step(
                0.006, 0.003, np.abs(d - 0.895)
            )
            colour = mix(colour, band, line * 0.9)
        return Part(height, colour, 0.92)

    return shape


def bowl(radius: float, glaze: Colour, filling: Colour, rng: np.random.Generator) -> Shape:
    """A bowl of smooth soup or drink: thick wall, liquid level below its lip."""

    def shape(x: Field, y: Field) -> Part:
        d = np.hypot(x, y) / radius
        wall = smooth_step(0.80, 0.90, d)
        lip = np.sqrt(np.clip(1 - ((d - 0.94) / 0.06) ** 2, 0, 1))
        height = np.where(d < 1, 34 + 18 * wall + 5 * lip, -np.inf).astype(np.float32)
        swirl = noise(d.shape, radius * SUPERSAMPLING / 2, rng)
        froth = smooth_step(0.70, 0.80, d + 0.05 * swirl)
        liquid = mix(filling, tuple(min(255, c + 60) for c in filling), 0.15 + 0.35 * swirl + 0.9 * froth)  # type: ignore[arg-type]
        wet = smooth_step(0.815, 0.80, d)
        return Part(height, mix(rgb(glaze), liquid, wet), 0.9)

    return shape


def handle(length: float, width: float, glaze: Colour) -> Shape:
    """A cup's handle seen from above, along x."""

    def shape(x: Field, y: Field) -> Part:
        d = np.hypot(np.maximum(np.abs(x) - length / 2 + width, 0), y) / width
        height = np.where(d < 1, 22 + 12 * np.sqrt(np.clip(1 - d**2, 0, 1)), -np.inf)
        return Part(height.astype(np.float32), rgb(glaze), 0.9)

    return shape


def tray(size_wh: tuple[float, float], colour: Colour, corner: float = 46.0) -> Shape:
    """A rounded rectangular tray with a raised edge."""

    def shape(x: Field, y: Field) -> Part:
        dx, dy = np.abs(x) - size_wh[0] / 2 + corner, np.abs(y) - size_wh[1] / 2 + corner
        out = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - corner
        edge = smooth_step(-20, -10, out) * 10 - smooth_step(-5, 0, out) * 9
        return Part(np.where(out < 0, 4 + edge, -np.inf).astype(np.float32), rgb(colour), 0.45)

    return shape


def napkin(size_wh: tuple[float, float], colour: Colour, stripe: Colour, rng: np.random.Generator) -> Shape:
    """A folded cloth with stripes at both ends."""

    def shape(x: Field, y: Field) -> Part:
        ripple = noise(x.shape, 120 * SUPERSAMPLING, rng)
        inside = (np.abs(x + ripple * 3) < size_wh[0] / 2) & (np.abs(y + ripple * 3) < size_wh[1] / 2)
        weave = np.sin(x * 1.6) * np.sin(y * 1.6)
        end = size_wh[1] / 2 - np.abs(y)
        lines = smooth_step(3.5, 2.5, np.abs(end - 26)) + smooth_step(1.8, 1.0, np.abs(end - 36))
        paint = mix(mix(colour, (150, 140, 125), 0.12 - 0.12 * weave), stripe, lines)
        fold = 2.0 * smooth_step(size_wh[0] / 2 - 14, size_wh[0] / 2 - 18, np.abs(x))
        return Part(
            np.where(inside, 4 + fold + ripple * 2.2 + 0.3 * weave, -np.inf).astype(np.float32), paint, 0.0
        )

    return shape


def knife(length: float) -> Shape:
    """A table knife along y, its blade upwards."""

    def shape(x: Field, y: Field) -> Part:
        t = y / length + 0.5  # 0 at the tip
        handle = smooth_step(0.46, 0.54, t)
        width = (8.5 - 2.5 * handle) * np.sqrt(np.clip(1 - ((0.14 - t) / 0.14).clip(0) ** 2, 0, 1))
        width = width * np.sqrt(np.clip(1 - ((t - 0.96) / 0.04).clip(0) ** 2, 0, 1))
        across = x / np.maximum(width, 0.1)
        inside = (np.abs(across) < 1) & (t > 0) & (t < 1)
        return _metal(np.where(inside, 4 + (2 + 4 * handle) * np.sqrt(np.clip(1 - across**2, 0, 1)), -np.inf))

    return shape


def fork(length: float) -> Shape:
    """A table fork along y, its four tines upwards."""

    def shape(x: Field, y: Field) -> Part:
        t = y / length + 0.5
        head = smooth_step(0.47, 0.33, t)
        width = 4.5 + 10.5 * head + 2.2 * smooth_step(0.75, 1.0, t)
        width = width * np.sqrt(np.clip(1 - ((t - 0.95) / 0.05).clip(0) ** 2, 0, 1))
        across = x / np.maximum(width, 0.1)
        gap = (t < 0.235) & (np.abs((x + 3.75 * 4) % 7.5 - 3.75) > 2.35)
        tip = t > 0.015 + 0.01 * (np.abs((x + 15) % 7.5 - 3.75) / 2) ** 2
        inside = (np.abs(across) < 1) & tip & (t < 1) & ~gap
        return _metal(np.where(inside, 6 + 4 * np.sqrt(np.clip(1 - across**2, 0, 1)) - 3 * head, -np.inf))

    return shape


def _metal(height: Field) -> Part:
    sheen = cv2.GaussianBlur(np.where(np.isfinite(height), height, 0).astype(np.float32), (0, 0), 3)
    return Part(
        height.astype(np.float32), mix((120, 122, 126), (222, 222, 220), smooth_step(2, 8, sheen)), 0.95
    )
