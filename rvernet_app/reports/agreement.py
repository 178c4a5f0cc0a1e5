"""Agreement of annotators who labeled the same photos independently: masks, labels and grams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from rvernet_app.reports.figures import entitle, four_panels, name_rows
from rvernet_app.reports.shared_photos import Pair, Rating, SharedPhoto, shared_photos
from rvernet_app.reports.statistics import (
    Measured,
    bland_altman,
    cohen_kappa,
    fleiss_kappa,
    icc,
    share,
    share_difference,
)
from rvernet_app.reports.tables import Table
from rvernet_app.store.annotations import by_annotator
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.roles import Role, require_role
from rvernet_app.store.tables import DELETED, DONE, Annotation, Annotator, Item, Label, Verdict

SHOWN_CLASSES = 20
"""Number of labels in the figure."""
SHOWN_COUPLES = 8
"""The figure has a legend only if there are at most this many pairs of annotators."""
NO_SHARED = "No food in common."
SEVERAL = "See each pair."


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of two annotators, or of all annotators of a project.

    Attributes:
        who: the names of the annotators.
        photos: number of photos that both are done with.
        only: number of foods that only the first has, and only the second; for all annotators, one sum.
        ious: float64 (P,) in [0, 1], IoUs of the P pairs of masks that show one food; `iou` is their mean.
        same_label: share of pairs with the same label, among the pairs that both annotators named.
        kappa: agreement of these labels beyond chance; Cohen's for two annotators, Fleiss' for more.
        grams: float64 (Q, 2), the portions of the pairs that both annotators gave in grams.
        absolute: ICC(2,1) of grams; ICC(1,1) if the raters differ from food to food.
        consistent: ICC(3,1) of grams. If it is far above `absolute`, one annotator always says more.
        difference: mean of the first annotator's grams minus the second's, with the limits of agreement.
    """

    who: str
    photos: int
    only: tuple[int, ...]
    ious: NDArray[np.float64]
    iou: Measured
    same_label: Measured
    kappa: Measured
    grams: NDArray[np.float64]
    absolute: Measured
    consistent: Measured
    difference: Measured


@dataclass(frozen=True)
class ClassAgreement:
    """Agreement on one label.

    Attributes:
        n: number of pairs of masks that one or both annotators gave this label.
        iou: mean IoU of these pairs.
        same_label: how often the other annotator also gives this label; the positive agreement of Cicchetti
            and Feinstein (1990, Journal of Clinical Epidemiology 43:551).
        kappa: agreement beyond chance on whether a food has this label.
    """

    label: str
    n: int
    iou: Measured
    same_label: Measured
    kappa: Measured


@dataclass(frozen=True)
class Steering:
    """The effect of suggestions: a share of foods with suggestions shown and hidden, and the difference."""

    what: str
    shown: Measured
    hidden: Measured
    difference: Measured


