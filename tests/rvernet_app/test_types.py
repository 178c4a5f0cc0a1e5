import numpy as np
import pytest

from rvernet_app.errors import LabelError, PromptError
from rvernet_app.types import BACKGROUND, FOREGROUND, ActivationMaps, Candidates, Cutouts, Prediction, Prompt

NAN, INF = float("nan"), float("inf")


# --- Prompt


def test_a_prompt_holds_plain_floats_and_ints() -> None:
    prompt = Prompt([[3, 4], np.array([5, 6])], np.array([1, 0]).tolist(), np.array([0, 1, 2, 3]))

    assert prompt.points_xy == ((3.0, 4.0), (5.0, 6.0))
    assert prompt.point_labels == (FOREGROUND, BACKGROUND)
    assert prompt.box_xyxy == (0.0, 1.0, 2.0, 3.0)
    assert all(type(v) is float for point in prompt.points_xy for v in point)
    assert all(type(label) is int for label in prompt.point_labels)


def test_a_box_alone_and_background_points_beside_a_box_are_prompts() -> None:
    assert Prompt(box_xyxy=(0, 0, 1, 1)).points_xy == ()
    assert Prompt(points_xy=None, point_labels=None, box_xyxy=(0, 0, 1, 1)).point_labels == ()
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
    ],
)
def test_a_prompt_that_contradicts_itself_is_refused(points, labels, box, sentence: str) -> None:
    with pytest.raises(PromptError, match=sentence):
        Prompt(points, labels, box)


@pytest.mark.parametrize("point", [(0, 0), (9, 4), (9.99, 4.99)])
def test_points_within_the_photo(point: tuple[float, float]) -> None:
    Prompt((point,), (1,)).require_within((5, 10))


@pytest.mark.parametrize("point", [(-0.1, 0), (0, -1), (10, 0), (0, 5), (4, 9)])
def test_points_outside_the_photo(point: tuple[float, float]) -> None:
    with pytest.raises(PromptError, match="outside the photo of 10 x 5 pixels"):
        Prompt((point,), (1,)).require_within((5, 10))


def test_every_point_is_checked() -> None:
    with pytest.raises(PromptError, match="The point 20,1 is outside"):
        Prompt(((1, 1), (20, 1)), (1, 0)).require_within((5, 10))


@pytest.mark.parametrize("box", [(-5, -5, 1, 1), (9, 4, 20, 20), (-5, -5, 50, 50)])
def test_a_box_may_reach_over_the_edge(box: tuple[float, ...]) -> None:
    Prompt(box_xyxy=box).require_within((5, 10))


@pytest.mark.parametrize("box", [(-5, 0, 0, 5), (0, -5, 5, 0), (10, 0, 12, 5), (0, 5, 5, 9)])
def test_a_box_beside_the_photo(box: tuple[float, ...]) -> None:
    with pytest.raises(PromptError, match=r"The box .* is outside the photo of 10 x 5 pixels"):
        Prompt(box_xyxy=box).require_within((5, 10))


# --- Candidates, Cutouts


def candidates(masks: np.ndarray, scores: int = 2, low_res: tuple[int, ...] = (2, 3, 3)) -> Candidates:
    return Candidates(masks, np.zeros(scores, np.float32), np.zeros(low_res, np.float32))


def test_candidates_of_one_count() -> None:
    assert len(candidates(np.ones((2, 4, 5), bool)).masks) == 2


@pytest.mark.parametrize(
    ("masks", "scores", "low_res"),
    [
        (np.ones((2, 4, 5), np.uint8), 2, (2, 3, 3)),
        (np.ones((4, 5), bool), 2, (2, 3, 3)),
        (np.ones((0, 4, 5), bool), 0, (0, 3, 3)),
        (np.ones((2, 4, 5), bool), 3, (2, 3, 3)),
        (np.ones((2, 4, 5), bool), 2, (1, 3, 3)),
        (np.ones((2, 4, 5), bool), 2, (2, 3)),
    ],
)
def test_candidates_that_do_not_fit_each_other(
    masks: np.ndarray, scores: int, low_res: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        candidates(masks, scores, low_res)


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
def test_cutouts_that_do_not_fit_each_other(extra: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Cutouts(np.zeros((2, 3, 3), np.uint8), extra)


# --- Prediction, ActivationMaps


def test_top_k_is_likeliest_first_and_keeps_the_order_of_equals() -> None:
    prediction = Prediction(("a", "b", "c", "d"), np.array([0.25, 0.125, 0.5, 0.125], np.float32))

    assert prediction.top_k(3) == [("c", 0.5), ("a", 0.25), ("b", 0.125)]
    assert prediction.top_k(9) == [("c", 0.5), ("a", 0.25), ("b", 0.125), ("d", 0.125)]
    assert all(type(p) is float for _, p in prediction.top_k(2))
    assert prediction.probability_of("b") == 0.125


def test_an_unknown_label() -> None:
    with pytest.raises(LabelError, match="does not know the class 'soup'"):
        Prediction(("a",), np.ones(1, np.float32)).probability_of("soup")


def test_as_many_probabilities_as_labels() -> None:
    with pytest.raises(ValueError, match=r"probabilities of shape \(2,\), got \(3,\)"):
        Prediction(("a", "b"), np.ones(3, np.float32))


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
def test_both_maps_on_the_larger_peak(peaks: tuple[float, float], roi: list, extra: list) -> None:
    common = maps(*peaks).on_common_scale()

    np.testing.assert_array_equal(common[0], roi)
    np.testing.assert_array_equal(common[1], extra)
    assert common[0].dtype == common[1].dtype == np.float32
