"""A burger: bun with sesame, lettuce, tomato, cheese, patty."""

from __future__ import annotations

import bpy
import numpy as np

from training.meals.foods.base import WESTERN, Food
from training.meals.geometry import (
    Things,
    apply_modifiers,
    around_z,
    blob,
    copies,
    crumple,
    joined,
    lathe,
    loft,
    move,
    rounded_outline,
    set_vertices,
    smooth_noise,
    smooth_surface,
    vertices_of,
)
from training.meals.materials import Look, blend, give, jitter, material, paint, painted
from training.meals.solids import disc, sheet


def _bun_half(
    rng: np.random.Generator, radius: float, height: float, base: float, top: bool
) -> bpy.types.Object:
    rise = np.linspace(0, np.pi / 2, 22)
    if top:
        outer = np.column_stack([radius * np.cos(rise) ** 0.7, height * np.sin(rise) ** 0.9])
        profile = np.concatenate([[[0, 0.12]], [[radius * 0.5, 0.08]], [[radius * 0.92, 0.0]], outer])
    else:
        turn = np.linspace(-np.pi / 2, np.pi / 2, 14)
        side = np.column_stack([radius - 0.45 + 0.45 * np.cos(turn), height / 2 + height / 2 * np.sin(turn)])
        profile = np.concatenate([[[0, 0.0]], side, [[0, height]]])
    bun = lathe("bun", profile, segments=80)
    vertices = vertices_of(bun)
    vertices[:, :2] *= (1 + 0.03 * smooth_noise(vertices * 0.35, rng))[:, None]
    vertices[:, 2] *= 1 + 0.04 * smooth_noise(vertices * 0.4, rng)
    out = around_z(vertices)[0] / radius
    high = vertices[:, 2] / height
    speckle = 0.3 * smooth_noise(vertices * 0.7, rng) + 0.12 * smooth_noise(vertices * 4, rng)
    deep = jitter(rng, (168, 92, 32), 10)
    crust = blend((236, 190, 116), (206, 134, 58), 2.2 * high + speckle)
    crust = blend(crust, deep, 1.5 * (high - 0.35) + speckle) if top else crust
    cut = (out < 0.93) & (high < 0.12 if top else high > 0.9)
    paint(bun, np.where(cut[:, None], (244, 222, 176), crust))
    vertices[:, 2] += base
    set_vertices(bun, vertices)
    return give(bun, painted("bun", Look(roughness=0.45, coat=0.12, bump=0.03, bump_size=0.3)))


def _sesame(rng: np.random.Generator, radius: float, height: float, base: float) -> bpy.types.Object:
    seed = blob("seed", rng, (0.2, 0.115, 0.06), 0.05, subdivisions=2)
    vertices = vertices_of(seed)
    vertices[:, 1] *= 1 - 1.8 * vertices[:, 0]
    set_vertices(seed, vertices)
    give(seed, material("seed", Look(((222, 190, 138), (248, 230, 192)), by_piece=0.9, roughness=0.4)))
    count = int(rng.integers(50, 130))
    rise = np.arccos(np.sqrt(rng.uniform(0.0, 0.62, count)))
    turn = rng.uniform(0, 2 * np.pi, count)
    out, high = radius * np.cos(rise) ** 0.7, height * np.sin(rise) ** 0.9
    slope = np.arctan2(height**2 * out, radius**2 * np.maximum(high, 0.3))
    places = np.column_stack([out * np.cos(turn), out * np.sin(turn), base + high])
    spin = rng.uniform(0, 2 * np.pi, count)
    turns = np.column_stack([slope * np.sin(spin), slope * np.cos(spin), turn - spin])
    return copies("sesame", [seed], places, turns, rng.uniform(0.85, 1.15, count), rng)


def _frill(rng: np.random.Generator, radius: float, base: float) -> bpy.types.Object:
    segments, rings = 180, 9
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    reach = 1.06 + 0.16 * smooth_noise(circle * 2.2, rng)
    phase = 26 * turn + 5 * smooth_noise(circle * 3, rng)
    shares = np.linspace(1, 0, rings)
    frilled = []
    for share in shares:
        out = radius * (0.55 + (reach - 0.55) * share)
        wave = 0.3 * share**2 * np.sin(phase) + 0.25 * share**2 * smooth_noise(circle * 5, rng)
        frilled.append(
            np.column_stack([out * circle[:, 0], out * circle[:, 1], base + 0.1 + wave - 0.25 * share**3])
        )
    leaf = loft("lettuce", np.array(frilled))
    tint = np.repeat(shares, segments) + 0.3 * smooth_noise(vertices_of(leaf) * 1.5, rng)
    paint(leaf, blend((206, 226, 140), jitter(rng, (84, 146, 40), 12), tint * 1.1))
    return give(leaf, painted("lettuce", Look(roughness=0.4, coat=0.2, bump=0.03, bump_size=0.3)))


