"""Label sets: unique names, files, and distinguishable colours."""

from __future__ import annotations

import colorsys
from itertools import pairwise

import pytest

from rvernet_app.errors import LabelError
from rvernet_app.labels import MAX_NAME, LabelName, colour_of, require_unique


def hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)))[0]


def test_white_space_in_a_name_is_normalized() -> None:
    assert LabelName(" brown \t rice\n") == LabelName("brown rice")


@pytest.mark.parametrize("name", ["", " \n", "a" * (MAX_NAME + 1)])
def test_a_name_has_1_to_200_characters(name: str) -> None:
    with pytest.raises(LabelError, match="1 to 200 characters"):
        LabelName(name)
    assert LabelName("a" * MAX_NAME).name == "a" * MAX_NAME


@pytest.mark.parametrize("colour", ["#09afAF", "#000000"])
def test_a_colour_is_six_digits(colour: str) -> None:
    assert LabelName("rice", colour=colour).colour == colour


@pytest.mark.parametrize(
    "colour", ["", "red", "#fff", "#12345g", "#1234567", "123456", "##12345", "#12345\n"]
)
def test_an_invalid_colour_is_refused(colour: str) -> None:
    with pytest.raises(LabelError, match="#rrggbb"):
        LabelName("rice", colour=colour)


@pytest.mark.parametrize("twice", [("Rice", "rice"), ("STRASSE", "straße"), ("rice", " rice ")])
def test_names_that_differ_only_in_case_are_refused(twice: tuple[str, str]) -> None:
    with pytest.raises(LabelError, match="twice"):
        require_unique([LabelName("soup"), *map(LabelName, twice)])
    require_unique([LabelName("soup"), LabelName(twice[0])])


def test_colours_of_neighbours_are_far_apart_in_hue() -> None:
    colours = [colour_of(position) for position in range(105)]
    assert all(LabelName("x", colour=colour) for colour in colours)
    for first, second in pairwise(colours):
        apart = abs(hue(first) - hue(second))
        assert min(apart, 1 - apart) > 0.3
    assert len(set(colours)) == 105
