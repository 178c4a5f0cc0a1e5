"""What the browser sends. It is untrusted JSON: everything is checked here, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rvernet_app.config import CAM_METHODS
from rvernet_app.errors import PromptError
from rvernet_app.picture.mask_edit import fill_holes, from_polygon, keep_largest, move_outline, paint, smooth
from rvernet_app.store.annotations import Draft, Portion
from rvernet_app.store.database import is_text
from rvernet_app.types import Mask, Prompt

MAX_POINTS = 200
MAX_SUGGESTIONS = 20
MAX_STROKE = 5000
MAX_RADIUS = 1000
MAX_COORDINATE = 100_000
MAX_PROMPTS = 64 * 1024
"""Characters of JSON."""
MAX_NAME = 200
MAX_NUMBER = 2**53
"""Above it the browser cannot count, and soon no database either."""


def as_mapping(message: object) -> Mapping[str, Any]:
    """The message itself. Raises PromptError when it is not a JSON object."""
    if not isinstance(message, Mapping):
        raise PromptError("The page sent something that is not a message; reload it.")
    return message


def read_prompt(message: Mapping[str, Any]) -> Prompt:
    """{"points": [[x, y, label], …], "box": [x0, y0, x1, y1] or null} -> Prompt.

    Raises:
        PromptError: malformed, or more than MAX_POINTS points.
    """
    points = message.get("points") or []
    if not isinstance(points, list) or len(points) > MAX_POINTS:
        raise PromptError(f"A prompt has at most {MAX_POINTS} points.")
    try:
        return Prompt(
            points_xy=tuple((float(x), float(y)) for x, y, _ in points),
            point_labels=tuple(int(label) for _, _, label in points),
            box_xyxy=tuple(map(float, message["box"])) if message.get("box") else None,  # type: ignore[arg-type]
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise PromptError("Points are [x, y, label] and a box is [left, top, right, bottom].") from error


def read_edit(message: Mapping[str, Any]) -> Callable[[Mask], Mask]:
    """{"edit": {"kind", …}} -> the correction of a mask that it means.

    Kinds: "paint" and "erase" with "stroke" and "radius", "polygon" with "stroke" as its corners, "outline" with one
    outline of the mask and in "stroke" where its corners are moved to, "fill_holes", "keep_largest", and "smooth" with
    "radius".

    Raises:
        PromptError: malformed, or more than MAX_STROKE places.
    """
    edit = as_mapping(message.get("edit"))
    kind = text(edit, "kind")
    if kind == "fill_holes":
        return fill_holes
    if kind == "keep_largest":
        return keep_largest
    if kind == "smooth":
        radius = _radius(edit)
        return lambda mask: smooth(mask, radius)
    stroke = _stroke(edit, "stroke")
    if kind in ("polygon", "outline") and len(stroke) < 3:
        raise PromptError("A polygon needs three corners.")
    if kind == "polygon":
        return lambda mask: from_polygon((mask.shape[0], mask.shape[1]), stroke)
    if kind == "outline":
        outline = _stroke(edit, "outline")
        return lambda mask: move_outline(mask, outline, stroke)
    if kind not in ("paint", "erase"):
        raise PromptError(f"This server knows no correction {kind!r}; reload the page.")
    radius = _radius(edit)
    return lambda mask: paint(mask, stroke, radius, erase=kind == "erase")


def _radius(edit: Mapping[str, Any]) -> float:
    radius = number(edit, "radius")
    if not 0 < radius <= MAX_RADIUS:
        raise PromptError(f"A brush has a radius from 0 to {MAX_RADIUS} pixels.")
    return radius


def _stroke(edit: Mapping[str, Any], name: str) -> list[tuple[float, float]]:
    stroke = edit.get(name)
    if not isinstance(stroke, list) or not 0 < len(stroke) <= MAX_STROKE:
        raise PromptError(f"A stroke has 1 to {MAX_STROKE} places.")
    try:
        places = [(float(x), float(y)) for x, y in stroke]
    except (TypeError, ValueError, OverflowError) as error:
        raise PromptError("A stroke is a list of [x, y].") from error
    if not all(abs(value) <= MAX_COORDINATE for place in places for value in place):
        raise PromptError("A stroke goes too far outside the photo.")
    return places


def number(message: Mapping[str, Any], name: str, default: float | None = None) -> float:
    """A number of a message, at most MAX_NUMBER in size. Raises PromptError where it is none, or is missing without a
    default."""
    value = message.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        raise PromptError(f"The page sent no number for {name}; reload it.")
    return value


def text(message: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text of a message. Raises PromptError where it is none or cannot be kept, or is missing without a default."""
    value = message.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise PromptError(f"The page sent no text for {name}; reload it.")
    if not is_text(value):
        raise PromptError(f"The text for {name} holds characters that cannot be kept; type it anew.")
    return value


