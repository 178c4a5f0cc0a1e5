"""Let pieces of food fall onto a plate as rigid bodies."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from training.meals.geometry import Array, add_mesh, lathe, remove, set_vertices, vertices_of
from training.meals.piling import stack

_FRAMES = 44


def tumble(
    rng: np.random.Generator,
    things: Sequence[bpy.types.Object],
    radius: float,
    gather: float = 0.2,
    tilt: float = 0.4,
    tries: int = 12,
) -> None:
    """Let things fall onto each other within the radius; see `stack` for the arguments."""
    stack(rng, things, radius, gather, tilt, tries, sink=-0.05)
    scene = bpy.context.scene
    frame, gravity = scene.frame_current, tuple(scene.gravity)
    scene.gravity = (0, 0, -60)
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.substeps_per_frame, world.solver_iterations = 5, 10
    world.point_cache.frame_start, world.point_cache.frame_end = 1, _FRAMES
    world.collection = bpy.data.collections.new("falling")
    ground = lathe("ground", np.array([[1.02 * radius, 60], [radius, 0], [0, 0]]), 32)
    _rigid(world.collection, ground, "PASSIVE")
    hulls = [_hull(vertices_of(thing)) for thing in things]
    for hull in hulls:
        _rigid(world.collection, hull, "ACTIVE")
    starts = [np.array(hull.location) for hull in hulls]
    for step in range(1, _FRAMES + 1):
        scene.frame_set(step)
    seen = bpy.context.evaluated_depsgraph_get()
    rests = [np.array(hull.evaluated_get(seen).matrix_world) for hull in hulls]
    falling = world.collection
    bpy.ops.rigidbody.world_remove()
    bpy.data.collections.remove(falling)
    remove([ground, *hulls])
    for thing, start, rest in zip(things, starts, rests, strict=True):
        vertices = (vertices_of(thing) - start) @ rest[:3, :3].T + rest[:3, 3]
        set_vertices(thing, vertices - np.array([0, 0, min(vertices[:, 2].min(), 0)]))
    scene.gravity = gravity
    scene.frame_set(frame)


def _hull(vertices: Array) -> bpy.types.Object:
    """Make an object of a few dozen outermost vertices, with its origin in their middle."""
    index = np.arange(120)
    height = 1 - 2 * (index + 0.5) / 120
    turn = index * 2.39996
    flat = np.sqrt(1 - height**2)
    directions = np.column_stack([flat * np.cos(turn), flat * np.sin(turn), height])
    outermost = vertices[np.unique(np.argmax(vertices @ directions.T, axis=0))]
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    made = add_mesh("hull", outermost - middle, [])
    made.location = middle
    return made


def _rigid(falling: bpy.types.Collection, thing: bpy.types.Object, role: str) -> None:
    falling.objects.link(thing)
    body = thing.rigid_body
    body.type = role
    body.collision_shape = "MESH" if role == "PASSIVE" else "CONVEX_HULL"
    body.use_margin, body.collision_margin = True, 0.0
    body.friction, body.restitution = 0.8, 0.0
    body.linear_damping, body.angular_damping = 0.3, 0.7
