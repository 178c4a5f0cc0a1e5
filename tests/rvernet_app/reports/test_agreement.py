"""Agreement of annotators, on photos whose agreement is known."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import Rle, to_rle
from rvernet_app.reports.agreement import AgreementReport, agreement, draw_agreement
from rvernet_app.reports.statistics import fleiss_kappa, icc
from rvernet_app.store.annotations import Draft, Portion, Saved, delete, give_verdict, save
from rvernet_app.store.database import Store
from rvernet_app.store.event_log import now
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.review import accept, merge
from rvernet_app.store.tables import DONE, OPEN, Item, Photo
from tests.rvernet_app.store.desk import commit

SIDE = 10
"""Width and height of the photos."""


def square(left: int, top: int = 0, side: int = 4) -> Rle:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[top : top + side, left : left + side] = True
    return to_rle(mask)


@dataclass(frozen=True)
class Desk:
    """A project with the ids of its labels by name, its annotators in ascending order, and its photos."""

    store: Store
    project: int
    labels: dict[str, int]
    people: tuple[int, ...]
    photos: tuple[int, ...]

    def save(
        self,
        who: int,
        photo: int,
        label: str | None,
        rle: Rle,
        grams: float | None = None,
        unit: str = "g",
        top: str = "",
    ) -> Saved:
        draft = Draft(
            rle,
            label_id=None if label is None else self.labels[label],
            portion=None if grams is None else Portion(grams, unit, "guessed"),
            suggestions=[(top, 0.8), ("beans", 0.1)] if top else None,
        )
        return commit(self.store, save, self.photos[photo], self.people[who], draft)

    def done(self, who: int, *photos: int, state: str = DONE) -> None:
        for photo in photos:
            commit(self.store, give_verdict, self.photos[photo], self.people[who], state)

    def measure(self) -> AgreementReport:
        with self.store.reading() as session:
            return agreement(session, self.project)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Six photos that need three annotators each; suggestions are hidden on the last two."""
    store = Store(tmp_path)
    project = commit(store, create_project, "Trays", [LabelName(name) for name in ("rice", "soup", "beans")])
    people = tuple(commit(store, ensure_annotator, name) for name in ("Ann", "Ben", "Cleo"))
    with store.writing() as session:
        items = []
        for position in range(6):
            photo = Photo(sha256=f"{position:064}", format="PNG", width=SIDE, height=SIDE, added_at=now())
            session.add(photo)
            session.flush()
            item = Item(project_id=project, photo_id=photo.id, position=position, name=f"{position}.png")
            item.wanted, item.taken, item.blind = 3, 0, position > 3
            items.append(item)
        session.add_all(items)
        session.flush()
        labels = {label.name: label.id for label in labels_of(session, project)}
    yield Desk(store, project, labels, people, tuple(item.id for item in items))
    store.close()


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """Ann and Ben are both done with photos 0, 1 and 3. Ben is not done with photo 2."""
    desk.save(0, 0, "rice", square(0), 100)
    desk.save(0, 0, "soup", square(0, 5), 50)
    desk.save(0, 0, "beans", square(6, 6))
    desk.save(1, 0, "beans", square(0, 5), 60, "ml")
    desk.save(1, 0, "rice", square(1), 110)  # 12 of 20 pixels in common with Ann's
    for who, grams in ((0, 200), (1, 220)):
        desk.save(who, 1, "rice", square(3), grams)
        desk.save(who, 2, "soup", square(3))
    desk.save(0, 3, None, square(3))
    desk.done(0, 0, 1, 2, 3)
    desk.done(1, 0, 1, 3)
    desk.done(1, 2, state=OPEN)
    return desk


