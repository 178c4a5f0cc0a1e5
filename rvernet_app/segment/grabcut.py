"""GrabCut (Rother, Kolmogorov and Blake 2004, OpenCV's `cv2.grabCut`), seeded by the prompt.

It needs no weights, so it works on any machine, but it knows colours and not foods. Three measures make one
click enough: lightness counts half, so that gloss and shadow do not split a food; GrabCut runs on a window
around the prompt at several scales; and the mask that agrees best with the other scales comes first.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import SegmentationError
from rvernet_app.segment.frame import Frame
from rvernet_app.segment.law import Logits, Marks
from rvernet_app.segment.prompted import NOTHING, Outputs, PromptedSegmenter
from rvernet_app.types import Embedding, Mask, Photo, Prompt

LONG_SIDE = 320
RADII = (0.08, 0.10, 0.13, 0.17)
"""Radius of the disc of probable food around a click at each scale, as a share of the photo's short side."""

FLOOD_TOLERANCES = (12, 20, 32)
"""Colour differences (0 to 255) of flood fills, for clicks in the middle of a large and even food."""

LEAST_BELIEF = 0.0
"""See PromptedSegmenter. GrabCut knows colours and not foods, so only a click where it finds nothing at all
is refused: a threshold that refuses 2 % of the clicks on food would refuse 12 % of those off it, measured on
four sets of photos.
"""

SURE_SHARE = 0.45
"""Radius of the disc of sure food around the first click, as a share of the probable one."""

SPECK = 1.3
"""A mask smaller than this many times the area of sure food is a speck."""

EVEN = 0.35
"""If every mask covers less than this share of its disc, the food is too large and even for GrabCut."""

CORRECTION_SHARE = 0.15
"""As SURE_SHARE, for later clicks."""

FORBIDDEN_SHARE = 0.25
"""Radius within which a background point excludes food, as a share of the radius.

It reaches at most halfway to the foreground points.
"""

REACH_SHARE = 2.0
"""Pixels farther than this many radii from the clicks are sure background."""

BOX_SHARE, BOX_SURE_SHARE = 0.75, 0.3
"""Axes of the ellipses of probable food (larger at larger scales) and of sure food, as shares of the box."""

LARGEST_FLOOD = 0.5
"""A flood fill over more than this share of the photo is the table and not a food."""

ITERATIONS = 1
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Seeds:
    """A prompt in the frame of the features, in whole pixels; `previous` is uint8 (h, w) of 0 and 1."""

    foreground: list[tuple[int, int]]
    background: list[tuple[int, int]]
    box_xyxy: tuple[int, int, int, int] | None
    previous: Pixels | None


class GrabCutSegmenter(PromptedSegmenter):
    """Segments by colour. Its features are uint8 (h, w, 3): the smoothed photo in Lab with lightness halved.

    An output's score is its mean IoU with those of the other scales; that of a speck is 0.

    Attributes:
        name, fingerprint: see Segmenter; change the fingerprint whenever `features` changes.
        least_belief: see PromptedSegmenter.
    """

    name = "grabcut"
    fingerprint = "lab-320"
    least_belief = LEAST_BELIEF

    def frame(self, size_hw: tuple[int, int]) -> Frame:
        """Return the frame of the features, with a longest side of LONG_SIDE."""
        height, width = size_hw
        scale = min(1.0, LONG_SIDE / max(height, width))
        small_hw = max(1, round(height * scale)), max(1, round(width * scale))
        return Frame(size_hw, small_hw, small_hw, (small_hw[1] / width, small_hw[0] / height))

    def features(self, photo: Photo) -> NDArray[np.uint8]:
        """Shrink uint8 (H, W, 3) to the frame, smooth it, and convert it to Lab."""
        small = self.frame((photo.shape[0], photo.shape[1])).shrink(photo)
        lab = cv2.cvtColor(cv2.medianBlur(small, 5), cv2.COLOR_RGB2LAB).astype(np.float32)
        lab = (lab - 128) * np.array([0.5, 1.5, 1.5], np.float32) + 128
        return np.asarray(np.clip(lab, 0, 255), np.uint8)

    def outputs(self, embedding: Embedding, prompt: Prompt) -> Outputs:
        """Return the mask of each scale. See PromptedSegmenter."""
        picture: Pixels = embedding.features.astype(np.uint8, copy=False)
        sound, specks = _at_scales(picture, _seeds(prompt, self.frame(embedding.size_hw)))
        found = sound + specks
        if not found:
            return NOTHING
        agreement = _agreement(found)
        agreement[len(sound) :] = 0
        return Outputs(np.stack([_soft(mask) for mask in found]), agreement)

    def enlarge(self, logits: Logits, size_hw: tuple[int, int]) -> Mask:
        """See PromptedSegmenter."""
        size_wh = size_hw[1], size_hw[0]
        return np.asarray(cv2.resize(logits, size_wh, interpolation=cv2.INTER_LINEAR) > 0)


