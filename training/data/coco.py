"""COCO instances with masks or boxes: `annotations.json` beside `images/`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

from rvernet_app.errors import PromptError
from rvernet_app.exchange.formats.coco_file import (
    CocoAnnotation,
    CocoCategory,
    CocoError,
    CocoFile,
    CocoImage,
    read_coco,
    rle_of,
    useless_parts,
)
from rvernet_app.exchange.formats.coco_parts import ANNOTATIONS_NAME, IMAGES_NAME, CocoPart, coco_parts
from rvernet_app.exchange.plan import NotTakenError
from rvernet_app.exchange.source_folder import SourceFolder
from rvernet_app.picture.masks import Rle, from_rle
from rvernet_app.types import Mask, Photo
from training.data.photos import files_in, fit_mask
from training.data.regions import SPLITS, DataError, OpenPhoto, Region, SourceRegions, split_by_group

MOST = 64 * 10**9
"""Bytes in memory that a file may become. A training's data is the person's own, and may be large."""


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo with a mask as a COCO file stores it.

    Attributes:
        photo: path of the photo.
        size_hw: its height and width.
        segmentation: polygons, uncompressed or compressed RLE.
        name: of the mask in errors.
    """

    photo: Path
    size_hw: tuple[int, int]
    segmentation: object
    name: str

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """See `training.data.regions.MaskedPhoto.read`."""
        photo = open_photo(self.photo)
        if photo.size_hw != self.size_hw:
            raise DataError(f"{self.photo} is {photo.size_hw} high and wide, annotated as {self.size_hw}.")
        mask = from_rle(self.rle(), self.size_hw)
        return photo.pixels, fit_mask(mask, photo.pixels.shape[:2])

    def rle(self) -> Rle:
        """Return the mask as compressed RLE. Raises DataError if it is damaged or empty."""
        try:
            return rle_of(self.segmentation, self.size_hw)
        except PromptError as error:
            raise DataError(f"The mask of {self.name} cannot be used: {error}") from error


