"""Every food at its smallest and largest; needs Blender: `make test-render`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from training.meals.foods.base import Food

pytestmark = pytest.mark.render
SEED = 7
MOST_FACES = 65_000


@dataclass(frozen=True)
class Serving:
    """A built food: vertices float (N, 3) of all pieces, their faces, and pieces without material."""

    food: Food
    radius: float
    vertices: NDArray[np.float64]
    faces: int
    bare: list[str]

    def __str__(self) -> str:
        return f"{self.food.kind} of {self.radius} cm"


def serve(food: Food, radius: float) -> Serving:
    from training.meals.geometry import vertices_of
    from training.meals.render import reset, silence

    with silence():
        reset()
        pieces = food.build(np.random.default_rng(SEED), radius)
    assert pieces, food.kind
    frames = [np.array(piece.matrix_basis) for piece in pieces]
    placed = [
        vertices_of(piece) @ frame[:3, :3].T + frame[:3, 3]
        for piece, frame in zip(pieces, frames, strict=True)
    ]
    bare = [piece.name for piece in pieces if not piece.data.materials or None in list(piece.data.materials)]
    faces = sum(len(piece.data.polygons) for piece in pieces)
    return Serving(food, radius, np.concatenate(placed), faces, bare)


@pytest.fixture(scope="module")
def servings() -> list[Serving]:
    from training.meals.foods.registry import MENU

    return [serve(food, radius) for food in MENU for radius in food.radii_cm]


def test_vertices_are_numbers(servings: list[Serving]) -> None:
    assert [str(serving) for serving in servings if not np.isfinite(serving.vertices).all()] == []


def test_same_seed_builds_the_same(servings: list[Serving]) -> None:
    for first in servings[::2]:
        again = serve(first.food, first.radius)
        np.testing.assert_array_equal(again.vertices, first.vertices, err_msg=str(first))


def test_nothing_sinks_into_the_plate(servings: list[Serving]) -> None:
    lowest = {str(serving): serving.vertices[:, 2].min() for serving in servings if not serving.food.liquid}
    assert {name: z for name, z in lowest.items() if z < -0.05} == {}


def test_everything_touches_the_plate(servings: list[Serving]) -> None:
    lowest = {str(serving): serving.vertices[:, 2].min() for serving in servings}
    assert {name: z for name, z in lowest.items() if z > 0.1} == {}


def test_servings_keep_to_their_radius(servings: list[Serving]) -> None:
    reach = {
        str(serving): np.hypot(serving.vertices[:, 0], serving.vertices[:, 1]).max() / serving.radius
        for serving in servings
    }
    assert {name: share for name, share in reach.items() if share > 1.35} == {}


def test_meshes_stay_small(servings: list[Serving]) -> None:
    assert {str(serving): serving.faces for serving in servings if serving.faces >= MOST_FACES} == {}


def test_every_piece_has_a_material(servings: list[Serving]) -> None:
    assert {str(serving): serving.bare for serving in servings if serving.bare} == {}
