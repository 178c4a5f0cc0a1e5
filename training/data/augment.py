"""Random changes of a photo and its mask before the cut-outs are made, so that both cut-outs share them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import bbox_xywh
from rvernet_app.types import Cutouts, Mask, Photo
from training.shared.configuration import require_within


@dataclass(frozen=True)
class Change:
    """A change drawn for one region; photo, mask and both cut-outs share it.

    Attributes:
        rows, columns: window of the photo to keep.
        flipped: horizontally.
        gain: factor of the brightness; 1 changes nothing.
        blank: True blanks the extra-ROI picture.
    """

    rows: slice
    columns: slice
    flipped: bool
    gain: float
    blank: bool

    def apply(self, photo: Photo, mask: Mask) -> Cutouts:
        """Change a photo, uint8 (H, W, 3), and its mask, bool (H, W), and cut out. The arguments stay
        unchanged.
        """
        photo, mask = photo[self.rows, self.columns], mask[self.rows, self.columns]
        if self.flipped:
            photo, mask = photo[:, ::-1], mask[:, ::-1]
        if self.gain != 1:
            photo = np.clip(photo * np.float32(self.gain) + np.float32(0.5), 0, 255).astype(np.uint8)
        cutouts = cut_out(photo, mask)
        return cutouts.without_context() if self.blank else cutouts

    def kept(self, box_xyxy: tuple[float, float, float, float]) -> float:
        """Return the share of a box that the window keeps, 0 to 1; 0 for an empty box.

        Args:
            box_xyxy: left, top, right, bottom in pixels of the photo.
        """
        left, top, right, bottom = box_xyxy
        across = min(right, self.columns.stop) - max(left, self.columns.start)
        down = min(bottom, self.rows.stop) - max(top, self.rows.start)
        area = (right - left) * (bottom - top)
        return max(across, 0) * max(down, 0) / area if area else 0.0


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training regions.

    Attributes:
        flip: probability of a horizontal flip.
        min_crop: smallest side of the random window around the region, as a share of the photo's side; 1 is
            off.
        brightness: largest relative change of brightness.
        context_dropout: probability of a blank extra-ROI picture, so that the model learns to predict without
            context.

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
        """Draw a change for a photo; the window contains the whole mask, bool (H, W), not empty.

        The number of draws from `random` is always the same.
        """
        flip, blank, *window = random.random(6)
        gain = 1 + self.brightness * random.uniform(-1, 1)
        rows, columns = self._window(mask, window)
        return Change(rows, columns, flip < self.flip, gain, blank < self.context_dropout)

    def _window(self, mask: Mask, draws: list[float]) -> tuple[slice, slice]:
        """Return rows and columns of a random window that contains the whole mask."""
        left, top, width, height = bbox_xywh(np.ascontiguousarray(mask))
        share_y, share_x, place_y, place_x = draws
        return (
            _span(mask.shape[0], top, top + height, self.min_crop + (1 - self.min_crop) * share_y, place_y),
            _span(mask.shape[1], left, left + width, self.min_crop + (1 - self.min_crop) * share_x, place_x),
        )


def _span(length: int, start: int, end: int, share: float, place: float) -> slice:
    """Return a span of about `share * length` pixels that contains start..end; `place`, 0 to 1, selects among
    the possible ones.
    """
    size = max(round(share * length), end - start)
    first, last = max(0, end - size), min(start, length - size)
    begin = first + int(place * (last - first + 1))
    return slice(begin, begin + size)
