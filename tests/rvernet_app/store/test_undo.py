"""Undo and redo, step by step and in every order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from rvernet_app.errors import ConflictError, StoreError
from rvernet_app.store.annotations import Saved, delete, foods, redo, undo
from rvernet_app.store.tables import DELETED, SAVED, Annotation, Event
from tests.rvernet_app.store.desk import Desk, commit, require_complete_events

Food = tuple[str, str]
"""Status and note."""


def notes(desk: Desk) -> list[str]:
    with desk.store.reading() as session:
        return [row.note for row in foods(session, desk.items[0])]


def take_back(desk: Desk, by: int | None = None, item: int = 0) -> Event | None:
    return commit(desk.store, undo, desk.items[item], by or desk.ann)


def repeat(desk: Desk, by: int | None = None, item: int = 0) -> Event | None:
    return commit(desk.store, redo, desk.items[item], by or desk.ann)


def test_a_new_food_is_taken_back_and_brought_again(desk: Desk) -> None:
    saved = desk.save("peas")
    undone = take_back(desk)
    assert undone is not None
    assert (undone.subject_id, undone.revision, undone.annotator_id) == (saved.id, 2, desk.ann)
    assert notes(desk) == []
    done = repeat(desk)
    assert done is not None
    assert (done.undoes_id, done.revision) == (undone.id, 3)
    assert notes(desk) == ["peas"]


def test_an_edit_and_a_deletion_are_taken_back_in_turn(desk: Desk) -> None:
    saved = desk.edit(desk.save("peas"), "beans", left=4, label="beans")
    commit(desk.store, delete, desk.items[0], desk.ann, id=saved.id, revision=saved.revision)
    assert notes(desk) == []
    take_back(desk)
    assert notes(desk) == ["beans"]
    take_back(desk)
    row = desk.food(saved.id)
    assert (row.note, row.box_x, row.label_id, row.revision) == ("peas", 0, desk.labels["rice"], 5)
    for expected in (["beans"], []):
        repeat(desk)
        assert notes(desk) == expected


def test_there_is_nothing_to_take_back(desk: Desk) -> None:
    assert take_back(desk) is None
    assert repeat(desk) is None
    desk.save("peas", by=desk.ben)
    desk.save("soup", item=1)
    count = desk.count()
    assert take_back(desk) is None  # neither Ben's nor what is on another photo
    assert repeat(desk) is None
    assert desk.count() == count
    with pytest.raises(StoreError, match="not in a project"):
        commit(desk.store, undo, 999, desk.ann)


def test_a_new_change_ends_redoing(desk: Desk) -> None:
    desk.save("peas")
    take_back(desk)
    desk.save("beans")
    assert repeat(desk) is None
    assert notes(desk) == ["beans"]


def test_what_someone_else_changed_since_is_not_taken_back(desk: Desk) -> None:
    saved = desk.save("peas")
    theirs = desk.edit(saved, "beans", by=desk.ben)
    with pytest.raises(ConflictError) as raised:
        take_back(desk)
    assert raised.value.theirs["note"] == "beans"
    assert notes(desk) == ["beans"]
    desk.edit(theirs, "peas", by=desk.ben)  # as it was
    take_back(desk)
    assert notes(desk) == []
    with pytest.raises(ConflictError):
        take_back(desk, desk.ben)


@dataclass
class Model:
    """What saving, deleting, undoing and redoing should come to, in a few lines of plain Python."""

    foods: dict[int, Food] = field(default_factory=dict)
    done: dict[int, list[tuple[int, Food | None, Food]]] = field(default_factory=dict)
    undone: dict[int, list[tuple[int, Food | None, Food]]] = field(default_factory=dict)

    def put(self, by: int, id: int, food: Food) -> None:
        before = self.foods.get(id)
        if before != food:
            self.foods[id] = food
            self.done.setdefault(by, []).append((id, before, food))
            self.undone[by] = []

    def undo(self, by: int) -> bool | None:
        return self._take_back(self.done.setdefault(by, []), self.undone.setdefault(by, []))

    def redo(self, by: int) -> bool | None:
        return self._take_back(self.undone.setdefault(by, []), self.done.setdefault(by, []))

    def _take_back(self, source: list, target: list) -> bool | None:
        """True, or None where there is nothing to take back, or False where someone changed it since."""
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
def test_any_order_of_changes_is_taken_back_as_the_model_does(desk: Desk, seed: int) -> None:
    draw, model, item = random.Random(seed), Model(), desk.items[0]
    outcomes = set()
    for _ in range(60):
        by = draw.choice((desk.ann, desk.ben))
        deed = draw.choices(("save", "edit", "delete", "undo", "redo"), (2, 3, 2, 6, 4))[0]
        note = draw.choice("abc")
        if deed == "save" or not model.foods:
            model.put(by, desk.save(note, by=by).id, (SAVED, note))
        elif deed in ("undo", "redo"):
            expected = getattr(model, deed)(by)
            try:
                found = commit(desk.store, undo if deed == "undo" else redo, item, by) and True
            except ConflictError:
                found = False
            assert found is expected
            outcomes.add((deed, found))
        else:
            id = draw.choice(sorted(model.foods))
            saved = Saved(id, desk.food(id).revision)
            if deed == "edit":
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
