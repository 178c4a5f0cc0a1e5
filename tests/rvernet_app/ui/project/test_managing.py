"""The page's requests that change, judge, delete and import, on a real store and real files."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rvernet_app.config import AppConfig
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.projects import all_projects, create_project
from rvernet_app.store.tables import Annotation, Item, Photo
from rvernet_app.ui.access import uploads_folder
from rvernet_app.ui.answers import answered_to
from rvernet_app.ui.project.adding import Adding
from rvernet_app.ui.project.importing import Importing
from rvernet_app.ui.project.managing import Managing
from tests.rvernet_app.store.desk import Desk, commit, nobody, picture, set_up

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))


@dataclass
class Page:
    """The handlers of a desk's store, called as the browser calls them."""

    desk: Desk
    photos: PhotoCache
    forgotten: list[str] = field(default_factory=list)

    def ask(self, name: str, /, **message: Any) -> dict[str, Any]:
        """Return the reply to Ann's message about the desk's project."""
        store, files = self.desk.store, self.desk.files
        parts = (
            Managing(store, files, self.forgotten.extend),
            Adding(store, files, self.photos, None),
            Importing(store, files),
        )
        handlers = {handler.__name__: handler for part in parts for handler in part.handlers}
        sent = {"me": "Ann", "project": self.desk.project, **message}
        reply = answered_to(handlers[name], nobody)(json.loads(json.dumps(sent)), REQUEST, None)
        return cast("dict[str, Any]", json.loads(json.dumps(reply)))

    @property
    def states(self) -> list[str]:
        """The file names in the queue."""
        with self.desk.store.reading() as session:
            rows = session.query(Item).where(Item.project_id == self.desk.project).order_by(Item.position)
            return [item.name for item in rows]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    store = Store(tmp_path / "data")
    yield Page(set_up(store), PhotoCache(AppConfig(photos_dir=tmp_path / "photos")))
    store.close()


def uploaded(*parts: bytes) -> list[str]:
    """Put files where Gradio puts uploads; returns their paths."""
    paths = []
    for part in parts:
        path = uploads_folder() / secrets.token_hex(8) / "blob"
        path.parent.mkdir(parents=True)
        path.write_bytes(part)
        paths.append(str(path))
    return paths


