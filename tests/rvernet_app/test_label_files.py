"""Label sets as files: plain text, CSV as programs write it, workbooks, and what is refused."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from openpyxl import Workbook

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import LabelError
from rvernet_app.label_files import (
    AS_WINDOWS,
    LabelFile,
    decode_label_set,
    default_label_set,
    label_set_csv,
    parse_label_set,
    read_label_file,
)
from rvernet_app.label_search import same_name
from rvernet_app.labels import LabelName


def test_a_text_file_has_one_label_a_line_with_its_synonyms(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffrice\r\n\r\n crème brûlée ; burnt cream;; crema catalana \r\nsoup;\r\n".encode())
    assert read_label_file(path).labels == [
        LabelName("rice"),
        LabelName("crème brûlée", ("burnt cream", "crema catalana")),
        LabelName("soup"),
    ]


KNOWN = [
    LabelName("rice", ("white rice", "boiled rice"), food_code="168878", unit="cup"),
    LabelName("brown rice", parent="rice", colour="#8a5a2b"),
    LabelName("=SUM(A1)", ("-1",), food_code="@x"),
    LabelName('soup, "clear"'),
]


def test_a_label_set_survives_csv() -> None:
    text = label_set_csv(KNOWN)
    assert text.splitlines()[:4] == [
        "name,synonyms,parent,colour,food_code,unit",
        "rice,white rice; boiled rice,,,168878,cup",
        "brown rice,,rice,#8a5a2b,,",
        "'=SUM(A1),'-1,,,'@x,",
    ]
    assert parse_label_set(text) == KNOWN


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_have_any_order_and_common_separators(separator: str) -> None:
    rows = [
        ["Food_Code", "NAME", "synonyms"],
        ["168878", "rice", '"white; boiled"'],
        ["", "", ""],
        ["", "soup"],
    ]
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows)
    assert parse_label_set(text) == [
        LabelName("rice", ("white", "boiled"), food_code="168878"),
        LabelName("soup"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,code,parent\nrice,1,\n", "a column 'code'"),
        ("name,colour\nrice,red\n", "#rrggbb"),
        ("name,parent\n,rice\n", "1 to 200 characters"),
        ("name\nrice\nRice\n", "twice"),
        (f"name,food_code\nrice,{'1' * 101}\n", "more than 100 characters"),
        (f"name,synonyms\nrice,{'a' * 201}\n", "1 to 200 characters"),
    ],
)
def test_invalid_csv_is_refused(text: str, says: str) -> None:
    with pytest.raises(LabelError, match=says):
        parse_label_set(text)


def test_an_empty_file_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n  \n")
    assert read_label_file(tmp_path / "labels.txt").labels == []


@pytest.mark.parametrize("content", [b"rice\nsoup\nRICE\n", b"cr\x81me\n", b"a" * 201])
def test_an_invalid_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(LabelError):
        read_label_file(tmp_path / "labels.txt")


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.txt"):
        with pytest.raises(LabelError, match=f"label set {path} cannot be read"):
            read_label_file(path)


def test_the_default_is_foodseg103_with_two_sauces_and_then_staples() -> None:
    names = [label.name for label in default_label_set()]
    assert names[0] == "candy"
    assert names[103:107] == ["ketchup", "chili paste", "beef", "chicken"]
    staples = {"ham", "butter", "turkey", "yoghurt", "water", "cola", "oats", "couscous", "quinoa", "lentils"}
    assert staples | {"chickpeas", "zucchini", "cheese", "peas", "spinach", "jam"} <= set(names)


def test_the_default_has_every_class_of_the_bundled_checkpoint() -> None:
    config = json.loads((ASSETS_DIR / "weights" / "rvernet-mobilenetv2" / "config.json").read_text())
    assert set(config["classes"]) <= {label.name for label in default_label_set()}


def test_no_two_labels_of_the_default_share_a_name_or_synonym() -> None:
    names = [same_name(name) for label in default_label_set() for name in (label.name, *label.synonyms)]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("sep", ["sep=;", '"sep=;"'])
def test_the_separator_that_excel_writes_is_read(sep: str) -> None:
    text = f"{sep}\r\nname;synonyms;parent;colour;food_code\r\nrice;white rice;;#ffffff;168878\r\n"
    assert parse_label_set(text) == [LabelName("rice", ("white rice",), None, "#ffffff", "168878")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "id,name\n0,background\n1,candy\n",
            "a column 'id'; a label set has the column name and may have syn",
        ),
        ("rice;white rice;;#ffffff;168878\n", "Line 1, 'rice;white rice;;#ffffff;168878', looks like a row"),
        ("rice;168878\n", "looks like a row"),
        ("rice\t168878\n", "looks like a row"),
        ("id,title\n1,candy\n2,egg tart\n", "looks like a row"),
        ("label;code\nrice;white\n", "looks like a head"),
        ("Foods\nrice\n", "looks like a head"),
        ("synonyms;parent\nrice;\n", "no column 'name'"),
        ("name,name\nrice,soup\n", "a column twice"),
        ("name,parent\nrice,,salt\n", "Row 2 of the label set has more cells"),
        ("name,unit\nrice,pound\n", "The unit of 'rice' is one of g, ml"),
        ('[{"name": "rice"}]', "not a label set"),
        ("<html>", "not a label set"),
    ],
)
def test_a_table_is_never_taken_for_plain_text(text: str, says: str) -> None:
    with pytest.raises(LabelError, match=re.escape(says)):
        parse_label_set(text)


def test_a_column_of_names_may_contain_commas() -> None:
    assert parse_label_set('name\nApples, raw\n"Pears; dried"\n') == [
        LabelName("Apples, raw"),
        LabelName("Pears; dried"),
    ]
    assert parse_label_set("Apples, raw\nPears, raw\n") == [LabelName("Apples, raw"), LabelName("Pears, raw")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_files_are_read_without_a_note(encoding: str) -> None:
    data = "name;synonyms\r\nKnödel;Klöße\r\n餃子;\r\n".encode(encoding)
    assert decode_label_set(data) == LabelFile([LabelName("Knödel", ("Klöße",)), LabelName("餃子")])


def test_a_csv_of_german_excel_is_read_with_a_note() -> None:
    read = decode_label_set("name;synonyms\r\nKnödel;Klöße\r\n".encode("cp1252"))
    assert read == LabelFile([LabelName("Knödel", ("Klöße",))], AS_WINDOWS)


def test_a_workbook_is_read() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["name", "synonyms", "food_code"], ["Knödel", "Klöße; dumpling", 168878], [None], ["soup"]):
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    assert decode_label_set(buffer.getvalue()).labels == [
        LabelName("Knödel", ("Klöße", "dumpling"), food_code="168878"),
        LabelName("soup"),
    ]


@pytest.mark.parametrize("data", [b"PK\x03\x04 broken", b"\x00r\x00i", b"\xd0\xcf\x11\xe0\x81\x00"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(LabelError, match="workbook"):
        decode_label_set(data)
