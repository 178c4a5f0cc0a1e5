"""The page's requests to the store while labeling, on a real store and real files."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from gradio import utils
from PIL import Image
from sqlalchemy import select

from rvernet_app.config import AppConfig
from rvernet_app.errors import StoreError
from rvernet_app.label_files import default_label_set
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.portions import METHODS, UNITS
from rvernet_app.store.annotations import Portion, delete, give_verdict
from rvernet_app.store.database import Store
from rvernet_app.store.projects import create_project
from rvernet_app.store.queue import FULL, NEW
from rvernet_app.store.review import comment
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import DONE, OPEN, STATES, Annotation, Annotator, Item
from rvernet_app.ui.answers import UNEXPECTED, StoreHandler, answered_to
from rvernet_app.ui.project.adding import Adding
from rvernet_app.ui.project.label_sets import LabelSets
from rvernet_app.ui.project.labeling import Labeling
from rvernet_app.ui.project.requests import ListFolder
from rvernet_app.ui.requests import Empty
from rvernet_app.ui.visitor.replies import PhotoReply
from tests.rvernet_app.store.desk import Desk, commit, nobody, picture, set_up, square

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))
"""A request to a server without accounts."""

NONE = {FULL: 0, **dict.fromkeys(STATES, 0)}
"""The progress of a project without any finished, started or full photo; new photos are added."""


def present(photo: LoadedPhoto, name: str) -> PhotoReply:
    """A fake of `Handlers.present`."""
    height, width = photo.size_hw
    return PhotoReply(id=photo.sha256, name=name, width=width, height=height, url="", thumb="")


@dataclass(frozen=True)
class Page:
    """The handlers of a desk's store, called as the browser calls them."""

    desk: Desk
    labeling: Labeling
    adding: Adding
    photos: PhotoCache

    @property
    def handlers(self) -> dict[str, StoreHandler]:
        parts = (self.labeling, self.adding, LabelSets(self.desk.store))
        return {handler.__name__: handler for part in parts for handler in part.handlers}

    def ask(self, name: str, /, me: str = "Ann", **message: Any) -> dict[str, Any]:
        """Return the reply to a message, as JSON carries it."""
        sent = json.loads(json.dumps({**message, "me": me}))
        reply = answered_to(self.handlers[name], nobody)(sent, REQUEST, None)
        return cast("dict[str, Any]", json.loads(json.dumps(reply)))

    def of_project(self, name: str, /, me: str = "Ann", **message: Any) -> dict[str, Any]:
        """Return the reply to a message about the desk's project."""
        return self.ask(name, me, project=self.desk.project, **message)


