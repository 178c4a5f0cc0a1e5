"""Training regions as squares for the network, cut out and augmented on the fly, and which of them make up a step."""

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
"""(epoch, draw, index): the draw-th region of an epoch is that with this index."""


OF_A_FOOD = 0.25
"""Least share of another food's box inside the window for a picture to show it."""


class Item(NamedTuple):
    """Squares of one region.

    Attributes:
        squares: one for each picture the model reads, uint8 (S, S, 3).
        region: index of the region shown.
        broken: what was wrong with regions that it took the place of.
        blank: whether its extra-ROI picture was blanked.
        others: for each class, whether another food inside the window is of it, bool (K,); (0,) where nobody asks.
    """

    squares: list[NDArray[np.uint8]]
    region: int
    broken: list[str]
    blank: bool
    others: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Batch:
    """Squares of several regions.

    Attributes:
        pictures: one for each picture the model reads, uint8 (B, S, S, 3).
        indices: of the regions shown, int64 (B,).
        broken: what was wrong with regions that others took the place of.
        blank: as of each item, bool (B,).
        others: as of each item, bool (B, K).
    """

    pictures: tuple[Tensor, ...]
    indices: Tensor
    broken: tuple[str, ...]
    blank: Tensor
    others: Tensor


@dataclass(frozen=True)
class Plan:
    """Which regions make up which step, the same for any number of processes.

    Attributes:
        class_indices: of every training region.
        batch_size: regions of a step, those of all processes and micro-batches together.
        epochs: how often the training regions are gone through.
        balance: a class with n regions is drawn in proportion to n ** (1 - balance): 0 takes every region once an
            epoch in random order, 1 draws all classes equally often.
        seed: of the draws.
    """

    class_indices: tuple[int, ...]
    batch_size: int
    epochs: int
    balance: float = 0.0
    seed: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches; what remains of the regions is another remainder in every epoch."""
        return max(1, len(self.class_indices) // self.batch_size)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def epoch(self, epoch: int) -> NDArray[np.int64]:
        """Indices of the regions of an epoch, int64 (steps_per_epoch, batch_size)."""
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
        """The places of every micro-batch of one process, from this step on.

        Args:
            part, parts: number of this process, and how many there are.
            micro_batches: in how many pieces a process takes its part of a batch.
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

    A photo is decoded once, its cut-outs are made from it and the mask, and they share every change. An item depends
    on the seed and its place only, not on the order or the process it is made in.

    Args:
        regions: each with at least one mask; where it has several, one is drawn.
        pictures: which pictures of `Cutouts` the model reads.
        max_cache_mb: memory for decoded photos, in each process that prepares batches.
        skip_broken: put another region in the place of a broken one, rather than stop.
        others: the other foods of each region's photo, where an item is to tell which it shows.
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
        """What is shown of the region at a place.

        Raises:
            DataError: the region cannot be read and broken ones are not skipped, or none can be read at all.
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
        """A region's index, then those of the others in random order."""
        yield index
        yield from (int(other) for other in random.permutation(len(self.regions)) if other != index)


class OtherFoods:
    """The other foods of each region's photo, as far as a window shows them.

    A food is shown where a quarter of its box is inside the window, or where no source tells its box. Boxes stand for
    masks, which would have to be decoded for every item.

    Args:
        regions: those that may be asked for, and the foods that are known of.
        classes: K class names, among which every region's label is.

    Raises:
        ConfigError: a region has no photo, but only its cut-outs.
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
        """For each class, whether another food of the photo is of it and inside the window, bool (K,).

        Args:
            index: of the region whose photo was changed.
            size_hw: of that photo as it was changed, perhaps reduced.
        """
        found = np.zeros(len(self._classes), np.bool_)
        for other in self._on_photo[self._regions[index].photo]:
            region = self._regions[other]
            if other != index and _kept(region, change, size_hw) >= OF_A_FOOD:
                found[self._classes[region.label]] = True
        return found


def _kept(region: Region, change: Change, size_hw: tuple[int, ...]) -> float:
    """The share of a region's box that a change of its photo, of this size, keeps."""
    if region.box_xyxy is None or region.size_hw is None:
        return 1.0
    down, across = size_hw[0] / region.size_hw[0], size_hw[1] / region.size_hw[1]
    left, top, right, bottom = region.box_xyxy
    return change.kept((left * across, top * down, right * across, bottom * down))


def collate(items: Sequence[Item]) -> Batch:
    """Items of `PairedRegions` as one batch."""
    squares, indices, broken, blank, others = zip(*items, strict=True)
    return Batch(
        pictures=tuple(
            torch.from_numpy(np.stack(same)) for same in zip(*squares, strict=True)
        ),  # (B, S, S, 3)
        indices=torch.tensor(indices),  # (B,)
        broken=tuple(sentence for sentences in broken for sentence in sentences),
        blank=torch.tensor(blank),  # (B,)
        others=torch.from_numpy(np.stack(others)),  # (B, K)
    )


def one_thread(worker: int) -> None:
    """Keep OpenCV in a worker from starting threads of its own."""
    cv2.setNumThreads(0)
