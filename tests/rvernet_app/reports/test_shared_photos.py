"""Ratings of the same foods by annotators who share photos."""

from __future__ import annotations

from collections import Counter

import pytest

from rvernet_app.errors import StoreError
from rvernet_app.reports.shared_photos import Pair, Rating, SharedPhoto, shared_photos
from rvernet_app.store.annotations import Portion, delete, give_verdict
from rvernet_app.store.review import merge
from rvernet_app.store.tables import DONE, OPEN, Item
from tests.rvernet_app.store.desk import Desk, commit


def read(desk: Desk, minimum_iou: float = 0.5) -> list[SharedPhoto]:
    with desk.store.reading() as session:
        return list(shared_photos(session, desk.project, minimum_iou))


def done(desk: Desk, item: int, *people: int, state: str = DONE) -> None:
    for by in people or (desk.ann, desk.ben):
        commit(desk.store, give_verdict, desk.items[item], by, state)


def test_foods_of_two_annotators_are_matched(desk: Desk) -> None:
    desk.save(label="beans", left=5, portion=Portion(2.0, "cup", "guessed"))
    desk.save(label="rice", portion=Portion(80.0, "g", "weighed"), suggestions=[("rice", 0.9)])
    desk.save(label=None, by=desk.ben)
    gone = desk.save(by=desk.ben, left=5)
    commit(desk.store, delete, desk.items[0], desk.ben, id=gone.id, revision=1)
    done(desk, 0)
    beans = Rating(desk.ann, desk.labels["beans"], None, suggested=False)
    rice = Rating(desk.ann, desk.labels["rice"], 80.0, suggested=True)
    unnamed = Rating(desk.ben, None, None, suggested=False)
    (photo,) = read(desk)
    assert photo == SharedPhoto(
        blind=False,
        done=(desk.ann, desk.ben),
        counts=Counter({desk.ann: 2, desk.ben: 1}),
        foods=[[beans], [rice, unnamed]],
        pairs=[Pair(1.0, rice, unnamed)],
    )
    assert photo.pairs[0].couple == (desk.ann, desk.ben)
    assert not photo.pairs[0].named


def test_a_photo_is_shared_when_two_annotators_are_done_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(desk, 0)
    done(desk, 1, desk.ann)
    done(desk, 2, state=OPEN)
    done(desk, 3)
    with desk.store.writing() as session:
        session.get_one(Item, desk.items[3]).blind = True
    whole = read(desk)
    assert [(photo.blind, photo.done, photo.foods) for photo in whole] == [
        (False, (desk.ann, desk.ben), []),
        (True, (desk.ann, desk.ben), []),
    ]
    monkeypatch.setattr("rvernet_app.reports.shared_photos.AT_ONCE", 1)
    assert read(desk) == whole


def test_merged_foods_are_left_out(desk: Desk) -> None:
    saved = [desk.save(by=by) for by in (desk.ann, desk.ben)]
    done(desk, 0)
    before = read(desk)
    commit(
        desk.store, merge, desk.items[0], desk.ben, {one.id: 1 for one in saved}, "union", desk.labels["soup"]
    )
    assert read(desk) == before


def test_an_impossible_minimum_iou_is_refused(desk: Desk) -> None:
    for by in (desk.ann, desk.ben):
        desk.save(by=by)
    done(desk, 0)
    with pytest.raises(StoreError, match="up to 1"):
        read(desk, minimum_iou=2)
