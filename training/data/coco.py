"""COCO instances with masks or boxes: `annotations.json` beside `images/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pycocotools import mask as coco

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import from_rle
from rvernet_app.types import Mask, Photo
from training.data.photos import files_in, fit_mask
from training.data.regions import SPLITS, DataError, OpenPhoto, Region, SourceRegions, split_by_group

ANNOTATIONS_NAME = "annotations.json"


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo and a mask as a COCO file holds it.

    Attributes:
        photo: path of the photo.
        size_hw: its height and width.
        segmentation: polygons, uncompressed or compressed RLE.
        name: what an error calls the mask.
    """

    photo: Path
    size_hw: tuple[int, int]
    segmentation: Any
    name: str

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """As `training.data.regions.MaskedPhoto.read`."""
        photo = open_photo(self.photo)
        if photo.size_hw != self.size_hw:
            raise DataError(f"{self.photo} is {photo.size_hw} high and wide, annotated as {self.size_hw}.")
        try:
            mask = from_rle(annotated_rle(self.segmentation, self.size_hw, self.name), self.size_hw)
        except PromptError as error:
            raise DataError(f"The mask of {self.name} is of no use: {error}") from error
        return photo.pixels, fit_mask(mask, photo.pixels.shape[:2])


class CocoFolder:
    """A COCO instance file and its photos, as a `RegionSource`.

    Every image may carry `split` ("train", "val" or "test") and `group`; without a group the photo is its own, without
    a split, or where it is null, `held_out` and `val_share` decide. Annotations with `iscrowd` or `ignore` set are left
    out. No photo is opened.

    Args:
        name: of the source.
        folder: of the data set.
        annotations: the COCO file, where it is another than `folder / "annotations.json"`.
        rename: category names -> the class names to use instead.
        held_out, val_share: see `split_by_group`.
        unsplit: split of images for which nothing says one; None refuses them.
        skip_missing: leave regions of missing photos out, rather than refuse the data set.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        annotations: Path | None = None,
        rename: Mapping[str, str] = MappingProxyType({}),
        held_out: Sequence[str] = (),
        val_share: float = 0.0,
        unsplit: str | None = None,
        skip_missing: bool = False,
    ) -> None:
        self.name = name
        self._folder = folder
        self._path = annotations or folder / ANNOTATIONS_NAME
        self._rename = rename
        self._held_out = held_out
        self._val_share = val_share
        self._unsplit = "train" if held_out or val_share else unsplit
        self._skip_missing = skip_missing

    def read(self) -> SourceRegions:
        """As `training.data.regions.RegionSource.read`.

        Raises:
            DataError: also where a photo is missing, an image has no split and nothing decides it, or `rename` names a
                category that does not exist.
        """
        try:
            content = self._path.read_bytes()
            described = json.loads(content)
            images = {image["id"]: image for image in described["images"]}
            categories = sorted(described["categories"], key=lambda category: category["id"])
            names = {c["id"]: self._rename.get(c["name"], c["name"]) for c in categories}
            kept = [a for a in described["annotations"] if not a.get("iscrowd") and not a.get("ignore")]
            regions = [self._region(a, images[a["image_id"]], names[a["category_id"]]) for a in kept]
            if unused := sorted(set(self._rename) - {c["name"] for c in categories}):
                raise DataError(f"{self._path} has no categories {', '.join(unused)} to rename.")
        except OSError as error:
            raise DataError(f"{self._path} cannot be read: {error}.") from error
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self._path} is not a COCO instance file: {error!r}.") from error
        split = split_by_group(regions, self._held_out, self._val_share, self.name)
        missing = self._missing(split)
        return SourceRegions(
            regions=tuple(r for r in split if r.name not in missing),
            labels=tuple(dict.fromkeys(names.values())),
            fingerprint=hashlib.sha256(content).hexdigest()[:12],
            left_out={"photo missing": tuple(missing)} if missing else {},
        )

    def _region(self, annotation: Mapping[str, Any], image: Mapping[str, Any], label: str) -> Region:
        split = image.get("split") or self._unsplit
        if split not in SPLITS:
            raise DataError(
                f"{self._path} has the split {split!r} for {image['file_name']}; known are {', '.join(SPLITS)}, and "
                "without any held_out or val_share must say what to validate on."
            )
        photo = self._folder / "images" / image["file_name"]
        size_hw = image["height"], image["width"]
        x, y, width, height = annotation["bbox"]
        segmentation = annotation.get("segmentation")
        called = f"annotation {annotation['id']} ({photo.name})"
        return Region(
            name=f"{self.name}/{annotation['id']}",
            label=label,
            group=f"{self.name}/{image.get('group', image['file_name'])}",
            split=split,
            masked=(AnnotatedPhoto(photo, size_hw, segmentation, called),) if segmentation else (),
            photo=photo,
            size_hw=size_hw,
            box_xyxy=(x, y, x + width, y + height),
            share=annotation.get("area", width * height) / (size_hw[0] * size_hw[1]),
        )

    def _missing(self, regions: Sequence[Region]) -> dict[str, None]:
        """Names of the regions whose photo is not there, in their order; folders are listed once each."""
        listed = cache(files_in)
        missing = [r for r in regions if r.photo is not None and r.photo not in listed(r.photo.parent)]
        if missing and not self._skip_missing:
            photos = {r.photo for r in missing}
            raise DataError(f"{len(photos)} photos are missing, first {min(map(str, photos))}.")
        return dict.fromkeys(r.name for r in missing)


def annotated_rle(segmentation: Any, size_hw: tuple[int, int], name: str) -> dict[str, Any]:
    """Polygons, uncompressed or compressed RLE of a COCO file -> compressed RLE with counts as str.

    Args:
        name: what an error calls it.

    Raises:
        DataError: it is none of these.
    """
    try:
        found = segmentation
        if isinstance(found, list):
            found = coco.merge(coco.frPyObjects(found, *size_hw))
        elif isinstance(found["counts"], list):
            found = coco.frPyObjects(found, *size_hw)
        counts = found["counts"]
        return {"size": list(found["size"]), "counts": counts if isinstance(counts, str) else counts.decode()}
    except Exception as error:  # pycocotools raises plain Exception
        raise DataError(f"The mask of {name} is damaged.") from error
