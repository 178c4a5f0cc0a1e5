"""Label sets: unique names, files, and distinguishable colours."""

from __future__ import annotations

import colorsys
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import LabelError
from rvernet_app.label_search import same_name
from rvernet_app.labels import (
    MAX_NAME,
    LabelName,
    colour_of,
    default_label_set,
    label_set_csv,
    parse_label_set,
    read_label_set,
    require_unique,
)


def hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)))[0]


def test_white_space_in_a_name_is_normalized() -> None:
    assert LabelName(" brown \t rice\n") == LabelName("brown rice")


@pytest.mark.parametrize("name", ["", " \n", "a" * (MAX_NAME + 1)])
def test_a_name_has_1_to_200_characters(name: str) -> None:
    with pytest.raises(LabelError, match="1 to 200 characters"):
        LabelName(name)
    assert LabelName("a" * MAX_NAME).name == "a" * MAX_NAME


@pytest.mark.parametrize("colour", ["#09afAF", "#000000"])
def test_a_colour_is_six_digits(colour: str) -> None:
    assert LabelName("rice", colour=colour).colour == colour


@pytest.mark.parametrize(
    "colour", ["", "red", "#fff", "#12345g", "#1234567", "123456", "##12345", "#12345\n"]
)
def test_an_invalid_colour_is_refused(colour: str) -> None:
    with pytest.raises(LabelError, match="#rrggbb"):
        LabelName("rice", colour=colour)


def test_a_text_file_has_one_label_a_line_with_its_synonyms(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffrice\r\n\r\n crème brûlée ; burnt cream;; crema catalana \r\nsoup;\r\n".encode())
    assert read_label_set(path) == [
        LabelName("rice"),
        LabelName("crème brûlée", ("burnt cream", "crema catalana")),
        LabelName("soup"),
    ]


KNOWN = [
    LabelName("rice", ("white rice", "boiled rice"), food_code="168878"),
    LabelName("brown rice", parent="rice", colour="#8a5a2b"),
    LabelName("=SUM(A1)", ("-1",), food_code="@x"),
    LabelName('soup, "clear"'),
]


def test_a_label_set_survives_csv() -> None:
    text = label_set_csv(KNOWN)
    assert text.splitlines()[:4] == [
        "name,synonyms,parent,colour,food_code",
        "rice,white rice; boiled rice,,,168878",
        "brown rice,,rice,#8a5a2b,",
        "'=SUM(A1),'-1,,,'@x",
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
    assert read_label_set(tmp_path / "labels.txt") == []


@pytest.mark.parametrize("content", [b"rice\nsoup\nRICE\n", b"cr\xe8me\n", b"a" * 201])
def test_an_invalid_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(LabelError):
        read_label_set(tmp_path / "labels.txt")


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.txt"):
        with pytest.raises(LabelError, match=f"label set {path} cannot be read"):
            read_label_set(path)


@pytest.mark.parametrize("twice", [("Rice", "rice"), ("STRASSE", "straße"), ("rice", " rice ")])
def test_names_that_differ_only_in_case_are_refused(twice: tuple[str, str]) -> None:
    with pytest.raises(LabelError, match="twice"):
        require_unique([LabelName("soup"), *map(LabelName, twice)])
    require_unique([LabelName("soup"), LabelName(twice[0])])


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


def test_colours_of_neighbours_are_far_apart_in_hue() -> None:
    colours = [colour_of(position) for position in range(105)]
    assert all(LabelName("x", colour=colour) for colour in colours)
    for first, second in pairwise(colours):
        apart = abs(hue(first) - hue(second))
        assert min(apart, 1 - apart) > 0.3
    assert len(set(colours)) == 105
