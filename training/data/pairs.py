"""Training regions as squares for the network, cut out and augmented on the fly, and the plan of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from rvernet_app.errors import ConfigError
from rvernet_app.picture.cutouts import Letterbox
from training.data.augment import Augmentation, Change
from training.data.photos import PhotoCache
from training.data.regions import DataError, Region

Place = tuple[int, int, int]
"""(epoch, draw, index): the region with this index is the draw-th of the epoch."""


OF_A_FOOD = 0.25
"""A picture shows another food if at least this share of the food's box is inside the window."""


class Item(NamedTuple):
    """The squares of one region.

    Attributes:
        squares: one for each picture that the model reads, uint8 (S, S, 3).
        region: index of the region.
        broken: errors of regions that this one replaces.
        blank: True if the extra-ROI picture is blank.
        others: for each class, True if another food of it is inside the window, bool (K,); (0,) if not
            requested.
    """

    squares: list[NDArray[np.uint8]]
    region: int
    broken: list[str]
    blank: bool
    others: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Batch:
    """The squares of several regions.

    Attributes:
        pictures: one for each picture that the model reads, uint8 (B, S, S, 3).
        indices: of the regions, int64 (B,).
        broken: errors of regions that these replace.
        blank: see `Item`, bool (B,).
        others: see `Item`, bool (B, K).
    """

    pictures: tuple[Tensor, ...]
    indices: Tensor
    broken: tuple[str, ...]
    blank: Tensor
    others: Tensor


