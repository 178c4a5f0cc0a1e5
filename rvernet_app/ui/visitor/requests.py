"""Requests about a single photo, which needs no project."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Len
from pydantic import Field

from rvernet_app.config import CAM_METHODS
from rvernet_app.errors import PromptError
from rvernet_app.picture.mask_edit import fill_holes, from_polygon, keep_largest, move_outline, paint, smooth
from rvernet_app.types import Mask, Prompt
from rvernet_app.ui.requests import Name, Number, Request, Text, WholeNumber

MAX_POINTS = 200
MAX_FOODS = 200
MAX_STROKE = 5000
MAX_RADIUS = 1000
MAX_COORDINATE = 100_000

Point = Annotated[list[Number], Len(3, 3)]
"""[x, y, label] in pixels; label 1 is on the food, 0 off it."""

Box = Annotated[list[Number], Len(4, 4)]
"""[left, top, right, bottom] in pixels."""

Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
Place = Annotated[list[Coordinate], Len(2, 2)]
"""[x, y] in pixels; it may lie outside the photo."""

Stroke = Annotated[list[Place], Len(1, MAX_STROKE)]
Outline = Annotated[list[Place], Len(3, MAX_STROKE)]
Radius = Annotated[float, Field(gt=0, le=MAX_RADIUS)]


class OpenPhoto(Request):
    """Open a sample by its name, an upload by its path, or a photo that was open before by its id.

    "name" is the name that the file had.
    """

    sample: Text | None = None
    photo: Text | None = None
    path: Any = None
    name: Text = ""


class Prepare(Request):
    """Get a photo ready for the first click."""

    photo: Text


class PromptRequest(Request):
    """Points and a box in pixels of the photo; "insist" takes a mask also where there seems to be no food."""

    expected: ClassVar[str | None] = (
        f"A prompt has at most {MAX_POINTS} points [x, y, label], and a box is [left, top, right, bottom]."
    )

    points: Annotated[list[Point], Len(0, MAX_POINTS)] | None = None
    box: Box | None = None
    insist: bool | None = None

    def prompt(self) -> Prompt:
        """Return the prompt they make.

        Raises:
            PromptError: there is neither a point on the food nor a box, or a label is not 0 or 1.
        """
        points = self.points or []
        return Prompt(
            points_xy=tuple((x, y) for x, y, _ in points),
            point_labels=tuple(_point_label(label) for _, _, label in points),
            box_xyxy=(self.box[0], self.box[1], self.box[2], self.box[3]) if self.box else None,
            insist=bool(self.insist),
        )


class Segment(PromptRequest):
    """Find the food at a prompt.

    With "onto", a mask corrected by hand, the found mask is added to it, or taken from it if "cut" is true.
    """

    expected: ClassVar[str | None] = None

    photo: Text
    refine: Any = None
    onto: Any = None
    cut: bool | None = None


class FillHoles(Request):
    """Fill the holes of a mask."""

    kind: Literal["fill_holes"]

    def apply(self, mask: Mask) -> Mask:
        """Return the corrected mask, bool (H, W)."""
        return fill_holes(mask)


class KeepLargest(Request):
    """Keep the largest part of a mask."""

    kind: Literal["keep_largest"]

    def apply(self, mask: Mask) -> Mask:
        """Return the corrected mask, bool (H, W)."""
        return keep_largest(mask)


class Smooth(Request):
    """Smooth the outline of a mask."""

    kind: Literal["smooth"]
    radius: Radius

    def apply(self, mask: Mask) -> Mask:
        """Return the corrected mask, bool (H, W)."""
        return smooth(mask, self.radius)


class Paint(Request):
    """Paint onto a mask with a round brush, or erase from it."""

    kind: Literal["paint", "erase"]
    stroke: Stroke
    radius: Radius

    def apply(self, mask: Mask) -> Mask:
        """Return the corrected mask, bool (H, W)."""
        return paint(mask, _places(self.stroke), self.radius, erase=self.kind == "erase")


class Polygon(Request):
    """Replace a mask by a polygon."""

    kind: Literal["polygon"]
    stroke: Outline

    def apply(self, mask: Mask) -> Mask:
        """Return the new mask, bool (H, W)."""
        return from_polygon((mask.shape[0], mask.shape[1]), _places(self.stroke))


class MoveOutline(Request):
    """Move the corners of one outline of a mask to other places."""

    kind: Literal["outline"]
    outline: Stroke
    stroke: Outline

    def apply(self, mask: Mask) -> Mask:
        """Return the corrected mask, bool (H, W)."""
        return move_outline(mask, _places(self.outline), _places(self.stroke))


Edit = Annotated[
    FillHoles | KeepLargest | Smooth | Paint | Polygon | MoveOutline, Field(discriminator="kind")
]


class EditMask(Request):
    """Correct a mask by hand; without "rle" one starts from nothing."""

    photo: Text
    rle: Any = None
    edit: Edit


class EvidenceRequest(Request):
    """Ask for suggestions and maps of a mask (stage "all"), or for other maps of it (stage "maps")."""

    seq: WholeNumber
    photo: Text
    rle: Any
    stage: Literal["all", "maps"]
    label: Text | None = None
    method: Literal[CAM_METHODS]  # type: ignore[valid-type]  # mypy reads no tuple in Literal
    scale: Literal["own", "common"]


class Propose(Request):
    """Look for foods all over a photo, or stop doing so."""

    seq: WholeNumber
    photo: Text | None = None
    stop: bool | None = None


class DownloadedFood(Request):
    """A food whose files are asked for: "label" is the class that its maps explain, "title" its name."""

    rle: Any
    score: Number | None = None
    label: Text | None = None
    title: Name | None = None


class Download(Request):
    """Ask for the files of the foods of a photo, which has this name."""

    photo: Text
    name: Name = ""
    foods: Annotated[list[DownloadedFood], Len(1, MAX_FOODS)]
    method: Literal[CAM_METHODS]  # type: ignore[valid-type]  # mypy reads no tuple in Literal


def _point_label(label: float) -> int:
    if label not in (0, 1):
        raise PromptError(f"A point has the label 1 (on the food) or 0 (off it), got {label:g}.")
    return int(label)


def _places(places: list[list[float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in places]
