"""Masks from coverage."""

import numpy as np
from numpy.typing import NDArray

from training.meals.masks import serving_masks


def cover(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_a_pixel_belongs_to_the_serving_that_covers_most_of_it() -> None:
    coverage = {
        "rice": cover([1.0, 0.6, 0.3, 0.0]),
        "egg": cover([0.0, 0.4, 0.2, 0.4]),  # the rest is table
    }
    rice, egg = serving_masks(coverage, [["rice"], ["egg"]], least=0)
    assert rice is not None
    np.testing.assert_array_equal(rice[0], [[True, True, False, False]])
    assert egg is None


def test_pieces_count_together_against_other_servings() -> None:
    coverage = {
        "a": cover([0.35, 0.9, 0.0]),
        "b": cover([0.30, 0.1, 0.9]),
        "other": cover([0.35, 0.0, 0.1]),
    }
    pair, other = serving_masks(coverage, [["a", "b"], ["other"]], least=0)
    assert other is None
    assert pair is not None
    whole, pieces = pair
    np.testing.assert_array_equal(whole, [[True, True, True]])
    np.testing.assert_array_equal(pieces, [[[True, True, False]], [[False, False, True]]])


def test_hardly_visible_servings_are_left_out() -> None:
    coverage = {"crumb": np.zeros((20, 20), np.float32), "loaf": np.zeros((20, 20), np.float32)}
    coverage["crumb"][0, :3] = 1
    coverage["loaf"][5, :4] = 1
    crumb, loaf = serving_masks(coverage, [["crumb"], ["loaf"]], least=0.01)
    assert crumb is None
    assert loaf is not None


def test_unseen_servings_are_none() -> None:
    assert serving_masks({}, [["a"], ["b", "c"]], least=0) == [None, None]
    seen = serving_masks({"a": np.ones((2, 2), np.float32)}, [["a"], ["b", "c"]], least=0)
    assert seen[1] is None


def test_an_unseen_piece_has_no_mask() -> None:
    [found] = serving_masks({"a": np.ones((2, 2), np.float32)}, [["a", "hidden"]], least=0)
    assert found is not None
    assert len(found[1]) == 1
