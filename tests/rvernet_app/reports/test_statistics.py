"""Statistics of agreement, against published and hand-made numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rvernet_app.reports.statistics import (
    Measured,
    bland_altman,
    cohen_kappa,
    fleiss_kappa,
    icc,
    share,
    share_difference,
)
from rvernet_app.reports.tables import Table

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
"""Table 2 of Shrout and Fleiss 1979: six targets, four judges."""


def near(value: float) -> Any:
    """Return pytest's approximate value, to be compared with values that may be None."""
    return pytest.approx(value)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_cohens_kappa_of_a_table() -> None:
    # both yes 20, first only 5, second only 10, both no 15: 0.7 agree, 0.5 would by chance
    first = np.repeat(ints(1, 1, 0, 0), (20, 5, 10, 15))
    second = np.repeat(ints(1, 0, 1, 0), (20, 5, 10, 15))
    found = cohen_kappa(first, second)
    assert (found.value, found.n) == (near(0.4), 50)


def test_cohens_kappa_below_chance() -> None:
    assert cohen_kappa(ints(1, 2), ints(2, 1)).value == pytest.approx(-1)


def test_cohens_kappa_takes_any_ids_for_classes() -> None:
    assert cohen_kappa(ints(900, 12, 900), ints(900, 12, 12)).value == pytest.approx(
        (2 / 3 - 4 / 9) / (5 / 9)
    )


def test_fleiss_kappa_of_a_table() -> None:
    # 14 raters, 10 subjects, 5 classes: observed 0.378, by chance 0.213
    counts = np.array(
        [
            *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
            *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
        ]
    )
    found = fleiss_kappa(counts)
    assert (round(found.value or 0, 3), found.n) == (0.210, 10)


def test_fleiss_kappa_of_foods_with_different_numbers_of_opinions() -> None:
    # agreeing 1, 0, 1; shares 5/6 and 1/6, so 26/36 by chance
    assert fleiss_kappa(np.array([[2, 0], [1, 1], [3, 0]])).value == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [("1,1", 0.166, -0.133, 0.723), ("2,1", 0.290, 0.019, 0.761), ("3,1", 0.715, 0.342, 0.946)],
)
def test_intraclass_correlations_of_shrout_and_fleiss(
    form: str, value: float, low: float, high: float
) -> None:
    found = icc(SHROUT_FLEISS, form)
    assert found.name == f"ICC({form})"
    assert [found.value, found.low, found.high] == pytest.approx([value, low, high], abs=5e-4)
    assert found.n == 6


@pytest.mark.parametrize(("form", "value"), [("1,1", 0.6), ("2,1", 2 / 3), ("3,1", 1.0)])
def test_one_who_always_says_more_agrees_but_not_absolutely(form: str, value: float) -> None:
    found = icc(np.array([[1, 2], [2, 3], [3, 4]], float), form)
    assert found.value == pytest.approx(value)


def test_where_nothing_is_left_to_chance_there_is_no_interval() -> None:
    found = icc(np.array([[0.1, 0.1], [0.7, 0.7], [0.3, 0.3]]))
    assert (found.value, found.low, found.high) == (near(1), None, None)


def test_limits_of_agreement() -> None:
    found = bland_altman(np.array([10.0, 20, 30]), np.array([8.0, 21, 25]))  # differences 2, -1, 5
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 1.96 * 3, 2 + 1.96 * 3))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (cohen_kappa(ints(1), ints(1)), "Fewer than two"),
        (cohen_kappa(ints(), ints()), "Fewer than two"),
        (cohen_kappa(ints(3, 3), ints(3, 3)), "the same label"),
        (fleiss_kappa(np.zeros((0, 0), np.int64)), "Fewer than two"),
        (fleiss_kappa(ints(2, 0)[None]), "Fewer than two"),
        (fleiss_kappa(np.array([[0, 3], [0, 2]])), "the same label"),
        (icc(np.zeros((0, 2))), "Fewer than two"),
        (icc(np.ones((1, 2))), "Fewer than two"),
        (icc(np.full((3, 2), 0.1)), "same"),
        (icc(np.array([[1, 2], [2, 1]], float)), "do not differ"),
        (icc(np.array([[0.1, 0.7]] * 3), "3,1"), "do not differ"),
        (bland_altman(np.ones(1), np.ones(1)), "Fewer than two"),
        (share(np.zeros((0, 2), np.int64), "No photos."), "No photos"),
        (share_difference(ints(1, 1)[None], np.array([[1, 1], [0, 1]])), "Fewer than two"),
    ],
)
def test_what_is_not_defined_says_why(found: Measured, reason: str) -> None:
    assert found.value is None
    assert reason in (found.reason or "")
    assert found.text() == found.reason


def test_shares_are_of_foods_not_of_photos() -> None:
    found = share(np.array([[1, 1], [0, 3]]), "")
    assert (found.value, found.n) == (0.25, 4)


def test_the_interval_of_a_difference_draws_whole_photos() -> None:
    # of the first two photos each resample gives 0, a half or 1; the others always give a half
    found = share_difference(np.array([[4, 4], [0, 4]]), np.array([[1, 2], [1, 2], [1, 2]]))
    assert (found.value, found.low, found.high, found.n) == (0, -0.5, 0.5, 5)


def test_the_interval_of_a_difference_stays_with_its_seed() -> None:
    counts = np.random.default_rng(0).integers(0, 4, (30, 1)) + np.array([[0, 3]])
    first, second = counts[:12], counts[12:]
    found = [share_difference(first, second, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert found[0].low is not None
    assert found[0].high is not None
    assert found[0].low < (found[0].value or 0) < found[0].high


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": None},
        {"value": 0.5, "reason": "Nothing."},
        {"value": math.nan},
        {"value": 0.5, "low": -math.inf, "high": 1.0},
    ],
)
def test_a_figure_that_is_none_is_not_made(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Measured("kappa", n=3, **wrong)  # type: ignore[arg-type]


def test_a_table_has_as_many_cells_as_columns() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Table("Labels", ("Label", "Foods"), (("rice", "3"), ("soup",)))


def test_figures_are_shown_with_their_interval() -> None:
    assert Measured("kappa", 0.4, 3).text() == "0.40"
    assert Measured("ICC(2,1)", 0.29, 6, 0.019, 0.761).text() == "0.29 (0.02 to 0.76)"
    assert Measured("mean difference", -15.2, 6, -40, 9.8).text(0) == "-15 (-40 to 10)"
    assert Measured("kappa", -0.001, 6, -0.004, 0.0).text() == "0.00 (0.00 to 0.00)"
