"""Queue: adding photos, choosing the next photo of an annotator, listing, and progress."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from rvernet_app.errors import FullError, StoreError
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.store import queue
from rvernet_app.store.annotations import delete, give_verdict
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import now
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.history import undo
from rvernet_app.store.listing import Filter, find_items, list_items
from rvernet_app.store.members import Person, people
from rvernet_app.store.projects import NOBODY, create_project, ensure_annotator
from rvernet_app.store.queue import Added, add_photos, lead, neighbour, next_item, progress, set_meal
from rvernet_app.store.review import reject
from rvernet_app.store.tables import DONE, OPEN, SKIPPED, UNUSABLE, Event, Item, Photo
from tests.rvernet_app.conftest import NewStore
from tests.rvernet_app.store.desk import SIZE_HW, Desk, commit, picture, require_complete_events, set_up


@pytest.fixture
def tray(store: Store) -> Desk:
    """Return a desk with six photos that want one annotator each."""
    return set_up(store, photos=6, double_share=0.0)


def give(desk: Desk, state: str, *numbers: int, by: int | None = None) -> None:
    for number in numbers:
        commit(desk.store, give_verdict, desk.items[number], by or desk.ann, state, "a hand is in the way")


def next_position(desk: Desk, by: int | None = None, after: int = -1, order: str = "queue") -> int | None:
    with desk.store.reading() as session:
        found = next_item(session, desk.project, by or desk.ann, after, order)
        return None if found is None else found.position


def listed(desk: Desk, viewer: int | None = None, **how: Any) -> list[tuple[int, str, int]]:
    with desk.store.reading() as session:
        found = list_items(session, desk.project, viewer or desk.ann, **how)
        return [(one.item.position, one.state, one.foods) for one in found]


def items(store: Store, project: int) -> list[Item]:
    with store.reading() as session:
        return list(session.scalars(select(Item).where(Item.project_id == project).order_by(Item.position)))


def test_photos_keep_the_order_in_which_they_were_added(tray: Desk) -> None:
    found = items(tray.store, tray.project)
    assert [(item.position, item.name) for item in found] == [(n, f"{n}.png") for n in range(6)]
    assert tuple(item.id for item in found) == tray.items
    assert {(item.wanted, item.taken, item.blind, item.meal, item.uncertainty) for item in found} == {
        (1, 0, False, None, None)
    }
    photo = found[3].photo
    assert photo.sha256 == hashlib.sha256(picture(3)).hexdigest()
    assert ((photo.height, photo.width), photo.format) == (SIZE_HW, "PNG")


def test_an_existing_photo_is_not_added_twice(tray: Desk) -> None:
    sources = [("new.png", picture(6)), ("again.png", picture(6)), ("old.png", picture(2))]
    added = list(add_photos(tray.store, tray.files, tray.project, sources, meal="Monday", by=tray.ben))
    assert added == [
        Added("new.png", added[0].item_id),
        Added("again.png", added[0].item_id, was_there=True),
        Added("old.png", tray.items[2], was_there=True),
    ]
    found = items(tray.store, tray.project)
    assert [(item.name, item.position, item.meal) for item in found[5:]] == [
        ("5.png", 5, None),
        ("new.png", 6, "Monday"),
    ]
    with tray.store.reading() as session:
        query = select(Event.annotator_id).where(Event.subject == "item").order_by(Event.id)
        assert session.scalars(query).all() == [None] * 6 + [tray.ben]


def test_broken_files_are_reported_and_the_others_added(tray: Desk, tmp_path: Path) -> None:
    (tmp_path / "last.png").write_bytes(picture(7))
    sources: list[tuple[str, Path | bytes]] = [
        ("empty.jpg", b""),
        ("half.png", picture(6)[:40]),
        ("menu.txt", b"rice and beans"),
        ("gone.png", tmp_path / "gone.png"),
        ("large.png", b"\0" * 1_000_001),
        ("last.png", tmp_path / "last.png"),
    ]
    added = list(add_photos(tray.store, tray.files, tray.project, sources))
    assert [one.name for one in added] == [name for name, _ in sources]
    assert [one.item_id is None for one in added] == [True] * 5 + [False]
    words = ("empty", "damaged", "text", "No such file", "over the limit")
    for one, word in zip(added, words, strict=False):
        assert one.problem is not None
        assert word in one.problem
    assert added[-1].problem is None
    assert [item.name for item in items(tray.store, tray.project)[6:]] == ["last.png"]
    assert sum(path.is_file() for path in (tray.store.folder / "originals").rglob("*")) == 7


def test_each_photo_is_committed_separately(tray: Desk) -> None:
    additions = add_photos(tray.store, tray.files, tray.project, [(f"{n}.png", picture(n)) for n in (6, 7)])
    next(additions)
    assert len(items(tray.store, tray.project)) == 7


def test_a_photo_in_two_projects_is_stored_once(tray: Desk) -> None:
    other = commit(tray.store, create_project, "Other trays", [])
    (added,) = add_photos(tray.store, tray.files, other, [("mine.png", picture(2))])
    assert (added.was_there, added.item_id in tray.items) == (False, False)
    (item,) = items(tray.store, other)
    assert (item.position, item.name) == (0, "mine.png")
    assert item.photo_id == tray.item(2).photo_id
    assert tray.count(Photo) == 6


def test_adding_photos_to_an_unknown_project_is_refused(tray: Desk) -> None:
    with pytest.raises(StoreError, match="no such project"):
        list(add_photos(tray.store, tray.files, 999, [("p.png", picture(9))]))


def test_a_long_file_name_is_cut(tray: Desk) -> None:
    list(add_photos(tray.store, tray.files, tray.project, [("n" * 600, picture(9))]))
    assert items(tray.store, tray.project)[-1].name == "n" * 500


class DrawnPhotos(PhotoFiles):
    """Photo files that accept any bytes as a photo and write nothing."""

    def add(self, source: Path | bytes) -> LoadedPhoto:
        assert isinstance(source, bytes)
        return LoadedPhoto(np.zeros((2, 3, 3), np.uint8), hashlib.sha256(source).hexdigest(), "PNG")


def drawn(store: Store, name: str, double_share: float, blind_share: float, photos: int) -> list[Item]:
    project = commit(store, create_project, name, [], double_share=double_share, blind_share=blind_share)
    files = DrawnPhotos(store.folder, max_mb=1, max_megapixels=1)
    list(add_photos(store, files, project, [(str(n), str(n).encode()) for n in range(photos)]))
    return items(store, project)


@pytest.mark.parametrize(("double_share", "blind_share"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_shares_of_0_and_1_apply_to_none_or_all(
    store: Store, double_share: float, blind_share: float
) -> None:
    found = drawn(store, "Trays", double_share, blind_share, photos=8)
    assert {(item.wanted, item.blind) for item in found} == {(1 + double_share, bool(blind_share))}


def test_a_share_of_the_photos_is_drawn_from_their_hashes(new_store: NewStore) -> None:
    store = new_store("sqlite")
    found = drawn(store, "Trays", 0.5, 0.25, photos=200)
    for item in found:  # half of the hex digits are below 8, a quarter below 4
        assert item.wanted == (2 if item.photo.sha256[0] < "8" else 1)
        assert item.blind == (item.photo.sha256[8] < "4")
    assert 80 <= sum(item.wanted == 2 for item in found) <= 120
    assert 35 <= sum(item.blind for item in found) <= 65
    assert 10 <= sum(item.blind and item.wanted == 2 for item in found) <= 40
    fewer = drawn(store, "Others", 0.25, 0.25, photos=40)
    for item, before in zip(fewer, found, strict=False):
        assert (item.photo_id, item.blind) == (before.photo_id, before.blind)
        assert item.wanted <= before.wanted


def test_the_next_photo_follows_this_one_and_the_queue_wraps_around(tray: Desk) -> None:
    assert [next_position(tray, after=after) for after in (-1, 0, 3, 4, 5, 99)] == [0, 1, 4, 5, 0, 0]


def test_a_photo_taken_by_others_is_skipped(tray: Desk) -> None:
    give(tray, OPEN, 1, by=tray.ben)
    give(tray, DONE, 2, by=tray.ben)
    assert next_position(tray, after=0) == 3
    assert next_position(tray, tray.ben, after=0) == 1  # Ben began photo 1


def test_a_begun_photo_returns_until_it_has_a_verdict(tray: Desk) -> None:
    give(tray, OPEN, 0, 2)
    assert [next_position(tray, after=after) for after in (-1, 0, 1, 5)] == [0, 1, 2, 0]
    give(tray, DONE, 0)
    give(tray, SKIPPED, 1)
    give(tray, UNUSABLE, 3)
    assert [next_position(tray, after=after) for after in (-1, 2, 5)] == [2, 4, 2]


def test_a_photo_skipped_without_a_food_is_free_for_others_and_returns_last(tray: Desk) -> None:
    give(tray, SKIPPED, 0, 1)
    assert [tray.item(number).taken for number in (0, 1)] == [0, 0]
    with tray.store.reading() as session:
        mine, bens = (progress(session, tray.project, by) for by in (tray.ann, tray.ben))
    assert (mine["new"], mine["full"], mine["skipped"], bens["new"]) == (4, 0, 2, 6)
    assert next_position(tray, tray.ben) == 0
    assert next_position(tray) == 2
    give(tray, DONE, *range(2, 6))
    assert [next_position(tray, after=after) for after in (-1, 0, 1, 5)] == [0, 1, 0, 0]
    assert next_position(tray, order="uncertain first") == 0
    give(tray, DONE, 0, by=tray.ben)
    assert [next_position(tray, after=after) for after in (-1, 1)] == [1, 1]
    with pytest.raises(FullError):
        tray.save()
    with tray.store.reading() as session:
        assert queue.is_full(session, tray.item(), tray.ann)
        counted = progress(session, tray.project, tray.ben)
    assert (counted["new"], counted["full"], counted["done"]) == (1, 4, 1)


def test_a_photo_skipped_with_a_food_keeps_its_annotator(tray: Desk) -> None:
    tray.save(item=0)
    give(tray, SKIPPED, 0)
    assert (tray.item().taken, next_position(tray, tray.ben)) == (1, 1)
    give(tray, DONE, *range(1, 6))
    assert next_position(tray) == 0


def test_resuming_a_skipped_photo_takes_one_place(tray: Desk) -> None:
    give(tray, SKIPPED, 0)
    saved = tray.save()
    with tray.store.reading() as session:
        assert queue.state_of(session, tray.items[0], tray.ann) == OPEN
    assert tray.item().taken == 1
    give(tray, SKIPPED, 0)
    commit(tray.store, delete, tray.items[0], tray.ann, id=saved.id, revision=saved.revision)
    assert tray.item().taken == 1
    give(tray, SKIPPED, 0)
    assert tray.item().taken == 0
    commit(tray.store, undo, tray.items[0], tray.ann)
    assert (tray.item().taken, next_position(tray)) == (1, 0)
    with tray.store.reading() as session:
        require_complete_events(session)


def test_a_photo_wanted_twice_gets_a_second_annotator_after_a_skip(desk: Desk) -> None:
    cleo = commit(desk.store, ensure_annotator, "Cleo")
    give(desk, DONE, 0)
    give(desk, SKIPPED, 0, by=desk.ben)
    assert (next_position(desk, cleo), desk.item().taken) == (0, 1)
    give(desk, DONE, 1, 2, 3, by=desk.ben)
    assert next_position(desk, desk.ben) == 0
    give(desk, DONE, 0, by=desk.ben)
    assert desk.item().taken == 2


def test_a_photo_wanted_twice_goes_to_two_annotators(desk: Desk) -> None:
    cleo = commit(desk.store, ensure_annotator, "Cleo")
    give(desk, DONE, 0)
    assert [next_position(desk, by) for by in (desk.ann, desk.ben, cleo)] == [1, 0, 0]
    give(desk, OPEN, 0, by=desk.ben)
    assert [next_position(desk, by) for by in (desk.ann, desk.ben, cleo)] == [1, 0, 1]


def test_an_empty_or_finished_queue_has_no_next_photo(tray: Desk) -> None:
    give(tray, DONE, *range(6))
    for order in queue.ORDERS:
        assert next_position(tray, order=order) is None
        assert next_position(tray, tray.ben, order=order) is None
    empty = commit(tray.store, create_project, "Empty", [])
    with tray.store.reading() as session:
        assert next_item(session, empty, tray.ann) is None


def test_uncertain_first_orders_photos_by_uncertainty(tray: Desk) -> None:
    with tray.store.writing() as session:
        for number, uncertainty in enumerate((0.2, None, 0.9, 0.2, None, 0.0)):
            session.get_one(Item, tray.items[number]).uncertainty = uncertainty
    order = []
    while (position := next_position(tray, order="uncertain first")) is not None:
        order.append(position)
        give(tray, DONE, position)
    assert order == [2, 0, 3, 5, 1, 4]


def test_begun_photos_come_before_uncertain_ones(tray: Desk) -> None:
    with tray.store.writing() as session:
        session.get_one(Item, tray.items[0]).uncertainty = 0.9
    give(tray, OPEN, 4, 3)
    give(tray, OPEN, 1, by=tray.ben)
    assert next_position(tray, order="uncertain first") == 3
    assert next_position(tray, tray.ben, order="uncertain first") == 1


def test_uncertain_first_leaves_the_current_photo_if_another_remains(tray: Desk) -> None:
    with tray.store.writing() as session:
        for number, uncertainty in enumerate((0.2, None, 0.9, 0.4, None, None)):
            session.get_one(Item, tray.items[number]).uncertainty = uncertainty

    def behind(*positions: int) -> list[int | None]:
        return [next_position(tray, after=after, order="uncertain first") for after in positions]

    assert behind(-1, 2, 3, 99) == [2, 3, 2, 2]
    assert commit(tray.store, lead, tray.project, tray.ann, 2, "uncertain first") == tray.items[3]
    give(tray, OPEN, 0)
    assert behind(2, 0) == [0, 2]
    give(tray, DONE, 2, 3, 4, 5)
    assert behind(0, 1) == [1, 0]
    give(tray, SKIPPED, 1)
    assert behind(0, 1) == [1, 0]
    give(tray, DONE, 1)
    assert behind(0) == [0]
    give(tray, SKIPPED, 0)
    assert behind(0, -1) == [0, 0]
    with tray.store.reading() as session:
        other = commit(tray.store, create_project, "Other trays", [])
        assert next_item(session, other, tray.ann, 0, "uncertain first") is None


def test_uncertain_first_returns_the_last_free_photo_again(tray: Desk) -> None:
    give(tray, DONE, *range(5))
    for uncertainty in (None, 0.5):
        with tray.store.writing() as session:
            session.get_one(Item, tray.items[5]).uncertainty = uncertainty
        assert next_position(tray, after=5, order="uncertain first") == 5


def test_an_unknown_order_is_refused(tray: Desk) -> None:
    with pytest.raises(StoreError, match="queue, uncertain first; got 'random'"):
        next_position(tray, order="random")


def test_neighbours_include_photos_in_any_state(tray: Desk) -> None:
    give(tray, DONE, 2, by=tray.ben)
    with tray.store.reading() as session:
        found = {
            (at, step): getattr(neighbour(session, tray.project, at, step), "position", None)
            for at in (0, 1, 5)
            for step in (-1, 1)
        }
    assert found == {(0, -1): None, (0, 1): 1, (1, -1): 0, (1, 1): 2, (5, -1): 4, (5, 1): None}


def test_an_item_and_its_state_are_found_by_id(tray: Desk) -> None:
    other = commit(tray.store, create_project, "Other trays", [])
    give(tray, SKIPPED, 1)
    with tray.store.reading() as session:
        assert queue.item(session, tray.project, tray.items[1]).name == "1.png"
        states = [queue.state_of(session, tray.items[n], by) for n, by in ((1, tray.ann), (1, tray.ben))]
        for project, item in ((other, tray.items[1]), (tray.project, 999)):
            with pytest.raises(StoreError, match="not in the project"):
                queue.item(session, project, item)
    assert states == ["skipped", "new"]


def test_a_list_shows_own_states_and_the_foods_of_others_after_done(desk: Desk) -> None:
    desk.save(by=desk.ann)
    for _ in range(2):
        desk.save(by=desk.ben)
    gone = desk.save(by=desk.ben)
    commit(desk.store, delete, desk.items[0], desk.ben, id=gone.id, revision=1)
    give(desk, UNUSABLE, 2)
    assert listed(desk) == [(0, "open", 1), (1, "new", 0), (2, "unusable", 0), (3, "new", 0)]
    assert listed(desk, desk.ben) == [(0, "open", 2), (1, "new", 0), (2, "new", 0), (3, "new", 0)]
    cleo = commit(desk.store, ensure_annotator, "Cleo")
    assert listed(desk, cleo)[0] == (0, "new", 3)  # the photo is full for Cleo
    for state, foods in ((SKIPPED, 1), (UNUSABLE, 1), (DONE, 3), (OPEN, 1)):
        give(desk, state, 0)
        assert listed(desk)[0] == (0, state, foods)


def test_a_list_does_not_count_rejected_foods(desk: Desk) -> None:
    rice = desk.labels["rice"]
    ids = [desk.save(by=by).id for by in (desk.ann, desk.ben)]
    for by in (desk.ann, desk.ben):
        give(desk, DONE, 0, by=by)
    for id, left in zip(ids, (1, 0), strict=True):
        assert [position for position, *_ in listed(desk, label_id=rice)] == [0]
        commit(desk.store, reject, desk.items[0], commit(desk.store, ensure_annotator, "Rita"), id, 1)
        assert listed(desk)[0] == (0, "done", left)
    assert listed(desk, label_id=rice) == listed(desk, label_id=rice, state=DONE) == []


def test_a_list_can_be_limited_to_one_state(tray: Desk) -> None:
    give(tray, DONE, 1, 4)
    give(tray, OPEN, 2)
    give(tray, DONE, 5, by=tray.ben)
    assert listed(tray, state=DONE) == [(1, "done", 0), (4, "done", 0)]
    assert listed(tray, state=OPEN) == [(2, "open", 0)]
    assert [position for position, *_ in listed(tray, state="new")] == [0, 3]  # Ben took the last one
    with pytest.raises(StoreError, match="got 'finished'"):
        listed(tray, state="finished")


def test_a_list_can_be_limited_to_one_label_or_annotator(desk: Desk) -> None:
    desk.save(item=0, label="rice")
    desk.save(item=0, label="soup", by=desk.ben)
    gone = desk.save(item=1, label="rice")
    desk.save(item=2, label="rice", by=desk.ben)
    commit(desk.store, delete, desk.items[1], desk.ann, id=gone.id, revision=1)
    rice, soup, beans = (desk.labels[name] for name in ("rice", "soup", "beans"))
    assert listed(desk, label_id=rice) == listed(desk, label_id=rice, state=OPEN) == [(0, "open", 1)]
    assert listed(desk, label_id=soup) == listed(desk, label_id=soup, by=desk.ben) == []
    give(desk, DONE, 0, 2)
    assert listed(desk, label_id=rice) == [(0, "done", 2), (2, "done", 1)]
    assert listed(desk, label_id=soup) == listed(desk, label_id=soup, state=DONE) == [(0, "done", 2)]
    assert listed(desk, label_id=beans) == listed(desk, label_id=rice, state=OPEN) == []
    assert listed(desk, by=desk.ben) == [(0, "done", 2), (2, "done", 1)]  # the states are Ann's
    assert listed(desk, by=desk.ben, label_id=soup) == [(0, "done", 2)]
    assert listed(desk, label_id=rice, limit=1) == [(0, "done", 2)]


def test_a_list_comes_in_pages(tray: Desk) -> None:
    give(tray, DONE, 2)
    pages, after = [], -1
    while page := listed(tray, state="new", after=after, limit=2):
        pages.append([position for position, *_ in page])
        after = pages[-1][-1]
    assert pages == [[0, 1], [3, 4], [5]]


def test_a_photo_is_full_only_for_people_who_have_not_begun_it(desk: Desk) -> None:
    cleo = commit(desk.store, ensure_annotator, "Cleo")
    give(desk, OPEN, 1, 2)
    give(desk, DONE, 2, by=desk.ben)
    with desk.store.reading() as session:
        for who, expected in ((desk.ann, [False] * 4), (cleo, [False, False, True, False])):
            found = list_items(session, desk.project, who)
            assert [one.full for one in found] == expected
            assert [queue.is_full(session, one.item, who) for one in found] == expected
    assert [position for position, *_ in listed(desk, cleo, state="new")] == [0, 1, 3]


def test_progress_counts_every_photo_once(desk: Desk) -> None:
    give(desk, DONE, 0, 1)
    give(desk, UNUSABLE, 2)
    give(desk, SKIPPED, 0, by=desk.ben)
    desk.save(item=3, by=desk.ben)
    give(desk, OPEN, 1, by=commit(desk.store, ensure_annotator, "Cleo"))
    other = commit(desk.store, create_project, "Other trays", [])
    with desk.store.reading() as session:
        assert progress(session, desk.project, desk.ann) == {
            "new": 1,
            "full": 0,
            "open": 0,
            "done": 2,
            "unusable": 1,
            "skipped": 0,
        }
        assert progress(session, desk.project, desk.ben) == {
            "new": 1,
            "full": 1,
            "open": 1,
            "done": 0,
            "unusable": 0,
            "skipped": 1,
        }
        assert set(progress(session, other, desk.ann).values()) == {0}


def test_two_annotators_are_led_to_different_photos(tray: Desk) -> None:
    led = [commit(tray.store, lead, tray.project, by) for by in (tray.ann, tray.ben, tray.ann)]
    assert led == [tray.items[0], tray.items[1], tray.items[0]]


def test_a_held_photo_is_free_again_after_the_hold_time(tray: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(tray.store, lead, tray.project, tray.ann)
    assert next_position(tray, by=tray.ben) == 1
    later = now() + queue.HOLD
    monkeypatch.setattr(queue, "now", lambda: later)
    assert next_position(tray, by=tray.ben) == 0


def test_an_annotator_is_led_back_to_a_begun_photo_that_another_holds(store: Store) -> None:
    desk = set_up(store, photos=1, double_share=1.0)
    give(desk, OPEN, 0)
    assert commit(store, lead, desk.project, desk.ben) == desk.items[0]
    assert commit(store, lead, desk.project, desk.ann) == desk.items[0]


def test_beginning_a_photo_ends_the_hold(store: Store) -> None:
    desk = set_up(store, photos=1, double_share=1.0)
    commit(store, lead, desk.project, desk.ann)
    give(desk, OPEN, 0)
    assert commit(store, lead, desk.project, desk.ben) == desk.items[0]


def test_nobody_is_led_to_a_photo_that_another_holds(store: Store) -> None:
    desk = set_up(store, photos=1, double_share=0.0)
    commit(store, lead, desk.project, desk.ann)
    assert commit(store, lead, desk.project, desk.ben) is None


def test_a_list_can_be_limited_to_uncertain_photos(tray: Desk) -> None:
    for number, uncertainty in ((1, 0.5), (2, 0.49), (4, 0.9)):
        commit(tray.store, queue.set_uncertainty, tray.items[number], uncertainty)
    give(tray, DONE, 4)
    assert [position for position, _, _ in listed(tray, uncertain=0.5)] == [1, 4]
    assert [position for position, _, _ in listed(tray, uncertain=0.5, state=DONE)] == [4]
    assert [position for position, _, _ in listed(tray, uncertain=0.5, state="new")] == [1]
    assert listed(tray, uncertain=0.95) == []


@pytest.fixture
def day(tray: Desk) -> Desk:
    """The desk with meals, and with foods of two annotators who are done."""
    commit(tray.store, set_meal, tray.items[1], "Ward 3, lunch")
    tray.save(item=2)
    give(tray, "done", 2)
    tray.save(item=3, by=tray.ben, label="soup")
    give(tray, "done", 3, by=tray.ben)
    return tray


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("4.PNG", [4]),
        ("  ward  3, ", [1]),
        ("rice", [2]),
        ("soup", [3]),  # Ben is done with it, and it wants nobody else
        ("%", []),
        ("", [0, 1, 2, 3, 4, 5]),
        ("png", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_photos_are_found_by_file_name_meal_and_label(day: Desk, search: str, found: list[int]) -> None:
    assert [position for position, _, _ in listed(day, search=search)] == found
    with day.store.reading() as session:
        ids = find_items(session, day.project, day.ann, Filter(search=search))
    assert ids == [day.items[number] for number in found]


def test_a_search_tells_nothing_of_others_foods_on_a_photo_that_one_can_still_label(store: Store) -> None:
    desk = set_up(store)
    desk.save(by=desk.ben, label="soup")
    give(desk, "skipped", 1)
    assert listed(desk, search="soup") == []
    assert [one[0] for one in listed(desk, viewer=desk.ben, search="soup")] == [0]
    desk.save(by=desk.ann, label="rice")
    give(desk, "done", 0)
    assert [one[0] for one in listed(desk, search="soup")] == [0]


def test_a_search_and_a_filter_hold_together(day: Desk) -> None:
    assert [one[0] for one in listed(day, search="png", state="done")] == [2]
    assert [one[0] for one in listed(day, search="png", state="done", label_id=day.labels["rice"])] == [2]
    assert [one[0] for one in listed(day, search="ward", state="new")] == [1]
    assert listed(day, search="ward", state="done") == []
    assert [one[0] for one in listed(day, search="png", after=3)] == [4, 5]


def test_someone_who_has_begun_nothing_finds_every_label(day: Desk) -> None:
    assert [one[0] for one in listed(day, viewer=NOBODY, search="soup")] == [3]


def test_the_people_of_a_project_are_counted(day: Desk) -> None:
    give(day, "skipped", 0)
    with day.store.reading() as session:
        assert people(session, day.project) == [
            Person("Ann", None, 2, 1, 1),
            Person("Ben", None, 1, 1, 1),
        ]
