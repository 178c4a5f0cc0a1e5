"""Consensus: the final foods of each photo, with its meal and split."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from sqlalchemy import event

from rvernet_app.errors import StoreError
from rvernet_app.store.annotations import delete, give_verdict
from rvernet_app.store.consensus import FinalPhoto, Shares, final_photos
from rvernet_app.store.event_log import change
from rvernet_app.store.projects import create_project
from rvernet_app.store.tables import (
    ACCEPTED,
    DONE,
    OPEN,
    REJECTED,
    SKIPPED,
    UNUSABLE,
    Annotation,
    Item,
)
from tests.rvernet_app.store.desk import Desk, commit, square


def read(desk: Desk, shares: Shares | None = None) -> list[FinalPhoto]:
    with desk.store.reading() as session:
        return list(final_photos(session, desk.project, shares))


def notes(photo: FinalPhoto) -> list[str]:
    return [food.annotation.note for food in photo.foods]


def done(desk: Desk, by: int | None = None, item: int = 0, state: str = DONE) -> None:
    commit(desk.store, give_verdict, desk.items[item], by or desk.ann, state, "a hand is in the way")


def review(desk: Desk, id: int, status: str) -> None:
    with desk.store.writing() as session:
        row = session.get_one(Annotation, id)
        change(session, row, {"status": status}, desk.ben, row.revision)


def set_item(desk: Desk, number: int, **values: object) -> None:
    with desk.store.writing() as session:
        for name, value in values.items():
            setattr(session.get_one(Item, desk.items[number]), name, value)


def test_a_done_photo_is_final_with_its_foods(desk: Desk) -> None:
    desk.save("a", label="rice")
    desk.save("b", label="soup", left=4)
    desk.save("other", item=1)
    assert read(desk) == []
    done(desk)
    (photo,) = read(desk)
    assert photo.item.id == desk.items[0]
    assert photo.item.photo.sha256 == photo.meal
    assert [(f.label.name, f.annotator, f.rle) for f in photo.foods] == [
        ("rice", "Ann", square(0)),
        ("soup", "Ann", square(4)),
    ]


@pytest.mark.parametrize("state", [OPEN, SKIPPED, UNUSABLE])
def test_a_photo_in_another_state_is_not_final(desk: Desk, state: str) -> None:
    desk.save()
    done(desk, state=state)
    assert read(desk) == []


def test_a_photo_that_one_annotator_calls_unusable_is_left_out(desk: Desk) -> None:
    desk.save()
    done(desk)
    done(desk, by=desk.ben, state=UNUSABLE)
    assert read(desk) == []


def test_a_done_photo_may_have_no_foods(desk: Desk) -> None:
    done(desk)
    assert [notes(photo) for photo in read(desk)] == [[]]


def test_unnamed_deleted_and_rejected_foods_are_left_out(desk: Desk) -> None:
    desk.save("unnamed", label=None)
    gone, refused = desk.save("deleted"), desk.save("rejected")
    desk.save("kept")
    commit(desk.store, delete, desk.items[0], desk.ann, id=gone.id, revision=1)
    review(desk, refused.id, REJECTED)
    done(desk)
    assert [notes(photo) for photo in read(desk)] == [["kept"]]


def test_the_annotator_who_began_first_counts(desk: Desk) -> None:
    desk.save("Ben's", by=desk.ben)
    desk.save("Ann's")
    done(desk)
    assert [notes(photo) for photo in read(desk)] == [["Ann's"]]  # Ben is not done
    done(desk, by=desk.ben)
    assert [notes(photo) for photo in read(desk)] == [["Ben's"]]


def test_accepted_foods_count_with_the_undecided_foods_of_the_first_annotator(desk: Desk) -> None:
    first, second = desk.save("Ann's first"), desk.save("Ann's second")
    theirs = desk.save("Ben's first", by=desk.ben)
    desk.save("Ben's second", by=desk.ben)
    for by in (desk.ann, desk.ben):
        done(desk, by=by)
    review(desk, theirs.id, ACCEPTED)
    assert [notes(photo) for photo in read(desk)] == [["Ann's first", "Ann's second", "Ben's first"]]
    review(desk, first.id, REJECTED)
    review(desk, second.id, ACCEPTED)
    assert [notes(photo) for photo in read(desk)] == [["Ann's second", "Ben's first"]]


def test_photos_come_in_queue_order_for_any_batch_size(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(desk.store, create_project, "Other trays", [])
    for number in (3, 0, 2):
        desk.save(str(number), item=number)
        done(desk, item=number)
    set_item(desk, 0, before_id=desk.items[3])  # photo 3 is read later
    whole = read(desk)
    assert [notes(photo) for photo in whole] == [["0"], ["2"], ["3"]]
    assert whole[0].meal == whole[2].meal == desk.item(3).photo.sha256
    monkeypatch.setattr("rvernet_app.store.consensus.AT_ONCE", 1)
    paged = read(desk)
    assert [(p.item.id, p.meal, p.split) for p in paged] == [(p.item.id, p.meal, p.split) for p in whole]


def test_leftovers_share_the_meal_of_the_photo_before(desk: Desk) -> None:
    set_item(desk, 1, meal="Monday")
    set_item(desk, 2, before_id=desk.items[1])
    set_item(desk, 3, before_id=desk.items[0])
    for number in range(4):
        done(desk, item=number)
    first, second, third, fourth = read(desk)
    assert first.meal == fourth.meal == desk.item(0).photo.sha256
    assert second.meal == third.meal == "Monday"
    assert first.split == fourth.split
    assert second.split == third.split


@pytest.mark.parametrize("at_once", [500, 2, 1])
def test_a_chain_of_leftovers_shares_the_meal_of_the_first_photo(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("rvernet_app.store.consensus.AT_ONCE", at_once)
    for number, before in ((3, 1), (1, 2), (2, 0)):
        set_item(desk, number, before_id=desk.items[before])
    for number in range(4):
        done(desk, item=number)
    assert {photo.meal for photo in read(desk)} == {desk.item(0).photo.sha256}
    set_item(desk, 0, meal="Monday")
    assert {photo.meal for photo in read(desk)} == {"Monday"}


def test_leftovers_ignore_their_own_meal_name(desk: Desk) -> None:
    set_item(desk, 0, meal="Tuesday", before_id=desk.items[2])
    set_item(desk, 1, meal="Monday")
    set_item(desk, 3, meal="Tuesday", before_id=desk.items[1])
    for number in range(4):
        done(desk, item=number)
    own_meal = desk.item(2).photo.sha256
    assert [photo.meal for photo in read(desk)] == [own_meal, "Monday", own_meal, "Monday"]


@pytest.mark.parametrize("at_once", [500, 1])
def test_photos_in_a_circle_of_leftovers_stay_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("rvernet_app.store.consensus.AT_ONCE", at_once)
    # Photo 0 leads to the circle of 2 and 3; photo 1 points to itself.
    for number, before in ((0, 2), (1, 1), (2, 3), (3, 2)):
        set_item(desk, number, before_id=desk.items[before], meal=f"meal {number}")
    for number in range(4):
        done(desk, item=number)
    assert [photo.meal for photo in read(desk)] == ["meal 2", "meal 1", "meal 2", "meal 2"]


def test_a_long_chain_needs_no_extra_queries(desk: Desk) -> None:
    for number in range(4):
        done(desk, item=number)
    asked: list[str] = []
    event.listen(desk.store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    read(desk)
    alone = len(asked)
    for number in (1, 2, 3):
        set_item(desk, number, before_id=desk.items[number - 1])
    asked.clear()
    read(desk)
    assert len(asked) == alone


def test_a_split_depends_only_on_the_meal_name() -> None:
    def drawn(meal: str) -> float:
        return int(hashlib.sha256(meal.encode()).hexdigest()[:8], 16) / 2**32

    shares = Shares(val=0.2, test=0.1)
    for meal in map(str, range(300)):
        place = drawn(meal)
        assert shares.split_of(meal) == ("val" if place < 0.2 else "test" if place < 0.3 else "train")


def test_splits_have_roughly_their_shares() -> None:
    counts = Counter(Shares(val=0.2, test=0.1).split_of(f"meal {n}") for n in range(2000))
    assert abs(counts["val"] - 400) < 60
    assert abs(counts["test"] - 200) < 45
    assert {Shares(0, 0).split_of(f"meal {n}") for n in range(50)} == {"train"}


def test_adding_photos_keeps_earlier_splits(desk: Desk) -> None:
    shares = Shares(0.4, 0.4)
    for number in (1, 3):
        done(desk, item=number)
    before = {photo.item.id: photo.split for photo in read(desk, shares)}
    for number in (0, 2):
        done(desk, item=number)
    after = {photo.item.id: photo.split for photo in read(desk, shares)}
    assert len(after) == 4
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("val", "test"), [(-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (1.0, 0.0), (float("nan"), 0)]
)
def test_shares_that_leave_no_training_data_are_refused(val: float, test: float) -> None:
    with pytest.raises(StoreError, match="leave nothing to train on"):
        Shares(val, test)
