"""Label sets: creating, adding and changing the labels of a project."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.label_files import default_label_set
from rvernet_app.labels import LabelName, colour_of
from rvernet_app.store import label_sets
from rvernet_app.store.database import Store
from rvernet_app.store.label_sets import (
    add_label,
    delete_label,
    food_counts,
    label,
    label_names,
    labels_of,
    merge_label,
    put_label,
    standing_label,
    take_label_set,
)
from rvernet_app.store.projects import create_project
from rvernet_app.store.tables import Event, Label, Project
from tests.rvernet_app.store.desk import Desk, commit, set_up


def labels(store: Store, project_id: int) -> list[Label]:
    with store.reading() as session:
        return labels_of(session, project_id)


def test_a_project_without_a_label_set_gets_the_default_one(store: Store) -> None:
    found = labels(store, commit(store, create_project, "Trays"))
    assert [(row.name, row.colour) for row in found] == [
        (name.name, colour_of(position)) for position, name in enumerate(default_label_set())
    ]


def test_labels_keep_all_their_values(store: Store) -> None:
    names = [
        LabelName("brown rice", ("whole rice", "wholegrain rice"), parent="rice", colour="#8a5A2b"),
        LabelName("rice", food_code="168878"),
    ]
    brown, rice = labels(store, commit(store, create_project, "Trays", names))
    assert (brown.name, brown.synonyms, brown.colour) == (
        "brown rice",
        ["whole rice", "wholegrain rice"],
        "#8a5A2b",
    )
    assert (brown.parent_id, rice.parent_id) == (rice.id, None)
    assert (brown.food_code, rice.food_code, rice.colour) == (None, "168878", colour_of(1))
    assert (brown.position, rice.position) == (0, 1)


@pytest.mark.parametrize(
    "names",
    [
        [LabelName("rice"), LabelName("Rice")],
        [LabelName("brown rice", parent="rice")],
        [LabelName("rice"), LabelName("brown rice", parent="Rice")],
    ],
)
def test_an_inconsistent_label_set_creates_no_project(store: Store, names: list[LabelName]) -> None:
    with pytest.raises(LabelError):
        commit(store, create_project, "Trays", names)
    with store.reading() as session:
        assert session.scalars(select(Project.id)).all() == session.scalars(select(Label.id)).all() == []


def test_a_label_is_added_after_the_others(desk: Desk) -> None:
    made = commit(
        desk.store, add_label, desk.project, LabelName(" brown  rice", ("rice",), parent="rice"), desk.ben
    )
    row = labels(desk.store, desk.project)[-1]
    assert (row.id, row.name, row.position, row.colour) == (made, "brown rice", 3, colour_of(3))
    assert (row.synonyms, row.parent_id) == (["rice"], desk.labels["rice"])
    with desk.store.reading() as session:
        assert label(session, made).name == "brown rice"
        (event,) = session.scalars(select(Event).where(Event.subject == "label"))
        assert (event.subject_id, event.project_id, event.annotator_id) == (made, desk.project, desk.ben)


def test_the_first_label_has_position_0(store: Store) -> None:
    made = commit(store, create_project, "Trays", [])
    commit(store, add_label, made, LabelName("rice"))
    assert [row.position for row in labels(store, made)] == [0]


@pytest.mark.parametrize(("first", "again"), [("rice", "RICE"), ("Éclair", "Éclair"), ("Éclair", "éCLAIR")])
def test_an_existing_label_is_not_added_twice(store: Store, first: str, again: str) -> None:
    made = commit(store, create_project, "Trays", [LabelName(first)], new_labels=False)
    assert commit(store, add_label, made, LabelName(again)) == labels(store, made)[0].id
    assert [row.name for row in labels(store, made)] == [first]


def test_an_invalid_new_label_is_refused(store: Store) -> None:
    closed = commit(store, create_project, "Trays", [], new_labels=False)
    with pytest.raises(StoreError, match="'Trays' does not accept new labels"):
        commit(store, add_label, closed, LabelName("rice"))
    with pytest.raises(StoreError, match="no such project"):
        commit(store, add_label, 999, LabelName("rice"))
    open_ = commit(store, create_project, "Bowls", [])
    with pytest.raises(LabelError, match="The parent of 'brown rice', 'rice', is not in the label set"):
        commit(store, add_label, open_, LabelName("brown rice", parent="rice"))
    assert labels(store, closed) == labels(store, open_) == []


def test_an_unknown_label_is_refused(store: Store) -> None:
    with store.reading() as session:
        with pytest.raises(StoreError, match="no such label"):
            label(session, 1)
        assert labels_of(session, 1) == []


def test_a_circle_of_parents_creates_no_project(store: Store) -> None:
    with pytest.raises(LabelError, match="'rice' would be its own parent"):
        commit(
            store,
            create_project,
            "Trays",
            [LabelName("rice", parent="grain"), LabelName("grain", parent="rice")],
        )


def test_a_label_set_is_read_back_as_given(store: Store) -> None:
    names = [
        LabelName("brown rice", ("whole rice",), "rice", "#8a5a2b", "168874"),
        LabelName("rice", colour="#ffffff"),
    ]
    made = commit(store, create_project, "Trays", names)
    with store.reading() as session:
        assert label_names(session, made) == names


def test_every_value_of_a_label_can_change_and_the_events_record_it(desk: Desk) -> None:
    known = LabelName("boiled rice", ("white rice",), parent="beans", colour="#ffeedd", food_code="168878")
    rice = desk.labels["rice"]
    assert commit(desk.store, put_label, desk.project, known, id=rice, by=desk.ben) == rice
    with desk.store.reading() as session:
        (after,) = [name for name in label_names(session, desk.project) if name.name == "boiled rice"]
        assert after == known
        (event,) = session.scalars(select(Event).where(Event.subject == "label"))
        assert event.before is not None
        assert event.after is not None
        assert (event.annotator_id, event.before["name"], event.after["name"]) == (
            desk.ben,
            "rice",
            "boiled rice",
        )
    # The same values change nothing, and a missing colour keeps the old one.
    commit(
        desk.store,
        put_label,
        desk.project,
        LabelName("boiled rice", ("white rice",), "beans", None, "168878"),
        id=rice,
    )
    with desk.store.reading() as session:
        assert len(session.scalars(select(Event).where(Event.subject == "label")).all()) == 1
        assert label(session, rice).colour == "#ffeedd"


def test_the_values_of_a_label_can_be_removed(desk: Desk) -> None:
    rice = desk.labels["rice"]
    commit(
        desk.store,
        put_label,
        desk.project,
        LabelName("rice", ("white rice",), "beans", food_code="1"),
        id=rice,
    )
    commit(desk.store, put_label, desk.project, LabelName("rice"), id=rice)
    with desk.store.reading() as session:
        row = label(session, rice)
        assert (row.synonyms, row.parent_id, row.food_code) == ([], None, None)


def test_put_label_adds_a_label_even_if_annotators_may_not(store: Store) -> None:
    made = commit(store, create_project, "Trays", [LabelName("rice")], new_labels=False)
    commit(store, put_label, made, LabelName("brown rice", parent="rice", food_code="168874"))
    with store.reading() as session:
        assert [(name.name, name.parent, name.food_code) for name in label_names(session, made)] == [
            ("rice", None, None),
            ("brown rice", "rice", "168874"),
        ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (LabelName("BEANS"), "a label 'beans' already"),
        (LabelName("Broth"), "'soup' is also called 'Broth'"),
        (LabelName("rice", parent="grain"), "'grain', is not in the label set"),
        (LabelName("rice", parent="rice"), "'rice' would be its own parent"),
    ],
)
def test_a_change_that_breaks_the_label_set_is_refused(desk: Desk, name: LabelName, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        commit(desk.store, put_label, desk.project, name, id=desk.labels["rice"])
    with desk.store.reading() as session:
        assert session.scalars(select(Event).where(Event.subject == "label")).all() == []
        row = label(session, desk.labels["rice"])
        assert (row.name, row.parent_id) == ("rice", None)


def test_a_label_of_another_project_is_refused(desk: Desk) -> None:
    other = commit(desk.store, create_project, "Other", [LabelName("soup")])
    with pytest.raises(StoreError, match="no such label"):
        commit(desk.store, put_label, other, LabelName("stew"), id=desk.labels["rice"])


def test_taking_a_label_set_adds_and_updates_but_removes_nothing(desk: Desk) -> None:
    commit(
        desk.store,
        put_label,
        desk.project,
        LabelName("rice", ("white rice",), food_code="1"),
        id=desk.labels["rice"],
    )
    given = [LabelName("brown rice", parent="Grain"), LabelName("Grain"), LabelName("RICE", food_code="2")]
    assert commit(desk.store, take_label_set, desk.project, given, desk.ann) == (2, 1)
    with desk.store.reading() as session:
        found = {name.name: name for name in label_names(session, desk.project)}
    assert list(found)[-2:] == ["brown rice", "Grain"]
    assert found["brown rice"].parent == "Grain"
    assert (found["rice"].synonyms, found["rice"].food_code) == (("white rice",), "2")
    assert commit(desk.store, take_label_set, desk.project, given, desk.ann) == (0, 0)


def test_an_inconsistent_label_set_changes_nothing(desk: Desk) -> None:
    with desk.store.reading() as session:
        before = label_names(session, desk.project)
    for given in (
        [LabelName("soup"), LabelName("SOUP")],
        [LabelName("soup", parent="broth")],
        [LabelName("rice", parent="beans"), LabelName("beans", parent="rice")],
    ):
        with pytest.raises(LabelError):
            commit(desk.store, take_label_set, desk.project, given)
        with desk.store.reading() as session:
            assert label_names(session, desk.project) == before


def test_a_merged_label_gives_its_foods_names_and_children_to_the_other(desk: Desk) -> None:
    rice, soup = desk.labels["rice"], desk.labels["soup"]
    commit(desk.store, put_label, desk.project, LabelName("rice", ("white rice", "BROTH")), id=rice)
    child = commit(desk.store, add_label, desk.project, LabelName("brown rice", parent="rice"))
    first, other = desk.save(label="rice"), desk.save(label="beans", by=desk.ben)
    with desk.store.reading() as session:
        before = session.get_one(Project, desk.project).labels_version
    assert commit(desk.store, merge_label, desk.project, rice, soup, desk.ben) == 1
    with desk.store.reading() as session:
        names = {name.name: name for name in label_names(session, desk.project)}
        assert list(names) == ["soup", "beans", "brown rice"]
        assert names["soup"].synonyms == ("broth", "rice", "white rice")
        assert names["brown rice"].parent == "soup"
        assert label(session, child).parent_id == soup
        assert food_counts(session, desk.project) == {soup: 1, desk.labels["beans"]: 1}
        assert standing_label(session, desk.project, rice) == soup
        assert session.get_one(Project, desk.project).labels_version > before
        of_rice = select(Event).where(Event.subject_id == rice, Event.subject == "label")
        last = session.scalars(of_rice).all()[-1]
        assert last.after is not None
        assert (last.annotator_id, last.after["into_id"], last.after["removed"]) == (desk.ben, soup, True)
    assert (desk.food(first.id).label_id, desk.food(first.id).revision) == (soup, first.revision)
    assert desk.food(other.id).label_id == desk.labels["beans"]


def test_a_label_can_be_merged_into_one_that_belongs_to_it(desk: Desk) -> None:
    rice = desk.labels["rice"]
    wild = commit(desk.store, add_label, desk.project, LabelName("wild rice", parent="rice"))
    black = commit(desk.store, add_label, desk.project, LabelName("black rice", parent="wild rice"))
    commit(desk.store, merge_label, desk.project, rice, black)
    with desk.store.reading() as session:
        parents = {name.name: name.parent for name in label_names(session, desk.project)}
        assert (parents["black rice"], parents["wild rice"]) == (None, "black rice")
        assert label(session, wild).parent_id == black


def test_a_deleted_label_leaves_its_foods_without_a_name_or_with_another(desk: Desk) -> None:
    rice, soup, beans = (desk.labels[name] for name in ("rice", "soup", "beans"))
    named, other = desk.save(label="rice"), desk.save(label="soup", by=desk.ben)
    assert commit(desk.store, delete_label, desk.project, rice) == 1
    assert commit(desk.store, delete_label, desk.project, soup, beans) == 1
    assert (desk.food(named.id).label_id, desk.food(other.id).label_id) == (None, beans)
    with desk.store.reading() as session:
        assert [name.name for name in label_names(session, desk.project)] == ["beans"]
        assert [standing_label(session, desk.project, each) for each in (rice, soup)] == [None, beans]
    again = commit(desk.store, add_label, desk.project, LabelName("rice"))
    assert again not in (rice, soup, beans)


def test_merges_follow_each_other(desk: Desk) -> None:
    rice, soup, beans = (desk.labels[name] for name in ("rice", "soup", "beans"))
    commit(desk.store, merge_label, desk.project, rice, soup)
    commit(desk.store, merge_label, desk.project, soup, beans)
    with desk.store.reading() as session:
        assert standing_label(session, desk.project, rice) == beans
        assert label(session, beans).synonyms == ["soup", "broth", "rice"]
    commit(desk.store, delete_label, desk.project, beans)
    with desk.store.reading() as session:
        assert standing_label(session, desk.project, rice) is None


def test_a_label_is_merged_once_and_into_another_of_its_project(desk: Desk) -> None:
    rice, soup = desk.labels["rice"], desk.labels["soup"]
    other = commit(desk.store, create_project, "Other", [LabelName("stew")])
    with desk.store.reading() as session:
        (stew,) = labels_of(session, other)
    for into, says in ((rice, "itself"), (stew.id, "no such label"), (999, "no such label")):
        with pytest.raises((LabelError, StoreError), match=says):
            commit(desk.store, merge_label, desk.project, rice, into)
    with pytest.raises(LabelError, match="cannot stay"):
        commit(desk.store, delete_label, desk.project, rice, rice)
    commit(desk.store, merge_label, desk.project, rice, soup)
    with pytest.raises(StoreError, match="no such label"):
        commit(desk.store, merge_label, desk.project, rice, soup)
    with desk.store.reading() as session, pytest.raises(StoreError, match="not in the project"):
        standing_label(session, desk.project, stew.id)


def test_a_label_set_of_any_size_is_taken_with_as_many_statements(desk: Desk) -> None:
    counts = []
    for first, size in ((0, 10), (10, 300)):
        statements: list[str] = []

        def note(_connection: object, _cursor: object, text: str, *_rest: object) -> None:
            statements.append(text)  # noqa: B023  # it is removed before the next round

        event.listen(desk.store.engine, "before_cursor_execute", note)
        names = [LabelName(f"food {number}") for number in range(first, first + size)]
        assert commit(desk.store, take_label_set, desk.project, names) == (size, 0)
        event.remove(desk.store.engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[1] <= counts[0] + 2  # rows may be written in several batches


def test_a_label_set_has_a_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_sets, "MAX_LABELS", 3)
    desk = set_up(store)  # with three labels
    before = desk.count()
    with pytest.raises(LabelError, match="at most 3 labels, and this one would have 4"):
        commit(store, take_label_set, desk.project, [LabelName("rice"), LabelName("peas")])
    with pytest.raises(LabelError, match="at most 3 labels"):
        commit(store, add_label, desk.project, LabelName("peas"))
    with pytest.raises(LabelError, match="would have 4"):
        commit(store, create_project, "Big", [LabelName(f"food {n}") for n in range(4)])
    assert desk.count() == before
