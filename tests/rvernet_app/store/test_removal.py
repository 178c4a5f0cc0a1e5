"""Photos and projects that are deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from rvernet_app.errors import GoneError, StoreError
from rvernet_app.exchange.backup import backup
from rvernet_app.store import queue
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.consensus import final_photos
from rvernet_app.store.database import Store
from rvernet_app.store.history import history, undo
from rvernet_app.store.listing import list_items
from rvernet_app.store.projects import all_projects, create_project, project
from rvernet_app.store.queue import add_photos, link_before, set_meal
from rvernet_app.store.removal import Loss, delete_photos, delete_project, loss, remove_unused
from rvernet_app.store.review import comment, review_queue
from rvernet_app.store.tables import DONE, Event, Item, Photo, Project
from tests.rvernet_app.store.desk import Desk, commit, picture, set_up


@pytest.fixture
def desk(store: Store) -> Desk:
    return set_up(store)


def sha256_of(desk: Desk, number: int) -> str:
    return desk.item(number).photo.sha256


def names(desk: Desk) -> list[tuple[int, str]]:
    with desk.store.reading() as session:
        listed = list_items(session, desk.project, desk.ann)
    return [(one.item.position, one.item.name) for one in listed]


def test_what_a_deletion_takes_away_is_counted(desk: Desk) -> None:
    desk.save(by=desk.ann)
    desk.delete(desk.save(by=desk.ann))
    desk.save(by=desk.ben)
    desk.save(by=desk.ben, item=1)
    commit(desk.store, give_verdict, desk.items[2], desk.ann, "skipped")
    commit(desk.store, comment, desk.items[0], desk.ben, "Blurred?")
    with desk.store.reading() as session:
        assert loss(session, desk.project, desk.items[:1]) == Loss(1, {"Ann": 1, "Ben": 1}, ("Ann", "Ben"), 1)
        assert loss(session, desk.project, desk.items[2:3]) == Loss(1, {}, ("Ann",), 0)
        assert loss(session, desk.project) == Loss(4, {"Ann": 1, "Ben": 2}, ("Ann", "Ben"), 1)
        assert loss(session, desk.project, []) == Loss(0, {}, (), 0)


def test_a_deleted_photo_is_gone_from_all_that_counts_photos_and_foods(desk: Desk) -> None:
    for by in (desk.ann, desk.ben):
        desk.save(by=by, item=1)
        commit(desk.store, give_verdict, desk.items[1], by, DONE)
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]], desk.ann)
    assert names(desk) == [(0, "0.png"), (1, "2.png"), (2, "3.png")]
    with desk.store.reading() as session:
        assert queue.progress(session, desk.project, desk.ann) == {
            "new": 3, "full": 0, "open": 0, "done": 0, "unusable": 0, "skipped": 0,
        }  # fmt: skip
        assert list(final_photos(session, desk.project)) == []
        assert review_queue(session, desk.project) == []
        assert list_items(session, desk.project, desk.ann, label_id=desk.labels["rice"]) == []
        assert loss(session, desk.project) == Loss(3, {}, (), 0)


def test_events_keep_that_a_deleted_photo_was_there_and_who_deleted_it(desk: Desk) -> None:
    desk.save("Basmati", item=1)
    before = desk.count()
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]], desk.ben)
    with desk.store.reading() as session:
        event = history(session, desk.items[1])[-1]
        assert (event.subject, event.annotator_id) == ("item", desk.ben)
        assert event.before is not None
        assert event.after is not None
        assert (event.before["project_id"], event.before["name"]) == (desk.project, "1.png")
        assert session.get_one(Project, event.after["project_id"]).deleted_at is not None
        assert any((one.after or {}).get("note") == "Basmati" for one in history(session, desk.items[1]))
    assert desk.count() == before + 2  # the photo's, and that of the project it lies in now


def test_nothing_can_be_saved_on_a_deleted_photo(desk: Desk) -> None:
    saved = desk.save(item=1)
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
    item = desk.items[1]
    for attempt in (
        lambda: desk.save(item=1),
        lambda: desk.edit(saved, "late", item=1),
        lambda: desk.delete(saved, item=1),
        lambda: commit(desk.store, undo, item, desk.ann),
        lambda: commit(desk.store, give_verdict, item, desk.ann, DONE),
        lambda: commit(desk.store, set_meal, item, "Lunch"),
        lambda: commit(desk.store, link_before, item, desk.items[0]),
        lambda: commit(desk.store, comment, item, desk.ann, "Why?"),
        lambda: commit(desk.store, queue.item, desk.project, item),
    ):
        with pytest.raises(GoneError, match="This photo was deleted from the project"):
            attempt()


def test_leftovers_of_a_deleted_photo_stand_alone(desk: Desk) -> None:
    commit(desk.store, link_before, desk.items[2], desk.items[1])
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
    assert desk.item(2).before_id is None


def test_a_deleted_photo_can_be_added_again_as_a_new_one(desk: Desk) -> None:
    desk.save(item=1)
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
    (added,) = add_photos(desk.store, desk.files, desk.project, [("again.png", picture(1))])
    assert not added.was_there
    assert added.item_id is not None
    assert added.item_id > max(desk.items)
    assert names(desk) == [(0, "0.png"), (1, "2.png"), (2, "3.png"), (3, "again.png")]
    delete_photos(desk.store, desk.files, desk.project, [added.item_id])  # the same photo a second time
    assert names(desk) == [(0, "0.png"), (1, "2.png"), (2, "3.png")]


def test_several_photos_are_deleted_together_or_not_at_all(desk: Desk) -> None:
    delete_photos(desk.store, desk.files, desk.project, [desk.items[3], desk.items[0]])
    assert names(desk) == [(0, "1.png"), (1, "2.png")]
    with pytest.raises(GoneError, match="not in the project any more"):
        delete_photos(desk.store, desk.files, desk.project, [desk.items[1], desk.items[0]])
    assert names(desk) == [(0, "1.png"), (1, "2.png")]
    with pytest.raises(StoreError, match="not in the project"):
        delete_photos(desk.store, desk.files, desk.project, [999])


def test_files_of_a_deleted_photo_are_removed(desk: Desk) -> None:
    sha256 = sha256_of(desk, 1)
    desk.files.thumbnail(sha256, "PNG")
    kept = desk.store.folder / "originals" / sha256[:2] / "notes.txt"
    kept.write_text("not made by this program")
    assert delete_photos(desk.store, desk.files, desk.project, [desk.items[1]]) == [sha256]
    assert not list(desk.store.folder.rglob(f"{sha256}*"))
    assert kept.exists()
    assert desk.files.has(sha256_of(desk, 0), "PNG")
    assert remove_unused(desk.store, desk.files) == []


def test_files_that_another_project_uses_stay(desk: Desk) -> None:
    other = commit(desk.store, create_project, "Other", [])
    list(add_photos(desk.store, desk.files, other, [("1.png", picture(1))]))
    sha256 = sha256_of(desk, 1)
    assert delete_photos(desk.store, desk.files, desk.project, [desk.items[1]]) == []
    assert desk.files.has(sha256, "PNG")
    assert delete_project(desk.store, desk.files, other) == [sha256]


def test_a_photo_added_while_its_files_are_removed_has_its_files(desk: Desk) -> None:
    sha256 = sha256_of(desk, 1)
    keep, add = desk.files.add, [True]

    def add_then_delete(source: bytes) -> object:
        photo = keep(source)
        if add.pop():
            add.append(False)
            delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
        return photo

    desk.files.add = add_then_delete  # type: ignore[method-assign,assignment]
    (added,) = add_photos(desk.store, desk.files, desk.project, [("again.png", picture(1))])
    assert added.problem is None
    assert desk.files.has(sha256, "PNG")


def test_a_backup_misses_no_file_of_a_deleted_photo(desk: Desk, tmp_path: Path) -> None:
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
    report = backup(desk.store, tmp_path / "a backup")
    assert report.problems == ()
    assert report.rows["photo"] == 4
    assert sum(name.startswith("originals/") for name in report.files) == 3


def test_a_deleted_project_is_hidden_and_its_name_is_free(desk: Desk) -> None:
    saved = desk.save()
    removed = delete_project(desk.store, desk.files, desk.project, desk.ben)
    assert len(removed) == 4
    with desk.store.reading() as session:
        assert all_projects(session) == []
        with pytest.raises(GoneError, match="This project was deleted"):
            project(session, desk.project)
        event = session.scalars(select(Event).where(Event.subject == "project").order_by(Event.id)).all()[-1]
        assert (event.before or {})["name"] == "Trays"
        assert event.annotator_id == desk.ben
        assert set(session.scalars(select(Photo.id))) == set(session.scalars(select(Item.photo_id)))
    with pytest.raises(GoneError, match="deleted"):
        desk.edit(saved, "late")
    with pytest.raises(GoneError, match="deleted"):
        list(add_photos(desk.store, desk.files, desk.project, [("5.png", picture(5))]))
    with pytest.raises(GoneError, match="deleted"):
        delete_project(desk.store, desk.files, desk.project)
    assert commit(desk.store, create_project, "Trays", []) != desk.project
