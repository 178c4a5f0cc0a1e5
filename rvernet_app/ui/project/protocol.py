"""Requests and replies about projects: queue, annotations, label sets, review, reports, training."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import Field

from rvernet_app.errors import PromptError
from rvernet_app.store.annotations import Draft, Portion
from rvernet_app.store.database import is_text
from rvernet_app.ui.requests import Name, Number, Reply, Request, Text, WholeNumber
from rvernet_app.ui.visitor.protocol import PhotoReply

MAX_SUGGESTIONS = 20
MAX_PROMPTS = 64 * 1024
"""Characters of JSON."""
MAX_STEP = 64

Id = WholeNumber


class Signed(Request):
    """A request that saves something: "me" is who opened the page, if the page knows."""

    me: Text | None = None


class OfProject(Request):
    """A request about a project."""

    project: Id


class CreateProject(Request):
    """Make a project; its label set is the text of a file, or the default one."""

    name: Text
    label_set: Text | None = None
    new_labels: bool | None = None
    double_share: Number | None = None
    blind_share: Number | None = None


class OpenItem(OfProject):
    """Open a photo of a queue.

    "item" asks for one by its id, "after" and "order" for the next to label, "position" and "step" for the one before
    (-1) or behind (1).
    """

    item: Id | None = None
    after: WholeNumber | None = None
    order: Text | None = None
    position: WholeNumber | None = None
    step: Literal[-1, 1] | None = None


class ListItems(OfProject):
    """List a page of a queue, behind the position "after"."""

    after: WholeNumber | None = None
    state: Text | None = None
    label: Id | None = None
    by: Text | None = None
    uncertain: Number | None = None


class PortionRequest(Request):
    """How much of a food there is, and how that is known."""

    amount: Number
    unit: Text
    method: Text
    low: Number | None = None
    high: Number | None = None

    def portion(self) -> Portion:
        """Return the portion.

        Raises:
            StoreError: it contradicts itself.
        """
        return Portion(self.amount, self.unit, self.method, self.low, self.high)


class SaveFood(Signed):
    """Save a food of a photo: a new one, or with "id" and "revision" a changed one.

    "step" is the same in all requests that one action of the person made.
    """

    item: Id
    id: Id | None = None
    revision: WholeNumber | None = None
    step: Annotated[Text, Field(max_length=MAX_STEP)] | None = None
    rle: dict[str, Any]
    label: Id | None = None
    prompts: dict[str, Any] | None = None
    segmenter: Name | None = None
    checkpoint: Name | None = None
    suggestions: list[Annotated[list[Any], Len(2, 2)]] | None = None
    taken: bool | None = None
    portion: PortionRequest | None = None
    note: Text | None = None

    def draft(self) -> Draft:
        """Return the food as the store takes it.

        Raises:
            PromptError: prompts or suggestions cannot be kept.
            StoreError: the portion contradicts itself.
        """
        suggestions = self.suggestions
        return Draft(
            rle=self.rle,  # type: ignore[arg-type]  # the store checks it against the photo
            label_id=self.label,
            prompts=_keepable(self.prompts or {}),
            segmenter=self.segmenter or None,
            checkpoint=self.checkpoint or None,
            suggestions=None
            if suggestions is None
            else [_suggestion(s) for s in suggestions[:MAX_SUGGESTIONS]],
            suggestion_taken=self.taken,
            portion=self.portion.portion() if self.portion else None,
            note=self.note or "",
        )


class DeleteFood(Signed):
    """Delete a food of a photo; "step" as in `SaveFood`."""

    item: Id
    id: Id
    revision: WholeNumber
    step: Annotated[Text, Field(max_length=MAX_STEP)] | None = None


class TakeBack(Signed):
    """Undo or redo one step of the visitor's on a photo."""

    item: Id


class GiveVerdict(Signed):
    """Say how far one is with a photo; "seconds" were spent on it since the last verdict."""

    project: Id
    item: Id
    state: Text
    reason: Text | None = None
    seconds: Number | None = None


class LinkBefore(OfProject):
    """Say whether a photo shows the leftovers of the one before it."""

    item: Id
    linked: bool | None = None


class SetMeal(Request):
    """Name the meal that a photo is of; an empty name is none."""

    item: Id
    meal: Text | None = None