def new_page(folder: Path, store: Store, import_dir: Path | None) -> Page:
    """Build the handlers of a newly set up store."""
    photos = PhotoCache(AppConfig(photos_dir=folder / "photos"))
    desk = set_up(store)
    labeling, adding = (
        Labeling(store, desk.files, photos, present),
        Adding(store, desk.files, photos, import_dir),
    )
    return Page(desk, labeling, adding, photos)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A project of four photos for two annotators each; photos may be imported from the folder `import`."""
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "import").mkdir()
    store = Store(tmp_path / "data")
    yield new_page(tmp_path, store, tmp_path / "import")
    store.close()


def place(saved: dict[str, Any]) -> dict[str, Any]:
    """Return the id and the revision of a reply to a save."""
    return {"id": saved["id"], "revision": saved["revision"]}


def file(text: str) -> str:
    """Return a text as the page sends a file."""
    return base64.b64encode(text.encode()).decode("ascii")


# Replies


def test_a_conflict_comes_with_the_saved_version(page: Page) -> None:
    saved = page.ask("save_food", item=page.desk.items[0], rle=square(), note="first")
    page.ask("save_food", item=page.desk.items[0], **place(saved), rle=square(1), note="second")
    reply = page.ask("save_food", item=page.desk.items[0], **place(saved), rle=square(2), note="third")
    assert reply.keys() == {"error", "conflict"}
    assert (reply["conflict"]["note"], reply["conflict"]["revision"]) == ("second", 2)


def test_viewing_saves_nothing_about_the_visitor(page: Page) -> None:
    desk, before = page.desk, (page.desk.count(Annotator), page.desk.count())
    new = {NEW: 4, **NONE}
    (project,) = page.ask("projects", "Visitor")["projects"]
    assert project == {"id": desk.project, "name": "Trays", "progress": new}
    opened = page.of_project("open_project", "Visitor")
    assert (opened["progress"], opened["annotators"]) == (new, [])
    desk.save()
    shown = page.of_project("open_item", "Visitor", item=desk.items[0])
    assert (shown["state"], shown["full"], shown["foods"], shown["progress"]) == (NEW, False, [], new)
    states = [one["state"] for one in page.of_project("list_items", "Visitor")["items"]]
    assert states == [NEW] * 4
    assert page.of_project("list_items", "Visitor", state=DONE)["items"] == []
    assert page.ask("history", "Visitor", item=desk.items[0], all=True) == {"events": []}
    # Ann's food and her first visit to its photo are the only new events.
    assert (desk.count(Annotator), desk.count()) == (before[0], before[1] + 2)


def test_an_unexpected_error_is_a_sentence_and_a_log_entry(caplog: pytest.LogCaptureFixture) -> None:
    def broken(asked: Empty, me: Actor) -> NoReturn:
        raise ZeroDivisionError("secret")

    assert answered_to(broken, nobody)({"me": "Ann"}, REQUEST, None) == {"error": UNEXPECTED}
    assert "secret" in caplog.text
    assert "broken failed" in caplog.text


JUNK: tuple[Any, ...] = (True, [], -1, 99, 2.5, 10**400, float("nan"), "\0", "\ud800", "..", "x" * 5000)
FIELDS: dict[str, tuple[str, ...]] = {
    "projects": (),
    "create_project": ("name", "label_set", "double_share", "blind_share"),
    "open_project": ("project",),
    "open_item": ("project", "item"),
    "list_items": ("project", "after", "state", "label", "by", "uncertain", "search"),
    "find_items": ("project", "state", "label", "by", "uncertain", "search"),
    "save_food": ("item", "id", "revision", "rle", "label", "note", "step"),
    "delete_food": ("item", "id", "revision", "step"),
    "undo_food": ("item", "step"),
    "redo_food": ("item", "step"),
    "give_verdict": ("project", "item", "state", "reason", "seconds"),
    "link_before": ("project", "item", "linked", "served"),
    "set_meal": ("item", "meal"),
    "history": ("item", "all"),
    "add_photo": ("project", "photo", "path", "name", "meal"),
    "list_archive": ("parts", "name"),
    "add_from_archive": ("project", "token", "name", "meal"),
    "list_folder": ("folder",),
    "add_from_folder": ("project", "folder", "name", "meal"),
    "search_labels": ("project", "typed", "limit"),
    "labels": ("project",),
    "food_counts": ("project",),
    "add_label": ("project", "name"),
    "put_label": ("project", "id", "name", "synonyms", "parent", "colour", "code", "unit"),
    "merge_label": ("project", "id", "into"),
    "delete_label": ("project", "id", "into"),
    "take_label_set": ("project", "file"),
    "label_set": ("project",),
}
"""The fields that each handler reads, apart from the visitor's name."""


def test_every_handler_is_offered_under_its_own_name(page: Page) -> None:
    assert [answered_to(handler, nobody).__name__ for handler in page.handlers.values()] == list(FIELDS)


@pytest.mark.parametrize("handler", FIELDS)
def test_no_bad_message_causes_an_unexpected_error(page: Page, handler: str) -> None:
    answer = answered_to(page.handlers[handler], nobody)
    for no_object in (None, 5, "x", [1]):
        assert set(answer(no_object, REQUEST, None)) == {"error"}
    sound: dict[str, Any] = {
        "me": "Ann",
        "project": page.desk.project,
        "item": page.desk.items[0],
        "name": "Other",
        "rle": square(),
        "id": 1,
        "revision": 1,
        "state": DONE,
        "folder": "",
        "typed": "soup",
        "into": page.desk.labels["soup"],
        "file": "",
    }
    for field in ("me", *FIELDS[handler]):
        missing = {name: value for name, value in sound.items() if name != field}
        for message in (missing, *[{**sound, field: junk} for junk in JUNK]):
            assert answer(message, REQUEST, None).get("error") != UNEXPECTED, (field, message.get(field))


# Projects


def test_projects_are_listed_with_the_visitors_own_progress(page: Page) -> None:
    page.desk.save()
    commit(page.desk.store, give_verdict, page.desk.items[1], page.desk.ann, DONE)
    mine, of_others = page.ask("projects"), page.ask("projects", me="Someone new")
    assert (mine["me"], mine["units"], mine["methods"]) == ("Ann", list(UNITS), list(METHODS))
    (project,) = mine["projects"]
    assert (project["id"], project["name"]) == (page.desk.project, "Trays")
    assert project["progress"] == {NEW: 2, **NONE, OPEN: 1, DONE: 1}
    assert of_others["projects"][0]["progress"] == {NEW: 4, **NONE}


