"""Validation of the browser's messages about a food of a project."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from rvernet_app.errors import PromptError, StoreError
from rvernet_app.picture.masks import Rle
from rvernet_app.store.annotations import Draft, Portion
from rvernet_app.ui.project.requests import MAX_SUGGESTIONS, SaveFood
from tests.rvernet_app.ui.junk import JUNK


def draft(food: dict[str, Any]) -> Draft:
    """Return the draft that a message asks to save."""
    return SaveFood.read({"item": 1, **food}).draft()


RLE: Rle = {"size": [6, 8], "counts": "81"}
PORTION: dict[str, Any] = {"amount": 180, "unit": "ml", "method": "guessed", "low": 150, "high": 220.5}
FOOD: dict[str, Any] = {
    "rle": RLE,
    "label": 3,
    "prompts": {"points": [[4, 2, 1]]},
    "segmenter": "small_sam@1a2b",
    "checkpoint": "foods@3c4d",
    "suggestions": [["soup", 0.75], ["beans", 0.125]],
    "taken": True,
    "portion": PORTION,
    "note": "no oil",
}


def test_all_fields_of_a_food_are_read() -> None:
    assert draft(json.loads(json.dumps(FOOD))) == Draft(
        rle=RLE,
        label_id=3,
        prompts={"points": [[4, 2, 1]]},
        segmenter="small_sam@1a2b",
        checkpoint="foods@3c4d",
        suggestions=[("soup", 0.75), ("beans", 0.125)],
        suggestion_taken=True,
        portion=Portion(180, "ml", "guessed", 150, 220.5),
        note="no oil",
    )


def test_a_mask_alone_is_a_food() -> None:
    assert draft({"rle": RLE}) == Draft(rle=RLE)
    nothing = dict.fromkeys(("label", "prompts", "suggestions", "taken", "portion", "note", "segmenter"))
    assert draft({"rle": RLE, **nothing, "checkpoint": ""}) == Draft(rle=RLE)


def test_empty_suggestions_stay_empty_and_long_lists_are_shortened() -> None:
    assert draft({"rle": RLE, "suggestions": []}).suggestions == []
    assert draft({"rle": RLE, "prompts": {"from": "한국어 🍽"}}).prompts == {"from": "한국어 🍽"}
    many = [["soup", 0.01]] * (MAX_SUGGESTIONS + 5)
    assert len(draft({"rle": RLE, "suggestions": many}).suggestions or ()) == MAX_SUGGESTIONS


@pytest.mark.parametrize(
    "part",
    [
        {"rle": None},
        {"rle": [6, 8]},
        {"label": "rice"},
        {"label": True},
        {"label": math.nan},
        {"prompts": []},
        {"prompts": "x"},
        {"segmenter": 5},
        {"checkpoint": ["x"]},
        {"segmenter": "x" * 201},
        {"checkpoint": "x" * 201},
        {"prompts": {"points": [[1, 1, 1]] * 10_000}},
        {"prompts": {"score": float("nan")}},
        {"prompts": {"by": "\0"}},
        {"prompts": {"by": "\ud800"}},
        {"note": 5},
        {"taken": 1},
        {"suggestions": {}},
        {"suggestions": "soup"},
        {"suggestions": [["soup"]]},
        {"suggestions": ["soup"]},
        {"suggestions": [["soup", None]]},
        {"suggestions": [[None, 0.5]]},
        {"suggestions": [["soup", 1, 2]]},
        {"portion": 180},
        {"portion": [180, "g", "guessed"]},
        {"portion": {}},
    ],
)
def test_a_food_with_a_field_of_the_wrong_type_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(PromptError):
        draft({**FOOD, **part})


@pytest.mark.parametrize(
    "part",
    [{"amount": -1}, {"unit": "stone"}, {"method": "felt"}, {"low": None}, {"low": 200}, {"high": 170}],
)
def test_a_portion_that_contradicts_itself_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(StoreError):
        draft({**FOOD, "portion": {**PORTION, **part}})


@pytest.mark.parametrize("field", [*FOOD, *[f"portion.{name}" for name in PORTION]])
def test_junk_in_a_food_is_accepted_or_refused_without_other_errors(field: str) -> None:
    *inside, name = field.split(".")
    for junk in JUNK:
        food = json.loads(json.dumps(FOOD))
        (food[inside[0]] if inside else food)[name] = junk
        try:
            assert isinstance(draft(food), Draft), junk
        except (PromptError, StoreError):
            continue
