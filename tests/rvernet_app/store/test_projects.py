"""Projects and annotators."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from rvernet_app.errors import StoreError
from rvernet_app.store.database import Store
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import (
    all_projects,
    change_project,
    create_project,
    ensure_annotator,
    find_annotator,
    project,
)
from rvernet_app.store.tables import Annotator, Event, Item
from tests.rvernet_app.store.desk import commit, set_up


def test_a_project_keeps_its_settings(store: Store) -> None:
    ann = commit(store, ensure_annotator, "Ann")
    project_id = commit(
        store,
        create_project,
        "  School   lunches ",
        [],
        new_labels=False,
        double_share=0.25,
        blind_share=1,
        by=ann,
    )
    with store.reading() as session:
        found = project(session, project_id)
        assert (found.name, found.new_labels) == ("School lunches", False)
        assert (found.double_share, found.blind_share) == (0.25, 1.0)
        assert session.scalars(select(Event.annotator_id).where(Event.subject == "project")).all() == [ann]
        assert labels_of(session, project_id) == []


@pytest.mark.parametrize("name", ["", " \n", "a" * 201])
def test_a_name_outside_1_to_200_characters_is_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="a project has 1 to 200 characters"):
        commit(store, create_project, name, [])
    with pytest.raises(StoreError, match="an annotator has 1 to 200 characters"):
        commit(store, ensure_annotator, name)


def test_a_project_name_cannot_be_used_twice(store: Store) -> None:
    commit(store, create_project, "Trays", [])
    with pytest.raises(StoreError, match="There is a project 'Trays' already"):
        commit(store, create_project, " Trays", [])
    with store.reading() as session:
        assert [found.name for found in all_projects(session)] == ["Trays"]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(store: Store, share: float) -> None:
    with pytest.raises(StoreError, match="double_share is a share from 0 to 1"):
        commit(store, create_project, "Trays", [], double_share=share)
    with pytest.raises(StoreError, match="blind_share is a share from 0 to 1"):
        commit(store, create_project, "Trays", [], blind_share=share)


def test_an_unknown_project_is_refused(store: Store) -> None:
    with store.reading() as session:
        with pytest.raises(StoreError, match="no such project"):
            project(session, 1)
        assert all_projects(session) == []


def test_annotators_are_identified_by_name(store: Store) -> None:
    ann, ben = commit(store, ensure_annotator, "Ann Lee"), commit(store, ensure_annotator, "Ben")
    assert ann != ben
    assert commit(store, ensure_annotator, " Ann  Lee ") == ann
    with store.reading() as session:
        assert session.scalars(select(Annotator.name).order_by(Annotator.id)).all() == ["Ann Lee", "Ben"]


def test_finding_an_annotator_adds_no_row(store: Store) -> None:
    ann = commit(store, ensure_annotator, "Ann Lee")
    with store.reading() as session:
        assert find_annotator(session, " Ann  Lee ") == ann
        assert find_annotator(session, "Ben") is find_annotator(session, "") is None
    with store.reading() as session:
        assert session.scalars(select(Annotator.name)).all() == ["Ann Lee"]


def test_a_project_can_be_renamed_and_given_other_settings(store: Store) -> None:
    desk = set_up(store, double_share=0.0)
    commit(store, create_project, "Other", [])
    changed = commit(
        store,
        change_project,
        desk.project,
        " Lunch  trays ",
        new_labels=False,
        double_share=1.0,
        blind_share=1.0,
        self_review=False,
        by=desk.ann,
    )
    assert (changed.name, changed.new_labels, changed.double_share) == ("Lunch trays", False, 1.0)
    with store.reading() as session:
        event = session.scalars(select(Event).where(Event.subject == "project").order_by(Event.id)).all()[-1]
        assert ((event.before or {})["name"], event.annotator_id) == ("Trays", desk.ann)
    same: dict[str, Any] = {
        "new_labels": False,
        "double_share": 1.0,
        "blind_share": 1.0,
        "self_review": False,
    }
    events = desk.count()
    commit(store, change_project, desk.project, "Lunch trays", **same)
    assert desk.count() == events
    with pytest.raises(StoreError, match="There is a project 'Other' already"):
        commit(store, change_project, desk.project, "Other", **same)
    with pytest.raises(StoreError, match="1 to 200 characters"):
        commit(store, change_project, desk.project, "", **same)
    with pytest.raises(StoreError, match="double_share is a share"):
        commit(store, change_project, desk.project, "Lunch trays", **{**same, "double_share": 2.0})


def test_new_shares_hold_for_the_photos_that_are_there(store: Store) -> None:
    desk = set_up(store, double_share=0.0)
    desk.save()
    settings: dict[str, Any] = {
        "new_labels": True,
        "double_share": 1.0,
        "blind_share": 1.0,
        "self_review": False,
    }
    commit(store, change_project, desk.project, "Trays", **settings)
    with store.reading() as session:
        rows = session.execute(select(Item.wanted, Item.blind).order_by(Item.position)).all()
    assert [tuple(row) for row in rows] == [(2, False), (2, True), (2, True), (2, True)]
    desk.save(by=desk.ben)
    commit(store, change_project, desk.project, "Trays", **{**settings, "double_share": 0.0})
    with store.reading() as session:
        assert session.scalars(select(Item.wanted).order_by(Item.position)).all() == [2, 1, 1, 1]