def test_agreement_of_two_annotators_on_their_shared_photos(shared: Desk) -> None:
    report = shared.measure()
    assert len(report.couples) == 1
    found = report.overall
    assert found is report.couples[0]
    assert (found.who, found.photos, found.only) == ("Ann and Ben", 3, (2, 0))
    np.testing.assert_allclose(sorted(found.ious), [0.6, 1, 1])
    assert found.iou.value == pytest.approx(2.6 / 3)
    assert found.same_label.value == pytest.approx(2 / 3)
    assert (found.iou.n, found.same_label.n) == (3, 3)
    assert found.kappa.name == "Cohen's kappa"
    assert found.kappa.value == pytest.approx(0.4)
    assert found.grams.tolist() == [[100, 110], [200, 220]]
    assert (found.absolute.name, found.consistent.name) == ("ICC(2,1)", "ICC(3,1)")
    assert found.absolute.value == icc(found.grams).value
    limits = [-15 - 1.96 * math.sqrt(50), -15 + 1.96 * math.sqrt(50)]
    assert (found.difference.value, found.difference.n) == (-15, 2)
    assert [found.difference.low, found.difference.high] == pytest.approx(limits)


def test_agreement_by_label(shared: Desk) -> None:
    rice, *others = shared.measure().classes
    assert (rice.label, rice.n, rice.same_label.value) == ("rice", 2, 1)
    assert rice.iou.value == pytest.approx(0.8)
    assert rice.kappa.value == pytest.approx(1)
    assert [(c.label, c.n, c.iou.value, c.same_label.value) for c in others] == [
        ("beans", 1, 1, 0),
        ("soup", 1, 1, 0),
    ]
    assert [c.kappa.value for c in others] == pytest.approx([0, 0])


def test_a_label_given_twice_by_one_and_once_by_the_other_agrees_in_two_of_three(desk: Desk) -> None:
    for photo, label in ((0, "rice"), (1, "soup")):
        desk.save(0, photo, "rice", square(0))
        desk.save(1, photo, label, square(0))
        for who in (0, 1):
            desk.done(who, photo)
    rice = desk.measure().classes[0]
    assert (rice.label, rice.n) == ("rice", 2)
    assert rice.same_label.value == pytest.approx(2 / 3)


def test_unnamed_foods_count_for_masks_only(desk: Desk) -> None:
    desk.save(0, 0, None, square(0))
    desk.save(1, 0, "rice", square(0))
    for who in (0, 1):
        desk.done(who, 0)
    report = desk.measure()
    assert (report.overall.iou.value, report.overall.same_label.value) == (1, None)
    assert report.classes == ()


def test_deleted_foods_are_not_compared(shared: Desk) -> None:
    extra = shared.save(0, 1, "soup", square(0, 6))
    commit(shared.store, delete, shared.photos[1], shared.people[0], id=extra.id, revision=extra.revision)
    assert shared.measure().overall.only == (2, 0)


def test_a_review_does_not_change_the_agreement(desk: Desk) -> None:
    for photo in (0, 1):
        saved = [desk.save(who, photo, "rice", square(who), 100 + who) for who in (0, 1)]
        for who in (0, 1):
            desk.done(who, photo)
    before = desk.measure()
    reviewer = desk.people[1]  # also an annotator of these photos
    commit(desk.store, accept, desk.photos[1], reviewer, saved[0].id, 1)
    commit(
        desk.store,
        merge,
        desk.photos[1],
        reviewer,
        {saved[0].id: 2, saved[1].id: 2},
        "union",
        desk.labels["soup"],
    )
    assert desk.measure().tables() == before.tables()


def test_several_pairs_of_annotators_are_also_measured_together(desk: Desk) -> None:
    for photo, pair, labels, grams in (
        (0, (0, 1), ("rice", "rice"), (10, 20)),
        (1, (1, 2), ("rice", "soup"), (20, 30)),
        (2, (0, 1, 2), ("soup", "soup", "soup"), (30, 40, 90)),
    ):
        for who, label, amount in zip(pair, labels, grams, strict=True):
            desk.save(who, photo, label, square(0), amount)
            desk.done(who, photo)
    desk.save(2, 2, "beans", square(6, 6))
    report = desk.measure()
    assert [couple.who for couple in report.couples] == ["Ann and Ben", "Ann and Cleo", "Ben and Cleo"]
    assert [(c.photos, len(c.ious), c.only) for c in report.couples] == [
        (2, 2, (0, 0)),
        (1, 1, (0, 1)),
        (2, 2, (0, 1)),
    ]
    overall = report.overall
    assert (overall.who, overall.photos, overall.only, len(overall.ious)) == ("All", 3, (2,), 5)
    assert overall.same_label.value == 4 / 5
    assert overall.kappa.value == fleiss_kappa(np.array([[2, 0], [1, 1], [0, 3]])).value
    assert overall.grams.tolist() == [[10, 20], [20, 30], [30, 40]]
    assert overall.absolute == icc(overall.grams, "1,1")
    assert overall.consistent.value is overall.difference.value is None
    rice = next(c for c in report.classes if c.label == "rice")
    assert rice.kappa.value == fleiss_kappa(np.array([[2, 0], [1, 1], [0, 3]])).value
    between = report.tables()[0].rows
    assert [row[0] for row in between] == ["All", "Ann and Ben", "Ann and Cleo", "Ben and Cleo"]
    assert between[0][6] == overall.kappa.text()