def test_a_project_is_created_and_opened(page: Page) -> None:
    made = page.ask("create_project", name=" Lunches ", new_labels=False, double_share=0.5, blind_share=0.25)
    opened = page.ask("open_project", project=made["id"])
    assert (opened["id"], opened["name"], opened["new_labels"]) == (made["id"], "Lunches", False)
    assert len(opened["label_set"]["labels"]) > 200
    assert set(opened["label_set"]["labels"][0]) == {
        "id",
        "name",
        "synonyms",
        "parent",
        "colour",
        "code",
        "unit",
    }
    assert sum(opened["progress"].values()) == 0
    assert "does not accept new labels" in page.ask("add_label", project=made["id"], name="teff")["error"]
    assert "already" in page.ask("create_project", name="Lunches")["error"]
    assert "double_share" in page.ask("create_project", name="Other", double_share=2)["error"]


def test_a_label_is_added_to_the_project_once(page: Page) -> None:
    label = page.of_project("add_label", name="  brown   rice ")["label"]
    assert label["name"] == "brown rice"
    assert page.of_project("add_label", me="Ben", name="Brown Rice")["label"] == label
    labels = page.of_project("open_project")["label_set"]["labels"]
    assert labels[-1] == label
    assert [(one["name"], one["synonyms"], one["code"]) for one in labels[:3]] == [
        ("rice", [], None),
        ("soup", ["broth"], None),
        ("beans", [], "175199"),
    ]


def test_a_project_is_created_with_its_own_label_set(page: Page) -> None:
    made = page.ask(
        "create_project",
        name="Lunches",
        label_set=file("name,parent,food_code\nrice,,1\nbrown rice,rice,2\n"),
    )
    labels = page.ask("open_project", project=made["id"])["label_set"]["labels"]
    assert [(one["name"], one["code"]) for one in labels] == [("rice", "1"), ("brown rice", "2")]
    assert labels[1]["parent"] == labels[0]["id"]
    assert (
        "a column 'code'"
        in page.ask("create_project", name="Other", label_set=file("name,code,parent\n"))["error"]
    )
    assert [project["name"] for project in page.ask("projects")["projects"]] == ["Trays", "Lunches"]


def test_a_label_is_edited_and_a_new_one_added_to_the_label_set(page: Page) -> None:
    rice = page.desk.labels["rice"]
    known = {
        "name": "boiled rice",
        "synonyms": " white rice; ; steamed rice",
        "parent": "soup",
        "code": " 168878 ",
        "unit": "cup",
    }
    reply = page.of_project("put_label", id=rice, colour="#ffeedd", **known)
    (after,) = [one for one in reply["label_set"]["labels"] if one["id"] == reply["id"] == rice]
    assert after == {
        "id": rice,
        "name": "boiled rice",
        "synonyms": ["white rice", "steamed rice"],
        "parent": page.desk.labels["soup"],
        "colour": "#ffeedd",
        "code": "168878",
        "unit": "cup",
    }
    new = page.of_project("put_label", name="quinoa")
    assert new["label_set"]["labels"][-1]["id"] == new["id"]
    assert "already" in page.of_project("put_label", name="Quinoa")["error"]
    assert "at most" in page.of_project("put_label", name="oats", synonyms="a;" * 51)["error"]


def test_a_label_set_is_exported_and_imported_as_csv(page: Page) -> None:
    told = page.of_project("label_set")
    assert told["name"] == "Trays labels.csv"
    assert page.of_project("take_label_set", file=file(told["csv"]))["changed"] == 0
    reply = page.of_project(
        "take_label_set", file=file(told["csv"].replace("175199", "999") + "quinoa,,,,168917\n")
    )
    assert (reply["new"], reply["changed"]) == (1, 1)
    assert [one["code"] for one in reply["label_set"]["labels"][-2:]] == ["999", "168917"]
    assert "no label" in page.of_project("take_label_set", file=file(" \n"))["error"]


def test_labels_are_found_by_what_is_typed_and_a_new_label_at_once(page: Page) -> None:
    rice, soup = page.desk.labels["rice"], page.desk.labels["soup"]
    assert page.of_project("search_labels", typed="ric") == {
        "version": 0,
        "found": [{"label": rice, "through": None, "kind": "beginning"}],
    }
    (found,) = page.of_project("search_labels", typed="broths")["found"]
    assert found == {"label": soup, "through": "broth", "kind": "exact"}
    made = page.of_project("add_label", name="ricotta")
    again = page.of_project("search_labels", typed="ric", limit=1)
    assert (made["version"], again["version"], len(again["found"])) == (1, 1, 1)
    names = page.of_project("search_labels", typed="ric")["found"]
    assert [one["label"] for one in names] == [rice, made["label"]["id"]]


def test_without_a_project_the_default_labels_are_found_by_their_numbers(page: Page) -> None:
    found = page.ask("search_labels", typed="beef", limit=1)["found"]
    names = [label.name for label in default_label_set()]
    assert found == [{"label": 1 + names.index("beef"), "through": None, "kind": "exact"}]


def test_a_synonym_is_no_new_label(page: Page) -> None:
    assert page.of_project("add_label", name="Broth")["label"]["id"] == page.desk.labels["soup"]


