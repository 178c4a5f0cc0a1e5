"""What the browser sends is checked once, here."""

import json
import math
from typing import Any

import numpy as np
import pytest

from rvernet_app.errors import PromptError, StoreError
from rvernet_app.picture.mask_edit import fill_holes, from_polygon, keep_largest, move_outline, paint, smooth
from rvernet_app.store.annotations import Draft, Portion
from rvernet_app.ui.requests import (
    MAX_NUMBER,
    MAX_POINTS,
    MAX_RADIUS,
    MAX_STROKE,
    MAX_SUGGESTIONS,
    EvidenceRequest,
    as_mapping,
    number,
    read_draft,
    read_edit,
    read_prompt,
    text,
)

REQUEST = {
    "seq": 3,
    "photo": "a" * 64,
    "rle": {"size": [4, 4], "counts": "0"},
    "stage": "all",
    "label": None,
    "method": "gradcam",
    "scale": "own",
}


def test_points_and_box() -> None:
    prompt = read_prompt({"points": [[1, 2, 1], [3.5, 4, 0]], "box": [0, 0, 9, 9]})
    assert prompt.points_xy == ((1.0, 2.0), (3.5, 4.0))
    assert prompt.point_labels == (1, 0)
    assert prompt.box_xyxy == (0.0, 0.0, 9.0, 9.0)


def test_a_box_alone() -> None:
    assert read_prompt({"points": [], "box": [1, 1, 5, 5]}).points_xy == ()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"points": []},
        {"points": "1,2,1"},
        {"points": {"x": 1}},
        {"points": [5]},
        {"points": [[1, 2]]},
        {"points": [[1, 2, 7]]},
        {"points": [[1, 2, 0]]},
        {"points": [["a", 2, 1]]},
        {"points": [[None, 2, 1]]},
        {"points": [[math.nan, 2, 1]]},
        {"points": [[math.inf, 2, 1]]},
        {"points": [[[1], 2, 1]]},
        {"points": [[1, 2, 1]] * (MAX_POINTS + 1)},
        {"points": [[1, 2, 1]], "box": [1, 2, 3]},
        {"points": [[1, 2, 1]], "box": [5, 5, 1, 1]},
        {"points": [[1, 2, 1]], "box": "all"},
        {"points": [[1, 2, 1]], "box": 7},
    ],
)
def test_a_bad_prompt_is_refused(message: dict) -> None:
    with pytest.raises(PromptError):
        read_prompt(message)


@pytest.mark.parametrize("message", [None, 5, "photo", [1, 2]])
def test_what_is_no_message_is_refused(message: object) -> None:
    with pytest.raises(PromptError):
        as_mapping(message)


def test_an_evidence_request() -> None:
    assert EvidenceRequest.read({**REQUEST, "more": "ignored"}).seq == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", "3"),
        ("seq", None),
        ("seq", True),
        ("stage", "none"),
        ("label", 4),
        ("method", "shap"),
        ("method", ["gradcam"]),
        ("scale", None),
    ],
)
def test_a_bad_evidence_request_is_refused(field: str, value: object) -> None:
    with pytest.raises(PromptError):
        EvidenceRequest.read({**REQUEST, field: value})


JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 2.5, -1e308, 10**400, -(10**400), math.nan, math.inf, -math.inf),
    *("", "x", "7", "\0", "\ud800", "é" * 9, [], [[]], [None], [[1, 2]], [["a", "b"]], [[1, 2, 3]]),
    *({}, {"kind": "paint"}, {"id": 1}, [{}], [[1, [2]]], [[10**400, 1]], [[math.nan, 1]]),
)
"""What JSON can hold, and nobody should have sent."""

# Numbers and texts


@pytest.mark.parametrize("value", [0, -3, 2.5, MAX_NUMBER, -MAX_NUMBER])
def test_a_number(value: float) -> None:
    assert number({"n": value}, "n") == value
    assert number({"n": value}, "n", 1.0) == value


@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, math.inf, -math.inf, 1e308, 10**400, -(10**400), MAX_NUMBER + 1),
        *(True, False, "7", "", [7], {"n": 7}),
    ],
)
def test_what_is_no_number_is_refused_even_where_there_is_a_default(value: object) -> None:
    for default in (None, 1.0):
        with pytest.raises(PromptError, match="no number for n"):
            number({"n": value}, "n", default)


