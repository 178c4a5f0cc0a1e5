"""Uncertainty of figures: calibration, bootstrap intervals over groups, and the threshold to abstain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

ClassCounts = NDArray[np.int64] | NDArray[np.float64]
"""(..., 3, K): for each class the number of true samples, of predicted ones and of hits; enough for top-1 and
F1.
"""

Statistic = Callable[[ClassCounts], NDArray[np.float64]]
"""(..., 3, K) -> (...), NaN where undefined."""

TEMPERATURES = (0.05, 20.0)
"""Range that `fit_temperature` searches."""

RESAMPLES = 1000
"""Resamples of a bootstrap."""

ABSTAIN_ALWAYS = 2.0
"""A threshold that no probability reaches."""


def counts_by_group(
    true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int, groups: Sequence[str]
) -> NDArray[np.int64]:
    """Count true samples, predicted samples and hits of each class in each group; intervals resample the
    groups.

    Args:
        true, predicted: int64 (N,), class indices below `classes` (K).
        groups: of each sample: its object, meal or photo, which stays together.

    Returns:
        int64 (G, 3, K), the G groups in sorted order; the sum over the groups counts all samples.
    """
    names, of_sample = np.unique(np.asarray(groups), return_inverse=True)
    one_hot = np.eye(classes, dtype=np.int64)
    in_true, in_predicted = one_hot[true], one_hot[predicted]  # (N, K)
    counts = np.zeros((len(names), 3, classes), np.int64)
    np.add.at(counts, of_sample, np.stack((in_true, in_predicted, in_true * in_predicted), axis=1))
    return counts


def top1(counts: ClassCounts) -> NDArray[np.float64]:
    """Return the share of samples with the right prediction, (...)."""
    true, _, hits = np.moveaxis(counts, -2, 0)
    return _ratio(hits.sum(axis=-1), true.sum(axis=-1))


def f1_by_class(counts: ClassCounts) -> NDArray[np.float64]:
    """Return the F1 of each class, (..., K); NaN for a class without true samples."""
    true, predicted, hits = np.moveaxis(counts, -2, 0)  # each (..., K)
    return np.where(true > 0, _ratio(2 * hits, true + predicted), np.nan)


def macro_f1(counts: ClassCounts) -> NDArray[np.float64]:
    """Return the mean F1 over the classes with true samples, (...)."""
    f1 = f1_by_class(counts)
    return _ratio(np.nansum(f1, axis=-1), np.isfinite(f1).sum(axis=-1))


def mean_f1(classes: Sequence[int]) -> Statistic:
    """Return a statistic: the mean F1 over those of the named classes that have true samples."""

    def of_named(counts: ClassCounts) -> NDArray[np.float64]:
        return macro_f1(counts[..., list(classes)])

    return of_named


def interval(statistic: Statistic, counts: NDArray[np.int64], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of the cluster bootstrap (Davison and Hinkley 1997, 3.8).

    Whole groups are drawn with replacement, as many as there are, because samples of one group are alike. A
    class without true samples in a resample does not count in the mean F1 of that resample; a resample in
    which the statistic is undefined is left out. The interval does not tell how a class with one group would
    do on another group, so it says too little about a mean F1 that rests on many such classes.

    Args:
        statistic: `top1`, `macro_f1`, `mean_f1(…)` or another of this kind.
        counts: int64 (G, 3, K) from `counts_by_group`.

    Returns:
        (low, high); both NaN if the statistic is undefined in every resample.
    """
    return _percentiles(statistic(_resample(counts, seed)))


