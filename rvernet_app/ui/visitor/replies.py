"""Replies about a single photo, which needs no project."""

from __future__ import annotations

from typing import Any, Literal

from rvernet_app.ui.requests import Reply


class PhotoReply(Reply):
    """A photo that is open: its id, its size in pixels, and pictures of it to show."""

    id: str
    name: str
    width: int
    height: int
    url: str
    thumb: str
    sample: str | None = None


class MaskReply(Reply):
    """A mask: polygons to draw, an RLE to keep, a score in [0, 1] if a segmenter gave one, [x, y, w, h].

    A candidate also has the kind that it is of.
    """

    polygons: list[list[int]]
    rle: dict[str, Any]
    score: float | None
    bbox: tuple[int, int, int, int]
    kind: Literal["whole", "part"] | None = None


class Prepared(Reply):
    """Milliseconds by step."""

    timings: dict[str, float]


class Segmented(Reply):
    """Candidates, best first, and a token with which a next prompt refines them."""

    candidates: list[MaskReply]
    token: str | None
    timings: dict[str, float]


class EditedMask(Reply):
    """The mask after one correction by hand."""

    mask: MaskReply


class Suggestion(Reply):
    """A class with its probability, and its probability without the context around the food."""

    label: str
    probability: float
    without_context: float


class CutoutsReply(Reply):
    """Both cut-outs as data URLs."""

    roi: str
    extra_roi: str


class MapsReply(Reply):
    """Both activation maps over the photo as data URLs, and the peaks they had before scaling."""

    label: str
    method: str
    scale: str
    roi: str
    extra_roi: str
    roi_peak: float
    extra_roi_peak: float


class EvidenceReply(Reply):
    """Evidence for a mask: suggestions and cut-outs first, then the maps too."""

    seq: int
    checkpoint: str
    timings: dict[str, float]
    suggestions: list[Suggestion] | None = None
    sure: bool | None = None
    cutouts: CutoutsReply | None = None
    maps: MapsReply | None = None


class Proposals(Reply):
    """How much of the photo is searched, in [0, 1], and at the end the masks found."""

    seq: int
    share: float
    masks: list[MaskReply] | None = None


class DownloadReply(Reply):
    """Address and name of a file to download."""

    url: str
    name: str
