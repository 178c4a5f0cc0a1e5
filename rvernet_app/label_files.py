"""Read and write label sets as files: plain text, CSV, and spreadsheets of Excel."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from openpyxl import load_workbook

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import LabelError
from rvernet_app.labels import MAX_LABELS, LabelName, require_unique
from rvernet_app.reading import lines_of, read_bytes, text_of
from rvernet_app.spreadsheet import as_typed, neutral

COLUMNS = ("name", "synonyms", "parent", "colour", "food_code", "unit")
"""Columns of a label set as a table; only the name is required."""
HEADS = frozenset(
    ("id", "label", "food", "class", "category", "code", "colour", "color", "synonym", "number")
)
"""Singular words that a head may have and that are no foods."""
DEFAULT_FILES = ("foodseg103.txt", "staples.txt")
"""Files of the default label set, in its order."""
DRINKS_FILE = "drinks.txt"
"""Names of the default label set whose portions are given in millilitres."""
MAX_BYTES = 4 * 10**6
"""Size of a file with a label set."""
MAX_SHEET = 8 * 10**6
"""Bytes of all parts of a workbook, unpacked."""
MAX_SHEET_PARTS = 1000
MAX_ROWS = 2 * MAX_LABELS
"""Rows of a sheet that are read; some may be empty."""
MAX_COLUMNS = 64
SEPARATORS = ",;\t"
AS_WINDOWS = (
    "The file is not in UTF-8. It was read as Windows text of Western Europe (cp1252); "
    "check letters with accents."
)


@dataclass(frozen=True)
class LabelFile:
    """A label set as it was read.

    Attributes:
        note: a sentence about how the file was read, if a person should know.
    """

    labels: list[LabelName]
    note: str | None = None


def read_label_file(path: Path) -> LabelFile:
    """Read a label set from a file, see `decode_label_set`.

    Raises:
        LabelError: the file cannot be read, or is not a label set.
    """
    try:
        data = read_bytes(path, MAX_BYTES)
    except OSError as error:
        reason = error.strerror or error
        raise LabelError(f"The label set {path} cannot be read: {reason}.") from error
    return decode_label_set(data)


def default_label_set() -> list[LabelName]:
    """Return the classes of FoodSeg103 (Wu et al. 2021, arXiv 2105.05409), ketchup, chili paste and staples.

    FoodSeg103 comes first, so that its classes keep their numbers in exports.
    """
    folder = ASSETS_DIR / "label_sets"
    drinks = {label.name for label in read_label_file(folder / DRINKS_FILE).labels}
    labels = (label for name in DEFAULT_FILES for label in read_label_file(folder / name).labels)
    return [replace(label, unit="ml") if label.name in drinks else label for label in labels]


def decode_label_set(data: bytes) -> LabelFile:
    """Read a label set from the bytes of a file: a spreadsheet (.xlsx), or text, see `parse_label_set`.

    Text is UTF-8 or UTF-16, and otherwise Windows text of Western Europe, as Excel writes its CSV there.

    Raises:
        LabelError: it is neither, or not a label set.
    """
    if len(data) > MAX_BYTES:
        raise LabelError(f"The file has over {MAX_BYTES / 1e6:g} MB, more than a label set has.")
    if data.startswith(b"PK\x03\x04"):
        return LabelFile(_checked(_table_labels(list(_spreadsheet_rows(data)))))
    text, note = _decoded(data)
    return LabelFile(parse_label_set(text), note)


def parse_label_set(text: str) -> list[LabelName]:
    """Parse a label set from plain text or CSV.

    Plain text has one label a line: the name and its synonyms, separated by semicolons. CSV starts with a
    head of COLUMNS in any order; commas, semicolons or tabs separate its cells, and semicolons separate the
    synonyms in a cell. Excel's line "sep=;" may come before the head.

    Raises:
        LabelError: a label is invalid, a name occurs twice, a column is unknown, or the text looks like a
            table whose head is not understood.
    """
    lines = lines_of(text.removeprefix("\ufeff"))
    while lines and not lines[0].strip():
        del lines[0]
    said = re.fullmatch(r'"?sep=(.)"?', lines[0].strip(" ")) if lines else None
    if said:
        del lines[0]
    if not lines:
        return []
    try:
        separator = said[1] if said else _separator(lines[0])
        if separator is None:
            _require_plain(lines)
            return _checked(_plain_labels(lines))
        if _cells(lines[0], separator) == ["name"]:  # a name of one column may contain commas
            rows = [[cell] for line in lines for cell in next(csv.reader([line], delimiter="\x1f"), [""])]
        else:
            rows = list(csv.reader([f"{line}\n" for line in lines], delimiter=separator))
    except csv.Error as error:
        raise LabelError(f"The label set is damaged: {error}.") from error
    return _checked(_table_labels(rows))


def label_set_csv(labels: Sequence[LabelName]) -> str:
    """Return a label set as CSV for `decode_label_set`. No cell is a formula to a spreadsheet."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for label in labels:
        synonyms = "; ".join(label.synonyms)
        cells = label.name, synonyms, label.parent, label.colour, label.food_code, label.unit
        rows.writerow([neutral(cell) for cell in cells])
    return file.getvalue()


