"""Masks on the wire: exact RLE, drawable polygons, nothing believed unchecked."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import bbox_xywh, from_rle, polygons, require_rle, to_rle


def ring() -> np.ndarray:
    mask = np.zeros((40, 60), np.uint8)
    cv2.circle(mask, (30, 20), 15, 1, -1)
    cv2.circle(mask, (30, 20), 6, 0, -1)
    return mask.astype(bool)


def test_rle_is_cocos_own() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = mask[2, 2] = mask[0, 3] = True
    expected = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert to_rle(mask) == {"size": [3, 4], "counts": expected["counts"].decode()}


@pytest.mark.parametrize("seed", range(5))
def test_rle_round_trip_is_exact(seed: int) -> None:
    mask = np.random.default_rng(seed).random((37, 53)) < 0.3
    assert np.array_equal(from_rle(to_rle(mask), (37, 53)), mask)


def test_full_mask_round_trip() -> None:
    mask = np.ones((5, 7), bool)
    assert np.array_equal(from_rle(to_rle(mask), (5, 7)), mask)


def test_runs_of_no_length_are_encoded_as_they_are_here() -> None:
    mask = np.zeros((4, 3), bool)
    mask[1:4, 0] = mask[0, 1] = True
    others = coco.frPyObjects({"size": [4, 3], "counts": [1, 2, 0, 2, 7]}, 4, 3)
    rle = {"size": [4, 3], "counts": others["counts"].decode()}
    assert rle != to_rle(mask)
    assert require_rle(rle, (4, 3)) == to_rle(mask)
    assert require_rle(to_rle(mask), (4, 3)) == to_rle(mask)
    assert require_rle(to_rle(~mask), (4, 3)) == to_rle(~mask)


@pytest.mark.parametrize(
    "rle",
    [
        None,
        "abc",
        {},
        {"size": [40, 60]},
        {"size": [40, 60], "counts": [1, 2]},
        {"size": [40, 60], "counts": "é"},
        {"size": [40, 60], "counts": ""},
        {"size": [40, 60], "counts": "\x00"},
        {"size": [40, 60], "counts": "o"},
        {"size": [40, 60], "counts": "ooooooooooooooooo1"},
        {"size": [60, 40], "counts": to_rle(ring())["counts"]},
        {"size": [40, 60], "counts": to_rle(ring())["counts"] + "P"},
        {"size": [40, 60], "counts": to_rle(ring())["counts"][:-2]},
        to_rle(np.zeros((40, 60), bool)),
    ],
)
def test_a_bad_rle_is_refused(rle: object) -> None:
    with pytest.raises(PromptError):
        from_rle(rle, (40, 60))


def test_bbox_is_tight() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:8] = True
    assert bbox_xywh(mask) == (3, 2, 5, 3)


def test_one_pixel_is_a_unit_square() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    [outline] = polygons(mask)
    corners = {tuple(corner) for corner in np.reshape(outline, (-1, 2)).tolist()}
    assert corners == {(2, 1), (3, 1), (3, 2), (2, 2)}


def test_polygons_drawn_even_odd_are_the_mask_within_a_pixel() -> None:
    mask = ring()
    scale = 8
    drawn = np.zeros((mask.shape[0] * scale, mask.shape[1] * scale), np.uint8)
    outlines = [np.reshape(outline, (-1, 1, 2)) * scale for outline in polygons(mask, tolerance=0)]
    cv2.fillPoly(drawn, outlines, 1)
    sampled = drawn[scale // 2 :: scale, scale // 2 :: scale].astype(bool)
    square = np.ones((3, 3), np.uint8)
    assert len(outlines) == 2
    assert sampled[cv2.erode(mask.astype(np.uint8), square) > 0].all()
    assert not sampled[cv2.dilate(mask.astype(np.uint8), square) == 0].any()