def test_a_text() -> None:
    assert text({"t": "crème brûlée 🍮\n½"}, "t") == "crème brûlée 🍮\n½"
    assert text({"t": ""}, "t", "soup") == ""


@pytest.mark.parametrize("value", [5, True, ["rice"], {"t": "rice"}, "ri\0ce", "\ud83c", "soup \udf6e"])
def test_what_is_no_text_is_refused_even_where_there_is_a_default(value: object) -> None:
    for default in (None, "rice"):
        with pytest.raises(PromptError, match="for t"):
            text({"t": value}, "t", default)


@pytest.mark.parametrize("message", [{}, {"field": None}])
def test_what_is_missing_is_its_default_or_refused(message: dict) -> None:
    assert number(message, "field", 2.0) == 2.0
    assert text(message, "field", "") == ""
    with pytest.raises(PromptError, match="field"):
        number(message, "field")
    with pytest.raises(PromptError, match="field"):
        text(message, "field")


# Corrections by hand

MASK = np.zeros((12, 16), np.bool_)
MASK[2:9, 3:12] = True
MASK[5, 5] = False
MASK[10, 15] = True


@pytest.mark.parametrize(
    ("edit", "meant"),
    [
        ({"kind": "fill_holes"}, fill_holes(MASK)),
        ({"kind": "keep_largest"}, keep_largest(MASK)),
        ({"kind": "smooth", "radius": 2.5}, smooth(MASK, 2.5)),
        ({"kind": "paint", "stroke": [[1, 1], [3.5, 2]], "radius": 2}, paint(MASK, [(1, 1), (3.5, 2)], 2)),
        ({"kind": "erase", "stroke": [[4, 4]], "radius": 0.5}, paint(MASK, [(4, 4)], 0.5, erase=True)),
        (
            {"kind": "polygon", "stroke": [[1, 1], [9, 1], [9, 9]]},
            from_polygon((12, 16), [(1, 1), (9, 1), (9, 9)]),
        ),
        (
            {"kind": "outline", "outline": [[1, 1], [1, 9], [9, 9]], "stroke": [[1, 1], [2, 11.5], [9, 9]]},
            move_outline(MASK, [(1, 1), (1, 9), (9, 9)], [(1, 1), (2, 11.5), (9, 9)]),
        ),
    ],
)
def test_an_edit_is_what_it_says(edit: dict, meant: np.ndarray) -> None:
    assert np.array_equal(read_edit({"edit": json.loads(json.dumps(edit))})(MASK), meant)


def test_a_polygon_takes_the_place_of_the_mask() -> None:
    edit = read_edit({"edit": {"kind": "polygon", "stroke": [[0, 0], [2, 0], [2, 2], [0, 2]]}})
    assert np.argwhere(edit(MASK)).max() == 2


@pytest.mark.parametrize("kind", ["paint", "erase", "polygon"])
def test_a_stroke_may_be_long_and_leave_the_photo(kind: str) -> None:
    stroke = [[-100_000, 4], [100_000, 4], [0.5, -0.5]] + [[8, 8]] * (MAX_STROKE - 3)
    edit = read_edit({"edit": {"kind": kind, "stroke": stroke, "radius": 1}})
    assert edit(MASK).shape == (12, 16)


@pytest.mark.parametrize(
    "edit",
    [
        *(
            None,
            "fill_holes",
            ["fill_holes"],
            {},
            {"kind": None},
            {"kind": "cut", "stroke": [[1, 1]], "radius": 1},
        ),
        *({"kind": "smooth"}, {"kind": "smooth", "radius": 0}, {"kind": "smooth", "radius": MAX_RADIUS + 1}),
        *({"kind": "paint", "stroke": [[1, 1]]}, {"kind": "paint", "radius": 1}),
        {"kind": "paint", "stroke": [], "radius": 1},
        {"kind": "paint", "stroke": [[1, 1]] * (MAX_STROKE + 1), "radius": 1},
        {"kind": "paint", "stroke": [[1, 1], [100_001, 1]], "radius": 1},
        {"kind": "paint", "stroke": [[1, 1], [1, 1, 1]], "radius": 1},
        {"kind": "paint", "stroke": [[1, 1]], "radius": -1},
        {"kind": "polygon", "stroke": [[1, 1], [5, 5]]},
        {"kind": "outline", "outline": [[1, 1], [1, 9], [9, 9]], "stroke": [[1, 1], [5, 5]]},
        {"kind": "outline", "stroke": [[1, 1], [1, 9], [9, 9]]},
    ],
)
def test_a_bad_edit_is_refused(edit: object) -> None:
    with pytest.raises(PromptError):
        read_edit({"edit": edit})


