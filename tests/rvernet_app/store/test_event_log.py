"""Event log: every real change of a row adds one event."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from rvernet_app.errors import ConflictError
from rvernet_app.store.event_log import add, change, find_or_add, locked, snapshot
from rvernet_app.store.tables import DELETED, Annotation, Annotator, Comment, Event, Item
from tests.rvernet_app.store.desk import Desk, require_complete_events


def events(session: Session, subject: str) -> list[Event]:
    return list(session.scalars(select(Event).where(Event.subject == subject).order_by(Event.id)))


def test_a_snapshot_holds_every_column_as_json(desk: Desk) -> None:
    saved = desk.save("with peas", suggestions=[("rice", 0.75), ("soup", 0.25)], prompts={"points": [[1, 2]]})
    row = desk.food(saved.id)
    taken = snapshot(row)
    assert json.loads(json.dumps(taken)) == taken
    assert set(taken) == {column.name for column in Annotation.__table__.columns}
    assert taken["created_at"] == row.created_at.isoformat()
    assert taken["created_at"].endswith("+00:00")
    assert (taken["note"], taken["revision"], taken["status"]) == ("with peas", 1, "saved")


def test_a_new_row_adds_an_event_with_its_project_and_photo(desk: Desk) -> None:
    saved = desk.save()
    with desk.store.reading() as session:
        (event,) = events(session, "annotation")
        assert (event.subject_id, event.revision, event.annotator_id) == (saved.id, 1, desk.ann)
        assert (event.project_id, event.item_id) == (desk.project, desk.items[0])
        assert event.before is None
        assert event.after == snapshot(session.get_one(Annotation, saved.id))
        assert [(e.subject_id, e.project_id, e.item_id) for e in events(session, "project")] == [
            (desk.project, desk.project, None)
        ]
        assert [(e.subject_id, e.item_id) for e in events(session, "item")] == [
            (item, item) for item in desk.items
        ]


def test_a_row_without_a_revision_also_adds_an_event(desk: Desk) -> None:
    item = desk.item()
    with desk.store.writing() as session:
        words = Comment(item_id=item.id, annotator_id=desk.ben, words="Is this rice?", at=item.photo.added_at)
        add(session, words, desk.ben)
    with desk.store.reading() as session:
        (event,) = events(session, "comment")
    assert (event.item_id, event.revision, event.annotator_id) == (item.id, None, desk.ben)
    assert event.after is not None
    assert event.after["words"] == "Is this rice?"


def test_a_change_adds_a_revision_and_records_the_old_values(desk: Desk) -> None:
    saved = desk.save("peas")
    with desk.store.writing() as session:
        row = session.get_one(Annotation, saved.id)
        was = snapshot(row)
        change(session, row, {"note": "beans", "amount": 30.0}, desk.ben, revision=1)
        assert row.revision == 2
        assert row.changed_at > row.created_at
    with desk.store.reading() as session:
        event = events(session, "annotation")[-1]
        assert event.before == was
        assert event.after == {
            **was,
            "note": "beans",
            "amount": 30.0,
            "revision": 2,
            "changed_at": row.changed_at.isoformat(),
        }
        assert (event.annotator_id, event.revision, event.undoes_id) == (desk.ben, 2, None)
        require_complete_events(session)


def test_unchanged_values_add_no_event(desk: Desk) -> None:
    saved, count = desk.save("peas"), desk.count()
    with desk.store.writing() as session:
        row = session.get_one(Annotation, saved.id)
        change(session, row, {"note": "peas", "status": "saved"}, desk.ann, revision=1)
    assert desk.food(saved.id).revision == 1
    assert desk.count() == count


def test_a_change_from_an_old_revision_is_a_conflict(desk: Desk) -> None:
    saved, count = desk.save("peas"), desk.count()
    with desk.store.writing() as session:
        row = session.get_one(Annotation, saved.id)
        with pytest.raises(ConflictError) as raised:
            change(session, row, {"status": DELETED}, desk.ann, revision=0)
    assert raised.value.theirs == snapshot(desk.food(saved.id))
    assert desk.count() == count


def test_an_existing_row_is_found_instead_of_added(desk: Desk) -> None:
    query = select(Annotator).where(Annotator.name == "Cleo")
    with desk.store.writing() as session:
        first = find_or_add(session, query, lambda: Annotator(name="Cleo"))
        assert find_or_add(session, query, lambda: Annotator(name="Dan")) is first
    assert desk.count(Annotator) == 3


def test_locking_a_row_reloads_it_and_keeps_pending_changes(desk: Desk) -> None:
    with desk.store.writing() as session:
        item = session.get_one(Item, desk.items[0])
        item.wanted = 5
        changed = update(Item).where(Item.id == item.id).values(taken=1)
        session.execute(changed, execution_options={"synchronize_session": False})
        assert item.taken == 0
        assert locked(session, Item, item.id) is item
        assert (item.taken, item.wanted) == (1, 5)
        assert locked(session, Item, 999) is None
