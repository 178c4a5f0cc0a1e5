"""Labelled regions of photos from a COCO file, split by object, with the masks to cut them out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pycocotools import mask as coco
from tqdm import tqdm

from rvernet_app.config import AppConfig
from rvernet_app.errors import PhotoError, RvernetError, SegmentationError
from rvernet_app.masks import from_rle, to_rle
from rvernet_app.photos import read_photo
from rvernet_app.segment.base import Segmenter
from rvernet_app.types import FOREGROUND, Mask, Photo, Prompt

ANNOTATIONS_NAME = "annotations.json"
SPLITS = ("train", "val", "test")
PROMPTS = ("box", "click")


class DataError(RvernetError):
    """A data set is missing, damaged or contradicts itself."""


@dataclass(frozen=True)
class Region:
    """One annotated food in one photo.

    Attributes:
        id: the annotation's id in its file.
        photo: path of the photo.
        size_hw: the photo's height and width.
        class_index: place of its class in `Regions.classes`.
        group: what must not be split between training and measuring, e.g. the physical object.
        box_xyxy: left, top, right, bottom in pixels.
        segmentation: as in the COCO file, None where it has boxes only.
    """

    id: int
    photo: Path
    size_hw: tuple[int, int]
    class_index: int
    group: str
    box_xyxy: tuple[float, float, float, float]
    segmentation: Any = None


@dataclass(frozen=True)
class Regions:
    """A data set, split.

    Attributes:
        classes: names, in the order of the file's category ids; those with a training region.
        train, val, test: the regions of each split, in the file's order. No group is in two.
        fingerprint: 12 hex digits of the annotation file's SHA-256.
    """

    classes: tuple[str, ...]
    train: tuple[Region, ...]
    val: tuple[Region, ...]
    test: tuple[Region, ...]
    fingerprint: str


def read_regions(folder: Path, rename: Mapping[str, str] = MappingProxyType({})) -> Regions:
    """Read `annotations.json` beside `images/`: COCO instances with boxes or masks.

    Every image carries `split` ("train", "val" or "test") and may carry `group`; without one the photo is its own
    group. Annotations with `iscrowd` or `ignore` set are left out. No photo is opened.

    Args:
        folder: of the data set.
        rename: category names -> the class names to use instead.

    Raises:
        DataError: the file is missing or not of this form, a photo is missing, a group is in two splits,
            or a class never occurs in train.
    """
    path = folder / ANNOTATIONS_NAME
    try:
        content = path.read_bytes()
        described = json.loads(content)
        images = {image["id"]: image for image in described["images"]}
        names = {
            category["id"]: rename.get(category["name"], category["name"])
            for category in described["categories"]
        }
        kept = [a for a in described["annotations"] if not a.get("iscrowd") and not a.get("ignore")]
        splits = [images[a["image_id"]]["split"] for a in kept]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a COCO instance file with a split for every image: {error!r}."
        ) from error
    if unknown := set(splits) - set(SPLITS):
        raise DataError(f"{path} has the splits {sorted(map(str, unknown))}; known are train, val and test.")
    trained = {a["category_id"] for a, split in zip(kept, splits, strict=True) if split == "train"}
    if unlearned := {a["category_id"] for a in kept} - trained:
        raise DataError(f"{path} has no training region of {', '.join(sorted(names[i] for i in unlearned))}.")
    class_ids = sorted(trained)
    regions: dict[str, list[Region]] = {split: [] for split in SPLITS}
    for annotation, split in zip(kept, splits, strict=True):
        image = images[annotation["image_id"]]
        x, y, width, height = annotation["bbox"]
        regions[split].append(
            Region(
                id=annotation["id"],
                photo=folder / "images" / image["file_name"],
                size_hw=(image["height"], image["width"]),
                class_index=class_ids.index(annotation["category_id"]),
                group=str(image.get("group", image["file_name"])),
                box_xyxy=(x, y, x + width, y + height),
                segmentation=annotation.get("segmentation"),
            )
        )
    for one, other in combinations(SPLITS, 2):
        _require_no_leak(one, regions[one], other, regions[other])
    _require_photos([region for split in SPLITS for region in regions[split]])
    return Regions(
        classes=tuple(names[i] for i in class_ids),
        train=tuple(regions["train"]),
        val=tuple(regions["val"]),
        test=tuple(regions["test"]),
        fingerprint=hashlib.sha256(content).hexdigest()[:12],
    )


def region_masks(
    regions: Sequence[Region],
    fingerprint: str,
    segmenter: Segmenter,
    cache_folder: Path,
    prompt: str = "box",
) -> dict[int, dict[str, Any]]:
    """The mask of every region as COCO compressed RLE, by region id.

    Masks are asked of the segmenter once and kept in the cache folder, one file for each data set, segmenter
    and kind of prompt. Where the segmenter finds nothing, the box is the mask.

    Args:
        fingerprint: of the data set, `Regions.fingerprint`.
        prompt: "box" takes the file's masks as they are and prompts with the box where there is none; "click"
            always prompts, with one click in the middle of the box, as a person might.

    Raises:
        DataError: a photo or an annotated mask cannot be read.
        ValueError: unknown prompt.
    """
    if prompt not in PROMPTS:
        raise ValueError(f"expected prompt to be one of {', '.join(PROMPTS)}, got {prompt!r}")
    cache = cache_folder / f"{fingerprint}-{segmenter.name}-{segmenter.fingerprint}-{prompt}.json"
    prompted: dict[str, Any] = json.loads(cache.read_text()) if cache.is_file() else {}
    annotated = {
        r.id: annotated_rle(r.segmentation, r.size_hw, f"annotation {r.id} ({r.photo.name})")
        for r in regions
        if r.segmentation and prompt == "box"
    }
    missing = [r for r in regions if r.id not in annotated and str(r.id) not in prompted]
    try:
        for region in tqdm(missing, desc=f"masks by {prompt}", unit="region", disable=not missing):
            prompted[str(region.id)] = to_rle(_segment(region, segmenter, prompt))
    finally:
        if missing:
            _write_whole(cache, json.dumps(prompted))
    return {r.id: annotated.get(r.id) or prompted[str(r.id)] for r in regions}


def read_region(region: Region, rle: Mapping[str, Any]) -> tuple[Photo, Mask]:
    """The photo, uint8 (H, W, 3), and the region's mask, bool (H, W).

    Raises:
        DataError: the photo cannot be read or is not of the annotated size.
    """
    try:
        photo = read_photo(
            region.photo, max_mb=AppConfig.max_photo_mb, max_megapixels=AppConfig.max_photo_megapixels
        ).pixels
    except PhotoError as error:
        raise DataError(f"{region.photo}: {error}") from error
    if photo.shape[:2] != region.size_hw:
        raise DataError(f"{region.photo} is {photo.shape[:2]} high and wide, annotated as {region.size_hw}.")
    return photo, from_rle(rle, region.size_hw)


def _segment(region: Region, segmenter: Segmenter, prompt: str) -> Mask:
    height, width = region.size_hw
    left, top = max(0.0, region.box_xyxy[0]), max(0.0, region.box_xyxy[1])
    right, bottom = min(float(width), region.box_xyxy[2]), min(float(height), region.box_xyxy[3])
    box_mask = np.zeros(region.size_hw, np.bool_)
    box_mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    photo, box_mask = read_region(region, to_rle(box_mask))
    if prompt == "box":
        asked = Prompt(box_xyxy=(left, top, right, bottom))
    else:
        asked = Prompt(points_xy=(((left + right) / 2, (top + bottom) / 2),), point_labels=(FOREGROUND,))
    try:
        return segmenter.predict(segmenter.encode(photo), asked).masks[0]
    except SegmentationError:
        return box_mask


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


def _require_no_leak(name: str, regions: Sequence[Region], other: str, others: Sequence[Region]) -> None:
    if leaked := sorted({r.group for r in regions} & {r.group for r in others}):
        raise DataError(
            f"{len(leaked)} groups are in both {name} and {other}, so {other} would measure memory: "
            f"{', '.join(leaked[:5])}{' …' if len(leaked) > 5 else ''}."
        )


def _require_photos(regions: Sequence[Region]) -> None:
    if missing := sorted({r.photo for r in regions if not r.photo.is_file()}):
        raise DataError(f"{len(missing)} photos are missing, first {missing[0]}.")


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    temporary.replace(path)
