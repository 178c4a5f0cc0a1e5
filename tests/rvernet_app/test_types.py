"""Value objects refuse values that contradict each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.errors import LabelError, PromptError
from rvernet_app.types import (
    BACKGROUND,
    FOREGROUND,
    ActivationMaps,
    Candidates,
    Cutouts,
    Embedding,
    Prediction,
    Prompt,
)

NAN, INF = float("nan"), float("inf")


# --- Prompt


def test_a_prompt_holds_plain_floats_and_ints() -> None:
    given: Any = [[3, 4], np.array([5, 6])], np.array([1, 0]), np.array([0, 1, 2, 3])

    prompt = Prompt(*given)

    assert prompt.points_xy == ((3.0, 4.0), (5.0, 6.0))
    assert prompt.point_labels == (FOREGROUND, BACKGROUND)
    assert prompt.box_xyxy == (0.0, 1.0, 2.0, 3.0)
    assert all(type(v) is float for point in prompt.points_xy for v in point)
    assert all(type(label) is int for label in prompt.point_labels)


def test_a_box_alone_and_background_points_beside_a_box_are_prompts() -> None:
    assert Prompt(box_xyxy=(0, 0, 1, 1)).points_xy == ()
    nothing: Any = None
    assert Prompt(nothing, nothing, (0, 0, 1, 1)).point_labels == ()
    assert Prompt(((1, 1),), (BACKGROUND,), (0, 0, 4, 4)).point_labels == (BACKGROUND,)


@pytest.mark.parametrize(
    ("points", "labels", "box", "sentence"),
    [
        ((), (), None, "at least one point or a box"),
        (((1, 2),), (), None, "got 1 points and 0 labels"),
        (((1, 2),), (1, 0), None, "got 1 points and 2 labels"),
        (((1, 2),), (2,), None, r"got \(2,\)"),
        (((1, 2),), (-1,), None, r"got \(-1,\)"),
        (((NAN, 2),), (1,), None, "finite"),
        (((1, INF),), (1,), None, "finite"),
        ((), (), (0, 0, INF, 1), "finite"),
        ((), (), (0, 0, NAN, 1), "finite"),
        ((), (), (0, 0, 5), "got 3 numbers"),
        ((), (), (0, 0, 0, 5), "left < right"),
        ((), (), (0, 5, 5, 5), "top < bottom"),
        ((), (), (4, 0, 2, 5), "left < right"),
        (((1, 2),), (0,), None, "all points are background points"),
        (((1, 2, 3),), (1,), None, "Points are x, y pairs of numbers"),
        ((1, 2), (1, 1), None, "Points are x, y pairs of numbers"),
        ((("a", 2),), (1,), None, "Points are x, y pairs of numbers"),
        ((), (), ("a", 0, 1, 1), "A box is four numbers"),
        ((), (), 4, "A box is four numbers"),
    ],
)
def test_a_prompt_that_contradicts_itself_is_refused(
    points: Any, labels: Any, box: Any, sentence: str
) -> None:
    with pytest.raises(PromptError, match=sentence):
        Prompt(points, labels, box)


@pytest.mark.parametrize("point", [(0, 0), (9, 4), (9.99, 4.99)])
def test_points_within_the_photo(point: tuple[float, float]) -> None:
    Prompt((point,), (1,)).require_within((5, 10))


@pytest.mark.parametrize("point", [(-0.1, 0), (0, -1), (10, 0), (0, 5), (4, 9)])
def test_points_outside_the_photo_are_refused(point: tuple[float, float]) -> None:
    with pytest.raises(PromptError, match="outside the photo of 10 x 5 pixels"):
        Prompt((point,), (1,)).require_within((5, 10))


def test_every_point_is_checked() -> None:
    with pytest.raises(PromptError, match="The point 20,1 is outside"):
        Prompt(((1, 1), (20, 1)), (1, 0)).require_within((5, 10))


@pytest.mark.parametrize("box", [(-5, -5, 1, 1), (9, 4, 20, 20), (-5, -5, 50, 50)])
def test_a_box_may_reach_over_the_edge(box: tuple[float, float, float, float]) -> None:
    Prompt(box_xyxy=box).require_within((5, 10))


@pytest.mark.parametrize("box", [(-5, 0, 0, 5), (0, -5, 5, 0), (10, 0, 12, 5), (0, 5, 5, 9)])
def test_a_box_beside_the_photo_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(PromptError, match=r"The box .* is outside the photo of 10 x 5 pixels"):
        Prompt(box_xyxy=box).require_within((5, 10))


def test_a_previous_mask_has_two_axes() -> None:
    with pytest.raises(PromptError, match=r"shape \(h, w\), got \(1, 4, 4\)"):
        Prompt(((1, 1),), (1,), low_res_mask=np.zeros((1, 4, 4), np.float32))


# --- Embedding, Candidates, Cutouts


@pytest.mark.parametrize("size_hw", [(0, 4), (4, -1), (4, 4, 3)])
def test_an_embedding_needs_the_size_of_a_photo(size_hw: Any) -> None:
    with pytest.raises(ValueError, match="expected size_hw as two numbers above 0, got"):
        Embedding("fake", size_hw, np.zeros(1))


def candidates(
    masks: NDArray[Any],
    scores: Any = (0.5, 0.25),
    low_res: tuple[int, ...] = (2, 3, 3),
    dtypes: tuple[type, type] = (np.float32, np.float32),
) -> Candidates:
    return Candidates(masks, np.array(scores, dtypes[0]), np.zeros(low_res, dtypes[1]))


def test_candidates_with_one_score_and_one_low_resolution_mask_each() -> None:
    assert len(candidates(np.ones((2, 4, 5), bool)).masks) == 2


TWO = np.ones((2, 4, 5), bool)
ONE_EMPTY = np.stack([np.ones((4, 5), bool), np.zeros((4, 5), bool)])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((np.ones((2, 4, 5), np.uint8),), r"masks as bool .*, got uint8 \(2, 4, 5\)"),
        ((np.ones((4, 5), bool),), r"masks as bool .*, got bool \(4, 5\)"),
        ((np.ones((0, 4, 5), bool), (), (0, 3, 3)), r"masks as bool .*, got bool \(0, 4, 5\)"),
        ((TWO, (0.5, 0.5, 0.5)), r"scores as float32 \(2,\), got float32 \(3,\)"),
        ((TWO, (0.5, 1.5)), r"scores in \[0, 1\]"),
        ((TWO, (0.5, NAN)), r"scores in \[0, 1\]"),
        ((TWO, (0.5, 0.5), (1, 3, 3)), r"low_res as float32 \(2, h, w\), got float32 \(1, 3, 3\)"),
        ((TWO, (0.5, 0.5), (2, 3)), r"low_res as float32 \(2, h, w\), got float32 \(2, 3\)"),
        ((TWO, (0.5, 0.5), (2, 3, 3), (np.float64, np.float32)), "scores as float32 .*, got float64"),
        ((TWO, (0.5, 0.5), (2, 3, 3), (np.float32, np.float64)), "low_res as float32 .*, got float64"),
        ((ONE_EMPTY,), "masks with at least one pixel"),
    ],
)
def test_candidates_that_do_not_fit_each_other_are_refused(given: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        candidates(*given)


def test_cutouts_hold_the_photo() -> None:
    photo = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
    mask = np.array([[[True], [False], [True]], [[False], [False], [True]]])

    cutouts = Cutouts(photo * mask, photo * ~mask)

    np.testing.assert_array_equal(cutouts.photo, photo)
    assert cutouts.photo.dtype == np.uint8


def test_cutouts_without_context() -> None:
    roi, extra = np.full((2, 3, 3), 7, np.uint8), np.full((2, 3, 3), 9, np.uint8)
    cutouts = Cutouts(roi, extra)

    blanked = cutouts.without_context()

    assert cutouts.size_hw == blanked.size_hw == (2, 3)
    np.testing.assert_array_equal(blanked.roi, roi)
    np.testing.assert_array_equal(blanked.extra_roi, np.zeros((2, 3, 3)))
    assert blanked.extra_roi.dtype == np.uint8
    np.testing.assert_array_equal(extra, np.full((2, 3, 3), 9))


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (np.zeros((2, 3, 3), np.float32), "extra_roi as uint8"),
        (np.zeros((2, 3), np.uint8), "extra_roi as uint8"),
        (np.zeros((2, 3, 4), np.uint8), "extra_roi as uint8"),
        (np.zeros((3, 2, 3), np.uint8), r"extra_roi of shape \(2, 3, 3\), got \(3, 2, 3\)"),
    ],
)
def test_cutouts_that_do_not_fit_each_other_are_refused(extra: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Cutouts(np.zeros((2, 3, 3), np.uint8), extra)


# --- Prediction, ActivationMaps


def test_top_k_is_likeliest_first_and_keeps_the_order_of_equals() -> None:
    prediction = Prediction(("a", "b", "c", "d"), np.array([0.25, 0.125, 0.5, 0.125], np.float32))

    assert prediction.top_k(3) == [("c", 0.5), ("a", 0.25), ("b", 0.125)]
    assert prediction.top_k(9) == [("c", 0.5), ("a", 0.25), ("b", 0.125), ("d", 0.125)]
    assert all(type(p) is float for _, p in prediction.top_k(2))
    assert prediction.probability_of("b") == 0.125


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(LabelError, match="does not know the class 'soup'"):
        Prediction(("a",), np.ones(1, np.float32)).probability_of("soup")


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        (np.full(3, 1 / 3, np.float32), r"probabilities as float32 \(2,\), got float32 \(3,\)"),
        (np.full(2, 0.5), r"probabilities as float32 \(2,\), got float64 \(2,\)"),
        (np.array([0.5, 0.25], np.float32), "with sum 1, got sum 0.75 of values from 0.25 to 0.5"),
        (np.array([1.5, -0.5], np.float32), "got sum 1 of values from -0.5 to 1.5"),
        (np.array([1, NAN], np.float32), "got sum nan"),
    ],
)
def test_values_that_are_not_probabilities_are_refused(probabilities: NDArray[Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Prediction(("a", "b"), probabilities)


def maps(roi_peak: float, extra_roi_peak: float) -> ActivationMaps:
    roi, extra = np.array([[0.0, 1.0]], np.float32), np.array([[1.0, 0.5]], np.float32)
    return ActivationMaps("a", roi, extra, roi_peak, extra_roi_peak)


@pytest.mark.parametrize(
    ("peaks", "roi", "extra"),
    [
        ((2.0, 8.0), [[0.0, 0.25]], [[1.0, 0.5]]),
        ((8.0, 2.0), [[0.0, 1.0]], [[0.25, 0.125]]),
        ((3.0, 0.0), [[0.0, 1.0]], [[0.0, 0.0]]),
        ((0.0, 0.0), [[0.0, 1.0]], [[1.0, 0.5]]),
    ],
)
def test_both_maps_on_the_larger_peak(
    peaks: tuple[float, float], roi: list[list[float]], extra: list[list[float]]
) -> None:
    common = maps(*peaks).on_common_scale()

    np.testing.assert_array_equal(common[0], roi)
    np.testing.assert_array_equal(common[1], extra)
    assert common[0].dtype == common[1].dtype == np.float32


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"roi": np.zeros((1, 2))}, r"roi as float32 \(H, W\), got float64 \(1, 2\)"),
        ({"extra_roi": np.zeros((1, 2, 1), np.float32)}, r"extra_roi as float32 \(H, W\), got float32"),
        ({"roi": np.array([[0, 2]], np.float32)}, r"roi in \[0, 1\]"),
        ({"extra_roi": np.array([[0, NAN]], np.float32)}, r"extra_roi in \[0, 1\]"),
        ({"extra_roi": np.zeros((2, 2), np.float32)}, r"extra_roi of shape \(1, 2\), got \(2, 2\)"),
        ({"roi_peak": -1.0}, "roi_peak finite and >= 0, got -1.0"),
        ({"extra_roi_peak": INF}, "extra_roi_peak finite and >= 0, got inf"),
    ],
)
def test_maps_that_do_not_fit_each_other_are_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"expected {sentence}"):
        replace(maps(1.0, 1.0), **changed)
