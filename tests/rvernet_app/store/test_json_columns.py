"""Texts that no browser can be sent are not written, and those that were are mended when they are read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.labels import LabelName
from rvernet_app.store import annotations as stored_foods
from rvernet_app.store import json_columns, projects, queue, review
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.label_sets import label_names
from tests.rvernet_app.store.desk import Desk

BAD = "a\udc80"


def test_a_project_with_a_lone_surrogate_opens(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        with store.writing() as session:
            project = projects.create_project(session, "Kitchen", [LabelName("rice", ("reis",))])
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as database:
            database.execute("""UPDATE label SET synonyms = '["\\udc80x", "\\ud83c\\udf5a"]'""")
            database.commit()
        with store.reading() as session:
            assert label_names(session, project)[0].synonyms == ("\ufffdx", "\U0001f35a")


@pytest.mark.parametrize("value", [[BAD], {"a": {BAD: 1}}, ["a\0b"]])
def test_such_texts_are_not_written(value: object) -> None:
    with pytest.raises(ValueError, match="characters that cannot be kept"):
        json_columns.written(value)


@pytest.mark.parametrize("value", ["\\ud800", 'quote " and \\u0041', {"a": [None, 1.5, "ü\U0001f35a"]}])
def test_other_values_come_back(value: object) -> None:
    assert json_columns.read(json_columns.written(value)) == value
    assert json_columns.read(json_columns.written(value).encode()) == value


def test_labels_hold_only_text() -> None:
    for fields in ({"name": BAD}, {"synonyms": (BAD,)}, {"food_code": BAD}, {"name": "a\0b"}):
        with pytest.raises(LabelError, match="cannot be kept"):
            LabelName(**{"name": "rice", **fields})  # type: ignore[arg-type]


def test_no_text_of_a_person_is_half_saved(desk: Desk) -> None:
    item = desk.items[0]
    with desk.store.reading() as session:
        before = queue.item(session, desk.project, item).meal
    with pytest.raises(StoreError, match="characters that cannot be kept"), desk.store.writing() as session:
        projects.create_project(session, BAD)
    with pytest.raises(StoreError, match="characters that cannot be kept"), desk.store.writing() as session:
        projects.ensure_annotator(session, BAD)
    with pytest.raises(StoreError, match="characters that cannot be kept"), desk.store.writing() as session:
        review.comment(session, item, desk.ann, BAD)
    with pytest.raises(StoreError, match="characters that cannot be kept"), desk.store.writing() as session:
        stored_foods.give_verdict(session, item, desk.ann, "unusable", BAD)
    with desk.store.reading() as session:
        assert queue.item(session, desk.project, item).meal == before
        assert review.comments(session, item) == []
