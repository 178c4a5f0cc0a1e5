"""Open a checkpoint and labeled regions to measure it on, as arguments of a command name them."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
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
    """A checkpoint and regions of classes that it knows.

    Attributes:
        name: of the data.
        regions: those to measure on.
        around: all regions of the photos, also those of classes that the checkpoint does not know.
        left_out: a line for every reason to leave data or regions out.
        parts: fingerprints and splits of the regions, see `Regions.parts`.
        skip_broken: leave out and name regions that cannot be read, rather than stop.
    """

    checkpoint: Checkpoint
    name: str
    regions: tuple[Region, ...]
    around: tuple[Region, ...]
    left_out: tuple[str, ...]
    parts: tuple[str, ...]
    skip_broken: bool = False

    def score(self) -> Scores:
        """Score the regions. Raises DataError if one cannot be read and broken ones are not skipped."""
        found, classes = self.checkpoint, self.checkpoint.classes
        return score(found.model, found.preprocessing, self.regions, classes, skip_broken=self.skip_broken)

    def require_known(self, classes: Iterable[str]) -> None:
        """Raise DataError unless the checkpoint knows these classes."""
        if unknown := sorted(set(classes) - set(self.checkpoint.classes)):
            raise DataError(f"{self.checkpoint.name} does not know the classes {', '.join(unknown)}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `open_labelled` reads."""
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="checkpoint folder, or a Hugging Face Hub id"
    )
    parser.add_argument(
        "--data", type=Path, help="folder of labeled photos (default: all that the checkpoint was trained on)"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="coco", help="layout of the folder (default coco)"
    )
    parser.add_argument(
        "--split", choices=(*SPLITS, "all"), default="val", help="which regions (default val)"
    )
    parser.add_argument(
        "--masks", choices=MASKS, default="annotated", help="annotated masks, or those of one click"
    )
    parser.add_argument(
        "--rename",
        metavar="JSON",
        help="names in the data and the class names to use instead, as a JSON object",
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--known_only",
        action="store_true",
        help="leave out labels that the checkpoint does not know (default)",
    )
    labels.add_argument(
        "--all_labels", action="store_true", help="stop at a label that the checkpoint does not know"
    )
    parser.add_argument(
        "--skip_broken", action="store_true", help="leave out and name files that cannot be read"
    )
    parser.add_argument("--segmenter", default="auto", help="segmenter that makes masks of boxes and clicks")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache/masks"), help="folder that keeps those masks"
    )


def open_labelled(arguments: argparse.Namespace) -> Labelled:
    """Open the checkpoint and the data that the arguments name.

    A folder that the checkpoint was trained on, or one with the same annotations, is read as in training, so
    that nothing is measured on training regions. Data that are left out are also named on stderr.

    Raises:
        ConfigError: an argument has an impossible value, or no data is named and the checkpoint does not tell
            its own.
        DataError: the data cannot be read, have no such regions, or --all_labels is given and a label is
            unknown.
        RvernetError: the checkpoint or the segmenter cannot be opened.
    """
    rename = _names(arguments.rename)
    checkpoint = open_checkpoint(arguments.checkpoint)
    data = _data(arguments, checkpoint)
    name = ", ".join(data.sources)
    sources = data.sources
    if rename is not None:
        sources = {name: replace(source, rename=rename) for name, source in sources.items()}
    options = _options(arguments, tuple(sources.values()))
    opened = [open_source(source, name, options, unsplit="val") for name, source in sources.items()]
    if arguments.split == "all":
        split, found = "val", read_whole(opened, data.min_share)
    else:
        split, found = arguments.split, assemble(opened, min_share=data.min_share, min_per_class=0)
    regions: Sequence[Region] = getattr(found, split)
    unknown = Counter(r.label for r in regions if r.label not in checkpoint.classes)
    if unknown and arguments.all_labels:
        raise DataError(
            f"{checkpoint.name} does not know the classes {', '.join(sorted(unknown))} of {name}; "
            "--rename maps names, --known_only leaves these out."
        )
    if unknown.total() == len(regions):
        raise DataError(f"{name} has no {arguments.split} region of a class that {checkpoint.name} knows.")
    around: tuple[Region, ...] = getattr(with_masks(found, options, (split,)), split)
    known = tuple(r for r in around if r.label in checkpoint.classes)
    left_out = [*data.left_out, *(line for line in found.summary() if line.startswith("left out"))]
    if unknown:
        counted = ", ".join(f"{count} {label}" for label, count in sorted(unknown.items()))
        left_out.append(
            f"left out, of labels that {checkpoint.name} does not know: {unknown.total()} of "
            f"{len(regions)} regions ({counted})"
        )
    for line in data.left_out:
        print(line, file=sys.stderr)
    parts = found.parts(SPLITS if arguments.split == "all" else (split,))
    return Labelled(checkpoint, name, known, around, tuple(left_out), parts, arguments.skip_broken)


