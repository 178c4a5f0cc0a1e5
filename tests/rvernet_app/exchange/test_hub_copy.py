"""A copy on the Hub is pushed after changes, and restores a lost store. Nothing leaves the machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, constants
from sqlalchemy import select

from rvernet_app.errors import StoreError
from rvernet_app.exchange.backup import MANIFEST, restore
from rvernet_app.exchange.hub_copy import FOLDER, HubCopy, bring_back, open_copied
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.event_log import now
from rvernet_app.store.queue import add_photos
from rvernet_app.store.removal import delete_photos
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import DONE, Base, Event
from rvernet_app.ui.page import copy_reporter
from rvernet_app.ui.project.replies import CopyState
from rvernet_app.ui.requests import Empty
from tests.rvernet_app.conftest import NewStore, NewUrl
from tests.rvernet_app.exchange.folder_hub import A_DAY, REPOSITORY, FolderHub
from tests.rvernet_app.hub_answers import (
    Answer,
    Handler,
    answering,
    behind_a_broken_proxy,
    file_reply,
    httpx,
    tree,
    unreachable,
)
from tests.rvernet_app.store.desk import Desk, commit, picture, set_up

ANN = Actor("Ann")

COMMIT = "c" * 40


@pytest.fixture
def desk(new_store: NewStore) -> Desk:
    """Four photos, one of them done, on SQLite."""
    desk = set_up(new_store("sqlite"))
    desk.save("no oil")
    commit(desk.store, give_verdict, desk.items[0], desk.ann, DONE)
    return desk


@pytest.fixture
def hub(tmp_path: Path) -> FolderHub:
    return FolderHub(tmp_path / "hub")


@pytest.fixture
def copies() -> Iterator[Callable[[Store, HfApi], HubCopy]]:
    """Makes copies, and stops them after the test."""
    made: list[HubCopy] = []

    def make(store: Store, hub: HfApi) -> HubCopy:
        made.append(HubCopy(store, REPOSITORY, hub, every=A_DAY))
        return made[-1]

    yield make
    for copy in made:
        copy.stop()


NewCopy = Callable[[Store, HfApi], HubCopy]


def pushed(copy: HubCopy) -> object:
    """Push after the push at the start, and return its result."""
    future: Future[Any] = copy.trigger()
    return future.result()


def content(store: Store) -> dict[str, list[dict[str, Any]]]:
    with store.reading() as session:
        return {
            table.name: [dict(row) for row in session.execute(select(table).order_by(table.c.id)).mappings()]
            for table in Base.metadata.sorted_tables
        }


def photo_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("originals", "photos")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


# Pushing to the Hub


def test_the_repository_is_private(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copies(desk.store, hub)
    ((repository, options),) = hub.created
    assert repository == REPOSITORY
    assert (options["private"], options["repo_type"], options["exist_ok"]) == (True, "dataset", True)


def test_an_unchanged_store_is_pushed_once(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    for _ in range(3):
        pushed(copy)
    assert hub.messages == [f"Up to change {desk.count()}"]
    assert [path.name for path in hub.folder.iterdir()] == [FOLDER]


def test_changes_are_pushed_and_photos_only_if_there_are_new_ones(
    desk: Desk, hub: FolderHub, copies: NewCopy
) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    first = desk.count()
    desk.save("one more", item=1)
    desk.save("and another", item=1)
    for _ in range(2):
        pushed(copy)
    assert hub.messages == [f"Up to change {first}", f"Up to change {desk.count()}"]
    assert hub.uploads == 1  # no photo is new
    list(add_photos(desk.store, desk.files, desk.project, [("new.png", picture(9))]))
    pushed(copy)
    assert hub.uploads == 2
    assert photo_files(hub.folder / FOLDER) == photo_files(desk.store.folder)


def test_a_deleted_photo_leaves_the_copy_its_history_and_its_large_files(
    desk: Desk, hub: FolderHub, copies: NewCopy
) -> None:
    sha256 = desk.item(1).photo.sha256
    copies(desk.store, hub).push_to_hub()
    assert any(sha256 in name for name in hub.history)
    delete_photos(desk.store, desk.files, desk.project, [desk.items[1]])
    copies(desk.store, hub).push_to_hub()  # as after a restart
    kept = {path.relative_to(hub.folder).as_posix() for path in hub.folder.rglob("*") if path.is_file()}
    assert not any(sha256 in name for name in kept | hub.history | hub.large)
    assert sum("/originals/" in name for name in hub.large) == 3


def test_the_page_shows_a_failed_push_until_one_succeeds(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    assert copy.problem is None
    desk.save("one more", item=1)
    hub.files_left = 0
    with pytest.raises(ConnectionError):
        copy.push_to_hub()
    assert copy.problem == f"The latest changes are not in {REPOSITORY} yet: no route to host"
    assert copy_reporter(copy)(Empty(), ANN) == CopyState(problem=copy.problem)
    hub.files_left = None
    copy.push_to_hub()
    assert copy_reporter(copy)(Empty(), ANN) == copy_reporter(None)(Empty(), ANN) == CopyState(problem=None)


def test_an_empty_store_is_not_pushed(new_store: NewStore, hub: FolderHub, copies: NewCopy) -> None:
    assert pushed(copies(new_store("sqlite"), hub)) is None
    assert not hub.folder.exists()


def test_the_copy_restores_the_current_store(
    desk: Desk, hub: FolderHub, copies: NewCopy, tmp_path: Path
) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    desk.save("one more", item=1)
    pushed(copy)
    restore(hub.folder / FOLDER, tmp_path / "data")
    store = Store(tmp_path / "data")
    assert content(store) == content(desk.store)
    assert photo_files(store.folder) == photo_files(desk.store.folder)
    store.close()


def test_the_push_after_a_failed_one_has_its_changes(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    hub.files_left = 0
    copy = copies(desk.store, hub)
    with pytest.raises(ConnectionError):
        pushed(copy)
    hub.files_left = None
    pushed(copy)
    assert hub.messages == [f"Up to change {desk.count()}"]


@pytest.mark.parametrize("files_left", range(6))
def test_an_interrupted_push_leaves_the_previous_copy(
    desk: Desk, hub: FolderHub, copies: NewCopy, tmp_path: Path, files_left: int
) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    before = content(desk.store)
    list(add_photos(desk.store, desk.files, desk.project, [(f"{n}.png", picture(n)) for n in (8, 9)]))
    hub.files_left = files_left
    with pytest.raises(ConnectionError):
        pushed(copy)
    restore(hub.folder / FOLDER, tmp_path / "data")
    store = Store(tmp_path / "data")
    assert content(store) == before
    store.close()


def test_a_change_with_a_lower_id_than_the_last_is_pushed(
    desk: Desk, hub: FolderHub, copies: NewCopy
) -> None:
    """On PostgreSQL each writer gets its id before it commits, so that ids may be committed out of order."""
    with desk.store.writing() as session:
        session.add(Event(id=900, at=now(), subject="item", subject_id=1))
    copy = copies(desk.store, hub)
    pushed(copy)
    with desk.store.writing() as session:
        session.add(Event(id=899, at=now(), subject="item", subject_id=1))
    pushed(copy)
    assert len(hub.messages) == 2
    restore(hub.folder / FOLDER, hub.folder / "data")
    store = Store(hub.folder / "data")
    assert content(store) == content(desk.store)
    store.close()


@pytest.mark.parametrize("broken", [False, True])
def test_a_push_leaves_no_files_in_the_data_folder(
    desk: Desk, hub: FolderHub, copies: NewCopy, broken: bool
) -> None:
    before = {path.name for path in desk.store.folder.iterdir()}
    hub.files_left = 0 if broken else None
    copy = copies(desk.store, hub)
    if broken:
        with pytest.raises(ConnectionError):
            pushed(copy)
    else:
        pushed(copy)
    assert {path.name for path in desk.store.folder.iterdir()} <= before


def test_a_stopped_copy_does_not_push(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    copy.stop()
    desk.save("too late", item=1)
    assert pushed(copy) is None
    assert len(hub.messages) == 1


def test_closing_pushes_the_latest_changes_and_stops(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    first = desk.count()
    desk.save("the last", item=1)
    copy.close()
    assert hub.messages == [f"Up to change {first}", f"Up to change {desk.count()}"]
    desk.save("too late", item=1)
    assert pushed(copy) is None


def test_a_failed_push_on_closing_is_logged(
    desk: Desk, hub: FolderHub, copies: NewCopy, caplog: pytest.LogCaptureFixture
) -> None:
    hub.files_left = 0
    copy = copies(desk.store, hub)
    copy.close()
    assert "The latest changes are not in ann/meals" in caplog.text
    assert pushed(copy) is None


# Stand-ins for the Hub


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Answers requests to the Hub by a function; returns the list that collects the requested paths."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    yield from answering(monkeypatch)


def serving(folder: Path) -> Handler:
    """Return a Hub with the files of a folder as the data set ann/meals, and no other."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }

    def handler(request: Any) -> Any:
        head, found, rest = request.url.path.partition(f"/datasets/{REPOSITORY}/")
        if not found:
            return httpx.Response(404, headers={"X-Error-Code": "RepoNotFound"})
        kind, _, rest = rest.partition("/")
        if kind == "revision":
            return httpx.Response(200, json={"id": REPOSITORY, "sha": COMMIT})
        if kind == "tree":
            return tree(files)
        assert (head, kind) == ("", "resolve")
        name = rest.removeprefix(f"{COMMIT}/")
        return file_reply(request, files[name], COMMIT)

    return handler