class ShowHistory(Request):
    """List the visitor's changes on a photo, or with "all" everybody's."""

    item: Id
    all: bool | None = None


class AddPhoto(OfProject):
    """Take an uploaded photo into a queue."""

    path: Any = None
    name: Text
    meal: Text | None = None


class ListFolder(Request):
    """List the photos in a folder of the server."""

    folder: Text


class AddFromFolder(OfProject):
    """Take a photo of a folder of the server into a queue."""

    folder: Text
    name: Text
    meal: Text | None = None


class ExportProject(OfProject):
    """Export the finished photos of a project."""

    format: Text


class AddLabel(OfProject):
    """Add a label of which only the name is known."""

    name: Text


class PutLabel(OfProject):
    """Add a label, or with "id" change one; synonyms have semicolons between them."""

    id: Id | None = None
    name: Text
    synonyms: Text | None = None
    parent: Text | None = None
    colour: Text | None = None
    code: Text | None = None


class TakeLabelSet(OfProject):
    """Add the labels of a file to a project's label set."""

    text: Text


class OpenReview(OfProject):
    """Open a photo to review: "item" by its id, else the next behind "after" with "least" annotators or more."""

    item: Id | None = None
    after: WholeNumber | None = None
    least: WholeNumber | None = None


class Decide(Request):
    """Accept or reject a food."""

    item: Id
    id: Id
    revision: WholeNumber


class MergedFood(Request):
    """A food to merge, by its id and revision."""

    id: Id
    revision: WholeNumber


class Merge(Request):
    """Merge what annotators have of one food."""

    item: Id
    foods: list[MergedFood]
    how: Text
    label: Id | None = None
    portion: PortionRequest | None = None


class Comment(Request):
    """Remark something on a photo."""

    item: Id
    words: Text


class ShowReport(OfProject):
    """Ask for a report of a project."""

    of: Literal["dashboard", "agreement"]


class StartTraining(OfProject):
    """Train on a project."""

    epochs: WholeNumber | None = None


class ProjectReply(Reply):
    """A project in the list, and how far the visitor is with it."""

    id: int
    name: str
    progress: dict[str, int]


class Projects(Reply):
    """Who the visitor is, every project, and the units and methods of portions."""

    me: str
    projects: list[ProjectReply]
    units: list[str]
    methods: list[str]


class Created(Reply):
    """The id of a new project."""

    id: int


class LabelReply(Reply):
    """A label of a project's label set."""

    id: int
    name: str
    synonyms: list[str]
    parent: int | None
    colour: str | None
    code: str | None


class OpenedProject(Reply):
    """A project with its label set, the visitor's progress, and the names of its annotators."""

    id: int
    name: str
    new_labels: bool
    labels: list[LabelReply]
    progress: dict[str, int]
    annotators: list[str]


class PortionReply(Reply):
    """How much of a food there is, and how that is known."""

    amount: float
    unit: str
    method: str
    low: float | None
    high: float | None


class CommentReply(Reply):
    """A remark on a photo."""

    who: str
    words: str
    at: str


class FoodReply(Reply):
    """A food of the visitor's on a photo."""

    id: int
    revision: int
    status: str
    label: int | None
    rle: dict[str, Any]
    polygons: list[list[int]]
    bbox: list[int]
    prompts: dict[str, Any]
    segmenter: str | None
    checkpoint: str | None
    suggestions: list[Any] | None
    taken: bool | None
    portion: PortionReply | None
    note: str


class ItemReply(Reply):
    """A photo of a queue with the visitor's foods; "item" is null if there is no such photo.

    If its file is missing or damaged, "error" says so and the photo is not there. Comments come once the visitor is
    done with it.
    """

    item: int | None
    position: int | None = None
    error: str | None = None
    blind: bool | None = None
    state: str | None = None
    full: bool | None = None
    before: int | None = None
    meal: str | None = None
    photo: PhotoReply | None = None
    foods: list[FoodReply] | None = None
    comments: list[CommentReply] | None = None
    progress: dict[str, int] | None = None


class ListedItem(Reply):
    """A photo in the list of a queue."""

    item: int
    position: int
    name: str
    state: str
    meal: str | None
    full: bool
    foods: int
    thumb: str | None


