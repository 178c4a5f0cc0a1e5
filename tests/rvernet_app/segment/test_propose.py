"""Foods proposed all over a photo, by a segmenter with known regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.errors import SegmentationError
from rvernet_app.segment.propose import MIN_SCORE, Proposals, grid, propose
from rvernet_app.types import FOREGROUND, Candidates, Embedding, Mask, Photo, Prompt

Found = Sequence[tuple[Mask, float]]
"""Masks and scores, best first."""

TABLE, RICE, SOUP, BEANS, CRUMB = range(5)
SCORES = {TABLE: 0.99, RICE: 0.9, SOUP: 0.95, BEANS: 0.85, CRUMB: 0.97}


class Known:
    """A segmenter that looks up the masks at a point; without a mask it raises an error."""

    name, fingerprint = "known", "0"

    def __init__(self, look_up: Callable[[int, int], Found]) -> None:
        self.asked: list[tuple[float, float]] = []
        self._look_up = look_up

    def encode(self, photo: Photo) -> Embedding:
        return Embedding(self.name, photo.shape[:2], np.zeros(0))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        ((x, y),) = prompt.points_xy
        assert (prompt.point_labels, prompt.box_xyxy) == ((FOREGROUND,), None)
        self.asked.append((x, y))
        found = self._look_up(int(x), int(y))
        if not found:
            raise SegmentationError("Nothing was found here.")
        masks, scores = zip(*found, strict=True)
        return Candidates(
            np.stack(masks), np.array(scores, np.float32), np.zeros((len(found), 1, 1), np.float32)
        )


def of_map(labels: NDArray[np.int64]) -> Known:
    """Make a segmenter that finds the region of a label map under a point."""
    return Known(lambda x, y: [(labels == labels[y, x], SCORES[int(labels[y, x])])])


def look_over(segmenter: Known, size_hw: tuple[int, int], per_side: int = 10) -> list[Proposals]:
    return list(propose(segmenter, segmenter.encode(np.zeros((*size_hw, 3), np.uint8)), per_side))


def rectangle(size_hw: tuple[int, int], top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros(size_hw, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


@pytest.fixture
def table() -> NDArray[np.int64]:
    """A label map, 60 x 100, with three foods, a crumb under a point, and the table."""
    labels = np.full((60, 100), TABLE)
    labels[5:25, 5:35] = RICE
    labels[30:55, 40:60] = SOUP
    labels[10:50, 70:95] = BEANS
    labels[45:47, 15:17] = CRUMB
    return labels


def test_every_food_is_found_once_without_the_table_and_the_crumb(table: NDArray[np.int64]) -> None:
    segmenter = of_map(table)
    *_, last = look_over(segmenter, (60, 100))
    assert last.scores == pytest.approx((0.95, 0.9, 0.85))
    assert len(last.masks) == 3
    for mask, food in zip(last.masks, (SOUP, RICE, BEANS), strict=True):
        assert np.array_equal(mask, table == food)
    asked = [int(table[int(y), int(x)]) for x, y in segmenter.asked]
    assert {TABLE, CRUMB} <= set(asked)


def test_points_on_masks_already_found_are_skipped(table: NDArray[np.int64]) -> None:
    segmenter = of_map(table)
    look_over(segmenter, (60, 100))
    asked = [int(table[int(y), int(x)]) for x, y in segmenter.asked]
    assert [asked.count(food) for food in (RICE, SOUP, BEANS)] == [1, 1, 1]
    points = grid((60, 100), 10)
    elsewhere = [(x, y) for x, y in points if table[int(y), int(x)] in (TABLE, CRUMB)]
    assert len(segmenter.asked) == len(elsewhere) + 3


def test_progress_is_yielded_after_every_point(table: NDArray[np.int64]) -> None:
    told = look_over(of_map(table), (60, 100))
    assert [found.done for found in told] == list(range(1, 61))
    assert {found.total for found in told} == {60}
    counts = [len(found.masks) for found in told]
    assert counts == sorted(counts)


def test_points_are_tried_one_at_a_time(table: NDArray[np.int64]) -> None:
    segmenter = of_map(table)
    looking = propose(segmenter, segmenter.encode(np.zeros((60, 100, 3), np.uint8)))
    assert segmenter.asked == []
    next(looking)
    assert segmenter.asked == [(5.0, 5.0)]
    looking.close()
    assert len(segmenter.asked) == 1


def test_a_photo_without_foods_gives_no_masks() -> None:
    *_, last = look_over(Known(lambda x, y: []), (60, 100))
    assert (last.done, last.total, last.masks, last.scores) == (60, 60, (), ())


def test_masks_with_low_scores_are_left_out() -> None:
    size_hw = (20, 40)
    unsure, sure = rectangle(size_hw, 0, 0, 10, 10), rectangle(size_hw, 0, 20, 10, 10)

    def look_up(x: int, y: int) -> Found:
        return [(unsure, MIN_SCORE - 0.01)] if x < 20 else [(sure, MIN_SCORE + 0.01)]

    *_, last = look_over(Known(look_up), size_hw, per_side=4)
    assert len(last.masks) == 1
    assert np.array_equal(last.masks[0], sure)


def test_the_best_candidate_of_a_possible_size_is_taken() -> None:
    size_hw = (20, 40)
    plate, food = rectangle(size_hw, 0, 0, 20, 30), rectangle(size_hw, 5, 5, 10, 20)
    part, speck = rectangle(size_hw, 5, 5, 5, 5), rectangle(size_hw, 5, 5, 1, 3)
    segmenter = Known(lambda x, y: [(plate, 0.98), (speck, 0.96), (food, 0.94), (part, 0.92)])
    *_, last = look_over(segmenter, size_hw, per_side=1)
    assert last.scores == pytest.approx((0.94,))
    assert np.array_equal(last.masks[0], food)


@pytest.mark.parametrize("first", [0.9, 0.85, 0.8])
def test_the_better_of_two_overlapping_masks_stays_in_any_order(first: float) -> None:
    """The second mask, found at a point outside the first, covers 3/4 of it."""
    size_hw, second = (20, 40), 0.85
    left, wide = rectangle(size_hw, 0, 0, 20, 8), rectangle(size_hw, 0, 2, 20, 15)
    segmenter = Known(lambda x, y: [(left, first)] if x < 8 else [(wide, second)] if x < 20 else [])
    *_, last = look_over(segmenter, size_hw, per_side=4)
    assert last.scores == pytest.approx((max(first, second),))
    # with equal scores, the first one stays
    assert np.array_equal(last.masks[0], left if first >= second else wide)


def test_masks_that_share_half_of_the_smaller_one_both_stay() -> None:
    size_hw = (20, 40)
    left, right = rectangle(size_hw, 0, 0, 20, 8), rectangle(size_hw, 0, 4, 20, 14)
    segmenter = Known(lambda x, y: [(left, 0.9)] if x < 8 else [(right, 0.95)] if x < 20 else [])
    *_, last = look_over(segmenter, size_hw, per_side=4)
    assert [int(mask.sum()) for mask in last.masks] == [280, 160]


def test_a_better_mask_replaces_all_masks_it_covers() -> None:
    size_hw = (20, 40)
    first, second = rectangle(size_hw, 0, 0, 10, 10), rectangle(size_hw, 10, 10, 10, 10)
    both = rectangle(size_hw, 0, 0, 20, 17)
    places = {(0, 0): (first, 0.85), (1, 1): (second, 0.84), (1, 0): (both, 0.9)}

    def look_up(x: int, y: int) -> Found:
        return [places[x // 10, y // 10]] if (x // 10, y // 10) in places else []

    told = look_over(Known(look_up), size_hw, per_side=4)
    assert [len(found.masks) for found in told] == [1, 1, 2, 2, 1, 1, 1, 1]
    assert np.array_equal(told[-1].masks[0], both)


@pytest.mark.parametrize("seed", range(5))
def test_masks_never_share_more_than_half_of_the_smaller_and_the_best_comes_first(seed: int) -> None:
    size_hw, random = (40, 60), np.random.default_rng(seed)

    def look_up(x: int, y: int) -> Found:
        height, width = (int(v) for v in random.integers(6, 24, 2))
        top, left = max(0, y - height // 2), max(0, x - width // 2)
        return [(rectangle(size_hw, top, left, height, width), float(random.uniform(0.7, 1)))]

    for found in look_over(Known(look_up), size_hw):
        assert list(found.scores) == sorted(found.scores, reverse=True)
        for one, other in combinations(found.masks, 2):
            assert (one & other).sum() <= 0.5 * min(one.sum(), other.sum())


def test_the_grid_covers_the_photo_with_square_cells() -> None:
    assert sorted(grid((40, 60), 6)) == [(x, y) for x in range(5, 60, 10) for y in range(5, 40, 10)]
    assert sorted(grid((60, 40), 6)) == [(x, y) for x in range(5, 40, 10) for y in range(5, 60, 10)]


@pytest.mark.parametrize(
    ("size_hw", "per_side", "count"),
    [((30, 50), 1, 1), ((1, 1), 10, 100), ((3, 1000), 10, 10), ((1000, 3), 10, 10), ((479, 641), 10, 70)],
)
def test_a_grid_lies_inside_photos_of_any_shape(size_hw: tuple[int, int], per_side: int, count: int) -> None:
    points = grid(size_hw, per_side)
    assert len(set(points)) == len(points) == count
    assert all(0 <= x < size_hw[1] and 0 <= y < size_hw[0] for x, y in points)


def test_every_second_point_of_a_row_comes_first() -> None:
    points = [(int(y), int(x)) for x, y in grid((3, 4), 4)]  # row and column of cells of one pixel
    first = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1), (1, 3)]
    second = [(0, 1), (0, 3), (2, 1), (2, 3), (1, 0), (1, 2)]
    assert points == first + second
