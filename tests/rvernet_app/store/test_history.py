"""History: random actions, undos, redos and reloads, compared with a simple model of one line of steps."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select

from rvernet_app.errors import ConflictError
from rvernet_app.store.annotations import Draft, Portion, Saved, delete, foods, give_verdict, save
from rvernet_app.store.history import redo, undo
from rvernet_app.store.queue import add_photos
from rvernet_app.store.review import accept, reject
from rvernet_app.store.tables import ACCEPTED, DELETED, DONE, REJECTED, SAVED, Annotation
from tests.rvernet_app.conftest import NewStore
from tests.rvernet_app.store.desk import Desk, commit, picture, require_complete_events, set_up, square

SETTINGS = settings(
    derandomize=True,
    database=None,
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TABS = st.integers(0, 1)
"""Index of one of the annotator's two browser tabs."""
WHICH = st.integers(0, 3)
"""Index that chooses a food, modulo the number of foods."""
LEFTS = st.integers(0, 3)
VALUES = st.one_of(
    st.fixed_dictionaries({"left": LEFTS}),
    st.fixed_dictionaries({"label": st.sampled_from(("rice", "soup"))}),
    st.fixed_dictionaries({"amount": st.sampled_from((100.0, 250.0))}),
    st.fixed_dictionaries({"note": st.sampled_from(("", "no oil"))}),
)


@dataclass(frozen=True)
class Food:
    """The values of an annotation that can change."""

    status: str = SAVED
    left: int = 0
    label: str = "rice"
    amount: float = 100.0
    note: str = ""

    @property
    def judged(self) -> tuple[int, str, float]:
        return self.left, self.label, self.amount


@dataclass(frozen=True)
class Change:
    """A food before and after a change; undo restores `before`."""

    id: int
    before: Food
    after: Food


@dataclass
class Step:
    name: str | None
    changes: list[Change] = field(default_factory=list)

    @property
    def foods(self) -> set[int]:
        return {change.id for change in self.changes}


@dataclass
class Model:
    """The foods of one photo, and one annotator's line of steps.

    The cursor stands behind the last step that is not undone.
    """

    foods: dict[int, Food] = field(default_factory=dict)
    revisions: dict[int, int] = field(default_factory=dict)
    line: list[Step] = field(default_factory=list)
    cursor: int = 0

    def put(self, id: int, food: Food) -> None:
        if self.foods.get(id) != food:
            self.foods[id] = food
            self.revisions[id] = self.revisions.get(id, 0) + 1

    def act(self, id: int, food: Food, name: str) -> None:
        """Record that the annotator changes or creates a food."""
        old = self.foods.get(id, replace(food, status=DELETED))
        if old == food:
            return
        if old.status in (ACCEPTED, REJECTED) and old.status != food.status:
            old = replace(old, status=SAVED)  # undo never restores a withdrawn decision
        self.put(id, food)
        del self.line[self.cursor :]
        self._step(name).changes.append(Change(id, old, food))
        self.cursor = len(self.line)

    def _step(self, name: str) -> Step:
        for place in reversed(range(len(self.line))):
            step = self.line[place]
            if step.name == name:
                if any(step.foods & later.foods for later in self.line[place + 1 :]):
                    break
                self.line.append(self.line.pop(place))
                return step
        self.line.append(Step(name))
        return self.line[-1]

    def undo(self) -> bool:
        """Undo a step; return False if no step is left.

        Raises:
            ConflictError: if someone else changed one of the foods of the step.
        """
        if self.cursor == 0:
            return False
        changes = [Change(c.id, c.after, c.before) for c in reversed(self.line[self.cursor - 1].changes)]
        self._apply(changes)
        self.cursor -= 1
        return True

    def redo(self) -> bool:
        if self.cursor == len(self.line):
            return False
        step = self.line[self.cursor]
        self._apply(step.changes)
        step.name = None  # later changes under this name start another step
        self.cursor += 1
        return True

    def _apply(self, changes: list[Change]) -> None:
        trial = dict(self.foods)
        for change in changes:
            if trial[change.id] != change.before:
                raise ConflictError("", {})
            trial[change.id] = change.after
        for change in changes:
            self.put(change.id, change.after)


