"""Clicks are law: a foreground point lies in the mask, a background point outside it.

Logits are changed around the points that they contradict, and nowhere else. A foreground point joins the
region that most of the segmenter's outputs add there, or else the one that the point alone gives; a
background point cuts out the region that most outputs leave out. Where the outputs disagree, the edges of the
photo bound a region around the point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.picture.clean import clean
from rvernet_app.segment.frame import Frame, Pixel
from rvernet_app.types import FOREGROUND, Mask, Photo, Prompt

Logits = NDArray[np.float32]

SURE = np.float32(1.0)
"""Logit at least of pixels that a point decided, where the segmenter saw it differently."""

JOINT_SHARE, JOINT_REACH = 0.75, 2.5
ALONE_SHARE, ALONE_REACH = 0.5, 1.5
"""What share of the outputs must agree on a change, and how far it may reach: as a multiple of the distance
from the point to the mask's edge. The outputs are those for the whole prompt, or for the point alone.

Measured with `small_sam` on the corrections of 207 foods (`python -m bench.clicks trays recipes`): the IoU
falls by more than 0.02 in 1 % of the corrections, and in 4 % with a reach of 4. What any output says, at any
distance, made it fall in 17 %.
"""

EDGE_REACH, WIDEST = 2.0, 0.15
"""How far a region reaches that only the photo's edges bound: as a multiple of the same distance, and at most
as a share of the photo's short side.
"""

SPOT = 2
"""Radius in pixels of the photo of what a point decides at least."""


@dataclass(frozen=True)
class Marks:
    """The points of a prompt in the frame of the logits, in the order in which they were clicked."""

    points: tuple[tuple[Pixel, bool], ...]

    @staticmethod
    def of(prompt: Prompt, frame: Frame) -> Marks:
        """Move a prompt's points into the frame of the logits."""
        labels = (label == FOREGROUND for label in prompt.point_labels)
        return Marks(tuple(zip(map(frame.pixel, prompt.points_xy), labels, strict=True)))

    def which(self, inside: bool) -> list[Pixel]:
        """Return the foreground points, or the background points."""
        return [pixel for pixel, label in self.points if label == inside]

    def against(self, logits: Logits) -> list[tuple[int, Pixel, bool]]:
        """Return the points that logits (h, w) contradict: place in the prompt, pixel, foreground or not."""
        return [
            (place, (x, y), label)
            for place, ((x, y), label) in enumerate(self.points)
            if (logits[y, x] > 0) != label
        ]

    def share_kept(self, logits: Logits) -> float:
        """Return the share of the points that logits (h, w) keep; 1 without points."""
        return 1 - len(self.against(logits)) / max(1, len(self.points))


def obey(
    logits: Logits,
    marks: Marks,
    picture: Photo,
    joint: Logits,
    alone: Callable[[int], Logits],
) -> Logits:
    """Change logits around every point that they contradict, so that every point is kept.

    Args:
        logits: float32 (h, w), above 0 on the food.
        marks: the points.
        picture: uint8 (h', w', 3), the photo in the frame of the logits.
        joint: outputs for the whole prompt, float32 (N, h, w).
        alone: given the place of a point in the prompt, returns the outputs for a prompt of this point alone
            as a foreground point, float32 (N, h, w).

    Returns:
        float32 (h, w), a new array. Of a foreground and a background point on one pixel the later one is
        kept.
    """
    logits = logits.copy()
    for place, pixel, inside in marks.against(logits):
        if (logits[pixel[1], pixel[0]] > 0) == inside:  # an earlier point has decided it
            continue
        change = _Change(logits > 0, pixel, inside, marks.which(not inside), picture)
        agreed = change.agreed(joint, JOINT_SHARE, JOINT_REACH)
        if agreed is None and inside:
            agreed = change.agreed(alone(place), ALONE_SHARE, ALONE_REACH)
        region, values = agreed or change.bounded()
        if inside:
            logits = np.where(region, np.maximum(values, np.maximum(logits, SURE)), logits)
        else:
            logits = np.where(region, np.minimum(values, np.minimum(logits, -SURE)), logits)
    return _stamped(logits, marks)


