"""Options -> data set, with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rvernet_app.config import AppConfig
from rvernet_app.segment.registry import open_segmenter
from training.data.coco import CocoFolder
from training.data.foodseg103 import FoodSeg103Folder
from training.data.masks import MaskMaker
from training.data.options import DataOptions, Source
from training.data.paired_folders import PairedFolders
from training.data.projects import ProjectSource
from training.data.regions import SPLITS, Regions, RegionSource, assemble


def open_source(source: Source, name: str, options: DataOptions, unsplit: str | None = None) -> RegionSource:
    """What reads a source of this format.

    Args:
        unsplit: split of images for which nothing says one; None refuses them.
    """
    skip = options.broken == "skip"
    if source.format == "foodseg103":
        return FoodSeg103Folder(
            name, source.path, options.cache, source.rename, source.held_out, source.val_share, skip
        )
    if source.format == "rvernet":
        return PairedFolders(name, source.path, source.rename, source.held_out, source.val_share, skip)
    if source.format == "project":
        return ProjectSource(
            name,
            source.path,
            source.project,
            source.rename,
            source.held_out,
            source.val_share,
            AppConfig.from_env().database_url,
        )
    return CocoFolder(
        name,
        source.path,
        annotations=source.annotations,
        rename=source.rename,
        held_out=source.held_out,
        val_share=source.val_share,
        unsplit=unsplit,
        skip_missing=skip,
    )


def read_data(options: DataOptions) -> Regions:
    """The data set that the options describe. Raises DataError as `assemble` does."""
    sources = [
        open_source(source, name, options)
        for source, name in zip(options.sources, source_names(options.sources), strict=True)
    ]
    return assemble(
        sources,
        min_share=options.min_share,
        min_per_class=options.min_per_class,
        classes=options.classes,
    )


def read_whole(sources: Sequence[RegionSource], min_share: float = 0.0) -> Regions:
    """All regions of sources that nothing is trained on, whatever split they say, as validation regions.

    Args:
        min_share: smallest region kept, as a share of the photo's area.

    Raises:
        DataError: as `assemble` does.
    """
    found = assemble(sources, min_share=min_share, min_per_class=0)
    everything = [region for split in SPLITS for region in getattr(found, split)]
    return found.with_split("train", ()).with_split("test", ()).with_split("val", everything)


def with_masks(data: Regions, options: DataOptions, splits: Sequence[str] = ("train", "val")) -> Regions:
    """The data set with a mask of every kind asked for; a segmenter is opened only where one is missing.

    Training regions get all kinds, the others the first.
    """
    regions = [region for split in splits for region in getattr(data, split)]
    if options.masks == ("annotated",) and all(r.masked for r in regions):
        return data
    segmenter = open_segmenter(AppConfig(segmenter=options.segmenter))
    maker = MaskMaker(
        segmenter,
        options.cache,
        data.fingerprints,
        skip_broken=options.broken == "skip",
    )
    for split in splits:
        kinds = options.masks if split == "train" else options.masks[:1]
        data = data.with_split(split, maker.masked(getattr(data, split), kinds))
    return replace(data, segmenter=f"{segmenter.name} {segmenter.fingerprint}")


def source_names(sources: Sequence[Source]) -> list[str]:
    """The folders' names, numbered where two are the same."""
    names = [source.path.resolve().name for source in sources]
    return [name if names.count(name) == 1 else f"{name}-{i}" for i, name in enumerate(names, 1)]
