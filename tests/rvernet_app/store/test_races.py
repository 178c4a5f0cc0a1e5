"""Concurrent writers in threads: one wins, the others get an error, and no change is lost or doubled."""

from __future__ import annotations

from functools import partial

from sqlalchemy import func, select

from rvernet_app.errors import ConflictError, RvernetError, StoreError
from rvernet_app.labels import LabelName
from rvernet_app.store.annotations import Saved, foods, give_verdict
from rvernet_app.store.database import Store
from rvernet_app.store.label_sets import add_label, labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import Added, add_photos
from rvernet_app.store.tables import DONE, OPEN, Event, Item, Photo, Verdict
from tests.rvernet_app.store.desk import Desk, at_once, commit, picture, require_complete_events, set_up

ROUNDS = 25


def winner_and_loser(results: list[Saved | RvernetError]) -> tuple[Saved, ConflictError]:
    (saved,) = (r for r in results if isinstance(r, Saved))
    (conflict,) = (r for r in results if isinstance(r, ConflictError))
    return saved, conflict


def changed_foods(results: list[list[Event] | RvernetError]) -> list[int]:
    return [event.subject_id for events in results if isinstance(events, list) for event in events]


def test_exactly_one_of_two_concurrent_edits_wins(desk: Desk) -> None:
    saved = desk.save("at first")
    for number in range(ROUNDS):
        before = saved
        results = at_once(
            partial(desk.edit, before, f"Ann {number}"),
            partial(desk.edit, before, f"Ben {number}", by=desk.ben),
        )
        saved, conflict = winner_and_loser(results)
        won = f"{'Ann' if saved is results[0] else 'Ben'} {number}"
        assert saved.revision == before.revision + 1
        assert (conflict.theirs["note"], conflict.theirs["revision"]) == (won, saved.revision)
        assert desk.food(saved.id).note == won
    with desk.store.reading() as session:
        require_complete_events(session)


def test_exactly_one_of_an_edit_and_a_deletion_wins(desk: Desk) -> None:
    for number in range(ROUNDS):
        saved = desk.save(str(number))
        results = at_once(
            partial(desk.edit, saved, "changed", by=desk.ben),
            partial(desk.delete, saved),
        )
        won, conflict = winner_and_loser(results)
        row = desk.food(saved.id)
        expected = ("saved", "changed") if won is results[0] else ("deleted", str(number))
        assert (row.status, row.note, row.revision) == (*expected, 2)
        assert (conflict.theirs["status"], conflict.theirs["note"]) == expected


def test_concurrent_undos_undo_each_change_once(desk: Desk) -> None:
    for round_ in range(5):
        made = [desk.save(str(number)).id for number in range(4)]
        assert sorted(changed_foods(at_once(*[desk.undo] * 4))) == made
        with desk.store.reading() as session:
            assert len(foods(session, desk.items[0])) == 4 * round_
        assert sorted(changed_foods(at_once(*[desk.redo] * 4))) == made
    with desk.store.reading() as session:
        assert len(foods(session, desk.items[0])) == 20
        require_complete_events(session)


def test_only_one_annotator_takes_the_last_place_on_a_photo(store: Store) -> None:
    desk = set_up(store, photos=10, double_share=0.5)
    names = [desk.ann, desk.ben, commit(store, ensure_annotator, "Cleo")]
    for number, item_id in enumerate(desk.items):
        wanted = desk.item(number).wanted
        if number % 2:
            calls = [lambda by=by, n=number: desk.save("", by=by, item=n) for by in names]
        else:
            calls = [lambda by=by, item=item_id: commit(store, give_verdict, item, by, OPEN) for by in names]
        results = at_once(*calls)
        refused = [result for result in results if isinstance(result, RvernetError)]
        assert len(refused) == len(names) - wanted
        for error in refused:
            assert isinstance(error, StoreError)
            assert str(error) == "This photo already has enough annotators. Continue with the next one."
        with store.reading() as session:
            counted = select(func.count()).select_from(Verdict).where(Verdict.item_id == item_id)
            assert session.scalar(counted) == session.get_one(Item, item_id).taken == wanted


def test_one_annotator_in_several_windows_takes_one_place(desk: Desk) -> None:
    for number, item_id in enumerate(desk.items):
        at_once(
            *[lambda item=item_id: commit(desk.store, give_verdict, item, desk.ann, DONE, seconds=1.0)] * 3
        )
        assert desk.item(number).taken == 1
    assert desk.count(Verdict) == len(desk.items)
    with desk.store.reading() as session:
        assert set(session.scalars(select(Verdict.seconds))) == {3.0}
        require_complete_events(session)


def test_concurrent_calls_create_one_annotator(desk: Desk) -> None:
    for number in range(10):
        ids = at_once(*[lambda number=number: commit(desk.store, ensure_annotator, f"Cleo {number}")] * 4)
        assert ids == [commit(desk.store, ensure_annotator, f"Cleo {number}")] * 4


def test_concurrent_calls_create_one_label(desk: Desk) -> None:
    for number in range(10):
        name = LabelName(f"sauce {number}")
        first, *others = at_once(*[lambda name=name: commit(desk.store, add_label, desk.project, name)] * 3)
        assert others == [first] * 2
    with desk.store.reading() as session:
        labels = labels_of(session, desk.project)
    assert [label.position for label in labels] == list(range(13))


def test_two_projects_adding_one_photo_store_it_once(desk: Desk) -> None:
    other = commit(desk.store, create_project, "Other trays", [])

    def add(project: int, number: int) -> Added:
        (added,) = add_photos(desk.store, desk.files, project, [("p.png", picture(number))])
        return added

    for number in range(100, 110):
        results = at_once(*[lambda p=p, n=number: add(p, n) for p in (desk.project, other)])
        assert all(isinstance(r, Added) and r.item_id and not r.was_there for r in results), results
    assert desk.count(Photo) == 4 + 10


def test_concurrent_additions_get_consecutive_positions(desk: Desk) -> None:
    def add(first: int) -> list[Added]:
        sources = [(f"{n}.png", picture(n)) for n in range(first, first + 8)]
        return list(add_photos(desk.store, desk.files, desk.project, sources))

    results = at_once(*[lambda first=first: add(first) for first in (100, 104, 108)])  # the ranges overlap
    assert all(isinstance(result, list) for result in results)
    with desk.store.reading() as session:
        query = select(Item.position).where(Item.project_id == desk.project).order_by(Item.position)
        assert list(session.scalars(query)) == list(range(4 + 16))
