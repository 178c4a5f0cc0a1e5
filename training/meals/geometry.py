"""Create, read, bend, move, copy and join meshes.

Lengths are in centimetres and z is up. Functions leave no object selected or active, and they move vertices
instead of object frames, which stay those of the scene. Two vertex attributes vary a material: `shade`, a
float in [0, 1] with one value per copy, and `paint`, a colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Vector, noise
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = Sequence[float] | Array
Things = list[bpy.types.Object]
SHADE = "shade"
PAINT = "paint"


def add_mesh(
    name: str,
    vertices: Array,
    faces: Sequence[Sequence[int]],
    shade: Array | None = None,
) -> bpy.types.Object:
    """Add a mesh object to the scene.

    Args:
        vertices: float (N, 3).
        faces: indices of each face's corners, counter-clockwise from outside.
        shade: float (N,) in [0, 1] for the `shade` attribute, or None.
    """
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.asarray(vertices, float).tolist(), [], [list(face) for face in faces])
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    if shade is not None:
        mesh.attributes.new(SHADE, "FLOAT", "POINT").data.foreach_set("value", np.asarray(shade, np.float32))
    mesh.update()
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def vertices_of(thing: bpy.types.Object) -> Array:
    """Return the vertices, float (N, 3), in the object's own frame."""
    flat = np.empty(len(thing.data.vertices) * 3)
    thing.data.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def set_vertices(thing: bpy.types.Object, vertices: Array) -> None:
    """Move all vertices, float (N, 3), in the object's own frame."""
    thing.data.vertices.foreach_set("co", np.ascontiguousarray(vertices, float).ravel())
    thing.data.update()


def rotation(turn: Numbers) -> Array:
    """Return the rotation matrix, float (3, 3), of XYZ Euler angles."""
    return np.array(Euler(turn).to_matrix())


def move(thing: bpy.types.Object, place: Numbers = (0, 0, 0), turn: Numbers = (0, 0, 0)) -> bpy.types.Object:
    """Turn the vertices by XYZ Euler angles, then shift them; returns the object."""
    set_vertices(thing, vertices_of(thing) @ rotation(turn).T + np.asarray(place))
    return thing


def around_z(points: Array) -> tuple[Array, Array]:
    """Return distances from the z axis and angles about it, both float (N,)."""
    return np.hypot(points[:, 0], points[:, 1]), np.arctan2(points[:, 1], points[:, 0])


def grounded(thing: bpy.types.Object, within: float = 0.15) -> bpy.types.Object:
    """Squeeze all vertices below `within` cm, even those below 0, into that height; returns the object."""
    at = vertices_of(thing)
    low = np.minimum(at[:, 2], within)
    at[:, 2] = np.where(at[:, 2] < within, within * np.exp(low / within - 1), at[:, 2])
    set_vertices(thing, at)
    return thing


def crumple(thing: bpy.types.Object, rng: np.random.Generator, amount: float, scale: float) -> None:
    """Push every vertex by smooth noise of up to `amount` cm, with lumps about 1 / `scale` cm apart."""
    vertices = vertices_of(thing)
    push = np.column_stack([smooth_noise(vertices * scale, rng) for _ in range(3)])
    set_vertices(thing, vertices + amount * push)


def smooth_noise(points: Array, rng: np.random.Generator) -> Array:
    """Return Perlin noise, float (N,) in about [-1, 1], at points (N, 3); every call draws another field."""
    offset = Vector(rng.uniform(-100, 100, 3))
    return np.array([noise.noise(Vector(p) + offset) for p in points])


def cloud(points: Array, rng: np.random.Generator, size: float) -> Array:
    """Return noise of three octaves, float (N,) in [0, 1], with lumps of about `size` cm."""
    at = np.asarray(points, float) / size
    total = np.zeros(len(at))
    for octave in range(3):
        total += _lattice_noise(at * 2**octave, rng) / 2**octave
    return np.clip(0.5 + 0.45 * total, 0, 1)


