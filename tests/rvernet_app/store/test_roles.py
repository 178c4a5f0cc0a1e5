"""Roles and blindness in the store's own functions, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from rvernet_app.errors import FullError, GoneError, RoleError, StoreError
from rvernet_app.labels import LabelName
from rvernet_app.store.annotations import delete, foods, give_verdict, save
from rvernet_app.store.consensus import final_photos
from rvernet_app.store.database import Store, migration_config, upgrade
from rvernet_app.store.history import history, undo
from rvernet_app.store.label_sets import add_label, labels_of
from rvernet_app.store.listing import list_items
from rvernet_app.store.members import people, remove_member, set_member
from rvernet_app.store.projects import all_projects, create_project, ensure_annotator, project
from rvernet_app.store.queue import lead, progress
from rvernet_app.store.removal import delete_photos
from rvernet_app.store.review import accept, keep_sight, merge, reject, review_queue, side_by_side
from rvernet_app.store.roles import Actor, Role
from rvernet_app.store.tables import DONE, OPEN, Annotation, Event, Member, Project
from tests.rvernet_app.conftest import NewUrl
from tests.rvernet_app.store.desk import Desk, commit, set_up

ANN, BEN, RITA, ADA, OLGA = (Actor(name) for name in ("Ann", "Ben", "Rita", "Ada", "Olga"))
ROOT = Actor("Root", is_admin=True)


@pytest.fixture
def team(desk: Desk) -> Desk:
    """The desk with Ann and Ben as annotators, Rita as a reviewer and Ada as the admin."""
    roles = ((ANN, Role.ANNOTATOR), (BEN, Role.ANNOTATOR), (RITA, Role.REVIEWER), (ADA, Role.ADMIN))
    for who, role in roles:
        commit(desk.store, set_member, desk.project, who.name, role)
    return desk


def as_(desk: Desk, who: Actor, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a store function in a transaction of somebody's."""
    return commit(desk.store.acting(who), change, *args, **kwargs)


def id_of(desk: Desk, who: Actor) -> int:
    return commit(desk.store, ensure_annotator, who.name)


def finish(desk: Desk, *people: int, item: int = 0) -> None:
    for by in people:
        commit(desk.store, give_verdict, desk.items[item], by, DONE)


def test_only_admins_of_the_server_make_projects_and_become_their_admins(store: Store) -> None:
    olga, root = (commit(store, ensure_annotator, who.name) for who in (OLGA, ROOT))
    with pytest.raises(RoleError, match="Only an admin of this server may make projects"):
        commit(store.acting(OLGA), create_project, "Trays", [], by=olga)
    made = commit(store.acting(ROOT), create_project, "Trays", [], by=root)
    with store.reading() as session:
        assert [(one.name, one.role) for one in people(session, made)] == [("Root", Role.ADMIN)]


def test_a_project_is_listed_to_its_members_only(team: Desk) -> None:
    for who, expected in ((ANN, [team.project]), (OLGA, []), (ROOT, [team.project])):
        with team.store.acting(who).reading() as session:
            assert [one.id for one in all_projects(session)] == expected
    with team.store.acting(OLGA).reading() as session:
        with pytest.raises(StoreError, match=r"^There is no such project\.$"):
            project(session, team.project)
        with pytest.raises(StoreError, match=r"^There is no such project\.$"):
            project(session, 999)


def test_who_is_refused_is_told_whom_to_ask(team: Desk) -> None:
    with pytest.raises(RoleError, match=r"Only an admin of this project may do this. Ask Ada\."):
        as_(team, RITA, set_member, team.project, "Olga", Role.ANNOTATOR)


def test_a_deleted_project_is_gone_for_its_members_and_unknown_to_others(team: Desk) -> None:
    delete_photos(team.store.acting(ADA), team.files, team.project, [team.items[0]])
    with pytest.raises(GoneError):
        as_(team, ANN, give_verdict, team.items[0], team.ann, DONE)
    olga = id_of(team, OLGA)
    with pytest.raises(StoreError, match=r"^This photo is not in the project\.$"):
        as_(team, OLGA, give_verdict, team.items[0], olga, DONE)


def test_the_last_admin_stays_unless_somebody_who_runs_the_server_says_so(team: Desk) -> None:
    changes: tuple[Callable[[], Any], ...] = (
        lambda: as_(team, ADA, set_member, team.project, "Ada", Role.REVIEWER),
        lambda: as_(team, ADA, remove_member, team.project, "Ada"),
    )
    for change in changes:
        with pytest.raises(RoleError, match="needs an admin"):
            change()
    as_(team, ADA, set_member, team.project, "Rita", Role.ADMIN)
    as_(team, ADA, remove_member, team.project, "Ada")
    as_(team, ROOT, remove_member, team.project, "Rita")
    with team.store.reading() as session:
        assert set(session.scalars(select(Member.role))) == {"annotator"}


