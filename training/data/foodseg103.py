"""The layout of FoodSeg103 (Wu et al. 2021, arXiv 2105.05409): photos beside masks whose pixels are category
ids.

category_id.txt                     a line for each category: id, white space, name; 0 is the background, and
                                    255 nothing unless it is listed
ImageSets/{train,test}.txt          names of the photos of a split
Images/img_dir/{train,test}/*.jpg   photos
Images/ann_dir/{train,test}/*.png   masks, of 8 or 16 bits
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from rvernet_app import files
from rvernet_app.reading import lines_of, read_text
from rvernet_app.types import Mask, Photo
from training.data.groups import read_groups
from training.data.photos import files_in, fit_mask
from training.data.regions import DataError, OpenPhoto, Region, SourceRegions, split_by_group

FOLDERS = ("train", "test")
INDEX_MODES = ("L", "P", "I;16")
IGNORED = (255, 65535)
"""Pixels of no category, in masks of 8 and of 16 bits, unless `category_id.txt` lists the number. PASCAL and
mmsegmentation mark borders and doubtful places so.
"""


@dataclass(frozen=True)
class IndexedPhoto:
    """A photo, and the pixels of one category in its mask file."""

    photo: Path
    mask: Path
    category: int

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """See `training.data.regions.MaskedPhoto.read`."""
        photo = open_photo(self.photo)
        mask = _read_index(self.mask) == self.category
        if mask.shape != photo.size_hw:
            raise DataError(f"{self.photo} is {photo.size_hw} high and wide, its mask {mask.shape}.")
        if not mask.any():
            raise DataError(f"{self.mask} has no pixel of category {self.category}.")
        return photo.pixels, fit_mask(mask, photo.pixels.shape[:2])


@dataclass(frozen=True)
class _Shown:
    """Content of a mask file, as stored in JSON.

    Attributes:
        state: size in bytes and time of the last change, which tell whether the file has changed.
        size_hw: height and width.
        areas: pixels of every category except the background.
        checksum: of all pixels.
    """

    state: list[int]
    size_hw: list[int]
    areas: dict[str, int]
    checksum: int


class FoodSeg103Folder:
    """A `RegionSource` of a folder in the layout of FoodSeg103, with one region for each category in a photo.

    Every mask is opened once; an index of the categories is kept in the cache folder.

    Args:
        name: of the source.
        folder: of the data set.
        cache: folder for the index of the masks.
        rename: category names -> the class names to use instead.
        held_out, val_share: see `split_by_group`. The group of a photo comes from `groups.jsonl`, which an
            export of the app writes, or else is the photo. The `val_share` of the export selects the same
            photos.
        skip_broken: leave out photos that are missing or have no readable mask, rather than refuse the data
            set.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        cache: Path,
        rename: Mapping[str, str] = MappingProxyType({}),
        held_out: Sequence[str] = (),
        val_share: float = 0.0,
        skip_broken: bool = False,
    ) -> None:
        self.name = name
        self._folder = folder
        self._cache = cache
        self._rename = rename
        self._held_out = held_out
        self._val_share = val_share
        self._skip_broken = skip_broken

    def read(self) -> SourceRegions:
        """See `training.data.regions.RegionSource.read`."""
        names = self._categories()
        listed = [(split, stem) for split in FOLDERS for stem in self._stems(split)]
        there = frozenset[Path]().union(*(files_in(self._photo(split, "").parent) for split in FOLDERS))
        missing = [place for place in listed if self._photo(*place) not in there]
        if missing and not self._skip_broken:
            raise DataError(f"{len(missing)} photos are missing, first {self._photo(*missing[0])}.")
        shown, damaged = self._index([place for place in listed if self._photo(*place) in there])
        groups = read_groups(self._folder)
        regions: list[Region] = []
        ignored: list[tuple[str, str]] = []
        for (split, stem), found in shown.items():
            for category in sorted(map(int, found.areas)):
                if category in names:
                    group = groups.get(stem, stem)
                    regions.append(self._region(split, stem, group, category, names, found))
                elif category in IGNORED:
                    ignored.append((split, stem))
                else:
                    mask = self._mask(split, stem)
                    raise DataError(f"{mask} has the category {category}, not among the {len(names)}.")
        described = json.dumps(
            [
                sorted(names.items()),
                [(*place, found.checksum) for place, found in shown.items()],
                *([sorted(groups.items())] if groups else []),
            ]
        )
        left_out = {
            "photo missing": missing,
            "mask missing or damaged": damaged,
            "pixels marked to be ignored": ignored,
        }
        return SourceRegions(
            regions=split_by_group(regions, self._held_out, self._val_share, self.name),
            labels=tuple(dict.fromkeys(names.values())),
            fingerprint=hashlib.sha256(described.encode()).hexdigest()[:12],
            left_out={
                reason: tuple(f"{self.name}/{split}/{stem}" for split, stem in places)
                for reason, places in left_out.items()
                if places
            },
        )

    def _region(
        self, split: str, stem: str, group: str, category: int, names: Mapping[int, str], found: _Shown
    ) -> Region:
        photo, mask = self._photo(split, stem), self._mask(split, stem)
        height, width = found.size_hw
        return Region(
            name=f"{self.name}/{split}/{stem}/{category}",
            label=names[category],
            group=f"{self.name}/{group}",
            split=split,
            masked=(IndexedPhoto(photo, mask, category),),
            photo=photo,
            size_hw=(height, width),
            share=found.areas[str(category)] / (height * width),
        )

    def _categories(self) -> dict[int, str]:
        path = self._folder / "category_id.txt"
        try:
            rows = [line.split(maxsplit=1) for line in lines_of(read_text(path)) if line.strip()]
            numbered = [(int(number), name.strip()) for number, name in rows]
            names = dict(numbered)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        except ValueError as error:
            raise DataError(f"{path} does not hold lines of a number and a name.") from error
        if len(set(numbered)) > len(names):
            raise DataError(f"{path} gives a number to several categories.")
        if unused := sorted(set(self._rename) - set(names.values())):
            raise DataError(f"{path} has no categories {', '.join(unused)} to rename.")
        return {number: self._rename.get(name, name) for number, name in names.items() if number}

    def _stems(self, split: str) -> list[str]:
        path = self._folder / "ImageSets" / f"{split}.txt"
        try:
            lines = lines_of(read_text(path))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        names = [Path(line.strip()).name for line in lines if line.strip()]
        return [name.removesuffix(".jpg").removesuffix(".png") for name in names]

    def _photo(self, split: str, stem: str) -> Path:
        return self._folder / "Images" / "img_dir" / split / f"{stem}.jpg"

    def _mask(self, split: str, stem: str) -> Path:
        return self._folder / "Images" / "ann_dir" / split / f"{stem}.png"

    def _index(
        self, places: Sequence[tuple[str, str]]
    ) -> tuple[dict[tuple[str, str], _Shown], list[tuple[str, str]]]:
        """Return the content of the mask at each (split, stem), and the places whose mask cannot be read."""
        mark = hashlib.sha256(str(self._folder.resolve()).encode()).hexdigest()[:12]
        path = self._cache / f"foodseg103-{mark}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        known = {place: _Shown(**entry) for place, entry in kept.items()}
        found: dict[tuple[str, str], _Shown] = {}
        damaged = []
        try:
            for split, stem in tqdm(places, desc="masks", unit="mask", disable=len(known) >= len(places)):
                try:
                    found[split, stem] = _look(self._mask(split, stem), known.get(f"{split}/{stem}"))
                except DataError:
                    if not self._skip_broken:
                        raise
                    damaged.append((split, stem))
        finally:
            now = known | {f"{split}/{stem}": shown for (split, stem), shown in found.items()}
            if now != known:
                files.write(
                    path, json.dumps({place: vars(shown) for place, shown in now.items()}), durable=False
                )
        return found, damaged


def _look(path: Path, known: _Shown | None) -> _Shown:
    """Return the content of a mask file. It is opened only if it is new or has changed."""
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"{path} is missing or damaged: {error}.") from error
    state = [about.st_size, about.st_mtime_ns]
    if known is not None and known.state == state:
        return known
    index = _read_index(path)
    categories, areas = np.unique(index[index > 0], return_counts=True)
    return _Shown(
        state=state,
        size_hw=list(index.shape),
        areas=dict(zip(map(str, categories), areas.tolist(), strict=True)),
        checksum=zlib.crc32(index.tobytes()),
    )


def _read_index(path: Path) -> NDArray[np.integer[Any]]:
    """Read category ids (H, W) of a PNG with a palette or grey levels: uint8, or uint16 for 16 bits."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.mode not in INDEX_MODES:
                raise DataError(f"{path} is a picture of mode {image.mode}, not of category ids.")
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:  # as Pillow says that a PNG is damaged
        raise DataError(f"{path} is missing or damaged: {error}.") from error