@dataclass(frozen=True)
class Plan:
    """The regions of each step, the same for any number of processes.

    Attributes:
        class_indices: of every training region.
        batch_size: regions of a step, over all processes and micro-batches.
        epochs: passes over the training regions.
        balance: a class with n regions is drawn in proportion to n ** (1 - balance): 0 takes every region
            once per epoch in random order, 1 draws all classes equally often.
        seed: of the draws.
    """

    class_indices: tuple[int, ...]
    batch_size: int
    epochs: int
    balance: float = 0.0
    seed: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches. The regions that remain are different ones in every epoch."""
        return max(1, len(self.class_indices) // self.batch_size)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def epoch(self, epoch: int) -> NDArray[np.int64]:
        """Return the indices of the regions of an epoch, int64 (steps_per_epoch, batch_size)."""
        random = np.random.default_rng((self.seed, epoch))
        wanted = self.steps_per_epoch * self.batch_size
        if self.balance:
            counts = np.bincount(self.class_indices)[list(self.class_indices)].astype(float)
            weights = counts**-self.balance
            drawn = random.choice(len(counts), wanted, p=weights / weights.sum())
        else:
            drawn = np.resize(random.permutation(len(self.class_indices)), wanted)
        return drawn.reshape(self.steps_per_epoch, self.batch_size)

    def batches_from(
        self, step: int, part: int = 0, parts: int = 1, micro_batches: int = 1
    ) -> Iterator[list[Place]]:
        """Yield the places of every micro-batch of one process, starting at this step.

        Args:
            part, parts: number of this process, and number of processes.
            micro_batches: pieces in which a process takes its part of a batch.
        """
        size = self.batch_size // (parts * micro_batches)
        for epoch in range(step // self.steps_per_epoch, self.epochs):
            batches = self.epoch(epoch)
            first = step % self.steps_per_epoch if epoch == step // self.steps_per_epoch else 0
            for number in range(first, self.steps_per_epoch):
                for micro in range(micro_batches):
                    start = (micro * parts + part) * size
                    draws = range(start, start + size)
                    yield [(epoch, number * self.batch_size + d, int(batches[number, d])) for d in draws]


class PairedRegions(Dataset[Item]):
    """Training regions as the squares that a model reads.

    A photo is decoded once; both cut-outs come from the same changed photo and mask. An item depends only on
    the seed and its place, not on the order or the process.

    Args:
        regions: each with at least one mask; if there are several, one is drawn.
        pictures: pictures of `Cutouts` that the model reads.
        max_cache_mb: memory for decoded photos, in 10^6 bytes, in each process that prepares batches.
        skip_broken: replace a broken region by another one, rather than stop.
        others: the other foods of each region's photo, if items are to tell which they show.
    """

    def __init__(
        self,
        regions: Sequence[Region],
        pictures: Sequence[str],
        augmentation: Augmentation,
        letterbox: Letterbox,
        *,
        seed: int = 0,
        max_cache_mb: float = 0.0,
        skip_broken: bool = False,
        others: OtherFoods | None = None,
    ) -> None:
        self.regions = regions
        self._pictures = pictures
        self._augmentation = augmentation
        self._letterbox = letterbox
        self._seed = seed
        self._skip_broken = skip_broken
        self._others = others
        self._photos = PhotoCache(max_cache_mb, max_side=round(letterbox.size / augmentation.min_crop))

    def __len__(self) -> int:
        return len(self.regions)

    def __getitem__(self, place: Place) -> Item:
        """Return the region at a place.

        Raises:
            DataError: the region cannot be read and broken ones are not skipped, or no region can be read.
        """
        epoch, draw, index = place
        random = np.random.default_rng((self._seed, epoch, draw))
        broken: list[str] = []
        for chosen in self._candidates(index, random):
            region = self.regions[chosen]
            try:
                masked = region.masked[random.integers(len(region.masked))]
                photo, mask = masked.read(self._photos.open)
            except DataError as error:
                if not self._skip_broken:
                    raise
                broken.append(f"{region.name}: {error}")
                continue
            change = self._augmentation.draw(mask, random)
            cutouts = change.apply(photo, mask)
            squares = [self._letterbox.apply(getattr(cutouts, name)) for name in self._pictures]
            others = self._others.shown(chosen, change, mask.shape) if self._others else np.zeros(0, np.bool_)
            return Item(squares, chosen, broken, change.blank, others)
        raise DataError(f"None of the {len(self.regions)} training regions can be read, first {broken[0]}")

    def _candidates(self, index: int, random: np.random.Generator) -> Iterator[int]:
        """Yield the index of a region, then the others in random order."""
        yield index
        yield from (int(other) for other in random.permutation(len(self.regions)) if other != index)


class OtherFoods:
    """The other foods of each region's photo that a window shows.

    A food is shown if a quarter of its box is inside the window, or if no source tells its box. Boxes stand
    for masks, which would have to be decoded for every item.

    Args:
        regions: the regions and the foods around them.
        classes: K class names; every label of a region is among them.

    Raises:
        ConfigError: a region has only cut-outs and no photo.
    """

    def __init__(self, regions: Sequence[Region], classes: Sequence[str]) -> None:
        if missing := [region.name for region in regions if region.photo is None]:
            raise ConfigError(f"context_loss needs whole photos with their regions; {missing[0]} has none.")
        self._regions = regions
        self._classes = {name: i for i, name in enumerate(classes)}
        self._on_photo: dict[Path | None, list[int]] = {}
        for index, region in enumerate(regions):
            self._on_photo.setdefault(region.photo, []).append(index)

    def shown(self, index: int, change: Change, size_hw: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return for each class whether another food of it is inside the window, bool (K,).

        Args:
            index: of the region whose photo was changed.
            size_hw: of the changed photo, which may be reduced.
        """
        found = np.zeros(len(self._classes), np.bool_)
        for other in self._on_photo[self._regions[index].photo]:
            region = self._regions[other]
            if other != index and _kept(region, change, size_hw) >= OF_A_FOOD:
                found[self._classes[region.label]] = True
        return found


def _kept(region: Region, change: Change, size_hw: tuple[int, ...]) -> float:
    """Return the share of a region's box that a change keeps, 0 to 1."""
    if region.box_xyxy is None or region.size_hw is None:
        return 1.0
    down, across = size_hw[0] / region.size_hw[0], size_hw[1] / region.size_hw[1]
    left, top, right, bottom = region.box_xyxy
    return change.kept((left * across, top * down, right * across, bottom * down))


def collate(items: Sequence[Item]) -> Batch:
    """Make a batch of items."""
    squares, indices, broken, blank, others = zip(*items, strict=True)
    return Batch(
        pictures=tuple(
            torch.from_numpy(np.stack(same)) for same in zip(*squares, strict=True)
        ),  # (B, S, S, 3)
        indices=torch.tensor(indices),  # (B,)
        broken=tuple(sentence for sentences in broken for sentence in sentences),
        blank=torch.tensor(list(map(bool, blank))),  # (B,)
        others=torch.from_numpy(np.stack(others)),  # (B, K)
    )


def one_thread(worker: int) -> None:
    """Keep OpenCV from starting threads in a worker."""
    cv2.setNumThreads(0)
