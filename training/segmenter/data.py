"""Photos with masks from COCO files, and random windows of them to train on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from rvernet_app.picture.masks import from_rle
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.small_sam import PHOTO_SIDE, STRIDE
from rvernet_app.types import Mask, Photo
from training.data.coco import ANNOTATIONS_NAME, AnnotatedPhoto, CocoFolder, annotated_rle
from training.data.masks import MaskMaker
from training.data.photos import open_photo
from training.data.regions import SPLITS, DataError
from training.segmenter.augment import Change, Food, change_light, paste, warp
from training.segmenter.options import SegmenterOptions, Source

STORED_SIDE = 900
"""Photos are kept in memory with at most this side; windows show them at about half of it."""
SMALLEST = 24
"""Pixels of stride 2 a target has at least."""
NAME = "boxes"
PIECES = 0.25
"""Probability that a piece of a food is asked for where pieces are annotated."""


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
    foods: tuple[Mapping[str, Any], ...]
    pieces: tuple[Mapping[str, Any], ...] = ()


def read_scenes(source: Source, segmenter: Segmenter, mask_cache: Path) -> dict[str, list[Scene]]:
    """The scenes of a source by split, those without a mask left out.

    Args:
        segmenter: makes the masks where the source has boxes only.
        mask_cache: folder where those masks are kept.

    Raises:
        DataError: the source is missing or damaged.
    """
    split = _from_boxes(source, segmenter, mask_cache) if source.boxes else read_masks(source)
    if source.limit:
        split["train"] = split["train"][: source.limit]
    return split


def read_masks(source: Source) -> dict[str, list[Scene]]:
    """The scenes of a source with masks, by split, those without a mask left out. Raises DataError as `read_scenes`."""
    path = source.annotations or source.data / ANNOTATIONS_NAME
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        foods: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for annotation in coco["annotations"]:
            foods[annotation["image_id"]].append(annotation)
        split: dict[str, list[Scene]] = {name: [] for name in SPLITS}
        for image in coco["images"]:
            group = str(image.get("group", image["file_name"]))
            name = image.get("split") or ("val" if group in source.held_out else "train")
            size_hw, photo = (image["height"], image["width"]), image["file_name"]
            split[name].append(
                Scene(
                    photo=source.data / "images" / photo,
                    size_hw=size_hw,
                    foods=tuple(
                        annotated_rle(food["segmentation"], size_hw, photo) for food in foods[image["id"]]
                    ),
                    pieces=tuple(rle for food in foods[image["id"]] for rle in food.get("pieces", ())),
                )
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a COCO instance file with masks: {error!r}.") from error
    return {name: [scene for scene in scenes if scene.foods] for name, scenes in split.items()}


def _from_boxes(source: Source, segmenter: Segmenter, mask_cache: Path) -> dict[str, list[Scene]]:
    found = CocoFolder(NAME, source.data).read()
    made = MaskMaker(segmenter, mask_cache, {NAME: found.fingerprint}).masked(found.regions)
    split: dict[str, list[Scene]] = {}
    for name in ("train", "val"):
        by_photo = defaultdict(list)
        for region in made:
            masked = region.masked[0]
            if region.split == name and isinstance(masked, AnnotatedPhoto):
                rle = annotated_rle(masked.segmentation, masked.size_hw, masked.name)
                by_photo[masked.photo, masked.size_hw].append(rle)
        split[name] = [Scene(photo, size, tuple(foods)) for (photo, size), foods in by_photo.items()]
    return split


@dataclass(frozen=True, eq=False)
class Window:
    """What one training example shows.

    Attributes:
        pixels: uint8 (S, S, 3) RGB.
        targets: bool (M, S/2, S/2), the masks to be found.
        offset_yx: where the window lies in the model's grid, in cells of STRIDE pixels.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.bool_]
    offset_yx: tuple[int, int]


class Windows(Dataset[Window]):
    """Random windows of scenes; an item depends on the seed and its place (step, index) only."""

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
        """(step, index) -> the window."""
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
        """A window before its light is changed, the foods seen in it and the pieces seen in it."""
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
    """The photo, at most STORED_SIDE wide and high, with its masks."""
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
    return small > 127
