"""A table seen from above as one height field, and the light that falls on it.

Everything stands on the table as height above it, so that shadows, highlights and the dark seams between
foods that touch all come from the same few lines, and no object draws its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""Floating point (h, w), or (h, w, 3) for colours."""

Colour = tuple[int, int, int]
"""sRGB, 0 to 255."""

SUPERSAMPLING = 2
_GAMMA = 2.2


@dataclass(frozen=True, eq=False)
class Part:
    """What a shape puts on the table, over a window of the scene.

    Attributes:
        height: (h, w) above its ground, in pixels; -inf where there is nothing.
        colour: (h, w, 3) or (3,), sRGB in [0, 1].
        gloss: (h, w) or a number, 0 matt to 1 wet.
    """

    height: Field
    colour: Field
    gloss: Field | float


Shape = Callable[[Field, Field], Part]
"""Local coordinates x, y in pixels, each (h, w) -> Part."""


def noise(size_hw: tuple[int, int], cell: float | tuple[float, float], rng: np.random.Generator) -> Field:
    """Smooth noise in [-1, 1], float32 (h, w): four octaves, the coarsest with `cell` (y, x) samples."""
    cell_hw = cell if isinstance(cell, tuple) else (cell, cell)
    total = np.zeros(size_hw, np.float32)
    for octave in range(4):
        grid = [max(2, round(side * 2**octave / c) + 2) for side, c in zip(size_hw, cell_hw, strict=True)]
        coarse = rng.uniform(-1, 1, grid).astype(np.float32)
        fine = cv2.resize(coarse, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_CUBIC)
        total += fine * np.float32(0.5**octave)
    return np.clip(total / 1.6, -1, 1)


def smooth_step(low: float, high: float, value: Field) -> Field:
    """0 below `low`, 1 above `high`, smooth between; float32 (h, w). `low` may be the larger one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def rgb(colour: Colour) -> Field:
    """sRGB 0 to 255 -> float32 (3,) in [0, 1]."""
    return np.asarray(colour, np.float32) / 255


def mix(first: Colour | Field, second: Colour | Field, weight: Field) -> Field:
    """From `first` at weight 0 to `second` at 1; weight (h, w) -> float32 (h, w, 3)."""
    a = rgb(first) if isinstance(first, tuple) else first
    b = rgb(second) if isinstance(second, tuple) else second
    return (a + (b - a) * np.clip(weight, 0, 1)[..., None]).astype(np.float32)


class Scene:
    """A table of (height, width) pixels, held at twice that resolution until it is rendered."""

    def __init__(self, size_hw: tuple[int, int], rng: np.random.Generator) -> None:
        self.size_hw = size_hw
        self.rng = rng
        rows, columns = (side * SUPERSAMPLING for side in size_hw)
        self.height = np.zeros((rows, columns), np.float32)
        self.colour = np.zeros((rows, columns, 3), np.float32)
        self.gloss = np.zeros((rows, columns), np.float32)

    def put(
        self,
        shape: Shape,
        xy: tuple[float, float],
        reach: float,
        *,
        angle: float = 0.0,
        ground: float | None = None,
    ) -> None:
        """Put a shape on the table; what is higher hides what is lower.

        Args:
            shape: asked for its parts around its own origin.
            xy: where that origin lies.
            reach: no part of it is further from the origin.
            angle: clockwise turn in degrees.
            ground: height it stands on; None takes the median of what is under it.
        """
        s = SUPERSAMPLING
        rows, columns = self.height.shape
        left = min(columns, max(0, int((xy[0] - reach) * s)))
        top = min(rows, max(0, int((xy[1] - reach) * s)))
        right = min(columns, max(left, int((xy[0] + reach) * s) + 1))
        bottom = min(rows, max(top, int((xy[1] + reach) * s) + 1))
        window = slice(top, bottom), slice(left, right)
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        x, y = (x + 0.5) / s - np.float32(xy[0]), (y + 0.5) / s - np.float32(xy[1])
        cos, sin = np.float32(np.cos(np.radians(angle))), np.float32(np.sin(np.radians(angle)))
        part = shape(x * cos + y * sin, y * cos - x * sin)

        below = self.height[window]
        inside = np.isfinite(part.height)
        if not inside.any():
            return
        stands_on = float(np.median(below[inside])) if ground is None else ground
        seen = inside & (part.height + stands_on >= below)
        below[seen] = (part.height + stands_on)[seen]
        self.colour[window][seen] = np.broadcast_to(part.colour, (*seen.shape, 3))[seen]
        self.gloss[window][seen] = np.broadcast_to(np.asarray(part.gloss, np.float32), seen.shape)[seen]

    def render(self, light: Light | None = None) -> NDArray[np.uint8]:
        """The picture: uint8 (H, W, 3) RGB."""
        return _develop(_shade(self, light or Light()), self.rng, self.size_hw)


@dataclass(frozen=True)
class Light:
    """A window to the upper left and the room around it.

    Attributes:
        direction: towards the window: x to the right, y down, z up.
        key, room: linear RGB of the window's light and of the room's.
    """

    direction: tuple[float, float, float] = (-0.52, -0.50, 0.69)
    key: tuple[float, float, float] = (1.08, 1.00, 0.88)
    room: tuple[float, float, float] = (0.40, 0.43, 0.48)


def _shade(scene: Scene, light: Light) -> Field:
    """Linear RGB (2H, 2W, 3): Lambert, soft shadows, occlusion, bounced colour, the window's reflection."""
    s = SUPERSAMPLING
    normal = _normals(scene.height)
    towards = np.asarray(light.direction, np.float32)
    towards /= np.linalg.norm(towards)
    albedo = scene.colour**_GAMMA

    rows, columns = scene.height.shape
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    falloff = 1 + 0.22 * (x * towards[0] + y * towards[1])  # the window is near
    wrapped = np.clip((normal @ towards + 0.22) / 1.22, 0, None) * falloff
    lit = wrapped * (1 - 0.92 * _shadows(scene.height, towards))
    openness = _openness(scene.height)
    key = albedo * lit[..., None] * np.asarray(light.key, np.float32)
    bounced = cv2.GaussianBlur(cv2.resize(key, None, fx=0.25, fy=0.25), (0, 0), 14)
    bounced = cv2.resize(bounced, (key.shape[1], key.shape[0]))
    room = np.asarray(light.room, np.float32) * (0.55 + 0.45 * normal[..., 2:])
    diffuse = key + albedo * (room + 0.42 * bounced) * openness[..., None]

    mirrored = 2 * normal[..., 2:] * normal - np.asarray((0, 0, 1), np.float32)  # seen from straight above
    across = np.cross(towards, (0, 0, 1)).astype(np.float32)
    across /= np.linalg.norm(across)
    up = np.cross(across, towards).astype(np.float32)
    a, b, front = mirrored @ across, mirrored @ up, mirrored @ towards
    blur = 0.05 + 0.55 * (1 - scene.gloss)
    pane = np.clip((0.30 + blur / 2 - np.abs(a)) / blur, 0, 1) * np.clip(
        (0.34 + blur / 2 - np.abs(b)) / blur, 0, 1
    )
    window = (
        pane
        * (front > 0)
        * scene.gloss**2
        * (1 - 0.8 * cv2.blur(1 - np.minimum(lit * 1.4, 1), (s * 3, s * 3)))
    )
    grazing = scene.gloss * (0.02 + 0.22 * (1 - normal[..., 2]) ** 3) * openness
    return diffuse + (0.62 * window + 0.5 * grazing)[..., None] * np.asarray((1.0, 0.99, 0.96), np.float32)


