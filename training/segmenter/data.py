"""Photos with masks from COCO files, and random windows of them for training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from rvernet_app.exchange.formats.coco_file import CocoAnnotation
from rvernet_app.exchange.formats.coco_parts import ANNOTATIONS_NAME
from rvernet_app.picture.masks import Rle, from_rle
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.small_sam import PHOTO_SIDE, STRIDE
from rvernet_app.types import Mask, Photo
from training.data.coco import AnnotatedPhoto, CocoFolder, read_file
from training.data.masks import MaskMaker
from training.data.photos import open_photo
from training.data.regions import SPLITS, DataError
from training.segmenter.augment import Change, Food, change_light, paste, warp
from training.segmenter.options import SegmenterOptions, Source

STORED_SIDE = 900
"""Longest side of a photo in memory; windows show photos at about half of it."""
SMALLEST = 24
"""Smallest target, in pixels of stride 2."""
NAME = "boxes"
PIECES = 0.25
"""Probability of asking for a piece of a food, if pieces are annotated."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with its annotated foods.

    Attributes:
        photo: path of the photo.
        size_hw: its height and width.
        foods: a mask for each food, COCO compressed RLE.
        pieces: masks of single pieces of foods.
    """

    photo: Path
    size_hw: tuple[int, int]
    foods: tuple[Rle, ...]
    pieces: tuple[Rle, ...] = ()


def read_scenes(source: Source, segmenter: Segmenter, mask_cache: Path) -> dict[str, list[Scene]]:
    """Read the scenes of a source by split, without photos that have no mask.

    Args:
        segmenter: makes the masks if the source has only boxes.
        mask_cache: folder for those masks.

    Raises:
        DataError: the source is missing or damaged.
    """
    return _from_boxes(source, segmenter, mask_cache) if source.boxes else read_masks(source)


def read_masks(source: Source) -> dict[str, list[Scene]]:
    """Read the scenes of a source with masks, by split, without photos that have no mask.

    Raises:
        DataError: as `read_scenes`.
    """
    path = source.annotations or source.data / ANNOTATIONS_NAME
    file = read_file(path)
    foods: dict[str | None, list[CocoAnnotation]] = defaultdict(list)
    for annotation in file.annotations:
        foods[annotation.image_id].append(annotation)
    split: dict[str, list[Scene]] = {name: [] for name in SPLITS}
    for image in file.images:
        if image.file_name is None or image.size_hw is None:
            raise DataError(f"{path} has an image {image.id} without file_name, height or width.")
        group = image.file_name if image.group is None else image.group
        name = image.split or ("val" if group in source.held_out else "train")
        if name not in split:
            raise DataError(f"{path} has the split {name!r}; known are {', '.join(SPLITS)}.")
        photo = source.data / "images" / image.file_name
        own = [_masks(photo, image.size_hw, food) for food in foods[image.id]]
        if own:
            pieces = tuple(piece for _, of_food in own for piece in of_food)
            split[name].append(Scene(photo, image.size_hw, tuple(food for food, _ in own), pieces))
    return split


def _masks(photo: Path, size_hw: tuple[int, int], food: CocoAnnotation) -> tuple[Rle, list[Rle]]:
    """Return the mask of a food and those of its pieces."""
    name = f"annotation {food.id} ({photo.name})"
    whole, *pieces = (
        AnnotatedPhoto(photo, size_hw, s, name).rle() for s in (food.segmentation, *food.pieces)
    )
    return whole, pieces


def _from_boxes(source: Source, segmenter: Segmenter, mask_cache: Path) -> dict[str, list[Scene]]:
    found = CocoFolder(NAME, source.data).read()
    made = MaskMaker(segmenter, mask_cache, {NAME: found.fingerprint}).masked(found.regions)
    split: dict[str, list[Scene]] = {}
    for name in ("train", "val"):
        by_photo = defaultdict(list)
        for region in made:
            masked = region.masked[0]
            if region.split == name and isinstance(masked, AnnotatedPhoto):
                by_photo[masked.photo, masked.size_hw].append(masked.rle())
        split[name] = [Scene(photo, size, tuple(foods)) for (photo, size), foods in by_photo.items()]
    return split


@dataclass(frozen=True, eq=False)
class Window:
    """One training example.

    Attributes:
        pixels: uint8 (S, S, 3) RGB.
        targets: bool (M, S/2, S/2), the masks to find.
        offset_yx: place of the window in the model's grid, in cells of STRIDE pixels.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.bool_]
    offset_yx: tuple[int, int]