def _seeds(prompt: Prompt, frame: Frame) -> _Seeds:
    """Move a prompt into the frame of the features."""
    h, w = frame.inner_hw
    box = None
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = (max(0, int(at)) for at in frame.box(prompt.box_xyxy))
        x0, y0 = min(x0, w - 1), min(y0, h - 1)
        box = x0, y0, max(min(x1, w), x0 + 1), max(min(y1, h), y0 + 1)
    marks = Marks.of(prompt, frame)
    return _Seeds(
        foreground=marks.which(True),
        background=marks.which(False),
        box_xyxy=box,
        previous=None if prompt.low_res_mask is None else (prompt.low_res_mask > 0).astype(np.uint8),
    )


def _at_scales(picture: Pixels, seeds: _Seeds) -> tuple[list[Mask], list[Mask]]:
    """Run GrabCut once per radius and return the sound masks and the specks, bool (h, w), none of them empty.

    A mask hardly larger than the sure food around a click is a speck: GrabCut found no edge. If every mask
    covers less than EVEN of its disc, the click is in the middle of a large and even food, and flood fills
    replace the masks.
    """
    with ThreadPoolExecutor(len(RADII)) as pool:
        masks = list(pool.map(partial(_segment, picture, seeds), RADII))
    if seeds.box_xyxy is not None or seeds.previous is not None:
        return [mask for mask in masks if mask.any()], []
    discs = [math.pi * max(radius * min(picture.shape[:2]), 3.0) ** 2 for radius in RADII]
    shares = [mask.sum() / disc for mask, disc in zip(masks, discs, strict=True)]
    if max(shares) < EVEN and (floods := _floods(picture, seeds)):
        return floods, [mask for mask in masks if mask.any()]
    specks = [0 < share < SPECK * SURE_SHARE**2 for share in shares]
    return (
        [mask for mask, speck in zip(masks, specks, strict=True) if mask.any() and not speck],
        [mask for mask, speck in zip(masks, specks, strict=True) if speck],
    )


def _floods(picture: Pixels, seeds: _Seeds) -> list[Mask]:
    """Flood-fill from the foreground points with each tolerance: masks, bool (h, w).

    Masks that contain a background point or cover half the photo are dropped.
    """
    smooth = cv2.GaussianBlur(picture, (0, 0), 2)
    masks = []
    for tolerance in FLOOD_TOLERANCES:
        flooded = np.zeros((picture.shape[0] + 2, picture.shape[1] + 2), np.uint8)
        for point in seeds.foreground:
            if not flooded[point[1] + 1, point[0] + 1]:
                step = (tolerance,) * 3
                flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
                cv2.floodFill(smooth, flooded, point, 0, step, step, flags)
        mask = np.ascontiguousarray(flooded[1:-1, 1:-1]) > 0
        if mask.mean() < LARGEST_FLOOD and not any(mask[y, x] for x, y in seeds.background):
            masks.append(_whole(mask.view(np.uint8), seeds.foreground) > 0)
    return masks


