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
from rvernet_app.reports.shared_photos import Opinion, Pair, SharedPhoto, shared_photos
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
from rvernet_app.store.tables import DELETED, DONE, Annotation, Annotator, Item, Label, Verdict

SHOWN_CLASSES = 20
"""Labels that the figure shows."""
SHOWN_COUPLES = 8
"""Pairs of annotators that the figure names; if there are more, it names none."""
NO_SHARED = "No food was found by both."
SEVERAL = "Several pairs of annotators; see each of them."


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far two annotators agree, or all of a project.

    Attributes:
        who: their names.
        photos: number of photos that they are done with.
        only: numbers of foods that only the first and only the second has; for all, one sum.
        ious: float64 (P,), IoUs of the P pairs of masks of one food; `iou` is their mean.
        same_label: share of pairs with the same label, among pairs that both named.
        kappa: agreement of these labels beyond chance; Cohen's for two annotators, Fleiss' for more.
        grams: float64 (Q, 2), portions of the Q pairs that both gave in grams.
        absolute: ICC(2,1) of grams, or ICC(1,1) if the raters differ between foods.
        consistent: ICC(3,1) of grams; far above `absolute` if one of the two always says more.
        difference: mean grams of the first minus the second, with the limits of agreement.
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
    """How far annotators agree on one label.

    Attributes:
        n: number of pairs of masks that at least one annotator gave this label.
        iou: mean IoU of these pairs.
        same_label: how often one says this label if the other does; the positive agreement of Cicchetti and
            Feinstein (1990, Journal of Clinical Epidemiology 43:551).
        kappa: agreement beyond chance on this label against any other.
    """

    label: str
    n: int
    iou: Measured
    same_label: Measured
    kappa: Measured


@dataclass(frozen=True)
class Steering:
    """The effect of suggestions: a share when shown, the same when hidden, and the difference."""

    what: str
    shown: Measured
    hidden: Measured
    difference: Measured


