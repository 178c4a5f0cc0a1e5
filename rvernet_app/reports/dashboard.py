"""Progress of a project: photos, foods, time and suggestions, counted by the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sqlalchemy import ColumnElement, Subquery, case, exists, func, or_, select
from sqlalchemy.orm import Session

from rvernet_app.reports.figures import entitle, four_panels, name_rows
from rvernet_app.reports.tables import Table
from rvernet_app.store.annotations import by_annotator
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.listing import count_states
from rvernet_app.store.roles import STRANGER, Role, actor_of, own_id, require_role
from rvernet_app.store.sight import visible
from rvernet_app.store.tables import (
    ACCEPTED,
    DELETED,
    DONE,
    REJECTED,
    STATES,
    Annotation,
    Annotator,
    Item,
    Verdict,
)

UNNAMED = "no name yet"
SHOWN_CLASSES = 30
"""Number of labels in the figure."""
EVERYONE = 0
"""Stands for all annotators where an id is expected; no id is 0."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of some durations, in seconds, each duration rounded to a tenth.

    A quantile between two durations is interpolated linearly.

    Attributes:
        n: number of durations.
        low, high: lower and upper quartile.
    """

    n: int
    low: float
    median: float
    high: float

    def text(self) -> str:
        """Return the median and the quartiles, ready to show."""
        return f"{self.median:.0f} s ({self.low:.0f} to {self.high:.0f})"


@dataclass(frozen=True)
class Tally:
    """Numbers of foods. Deleted foods do not count.

    Attributes:
        standing: foods that are not rejected. On a photo with two annotators both versions of a food count
            until one is rejected.
        offered: foods whose annotator saw suggestions.
        taken: offered foods whose label is one of the suggestions.
    """

    standing: int = 0
    accepted: int = 0
    rejected: int = 0
    offered: int = 0
    taken: int = 0

    @property
    def taken_share(self) -> float | None:
        """Share of offered foods whose suggestion was taken; None if nothing was offered."""
        return self.taken / self.offered if self.offered else None

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.standing + other.standing,
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            self.offered + other.offered,
            self.taken + other.taken,
        )


@dataclass(frozen=True)
class AnnotatorReport:
    """The work of one annotator.

    Attributes:
        states: number of photos in each of STATES.
        photo_seconds, food_seconds: duration for a finished photo, and for each of its foods; None if no
            duration is known.
    """

    name: str
    foods: Tally
    states: Mapping[str, int]
    photo_seconds: Spread | None
    food_seconds: Spread | None


@dataclass(frozen=True)
class DashboardReport:
    """Progress of a project.

    Attributes:
        photos: number of photos by state, as `count_states` returns it.
        double: number of photos that two or more annotators are done with.
        labels: foods by label, most frequent first; labels without foods keep the order of the label set.
        annotators: sorted by name.
    """

    photos: Mapping[str, int]
    double: int
    foods: Tally
    photo_seconds: Spread | None
    food_seconds: Spread | None
    labels: tuple[tuple[str, Tally], ...]
    annotators: tuple[AnnotatorReport, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return the tables of photos, labels with foods, and annotators."""
        photos = (*self.photos.items(), ("done by two or more", self.double))
        used = tuple((name, tally) for name, tally in self.labels if tally.standing + tally.rejected)
        foods = (*used, ("all", self.foods))
        states = tuple(f"{state.capitalize()} photos" for state in STATES)
        times = ("Time per photo (quartiles)", "Time per food (quartiles)")
        return (
            Table("Photos", ("State", "Photos"), tuple((state, str(n)) for state, n in photos)),
            Table(
                "Foods", ("Name", *FOOD_COLUMNS), tuple((name, *_food_cells(tally)) for name, tally in foods)
            ),
            Table(
                "Annotators",
                ("Annotator", *states, *FOOD_COLUMNS, *times),
                tuple(_annotator_cells(annotator) for annotator in self.annotators),
            ),
        )


FOOD_COLUMNS = ("Foods", "Accepted", "Rejected", "Suggestions taken")