def test_changes_of_members_are_recorded(team: Desk) -> None:
    ada = id_of(team, ADA)
    as_(team, ADA, remove_member, team.project, "Ben", ada)
    with team.store.reading() as session:
        events = session.scalars(select(Event).where(Event.subject == "member").order_by(Event.id)).all()
    assert (events[-1].annotator_id, (events[-1].before or {})["role"], events[-1].after) == (
        ada,
        "annotator",
        None,
    )


def test_nobody_acts_in_the_name_of_another(team: Desk) -> None:
    item = team.items[0]
    for change, args in (
        (save, (item, team.ann, team.draft())),
        (give_verdict, (item, team.ann, DONE)),
        (add_label, (team.project, LabelName("peas"), team.ann)),
        (lead, (team.project, team.ann)),
        (progress, (team.project, team.ann)),
        (list_items, (team.project, team.ann)),
    ):
        with pytest.raises(RoleError, match="You work as Ben here"):
            as_(team, BEN, change, *args)


def test_nobody_changes_anothers_food_not_even_a_reviewer(team: Desk) -> None:
    saved = team.save()
    finish(team, team.ann)
    commit(team.store, give_verdict, team.items[0], team.ben, DONE)
    before = team.count()
    for who, by in ((BEN, team.ben), (RITA, id_of(team, RITA)), (ROOT, id_of(team, ROOT))):
        for id in (saved.id, 999):
            with pytest.raises(StoreError, match=r"^There is no such food on this photo\.$"):
                as_(team, who, save, team.items[0], by, team.draft(), id=id, revision=saved.revision)
            with pytest.raises(StoreError, match=r"^There is no such food on this photo\.$"):
                as_(team, who, delete, team.items[0], by, id=id, revision=saved.revision)
    assert team.count() == before
    assert [event.subject_id for event in as_(team, ANN, undo, team.items[0], team.ann)] == [saved.id]


def test_nobody_reviews_their_own_food_unless_the_project_allows_it(team: Desk) -> None:
    anns, bens = team.save(), team.save(by=team.ben)
    finish(team, team.ann, team.ben)
    commit(team.store, set_member, team.project, "Ann", Role.REVIEWER)
    with team.store.writing() as session:
        session.get_one(Project, team.project).self_review = False
    item, revisions = team.items[0], {anns.id: 1, bens.id: 1}
    changes: tuple[Callable[[], Any], ...] = (
        lambda: as_(team, ANN, accept, item, team.ann, anns.id, 1),
        lambda: as_(team, ANN, accept, item, team.ann, bens.id, 1),  # it would reject her own
        lambda: as_(team, ANN, reject, item, team.ann, anns.id, 1),
        lambda: as_(team, ANN, merge, item, team.ann, revisions, "union", None),
    )
    for change in changes:
        with pytest.raises(RoleError, match="somebody else has to review it"):
            change()
    with team.store.acting(ANN).reading() as session:
        assert review_queue(session, team.project, reviewer_id=team.ann) == []
    rita = id_of(team, RITA)
    with team.store.acting(RITA).reading() as session:
        assert [row.id for row in review_queue(session, team.project, reviewer_id=rita)] == [item]
    with team.store.writing() as session:
        session.get_one(Project, team.project).self_review = True
    as_(team, ANN, accept, item, team.ann, anns.id, 1)


def test_a_merged_food_belongs_to_its_reviewer(team: Desk) -> None:
    anns, bens, rita = team.save(), team.save(by=team.ben), id_of(team, RITA)
    finish(team, team.ann, team.ben)
    merged, *_ = as_(team, RITA, merge, team.items[0], rita, {anns.id: 1, bens.id: 1}, "union", None)
    with pytest.raises(StoreError, match="no such food"):
        as_(team, ANN, delete, team.items[0], team.ann, id=merged.id, revision=1)
    as_(team, RITA, delete, team.items[0], rita, id=merged.id, revision=1)


def test_a_former_reviewer_takes_no_decision_back(team: Desk) -> None:
    anns, rita = team.save(), id_of(team, RITA)
    finish(team, team.ann, team.ben)
    as_(team, RITA, accept, team.items[0], rita, anns.id, 1)
    commit(team.store, set_member, team.project, "Rita", Role.ANNOTATOR)
    with pytest.raises(RoleError, match="Only a reviewer"):
        as_(team, RITA, undo, team.items[0], rita)
    assert team.food(anns.id).status == "accepted"