@dataclass(frozen=True, eq=False)
class AgreementReport:
    """How far the annotators of a project agree.

    Attributes:
        overall: all annotators together; if there are only two, the same as their couple.
        couples: all pairs of annotators who share a photo.
        classes: labels, most frequent first.
    """

    overall: Agreement
    couples: tuple[Agreement, ...]
    classes: tuple[ClassAgreement, ...]
    steering: tuple[Steering, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return the tables: between annotators, by label, and with and without suggestions."""
        between = self.couples if len(self.couples) == 1 else (self.overall, *self.couples)
        return (
            Table("Between annotators", BETWEEN_COLUMNS, tuple(_cells(agreement) for agreement in between)),
            Table(
                "By label",
                ("Label", "Pairs", "Mean IoU", "Same label", "Kappa, this label or not"),
                tuple((c.label, str(c.n), *_texts(c.iou, c.same_label, c.kappa)) for c in self.classes),
            ),
            Table(
                "Suggestions",
                ("Share", "Shown", "Hidden", "Shown less hidden", "Foods, shown", "Foods, hidden"),
                tuple(
                    (s.what, *_texts(s.shown, s.hidden, s.difference), str(s.shown.n), str(s.hidden.n))
                    for s in self.steering
                ),
            ),
        )


BETWEEN_COLUMNS = (
    *("Annotators", "Photos", "Foods both have", "Foods only one has", "Mean IoU", "Same label", "Kappa"),
    *("Grams, absolute", "Grams, consistent", "Grams, mean difference (limits)"),
)


def _cells(agreement: Agreement) -> tuple[str, ...]:
    a = agreement
    counts = str(a.photos), str(len(a.ious)), " and ".join(map(str, a.only))
    named = (m.text() if m.value is None else f"{m.text()}, {m.name}" for m in (a.kappa, a.absolute))
    return (a.who, *counts, *_texts(a.iou, a.same_label), *named, a.consistent.text(), a.difference.text(0))


def _texts(*measured: Measured) -> tuple[str, ...]:
    return tuple(m.text() for m in measured)


def agreement(session: Session, project_id: int) -> AgreementReport:
    """Measure how far annotators agree on the photos that two or more are done with.

    A reviewer's decisions do not matter: rejected foods are compared too, merged ones are not.
    """
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
    # ICC(1,1) needs the same number of raters for every food, so take the first two; more are rare.
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
    """Measure each class, from ids and names of the K classes and `_label_counts`, int64 (N, K)."""
    pairs = [pair for photo in photos for pair in photo.pairs if pair.named]
    labels, ious, opinions = _labels(pairs), _ious(pairs), counts.sum(axis=1)
    found = []
    for (id, name), of_class in zip(classes, counts.T, strict=True):
        said = (labels == id).astype(np.int64)  # (P, 2)
        either = said.any(axis=1)
        if several:
            kappa = fleiss_kappa(np.stack((of_class, opinions - of_class), axis=1))
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
    """Return the labels of the pairs that both named: int64 (P, 2)."""
    both = [(pair.first.label_id, pair.second.label_id) for pair in pairs if pair.named]
    return np.array(both, np.int64).reshape(-1, 2)


def _same_label(labels: NDArray[np.int64]) -> Measured:
    return share(np.array([[np.sum(labels[:, 0] == labels[:, 1]), len(labels)]]), NO_SHARED)


def _label_counts(photos: Sequence[SharedPhoto]) -> tuple[list[int], NDArray[np.int64]]:
    """The K labels that foods have which two or more named, and how many named each food so: int64 (N, K)."""
    named = [[o.label_id for o in food if o.label_id is not None] for photo in photos for food in photo.foods]
    named = [labels for labels in named if len(labels) > 1]
    flat = np.array([label for labels in named for label in labels], np.int64)
    classes, codes = np.unique(flat, return_inverse=True)
    counts = np.zeros((len(named), len(classes)), np.int64)
    np.add.at(counts, (np.repeat(np.arange(len(named)), [len(labels) for labels in named]), codes), 1)
    return classes.tolist(), counts


def _grams(pairs: Iterable[tuple[Opinion, Opinion]]) -> NDArray[np.float64]:
    """float64 (Q, 2), of the pairs that both gave in grams."""
    both = [(a.grams, b.grams) for a, b in pairs if a.grams is not None and b.grams is not None]
    return np.array(both, np.float64).reshape(-1, 2)


def _agreement_steering(photos: Iterable[SharedPhoto]) -> Steering:
    shares: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for photo in photos:
        labels = _labels(p for p in photo.pairs if photo.blind or (p.first.suggested and p.second.suggested))
        if len(labels):
            shares[photo.blind].append((int(np.sum(labels[:, 0] == labels[:, 1])), len(labels)))
    return _steering("same label by both", shares)


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
    return _steering("label is the top suggestion", shares)


def _steering(what: str, shares: Mapping[bool, Sequence[tuple[int, int]]]) -> Steering:
    """Compare shares, from (hits, total) per photo by whether suggestions were hidden."""
    shown, hidden = (np.array(shares[blind], np.int64).reshape(-1, 2) for blind in (False, True))
    return Steering(
        what,
        share(shown, "No such food where suggestions were shown."),
        share(hidden, "No such food where suggestions were hidden."),
        share_difference(shown, hidden),
    )


def draw_agreement(report: AgreementReport) -> Figure:
    """Draw masks, labels, grams and suggestions, one panel each."""
    figure, (masks, labels, grams, suggestions) = four_panels()
    masks.hist(report.overall.ious, bins=np.linspace(0, 1, 21).tolist())
    entitle(masks, "masks of the same food", "y")
    masks.set(xlabel="IoU", ylabel="pairs", xlim=(0, 1))
    _draw_classes(labels, report.classes[:SHOWN_CLASSES])
    _draw_grams(grams, report.couples)
    _draw_steering(suggestions, report.steering)
    return figure


def _draw_classes(axes: Axes, classes: Sequence[ClassAgreement]) -> None:
    axes.barh(range(len(classes)), [c.same_label.value or 0.0 for c in classes], height=0.7)
    name_rows(axes, [f"{c.label} ({c.n})" for c in classes])
    entitle(axes, "same label, where one says it (pairs)", "x")
    axes.set(xlabel="share", xlim=(0, 1))


def _draw_grams(axes: Axes, couples: Sequence[Agreement]) -> None:
    """Draw the plot of Bland and Altman, with limits of agreement for a single pair of annotators."""
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
    entitle(axes, "portions", "both")
    axes.set(xlabel="mean of the two, g", ylabel="first less second, g")


def _draw_steering(axes: Axes, steering: Sequence[Steering]) -> None:
    for offset, name in ((-0.2, "shown"), (0.2, "hidden")):
        measured: list[Measured] = [getattr(s, name) for s in steering]
        places = [place + offset for place in range(len(steering))]
        axes.bar(places, [m.value or 0.0 for m in measured], 0.36, label=f"suggestions {name}")
        for place, m in zip(places, measured, strict=True):
            axes.text(place, (m.value or 0.0) + 0.02, f"n = {m.n}", ha="center", fontsize=8)
    axes.set_xticks(range(len(steering)), [s.what for s in steering])
    entitle(axes, "how far suggestions steer", "y")
    axes.set(ylabel="share", ylim=(0, 1.15))
    axes.legend(fontsize=8, loc="upper right", frameon=False)
