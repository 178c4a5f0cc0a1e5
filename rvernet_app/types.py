"""Value objects passed between the parts. Each checks its own values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import LabelError, PromptError

Photo = NDArray[np.uint8]
"""uint8 (H, W, 3) RGB, EXIF orientation applied."""

Mask = NDArray[np.bool_]
"""bool (H, W) in the photo's frame."""

FOREGROUND, BACKGROUND = 1, 0

KINDS = WHOLE, PART = "whole", "part"
"""What a candidate is: the food at the click, or a part of it."""

TOLERANCE = 1e-3
"""Rounding error allowed in probabilities and scaled maps."""


def _require(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"expected {expected}, got {got}")


def _describe(array: NDArray[np.generic]) -> str:
    return f"{array.dtype} {array.shape}"


def _within(values: NDArray[np.float32], low: float, high: float) -> bool:
    """True if all values are in [low, high]; NaN is not."""
    return not values.size or bool(values.min() >= low and values.max() <= high)


@dataclass(frozen=True, eq=False)
class Prompt:
    """The points and the box with which a person points at a food.

    Attributes:
        points_xy: pixel coordinates in the photo's frame, x to the right, y down.
        point_labels: one per point, 1 foreground or 0 background.
        box_xyxy: at most one box, left, top, right, bottom in pixels.
        low_res_mask: float32 (h, w) logits to refine, one entry of `Candidates.low_res` from the same
            segmenter and photo.
        insist: True takes a mask also where the segmenter sees no food.

    Raises:
        PromptError: no point and no box, unequal lengths, a label that is not 0 or 1, only background points
            without a box, a foreground and a background point on one pixel, a coordinate that is not a
            finite number, or a box without area.
    """

    points_xy: tuple[tuple[float, float], ...] = ()
    point_labels: tuple[int, ...] = ()
    box_xyxy: tuple[float, float, float, float] | None = None
    low_res_mask: NDArray[np.float32] | None = None
    insist: bool = False

    def __post_init__(self) -> None:
        points = _points(self.points_xy)
        labels = () if self.point_labels is None else tuple(self.point_labels)
        box = None if self.box_xyxy is None else _box(self.box_xyxy)
        if not points and box is None:
            raise PromptError("A prompt needs at least one point or a box.")
        if len(points) != len(labels):
            raise PromptError(
                f"A prompt needs one label per point, got {len(points)} points and {len(labels)} labels."
            )
        if any(label not in (FOREGROUND, BACKGROUND) for label in labels):
            raise PromptError(f"Point labels are 1 (foreground) or 0 (background), got {labels}.")
        if box is None and FOREGROUND not in labels:
            raise PromptError("Point at the food itself first: all points are background points.")
        _require_agreement(points, labels)
        if self.low_res_mask is not None and np.ndim(self.low_res_mask) != 2:
            raise PromptError(f"A previous mask has shape (h, w), got {np.shape(self.low_res_mask)}.")
        object.__setattr__(self, "points_xy", points)
        object.__setattr__(self, "point_labels", tuple(int(label) for label in labels))
        object.__setattr__(self, "box_xyxy", box)

    def require_within(self, size_hw: tuple[int, int]) -> None:
        """Check that every point lies in a photo of this (height, width) and that the box overlaps it.

        Raises:
            PromptError: a point lies outside the photo, or the whole box does.
        """
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


def _points(values: Iterable[Iterable[float]] | None) -> tuple[tuple[float, float], ...]:
    try:
        points = tuple((float(x), float(y)) for x, y in (() if values is None else values))
    except (TypeError, ValueError) as error:
        raise PromptError(f"Points are x, y pairs of numbers, got {values!r}.") from error
    _require_finite(value for point in points for value in point)
    return points


