"""Agreement: the measures against published and hand-made numbers, and what the store's photos give."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from rvernet_app.errors import StoreError
from rvernet_app.labels import LabelName
from rvernet_app.masks import Rle, to_rle
from rvernet_app.store.agreement import AgreementReport, agreement, draw_agreement
from rvernet_app.store.annotations import Draft, Portion, Saved, delete, give_verdict, save
from rvernet_app.store.changes import now
from rvernet_app.store.database import Store
from rvernet_app.store.measures import (
    Measured,
    Table,
    bland_altman,
    cohen_kappa,
    fleiss_kappa,
    icc,
    mask_ious,
    match,
    same_foods,
    share,
    share_difference,
)
from rvernet_app.store.projects import annotator_id, create_project, labels_of
from rvernet_app.store.review import accept, merge
from rvernet_app.store.tables import DONE, OPEN, Item, Photo

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
"""Table 2 of Shrout and Fleiss 1979: six targets, four judges."""
SIDE = 10
"""Of the photos."""


def square(left: int, top: int = 0, side: int = 4) -> Rle:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[top : top + side, left : left + side] = True
    return to_rle(mask)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_iou_of_run_lengths_is_that_of_decoded_masks() -> None:
    generator = np.random.default_rng(3)
    masks = [generator.random((23, 31)) < share for share in (0.1, 0.5, 0.9, 0.5, 1.0)]
    rles = [to_rle(mask) for mask in masks]
    expected = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks[:2]]
    np.testing.assert_allclose(mask_ious(rles[:2], rles), expected, rtol=1e-12)


def test_without_masks_there_are_no_ious() -> None:
    assert mask_ious([], [square(0)]).shape == (0, 1)
    assert mask_ious([square(0)], []).shape == (1, 0)
    assert mask_ious([], []).shape == (0, 0)


def test_the_best_pairs_together_are_matched_not_the_best_first() -> None:
    assert match(np.array([[0.9, 0.8], [0.8, 0.1]])) == [(0, 1), (1, 0)]


def test_pairs_below_the_minimum_do_not_keep_others_apart() -> None:
    assert match(np.array([[0.55, 0.49], [0.49, 0.0]])) == [(0, 0)]


def test_the_minimum_itself_is_enough() -> None:
    assert match(np.array([[0.5]])) == [(0, 0)]
    assert match(np.array([[0.5]]), 0.51) == []


@pytest.mark.parametrize("minimum", [0.0, -0.1, 1.1, math.nan])
def test_a_minimum_that_is_none_is_refused(minimum: float) -> None:
    with pytest.raises(StoreError, match="above 0 and up to 1"):
        match(np.ones((1, 1)), minimum)


def test_masks_of_three_are_put_together_by_food() -> None:
    ious = np.eye(6)
    for one, other, iou in ((0, 2, 0.9), (0, 5, 0.8), (2, 5, 0.7), (1, 3, 0.6)):
        ious[one, other] = ious[other, one] = iou
    assert same_foods(ious, [1, 1, 2, 2, 3, 3]) == [[0, 2, 5], [1, 3], [4]]


def test_the_order_of_masks_does_not_matter_only_whose_they_are() -> None:
    ious = np.eye(3)
    ious[0, 2] = ious[2, 0] = 0.9
    assert same_foods(ious, [7, 5, 5]) == [[1], [2, 0]]


def test_a_mask_must_fit_all_masks_of_a_food() -> None:
    ious = np.eye(3)
    for one, other in ((0, 1), (1, 2)):
        ious[one, other] = ious[other, one] = 0.6
    ious[0, 2] = ious[2, 0] = 0.4
    assert same_foods(ious, [1, 2, 3]) == [[0, 1], [2]]


def test_two_foods_of_one_annotator_stay_two() -> None:
    assert same_foods(np.ones((2, 2)), [1, 1]) == [[0], [1]]
    assert same_foods(np.zeros((0, 0)), []) == []


def test_cohens_kappa_of_a_table() -> None:
    # both yes 20, first only 5, second only 10, both no 15: 0.7 agree, 0.5 would by chance
    first = np.repeat(ints(1, 1, 0, 0), (20, 5, 10, 15))
    second = np.repeat(ints(1, 0, 1, 0), (20, 5, 10, 15))
    found = cohen_kappa(first, second)
    assert (found.value, found.n) == (pytest.approx(0.4), 50)


def test_cohens_kappa_below_chance() -> None:
    assert cohen_kappa(ints(1, 2), ints(2, 1)).value == pytest.approx(-1)


def test_cohens_kappa_takes_any_ids_for_classes() -> None:
    assert cohen_kappa(ints(900, 12, 900), ints(900, 12, 12)).value == pytest.approx(
        (2 / 3 - 4 / 9) / (5 / 9)
    )


def test_fleiss_kappa_of_a_table() -> None:
    # 14 raters, 10 subjects, 5 classes: observed 0.378, by chance 0.213
    counts = np.array(
        [
            *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
            *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
        ]
    )
    found = fleiss_kappa(counts)
    assert (round(found.value or 0, 3), found.n) == (0.210, 10)


def test_fleiss_kappa_of_foods_with_different_numbers_of_opinions() -> None:
    # agreeing 1, 0, 1; shares 5/6 and 1/6, so 26/36 by chance
    assert fleiss_kappa(np.array([[2, 0], [1, 1], [3, 0]])).value == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [("1,1", 0.166, -0.133, 0.723), ("2,1", 0.290, 0.019, 0.761), ("3,1", 0.715, 0.342, 0.946)],
)
def test_intraclass_correlations_of_shrout_and_fleiss(
    form: str, value: float, low: float, high: float
) -> None:
    found = icc(SHROUT_FLEISS, form)
    assert found.name == f"ICC({form})"
    assert [found.value, found.low, found.high] == pytest.approx([value, low, high], abs=5e-4)
    assert found.n == 6


@pytest.mark.parametrize(("form", "value"), [("1,1", 0.6), ("2,1", 2 / 3), ("3,1", 1.0)])
def test_one_who_always_says_more_agrees_but_not_absolutely(form: str, value: float) -> None:
    found = icc(np.array([[1, 2], [2, 3], [3, 4]], float), form)
    assert found.value == pytest.approx(value)


def test_where_nothing_is_left_to_chance_there_is_no_interval() -> None:
    found = icc(np.array([[0.1, 0.1], [0.7, 0.7], [0.3, 0.3]]))
    assert (found.value, found.low, found.high) == (pytest.approx(1), None, None)


def test_limits_of_agreement() -> None:
    found = bland_altman(np.array([10.0, 20, 30]), np.array([8.0, 21, 25]))  # differences 2, -1, 5
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 1.96 * 3, 2 + 1.96 * 3))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (cohen_kappa(ints(1), ints(1)), "Fewer than two"),
        (cohen_kappa(ints(), ints()), "Fewer than two"),
        (cohen_kappa(ints(3, 3), ints(3, 3)), "one label"),
        (fleiss_kappa(np.zeros((0, 0), np.int64)), "Fewer than two"),
        (fleiss_kappa(ints(2, 0)[None]), "Fewer than two"),
        (fleiss_kappa(np.array([[0, 3], [0, 2]])), "one label"),
        (icc(np.zeros((0, 2))), "Fewer than two"),
        (icc(np.ones((1, 2))), "Fewer than two"),
        (icc(np.full((3, 2), 0.1)), "same"),
        (icc(np.array([[1, 2], [2, 1]], float)), "do not differ"),
        (icc(np.array([[0.1, 0.7]] * 3), "3,1"), "do not differ"),
        (bland_altman(np.ones(1), np.ones(1)), "Fewer than two"),
        (share(np.zeros((0, 2), np.int64), "No photos."), "No photos"),
        (share_difference(ints(1, 1)[None], np.array([[1, 1], [0, 1]])), "Fewer than two"),
    ],
)
def test_what_is_not_defined_says_why(found: Measured, reason: str) -> None:
    assert found.value is None
    assert reason in (found.reason or "")
    assert found.text() == found.reason


def test_shares_are_of_foods_not_of_photos() -> None:
    found = share(np.array([[1, 1], [0, 3]]), "")
    assert (found.value, found.n) == (0.25, 4)


def test_the_interval_of_a_difference_draws_whole_photos() -> None:
    # of the first two photos each resample gives 0, a half or 1; the others always give a half
    found = share_difference(np.array([[4, 4], [0, 4]]), np.array([[1, 2], [1, 2], [1, 2]]))
    assert (found.value, found.low, found.high, found.n) == (0, -0.5, 0.5, 5)


def test_the_interval_of_a_difference_stays_with_its_seed() -> None:
    counts = np.random.default_rng(0).integers(0, 4, (30, 1)) + np.array([[0, 3]])
    first, second = counts[:12], counts[12:]
    found = [share_difference(first, second, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert found[0].low is not None
    assert found[0].high is not None
    assert found[0].low < (found[0].value or 0) < found[0].high


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": None},
        {"value": 0.5, "reason": "Nothing."},
        {"value": math.nan},
        {"value": 0.5, "low": -math.inf, "high": 1.0},
    ],
)
def test_a_figure_that_is_none_is_not_made(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Measured("kappa", n=3, **wrong)  # type: ignore[arg-type]


def test_a_table_has_as_many_cells_as_columns() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Table("Labels", ("Label", "Foods"), (("rice", "3"), ("soup",)))


def test_figures_are_shown_with_their_interval() -> None:
    assert Measured("kappa", 0.4, 3).text() == "0.40"
    assert Measured("ICC(2,1)", 0.29, 6, 0.019, 0.761).text() == "0.29 (0.02 to 0.76)"
    assert Measured("mean difference", -15.2, 6, -40, 9.8).text(0) == "-15 (-40 to 10)"
    assert Measured("kappa", -0.001, 6, -0.004, 0.0).text() == "0.00 (0.00 to 0.00)"


@dataclass(frozen=True)
class Desk:
    """A project, its labels' ids by name, its annotators in the order of their ids, and its photos."""

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
        return save(self.store, self.photos[photo], self.people[who], draft)

    def done(self, who: int, *photos: int, state: str = DONE) -> None:
        for photo in photos:
            give_verdict(self.store, self.photos[photo], self.people[who], state)

    def measure(self, **options: float) -> AgreementReport:
        with self.store.reading() as session:
            return agreement(session, self.project, **options)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Six photos that want three annotators each; the last two are blind."""
    store = Store(tmp_path)
    project = create_project(store, "Trays", [LabelName(name) for name in ("rice", "soup", "beans")])
    people = tuple(annotator_id(store, name) for name in ("Ann", "Ben", "Cleo"))
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
    """Photos 0, 1 and 3 that Ann and Ben are both done with, 2 that Ben is not."""
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


def test_two_annotators_on_the_photos_they_share(shared: Desk) -> None:
    report = shared.measure()
    assert len(report.couples) == 1
    found = report.overall
    assert found is report.couples[0]
    assert (found.who, found.photos, found.only) == ("Ann and Ben", 3, (2, 0))
    np.testing.assert_allclose(sorted(found.ious), [0.6, 1, 1])
    assert (found.iou.value, found.iou.n) == (pytest.approx(2.6 / 3), 3)
    assert (found.same_label.value, found.same_label.n) == (pytest.approx(2 / 3), 3)
    assert (found.kappa.name, found.kappa.value) == ("Cohen's kappa", pytest.approx(0.4))
    assert found.grams.tolist() == [[100, 110], [200, 220]]
    assert (found.absolute.name, found.consistent.name) == ("ICC(2,1)", "ICC(3,1)")
    assert found.absolute.value == icc(found.grams).value
    limits = [-15 - 1.96 * math.sqrt(50), -15 + 1.96 * math.sqrt(50)]
    assert (found.difference.value, found.difference.n) == (-15, 2)
    assert [found.difference.low, found.difference.high] == pytest.approx(limits)


def test_agreement_by_label(shared: Desk) -> None:
    rice, *others = shared.measure().classes
    assert (rice.label, rice.n, rice.iou.value) == ("rice", 2, pytest.approx(0.8))
    assert (rice.same_label.value, rice.kappa.value) == (1, pytest.approx(1))
    assert [(c.label, c.n, c.iou.value, c.same_label.value) for c in others] == [
        ("beans", 1, 1, 0),
        ("soup", 1, 1, 0),
    ]
    assert [c.kappa.value for c in others] == pytest.approx([0, 0])


def test_a_label_that_one_says_twice_and_the_other_once_agrees_in_two_of_three(desk: Desk) -> None:
    for photo, label in ((0, "rice"), (1, "soup")):
        desk.save(0, photo, "rice", square(0))
        desk.save(1, photo, label, square(0))
        for who in (0, 1):
            desk.done(who, photo)
    rice = desk.measure().classes[0]
    assert (rice.label, rice.n, rice.same_label.value) == ("rice", 2, pytest.approx(2 / 3))


def test_a_higher_minimum_makes_two_foods_of_one(shared: Desk) -> None:
    found = shared.measure(minimum_iou=0.7).overall
    assert (len(found.ious), found.only) == (2, (3, 1))
    with pytest.raises(StoreError, match="up to 1"):
        shared.measure(minimum_iou=2)


def test_foods_without_a_name_count_as_masks_only(desk: Desk) -> None:
    desk.save(0, 0, None, square(0))
    desk.save(1, 0, "rice", square(0))
    for who in (0, 1):
        desk.done(who, 0)
    report = desk.measure()
    assert (report.overall.iou.value, report.overall.same_label.value) == (1, None)
    assert report.classes == ()


def test_deleted_foods_are_not_compared(shared: Desk) -> None:
    extra = shared.save(0, 1, "soup", square(0, 6))
    delete(shared.store, shared.photos[1], shared.people[0], id=extra.id, revision=extra.revision)
    assert shared.measure().overall.only == (2, 0)


def test_what_a_reviewer_decides_changes_nothing(desk: Desk) -> None:
    for photo in (0, 1):
        saved = [desk.save(who, photo, "rice", square(who), 100 + who) for who in (0, 1)]
        for who in (0, 1):
            desk.done(who, photo)
    before = desk.measure()
    reviewer = desk.people[1]  # who is an annotator of these photos too
    accept(desk.store, desk.photos[1], reviewer, saved[0].id, 1)
    merge(
        desk.store, desk.photos[1], reviewer, {saved[0].id: 2, saved[1].id: 2}, "union", desk.labels["soup"]
    )
    assert desk.measure().tables() == before.tables()


def test_where_pairs_differ_all_are_measured_together(desk: Desk) -> None:
    for photo, pair, labels, grams in (
        *((0, (0, 1), ("rice", "rice"), (10, 20)), (1, (1, 2), ("rice", "soup"), (20, 30))),
        (2, (0, 1, 2), ("soup", "soup", "soup"), (30, 40, 90)),
    ):
        for who, label, amount in zip(pair, labels, grams, strict=True):
            desk.save(who, photo, label, square(0), amount)
            desk.done(who, photo)
    desk.save(2, 2, "beans", square(6, 6))
    report = desk.measure()
    assert [couple.who for couple in report.couples] == ["Ann and Ben", "Ann and Cleo", "Ben and Cleo"]
    assert [(c.photos, len(c.ious), c.only) for c in report.couples] == [
        *((2, 2, (0, 0)), (1, 1, (0, 1)), (2, 2, (0, 1)))
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
    assert between[0][6].endswith(", Fleiss' kappa")


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
    assert (top.difference.value, top.difference.n) == (pytest.approx(0.55), 5)
    assert top.difference == desk.measure().steering[1].difference


def test_foods_that_nothing_was_suggested_for_say_nothing_of_suggestions(shared: Desk) -> None:
    for steering in shared.measure().steering:
        assert steering.shown.value is steering.hidden.value is steering.difference.value is None


def test_rows_are_ready_to_show(shared: Desk) -> None:
    between, labels, suggestions = shared.measure().tables()
    assert between.rows[0][:7] == (
        *("Ann and Ben", "3", "3", "2 and 0", "0.87", "0.67"),
        "0.40, Cohen's kappa",
    )
    assert between.rows[0][9] == "-15 (-29 to -1)"
    assert labels.rows[0] == ("rice", "2", "0.80", "1.00", "1.00")
    assert suggestions.rows[0][0] == "same label by both"


def test_a_project_that_nobody_began_has_a_report(desk: Desk) -> None:
    report = desk.measure()
    assert (report.overall.photos, report.couples, report.classes) == (0, (), ())
    assert report.overall.iou.reason == "No food was found by both."
    figure = draw_agreement(report)
    figure.savefig(io.BytesIO(), format="png")


def test_the_figure_stays_readable_with_many_pairs_of_annotators(shared: Desk) -> None:
    report = shared.measure()
    for copies, legend in ((8, True), (9, False)):
        figure = draw_agreement(replace(report, couples=report.couples * copies))
        assert (figure.axes[2].get_legend() is not None) == legend


def test_the_figure_shows_what_was_measured(shared: Desk) -> None:
    figure = draw_agreement(shared.measure())
    masks, labels, grams, _ = figure.axes
    assert sum(bar.get_height() for bar in masks.patches) == 3
    assert [text.get_text() for text in labels.get_yticklabels()] == ["rice (2)", "beans (1)", "soup (1)"]
    assert grams.collections[0].get_offsets().tolist() == [[105, -10], [210, -20]]
    assert len(grams.lines) == 3
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
