import math

import pytest

from rvernet_app.model.calibration import Calibration


@pytest.mark.parametrize(("temperature", "threshold"), [(1, 0), (0.1, 1), (2.5, 0.5)])
def test_a_calibration_holds_its_numbers(temperature, threshold):
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
def test_a_calibration_refuses_what_cannot_be(temperature, threshold, sentence):
    with pytest.raises(ValueError, match=sentence):
        Calibration(temperature, threshold)


def test_a_calibration_may_say_what_it_was_fitted_on():
    assert Calibration(1, 0.5).fitted_on == ()
    assert Calibration(1, 0.5, ["meals val"]).fitted_on == ("meals val",)  # as JSON has it
    for what in ("meals", [3]):
        with pytest.raises(ValueError, match="fitted_on as texts"):
            Calibration(1, 0.5, what)