def test_a_food_saved_with_a_merged_label_gets_the_other_one(page: Page) -> None:
    desk, item = page.desk, page.desk.items[0]
    rice, soup, beans = (desk.labels[name] for name in ("rice", "soup", "beans"))
    saved = page.ask("save_food", item=item, rle=square(), label=rice)
    assert page.of_project("food_counts")["counts"] == [[rice, 1]]
    merged = page.of_project("merge_label", id=rice, into=soup)
    assert merged["foods"] == 1
    assert merged["label_set"]["removed"] == [{"id": rice, "name": f"rice (removed {rice})", "into": soup}]
    again = page.ask("save_food", item=item, **place(saved), rle=square(), label=rice, note="in an open tab")
    assert (again["label"], again["revision"]) == (soup, 2)
    assert again["labels_version"] == page.of_project("labels")["version"]
    assert page.of_project("delete_label", id=soup, into=beans)["foods"] == 1
    assert page.ask("save_food", item=item, **place(again), rle=square(), label=rice)["label"] == beans
    assert page.of_project("delete_label", id=beans)["foods"] == 1
    assert page.ask("save_food", item=item, rle=square(1), label=rice)["label"] is None


def test_a_file_of_another_encoding_is_taken_with_a_note(page: Page) -> None:
    sent = base64.b64encode("name;synonyms\r\nKnödel;Klöße\r\n".encode("cp1252")).decode("ascii")
    reply = page.of_project("take_label_set", file=sent)
    assert (reply["new"], reply["label_set"]["labels"][-1]["name"]) == (1, "Knödel")
    assert "cp1252" in reply["note"]
    assert "arrive whole" in page.of_project("take_label_set", file="§")["error"]


# Photos


def test_the_next_photo_opens_with_the_visitors_own_foods(page: Page) -> None:
    desk = page.desk
    saved = desk.save(
        "no oil",
        label="soup",
        left=3,
        prompts={"points": [[4, 2, 1]]},
        segmenter="small_sam@1",
        checkpoint="meals@2",
        suggestions=[("soup", 0.75)],
        suggestion_taken=True,
        portion=Portion(180.0, "ml", "guessed", 150.0, 200.0),
    )
    desk.save("Ben's", by=desk.ben)
    unnamed = desk.save(label=None)
    opened = page.of_project("open_item")
    assert opened["item"] == desk.items[0]
    assert (opened["position"], opened["state"], opened["blind"], opened["before"]) == (0, OPEN, False, None)
    sizes = {"height": 6, "width": 8, "url": "", "thumb": ""}
    assert opened["photo"] == {"id": desk.item().photo.sha256, "name": "0.png", **sizes}
    assert opened["progress"] == {NEW: 3, **NONE, OPEN: 1}
    first, second = opened["foods"]
    (outline,) = first.pop("polygons")
    assert {tuple(outline[i : i + 2]) for i in range(0, 8, 2)} == {(3, 1), (5, 1), (5, 3), (3, 3)}
    assert first == {
        "id": saved.id,
        "revision": 1,
        "status": "saved",
        "label": desk.labels["soup"],
        "rle": square(3),
        "bbox": [3, 1, 2, 2],
        "prompts": {"points": [[4, 2, 1]]},
        "segmenter": "small_sam@1",
        "checkpoint": "meals@2",
        "suggestions": [["soup", 0.75]],
        "taken": True,
        "portion": {"amount": 180.0, "unit": "ml", "method": "guessed", "low": 150.0, "high": 200.0},
        "note": "no oil",
    }
    assert (second["id"], second["label"], second["portion"]) == (unnamed.id, None, None)
    # The photo is in the cache that the engine reads.
    assert page.photos.get(opened["photo"]["id"]).size_hw == (6, 8)


def test_the_queue_leads_from_photo_to_photo(page: Page) -> None:
    items = page.desk.items
    assert page.of_project("open_item", after=0)["item"] == items[1]
    assert page.of_project("open_item", after=3)["item"] == items[0]
    assert page.of_project("open_item", item=items[2])["position"] == 2
    assert page.of_project("open_item", position=2, step=1)["item"] == items[3]
    assert page.of_project("open_item", position=2, step=-1)["item"] == items[1]
    for position, step in ((3, 1), (0, -1)):
        assert page.of_project("open_item", position=position, step=step) == {
            "item": None,
            "progress": {NEW: 4, **NONE},
        }


def test_the_most_uncertain_photo_is_opened_first_on_request(page: Page) -> None:
    with page.desk.store.writing() as session:
        for number, uncertainty in ((1, 0.2), (2, 0.9), (3, 0.5)):
            session.get_one(Item, page.desk.items[number]).uncertainty = uncertainty
    assert page.of_project("open_item", order="uncertain first")["item"] == page.desk.items[2]
    assert "ordered by" in page.of_project("open_item", order="random")["error"]


