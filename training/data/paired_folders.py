"""The layout of RveRNet's reference code: `{train,test}/{roi,extra-roi}/<class>/<name>`, two files per
region.

Two files with the same split, class and name are a pair.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.stray import walk
from rvernet_app.types import Mask, Photo
from training.data.groups import read_groups
from training.data.photos import mostly
from training.data.regions import DataError, OpenPhoto, Region, SourceRegions, split_by_group

FOLDERS = ("train", "test")
PICTURES = ("roi", "extra-roi")


@dataclass(frozen=True)
class CutoutPair:
    """The files of the two cut-outs of a photo.

    The photo is their sum. A pixel belongs to the region if the ROI picture is the brighter one, which
    tolerates the faint noise that JPEG leaves in black areas.
    """

    roi: Path
    extra_roi: Path

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """See `training.data.regions.MaskedPhoto.read`."""
        roi, extra_roi = open_photo(self.roi), open_photo(self.extra_roi)
        if roi.size_hw != extra_roi.size_hw:
            raise DataError(
                f"{self.roi} is {roi.size_hw} high and wide, {self.extra_roi} {extra_roi.size_hw}."
            )
        inside, outside = (cutout.pixels.max(axis=2).astype(np.float32) for cutout in (roi, extra_roi))
        mask = mostly(inside / np.maximum(inside + outside, 1))
        if not mask.any():
            raise DataError(f"{self.roi} shows nothing.")
        return cv2.add(roi.pixels, extra_roi.pixels), mask


class PairedFolders:
    """A `RegionSource` of folders with paired cut-outs.

    No picture is opened. Files of other kinds are ignored; copies of other programs are left out. The
    fingerprint covers names, groups, sizes and times of change, but not the place of the folder.

    Args:
        name: of the source.
        folder: of the data set.
        rename: class folders -> the class names to use instead.
        held_out, val_share: see `split_by_group`. The group of a pair comes from `groups.jsonl`, which an
            export of the app writes, or else is the file name without its ending. The `val_share` of the
            export selects the same foods.
        skip_unpaired: leave out files without a partner, rather than refuse the data set.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        rename: Mapping[str, str] = MappingProxyType({}),
        held_out: Sequence[str] = (),
        val_share: float = 0.0,
        skip_unpaired: bool = False,
    ) -> None:
        self.name = name
        self._folder = folder
        self._rename = rename
        self._held_out = held_out
        self._val_share = val_share
        self._skip_unpaired = skip_unpaired

    def read(self) -> SourceRegions:
        """See `training.data.regions.RegionSource.read`."""
        regions: list[Region] = []
        unpaired: list[str] = []
        stray: list[str] = []
        described: list[tuple[str, ...]] = []
        classes: set[str] = set()
        groups = read_groups(self._folder)
        for split in FOLDERS:
            found = [walk(self._folder / split / kind, tuple(PHOTO_SUFFIXES)) for kind in PICTURES]
            stray += [
                f"{self.name}/{path.relative_to(self._folder).as_posix()}"
                for one in found
                for path in one.stray
            ]
            one, other = (
                _pictures(each.files, self._folder / split / kind)
                for each, kind in zip(found, PICTURES, strict=True)
            )
            classes |= {place.parent.name for place in one | other}
            unpaired += [f"{self.name}/{split}/{place}" for place in sorted(one.keys() ^ other.keys())]
            for place in sorted(one.keys() & other.keys()):
                folder, group = place.parent.name, groups.get(place.stem, place.stem)
                regions.append(
                    Region(
                        name=f"{self.name}/{split}/{place}",
                        label=self._rename.get(folder, folder),
                        group=f"{self.name}/{group}",
                        split=split,
                        masked=(CutoutPair(one[place], other[place]),),
                    )
                )
                described.append((split, str(place), group, *map(_state, (one[place], other[place]))))
        if unused := sorted(set(self._rename) - classes):
            raise DataError(f"{self._folder} has no classes {', '.join(unused)} to rename.")
        if unpaired and not self._skip_unpaired:
            raise DataError(f"{len(unpaired)} files of {self._folder} have no partner, first {unpaired[0]}.")
        if not regions:
            raise DataError(
                f"{self._folder} has no {FOLDERS[0]}/{PICTURES[0]}/<class>/<name> with a partner."
            )
        return SourceRegions(
            regions=split_by_group(regions, self._held_out, self._val_share, self.name),
            labels=tuple(sorted({r.label for r in regions})),
            fingerprint=hashlib.sha256(json.dumps(described).encode()).hexdigest()[:12],
            left_out={
                reason: tuple(names)
                for reason, names in (("without a partner", unpaired), ("copies of other programs", stray))
                if names
            },
        )


def _state(file: Path) -> str:
    """Return size in bytes and time of the last change, which tell whether a file has changed."""
    try:
        about = file.stat()
    except OSError:  # of which its region says more when it is read
        return "missing"
    return f"{about.st_size} {about.st_mtime_ns}"


def _pictures(files: Iterable[Path], root: Path) -> dict[Path, Path]:
    """Return <class>/<name> -> file for the pictures of a folder."""
    places = {file.relative_to(root): file for file in files}
    return {place: file for place, file in places.items() if len(place.parts) == 2}
