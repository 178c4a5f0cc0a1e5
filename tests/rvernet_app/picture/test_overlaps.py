"""The smaller food lies on top, of two equal ones the newer."""

from __future__ import annotations

import numpy as np

from rvernet_app.picture.masks import from_rle, to_rle
from rvernet_app.picture.overlaps import top_first, visible_rles

PLATE = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], np.bool_)
PEAS = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.bool_)
SAUCE = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], np.bool_)
BREAD = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]], np.bool_)


def visible(masks: np.ndarray) -> np.ndarray:
    """Return what `visible_rles` leaves of masks, bool (N, H, W)."""
    size_hw = masks.shape[1], masks.shape[2]
    found = visible_rles([to_rle(mask) for mask in masks], size_hw)
    return np.stack([np.zeros(size_hw, np.bool_) if rle is None else from_rle(rle, size_hw) for rle in found])


def test_smaller_foods_cut_larger_ones_whatever_was_drawn_first() -> None:
    for order in ([PLATE, PEAS], [PEAS, PLATE]):
        shown = dict(zip(("first", "last"), visible(np.stack(order)), strict=True))
        plate, peas = (
            (shown["first"], shown["last"]) if order[0] is PLATE else (shown["last"], shown["first"])
        )
        np.testing.assert_array_equal(peas, PEAS)
        np.testing.assert_array_equal(plate, PLATE & ~PEAS)


def test_of_two_equal_foods_the_newer_lies_on_top() -> None:
    older, newer = visible(np.stack([PEAS, SAUCE]))
    np.testing.assert_array_equal(newer, SAUCE)
    np.testing.assert_array_equal(older, PEAS & ~SAUCE)


def test_no_pixel_is_lost_and_none_belongs_to_two_foods() -> None:
    masks = np.random.default_rng(3).random((6, 9, 11)) < 0.4
    shown = visible(masks)
    np.testing.assert_array_equal(shown.sum(axis=0), masks.any(axis=0))
    assert not (shown & ~masks).any()


def test_a_food_drawn_twice_is_visible_once() -> None:
    older, newer = visible(np.stack([PEAS, PEAS]))
    assert not older.any()
    np.testing.assert_array_equal(newer, PEAS)


def test_masks_that_share_pixels_are_cut_as_pixels_are() -> None:
    for seed in range(20):
        masks = np.random.default_rng(seed).random((5, 9, 11)) < 0.2
        covered = np.zeros((9, 11), np.bool_)
        expected: dict[int, dict[str, object] | None] = {}
        for index in sorted(range(5), key=lambda index: (masks[index].sum(), -index)):
            shown = masks[index] & ~covered
            expected[index] = dict(to_rle(shown)) if shown.any() else None
            covered |= masks[index]
        found = visible_rles([to_rle(mask) for mask in masks], (9, 11))
        assert found == [expected[index] for index in range(5)]


def test_there_may_be_no_foods() -> None:
    assert visible_rles([], PLATE.shape) == []


def test_a_mask_that_overlaps_nothing_stays_as_it_was() -> None:
    rles = [to_rle(BREAD), to_rle(PLATE)]
    assert [one is other for one, other in zip(visible_rles(rles, PLATE.shape), rles, strict=True)] == [
        True,
        True,
    ]


def test_the_top_comes_first() -> None:
    assert top_first([8, 2, 2, 5]) == [2, 1, 3, 0]
    assert top_first([]) == []