class Windows(Dataset[Window]):
    """Random windows of scenes. An item depends only on the seed and its place (step, index)."""

    def __init__(self, sources: Sequence[Sequence[Scene]], options: SegmenterOptions) -> None:
        weights = np.array(
            [s.weight if scenes else 0.0 for s, scenes in zip(options.sources, sources, strict=True)]
        )
        if not weights.sum():
            raise DataError("None of the sources has a photo with a mask to train on.")
        self._sources = sources
        self._shares = weights / weights.sum()
        self._options = options

    def __getitem__(self, place: tuple[int, int]) -> Window:
        """Return the window at a place (step, index)."""
        step, index = place
        rng = np.random.default_rng((self._options.seed, step, index))
        side = self._options.stage_at(step).window
        while True:
            pixels, foods, pieces = self._compose(rng, side)
            kind = pieces if pieces and rng.random() < PIECES else foods
            targets = [mask for mask in map(_halved, kind) if np.count_nonzero(mask) >= SMALLEST]
            if targets:
                break
        chosen = np.resize(rng.permutation(len(targets)), self._options.masks)
        free = (PHOTO_SIDE - side) // STRIDE
        offset_yx = int(rng.integers(free + 1)), int(rng.integers(free + 1))
        return Window(change_light(pixels, rng), np.stack([targets[i] for i in chosen]), offset_yx)

    def _scene(self, rng: np.random.Generator) -> Scene:
        scenes = self._sources[int(rng.choice(len(self._shares), p=self._shares))]
        return scenes[int(rng.integers(len(scenes)))]

    def _compose(self, rng: np.random.Generator, side: int) -> tuple[Photo, list[Mask], list[Mask]]:
        """Return a window before its light is changed, and the visible foods and pieces."""
        scene = self._scene(rng)
        photo, foods, pieces = _load(scene)
        focus = foods[int(rng.integers(len(foods)))]
        change = Change.draw(rng, photo.shape[:2], focus, side)
        pixels = warp(photo, change, cv2.INTER_AREA)
        seen_foods, seen_pieces = (
            [warp(mask.astype(np.uint8) * 255, change, cv2.INTER_AREA, fill=0) > 127 for mask in masks]
            for masks in (foods, pieces)
        )
        if rng.random() < self._options.paste:
            for _ in range(int(rng.integers(1, 4))):
                other, others, _ = _load(self._scene(rng))
                mask = others[int(rng.integers(len(others)))]
                pixels, pasted = paste(pixels, Food(other, mask), rng)
                seen_foods, seen_pieces = (
                    [m & ~pasted for m in masks] for masks in (seen_foods, seen_pieces)
                )
                seen_foods.append(pasted)
        return pixels, seen_foods, seen_pieces


@lru_cache(maxsize=2500)
def _load(scene: Scene) -> tuple[Photo, list[Mask], list[Mask]]:
    """Return the photo, with at most STORED_SIDE pixels on its longest side, and its masks."""
    photo = open_photo(scene.photo).pixels
    if photo.shape[:2] != tuple(scene.size_hw):
        raise DataError(
            f"The size of {scene.photo} is {photo.shape[:2]}, but its annotations say {scene.size_hw}."
        )
    share = min(1.0, STORED_SIDE / max(scene.size_hw))
    size_wh = round(scene.size_hw[1] * share), round(scene.size_hw[0] * share)
    foods, pieces = (
        [
            cv2.resize(from_rle(rle, scene.size_hw).astype(np.uint8), size_wh, interpolation=cv2.INTER_AREA)
            > 0
            for rle in rles
        ]
        for rles in (scene.foods, scene.pieces)
    )
    return cv2.resize(photo, size_wh, interpolation=cv2.INTER_AREA), foods, pieces


def _halved(mask: Mask) -> Mask:
    height, width = mask.shape
    small = cv2.resize(mask.astype(np.uint8) * 255, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    result: Mask = small > 127
    return result