def test_others_foods_are_seen_by_reviewers_without_a_place_on_the_photo(team: Desk) -> None:
    team.save()
    finish(team, team.ann)  # the photo wants two
    for who in (RITA, ROOT):  # they could still begin it
        with team.store.acting(who).reading() as session:
            for look in (side_by_side, foods, history):
                with pytest.raises(StoreError, match="still waits for an annotator"):
                    look(session, team.items[0])
    with team.store.acting(ANN).reading() as session, pytest.raises(RoleError, match="Only a reviewer"):
        side_by_side(session, team.items[0])
    team.save(by=team.ben)
    with team.store.acting(RITA).reading() as session:
        assert len(side_by_side(session, team.items[0]).annotators) == 1


def test_who_has_seen_a_photo_in_review_cannot_begin_it(team: Desk) -> None:
    team.save()
    team.save(by=team.ben)
    finish(team, team.ann, team.ben)
    rita, store = id_of(team, RITA), team.store.acting(RITA)
    for _ in range(2):
        keep_sight(store, team.items[0])
    with team.store.writing() as session:  # a place is free again, as after a skip
        item = session.get_one(type(team.item()), team.items[0])
        item.wanted = 3
    with pytest.raises(FullError, match="have seen what others have"):
        as_(team, RITA, save, team.items[0], rita, team.draft())
    with store.reading() as session:
        assert progress(session, team.project, rita)["new"] == 3
        assert [one.full for one in list_items(session, team.project, rita)] == [True, False, False, False]
        assert [row.id for row in review_queue(session, team.project, reviewer_id=rita)] == [team.items[0]]
    assert as_(team, RITA, lead, team.project, rita) == team.items[1]


def test_an_annotator_learns_nothing_of_others_by_filters_and_counts(team: Desk) -> None:
    team.save(label="soup")
    finish(team, team.ann)
    commit(team.store, give_verdict, team.items[0], team.ben, OPEN)
    with team.store.acting(BEN).reading() as session:
        me = team.ben
        assert list_items(session, team.project, me, label_id=team.labels["soup"]) == []
        assert list_items(session, team.project, me, search="soup") == []
        assert [one.foods for one in list_items(session, team.project, me)] == [0] * 4
        with pytest.raises(RoleError):
            list_items(session, team.project, me, by=team.ann)
    rita = id_of(team, RITA)
    with team.store.acting(RITA).reading() as session:  # the photo has no place left for her
        found = list_items(session, team.project, rita, label_id=team.labels["soup"])
        assert [one.item.id for one in found] == [team.items[0]]


def test_exports_take_an_admin(team: Desk) -> None:
    with team.store.acting(RITA).reading() as session, pytest.raises(RoleError, match="Only an admin"):
        list(final_photos(session, team.project))


def test_who_worked_on_a_project_before_is_its_member_after_the_upgrade(
    kind: str, new_url: NewUrl, tmp_path: Path
) -> None:
    desk = set_up(Store(tmp_path, new_url(kind)))
    store = desk.store
    anns = desk.save()
    desk.save(by=desk.ben)
    finish(desk, desk.ann, desk.ben)
    rita = commit(store, ensure_annotator, "Rita")
    commit(store, ensure_annotator, "Olga")
    commit(store, accept, desk.items[0], rita, anns.id, 1)
    machine = commit(store, ensure_annotator, "import")
    desk.save(by=machine, item=1)
    with store.engine.begin() as connection:
        command.downgrade(migration_config(connection), "0006")
    with store.engine.begin() as connection:
        upgrade(connection)
    with store.reading() as session:
        roles = {one.name: one.role for one in people(session, desk.project)}
        assert session.scalar(text("SELECT self_review FROM project")) in (True, 1)
        assert session.get_one(Annotation, anns.id).status == "accepted"
        assert len(labels_of(session, desk.project)) == 3
    assert roles == {"Ann": Role.ANNOTATOR, "Ben": Role.ANNOTATOR, "Rita": Role.REVIEWER, "import": None}
    store.close()


def test_a_session_without_an_actor_is_the_program(team: Desk) -> None:
    with team.store.reading() as session:
        assert isinstance(session, Session)
        assert [one.id for one in all_projects(session)] == [team.project]
        assert len(list(final_photos(session, team.project))) == 0