def test_a_blind_photo_is_reported_as_blind(page: Page) -> None:
    with page.desk.store.writing() as session:
        session.get_one(Item, page.desk.items[0]).blind = True
    assert page.of_project("open_item")["blind"] is True


def test_a_finished_queue_has_no_next_photo(page: Page) -> None:
    for item in page.desk.items:
        commit(page.desk.store, give_verdict, item, page.desk.ann, DONE)
    assert page.of_project("open_item")["item"] is None
    assert page.of_project("open_item", me="Ben")["item"] == page.desk.items[0]


def test_a_photo_of_another_project_is_not_opened(page: Page) -> None:
    other = commit(page.desk.store, create_project, "Other", [])
    assert "not in the project" in page.ask("open_item", project=other, item=page.desk.items[0])["error"]


def test_opening_a_photo_whose_file_is_missing_is_an_error(page: Page) -> None:
    page.desk.files.original(page.desk.item().photo.sha256).unlink()
    reply = page.of_project("open_item", item=page.desk.items[0])
    assert reply["error"] != UNEXPECTED
    assert (reply["item"], reply["position"]) == (page.desk.items[0], 0)
    assert set(reply) == {"error", "item", "position"}


def test_a_photo_whose_file_is_missing_is_listed_without_a_thumbnail(page: Page) -> None:
    for file in page.desk.store.folder.rglob(f"*{page.desk.item().photo.sha256}*"):
        file.unlink()
    thumbs = [one["thumb"] is None for one in page.of_project("list_items")["items"]]
    assert thumbs == [True, False, False, False]


def test_comments_and_changes_of_others_appear_after_the_own_verdict(page: Page) -> None:
    desk, item = page.desk, page.desk.items[0]
    desk.save()
    desk.save(by=desk.ben, left=4)
    commit(desk.store, comment, item, desk.ben, "Is this rice?")
    assert page.of_project("open_item", item=item)["comments"] == []
    whose = {event["who"] for event in page.ask("history", item=item, all=True)["events"]}
    assert whose == {"Ann"}
    commit(desk.store, give_verdict, item, desk.ann, DONE)
    (said,) = page.of_project("open_item", item=item)["comments"]
    assert (said["who"], said["words"]) == ("Ben", "Is this rice?")
    whose = {event["who"] for event in page.ask("history", item=item, all=True)["events"]}
    assert {"Ann", "Ben"} <= whose
    assert {event["who"] for event in page.ask("history", item=item)["events"]} == {"Ann"}


def test_a_photo_is_assigned_to_a_meal(page: Page) -> None:
    item = page.desk.items[1]
    assert page.ask("set_meal", item=item, meal="  Monday \t lunch ") == {"meal": "Monday lunch"}
    assert page.of_project("open_item", item=item)["meal"] == "Monday lunch"
    assert [one["meal"] for one in page.of_project("list_items")["items"]][:2] == [None, "Monday lunch"]
    assert "at most 200" in page.ask("set_meal", item=item, meal="x" * 201)["error"]
    assert page.ask("set_meal", item=item, meal=" ") == {"meal": None}
    assert "not in the project" in page.ask("set_meal", item=999, meal="x")["error"]


def test_undo_and_redo_follow_the_stored_history(page: Page) -> None:
    item = page.desk.items[0]
    saved = page.ask("save_food", item=item, rle=square(), label=page.desk.labels["rice"])
    page.ask("save_food", item=item, **place(saved), rle=square(2), label=page.desk.labels["soup"])
    undone = page.ask("undo_food", item=item)
    assert undone["undone"] is True
    assert [(food["label"], food["rle"]) for food in undone["foods"]] == [
        (page.desk.labels["rice"], square())
    ]
    assert page.ask("undo_food", item=item)["foods"] == []
    assert page.ask("undo_food", item=item) == {"undone": False, "foods": []}
    page.ask("redo_food", item=item)
    again = page.ask("redo_food", item=item)
    assert [food["label"] for food in again["foods"]] == [page.desk.labels["soup"]]
    assert page.ask("redo_food", item=item)["undone"] is False


def test_all_changes_of_one_step_are_undone_together(page: Page) -> None:
    item = page.desk.items[0]
    saved = [page.ask("save_food", item=item, rle=square(left), step="proposal") for left in (0, 2)]
    assert [page.ask("delete_food", item=item, **place(one), step="clear")["revision"] for one in saved] == [
        2,
        2,
    ]
    undone = page.ask("undo_food", item=item)
    assert (undone["undone"], [food["id"] for food in undone["foods"]]) == (
        True,
        [one["id"] for one in saved],
    )
    assert page.ask("undo_food", item=item) == {"undone": True, "foods": []}
    assert len(page.ask("redo_food", item=item)["foods"]) == 2
    assert page.ask("redo_food", item=item) == {"undone": True, "foods": []}
    assert "at most 64" in page.ask("save_food", item=item, rle=square(), step="x" * 65)["error"]