def _lattice_noise(points: Array, rng: np.random.Generator) -> Array:
    """Return smoothly blended random values of a lattice with period 16, float (N,) in [-1, 1]."""
    lattice = rng.uniform(-1, 1, (16, 16, 16))
    shifted = points + rng.uniform(0, 16, 3)
    low = np.floor(shifted).astype(np.int64)
    share = shifted - low
    share = share**2 * (3 - 2 * share)
    total = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        x, y, z = ((low + corner) % 16).T
        total += lattice[x, y, z] * np.prod(np.where(corner, share, 1 - share), axis=1)
    return total


def loft(name: str, rings: Array, caps: bool = False) -> bpy.types.Object:
    """Make a surface through closed rings, float (N, S, 3); `caps` closes the first and the last ring."""
    count, around = rings.shape[:2]
    grid = np.arange(count * around).reshape(count, around)
    after = np.roll(grid, -1, axis=1)
    faces = np.stack([grid[:-1], after[:-1], after[1:], grid[1:]], axis=-1).reshape(-1, 4).tolist()
    if caps:
        faces += [grid[0, ::-1].tolist(), grid[-1].tolist()]
    return add_mesh(name, rings.reshape(-1, 3), faces)


def lathe(name: str, profile_rz: Array, segments: int = 96) -> bpy.types.Object:
    """Make a surface of revolution about z.

    Args:
        profile_rz: float (N, 2) radius and height along the outline, from bottom to top for outward normals;
            a radius of 0 closes the surface there.
    """
    profile = np.asarray(profile_rz, float)
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rings = np.stack(
        [
            np.outer(profile[:, 0], np.cos(turn)),
            np.outer(profile[:, 0], np.sin(turn)),
            np.repeat(profile[:, 1:], segments, axis=1),
        ],
        axis=-1,
    )  # (N, segments, 3)
    return loft(name, rings)


