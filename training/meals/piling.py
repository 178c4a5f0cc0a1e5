"""Let pieces of food come to rest on a plate and on each other, with a height map of the plate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy
import numpy as np
from mathutils import Matrix

from training.meals.geometry import Array, Numbers, rotation, set_vertices, vertices_of
from training.meals.surfaces import even_points

CELL = 0.15
MOST_POINTS = 500
MOST_POINTS_OF_MANY = 120


class HeightMap:
    """Heights of the food over a square at the origin; 0 on the empty plate."""

    def __init__(self, half: float, cell: float = CELL) -> None:
        """An empty plate.

        Args:
            half: half the side of the square in cm; points farther out count at its border.
            cell: side of a cell in cm.
        """
        self._half, self._cell = half, cell
        count = int(np.ceil(2 * half / cell)) + 3
        self._top = np.zeros((count, count))

    def lift(self, points: Array) -> float:
        """Return the rise that lifts points, float (N, 3), just off the food below; below 0 if they float."""
        return float((self._top[self._cells(points)] - points[:, 2]).max())

    def add(self, points: Array) -> None:
        """Raise the heights to the points, float (N, 3)."""
        np.maximum.at(self._top, self._cells(points), points[:, 2])

    def draped(self, points: Array, span: float) -> Array:
        """Return heights, float (N,), of a cloth over the food that spans steps of about `span` cm."""
        reach = max(round(span / self._cell / 2), 1)
        cloth = _boxes(_boxes(self._top, reach, np.max), reach, np.mean)
        return _between(cloth, (points[:, :2] + self._half) / self._cell + 0.5)

    def _cells(self, points: Array) -> tuple[np.ndarray, np.ndarray]:
        index = ((points[:, :2] + self._half) / self._cell).astype(int) + 1
        index = np.clip(index, 0, len(self._top) - 1)
        return index[:, 0], index[:, 1]


class Pile:
    """A plate onto which pieces fall one by one.

    A falling piece turns and slides a little while its middle sinks. It goes through neither the food below
    nor the plate.
    """

    def __init__(self, radius: float, cell: float = CELL) -> None:
        """An empty plate.

        Args:
            radius: pieces slide to stay within this radius, in cm.
            cell: side of a cell of the height map in cm.
        """
        self._radius = radius
        self._cell = cell
        self._heights = HeightMap(cell * (np.ceil(2 * radius / cell) + 19.5), cell)

    def drop(
        self,
        thing: bpy.types.Object,
        places_xy: Array | tuple[float, float],
        turn: Numbers = (0.0, 0.0, 0.0),
        slide: float = 0.0,
        tilt: float = 0.3,
        sink: float = 0.03,
    ) -> bpy.types.Object:
        """Let an object fall at a place; moves its vertices and not its frame.

        Args:
            places_xy: one place, or float (K, 2), of which the lowest is taken.
            turn: XYZ Euler angles at the start.
            slide: largest sideways step in cm.
            tilt: largest step of its tilt in radians.
            sink: depth in cm by which pieces press into each other; infinite puts the object on the plate.
        """
        vertices = vertices_of(thing)
        points = even_points(thing, self._cell)
        middle = points.mean(axis=0)
        place, turned = self._settle(points - middle, np.atleast_2d(places_xy), turn, slide, tilt, sink)
        set_vertices(thing, (vertices - middle) @ turned.T + place)
        return thing

    def drape(
        self, thing: bpy.types.Object, place_xy: tuple[float, float], turn: float, stiffness: float
    ) -> bpy.types.Object:
        """Drape a soft flat object, its underside on z = 0, over the food.

        Args:
            turn: angle about z in radians.
            stiffness: distance in cm over which it spans a step.
        """
        vertices = vertices_of(thing) @ rotation((0, 0, turn)).T + np.array([*place_xy, 0.0])
        vertices[:, 2] = np.maximum(vertices[:, 2] + self._heights.draped(vertices, stiffness), 0)
        set_vertices(thing, vertices)
        self._heights.add(even_points(thing, self._cell))
        return thing

    def shingle(self, pieces: Sequence[bpy.types.Object], places_xy: Array, thickness: float) -> None:
        """Lay slices in a row: the first flat, each further one leaning on the one before.

        Args:
            pieces: slices of this thickness with their undersides on z = 0.
            places_xy: float (N, 2), places of their middles, farther apart than the thickness.
        """
        steps = np.diff(places_xy, axis=0, prepend=[2 * places_xy[0] - places_xy[1]])
        for k, (piece, place, step) in enumerate(zip(pieces, places_xy, steps, strict=True)):
            lean = np.arcsin(min(thickness / np.hypot(*step), 0.95)) + 0.04 if k else 0.0
            turn = (float(lean), 0.0, float(np.arctan2(step[1], step[0]) + np.pi / 2))
            self.drop(piece, place, turn, tilt=0, sink=np.inf)

    def drop_many(
        self,
        rng: np.random.Generator,
        prototype: bpy.types.Object,
        count: int,
        spread: float,
        tries: int = 3,
        slide: float = 0.3,
        tilt: float = 0.3,
        sink: float = 0.03,
    ) -> tuple[Array, Array]:
        """Drop copies of a prototype one by one: places and turns, both float (count, 3).

        Args:
            spread: radius of the disc on which they fall, in cm.
            tries: number of random spots, of which the lowest is taken.
        """
        points = even_points(prototype, self._cell)
        points = points[:: len(points) // MOST_POINTS_OF_MANY + 1]
        places, turns = np.empty((count, 3)), np.empty((count, 3))
        for i in range(count):
            first = (rng.uniform(0, 6.28), rng.uniform(0, 6.28), rng.uniform(0, 6.28))
            places[i], turned = self._settle(points, scatter(rng, spread, tries), first, slide, tilt, sink)
            turns[i] = Matrix(turned.tolist()).to_euler()
        return places, turns

    def _settle(
        self,
        points: Array,
        places_xy: Array,
        turn: Numbers,
        slide: float,
        tilt: float,
        sink: float,
    ) -> tuple[Array, Array]:
        """Return a place (3,) and a rotation (3, 3) from which no small move lets the origin sink further."""
        turned = rotation(turn)
        few = points[:: len(points) // MOST_POINTS + 1]
        costs = [self._cost(few @ turned.T, place) for place in places_xy]
        place, best = places_xy[int(np.argmin(costs))], min(costs)
        step = 1.0
        for _ in range(14):
            moves = [(i, sign * step) for i in range(4) for sign in (-1, 1) if (slide, tilt)[i // 2] > 0]
            improved = False
            for i, size in moves:
                new_place, new_turned = place, turned
                if i < 2:
                    new_place = place + slide * size * np.eye(2)[i]
                else:
                    new_turned = np.array(Matrix.Rotation(tilt * size, 3, "XY"[i - 2])) @ turned
                cost = self._cost(few @ new_turned.T, new_place)
                if cost < best - 1e-4:
                    place, turned, best, improved = new_place, new_turned, cost, True
            if not improved:
                step /= 2
                if step < 0.1:
                    break
        lain = points @ turned.T + np.array([*place, 0.0])
        height = max(self._heights.lift(lain) - sink, -lain[:, 2].min())
        self._heights.add(lain + np.array([0.0, 0.0, height]))
        return np.array([*place, height]), turned

    def _cost(self, points: Array, place_xy: Array) -> float:
        there = points + np.array([*place_xy, 0.0])
        beyond = float(np.hypot(there[:, 0], there[:, 1]).max()) - self._radius
        return self._heights.lift(there) + 1.5 * max(beyond, 0.0)


def scatter(rng: np.random.Generator, spread: float, count: int = 1) -> Array:
    """Draw uniform points in a disc at the origin, float (count, 2)."""
    turn, out = rng.uniform(0, 2 * np.pi, count), spread * np.sqrt(rng.random(count))
    return np.column_stack([out * np.cos(turn), out * np.sin(turn)])


def stack(
    rng: np.random.Generator,
    things: Sequence[bpy.types.Object],
    radius: float,
    gather: float = 0.2,
    tilt: float = 0.3,
    tries: int = 24,
    sink: float = 0.03,
) -> None:
    """Put things down within the radius one after another, each at the lowest of several random places.

    Args:
        gather: height in cm that a thing climbs to be 1 cm nearer to the centre; 0 spreads them out.
        tilt: largest tilt in radians; the turn about z is free.
        sink: depth in cm by which soft things press into each other.
    """
    heights = HeightMap(radius)
    for thing in things:
        shape = vertices_of(thing)
        best: tuple[float, Array] | None = None
        for _ in range(4):
            turned = shape @ rotation((*rng.uniform(-tilt, tilt, 2), rng.uniform(0, 2 * np.pi))).T
            turned -= (turned.min(axis=0) + turned.max(axis=0)) / 2
            free = max(radius - 0.85 * np.linalg.norm(turned[:, :2], axis=1).max(), 0.02)
            for _ in range(max(tries // 4, 1)):
                bearing, far = rng.uniform(0, 2 * np.pi), free * np.sqrt(rng.uniform())
                at = turned + np.array([far * np.cos(bearing), far * np.sin(bearing), 0])
                lift = heights.lift(at)
                cost = lift + gather * far
                if best is None or cost < best[0]:
                    best = (cost, at + np.array([0, 0, lift]))
        assert best is not None
        resting = best[1]
        resting[:, 2] -= min(sink, float(resting[:, 2].min()))
        set_vertices(thing, resting)
        heights.add(resting)


def lay_row(
    rng: np.random.Generator,
    things: Sequence[bpy.types.Object],
    step: float,
    lean: bool = True,
) -> None:
    """Lay things in a row, `step` cm apart or more; with `lean` each one leans on the one before."""
    reach = max(float(np.abs(vertices_of(thing)).max()) for thing in things) + step * len(things)
    heights = HeightMap(reach)
    heading = rotation((0, 0, rng.uniform(0, 2 * np.pi)))
    extents = [np.ptp(vertices_of(thing), axis=0) for thing in things]
    step = max(step, *(float(1.8 * e[2] if lean else 1.02 * e[1]) for e in extents))
    for i, thing in enumerate(things):
        slope = np.arcsin(extents[i][2] / step) * rng.uniform(1.0, 1.15) if lean and i else 0
        turn = (-slope, 0, rng.uniform(-0.12, 0.12))
        at = vertices_of(thing) @ rotation(turn).T
        at += np.array([rng.uniform(-0.12, 0.12) * step, (i - (len(things) - 1) / 2) * step, 0])
        at = at @ heading.T
        at[:, 2] += heights.lift(at)
        at[:, 2] -= min(0.0, float(at[:, 2].min()))  # never below the plate
        set_vertices(thing, at)
        heights.add(at)


def stand_ring(rng: np.random.Generator, things: Sequence[bpy.types.Object], radius: float) -> None:
    """Stand round things of this radius in a ring at the origin so that they just touch."""
    start = rng.uniform(0, 2 * np.pi)
    far = 0.0 if len(things) == 1 else 1.02 * radius / np.sin(np.pi / len(things))
    for k, thing in enumerate(things):
        bearing = start + 2 * np.pi * k / len(things)
        at = vertices_of(thing) @ rotation((0, 0, rng.uniform(0, 2 * np.pi))).T
        middle = (at.min(axis=0) + at.max(axis=0)) / 2
        place = np.array([far * np.cos(bearing), far * np.sin(bearing), 0])
        set_vertices(thing, at + place - np.array([middle[0], middle[1], at[:, 2].min()]))


def _boxes(heights: Array, reach: int, of: Callable[..., Array]) -> Array:
    """Filter by the maximum or mean over the square of `reach` cells around each cell."""
    for axis in (0, 1):
        width = [(reach, reach) if k == axis else (0, 0) for k in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(heights, width, "edge"), 2 * reach + 1, axis
        )
        heights = of(windows, axis=-1)
    return heights


def _between(heights: Array, where: Array) -> Array:
    """Interpolate bilinearly at indices, float (N, 2)."""
    where = np.clip(where, 0, len(heights) - 1.001)
    i, j = where.astype(int).T
    u, v = (where - where.astype(int)).T
    low = heights[i, j] * (1 - v) + heights[i, j + 1] * v
    high = heights[i + 1, j] * (1 - v) + heights[i + 1, j + 1] * v
    return np.asarray(low * (1 - u) + high * u)
