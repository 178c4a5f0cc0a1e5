"""Requests of the page to review and report, on a real store with the work of two annotators."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from rvernet_app.config import AppConfig
from rvernet_app.picture.masks import Rle
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.store.annotations import Draft, Portion, give_verdict, save
from rvernet_app.store.database import Store
from rvernet_app.store.projects import create_project
from rvernet_app.store.tables import DONE, Sight
from rvernet_app.ui.answers import UNEXPECTED, answered_to
from rvernet_app.ui.project.reviewing import Reviewing
from rvernet_app.ui.visitor.replies import PhotoReply
from tests.rvernet_app.store.desk import Desk, commit, nobody, set_up, square

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))
"""A request to a server without login."""

JUNK: tuple[Any, ...] = (True, 5, [], [5], {}, -1, 99, 10**400, float("nan"), "\0", "\ud800", "x" * 20_000)


def present(photo: LoadedPhoto, name: str) -> PhotoReply:
    """Stand in for the function that prepares a photo for the page."""
    height, width = photo.size_hw
    return PhotoReply(id=photo.sha256, name=name, width=width, height=height, url="", thumb="")


@dataclass(frozen=True)
class Page:
    """The handlers of a store, called as the browser calls them.

    Attributes:
        anns, bens: ids of the annotations by Ann and Ben of one food on the first photo. Their masks share 12
            of 20 pixels. Ann calls it rice, Ben soup.
        alone: id of Ann's beans, which Ben does not have.
    """

    desk: Desk
    reviewing: Reviewing
    photos: PhotoCache
    anns: int
    bens: int
    alone: int

    def ask(self, name: str, /, me: str = "Rita", **message: Any) -> dict[str, Any]:
        """Send a message and return the reply as the browser receives it."""
        sent = json.loads(json.dumps({**message, "me": me}))
        reply: dict[str, Any] = answered_to(getattr(self.reviewing, name), nobody)(sent, REQUEST, None)
        return cast("dict[str, Any]", json.loads(json.dumps(reply)))

    def open(self, **message: Any) -> dict[str, Any]:
        return self.ask("open_review", project=self.desk.project, **message)

    def decide(self, name: str, /, id: int, revision: int = 1, **message: Any) -> dict[str, Any]:
        return self.ask(name, item=self.desk.items[0], id=id, revision=revision, **message)

    def merge(self, *foods: tuple[int, int], **message: Any) -> dict[str, Any]:
        chosen = [{"id": id, "revision": revision} for id, revision in foods]
        rest = {"how": "union", "label": self.desk.labels["rice"], **message}
        return self.ask("merge", item=self.desk.items[0], foods=chosen, **rest)


def statuses(reply: dict[str, Any]) -> list[list[str | None]]:
    """Return the status of each food, for each annotator; None if the annotator does not have it."""
    return [
        [None if food is None else food["status"] for food in compared["foods"]]
        for compared in reply["compared"]
    ]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Two photos that Ann and Ben are both done with, and two that only Ann is done with."""
    monkeypatch.delenv("SPACE_ID", raising=False)
    store = Store(tmp_path / "data")
    desk = set_up(store)

    def put(number: int, by: int, rle: Rle, label: str, **rest: Any) -> int:
        return commit(store, save, desk.items[number], by, Draft(rle, desk.labels[label], **rest)).id

    anns = put(0, desk.ann, square(0, 4), "rice", portion=Portion(100.0, "g", "weighed"), note="dry")
    alone = put(0, desk.ann, square(6), "beans")
    bens = put(0, desk.ben, square(1, 4), "soup", portion=Portion(80.0, "g", "guessed"))
    for by in (desk.ann, desk.ben):
        put(1, by, square(2), "rice")
        for number in (0, 1):
            commit(store, give_verdict, desk.items[number], by, DONE, seconds=10)
    put(2, desk.ann, square(), "rice")
    commit(store, give_verdict, desk.items[2], desk.ann, DONE)
    commit(store, give_verdict, desk.items[3], desk.ann, DONE)
    photos = PhotoCache(AppConfig(photos_dir=tmp_path / "photos"))
    yield Page(desk, Reviewing(store, desk.files, photos, present), photos, anns, bens, alone)
    store.close()