def refusing(request: Any) -> Any:
    return httpx.Response(403, json={"error": "Forbidden"})


@pytest.mark.parametrize("handler", [unreachable, behind_a_broken_proxy, refusing])
def test_a_repository_that_cannot_be_created_is_reported(
    desk: Desk, answer: Answer, handler: Handler
) -> None:
    answer(handler)
    with pytest.raises(StoreError, match="cannot be copied to ann/meals") as refused:
        HubCopy(desk.store, REPOSITORY, HfApi(endpoint="https://hub.example", token="hf_test"))
    assert "\n" not in str(refused.value)


def test_an_invalid_repository_name_is_reported(desk: Desk, answer: Answer) -> None:
    asked = answer(unreachable)
    with pytest.raises(StoreError, match="cannot be copied to ann/meals/more"):
        HubCopy(desk.store, "ann/meals/more", HfApi(endpoint="https://hub.example", token="hf_test"))
    assert asked == []


# Restoring from the Hub


@pytest.fixture
def kept(desk: Desk, hub: FolderHub, copies: NewCopy) -> Path:
    """The folder of the Hub, with a copy of the desk."""
    pushed(copies(desk.store, hub))
    return hub.folder


def test_a_new_data_folder_is_restored_from_the_copy(
    desk: Desk, kept: Path, answer: Answer, tmp_path: Path
) -> None:
    (kept / "README.md").write_text("not asked for")
    asked = answer(serving(kept))
    assert bring_back(REPOSITORY, tmp_path / "data") is True
    assert not any(path.endswith("README.md") for path in asked)
    store = Store(tmp_path / "data")
    assert content(store) == content(desk.store)
    assert photo_files(store.folder) == photo_files(desk.store.folder)
    store.close()
    # the second time, nothing is missing
    asked.clear()
    assert bring_back(REPOSITORY, tmp_path / "data") is False
    assert asked == []


