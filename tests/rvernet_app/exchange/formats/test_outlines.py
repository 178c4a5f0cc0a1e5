"""Masks as single outlines, and back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rvernet_app.errors import PromptError
from rvernet_app.exchange.formats.outlines import (
    filled,
    outline,
    points,
    require_inside,
    rle_of_polygons,
)
from rvernet_app.picture.masks import from_rle
from tests.rvernet_app.exchange.formats.kitchen import PLATE, RING, TWO_PARTS, disc


def pixels(*places: tuple[int, int], size_hw: tuple[int, int] = (6, 9)) -> np.ndarray:
    mask = np.zeros(size_hw, np.bool_)
    for x, y in places:
        mask[y, x] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        disc(PLATE, 30, 30, 20),
        disc(PLATE, 0, 0, 9),
        np.ones(PLATE, np.bool_),
        pixels((4, 2)),
        pixels((4, 2), (5, 2)),
        pixels((4, 2), (5, 3)),
        pixels((2, 2), (3, 2), (4, 2), (4, 3)),
    ],
    ids=["disc", "in a corner", "everything", "one pixel", "two", "two by a corner", "a hook"],
)
def test_a_mask_of_one_part_without_holes_is_restored_exactly(mask: np.ndarray) -> None:
    corners = outline(mask)
    assert len(corners) >= 3
    np.testing.assert_array_equal(filled(corners.tolist(), mask.shape), mask)


TWO_HOLES = disc(PLATE, 36, 36, 25) & ~disc(PLATE, 26, 36, 5) & ~disc(PLATE, 46, 36, 6)
PRICKED = disc(PLATE, 36, 36, 20) & ~pixels((36, 36), (40, 30), size_hw=PLATE)


@pytest.mark.parametrize("mask", [RING, TWO_HOLES, PRICKED], ids=["ring", "two holes", "holes of a pixel"])
def test_holes_stay_open(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(filled(outline(mask).tolist(), PLATE), mask)


def test_no_pixel_of_any_mask_is_lost() -> None:
    for seed in range(20):
        mask = gaussian_filter(np.random.default_rng(seed).random((60, 80)), 4) > 0.5
        back = filled(outline(mask).tolist(), mask.shape)
        assert not (mask & ~back).any()
        assert (back & ~mask).sum() <= 0.06 * mask.sum()  # bridges


@pytest.mark.parametrize(
    ("mask", "gap"), [(TWO_PARTS, 3), (disc(PLATE, 20, 20, 15) | disc(PLATE, 55, 40, 14), 9)]
)
def test_parts_are_joined_by_a_short_bridge(mask: np.ndarray, gap: int) -> None:
    back = filled(outline(mask).tolist(), PLATE)
    assert not (mask & ~back).any()
    assert (back & ~mask).sum() == gap


def test_many_parts_become_one_outline() -> None:
    mask = np.zeros((20, 60), np.bool_)
    for left in range(2, 58, 8):
        mask[4:16, left : left + 6] = True
    back = filled(outline(mask).tolist(), mask.shape)
    assert not (mask & ~back).any()
    assert (back & ~mask).sum() == 6 * 2  # six bridges over gaps of two pixels


def test_points_are_pairs_of_finite_numbers() -> None:
    assert points([[1, 2], ("3.5", 4)]) == [(1.0, 2.0), (3.5, 4.0)]


@pytest.mark.parametrize(
    "numbers",
    [None, 7, "abc", [1, 2], [[1, 2, 3]], [[1, "x"]], [[1, None]], [[1, float("inf")]], [[10**400, 1]]],
)
def test_other_points_are_refused(numbers: object) -> None:
    with pytest.raises(PromptError, match="not pairs of numbers"):
        points(numbers)


def test_points_may_lie_one_pixel_outside() -> None:
    require_inside([(-1, -1), (10, 6)], (5, 9))
    for x, y in ((-1.1, 0), (0, -1.1), (10.1, 0), (0, 6.1)):
        with pytest.raises(PromptError, match=f"outside the photo of 9 x 5 pixels, at {x:g}, {y:g}"):
            require_inside([(1, 1), (x, y)], (5, 9))


def test_polygons_that_overlap_are_one_mask() -> None:
    rle = rle_of_polygons([[(0, 0), (2, 0), (2, 2), (0, 2)], [(1, 1), (4, 1), (4, 3), (1, 3)]], (4, 5))
    expected = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], np.bool_)
    np.testing.assert_array_equal(from_rle(rle, (4, 5)), expected)


def test_points_between_pixels_are_rounded() -> None:
    mask = filled([(1.1, 1.1), (3.4, 1.4), (2.6, 2.9), (1.0, 3.0)], (5, 6))
    np.testing.assert_array_equal(mask, filled([(1, 1), (3, 1), (3, 3), (1, 3)], (5, 6)))
    assert mask.sum() == 9