def zipped(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return data.getvalue()


def exported(desk: Desk, folder: Path, wanted: str = "coco") -> Path:
    """Export the desk's finished photos; returns the folder."""
    EXPORTS[wanted](desk.store, desk.files, desk.project, folder, Shares())
    return folder


def test_a_project_is_changed_and_says_how_it_is_now(page: Page) -> None:
    settings = {
        "name": "Lunch",
        "new_labels": False,
        "double_share": 0.5,
        "blind_share": 0.25,
        "self_review": False,
    }
    assert page.ask("change_project", **settings) == settings
    commit(page.desk.store, create_project, "Other", [])
    assert "already" in page.ask("change_project", **{**settings, "name": "Other"})["error"]


def test_people_and_what_a_deletion_takes_are_told(page: Page) -> None:
    page.desk.save()
    page.desk.save(by=page.desk.ben)
    assert page.ask("people")["people"] == [
        {"name": "Ann", "role": None, "begun": 1, "done": 0, "foods": 1},
        {"name": "Ben", "role": None, "begun": 1, "done": 0, "foods": 1},
    ]
    told = {"photos": 1, "foods": {"Ann": 1, "Ben": 1}, "people": ["Ann", "Ben"], "comments": 0}
    assert page.ask("what_goes", items=[page.desk.items[0]]) == told
    assert page.ask("what_goes")["photos"] == 4


def test_deleted_photos_are_forgotten_by_the_engine_too(page: Page) -> None:
    sha256 = page.desk.item(1).photo.sha256
    reply = page.ask("delete_photos", items=[page.desk.items[1]])
    assert reply["progress"]["new"] == 3
    assert page.forgotten == [sha256]
    again = page.ask("delete_photos", items=[page.desk.items[1]])
    assert again["gone"] is True
    assert page.ask("delete_photos", items=[])["error"].startswith("The page sent a value")


def test_a_project_is_deleted_once_its_name_is_typed(page: Page) -> None:
    assert (
        page.ask("delete_project", name="trays")["error"] == "Type the project's name, Trays, to delete it."
    )
    assert page.ask("delete_project", name=" Trays ") == {}
    with page.desk.store.reading() as session:
        assert all_projects(session) == []
    assert len(page.forgotten) == 4
    assert page.ask("people")["gone"] is True
    assert page.ask("what_goes")["gone"] is True


def test_several_photos_are_judged_and_those_that_cannot_be_are_named(page: Page) -> None:
    desk = page.desk
    commit(desk.store, give_verdict, desk.items[2], desk.ben, "done")
    reply = page.ask("judge_photos", items=list(desk.items[:2]), state="unusable", reason="blurred")
    assert (reply["progress"]["unusable"], reply["refused"]) == (2, [])
    reply = page.ask("judge_photos", items=list(desk.items), state="open")
    assert reply["progress"] | {"full": 0} == {
        "new": 2, "full": 0, "open": 2, "done": 0, "unusable": 0, "skipped": 0,
    }  # fmt: skip
    refused = page.ask("judge_photos", items=[desk.items[0]], state="unusable")["refused"]
    assert refused == [{"item": desk.items[0], "name": "0.png", "why": "Say why this photo is unusable."}]


def test_a_zip_of_photos_is_added_photo_by_photo(page: Page) -> None:
    data = zipped(monday__9_png=b"", monday__a=picture(9), notes=b"hello")
    half = len(data) // 2
    listed = page.ask("list_archive", name="day.zip", parts=uploaded(data[:half], data[half:]))
    assert listed["names"] == []
    assert listed["others"] == ["monday/9_png", "monday/a", "notes"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("monday/9.png", picture(9))
        made.writestr("monday/0.png", picture(0))
        made.writestr("monday/broken.jpg", b"no photo")
        made.writestr("read me.txt", b"hello")
        made.writestr("monday/@eaDir/9.png/SYNOPHOTO_THUMB_XL.jpg", picture(9))
        made.writestr("__MACOSX/monday/._9.png", b"side file")
    listed = page.ask("list_archive", name="day.zip", parts=uploaded(archive.getvalue()))
    assert listed["names"] == ["monday/0.png", "monday/9.png", "monday/broken.jpg"]
    assert listed["others"] == ["read me.txt"]
    assert listed["stray"] == 2
    known, new, broken = (
        page.ask("add_from_archive", token=listed["token"], name=name) for name in listed["names"]
    )
    assert (known["was_there"], known["name"]) == (True, "0.png")
    assert (new["was_there"], new["problem"]) == (False, None)
    assert "photo" in broken["problem"]
    assert page.states[-1] == "9.png"


@pytest.mark.parametrize("token", ["../../data/rvernet", "0" * 32, ""])
def test_only_uploaded_zips_are_read(page: Page, token: str) -> None:
    assert "ZIP" in page.ask("add_from_archive", token=token, name="0.png")["error"]
    assert page.ask("list_archive", name="day.zip", parts=uploaded(b"no zip"))["error"] == (
        "day.zip is damaged, or not a ZIP."
    )
    assert "upload did not arrive" in page.ask("list_archive", name="x.zip", parts=["/etc/passwd"])["error"]


@pytest.fixture
def coco(page: Page, tmp_path: Path) -> list[dict[str, Any]]:
    """The uploaded files of an export of two foods on one photo, with one broken photo named in it."""
    page.desk.save(label="rice")
    page.desk.save(label="soup", left=3)
    commit(page.desk.store, give_verdict, page.desk.items[0], page.desk.ann, "done")
    folder = exported(page.desk, tmp_path / "export")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        {"name": f"export/{path.relative_to(folder).as_posix()}", "parts": uploaded(path.read_bytes())}
        for path in files
    ]


def test_a_look_says_what_the_import_then_does_and_writes_nothing(page: Page, coco: Any) -> None:
    desk = page.desk
    other = commit(desk.store, create_project, "Other", [])
    before = [desk.count(), desk.count(Photo), desk.count(Annotation)]
    files = sorted(desk.store.folder.rglob("*.png"))
    looked = page.ask("import_files", project=other, format="coco", files=coco, keep=False)
    assert (looked["photos"], looked["known_photos"], looked["foods"]) == (1, 0, 2)
    assert set(looked["labels"]) == {"rice", "soup"}
    assert [desk.count(), desk.count(Photo), desk.count(Annotation)] == before
    assert sorted(desk.store.folder.rglob("*.png")) == files
    done = page.ask("import_files", project=other, format="coco", files=coco, keep=True)
    assert done == looked
    assert desk.count(Annotation) == before[2] + 2
    again = page.ask("import_files", project=other, format="coco", files=coco, keep=False)
    assert (again["photos"], again["known_photos"], again["foods"]) == (0, 1, 0)
    assert {one["why"] for one in again["left_out"]} == {"It is in the project already."}


def test_an_import_that_cannot_be_read_says_so_without_folders_of_the_server(page: Page) -> None:
    files = [{"name": "labels.json", "parts": uploaded(b"{}")}]
    error = page.ask("import_files", format="coco", files=files, keep=False)["error"]
    assert "labels.json" in error
    assert str(uploads_folder()) not in error
    files = [{"name": "../labels.json", "parts": uploaded(b"{}")}]
    assert "cannot be the name" in page.ask("import_files", format="coco", files=files, keep=False)["error"]
    assert "no import 'excel'" in page.ask("import_files", format="excel", files=files, keep=False)["error"]
