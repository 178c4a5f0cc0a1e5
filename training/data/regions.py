"""Labeled regions of photos from any source, and the data set made of them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

from rvernet_app.errors import RvernetError
from rvernet_app.types import Mask, Photo

SPLITS = ("train", "val", "test")


class DataError(RvernetError):
    """A data set is missing, damaged or contradicts itself."""


@dataclass(frozen=True, eq=False)
class OpenPhoto:
    """A decoded photo, possibly reduced.

    Attributes:
        pixels: uint8 (h, w, 3) RGB.
        size_hw: height and width of the photo in the file.
    """

    pixels: Photo
    size_hw: tuple[int, int]


class MaskedPhoto(Protocol):
    """A photo and a mask of a region that are read on demand."""

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """Read the photo and the mask.

        Args:
            open_photo: decodes a photo.

        Returns:
            The photo as `open_photo` decodes it, uint8 (h, w, 3), and the mask over it, bool (h, w), not
            empty.

        Raises:
            DataError: a file is missing or damaged, or photo and mask do not fit together.
        """
        ...


@dataclass(frozen=True)
class Region:
    """One annotated food in one photo.

    Attributes:
        name: name of the source, "/", and the id of the region in the source; unique in a data set.
        label: its class name.
        group: regions of one group (an object, tray, meal or photo) belong to one split.
        split: one of SPLITS.
        masked: photo and mask; further entries are other masks of the same food, and the first one is
            measured. Empty until a segmenter has made a mask of the box.
        photo: path of the photo; None if there are only cut-outs.
        size_hw: height and width of the photo; None if the source does not tell.
        box_xyxy: left, top, right, bottom in pixels; None if the source does not tell.
        share: of the photo's area that the region covers, 0 to 1; None if the source does not tell.
    """

    name: str
    label: str
    group: str
    split: str
    masked: tuple[MaskedPhoto, ...] = ()
    photo: Path | None = None
    size_hw: tuple[int, int] | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    share: float | None = None


@dataclass(frozen=True)
class SourceRegions:
    """All regions of one source.

    Attributes:
        regions: in the order of the source.
        labels: class names in the order of the source, including those without regions.
        fingerprint: 12 hex digits that change with the annotations.
        left_out: reason -> names of the regions or files that were left out.
    """

    regions: tuple[Region, ...]
    labels: tuple[str, ...]
    fingerprint: str
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class RegionSource(Protocol):
    """A source of labeled regions: a folder in some format, or the annotation store of the app.

    Attributes:
        name: short, and unique in a data set.
    """

    @property
    def name(self) -> str: ...

    def read(self) -> SourceRegions:
        """Read all regions without opening a photo.

        Raises:
            DataError: the source is missing, damaged or contradicts itself.
        """
        ...


@dataclass(frozen=True)
class Regions:
    """A data set with its splits.

    Attributes:
        classes: names of the classes with training regions, in the order of the sources.
        train, val, test: regions of each split, in the order of the sources. No group, no photo and no copy
            of a photo is in two splits.
        fingerprints: of each source, by its name.
        left_out: reason -> names of the regions left out.
        segmenter: name and fingerprint of the segmenter that made masks; None if all masks are annotated.
    """

    classes: tuple[str, ...]
    train: tuple[Region, ...]
    val: tuple[Region, ...]
    test: tuple[Region, ...]
    fingerprints: Mapping[str, str]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    segmenter: str | None = None

    @property
    def fingerprint(self) -> str:
        """12 hex digits that change with the annotations of any source and with the segmenter that makes
        masks.
        """
        described = ",".join(f"{name}={mark}" for name, mark in sorted(self.fingerprints.items()))
        if self.segmenter is not None:
            described += f" with masks of {self.segmenter}"
        return hashlib.sha256(described.encode()).hexdigest()[:12]

    def parts(self, splits: Sequence[str]) -> tuple[str, ...]:
        """Return an id, fingerprint and split, for each source and split. It does not depend on the place of
        the folders.
        """
        return tuple(f"{mark} {split}" for mark in self.fingerprints.values() for split in splits)

    def with_split(self, split: str, regions: Sequence[Region]) -> Regions:
        """Return the data set with other regions in one split."""
        changed: dict[str, Any] = {split: tuple(regions)}
        return replace(self, **changed)

    def summary(self) -> list[str]:
        """Return lines for a person: the regions of each split, and what was left out."""
        lines = [
            f"{split}: {len(regions)} regions of {len({r.group for r in regions})} groups, "
            f"{len({r.label for r in regions})} classes"
            for split in SPLITS
            if (regions := getattr(self, split))
        ]
        for reason, names in self.left_out.items():
            lines.append(
                f"left out, {reason}: {len(names)} ({', '.join(names[:3])}{', …' * (len(names) > 3)})"
            )
        return lines


def assemble(
    sources: Sequence[RegionSource],
    *,
    min_share: float = 0.0,
    min_per_class: int = 1,
    classes: Sequence[str] = (),
) -> Regions:
    """Read the sources and make one data set of them.

    Regions that are too small are left out, and so are classes with too few training regions;
    `Regions.left_out` names them.

    Args:
        min_share: smallest region to keep, as a share of the photo's area.
        min_per_class: fewest training regions of a class to keep.
        classes: class names to keep, in this order; empty keeps all.

    Raises:
        DataError: a source cannot be read, nothing is left to train on, a requested class has no training
            region, two splits share a group, a photo or a copy of one, or two regions or sources share a
            name.
    """
    read = {source.name: source.read() for source in sources}
    if len(read) < len(sources):
        raise DataError(f"Two sources have the same name: {', '.join(source.name for source in sources)}.")
    left_out: dict[str, list[str]] = {}
    for found in read.values():
        for reason, names in found.left_out.items():
            left_out.setdefault(reason, []).extend(names)

    def keep(regions: Iterable[Region], holds: Callable[[Region], bool], reason: str) -> list[Region]:
        kept: list[Region] = []
        for region in regions:
            if holds(region):
                kept.append(region)
            else:
                left_out.setdefault(reason, []).append(region.name)
        return kept

    regions = [region for found in read.values() for region in found.regions]
    if twice := [name for name, count in Counter(r.name for r in regions).items() if count > 1]:
        raise DataError(f"{len(twice)} names belong to several regions, first {twice[0]}.")
    regions = keep(
        regions,
        lambda r: r.share is None or r.share >= min_share,
        f"smaller than {min_share:.4%} of the photo",
    )
    if classes:
        regions = keep(regions, lambda r: r.label in classes, "of a class not asked for")
    trained = Counter(r.label for r in regions if r.split == "train")
    regions = keep(
        regions,
        lambda r: trained[r.label] >= min_per_class,
        f"of a class with fewer than {min_per_class} training regions",
    )
    if missing := [label for label in classes if trained[label] < min_per_class]:
        raise DataError(f"There are too few training regions of {', '.join(missing)}.")
    if not regions:
        raise DataError("No region is left to train on.")
    split = {name: tuple(r for r in regions if r.split == name) for name in SPLITS}
    for one, other in combinations(SPLITS, 2):
        _require_no_leak(one, split[one], other, split[other])
    require_no_shared_photo(split)
    known = {r.label for r in regions}
    offered = classes or [label for found in read.values() for label in found.labels]
    return Regions(
        classes=tuple(dict.fromkeys(label for label in offered if label in known)),
        train=split["train"],
        val=split["val"],
        test=split["test"],
        fingerprints={name: found.fingerprint for name, found in read.items()},
        left_out={reason: tuple(names) for reason, names in left_out.items()},
    )


def split_by_group(
    regions: Iterable[Region], held_out: Sequence[str], val_share: float, source: str
) -> tuple[Region, ...]:
    """Move whole groups of training regions into validation.

    Args:
        held_out: names of the groups to move, as in the source.
        val_share: share of the other groups to move. A hash of the name decides, so that a group keeps its
            split when groups are added or the source is renamed.

    Raises:
        DataError: a held-out group does not exist, or has only test regions.
    """
    regions = tuple(regions)
    wanted = {f"{source}/{group}" for group in held_out}
    if unknown := sorted(wanted - {r.group for r in regions if r.split != "test"}):
        raise DataError(f"There are no groups {', '.join(unknown)} to hold out.")

    def moved(region: Region) -> bool:
        # Not zlib.crc32: names that differ in a digit come out in a pattern, which classes may follow as
        # well.
        mark = hashlib.sha256(region.group.removeprefix(f"{source}/").encode()).digest()[:4]
        chosen = int.from_bytes(mark, "big") < val_share * 2**32
        return region.split == "train" and (region.group in wanted or chosen)

    return tuple(replace(r, split="val") if moved(r) else r for r in regions)


def _require_no_leak(name: str, regions: Sequence[Region], other: str, others: Sequence[Region]) -> None:
    if leaked := sorted({r.group for r in regions} & {r.group for r in others}):
        raise DataError(
            f"{len(leaked)} groups are in both {name} and {other}, so {other} would measure memory: "
            f"{', '.join(leaked[:5])}{' …' if len(leaked) > 5 else ''}."
        )


def require_no_shared_photo(split: Mapping[str, Sequence[Region]]) -> None:
    """Raise DataError if two splits contain a photo with the same bytes.

    Only photos that share their file size with a photo of another split are read.
    """
    by_size = {name: _by_size(regions) for name, regions in split.items()}
    content = cache(_content)
    for (one, photos), (other, others) in combinations(by_size.items(), 2):
        shared: list[tuple[Path, Path]] = []
        for size in photos.keys() & others.keys():
            known = {content(photo): photo for photo in photos[size]}
            shared += [(known[content(photo)], photo) for photo in others[size] if content(photo) in known]
        if shared:
            photo, same = min(shared)
            raise DataError(
                f"{len(shared)} photos are in both {one} and {other}, so {other} would measure memory: "
                f"first {photo} and {same} are the same."
            )


def _by_size(regions: Sequence[Region]) -> Mapping[int, Sequence[Path]]:
    """Return the photos of regions by file size in bytes, without missing and empty files."""
    found: dict[int, list[Path]] = defaultdict(list)
    for photo in dict.fromkeys(region.photo for region in regions if region.photo is not None):
        with suppress(OSError):
            if size := photo.stat().st_size:
                found[size].append(photo)
    return found


def _content(path: Path) -> str:
    """Return a digest of a file; if it cannot be read, its path."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return str(path)
