"""What the browser sends is checked once, here."""

import math

import pytest

from rvernet_app.errors import PromptError
from rvernet_app.ui.messages import MAX_POINTS, EvidenceRequest, as_mapping, read_prompt

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
