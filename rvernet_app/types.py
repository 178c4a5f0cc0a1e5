"""Value objects that travel between the parts. They check themselves when made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import LabelError, PromptError

Photo = NDArray[np.uint8]
"""uint8 (H, W, 3) RGB, EXIF orientation applied."""

Mask = NDArray[np.bool_]
"""bool (H, W) in the photo's frame."""

FOREGROUND, BACKGROUND = 1, 0


def _require(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"expected {expected}, got {got}")


def _or_empty(values: Iterable[Any] | None) -> Iterable[Any]:
    return () if values is None else values


@dataclass(frozen=True, eq=False)
class Prompt:
    """What the person points with.

    Attributes:
        points_xy: pixel coordinates in the photo's frame, x to the right, y down.
        point_labels: one per point, 1 foreground or 0 background.
        box_xyxy: at most one box, left, top, right, bottom in pixels.
        low_res_mask: float32 (h, w) logits, one entry of `Candidates.low_res` of the same
            segmenter and photo, to refine that mask.

    Raises:
        PromptError: no point and no box, unequal lengths, a label that is not 0 or 1, a value that is
            not finite, or a box without area.
    """

    points_xy: tuple[tuple[float, float], ...] = ()
    point_labels: tuple[int, ...] = ()
    box_xyxy: tuple[float, float, float, float] | None = None
    low_res_mask: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        try:
            points = tuple((float(x), float(y)) for x, y in _or_empty(self.points_xy))
        except (TypeError, ValueError) as error:
            raise PromptError(f"Points are x, y pairs of numbers, got {self.points_xy!r}.") from error
        labels = tuple(_or_empty(self.point_labels))
        box = tuple(float(v) for v in self.box_xyxy) if self.box_xyxy is not None else None
        if not points and box is None:
            raise PromptError("A prompt needs at least one point or a box.")
        if len(points) != len(labels):
            raise PromptError(
                f"A prompt needs one label per point, got {len(points)} points and {len(labels)} labels."
            )
        if any(label not in (FOREGROUND, BACKGROUND) for label in labels):
            raise PromptError(f"Point labels are 1 (foreground) or 0 (background), got {labels}.")
        if not all(math.isfinite(v) for v in (*(c for p in points for c in p), *(box or ()))):
            raise PromptError("Coordinates must be finite numbers.")
        if box is not None:
            if len(box) != 4:
                raise PromptError(f"A box is left, top, right, bottom; got {len(box)} numbers.")
            if box[0] >= box[2] or box[1] >= box[3]:
                raise PromptError(f"A box needs left < right and top < bottom, got {box}.")
        elif FOREGROUND not in labels:
            raise PromptError("Point at the food itself first: all points are background points.")
        object.__setattr__(self, "points_xy", points)
        object.__setattr__(self, "point_labels", tuple(int(label) for label in labels))
        object.__setattr__(self, "box_xyxy", box)

    def require_within(self, size_hw: tuple[int, int]) -> None:
        """Raise PromptError unless a photo of this (height, width) holds every point and meets the box."""
        height, width = size_hw
        for x, y in self.points_xy:
            if not (0 <= x < width and 0 <= y < height):
                raise PromptError(f"The point {x:g},{y:g} is outside the photo of {width} x {height} pixels.")
        if self.box_xyxy is not None:
            x0, y0, x1, y1 = self.box_xyxy
            if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
                raise PromptError(
                    f"The box {x0:g},{y0:g},{x1:g},{y1:g} is outside the photo of {width} x {height} pixels."
                )