def tube(
    name: str, path: Array, radii: Array | float, segments: int = 16, flatten: float = 1.0
) -> bpy.types.Object:
    """Make a closed tube along a path.

    Args:
        path: float (N, 3).
        radii: one for each point of the path, or one for all.
        flatten: height of the cross-section as a share of its width.
    """
    path = np.asarray(path, float)
    radii = np.broadcast_to(np.asarray(radii, float), len(path))
    forward = np.gradient(path, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True) + 1e-12
    side = np.empty_like(path)
    reference = np.array([0.0, 0.0, 1.0]) if abs(forward[0, 2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    side[0] = np.cross(reference, forward[0])
    for i in range(1, len(path)):  # parallel transport keeps the tube from twisting
        side[i] = side[i - 1] - forward[i] * (side[i - 1] @ forward[i])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-12
    up = np.cross(forward, side)
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    circle = (
        np.cos(turn)[None, :, None] * side[:, None] + flatten * np.sin(turn)[None, :, None] * up[:, None]
    )  # (N, segments, 3)
    return loft(name, path[:, None] + radii[:, None, None] * circle, caps=True)


def slab(name: str, outline_xy: Array, thickness: float, bevel: float = 0.0) -> bpy.types.Object:
    """Extrude an outline, float (N, 2) counter-clockwise, from z = 0 up; `bevel` rounds the edges."""
    outline = np.asarray(outline_xy, float)
    count = len(outline)
    vertices = np.concatenate(
        [np.column_stack([outline, np.full(count, z)]) for z in (0.0, thickness)]
    )  # (2 N, 3)
    sides = [[i, (i + 1) % count, count + (i + 1) % count, count + i] for i in range(count)]
    bottom, top = list(range(count))[::-1], list(range(count, 2 * count))
    thing = add_mesh(name, vertices, [*sides, bottom, top])
    if bevel:
        modifier = thing.modifiers.new("bevel", "BEVEL")
        modifier.width, modifier.segments, modifier.limit_method = bevel, 3, "ANGLE"
        apply_modifiers(thing)
    return thing


def blob(
    name: str,
    rng: np.random.Generator,
    radii: Sequence[float],
    lumps: float = 0.1,
    scale: float = 1.0,
    subdivisions: int = 4,
) -> bpy.types.Object:
    """Make an ellipsoid at the origin, deformed by smooth noise.

    Args:
        radii: radii along x, y, z.
        lumps: height of the noise as a share of the radius.
        scale: approximate number of lumps along one radius.
        subdivisions: level of the icosphere; 4 makes 1,280 faces, and each further level four times as many.
    """
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=subdivisions, radius=1)
    thing = bpy.context.object
    thing.name = name
    thing.select_set(False)
    thing.data.polygons.foreach_set("use_smooth", np.ones(len(thing.data.polygons), bool))
    unit = vertices_of(thing)
    set_vertices(thing, unit * (1 + lumps * smooth_noise(unit * scale, rng))[:, None] * np.asarray(radii))
    return thing


def rounded_outline(
    rng: np.random.Generator, radius_x: float, radius_y: float, wave: float, segments: int = 64
) -> Array:
    """Return an irregular oval at the origin, float (segments, 2) counter-clockwise.

    Args:
        wave: height of the waves as a share of the radius.
    """
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    swell = np.ones(segments)
    for k in range(2, 6):
        swell += wave * rng.normal(0, 1 / k) * np.cos(k * turn + rng.uniform(0, 2 * np.pi))
    return np.column_stack([radius_x * swell * np.cos(turn), radius_y * swell * np.sin(turn)])


def apply_modifiers(thing: bpy.types.Object) -> None:
    """Apply all modifiers to the mesh."""
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = bpy.data.meshes.new_from_object(evaluated)
    thing.modifiers.clear()
    thing.data = mesh


def smooth_surface(thing: bpy.types.Object, levels: int = 2) -> None:
    """Apply Catmull-Clark subdivision."""
    modifier = thing.modifiers.new("subdivide", "SUBSURF")
    modifier.levels = modifier.render_levels = levels
    apply_modifiers(thing)


def copies(
    name: str,
    prototypes: Sequence[bpy.types.Object],
    places: Array,
    turns: Array,
    sizes: Array | float,
    rng: np.random.Generator,
) -> bpy.types.Object:
    """Join many copies of prototypes into one mesh; the prototypes are removed from the scene.

    Each copy is of a random prototype and has its own `shade`. Copies keep the first material of their
    prototype.

    Args:
        places: float (N, 3), positions of the prototypes' origins.
        turns: float (N, 3), XYZ Euler angles in radians.
        sizes: float (N,), or one factor for all.
    """
    sizes = np.broadcast_to(np.asarray(sizes, float), len(places))
    shapes = [(vertices_of(p), [list(f.vertices) for f in p.data.polygons]) for p in prototypes]
    vertices, faces, slots, shades, count = [], [], [], [], 0
    for place, turn, size in zip(places, turns, sizes, strict=True):
        chosen = int(rng.integers(len(shapes)))
        shape, shape_faces = shapes[chosen]
        turned = shape @ rotation(turn).T
        vertices.append(turned * size + place)
        faces.extend([[i + count for i in face] for face in shape_faces])
        slots.extend([chosen] * len(shape_faces))
        shades.append(np.full(len(shape), rng.random()))
        count += len(shape)
    thing = add_mesh(name, np.concatenate(vertices), faces, shade=np.concatenate(shades))
    for prototype in prototypes:
        thing.data.materials.append(prototype.data.materials[0] if prototype.data.materials else None)
    thing.data.polygons.foreach_set("material_index", np.array(slots, np.int32))
    remove(prototypes)
    return thing


def repeat(
    rng: np.random.Generator, prototypes: Sequence[bpy.types.Object], count: int, vary: float = 0.1
) -> Things:
    """Make separate copies, each with its own `shade` and a size that varies by up to `vary`.

    The prototypes are removed from the scene.
    """
    made = []
    for i in range(count):
        chosen = prototypes[i % len(prototypes)]
        thing = bpy.data.objects.new(chosen.name, chosen.data.copy())
        bpy.context.scene.collection.objects.link(thing)
        set_vertices(thing, vertices_of(thing) * (1 + rng.uniform(-vary, vary)))
        set_shade(thing, float(rng.random()))
        made.append(thing)
    remove(prototypes)
    return made


def set_shade(thing: bpy.types.Object, value: float) -> None:
    """Give the whole object one `shade`."""
    attributes = thing.data.attributes
    shade = attributes.get(SHADE) or attributes.new(SHADE, "FLOAT", "POINT")
    shade.data.foreach_set("value", np.full(len(thing.data.vertices), value, np.float32))


def joined(name: str, things: Sequence[bpy.types.Object]) -> bpy.types.Object:
    """Join parts into one object with all faces, materials, `shade` and paint; the parts are removed.

    A part without `shade` gets 0.5. A part without paint becomes white if another part has paint.
    """
    meshes = [thing.data for thing in things]
    materials = list(dict.fromkeys(made for mesh in meshes for made in mesh.materials))
    corners, starts, slots, smooth = [], [], [], []
    vertex_count = corner_count = 0
    for mesh in meshes:
        own = [materials.index(made) for made in mesh.materials]
        corners.append(_read(mesh.loops, "vertex_index", np.int32) + vertex_count)
        starts.append(_read(mesh.polygons, "loop_start", np.int32) + corner_count)
        slots.append(np.array(own or [0], np.int32)[_read(mesh.polygons, "material_index", np.int32)])
        smooth.append(_read(mesh.polygons, "use_smooth", bool))
        vertex_count += len(mesh.vertices)
        corner_count += len(mesh.loops)
    whole = bpy.data.meshes.new(name)
    whole.vertices.add(vertex_count)
    whole.loops.add(corner_count)
    whole.polygons.add(sum(len(mesh.polygons) for mesh in meshes))
    whole.vertices.foreach_set("co", np.concatenate([vertices_of(thing).ravel() for thing in things]))
    whole.loops.foreach_set("vertex_index", np.concatenate(corners))
    whole.polygons.foreach_set("loop_start", np.concatenate(starts))
    for made in materials:
        whole.materials.append(made)
    whole.polygons.foreach_set("material_index", np.concatenate(slots))
    whole.polygons.foreach_set("use_smooth", np.concatenate(smooth))
    shades = [_point_values(mesh, SHADE, "value", [0.5]) for mesh in meshes]
    whole.attributes.new(SHADE, "FLOAT", "POINT").data.foreach_set("value", np.concatenate(shades))
    if any(PAINT in mesh.attributes for mesh in meshes):
        paints = [_point_values(mesh, PAINT, "color", [1.0] * 4) for mesh in meshes]
        whole.attributes.new(PAINT, "FLOAT_COLOR", "POINT").data.foreach_set("color", np.concatenate(paints))
    whole.update(calc_edges=True)
    remove(things)
    thing = bpy.data.objects.new(name, whole)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def remove(things: Sequence[bpy.types.Object]) -> None:
    """Remove objects and their meshes from the scene."""
    for thing in things:
        bpy.data.meshes.remove(thing.data)


def _read(items: bpy.types.bpy_prop_collection, name: str, kind: type, width: int = 1) -> NDArray[Any]:
    values: NDArray[Any] = np.empty(len(items) * width, kind)
    items.foreach_get(name, values)
    return values


def _point_values(mesh: bpy.types.Mesh, name: str, field: str, missing: list[float]) -> NDArray[np.float32]:
    if name in mesh.attributes:
        return _read(mesh.attributes[name].data, field, np.float32, len(missing))
    return np.tile(np.array(missing, np.float32), len(mesh.vertices))