def _normals(height: Field) -> Field:
    """Unit normals (2H, 2W, 3) of a height field in pixels."""
    slopes = []
    for axis in (1, 0):
        step = np.diff(height, axis=axis) * SUPERSAMPLING
        first, last = np.take(step, [0], axis), np.take(step, [-1], axis)
        before, after = np.concatenate([first, step], axis), np.concatenate([step, last], axis)
        slopes.append(np.where(np.abs(before) < np.abs(after), before, after))  # never across an outline
    normal = np.dstack([-slopes[0], -slopes[1], np.ones_like(height)])
    return normal / np.linalg.norm(normal, axis=2, keepdims=True)


def _shadows(height: Field, towards: Field) -> Field:
    """Share of the window that is hidden, (2H, 2W) in [0, 1]: rays marched over the height field."""
    low = cv2.resize(height, None, fx=1 / SUPERSAMPLING, fy=1 / SUPERSAMPLING, interpolation=cv2.INTER_AREA)
    rows, columns = low.shape
    azimuth, elevation = np.arctan2(towards[1], towards[0]), np.arcsin(towards[2])
    hidden = np.zeros_like(low)
    rays = [(turn, rise) for turn in (-0.16, 0.0, 0.16) for rise in (-0.12, 0.12)]
    for turn, rise in rays:
        step_x, step_y = np.cos(azimuth + turn), np.sin(azimuth + turn)
        slope = np.tan(elevation + rise)
        worst = np.zeros_like(low)
        distance = 1.5
        while distance * slope < low.max():
            shift = np.array([[1, 0, -distance * step_x], [0, 1, -distance * step_y]], np.float32)
            ahead = cv2.warpAffine(low, shift, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
            over = (ahead - low - distance * slope) / (1.0 + 0.12 * distance)
            np.maximum(worst, np.clip(over, 0, 1), out=worst)
            distance += 1.0 + 0.06 * distance
        hidden += worst / len(rays)
    return cv2.resize(cv2.GaussianBlur(hidden, (0, 0), 1.2), height.shape[::-1])


def _openness(height: Field) -> Field:
    """How much of the room each place sees, (2H, 2W) in (0, 1]: low places between high ones see less."""
    low = cv2.resize(height, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    buried = np.zeros_like(low)
    for sigma in (3.0, 10.0, 30.0):
        buried += np.clip((cv2.GaussianBlur(low, (0, 0), sigma) - low) / sigma, 0, 1.5)
    return np.exp(-0.75 * cv2.resize(buried, height.shape[::-1]))


def _develop(linear: Field, rng: np.random.Generator, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Lens and film: highlights rolled off, edges darker and a little soft, fine grain."""
    height, width = size_hw
    picture = cv2.resize(linear, (width, height), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    far = smooth_step(0.75, 1.45, np.hypot(x, y))[..., None]
    picture += (cv2.GaussianBlur(picture, (0, 0), 2.2) - picture) * far
    picture *= 1 - 0.38 * far
    picture += 0.05 * cv2.GaussianBlur(np.clip(picture - 0.8, 0, None), (0, 0), 12)  # bloom
    picture = 0.90 * picture * (1 + picture / 5) / (1 + picture * 0.48)
    developed = np.clip(picture, 0, 1) ** (1 / _GAMMA)
    developed += (developed - 0.5) * 0.06
    developed += rng.normal(0, 0.006, (height, width, 1)).astype(np.float32)
    return (np.clip(developed, 0, 1) * 255 + 0.5).astype(np.uint8)