@dataclass(frozen=True, eq=False)
class Embedding:
    """What a segmenter's image encoder makes of a photo; computed once, reused by every prompt.

    Attributes:
        segmenter: name of the segmenter that made it, the only one that can read it.
        size_hw: height and width of the photo.
        features: the segmenter's own array, on the CPU.
    """

    segmenter: str
    size_hw: tuple[int, int]
    features: NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Candidates:
    """A segmenter's several masks for one prompt, best first.

    Attributes:
        masks: bool (N, H, W) in the photo's frame, N >= 1, none of them empty.
        scores: float32 (N,), predicted IoU in [0, 1].
        low_res: float32 (N, h, w) logits in the segmenter's own frame, each usable as
            `Prompt.low_res_mask`.
    """

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    low_res: NDArray[np.float32]

    def __post_init__(self) -> None:
        _require(
            self.masks.ndim == 3 and self.masks.dtype == np.bool_ and len(self.masks) > 0,
            "masks as bool (N, H, W) with N >= 1",
            f"{self.masks.dtype} {self.masks.shape}",
        )
        count = len(self.masks)
        _require(self.scores.shape == (count,), f"scores of shape ({count},)", self.scores.shape)
        _require(
            self.low_res.ndim == 3 and len(self.low_res) == count,
            f"low_res as ({count}, h, w)",
            self.low_res.shape,
        )


@dataclass(frozen=True, eq=False)
class Cutouts:
    """The two complementary pictures RveRNet sees.

    Attributes:
        roi: uint8 (H, W, 3), black outside the mask.
        extra_roi: uint8 (H, W, 3), black inside the mask.
    """

    roi: Photo
    extra_roi: Photo

    def __post_init__(self) -> None:
        for name, picture in (("roi", self.roi), ("extra_roi", self.extra_roi)):
            _require(
                picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8,
                f"{name} as uint8 (H, W, 3)",
                f"{picture.dtype} {picture.shape}",
            )
        _require(
            self.roi.shape == self.extra_roi.shape,
            f"extra_roi of shape {self.roi.shape}",
            self.extra_roi.shape,
        )

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.roi.shape[0], self.roi.shape[1]

    @property
    def photo(self) -> Photo:
        """uint8 (H, W, 3), the photo both were cut from. A new array."""
        return self.roi + self.extra_roi

    def without_context(self) -> Cutouts:
        """The same ROI beside an all-black extra-ROI picture."""
        return Cutouts(self.roi, np.zeros_like(self.extra_roi))


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probabilities over the classes a checkpoint knows.

    Attributes:
        labels: class names, in the checkpoint's order.
        probabilities: float32 (K,), sums to 1.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        _require(
            self.probabilities.shape == (len(self.labels),),
            f"probabilities of shape ({len(self.labels)},)",
            self.probabilities.shape,
        )

    def top_k(self, k: int) -> list[tuple[str, float]]:
        """The k likeliest (label, probability) pairs, likeliest first."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.labels[i], float(self.probabilities[i])) for i in order]

    def probability_of(self, label: str) -> float:
        """Probability of one class. Raises LabelError for a class the checkpoint does not know."""
        if label not in self.labels:
            raise LabelError(f"This checkpoint does not know the class {label!r}.")
        return float(self.probabilities[self.labels.index(label)])


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """Where each module of RveRNet looked for one class (Grad-CAM), in the photo's frame.

    Attributes:
        label: the class explained.
        roi, extra_roi: float32 (H, W) in [0, 1], each map divided by its own peak.
        roi_peak, extra_roi_peak: what each was divided by, >= 0. Maps scaled each on its own cannot be
            compared; `on_common_scale` puts both on the larger peak.
    """

    label: str
    roi: NDArray[np.float32]
    extra_roi: NDArray[np.float32]
    roi_peak: float
    extra_roi_peak: float

    def on_common_scale(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Both maps divided by the larger of the two peaks: (roi, extra_roi), float32 (H, W) in [0, 1]."""
        peak = max(self.roi_peak, self.extra_roi_peak)
        if peak <= 0:
            return self.roi, self.extra_roi
        return (
            self.roi * np.float32(self.roi_peak / peak),
            self.extra_roi * np.float32(self.extra_roi_peak / peak),
        )