class Listed(Reply):
    """A page of a queue."""

    items: list[ListedItem]


class SavedReply(Reply):
    """The id and the revision of a food, once they are committed."""

    id: int
    revision: int


class TakenBack(Reply):
    """Whether a step was taken back, and the visitor's foods as they are then."""

    undone: bool
    foods: list[FoodReply]


class VerdictReply(Reply):
    """The visitor's progress, once the verdict is committed."""

    progress: dict[str, int]


class Linked(Reply):
    """The photo whose leftovers a photo shows."""

    before: int | None


class MealReply(Reply):
    """The meal that a photo is of."""

    meal: str | None


class EventReply(Reply):
    """One change on a photo."""

    at: str
    who: str | None
    subject: str
    id: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class History(Reply):
    """Changes on a photo, newest first."""

    events: list[EventReply]


class AddedReply(Reply):
    """What became of a file."""

    name: str
    item_id: int | None
    was_there: bool
    problem: str | None


class FolderReply(Reply):
    """Names of the photos in a folder."""

    names: list[str]


class Exported(Reply):
    """Address and name of an export, what is in it, and what was left out and why."""

    url: str
    name: str
    photos: int
    foods: int
    left_out: dict[str, int]


class AddedLabel(Reply):
    """A new label."""

    label: LabelReply


class PutLabelReply(Reply):
    """The id of the label, and the label set as it is now."""

    id: int
    labels: list[LabelReply]


class TakenLabelSet(Reply):
    """How many labels are new and changed, and the label set as it is now."""

    new: int
    changed: int
    labels: list[LabelReply]


class LabelSetFile(Reply):
    """A label set as a CSV file."""

    csv: str
    name: str


class ReviewedFood(Reply):
    """What one annotator has of a food."""

    id: int
    revision: int
    status: str
    label: int | None
    polygons: list[list[int]]
    portion: PortionReply | None
    note: str


class ComparedFood(Reply):
    """A food as each annotator has it, in the annotators' order; null where one does not have it."""

    foods: list[ReviewedFood | None]
    iou: float | None
    same_label: bool | None


class Review(Reply):
    """A photo with everybody's foods side by side; "item" is null if no photo waits for the visitor."""

    item: int | None = None
    position: int | None = None
    photo: PhotoReply | None = None
    annotators: list[str] | None = None
    compared: list[ComparedFood] | None = None
    merged: list[ReviewedFood] | None = None
    comments: list[CommentReply] | None = None


class TableReply(Reply):
    """A table of a report."""

    title: str
    columns: list[Any]
    rows: list[Any]


class Report(Reply):
    """A report: tables, and a figure as a data URL."""

    tables: list[TableReply]
    figure: str


class Ranked(Reply):
    """How many photos of a queue are not looked over yet."""

    left: int
    total: int


class CopyState(Reply):
    """Why the last push to the copy on the Hub failed; null if it did not."""

    problem: str | None


class TrainingState(Reply):
    """How far the training is.

    While it runs "share" says how much is done, in [0, 1]. If it failed, "said" is why. If it is done, "comparison" says
    what it is worth, and "in_use" whether the app uses its checkpoint.
    """

    state: Literal["none", "running", "stopped", "failed", "done"]
    project: str | None = None
    share: float | None = None
    said: str | None = None
    comparison: dict[str, Any] | None = None
    in_use: bool | None = None


class Engine(Reply):
    """What the page says of the engine."""

    facts: dict[str, Any]


def _keepable(prompts: dict[str, Any]) -> dict[str, Any]:
    """Return what made a mask, once it is known that any database keeps it."""
    try:
        written = json.dumps(prompts, allow_nan=False, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise PromptError("The prompts of this food cannot be kept; click it again.") from error
    if len(written) > MAX_PROMPTS or "\\u0000" in written or not is_text(written):
        raise PromptError("The prompts of this food cannot be kept; click it again.")
    return prompts


class _Suggestion(Request):
    label: Text
    probability: Number


def _suggestion(pair: list[Any]) -> tuple[str, float]:
    checked = _Suggestion.read({"label": pair[0], "probability": pair[1]})
    return checked.label, checked.probability