def _segment(picture: Pixels, seeds: _Seeds, radius: float) -> Mask:
    """Run GrabCut once: bool (h, w), possibly empty."""
    trimap, sure_background = _trimap(picture.shape[:2], seeds, radius * min(picture.shape[:2]))
    rows, columns = _window(trimap != cv2.GC_BGD)
    inside = np.ascontiguousarray(trimap[rows, columns])
    cv2.setRNGSeed(0)  # k-means starts at random; each thread has its own seed
    try:
        cv2.grabCut(
            np.ascontiguousarray(picture[rows, columns]),
            inside,
            None,
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            ITERATIONS,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error as error:
        raise SegmentationError(
            "There is nothing around the prompt to tell the food from; draw a smaller box."
        ) from error
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[rows, columns] = _whole(
        inside & np.uint8(1), [(x - columns.start, y - rows.start) for x, y in seeds.foreground]
    )
    return (mask & ~sure_background & 1).view(np.bool_)


def _trimap(frame_hw: tuple[int, int], seeds: _Seeds, radius: float) -> tuple[Pixels, Pixels]:
    """Return GrabCut's labels, and 1 where a background point excludes food, both uint8 (h, w)."""
    radius = max(radius, 3.0)
    possible, probable, sure, forbidden = (np.zeros(frame_hw, np.uint8) for _ in range(4))
    first_click = seeds.box_xyxy is None and seeds.previous is None
    for index, (x, y) in enumerate(seeds.foreground):
        if seeds.previous is None or not seeds.previous[y, x]:
            _disc(possible, (x, y), REACH_SHARE * radius)
            _disc(probable, (x, y), radius)
        share = SURE_SHARE if first_click and index == 0 else CORRECTION_SHARE
        _disc(sure, (x, y), min(share * radius, _halfway((x, y), seeds.background)))
    for point in seeds.background:
        _disc(forbidden, point, min(FORBIDDEN_SHARE * radius, _halfway(point, seeds.foreground)))
    if seeds.previous is not None:
        side = 2 * int(radius / 2) + 1
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        possible |= cv2.dilate(seeds.previous, brush)
        probable |= seeds.previous
    if seeds.box_xyxy is not None:
        x0, y0, x1, y1 = seeds.box_xyxy
        possible[:] = 0
        possible[y0:y1, x0:x1] = 1
        if seeds.previous is None:
            _ellipse(probable, seeds.box_xyxy, BOX_SHARE + 1.5 * radius / min(frame_hw))
        if not seeds.foreground:
            _ellipse(sure, seeds.box_xyxy, BOX_SURE_SHARE)

    trimap = np.full(frame_hw, cv2.GC_BGD, np.uint8)
    trimap[possible > 0] = cv2.GC_PR_BGD
    trimap[(possible & probable) > 0] = cv2.GC_PR_FGD
    trimap[sure > 0] = cv2.GC_FGD
    trimap[forbidden > 0] = cv2.GC_BGD
    return trimap, forbidden


def _window(possible: Mask) -> tuple[slice, slice]:
    """Return rows and columns of the possible food with a margin of about a sixth of its size."""
    left, top, width, height = cv2.boundingRect(possible.view(np.uint8))
    margin = round(0.175 * max(width, height)) + 1
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )


def _whole(mask: Pixels, clicked: list[tuple[int, int]]) -> Pixels:
    """Keep the components under the clicks, or all without clicks, and fill their holes."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    kept = [
        outline
        for outline in outlines
        if not clicked
        or any(cv2.pointPolygonTest(outline, point, measureDist=False) >= 0 for point in clicked)
    ]
    whole = np.zeros_like(mask)
    cv2.drawContours(whole, kept, -1, 1, cv2.FILLED)
    return whole


def _agreement(masks: list[Mask]) -> NDArray[np.float32]:
    """Return the mean IoU of each mask with the others, float32 (N,); 1 for a single mask."""
    flat = np.stack([mask.ravel() for mask in masks]).astype(np.float32)
    both = flat @ flat.T
    areas = flat.sum(1)
    ious = both / (areas[:, None] + areas[None] - both)
    others = max(1, len(masks) - 1)
    return np.asarray((ious.sum(1) - (len(masks) > 1)) / others, np.float32)


def _soft(mask: Mask) -> NDArray[np.float32]:
    """Convert a mask, bool (h, w), to logits float32 (h, w) that are smooth across the edge."""
    return np.asarray(20 * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0) - 10)


def _halfway(point: tuple[int, int], others: list[tuple[int, int]]) -> float:
    """Return half the distance to the nearest of the others, at least 2; infinite without others."""
    return max(2.0, min((math.dist(point, other) / 2 for other in others), default=math.inf))


def _disc(canvas: Pixels, center_xy: tuple[int, int], radius: float) -> None:
    """Draw a disc of at least one pixel."""
    cv2.circle(canvas, center_xy, max(1, int(radius)), 1, cv2.FILLED)


def _ellipse(canvas: Pixels, box_xyxy: tuple[int, int, int, int], share: float) -> None:
    """Draw the ellipse that fits a box, with its axes multiplied by `share`."""
    x0, y0, x1, y1 = box_xyxy
    axes = max(1, round((x1 - x0) / 2 * share)), max(1, round((y1 - y0) / 2 * share))
    cv2.ellipse(canvas, ((x0 + x1) // 2, (y0 + y1) // 2), axes, 0, 0, 360, 1, cv2.FILLED)
