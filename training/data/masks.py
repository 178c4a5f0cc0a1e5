"""Make masks of annotated boxes and of single clicks with a segmenter, and keep them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rvernet_app import files
from rvernet_app.errors import PromptError, SegmentationError
from rvernet_app.picture.masks import bbox_xywh, innermost_point, to_rle
from rvernet_app.segment.base import Segmenter
from rvernet_app.types import FOREGROUND, Embedding, Mask, Photo, Prompt
from training.data.coco import AnnotatedPhoto
from training.data.photos import open_photo
from training.data.regions import DataError, MaskedPhoto, OpenPhoto, Region

MASKS = ("annotated", "click")
"""Kinds of masks: the annotated one, or the one made of the box if there is none; and the one that a single
click gives.
"""


@dataclass(frozen=True)
class Unreadable:
    """Stands for a mask that could not be made."""

    reason: str

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """Raise DataError with the reason."""
        raise DataError(self.reason)


WRITE_EVERY = 500
"""Masks between two writes of the cache."""


class MaskMaker:
    """Give regions the masks of a segmenter.

    Args:
        segmenter: makes each mask once; if it finds nothing, the box is the mask.
        cache: folder for the masks, with a file for each source, segmenter and kind of prompt.
        fingerprints: of the sources, by name, as in `Regions`.
        skip_broken: continue after a photo that cannot be read; its regions are refused when they are read.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        cache: Path,
        fingerprints: Mapping[str, str],
        skip_broken: bool = False,
    ) -> None:
        self._segmenter = segmenter
        self._cache = cache
        self._fingerprints = fingerprints
        self._skip_broken = skip_broken

    def masked(self, regions: Sequence[Region], kinds: Sequence[str] = MASKS[:1]) -> list[Region]:
        """Return the regions, each with a mask of every kind, in the order of the kinds.

        A click goes to the innermost point of the annotated mask, or else to the middle of the box. Regions
        without a whole photo keep their mask.

        Raises:
            DataError: a photo cannot be read, a box lies outside its photo, or a region has neither photo nor
                mask.
            ValueError: unknown kind.
        """
        if unknown := set(kinds) - set(MASKS):
            raise ValueError(f"expected kinds among {', '.join(MASKS)}, got {', '.join(sorted(unknown))}")
        prompted = {
            "annotated": ("box", [r for r in regions if not r.masked]),
            "click": ("click", [r for r in regions if r.photo is not None or not r.masked]),
        }
        made = [self._made(*prompted[kind]) for kind in kinds]
        return [
            replace(r, masked=tuple(masks[r.name] if r.name in masks else r.masked[0] for masks in made))
            for r in regions
        ]

    def _made(self, prompt: str, regions: Sequence[Region]) -> dict[str, MaskedPhoto]:
        made: dict[str, MaskedPhoto] = {}
        for source, those in groupby(regions, key=lambda r: r.name.split("/")[0]):
            made |= self._of_source(source, prompt, list(those))
        return made

    def _of_source(self, source: str, prompt: str, regions: Sequence[Region]) -> dict[str, MaskedPhoto]:
        mark = f"{self._fingerprints[source]}-{self._segmenter.name}-{self._segmenter.fingerprint}-{prompt}"
        path = self._cache / f"{mark}.json"
        rles: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        ids = {r.name: r.name.removeprefix(f"{source}/") for r in regions}
        missing = [r for r in regions if ids[r.name] not in rles]
        made: dict[str, MaskedPhoto] = {}
        opened = _Opened(self._segmenter)
        try:
            progress = tqdm(missing, desc=f"masks by {prompt}", unit="region", disable=not missing)
            for number, region in enumerate(progress, 1):
                if number % WRITE_EVERY == 0:
                    files.write(path, json.dumps(rles), durable=False)
                try:
                    rles[ids[region.name]] = to_rle(opened.mask(region, prompt))
                except DataError as error:
                    if not self._skip_broken:
                        raise
                    made[region.name] = Unreadable(str(error))
        finally:
            if len(made) < len(missing):
                files.write(path, json.dumps(rles), durable=False)
        for region in regions:
            if region.name not in made and region.photo is not None and region.size_hw is not None:
                rle = rles[ids[region.name]]
                made[region.name] = AnnotatedPhoto(region.photo, region.size_hw, rle, region.name)
        return made


class _Opened:
    """The segmenter with the last photo decoded and encoded; regions of one photo follow each other."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._path: Path | None = None
        self._photo: OpenPhoto | None = None
        self._embedding: Embedding | None = None

    def mask(self, region: Region, prompt: str) -> Mask:
        if region.photo is None or region.size_hw is None:
            raise DataError(f"{region.name} has no photo to prompt on.")
        photo = self._opened(region.photo)
        if photo.size_hw != region.size_hw:
            raise DataError(
                f"{region.photo} is {photo.size_hw} high and wide, annotated as {region.size_hw}."
            )
        box, point = _box_and_point(region, photo)
        try:
            asked = Prompt(box_xyxy=box) if prompt == "box" else Prompt((point,), (FOREGROUND,))
            if self._embedding is None:
                self._embedding = self._segmenter.encode(photo.pixels)
            result: Mask = self._segmenter.predict(self._embedding, asked).masks[0]
            return result
        except PromptError as error:
            raise DataError(f"The box of {region.name} cannot be used: {error}") from error
        except SegmentationError:
            left, top, right, bottom = box
            mask = np.zeros(region.size_hw, np.bool_)
            mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
            return mask

    def _opened(self, path: Path) -> OpenPhoto:
        if self._photo is None or path != self._path:
            self._photo, self._embedding, self._path = open_photo(path), None, path
        return self._photo


def _box_and_point(
    region: Region, photo: OpenPhoto
) -> tuple[tuple[float, float, float, float], tuple[float, float]]:
    """Return the part of the region's box inside the photo, and a point that a person might click."""
    if region.masked:
        mask = region.masked[0].read(lambda _: photo)[1]
        left, top, across, down = bbox_xywh(mask)
        x, y = innermost_point(mask)
        return (left, top, left + across, top + down), (x, y)
    if region.box_xyxy is None:
        raise DataError(f"{region.name} has neither a mask nor a box.")
    height, width = photo.size_hw
    x0, y0, x1, y1 = region.box_xyxy
    box = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
    return box, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
