"""Polygons of any mask are few enough to draw, and masks are decoded without the rest of the photo."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import (
    MAX_RUNS,
    Rle,
    area_and_box,
    as_encoded,
    from_rle,
    merged_rle,
    part_of,
    require_rle,
    rle_of_part,
    to_rle,
)
from rvernet_app.picture.outlining import MAX_OUTLINES, polygons, rle_polygons
from rvernet_app.store.matching import mask_ious
from rvernet_app.types import Mask

TOO_LONG = Rle(size=[4, 4], counts="0o1")  # runs of 0 and 63 pixels in a photo of 16


def masks() -> list[Mask]:
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        height, width = (int(side) for side in rng.integers(1, 40, 2))
        mask = rng.random((height, width)) < rng.random()
        mask.flat[seed % mask.size] = True
        found.append(mask)
    return found


def test_the_box_of_a_mask_is_decoded_and_encoded_alone() -> None:
    for mask in masks():
        size_hw = mask.shape[0], mask.shape[1]
        rle = to_rle(mask)
        area, box = area_and_box(rle)
        assert (area, list(box)) == (mask.sum(), coco.toBbox(as_encoded(rle)).tolist())
        part, (x, y) = part_of(rle, size_hw)
        np.testing.assert_array_equal(part, mask[y : y + box[3], x : x + box[2]])
        assert rle_of_part(part, (x, y), size_hw) == rle
        assert rle_polygons(rle, size_hw) == polygons(mask)


def test_masks_are_merged_from_their_runs() -> None:
    one, other = np.zeros((2, 6, 8), np.bool_)
    one[1:4, 1:5], other[2:6, 3:8] = True, True
    rles = [to_rle(one), to_rle(other)]
    np.testing.assert_array_equal(from_rle(merged_rle(rles), (6, 8)), one | other)
    np.testing.assert_array_equal(from_rle(merged_rle(rles, intersect=True), (6, 8)), one & other)
    with pytest.raises(PromptError, match="empty"):
        merged_rle([to_rle(one & ~other), to_rle(other)], intersect=True)


def test_no_damaged_mask_reaches_pycocotools() -> None:
    sound = to_rle(np.ones((4, 4), np.bool_))
    for call in (
        lambda: area_and_box(TOO_LONG),
        lambda: as_encoded(TOO_LONG),
        lambda: merged_rle([sound, TOO_LONG]),
        lambda: mask_ious([sound], [TOO_LONG]),
        lambda: rle_polygons(TOO_LONG, (4, 4)),
        lambda: mask_ious([sound], [to_rle(np.ones((5, 5), np.bool_))]),
    ):
        with pytest.raises(PromptError):
            call()


def speckles(share: float) -> Mask:
    return np.random.default_rng(0).random((1500, 2000)) < share


def test_a_mask_of_speckles_is_not_saved_but_can_be_read() -> None:
    mask = speckles(0.2)
    with pytest.raises(PromptError, match=rf"\d+ runs of pixels, over the limit of {MAX_RUNS}"):
        require_rle(to_rle(mask), (1500, 2000))
    np.testing.assert_array_equal(from_rle(to_rle(mask), (1500, 2000)), mask)


@pytest.mark.parametrize("share", [0.002, 0.2, 0.5])
def test_speckles_are_drawn_as_a_few_outlines_of_about_their_area(share: float) -> None:
    mask = speckles(share)
    found = polygons(mask)
    assert 1 <= len(found) <= MAX_OUTLINES
    corners = np.concatenate([np.reshape(one, (-1, 2)) for one in found])
    assert corners.min() >= 0
    assert (corners <= (2000, 1500)).all()
    drawn = sum(_area(np.reshape(one, (-1, 2))) for one in found)
    assert 0.2 < abs(drawn) / mask.sum() < 5


def _area(corners: np.ndarray) -> float:
    x, y = corners.T.astype(np.float64)
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)