def _cheese(
    rng: np.random.Generator, side: float, support: float, base: float, droop: float
) -> bpy.types.Object:
    grid = np.linspace(-side / 2, side / 2, 34)
    x, y = np.meshgrid(grid, grid, indexing="ij")
    beyond = np.maximum(np.hypot(x, y) - support, 0)
    inward = 1 - 0.45 * beyond / (np.hypot(x, y) + 1e-9)
    z = base - droop * beyond**1.15
    slice_ = sheet("cheese", np.stack([x * inward, y * inward, z], axis=-1))
    crumple(slice_, rng, 0.05, 0.5)
    modifier = slice_.modifiers.new("thick", "SOLIDIFY")
    modifier.thickness, modifier.offset = 0.22, 0
    apply_modifiers(slice_)
    smooth_surface(slice_, 1)
    tint = jitter(rng, (250, 170, 38), 10)
    return give(
        slice_, material("cheese", Look((tint,), roughness=0.35, coat=0.2, subsurface=0.2, depth=0.3))
    )


def build_burger(rng: np.random.Generator, radius: float) -> Things:
    """One burger."""
    inner = radius * 0.9
    pieces, level = [], rng.uniform(1.3, 1.8)
    pieces.append(_bun_half(rng, inner, level, 0.0, top=False))
    for _ in range(2 if rng.random() < 0.2 else 1):
        thick = rng.uniform(1.1, 1.6)
        patty, _ = disc(
            "patty", rounded_outline(rng, inner * 1.03, inner * 1.03, 0.05, 96), thick, thick * 0.45, 16
        )
        crumple(patty, rng, 0.12, 1.6)
        crumple(patty, rng, 0.06, 4.0)
        move(patty, (0, 0, level - 0.05))
        meat = Look(
            ((44, 22, 12), (96, 54, 32), (126, 76, 46)),
            0.5,
            roughness=0.45,
            coat=0.35,
            bump=0.12,
            bump_size=0.22,
        )
        pieces.append(give(patty, material("patty", meat)))
        level += thick - 0.05
        if rng.random() < 0.85:
            cheese = _cheese(
                rng, inner * rng.uniform(1.75, 1.9), inner * 1.02, level + 0.1, rng.uniform(0.8, 1.4)
            )
            pieces.append(move(cheese, turn=(0, 0, rng.uniform(0, 2 * np.pi))))
            level += 0.2
    if rng.random() < 0.7:
        for k in range(3):
            slice_, share = disc("tomato", rounded_outline(rng, inner * 0.5, inner * 0.5, 0.05), 0.5, 0.15, 5)
            paint(slice_, blend((226, 92, 62), (196, 30, 20), share * 2 - 1))
            turn = k * 2.1 + rng.uniform(-0.3, 0.3)
            move(slice_, (inner * 0.5 * np.cos(turn), inner * 0.5 * np.sin(turn), level - 0.05))
            pieces.append(give(slice_, painted("tomato", Look(roughness=0.25, coat=0.5))))
        level += 0.45
    pieces.append(_frill(rng, inner, level + 0.1))
    level += 0.35
    height = inner * rng.uniform(0.48, 0.66)
    crown = [_bun_half(rng, inner * 1.02, height, 0.0, top=True)]
    if rng.random() < 0.85:
        crown.append(_sesame(rng, inner * 1.02, height, 0.0))
    tilt = rng.normal(0, 0.05, 2)
    for thing in crown:
        vertices = vertices_of(thing)
        vertices[:, 2] += level + vertices[:, :2] @ tilt
        set_vertices(thing, vertices)
    return [joined("burger", [*pieces, *crown])]


FOODS: tuple[Food, ...] = (Food("burger", "hamburg", frozenset({WESTERN}), (4.5, 6.0), build_burger),)
