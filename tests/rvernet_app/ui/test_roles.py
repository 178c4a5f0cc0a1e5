"""Who may what: every function and endpoint of the page, tried by everybody who may not use it.

`ROWS` says for each function which role it needs and what a right request looks like. A function without a
row fails the first test. What is refused leaves the database as it was, row by row.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from rvernet_app.config import AppConfig
from rvernet_app.labels import LabelName
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.accounts import Accounts
from rvernet_app.store.annotations import Draft, give_verdict, save
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import add_label
from rvernet_app.store.members import set_member
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import add_photos
from rvernet_app.store.roles import NO_PHOTO, NO_PROJECT, Role
from rvernet_app.store.tables import DONE, OPEN, Base
from rvernet_app.ui.page import build_demo, web_app
from rvernet_app.ui.signin.sign_in import SignIn
from tests.rvernet_app.store.desk import Desk, commit, picture, set_up, square

ANYONE, VISITOR, SERVER = 0, 0.5, 4
"""Who may call a function beside the roles: everybody, all who have logged in, admins of the server only."""

PEOPLE = {
    "Olga": VISITOR,  # admin of another project
    "Ann": Role.ANNOTATOR,
    "Rita": Role.REVIEWER,
    "Ada": Role.ADMIN,
    "Root": SERVER,
}
"""Everybody who has logged in, with what they may do in the project that is tried."""

MISSING = 987_654
"""An id that was never given."""


@dataclass(frozen=True)
class Ids:
    """Ids of a project and of what is in it.

    Attributes:
        done: a photo that two people are done with, with a food of each; `new` is one that nobody has begun.
        food: Ann's food on `done`; `other_food` is of Ben.
    """

    project: int
    done: int
    new: int
    food: int
    other_food: int
    label: int
    other_label: int


NOWHERE = Ids(*[MISSING] * 7)


@dataclass(frozen=True)
class Row:
    """What a function needs.

    Attributes:
        least: the lowest role that may call it.
        message: makes a request that is right for who has the role.
        answers: False where a right request is refused for another reason, which the file system gives.
    """

    least: float
    message: Callable[[Ids], dict[str, Any]] = lambda ids: {}
    answers: bool = True


def about(**fields: Any) -> Callable[[Ids], dict[str, Any]]:
    """Return a request about a project with these fields."""
    return lambda ids: {"project": ids.project, **fields}


def save_food(ids: Ids) -> dict[str, Any]:
    return {"item": ids.new, "rle": dict(square()), "label": ids.label}


def merge(ids: Ids) -> dict[str, Any]:
    foods = [{"id": id, "revision": 1} for id in (ids.food, ids.other_food)]
    return {"item": ids.done, "foods": foods, "how": "union", "label": ids.label}


def decide(ids: Ids) -> dict[str, Any]:
    return {"item": ids.done, "id": ids.food, "revision": 1}


SETTINGS = {"name": "Trays", "new_labels": True, "double_share": 1.0, "blind_share": 0.0}

ROWS: dict[str, Row] = {
    # A single photo
    "open_photo": Row(ANYONE),
    "prepare": Row(ANYONE),
    "segment": Row(ANYONE),
    "download": Row(ANYONE),
    "edit_mask": Row(ANYONE),
    "evidence": Row(ANYONE),
    "propose": Row(ANYONE),
    "classify": Row(ANYONE),
    # The server
    "copy_state": Row(VISITOR),
    "engine": Row(VISITOR),
    "projects": Row(VISITOR),
    "create_project": Row(SERVER, lambda ids: {"name": "New"}),
    # Labeling
    "open_project": Row(Role.ANNOTATOR, about()),
    "open_item": Row(Role.ANNOTATOR, lambda ids: {"project": ids.project, "item": ids.new}),
    "list_items": Row(Role.ANNOTATOR, about()),
    "find_items": Row(Role.ANNOTATOR, lambda ids: {"project": ids.project, "label": ids.label}),
    "save_food": Row(Role.ANNOTATOR, save_food),
    "delete_food": Row(Role.ANNOTATOR, decide),
    "undo_food": Row(Role.ANNOTATOR, lambda ids: {"item": ids.new}),
    "redo_food": Row(Role.ANNOTATOR, lambda ids: {"item": ids.new}),
    "give_verdict": Row(Role.ANNOTATOR, lambda ids: {"project": ids.project, "item": ids.new, "state": OPEN}),
    "judge_photos": Row(
        Role.ANNOTATOR, lambda ids: {"project": ids.project, "items": [ids.new], "state": "skipped"}
    ),
    "link_before": Row(Role.ANNOTATOR, lambda ids: {"project": ids.project, "item": ids.new, "linked": True}),
    "set_meal": Row(Role.ANNOTATOR, lambda ids: {"item": ids.new, "meal": "lunch"}),
    "history": Row(Role.ANNOTATOR, lambda ids: {"item": ids.new}),
    "find_again": Row(Role.ANNOTATOR, lambda ids: {"project": ids.project, "item": ids.new}, answers=False),
    "rank_next": Row(Role.ANNOTATOR, about(), answers=False),  # the classifier is a fake
    # Label sets
    "search_labels": Row(Role.ANNOTATOR, about(typed="rice")),
    "labels": Row(Role.ANNOTATOR, about()),
    "label_set": Row(Role.ANNOTATOR, about()),
    "add_label": Row(Role.ANNOTATOR, about(name="peas")),
    "food_counts": Row(Role.ADMIN, about()),
    "put_label": Row(Role.ADMIN, lambda ids: {"project": ids.project, "id": ids.label, "name": "brown rice"}),
    "merge_label": Row(
        Role.ADMIN, lambda ids: {"project": ids.project, "id": ids.label, "into": ids.other_label}
    ),
    "delete_label": Row(Role.ADMIN, lambda ids: {"project": ids.project, "id": ids.label}),
    "take_label_set": Row(Role.ADMIN, about(file="cGVhcwo=")),
    # Review
    "open_review": Row(Role.REVIEWER, lambda ids: {"project": ids.project, "item": ids.done}),
    "accept": Row(Role.REVIEWER, decide),
    "reject": Row(Role.REVIEWER, decide),
    "merge": Row(Role.REVIEWER, merge),
    "comment": Row(Role.REVIEWER, lambda ids: {"item": ids.done, "words": "Rice?"}),
    "report": Row(Role.REVIEWER, about(of="dashboard")),
    "find_faces": Row(Role.ANNOTATOR, lambda ids: {"project": ids.project, "item": ids.new}),
    "blur_photo": Row(
        Role.REVIEWER, lambda ids: {"project": ids.project, "item": ids.new, "boxes": [[0, 0, 4, 4]]}
    ),
    # Running a project
    "change_project": Row(Role.ADMIN, about(**SETTINGS)),
    "people": Row(Role.ADMIN, about()),
    "set_member": Row(Role.ADMIN, about(name="Ann", role="admin")),
    "remove_member": Row(Role.ADMIN, about(name="Ann")),
    "what_goes": Row(Role.ADMIN, about()),
    "delete_photos": Row(Role.ADMIN, lambda ids: {"project": ids.project, "items": [ids.new]}),
    "delete_project": Row(Role.ADMIN, about(name="Trays")),
    "add_photo": Row(Role.ADMIN, about(path="/nowhere", name="x.png"), answers=False),
    "list_archive": Row(Role.ADMIN, lambda ids: {"parts": [], "name": "x.zip"}, answers=False),
    "add_from_archive": Row(Role.ADMIN, about(token="0" * 32, name="x.png"), answers=False),
    "list_folder": Row(Role.ADMIN, lambda ids: {"folder": "nowhere"}, answers=False),
    "add_from_folder": Row(Role.ADMIN, about(folder="nowhere", name="x.png"), answers=False),
    "import_files": Row(
        Role.ADMIN,
        about(format="coco", files=[{"name": "x.json", "parts": ["/nowhere"]}], keep=True),
        answers=False,
    ),
    "export_project": Row(Role.ADMIN, about(format="coco")),
    "start_training": Row(Role.ADMIN, about(epochs=0), answers=False),
    "training": Row(VISITOR),
    "stop_training": Row(VISITOR),
    "use_checkpoint": Row(VISITOR, answers=False),  # tells and stops only trainings on one's own projects
}

OWN_ONLY = ("list_archive", "list_folder")
"""Functions without a project, which an admin of any project may call."""


class World:
    """The page of a server with accounts, and a project with its people."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self.config = config = AppConfig(
            device="cpu", data_dir=self._data, photos_dir=folder / "photos", import_dir=str(folder)
        )
        classifier: Any = SimpleNamespace(name="fake", labels=("rice",), metrics={}, fingerprint="0")
        pipeline = Pipeline(config, GrabCutSegmenter(), classifier, EmbeddingCache(1))
        self.store = Store(self._data)
        desk = set_up(self.store)
        self.trays = self._fill(desk)
        self.other = self._make_other(desk.files)
        self.demo = build_demo(config, pipeline)
        (self.workbench,) = (
            block
            for block in self.demo.blocks.values()
            if isinstance(block, gr.HTML) and block.elem_id == "workbench"
        )
        self._kept = folder / "kept"
        for name in ("originals", "photos"):
            shutil.copytree(self._data / name, self._kept / name)
        self._whole = sqlite3.connect(":memory:")
        with sqlite3.connect(self._data / DATABASE_NAME) as source:
            source.backup(self._whole)

    def _fill(self, desk: Desk) -> Ids:
        """Let Ann and Ben finish the first photo, and appoint everybody."""
        foods = [desk.save(by=by).id for by in (desk.ann, desk.ben)]
        for by in (desk.ann, desk.ben):
            commit(self.store, give_verdict, desk.items[0], by, DONE)
        for name, role in (*PEOPLE.items(), ("Ben", Role.ANNOTATOR)):
            if isinstance(role, Role):
                commit(self.store, set_member, desk.project, name, role)
        done, new, *_ = desk.items
        anns, bens = foods
        return Ids(desk.project, done, new, anns, bens, desk.labels["rice"], desk.labels["soup"])

    def _make_other(self, files: PhotoFiles) -> Ids:
        """Make another project, which Olga alone runs and works on."""
        project = commit(self.store, create_project, "Other", [LabelName("rice"), LabelName("soup")])
        photos = [(f"{n}.png", picture(n)) for n in (7, 8)]
        done, new = (one.item_id or 0 for one in add_photos(self.store, files, project, photos))
        olga = commit(self.store, ensure_annotator, "Olga")
        commit(self.store, set_member, project, "Olga", Role.ADMIN)
        labels = [commit(self.store, add_label, project, LabelName(name)) for name in ("rice", "soup")]
        food = commit(self.store, save, done, olga, Draft(square(), labels[0])).id
        commit(self.store, give_verdict, done, olga, DONE)
        return Ids(project, done, new, food, food, *labels)

    @cached_property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The server functions of the page, by name, without the queue before the engine."""
        found: dict[str, Any] = {name: getattr(self.workbench, name, None) for name in dir(self.workbench)}
        functions = {name: one for name, one in found.items() if getattr(one, "_is_server_fn", False)}
        return {name: inspect.unwrap(one) for name, one in functions.items()}

    def endpoints(self) -> set[str]:
        """The names of the functions that Gradio calls through its queue."""
        return {str(fn.api_name or fn.name) for fn in self.demo.fns.values() if fn.fn is not None}

    def ask(self, name: str, who: str, message: dict[str, Any]) -> dict[str, Any]:
        """Call a server function as somebody who has logged in."""
        request = SimpleNamespace(app=SimpleNamespace(auth_dependency=Door()), cookies={"name": who})
        reply: dict[str, Any] = self.functions[name](message, request, None)
        told: dict[str, Any] = json.loads(json.dumps(reply))
        return told

    def rows(self) -> dict[str, list[Any]]:
        """All rows of the database."""
        with sqlite3.connect(self._data / DATABASE_NAME) as source:
            return {
                table: source.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
                for table in Base.metadata.tables
            }

    def reset(self) -> None:
        """Put the database and the photos back to how they were."""
        shutil.copytree(self._kept, self._data, dirs_exist_ok=True)
        with sqlite3.connect(self._data / DATABASE_NAME) as target:
            self._whole.backup(target)


class Door:
    """A fake of a server's log-in: cookies hold a name."""

    def required(self) -> bool:
        return True

    def name_of(self, cookies: dict[str, str]) -> str | None:
        return cookies.get("name")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("roles")
        patch.delenv("SPACE_ID", raising=False)
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        patch.setattr("rvernet_app.ui.page.server_admins", lambda config: "Root".__eq__)
        made = World(folder)
        yield made
        made.store.close()


