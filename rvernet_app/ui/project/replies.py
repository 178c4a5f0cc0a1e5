"""Replies about projects: queue, annotations, review, reports, training."""

from __future__ import annotations

from typing import Any, Literal

from rvernet_app.ui.hiding import Told
from rvernet_app.ui.project.label_replies import LabelSetReply
from rvernet_app.ui.requests import Reply
from rvernet_app.ui.visitor.replies import MaskReply, PhotoReply


class ProjectReply(Reply):
    """A project in the list, and how far the visitor is with it."""

    id: int
    name: str
    progress: dict[str, int]


class LimitsReply(Reply):
    """The largest amounts of a unit that the page takes without a question, and that are saved."""

    usual: float
    most: float


class Projects(Reply):
    """Who the visitor is, their projects, and the units, methods and limits of portions.

    "alone" says that nobody logs in here, "may_create" that the visitor may make projects.
    """

    me: str
    alone: bool
    may_create: bool
    projects: list[ProjectReply]
    units: list[str]
    methods: list[str]
    limits: dict[str, LimitsReply]


class Created(Reply):
    """The id of a new project."""

    id: int


class ProjectSettings(Reply):
    """What can be changed of a project; shares are in [0, 1]."""

    name: str
    new_labels: bool
    double_share: float
    blind_share: float
    self_review: bool


class OpenedProject(ProjectSettings):
    """A project with the visitor's role, its label set, the visitor's progress, and the names of its people.

    To an annotator "annotators" holds their own name only.
    """

    id: int
    role: str
    admins: list[str]
    label_set: LabelSetReply
    progress: dict[str, int]
    annotators: list[str]


class PersonReply(Reply):
    """What somebody may do in a project, and has done: numbers of photos and of foods.

    "role" is null for somebody who is no member any more.
    """

    name: str
    role: str | None
    begun: int
    done: int
    foods: int


class PeopleReply(Reply):
    """Who works on a project."""

    people: list[PersonReply]


class LossReply(Reply):
    """What a deletion takes away: numbers of photos and comments, and of foods by their annotators."""

    photos: int
    foods: dict[str, int]
    people: list[str]
    comments: int


class DeletedPhotos(Reply):
    """The visitor's progress, once photos are deleted."""

    progress: dict[str, int]


class Blurred(Reply):
    """How many other projects have a photo as it was before it was blurred."""

    elsewhere: int


class Faces(Reply):
    """Boxes around faces: left, top, right, bottom in pixels; "can" tells whether faces can be looked for."""

    boxes: list[list[int]]
    can: bool


class Refused(Reply):
    """A photo that could not have a verdict, and why."""

    item: int
    name: str
    why: Told


class Judged(Reply):
    """The visitor's progress, and the photos that could not have the verdict."""

    progress: dict[str, int]
    refused: list[Refused]


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

    Of a photo of leftovers "before" is the served photo and "served" its position.

    If its file is missing or damaged, "error" says so and the photo is not there. Comments come once the
    visitor is done with it.
    """

    item: int | None
    position: int | None = None
    error: Told | None = None
    blind: bool | None = None
    state: str | None = None
    full: bool | None = None
    before: int | None = None
    served: int | None = None
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


class Found(Reply):
    """The ids of the photos that a filter leaves, in the queue's order."""

    items: list[int]


class SavedReply(Reply):
    """The id and the revision of a food, once they are committed.

    "label" is the one that the food has, which is another than was sent if that was removed meanwhile.
    "labels_version" is that of the label set.
    """

    id: int
    revision: int
    label: int | None
    labels_version: int


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


class FoodAgain(Reply):
    """A food of the served photo that was found again: its label, its mask now, a click [x, y, 1] on it."""

    label: int | None
    mask: MaskReply
    point: list[int]


class FoundAgain(Reply):
    """The foods of the served photo that were found again, and the names of those that were not."""

    served: int
    foods: list[FoodAgain]
    lost: list[str]


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
    problem: Told | None


class ArchiveReply(Reply):
    """A token for a ZIP, the names of the photos in it and of the files that are none, and the number of
    copies that other programs keep, see `rvernet_app.stray`.
    """

    token: str
    names: list[str]
    others: list[str]
    stray: int


class LeftOut(Reply):
    """A part of a source that an import leaves out, and why."""

    what: Told
    why: Told


class Imported(Reply):
    """What an import did, or would do: numbers of photos and foods, new labels, and what is left out."""

    photos: int
    known_photos: int
    foods: int
    labels: list[str]
    left_out: list[LeftOut]


class FolderReply(Reply):
    """Names of the photos in a folder, and the number of copies that other programs keep there.

    "more" says that the folder holds more than were listed.
    """

    names: list[str]
    stray: int
    more: bool


class Exported(Reply):
    """Address and name of an export, what is in it, and what was left out and why."""

    url: str
    name: str
    photos: int
    foods: int
    left_out: dict[str, int]


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
    """A report: tables, a figure as a data URL if there is one, and a sentence to read first."""

    tables: list[TableReply]
    figure: str | None
    note: Told | None = None


class Ranked(Reply):
    """How many photos of a queue are not looked over yet."""

    left: int
    total: int


class CopyState(Reply):
    """Why the last push to the copy on the Hub failed; null if it did not."""

    problem: Told | None


class TrainingState(Reply):
    """How far the training is.

    While it runs "share" says how much is done, in [0, 1]. If it failed, "said" is why. If it is done,
    "comparison" says what it is worth, and "in_use" whether the app uses its checkpoint.
    """

    state: Literal["none", "running", "stopped", "failed", "done"]
    project: str | None = None
    share: float | None = None
    said: Told | None = None
    comparison: dict[str, Any] | None = None
    in_use: bool | None = None


class Engine(Reply):
    """What the page says of the engine."""

    facts: dict[str, Any]
