"""What the browser sends. It is untrusted JSON: everything is checked here, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rvernet_app.config import CAM_METHODS
from rvernet_app.errors import PromptError
from rvernet_app.types import Prompt

MAX_POINTS = 200


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
