"""A copy on the Hub is pushed when something was saved, and fills a new store; nothing leaves the machine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi, constants, set_client_factory
from huggingface_hub.utils import httpx
from huggingface_hub.utils._http import default_client_factory
from sqlalchemy import select

from rvernet_app.errors import StoreError
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.backup import MANIFEST, restore
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.keeping import FOLDER, HubCopy, bring_back
from rvernet_app.store.tables import DONE, Base
from tests.rvernet_app.store.conftest import NewStore
from tests.rvernet_app.store.desk import Desk, set_up

REPOSITORY, COMMIT = "ann/meals", "c" * 40
A_DAY = 24 * 60.0

Handler = Callable[[httpx.Request], httpx.Response]


class FolderHub(HfApi):
    """Stands for the Hub: keeps what is uploaded in a folder.

    Attributes:
        made: repositories asked for.
        messages: of the commits.
        broken: whether uploads fail.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(endpoint="https://hub.example", token=False)
        self.folder = folder
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[str] = []
        self.broken = False
        self.run_as_future(list).result()  # its one thread is there before two could ask for it at once

    def create_repo(self, repo_id: str, **how: Any) -> Any:  # type: ignore[override]
        self.made.append((repo_id, how))
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, **what: Any) -> str:  # type: ignore[override]
        if self.broken:
            raise ConnectionError("no route to host")
        assert (what["repo_id"], what["repo_type"]) == (REPOSITORY, "dataset")
        shutil.copytree(what["folder_path"], self.folder / what["path_in_repo"], dirs_exist_ok=True)
        self.messages.append(what["commit_message"])
        return what["commit_message"]


@pytest.fixture
def desk(new_store: NewStore) -> Desk:
    """Four photos, one of them done, on SQLite."""
    desk = set_up(new_store("sqlite"))
    desk.save("no oil")
    give_verdict(desk.store, desk.items[0], desk.ann, DONE)
    return desk


@pytest.fixture
def hub(tmp_path: Path) -> FolderHub:
    return FolderHub(tmp_path / "hub")


@pytest.fixture
def copies() -> Iterator[Callable[[Store, HfApi], HubCopy]]:
    """Makes copies that are stopped in the end, so that none pushes when the tests are over."""
    made: list[HubCopy] = []

    def make(store: Store, hub: HfApi) -> HubCopy:
        made.append(HubCopy(store, REPOSITORY, hub, every=A_DAY))
        return made[-1]

    yield make
    for copy in made:
        copy.stop()


NewCopy = Callable[[Store, HfApi], HubCopy]


def pushed(copy: HubCopy) -> object:
    """What came of a push, with that at the start behind it."""
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


# To the Hub


def test_the_repository_is_private(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copies(desk.store, hub)
    ((repository, how),) = hub.made
    assert repository == REPOSITORY
    assert (how["private"], how["repo_type"], how["exist_ok"]) == (True, "dataset", True)


def test_what_is_there_is_pushed_once(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    for _ in range(3):
        pushed(copy)
    assert hub.messages == [f"Up to change {desk.count()}"]
    assert [path.name for path in hub.folder.iterdir()] == [FOLDER]


def test_every_change_is_pushed_and_nothing_else(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    first = desk.count()
    desk.save("one more", item=1)
    desk.save("and another", item=1)
    for _ in range(2):
        pushed(copy)
    assert hub.messages == [f"Up to change {first}", f"Up to change {desk.count()}"]


def test_of_an_empty_store_nothing_is_pushed(new_store: NewStore, hub: FolderHub, copies: NewCopy) -> None:
    assert pushed(copies(new_store("sqlite"), hub)) is None
    assert not hub.folder.exists()


def test_the_newest_copy_is_the_store(desk: Desk, hub: FolderHub, copies: NewCopy, tmp_path: Path) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    desk.save("one more", item=1)
    pushed(copy)
    restore(hub.folder / FOLDER, tmp_path / "data")
    store = Store(tmp_path / "data")
    assert content(store) == content(desk.store)
    assert photo_files(store.folder) == photo_files(desk.store.folder)
    store.close()


def test_what_could_not_be_pushed_is_pushed_the_next_time(
    desk: Desk, hub: FolderHub, copies: NewCopy
) -> None:
    hub.broken = True
    copy = copies(desk.store, hub)
    with pytest.raises(ConnectionError):
        pushed(copy)
    hub.broken = False
    pushed(copy)
    assert hub.messages == [f"Up to change {desk.count()}"]


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_of_a_push_stays_in_the_data_folder(
    desk: Desk, hub: FolderHub, copies: NewCopy, broken: bool
) -> None:
    before = {path.name for path in desk.store.folder.iterdir()}
    hub.broken = broken
    copy = copies(desk.store, hub)
    if broken:
        with pytest.raises(ConnectionError):
            pushed(copy)
    else:
        pushed(copy)
    assert {path.name for path in desk.store.folder.iterdir()} <= before


def test_a_copy_that_is_stopped_pushes_no_more(desk: Desk, hub: FolderHub, copies: NewCopy) -> None:
    copy = copies(desk.store, hub)
    pushed(copy)
    copy.stop()
    desk.save("too late", item=1)
    assert pushed(copy) is None
    assert len(hub.messages) == 1


# What answers in the Hub's place


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Handler], list[str]]]:
    """Lets a function answer what is asked of the Hub; gives the list that the paths asked for go to."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    def install(handler: Handler) -> list[str]:
        asked: list[str] = []

        def note(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return handler(request)

        set_client_factory(lambda: httpx.Client(transport=httpx.MockTransport(note), follow_redirects=True))
        return asked

    yield install
    set_client_factory(default_client_factory)


def serving(folder: Path) -> Handler:
    """A Hub that has the files of a folder as the data set ann/meals, and nothing else."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    oids = {name: hashlib.sha1(data).hexdigest() for name, data in files.items()}

    def handler(request: httpx.Request) -> httpx.Response:
        head, found, rest = request.url.path.partition(f"/datasets/{REPOSITORY}/")
        if not found:
            return httpx.Response(404, headers={"X-Error-Code": "RepoNotFound"})
        kind, _, rest = rest.partition("/")
        if kind == "revision":
            return httpx.Response(200, json={"id": REPOSITORY, "sha": COMMIT})
        if kind == "tree":
            return httpx.Response(
                200,
                json=[
                    {"type": "file", "path": name, "size": len(data), "oid": oids[name]}
                    for name, data in files.items()
                ],
            )
        assert (head, kind) == ("", "resolve")
        name = rest.removeprefix(f"{COMMIT}/")
        headers = {
            "ETag": f'"{oids[name]}"',
            "X-Repo-Commit": COMMIT,
            "Content-Length": str(len(files[name])),
        }
        return httpx.Response(200, headers=headers, content=b"" if request.method == "HEAD" else files[name])

    return handler


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route to host")