def guarded() -> list[str]:
    """The functions that not all who have logged in may call."""
    return [name for name, row in ROWS.items() if row.least > VISITOR]


def test_every_function_and_endpoint_of_the_page_has_a_row(world: World) -> None:
    assert {*world.functions, *world.endpoints()} == set(ROWS)


def test_no_handler_holds_a_store_that_acts_for_nobody(world: World) -> None:
    parts = []
    for function in world.functions.values():
        handler = inspect.getclosurevars(function).nonlocals["handler"]
        parts.append(getattr(handler, "__self__", None))
    held = [one for part in parts if part is not None for one in vars(part).values()]
    assert any(getattr(one, "__func__", None) is Store.acting for one in held)
    assert not any(isinstance(one, Store) for one in held)


def test_nobody_calls_anything_without_logging_in(world: World) -> None:
    accounts = Accounts(world.config.data_dir)
    accounts.add("Root", "correct horse")
    site = web_app(world.demo, world.config, SignIn.of(world.config))
    browser = TestClient(site, base_url="http://127.0.0.1:7860")
    before = world.rows()
    for name in world.functions:
        for message in (ROWS[name].message(world.trays), ROWS[name].message(world.trays) | {"me": "Ada"}):
            body = {
                "session_hash": "s",
                "component_id": world.workbench._id,
                "fn_name": name,
                "data": message,
            }
            assert browser.post("/gradio_api/component_server/", json=body).status_code == 401, name
    for name in world.endpoints():
        closed = 401 if name in ("segment", "classify") else 404  # the page alone calls the others
        assert browser.post(f"/gradio_api/call/{name}", json={"data": []}).status_code == closed, name
        assert browser.post(f"/gradio_api/run/{name}", json={"data": []}).status_code == 404, name
    assert browser.post("/gradio_api/queue/join", json={"fn_index": 0, "data": []}).status_code == 401
    assert world.rows() == before


