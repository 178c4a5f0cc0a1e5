"""COCO instances with masks or boxes: `annotations.json` beside `images/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
)
from rvernet_app.picture.masks import Rle, from_rle
from rvernet_app.types import Mask, Photo
from training.data.photos import files_in, fit_mask
from training.data.regions import SPLITS, DataError, OpenPhoto, Region, SourceRegions, split_by_group

ANNOTATIONS_NAME = "annotations.json"


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
    group by itself; `held_out` and `val_share` decide about images without a split. Annotations with
    `iscrowd` or `ignore` are left out. No photo is opened.

    Args:
        name: of the source.
        folder: of the data set.
        annotations: the COCO file; None is `folder / "annotations.json"`.
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
        self._path = annotations or folder / ANNOTATIONS_NAME
        self._rename = rename
        self._held_out = held_out
        self._val_share = val_share
        self._unsplit = "train" if held_out or val_share else unsplit
        self._skip_missing = skip_missing

    def read(self) -> SourceRegions:
        """See `training.data.regions.RegionSource.read`.

        Raises:
            DataError: also if a photo is missing, an image has no split and nothing decides it, or `rename`
                names a category that does not exist.
        """
        file = read_file(self._path)
        categories = sorted(file.categories, key=_in_order)
        if unused := sorted(set(self._rename) - {category.name for category in categories}):
            raise DataError(f"{self._path} has no categories {', '.join(unused)} to rename.")
        regions = self._regions(file, categories)
        split = split_by_group(regions, self._held_out, self._val_share, self.name)
        missing = self._missing(split)
        return SourceRegions(
            regions=tuple(r for r in split if r.name not in missing),
            labels=tuple(dict.fromkeys(map(self._label, categories))),
            fingerprint=file.sha256[:12],
            left_out={"photo missing": tuple(missing)} if missing else {},
        )

    def _label(self, category: CocoCategory) -> str:
        if category.name is None:
            raise self._damaged(f"category {category.id} has no name")
        return self._rename.get(category.name, category.name)

    def _regions(self, file: CocoFile, categories: Sequence[CocoCategory]) -> list[Region]:
        images = {image.id: image for image in file.images}
        labels = {category.id: self._label(category) for category in categories}
        regions = []
        for annotation in file.annotations:
            if annotation.iscrowd or annotation.ignore:
                continue
            if annotation.image_id not in images or annotation.category_id not in labels:
                raise self._damaged(f"annotation {annotation.id} has no image or no category")
            image, label = images[annotation.image_id], labels[annotation.category_id]
            regions.append(self._region(annotation, image, label))
        return regions

    def _region(self, annotation: CocoAnnotation, image: CocoImage, label: str) -> Region:
        if image.file_name is None or image.size_hw is None:
            raise self._damaged(f"image {image.id} has no file_name, height or width")
        if annotation.id is None or annotation.bbox is None:
            raise self._damaged(f"annotation {annotation.id} has no id or no bbox")
        split = image.split or self._unsplit
        if split not in SPLITS:
            raise DataError(
                f"{self._path} has the split {split!r} for {image.file_name}; known are "
                f"{', '.join(SPLITS)}. Without splits, held_out or val_share must select the validation "
                "images."
            )
        photo = self._folder / "images" / image.file_name
        x, y, width, height = annotation.bbox
        area = width * height if annotation.area is None else annotation.area
        called = f"annotation {annotation.id} ({photo.name})"
        mask = AnnotatedPhoto(photo, image.size_hw, annotation.segmentation, called)
        return Region(
            name=f"{self.name}/{annotation.id}",
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
        """Return the names of the regions whose photo is missing, in order. Every folder is listed once."""
        listed = cache(files_in)
        missing = [r for r in regions if r.photo is not None and r.photo not in listed(r.photo.parent)]
        if missing and not self._skip_missing:
            photos = {r.photo for r in missing}
            raise DataError(f"{len(photos)} photos are missing, first {min(map(str, photos))}.")
        return dict.fromkeys(r.name for r in missing)


def read_file(path: Path) -> CocoFile:
    """Parse a COCO instance file. Raises DataError if it cannot be read or is not one."""
    try:
        return read_coco(path)
    except CocoError as error:
        raise DataError(str(error)) from error


def _in_order(category: CocoCategory) -> tuple[int, str]:
    """Sort ids as numbers, whose digits the parser gives as text."""
    return len(category.id or ""), category.id or ""
