"""Exact RLEs, polygons to draw, and checks of everything that comes from outside."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import _run_lengths, bbox_xywh, from_rle, require_rle, to_rle
from rvernet_app.picture.outlining import polygons
from rvernet_app.types import Mask


def ring() -> Mask:
    mask = np.zeros((40, 60), np.uint8)
    cv2.circle(mask, (30, 20), 15, 1, -1)
    cv2.circle(mask, (30, 20), 6, 0, -1)
    return mask.astype(bool)


def test_an_rle_is_encoded_as_pycocotools_does() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = mask[2, 2] = mask[0, 3] = True
    expected = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert to_rle(mask) == {"size": [3, 4], "counts": expected["counts"].decode()}


@pytest.mark.parametrize("seed", range(5))
def test_rle_round_trip_is_exact(seed: int) -> None:
    mask = np.random.default_rng(seed).random((37, 53)) < 0.3
    decoded = from_rle(to_rle(mask), (37, 53))
    assert np.array_equal(decoded, mask)
    assert decoded.dtype == np.bool_
    assert decoded.flags.c_contiguous


def test_full_mask_round_trip() -> None:
    mask = np.ones((5, 7), bool)
    assert np.array_equal(from_rle(to_rle(mask), (5, 7)), mask)


def test_runs_of_length_zero_are_encoded_again() -> None:
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


def plainly(counts: str) -> list[int] | None:
    """Decode a counts string one character at a time, as `rleFrString` of pycocotools does, with checks."""
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        chunk = ord(character) - 48
        if not 0 <= chunk < 64 or shift > 30:
            return None
        value |= (chunk & 0x1F) << shift
        shift += 5
        if chunk & 0x20:
            continue
        if chunk & 0x10:
            value |= -1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return None
        runs.append(value)
        value = shift = 0
    return runs if shift == 0 and runs else None


def listed(runs: NDArray[np.int64] | None) -> list[int] | None:
    return None if runs is None else runs.tolist()


@pytest.mark.parametrize(("share", "size_hw"), [(0.01, (300, 400)), (0.5, (37, 53)), (0.9, (1, 9))])
def test_run_lengths_of_a_mask(share: float, size_hw: tuple[int, int]) -> None:
    mask = np.random.default_rng(4).random(size_hw) < share
    pixels = np.concatenate(([False], mask.T.ravel(), [~mask.T.ravel()[-1]]))
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    expected = np.diff(np.concatenate(([0], changes))).tolist()
    assert listed(_run_lengths(to_rle(mask)["counts"])) == expected


def test_run_lengths_of_any_text_are_those_of_the_plain_decoder() -> None:
    rng = np.random.default_rng(5)
    outcomes = set()
    for _ in range(2000):
        # mostly characters of the code, with few that say that more follow, so that some texts are valid
        codes = rng.choice(
            [*range(46, 113)], rng.integers(0, 12), p=[0.002] * 2 + [0.03] * 16 + [0.516 / 49] * 49
        )
        counts = "".join(map(chr, codes))
        expected = plainly(counts)
        assert listed(_run_lengths(counts)) == expected, repr(counts)
        outcomes.add(expected is None)
    assert outcomes == {True, False}


def test_the_box_is_tight() -> None:
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
