"""Label sets: the names that annotators can give to foods."""

from __future__ import annotations

import colorsys
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rvernet_app.errors import LabelError
from rvernet_app.portions import UNITS
from rvernet_app.reading import is_text

MAX_LABELS = 10_000
"""Labels of one label set. Every change of a set reads all of it while others wait to save."""
MAX_SYNONYMS = 100
"""Synonyms of one label."""
MAX_NAME = 200
"""Characters in a name or a synonym."""
MAX_CODE = 100
"""Characters in a food code."""
GOLDEN_ANGLE = 0.381966
"""Part of the colour wheel between two neighbours in a list; the golden angle keeps their hues far apart."""


@dataclass(frozen=True)
class LabelName:
    """One label of a label set.

    Attributes:
        name: unique in its set. White space in names and synonyms is normalized.
        synonyms: other names that a search finds it by.
        parent: name of the more general label, such as "fruit" for "apple".
        colour: "#rrggbb"; None for a colour by its place in the set, see `colour_of`.
        food_code: its code in a food composition database, such as an FDC id of FoodData Central.
        unit: in which its portions are given unless someone says otherwise, one of UNITS.

    Raises:
        LabelError: a name is empty or too long, there are too many synonyms, the food code is too long, a
            text cannot be kept, the colour is not "#rrggbb", or there is no such unit.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    parent: str | None = None
    colour: str | None = None
    food_code: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(self.name.split()))
        object.__setattr__(self, "synonyms", tuple(" ".join(name.split()) for name in self.synonyms))
        for name in (self.name, *self.synonyms):
            if not is_text(name):
                raise LabelError("The name of a label holds characters that cannot be kept.")
            if not 0 < len(name) <= MAX_NAME:
                raise LabelError(f"A label has 1 to {MAX_NAME} characters, not {len(name)}.")
        if len(self.synonyms) > MAX_SYNONYMS:
            raise LabelError(f"{self.name!r} has more than {MAX_SYNONYMS} synonyms.")
        if not is_text(self.food_code or ""):
            raise LabelError(f"The food code of {self.name!r} holds characters that cannot be kept.")
        if len(self.food_code or "") > MAX_CODE:
            raise LabelError(f"The food code of {self.name!r} has more than {MAX_CODE} characters.")
        if self.colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise LabelError(f"A colour is written as #rrggbb, not {self.colour!r}.")
        if self.unit is not None and self.unit not in UNITS:
            raise LabelError(f"The unit of {self.name!r} is one of {', '.join(UNITS)}, not {self.unit!r}.")


def require_unique(labels: Sequence[LabelName]) -> None:
    """Raise LabelError if two names are equal or differ only in case."""
    counts = Counter(label.name.casefold() for label in labels)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise LabelError(f"The label set has {twice[0]!r} twice.")


def colour_of(position: int) -> str:
    """Return a colour "#rrggbb" for the label at a place in a set, with a hue far from those of its
    neighbours.

    Args:
        position: place in the set, counted from 0.
    """
    hue = position * GOLDEN_ANGLE % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.45 + 0.1 * (position % 3 - 1), 0.65)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
