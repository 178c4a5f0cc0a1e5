"""Conditions to measure a model under: clean, with noise, with errors of the mask, or in other places.

A condition has a name, and a strength if it has any: `clean`, `permutation=1`, `translocation=0.5`,
`erode=0.25`.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from rvernet_app.errors import ConfigError
from rvernet_app.picture.cutouts import Letterbox, cut_out
from rvernet_app.types import Mask, Photo
from training.data.photos import PhotoCache, open_photo
from training.data.regions import DataError, Region
from training.evidence.measure import Seen, View
from training.evidence.noise import MASK_ERRORS, Noise, PatchPermutation, Translocation

CLEAN, BACKGROUND = "clean", "background"
NOISES: Mapping[str, Callable[[float], Noise]] = {
    "permutation": PatchPermutation,
    "translocation": Translocation,
}
GRADES: Mapping[str, tuple[float, ...]] = {
    "permutation": (0.25, 0.5, 0.75, 1.0),
    "translocation": (0.25, 0.5, 0.75, 1.0),
    "erode": (0.1, 0.25, 0.5),
    "dilate": (0.1, 0.25, 0.5),
    "shift": (0.25, 0.5, 1.0),
    "drop": (0.25, 0.5, 0.75),
    "wrong_object": (0.5, 1.0),
    "background": (1.0,),
}
"""Strengths that `python -m training.robustness` measures; permutation and translocation at 1 are the
paper's.
"""
MOST: Mapping[str, float] = {CLEAN: 0.0, "erode": 10.0, "dilate": 10.0, "shift": 10.0}
"""Greatest strength of a condition whose strength is not a share."""


@dataclass(frozen=True)
class Condition:
    """A change of a region before a model sees it.

    Attributes:
        name: `CLEAN`; a key of NOISES or of MASK_ERRORS; or `BACKGROUND`, which lays the food with a
            probability of `strength` on another photo, scaled to cover this one.
        strength: see there; 0 for `CLEAN`.

    Raises:
        ConfigError: unknown condition, or its strength is out of range.
    """

    name: str
    strength: float = 0.0

    def __post_init__(self) -> None:
        known = (CLEAN, BACKGROUND, *NOISES, *MASK_ERRORS)
        if self.name not in known:
            raise ConfigError(f"Unknown condition {self.name!r}; known are {', '.join(known)}.")
        most = MOST.get(self.name, 1.0)
        if not 0 <= self.strength <= most:
            raise ConfigError(f"The strength of {self.name} must be in 0..{most:g}, got {self.strength:g}.")

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parse `name` or `name=strength`; the default strength is 1. May raise ConfigError."""
        name, _, strength = text.partition("=")
        try:
            return cls(name, float(strength) if strength else 0.0 if name == CLEAN else 1.0)
        except ValueError as error:
            raise ConfigError(f"The strength of {name} must be a number, got {strength!r}.") from error

    def __str__(self) -> str:
        return self.name if self.name == CLEAN else f"{self.name}={self.strength:g}"

    def view(
        self,
        pictures: Sequence[str],
        letterbox: Letterbox,
        regions: Sequence[Region],
        seed: int = 0,
        backgrounds: Sequence[Path] = (),
        skip_broken: bool = False,
    ) -> Callable[[Region], Seen]:
        """Return a function that shows a region to a model under this condition.

        The changes of a region depend only on the seed and the name of the region.

        Args:
            pictures: pictures that the model reads.
            regions: regions that can be mistaken for each other if they are of one photo.
            backgrounds: photos to lay foods on; empty takes photos of other groups.
            skip_broken: replace a background that cannot be read, rather than stop.

        Raises:
            ConfigError: no photo to lay foods on.
        """
        if self.name == CLEAN:
            return View(pictures, letterbox)
        change: Change = _as_it_is
        if self.name == BACKGROUND:
            change = _OtherPlace(self.strength, regions, backgrounds, skip_broken)
        elif self.name in MASK_ERRORS:
            change = _WrongMask(self.name, self.strength, regions)
        noise = NOISES[self.name](self.strength) if self.name in NOISES else Translocation(0)
        return _ChangedView(pictures, letterbox, change, noise, seed)


Change = Callable[[Region, np.random.Generator], tuple[Photo, Mask]]
"""Changes a region's photo and mask."""


@dataclass(frozen=True, eq=False)
class _ChangedView:
    pictures: Sequence[str]
    letterbox: Letterbox
    change: Change
    noise: Noise
    seed: int

    def __call__(self, region: Region) -> Seen:
        random = np.random.default_rng((self.seed, zlib.crc32(region.name.encode())))
        cutouts = cut_out(*self.change(region, random))
        seen = [getattr(cutouts, name) for name in self.pictures]
        return Seen(tuple(self.noise.apply(seen, self.letterbox, random)), cutouts.size_hw)


def _as_it_is(region: Region, random: np.random.Generator) -> tuple[Photo, Mask]:
    return region.masked[0].read(open_photo)


class _WrongMask:
    def __init__(self, name: str, strength: float, regions: Sequence[Region]) -> None:
        self._error, self._strength = MASK_ERRORS[name], strength
        self._open = lru_cache(maxsize=1)(open_photo)
        self._on_photo: dict[Path | None, list[Region]] = defaultdict(list)
        for region in regions if name == "wrong_object" else ():
            self._on_photo[region.photo].append(region)

    def __call__(self, region: Region, random: np.random.Generator) -> tuple[Photo, Mask]:
        photo, mask = region.masked[0].read(self._open)
        neighbours = self._on_photo[region.photo] if region.photo is not None else []
        others = [other.masked[0].read(self._open)[1] for other in neighbours if other.name != region.name]
        return photo, self._error(mask, self._strength, random, others)


class _OtherPlace:
    def __init__(
        self, strength: float, regions: Sequence[Region], backgrounds: Sequence[Path], skip_broken: bool
    ) -> None:
        own = {r.photo: r.group for r in regions if r.photo is not None}
        self._strength, self._skip_broken = strength, skip_broken
        self._group_of: dict[Path, str] = dict.fromkeys(backgrounds, "") or own
        self._open = PhotoCache(500, max_side=1024).open

    def __call__(self, region: Region, random: np.random.Generator) -> tuple[Photo, Mask]:
        photo, mask = region.masked[0].read(open_photo)
        if random.random() >= self._strength:
            return photo, mask
        others = [path for path, group in self._group_of.items() if group != region.group]
        while others:
            path = others.pop(random.integers(len(others)))
            try:
                other = _covering(self._open(path).pixels, mask.shape)
            except DataError:
                if not self._skip_broken:
                    raise
                continue
            return np.where(mask[:, :, None], photo, other), mask
        raise ConfigError("No other photo to lay foods on.")


def _covering(photo: Photo, size_hw: tuple[int, ...]) -> Photo:
    """Return the middle of a photo, scaled to cover a height and width."""
    height, width = size_hw
    scale = max(height / photo.shape[0], width / photo.shape[1])
    size_wh = max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale))
    scaled = cv2.resize(photo, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    result: Photo = scaled[top : top + height, left : left + width]
    return result