# The review queue


def test_a_waiting_photo_opens_with_its_foods_side_by_side(page: Page) -> None:
    opened = page.open()
    photo = page.desk.item().photo.sha256
    assert (opened["item"], opened["position"]) == (page.desk.items[0], 0)
    assert opened["photo"]["id"] == photo
    assert opened["photo"]["name"] == "0.png"
    assert page.photos.get(photo).size_hw == (6, 8)
    assert opened["annotators"] == ["Ann", "Ben"]
    both, anns_own = opened["compared"]
    assert (both["iou"], both["same_label"]) == (pytest.approx(12 / 20), False)
    assert (anns_own["iou"], anns_own["same_label"]) == (None, None)
    assert [food and food["id"] for food in anns_own["foods"]] == [page.alone, None]
    anns, bens = both["foods"]
    (outline,) = anns.pop("polygons")
    assert {tuple(outline[i : i + 2]) for i in range(0, 8, 2)} == {(0, 1), (4, 1), (4, 5), (0, 5)}
    assert anns == {
        "id": page.anns,
        "revision": 1,
        "status": "saved",
        "label": page.desk.labels["rice"],
        "portion": {"amount": 100.0, "unit": "g", "method": "weighed", "low": None, "high": None},
        "note": "dry",
    }
    assert (bens["id"], bens["portion"]["amount"]) == (page.bens, 80.0)
    assert opened["merged"] == opened["comments"] == []


def test_the_queue_wraps_around_and_holds_photos_that_enough_annotators_are_done_with(page: Page) -> None:
    items = page.desk.items
    assert page.open(after=0)["item"] == items[1]
    assert page.open(after=1)["item"] == items[0]
    assert page.open(me="Ann", after=1, least=1)["item"] == items[2]
    assert page.open(me="Ann", item=items[3])["position"] == 3
    # Rita could still label these herself, so she must not know what Ann has.
    assert page.open(after=1, least=1)["item"] == items[0]
    assert "still waits for an annotator" in page.open(item=items[3])["error"]
    assert page.open(least=3) == {"item": None}


def test_a_decided_photo_leaves_the_queue(page: Page) -> None:
    page.decide("accept", page.anns)
    assert page.desk.count(Sight) == 1  # also of who never opened the review
    assert page.open()["item"] == page.desk.items[0]
    page.decide("reject", page.alone)
    assert page.open()["item"] == page.desk.items[1]
    other = page.open()["compared"][0]["foods"][0]
    page.ask("accept", item=page.desk.items[1], id=other["id"], revision=1)
    assert page.open() == {"item": None}


def test_a_reviewer_does_not_see_a_photo_that_they_have_begun_and_not_finished(page: Page) -> None:
    desk, item = page.desk, page.desk.items[0]
    commit(desk.store, give_verdict, desk.items[2], desk.ben, "open")
    assert page.open(me="Ben", after=1, least=1)["item"] == item
    assert page.open(me="Ann", after=1, least=1)["item"] == desk.items[2]
    commit(desk.store, give_verdict, item, desk.ben, "open")
    food = {"id": page.anns, "revision": 1}
    before = desk.count()
    for reply in (
        page.open(me="Ben", item=item),
        page.decide("accept", me="Ben", **food),
        page.decide("reject", me="Ben", **food),
        page.ask("merge", me="Ben", item=item, foods=[food, food], how="union"),
        page.ask("comment", me="Ben", item=item, words="Rice?"),
    ):
        assert reply == {"error": "You have begun this photo yourself. Finish it before you review it."}
    assert desk.count() == before
    assert page.open(me="Ann", item=item)["annotators"] == ["Ann"]
    commit(desk.store, give_verdict, item, desk.ben, DONE)
    assert page.open(me="Ben", item=item)["annotators"] == ["Ann", "Ben"]


# Decisions


