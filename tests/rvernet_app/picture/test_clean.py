import numpy as np
import pytest

from rvernet_app.picture.clean import OUTSIDE, clean, keep_to_prompt


def drawn(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def test_a_crumb_goes_and_a_pinhole_is_filled():
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
    np.testing.assert_array_equal(clean(mask, crumb_share=0.1), expected)


def test_large_pieces_and_large_holes_stay():
    mask = drawn(
        "#####..##",
        "#...#..##",
        "#...#..##",
        "#####..##",
    )
    np.testing.assert_array_equal(clean(mask, crumb_share=0.1), mask)


def test_a_crumb_under_a_foreground_point_stays():
    mask = drawn(
        "######..#",
        "######...",
    )
    np.testing.assert_array_equal(clean(mask, keep_xy=[(8.9, 0.4)], crumb_share=0.2), mask)
    assert not clean(mask, keep_xy=[(7.0, 1.0)], crumb_share=0.2)[0, 8]


def test_a_diagonal_neighbour_belongs_to_the_piece():
    mask = drawn(
        "####.",
        "####.",
        "....#",
    )
    np.testing.assert_array_equal(clean(mask, crumb_share=0.3), mask)


def test_a_hole_open_at_the_photo_edge_is_not_a_hole():
    mask = drawn(
        "##.##",
        "#####",
        "#####",
    )
    np.testing.assert_array_equal(clean(mask, crumb_share=0.3), mask)


def test_the_largest_piece_stays_even_when_every_piece_is_small():
    mask = np.zeros((30, 30), bool)
    mask[::3, ::3] = True
    mask[0, 1] = True
    cleaned = clean(mask, crumb_share=0.5)
    assert cleaned[0, :2].all()
    assert cleaned.sum() == 2


def test_an_empty_mask_stays_empty_and_the_callers_array_unchanged():
    assert not clean(np.zeros((5, 5), bool)).any()
    mask = drawn("###.#", "###..")
    before = mask.copy()
    cleaned = clean(mask, crumb_share=0.5)
    np.testing.assert_array_equal(mask, before)
    assert cleaned.dtype == np.bool_
    assert not np.shares_memory(cleaned, mask)


@pytest.mark.parametrize("layout", ["F", "C"])
def test_any_memory_layout(layout):
    mask = np.array(drawn("####.#", "####..", "####.."), order=layout)
    assert clean(mask, crumb_share=0.2).sum() == 12


def as_logits(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 3.0, -2.0).astype(np.float32)


def test_without_a_box_only_what_holds_a_click_stays():
    logits = as_logits(drawn("##...##", "##..###", "......."))
    kept = keep_to_prompt(logits, [(0.9, 1.2)], None)
    np.testing.assert_array_equal(kept > 0, drawn("##.....", "##.....", "......."))
    np.testing.assert_array_equal(kept[:, 4:][logits[:, 4:] > 0], OUTSIDE)
    np.testing.assert_array_equal(kept[:, :4], logits[:, :4])
    both = keep_to_prompt(logits, [(0.9, 1.2), (6.0, 0.0)], None)
    np.testing.assert_array_equal(both, logits)


@pytest.mark.parametrize("clicks", [[], [(3.0, 2.0)]])
def test_where_no_component_holds_a_click_all_stay(clicks):
    logits = as_logits(drawn("##...##", "##..###", "......."))
    np.testing.assert_array_equal(keep_to_prompt(logits, clicks, None), logits)


def test_beyond_a_box_and_its_margin_nothing_stays():
    logits = np.full((20, 40), 3.0, np.float32)
    kept = keep_to_prompt(logits, [(1.0, 1.0)], (10.0, 5.0, 30.0, 15.0))
    expected = np.full_like(logits, OUTSIDE)
    expected[5:15, 9:31] = 3.0
    np.testing.assert_array_equal(kept, expected)