def paired_interval(
    statistic: Statistic,
    counts: NDArray[np.int64],
    others: NDArray[np.int64],
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of a statistic between two models on the same samples.

    As `interval`, with the same groups drawn for both. An interval without 0 indicates a difference.

    Args:
        counts, others: int64 (G, 3, K) of the two models; the difference is the first minus the second.

    Raises:
        ValueError: the true samples of the two differ in a group.
    """
    if counts.shape != others.shape or not np.array_equal(counts[:, 0], others[:, 0]):
        raise ValueError("expected the counts of two models on the same samples and groups")
    return _percentiles(statistic(_resample(counts)) - statistic(_resample(others)))


def mean_interval(values: NDArray[np.float64], groups: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (N,) by drawing whole groups, see `interval`."""
    names, of_value = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(of_value, weights=values, minlength=len(names))
    sizes = np.bincount(of_value, minlength=len(names))
    drawn = _resample(np.stack((sums, sizes), axis=1))  # (R, 2)
    return _percentiles(drawn[:, 0] / drawn[:, 1])


def expected_calibration_error(
    true: NDArray[np.int64], probabilities: NDArray[np.float32], bins: int = 15
) -> float:
    """Return the mean difference between top probability and share of hits (Guo et al. 2017, arXiv
    1706.04599).

    Args:
        true: int64 (N,), N >= 1.
        probabilities: float32 (N, K), rows sum to 1.
        bins: of equal width between 0 and 1.

    Returns:
        0 (calibrated) to 1.
    """
    top = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == true
    bin_of = np.minimum((top * bins).astype(np.int64), bins - 1)
    return float(np.abs(np.bincount(bin_of, weights=hit - top)).sum() / len(true))


def fit_temperature(logits: NDArray[np.float32], true: NDArray[np.int64]) -> float:
    """Return the temperature T for which softmax(logits / T) has the least negative log-likelihood.

    Temperature scaling of Guo et al. 2017 (arXiv 1706.04599). The likeliest class does not change. Fit it on
    samples that were not trained on and are not measured.

    Args:
        logits: float32 (N, K).
        true: int64 (N,).

    Returns:
        T within TEMPERATURES; 1 if every sample is right, because then nothing limits the confidence.
    """
    if (logits.argmax(axis=1) == true).all():
        return 1.0
    outputs, labels = torch.from_numpy(logits).double(), torch.from_numpy(true)

    def loss(log_temperature: float) -> float:
        return cross_entropy(outputs / math.exp(log_temperature), labels).item()

    low, high = (math.log(t) for t in TEMPERATURES)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Share of samples answered, and their accuracy, for falling thresholds on the top probability.

    A sample is answered if its top probability is at least the threshold (Geifman and El-Yaniv 2017, arXiv
    1705.08500; their risk is 1 - accuracy).

    Attributes:
        thresholds: float32 (M,), every top probability that occurs, falling.
        coverage: float64 (M,), share of the samples answered, rising to 1.
        accuracy: float64 (M,), share of right answers.
    """

    thresholds: NDArray[np.float32]
    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def risk_coverage(probabilities: NDArray[np.float32], true: NDArray[np.int64]) -> RiskCoverage:
    """Compute coverage and accuracy at every threshold that makes a difference.

    Args:
        probabilities: float32 (N, K), N >= 1.
        true: int64 (N,).
    """
    top = probabilities.max(axis=1)
    order = np.argsort(-top, kind="stable")
    falling = top[order]
    hits = np.cumsum(probabilities.argmax(axis=1)[order] == true[order])
    answered = np.append(np.flatnonzero(np.diff(falling)) + 1, len(top))  # all of one probability together
    return RiskCoverage(falling[answered - 1], answered / len(top), hits[answered - 1] / answered)


def abstain_threshold(
    probabilities: NDArray[np.float32], true: NDArray[np.int64], target_accuracy: float
) -> float:
    """Return the least threshold on the top probability at which answers are right often enough.

    Args:
        probabilities: float32 (N, K), N >= 1, of samples that were not trained on.
        true: int64 (N,).
        target_accuracy: share of the answers that must be right.

    Returns:
        One of the top probabilities; an answer must reach it. 0 if everything may be answered, ABSTAIN_ALWAYS
        if no threshold suffices.
    """
    curve = risk_coverage(probabilities, true)
    reached = np.flatnonzero(curve.accuracy >= target_accuracy)
    if not len(reached):
        return ABSTAIN_ALWAYS
    return 0.0 if curve.coverage[reached[-1]] == 1 else float(curve.thresholds[reached[-1]])


def _resample(counts: NDArray[Any], seed: int = 0) -> NDArray[np.float64]:
    """Draw groups with replacement: (G, ...) -> sums over G groups, float64 (R, ...)."""
    groups = len(counts)
    drawn = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    return np.tensordot(drawn.astype(np.float64), counts.astype(np.float64), axes=1)


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return part / whole, NaN where the whole is 0."""
    result: NDArray[np.float64] = np.divide(
        part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0
    )
    return result