def test_changes_of_another_visitor_are_not_saved(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rvernet_app.ui.answers.visitor", lambda *_: Actor("Ben", is_admin=True))
    item = page.desk.items[0]
    for name in ("save_food", "delete_food", "undo_food", "give_verdict"):
        message = {"item": item, "rle": square(), "id": 1, "revision": 1, "state": DONE}
        reply = page.of_project(name, me="Ann", **message)
        assert (reply["login"], "log in as Ann" in reply["error"]) == (True, True)
    assert page.desk.count(Annotation) == 0


def test_photos_are_listed_from_a_position_by_state_food_and_annotator(page: Page) -> None:
    desk, items = page.desk, page.desk.items
    desk.save(label="soup", item=1)
    desk.save(label="rice", item=1, left=4, by=desk.ben)
    desk.save(label="rice", item=2, by=desk.ben)
    commit(desk.store, give_verdict, items[1], desk.ann, DONE)

    def listed(**asked: Any) -> list[int]:
        return [one["position"] for one in page.of_project("list_items", **asked)["items"]]

    assert listed() == [0, 1, 2, 3]
    assert listed(after=1) == [2, 3]
    assert listed(state=DONE) == [1]
    assert listed(state=NEW) == [0, 2, 3]
    assert listed(state=OPEN, me="Ben") == [1, 2]
    assert listed(label=desk.labels["rice"]) == [1]
    assert listed(label=desk.labels["rice"], me="Ben") == [1, 2]
    assert listed(by="Ben") == [1, 2]
    assert listed(by="Ben", label=desk.labels["soup"], state=DONE) == [1]
    assert listed(by="Ann", state=NEW) == []
    assert listed(by="Cleo") == []
    # The filter for Cleo added no annotator.
    assert page.of_project("open_project")["annotators"] == ["Ann", "Ben"]
    assert "A photo is" in page.of_project("list_items", state="lost")["error"]
    one = page.of_project("list_items", after=0)["items"][0]
    thumb = base64.b64decode(one.pop("thumb").removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(thumb)).size == (8, 6)
    known = {
        "item": items[1],
        "position": 1,
        "name": "1.png",
        "meal": None,
        "state": DONE,
        "full": False,
        "foods": 2,
    }
    assert one == known


# Foods


def test_a_food_is_saved_changed_deleted_and_restored(page: Page) -> None:
    desk, item = page.desk, page.desk.items[0]
    saved = page.ask("save_food", item=item, rle=square(), label=desk.labels["rice"])
    assert saved == {
        "id": saved["id"],
        "revision": 1,
        "label": desk.labels["rice"],
        "labels_version": 0,
    }
    changed = page.ask(
        "save_food", item=item, **place(saved), rle=square(2), label=desk.labels["soup"], note="hot"
    )
    assert place(changed) == {"id": saved["id"], "revision": 2}
    row = desk.food(saved["id"])
    assert (row.counts, row.label_id, row.note, row.annotator_id) == (
        square(2)["counts"],
        desk.labels["soup"],
        "hot",
        desk.ann,
    )
    gone = page.ask("delete_food", item=item, **place(changed))
    assert place(gone) == {"id": saved["id"], "revision": 3}
    assert page.of_project("open_item", item=item)["foods"] == []
    back = page.ask("save_food", item=item, **place(gone), rle=square(2))
    assert back["revision"] == 4
    assert len(page.of_project("open_item", item=item)["foods"]) == 1


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"rle": {"size": [6, 8], "counts": "~~"}}, "mask"),
        ({"rle": square(size_hw=(8, 6))}, "size"),
        ({"rle": {"size": [6, 8], "counts": "`1"}}, "empty"),
        ({"label": 999}, "label set"),
        ({"id": 999, "revision": 1}, "no such food"),
        ({"item": 999}, "not in the project"),
        ({"note": "x" * 10_001}, "at most"),
        ({"portion": {"amount": 1, "unit": "stone", "method": "guessed"}}, "stone"),
    ],
)
def test_an_invalid_food_is_refused_and_changes_nothing(page: Page, part: dict[str, Any], says: str) -> None:
    before = page.desk.count()
    reply = page.ask("save_food", **{"item": page.desk.items[0], "rle": square(), **part})
    assert says in reply["error"]
    assert page.desk.count() == before


def test_a_third_annotator_is_told_to_continue_with_another_photo(page: Page) -> None:
    for name in ("Ann", "Ben"):
        page.ask("save_food", me=name, item=page.desk.items[0], rle=square())
    reply = page.ask("save_food", me="Cleo", item=page.desk.items[0], rle=square())
    assert reply == {"error": reply["error"], "full": True}
    assert "already has enough annotators" in reply["error"]
    assert page.of_project("open_item", me="Cleo")["item"] == page.desk.items[1]


