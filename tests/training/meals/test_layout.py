"""Arrangement of things on a floor, and shapes of vessels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.meals.layout import CELL, OVERLAP, Floor, footprint, pack, place_all
from training.meals.shapes import SHAPES, height_for, inner_half, inside, outline


def disc_points(radius: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 200)
    return radius * np.column_stack([np.cos(turn), np.sin(turn)])


def bar_points(length: float, width: float) -> NDArray[np.float64]:
    x, y = np.meshgrid(np.linspace(-length / 2, length / 2, 80), np.linspace(-width / 2, width / 2, 20))
    return np.column_stack([x.ravel(), y.ravel()])


# --- packing


def test_packed_discs_keep_apart_and_within() -> None:
    radii = [3.0, 2.5, 2.0, 2.0]
    places = pack(np.random.default_rng(1), radii, (9, 7))

    for i, place in enumerate(places):
        assert (np.abs(place / (np.array([9, 7]) - radii[i])) ** 2).sum() <= 1 + 1e-9
        for j in range(i):
            assert np.hypot(*(place - places[j])) > 0.95 * (radii[i] + radii[j])


def test_packing_without_discs() -> None:
    assert pack(np.random.default_rng(1), [], (9, 7)).shape == (0, 2)


# --- footprints


def test_a_footprint_is_filled_and_centred() -> None:
    cells = footprint(disc_points(3))
    assert cells.shape[0] == cells.shape[1]
    assert cells.shape[0] % 2 == 1
    assert cells[cells.shape[0] // 2, cells.shape[1] // 2]
    assert cells.sum() * CELL**2 == pytest.approx(np.pi * 9, rel=0.12)


def test_the_first_thing_gets_its_place_and_the_next_one_lies_beside_it() -> None:
    floor = Floor((10, 10), 2)
    shape = footprint(disc_points(3))
    first, second = floor.settle(shape, (0, 0)), floor.settle(shape, (0.4, 0))

    assert first == (0, 0)
    assert second is not None
    assert 4 < np.hypot(*second) < 6.2  # touching, overlapping a little


def test_a_thing_without_room_gets_no_place() -> None:
    floor = Floor((4, 4), 2)
    assert floor.settle(footprint(disc_points(5)), (0, 0)) is None
    assert floor.settle(footprint(disc_points(3.5)), (0, 0)) is not None
    assert floor.settle(footprint(disc_points(2)), (0, 0)) is None


def test_wishes_beyond_the_edge_are_moved_inside() -> None:
    place = Floor((8, 5), 8).settle(footprint(disc_points(2)), (30, 0))
    assert place is not None
    assert place[0] == pytest.approx(6, abs=0.5)


def test_a_long_thing_is_turned_until_it_fits() -> None:
    [place] = place_all((9, 3), 6, [], [bar_points(14, 2)], [(0, 0, np.pi / 2)])
    assert place is not None
    assert np.sin(place[2]) == pytest.approx(0, abs=1e-9)


def test_the_larger_thing_is_placed_first() -> None:
    clouds = [disc_points(2), disc_points(4)]
    small, large = place_all((6.5, 6.5), 2, [], clouds, [(0, 0, 0), (1, 0, 0)])
    assert small is not None
    assert large is not None
    shared = footprint(disc_points(2)).sum() * OVERLAP * CELL**2
    assert np.hypot(small[0] - large[0], small[1] - large[1]) > 6 - shared


def test_the_largest_thing_lies_in_the_middle_if_nothing_fits() -> None:
    assert place_all((3, 3), 2, [], [disc_points(4), disc_points(5)], [(1, 1, 0.3), (1, 1, 0.5)]) == [
        None,
        (0.0, 0.0, 0.5),
    ]


# --- shapes


def test_a_disc_fits_at_the_height_where_the_bowl_is_as_wide() -> None:
    bowl = SHAPES["bowl"]
    for radius in (4.0, 5.0, 6.0):
        assert inner_half(bowl, 7.0, height_for(bowl, 7.0, radius)) == pytest.approx(radius)


@pytest.mark.parametrize("exponent", [2, 5, 9])
def test_an_outline_bounds_what_is_inside(exponent: float) -> None:
    edge = outline((6, 4), exponent, 64)
    assert edge[:, 0].max() == pytest.approx(6)
    assert inside(0.99 * edge, (6, 4), exponent).all()
    assert not inside(1.01 * edge, (6, 4), exponent).any()


def test_profiles_rise_outwards() -> None:
    for shape in SHAPES.values():
        shares, heights = np.array(shape.profile).T
        assert (np.diff(shares) > 0).all()
        assert shares[-1] < 1
        assert heights[0] == 0
