"""The smaller food lies on top, of two equal ones the newer."""

from __future__ import annotations

import numpy as np
import pytest

from rvernet_app.picture.masks import to_rle
from rvernet_app.picture.overlaps import top_first, visible, visible_rles

PLATE = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], np.bool_)
PEAS = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.bool_)
SAUCE = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], np.bool_)
BREAD = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]], np.bool_)


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


def test_the_masks_given_are_not_changed() -> None:
    masks = np.stack([PLATE, PEAS])
    visible(masks)
    np.testing.assert_array_equal(masks, [PLATE, PEAS])


def test_a_food_drawn_twice_is_visible_once() -> None:
    older, newer = visible(np.stack([PEAS, PEAS]))
    assert not older.any()
    np.testing.assert_array_equal(newer, PEAS)


@pytest.mark.parametrize("masks", [[], [PEAS], [PLATE, PEAS, SAUCE, BREAD], [PEAS, PEAS], [BREAD, PLATE]])
def test_rles_show_the_same(masks: list[np.ndarray]) -> None:
    rles = [to_rle(mask) for mask in masks]
    expected = list(visible(np.stack(masks))) if masks else []
    found = visible_rles(rles, PLATE.shape)
    assert found == [to_rle(mask) if mask.any() else None for mask in expected]


def test_a_mask_that_overlaps_nothing_stays_as_it_was() -> None:
    rles = [to_rle(BREAD), to_rle(PLATE)]
    assert [one is other for one, other in zip(visible_rles(rles, PLATE.shape), rles, strict=True)] == [
        True,
        True,
    ]


def test_the_top_comes_first() -> None:
    assert top_first([8, 2, 2, 5]) == [2, 1, 3, 0]
    assert top_first([]) == []
