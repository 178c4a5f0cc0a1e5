from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.segmenter.augment import Change, Food, change_light, paste, warp


@pytest.mark.parametrize("side", [64, 448])
def test_augmentation_moves_photo_and_mask_together(side: int) -> None:
    photo = np.full((90, 120, 3), 40, np.uint8)
    mask = np.zeros((90, 120), np.uint8)
    cv2.rectangle(mask, (40, 30), (79, 64), 255, -1)
    photo[mask > 0] = 240
    for seed in range(20):
        change = Change.draw(np.random.default_rng(seed), (90, 120), mask > 0, side)
        seen = warp(mask, change, cv2.INTER_AREA, fill=0) > 127
        shown = warp(photo, change, cv2.INTER_AREA).min(axis=2) > 180
        assert seen.any()
        assert np.count_nonzero(seen ^ shown) <= 0.05 * np.count_nonzero(seen) + 40


def test_whole_photos_lie_at_the_top_left_as_in_the_app() -> None:
    photo = np.full((224, 448, 3), 10, np.uint8)
    mask = np.ones((224, 448), bool)
    changes = [Change.draw(np.random.default_rng(seed), (224, 448), mask, 448) for seed in range(30)]
    whole = [c for c in changes if c.scale_xy == (1.0, 1.0)]
    assert 5 < len(whole) < 25
    for change in whole:
        seen = warp(photo, change, cv2.INTER_AREA)
        assert (seen[:224] == 10).all()
        assert (seen[224:] == 128).all()


def test_light_depends_only_on_the_generator() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    changed = [change_light(photo, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert {(c.shape, c.dtype) for c in changed} == {((32, 32, 3), np.dtype(np.uint8))}
    np.testing.assert_array_equal(changed[0], changed[1])
    assert not np.array_equal(changed[0], changed[2])


def test_pasted_food_lies_where_its_mask_is() -> None:
    window = np.full((64, 64, 3), 20, np.uint8)
    mask = np.zeros((50, 50), bool)
    mask[10:40, 10:40] = True
    food = Food(np.full((50, 50, 3), 200, np.uint8), mask)
    before = window.copy()
    for seed in range(10):
        pasted, where = paste(window, food, np.random.default_rng(seed))
        inner = cv2.erode(where.astype(np.uint8), np.ones((5, 5))) > 0
        outer = cv2.dilate(where.astype(np.uint8), np.ones((7, 7))) > 0
        assert (pasted[inner] > 100).all()
        assert (pasted[~outer] == 20).all()
    np.testing.assert_array_equal(window, before)
