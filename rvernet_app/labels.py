"""Label sets: the names that annotators can give to foods."""

from __future__ import annotations

import colorsys
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import LabelError
from rvernet_app.spreadsheet import as_typed, neutral

MAX_NAME = 200
"""Characters in a name or a synonym."""
MAX_CODE = 100
"""Characters in a food code."""
COLUMNS = ("name", "synonyms", "parent", "colour", "food_code")
"""Columns of a label set as CSV; only the name is required."""
DEFAULT_FILES = ("foodseg103.txt", "staples.txt")
"""Files of the default label set, in its order."""
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

    Raises:
        LabelError: a name is empty or too long, the food code is too long, or the colour is not "#rrggbb".
    """

    name: str
    synonyms: tuple[str, ...] = ()
    parent: str | None = None
    colour: str | None = None
    food_code: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(self.name.split()))
        object.__setattr__(self, "synonyms", tuple(" ".join(name.split()) for name in self.synonyms))
        for name in (self.name, *self.synonyms):
            if not 0 < len(name) <= MAX_NAME:
                raise LabelError(f"A label has 1 to {MAX_NAME} characters, not {len(name)}.")
        if len(self.food_code or "") > MAX_CODE:
            raise LabelError(f"The food code of {self.name!r} has more than {MAX_CODE} characters.")
        if self.colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise LabelError(f"A colour is written as #rrggbb, not {self.colour!r}.")


def read_label_set(path: Path) -> list[LabelName]:
    """Read a label set from a text or CSV file, see `parse_label_set`.

    Raises:
        LabelError: the file cannot be read, is not UTF-8, or is not a label set.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"The label set {path} cannot be read: {error}.") from error
    return parse_label_set(text)


def default_label_set() -> list[LabelName]:
    """Return the classes of FoodSeg103 (Wu et al. 2021, arXiv 2105.05409), ketchup, chili paste and staples.

    FoodSeg103 comes first, so that its classes keep their numbers in exports.
    """
    folder = ASSETS_DIR / "label_sets"
    return [label for name in DEFAULT_FILES for label in read_label_set(folder / name)]


def parse_label_set(text: str) -> list[LabelName]:
    """Parse a label set from plain text or CSV.

    Plain text has one label a line: the name and its synonyms, separated by semicolons. CSV starts with a
    header of COLUMNS in any order; commas, semicolons or tabs separate its cells, and semicolons separate the
    synonyms in a cell.

    Raises:
        LabelError: a label is invalid, a name occurs twice, or a column is unknown.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    separator = _separator(lines[0]) if lines else None
    labels = list(_plain_labels(lines) if separator is None else _csv_labels(lines, separator))
    require_unique(labels)
    return labels


def label_set_csv(labels: Sequence[LabelName]) -> str:
    """Return a label set as CSV for `parse_label_set`. No cell is a formula to a spreadsheet."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for label in labels:
        cells = label.name, "; ".join(label.synonyms), label.parent, label.colour, label.food_code
        rows.writerow([neutral(cell) for cell in cells])
    return file.getvalue()


def _separator(head: str) -> str | None:
    """Return the character that separates the cells of a CSV header; None if the line is not a header."""
    for separator in (",", ";", "\t"):
        cells = [cell.strip().casefold() for cell in next(csv.reader([head], delimiter=separator), [])]
        if "name" in cells and (len(cells) == 1 or not set(COLUMNS[1:]).isdisjoint(cells)):
            return separator
    return None


def _plain_labels(lines: Sequence[str]) -> Iterator[LabelName]:
    for line in lines:
        name, *synonyms = (part.strip() for part in line.split(";"))
        if name:
            yield LabelName(name, tuple(filter(None, synonyms)))


def _csv_labels(lines: Sequence[str], separator: str) -> Iterator[LabelName]:
    head, *rows = csv.reader(lines, delimiter=separator)
    columns = [cell.strip().casefold() for cell in head]
    if unknown := [column for column in columns if column not in COLUMNS]:
        raise LabelError(f"The label set has a column {unknown[0]!r}; it may have {', '.join(COLUMNS)}.")
    for row in rows:
        cells = dict.fromkeys(COLUMNS, "")
        cells |= {column: as_typed(cell.strip()) for column, cell in zip(columns, row, strict=False)}
        if any(cells.values()):
            yield LabelName(
                cells["name"],
                tuple(filter(None, (name.strip() for name in cells["synonyms"].split(";")))),
                cells["parent"] or None,
                cells["colour"] or None,
                cells["food_code"] or None,
            )


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