def behind_a_broken_proxy(request: httpx.Request) -> httpx.Response:
    raise httpx.ProxyError("403 Forbidden")


def refusing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(403, json={"error": "Forbidden"})


Answer = Callable[[Handler], list[str]]


@pytest.mark.parametrize("handler", [unreachable, behind_a_broken_proxy, refusing])
def test_a_repository_that_cannot_be_made_is_named(desk: Desk, answer: Answer, handler: Handler) -> None:
    answer(handler)
    with pytest.raises(StoreError, match="cannot be kept in ann/meals") as refused:
        HubCopy(desk.store, REPOSITORY, HfApi(endpoint="https://hub.example", token="hf_test"))
    assert "\n" not in str(refused.value)


def test_what_is_no_repository_is_named(desk: Desk, answer: Answer) -> None:
    asked = answer(unreachable)
    with pytest.raises(StoreError, match="cannot be kept in ann/meals/more"):
        HubCopy(desk.store, "ann/meals/more", HfApi(endpoint="https://hub.example", token="hf_test"))
    assert asked == []


# From the Hub


@pytest.fixture
def kept(desk: Desk, hub: FolderHub, copies: NewCopy) -> Path:
    """What the repository holds of the desk."""
    pushed(copies(desk.store, hub))
    return hub.folder


def test_a_new_data_folder_is_filled_from_the_copy(
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
    # from then on it is its own
    asked.clear()
    assert bring_back(REPOSITORY, tmp_path / "data") is False
    assert asked == []


def test_a_data_folder_with_a_database_is_left_as_it_is(kept: Path, answer: Answer, desk: Desk) -> None:
    asked, before = answer(serving(kept)), content(desk.store)
    assert bring_back(REPOSITORY, desk.store.folder) is False
    assert asked == []
    assert content(desk.store) == before


def test_of_an_unknown_repository_there_is_nothing_to_bring(
    kept: Path, answer: Answer, tmp_path: Path
) -> None:
    answer(serving(kept))
    assert bring_back("ann/other", tmp_path / "data") is False
    assert not (tmp_path / "data").exists()


def test_nor_of_one_that_was_never_pushed_to(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".gitattributes").write_text("")
    answer(serving(tmp_path / "empty"))
    assert bring_back(REPOSITORY, tmp_path / "data") is False
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("handler", [unreachable, behind_a_broken_proxy, refusing])
def test_a_hub_that_does_not_answer_is_no_empty_store(
    answer: Answer, tmp_path: Path, handler: Handler
) -> None:
    answer(handler)
    with pytest.raises(StoreError, match="cannot be fetched from ann/meals") as refused:
        bring_back(REPOSITORY, tmp_path / "data")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "data").exists()


def test_a_damaged_copy_fills_nothing(kept: Path, answer: Answer, tmp_path: Path) -> None:
    original = next(path for path in (kept / FOLDER / "originals").rglob("*") if path.is_file())
    original.write_bytes(b"damaged")
    answer(serving(kept))
    with pytest.raises(StoreError, match="is damaged"):
        bring_back(REPOSITORY, tmp_path / "data")
    assert not (tmp_path / "data" / DATABASE_NAME).exists()
    assert photo_files(tmp_path / "data") == {}


def test_a_copy_without_its_manifest_was_never_finished(kept: Path, answer: Answer, tmp_path: Path) -> None:
    (kept / FOLDER / MANIFEST).unlink()
    answer(serving(kept))
    assert bring_back(REPOSITORY, tmp_path / "data") is False
    assert not (tmp_path / "data").exists()
