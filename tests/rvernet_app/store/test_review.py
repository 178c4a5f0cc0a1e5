"""Review: the queue, foods side by side, accepting, rejecting, merging and comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from rvernet_app.errors import ConflictError, StoreError
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import Rle, from_rle, to_rle
from rvernet_app.store.annotations import Draft, Portion, Saved, delete, give_verdict, save
from rvernet_app.store.consensus import final_photos
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import now, snapshot
from rvernet_app.store.history import redo, undo
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.review import (
    MAX_COMMENT,
    Comparison,
    accept,
    comment,
    comments,
    merge,
    merged_mask,
    reject,
    review_queue,
    side_by_side,
)
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import (
    ACCEPTED,
    DELETED,
    DONE,
    OPEN,
    REJECTED,
    SAVED,
    SKIPPED,
    UNUSABLE,
    Annotation,
    Event,
    Item,
    Photo,
)
from tests.rvernet_app.store.desk import commit

SIZE_HW = (6, 12)
"""Height and width of every photo, in pixels."""
ANN, BEN, CLEO, REVIEWER = 0, 1, 2, 3


def columns(first: int, last: int) -> Rle:
    """Return a mask of the whole columns from `first` up to, but not including, `last`."""
    mask = np.zeros(SIZE_HW, np.bool_)
    mask[:, first:last] = True
    return to_rle(mask)


def columns_of(rle: Rle) -> list[int]:
    mask = from_rle(rle, SIZE_HW)
    assert (mask.all(axis=0) == mask.any(axis=0)).all()
    return np.flatnonzero(mask[0]).tolist()


@dataclass(frozen=True)
class Desk:
    """A project with two labels, three annotators, a reviewer and four photos; the fields hold ids."""

    store: Store
    project: int
    rice: int
    soup: int
    people: tuple[int, ...]
    photos: tuple[int, ...]

    def save(self, who: int, first: int, last: int, label: int | None = None, photo: int = 0) -> int:
        draft = Draft(columns(first, last), label_id=label or self.rice)
        return commit(self.store, save, self.photos[photo], self.people[who], draft).id

    def done(self, *who: int, photo: int = 0, state: str = DONE) -> None:
        for one in who:
            commit(self.store, give_verdict, self.photos[photo], self.people[one], state)

    def accept(self, id: int, revision: int = 1) -> list[Saved]:
        return commit(self.store, accept, self.photos[0], self.people[REVIEWER], id, revision)

    def merge(self, *ids: int, how: str = "union", **others: Any) -> list[Saved]:
        revisions = {id: self.food(id).revision for id in ids}
        given: dict[str, Any] = {"label_id": self.rice, **others}
        return commit(self.store, merge, self.photos[0], self.people[REVIEWER], revisions, how, **given)

    def undo(self) -> None:
        assert commit(self.store, undo, self.photos[0], self.people[REVIEWER])

    def food(self, id: int) -> Annotation:
        with self.store.reading() as session:
            return session.get_one(Annotation, id)

    def statuses(self, *ids: int) -> list[str]:
        return [self.food(id).status for id in ids]

    def waiting(self, **options: int) -> list[int]:
        with self.store.reading() as session:
            return [item.position for item in review_queue(session, self.project, **options)]

    def compare(self) -> Comparison:
        with self.store.reading() as session:
            return side_by_side(session, self.photos[0])

    def events(self) -> list[Event]:
        with self.store.reading() as session:
            return list(session.scalars(select(Event).order_by(Event.id)))

    def final(self) -> list[tuple[int, int]]:
        """Return (area, label id) of each final food of the first photo."""
        with self.store.reading() as session:
            photo = next(final_photos(session, self.project))
            return [(food.annotation.area, food.label.id) for food in photo.foods]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk whose four photos want three annotators each."""
    store = Store(tmp_path)
    project = commit(store, create_project, "Trays", [LabelName("rice"), LabelName("soup")], self_review=True)
    people = tuple(commit(store, ensure_annotator, name) for name in ("Ann", "Ben", "Cleo", "Rita"))
    height, width = SIZE_HW
    with store.writing() as session:
        items = []
        for position in range(4):
            photo = Photo(sha256=f"{position:064}", format="PNG", width=width, height=height, added_at=now())
            session.add(photo)
            session.flush()
            item = Item(project_id=project, photo_id=photo.id, position=position, name=f"{position}.png")
            item.wanted, item.taken = 3, 0
            items.append(item)
        session.add_all(items)
        session.flush()
        rice, soup = (label.id for label in labels_of(session, project))
    yield Desk(store, project, rice, soup, people, tuple(item.id for item in items))
    store.close()


