"""Paging: results equal a walk through all photos, and every query uses an index instead of a scan."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from rvernet_app.store.annotations import foods
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import now
from rvernet_app.store.history import history
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.listing import list_items
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import (
    FULL,
    NEW,
    count_unranked,
    neighbour,
    next_item,
    next_unranked,
    progress,
    state_of,
)
from rvernet_app.store.review import review_queue
from rvernet_app.store.tables import (
    DELETED,
    DONE,
    OPEN,
    REJECTED,
    SAVED,
    SKIPPED,
    STATES,
    UNUSABLE,
    Annotation,
    Item,
    Photo,
    Verdict,
)
from tests.rvernet_app.conftest import NewStore
from tests.rvernet_app.store.desk import commit, square

PHOTO_COUNT = 120
"""Photos of the two projects together; the projects take them alternately."""


@dataclass(frozen=True)
class Crowd:
    """A project that three annotators have begun, in a store with a second project.

    Attributes:
        labels: ids of three labels of the project.
        annotators: ids of four annotators; the last one has begun no photo.
        items: items of the project, in queue order.
        states: (annotator, position) -> state that the annotator gave the photo.
        labelled: position -> (annotator, label, status) of each food.
    """

    store: Store
    project: int
    labels: list[int]
    annotators: list[int]
    items: list[Item]
    states: dict[tuple[int, int], str]
    labelled: dict[int, list[tuple[int, int, str]]]


def make_crowd(store: Store) -> Crowd:
    """Create the same crowd every time, in an empty store."""
    draw = random.Random(7)
    project, other = (commit(store, create_project, name) for name in ("Trays", "Other"))
    annotators = [commit(store, ensure_annotator, name) for name in ("Ann", "Ben", "Cleo", "Dan")]
    states: dict[tuple[int, int], str] = {}
    labelled: dict[int, list[tuple[int, int, str]]] = {}
    with store.writing() as session:
        labels = [label.id for label in labels_of(session, project)][:3]
        for n in range(PHOTO_COUNT):
            session.execute(
                insert(Photo),
                {"sha256": f"{n:064}", "format": "PNG", "width": 8, "height": 6, "added_at": now()},
            )
        photos = list(session.scalars(select(Photo.id).order_by(Photo.id)))
        for n, photo in enumerate(photos):
            mine, position = (project, other)[n % 2], n // 2
            begun = draw.sample(annotators[:3], draw.choice([0, 0, 1, 2]))
            item = Item(
                project_id=mine,
                photo_id=photo,
                position=position,
                name=f"{n}.png",
                wanted=max(1, len(begun)) + draw.choice([0, 1]),
                taken=len(begun),
                blind=False,
                uncertainty=draw.choice([None, 0.25, 0.5, draw.random()]),
            )
            session.add(item)
            session.flush()
            for annotator in begun:
                state = draw.choice([OPEN, DONE, DONE, DONE, SKIPPED, UNUSABLE])
                verdict = Verdict(
                    project_id=mine,
                    item_id=item.id,
                    annotator_id=annotator,
                    state=state,
                    seconds=1.0,
                    revision=1,
                    begun_at=now(),
                    changed_at=now(),
                )
                session.add(verdict)
                if mine == project:
                    states[annotator, position] = state
                for label in draw.choices(labels, k=draw.choice([0, 1, 3])):
                    status = draw.choice([SAVED, SAVED, REJECTED, DELETED])
                    session.add(food(mine, item.id, annotator, label, status))
                    if mine == project:
                        labelled.setdefault(position, []).append((annotator, label, status))
        items = list(session.scalars(select(Item).where(Item.project_id == project).order_by(Item.position)))
    return Crowd(store, project, labels, annotators, items, states, labelled)


def food(project: int, item: int, annotator: int, label: int, status: str) -> Annotation:
    return Annotation(
        project_id=project,
        item_id=item,
        annotator_id=annotator,
        label_id=label,
        status=status,
        counts=square()["counts"],
        box_x=1,
        box_y=1,
        box_w=1,
        box_h=1,
        area=1,
        prompts={},
        sources=[],
        note="",
        revision=1,
        created_at=now(),
        changed_at=now(),
    )


def is_full(item: Item) -> bool:
    return item.taken >= item.wanted


@pytest.fixture
def crowd(store: Store) -> Crowd:
    return make_crowd(store)


def test_item_ids_rise_with_the_positions_of_each_project(crowd: Crowd) -> None:
    ids = [item.id for item in crowd.items]
    assert ids == sorted(ids)
    assert ids[-1] - ids[0] == 2 * (len(ids) - 1)  # items of the other project lie between them


def test_pages_match_a_walk_through_all_photos(crowd: Crowd) -> None:
    reviewer = crowd.annotators[3]  # has begun no photo
    viewers = (crowd.annotators[0], reviewer)
    choices = itertools.product(
        viewers, (None, NEW, *STATES), (None, *crowd.labels[:2]), (None, *crowd.annotators[:2])
    )
    found: set[int] = set()
    with crowd.store.reading() as session:
        for viewer, state, label, by in choices:
            expected = []
            for position in range(len(crowd.items)):
                own = crowd.states.get((viewer, position), NEW)
                item, given = crowd.items[position], crowd.labelled.get(position, [])
                has_food = any(who == viewer and status != DELETED for who, _, status in given)
                full = is_full(item) and (own == NEW or (own == SKIPPED and not has_food))
                foods = [
                    (label_id, annotator == viewer)
                    for annotator, label_id, status in given
                    if status == SAVED
                ]
                count = sum(mine or own == DONE or full for _, mine in foods)
                labels = [label_id for label_id, mine in foods if mine or own == DONE or full]
                if (
                    state in (None, own)
                    and not (state == NEW and full)
                    and (label is None or label in labels)
                    and (by is None or (by, position) in crowd.states)
                ):
                    expected.append((position, own, full, count))
            for after, limit in ((-1, 200), (-1, 3), (17, 5), (58, 60), (500, 5)):
                page = list_items(
                    session,
                    crowd.project,
                    viewer,
                    state=state,
                    label_id=label,
                    by=by,
                    after=after,
                    limit=limit,
                )
                listed = [(one.item.position, one.state, one.full, one.foods) for one in page]
                assert listed == [row for row in expected if row[0] > after][:limit]
                found.add(len(listed))
    assert {0, 1, 2, 3, 5, 60} <= found


def test_a_label_or_annotator_of_another_project_lists_nothing(crowd: Crowd) -> None:
    with crowd.store.reading() as session:
        other = labels_of(session, crowd.project + 1)[0].id
        assert list_items(session, crowd.project, crowd.annotators[0], label_id=other) == []
        assert list_items(session, crowd.project, crowd.annotators[0], by=crowd.annotators[3]) == []


def test_the_next_photo_matches_a_walk_through_all_photos(crowd: Crowd) -> None:
    with crowd.store.reading() as session:
        for viewer in crowd.annotators:
            offered = [
                item.position
                for item in crowd.items
                if crowd.states.get((viewer, item.position)) == OPEN
                or (item.taken < item.wanted and (viewer, item.position) not in crowd.states)
            ]
            for after in (-1, 0, 10, 30, 58, 59, 500):
                found = next_item(session, crowd.project, viewer, after)
                behind = [position for position in offered if position > after]
                assert found is not None
                assert found.position == (behind or offered)[0]


def test_uncertain_first_matches_a_walk_through_all_photos(crowd: Crowd) -> None:
    with crowd.store.reading() as session:
        for viewer in crowd.annotators:
            own = {p: state for (annotator, p), state in crowd.states.items() if annotator == viewer}
            begun = [p for p, state in sorted(own.items()) if state == OPEN]
            free = [i for i in crowd.items if i.taken < i.wanted and i.position not in own]
            free.sort(key=lambda i: (-1.0 if i.uncertainty is None else -i.uncertainty, i.position))
            free.sort(key=lambda i: i.uncertainty is None)
            in_turn = [*begun, *(i.position for i in free)]
            for after in (-1, *in_turn[:3]):
                found = next_item(session, crowd.project, viewer, after, "uncertain first")
                assert found is not None
                assert found.position == next(position for position in in_turn if position != after)


def test_counts_match_a_walk_through_all_photos(crowd: Crowd) -> None:
    with crowd.store.reading() as session:
        for viewer in crowd.annotators:
            own = [state for (annotator, _), state in crowd.states.items() if annotator == viewer]
            expected = {state: own.count(state) for state in STATES}
            full = sum((viewer, item.position) not in crowd.states and is_full(item) for item in crowd.items)
            assert progress(session, crowd.project, viewer) == {
                NEW: len(crowd.items) - len(own) - full,
                FULL: full,
                **expected,
            }
        unranked = [item for item in crowd.items if item.uncertainty is None]
        assert count_unranked(session, crowd.project) == (len(unranked), len(crowd.items))
        first = next_unranked(session, crowd.project)
        assert first is not None
        assert first.position == unranked[0].position


FULL_SCAN = re.compile(
    r"SCAN (item|photo|verdict|annotation|event)\b|sqlite_autoindex_item_2 \(project_id=\?\)"
)
"""Steps of an SQLite query plan that read all rows of a table or all photos of a project."""

OWN_VERDICTS = "ix_verdict_mine (project_id=? AND annotator_id=? AND state=?"
OWN_FOODS = "ix_annotation_mine (project_id=? AND annotator_id=? AND label_id=?"
QUERIES: dict[str, tuple[Callable[[Session, Crowd, int], object], tuple[str, ...]]] = {
    "next": (
        lambda s, c, me: next_item(s, c.project, me, 3),
        (f"{OWN_VERDICTS} AND item_id>?)", "ix_item_free (project_id=? AND position>?)"),
    ),
    "next, from the end": (
        lambda s, c, me: next_item(s, c.project, me, 500),
        (f"{OWN_VERDICTS} AND item_id<?)", "ix_item_free (project_id=? AND position<?)"),
    ),
    "next, uncertain first": (
        lambda s, c, me: next_item(s, c.project, c.annotators[3], 3, "uncertain first"),
        (f"{OWN_VERDICTS})", "ix_item_free_uncertain (project_id=? AND uncertainty>?)"),
    ),
    "neighbour": (
        lambda s, c, me: neighbour(s, c.project, 3, -1),
        ("sqlite_autoindex_item_2 (project_id=? AND position<?)",),
    ),
    "state": (
        lambda s, c, me: state_of(s, c.items[3].id, me),
        ("sqlite_autoindex_verdict_1 (item_id=? AND annotator_id=?)",),
    ),
    "foods": (
        lambda s, c, me: foods(s, c.items[3].id, me),
        ("ix_annotation_of_item (item_id=? AND annotator_id=?)",),
    ),
    "history": (
        lambda s, c, me: history(s, c.items[3].id, me),
        ("ix_event_of_item (item_id=? AND annotator_id=?)",),
    ),
    "list": (
        lambda s, c, me: list_items(s, c.project, me, after=3),
        ("sqlite_autoindex_item_2 (project_id=? AND position>?)",),
    ),
    "list of new": (
        lambda s, c, me: list_items(s, c.project, me, state=NEW, after=3),
        (
            "ix_item_free (project_id=? AND position>?)",
            "INDEX sqlite_autoindex_verdict_1 (item_id=? AND annotator_id=?)",
        ),
    ),
    "list of done": (
        lambda s, c, me: list_items(s, c.project, me, state=DONE, after=3),
        (f"{OWN_VERDICTS} AND item_id>?)",),
    ),
    "list of a label": (
        lambda s, c, me: list_items(s, c.project, me, label_id=c.labels[0], after=3),
        (
            f"{OWN_FOODS} AND item_id>?)",
            "ix_annotation_with_label (project_id=? AND label_id=? AND item_id>?)",
            "sqlite_autoindex_verdict_1 (item_id=? AND annotator_id=?)",
        ),
    ),
    "list of another's": (
        lambda s, c, me: list_items(s, c.project, me, by=c.annotators[1], after=3),
        ("ix_verdict_begun (project_id=? AND annotator_id=? AND item_id>?)",),
    ),
    "list of another's with a label": (
        lambda s, c, me: list_items(s, c.project, me, label_id=c.labels[0], by=c.annotators[1]),
        (
            "ix_verdict_begun (project_id=? AND annotator_id=? AND item_id>?)",
            f"{OWN_FOODS} AND item_id>?)",
            "sqlite_autoindex_verdict_1 (item_id=? AND annotator_id=?)",
            "ix_annotation_with_label (project_id=? AND label_id=? AND item_id>?)",
        ),
    ),
    "next unranked": (
        lambda s, c, me: next_unranked(s, c.project),
        ("ix_item_unranked (project_id=?)",),
    ),
    "review": (
        lambda s, c, me: review_queue(s, c.project, reviewer_id=me, after=3, limit=1),
        (
            "ix_item_shared (project_id=? AND position>?)",
            "sqlite_autoindex_verdict_1 (item_id=? AND annotator_id=?)",
        ),
    ),
}


def test_a_list_by_state_and_label_starts_from_the_rarer_one(new_store: NewStore) -> None:
    crowd = make_crowd(new_store("sqlite"))
    with crowd.store.reading() as session:
        unused = labels_of(session, crowd.project)[3].id
    me, common = crowd.annotators[0], crowd.labels[0]
    states = [state for (annotator, _), state in crowd.states.items() if annotator == me]
    with_common = [row for rows in crowd.labelled.values() for row in rows if row[1:] == (common, SAVED)]
    assert 0 < states.count(DONE) < len(with_common)
    statements: list[str] = []
    event.listen(crowd.store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for label, begins in ((common, "verdict"), (unused, "annotation")):
        statements.clear()
        with crowd.store.reading() as session:
            list_items(session, crowd.project, me, state=DONE, label_id=label)
        (statement,) = (each for each in statements if "DISTINCT" in each)
        assert re.match(rf"SELECT DISTINCT {begins}_\d+\.item_id", statement)


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_of_the_page_scans_a_whole_project(query: str, new_store: NewStore) -> None:
    crowd = make_crowd(new_store("sqlite"))
    ask, expected = QUERIES[query]
    statements: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        statements.append((statement, parameters))

    event.listen(crowd.store.engine, "before_cursor_execute", note)
    with crowd.store.reading() as session:
        ask(session, crowd, crowd.annotators[0])
        event.remove(crowd.store.engine, "before_cursor_execute", note)
        explain = session.connection().exec_driver_sql
        plan = [
            row.detail
            for statement, filled in statements
            for row in explain(f"EXPLAIN QUERY PLAN {statement}", filled)
        ]
    assert [step for step in plan if FULL_SCAN.search(step)] == []
    for index in expected:
        assert any(index in step for step in plan), (index, plan)
