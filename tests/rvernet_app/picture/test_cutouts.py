"""Cut-outs and the letterbox."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.picture.cutouts import Letterbox, cut_out

PHOTO = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
MASK = np.array([[True, False, False], [False, True, True]])


# --- cut_out


def test_cut_out_splits_a_small_photo() -> None:
    cutouts = cut_out(PHOTO, MASK)

    np.testing.assert_array_equal(
        cutouts.roi, [[[0, 1, 2], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [12, 13, 14], [15, 16, 17]]]
    )
    np.testing.assert_array_equal(
        cutouts.extra_roi, [[[0, 0, 0], [3, 4, 5], [6, 7, 8]], [[9, 10, 11], [0, 0, 0], [0, 0, 0]]]
    )
    assert cutouts.roi.dtype == cutouts.extra_roi.dtype == np.uint8


def test_the_cutouts_add_up_to_the_photo() -> None:
    rng = np.random.default_rng(5)
    photo = rng.integers(0, 256, (37, 23, 3), np.uint8)
    for mask in (rng.random((37, 23)) < 0.4, np.zeros((37, 23), bool), np.ones((37, 23), bool)):
        cutouts = cut_out(photo, mask)

        np.testing.assert_array_equal(cutouts.roi + cutouts.extra_roi, photo)
        np.testing.assert_array_equal(cutouts.roi[mask], photo[mask])
        np.testing.assert_array_equal(cutouts.extra_roi[~mask], photo[~mask])
        assert not cutouts.roi[~mask].any()
        assert not cutouts.extra_roi[mask].any()


def test_the_callers_arrays_are_neither_changed_nor_shared() -> None:
    photo, mask = PHOTO.copy(), np.ones((2, 3), bool)
    photo.setflags(write=False)

    cutouts = cut_out(photo, mask)

    cutouts.roi[:] = 255
    cutouts.extra_roi[:] = 255
    np.testing.assert_array_equal(photo, PHOTO)
    assert mask.all()


@pytest.mark.parametrize("mask", [MASK.T, MASK.astype(np.uint8), MASK[None]])
def test_a_mask_that_does_not_fit_is_refused(mask: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"expected a bool mask of shape \(2, 3\)"):
        cut_out(PHOTO, mask)


# --- Letterbox


@pytest.mark.parametrize(
    ("size_hw", "box"),
    [
        ((8, 8), (0, 0, 8, 8)),
        ((4, 8), (0, 2, 8, 6)),
        ((8, 4), (2, 0, 6, 8)),
        ((300, 400), (0, 1, 8, 7)),
        ((3, 8), (0, 2, 8, 5)),  # 5 rows of padding: 2 above, 3 below
        ((1, 1), (0, 0, 8, 8)),
        ((1, 5000), (0, 3, 8, 4)),  # never less than one row
    ],
)
def test_the_place_of_the_photo_in_the_square(size_hw: tuple[int, int], box: tuple[int, ...]) -> None:
    assert Letterbox(8).content_box(size_hw) == box


def test_a_wide_picture_that_fits_is_padded_and_not_resampled() -> None:
    square = Letterbox(3, padding=125).apply(PHOTO[:1])

    np.testing.assert_array_equal(square[1], PHOTO[0])
    np.testing.assert_array_equal(square[[0, 2]], np.full((2, 3, 3), 125))
    assert square.dtype == np.uint8


def test_shrinking_averages_whole_areas() -> None:
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[::2, ::2] = 200
    square = Letterbox(4, padding=9).apply(picture)

    np.testing.assert_array_equal(square[1:3], np.full((2, 4, 3), 50))
    np.testing.assert_array_equal(square[[0, 3]], np.full((2, 4, 3), 9))


def test_enlarging_keeps_a_flat_picture_flat() -> None:
    square = Letterbox(10).apply(np.full((2, 1, 3), 77, np.uint8))

    np.testing.assert_array_equal(square[:, 2:7], np.full((10, 5, 3), 77))
    np.testing.assert_array_equal(square[:, :2], np.full((10, 2, 3), 125))
    np.testing.assert_array_equal(square[:, 7:], np.full((10, 3, 3), 125))


@pytest.mark.parametrize("size_hw", [(5, 8), (8, 5), (8, 8), (1, 8)])
def test_undo_removes_the_padding(size_hw: tuple[int, int]) -> None:
    box = Letterbox(8)
    left, top, right, bottom = box.content_box(size_hw)
    inner = np.random.default_rng(2).random(size_hw, np.float32)
    square = np.full((8, 8), 1000, np.float32)
    square[top:bottom, left:right] = inner

    np.testing.assert_array_equal(box.undo(square, size_hw), inner)


def test_undo_puts_a_coarse_map_on_the_photo() -> None:
    # A hot left half over the square stays the left half of a tall photo's frame and of a wide one's.
    coarse = np.repeat([[1.0, 1.0, 0.0, 0.0]], 4, axis=0).astype(np.float32)
    for size_hw in ((60, 200), (200, 60)):
        on_photo = Letterbox(32).undo(coarse, size_hw)
        width = size_hw[1]

        assert on_photo.shape == size_hw
        assert on_photo.dtype == np.float32
        assert on_photo[:, : width // 4].min() > 0.5
        assert on_photo[:, -(width // 4) :].max() < 0.5
        assert on_photo.min() >= 0
        assert on_photo.max() <= 1


def test_a_point_goes_to_the_square_and_back() -> None:
    photo = np.zeros((90, 160, 3), np.uint8)
    photo[20:30, 100:110] = 255
    box = Letterbox(64, padding=0)

    on_photo = box.undo(box.apply(photo)[..., 0].astype(np.float32), (90, 160))

    y, x = np.unravel_index(on_photo.argmax(), on_photo.shape)
    assert 20 <= y < 30
    assert 100 <= x < 110


def test_apply_and_undo_do_not_change_their_input() -> None:
    picture, square = PHOTO.copy(), np.ones((4, 4), np.float32)
    picture.setflags(write=False)
    square.setflags(write=False)
    Letterbox(7).apply(picture)
    Letterbox(7).undo(square, (3, 5))


@pytest.mark.parametrize(("size", "padding"), [(0, 125), (-1, 125), (224, -1), (224, 256)])
def test_an_invalid_letterbox_is_refused(size: int, padding: int) -> None:
    with pytest.raises(ValueError, match=f"got {size} and {padding}"):
        Letterbox(size, padding)
