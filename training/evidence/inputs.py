"""A checkpoint and labelled regions to measure it on, from the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rvernet_app.errors import ConfigError
from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.hub import open_checkpoint
from training.data.masks import MASKS
from training.data.options import FORMATS, DataOptions, Source
from training.data.regions import SPLITS, DataError, Region, assemble
from training.data.sources import open_source, read_whole, source_names, with_masks
from training.evidence.measure import Scores, score
from training.shared.configuration import options_from


@dataclass(frozen=True, eq=False)
class Labelled:
    """A checkpoint and regions of classes it knows.

    Attributes:
        checkpoint: the model and all it needs.
        name: of the data.
        regions: those to measure on.
        around: all regions on the photos, also those of classes that the checkpoint does not know.
        left_out: lines that say what is not among them.
        parts: what they are of, see `Regions.parts`.
        skip_broken: whether regions that cannot be read are to be left out and named.
    """

    checkpoint: Checkpoint
    name: str
    regions: tuple[Region, ...]
    around: tuple[Region, ...]
    left_out: tuple[str, ...]
    parts: tuple[str, ...]
    skip_broken: bool = False

    def score(self) -> Scores:
        """The checkpoint's scores of the regions. Raises DataError where one cannot be read and none is skipped."""
        found, classes = self.checkpoint, self.checkpoint.classes
        return score(found.model, found.preprocessing, self.regions, classes, skip_broken=self.skip_broken)

    def require_known(self, classes: Iterable[str]) -> None:
        """Raise DataError unless the checkpoint knows these classes."""
        if unknown := sorted(set(classes) - set(self.checkpoint.classes)):
            raise DataError(f"{self.checkpoint.name} does not know the classes {', '.join(unknown)}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that `open_labelled` reads."""
    parser.add_argument("checkpoint", help="checkpoint folder, or a Hugging Face Hub id")
    parser.add_argument(
        "--data", type=Path, help="folder of labelled photos (default all that the checkpoint was trained on)"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="coco", help="layout of the folder (default coco)"
    )
    parser.add_argument(
        "--split", choices=(*SPLITS, "all"), default="val", help="which regions (default val)"
    )
    parser.add_argument(
        "--masks", choices=MASKS, default="annotated", help="masks as annotated or of one click"
    )
    parser.add_argument(
        "--rename",
        metavar="JSON",
        help="names in the data and the class names of the checkpoint to use instead: an object of texts",
    )
    parser.add_argument(
        "--known_only", action="store_true", help="leave classes out that the checkpoint does not know"
    )
    parser.add_argument("--skip_broken", action="store_true", help="name what cannot be read and go on")
    parser.add_argument("--segmenter", default="auto", help="makes masks of boxes and clicks")
    parser.add_argument("--cache", type=Path, default=Path("cache/masks"), help="where those masks are kept")


def open_labelled(arguments: argparse.Namespace) -> Labelled:
    """What the arguments name.

    A folder that the checkpoint was trained on, or that holds the same annotations, is read as it was read then: what
    was trained on is not measured on.

    Raises:
        ConfigError: an argument cannot be what it is, or no data is named and the checkpoint does not tell its own.
        DataError: the data cannot be read, has no such regions, or has a class that the checkpoint does not know.
        RvernetError: the checkpoint or the segmenter cannot be opened.
    """
    rename = _names(arguments.rename)
    checkpoint = open_checkpoint(arguments.checkpoint)
    sources, min_share = _sources(arguments, checkpoint)
    name = ", ".join(sources)
    if rename is not None:
        sources = {name: replace(source, rename=rename) for name, source in sources.items()}
    options = _options(arguments, tuple(sources.values()))
    opened = [open_source(source, name, options, unsplit="val") for name, source in sources.items()]
    if arguments.split == "all":
        split, found = "val", read_whole(opened, min_share)
    else:
        split, found = arguments.split, assemble(opened, min_share=min_share, min_per_class=0)
    regions: Sequence[Region] = getattr(found, split)
    unknown = sorted({r.label for r in regions} - set(checkpoint.classes))
    # a training leaves classes out that it has too few regions of
    if unknown and not (arguments.known_only or arguments.data is None):
        raise DataError(
            f"{checkpoint.name} does not know the classes {', '.join(unknown)} of {name}; --rename maps "
            "names, --known_only leaves these out."
        )
    if len(unknown) == len({r.label for r in regions}):
        raise DataError(f"{name} has no {arguments.split} region of a class that {checkpoint.name} knows.")
    around: tuple[Region, ...] = getattr(with_masks(found, options, (split,)), split)
    known = tuple(r for r in around if r.label in checkpoint.classes)
    left_out = [line for line in found.summary() if line.startswith("left out")]
    if unknown:
        left_out.append(f"left out, of classes not known: {len(regions) - len(known)} ({', '.join(unknown)})")
    parts = found.parts(SPLITS if arguments.split == "all" else (split,))
    return Labelled(checkpoint, name, known, around, tuple(left_out), parts, arguments.skip_broken)


def _options(arguments: argparse.Namespace, sources: tuple[Source, ...]) -> DataOptions:
    """How the arguments say that sources are read."""
    return DataOptions(
        sources=sources,
        masks=(arguments.masks,),
        segmenter=arguments.segmenter,
        cache=arguments.cache,
        broken="skip" if arguments.skip_broken else "stop",
    )


def _sources(arguments: argparse.Namespace, checkpoint: Checkpoint) -> tuple[dict[str, Source], float]:
    """What is to be read, by name, and the smallest share of a photo that a region may have."""
    trained = _trained_with(checkpoint)
    if arguments.data is None and trained is None:
        raise ConfigError(
            f"{checkpoint.name} does not say what it was trained on; name a folder with --data."
        )
    if arguments.data is None and arguments.rename is not None:
        raise ConfigError("--rename is for the names in one folder; name it with --data.")
    folder: Path = (arguments.data or Path()).resolve()
    if trained is not None:
        named = dict(zip(source_names(trained.sources), trained.sources, strict=True))
        if arguments.data is None:
            return named, trained.min_share
        if read_then := {name: s for name, s in named.items() if s.path.resolve() == folder}:
            return read_then, trained.min_share
        moved = {name: _moved(source, folder) for name, source in named.items()}
        if read_then := {
            name: s for name, s in moved.items() if _is_as_trained_on(name, s, arguments, checkpoint)
        }:
            return read_then, trained.min_share
    return {folder.name: Source(arguments.data, arguments.format)}, 0.0


def _moved(source: Source, folder: Path) -> Source:
    """The source as it would be if its folder were this one."""
    before, annotations = source.path.resolve(), source.annotations
    if annotations is not None:
        file = annotations.resolve()
        annotations = folder / file.relative_to(before) if file.is_relative_to(before) else None
    return replace(source, path=folder, annotations=annotations)


def _is_as_trained_on(
    name: str, source: Source, arguments: argparse.Namespace, checkpoint: Checkpoint
) -> bool:
    """Whether a source, wherever it lies now, has the fingerprint of the one of this name that was trained on."""
    fingerprints = checkpoint.training.get("data")
    if source.format != arguments.format or not isinstance(fingerprints, dict):
        return False
    try:
        found = open_source(source, name, _options(arguments, (source,)), unsplit="val").read()
    except DataError:
        return False
    return found.fingerprint == fingerprints.get(name)


def _names(text: str | None) -> dict[str, str] | None:
    """What --rename says."""
    try:
        names = None if text is None else json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"--rename takes a JSON object of texts, and {text!r} is no JSON: {error}."
        ) from error
    if names is not None and not (
        isinstance(names, dict) and all(isinstance(n, str) for n in names.values())
    ):
        raise ConfigError(f"--rename takes a JSON object of texts, got {text!r}.")
    return names


def _trained_with(checkpoint: Checkpoint) -> DataOptions | None:
    """The data options of the checkpoint's training run; None where it does not tell them as this version does."""
    options = checkpoint.training.get("options")
    data = options.get("data") if isinstance(options, dict) else None
    try:
        return options_from(data, DataOptions) if isinstance(data, dict) else None
    except ConfigError:
        return None
