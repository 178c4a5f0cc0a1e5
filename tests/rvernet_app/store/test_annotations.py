"""Annotations and verdicts: saving, editing, deleting, and refusing inconsistent values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rvernet_app.errors import ConflictError, PromptError, StoreError
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import Rle, to_rle
from rvernet_app.portions import METHODS, UNITS, Unit
from rvernet_app.store.annotations import MAX_NOTE, Draft, Portion, delete, foods, give_verdict, save
from rvernet_app.store.history import history
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project
from rvernet_app.store.tables import DONE, OPEN, SKIPPED, UNUSABLE, Annotation, Verdict
from tests.rvernet_app.store.desk import SIZE_HW, Desk, commit, require_complete_events, square


def verdict(desk: Desk, id: int) -> Verdict:
    with desk.store.reading() as session:
        return session.get_one(Verdict, id)


def ids(desk: Desk, annotator: int | None = None, item: int = 0) -> list[int]:
    with desk.store.reading() as session:
        return [row.id for row in foods(session, desk.items[item], annotator)]


@pytest.mark.parametrize(
    "given",
    [
        (-1.0, "g", "weighed"),
        (math.nan, "g", "weighed"),
        (math.inf, "g", "weighed"),
        (100.0, "stone", "weighed"),
        (100.0, "g", "measured"),
        (100.0, "g", "guessed", 80.0),
        (100.0, "g", "guessed", None, 120.0),
        (100.0, "g", "guessed", 110.0, 120.0),
        (100.0, "g", "guessed", 80.0, 90.0),
        (100.0, "g", "guessed", 120.0, 80.0),
        (100.0, "g", "guessed", -1.0, 120.0),
        (100.0, "g", "guessed", 80.0, math.inf),
        (100.0, "g", "guessed", math.nan, 120.0),
    ],
)
def test_an_inconsistent_portion_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(StoreError):
        Portion(*given)


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_a_portion_has_at_most_what_its_unit_allows(name: str, unit: Unit) -> None:
    assert Portion(unit.most, name, "guessed").amount == unit.most
    assert 0 < unit.usual < unit.most
    for portion in ({"amount": unit.most + 1}, {"amount": unit.most, "low": 0.0, "high": unit.most + 1}):
        with pytest.raises(StoreError, match=f"at most {unit.most:g} {name}"):
            Portion(unit=name, method="guessed", **portion)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("method", METHODS)
def test_a_portion_may_be_zero_with_a_range_of_zero(unit: str, method: str) -> None:
    assert Portion(0.0, unit, method, 0.0, 0.0) == Portion(0, unit, method, low=0, high=0)


def test_a_food_is_read_back_as_saved(desk: Desk) -> None:
    saved = desk.save(
        "no oil",
        label="soup",
        left=3,
        prompts={"points": [[4, 2]], "labels": [1], "box": None},
        segmenter="mobile-sam@1a2b",
        checkpoint="foods@3c4d",
        suggestions=[("soup", 0.75), ("beans", 0.125)],
        suggestion_taken=True,
        portion=Portion(180.0, "ml", "reference object", 150.0, 220.5),
    )
    row = desk.food(saved.id)
    assert (saved.revision, row.revision, row.status) == (1, 1, "saved")
    assert (row.project_id, row.item_id, row.annotator_id) == (desk.project, desk.items[0], desk.ann)
    assert (row.label_id, row.note) == (desk.labels["soup"], "no oil")
    assert Rle(size=list(SIZE_HW), counts=row.counts) == square(3)
    assert (row.box_x, row.box_y, row.box_w, row.box_h, row.area) == (3, 1, 2, 2, 4)
    assert row.prompts == {"points": [[4, 2]], "labels": [1], "box": None}
    assert (row.segmenter, row.checkpoint) == ("mobile-sam@1a2b", "foods@3c4d")
    assert (row.suggestions, row.suggestion_taken) == ([["soup", 0.75], ["beans", 0.125]], True)
    assert (row.amount, row.unit, row.method) == (180.0, "ml", "reference object")
    assert (row.low, row.high, row.sources) == (150.0, 220.5, [])
    assert row.created_at.utcoffset() == row.changed_at - row.changed_at  # zero, so UTC


def test_a_food_needs_only_a_mask(desk: Desk) -> None:
    row = desk.food(desk.save(label=None).id)
    assert (row.label_id, row.note, row.prompts) == (None, "", {})
    assert [row.segmenter, row.checkpoint, row.suggestions, row.suggestion_taken] == [None] * 4
    assert [row.amount, row.unit, row.method, row.low, row.high] == [None] * 5


def test_a_portion_can_be_removed(desk: Desk) -> None:
    saved = desk.save(portion=Portion(2.0, "slice", "guessed", 1.0, 3.0))
    row = desk.food(desk.edit(saved, "").id)
    assert [row.amount, row.unit, row.method, row.low, row.high] == [None] * 5


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (square(size_hw=SIZE_HW[::-1]), "this photo is"),
        (to_rle(np.zeros(SIZE_HW, np.bool_)), "empty"),
        (Rle(size=list(SIZE_HW), counts=square()["counts"][:-1]), "run lengths"),
        ({"size": list(SIZE_HW)}, "not a COCO compressed RLE"),
    ],
)
def test_a_mask_that_does_not_fit_the_photo_is_refused(desk: Desk, rle: Rle, message: str) -> None:
    count = desk.count()
    with pytest.raises(PromptError, match=message):
        commit(desk.store, save, desk.items[0], desk.ann, Draft(rle))
    assert (ids(desk), desk.count(), desk.count(Verdict)) == ([], count, 0)


def test_a_note_over_the_maximum_length_is_refused(desk: Desk) -> None:
    assert desk.food(desk.save("ß" * MAX_NOTE).id).note == "ß" * MAX_NOTE
    with pytest.raises(StoreError, match="at most 10000 characters, this one 10001"):
        desk.save("a" * (MAX_NOTE + 1))
    assert desk.count(Annotation) == 1


def test_a_label_from_another_project_is_refused(desk: Desk) -> None:
    other = commit(desk.store, create_project, "Other trays", [LabelName("rice")])
    with desk.store.reading() as session:
        (label,) = labels_of(session, other)
    for label_id in (label.id, 999):
        with pytest.raises(StoreError, match="label set"):
            commit(desk.store, save, desk.items[0], desk.ann, Draft(square(), label_id=label_id))
    assert (desk.count(Annotation), desk.count(Verdict)) == (0, 0)


def test_an_unknown_photo_or_food_is_refused(desk: Desk) -> None:
    saved = desk.save()
    with pytest.raises(StoreError, match="photo is not in the project"):
        commit(desk.store, save, 999, desk.ann, desk.draft())
    for id, item in ((999, 0), (saved.id, 1)):
        with pytest.raises(StoreError, match="no such food on this photo"):
            commit(desk.store, save, desk.items[item], desk.ann, desk.draft("x"), id=id, revision=1)
        with pytest.raises(StoreError, match="no such food on this photo"):
            commit(desk.store, delete, desk.items[item], desk.ann, id=id, revision=1)
    assert desk.food(saved.id).revision == 1


def test_an_edit_adds_a_revision_and_names_its_author(desk: Desk) -> None:
    saved = desk.edit(desk.save("peas"), "beans", by=desk.ben, label="beans", left=5)
    row = desk.food(saved.id)
    assert (saved.revision, row.revision, row.note, row.box_x) == (2, 2, "beans", 5)
    assert (row.annotator_id, row.label_id) == (desk.ann, desk.labels["beans"])
    with desk.store.reading() as session:
        who = [
            event.annotator_id for event in history(session, desk.items[0]) if event.subject == "annotation"
        ]
        assert who == [desk.ann, desk.ben]
        require_complete_events(session)


@pytest.mark.parametrize("prompts", [{"points": [[1, 2]]}, {"points": ((1, 2),)}, {"box": (0, 0.1)}, {}])
def test_saving_the_same_values_twice_changes_nothing(desk: Desk, prompts: dict[str, Any]) -> None:
    rest: dict[str, Any] = {
        "prompts": prompts,
        "suggestions": (("rice", 0.1),),
        "portion": Portion(80, "g", "weighed"),
    }
    saved = desk.save("peas", **rest)
    count = desk.count()
    assert desk.edit(saved, "peas", **rest) == saved
    assert desk.count() == count


def test_a_deleted_food_disappears_but_stays_in_the_history(desk: Desk) -> None:
    first, second = desk.save("peas"), desk.save("beans")
    gone = commit(desk.store, delete, desk.items[0], desk.ann, id=first.id, revision=1)
    assert gone.revision == 2
    assert ids(desk) == [second.id]
    with desk.store.reading() as session:
        event = history(session, desk.items[0])[-1]
        assert event.before is not None
        assert (event.before["note"], event.before["counts"]) == ("peas", square()["counts"])
        require_complete_events(session)


def test_saving_a_deleted_food_restores_it(desk: Desk) -> None:
    saved = desk.save("peas")
    gone = commit(desk.store, delete, desk.items[0], desk.ben, id=saved.id, revision=1)
    with pytest.raises(ConflictError) as raised:
        desk.edit(saved, "beans")
    assert raised.value.theirs["status"] == "deleted"
    assert desk.edit(gone, "beans").revision == 3
    assert ids(desk) == [saved.id]


def test_a_conflict_reports_the_current_food(desk: Desk) -> None:
    saved = desk.save("peas")
    desk.edit(saved, "beans", by=desk.ben)
    count = desk.count()
    with pytest.raises(ConflictError, match="Someone else changed this") as raised:
        desk.edit(saved, "rice")
    assert (raised.value.theirs["note"], raised.value.theirs["revision"]) == ("beans", 2)
    with pytest.raises(ConflictError):
        commit(desk.store, delete, desk.items[0], desk.ann, id=saved.id, revision=1)
    with pytest.raises(ConflictError):
        commit(desk.store, save, desk.items[0], desk.ann, desk.draft("rice"), id=saved.id)
    assert (desk.food(saved.id).note, desk.count()) == ("beans", count)


def test_foods_of_one_or_all_annotators_come_in_creation_order(desk: Desk) -> None:
    made = [desk.save(by=by).id for by in (desk.ann, desk.ben, desk.ann)]
    desk.save(item=1)
    assert ids(desk) == made
    assert ids(desk, desk.ann) == [made[0], made[2]]
    assert ids(desk, desk.ben) == [made[1]]


def test_history_of_one_or_all_annotators_comes_oldest_first(desk: Desk) -> None:
    saved = desk.save(by=desk.ann)
    desk.edit(saved, "peas", by=desk.ben)
    with desk.store.reading() as session:
        all_ = history(session, desk.items[0])
        assert [(e.subject, e.annotator_id) for e in all_] == [
            ("item", None),
            ("verdict", desk.ann),
            ("annotation", desk.ann),
            ("annotation", desk.ben),
        ]
        assert [e.id for e in history(session, desk.items[0], desk.ben)] == [all_[-1].id]
        assert [e.subject for e in history(session, desk.items[1])] == ["item"]


def test_a_verdict_counts_its_seconds_and_revisions(desk: Desk) -> None:
    first = commit(desk.store, give_verdict, desk.items[0], desk.ann, OPEN, seconds=2.5)
    second = commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE, seconds=4.0)
    third = commit(
        desk.store, give_verdict, desk.items[0], desk.ann, SKIPPED, " a hand is in the way ", seconds=-9.0
    )
    row = verdict(desk, third.id)
    assert first.id == second.id == third.id
    assert (row.state, row.reason, row.seconds, row.revision) == (SKIPPED, "a hand is in the way", 6.5, 4)
    with desk.store.reading() as session:
        require_complete_events(session)


def test_giving_the_same_verdict_twice_changes_nothing(desk: Desk) -> None:
    first = commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE)
    count = desk.count()
    assert commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE) == first
    assert desk.count() == count


@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_an_unusable_photo_needs_a_reason(desk: Desk, reason: str | None) -> None:
    with pytest.raises(StoreError, match="Say why"):
        commit(desk.store, give_verdict, desk.items[0], desk.ann, UNUSABLE, reason)
    assert desk.count(Verdict) == 0


def test_an_unknown_verdict_or_photo_is_refused(desk: Desk) -> None:
    with pytest.raises(StoreError, match="open, done, unusable, skipped; got 'new'"):
        commit(desk.store, give_verdict, desk.items[0], desk.ann, "new")
    with pytest.raises(StoreError, match="not in the project"):
        commit(desk.store, give_verdict, 999, desk.ann, DONE)


def test_only_the_first_save_of_an_annotator_takes_a_place(desk: Desk) -> None:
    assert (desk.item().taken, desk.item().wanted) == (0, 2)
    desk.save()
    desk.save()
    commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE)
    assert desk.item().taken == 1
    commit(desk.store, give_verdict, desk.items[0], desk.ben, OPEN)
    assert (desk.item().taken, desk.item(1).taken) == (2, 0)