@pytest.mark.parametrize("name", guarded())
def test_a_lower_role_is_refused_and_changes_nothing(world: World, name: str) -> None:
    row = ROWS[name]
    before = world.rows()
    for who, role in PEOPLE.items():
        if role >= row.least or (name in OWN_ONLY and who == "Olga"):
            continue
        message = row.message(world.trays)
        for asked in (message, message | {"me": "Ada"}, message | {"me": "Root"}):
            reply = world.ask(name, who, asked)
            assert set(reply) - {"login"} == {"error"}, (who, asked)
            hidden = any(words in reply["error"] for words in (NO_PROJECT, NO_PHOTO))
            assert hidden == (role == VISITOR and name != "create_project") or "login" in reply, reply
    assert world.rows() == before


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.least > ANYONE])
def test_the_lowest_role_that_may_is_answered(world: World, name: str) -> None:
    row = ROWS[name]
    who = next(who for who, role in PEOPLE.items() if role >= row.least)
    reply = world.ask(name, who, row.message(world.trays))
    world.reset()
    if row.answers:
        assert "error" not in reply, reply
    else:
        assert not any(word in reply.get("error", "") for word in ("Only a", "Log in", "no such project"))


@pytest.mark.parametrize("name", guarded())
def test_anothers_project_is_as_one_that_never_was(world: World, name: str) -> None:
    row = ROWS[name]
    if name in ("create_project", *OWN_ONLY):
        pytest.skip("it names no project")
    before = world.rows()
    theirs = world.ask(name, "Olga", row.message(world.trays))
    nowhere = world.ask(name, "Olga", row.message(NOWHERE))
    assert theirs == nowhere
    assert set(theirs) == {"error"}
    assert world.rows() == before