def _annotator_cells(annotator: AnnotatorReport) -> tuple[str, ...]:
    states = tuple(str(annotator.states[state]) for state in STATES)
    times = (_text(annotator.photo_seconds), _text(annotator.food_seconds))
    return (annotator.name, *states, *_food_cells(annotator.foods), *times)


def _food_cells(tally: Tally) -> tuple[str, ...]:
    share = tally.taken_share
    taken = "" if share is None else f"{share:.0%} of {tally.offered}"
    return str(tally.standing), str(tally.accepted), str(tally.rejected), taken


def _text(spread: Spread | None) -> str:
    return "" if spread is None else spread.text()


def dashboard(session: Session, project_id: int) -> DashboardReport:
    """Count the progress of a project.

    Foods that the session's actor must not know of yet, see `rvernet_app.store.sight`, are not counted.

    Raises:
        RoleError: only reviewers and admins of the project see it.
    """
    require_role(session, project_id, Role.REVIEWER)
    photos, double = count_states(session, project_id)
    by_label, by_annotator_id = _tallies(session, project_id)
    states = _states(session, project_id)
    of_photo, of_food = (_quartiles(session, values) for values in _seconds(project_id))
    labels = [(label.name, by_label.get(label.id, Tally())) for label in labels_of(session, project_id)]
    if None in by_label:
        labels.append((UNNAMED, by_label[None]))
    ids = states.keys() | by_annotator_id.keys()
    people = session.execute(select(Annotator.id, Annotator.name).where(Annotator.id.in_(ids)))
    return DashboardReport(
        photos=photos,
        double=double,
        foods=sum(by_label.values(), Tally()),
        photo_seconds=of_photo.get(EVERYONE),
        food_seconds=of_food.get(EVERYONE),
        labels=tuple(sorted(labels, key=lambda row: -row[1].standing)),
        annotators=tuple(
            AnnotatorReport(
                name,
                by_annotator_id.get(id, Tally()),
                dict.fromkeys(STATES, 0) | states.get(id, {}),
                of_photo.get(id),
                of_food.get(id),
            )
            for id, name in sorted(people, key=lambda row: row[1])
        ),
    )


def _known(session: Session) -> list[ColumnElement[bool]]:
    """Return the conditions on the foods that a session's actor may know of."""
    if actor_of(session) is None:
        return []
    mine = own_id(session) or STRANGER
    seen = exists().where(Item.id == Annotation.item_id, visible(mine))
    return [or_(Annotation.annotator_id == mine, seen)]


def _tallies(session: Session, project_id: int) -> tuple[dict[int | None, Tally], dict[int, Tally]]:
    """Count the foods by label id, where None is unnamed, and by annotator id."""
    asked = (
        select(
            Annotation.label_id,
            Annotation.annotator_id,
            Annotation.status,
            func.count(),
            func.count(Annotation.suggestion_taken),
            func.sum(case((Annotation.suggestion_taken.is_(True), 1), else_=0)),
        )
        .where(Annotation.project_id == project_id, Annotation.status != DELETED, *_known(session))
        .group_by(Annotation.label_id, Annotation.annotator_id, Annotation.status)
    )
    by_label: dict[int | None, Tally] = {}
    by_annotator_id: dict[int, Tally] = {}
    for label_id, annotator_id, status, n, offered, taken in session.execute(asked):
        accepted, rejected = (n if status == other else 0 for other in (ACCEPTED, REJECTED))
        tally = Tally(n - rejected, accepted, rejected, offered, taken)
        by_label[label_id] = by_label.get(label_id, Tally()) + tally
        by_annotator_id[annotator_id] = by_annotator_id.get(annotator_id, Tally()) + tally
    return by_label, by_annotator_id


def _states(session: Session, project_id: int) -> dict[int, dict[str, int]]:
    """Count the photos in each state, by annotator id."""
    asked = (
        select(Verdict.annotator_id, Verdict.state, func.count())
        .where(Verdict.project_id == project_id)
        .group_by(Verdict.annotator_id, Verdict.state)
    )
    found: dict[int, dict[str, int]] = {}
    for annotator_id, state, n in session.execute(asked):
        found.setdefault(annotator_id, {})[state] = n
    return found


