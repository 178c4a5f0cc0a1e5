"""Measures of agreement, on arrays alone: masks, labels and grams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco
from scipy.optimize import linear_sum_assignment
from scipy.special import fdtri

from rvernet_app.errors import StoreError
from rvernet_app.picture.masks import Rle

MINIMUM_IOU = 0.5
"""From this IoU on, two masks are of one food."""
NOTHING = 1e-12
"""Variances below this share of all variance are rounding."""

FEW = "Fewer than two foods."


@dataclass(frozen=True)
class Measured:
    """A figure, or why there is none.

    Attributes:
        name: what was measured.
        value: finite; None where it is not defined.
        n: foods, or pairs of masks, that it was measured on.
        low, high: its 95 % interval, or the limits of agreement of a mean difference; None where they are not known.
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
        """The value with its interval, or the reason, as it is shown."""
        if self.value is None:
            return self.reason or ""
        # Adding 0 takes the sign from what is rounded to it.
        value, low, high = (
            "" if v is None else f"{round(v, digits) + 0.0:.{digits}f}"
            for v in (self.value, self.low, self.high)
        )
        return f"{value} ({low} to {high})" if low and high else value


@dataclass(frozen=True)
class Table:
    """Rows ready to show, each as wide as the columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"expected rows of {len(self.columns)} cells")


def mask_ious(first: Sequence[Rle], second: Sequence[Rle]) -> NDArray[np.float64]:
    """IoU of masks of one photo, counted on their run lengths: float64 (N, M) in [0, 1]."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco.iou(list(first), list(second), [0] * len(second)))


def match(ious: NDArray[np.float64], minimum: float = MINIMUM_IOU) -> list[tuple[int, int]]:
    """Pairs of masks of one food, by the assignment with the largest sum of IoUs (Kuhn 1955).

    Args:
        ious: float64 (N, M), between the masks of two annotators.
        minimum: smallest IoU of a pair, above 0.

    Returns:
        (row, column) of each pair; every mask is in one at most.

    Raises:
        StoreError: the minimum is not one.
    """
    if not 0 < minimum <= 1:
        raise StoreError(f"Masks of one food have an IoU above 0 and up to 1, got {minimum:g} as the least.")
    allowed = np.where(ious >= minimum, ious, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c] > 0]


def same_foods(
    ious: NDArray[np.float64], owners: Sequence[int], minimum: float = MINIMUM_IOU
) -> list[list[int]]:
    """Masks of any number of annotators, put together by the food they are of.

    One annotator after the other is matched to the foods found so far, where a mask's IoU with a food is the smallest
    with any of its masks. Between two annotators this is `match`.

    Args:
        ious: float64 (N, N), of every mask with every other.
        owners: of each mask, whose it is.

    Returns:
        Indices of the masks of each food, at most one of an owner, by owner; each mask is in one food, alone where
        nobody else has it.
    """
    foods: list[list[int]] = []
    for owner in sorted(set(owners)):
        mine = [index for index, other in enumerate(owners) if other == owner]
        linked = np.array([ious[np.ix_(food, mine)].min(axis=0) for food in foods])
        matched = match(linked.reshape(len(foods), len(mine)), minimum)
        for food, place in matched:
            foods[food].append(mine[place])
        alone = set(range(len(mine))) - {place for _, place in matched}
        foods += [[mine[place]] for place in sorted(alone)]
    return foods


def cohen_kappa(first: NDArray[np.int64], second: NDArray[np.int64]) -> Measured:
    """Agreement of two annotators beyond chance (Cohen 1960, Educational and Psychological Measurement 20:37).

    Args:
        first, second: int64 (N,), the class that each gave to the same foods.
    """
    n = len(first)
    if n < 2:
        return Measured("Cohen's kappa", None, n, reason=FEW)
    classes, codes = np.unique(np.concatenate((first, second)), return_inverse=True)
    shares = [np.bincount(half, minlength=len(classes)) / n for half in np.split(codes, 2)]
    return _beyond_chance("Cohen's kappa", n, float(np.mean(first == second)), float(shares[0] @ shares[1]))


