"""Untrusted JSON becomes a checked object or a sentence."""

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
    """A reply with a field that may stay away."""

    id: int
    problem: str | None = None


@pytest.mark.parametrize("message", [None, 5, "photo", [1, 2], True])
def test_what_is_no_message_is_refused(message: object) -> None:
    with pytest.raises(PromptError, match="Reload the page"):
        Asked.read(message)


def test_unknown_fields_are_left_alone() -> None:
    assert Asked.read({"text": "soup", "more": [1]}) == Asked(text="soup")


@pytest.mark.parametrize("value", [0, -3, 2.5, MAX_NUMBER, -MAX_NUMBER])
def test_a_number(value: float) -> None:
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
def test_what_is_no_number_is_refused_by_its_name(value: object) -> None:
    with pytest.raises(PromptError, match="number"):
        Asked.read({"number": value})


@pytest.mark.parametrize("value", [2.5, MAX_NUMBER + 1, -MAX_NUMBER - 1, 10**400, True, "7", None, math.nan])
def test_what_is_no_whole_number_is_refused_by_its_name(value: object) -> None:
    with pytest.raises(PromptError, match="whole"):
        Asked.read({"whole": value})


def test_a_text() -> None:
    assert Asked.read({"text": "crème brûlée 🍮\n½"}).text == "crème brûlée 🍮\n½"


@pytest.mark.parametrize("value", [None, 5, True, ["rice"], {"t": "rice"}, "ri\0ce", "\ud83c", "soup \udf6e"])
def test_what_is_no_text_is_refused_by_its_name(value: object) -> None:
    with pytest.raises(PromptError, match="text"):
        Asked.read({"text": value})


def test_a_name_has_an_end() -> None:
    assert Asked.read({"name": "x" * 200}).name == "x" * 200
    with pytest.raises(PromptError, match="name"):
        Asked.read({"name": "x" * 201})


def test_what_is_refused_is_not_told_again() -> None:
    """It may be large, and it may be what the visitor typed."""
    with pytest.raises(PromptError) as refused:
        Asked.read({"number": "secret" * 1000})
    assert "secret" not in str(refused.value)


def test_a_reply_holds_what_was_set() -> None:
    assert Told(id=3).to_json() == {"id": 3}
    assert Told(id=3, problem=None).to_json() == {"id": 3, "problem": None}
