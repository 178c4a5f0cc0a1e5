"""Options that say which labeled regions a run reads, and with which masks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from training.data.masks import MASKS
from training.shared.configuration import FREE, require, require_one_of, require_within

FORMATS = ("coco", "foodseg103", "rvernet", "project")


@dataclass(frozen=True)
class Source:
    """A folder of labelled regions.

    Attributes:
        path: the folder.
        format: "coco", "foodseg103", "rvernet" (paired cut-outs) or "project" (of the app's store, whose data folder
            is `path`), see the modules of `training.data`.
        project: name of the project; None takes the only one.
        annotations: the COCO file, where it is another than `annotations.json` in the folder.
        rename: names of the data set -> the class names to use instead.
        held_out: groups of its training regions that are for validation.
        val_share: share of the other groups that are, by a hash of their names.

    Raises:
        ConfigError: a value is out of range or two contradict each other.
    """

    path: Path
    format: str = "coco"
    annotations: Path | None = None
    project: str | None = None
    rename: dict[str, str] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    val_share: float = 0.0

    def __post_init__(self) -> None:
        require_one_of(self, "format", FORMATS)
        require_within(self, "val_share", 0, 0.9)
        require(
            self.annotations is None or self.format == "coco",
            f"annotations names a COCO file, but format is {self.format}",
        )
        require(
            self.project is None or self.format == "project",
            f"project names one of the app's store, but format is {self.format}",
        )


@dataclass(frozen=True)
class DataOptions:
    """Which regions, and which masks of them.

    Attributes:
        sources: where the regions come from.
        classes: the class names to keep, and their order; empty keeps all that have training regions.
        min_share: smallest region, as a share of the photo's area.
        min_per_class: fewest training regions a class is kept with.
        masks: what a training region's mask may be, one drawn each time: "annotated", "click". The first is the one
            measured with.
        segmenter: makes masks of boxes and clicks; a name the app knows, or "auto".
        cache: folder where masks and indices are kept.
        broken: "stop" at a file that is missing or damaged, or "skip" it, name it and go on.
        balance: 0 takes every region once an epoch, 1 draws all classes equally often, see `Plan`.
        cache_mb: memory for decoded photos, in 10^6 bytes, in each process that prepares batches.
        workers: processes that prepare batches; 0 prepares them in the training process.
    """

    sources: tuple[Source, ...]
    classes: tuple[str, ...] = ()
    min_share: float = 0.0005
    min_per_class: int = 1
    masks: tuple[str, ...] = ("annotated",)
    segmenter: str = "auto"
    cache: Path = field(default=Path("cache/masks"), metadata=FREE)
    broken: str = "stop"
    balance: float = 0.0
    cache_mb: float = field(default=1000.0, metadata=FREE)
    workers: int = field(default=1, metadata=FREE)

    def __post_init__(self) -> None:
        require(bool(self.sources), "sources must name at least one data set")
        require_within(self, "min_share balance", 0, 1)
        require_one_of(self, "broken", ("stop", "skip"))
        require(self.min_per_class >= 1, f"min_per_class must be at least 1, got {self.min_per_class}")
        require(
            bool(self.masks) and set(self.masks) <= set(MASKS),
            f"masks are among {', '.join(MASKS)}; got {', '.join(self.masks)}",
        )
        require(min(self.workers, self.cache_mb) >= 0, "workers and cache_mb must not be below 0")
