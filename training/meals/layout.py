"""Arrange things: pack discs into a floor, and push footprints together until they touch."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.meals.shapes import Array, inside

CELL = 0.2
"""Side of a cell of a footprint in cm."""

Footprint = NDArray[np.bool_]
"""bool (R, C) of covered cells, R and C odd; the middle cell is the origin, rows run along y."""

OVERLAP = 0.1
"""Largest share of a footprint that may overlap others."""

OVERHANG = 0.02
"""Largest share of a footprint that may reach over the edge of the floor."""

SPREADS = (0.6, 1.0, 1.5)
"""Distances from the middle to try, as shares of the wished distance."""

ROUNDS = 200
"""Rounds in which discs are pushed apart."""

Place = tuple[float, float, float]
"""x, y and turn."""


def pack(
    rng: np.random.Generator,
    radii: Sequence[float],
    half: tuple[float, float],
    exponent: float = 2.0,
    pull: float = 0.01,
) -> Array:
    """Place discs within a superellipse at the origin: float (N, 2).

    Discs are pushed apart until they touch, pulled towards the middle and kept inside. Too many discs
    overlap.

    Args:
        half, exponent: outline of the floor.
        pull: share of the way to the middle by which discs are pulled in the first round; later rounds pull
            less.
    """
    sizes, limits = np.asarray(radii, float), np.asarray(half)
    places = rng.normal(0, 0.4, (len(sizes), 2)) * limits
    wanted = sizes[:, None] + sizes[None]
    np.fill_diagonal(wanted, 0)
    room = np.maximum(limits - sizes[:, None], 0.02)
    for i in range(ROUNDS):
        between = places[:, None] - places[None]
        distance = np.linalg.norm(between, axis=2) + 1e-9
        push = np.clip(wanted - distance, 0, None) / distance
        places += 0.5 * (between * push[:, :, None]).sum(axis=1) / max(1, len(sizes) ** 0.5)
        places *= 1 - pull * (1 - i / ROUNDS)
        out = (np.abs(places / room) ** exponent).sum(axis=1) ** (1 / exponent)
        places /= np.maximum(out, 1)[:, None]
    return np.asarray(places)


def footprint(points: Array) -> Footprint:
    """Return the cells under points, float (N, 2 or 3), with gaps closed and holes filled."""
    reach = int(np.ceil(np.abs(points[:, :2]).max() / CELL)) + 3
    cells = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    column, row = np.rint(points[:, :2].T / CELL).astype(int) + reach
    cells[row, column] = 1
    cells = cv2.morphologyEx(cells, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(cells, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(cells, contours, -1, 1, cv2.FILLED)
    return np.asarray(cells.astype(np.bool_))


def place_all(
    half: tuple[float, float],
    exponent: float,
    taken: Sequence[tuple[Footprint, tuple[float, float]]],
    clouds: Sequence[Array],
    wishes: Sequence[Place],
) -> list[Place | None]:
    """Place things on a floor near their wished places, the largest first; None for a thing without room.

    If not even one thing has room, the largest lies in the middle and reaches over the edge.

    Args:
        half, exponent: outline of the floor.
        taken: footprints already on the floor, and their places.
        clouds: points of each thing seen from above, float (N, 2).
        wishes: wished places, in the order of the clouds.
    """
    found: dict[tuple[int, float], Footprint] = {}

    def at_turn(number: int, turn: float) -> Footprint:
        if (number, turn) not in found:
            sine, cosine = np.sin(turn), np.cos(turn)
            found[number, turn] = footprint(clouds[number] @ np.array([[cosine, sine], [-sine, cosine]]))
        return found[number, turn]

    order = sorted(range(len(clouds)), key=lambda i: -at_turn(i, wishes[i][2]).sum())
    best: list[Place | None] = [None] * len(clouds)
    for spread in SPREADS:
        floor = Floor(half, exponent)
        for shape, xy in taken:
            floor.settle(shape, xy)
        placed: list[Place | None] = [None] * len(clouds)
        for i in order:
            x, y, turn = wishes[i]
            for extra in (0.0, np.pi / 2, np.pi / 4, 3 * np.pi / 4):
                spot = floor.settle(at_turn(i, turn + extra), (spread * x, spread * y))
                if spot is not None:
                    placed[i] = (*spot, turn + extra)
                    break
        if placed.count(None) < best.count(None):
            best = placed
        if None not in best:
            break
    if best and best.count(None) == len(best) and not taken:
        best[order[0]] = (0.0, 0.0, wishes[order[0]][2])
    return best


class Floor:
    """A floor on which footprints are placed one after the other.

    Args:
        half: half lengths of the floor.
        exponent: exponent of the superellipse that bounds the floor.
    """

    def __init__(self, half: tuple[float, float], exponent: float) -> None:
        self._reach = int(np.ceil(max(half) / CELL)) + 1
        axis = np.arange(-self._reach, self._reach + 1) * CELL
        points = np.stack(np.meshgrid(axis, axis), axis=-1)
        self._points = points
        self._out = (~inside(points, half, exponent)).astype(np.float32)
        self._taken = np.zeros_like(self._out)

    def settle(self, shape: Footprint, wish: tuple[float, float]) -> tuple[float, float] | None:
        """Place a footprint as near to a wished place as it fits, and mark its cells; None if it fits
        nowhere.

        A footprint fits if it stays within `OVERLAP` and `OVERHANG`.
        """
        kernel = shape.astype(np.float32) / shape.sum()
        over = cv2.filter2D(self._out, -1, kernel, borderType=cv2.BORDER_CONSTANT)
        beyond = 1 - cv2.filter2D(np.ones_like(self._out), -1, kernel, borderType=cv2.BORDER_CONSTANT)
        on = cv2.filter2D(self._taken, -1, kernel, borderType=cv2.BORDER_CONSTANT)
        far = np.linalg.norm(self._points - np.asarray(wish), axis=2)
        cost = far + np.where((over + beyond > OVERHANG) | (on > OVERLAP), np.inf, 0)
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        if not np.isfinite(cost[row, column]):
            return None
        self._take(shape, int(row), int(column))
        return float(self._points[row, column, 0]), float(self._points[row, column, 1])

    def _take(self, shape: Footprint, row: int, column: int) -> None:
        reach = shape.shape[0] // 2
        padded = np.pad(self._taken, reach)
        window = padded[row : row + shape.shape[0], column : column + shape.shape[1]]
        np.maximum(window, shape, out=window)
        self._taken = padded[reach:-reach, reach:-reach]
