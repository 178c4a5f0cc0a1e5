"""Outlines are filled exactly as pycocotools does, and never at the cost of the process."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import from_rle, from_spans
from rvernet_app.picture.rasters import MAX_POINTS, enclosed, spans_inside, union

Corners = NDArray[np.float64]


def outlines(seed: int) -> tuple[Corners, tuple[int, int]]:
    """Return the corners of an outline that crosses itself and the edges, and the size of a photo."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 60, 2))
    corners = rng.random((int(rng.integers(3, 40)), 2)) * (width * 1.6, height * 1.6)
    corners -= (width * 0.3, height * 0.3)
    kinds = corners, np.round(corners), np.round(corners * 2) / 2, np.repeat(np.round(corners), 2, axis=0)
    return kinds[seed % 4], (height, width)


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_the_pixels_are_those_of_pycocotools(start: int) -> None:
    compared = 0
    for seed in range(start, start + 100):
        corners, size_hw = outlines(seed)
        [expected] = coco.frPyObjects([corners.ravel().tolist()], *size_hw)
        spans = spans_inside(corners, size_hw)
        if len(spans):
            compared += 1
            pixels = from_rle(from_spans(spans, size_hw), size_hw)
            np.testing.assert_array_equal(pixels, coco.decode(expected).astype(np.bool_))
        else:
            assert coco.area(expected) == 0
    assert compared > 80


def test_parts_are_united() -> None:
    parts = [np.array(spans) for spans in ([[2, 5], [20, 30]], [[4, 7]], [[7, 8], [22, 24]])]
    assert union(parts).tolist() == [[2, 8], [20, 30]]


def test_pixels_count_by_their_centres() -> None:
    corners = np.array([(1, 1), (4, 1), (4, 2.4), (1, 2.6)])
    expected = [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 0, 0, 0]]
    np.testing.assert_array_equal(enclosed(corners, (3, 5)), np.array(expected, np.bool_))


@pytest.mark.parametrize("count", [20_000, MAX_POINTS])
def test_an_outline_to_and_fro_across_the_photo_is_too_long(count: int) -> None:
    corners = np.array([(0.0, 0.0), (4000.0, 3000.0)] * (count // 2))
    for fill in (spans_inside, enclosed):
        with pytest.raises(PromptError, match="Its outline is too long"):
            fill(corners, (3000, 4000))


def test_more_points_than_any_food_has_are_refused() -> None:
    corners = np.zeros((MAX_POINTS + 1, 2))
    with pytest.raises(PromptError, match="has 200001 points, over the limit of 200000"):
        spans_inside(corners, (48, 64))


def test_a_smooth_outline_of_very_many_points_is_a_mask() -> None:
    angle = np.linspace(0, 2 * np.pi, 150_000, endpoint=False)
    corners = np.stack((2000 + 1000 * np.cos(angle), 1500 + 1000 * np.sin(angle)), axis=1)
    spans = spans_inside(corners, (3000, 4000))
    assert len(spans) == 2000
    assert abs(int(np.diff(spans, axis=1).sum()) / (np.pi * 10**6) - 1) < 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_corners_that_are_no_places_are_refused(bad: float) -> None:
    with pytest.raises(PromptError, match="Its outline is too long"), np.errstate(invalid="ignore"):
        spans_inside(np.array([(0, 0), (5, bad), (3, 3)]), (48, 64))
