"""Validation of the browser's messages about one photo."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from rvernet_app.errors import PromptError
from rvernet_app.picture.mask_edit import fill_holes, from_polygon, keep_largest, move_outline, paint, smooth
from rvernet_app.types import Mask
from rvernet_app.ui.visitor.requests import (
    MAX_POINTS,
    MAX_RADIUS,
    MAX_STROKE,
    EditMask,
    EvidenceRequest,
    PromptRequest,
)
from tests.rvernet_app.ui.junk import JUNK

REQUEST = {
    "seq": 3,
    "photo": "a" * 64,
    "rle": {"size": [4, 4], "counts": "0"},
    "stage": "all",
    "label": None,
    "method": "gradcam",
    "scale": "own",
}


def corrected(edit: object) -> Mask:
    """Return MASK after a correction that the browser sent."""
    return EditMask.read({"photo": "a" * 64, "edit": edit}).edit.apply(MASK)


def test_a_prompt_of_points_and_a_box_is_read() -> None:
    prompt = PromptRequest.read({"points": [[1, 2, 1], [3.5, 4, 0]], "box": [0, 0, 9, 9]}).prompt()
    assert prompt.points_xy == ((1.0, 2.0), (3.5, 4.0))
    assert prompt.point_labels == (1, 0)
    assert prompt.box_xyxy == (0.0, 0.0, 9.0, 9.0)


def test_a_prompt_of_a_box_alone_is_read() -> None:
    assert PromptRequest.read({"points": [], "box": [1, 1, 5, 5]}).prompt().points_xy == ()


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
def test_a_bad_prompt_is_refused(message: object) -> None:
    with pytest.raises(PromptError):
        PromptRequest.read(message).prompt()


def test_an_evidence_request_is_read_without_its_unknown_fields() -> None:
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
def test_an_edit_changes_the_mask_as_the_named_function_does(edit: dict[str, Any], meant: Mask) -> None:
    assert np.array_equal(corrected(json.loads(json.dumps(edit))), meant)


def test_a_polygon_replaces_the_mask() -> None:
    edited = corrected({"kind": "polygon", "stroke": [[0, 0], [2, 0], [2, 2], [0, 2]]})
    assert np.argwhere(edited).max() == 2


@pytest.mark.parametrize("kind", ["paint", "erase", "polygon"])
def test_a_stroke_may_be_long_and_reach_outside_the_photo(kind: str) -> None:
    stroke = [[-100_000, 4], [100_000, 4], [0.5, -0.5]] + [[8, 8]] * (MAX_STROKE - 3)
    assert corrected({"kind": kind, "stroke": stroke, "radius": 1}).shape == (12, 16)


@pytest.mark.parametrize(
    "edit",
    [
        None,
        "fill_holes",
        ["fill_holes"],
        {},
        {"kind": None},
        {"kind": "cut", "stroke": [[1, 1]], "radius": 1},
        {"kind": "smooth"},
        {"kind": "smooth", "radius": 0},
        {"kind": "smooth", "radius": MAX_RADIUS + 1},
        {"kind": "paint", "stroke": [[1, 1]]},
        {"kind": "paint", "radius": 1},
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
        corrected(edit)


@pytest.mark.parametrize("kind", ["paint", "erase", "polygon", "smooth"])
@pytest.mark.parametrize("field", ["stroke", "radius", "kind"])
def test_junk_in_an_edit_is_accepted_or_refused_without_other_errors(kind: str, field: str) -> None:
    sound = {"kind": kind, "stroke": [[1, 1], [4, 1], [4, 4]], "radius": 2}
    for junk in JUNK:
        try:
            edited = corrected({**sound, field: junk})
        except PromptError:
            continue
        assert edited.shape == MASK.shape, junk
        assert edited.dtype == np.bool_, junk