def hold(mask: Mask, prompt: Prompt, frame: Frame) -> Mask:
    """Clean an enlarged mask, bool (H, W), so that every point of the prompt is kept exactly.

    Every point decides a spot around it, which reaches at most halfway to a point of the other label.
    Without a box, components without a foreground point are dropped.

    Returns:
        bool (H, W), a new array.
    """
    spotted = mask.astype(np.uint8)
    widest = max(SPOT, round(0.5 / min(frame.scale_xy)))
    points = np.array([(int(x), int(y)) for x, y in prompt.points_xy]).reshape(-1, 2)
    labels = np.array(prompt.point_labels)
    for (x, y), label in zip(points, labels, strict=True):
        rivals = points[labels != label]
        nearest = np.hypot(*(rivals - (x, y)).T).min() if len(rivals) else np.inf
        radius = int(min(widest, max(0, (nearest - 1) // 2)))
        cv2.circle(spotted, (int(x), int(y)), radius, int(label), cv2.FILLED)
    foreground = [(x, y) for x, y in points[labels == FOREGROUND]]
    background = [(x, y) for x, y in points[labels != FOREGROUND]]
    return clean(spotted.view(np.bool_), foreground, background, only_held=prompt.box_xyxy is None)


class _Change:
    """The change that one point makes of a mask.

    Args:
        mask: bool (h, w), which contradicts the point.
        pixel: the point.
        inside: True for a foreground point.
        rivals: the points of the other label.
        picture: uint8 (h', w', 3), the photo in the frame of the mask.
    """

    def __init__(
        self, mask: Mask, pixel: Pixel, inside: bool, rivals: Sequence[Pixel], picture: Photo
    ) -> None:
        self._wrong = mask != inside
        self._pixel = pixel
        self._inside = inside
        self._rivals = rivals
        self._picture = picture
        self._short_side = min(picture.shape[:2])
        depth = cv2.distanceTransform(self._wrong.astype(np.uint8), cv2.DIST_L2, 5)[pixel[1], pixel[0]]
        self._depth = float(np.clip(depth, 2, self._short_side))

    def agreed(self, outputs: Logits, share: float, reach: float) -> tuple[Mask, Logits] | None:
        """Return the region that a share of the outputs, float32 (N, h, w), would change, and their logits.

        It reaches at most `reach` times as far as the mask's edge. None if there is no such region.
        """
        if not len(outputs):
            return None
        votes = ((outputs > 0) == self._inside).mean(0)
        region = component_at(self._wrong & (votes >= share) & self._disc(reach * self._depth), self._pixel)
        return (self._without_rivals(region), outputs.mean(0)) if region.any() else None

    def bounded(self) -> tuple[Mask, Logits]:
        """Return a region that the photo's edges bound, and logits for it."""
        disc = self._disc(min(EDGE_REACH * self._depth, WIDEST * self._short_side))
        elsewhere = ~disc
        for x, y in self._rivals:
            elsewhere[y, x] = (x, y) != self._pixel
        region = component_at(self._wrong & _nearer(self._picture, self._pixel, elsewhere), self._pixel)
        return region, np.full(region.shape, SURE if self._inside else -SURE)

    def _disc(self, radius: float) -> Mask:
        disc = np.zeros(self._wrong.shape, np.uint8)
        cv2.circle(disc, self._pixel, round(radius), 1, cv2.FILLED)
        return disc.view(np.bool_)

    def _without_rivals(self, region: Mask) -> Mask:
        """Cut off the part of a region that points of the other label claim, at the photo's edges."""
        claimed = [(x, y) for x, y in self._rivals if region[y, x] and (x, y) != self._pixel]
        if not claimed:
            return region
        elsewhere = np.zeros_like(region)
        for x, y in claimed:
            elsewhere[y, x] = True
        return component_at(region & _nearer(self._picture, self._pixel, elsewhere), self._pixel)


def component_at(mask: Mask, pixel: Pixel) -> Mask:
    """Return the component (8-connected) at a pixel: bool (h, w), empty where the mask is."""
    x, y = pixel
    if not mask[y, x]:
        return np.zeros_like(mask)
    _, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(components == components[y, x])


def _nearer(picture: Photo, pixel: Pixel, elsewhere: Mask) -> Mask:
    """Flood the photo from a pixel and from elsewhere at once (watershed): bool (h, w), what the pixel gets.

    The result always contains the pixel.
    """
    height, width = picture.shape[:2]
    seeds = np.zeros((height + 2, width + 2), np.int32)
    seeds[1:-1, 1:-1][elsewhere[:height, :width]] = 2
    seeds[pixel[1] + 1, pixel[0] + 1] = 1
    cv2.watershed(
        cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_REPLICATE), seeds
    )  # its border stays bare
    nearer = np.zeros(elsewhere.shape, np.bool_)
    nearer[:height, :width] = seeds[1:-1, 1:-1] == 1
    nearer[pixel[1], pixel[0]] = True
    return nearer


def _stamped(logits: Logits, marks: Marks) -> Logits:
    """Let every point decide its own pixel, and the pixels around it that no other label is near to."""
    for inside in (False, True):
        near = np.zeros(logits.shape, np.uint8)
        for x, y in marks.which(inside):
            near[y, x] = 1
        far = np.ones(logits.shape, np.uint8)
        for x, y in marks.which(not inside):
            far[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 0
        around = (cv2.dilate(near, np.ones((3, 3), np.uint8)) & far).view(np.bool_)
        decided = np.maximum(logits, SURE) if inside else np.minimum(logits, -SURE)
        logits = np.where(around, decided, logits)
    for (x, y), inside in marks.points:
        if (logits[y, x] > 0) != inside:
            logits[y, x] = SURE if inside else -SURE
    return logits
