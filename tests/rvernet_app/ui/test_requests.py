"""Untrusted JSON becomes a validated object, or an error in one sentence."""

from __future__ import annotations

import math

import pytest

from rvernet_app.errors import PromptError
from rvernet_app.ui.requests import MAX_NUMBER, Name, Number, Reply, Request, Text, WholeNumber


class Asked(Request):
    """One field of each kind."""

    number: Number = 0.0
    whole: WholeNumber = 0
    text: Text = ""
    name: Name | None = None


class Told(Reply):
    """A reply with an optional field."""

    id: int
    problem: str | None = None


@pytest.mark.parametrize("message", [None, 5, "photo", [1, 2], True])
def test_a_message_that_is_no_object_is_refused(message: object) -> None:
    with pytest.raises(PromptError, match="Reload the page"):
        Asked.read(message)


def test_unknown_fields_are_ignored() -> None:
    assert Asked.read({"text": "soup", "more": [1]}) == Asked(text="soup")


@pytest.mark.parametrize("value", [0, -3, 2.5, MAX_NUMBER, -MAX_NUMBER])
def test_a_number_is_read(value: float) -> None:
    assert Asked.read({"number": value}).number == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        math.nan,
        math.inf,
        -math.inf,
        1e308,
        10**400,
        -(10**400),
        MAX_NUMBER * 2,
        True,
        False,
        "7",
        "",
        [7],
        {"n": 7},
    ],
)
def test_the_error_for_a_bad_number_names_the_field(value: object) -> None:
    with pytest.raises(PromptError, match="number"):
        Asked.read({"number": value})


@pytest.mark.parametrize("value", [2.5, MAX_NUMBER + 1, -MAX_NUMBER - 1, 10**400, True, "7", None, math.nan])
def test_the_error_for_a_bad_whole_number_names_the_field(value: object) -> None:
    with pytest.raises(PromptError, match="whole"):
        Asked.read({"whole": value})


def test_a_text_is_read() -> None:
    assert Asked.read({"text": "crème brûlée 🍮\n½"}).text == "crème brûlée 🍮\n½"


@pytest.mark.parametrize("value", [None, 5, True, ["rice"], {"t": "rice"}, "ri\0ce", "\ud83c", "soup \udf6e"])
def test_the_error_for_a_bad_text_names_the_field(value: object) -> None:
    with pytest.raises(PromptError, match="text"):
        Asked.read({"text": value})


def test_a_name_has_at_most_200_characters() -> None:
    assert Asked.read({"name": "x" * 200}).name == "x" * 200
    with pytest.raises(PromptError, match="name"):
        Asked.read({"name": "x" * 201})


def test_an_error_does_not_repeat_the_refused_value() -> None:
    """The value may be large or private."""
    with pytest.raises(PromptError) as refused:
        Asked.read({"number": "secret" * 1000})
    assert "secret" not in str(refused.value)


def test_a_reply_holds_only_the_fields_that_were_set() -> None:
    assert Told(id=3).to_json() == {"id": 3}
    assert Told(id=3, problem=None).to_json() == {"id": 3, "problem": None}
