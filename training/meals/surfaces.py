"""Sample points on surfaces, and lay small things there."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion, Vector

from training.meals.geometry import Array, copies, vertices_of


def even_points(thing: bpy.types.Object, spacing: float) -> Array:
    """Return the vertices and evenly spread points, about two per square of `spacing`: float (N, 3)."""
    vertices = vertices_of(thing)
    a, b, c = _triangles(thing)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    count = np.floor(2 * area / spacing**2 + 0.5).astype(int)
    which = np.repeat(np.arange(len(area)), count)
    k = np.arange(len(which))
    u, v = (k * 0.7548776662) % 1, (k * 0.5698402910) % 1  # a low-discrepancy sequence in two dimensions
    over = u + v > 1
    u, v = np.where(over, 1 - u, u)[:, None], np.where(over, 1 - v, v)[:, None]
    strewn = a[which] * (1 - u - v) + b[which] * u + c[which] * v
    return np.concatenate([vertices, strewn])


def random_points(
    thing: bpy.types.Object, rng: np.random.Generator, count: int, facing: float = 0.1
) -> tuple[Array, Array]:
    """Draw random points on the surface with their normals, float (count, 3) each.

    Args:
        facing: smallest z of a normal; -1 takes the whole surface.
    """
    a, b, c = _triangles(thing)
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    normals = cross / (area[:, None] + 1e-12)
    weight = area * (normals[:, 2] >= facing)
    chosen = rng.choice(len(area), count, p=weight / weight.sum())
    u, v = rng.uniform(0, 1, (2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = a[chosen], b[chosen], c[chosen]
    return a + u * (b - a) + v * (c - a), normals[chosen]


def standing(normals: Array, rng: np.random.Generator, wobble: float = 0.0) -> Array:
    """Return Euler angles, float (N, 3), that turn z to the normals, with random spin and up to `wobble`."""
    turns = []
    for normal in normals + wobble * rng.uniform(-1, 1, normals.shape):
        spin = Quaternion((0, 0, 1), rng.uniform(0, 2 * np.pi))
        turns.append(tuple((Vector(normal).to_track_quat("Z", "Y") @ spin).to_euler()))
    return np.array(turns)


def strew(
    rng: np.random.Generator,
    body: bpy.types.Object,
    prototype: bpy.types.Object,
    count: int,
    rise: float = 0.04,
    wobble: float = 0.25,
    facing: float = 0.3,
) -> bpy.types.Object:
    """Lay copies of a prototype on a body's upper side, `rise` cm above it; removes the prototype."""
    points, normals = random_points(body, rng, count, facing)
    sizes = rng.uniform(0.75, 1.2, count)
    return copies("bits", [prototype], points + rise * normals, standing(normals, rng, wobble), sizes, rng)


def _triangles(thing: bpy.types.Object) -> tuple[Array, Array, Array]:
    """Return the three corners of each triangle of the mesh, float (T, 3) each."""
    thing.data.calc_loop_triangles()
    flat = np.empty(3 * len(thing.data.loop_triangles), np.int32)
    thing.data.loop_triangles.foreach_get("vertices", flat)
    a, b, c = vertices_of(thing)[flat.reshape(-1, 3).T]
    return a, b, c
