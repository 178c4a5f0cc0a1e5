from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.picture.cutouts import Letterbox
from training.evidence.noise import (
    MASK_ERRORS,
    PatchPermutation,
    Translocation,
    dilate,
    drop,
    erode,
    permute_patches,
    shift,
    translocate,
    wrong_object,
)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Towards:
    """A generator that always draws one direction."""

    def __init__(self, angle: float) -> None:
        self.angle = angle

    def uniform(self, low: float, high: float) -> float:
        return self.angle


def towards(angle: float) -> Any:
    """Return a stand-in for a generator that always draws this direction."""
    return Towards(angle)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return random(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def numbered_patches(rows: int, columns: int, patch: int) -> np.ndarray:
    numbers = np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)
    return np.repeat(np.kron(numbers, np.ones((patch, patch), np.uint8))[:, :, None], 3, axis=2)


def mask_of(rows: slice, columns: slice, size_hw: tuple[int, int] = (20, 30)) -> np.ndarray:
    mask = np.zeros(size_hw, np.bool_)
    mask[rows, columns] = True
    return mask


SQUARE = mask_of(slice(6, 13), slice(10, 17))  # 7 x 7 pixels, deepest pixel (9, 13)
RADIUS = np.sqrt(49 / np.pi)


def test_permutation_moves_whole_patches_and_loses_none() -> None:
    original = numbered_patches(3, 4, patch=2)
    permuted = permute_patches(original, 2, 1.0, random())
    patches = permuted[::2, ::2, 0]
    np.testing.assert_array_equal(
        permuted, np.repeat(np.kron(patches, np.ones((2, 2)))[:, :, None], 3, axis=2)
    )
    np.testing.assert_array_equal(np.sort(patches.ravel()), np.arange(12))
    assert (patches.ravel() != np.arange(12)).sum() > 6
    np.testing.assert_array_equal(original, numbered_patches(3, 4, patch=2))


def test_permutation_moves_a_share_of_patches_and_keeps_partial_edges() -> None:
    original = picture(11, 9)
    permuted = permute_patches(original, 2, 0.25, random())  # draws 5 of 5 x 4 patches
    changed = (permuted != original).any(axis=2)
    assert not changed[10:].any()
    assert not changed[:, 8:].any()
    assert 0 < changed[:10, :8].reshape(5, 2, 4, 2).any(axis=(1, 3)).sum() <= 5


def test_picture_smaller_than_a_patch_stays_unchanged() -> None:
    original = picture(3, 30)
    np.testing.assert_array_equal(permute_patches(original, 4, 1.0, random()), original)


def test_translocation_fills_the_uncovered_part() -> None:
    square = np.arange(9, dtype=np.uint8).reshape(3, 3)
    np.testing.assert_array_equal(translocate(square, 1, -1, fill=7), [[7, 3, 4], [7, 6, 7], [7, 7, 7]])
    np.testing.assert_array_equal(translocate(square, -3, 0, fill=7), np.full((3, 3), 7))


@pytest.mark.parametrize("none", [PatchPermutation(share=0), Translocation(factor=0)])
def test_zero_noise_equals_the_letterbox(none: PatchPermutation | Translocation) -> None:
    pictures = [picture(30, 47, seed=1), picture(30, 47, seed=2)]
    letterbox = Letterbox(32, padding=9)
    for found, original in zip(none.apply(pictures, letterbox, random()), pictures, strict=True):
        np.testing.assert_array_equal(found, letterbox.apply(original))


@pytest.mark.parametrize("noise", [PatchPermutation(share=0.7, patch=8), Translocation(factor=0.5)])
def test_noise_keeps_pairs_aligned_and_inputs_unchanged(noise: PatchPermutation | Translocation) -> None:
    photo = picture(40, 64)
    roi = photo * mask_of(slice(5, 25), slice(10, 40), (40, 64))[:, :, None]
    pair = [roi, photo - roi]
    before = [p.copy() for p in pair]
    letterbox = Letterbox(64, padding=0)
    found_roi, found_extra_roi = noise.apply(pair, letterbox, random())
    (whole,) = noise.apply([photo], letterbox, random())
    np.testing.assert_array_equal(found_roi + found_extra_roi, whole)
    assert not np.array_equal(whole, letterbox.apply(photo))
    np.testing.assert_array_equal(pair, before)


def test_permutation_does_not_touch_the_padding() -> None:
    letterbox = Letterbox(32)
    (found,) = PatchPermutation(1.0, patch=8).apply([picture(16, 32)], letterbox, random())
    assert (found[:8] == 125).all()
    assert (found[24:] == 125).all()
    assert not (found[8:24] == 125).all(axis=2).any()


def test_full_translocation_puts_the_corner_where_the_paper_does() -> None:
    original = picture(168, 224)
    (found,) = Translocation(1.0).apply([original], Letterbox(224), random())
    expected = np.full((224, 224, 3), 125, np.uint8)
    expected[: 168 - 85, 60:] = original[85:, : 224 - 60]
    np.testing.assert_array_equal(found, expected)


def test_translocation_grows_with_its_factor_and_with_the_square() -> None:
    half = picture(224, 224)
    (found,) = Translocation(0.5).apply([half], Letterbox(224), random())
    np.testing.assert_array_equal(found, translocate(half, 30, round(-42.5), 125))
    small = picture(112, 112)
    (found,) = Translocation(1.0, dy=-84).apply([small], Letterbox(112), random())
    np.testing.assert_array_equal(found, translocate(small, 30, -42, 125))


