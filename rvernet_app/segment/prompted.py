"""What all segmenters share: from a model's outputs to candidates that keep every point.

A new segmenter is a subclass of `PromptedSegmenter`. It says what its model makes of a prompt; that the
points are kept, that a click on no food is refused, and which candidates are offered, is settled here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import NoFoodError, PromptError, SegmentationError
from rvernet_app.picture.clean import keep_to_prompt
from rvernet_app.segment.base import require_own
from rvernet_app.segment.frame import Frame
from rvernet_app.segment.law import Logits, Marks, component_at, hold, obey
from rvernet_app.types import FOREGROUND, PART, WHOLE, Candidates, Embedding, Mask, Photo, Prompt

CANDIDATES = 3

DISTINCT = 0.8
"""Two candidates whose IoU is higher look like one.

Measured with `small_sam` on 574 clicks: 42 % of the clicks then have a second candidate, and the best
candidate has a mean IoU of 0.811; of three that may be alike it has 0.815.
"""

INSIDE = 0.9
"""A candidate with this share of its pixels in a larger one is a part of it."""

STEP = 1.0
"""A mask is stable if raising and lowering its logits by so much hardly changes it; see SAM's `predictor`."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a model makes of a prompt.

    Attributes:
        logits: float32 (N, h, w), above 0 on the food; N may be 0.
        scores: float32 (N,), predicted IoU.
    """

    logits: Logits
    scores: NDArray[np.float32]

    @property
    def worths(self) -> NDArray[np.float32]:
        """Predicted IoU times stability, float32 (N,) in [0, 1].

        Measured with `small_sam` on 287 foods, the output with the highest worth has a mean IoU of 0.839 for
        a click in the middle of the food and 0.736 for one anywhere on it; the single-mask output has 0.836
        and 0.716.
        """
        sure, possible = ((self.logits > step).sum((1, 2)) for step in (STEP, -STEP))
        return np.asarray(np.clip(self.scores, 0, 1) * sure / np.maximum(possible, 1), np.float32)


NOTHING = Outputs(np.zeros((0, 1, 1), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class _Found:
    """A candidate in the frame of the logits."""

    logits: Logits
    worth: float

    @property
    def mask(self) -> Mask:
        return np.asarray(self.logits > 0)


class PromptedSegmenter(ABC):
    """A Segmenter whose candidates keep every point.

    Attributes:
        name, fingerprint: see Segmenter.
        least_belief: first clicks with less belief are refused, and those where the model finds nothing at
            all; see `belief`. Prompts with a box, a previous mask or `insist` are not refused.
    """

    name: str
    fingerprint: str
    least_belief: float

    @final
    def encode(self, photo: Photo) -> Embedding:
        """See Segmenter. The embedding carries a small copy of the photo, whose edges bound corrections."""
        height, width = photo.shape[:2]
        small = self.frame((height, width)).shrink(photo)
        return Embedding(self.name, (height, width), self.features(photo), small)

    @final
    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        """Predict up to three candidates, best first by their scores. See Segmenter.

        Each candidate contains every foreground point and no background point. Without a box, each of its
        parts contains a foreground point. With a previous mask, the first candidate is that mask, changed
        around the points that it contradicts.

        A score is the output's predicted IoU times its stability, and less where the points or the previous
        mask had to be imposed on the output.
        """
        require_own(embedding, self)
        prompt.require_within(embedding.size_hw)
        frame = self.frame(embedding.size_hw)
        if prompt.low_res_mask is not None and prompt.low_res_mask.shape != frame.logits_hw:
            height, width = frame.logits_hw
            raise PromptError(
                f"A previous mask for {self.name} has {height} x {width} logits, "
                f"got {prompt.low_res_mask.shape}."
            )
        return self._candidates(embedding, prompt, frame)

    @abstractmethod
    def frame(self, size_hw: tuple[int, int]) -> Frame:
        """Return where a photo of this height and width lies in the logits."""

    @abstractmethod
    def features(self, photo: Photo) -> NDArray[np.generic]:
        """Encode a photo, uint8 (H, W, 3)."""

    @abstractmethod
    def outputs(self, embedding: Embedding, prompt: Prompt) -> Outputs:
        """Ask the model.

        Raises:
            SegmentationError: the model cannot answer.
        """

    @abstractmethod
    def enlarge(self, logits: Logits, size_hw: tuple[int, int]) -> Mask:
        """Enlarge logits (h, w) to a mask, bool (H, W)."""

    def _candidates(self, embedding: Embedding, prompt: Prompt, frame: Frame) -> Candidates:
        marks = Marks.of(prompt, frame)
        if _may_refuse(prompt):
            outputs = self.outputs(embedding, prompt)
            if not (outputs.logits > 0).any() or belief(outputs, marks) < self.least_belief:
                raise NoFoodError
        else:
            outputs = self._asked(embedding, prompt)
        settled = self._settled(embedding, prompt, frame, marks, outputs)
        kept: list[tuple[_Found, Mask]] = []
        for found in _distinct(settled):
            mask = hold(self.enlarge(found.logits, embedding.size_hw), prompt, frame)
            if mask.any():
                kept.append((found, mask))
            if len(kept) == CANDIDATES:
                break
        if not kept:
            raise SegmentationError(
                "Nothing was found there; try another point, or draw a box around the food."
            )
        return Candidates(
            masks=np.stack([mask for _, mask in kept]),
            scores=np.array([found.worth for found, _ in kept], np.float32),
            low_res=np.stack([found.logits for found, _ in kept]),
            kinds=_kinds([found.mask for found, _ in kept]),
        )

    def _settled(
        self, embedding: Embedding, prompt: Prompt, frame: Frame, marks: Marks, outputs: Outputs
    ) -> list[_Found]:
        """Return all possible candidates, best first, each with every point kept."""

        @cache
        def alone(place: int) -> Logits:
            point = Prompt((prompt.points_xy[place],), (FOREGROUND,), insist=True)
            return self._asked(embedding, point).logits

        def settle(logits: Logits) -> Logits:
            if prompt.box_xyxy is not None:
                logits = keep_to_prompt(logits, [], frame.box(prompt.box_xyxy))
            logits = obey(logits, marks, embedding.small, outputs.logits, alone)
            return logits if prompt.box_xyxy else keep_to_prompt(logits, marks.which(True), None)

        worths = outputs.worths
        found = []
        for logits, worth in zip(outputs.logits, worths, strict=True):
            lawful = settle(logits)
            share = marks.share_kept(logits) * _iou(lawful > 0, _touched(logits, prompt, marks))
            found.append(_Found(lawful, float(worth * share)))
        found.sort(key=lambda each: -each.worth)
        previous = prompt.low_res_mask
        if previous is None:
            if not found:
                found = [_Found(settle(np.full(frame.logits_hw, -8, np.float32)), 0.0)]
            return [each for each in found if each.worth > 0] or found[:1]
        if found and prompt.box_xyxy is not None and not marks.against(previous):
            return found  # the box is what is new
        corrected = settle(previous.astype(np.float32))
        fits = [_iou(corrected > 0, each.mask) * each.worth for each in found]
        first = _Found(corrected, max(fits, default=0.0))
        return [first, *(each for each in found if each.worth <= first.worth)]

    def _asked(self, embedding: Embedding, prompt: Prompt) -> Outputs:
        """Ask the model; where points decide anyway, it may have no answer."""
        try:
            return self.outputs(embedding, prompt)
        except SegmentationError:
            if prompt.box_xyxy is not None and not prompt.points_xy:
                raise
            return NOTHING


def belief(outputs: Outputs, marks: Marks) -> float:
    """Return how much a model believes in a food at a foreground point, in [0, 1]; at the best of several.

    This is the mean over the outputs of predicted IoU times stability, where an output without the point
    counts as 0. On no food the outputs disagree, and some do not contain the click.
    """
    worths = outputs.worths
    return max(float((worths * (outputs.logits[:, y, x] > 0)).mean()) for x, y in marks.which(True))


def _may_refuse(prompt: Prompt) -> bool:
    return prompt.box_xyxy is None and prompt.low_res_mask is None and not prompt.insist


def _touched(logits: Logits, prompt: Prompt, marks: Marks) -> Mask:
    """Return what an output gave at the points, bool (h, w); everything where there is a box."""
    mask = np.asarray(logits > 0)
    if prompt.box_xyxy is not None:
        return mask
    parts = [component_at(mask, pixel) for pixel in marks.which(True)]
    return np.asarray(np.logical_or.reduce(parts))


def _distinct(found: list[_Found]) -> list[_Found]:
    """Leave candidates out that look like an earlier one."""
    kept: list[_Found] = []
    for each in found:
        if all(_iou(each.mask, other.mask) <= DISTINCT for other in kept):
            kept.append(each)
    return kept


def _kinds(masks: list[Mask]) -> tuple[str, ...]:
    """Call a mask a part that lies in a larger one."""
    areas = [np.count_nonzero(mask) for mask in masks]
    return tuple(
        PART
        if any(
            other > area and np.count_nonzero(mask & larger) >= INSIDE * area
            for larger, other in zip(masks, areas, strict=True)
        )
        else WHOLE
        for mask, area in zip(masks, areas, strict=True)
    )


def _iou(mask: Mask, other: Mask) -> float:
    either = np.count_nonzero(mask | other)
    return np.count_nonzero(mask & other) / either if either else 0.0