def test_suggestions_shown_and_hidden_are_compared(desk: Desk) -> None:
    said = {0: ("rice", "rice"), 1: ("rice", "rice"), 4: ("rice", "soup"), 5: ("soup", "soup")}
    for photo, labels in said.items():
        for who, label in enumerate(labels):
            desk.save(who, photo, label, square(0), top="Rice")
            desk.done(who, photo)
    desk.save(2, 2, "rice", square(0), top="soup")
    desk.done(2, 2)
    desk.save(2, 3, "rice", square(0), top="rice")  # not done
    same, top = desk.measure().steering
    assert (same.shown.value, same.shown.n, same.hidden.value, same.hidden.n) == (1, 2, 0.5, 2)
    assert (top.shown.value, top.shown.n, top.hidden.value, top.hidden.n) == (0.8, 5, 0.25, 4)
    assert top.difference.value == pytest.approx(0.55)
    assert top.difference.n == 5
    assert top.difference == desk.measure().steering[1].difference


def test_foods_without_suggestions_do_not_count_for_the_effect_of_suggestions(shared: Desk) -> None:
    for steering in shared.measure().steering:
        assert steering.shown.value is steering.hidden.value is steering.difference.value is None


def test_rows_are_ready_to_show(shared: Desk) -> None:
    between, labels, suggestions = shared.measure().tables()
    assert [table.title for table in (between, labels, suggestions)] == [
        "Between annotators",
        "By name",
        "With and without suggestions",
    ]
    assert between.columns == (
        "Annotators",
        "Photos",
        "Foods both have",
        "Foods only one has",
        "Mask overlap (mean IoU)",
        "Same name",
        "Agreement beyond chance (Cohen's kappa of two, Fleiss' kappa of all)",
        "Agreement of grams (ICC 2,1 of two, ICC 1,1 of all)",
        "Agreement of grams but for a fixed gap (ICC 3,1)",
        "Difference in grams (mean difference, limits of agreement)",
    )
    assert between.rows[0][:7] == (
        "Ann and Ben",
        "3",
        "3",
        "2 and 0",
        "0.87",
        "0.67",
        "0.40",
    )
    assert between.rows[0][9] == "-15 (-29 to -1)"
    assert labels.rows[0] == ("rice", "2", "0.80", "1.00", "1.00")
    assert [row[0] for row in suggestions.rows] == [
        "both chose the same name",
        "name is the first suggestion",
    ]


def test_a_project_without_annotations_has_a_report(desk: Desk) -> None:
    report = desk.measure()
    assert (report.overall.photos, report.couples, report.classes) == (0, (), ())
    assert report.overall.iou.reason == "No food in common."
    figure = draw_agreement(report)
    figure.savefig(io.BytesIO(), format="png")


def test_the_figure_has_no_legend_for_many_pairs_of_annotators(shared: Desk) -> None:
    report = shared.measure()
    for copies, legend in ((8, True), (9, False)):
        figure = draw_agreement(replace(report, couples=report.couples * copies))
        assert (figure.axes[2].get_legend() is not None) == legend


def test_the_figure_shows_the_measured_values(shared: Desk) -> None:
    figure = draw_agreement(shared.measure())
    masks, labels, grams, _ = figure.axes
    assert sum(bar.get_height() for bar in masks.patches if isinstance(bar, Rectangle)) == 3
    assert [text.get_text() for text in labels.get_yticklabels()] == ["rice (2)", "beans (1)", "soup (1)"]
    assert np.asarray(grams.collections[0].get_offsets()).tolist() == [[105, -10], [210, -20]]
    assert len(grams.lines) == 3
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