def test_a_photo_with_enough_annotators_is_full_for_others(page: Page) -> None:
    for name in ("Ann", "Ben"):
        page.ask("save_food", me=name, item=page.desk.items[0], rle=square())
    for me, full in (("Ann", [False, False]), ("Cleo", [True, False])):
        opened = [page.of_project("open_item", me=me, item=item) for item in page.desk.items[:2]]
        assert [one["full"] for one in opened] == full
        assert [one["full"] for one in page.of_project("list_items", me=me)["items"][:2]] == full
    assert opened[0]["progress"] == {**NONE, NEW: 3, FULL: 1}


def test_a_verdict_changes_the_visitors_progress(page: Page) -> None:
    done = page.of_project("give_verdict", item=page.desk.items[0], state=DONE, seconds=4.5)
    assert done["progress"] == {NEW: 3, **NONE, DONE: 1}
    assert "Say why" in page.of_project("give_verdict", item=page.desk.items[1], state="unusable")["error"]
    said = page.of_project("give_verdict", item=page.desk.items[1], state="unusable", reason="blurred")
    assert said["progress"]["unusable"] == 1
    assert page.of_project("open_item", item=page.desk.items[1])["state"] == "unusable"
    count = page.desk.count()
    assert "error" in page.ask("give_verdict", item=page.desk.items[2], state=DONE)
    assert page.desk.count() == count


def test_the_history_lists_the_visitors_own_changes_newest_first_without_masks(page: Page) -> None:
    item = page.desk.items[0]
    saved = page.desk.save("first")
    page.desk.edit(saved, "second")
    page.desk.save("Ben's", by=page.desk.ben)
    commit(page.desk.store, delete, item, page.desk.ann, id=saved.id, revision=2)
    events = page.ask("history", item=item)["events"]
    assert [event["subject"] for event in events] == ["annotation"] * 3 + ["verdict"]
    assert [(event["after"]["note"], event["after"]["status"]) for event in events[:3]] == [
        ("second", "deleted"),
        ("second", "saved"),
        ("first", "saved"),
    ]
    assert [(event["before"] or {}).get("note") for event in events[:3]] == ["second", "first", None]
    assert {event["id"] for event in events[:3]} == {saved.id}
    for event in events:
        assert not {"counts", "prompts"} & {*(event["before"] or {}), *event["after"]}
        assert event["at"].endswith("+00:00")


def test_a_photo_of_leftovers_is_linked_to_the_previous_photo(page: Page) -> None:
    items = page.desk.items
    assert page.of_project("link_before", item=items[2], linked=True) == {"before": items[1]}
    assert page.of_project("open_item", item=items[2])["before"] == items[1]
    assert page.of_project("link_before", item=items[2], linked=False) == {"before": None}
    assert page.of_project("open_item", item=items[2])["before"] is None
    assert "no photo before" in page.of_project("link_before", item=items[0], linked=True)["error"]
    assert page.of_project("link_before", item=items[0], linked=False) == {"before": None}


def test_any_earlier_photo_can_show_the_meal(page: Page) -> None:
    items = page.desk.items
    assert page.of_project("link_before", item=items[3], linked=True, served=0) == {"before": items[0]}
    opened = page.of_project("open_item", item=items[3])
    assert (opened["before"], opened["served"]) == (items[0], 0)
    later = page.of_project("link_before", item=items[1], linked=True, served=3)
    assert later == {"before": items[0]}  # the nearest earlier one


# New photos


def test_an_upload_joins_the_queue_once(page: Page) -> None:
    upload = Path(utils.get_upload_folder()) / "ab" / "lunch.png"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(picture(77))
    added = page.of_project("add_photo", path=str(upload), name="Lunch.png", meal=" Monday ")
    assert added == {"name": "Lunch.png", "item_id": added["item_id"], "was_there": False, "problem": None}
    again = page.of_project("add_photo", path=str(upload), name="Again.png")
    assert again == {**added, "name": "Again.png", "was_there": True}
    with page.desk.store.reading() as session:
        item = session.get_one(Item, added["item_id"])
    assert (item.name, item.meal, item.position) == ("Lunch.png", "Monday", 4)


def test_an_opened_photo_joins_the_queue_as_its_file_is(page: Page, tmp_path: Path) -> None:
    (tmp_path / "lunch.png").write_bytes(picture(77))
    opened = page.photos.add(tmp_path / "lunch.png")
    added = page.of_project("add_photo", photo=opened.sha256, name="Lunch.png")
    with page.desk.store.reading() as session:
        assert session.get_one(Item, added["item_id"]).photo.sha256 == opened.sha256
    unknown = page.of_project("add_photo", photo="0" * 64, name="Lunch.png")
    assert unknown["error"] == "This photo is no longer on the server; open it again."