class CocoFolder:
    """A `RegionSource` of a COCO instance file and its photos.

    Every image may have a `split` ("train", "val" or "test") and a `group`. An image without a group is a
    group by itself; `held_out` and `val_share` decide about images without a split. If the data set has a
    COCO file for each split, the file decides. Annotations with `ignore` are left out, and so are those with
    `iscrowd` that have no mask; CVAT marks every mask that was drawn with a brush as a crowd. No photo is
    opened.

    Args:
        name: of the source.
        folder: of the data set.
        annotations: the COCO file; None finds it, see `coco_parts`.
        rename: category names -> the class names to use instead.
        held_out, val_share: see `split_by_group`.
        unsplit: split of images without one, if `held_out` and `val_share` are not given; None refuses such
            images.
        skip_missing: leave out regions of missing photos, rather than refuse the data set.
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
        self._named = annotations is not None
        self._path = annotations or folder / ANNOTATIONS_NAME
        self._rename = rename
        self._held_out = held_out
        self._val_share = val_share
        self._unsplit = "train" if held_out or val_share else unsplit
        self._skip_missing = skip_missing
        self._photos = _Photos(folder)

    def read(self) -> SourceRegions:
        """See `training.data.regions.RegionSource.read`.

        Raises:
            DataError: also if a photo is missing, an image has no split and nothing decides it, or `rename`
                names a category that does not exist.
        """
        files = [(part, read_file(part.path)) for part in self._parts()]
        categories = [category for _, file in files for category in sorted(file.categories, key=_in_order)]
        if unused := sorted(set(self._rename) - {category.name for category in categories}):
            raise DataError(f"{self._path} has no categories {', '.join(unused)} to rename.")
        left_out: dict[str, list[str]] = {}
        regions = [region for part, file in files for region in self._regions(part, file, left_out)]
        split = split_by_group(regions, self._held_out, self._val_share, self.name)
        missing = self._missing(split)
        left_out["photo missing"] = list(missing)
        return SourceRegions(
            regions=tuple(r for r in split if r.name not in missing),
            labels=tuple(dict.fromkeys(map(self._label, categories))),
            fingerprint=_fingerprint(files),
            left_out={reason: tuple(names) for reason, names in left_out.items() if names},
        )

    def _parts(self) -> tuple[CocoPart, ...]:
        if self._folder.is_file():
            raise DataError(f"{self._folder} is a file; unpack it, and name the folder.")
        if self._named or self._path.is_file() or not self._folder.is_dir():
            return (CocoPart(self._path, (self._folder / IMAGES_NAME, self._folder)),)
        try:
            return coco_parts(self._folder).parts
        except (CocoError, OSError) as error:
            raise DataError(f"{self._path} cannot be read: {error}") from error

    def _label(self, category: CocoCategory) -> str:
        if category.name is None:
            raise self._damaged(f"category {category.id} has no name")
        return self._rename.get(category.name, category.name)

    def _regions(self, part: CocoPart, file: CocoFile, left_out: dict[str, list[str]]) -> list[Region]:
        """Return the regions of a COCO file, and add to `left_out` what is not taken."""
        images = {image.id: image for image in file.images}
        labels = {category.id: self._label(category) for category in file.categories}
        named = {(category.id, category.name) for category in file.categories}
        if twice := [id for id, count in Counter(id for id, _ in named).items() if count > 1]:
            raise self._damaged(f"several categories have the id {twice[0]}")
        regions = []
        for annotation in file.annotations:
            name = "/".join(filter(None, (self.name, part.name, annotation.id)))
            if annotation.ignore:
                left_out.setdefault("marked to be ignored", []).append(name)
                continue
            if annotation.iscrowd and not annotation.segmentation:
                left_out.setdefault("a crowd without a mask", []).append(name)
                continue
            if annotation.image_id not in images or annotation.category_id not in labels:
                raise self._damaged(f"annotation {annotation.id} has no image or no category")
            image, label = images[annotation.image_id], labels[annotation.category_id]
            regions.append(self._region(name, annotation, image, label, part))
            for number in useless_parts(annotation.segmentation):
                left_out.setdefault("useless part of an outline", []).append(f"{name} part {number}")
        return regions

    def _region(
        self, name: str, annotation: CocoAnnotation, image: CocoImage, label: str, part: CocoPart
    ) -> Region:
        if image.file_name is None or image.size_hw is None:
            raise self._damaged(f"image {image.id} has no file_name, height or width")
        if annotation.id is None or annotation.bbox is None:
            raise self._damaged(f"annotation {annotation.id} has no id or no bbox")
        split = image.split or part.split or self._unsplit
        if split not in SPLITS:
            raise DataError(
                f"{self._path} has the split {split!r} for {image.file_name}; known are "
                f"{', '.join(SPLITS)}. Without splits, held_out or val_share must select the validation "
                "images."
            )
        photo = self._photos.path(image.file_name, part.places)
        x, y, width, height = annotation.bbox
        area = width * height if annotation.area is None else annotation.area
        called = f"annotation {annotation.id} ({photo.name})"
        mask = AnnotatedPhoto(photo, image.size_hw, annotation.segmentation, called)
        return Region(
            name=name,
            label=label,
            group=f"{self.name}/{image.file_name if image.group is None else image.group}",
            split=split,
            masked=(mask,) if annotation.segmentation else (),
            photo=photo,
            size_hw=image.size_hw,
            box_xyxy=(x, y, x + width, y + height),
            share=area / (image.size_hw[0] * image.size_hw[1]),
        )

    def _damaged(self, reason: str) -> DataError:
        return DataError(f"{self._path} is not a COCO instance file: {reason}.")

    def _missing(self, regions: Sequence[Region]) -> dict[str, None]:
        """Return the names of the regions whose photo is missing, in order."""
        missing = [r for r in regions if r.photo is not None and not self._photos.exists(r.photo)]
        if missing and not self._skip_missing:
            first = min({r.photo for r in missing if r.photo is not None}, key=str)
            count = len({r.photo for r in missing})
            raise DataError(f"{count} photos are missing, first {first}. {self._photos.why(first)}".rstrip())
        return dict.fromkeys(r.name for r in missing)


class _Photos:
    """The photos of a folder; every folder is listed once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed = cache(files_in)
        self._why: dict[Path, str] = {}

    def exists(self, photo: Path) -> bool:
        return photo in self._listed(photo.parent)

    def path(self, name: str, places: Sequence[Path]) -> Path:
        """Return the path of a photo, or where it should be; other spellings of the name are found as in an
        import.
        """
        expected = [place / name for place in places]
        for photo in expected:
            if self.exists(photo):
                return photo
        try:
            return self._source.file(name, *places)
        except (NotTakenError, OSError) as error:
            self._why[expected[0]] = str(error)
            return expected[0]

    def why(self, photo: Path) -> str:
        """Return why a photo was not found."""
        return self._why.get(photo, "")

    @cached_property
    def _source(self) -> SourceFolder:
        return SourceFolder(self._folder)


def _fingerprint(files: Sequence[tuple[CocoPart, CocoFile]]) -> str:
    if len(files) == 1:
        return files[0][1].sha256[:12]
    described = ",".join(f"{part.name}={file.sha256}" for part, file in files)
    return hashlib.sha256(described.encode()).hexdigest()[:12]


def read_file(path: Path) -> CocoFile:
    """Parse a COCO instance file. Raises DataError if it cannot be read or is not one."""
    try:
        return read_coco(path, MOST)
    except CocoError as error:
        raise DataError(str(error)) from error


def _in_order(category: CocoCategory) -> tuple[int, str]:
    """Sort ids as numbers, whose digits the parser gives as text."""
    return len(category.id or ""), category.id or ""
