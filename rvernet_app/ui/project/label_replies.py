"""Replies about label sets."""

from __future__ import annotations

from rvernet_app.ui.requests import Reply


class LabelReply(Reply):
    """A label of a project's label set."""

    id: int
    name: str
    synonyms: list[str]
    parent: int | None
    colour: str | None
    code: str | None
    unit: str | None


class RemovedLabel(Reply):
    """A label that was deleted, or merged into the label "into"."""

    id: int
    name: str
    into: int | None


class LabelSetReply(Reply):
    """A label set as it is at a version: its labels, and those that were removed from it."""

    version: int
    labels: list[LabelReply]
    removed: list[RemovedLabel]


class AddedLabel(Reply):
    """A new label, and the version of the label set that it is in."""

    label: LabelReply
    version: int


class PutLabelReply(Reply):
    """The id of the label, and the label set as it is now."""

    id: int
    label_set: LabelSetReply


class RemovedLabelReply(Reply):
    """The number of foods that got another label or lost their name, and the label set as it is now."""

    foods: int
    label_set: LabelSetReply


class TakenLabelSet(Reply):
    """How many labels are new and changed, and the label set as it is now.

    "note" is a sentence about how the file was read, if there is something to say.
    """

    new: int
    changed: int
    label_set: LabelSetReply
    note: str | None


class FoundLabel(Reply):
    """A label that matches what is typed, through which synonym, and how."""

    label: int
    through: str | None
    kind: str


class FoundLabels(Reply):
    """The labels that match, best first, and the version of the label set."""

    version: int
    found: list[FoundLabel]


class FoodCounts(Reply):
    """Pairs of a label's id and the number of foods that have it, for labels that foods have."""

    counts: list[tuple[int, int]]


class LabelSetFile(Reply):
    """A label set as a CSV file."""

    csv: str
    name: str