def test_an_undo_that_is_asked_for_again_takes_nothing_more_back(page: Page) -> None:
    item = page.desk.items[0]
    page.desk.save("peas")
    page.desk.save("beans")
    replies = [page.ask("undo_food", item=item, step="once") for _ in range(2)]
    assert [[food["note"] for food in reply["foods"]] for reply in replies] == [["peas"], ["peas"]]
    assert all(reply["undone"] for reply in replies)


def test_an_upload_that_is_no_photo_is_reported(page: Page) -> None:
    upload = Path(utils.get_upload_folder()) / "menu.png"
    upload.parent.mkdir(parents=True)
    upload.write_text("soup")
    added = page.of_project("add_photo", path=str(upload), name="menu.png")
    assert (added["item_id"], added["was_there"]) == (None, False)
    assert added["problem"]


def test_only_files_in_the_upload_folder_are_added_as_uploads(page: Page) -> None:
    (outside := page.desk.store.folder / "outside.png").write_bytes(picture(77))
    for path in (str(outside), "/etc/passwd", None, 5, "a\0b"):
        assert "did not arrive" in page.of_project("add_photo", path=path, name="x")["error"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose photos may be imported, next to a secret folder."""
    for name in ("monday/b.PNG", "monday/a.png", "monday/late/c.jpeg", "monday/menu.txt", "tuesday/d.png"):
        file = tmp_path / "import" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(len(name)))
    (tmp_path / "import" / "monday" / "folder.png").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "e.png").write_bytes(picture(99))
    (tmp_path / "import" / "way-out").symlink_to(tmp_path / "secret")
    (tmp_path / "import" / "monday" / "out.png").symlink_to(tmp_path / "secret" / "e.png")
    return tmp_path / "import"


def test_a_folder_on_the_server_is_imported_photo_by_photo(page: Page, folder: Path) -> None:
    names = page.ask("list_folder", folder="monday")["names"]
    assert [name for name in names if name != "out.png"] == ["a.png", "b.PNG", "late/c.jpeg"]
    for name in ("a.png", "late/c.jpeg"):
        added = page.of_project("add_from_folder", folder="monday", name=name, meal="Monday")
        assert (added["name"], added["problem"], added["was_there"]) == (Path(name).name, None, False)
    with page.desk.store.reading() as session:
        added_rows = list(session.scalars(select(Item).where(Item.position > 3).order_by(Item.position)))
    assert [(row.name, row.meal) for row in added_rows] == [("a.png", "Monday"), ("c.jpeg", "Monday")]


def test_copies_that_other_programs_keep_in_a_folder_are_counted(page: Page, folder: Path) -> None:
    expected = page.ask("list_folder", folder="monday")
    for name in ("._a.png", "@eaDir/a.png/thumb.jpg", ".thumbnails/1.jpg", "Thumbs.db"):
        (folder / "monday" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "monday" / name).write_bytes(picture(9))
    assert page.ask("list_folder", folder="monday") == {**expected, "stray": 3}
    assert expected["stray"] == 0


def test_a_missing_file_is_reported(page: Page, folder: Path) -> None:
    added = page.of_project("add_from_folder", folder="monday", name="z.png")
    assert added["item_id"] is None
    assert added["problem"]


@pytest.mark.parametrize(
    "name", ["..", "/", "/etc", "../secret", "monday/../../secret", "way-out", "nowhere"]
)
def test_no_folder_outside_the_import_folder_is_listed(page: Page, folder: Path, name: str) -> None:
    assert "There is no folder" in page.ask("list_folder", folder=name)["error"]
    assert "There is no folder" in page.of_project("add_from_folder", folder=name, name="e.png")["error"]


@pytest.mark.parametrize("name", ["../tuesday/d.png", "../../secret/e.png", "out.png", "/etc/passwd"])
def test_no_file_outside_the_import_folder_is_added(page: Page, folder: Path, name: str) -> None:
    assert "is not in the folder" in page.of_project("add_from_folder", folder="monday", name=name)["error"]


def test_a_server_without_an_import_folder_takes_uploads_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    page = new_page(tmp_path, store, None)
    for reply in (
        page.ask("list_folder", folder="/"),
        page.of_project("add_from_folder", folder="/etc", name="passwd"),
    ):
        assert "uploads only" in reply["error"]
    store.close()


def test_a_folder_inside_the_import_folder_may_be_named_by_its_absolute_path(
    page: Page, folder: Path
) -> None:
    assert page.ask("list_folder", folder=str(folder / "tuesday"))["names"] == ["d.png"]
    with pytest.raises(StoreError):
        page.adding.list_folder(ListFolder(folder=str(folder.parent)), Actor("Ann", is_admin=True))
