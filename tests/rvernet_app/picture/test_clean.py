"""Fragments, pinholes and the parts that a prompt does not touch."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.picture.clean import OUTSIDE, clean, keep_to_prompt
from rvernet_app.types import Mask


def drawn(*rows: str) -> Mask:
    return np.array([[character == "#" for character in row] for row in rows])


def test_a_fragment_is_removed_and_a_pinhole_filled() -> None:
    mask = drawn(
        "######..#",
        "######...",
        "##.###...",
        "######...",
    )
    expected = drawn(
        "######...",
        "######...",
        "######...",
        "######...",
    )
    np.testing.assert_array_equal(clean(mask, fragment_share=0.1), expected)


def test_large_components_and_large_holes_stay() -> None:
    mask = drawn(
        "#####..##",
        "#...#..##",
        "#...#..##",
        "#####..##",
    )
    np.testing.assert_array_equal(clean(mask, fragment_share=0.1), mask)


def test_a_fragment_with_a_foreground_point_stays() -> None:
    mask = drawn(
        "######..#",
        "######...",
    )
    np.testing.assert_array_equal(clean(mask, keep_xy=[(8.9, 0.4)], fragment_share=0.2), mask)
    assert not clean(mask, keep_xy=[(7.0, 1.0)], fragment_share=0.2)[0, 8]


def test_a_diagonal_neighbour_belongs_to_the_component() -> None:
    mask = drawn(
        "####.",
        "####.",
        "....#",
    )
    np.testing.assert_array_equal(clean(mask, fragment_share=0.3), mask)


def test_a_hole_open_at_the_photo_edge_is_not_a_hole() -> None:
    mask = drawn(
        "##.##",
        "#####",
        "#####",
    )
    np.testing.assert_array_equal(clean(mask, fragment_share=0.3), mask)


def test_the_largest_component_stays_even_if_every_component_is_small() -> None:
    mask = np.zeros((30, 30), bool)
    mask[::3, ::3] = True
    mask[0, 1] = True
    cleaned = clean(mask, fragment_share=0.5)
    assert cleaned[0, :2].all()
    assert cleaned.sum() == 2


def test_an_empty_mask_stays_empty_and_the_callers_array_unchanged() -> None:
    assert not clean(np.zeros((5, 5), bool)).any()
    mask = drawn("###.#", "###..")
    before = mask.copy()
    cleaned = clean(mask, fragment_share=0.5)
    np.testing.assert_array_equal(mask, before)
    assert cleaned.dtype == np.bool_
    assert not np.shares_memory(cleaned, mask)


@pytest.mark.parametrize("layout", ["F", "C"])
def test_any_memory_layout(layout: Literal["F", "C"]) -> None:
    mask = np.array(drawn("####.#", "####..", "####.."), order=layout)
    assert clean(mask, fragment_share=0.2).sum() == 12


def as_logits(mask: Mask) -> NDArray[np.float32]:
    return np.where(mask, 3.0, -2.0).astype(np.float32)


def test_without_a_box_only_components_with_a_click_stay() -> None:
    logits = as_logits(drawn("##...##", "##..###", "......."))
    kept = keep_to_prompt(logits, [(0.9, 1.2)], None)
    np.testing.assert_array_equal(kept > 0, drawn("##.....", "##.....", "......."))
    np.testing.assert_array_equal(kept[:, 4:][logits[:, 4:] > 0], OUTSIDE)
    np.testing.assert_array_equal(kept[:, :4], logits[:, :4])
    both = keep_to_prompt(logits, [(0.9, 1.2), (6.0, 0.0)], None)
    np.testing.assert_array_equal(both, logits)


@pytest.mark.parametrize("clicks", [[], [(3.0, 2.0)]])
def test_if_no_component_has_a_click_all_stay(clicks: list[tuple[float, float]]) -> None:
    logits = as_logits(drawn("##...##", "##..###", "......."))
    np.testing.assert_array_equal(keep_to_prompt(logits, clicks, None), logits)


def test_nothing_stays_beyond_a_box_and_its_margin() -> None:
    logits = np.full((20, 40), 3.0, np.float32)
    kept = keep_to_prompt(logits, [(1.0, 1.0)], (10.0, 5.0, 30.0, 15.0))
    expected = np.full_like(logits, OUTSIDE)
    expected[5:15, 9:31] = 3.0
    np.testing.assert_array_equal(kept, expected)