def read_draft(message: Mapping[str, Any]) -> Draft:
    """{"rle", "label", "prompts", "segmenter", "checkpoint", "suggestions", "taken", "portion", "note"} -> Draft.

    Raises:
        PromptError: a field is not of its kind.
        StoreError: the portion contradicts itself.
    """
    prompts, suggestions, portion = (message.get(name) for name in ("prompts", "suggestions", "portion"))
    taken, rle, label = (message.get(name) for name in ("taken", "rle", "label"))
    sound = (
        isinstance(rle, Mapping)
        and isinstance(prompts, Mapping | None)
        and isinstance(portion, Mapping | None)
        and isinstance(suggestions, list | None)
        and isinstance(taken, bool | None)
    )
    if not sound:
        raise PromptError("The page sent a food in a way this server does not know; reload it.")
    return Draft(
        rle=rle,  # type: ignore[arg-type]
        label_id=None if label is None else int(number(message, "label")),
        prompts=_prompts(prompts or {}),
        segmenter=_name(message, "segmenter"),
        checkpoint=_name(message, "checkpoint"),
        suggestions=None
        if suggestions is None
        else [_suggestion(each) for each in suggestions[:MAX_SUGGESTIONS]],
        suggestion_taken=taken,
        portion=None if portion is None else read_portion(portion),
        note=text(message, "note", ""),
    )


def _prompts(prompts: Mapping[str, Any]) -> dict[str, Any]:
    """What made a mask, once it is known that any database keeps it."""
    try:
        written = json.dumps(prompts, allow_nan=False, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise PromptError("The prompts of this food cannot be kept; click it anew.") from error
    if len(written) > MAX_PROMPTS or "\\u0000" in written or not is_text(written):
        raise PromptError("The prompts of this food cannot be kept; click it anew.")
    return dict(prompts)


def _name(message: Mapping[str, Any], field: str) -> str | None:
    name = text(message, field, "") or None
    if len(name or "") > MAX_NAME:
        raise PromptError(f"The page sent a {field} of more than {MAX_NAME} characters; reload it.")
    return name


def _suggestion(pair: object) -> tuple[str, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise PromptError("Suggestions are [label, probability].")
    named = {"label": pair[0], "probability": pair[1]}
    return text(named, "label"), number(named, "probability")


def read_portion(portion: Mapping[str, Any]) -> Portion:
    """{"amount", "unit", "method", "low", "high"} -> Portion. Raises as `read_draft`."""
    ends = {name: None if portion.get(name) is None else number(portion, name) for name in ("low", "high")}
    return Portion(number(portion, "amount"), text(portion, "unit"), text(portion, "method"), **ends)


@dataclass(frozen=True)
class EvidenceRequest:
    """The page asks for suggestions and maps of a mask ("all"), or for other maps of it ("maps").

    Raises:
        PromptError: a field has a value it cannot have.
    """

    seq: int
    photo: object
    rle: object
    stage: Literal["all", "maps"]
    label: str | None
    method: str
    scale: Literal["own", "common"]

    def __post_init__(self) -> None:
        sound = (
            type(self.seq) is int
            and self.stage in ("all", "maps")
            and (self.label is None or isinstance(self.label, str))
            and self.method in CAM_METHODS
            and self.scale in ("own", "common")
        )
        if not sound:
            raise PromptError("The page asked for evidence in a way this server does not know; reload it.")

    @classmethod
    def read(cls, message: object) -> EvidenceRequest:
        """The request in a message; fields it does not know are left alone. Raises PromptError, see above."""
        fields = as_mapping(message)
        return cls(**{name: fields.get(name) for name in cls.__dataclass_fields__})  # type: ignore[arg-type]
