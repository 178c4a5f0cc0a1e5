"""The dashboard, with every number counted by hand."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import to_rle
from rvernet_app.reports.dashboard import UNNAMED, DashboardReport, Spread, Tally, dashboard, draw_dashboard
from rvernet_app.store.annotations import Draft, delete, give_verdict, save
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import now
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.review import accept
from rvernet_app.store.tables import DONE, OPEN, SKIPPED, UNUSABLE, Item, Photo
from tests.rvernet_app.store.desk import commit

MASK = to_rle(np.ones((3, 3), np.bool_))
ANN, BEN = 0, 1


@dataclass(frozen=True)
class Desk:
    """A project with the ids of its labels by name, of its annotators and of its photos."""

    store: Store
    project: int
    labels: dict[str, int]
    people: tuple[int, ...]
    photos: tuple[int, ...]

    def save(self, who: int, photo: int, label: str | None, taken: bool | None = None) -> int:
        draft = Draft(MASK, label_id=None if label is None else self.labels[label], suggestion_taken=taken)
        return commit(self.store, save, self.photos[photo], self.people[who], draft).id

    def say(self, who: int, photo: int, state: str, seconds: float = 0.0) -> None:
        commit(self.store, give_verdict, self.photos[photo], self.people[who], state, "blurred", seconds)

    def look(self) -> DashboardReport:
        with self.store.reading() as session:
            return dashboard(session, self.project)


def make_desk(store: Store, name: str, photos: int) -> Desk:
    """Return a project whose photos need two annotators each."""
    project = commit(store, create_project, name, [LabelName(label) for label in ("rice", "soup", "beans")])
    with store.writing() as session:
        items = []
        for position in range(photos):
            photo = Photo(sha256=f"{name}{position}", format="PNG", width=3, height=3, added_at=now())
            session.add(photo)
            session.flush()
            item = Item(project_id=project, photo_id=photo.id, position=position, name=f"{position}.png")
            item.wanted, item.taken = 2, 0
            items.append(item)
        session.add_all(items)
        session.flush()
        labels = {label.name: label.id for label in labels_of(session, project)}
    people = commit(store, ensure_annotator, "Zoe"), commit(store, ensure_annotator, "Ben")
    return Desk(store, project, labels, people, tuple(item.id for item in items))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store(tmp_path)
    yield make_desk(store, "Trays", 10)
    store.close()


def test_each_photo_counts_once_in_its_state_to_the_project(desk: Desk) -> None:
    states_of_photos = (
        (DONE, DONE),
        (DONE, UNUSABLE),
        (OPEN, UNUSABLE),
        (DONE, OPEN),
        (DONE, None),
        (SKIPPED, None),
        (SKIPPED, DONE),
        (SKIPPED, OPEN),
        (DONE, DONE),
        (None, None),
    )
    for photo, states in enumerate(states_of_photos):
        for who, state in enumerate(states):
            if state is not None:
                desk.say(who, photo, state)
    report = desk.look()
    assert report.photos == {"new": 1, "open": 3, "done": 2, "unusable": 2, "skipped": 2}
    assert report.double == 2
    assert [dict(person.states) for person in report.annotators] == [
        {"open": 2, "done": 3, "unusable": 2, "skipped": 0},
        {"open": 1, "done": 5, "unusable": 0, "skipped": 3},
    ]


def test_a_photo_that_needs_one_annotator_is_done_after_one(desk: Desk) -> None:
    with desk.store.writing() as session:
        session.get_one(Item, desk.photos[0]).wanted = 1
    desk.say(ANN, 0, DONE)
    report = desk.look()
    assert (report.photos["done"], report.double) == (1, 0)


def test_foods_by_label_and_annotator(desk: Desk) -> None:
    first = desk.save(ANN, 0, "soup", taken=True)
    desk.save(BEN, 0, "rice", taken=False)
    for who in (ANN, BEN):
        desk.say(who, 0, DONE)
    commit(desk.store, accept, desk.photos[0], desk.people[BEN], first, 1)
    desk.save(ANN, 1, "soup", taken=True)
    desk.save(ANN, 1, "soup")
    desk.save(BEN, 1, None, taken=False)
    gone = desk.save(BEN, 1, "beans", taken=True)
    commit(desk.store, delete, desk.photos[1], desk.people[BEN], id=gone, revision=1)
    report = desk.look()
    soup = Tally(standing=3, accepted=1, rejected=0, offered=2, taken=2)
    rice = Tally(standing=0, accepted=0, rejected=1, offered=1, taken=0)
    unnamed = Tally(standing=1, offered=1)
    assert report.labels == (("soup", soup), (UNNAMED, unnamed), ("rice", rice), ("beans", Tally()))
    assert [(person.name, person.foods) for person in report.annotators] == [
        ("Ben", Tally(1, 0, 1, 2, 0)),
        ("Zoe", soup),
    ]
    assert report.foods == Tally(4, 1, 1, 4, 2)
    assert (report.foods.taken_share, soup.taken_share, rice.taken_share) == (0.5, 1, 0)
    assert Tally(3).taken_share is None


def test_seconds_by_photo_and_food(desk: Desk) -> None:
    for photo, (seconds, foods) in enumerate(((10, 1), (20, 2), (40, 4), (80, 1), (0, 3), (7, 0))):
        for _ in range(foods):
            desk.save(ANN, photo, "rice")
        desk.say(ANN, photo, DONE, seconds)
    desk.save(BEN, 0, "rice")
    desk.say(BEN, 0, DONE, 100)
    desk.say(BEN, 1, OPEN, 1000)
    report = desk.look()
    ben, zoe = report.annotators
    assert zoe.photo_seconds == Spread(5, 10, 20, 40)  # 7, 10, 20, 40, 80
    assert zoe.food_seconds == Spread(4, 10, 10, 27.5)  # 10, 10, 10, 80
    assert ben.photo_seconds == ben.food_seconds == Spread(1, 100, 100, 100)
    assert report.photo_seconds == Spread(6, 12.5, 30, 70)
    assert report.food_seconds == Spread(5, 10, 10, 80)


def test_quartiles_equal_those_of_numpy(desk: Desk) -> None:
    generator = np.random.default_rng(5)
    taken: list[float] = []
    for photo in range(10):
        taken.append(float(generator.integers(1, 60)))
        desk.say(ANN, photo, DONE, taken[-1])
        found = desk.look().photo_seconds
        assert found is not None
        assert [found.low, found.median, found.high] == pytest.approx(np.quantile(taken, (0.25, 0.5, 0.75)))


def test_times_are_rounded_to_a_tenth_of_a_second(desk: Desk) -> None:
    for _ in range(3):
        desk.save(ANN, 0, "rice")
    desk.say(ANN, 0, DONE, 12.34)
    report = desk.look()
    assert report.photo_seconds == Spread(1, 12.3, 12.3, 12.3)
    assert report.food_seconds == Spread(1, 4.1, 4.1, 4.1)


def test_deleted_foods_take_no_share_of_the_time(desk: Desk) -> None:
    desk.save(ANN, 0, "rice")
    gone = desk.save(ANN, 0, "soup")
    commit(desk.store, delete, desk.photos[0], desk.people[ANN], id=gone, revision=1)
    desk.say(ANN, 0, DONE, 12)
    assert desk.look().food_seconds == Spread(1, 12, 12, 12)


def test_projects_are_counted_separately(desk: Desk) -> None:
    other = make_desk(desk.store, "Bowls", 2)
    other.save(ANN, 0, "rice", taken=True)
    other.say(ANN, 0, DONE, 30)
    report = desk.look()
    assert (report.photos["new"], report.foods, report.annotators) == (10, Tally(), ())
    assert report.photo_seconds is None
    assert other.look().foods == Tally(1, 0, 0, 1, 1)


def test_an_empty_project_has_a_dashboard(desk: Desk) -> None:
    report = make_desk(desk.store, "Empty", 0).look()
    assert (sum(report.photos.values()), report.double, report.annotators) == (0, 0, ())
    draw_dashboard(report).savefig(io.BytesIO(), format="png")
    assert [len(table.rows) for table in report.tables()] == [6, 1, 0]  # labels without foods are left out


@pytest.fixture
def worked(desk: Desk) -> DashboardReport:
    for label, taken in (("soup", True), ("soup", False), ("rice", True)):
        desk.save(ANN, 0, label, taken=taken)
    desk.say(ANN, 0, DONE, 30)
    desk.say(BEN, 0, SKIPPED, 5)
    return desk.look()


def test_rows_are_ready_to_show(worked: DashboardReport) -> None:
    photos, labels, annotators = worked.tables()
    assert [table.title for table in (photos, labels, annotators)] == ["Photos", "Foods", "Annotators"]
    assert labels.columns == ("Name", "Foods", "Accepted", "Rejected", "Suggestions taken")
    assert annotators.columns == (
        "Annotator",
        "Open photos",
        "Done photos",
        "Unusable photos",
        "Skipped photos",
        "Foods",
        "Accepted",
        "Rejected",
        "Suggestions taken",
        "Time per photo (quartiles)",
        "Time per food (quartiles)",
    )
    assert photos.rows[:2] == (("new", "9"), ("open", "0"))
    assert labels.rows == (
        ("soup", "2", "0", "0", "50% of 2"),
        ("rice", "1", "0", "0", "100% of 1"),
        ("all", "3", "0", "0", "67% of 3"),
    )
    assert annotators.rows == (
        ("Ben", "0", "0", "0", "1", "0", "0", "0", "", "", ""),
        ("Zoe", "0", "1", "0", "0", "3", "0", "0", "67% of 3", "30 s (30 to 30)", "10 s (10 to 10)"),
    )


def test_the_figure_shows_the_counts(worked: DashboardReport) -> None:
    figure = draw_dashboard(worked)
    photos, labels, taken, seconds = figure.axes
    assert [bar.get_height() for bar in photos.patches if isinstance(bar, Rectangle)] == [9, 0, 0, 0, 1]
    assert [text.get_text() for text in labels.get_yticklabels()] == ["soup", "rice"]
    widths = [bar.get_width() for bar in taken.patches if isinstance(bar, Rectangle)]
    assert widths == pytest.approx([0, 2 / 3])
    assert [container[0].get_xdata().tolist() for container in seconds.containers] == [[30], [10]]
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