@pytest.fixture
def two_done(desk: Desk) -> tuple[Desk, int, int, int]:
    """Return a desk where Ann and Ben are done, and the ids of Ann's rice, Ben's rice and Ben's soup.

    The two rice masks cover the same food; only Ben marked the soup.
    """
    ids = desk.save(ANN, 0, 4), desk.save(BEN, 1, 4), desk.save(BEN, 8, 10, desk.soup)
    desk.done(ANN, BEN)
    return desk, *ids


def test_a_photo_waits_for_review_when_two_annotators_are_done(desk: Desk) -> None:
    for photo in range(4):
        desk.save(ANN, 0, 4, photo=photo)
        desk.save(BEN, 0, 4, photo=photo)
    desk.done(ANN, BEN, photo=3)
    desk.done(ANN, BEN, photo=0)
    desk.done(ANN, photo=1)
    desk.done(BEN, photo=1, state=OPEN)
    assert desk.waiting() == [0, 3]
    assert desk.waiting(after=0) == [3]
    assert desk.waiting(limit=1) == [0]
    assert desk.waiting(least=1) == [0, 1, 3]
    assert desk.waiting(least=3) == []


def test_a_photo_waits_until_all_its_foods_are_decided(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, _, soup = two_done
    desk.accept(rice)
    assert desk.waiting() == [0]
    commit(desk.store, reject, desk.photos[0], desk.people[REVIEWER], soup, 1)
    assert desk.waiting() == []
    desk.undo()
    assert desk.waiting() == [0]


def test_photos_without_foods_do_not_wait(desk: Desk) -> None:
    desk.save(CLEO, 0, 4)  # Cleo is not done
    desk.done(ANN, BEN)
    assert desk.waiting() == []


def test_an_annotator_who_is_not_done_cannot_review_the_photo(two_done: tuple[Desk, int, int, int]) -> None:
    desk = two_done[0]
    ann, cleo, reviewer = (desk.people[who] for who in (ANN, CLEO, REVIEWER))
    for state in (OPEN, SKIPPED, UNUSABLE):
        commit(desk.store, give_verdict, desk.photos[0], cleo, state, "blurred")
        waiting = [desk.waiting(reviewer_id=who) for who in (ann, cleo, reviewer)]
        # Who skips without a food gives the place back, and the reviewer could take it.
        assert waiting == [[0], [], [] if state == SKIPPED else [0]]
        with desk.store.acting(Actor("Ann", is_admin=True)).reading() as session:
            side_by_side(session, desk.photos[0])
        why = "still waits for an annotator" if state == SKIPPED else "Finish it before"
        with (
            desk.store.acting(Actor("Cleo", is_admin=True)).reading() as session,
            pytest.raises(StoreError, match=why),
        ):
            side_by_side(session, desk.photos[0])
    desk.done(CLEO)
    assert desk.waiting(reviewer_id=cleo) == [0]
    with desk.store.acting(Actor("Cleo", is_admin=True)).reading() as session:
        side_by_side(session, desk.photos[0])


def test_projects_have_separate_review_queues(two_done: tuple[Desk, int, int, int]) -> None:
    desk = two_done[0]
    other = commit(desk.store, create_project, "Bowls")
    with desk.store.reading() as session:
        assert review_queue(session, other) == []


def test_matching_foods_are_shown_side_by_side(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    desk.save(CLEO, 0, 4)
    found = desk.compare()
    assert [person.name for person in found.annotators] == ["Ann", "Ben"]
    shown = [[row and row.id for row in food.annotations] for food in found.foods]
    assert shown == [[rice, same], [None, soup]]
    assert [food.iou for food in found.foods] == [0.75, None]
    assert [food.same_label for food in found.foods] == [True, None]
    assert found.merged == ()


def test_three_foods_report_the_smallest_iou_and_agree_only_if_all_do(desk: Desk) -> None:
    desk.save(ANN, 0, 4)
    desk.save(BEN, 0, 4)
    desk.save(CLEO, 0, 3, desk.soup)
    desk.done(CLEO, ANN, BEN)
    [food] = desk.compare().foods
    assert (food.iou, food.same_label) == (0.75, False)


def test_foods_without_a_name_neither_agree_nor_disagree(desk: Desk) -> None:
    for who, label in ((ANN, None), (BEN, desk.rice)):
        commit(desk.store, save, desk.photos[0], desk.people[who], Draft(columns(0, 4), label_id=label))
    desk.done(ANN, BEN)
    [food] = desk.compare().foods
    assert (food.iou, food.same_label) == (1, None)


def test_accepting_a_food_rejects_only_the_matching_ones(
    two_done: tuple[Desk, int, int, int],
) -> None:
    desk, rice, same, soup = two_done
    assert desk.accept(rice) == [Saved(rice, 2), Saved(same, 2)]
    assert desk.statuses(rice, same, soup) == [ACCEPTED, REJECTED, SAVED]
    assert desk.final() == [(24, desk.rice)]


def test_a_decision_is_recorded_as_events_of_the_reviewer(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    before = len(desk.events())
    desk.accept(rice)
    events = desk.events()[before:]
    assert [(e.subject_id, e.annotator_id, e.revision) for e in events] == [
        (same, desk.people[REVIEWER], 2),
        (rice, desk.people[REVIEWER], 2),
    ]
    assert [(e.before or {})["status"] for e in events] == [SAVED, SAVED]
    assert [e.after for e in events] == [snapshot(desk.food(same)), snapshot(desk.food(rice))]


def test_a_reviewer_may_change_a_decision(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(rice)
    assert desk.accept(same, revision=2) == [Saved(same, 3), Saved(rice, 3)]
    assert desk.statuses(rice, same) == [REJECTED, ACCEPTED]


def test_accepting_twice_changes_nothing(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(rice)
    before = len(desk.events())
    assert desk.accept(rice, revision=2) == [Saved(rice, 2), Saved(same, 2)]
    assert len(desk.events()) == before


def test_accepting_a_food_that_changed_is_a_conflict(
    two_done: tuple[Desk, int, int, int],
) -> None:
    desk, rice, same, _ = two_done
    edited = Draft(columns(0, 5), label_id=desk.soup)
    commit(desk.store, save, desk.photos[0], desk.people[ANN], edited, id=rice, revision=1)
    with pytest.raises(ConflictError) as caught:
        desk.accept(rice)
    assert caught.value.theirs["label_id"] == desk.soup
    assert desk.statuses(rice, same) == [SAVED, SAVED]
    assert desk.food(same).revision == 1


def test_undo_reverts_an_acceptance_row_by_row(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(rice)
    desk.undo()
    assert desk.statuses(rice, same) == [SAVED, REJECTED]
    desk.undo()
    assert desk.statuses(rice, same) == [SAVED, SAVED]
    assert commit(desk.store, undo, desk.photos[0], desk.people[REVIEWER]) == []
    for _ in range(2):
        commit(desk.store, redo, desk.photos[0], desk.people[REVIEWER])
    assert desk.statuses(rice, same) == [ACCEPTED, REJECTED]


def test_only_current_foods_of_done_annotators_can_be_decided(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, *_ = two_done
    unfinished = desk.save(CLEO, 0, 4)
    deleted = desk.save(ANN, 6, 8)
    commit(desk.store, delete, desk.photos[0], desk.people[ANN], id=deleted, revision=1)
    elsewhere = desk.save(ANN, 0, 4, photo=1)
    desk.done(ANN, photo=1)
    for id in (unfinished, deleted, elsewhere, 999):
        with pytest.raises(StoreError, match="no such food"):
            desk.accept(id)
        with pytest.raises(StoreError, match="no such food"):
            commit(desk.store, reject, desk.photos[0], desk.people[REVIEWER], id, 1)
    with pytest.raises(StoreError, match="not in the project"):
        commit(desk.store, accept, 999, desk.people[REVIEWER], rice, 1)
    desk.accept(rice)
    assert desk.statuses(unfinished, deleted, elsewhere) == [SAVED, DELETED, SAVED]


def test_an_accepted_food_of_an_active_annotator_can_be_replaced(
    two_done: tuple[Desk, int, int, int],
) -> None:
    desk, rice, same, _ = two_done
    desk.accept(rice)
    desk.done(ANN, state=OPEN)
    assert [row and row.id for row in desk.compare().foods[0].annotations] == [rice, same]
    desk.accept(same, revision=2)
    assert desk.statuses(rice, same) == [REJECTED, ACCEPTED]


def test_rejecting_changes_only_one_food(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    assert commit(desk.store, reject, desk.photos[0], desk.people[REVIEWER], same, 1) == Saved(same, 2)
    assert desk.statuses(rice, same, soup) == [SAVED, REJECTED, SAVED]
    with pytest.raises(ConflictError):
        commit(desk.store, reject, desk.photos[0], desk.people[REVIEWER], same, 1)


@pytest.mark.parametrize(
    ("how", "expected"), [("union", [0, 1, 2, 3, 4]), ("intersection", [2]), ("majority", [1, 2, 3])]
)
def test_masks_are_merged_by_each_method(how: str, expected: list[int]) -> None:
    assert columns_of(merged_mask([columns(0, 4), columns(1, 3), columns(2, 5)], how)) == expected


def test_half_of_the_masks_is_not_a_majority() -> None:
    assert columns_of(merged_mask([columns(0, 4), columns(1, 6)], "majority")) == [1, 2, 3]


@pytest.mark.parametrize("how", ["intersection", "majority"])
def test_merging_disjoint_masks_into_an_empty_mask_is_refused(how: str) -> None:
    with pytest.raises(StoreError, match="union"):
        merged_mask([columns(0, 2), columns(4, 6)], how)


def test_a_merged_food_belongs_to_the_reviewer_and_is_final(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    portion = Portion(150, "g", "guessed", 120, 180)
    new, *others = desk.merge(rice, same, label_id=desk.soup, portion=portion)
    assert others == [Saved(rice, 2), Saved(same, 2)]
    assert desk.statuses(rice, same, soup) == [REJECTED, REJECTED, SAVED]
    found = desk.food(new.id)
    assert new.revision == found.revision == 1
    assert (found.status, found.annotator_id) == (ACCEPTED, desk.people[REVIEWER])
    assert (found.sources, found.prompts) == ([rice, same], {"merge": "union"})
    assert (found.amount, found.low, found.high, found.suggestions) == (150, 120, 180, None)
    assert (found.area, found.box_x, found.box_w) == (24, 0, 4)
    assert desk.events()[-1].after == snapshot(found)
    assert desk.final() == [(24, desk.soup)]


def test_a_merged_food_joins_the_notes(desk: Desk) -> None:
    drafts = [
        Draft(columns(0, 4), desk.rice, note=note) for note in ("no oil", "", "half of it is left", "no oil")
    ]
    ids = [
        commit(desk.store, save, desk.photos[0], desk.people[ANN + n % 3], d).id for n, d in enumerate(drafts)
    ]
    desk.done(ANN, BEN, CLEO)
    new = desk.merge(*ids)[0].id
    assert desk.food(new).note == "no oil; half of it is left"


# Changes after a decision


def edit(desk: Desk, who: int, id: int, draft: Draft) -> Saved:
    revision = desk.food(id).revision
    return commit(desk.store, save, desk.photos[0], desk.people[who], draft, id=id, revision=revision)


def test_changing_an_accepted_food_withdraws_the_decision(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    desk.accept(same)
    assert desk.final() == [(18, desk.rice)]
    edit(desk, BEN, same, Draft(columns(2, 4), desk.rice))
    assert desk.statuses(rice, same, soup) == [SAVED, SAVED, SAVED]
    assert desk.waiting() == [0]
    assert desk.final() == [(24, desk.rice)]  # Ann began first, so only her food counts
    withdrawn = [
        e for e in desk.events() if (e.annotator_id, e.subject, e.subject_id) == (None, "annotation", rice)
    ]
    assert [((e.before or {})["status"], (e.after or {})["status"]) for e in withdrawn] == [(REJECTED, SAVED)]


def test_changing_a_rejected_food_withdraws_the_decision(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(same)
    edit(desk, ANN, rice, Draft(columns(0, 4), desk.soup))
    assert desk.statuses(rice, same) == [SAVED, SAVED]
    assert desk.final() == [(24, desk.soup)]


def test_changing_a_source_rejects_the_merged_food(
    two_done: tuple[Desk, int, int, int],
) -> None:
    desk, rice, same, _ = two_done
    new = desk.merge(rice, same)[0].id
    edit(desk, ANN, rice, Draft(columns(0, 3), desk.rice))
    assert desk.statuses(rice, same, new) == [SAVED, SAVED, REJECTED]
    assert desk.final() == [(18, desk.rice)]


def test_changing_a_note_keeps_the_decision(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(same)
    edit(desk, BEN, same, Draft(columns(1, 4), desk.rice, note="from the buffet"))
    assert desk.statuses(rice, same) == [REJECTED, ACCEPTED]


def test_deleting_an_accepted_food_withdraws_the_decision(
    two_done: tuple[Desk, int, int, int],
) -> None:
    desk, rice, same, _ = two_done
    desk.accept(same)
    commit(desk.store, delete, desk.photos[0], desk.people[BEN], id=same, revision=2)
    assert desk.statuses(rice, same) == [SAVED, DELETED]
    assert desk.final() == [(24, desk.rice)]


def test_undoing_a_change_does_not_restore_a_withdrawn_decision(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(same)
    edit(desk, BEN, same, Draft(columns(2, 4), desk.rice))
    assert commit(desk.store, undo, desk.photos[0], desk.people[BEN])
    assert desk.statuses(rice, same) == [SAVED, SAVED]
    assert columns_of(Rle(size=list(SIZE_HW), counts=desk.food(same).counts)) == [1, 2, 3]
    assert commit(desk.store, redo, desk.photos[0], desk.people[BEN])
    assert columns_of(Rle(size=list(SIZE_HW), counts=desk.food(same).counts)) == [2, 3]


def test_a_change_from_an_old_revision_withdraws_nothing(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.accept(same)
    draft = Draft(columns(2, 4), desk.rice)
    with pytest.raises(ConflictError):
        commit(desk.store, save, desk.photos[0], desk.people[BEN], draft, id=same, revision=1)
    assert desk.statuses(rice, same) == [REJECTED, ACCEPTED]


def test_a_reviewer_takes_no_place_on_the_photo(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    desk.merge(rice, same)
    assert [person.name for person in desk.compare().annotators] == ["Ann", "Ben"]
    with desk.store.reading() as session:
        assert session.get_one(Item, desk.photos[0]).taken == 2


def test_merged_foods_are_shown_beside_the_annotators_foods(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    new = desk.merge(rice, same)[0].id
    found = desk.compare()
    assert [row.id for row in found.merged] == [new]
    assert [[row and row.id for row in food.annotations] for food in found.foods] == [
        [rice, same],
        [None, soup],
    ]


def test_the_last_merge_or_acceptance_replaces_earlier_ones(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    first = desk.merge(rice, same)[0].id
    second = desk.merge(rice, same, how="intersection")[0].id
    assert desk.statuses(first, second) == [REJECTED, ACCEPTED]
    desk.accept(first, revision=2)
    assert desk.statuses(first, second, rice, same) == [ACCEPTED, REJECTED, REJECTED, REJECTED]
    desk.accept(same, revision=2)
    assert desk.statuses(first, second, rice, same) == [REJECTED, REJECTED, REJECTED, ACCEPTED]


def test_unmatched_foods_can_be_merged(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    new = desk.merge(rice, soup)[0].id
    assert desk.statuses(rice, same, soup) == [REJECTED, REJECTED, REJECTED]
    assert columns_of(Rle(size=list(SIZE_HW), counts=desk.food(new).counts)) == [0, 1, 2, 3, 8, 9]


def test_undo_reverts_a_merge_row_by_row(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    new = desk.merge(rice, same)[0].id
    desk.undo()
    assert desk.statuses(new, rice, same) == [DELETED, REJECTED, REJECTED]
    desk.undo()
    desk.undo()
    assert desk.statuses(new, rice, same) == [DELETED, SAVED, SAVED]


def test_merging_foods_that_changed_is_a_conflict(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, _ = two_done
    before = len(desk.events())
    with pytest.raises(ConflictError):
        commit(
            desk.store, merge, desk.photos[0], desk.people[REVIEWER], {rice: 1, same: 5}, "union", desk.rice
        )
    assert desk.statuses(rice, same) == [SAVED, SAVED]
    assert len(desk.events()) == before


def test_an_invalid_merge_is_refused(two_done: tuple[Desk, int, int, int]) -> None:
    desk, rice, same, soup = two_done
    other = commit(desk.store, create_project, "Bowls", [LabelName("rice")])
    with desk.store.reading() as session:
        [foreign] = labels_of(session, other)
    unfinished = desk.save(CLEO, 0, 4)
    before = len(desk.events())
    for ids, options, words in (
        ((rice, same), {"how": "average"}, "got 'average'"),
        ((rice,), {}, "two or more"),
        ((rice, same), {"label_id": foreign.id}, "label set"),
        ((rice, same), {"label_id": 999}, "label set"),
        ((rice, soup), {"how": "intersection"}, "union"),
        ((rice, unfinished), {}, "not done"),
    ):
        with pytest.raises(StoreError, match=words):
            desk.merge(*ids, **options)
    assert len(desk.events()) == before


def test_comments_keep_their_order_and_add_events(two_done: tuple[Desk, int, int, int]) -> None:
    desk, *_ = two_done
    first = commit(desk.store, comment, desk.photos[0], desk.people[REVIEWER], "  Is this rice?\n")
    second = commit(desk.store, comment, desk.photos[0], desk.people[ANN], "Yes.")
    commit(desk.store, comment, desk.photos[1], desk.people[ANN], "Blurred.")
    with desk.store.reading() as session:
        found = comments(session, desk.photos[0])
    assert [(row.id, row.words, row.annotator_id) for row in found] == [
        (first, "Is this rice?", desk.people[REVIEWER]),
        (second, "Yes.", desk.people[ANN]),
    ]
    last = desk.events()[-1]
    assert (last.subject, last.item_id, last.before) == ("comment", desk.photos[1], None)
    assert (last.after or {})["words"] == "Blurred."


def test_an_invalid_comment_is_refused(two_done: tuple[Desk, int, int, int]) -> None:
    desk, *_ = two_done
    for photo, words, message in (
        (desk.photos[0], " \n", "1 to"),
        (desk.photos[0], "x" * (MAX_COMMENT + 1), "1 to"),
        (999, "Hm.", "not in the project"),
    ):
        with pytest.raises(StoreError, match=message):
            commit(desk.store, comment, photo, desk.people[ANN], words)
    commit(desk.store, comment, desk.photos[0], desk.people[ANN], "x" * MAX_COMMENT)
    with desk.store.reading() as session:
        assert [len(row.words) for row in comments(session, desk.photos[0])] == [MAX_COMMENT]
