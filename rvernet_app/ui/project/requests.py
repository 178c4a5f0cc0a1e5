"""Requests about projects: queue, annotations, label sets, review, reports, training."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import Field

from rvernet_app.errors import PromptError
from rvernet_app.reading import is_text
from rvernet_app.store.annotations import MAX_STEP, Draft, Portion
from rvernet_app.ui.requests import Name, Number, Request, Signed, Text, WholeNumber

MAX_SUGGESTIONS = 20
MAX_FOUND = 200
"""Labels that one search may ask for."""
MAX_ITEMS = 10_000
"""Photos in one request."""
MAX_PROMPTS = 64 * 1024
"""Characters of JSON."""

Id = WholeNumber


class OfProject(Request):
    """A request about a project."""

    project: Id


class CreateProject(Request):
    """Make a project; its label set is a file as base64, or the default one."""

    name: Text
    label_set: Text | None = None
    new_labels: bool | None = None
    double_share: Number | None = None
    blind_share: Number | None = None
    self_review: bool | None = None


class ChangeProject(OfProject):
    """Change a project's name and settings."""

    name: Text
    new_labels: bool
    double_share: Number
    blind_share: Number
    self_review: bool | None = None


class SetMember(OfProject):
    """Make somebody a member of a project, or give a member another role."""

    name: Name
    role: Text


class RemoveMember(OfProject):
    """Take somebody out of a project."""

    name: Name


class DeleteProject(OfProject):
    """Delete a project; "name" is its name, typed once more."""

    name: Text


MAX_BOXES = 200
Items = Annotated[list[Id], Len(1, MAX_ITEMS)]


class SomePhotos(OfProject):
    """A request about photos of a queue; about all of them where "items" is missing."""

    items: Items | None = None


class DeletePhotos(OfProject):
    """Delete photos."""

    items: Items


class BlurPhoto(OfProject):
    """Blur boxes of a photo: left, top, right, bottom in pixels."""

    item: Id
    boxes: Annotated[list[Annotated[list[WholeNumber], Len(4, 4)]], Len(1, MAX_BOXES)]


class FindFaces(OfProject):
    """Look for faces on a photo."""

    item: Id


class JudgePhotos(OfProject):
    """Give photos a verdict; "open" takes it back."""

    items: Items
    state: Literal["open", "unusable", "skipped"]
    reason: Text | None = None


class OpenItem(OfProject):
    """Open a photo of a queue.

    "item" asks for one by its id, "after" and "order" for the next to label, "position" and "step" for the
    one before (-1) or behind (1).
    """

    item: Id | None = None
    after: WholeNumber | None = None
    order: Text | None = None
    position: WholeNumber | None = None
    step: Literal[-1, 1] | None = None


class FindItems(OfProject):
    """Find the photos of a queue that a filter leaves."""

    state: Text | None = None
    label: Id | None = None
    by: Text | None = None
    uncertain: Number | None = None
    search: Name | None = None


class ListItems(FindItems):
    """List a page of a queue, behind the position "after"."""

    after: WholeNumber | None = None


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
    """Undo or redo one step of the visitor's on a photo.

    "step" names the undo, so that asking again after a lost answer takes nothing more back.
    """

    item: Id
    step: Annotated[Text, Field(max_length=MAX_STEP)] | None = None


class GiveVerdict(Signed):
    """Say how far one is with a photo; "seconds" were spent on it since the last verdict."""

    project: Id
    item: Id
    state: Text
    reason: Text | None = None
    seconds: Number | None = None


class LinkBefore(OfProject):
    """Say whether a photo shows leftovers: of the one at the position "served", or of the one before it."""

    item: Id
    linked: bool | None = None
    served: WholeNumber | None = None


class FindAgain(OfProject):
    """Look for the foods of the served photo in a photo of leftovers."""

    item: Id


class SetMeal(Request):
    """Name the meal that a photo is of; an empty name is none."""

    item: Id
    meal: Text | None = None


class ShowHistory(Request):
    """List the visitor's changes on a photo, or with "all" everybody's."""

    item: Id
    all: bool | None = None


class AddPhoto(OfProject):
    """Take a photo into a queue: an upload by its path, or an opened photo by its id."""

    photo: Text | None = None
    path: Any = None
    name: Text
    meal: Text | None = None


class ListArchive(Request):
    """List the files in an uploaded ZIP; "parts" are its uploaded parts, in order."""

    parts: list[Any]
    name: Text


class AddFromArchive(OfProject):
    """Take a photo of a ZIP, by the token that `list_archive` gave, into a queue."""

    token: Text
    name: Text
    meal: Text | None = None


class ImportedFile(Request):
    """An uploaded file of an import: its path below the folder, and its uploaded parts, in order."""

    name: Text
    parts: list[Any]


class ImportFiles(OfProject):
    """Import uploaded files; without "keep" only say what would come of it."""

    format: Text
    files: Annotated[list[ImportedFile], Len(1, MAX_ITEMS)]
    keep: bool


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
    unit: Text | None = None


class SearchLabels(Request):
    """Find labels of a project by what is typed; without a project, labels of the default set."""

    project: Id | None = None
    typed: Name
    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_FOUND)] = 8


class MergeLabel(OfProject):
    """Merge a label into another one."""

    id: Id
    into: Id


class DeleteLabel(OfProject):
    """Delete a label; its foods get the label "into", or else have no name."""

    id: Id
    into: Id | None = None


class TakeLabelSet(OfProject):
    """Add the labels of a file, as base64, to a project's label set."""

    file: Text


class OpenReview(OfProject):
    """Open a photo to review: "item" by its id, else the next after "after" with "least" annotators."""

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