def _seconds(project_id: int) -> tuple[Subquery, Subquery]:
    """Select the durations of photos, and of foods, in tenths of a second with the annotator's id.

    Only photos that an annotator finished in a known time count. All foods of a photo take the same time.
    """
    how_many = select(func.count()).where(by_annotator(), Annotation.status != DELETED).correlate(Verdict)
    done = (
        select(Verdict.annotator_id, Verdict.seconds, how_many.scalar_subquery().label("foods"))
        .where(Verdict.project_id == project_id, Verdict.state == DONE, Verdict.seconds > 0)
        .subquery()
    )
    of_photo = select(done.c.annotator_id, func.round(done.c.seconds * 10).label("tenths"))
    of_food = select(done.c.annotator_id, func.round(done.c.seconds * 10 / done.c.foods).label("tenths"))
    return of_photo.subquery(), of_food.where(done.c.foods > 0).subquery()


def _quartiles(session: Session, times: Subquery) -> dict[int, Spread]:
    """Return the spread of durations from `_seconds`, by annotator id and for EVERYONE."""
    asked = select(times.c.annotator_id, times.c.tenths, func.count()).group_by(
        times.c.annotator_id, times.c.tenths
    )
    counts: dict[int, Counter[float]] = {}
    for annotator_id, tenths, n in session.execute(asked):
        for who in (annotator_id, EVERYONE):
            counts.setdefault(who, Counter())[tenths / 10] += n
    return {who: _spread(of_who) for who, of_who in counts.items()}


def _spread(counts: Counter[float]) -> Spread:
    """Return the spread of durations, from the number of times that each occurs."""
    seconds = np.array(sorted(counts))
    below = np.cumsum([counts[value] for value in seconds])
    last = int(below[-1]) - 1
    places = last * np.array((0.25, 0.5, 0.75))
    low, high = (
        seconds[np.searchsorted(below, place, side="right")] for place in (np.floor(places), np.ceil(places))
    )
    return Spread(last + 1, *(low + (high - low) * (places % 1)).tolist())


def draw_dashboard(report: DashboardReport) -> Figure:
    """Draw photos by state, foods by label, suggestions taken and seconds by annotator in a panel each."""
    figure, (photos, labels, taken, seconds) = four_panels()
    photos.bar(list(report.photos), list(report.photos.values()), 0.6)
    entitle(photos, "photos", "y")
    photos.yaxis.set_major_locator(MaxNLocator(integer=True))
    _draw_labels(labels, [(name, tally) for name, tally in report.labels if tally.standing][:SHOWN_CLASSES])
    taken.barh(
        range(len(report.annotators)), [a.foods.taken_share or 0.0 for a in report.annotators], height=0.5
    )
    name_rows(taken, [a.name for a in report.annotators])
    entitle(taken, "suggestions taken", "x")
    taken.set(xlabel="share of foods with suggestions", xlim=(0, 1))
    _draw_seconds(seconds, report.annotators)
    return figure


def _draw_labels(axes: Axes, labels: Sequence[tuple[str, Tally]]) -> None:
    axes.barh(range(len(labels)), [tally.standing for _, tally in labels], height=0.7)
    name_rows(axes, [name for name, _ in labels])
    entitle(axes, "foods by name", "x")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_seconds(axes: Axes, annotators: Sequence[AnnotatorReport]) -> None:
    """Draw medians, with the quartiles as whiskers."""
    of_photo, of_food = [a.photo_seconds for a in annotators], [a.food_seconds for a in annotators]
    for offset, what, spreads in ((-0.12, "photo", of_photo), (0.12, "food", of_food)):
        known = {i: spread for i, spread in enumerate(spreads) if spread is not None}
        medians = [spread.median for spread in known.values()]
        whiskers = (
            [spread.median - spread.low for spread in known.values()],
            [spread.high - spread.median for spread in known.values()],
        )
        rows = [i + offset for i in known]
        axes.errorbar(medians, rows, xerr=whiskers, fmt="o", capsize=3, label=f"per {what}")
    name_rows(axes, [a.name for a in annotators])
    entitle(axes, "typical time (median and quartiles)", "x")
    axes.set_xlabel("seconds")
    axes.set_xlim(left=0)
    axes.legend(fontsize=8, loc="lower right", frameon=False)