def fleiss_kappa(counts: NDArray[np.int64]) -> Measured:
    """Agreement of several annotators beyond chance (Fleiss 1971, Psychological Bulletin 76:378).

    They need not be the same for every food. Where foods have different numbers of opinions, each food weighs the same,
    as Gwet has it (Handbook of Inter-Rater Reliability, 2014, chapter 2).

    Args:
        counts: int64 (N, K), how many gave food n the class k; two or more opinions of each food.
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
        return Measured(name, None, n, reason="All foods got one label, which chance would do as well.")
    return Measured(name, (observed - expected) / (1 - expected), n)


def icc(ratings: NDArray[np.float64], form: str = "2,1") -> Measured:
    """Intraclass correlation of one rating (Shrout and Fleiss 1979, Psychological Bulletin 86:420).

    "2,1": raters drawn at random, who are to agree absolutely. "3,1": these raters, one of whom may always say more.
    "1,1": other raters for each food. The 95 % interval is that of the F distribution, for "2,1" with Satterthwaite's
    degrees of freedom (Fleiss and Shrout 1978); there is none where rating and food explain everything.

    Args:
        ratings: float64 (N, k), of N foods by k raters, none missing.
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
    """Of ICC(2,1), from the mean squares of foods, raters and noise; not finite where it is not defined."""
    ratio = raters / noise
    rest = n * (1 + (k - 1) * value) - k * value
    df = (k - 1) * (n - 1) * (k * value * ratio + rest) ** 2
    df /= (n - 1) * (k * value * ratio) ** 2 + rest**2
    below, above = fdtri(n - 1, df, 0.975), fdtri(df, n - 1, 0.975)
    others = k * raters + (k * n - k - n) * noise
    low = n * (foods - below * noise) / (below * others + n * foods)
    return low, n * (above * foods - noise) / (others + n * above * foods)


def bland_altman(first: NDArray[np.float64], second: NDArray[np.float64]) -> Measured:
    """Mean of first less second, both float64 (N,), with its limits of agreement (Bland and Altman 1986, Lancet).

    About 95 % of the differences are within 1.96 standard deviations of the mean.
    """
    n = len(first)
    if n < 2:
        return Measured("mean difference", None, n, reason=FEW)
    differences = first - second
    mean, spread = float(differences.mean()), 1.96 * float(differences.std(ddof=1))
    return Measured("mean difference", mean, n, mean - spread, mean + spread)


def share(counts: NDArray[np.int64], nothing: str) -> Measured:
    """What part of all is so, by int64 (G, 2) of how many are so and how many there are on each photo.

    Args:
        nothing: the reason, where there are none.
    """
    hits, total = counts.sum(axis=0).tolist()
    return Measured("share", hits / total, total) if total else Measured("share", None, 0, reason=nothing)


def share_difference(
    first: NDArray[np.int64], second: NDArray[np.int64], resamples: int = 2000, seed: int = 0
) -> Measured:
    """Share in the first photos less that in the second, with the bootstrap's 95 % percentile interval.

    Whole photos are drawn, because what is on one is alike (Davison and Hinkley 1997, 3.8).

    Args:
        first, second: int64 (G, 2) and (H, 2) as `share`, with something on every photo.
    """
    photos = len(first) + len(second)
    if min(len(first), len(second)) < 2:
        return Measured("difference", None, photos, reason="Fewer than two photos of a kind.")
    generator = np.random.default_rng(seed)
    drawn = []
    for counts in (first, second):
        # Drawing how often each different photo comes up is drawing the photos, at the cost of the different ones.
        kinds, times = np.unique(counts, axis=0, return_counts=True)
        sums = generator.multinomial(len(counts), times / len(counts), size=resamples) @ kinds  # (R, 2)
        drawn.append(sums[:, 0] / sums[:, 1])
    (hits, total), (others, of) = first.sum(axis=0).tolist(), second.sum(axis=0).tolist()
    low, high = np.quantile(drawn[0] - drawn[1], (0.025, 0.975)).tolist()
    return Measured("difference", hits / total - others / of, photos, low, high)
