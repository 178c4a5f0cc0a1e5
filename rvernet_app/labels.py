"""Label sets: the vocabulary offered to the annotator."""

from __future__ import annotations

import colorsys
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import LabelError
from rvernet_app.spreadsheet import as_typed, neutral

MAX_NAME = 200
MAX_CODE = 100
COLUMNS = ("name", "synonyms", "parent", "colour", "food_code")
"""Of a label set as CSV; only the name is needed."""
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
        LabelError: a name is empty or too long, the food code is too long, or the colour is none.
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
                raise LabelError(f"A label has 1 to {MAX_NAME} characters, got {len(name)}.")
        if len(self.food_code or "") > MAX_CODE:
            raise LabelError(f"A food code has at most {MAX_CODE} characters, that of {self.name!r} more.")
        if self.colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise LabelError(f"A colour is #rrggbb, got {self.colour!r}.")


def read_label_set(path: Path) -> list[LabelName]:
    """A label set in a file, as `parse_label_set` takes it.

    Raises:
        LabelError: it cannot be read, or a name is in it twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"The label set {path} cannot be read: {error}.") from error
    return parse_label_set(text)


def parse_label_set(text: str) -> list[LabelName]:
    """A label set as text with one label a line: name, then synonyms, separated by semicolons; or as CSV.

    CSV begins with a line of COLUMNS in any order, separated by commas, semicolons or tabs, as spreadsheets do; several
    synonyms stand in their cell with semicolons between them.

    Raises:
        LabelError: a label is none, a name is in it twice, or a column has another name.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    separator = _separator(lines[0]) if lines else None
    labels = list(_plain_labels(lines) if separator is None else _csv_labels(lines, separator))
    require_unique(labels)
    return labels


def label_set_csv(labels: Sequence[LabelName]) -> str:
    """A label set as CSV, which `parse_label_set` reads back; nothing in it is a formula to a spreadsheet."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for label in labels:
        cells = label.name, "; ".join(label.synonyms), label.parent, label.colour, label.food_code
        rows.writerow([neutral(cell) for cell in cells])
    return file.getvalue()


def _separator(head: str) -> str | None:
    """What separates the cells of a CSV file by its first line; None where that is no head."""
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