def test_a_lost_store_is_opened_with_its_rows_and_pushed_again(
    desk: Desk, kept: Path, hub: FolderHub, answer: Answer, tmp_path: Path
) -> None:
    answer(serving(kept))
    copy = open_copied(REPOSITORY, tmp_path / "data", hf_api=hub, every=A_DAY)
    assert content(copy.store) == content(desk.store)
    copy.store.folder.joinpath("mine.txt").write_text("mine")
    with copy.store.writing() as session:
        session.add(Event(at=now(), subject="item", subject_id=1))
    copy.close()
    assert hub.messages[-1] == f"Up to change {desk.count() + 1}"
    assert not list(hub.folder.rglob("mine.txt"))
    copy.store.close()


def test_a_data_folder_with_a_database_is_not_changed(kept: Path, answer: Answer, desk: Desk) -> None:
    asked, before = answer(serving(kept)), content(desk.store)
    assert bring_back(REPOSITORY, desk.store.folder) is False
    assert asked == []
    assert content(desk.store) == before


def test_an_unknown_repository_restores_nothing(kept: Path, answer: Answer, tmp_path: Path) -> None:
    answer(serving(kept))
    assert bring_back("ann/other", tmp_path / "data") is False
    assert not (tmp_path / "data").exists()


def test_an_empty_repository_restores_nothing(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".gitattributes").write_text("")
    answer(serving(tmp_path / "empty"))
    assert bring_back(REPOSITORY, tmp_path / "data") is False
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("handler", [unreachable, behind_a_broken_proxy, refusing])
def test_an_unreachable_hub_is_not_taken_for_an_empty_repository(
    answer: Answer, tmp_path: Path, handler: Handler
) -> None:
    answer(handler)
    with pytest.raises(StoreError, match="in ann/meals cannot be fetched") as refused:
        bring_back(REPOSITORY, tmp_path / "data")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "data").exists()


