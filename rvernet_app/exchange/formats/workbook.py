"""The food record as an Excel workbook, `food-record.xlsx`: foods, photos, and what was left out.

Numbers and times are typed. A text that starts like a formula stays a text, also after it is edited in a
spreadsheet.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font

from rvernet_app.exchange.exporting import COVERED_FOODS, ExportFood, ExportPhoto, ExportPhotos
from rvernet_app.spreadsheet import FORMULA_STARTS
from rvernet_app.store.tables import ACCEPTED, Label

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

BOOK_NAME = "food-record.xlsx"
FOODS, PHOTOS, LEFT_OUT = "Foods", "Photos", "Left out"

Value = str | int | float | datetime | None

FOOD_COLUMNS = {
    **{"photo": 28, "leftovers of": 24, "meal": 20, "food": 28, "amount": 10, "unit": 8, "method": 18},
    **{"low": 10, "high": 10, "note": 40, "who": 18, "when (UTC)": 20, "reviewed (UTC)": 20},
    **{"food code": 14, "visible pixels": 14, "photo file": 36, "photo id": 10, "food id": 10},
}
"""Columns of the sheet of foods -> their widths in characters."""
PHOTO_COLUMNS = {
    **{"photo": 28, "leftovers of": 24, "meal": 20, "foods": 8, "grams": 10, "width": 8, "height": 8},
    **{"photo file": 36, "photo id": 10, "SHA-256 of the original": 68},
}
LEFT_OUT_COLUMNS = {"what": 60, "number": 10}

TIME_FORMAT = "yyyy-mm-dd hh:mm:ss"
FIXED = datetime(1980, 1, 1, tzinfo=timezone.utc)
"""Time of every part of the file, so that the same project gives the same file."""
_CHANGED = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def write(folder: Path, photos: ExportPhotos, labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`. No photo is copied."""
    kept = {COVERED_FOODS: 0}  # a covered food was eaten as well
    book = Workbook(write_only=True)
    try:
        _fill(book, photos, kept)
    except BaseException:
        for sheet in book.worksheets:
            sheet.close()  # else openpyxl complains later of a book that was not saved
        raise
    _save(book, folder / BOOK_NAME)
    return kept


def _fill(book: Workbook, photos: ExportPhotos, kept: Mapping[str, int]) -> None:
    foods = _Sheet(book, FOODS, FOOD_COLUMNS)
    seen = _Sheet(book, PHOTOS, PHOTO_COLUMNS)
    for photo in photos:
        seen.append(_photo_row(photo))
        for food in photo.all_foods:
            foods.append(_food_row(food, photo))
    left_out = {**photos.left_out(), **kept}
    if any(left_out.values()):
        rest = _Sheet(book, LEFT_OUT, LEFT_OUT_COLUMNS)
        for reason, number in left_out.items():
            if number:
                rest.append((reason, number))


class _Sheet:
    """A sheet with a head that stays in sight."""

    def __init__(self, book: Workbook, title: str, columns: Mapping[str, int]) -> None:
        self._sheet: WriteOnlyWorksheet = book.create_sheet(title)
        self._sheet.freeze_panes = "A2"
        for number, width in enumerate(columns.values()):
            self._sheet.column_dimensions[chr(ord("A") + number)].width = width
        self._sheet.append([self._head(name) for name in columns])

    def append(self, values: Iterable[Value]) -> None:
        self._sheet.append([self._cell(value) for value in values])

    def _head(self, name: str) -> Cell:
        cell = WriteOnlyCell(self._sheet, name)
        cell.font = Font(bold=True)
        return cell

    def _cell(self, value: Value) -> Cell:
        if isinstance(value, str):
            return self._text(value)
        cell = WriteOnlyCell(self._sheet)
        if isinstance(value, datetime):
            cell.value = value.astimezone(timezone.utc).replace(
                microsecond=0, tzinfo=None
            )  # Excel has no zones
            cell.number_format = TIME_FORMAT
        else:
            cell.value = value
        return cell

    def _text(self, text: str) -> Cell:
        cell = WriteOnlyCell(self._sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", text))
        cell.data_type = "s"  # openpyxl takes a text for a formula, or for an error such as #N/A
        if text.startswith(FORMULA_STARTS):
            cell.quotePrefix = True  # a spreadsheet would run it once the cell is edited
        if "\n" in text:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        return cell


def _food_row(food: ExportFood, photo: ExportPhoto) -> tuple[Value, ...]:
    row, item, before = food.annotation, photo.final.item, photo.final.before
    return (
        item.name,
        before.name if before else None,
        item.meal,
        food.label.name,
        row.amount,
        row.unit,
        row.method,
        row.low,
        row.high,
        row.note or None,
        food.annotator,
        food.final.saved_at,
        row.changed_at if row.status == ACCEPTED else None,
        food.label.food_code,
        food.area,
        photo.name,
        item.id,
        row.id,
    )


def _photo_row(photo: ExportPhoto) -> tuple[Value, ...]:
    item, before = photo.final.item, photo.final.before
    weighed = [food.annotation.amount for food in photo.all_foods if food.annotation.unit == "g"]
    height, width = photo.size_hw
    return (
        item.name,
        before.name if before else None,
        item.meal,
        len(photo.all_foods),
        sum(amount for amount in weighed if amount is not None) if weighed else None,
        width,
        height,
        photo.name,
        item.id,
        item.photo.sha256,
    )


def _save(book: Workbook, path: Path) -> None:
    """Save a workbook without the time at which that happens."""
    dated = path.with_suffix(".dated")
    book.save(dated)
    with zipfile.ZipFile(dated) as parts, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for part in parts.infolist():
            content = parts.read(part)
            if part.filename == "docProps/core.xml":
                content = _CHANGED.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
            fixed = zipfile.ZipInfo(part.filename, FIXED.timetuple()[:6])
            fixed.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(fixed, content)
    dated.unlink()
