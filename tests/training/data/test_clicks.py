from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.clicks import correction, innermost_point, iou


def mask(rows: list[str]) -> NDArray[np.bool_]:
    return np.array([[c == "#" for c in row] for row in rows])


def test_innermost_point_is_the_center_of_the_thickest_part() -> None:
    shape = mask(["........", ".###....", ".###.#..", ".###....", "........"])
    assert innermost_point(shape) == (2, 2)


def test_photo_edge_counts_as_outside() -> None:
    assert innermost_point(np.ones((5, 9), bool)) in {(2, 2), (3, 2), (4, 2), (5, 2), (6, 2)}


def test_missed_area_gets_a_foreground_click() -> None:
    true = mask(["......", ".####.", ".####.", ".####.", "......"])
    found = mask(["......", ".#....", ".#....", ".#....", "......"])
    assert correction(found, true) == (3.0, 2.0, 1)


def test_excess_area_gets_a_background_click() -> None:
    true = mask(["......", "##....", "##....", "##....", "......"])
    found = mask(["......", "##.###", "##.###", "##.###", "......"])
    assert correction(found, true) == (4.0, 2.0, 0)


def test_perfect_mask_gets_no_click() -> None:
    true = mask(["..", ".#"])
    assert correction(true, true) is None


def test_iou_matches_a_hand_computed_value() -> None:
    assert iou(mask(["##..", "##.."]), mask([".##.", ".##."])) == 1 / 3