FIELDS = ("done", "new", "food", "other_food", "label", "other_label")


@pytest.mark.parametrize("name", guarded())
def test_what_is_in_another_project_cannot_be_told_from_what_never_was(world: World, name: str) -> None:
    row, ids = ROWS[name], world.trays
    who = next(who for who, role in PEOPLE.items() if role >= row.least)
    for field in FIELDS:
        theirs = row.message(replace(ids, **{field: getattr(world.other, field)}))
        if theirs == row.message(ids):
            continue
        before = world.rows()
        replies = []
        for message in (theirs, row.message(replace(ids, **{field: MISSING}))):
            replies.append(world.ask(name, who, message))
            if name != "find_items":  # a filter finds nothing, and changes nothing
                assert "error" in replies[-1] or name == "judge_photos", (field, replies[-1])
        assert _told(replies[0]) == _told(replies[1]), field
        changed = world.rows()
        changed["annotator"], before["annotator"] = [], []
        assert changed == before, field
        world.reset()


def _told(reply: dict[str, Any]) -> dict[str, Any]:
    """Return a reply without the ids that were asked for."""
    return reply | {"refused": [one["why"] for one in reply.get("refused", ())]}


BLIND: dict[str, Callable[[Ids], dict[str, Any]]] = {
    **{name: row.message for name, row in ROWS.items() if row.least == Role.ANNOTATOR},
    "list_items": about(label="other_label", search="soup"),
    "find_items": about(search="soup"),
    "history": lambda ids: {"item": ids.new, "all": True},
}
"""What an annotator asks about a photo that somebody else has finished."""


