"""Label sets: text, CSV and workbooks."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Sequence
from functools import cache

from openpyxl import Workbook

from rvernet_app.label_files import COLUMNS, decode_label_set
from tests.fuzz import mutate
from tests.fuzz.target import Target

CSV = (
    "name,synonyms,parent,colour,food_code,unit\n"
    'rice,"arroz; Reis",,#ff8800,168878,g\nfruit,,,,,\napple,,fruit,,,\nmilk,,,,,ml\n'
)
XML = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml")


class Labels(Target):
    """Reads the bytes of a label set."""

    name, weight = "labels", 20
    short = 200

    def seeds(self) -> Sequence[bytes]:
        """Return label sets as text, as CSV of several kinds, and as workbooks."""
        return _seeds()

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the seed with changed cells, bytes, or files inside a workbook."""
        if data.startswith(b"PK") and rng.random() < 0.8:
            return _changed_workbook(rng, data)
        if rng.random() < 0.6:
            return mutate.changed_text(rng, data)
        return super().mutated(rng, data)

    def run(self, data: bytes) -> str:
        """Read the label set."""
        read = decode_label_set(data)
        return f"{min(3, len(read.labels))} labels"


@cache
def _seeds() -> tuple[bytes, ...]:
    other = CSV.replace(",", ";")
    return (
        *(CSV.encode(), other.encode("cp1252"), CSV.encode("utf-16"), CSV.encode("utf-8-sig")),
        *(b"rice\nsoup\ncr\xc3\xa8me br\xc3\xbbl\xc3\xa9e\n", b"label\tparent\nrice\t\nbasmati\trice\n"),
        _workbook(),
    )


def _workbook() -> bytes:
    book = Workbook()
    assert book.active is not None
    book.active.append(list(COLUMNS))
    for row in CSV.splitlines()[1:]:
        book.active.append(row.split(","))
    file = io.BytesIO()
    book.save(file)
    return _zipped(_members(file.getvalue()))


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(members: dict[str, bytes]) -> bytes:
    """Return a ZIP of these members; no clock tells it from another one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            fixed = b"<modified/>" if name == "docProps/core.xml" else data
            archive.writestr(zipfile.ZipInfo(name), fixed)
    return file.getvalue()


def _changed_workbook(rng: random.Random, data: bytes) -> bytes:
    members = _members(data)
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice([*XML, *members])
        if name not in members:
            continue
        if rng.random() < 0.06:
            del members[name]
        elif rng.random() < 0.4:
            members[name] = _changed_tags(rng, members[name])
        else:
            members[name] = mutate.changed_bytes(rng, members[name], list(members.values()))
    return _zipped(members)


def _changed_tags(rng: random.Random, data: bytes) -> bytes:
    """Return XML with one tag or one value repeated, removed or replaced."""
    parts = data.split(b"<")
    at = rng.randrange(1, len(parts)) if len(parts) > 1 else 0
    what = rng.random()
    if what < 0.2:
        del parts[at]
    elif what < 0.5:
        parts[at:at] = [parts[at]] * rng.choice((1, 5, 500))
    else:
        pieces = parts[at].split(b'"')
        token = mutate.written_json(mutate.leaf(rng)).strip(b'"')[:500]
        pieces[rng.randrange(len(pieces))] = token
        parts[at] = b'"'.join(pieces)
    return b"<".join(parts)