def test_noise_out_of_range_or_on_mismatched_pictures_fails() -> None:
    for make in (
        lambda: PatchPermutation(1.1),
        lambda: PatchPermutation(0.5, 0),
        lambda: Translocation(-0.1),
    ):
        with pytest.raises(ValueError, match="expected"):
            make()
    for noise in (PatchPermutation(0.5), Translocation(0.5)):
        with pytest.raises(ValueError, match="one size"):
            noise.apply([picture(4, 4), picture(4, 5)], Letterbox(8), random())


def test_erosion_and_dilation_move_the_outline_by_their_distance() -> None:
    np.testing.assert_array_equal(erode(SQUARE, 1 / RADIUS), mask_of(slice(7, 12), slice(11, 16)))
    grown = mask_of(slice(5, 14), slice(10, 17)) | mask_of(slice(6, 13), slice(9, 18))  # without corners
    np.testing.assert_array_equal(dilate(SQUARE, 1 / RADIUS), grown)


def test_erosion_keeps_the_deepest_pixel_and_ignores_the_photo_edge() -> None:
    np.testing.assert_array_equal(erode(SQUARE, 5), mask_of(slice(9, 10), slice(13, 14)))
    at_the_edge = mask_of(slice(0, 20), slice(0, 10))
    radius = np.sqrt(200 / np.pi)
    np.testing.assert_array_equal(erode(at_the_edge, 3 / radius), mask_of(slice(0, 20), slice(0, 7)))


def test_shift_is_measured_in_equivalent_radii() -> None:
    right, down = towards(0), towards(np.pi / 2)
    np.testing.assert_array_equal(shift(SQUARE, 3 / RADIUS, right), mask_of(slice(6, 13), slice(13, 20)))
    np.testing.assert_array_equal(shift(SQUARE, 3 / RADIUS, down), mask_of(slice(9, 16), slice(10, 17)))
    assert len({shift(SQUARE, 1, random(seed)).tobytes() for seed in range(8)}) > 4


def test_shift_stops_before_the_deepest_pixel_leaves_the_photo() -> None:
    np.testing.assert_array_equal(shift(SQUARE, 50, towards(0)), mask_of(slice(6, 13), slice(26, 30)))
    np.testing.assert_array_equal(shift(SQUARE, 50, towards(-np.pi / 2)), mask_of(slice(0, 4), slice(10, 17)))


def test_dropped_part_lies_beyond_a_line() -> None:
    rightmost, lowest = towards(0), towards(np.pi / 2)
    np.testing.assert_array_equal(drop(SQUARE, 3 / 7, rightmost), mask_of(slice(6, 13), slice(10, 14)))
    np.testing.assert_array_equal(drop(SQUARE, 3 / 7, lowest), mask_of(slice(6, 10), slice(10, 17)))


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.9])
def test_dropped_share_equals_the_strength_in_any_direction(strength: float) -> None:
    left = [drop(SQUARE, strength, random(seed)) for seed in range(8)]
    assert not any((mask & ~SQUARE).any() for mask in left)
    assert {mask.sum() for mask in left} == {round((1 - strength) * 49)}
    assert len({mask.tobytes() for mask in left}) > 4


def test_full_drop_keeps_the_deepest_pixel() -> None:
    np.testing.assert_array_equal(drop(SQUARE, 1, random()), mask_of(slice(9, 10), slice(13, 14)))


def test_wrong_object_is_another_mask_or_the_mirrored_one() -> None:
    others = [mask_of(slice(0, 3), slice(0, 3)), mask_of(slice(17, 20), slice(0, 3))]
    found = {wrong_object(SQUARE, 1, random(seed), others).tobytes() for seed in range(8)}
    assert found == {other.tobytes() for other in others}
    np.testing.assert_array_equal(wrong_object(SQUARE, 1, random(), []), mask_of(slice(6, 13), slice(13, 20)))
    kept = [np.array_equal(wrong_object(SQUARE, 0.3, random(seed), others), SQUARE) for seed in range(200)]
    assert np.mean(kept) == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("error", MASK_ERRORS.values(), ids=MASK_ERRORS)
@pytest.mark.parametrize(
    "mask",
    [SQUARE, mask_of(slice(0, 1), slice(29, 30)), np.ones((20, 30), np.bool_)],
    ids=["square", "pixel", "whole photo"],
)
def test_mask_errors_never_give_an_empty_mask_and_do_nothing_at_strength_0(
    error: Callable[..., Any], mask: NDArray[np.bool_]
) -> None:
    before = mask.copy()
    for seed in range(4):
        np.testing.assert_array_equal(error(mask, 0.0, random(seed), []), before)
        for strength in (0.3, 1.0):
            found = error(mask, strength, random(seed), [])
            assert found.dtype == np.bool_
            assert found.shape == mask.shape
            assert found.any()
    np.testing.assert_array_equal(mask, before)


@pytest.mark.parametrize("error", MASK_ERRORS.values(), ids=MASK_ERRORS)
def test_negative_strength_fails(error: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        error(SQUARE, -0.1, random(), [])