@dataclass(frozen=True, eq=False)
class AgreementReport:
    """Agreement of the annotators of a project.

    Attributes:
        overall: all annotators together; the same object as the only couple if there is exactly one.
        couples: each pair of annotators who share a photo.
        classes: labels, most frequent first.
    """

    overall: Agreement
    couples: tuple[Agreement, ...]
    classes: tuple[ClassAgreement, ...]
    steering: tuple[Steering, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return the tables between annotators, by label, and with suggestions shown or hidden."""
        between = self.couples if len(self.couples) == 1 else (self.overall, *self.couples)
        return (
            Table("Between annotators", BETWEEN_COLUMNS, tuple(_cells(agreement) for agreement in between)),
            Table(
                "By name",
                ("Name", "Pairs", MASK_OVERLAP, "Same name", BEYOND_CHANCE),
                tuple((c.label, str(c.n), *_texts(c.iou, c.same_label, c.kappa)) for c in self.classes),
            ),
            _steering_table(self.steering),
        )

    def tables_of_one(self) -> tuple[Table, ...]:
        """Return the tables that need no two annotators of one photo: those with foods in them."""
        known = tuple(s for s in self.steering if s.shown.n + s.hidden.n)
        return (_steering_table(known),) if known else ()


def _steering_table(steering: Sequence[Steering]) -> Table:
    return Table(
        "With and without suggestions",
        ("Share of foods", "Shown", "Hidden", "Difference", "Foods, shown", "Foods, hidden"),
        tuple(
            (s.what, *_texts(s.shown, s.hidden, s.difference), str(s.shown.n), str(s.hidden.n))
            for s in steering
        ),
    )


MASK_OVERLAP = "Mask overlap (mean IoU)"
BEYOND_CHANCE = "Agreement beyond chance (Cohen's kappa of two, Fleiss' kappa of all)"
BETWEEN_COLUMNS = (
    "Annotators",
    "Photos",
    "Foods both have",
    "Foods only one has",
    MASK_OVERLAP,
    "Same name",
    BEYOND_CHANCE,
    "Agreement of grams (ICC 2,1 of two, ICC 1,1 of all)",
    "Agreement of grams but for a fixed gap (ICC 3,1)",
    "Difference in grams (mean difference, limits of agreement)",
)


def _cells(agreement: Agreement) -> tuple[str, ...]:
    a = agreement
    counts = str(a.photos), str(len(a.ious)), " and ".join(map(str, a.only))
    measured = _texts(a.iou, a.same_label, a.kappa, a.absolute, a.consistent)
    return (a.who, *counts, *measured, a.difference.text(0))


def _texts(*measured: Measured) -> tuple[str, ...]:
    return tuple(m.text() for m in measured)


def agreement(session: Session, project_id: int) -> AgreementReport:
    """Measure the agreement of annotators on the photos that two or more are done with.

    A review does not change the result: rejected foods are compared, foods that a reviewer merged are not.

    Raises:
        RoleError: only reviewers and admins of the project see it.
    """
    require_role(session, project_id, Role.REVIEWER)
    names = {row[0]: row[1] for row in session.execute(select(Annotator.id, Annotator.name))}
    photos = list(shared_photos(session, project_id))
    shared: dict[tuple[int, int], list[SharedPhoto]] = {}
    for photo in photos:
        for couple in combinations(photo.done, 2):
            shared.setdefault(couple, []).append(photo)
    couples = tuple(_of_couple(couple, shared[couple], names) for couple in sorted(shared))
    several = len(couples) != 1
    classes, counts = _label_counts(photos)
    labels = {label.id: label.name for label in labels_of(session, project_id)}
    return AgreementReport(
        overall=_of_all(photos, couples, counts) if several else couples[0],
        couples=couples,
        classes=_by_class(photos, [(id, labels[id]) for id in classes], counts, several),
        steering=(_agreement_steering(photos), _top_steering(session, project_id)),
    )


def _of_couple(couple: tuple[int, int], shared: Sequence[SharedPhoto], names: Mapping[int, str]) -> Agreement:
    pairs = [pair for photo in shared for pair in photo.pairs if pair.couple == couple]
    labels = _labels(pairs)
    grams = _grams((pair.first, pair.second) for pair in pairs)
    return Agreement(
        who=" and ".join(names[one] for one in couple),
        photos=len(shared),
        only=tuple(sum(photo.counts[one] for photo in shared) - len(pairs) for one in couple),
        ious=_ious(pairs),
        iou=_mean_iou(_ious(pairs)),
        same_label=_same_label(labels),
        kappa=cohen_kappa(labels[:, 0], labels[:, 1]),
        grams=grams,
        absolute=icc(grams),
        consistent=icc(grams, "3,1"),
        difference=bland_altman(grams[:, 0], grams[:, 1]),
    )


def _of_all(
    photos: Sequence[SharedPhoto], couples: Sequence[Agreement], counts: NDArray[np.int64]
) -> Agreement:
    pairs = [pair for photo in photos for pair in photo.pairs]
    weighed = [[o for o in food if o.grams is not None] for photo in photos for food in photo.foods]
    # ICC(1,1) needs the same number of ratings for every food; more than two are rare.
    grams = _grams((food[0], food[1]) for food in weighed if len(food) > 1)
    return Agreement(
        who="All",
        photos=len(photos),
        only=(sum(sum(couple.only) for couple in couples),),
        ious=_ious(pairs),
        iou=_mean_iou(_ious(pairs)),
        same_label=_same_label(_labels(pairs)),
        kappa=fleiss_kappa(counts),
        grams=grams,
        absolute=icc(grams, "1,1"),
        consistent=Measured("ICC(3,1)", None, len(grams), reason=SEVERAL),
        difference=Measured("mean difference", None, len(grams), reason=SEVERAL),
    )


def _by_class(
    photos: Sequence[SharedPhoto],
    classes: Sequence[tuple[int, str]],
    counts: NDArray[np.int64],
    several: bool,
) -> tuple[ClassAgreement, ...]:
    """Measure each label.

    Args:
        classes: id and name of the K labels.
        counts: int64 (N, K), the result of `_label_counts`.
    """
    pairs = [pair for photo in photos for pair in photo.pairs if pair.named]
    labels, ious, ratings = _labels(pairs), _ious(pairs), counts.sum(axis=1)
    found = []
    for (id, name), of_class in zip(classes, counts.T, strict=True):
        said = (labels == id).astype(np.int64)  # (P, 2)
        either = said.any(axis=1)
        if several:
            kappa = fleiss_kappa(np.stack((of_class, ratings - of_class), axis=1))
        else:
            kappa = cohen_kappa(said[:, 0], said[:, 1])
        same = share(np.array([[2 * said.all(axis=1).sum(), said.sum()]]), NO_SHARED)
        found.append(ClassAgreement(name, int(either.sum()), _mean_iou(ious[either]), same, kappa))
    return tuple(sorted(found, key=lambda of_class: (-of_class.n, of_class.label)))


def _ious(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    return np.array([pair.iou for pair in pairs], np.float64)


def _mean_iou(ious: NDArray[np.float64]) -> Measured:
    if not len(ious):
        return Measured("mean IoU", None, 0, reason=NO_SHARED)
    return Measured("mean IoU", float(ious.mean()), len(ious))


def _labels(pairs: Iterable[Pair]) -> NDArray[np.int64]:
    """Return the label ids of the pairs that both annotators named, int64 (P, 2)."""
    both = [(pair.first.label_id, pair.second.label_id) for pair in pairs if pair.named]
    return np.array(both, np.int64).reshape(-1, 2)


def _same_label(labels: NDArray[np.int64]) -> Measured:
    return share(np.array([[np.sum(labels[:, 0] == labels[:, 1]), len(labels)]]), NO_SHARED)


def _label_counts(photos: Sequence[SharedPhoto]) -> tuple[list[int], NDArray[np.int64]]:
    """Count labels of the N foods that two or more annotators named.

    Returns:
        The ids of the K labels that occur, and how many annotators gave food n the label k, int64 (N, K).
    """
    named = [[o.label_id for o in food if o.label_id is not None] for photo in photos for food in photo.foods]
    named = [labels for labels in named if len(labels) > 1]
    flat = np.array([label for labels in named for label in labels], np.int64)
    classes, codes = np.unique(flat, return_inverse=True)
    counts = np.zeros((len(named), len(classes)), np.int64)
    np.add.at(counts, (np.repeat(np.arange(len(named)), [len(labels) for labels in named]), codes), 1)
    return classes.tolist(), counts


def _grams(pairs: Iterable[tuple[Rating, Rating]]) -> NDArray[np.float64]:
    """Return the grams of the pairs that both annotators gave in grams, float64 (Q, 2)."""
    both = [(a.grams, b.grams) for a, b in pairs if a.grams is not None and b.grams is not None]
    return np.array(both, np.float64).reshape(-1, 2)


def _agreement_steering(photos: Iterable[SharedPhoto]) -> Steering:
    shares: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for photo in photos:
        labels = _labels(p for p in photo.pairs if photo.blind or (p.first.suggested and p.second.suggested))
        if len(labels):
            shares[photo.blind].append((int(np.sum(labels[:, 0] == labels[:, 1])), len(labels)))
    return _steering("both chose the same name", shares)


def _top_steering(session: Session, project_id: int) -> Steering:
    top = func.lower(Annotation.suggestions[(0, 0)].as_string())
    asked = (
        select(Item.blind, func.sum(case((func.lower(Label.name) == top, 1), else_=0)), func.count())
        .select_from(Verdict)
        .join(Item, Item.id == Verdict.item_id)
        .join(Annotation, by_annotator())
        .join(Label, Label.id == Annotation.label_id)
        .where(Verdict.project_id == project_id, Verdict.state == DONE)
        .where(Annotation.status != DELETED, top.is_not(None))
        .group_by(Item.id, Item.blind)
    )
    shares: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for blind, taken, foods in session.execute(asked):
        shares[blind].append((taken, foods))
    return _steering("name is the first suggestion", shares)


def _steering(what: str, shares: Mapping[bool, Sequence[tuple[int, int]]]) -> Steering:
    """Compare shares with suggestions shown and hidden.

    Args:
        shares: for hidden (True) and shown (False), the counts of each photo as `share` takes them.
    """
    shown, hidden = (np.array(shares[blind], np.int64).reshape(-1, 2) for blind in (False, True))
    return Steering(
        what,
        share(shown, "No such food with suggestions shown."),
        share(hidden, "No such food with suggestions hidden."),
        share_difference(shown, hidden),
    )


def draw_agreement(report: AgreementReport) -> Figure:
    """Draw masks, labels, grams and suggestions in a panel each."""
    figure, (masks, labels, grams, suggestions) = four_panels()
    masks.hist(report.overall.ious, bins=np.linspace(0, 1, 21).tolist())
    entitle(masks, "masks of the same food", "y")
    masks.set(xlabel="how far they overlap", ylabel="pairs of masks", xlim=(0, 1))
    _draw_classes(labels, report.classes[:SHOWN_CLASSES])
    _draw_grams(grams, report.couples)
    _draw_steering(suggestions, report.steering)
    return figure


def _draw_classes(axes: Axes, classes: Sequence[ClassAgreement]) -> None:
    axes.barh(range(len(classes)), [c.same_label.value or 0.0 for c in classes], height=0.7)
    name_rows(axes, [f"{c.label} ({c.n})" for c in classes])
    entitle(axes, "same name, if one chose it (pairs)", "x")
    axes.set(xlabel="share", xlim=(0, 1))


def _draw_grams(axes: Axes, couples: Sequence[Agreement]) -> None:
    """Draw the plot of Bland and Altman, with the limits of agreement if there is one pair of annotators."""
    for couple in couples:
        first, second = couple.grams.T
        axes.scatter((first + second) / 2, first - second, s=15, label=couple.who)
    if len(couples) == 1:
        found = couples[0].difference
        for value, style in ((found.low, "--"), (found.value, "-"), (found.high, "--")):
            if value is not None:
                axes.axhline(value, color="grey", linestyle=style)
    if 0 < len(couples) <= SHOWN_COUPLES:
        axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False)
    entitle(axes, "amounts", "both")
    axes.set(xlabel="mean of both, g", ylabel="first minus second, g")


def _draw_steering(axes: Axes, steering: Sequence[Steering]) -> None:
    groups = ((-0.2, "shown", [s.shown for s in steering]), (0.2, "hidden", [s.hidden for s in steering]))
    for offset, name, measured in groups:
        places = [place + offset for place in range(len(steering))]
        axes.bar(places, [m.value or 0.0 for m in measured], 0.36, label=f"suggestions {name}")
        for place, m in zip(places, measured, strict=True):
            axes.text(place, (m.value or 0.0) + 0.02, f"n = {m.n}", ha="center", fontsize=8)
    axes.set_xticks(range(len(steering)), [s.what for s in steering])
    entitle(axes, "with and without suggestions", "y")
    axes.set(ylabel="share of foods", ylim=(0, 1.15))
    axes.legend(fontsize=8, loc="upper right", frameon=False)
