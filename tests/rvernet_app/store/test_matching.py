"""Matching masks of the same food across annotators."""

from __future__ import annotations

import numpy as np

from rvernet_app.picture.masks import Rle, to_rle
from rvernet_app.store.matching import mask_ious, match, same_foods


def square(left: int, side: int = 10) -> Rle:
    """Return a mask of 4 x 4 pixels in a photo of `side` x `side` pixels."""
    mask = np.zeros((side, side), np.bool_)
    mask[:4, left : left + 4] = True
    return to_rle(mask)


def test_ious_of_rles_equal_those_of_decoded_masks() -> None:
    generator = np.random.default_rng(3)
    masks = [generator.random((23, 31)) < share for share in (0.1, 0.5, 0.9, 0.5, 1.0)]
    rles = [to_rle(mask) for mask in masks]
    expected = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks[:2]]
    np.testing.assert_allclose(mask_ious(rles[:2], rles), expected, rtol=1e-12)


def test_no_masks_give_an_empty_iou_matrix() -> None:
    assert mask_ious([], [square(0)]).shape == (0, 1)
    assert mask_ious([square(0)], []).shape == (1, 0)
    assert mask_ious([], []).shape == (0, 0)


def test_matching_maximizes_the_total_iou() -> None:
    assert match(np.array([[0.9, 0.8], [0.8, 0.1]])) == [(0, 1), (1, 0)]


def test_pairs_below_the_minimum_do_not_block_other_pairs() -> None:
    assert match(np.array([[0.55, 0.49], [0.49, 0.0]])) == [(0, 0)]


def test_a_pair_at_the_minimum_is_matched() -> None:
    assert match(np.array([[0.5]])) == [(0, 0)]
    assert match(np.array([[0.499]])) == []


def test_masks_of_three_annotators_are_grouped_by_food() -> None:
    ious = np.eye(6)
    for one, other, iou in ((0, 2, 0.9), (0, 5, 0.8), (2, 5, 0.7), (1, 3, 0.6)):
        ious[one, other] = ious[other, one] = iou
    assert same_foods(ious, [1, 1, 2, 2, 3, 3]) == [[0, 2, 5], [1, 3], [4]]


def test_masks_are_grouped_by_annotator_id_not_by_position() -> None:
    ious = np.eye(3)
    ious[0, 2] = ious[2, 0] = 0.9
    assert same_foods(ious, [7, 5, 5]) == [[1], [2, 0]]


def test_a_mask_must_match_all_masks_of_a_food() -> None:
    ious = np.eye(3)
    for one, other in ((0, 1), (1, 2)):
        ious[one, other] = ious[other, one] = 0.6
    ious[0, 2] = ious[2, 0] = 0.4
    assert same_foods(ious, [1, 2, 3]) == [[0, 1], [2]]


def test_two_foods_of_one_annotator_stay_separate() -> None:
    assert same_foods(np.ones((2, 2)), [1, 1]) == [[0], [1]]
    assert same_foods(np.zeros((0, 0)), []) == []