def _require_agreement(points: Iterable[tuple[float, float]], labels: Iterable[int]) -> None:
    decided: dict[tuple[int, int], int] = {}
    for (x, y), label in zip(points, labels, strict=True):
        pixel = math.floor(x), math.floor(y)
        if decided.setdefault(pixel, label) != label:
            raise PromptError(
                f"The pixel {pixel[0]},{pixel[1]} cannot be both on the food and off it; undo a click."
            )


def _box(values: Iterable[float]) -> tuple[float, float, float, float]:
    try:
        box = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise PromptError(f"A box is four numbers, got {values!r}.") from error
    if len(box) != 4:
        raise PromptError(f"A box is left, top, right, bottom; got {len(box)} numbers.")
    _require_finite(box)
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        raise PromptError(f"A box needs left < right and top < bottom, got {box}.")
    return left, top, right, bottom


def _require_finite(values: Iterable[float]) -> None:
    if not all(map(math.isfinite, values)):
        raise PromptError("Coordinates must be finite numbers.")


@dataclass(frozen=True, eq=False)
class Embedding:
    """Output of a segmenter's image encoder for one photo; computed once, reused for every prompt.

    Attributes:
        segmenter: name of the segmenter that computed it; no other segmenter can use it.
        size_hw: height and width of the photo.
        features: array in the segmenter's own format, on the CPU.
        small: uint8 (h, w, 3), the photo in the frame of the segmenter's logits.

    Raises:
        ValueError: the photo has no pixels.
    """

    segmenter: str
    size_hw: tuple[int, int]
    features: NDArray[np.generic]
    small: Photo = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8))

    @property
    def nbytes(self) -> int:
        """The bytes that it takes in memory."""
        return self.features.nbytes + self.small.nbytes

    def __post_init__(self) -> None:
        _require(
            len(self.size_hw) == 2 and min(self.size_hw) > 0,
            "size_hw as two numbers above 0",
            self.size_hw,
        )


@dataclass(frozen=True, eq=False)
class Candidates:
    """A segmenter's masks for one prompt, best first.

    Attributes:
        masks: bool (N, H, W) in the photo's frame, N >= 1, none of them empty.
        scores: float32 (N,) in [0, 1], not rising: how well the mask is expected to fit.
        low_res: float32 (N, h, w) logits in the segmenter's own frame; each can be a `Prompt.low_res_mask`.
        kinds: N of KINDS; by default all are WHOLE.

    Raises:
        ValueError: a shape, a dtype, a score or a kind is wrong, or a mask is empty.
    """

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    low_res: NDArray[np.float32]
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(
            self.masks.ndim == 3 and self.masks.dtype == np.bool_ and len(self.masks) > 0,
            "masks as bool (N, H, W) with N >= 1",
            _describe(self.masks),
        )
        count = len(self.masks)
        _require(
            self.scores.shape == (count,) and self.scores.dtype == np.float32,
            f"scores as float32 ({count},)",
            _describe(self.scores),
        )
        _require(_within(self.scores, 0, 1), "scores in [0, 1]", self.scores)
        _require(bool((np.diff(self.scores) <= 0).all()), "scores best first", self.scores)
        _require(
            self.low_res.ndim == 3 and len(self.low_res) == count and self.low_res.dtype == np.float32,
            f"low_res as float32 ({count}, h, w)",
            _describe(self.low_res),
        )
        _require(all(mask.any() for mask in self.masks), "masks with at least one pixel", "an empty mask")
        kinds = self.kinds or (WHOLE,) * count
        _require(len(kinds) == count and set(kinds) <= set(KINDS), f"{count} kinds of {KINDS}", kinds)
        object.__setattr__(self, "kinds", kinds)


