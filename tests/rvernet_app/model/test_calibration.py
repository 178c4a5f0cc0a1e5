"""Calibrations check their values."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rvernet_app.model.calibration import Calibration


@pytest.mark.parametrize(("temperature", "threshold"), [(1, 0), (0.1, 1), (2.5, 0.5)])
def test_a_calibration_holds_its_numbers(temperature: Any, threshold: Any) -> None:
    calibration = Calibration(temperature, threshold)
    assert (calibration.temperature, calibration.threshold) == (temperature, threshold)


@pytest.mark.parametrize(
    ("temperature", "threshold", "sentence"),
    [
        (0, 0.5, "a finite temperature above 0, got 0"),
        (-1, 0.5, "temperature above 0"),
        (math.inf, 0.5, "finite temperature"),
        (math.nan, 0.5, "finite temperature"),
        (1, -0.1, r"threshold in 0\.\.1, got -0.1"),
        (1, 1.1, "threshold"),
        (1, math.nan, "threshold"),
        ("1", 0.5, "temperature as a number, got '1'"),
        (1, None, "threshold as a number"),
        (True, 0.5, "temperature as a number"),
    ],
)
def test_an_invalid_calibration_is_refused(temperature: Any, threshold: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calibration(temperature, threshold)


def test_a_calibration_can_name_the_regions_it_was_fitted_on() -> None:
    from_json: Any = ["meals val"]
    assert Calibration(1, 0.5).fitted_on == ()
    assert Calibration(1, 0.5, from_json).fitted_on == ("meals val",)
    wrong: tuple[Any, ...] = ("meals", [3])
    for names in wrong:
        with pytest.raises(ValueError, match="fitted_on as texts"):
            Calibration(1, 0.5, names)