@pytest.mark.parametrize("name", BLIND)
def test_an_annotator_gets_the_same_answer_whatever_another_has_on_the_photo(world: World, name: str) -> None:
    ids, answers = world.trays, []
    message = BLIND[name](ids)
    if message.get("label") == "other_label":
        message["label"] = ids.other_label
    for label, left in ((ids.label, 0), (ids.other_label, 4)):
        ann = commit(world.store, ensure_annotator, "Ann")
        for _ in range(1 if left else 2):  # other foods, and another number of them
            commit(world.store, save, ids.new, ann, Draft(square(left), label))
        commit(world.store, give_verdict, ids.new, ann, DONE)
        answers.append(world.ask(name, "Ben", message))
        world.reset()
    for answer in answers:
        if name == "save_food":
            answer.pop("id")  # how many foods there are on this server, which says nothing of a photo
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ["open_review", "comment", "accept", "history", "list_items", "report"])
def test_a_reviewer_who_may_still_label_a_photo_learns_nothing_of_it(world: World, name: str) -> None:
    ids, answers = world.trays, []
    messages: dict[str, dict[str, Any]] = {
        "open_review": {"project": ids.project, "item": ids.new},
        "comment": {"item": ids.new, "words": "Rice?"},
        "accept": {"item": ids.new, "id": ids.food, "revision": 1},
        "history": {"item": ids.new, "all": True},
        "list_items": {"project": ids.project, "search": "soup"},
        "report": {"project": ids.project, "of": "dashboard"},
    }
    for label, left in ((ids.label, 0), (ids.other_label, 4)):
        ann = commit(world.store, ensure_annotator, "Ann")
        for _ in range(1 if left else 2):
            commit(world.store, save, ids.new, ann, Draft(square(left), label))
        commit(world.store, give_verdict, ids.new, ann, DONE, seconds=20)
        answer = world.ask(name, "Rita", messages[name])
        answers.append(answer["tables"][1] if name == "report" else answer)
        world.reset()
    assert answers[0] == answers[1]
