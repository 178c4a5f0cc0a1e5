"""Basic shapes of foods on z = 0: blocks, slices, wedges, sheets and mounds."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
from numpy.typing import NDArray

from training.meals.geometry import (
    Array,
    Numbers,
    add_mesh,
    lathe,
    loft,
    set_vertices,
    smooth_noise,
    vertices_of,
)


def block(name: str, size: Numbers, bevel: float, cells: int = 10) -> bpy.types.Object:
    """Make a box on z = 0 at the origin with rounded edges; each side is a grid of cells.

    Args:
        size: lengths along x, y, z.
        bevel: radius of the edges in cm.
    """
    steps = np.sin(np.linspace(-np.pi / 2, np.pi / 2, cells + 1))
    a, b = (g.ravel() for g in np.meshgrid(steps, steps, indexing="ij"))
    one = np.ones_like(a)
    sides = [(a, b, one), (b, a, -one), (one, a, b), (-one, b, a), (b, one, a), (a, -one, b)]
    cube, merged = np.unique(
        np.round(np.concatenate([np.column_stack(s) for s in sides]), 9), axis=0, return_inverse=True
    )
    corner = np.arange(cells * (cells + 1)).reshape(cells, cells + 1)[:, :-1].ravel()
    quads = np.column_stack([corner, corner + cells + 1, corner + cells + 2, corner + 1])
    faces = np.concatenate([merged.ravel()[quads + i * (cells + 1) ** 2] for i in range(6)])
    half = np.asarray(size, float) / 2
    inner = np.clip(cube * half, -(half - bevel), half - bevel)
    out = cube * half - inner
    out *= bevel / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), bevel)
    return add_mesh(name, inner + out + [0, 0, half[2]], faces.tolist())


def disc(
    name: str, outline_xy: Array, thickness: float, rounding: float, rings: int = 10
) -> tuple[bpy.types.Object, Array]:
    """Make a slice of any outline with rings of vertices on both faces, to paint and to bend.

    Args:
        outline_xy: float (S, 2) counter-clockwise, star-shaped around the origin.
        rounding: radius of the rounded edge, at most half the thickness.

    Returns:
        The slice with its underside on z = 0, and float (N,), the distance of each vertex from the middle: 0
        to 1 at the outline.
    """
    outline = np.asarray(outline_xy, float)
    edge = rounding / np.linalg.norm(outline, axis=1).mean()
    arc = np.linspace(0, np.pi / 2, 4)
    inner = np.linspace(0, 1 - edge, rings)
    share = np.concatenate([inner[:-1], 1 - edge + edge * np.sin(arc)])
    height = np.concatenate([np.zeros(rings - 1), rounding * (1 - np.cos(arc))])
    share, height = np.concatenate([share, share[::-1]]), np.concatenate([height, thickness - height[::-1]])
    rings_xyz = np.concatenate(
        [
            share[:, None, None] * outline,
            np.broadcast_to(height[:, None, None], (len(share), len(outline), 1)),
        ],
        axis=-1,
    )
    return loft(name, rings_xyz), np.repeat(share, len(outline))


def puck(
    name: str, radius: float, thickness: float, bevel: float, rings: int, segments: int
) -> bpy.types.Object:
    """Make a round slice on z = 0 with `rings` rings of vertices from below to the centre of the top."""
    side = [(0, 0), (radius - bevel, 0), (radius, bevel), (radius, thickness - bevel)]
    top = [(r, thickness) for r in np.linspace(radius - bevel, 0, rings - len(side))]
    return lathe(name, np.array(side + top), segments)


def wedge(
    name: str, angle: float, radius_at: Callable[[Array], Array], cells: int = 16, along: int = 48
) -> tuple[bpy.types.Object, Array, Array, NDArray[np.bool_]]:
    """Make a wedge of a round fruit about the x axis; a cut face lies in z = 0, its back points to +y.

    Args:
        angle: angle between the cut faces in radians.
        radius_at: outer radius for float (N,) angles from 0 (one end of the axis) to pi (the other).

    Returns:
        The object, and for each vertex its share of the outer radius, its angle from the axis and True for
        skin.
    """
    share = np.sqrt(np.linspace(0, 1, cells))
    back = np.linspace(0, angle, cells)
    shares = np.concatenate([share[:-1], [0.985], np.ones(cells), [0.985], share[:-1][::-1]])
    turns = np.concatenate([np.zeros(cells), back, np.full(cells, angle)])
    polar = np.linspace(0, np.pi, along)
    reach = shares[:, None] * radius_at(polar)[None, :]
    vertices = np.stack(
        [
            reach * np.cos(polar)[None, :],
            reach * np.sin(polar)[None, :] * np.cos(turns)[:, None],
            reach * np.sin(polar)[None, :] * np.sin(turns)[:, None],
        ],
        axis=-1,
    )
    rows = len(shares)
    corner = (np.arange(rows - 1)[:, None] * along + np.arange(along - 1)[None, :]).ravel()
    faces = np.column_stack([corner, corner + 1, corner + along + 1, corner + along])[:, ::-1]
    skin = np.repeat(shares == 1, along)
    thing = add_mesh(name, vertices.reshape(-1, 3), faces.tolist())
    return thing, np.repeat(shares, along), np.tile(polar, rows), skin


def sheet(name: str, points: Array, thickness: float = 0.0) -> bpy.types.Object:
    """Make a surface through a grid of points, float (R, C, 3); with a thickness, closed downwards."""
    rows, columns = points.shape[:2]
    count = rows * columns
    grid = np.arange(count).reshape(rows, columns)
    up = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=-1).reshape(-1, 4)
    top = points.reshape(-1, 3)
    if not thickness:
        return add_mesh(name, top, up.tolist())
    rim = [*grid[:, 0], *grid[-1, 1:], *grid[-2::-1, -1], *grid[0, -2:0:-1]]
    edge = [[a, a + count, b + count, b] for a, b in zip(rim, [*rim[1:], rim[0]], strict=True)]
    below = top - np.array([0, 0, thickness])
    return add_mesh(
        name, np.concatenate([top, below]), [*up.tolist(), *(up[:, ::-1] + count).tolist(), *edge]
    )


def mound(
    name: str, rng: np.random.Generator, radius: float, height: float, lumps: float, fullness: float = 2.0
) -> bpy.types.Object:
    """Make the body of a heap on z = 0; `fullness` 1 is a cone, 2 a parabola, more is flatter on top."""
    share = np.sin(np.linspace(np.pi / 2, 0, 28))
    thing = lathe(name, np.column_stack([radius * share, height * (1 - share**fullness)]), segments=72)
    vertices = vertices_of(thing)
    bearing = vertices[:, :2] / (np.linalg.norm(vertices[:, :2], axis=1, keepdims=True) + 1e-9)
    edge = smooth_noise(np.column_stack([bearing * 1.3, np.zeros(len(vertices))]), rng)
    vertices[:, :2] *= (0.94 + 0.1 * edge)[:, None]
    vertices[:, 2] += lumps * smooth_noise(vertices * (2.5 / radius), rng) * (vertices[:, 2] > 0.02 * height)
    vertices[:, 2] = np.maximum(vertices[:, 2], 0)
    set_vertices(thing, vertices)
    return thing
