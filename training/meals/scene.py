"""Build a meal in Blender: table, vessels, foods, clutter and camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

from training.meals.clutter import build_clutter
from training.meals.foods.base import Food
from training.meals.geometry import vertices_of
from training.meals.layout import footprint, place_all
from training.meals.lighting import light_scene
from training.meals.serve import DEEP
from training.meals.setting import Camera
from training.meals.shapes import SHAPES, Array, height_for
from training.meals.spec import Meal
from training.meals.tables import build_table
from training.meals.tableware import build_vessel, floor_height
from training.meals.vessel import ON_TABLE, Serving, Vessel

SENSOR = 36.0


@dataclass(frozen=True)
class Served:
    """A placed serving and the names of its objects, one per piece."""

    kind: str
    pieces: tuple[str, ...]


def build_scene(meal: Meal, foods: Mapping[str, Food], size_wh: tuple[int, int]) -> list[Served]:
    """Build a meal in an empty Blender; returns its servings in the order of placing."""
    build_table(meal.table)
    served = [s for vessel in meal.vessels for s in _put_vessel(vessel, Matrix.Identity(4), foods)]
    for thing in meal.clutter:
        for part in build_clutter(thing):
            _move(part, _frame(thing.xy, 0, thing.turn))
    light_scene(meal.light)
    _aim(meal.camera, size_wh)
    return [
        Served(kind, tuple(_renamed(piece, f"food-{i}-{j}") for j, piece in enumerate(pieces)))
        for i, (kind, pieces) in enumerate(served)
    ]


def _put_vessel(
    vessel: Vessel, carrier: Matrix, foods: Mapping[str, Food]
) -> Iterator[tuple[str, list[bpy.types.Object]]]:
    """Build a vessel with its content; yields kind and pieces of each serving that fits."""
    frame = carrier @ _frame(vessel.xy, 0, vessel.turn)
    height = 0.0
    if vessel.shape != ON_TABLE:
        height = floor_height(vessel)
        for part in build_vessel(vessel):
            _move(part, frame)
    raised = frame @ Matrix.Translation((0, 0, height))
    for inner in vessel.carried:
        yield from _put_vessel(inner, raised, foods)
    built = [foods[s.kind].build(np.random.default_rng(s.seed), s.radius) for s in vessel.servings]
    for serving, pieces, where in zip(vessel.servings, built, _places(vessel, built, foods), strict=True):
        if where is None:
            for piece in pieces:
                bpy.data.objects.remove(piece)
            continue
        for piece in pieces:
            _move(piece, raised @ where)
        yield serving.kind, pieces


def _places(
    vessel: Vessel, built: list[list[bpy.types.Object]], foods: Mapping[str, Food]
) -> list[Matrix | None]:
    """Return the place of each serving in the frame of the vessel's floor; None for one without room."""
    if vessel.shape in DEEP:
        return [_frame((0, 0), _fill_height(vessel, s, foods[s.kind]), s.turn) for s in vessel.servings]
    turn = np.linspace(0, 2 * np.pi, 256)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    places = place_all(
        vessel.floor,
        vessel.exponent,
        [(footprint(inner.radius * circle), inner.xy) for inner in vessel.carried],
        [np.concatenate([_points(piece) for piece in pieces]) for pieces in built],
        [(*s.xy, s.turn) for s in vessel.servings],
    )
    return [place and _frame(place[:2], 0, place[2]) for place in places]


def _fill_height(vessel: Vessel, serving: Serving, food: Food) -> float:
    """Return the height over the floor at which a food lies in a deep vessel."""
    if food.liquid:
        return vessel.depth * vessel.level
    return height_for(SHAPES[vessel.shape], vessel.half[0], 0.97 * serving.radius)


def _points(thing: bpy.types.Object) -> Array:
    """Return the vertices seen from above, float (N, 2), in the scene's frame."""
    matrix = np.array(thing.matrix_basis)
    return np.asarray((vertices_of(thing) @ matrix[:3, :3].T + matrix[:3, 3])[:, :2])


def _frame(xy: tuple[float, float], z: float, turn: float) -> Matrix:
    return Matrix.Translation((*xy, z)) @ Matrix.Rotation(turn, 4, "Z")


def _move(thing: bpy.types.Object, frame: Matrix) -> None:
    thing.matrix_basis = frame @ thing.matrix_basis


def _renamed(thing: bpy.types.Object, name: str) -> str:
    thing.name = name
    return name


def _aim(camera: Camera, size_wh: tuple[int, int]) -> None:
    """Place the camera so that the wished reach just fits the frame."""
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width, data.clip_end = camera.lens, SENSOR, 2000
    across, up = np.array(size_wh) / max(size_wh) * SENSOR / 2 / camera.lens
    sine, cosine = np.sin(camera.elevation), np.cos(camera.elevation)
    wide, deep = camera.reach
    distance = float(max(wide / across + 0.3 * deep * cosine, deep * (sine / up + cosine)))
    target = Vector((*camera.target_xy, 1.0))
    towards = Vector((cosine * np.cos(camera.azimuth), cosine * np.sin(camera.azimuth), sine))
    thing = bpy.data.objects.new("camera", data)
    thing.location = target + distance * towards
    thing.rotation_euler = Euler((np.pi / 2 - camera.elevation, 0, camera.azimuth + np.pi / 2))
    thing.rotation_euler.rotate_axis("Z", camera.roll)
    if camera.f_number:
        data.dof.use_dof = True
        data.dof.focus_distance = distance
        data.dof.aperture_fstop = camera.f_number / 100
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.scene.camera = thing