def test_accepting_a_food_rejects_the_versions_of_other_annotators(page: Page) -> None:
    assert statuses(page.decide("accept", page.bens)) == [["rejected", "accepted"], ["saved", None]]
    assert statuses(page.decide("accept", page.anns, revision=2)) == [
        ["accepted", "rejected"],
        ["saved", None],
    ]


def test_rejecting_a_food_changes_no_other_food(page: Page) -> None:
    assert statuses(page.decide("reject", page.anns)) == [["rejected", "saved"], ["saved", None]]


@pytest.mark.parametrize(
    ("how", "corners"), [("union", {(0, 1), (5, 5)}), ("intersection", {(1, 1), (4, 5)})]
)
def test_merged_foods_become_one(page: Page, how: str, corners: set[tuple[int, int]]) -> None:
    reply = page.merge((page.anns, 1), (page.bens, 1), how=how)
    (merged,) = reply["merged"]
    (outline,) = merged["polygons"]
    assert corners <= {tuple(outline[i : i + 2]) for i in range(0, len(outline), 2)}
    assert (merged["status"], merged["label"]) == ("accepted", page.desk.labels["rice"])
    assert statuses(reply) == [["rejected", "rejected"], ["saved", None]]


def test_a_merged_food_has_the_chosen_amount(page: Page) -> None:
    chosen = page.open()["compared"][0]["foods"][1]["portion"]
    (merged,) = page.merge((page.anns, 1), (page.bens, 1), portion=chosen)["merged"]
    assert (merged["portion"], chosen["amount"]) == (chosen, 80.0)
    assert (
        "A portion is"
        in page.merge((page.anns, 2), (page.bens, 2), portion={**chosen, "method": "felt"})["error"]
    )


def test_a_merged_food_can_be_unnamed(page: Page) -> None:
    (merged,) = page.merge((page.anns, 1), (page.bens, 1), label=None)["merged"]
    assert merged["label"] is None


@pytest.mark.parametrize("name", ["accept", "reject"])
def test_deciding_on_an_outdated_revision_is_a_conflict(page: Page, name: str) -> None:
    page.decide("reject", page.anns)
    reply = page.decide(name, page.anns, revision=1)
    assert reply.keys() == {"error", "conflict"}
    assert (reply["conflict"]["status"], reply["conflict"]["revision"]) == ("rejected", 2)


def test_merging_an_outdated_revision_is_a_conflict(page: Page) -> None:
    page.decide("reject", page.anns)
    assert page.merge((page.anns, 1), (page.bens, 1))["conflict"]["id"] == page.anns
    assert page.open()["merged"] == []


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"foods": None}, "foods"),
        ({"foods": []}, "two or more"),
        ({"foods": "all"}, "foods"),
        ({"foods": 5}, "foods"),
        ({"foods": [5, 6]}, "foods.0"),
        ({"foods": [{"id": 1}]}, "revision"),
        ({"how": "mean"}, "union"),
        ({"label": 999}, "label set"),
        ({"item": 999}, "not in the project"),
    ],
)
def test_an_impossible_merge_is_refused(page: Page, message: dict[str, Any], says: str) -> None:
    before = page.desk.count()
    sound = {
        "item": page.desk.items[0],
        "how": "union",
        "label": None,
        "foods": [{"id": page.anns, "revision": 1}, {"id": page.bens, "revision": 1}],
    }
    assert says in page.ask("merge", **{**sound, **message})["error"]
    assert page.desk.count() == before


def test_deciding_on_a_food_of_an_unfinished_annotator_is_refused(page: Page) -> None:
    commit(page.desk.store, give_verdict, page.desk.items[0], page.desk.ben, "open")
    assert "not done" in page.decide("accept", page.bens)["error"]


def test_comments_are_shown_with_their_authors(page: Page) -> None:
    page.ask("comment", item=page.desk.items[0], words="  Rice or soup? ")
    reply = page.ask("comment", me="Ben", item=page.desk.items[0], words="Soup.")
    assert [(one["who"], one["words"]) for one in reply["comments"]] == [
        ("Rita", "Rice or soup?"),
        ("Ben", "Soup."),
    ]
    assert all(one["at"].endswith("+00:00") for one in reply["comments"])
    assert statuses(reply) == [["saved", "saved"], ["saved", None]]
    assert "1 to" in page.ask("comment", item=page.desk.items[0], words=" ")["error"]