@dataclass(frozen=True, eq=False)
class Cutouts:
    """The two complementary pictures that RveRNet reads.

    Attributes:
        roi: uint8 (H, W, 3), black outside the mask.
        extra_roi: uint8 (H, W, 3), black inside the mask.

    Raises:
        ValueError: a picture is not uint8 (H, W, 3), or the two differ in shape.
    """

    roi: Photo
    extra_roi: Photo

    def __post_init__(self) -> None:
        for name, picture in (("roi", self.roi), ("extra_roi", self.extra_roi)):
            _require(
                picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8,
                f"{name} as uint8 (H, W, 3)",
                _describe(picture),
            )
        _require(
            self.roi.shape == self.extra_roi.shape,
            f"extra_roi of shape {self.roi.shape}",
            self.extra_roi.shape,
        )

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of both pictures."""
        return self.roi.shape[0], self.roi.shape[1]

    @property
    def photo(self) -> Photo:
        """The photo both were cut from, uint8 (H, W, 3), a new array."""
        return self.roi + self.extra_roi

    def without_context(self) -> Cutouts:
        """Return the same ROI with an all-black extra-ROI picture."""
        return Cutouts(self.roi, np.zeros_like(self.extra_roi))


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probabilities of all classes of a checkpoint.

    Attributes:
        labels: class names, in the checkpoint's order.
        probabilities: float32 (K,) in [0, 1] with sum 1.

    Raises:
        ValueError: the shape or dtype is wrong, or the values are not probabilities.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        _require(
            self.probabilities.shape == (len(self.labels),) and self.probabilities.dtype == np.float32,
            f"probabilities as float32 ({len(self.labels)},)",
            _describe(self.probabilities),
        )
        total = float(self.probabilities.sum())
        _require(
            _within(self.probabilities, 0, 1 + TOLERANCE) and abs(total - 1) <= TOLERANCE,
            "probabilities in [0, 1] with sum 1",
            f"sum {total:g} of values from {self.probabilities.min():g} to {self.probabilities.max():g}",
        )

    def top_k(self, k: int) -> list[tuple[str, float]]:
        """Return the k most likely (label, probability) pairs, most likely first."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.labels[i], float(self.probabilities[i])) for i in order]

    def probability_of(self, label: str) -> float:
        """Return the probability of one class.

        Raises:
            LabelError: the checkpoint does not know the class.
        """
        if label not in self.labels:
            raise LabelError(f"This checkpoint does not know the class {label!r}.")
        return float(self.probabilities[self.labels.index(label)])


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """Activation maps of both modules of RveRNet for one class, in the photo's frame.

    Attributes:
        label: the class.
        roi, extra_roi: float32 (H, W) in [0, 1], each map divided by its own peak.
        roi_peak, extra_roi_peak: the divisors, >= 0. Maps divided by different peaks cannot be compared;
            `on_common_scale` divides both by the larger one.

    Raises:
        ValueError: the maps differ in shape, are not float32 in [0, 1], or a peak is negative or not finite.
    """

    label: str
    roi: NDArray[np.float32]
    extra_roi: NDArray[np.float32]
    roi_peak: float
    extra_roi_peak: float

    def __post_init__(self) -> None:
        for name, activation in (("roi", self.roi), ("extra_roi", self.extra_roi)):
            _require(
                activation.ndim == 2 and activation.dtype == np.float32,
                f"{name} as float32 (H, W)",
                _describe(activation),
            )
            _require(_within(activation, 0, 1 + TOLERANCE), f"{name} in [0, 1]", "values outside")
        _require(
            self.roi.shape == self.extra_roi.shape,
            f"extra_roi of shape {self.roi.shape}",
            self.extra_roi.shape,
        )
        for name, peak in (("roi_peak", self.roi_peak), ("extra_roi_peak", self.extra_roi_peak)):
            _require(math.isfinite(peak) and peak >= 0, f"{name} finite and >= 0", peak)

    def on_common_scale(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return both maps divided by the larger peak: (roi, extra_roi), float32 (H, W) in [0, 1]."""
        peak = max(self.roi_peak, self.extra_roi_peak)
        if peak <= 0:
            return self.roi, self.extra_roi
        return (
            self.roi * np.float32(self.roi_peak / peak),
            self.extra_roi * np.float32(self.extra_roi_peak / peak),
        )