@dataclass
class Tab:
    """State of a browser tab: foods with their revisions, and the name of its last step."""

    known: dict[int, tuple[int, Food]] = field(default_factory=dict)
    step: str = "none yet"


class History(RuleBasedStateMachine):
    """One photo, labeled by Ann in two tabs and reviewed by Ben."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.model = Model()
        self.tabs = (Tab(), Tab())

    @initialize()
    def add_the_photo(self) -> None:
        number = len(self.desk.items) + self.desk.count()  # a picture that no earlier run used
        sources = [(f"{number}.png", picture(number))]
        (added,) = add_photos(self.desk.store, self.desk.files, self.desk.project, sources)
        assert added.item_id is not None
        self.item = added.item_id
        # Ben may review only photos that are done.
        commit(self.desk.store, give_verdict, self.item, self.desk.ann, DONE)
        for tab in (0, 1):
            self.propose(tab, [0, 1])
        self.reload(0)

    @rule(tab=TABS, lefts=st.lists(LEFTS, min_size=1, max_size=3))
    def propose(self, tab: int, lefts: list[int]) -> None:
        """Add one or several foods in one step."""
        self.new_step(tab)
        for left in lefts:
            self.put(tab, None, Food(left=left))

    @rule(tab=TABS, which=WHICH, values=VALUES, fresh=st.booleans(), goes_on=st.booleans())
    def change(self, tab: int, which: int, values: dict[str, Any], fresh: bool, goes_on: bool) -> None:
        """Change a mask, label, portion or note, in a new step or in the last step of the tab."""
        if fresh:
            self.reload(tab)
        id = self.choose(tab, which, goes_on)
        if id is not None:
            _, food = self.tabs[tab].known[id]
            self.put(tab, id, replace(food, **values))

    @rule(tab=TABS, which=WHICH, goes_on=st.booleans())
    def delete_one(self, tab: int, which: int, goes_on: bool) -> None:
        id = self.choose(tab, which, goes_on)
        if id is not None:
            self.delete(tab, id)

    @precondition(lambda self: self.standing())
    @rule(tab=TABS)
    def clear(self, tab: int) -> None:
        """Delete all foods that the tab shows in one step; stop at the first conflict."""
        self.new_step(tab)
        shown = [id for id, (_, food) in self.tabs[tab].known.items() if food.status != DELETED]
        for id in shown:
            if not self.delete(tab, id):
                break

    @precondition(lambda self: self.model.cursor > 0)
    @rule(tab=TABS, times=st.integers(1, 4), asks=st.integers(1, 2))
    def undo(self, tab: int, times: int, asks: int) -> None:
        for _ in range(times):
            self.walk(tab, asks, back=True)
            self.the_store_matches_the_model()

    @precondition(lambda self: self.model.line)
    @rule(tab=TABS, times=st.integers(1, 4), asks=st.integers(1, 2))
    def redo(self, tab: int, times: int, asks: int) -> None:
        for _ in range(times):
            self.walk(tab, asks, back=False)
            self.the_store_matches_the_model()

    @rule(tab=TABS)
    def reload(self, tab: int) -> None:
        self.tabs[tab].known = {id: (self.model.revisions[id], food) for id, food in self.standing().items()}

    @precondition(lambda self: self.standing())
    @rule(which=WHICH, accepts=st.booleans())
    def review(self, which: int, accepts: bool) -> None:
        standing = list(self.standing())
        id = standing[which % len(standing)]
        decide, status = (accept, ACCEPTED) if accepts else (reject, REJECTED)
        commit(self.desk.store, decide, self.item, self.desk.ben, id, self.model.revisions[id])
        self.model.put(id, replace(self.model.foods[id], status=status))

    @rule(lefts=st.lists(LEFTS, min_size=1, max_size=2), takes_back=st.booleans())
    def the_other_annotator_labels(self, lefts: list[int], takes_back: bool) -> None:
        """Ben saves foods of his own and may take them back; Ann's foods and line stay as they are."""
        drafts = [Draft(square(left), self.desk.labels["soup"]) for left in lefts]
        for draft in drafts:
            commit(self.desk.store, save, self.item, self.desk.ben, draft, step="Ben's")
        if takes_back:
            commit(self.desk.store, undo, self.item, self.desk.ben)

    @invariant()
    def the_store_matches_the_model(self) -> None:
        with self.desk.store.reading() as session:
            query = select(Annotation).where(Annotation.item_id == self.item)
            query = query.where(Annotation.annotator_id == self.desk.ann).order_by(Annotation.id)
            rows = list(session.scalars(query))
            shown = [row.id for row in foods(session, self.item, self.desk.ann)]
        names = {id: name for name, id in self.desk.labels.items()}
        found = {
            row.id: Food(row.status, row.box_x, names[row.label_id or 0], row.amount or 0.0, row.note)
            for row in rows
        }
        assert found == self.model.foods
        assert {row.id: row.revision for row in rows} == self.model.revisions
        assert shown == list(self.standing())

    def standing(self) -> dict[int, Food]:
        return {id: food for id, food in self.model.foods.items() if food.status != DELETED}

    def new_step(self, tab: int) -> None:
        self.tabs[tab].step = uuid.uuid4().hex

    def choose(self, tab: int, which: int, goes_on: bool) -> int | None:
        """Return the id of a food that a tab knows, deleted foods included."""
        if not goes_on:
            self.new_step(tab)
        known = list(self.tabs[tab].known)
        return known[which % len(known)] if known else None

    def put(self, tab: int, id: int | None, food: Food) -> None:
        """Save a food from a tab, in the store and in the model."""
        desk, step = self.desk, self.tabs[tab].step
        revision, _ = self.tabs[tab].known.get(id or 0, (0, food))
        portion = Portion(food.amount, "g", "weighed")
        draft = Draft(square(food.left), desk.labels[food.label], portion=portion, note=food.note)
        try:
            with desk.store.writing() as session:
                saved = save(session, self.item, desk.ann, draft, id=id, revision=revision, step=step)
        except ConflictError:
            assert id is not None
            assert revision != self.model.revisions[id]
            return
        assert id is None or revision == self.model.revisions[id]
        old = self.model.foods.get(saved.id, Food())
        decided = old.status in (ACCEPTED, REJECTED) and old.judged == food.judged
        self.model.act(saved.id, replace(food, status=old.status if decided else SAVED), step)
        self.remember(tab, saved)

    def delete(self, tab: int, id: int) -> bool:
        """Delete a food from a tab; return False if someone changed it in the meantime."""
        desk, step = self.desk, self.tabs[tab].step
        revision, _ = self.tabs[tab].known[id]
        try:
            with desk.store.writing() as session:
                saved = delete(session, self.item, desk.ann, id=id, revision=revision, step=step)
        except ConflictError:
            assert revision != self.model.revisions[id]
            return False
        assert revision == self.model.revisions[id]
        self.model.act(id, replace(self.model.foods[id], status=DELETED), step)
        self.remember(tab, saved)
        return True

    def remember(self, tab: int, saved: Saved) -> None:
        assert saved.revision == self.model.revisions[saved.id]
        self.tabs[tab].known[saved.id] = saved.revision, self.model.foods[saved.id]

    def walk(self, tab: int, asks: int, *, back: bool) -> None:
        """Undo or redo one step; a lost answer makes the tab ask for the same step again."""
        try:
            expected = self.model.undo() if back else self.model.redo()
        except ConflictError:
            expected = None
        take, step = undo if back else redo, uuid.uuid4().hex
        try:
            for _ in range(asks):
                found = bool(commit(self.desk.store, take, self.item, self.desk.ann, step=step))
        except ConflictError:
            found = None
        assert found is expected
        if found:
            self.reload(tab)  # the reply of the store contains the foods


def test_undo_and_redo_match_the_model_for_any_actions(new_store: NewStore) -> None:
    store = new_store("sqlite")
    # Thousands of commits need not survive a power cut.
    event.listen(
        store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF")
    )
    store.engine.dispose()
    desk = set_up(store, photos=1)

    class OnDesk(History):
        def __init__(self) -> None:
            super().__init__(desk)

    run_state_machine_as_test(OnDesk, settings=SETTINGS)
    with desk.store.reading() as session:
        require_complete_events(session)