def _options(arguments: argparse.Namespace, sources: tuple[Source, ...]) -> DataOptions:
    """Return how the arguments read sources."""
    return DataOptions(
        sources=sources,
        masks=(arguments.masks,),
        segmenter=arguments.segmenter,
        cache=arguments.cache,
        broken="skip" if arguments.skip_broken else "stop",
    )


@dataclass(frozen=True)
class _Data:
    """What to read.

    Attributes:
        sources: by name.
        min_share: smallest region, as a share of the photo's area.
        left_out: lines that name sources of the training that are not here.
    """

    sources: dict[str, Source]
    min_share: float = 0.0
    left_out: tuple[str, ...] = ()


def _data(arguments: argparse.Namespace, checkpoint: Checkpoint) -> _Data:
    """Find the data: the given folder, read as in training if it was trained on, or all training data."""
    trained = _trained_with(checkpoint)
    if arguments.data is None:
        if trained is None:
            raise ConfigError(
                f"{checkpoint.name} does not say what it was trained on; name a folder with --data."
            )
        if arguments.rename is not None:
            raise ConfigError("--rename is for the names in one folder; name it with --data.")
        return _trained_on(trained, checkpoint)
    folder = arguments.data.resolve()
    if trained is not None:
        named = dict(zip(source_names(trained.sources), trained.sources, strict=True))
        if same := {name: s for name, s in named.items() if s.path.resolve() == folder}:
            return _Data(same, trained.min_share)
        moved = {name: _moved(source, folder) for name, source in named.items()}
        if same := {
            name: s for name, s in moved.items() if _is_as_trained_on(name, s, arguments, checkpoint)
        }:
            return _Data(same, trained.min_share)
    return _Data({folder.name: Source(arguments.data, arguments.format)})


def _trained_on(trained: DataOptions, checkpoint: Checkpoint) -> _Data:
    """Return the sources of the training that are on this machine, and a line about the others."""
    named = dict(zip(source_names(trained.sources), trained.sources, strict=True))
    here = {name: source for name, source in named.items() if (source.annotations or source.path).exists()}
    missing = ", ".join(str(source.path) for name, source in named.items() if name not in here)
    if not here:
        raise DataError(
            f"Nothing that {checkpoint.name} was trained on is on this machine ({missing}); name a "
            "folder with --data."
        )
    if not missing:
        return _Data(here, trained.min_share)
    command = checkpoint.training.get("command")
    how = f"; the options of its training say how to make them: {command}" if command else ""
    return _Data(here, trained.min_share, (f"left out, not on this machine: {missing}{how}",))


def _moved(source: Source, folder: Path) -> Source:
    """Return the source with another folder."""
    before, annotations = source.path.resolve(), source.annotations
    if annotations is not None:
        file = annotations.resolve()
        annotations = folder / file.relative_to(before) if file.is_relative_to(before) else None
    return replace(source, path=folder, annotations=annotations)


def _is_as_trained_on(
    name: str, source: Source, arguments: argparse.Namespace, checkpoint: Checkpoint
) -> bool:
    """Return True if a source has the fingerprint of the training source of this name."""
    fingerprints = checkpoint.training.get("data")
    if source.format != arguments.format or not isinstance(fingerprints, dict):
        return False
    try:
        found = open_source(source, name, _options(arguments, (source,)), unsplit="val").read()
    except DataError:
        return False
    return found.fingerprint == fingerprints.get(name)


def _names(text: str | None) -> dict[str, str] | None:
    """Parse --rename."""
    try:
        names = None if text is None else json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"--rename takes a JSON object of texts, but {text!r} is not JSON: {error}."
        ) from error
    if names is not None and not (
        isinstance(names, dict) and all(isinstance(n, str) for n in names.values())
    ):
        raise ConfigError(f"--rename takes a JSON object of texts, got {text!r}.")
    return names


def _trained_with(checkpoint: Checkpoint) -> DataOptions | None:
    """Return the data options of the checkpoint's training; None if missing or of another version."""
    options = checkpoint.training.get("options")
    data = options.get("data") if isinstance(options, dict) else None
    try:
        return options_from(data, DataOptions) if isinstance(data, dict) else None
    except ConfigError:
        return None
