"""Labelled regions of photos, whatever they were read from, and a data set made of them."""

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
    """A decoded photo, perhaps reduced.

    Attributes:
        pixels: uint8 (h, w, 3).
        size_hw: height and width of the file's photo.
    """

    pixels: Photo
    size_hw: tuple[int, int]


class MaskedPhoto(Protocol):
    """Where the pixels and the mask of a region come from."""

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        """The photo, uint8 (h, w, 3), as `open_photo` gives it, and the mask over it, bool (h, w), not empty.

        Raises:
            DataError: a file is missing or damaged, or two of them contradict each other.
        """
        ...


@dataclass(frozen=True)
class Region:
    """One annotated food in one photo.

    Attributes:
        name: the source's name, "/", and what the source calls the region; unique in a data set.
        label: its class name.
        group: what must not be split between training and measuring: the object, tray, meal or photo.
        split: one of SPLITS.
        masked: photo and mask; where there are several, each is another mask of the same food and the first
            is the one to measure with. Empty until a segmenter has turned the box into a mask.
        photo: path of the photo, None where there is none but its cut-outs.
        size_hw: the photo's height and width, None where no source tells.
        box_xyxy: left, top, right, bottom in pixels, None where no source tells.
        share: of the photo's area that the region covers, None where no source tells.
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
        regions: in the source's order.
        labels: class names in the source's order, also of those no region has.
        fingerprint: 12 hex digits that change when the source's annotations do.
        left_out: reason -> names of regions or files that are not among the regions.
    """

    regions: tuple[Region, ...]
    labels: tuple[str, ...]
    fingerprint: str
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class RegionSource(Protocol):
    """Anything that has labelled regions: a folder in some format, or the app's annotation store.

    Attributes:
        name: short and unique in a data set.
    """

    name: str

    def read(self) -> SourceRegions:
        """All regions, without opening a photo.

        Raises:
            DataError: the source is missing, damaged or contradicts itself.
        """
        ...


@dataclass(frozen=True)
class Regions:
    """A data set, split.

    Attributes:
        classes: names of those with a training region, in the order of the sources.
        train, val, test: the regions of each split, in the order of the sources. No group is in two, nor is a photo or
            a copy of it.
        fingerprints: of each source, by its name.
        left_out: reason -> names of the regions left out for it.
        segmenter: name and fingerprint of the one that made masks; None where all masks are annotated.
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
        """12 hex digits that change when any source's annotations do, or what makes masks of them."""
        described = ",".join(f"{name}={mark}" for name, mark in sorted(self.fingerprints.items()))
        if self.segmenter is not None:
            described += f" with masks of {self.segmenter}"
        return hashlib.sha256(described.encode()).hexdigest()[:12]

    def parts(self, splits: Sequence[str]) -> tuple[str, ...]:
        """What tells the regions of these splits from others, wherever their folders lie: fingerprint and split."""
        return tuple(f"{mark} {split}" for mark in self.fingerprints.values() for split in splits)

    def with_split(self, split: str, regions: Sequence[Region]) -> Regions:
        """The same data set with these regions in a split."""
        changed: dict[str, Any] = {split: tuple(regions)}
        return replace(self, **changed)

    def summary(self) -> list[str]:
        """What there is and what was left out, as lines for a person."""
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

    Regions of a class that the training split does not have, or has too few of, are left out, as are those that
    are too small; `Regions.left_out` names them.

    Args:
        min_share: smallest region kept, as a share of the photo's area.
        min_per_class: fewest training regions a class is kept with.
        classes: the class names to keep, and their order; empty keeps all.

    Raises:
        DataError: a source cannot be read, nothing is left to train on, a class asked for has no training region,
            a group, a photo or a copy of it is in two splits, or two regions or sources have one name.
    """
    read = {source.name: source.read() for source in sources}
    if len(read) < len(sources):
        raise DataError(f"Two sources have one name: {', '.join(source.name for source in sources)}.")
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
        raise DataError(f"{len(twice)} names are those of several regions, first {twice[0]}.")
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
        held_out: names of groups, as the source has them, that are for validation.
        val_share: share of the other groups that are, chosen by a hash of their names: a group stays where it is
            when others are added, or when the source is renamed.

    Raises:
        DataError: a group held out does not exist, or is there to test only.
    """
    regions = tuple(regions)
    wanted = {f"{source}/{group}" for group in held_out}
    if unknown := sorted(wanted - {r.group for r in regions if r.split != "test"}):
        raise DataError(f"There are no groups {', '.join(unknown)} to hold out.")

    def moved(region: Region) -> bool:
        # Not zlib.crc32: names that differ in a digit come out in a pattern, which classes may follow as well.
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
    """Raise DataError where two splits have a photo with the same bytes.

    Every photo is looked up once for its size; only those of a size that another split has too are read.
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
                f"{len(shared)} photos are in both {one} and {other}, so {other} would measure memory: first {photo} "
                f"and {same} are the same."
            )


def _by_size(regions: Sequence[Region]) -> Mapping[int, Sequence[Path]]:
    """The photos of regions by their size in bytes, but for those that are missing or empty."""
    found: dict[int, list[Path]] = defaultdict(list)
    for photo in dict.fromkeys(region.photo for region in regions if region.photo is not None):
        with suppress(OSError):
            if size := photo.stat().st_size:
                found[size].append(photo)
    return found


def _content(path: Path) -> str:
    """What tells a file's bytes from others; of one that cannot be read, its path."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return str(path)
