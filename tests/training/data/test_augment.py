from __future__ import annotations

import numpy as np
import pytest

from training.data.augment import Augmentation, Change

PHOTO = np.random.default_rng(0).integers(1, 256, (20, 30, 3), dtype=np.uint8)
MASK = np.zeros((20, 30), np.bool_)
MASK[6:12, 8:15] = True
MASK[6, 8] = False


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_no_augmentation_gives_the_plain_cut_outs() -> None:
    cutouts = Augmentation(flip=0).draw(MASK, random(0)).apply(PHOTO, MASK)
    np.testing.assert_array_equal(cutouts.roi, PHOTO * MASK[:, :, None])
    np.testing.assert_array_equal(cutouts.extra_roi, PHOTO * ~MASK[:, :, None])


def test_flip_applies_to_both_cut_outs() -> None:
    flipped = 0
    for seed in range(20):
        cutouts = Augmentation(flip=0.5).draw(MASK, random(seed)).apply(PHOTO, MASK)
        mirrored = np.array_equal(cutouts.roi, (PHOTO * MASK[:, :, None])[:, ::-1])
        whole = PHOTO[:, ::-1] if mirrored else PHOTO
        np.testing.assert_array_equal(cutouts.roi + cutouts.extra_roi, whole)
        flipped += mirrored
    assert 4 < flipped < 16


def test_both_cut_outs_share_a_window_around_the_whole_region() -> None:
    sizes = set()
    for seed in range(40):
        cutouts = Augmentation(flip=0, min_crop=0.3).draw(MASK, random(seed)).apply(PHOTO, MASK)
        height, width = cutouts.size_hw
        assert 6 <= height <= 20
        assert 9 <= width <= 30
        assert np.count_nonzero(cutouts.roi.any(axis=2)) == MASK.sum()
        together = cutouts.roi + cutouts.extra_roi
        windows = np.lib.stride_tricks.sliding_window_view(PHOTO, (height, width, 3)).reshape(
            -1, *together.shape
        )
        assert (windows == together).all(axis=(1, 2, 3)).any()
        sizes.add((height, width))
    assert len(sizes) > 10


def test_window_grows_to_fit_a_larger_region() -> None:
    everything = np.ones((20, 30), np.bool_)
    cutouts = Augmentation(flip=0, min_crop=0.1).draw(everything, random(3)).apply(PHOTO, everything)
    np.testing.assert_array_equal(cutouts.roi, PHOTO)


def test_one_brightness_factor_applies_to_both_cut_outs() -> None:
    grey = np.full((20, 30, 3), 100, np.uint8)
    levels = set()
    for seed in range(10):
        cutouts = Augmentation(flip=0, brightness=0.2).draw(MASK, random(seed)).apply(grey, MASK)
        inside, outside = set(cutouts.roi[MASK].ravel()), set(cutouts.extra_roi[~MASK].ravel())
        assert inside == outside
        assert len(inside) == 1
        levels |= inside
    assert min(levels) >= 80
    assert max(levels) <= 120
    assert len(levels) > 3


def test_context_dropout_blanks_the_context_at_the_given_rate_and_never_the_region() -> None:
    blanked = 0
    for seed in range(200):
        cutouts = Augmentation(flip=0, context_dropout=0.25).draw(MASK, random(seed)).apply(PHOTO, MASK)
        blanked += not cutouts.extra_roi.any()
        assert cutouts.roi.any()
    assert 30 < blanked < 70


def test_equal_seeds_give_equal_cut_outs_and_inputs_stay_unchanged() -> None:
    photo, mask = PHOTO.copy(), MASK.copy()
    change = Augmentation(0.5, 0.5, 0.2, 0.2)
    one, other = (change.draw(mask, random(7)).apply(photo, mask) for _ in range(2))
    np.testing.assert_array_equal(one.roi, other.roi)
    np.testing.assert_array_equal(one.extra_roi, other.extra_roi)
    np.testing.assert_array_equal(photo, PHOTO)
    np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize("corner", [(0, 0), (19, 29), (0, 29)])
def test_window_keeps_a_region_in_a_corner_whole(corner: tuple[int, int]) -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[corner] = True
    for seed in range(20):
        cutouts = Augmentation(min_crop=0.2).draw(mask, random(seed)).apply(PHOTO, mask)
        assert np.count_nonzero(cutouts.roi.any(axis=2)) == 1


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((10, 4, 14, 8), 1.0),
        ((8, 2, 12, 6), 0.25),
        ((0, 0, 30, 20), 60 / 600),
        ((19, 8, 21, 12), 0.25),
        ((20, 4, 24, 8), 0.0),
        ((0, 0, 10, 4), 0.0),
        ((0, 12, 30, 18), 0.0),
        ((12, 5, 12, 8), 0.0),
    ],
)
def test_window_reports_the_share_of_a_box_inside_it(
    box: tuple[float, float, float, float], share: float
) -> None:
    change = Change(slice(4, 10), slice(10, 20), flipped=True, gain=1, blank=False)
    assert change.kept(box) == pytest.approx(share)
