"""Random changes made to a photo and its mask before they are cut out, so that both pictures share them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import bbox_xywh
from rvernet_app.types import Cutouts, Mask, Photo
from training.shared.configuration import require_within


@dataclass(frozen=True)
class Change:
    """What was drawn for one region, the same for its photo, its mask and both cut-outs.

    Attributes:
        rows, columns: the window of the photo that is kept.
        flipped: horizontally.
        gain: factor on the brightness; 1 leaves it.
        blank: whether the extra-ROI picture is blanked.
    """

    rows: slice
    columns: slice
    flipped: bool
    gain: float
    blank: bool

    def apply(self, photo: Photo, mask: Mask) -> Cutouts:
        """Change a photo, uint8 (H, W, 3), and its mask, bool (H, W), left as they are; then cut out."""
        photo, mask = photo[self.rows, self.columns], mask[self.rows, self.columns]
        if self.flipped:
            photo, mask = photo[:, ::-1], mask[:, ::-1]
        if self.gain != 1:
            photo = np.clip(photo * np.float32(self.gain) + np.float32(0.5), 0, 255).astype(np.uint8)
        cutouts = cut_out(photo, mask)
        return cutouts.without_context() if self.blank else cutouts

    def kept(self, box_xyxy: tuple[float, float, float, float]) -> float:
        """The share of a box, in pixels of the photo, that the window keeps: 0 to 1, and 0 of an empty box."""
        left, top, right, bottom = box_xyxy
        across = min(right, self.columns.stop) - max(left, self.columns.start)
        down = min(bottom, self.rows.stop) - max(top, self.rows.start)
        area = (right - left) * (bottom - top)
        return max(across, 0) * max(down, 0) / area if area else 0.0


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training region.

    Attributes:
        flip: probability of a horizontal flip.
        min_crop: smallest side of the random window, around the region, as a share of the photo's; 1 is off.
        brightness: largest relative change of brightness.
        context_dropout: probability that the extra-ROI picture is blanked, so that a prediction without
            context is one the model has learned to make.

    Raises:
        ConfigError: a value is out of range.
    """

    flip: float = 0.5
    min_crop: float = 1.0
    brightness: float = 0.0
    context_dropout: float = 0.0

    def __post_init__(self) -> None:
        require_within(self, "flip context_dropout", 0, 1)
        require_within(self, "brightness", 0, 0.99)
        require_within(self, "min_crop", 0.01, 1)

    def draw(self, mask: Mask, random: np.random.Generator) -> Change:
        """Draw a change for a photo; its window holds the whole mask, bool (H, W) and not empty.

        The number of draws from `random` does not depend on what is drawn.
        """
        flip, blank, *window = random.random(6)
        gain = 1 + self.brightness * random.uniform(-1, 1)
        rows, columns = self._window(mask, window)
        return Change(rows, columns, flip < self.flip, gain, blank < self.context_dropout)

    def _window(self, mask: Mask, draws: list[float]) -> tuple[slice, slice]:
        """A random window of the photo that holds the whole mask: rows and columns."""
        left, top, width, height = bbox_xywh(np.ascontiguousarray(mask))
        share_y, share_x, place_y, place_x = draws
        return (
            _span(mask.shape[0], top, top + height, self.min_crop + (1 - self.min_crop) * share_y, place_y),
            _span(mask.shape[1], left, left + width, self.min_crop + (1 - self.min_crop) * share_x, place_x),
        )


def _span(length: int, start: int, end: int, share: float, place: float) -> slice:
    """A span of about `share * length` pixels that holds start..end, at the place-th of those possible."""
    size = max(round(share * length), end - start)
    first, last = max(0, end - size), min(start, length - size)
    begin = first + int(place * (last - first + 1))
    return slice(begin, begin + size)
