from __future__ import annotations

import numpy as np
import pytest

from training.evidence.statistics import (
    ABSTAIN_ALWAYS,
    TEMPERATURES,
    abstain_threshold,
    counts_by_group,
    expected_calibration_error,
    f1_by_class,
    fit_temperature,
    interval,
    macro_f1,
    mean_f1,
    mean_interval,
    paired_interval,
    risk_coverage,
    top1,
)

# true 0: two correct, one predicted as 1; true 1: one correct, one predicted as 2; class 2: no sample
TRUE = np.array([0, 0, 0, 1, 1])
PREDICTED = np.array([0, 0, 1, 1, 2])
GROUPS = ["b", "a", "b", "a", "a"]
COUNTS = counts_by_group(TRUE, PREDICTED, 3, GROUPS)


def with_top(top: list[float], classes: int = 3) -> np.ndarray:
    """Return probabilities with these values for class 0, the likeliest class."""
    first = np.array(top, np.float32)[:, None]
    return np.hstack((first, np.repeat((1 - first) / (classes - 1), classes - 1, axis=1)))


def samples_in_groups(
    groups: int, of_each: int, classes: int, accuracy: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return samples whose groups have one class and are correct or wrong as a whole."""
    random = np.random.default_rng(seed)
    true = np.repeat(random.integers(0, classes, groups), of_each)
    right = np.repeat(random.random(groups) < accuracy, of_each)
    return true, np.where(right, true, (true + 1) % classes), [str(i // of_each) for i in range(len(true))]


def test_counts_are_per_group() -> None:
    in_a = [[1, 2, 0], [1, 1, 1], [1, 1, 0]]  # true, predicted, hits
    in_b = [[2, 0, 0], [1, 1, 0], [1, 0, 0]]
    np.testing.assert_array_equal(COUNTS, [in_a, in_b])


def test_statistics_of_the_whole_and_of_a_stack() -> None:
    whole = COUNTS.sum(axis=0)
    f1 = np.array([2 * 2 / (3 + 2), 2 * 1 / (2 + 2)])
    assert top1(whole) == pytest.approx(3 / 5)
    assert macro_f1(whole) == pytest.approx(f1.mean())
    assert mean_f1([1])(whole) == pytest.approx(f1[1])
    assert np.isnan(mean_f1([2])(whole))
    np.testing.assert_allclose(top1(COUNTS), [2 / 3, 1 / 2])
    np.testing.assert_allclose(macro_f1(COUNTS), [(1 + 2 / 3) / 2, 2 / 3])


def test_f1_covers_each_class_with_true_samples() -> None:
    whole = COUNTS.sum(axis=0)
    np.testing.assert_allclose(f1_by_class(whole), [0.8, 0.5, np.nan])
    np.testing.assert_allclose(f1_by_class(COUNTS), [[1, 2 / 3, np.nan], [2 / 3, np.nan, np.nan]])
    never_hit = counts_by_group(np.array([0, 1]), np.array([1, 1]), 2, ["a", "b"]).sum(axis=0)
    np.testing.assert_allclose(f1_by_class(never_hit), [0, 2 / 3])


def test_statistics_of_no_samples_are_undefined() -> None:
    nothing = np.zeros((3, 4), np.int64)
    assert np.isnan(top1(nothing))
    assert np.isnan(macro_f1(nothing))
    assert np.isnan(f1_by_class(nothing)).all()


def test_interval_of_one_group_is_its_value_and_of_an_absent_class_is_nan() -> None:
    one_group = counts_by_group(TRUE, PREDICTED, 3, ["a"] * 5)
    assert interval(top1, one_group) == pytest.approx((0.6, 0.6))
    assert np.isnan(interval(mean_f1([2]), one_group)).all()


def test_class_missing_from_a_resample_does_not_count_in_it() -> None:
    right = counts_by_group(np.array([0, 1]), np.array([0, 1]), 2, ["a", "b"])
    assert interval(macro_f1, right) == (1, 1)
    assert interval(mean_f1([1]), right) == (1, 1)


def test_interval_covers_the_true_value_at_about_its_nominal_rate() -> None:
    covered = 0
    for seed in range(100):
        true, predicted, groups = samples_in_groups(80, 4, 3, 0.7, seed)
        low, high = interval(top1, counts_by_group(true, predicted, 3, groups), seed=seed)
        covered += low <= 0.7 <= high
    assert covered >= 88


def test_grouped_resampling_widens_the_interval() -> None:
    true, predicted, groups = samples_in_groups(50, 9, 4, 0.7)
    low, high = interval(top1, counts_by_group(true, predicted, 4, groups))
    each_alone = [str(i) for i in range(len(true))]
    low_alone, high_alone = interval(top1, counts_by_group(true, predicted, 4, each_alone))
    assert (high - low) / (high_alone - low_alone) == pytest.approx(3, rel=0.2)  # sqrt of 9 samples per group


def test_equal_seeds_give_equal_intervals() -> None:
    true, predicted, groups = samples_in_groups(30, 2, 3, 0.5)
    counts = counts_by_group(true, predicted, 3, groups)
    assert interval(macro_f1, counts, seed=4) == interval(macro_f1, counts, seed=4)
    assert interval(macro_f1, counts, seed=4) != interval(macro_f1, counts, seed=5)


def test_comparison_uses_the_same_resamples_for_both_models() -> None:
    true, predicted, groups = samples_in_groups(40, 2, 3, 0.6)
    first_four = np.arange(80) < 4
    better = counts_by_group(true, np.where(first_four, true, predicted), 3, groups)
    weaker = counts_by_group(true, np.where(first_four, (true + 1) % 3, predicted), 3, groups)
    low, high = paired_interval(top1, better, weaker)
    assert 0 <= low < 4 / 80 < high < 0.15
    weaker_low, weaker_high = interval(top1, weaker)
    assert high - low < (weaker_high - weaker_low) / 2
    assert paired_interval(top1, weaker, weaker) == (0, 0)
    assert paired_interval(top1, weaker, better) == pytest.approx((-high, -low))


def test_mean_has_an_interval_over_groups() -> None:
    true, predicted, groups = samples_in_groups(50, 9, 4, 0.7)
    right = (true == predicted).astype(float)
    assert mean_interval(right, groups) == pytest.approx(
        interval(top1, counts_by_group(true, predicted, 4, groups))
    )
    assert mean_interval(np.array([1.0, 2.0, 6.0]), ["a", "a", "a"]) == (3, 3)


def test_comparing_models_with_different_samples_fails() -> None:
    with pytest.raises(ValueError, match="same samples"):
        paired_interval(top1, COUNTS, counts_by_group(TRUE[::-1], PREDICTED, 3, GROUPS))


def test_calibration_error_is_the_weighted_mean_gap_of_the_bins() -> None:
    probabilities = with_top([0.62, 0.64, 0.9, 1.0])  # 5 bins: two samples in [0.6, 0.8), two in [0.8, 1]
    true = np.array([0, 1, 0, 0])
    expected = 0.5 * abs(0.5 - 0.63) + 0.5 * abs(1 - 0.95)
    assert expected_calibration_error(true, probabilities, bins=5) == pytest.approx(expected, abs=1e-6)
    assert expected_calibration_error(np.array([0, 0]), with_top([1.0, 1.0])) == pytest.approx(0, abs=1e-6)


def test_calibration_error_is_0_if_accuracy_equals_probability() -> None:
    top = np.repeat([0.55, 0.75, 0.95], 20).astype(np.float32)
    right = np.concatenate([np.arange(20) < share * 20 for share in (0.55, 0.75, 0.95)])
    assert expected_calibration_error((~right).astype(np.int64), with_top(list(top))) == pytest.approx(
        0, abs=1e-6
    )
    assert expected_calibration_error(np.ones(60, np.int64), with_top(list(top))) == pytest.approx(
        0.75, abs=1e-6
    )


def test_overconfidence_and_underconfidence_in_a_bin_cancel_out() -> None:
    probabilities = with_top([0.61, 0.79])
    assert expected_calibration_error(np.array([0, 1]), probabilities, bins=5) == pytest.approx(0.2, abs=1e-6)
    assert expected_calibration_error(np.array([0, 1]), probabilities, bins=10) == pytest.approx(
        0.59, abs=1e-6
    )


def test_probability_rounded_above_1_falls_in_the_last_bin() -> None:
    probabilities = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    assert expected_calibration_error(np.array([1]), probabilities) == pytest.approx(1, abs=1e-6)


def test_temperature_restores_the_true_odds() -> None:
    true = np.array([0, 0, 0, 1])  # correct 3 times out of 4, so the fitted odds are 3
    logits = np.tile(np.array([6, 0], np.float32), (4, 1))
    assert fit_temperature(logits, true) == pytest.approx(6 / np.log(3), rel=1e-3)
    assert fit_temperature(logits / np.float32(60), true) == pytest.approx(0.1 / np.log(3), rel=1e-3)


def test_temperature_stays_in_its_range() -> None:
    logits = np.array([[3, 0], [0, 2]], np.float32)
    assert fit_temperature(logits, np.array([0, 1])) == 1
    assert 19 < fit_temperature(logits, np.array([1, 0])) <= TEMPERATURES[1]


TOPS = with_top([0.5, 0.9, 0.7, 0.9, 0.6])
LABELS = np.array([1, 0, 0, 0, 1])  # in descending probability: two hits at 0.9, one at 0.7, then two misses


def test_coverage_and_accuracy_at_every_threshold() -> None:
    curve = risk_coverage(TOPS, LABELS)
    np.testing.assert_allclose(curve.thresholds, [0.9, 0.7, 0.6, 0.5])
    np.testing.assert_allclose(curve.coverage, [2 / 5, 3 / 5, 4 / 5, 1])
    np.testing.assert_allclose(curve.accuracy, [1, 1, 3 / 4, 3 / 5])


def test_threshold_maximizes_coverage_at_the_target_accuracy() -> None:
    assert abstain_threshold(TOPS, LABELS, 0.6) == 0
    assert abstain_threshold(TOPS, LABELS, 0.7) == pytest.approx(0.6)
    assert abstain_threshold(TOPS, LABELS, 1.0) == pytest.approx(0.7)
    answered = TOPS.max(axis=1) >= abstain_threshold(TOPS, LABELS, 0.7)
    np.testing.assert_array_equal(answered, [False, True, True, True, True])
    assert abstain_threshold(TOPS, np.array([0, 1, 1, 0, 1]), 0.9) == ABSTAIN_ALWAYS