def test_a_cached_older_copy_is_never_used(kept: Path, answer: Answer, tmp_path: Path) -> None:
    answer(serving(kept))
    assert bring_back(REPOSITORY, tmp_path / "data") is True
    answer(unreachable)
    with pytest.raises(StoreError, match="in ann/meals cannot be fetched"):
        bring_back(REPOSITORY, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_database_without_rows_is_restored(
    desk: Desk, kept: Path, answer: Answer, new_store: NewStore
) -> None:
    answer(serving(kept))
    opened = new_store("sqlite")
    assert bring_back(REPOSITORY, opened.folder) is True
    assert content(opened) == content(desk.store)


@pytest.fixture
def elsewhere(kind: str, new_url: NewUrl, tmp_path: Path) -> str:
    """The URL of an empty database outside the data folder."""
    return new_url(kind) or f"sqlite:///{tmp_path}/elsewhere.sqlite3"


def test_a_database_outside_the_folder_is_restored_once(
    desk: Desk, kept: Path, answer: Answer, elsewhere: str, tmp_path: Path
) -> None:
    asked = answer(serving(kept))
    assert bring_back(REPOSITORY, tmp_path / "data", elsewhere) is True
    store = Store(tmp_path / "data", elsewhere)
    assert content(store) == content(desk.store)
    asked.clear()
    assert bring_back(REPOSITORY, tmp_path / "data", elsewhere) is False
    assert asked == []
    assert content(store) == content(desk.store)
    store.close()


def test_lost_photo_files_of_a_surviving_database_are_restored(
    desk: Desk, kept: Path, answer: Answer, elsewhere: str, tmp_path: Path
) -> None:
    (kept / "README.md").write_text("not asked for")
    asked, folder = answer(serving(kept)), tmp_path / "data"
    bring_back(REPOSITORY, folder, elsewhere)
    store = Store(folder, elsewhere)
    files, rows = photo_files(folder), content(store)
    first, *_, last = sorted(files)
    for lost in ([first], [first, last], list(files)):
        for name in lost:
            (folder / name).unlink()
        asked.clear()
        assert bring_back(REPOSITORY, folder, elsewhere) is True
        assert photo_files(folder) == files
        assert not any("tables" in path or path.endswith("README.md") for path in asked if "resolve" in path)
    shutil.rmtree(folder)
    assert bring_back(REPOSITORY, folder, elsewhere) is True
    assert photo_files(folder) == files
    assert content(store) == rows
    store.close()


def test_photo_files_that_the_copy_lacks_are_counted_and_the_others_restored(
    desk: Desk, kept: Path, answer: Answer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, elsewhere = tmp_path / "data", f"sqlite:///{tmp_path}/elsewhere.sqlite3"
    answer(serving(kept))
    bring_back(REPOSITORY, folder, elsewhere)
    store, files = Store(folder, elsewhere), photo_files(folder)
    list(add_photos(store, desk.files, desk.project, [("new.png", picture(9))]))  # since the last push
    damaged = next(name for name in files if name.startswith("photos/"))
    (kept / FOLDER / damaged).write_bytes(b"damaged")
    answer(serving(kept))
    shutil.rmtree(folder)
    assert bring_back(REPOSITORY, folder, elsewhere) is True
    assert photo_files(folder) == {name: data for name, data in files.items() if name != damaged}
    assert "3 photo files are missing here and in ann/meals" in caplog.text
    assert bring_back(REPOSITORY, folder, elsewhere) is False
    store.close()


def test_an_unreachable_hub_is_reported_when_photo_files_are_lost(
    desk: Desk, answer: Answer, tmp_path: Path
) -> None:
    desk.files.original(desk.item().photo.sha256).unlink()
    answer(unreachable)
    with pytest.raises(StoreError, match="in ann/meals cannot be fetched"):
        bring_back(REPOSITORY, desk.store.folder)


def test_an_unreachable_database_is_reported(answer: Answer, tmp_path: Path) -> None:
    asked = answer(unreachable)
    with pytest.raises(StoreError, match=r"The database cannot be opened: .*refused"):
        bring_back(REPOSITORY, tmp_path / "data", "postgresql://ann:secret@127.0.0.1:1/foods")
    assert asked == []


def test_a_damaged_copy_restores_nothing(kept: Path, answer: Answer, tmp_path: Path) -> None:
    original = next(path for path in (kept / FOLDER / "originals").rglob("*") if path.is_file())
    original.write_bytes(b"damaged")
    answer(serving(kept))
    with pytest.raises(StoreError, match="is damaged"):
        bring_back(REPOSITORY, tmp_path / "data")
    assert not (tmp_path / "data" / DATABASE_NAME).exists()
    assert photo_files(tmp_path / "data") == {}


def test_a_copy_without_a_manifest_restores_nothing(kept: Path, answer: Answer, tmp_path: Path) -> None:
    (kept / FOLDER / MANIFEST).unlink()
    answer(serving(kept))
    assert bring_back(REPOSITORY, tmp_path / "data") is False
    assert not (tmp_path / "data").exists()