def _decoded(data: bytes) -> tuple[str, str | None]:
    try:
        text, note = text_of(data), None
    except UnicodeDecodeError:
        text, note = data.decode("cp1252", errors="replace"), AS_WINDOWS
    if "\0" in text or "\ufffd" in text:
        raise LabelError(
            "The file is not text that this program can read. In Excel, save it as "
            "“CSV UTF-8” or as a workbook (.xlsx)."
        )
    return text, note


def _spreadsheet_rows(data: bytes) -> Iterator[list[str]]:
    """Yield the rows of the first sheet of a workbook, without empty ones."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            members = parts.infolist()
        if len(members) > MAX_SHEET_PARTS or sum(member.file_size for member in members) > MAX_SHEET:
            raise LabelError(
                f"The workbook is over {MAX_SHEET / 1e6:g} MB when unpacked, more than a label set; "
                "save its sheet as “CSV UTF-8”."
            )
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        # A sheet can say that it has a million rows and columns and hold none of them.
        for row in book.worksheets[0].iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True):
            cells = ["" if value is None else str(value).strip() for value in row]
            if any(cells):
                yield cells
    except LabelError:
        raise
    except Exception as error:  # on damaged files openpyxl raises nearly every built-in error
        raise LabelError("The file is not a workbook of Excel, or it is damaged.") from error


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().casefold() for cell in next(csv.reader([line], delimiter=separator), [])]


def _separator(head: str) -> str | None:
    """Return the character that separates the cells of a CSV head; None if the line is not a head."""
    for separator in SEPARATORS:
        cells = _cells(head, separator)
        if "name" in cells or (len(cells) > 1 and not set(COLUMNS).isdisjoint(cells)):
            return separator
    return None


def _require_plain(lines: Sequence[str]) -> None:
    """Raise LabelError if plain text looks like a table, or like something else than labels."""
    words = re.findall(r"[^\W_]+", lines[0].casefold())
    if words and {word.removesuffix("s").replace("classe", "class") for word in words} <= HEADS:
        raise LabelError(
            f"The first line, {lines[0].strip()!r}, looks like a head of a table. A head has the column name "
            f"and may have {', '.join(COLUMNS[1:])}."
        )
    if lines[0].lstrip().startswith(("{", "[", "<")):
        raise LabelError("This is not a label set; it is a text with one label a line, CSV or a workbook.")
    for number, line in enumerate(lines, 1):
        parts = [part.strip() for part in line.split(";")]
        if "\t" in line or any(re.fullmatch(r"#[0-9a-fA-F]{6}|[\d.,]+", part) for part in parts[1:]):
            raise _no_head(number, line)
    filled = [line for line in lines if line.strip()]
    first_cells = [line.split(",")[0].strip() for line in filled]
    is_table = len(filled) > 1 and all("," in line for line in filled)
    if is_table and all(cell.isdecimal() for cell in first_cells[1:]):
        raise _no_head(1, lines[0])


def _no_head(number: int, line: str) -> LabelError:
    return LabelError(
        f"Line {number}, {line.strip()[:60]!r}, looks like a row of a table without a head. Begin the file "
        f"with a head that has the column name; it may have {', '.join(COLUMNS[1:])}."
    )


def _plain_labels(lines: Sequence[str]) -> Iterator[LabelName]:
    for line in lines:
        name, *synonyms = (part.strip() for part in line.split(";"))
        if name:
            yield LabelName(name, tuple(filter(None, synonyms)))


def _table_labels(rows: Sequence[Sequence[str]]) -> Iterator[LabelName]:
    """Yield the labels of a table whose first row is its head."""
    if not rows:
        return
    columns = [cell.strip().casefold().replace("color", "colour") for cell in rows[0]]
    while columns and not columns[-1]:
        del columns[-1]
    may = f"a label set has the column name and may have {', '.join(COLUMNS[1:])}"
    if unknown := [column for column in columns if column not in COLUMNS]:
        raise LabelError(f"The label set has a column {unknown[0]!r}; {may}.")
    if "name" not in columns:
        raise LabelError(f"The label set has no column 'name'; {may}.")
    if len(set(columns)) < len(columns):
        raise LabelError(f"The label set has a column twice; {may}.")
    for number, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row[len(columns) :]):
            raise LabelError(f"Row {number} of the label set has more cells than the head.")
        given = {column: as_typed(cell.strip()) for column, cell in zip(columns, row, strict=False)}
        cells = dict.fromkeys(COLUMNS, "") | given
        if any(cells.values()):
            yield LabelName(
                cells["name"],
                tuple(filter(None, (name.strip() for name in cells["synonyms"].split(";")))),
                cells["parent"] or None,
                cells["colour"] or None,
                cells["food_code"] or None,
                cells["unit"] or None,
            )


def _checked(labels: Iterator[LabelName]) -> list[LabelName]:
    found = list(islice(labels, MAX_LABELS + 1))
    if len(found) > MAX_LABELS:
        raise LabelError(f"A label set has at most {MAX_LABELS} labels, this one has more.")
    require_unique(found)
    return found