# Reports


def picture_in(data_url: str) -> Image.Image:
    """Decode a PNG data URL."""
    kind, _, data = data_url.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_the_dashboard_counts_the_project(page: Page) -> None:
    page.decide("accept", page.anns)
    reply = page.ask("report", project=page.desk.project, of="dashboard")
    photos, labels, annotators = reply["tables"]
    assert dict(photos["rows"]) == {
        "new": "0",
        "open": "2",
        "done": "2",
        "unusable": "0",
        "skipped": "0",
        "done by two or more": "2",
    }
    assert {row[0]: row[1:4] for row in labels["rows"]} == {
        "rice": ["3", "1", "0"],  # without that on the third photo, which Rita could still label
        "beans": ["1", "0", "0"],
        "soup": ["0", "0", "1"],
        "all": ["4", "1", "1"],
    }
    assert [row[0] for row in annotators["rows"]] == ["Ann", "Ben"]
    assert all(len(row) == len(table["columns"]) for table in reply["tables"] for row in table["rows"])
    assert min(picture_in(reply["figure"]).size) > 100


def test_the_report_measures_agreement_of_two_annotators(page: Page) -> None:
    reply = page.ask("report", project=page.desk.project, of="agreement")
    between = reply["tables"][0]
    (row,) = between["rows"]
    cells = dict(zip(between["columns"], row, strict=True))
    assert (cells["Photos"], cells["Foods both have"], cells["Foods only one has"]) == ("2", "2", "1 and 0")
    assert cells["Mask overlap (mean IoU)"] == "0.80"  # the mean of 0.6 and 1
    assert cells["Same name"] == "0.50"
    assert min(picture_in(reply["figure"]).size) > 100


@pytest.mark.parametrize("of", ["dashboard", "agreement"])
def test_an_empty_project_has_reports(page: Page, of: str) -> None:
    empty = commit(page.desk.store, create_project, "Empty", [])
    reply = page.ask("report", project=empty, of=of)
    assert all(set(table) == {"title", "columns", "rows"} for table in reply["tables"])
    if of == "agreement":
        assert reply["figure"] is None
        assert reply["tables"] == []
        assert reply["note"].startswith("No photo has been finished by two people yet")
    else:
        assert picture_in(reply["figure"])
        assert reply["note"] is None
    assert "no such project" in page.ask("report", project=999, of=of)["error"]


# Untrusted messages

FIELDS: dict[str, tuple[str, ...]] = {
    "open_review": ("project", "item", "after", "least"),
    "accept": ("item", "id", "revision"),
    "reject": ("item", "id", "revision"),
    "merge": ("item", "foods", "how", "label", "portion"),
    "comment": ("item", "words"),
    "report": ("project", "of"),
}
"""The fields that each handler reads, besides the name of the visitor."""


def test_every_handler_keeps_its_name(page: Page) -> None:
    assert [answered_to(handler, nobody).__name__ for handler in page.reviewing.handlers] == list(FIELDS)


@pytest.mark.parametrize("handler", FIELDS)
def test_no_message_causes_an_unexpected_error(
    page: Page, handler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rvernet_app.ui.project.rows.FIGURE_DPI", 10)
    answer = answered_to(getattr(page.reviewing, handler), nobody)
    sound = {
        "me": "Rita",
        "project": page.desk.project,
        "item": page.desk.items[0],
        "id": page.alone,
        "revision": 1,
        "foods": [{"id": page.anns, "revision": 1}, {"id": page.bens, "revision": 1}],
        "how": "union",
        "words": "Rice?",
        "of": "agreement",
    }
    for field in FIELDS[handler]:
        missing = {name: value for name, value in sound.items() if name != field}
        for message in (missing, *({**sound, field: junk} for junk in JUNK)):
            assert answer(message, REQUEST, None).get("error") != UNEXPECTED, (field, message.get(field))
