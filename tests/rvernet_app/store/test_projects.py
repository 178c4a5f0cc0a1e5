"""Projects, their label sets, and who works on them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.labels import LabelName, colour_of, default_label_set
from rvernet_app.store.database import Store
from rvernet_app.store.projects import (
    add_label,
    all_projects,
    annotator_id,
    create_project,
    known_annotator,
    label,
    labels_of,
    project,
)
from rvernet_app.store.tables import Annotator, Event, Label, Project
from tests.rvernet_app.store.desk import Desk


def labels(store: Store, project_id: int) -> list[Label]:
    with store.reading() as session:
        return labels_of(session, project_id)


def test_a_project_keeps_what_it_was_made_with(store: Store) -> None:
    ann = annotator_id(store, "Ann")
    made = create_project(
        store, "  School   lunches ", [], new_labels=False, double_share=0.25, blind_share=1, by=ann
    )
    with store.reading() as session:
        found = project(session, made)
        assert (found.name, found.new_labels) == ("School lunches", False)
        assert (found.double_share, found.blind_share) == (0.25, 1.0)
        assert session.scalars(select(Event.annotator_id).where(Event.subject == "project")).all() == [ann]
        assert labels_of(session, made) == []


def test_a_project_has_the_default_label_set_where_none_is_given(store: Store) -> None:
    found = labels(store, create_project(store, "Trays"))
    assert [(row.name, row.colour) for row in found] == [
        (name.name, colour_of(position)) for position, name in enumerate(default_label_set())
    ]


def test_labels_keep_all_that_is_said_of_them(store: Store) -> None:
    names = [
        LabelName("brown rice", ("whole rice", "wholegrain rice"), parent="rice", colour="#8a5A2b"),
        LabelName("rice", food_code="168878"),
    ]
    brown, rice = labels(store, create_project(store, "Trays", names))
    assert (brown.name, brown.synonyms, brown.colour) == (
        "brown rice",
        ["whole rice", "wholegrain rice"],
        "#8a5A2b",
    )
    assert (brown.parent_id, rice.parent_id) == (rice.id, None)
    assert (brown.food_code, rice.food_code, rice.colour) == (None, "168878", colour_of(1))
    assert (brown.position, rice.position) == (0, 1)


@pytest.mark.parametrize("name", ["", " \n", "a" * 201])
def test_a_name_has_1_to_200_characters(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="a project has 1 to 200 characters"):
        create_project(store, name, [])
    with pytest.raises(StoreError, match="an annotator has 1 to 200 characters"):
        annotator_id(store, name)


def test_a_project_name_is_taken_once(store: Store) -> None:
    create_project(store, "Trays", [])
    with pytest.raises(StoreError, match="There is a project 'Trays' already"):
        create_project(store, " Trays", [])
    with store.reading() as session:
        assert [found.name for found in all_projects(session)] == ["Trays"]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("which", ["double_share", "blind_share"])
def test_shares_are_from_0_to_1(store: Store, which: str, share: float) -> None:
    with pytest.raises(StoreError, match=f"{which} is a share from 0 to 1"):
        create_project(store, "Trays", [], **{which: share})


@pytest.mark.parametrize(
    "names",
    [
        [LabelName("rice"), LabelName("Rice")],
        [LabelName("brown rice", parent="rice")],
        [LabelName("rice"), LabelName("brown rice", parent="Rice")],
    ],
)
def test_a_label_set_that_contradicts_itself_makes_no_project(store: Store, names: list[LabelName]) -> None:
    with pytest.raises(LabelError):
        create_project(store, "Trays", names)
    with store.reading() as session:
        assert session.scalars(select(Project.id)).all() == session.scalars(select(Label.id)).all() == []


def test_a_label_is_added_behind_the_others(desk: Desk) -> None:
    made = add_label(desk.store, desk.project, LabelName(" brown  rice", ("rice",), parent="rice"), desk.ben)
    row = labels(desk.store, desk.project)[-1]
    assert (row.id, row.name, row.position, row.colour) == (made, "brown rice", 3, colour_of(3))
    assert (row.synonyms, row.parent_id) == (["rice"], desk.labels["rice"])
    with desk.store.reading() as session:
        assert label(session, made).name == "brown rice"
        (event,) = session.scalars(select(Event).where(Event.subject == "label"))
        assert (event.subject_id, event.project_id, event.annotator_id) == (made, desk.project, desk.ben)


def test_the_first_label_of_all_stands_first(store: Store) -> None:
    made = create_project(store, "Trays", [])
    add_label(store, made, LabelName("rice"))
    assert [row.position for row in labels(store, made)] == [0]


@pytest.mark.parametrize(("first", "again"), [("rice", "RICE"), ("Éclair", "Éclair"), ("Éclair", "éCLAIR")])
def test_a_label_there_is_already_is_not_added_again(store: Store, first: str, again: str) -> None:
    made = create_project(store, "Trays", [LabelName(first)], new_labels=False)
    assert add_label(store, made, LabelName(again)) == labels(store, made)[0].id
    assert [row.name for row in labels(store, made)] == [first]


def test_a_label_that_cannot_be_added(store: Store) -> None:
    closed = create_project(store, "Trays", [], new_labels=False)
    with pytest.raises(StoreError, match="'Trays' keeps to its label set"):
        add_label(store, closed, LabelName("rice"))
    with pytest.raises(StoreError, match="no such project"):
        add_label(store, 999, LabelName("rice"))
    open_ = create_project(store, "Bowls", [])
    with pytest.raises(LabelError, match="'brown rice' is a kind of 'rice', which is no label"):
        add_label(store, open_, LabelName("brown rice", parent="rice"))
    assert labels(store, closed) == labels(store, open_) == []


def test_there_is_no_such_project_or_label(store: Store) -> None:
    with store.reading() as session:
        with pytest.raises(StoreError, match="no such project"):
            project(session, 1)
        with pytest.raises(StoreError, match="no such label"):
            label(session, 1)
        assert labels_of(session, 1) == all_projects(session) == []


def test_an_annotator_is_known_by_name(store: Store) -> None:
    ann, ben = annotator_id(store, "Ann Lee"), annotator_id(store, "Ben")
    assert ann != ben
    assert annotator_id(store, " Ann  Lee ") == ann
    with store.reading() as session:
        assert session.scalars(select(Annotator.name).order_by(Annotator.id)).all() == ["Ann Lee", "Ben"]


def test_asking_for_an_annotator_adds_none(store: Store) -> None:
    ann = annotator_id(store, "Ann Lee")
    with store.reading() as session:
        assert known_annotator(session, " Ann  Lee ") == ann
        assert known_annotator(session, "Ben") is known_annotator(session, "") is None
    with store.reading() as session:
        assert session.scalars(select(Annotator.name)).all() == ["Ann Lee"]
