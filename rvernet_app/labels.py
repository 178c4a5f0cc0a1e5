"""Label sets: the vocabulary offered to the annotator."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import LabelError

MAX_NAME = 200
GOLDEN_ANGLE = 0.381966
"""Of the colour wheel, as a share of it: neighbours in a list get hues far apart."""


@dataclass(frozen=True)
class LabelName:
    """One name of a label set.

    Attributes:
        name: unique in its set.
        synonyms: other names it is found by.
        parent: name of the label it is a kind of.
        colour: "#rrggbb"; None takes one by its place in the set.
        food_code: of a food composition database, such as FoodData Central's FDC id.

    Raises:
        LabelError: the name is empty or too long, or the colour is none.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    parent: str | None = None
    colour: str | None = None
    food_code: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(self.name.split()))
        if not 0 < len(self.name) <= MAX_NAME:
            raise LabelError(f"A label has 1 to {MAX_NAME} characters, got {len(self.name)}.")
        if self.colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise LabelError(f"A colour is #rrggbb, got {self.colour!r}.")


def read_label_set(path: Path) -> list[LabelName]:
    """A text file with one label a line: name, then synonyms, separated by semicolons.

    Raises:
        LabelError: it cannot be read, or a name is in it twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"The label set {path} cannot be read: {error}.") from error
    labels = []
    for line in lines:
        name, *synonyms = (part.strip() for part in line.split(";"))
        if name:
            labels.append(LabelName(name, tuple(filter(None, synonyms))))
    require_unique(labels)
    return labels


def default_label_set() -> list[LabelName]:
    """FoodSeg103's classes, ketchup and chili paste."""
    return read_label_set(ASSETS_DIR / "label_sets" / "foodseg103.txt")


def require_unique(labels: Sequence[LabelName]) -> None:
    """Raise LabelError where two labels have one name, upper and lower case being the same."""
    names = [label.name.casefold() for label in labels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LabelError(f"The label set has {twice[0]!r} twice.")


def colour_of(position: int) -> str:
    """A colour for the label at this place of a set, "#rrggbb", far in hue from those of its neighbours."""
    hue = position * GOLDEN_ANGLE % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.45 + 0.1 * (position % 3 - 1), 0.65)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
