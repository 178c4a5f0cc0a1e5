"""Statistics of agreement between annotators, on arrays: labels, grams and shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri

NOTHING = 1e-12
"""Variances below this share of all variance are rounding errors."""

FEW = "Fewer than two foods."
RESAMPLES = 2000
"""Number of bootstrap samples."""


@dataclass(frozen=True)
class Measured:
    """A measured value, or the reason why it is missing.

    Attributes:
        name: what was measured.
        value: finite; None if it is not defined.
        n: number of foods, or of pairs of masks.
        low, high: the 95 % interval, or the limits of agreement of a mean difference; None if unknown.
        reason: why there is no value.
    """

    name: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("expected a value, or a reason why there is none")
        if not all(math.isfinite(v) for v in (self.value, self.low, self.high) if v is not None):
            raise ValueError(f"expected finite figures, got {self.value}, {self.low}, {self.high}")

    def text(self, digits: int = 2) -> str:
        """Return the value with its interval, or the reason, for a table."""
        if self.value is None:
            return self.reason or ""
        # Adding 0 turns -0 into 0.
        value, low, high = (
            "" if v is None else f"{round(v, digits) + 0.0:.{digits}f}"
            for v in (self.value, self.low, self.high)
        )
        return f"{value} ({low} to {high})" if low and high else value


def cohen_kappa(first: NDArray[np.int64], second: NDArray[np.int64]) -> Measured:
    """Agreement of two annotators beyond chance (Cohen 1960, Educational and Psychological Measurement
    20:37).

    Args:
        first, second: int64 (N,), the classes that the two gave to the same foods.
    """
    n = len(first)
    if n < 2:
        return Measured("Cohen's kappa", None, n, reason=FEW)
    classes, codes = np.unique(np.concatenate((first, second)), return_inverse=True)
    shares = [np.bincount(half, minlength=len(classes)) / n for half in np.split(codes, 2)]
    return _beyond_chance("Cohen's kappa", n, float(np.mean(first == second)), float(shares[0] @ shares[1]))


def fleiss_kappa(counts: NDArray[np.int64]) -> Measured:
    """Agreement of several annotators beyond chance (Fleiss 1971, Psychological Bulletin 76:378).

    Foods may have different annotators and different numbers of opinions; each food has the same weight
    (Gwet, Handbook of Inter-Rater Reliability, 2014, chapter 2). statsmodels' `fleiss_kappa` refuses unequal
    numbers.

    Args:
        counts: int64 (N, K), how many gave food n the class k; at least two opinions per food.
    """
    n = len(counts)
    if n < 2:
        return Measured("Fleiss' kappa", None, n, reason=FEW)
    opinions = counts.sum(axis=1)  # (N,)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (opinions * (opinions - 1))
    shares = (counts / opinions[:, None]).mean(axis=0)  # (K,)
    return _beyond_chance("Fleiss' kappa", n, float(agreeing.mean()), float(shares @ shares))


def _beyond_chance(name: str, n: int, observed: float, expected: float) -> Measured:
    if 1 - expected < NOTHING:
        return Measured(
            name, None, n, reason="All foods got the same label, so chance agreement is complete."
        )
    return Measured(name, (observed - expected) / (1 - expected), n)


def icc(ratings: NDArray[np.float64], form: str = "2,1") -> Measured:
    """Intraclass correlation of one rating (Shrout and Fleiss 1979, Psychological Bulletin 86:420).

    Forms: "2,1" is absolute agreement of random raters; "3,1" is consistency of these raters, one of whom may
    always say more; "1,1" has other raters for each food. The 95 % interval is from the F distribution, for
    "2,1" with Satterthwaite's degrees of freedom (Fleiss and Shrout 1978). It is missing if food and rater
    explain everything.

    Args:
        ratings: float64 (N, k), N foods by k raters, none missing.
    """
    name, (n, k) = f"ICC({form})", ratings.shape
    if n < 2:
        return Measured(name, None, n, reason=FEW)
    if np.ptp(ratings) == 0:
        return Measured(name, None, n, reason="All portions are the same.")
    centred = ratings - ratings.mean()
    of_food, of_rater = centred.mean(axis=1), centred.mean(axis=0)  # (N,), (k,)
    within = centred - of_food[:, None]
    foods = k * float(of_food @ of_food) / (n - 1)
    raters = n * float(of_rater @ of_rater) / (k - 1)
    noise = float(np.square(within - of_rater).sum()) / ((n - 1) * (k - 1))
    noise_df = (n - 1) * (k - 1)
    if form == "1,1":
        noise, noise_df = float(np.square(within).sum()) / (n * (k - 1)), n * (k - 1)
    whole = foods + (k - 1) * noise + (k * (raters - noise) / n if form == "2,1" else 0.0)
    rounding = NOTHING * float(np.square(centred).sum())
    if whole <= rounding:
        return Measured(name, None, n, reason="The foods do not differ in their portions.")
    value = (foods - noise) / whole
    if noise <= rounding:
        return Measured(name, value, n)
    if form == "2,1":
        low, high = _absolute_interval(value, foods, raters, noise, n, k)
    else:
        ratio = foods / noise
        ends = ratio / fdtri(n - 1, noise_df, 0.975), ratio * fdtri(noise_df, n - 1, 0.975)
        low, high = ((end - 1) / (end + k - 1) for end in ends)
    known = math.isfinite(low) and math.isfinite(high)
    return Measured(name, value, n, *((float(low), float(high)) if known else ()))


def _absolute_interval(
    value: float, foods: float, raters: float, noise: float, n: int, k: int
) -> tuple[float, float]:
    """Return the interval of ICC(2,1) from the mean squares; not finite if undefined."""
    ratio = raters / noise
    rest = n * (1 + (k - 1) * value) - k * value
    df = (k - 1) * (n - 1) * (k * value * ratio + rest) ** 2
    df /= (n - 1) * (k * value * ratio) ** 2 + rest**2
    below, above = fdtri(n - 1, df, 0.975), fdtri(df, n - 1, 0.975)
    others = k * raters + (k * n - k - n) * noise
    low = n * (foods - below * noise) / (below * others + n * foods)
    return low, n * (above * foods - noise) / (others + n * above * foods)


def bland_altman(first: NDArray[np.float64], second: NDArray[np.float64]) -> Measured:
    """Return the mean difference, first minus second, with its limits of agreement.

    The limits are 1.96 standard deviations from the mean (Bland and Altman 1986, Lancet 327:307).

    Args:
        first, second: float64 (N,).
    """
    n = len(first)
    if n < 2:
        return Measured("mean difference", None, n, reason=FEW)
    differences = first - second
    mean, spread = float(differences.mean()), 1.96 * float(differences.std(ddof=1))
    return Measured("mean difference", mean, n, mean - spread, mean + spread)


def share(counts: NDArray[np.int64], nothing: str) -> Measured:
    """Return hits divided by total.

    Args:
        counts: int64 (G, 2), hits and total of each photo.
        nothing: the reason if the total is 0.
    """
    hits, total = counts.sum(axis=0).tolist()
    return Measured("share", hits / total, total) if total else Measured("share", None, 0, reason=nothing)


def share_difference(first: NDArray[np.int64], second: NDArray[np.int64], seed: int = 0) -> Measured:
    """Return the share in the first photos minus that in the second, with a 95 % bootstrap percentile
    interval.

    Whole photos are drawn, because foods on one photo are alike (Davison and Hinkley 1997, section 3.8).

    Args:
        first, second: int64 (G, 2) and (H, 2) as in `share`; no total is 0.
    """
    photos = len(first) + len(second)
    if min(len(first), len(second)) < 2:
        return Measured("difference", None, photos, reason="Fewer than two photos of a kind.")
    generator = np.random.default_rng(seed)
    drawn = []
    for counts in (first, second):
        # Draw how often each distinct (hits, total) comes up, which costs less than drawing photos.
        kinds, times = np.unique(counts, axis=0, return_counts=True)
        sums = generator.multinomial(len(counts), times / len(counts), size=RESAMPLES) @ kinds  # (R, 2)
        drawn.append(sums[:, 0] / sums[:, 1])
    (hits, total), (others, of) = first.sum(axis=0).tolist(), second.sum(axis=0).tolist()
    low, high = np.quantile(drawn[0] - drawn[1], (0.025, 0.975)).tolist()
    return Measured("difference", hits / total - others / of, photos, low, high)