@pytest.mark.parametrize("kind", ["paint", "erase", "polygon", "smooth"])
@pytest.mark.parametrize("field", ["stroke", "radius", "kind"])
def test_junk_in_an_edit_is_an_edit_or_refused(kind: str, field: str) -> None:
    sound = {"kind": kind, "stroke": [[1, 1], [4, 1], [4, 4]], "radius": 2}
    for junk in JUNK:
        try:
            edited = read_edit({"edit": {**sound, field: junk}})(MASK)
        except PromptError:
            continue
        assert (edited.shape, edited.dtype) == (MASK.shape, np.bool_), junk


# Foods to be saved

RLE = {"size": [6, 8], "counts": "81"}
FOOD = {
    "rle": RLE,
    "label": 3,
    "prompts": {"points": [[4, 2, 1]]},
    "segmenter": "small_sam@1a2b",
    "checkpoint": "foods@3c4d",
    "suggestions": [["soup", 0.75], ["beans", 0.125]],
    "taken": True,
    "portion": {"amount": 180, "unit": "ml", "method": "guessed", "low": 150, "high": 220.5},
    "note": "no oil",
}


def test_a_food_is_read_as_it_was_sent() -> None:
    assert read_draft(json.loads(json.dumps(FOOD))) == Draft(
        rle=RLE,  # type: ignore[arg-type]
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
    assert read_draft({"rle": RLE}) == Draft(rle=RLE)  # type: ignore[arg-type]
    nothing = dict.fromkeys(("label", "prompts", "suggestions", "taken", "portion", "note", "segmenter"))
    assert read_draft({"rle": RLE, **nothing, "checkpoint": ""}) == Draft(rle=RLE)  # type: ignore[arg-type]


def test_suggestions_are_none_where_they_were_hidden_and_few_where_they_are_many() -> None:
    assert read_draft({"rle": RLE, "suggestions": []}).suggestions == []
    assert read_draft({"rle": RLE, "prompts": {"from": "한국어 🍽"}}).prompts == {"from": "한국어 🍽"}
    many = [["soup", 0.01]] * (MAX_SUGGESTIONS + 5)
    assert len(read_draft({"rle": RLE, "suggestions": many}).suggestions or ()) == MAX_SUGGESTIONS


@pytest.mark.parametrize(
    "part",
    [
        *({"rle": None}, {"rle": [6, 8]}, {"label": "rice"}, {"label": True}, {"label": math.nan}),
        *(
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
        ),
        *(
            {"suggestions": {}},
            {"suggestions": "soup"},
            {"suggestions": [["soup"]]},
            {"suggestions": ["soup"]},
        ),
        *(
            {"suggestions": [["soup", None]]},
            {"suggestions": [[None, 0.5]]},
            {"suggestions": [["soup", 1, 2]]},
        ),
        *({"portion": 180}, {"portion": [180, "g", "guessed"]}, {"portion": {}}),
    ],
)
def test_a_food_with_a_part_of_another_kind_is_refused(part: dict) -> None:
    with pytest.raises(PromptError):
        read_draft({**FOOD, **part})


@pytest.mark.parametrize(
    "part",
    [{"amount": -1}, {"unit": "stone"}, {"method": "felt"}, {"low": None}, {"low": 200}, {"high": 170}],
)
def test_a_portion_that_contradicts_itself_is_refused(part: dict) -> None:
    portion: Any = FOOD["portion"]
    with pytest.raises(StoreError):
        read_draft({**FOOD, "portion": {**portion, **part}})


@pytest.mark.parametrize("field", [*FOOD, *(f"portion.{name}" for name in FOOD["portion"])])  # type: ignore[attr-defined]
def test_junk_in_a_food_is_a_food_or_refused(field: str) -> None:
    *inside, name = field.split(".")
    for junk in JUNK:
        food = json.loads(json.dumps(FOOD))
        (food[inside[0]] if inside else food)[name] = junk
        try:
            assert isinstance(read_draft(food), Draft), junk
        except (PromptError, StoreError):
            continue
