"""Undo and redo: single steps, and random orders compared with a simple model."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from alembic import command
from sqlalchemy import select

from rvernet_app.errors import ConflictError, StoreError
from rvernet_app.store.annotations import Portion, Saved, delete, foods, give_verdict
from rvernet_app.store.database import migrate, migration_config
from rvernet_app.store.history import history, redo, undo
from rvernet_app.store.label_sets import delete_label, merge_label
from rvernet_app.store.review import reject
from rvernet_app.store.tables import DELETED, DONE, REJECTED, SAVED, Annotation
from tests.rvernet_app.store.desk import Desk, commit, require_complete_events

Food = tuple[str, str]
"""Status and note of a food."""
Change = tuple[int, "Food | None", Food]
"""Id of a food, and the food before and after the change."""


def notes(desk: Desk) -> list[str]:
    with desk.store.reading() as session:
        return [row.note for row in foods(session, desk.items[0])]


def test_a_new_food_can_be_undone_and_redone(desk: Desk) -> None:
    saved = desk.save("peas")
    (undone,) = desk.undo()
    assert (undone.subject_id, undone.revision, undone.annotator_id) == (saved.id, 2, desk.ann)
    assert notes(desk) == []
    (done,) = desk.redo()
    assert (done.undoes_id, done.revision) == (undone.id, 3)
    assert notes(desk) == ["peas"]


def test_an_edit_and_a_deletion_are_undone_in_turn(desk: Desk) -> None:
    saved = desk.edit(desk.save("peas"), "beans", left=4, label="beans")
    desk.delete(saved)
    assert notes(desk) == []
    desk.undo()
    assert notes(desk) == ["beans"]
    desk.undo()
    row = desk.food(saved.id)
    assert (row.note, row.box_x, row.label_id, row.revision) == ("peas", 0, desk.labels["rice"], 5)
    for expected in (["beans"], []):
        desk.redo()
        assert notes(desk) == expected


def test_undo_and_redo_without_a_step_change_nothing(desk: Desk) -> None:
    assert desk.undo() == []
    assert desk.redo() == []
    desk.save("peas", by=desk.ben)
    desk.save("soup", item=1)
    count = desk.count()
    assert desk.undo() == []  # Ann undoes neither Ben's foods nor foods on another photo
    assert desk.redo() == []
    assert desk.count() == count
    with pytest.raises(StoreError, match="not in the project"):
        commit(desk.store, undo, 999, desk.ann)


def test_a_new_change_clears_redo(desk: Desk) -> None:
    desk.save("peas")
    desk.undo()
    desk.save("beans")
    assert desk.redo() == []
    assert notes(desk) == ["beans"]


def test_undoing_a_food_that_someone_else_changed_is_a_conflict(desk: Desk) -> None:
    saved = desk.save("peas")
    theirs = desk.edit(saved, "beans", by=desk.ben)
    with pytest.raises(ConflictError) as raised:
        desk.undo()
    assert raised.value.theirs["note"] == "beans"
    assert notes(desk) == ["beans"]
    desk.edit(theirs, "peas", by=desk.ben)  # Ben restores the note
    desk.undo()
    assert notes(desk) == []
    with pytest.raises(ConflictError):
        desk.undo(desk.ben)


def standing(desk: Desk) -> list[tuple[str, float | None]]:
    """Return (note, amount) of each food on the first photo."""
    with desk.store.reading() as session:
        return [(row.note, row.amount) for row in foods(session, desk.items[0])]


def test_clearing_a_photo_is_one_step(desk: Desk) -> None:
    """Save three foods, reload, clear, undo and redo: this sequence once lost foods and their amounts."""
    amounts = {"rice": 180.0, "soup": 240.0, "beans": 90.0}
    for note, amount in amounts.items():
        desk.save(note, portion=Portion(amount, "g", "weighed"))
    with desk.store.reading() as session:
        shown = [Saved(row.id, row.revision) for row in foods(session, desk.items[0])]
    for saved in shown:
        desk.delete(saved, step="clear")
    line = [list(amounts.items())[:count] for count in range(4)]  # nothing, rice, rice and soup, all three
    assert standing(desk) == []
    for expected in (line[3], line[2], line[1]):
        assert desk.undo()
        assert standing(desk) == expected
    for expected in (line[2], line[3], []):
        assert desk.redo()
        assert standing(desk) == expected
    assert desk.redo() == []
    for expected in (line[3], line[2], line[1], []):
        assert desk.undo()
        assert standing(desk) == expected
    assert desk.undo() == []
    for expected in (line[1], line[2], line[3], []):
        assert desk.redo()
        assert standing(desk) == expected
    with desk.store.reading() as session:
        require_complete_events(session)


def test_a_step_is_undone_newest_change_first_under_one_step_name(desk: Desk) -> None:
    first = desk.save("peas", step="proposal")
    second = desk.save("beans", step="proposal")
    events = desk.undo()
    assert [event.subject_id for event in events] == [second.id, first.id]
    assert len({event.step for event in events}) == 1
    assert {event.step for event in events} != {"proposal"}
    redone = desk.redo()
    assert [event.undoes_id for event in redone] == [events[1].id, events[0].id]
    assert notes(desk) == ["peas", "beans"]


def test_undo_restores_a_food_that_changed_twice_in_a_step(desk: Desk) -> None:
    saved = desk.save("peas")
    desk.delete(desk.edit(saved, "beans", step="a"), step="a")
    desk.undo()
    assert notes(desk) == ["peas"]
    desk.redo()
    assert desk.food(saved.id).status == DELETED


def test_a_step_is_undone_completely_or_not_at_all(desk: Desk) -> None:
    kept = [desk.save(note, step="proposal") for note in ("peas", "beans", "rice")]
    desk.edit(kept[1], "Ben's beans", by=desk.ben)
    count = desk.count()
    with desk.store.writing() as session, pytest.raises(ConflictError) as raised:
        undo(session, desk.items[0], desk.ann)  # the transaction continues and is committed
    assert raised.value.theirs["note"] == "Ben's beans"
    assert (notes(desk), desk.count()) == (["peas", "Ben's beans", "rice"], count)
    desk.undo(by=desk.ben)
    assert len(desk.undo()) == 3
    assert notes(desk) == []


def test_a_step_takes_the_place_of_its_last_change(desk: Desk) -> None:
    desk.save("a1", step="a")
    desk.save("b", step="b")
    desk.save("a2", step="a")
    desk.undo()
    assert notes(desk) == ["b"]
    desk.undo()
    assert notes(desk) == []
    desk.redo()
    assert notes(desk) == ["b"]
    desk.redo()
    assert notes(desk) == ["a1", "b", "a2"]


def test_a_step_is_split_if_a_later_step_changed_its_food(desk: Desk) -> None:
    saved = desk.save("a1", step="a")
    desk.edit(saved, "b", step="b")
    desk.save("a2", step="a")
    for expected in (["b"], ["a1"], []):
        desk.undo()
        assert notes(desk) == expected
    for expected in (["a1"], ["b"], ["b", "a2"]):
        desk.redo()
        assert notes(desk) == expected


def test_a_change_after_its_step_was_undone_starts_a_new_step(desk: Desk) -> None:
    desk.save("a1", step="a")
    desk.undo()
    desk.save("a2", step="a")
    assert desk.redo() == []
    desk.undo()
    assert notes(desk) == []
    desk.redo()
    assert notes(desk) == ["a2"]


def test_changes_from_before_steps_existed_are_undone_one_by_one(desk: Desk) -> None:
    desk.save("peas", step="a")
    desk.save("beans", step="a")
    with desk.store.engine.begin() as connection:
        command.downgrade(migration_config(connection), "0003")
    migrate(desk.store.engine)
    desk.undo()
    assert notes(desk) == ["peas"]
    desk.redo()
    assert notes(desk) == ["peas", "beans"]


def test_two_annotators_may_use_the_same_step_name(desk: Desk) -> None:
    desk.save("Ann's", step="1")
    desk.save("Ben's", by=desk.ben, step="1")
    desk.undo()
    assert notes(desk) == ["Ben's"]


@pytest.mark.parametrize("step", ["", "x" * 65])
def test_a_step_name_outside_1_to_64_characters_is_refused(desk: Desk, step: str) -> None:
    saved = desk.save("peas", step="x" * 64)
    with pytest.raises(StoreError, match=f"1 to 64 characters, this one {len(step)}"):
        desk.save("beans", step=step)
    with pytest.raises(StoreError, match="1 to 64 characters"):
        desk.delete(saved, step=step)
    assert notes(desk) == ["peas"]


def test_an_undo_of_the_same_name_takes_nothing_more_back(desk: Desk) -> None:
    """The page asks again after a lost answer."""
    for note in ("peas", "beans", "rice"):
        desk.save(note)
    first = [commit(desk.store, undo, desk.items[0], desk.ann, step="once") for _ in range(2)]
    assert [[event.id for event in events] for events in first] == [[first[0][0].id]] * 2
    assert notes(desk) == ["peas", "beans"]
    commit(desk.store, undo, desk.items[0], desk.ben, step="once")  # names of others do not count
    for _ in range(2):
        commit(desk.store, redo, desk.items[0], desk.ann, step="again")
    assert notes(desk) == ["peas", "beans", "rice"]
    commit(desk.store, undo, desk.items[0], desk.ann, step="twice")
    assert notes(desk) == ["peas", "beans"]


def test_undoing_a_note_keeps_the_decision(desk: Desk) -> None:
    saved = desk.save("peas")
    commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE)
    commit(desk.store, reject, desk.items[0], desk.ben, saved.id, saved.revision)
    desk.edit(Saved(saved.id, 2), "no peas")
    desk.undo()
    assert (desk.food(saved.id).note, desk.food(saved.id).status) == ("peas", REJECTED)
    with pytest.raises(ConflictError):
        desk.undo()


def test_redo_restores_a_decision_on_the_reviewers_own_food(desk: Desk) -> None:
    saved = desk.save("peas")
    commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE)
    commit(desk.store, reject, desk.items[0], desk.ann, saved.id, saved.revision)
    desk.undo()
    assert desk.food(saved.id).status == SAVED
    desk.redo()
    assert desk.food(saved.id).status == REJECTED


@dataclass
class Model:
    """Expected result of saving, deleting, undoing and redoing, in a few lines of plain Python."""

    foods: dict[int, Food] = field(default_factory=dict)
    done: dict[int, list[Change]] = field(default_factory=dict)
    undone: dict[int, list[Change]] = field(default_factory=dict)

    def put(self, by: int, id: int, food: Food) -> None:
        before = self.foods.get(id)
        if before != food:
            self.foods[id] = food
            self.done.setdefault(by, []).append((id, before, food))
            self.undone[by] = []

    def undo(self, by: int) -> bool | None:
        return self._move_last(self.done.setdefault(by, []), self.undone.setdefault(by, []))

    def redo(self, by: int) -> bool | None:
        return self._move_last(self.undone.setdefault(by, []), self.done.setdefault(by, []))

    def _move_last(self, source: list[Change], target: list[Change]) -> bool | None:
        """Revert the last change of `source` and move it to `target`.

        Returns:
            True after a change, None if `source` is empty, False if someone changed the food since.
        """
        if not source:
            return None
        id, before, after = source[-1]
        if self.foods[id] != after:
            return False
        source.pop()
        self.foods[id] = before or (DELETED, after[1])
        target.append((id, after, self.foods[id]))
        return True


@pytest.mark.parametrize("seed", range(4))
def test_undo_and_redo_match_the_model_in_any_order(desk: Desk, seed: int) -> None:
    draw, model, item = random.Random(seed), Model(), desk.items[0]
    outcomes = set()
    for _ in range(60):
        by = draw.choice((desk.ann, desk.ben))
        action = draw.choices(("save", "edit", "delete", "undo", "redo"), (2, 3, 2, 6, 4))[0]
        note = draw.choice("abc")
        if action == "save" or not model.foods:
            model.put(by, desk.save(note, by=by).id, (SAVED, note))
        elif action in ("undo", "redo"):
            expected = getattr(model, action)(by)
            found: bool | None
            try:
                found = bool(desk.undo(by) if action == "undo" else desk.redo(by)) or None
            except ConflictError:
                found = False
            assert found is expected
            outcomes.add((action, found))
        else:
            id = draw.choice(sorted(model.foods))
            saved = Saved(id, desk.food(id).revision)
            if action == "edit":
                desk.edit(saved, note, by=by)
                model.put(by, id, (SAVED, note))
            else:
                commit(desk.store, delete, item, by, id=id, revision=saved.revision)
                model.put(by, id, (DELETED, model.foods[id][1]))
        with desk.store.reading() as session:
            found_foods = {row.id: (row.status, row.note) for row in session.scalars(select(Annotation))}
        assert found_foods == model.foods
    assert {("undo", True), ("redo", True), ("redo", None)} <= outcomes
    with desk.store.reading() as session:
        require_complete_events(session)


def test_a_merge_of_labels_is_no_step_and_steps_before_it_can_be_taken_back(desk: Desk) -> None:
    rice, soup, beans = (desk.labels[name] for name in ("rice", "soup", "beans"))
    saved = desk.save(label="rice")
    desk.edit(saved, "", label="beans")
    commit(desk.store, merge_label, desk.project, beans, soup, desk.ann)
    assert desk.food(saved.id).label_id == soup
    assert len(desk.undo()) == 1
    assert desk.food(saved.id).label_id == rice
    assert len(desk.redo()) == 1
    assert desk.food(saved.id).label_id == soup
    commit(desk.store, delete_label, desk.project, rice, None, desk.ann)
    assert len(desk.undo()) == 1
    assert desk.food(saved.id).label_id is None
    with desk.store.reading() as session:
        moves = [
            event.annotator_id for event in history(session, desk.items[0]) if event.subject_id == saved.id
        ]
    assert moves.count(None) == 2  # both are in the history, and nobody's
