"""Where things go: discs packed into a floor, and footprints pushed together until they touch."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.meals.shapes import Array, inside

CELL = 0.2
"""Side of a cell of a footprint in cm."""

Footprint = NDArray[np.bool_]
"""Cells that are covered, an odd number along either axis; the middle cell is the origin, rows run along y."""

OVERLAP = 0.1
"""Share of a footprint that may lie on what is there already."""

OVERHANG = 0.02
"""Share of a footprint that may reach over the edge of the floor."""

SPREADS = (0.6, 1.0, 1.5)
"""How far from the middle, as a share of the wished distance, things are put; more when there is too little room."""

Place = tuple[float, float, float]
"""x, y and turn."""


def pack(
    rng: np.random.Generator,
    radii: Sequence[float],
    half: tuple[float, float],
    exponent: float = 2.0,
    pull: float = 0.01,
    rounds: int = 200,
) -> Array:
    """Places, float (N, 2), for discs within a superellipse about the origin.

    Discs are pushed apart until they touch, pulled towards the middle and kept within; where there are too
    many they overlap.

    Args:
        half, exponent: of the floor's outline.
        pull: share of the way to the middle that a disc is pulled in a round, less and less.
    """
    sizes, limits = np.asarray(radii, float), np.asarray(half)
    places = rng.normal(0, 0.4, (len(sizes), 2)) * limits
    wanted = sizes[:, None] + sizes[None]
    np.fill_diagonal(wanted, 0)
    room = np.maximum(limits - sizes[:, None], 0.02)
    for i in range(rounds):
        between = places[:, None] - places[None]
        distance = np.linalg.norm(between, axis=2) + 1e-9
        push = np.clip(wanted - distance, 0, None) / distance
        places += 0.5 * (between * push[:, :, None]).sum(axis=1) / max(1, len(sizes) ** 0.5)
        places *= 1 - pull * (1 - i / rounds)
        out = (np.abs(places / room) ** exponent).sum(axis=1) ** (1 / exponent)
        places /= np.maximum(out, 1)[:, None]
    return np.asarray(places)


def footprint(points: Array) -> Footprint:
    """The cells under a cloud of points, float (N, 2 or 3), closed and without holes."""
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
    """Put things down on a floor next to where they wish to be, the largest first; None for what has no room.

    Where not even one has room, the largest lies in the middle and reaches over the edge.

    Args:
        half, exponent: of the floor's outline.
        taken: footprints that stand there already, and their places.
        clouds: points of each thing seen from above, float (N, 2).
        wishes: in the order of the clouds.
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
    """A floor that footprints are put down on, one after the other.

    Args:
        half: half lengths of the floor.
        exponent: of the superellipse that bounds it.
    """

    def __init__(self, half: tuple[float, float], exponent: float) -> None:
        self._reach = int(np.ceil(max(half) / CELL)) + 1
        axis = np.arange(-self._reach, self._reach + 1) * CELL
        points = np.stack(np.meshgrid(axis, axis), axis=-1)
        self._points = points
        self._out = (~inside(points, half, exponent)).astype(np.float32)
        self._taken = np.zeros_like(self._out)

    def settle(self, shape: Footprint, wish: tuple[float, float]) -> tuple[float, float] | None:
        """Put a footprint down as near to a place as it fits, and take that room; None where it does not fit.

        It fits where it keeps within `OVERLAP` and `OVERHANG`.
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
