"""Score labeled regions with a model, and compute figures from the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from rvernet_app import files
from rvernet_app.model.baseline import Model
from rvernet_app.model.preprocessing import Preprocessing, normalise
from rvernet_app.model.rvernet import RveRNet
from rvernet_app.picture.cutouts import Letterbox, cut_out
from rvernet_app.types import Photo
from training.data.photos import open_photo
from training.data.regions import DataError, Region
from training.evidence.statistics import Statistic, counts_by_group, f1_by_class, macro_f1, mean_f1, top1

Confusion = NDArray[np.int64]
"""int64 (K, K), rows the true class, columns the predicted one."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The input of a model for one region.

    Attributes:
        squares: uint8 (S, S, 3) for each of the model's pictures, in its order.
        size_hw: of the pictures before the letterbox.
    """

    squares: tuple[Photo, ...]
    size_hw: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Scores:
    """Logits over regions.

    Attributes:
        names, groups: of the regions.
        true: class indices, int64 (N,).
        logits: float32 (N, K).
        without_context: logits with a blank extra-ROI picture; None for a model that reads one picture.
        broken: errors of regions that could not be scored.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    true: NDArray[np.int64]
    logits: NDArray[np.float32]
    without_context: NDArray[np.float32] | None
    broken: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write the scores as an npz file."""
        arrays: dict[str, Any] = {
            "names": np.array(self.names),
            "groups": np.array(self.groups),
            "true": self.true,
            "logits": self.logits,
            "broken": np.array(self.broken, np.str_),
        }
        if self.without_context is not None:
            arrays["without_context"] = self.without_context
        with files.replacing(path, durable=False) as unfinished, unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> Scores:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(
                    names=tuple(file["names"].tolist()),
                    groups=tuple(file["groups"].tolist()),
                    true=file["true"],
                    logits=file["logits"],
                    without_context=file.get("without_context"),
                    broken=tuple(file["broken"].tolist()) if "broken" in file else (),
                )
        except (OSError, EOFError, ValueError, KeyError, BadZipFile, ZlibError) as error:
            raise DataError(f"The scores {path} cannot be read: {error}.") from error

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Join scores over parts of a data set."""
        if len(parts) == 1:
            return parts[0]
        blanked = [part.without_context for part in parts if part.without_context is not None]
        return cls(
            names=tuple(name for part in parts for name in part.names),
            groups=tuple(group for part in parts for group in part.groups),
            true=np.concatenate([part.true for part in parts]),
            logits=np.concatenate([part.logits for part in parts]),
            without_context=np.concatenate(blanked) if blanked else None,
            broken=tuple(sentence for part in parts for sentence in part.broken),
        )

    def of_source(self, source: str) -> Scores:
        """Return the scores of the regions of one source."""
        keep = [i for i, name in enumerate(self.names) if _source(name) == source]
        return replace(
            self,
            names=tuple(self.names[i] for i in keep),
            groups=tuple(self.groups[i] for i in keep),
            true=self.true[keep],
            logits=self.logits[keep],
            without_context=None if self.without_context is None else self.without_context[keep],
        )

    def __len__(self) -> int:
        return len(self.true)


def _source(name: str) -> str:
    """Return the source of a region, from its name."""
    return name.partition("/")[0]


class View:
    """Shows regions to a model as the app does: without augmentation, with the first mask.

    Args:
        pictures: names of the pictures in `Cutouts`, in the model's order.
        keep_mb: memory for squares, in 10^6 bytes; others are made again each time.
    """

    def __init__(self, pictures: Sequence[str], letterbox: Letterbox, keep_mb: float = 0.0) -> None:
        self._pictures = pictures
        self._letterbox = letterbox
        self._room = keep_mb * 1e6
        self._kept: dict[str, Seen] = {}
        self._open = lru_cache(maxsize=1)(open_photo)  # regions of one photo follow each other

    def __call__(self, region: Region) -> Seen:
        """Return the input for a region. Raises DataError if the region cannot be read."""
        if (kept := self._kept.get(region.name)) is not None:
            return kept
        cutouts = cut_out(*region.masked[0].read(self._open))
        squares = tuple(self._letterbox.apply(getattr(cutouts, name)) for name in self._pictures)
        seen = Seen(squares, cutouts.size_hw)
        if (size := sum(square.nbytes for square in squares)) <= self._room:
            self._kept[region.name] = seen
            self._room -= size
        return seen


def score(
    model: Model,
    preprocessing: Preprocessing,
    regions: Sequence[Region],
    classes: Sequence[str],
    *,
    view: Callable[[Region], Seen] | None = None,
    skip_broken: bool = False,
    batch_size: int = 32,
) -> Scores:
    """Run a model over regions.

    Args:
        model: left in eval mode.
        classes: of the model; every label of a region is among them.
        view: gives the input of the model for a region; None is the app's way.
        skip_broken: leave out and name regions that cannot be read, rather than stop.

    Raises:
        DataError: a region cannot be read.
    """
    model.eval()
    see = view or View(model.pictures, preprocessing.letterbox)
    indices = {name: i for i, name in enumerate(classes)}
    scored: list[Region] = []
    broken: list[str] = []
    with_context, without_context = [], []
    for start in tqdm(range(0, len(regions), batch_size), desc="measure", unit="batch", leave=False):
        seen = []
        for region in regions[start : start + batch_size]:
            try:
                seen.append(see(region))
                scored.append(region)
            except DataError as error:
                if not skip_broken:
                    raise
                broken.append(f"{region.name}: {error}")
        if seen:
            logits, blanked = _logits(model, preprocessing, seen)
            with_context.append(logits)
            without_context += [blanked] if blanked is not None else []
    none = np.zeros((0, len(classes)), np.float32)
    return Scores(
        names=tuple(r.name for r in scored),
        groups=tuple(r.group for r in scored),
        true=np.array([indices[r.label] for r in scored], np.int64),
        logits=np.concatenate(with_context or [none]),
        without_context=np.concatenate(without_context or [none]) if isinstance(model, RveRNet) else None,
        broken=tuple(broken),
    )


def _logits(
    model: Model, preprocessing: Preprocessing, seen: Sequence[Seen]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return logits (B, K), and logits with a blank extra-ROI picture."""
    device = next(model.parameters()).device

    def encode(picture: str, squares: Sequence[Photo]) -> Tensor:
        pixels = normalise(np.stack(squares), preprocessing.modules[picture]).to(device)
        result: Tensor = getattr(model, f"encode_{picture}")(pixels)
        return result

    with torch.inference_mode():
        if not isinstance(model, RveRNet):
            (module,) = preprocessing.modules.values()
            pixels = normalise(np.stack([each.squares[0] for each in seen]), module)
            return model(pixels.to(device)).cpu().numpy(), None
        roi, extra_roi = (
            encode(name, [each.squares[i] for each in seen]) for i, name in enumerate(model.pictures)
        )
        sizes = list(dict.fromkeys(each.size_hw for each in seen))
        black = [preprocessing.letterbox.apply(np.zeros((*size_hw, 3), np.uint8)) for size_hw in sizes]
        blank = encode("extra_roi", black)[[sizes.index(each.size_hw) for each in seen]]  # (B, D)
        # the ROI is the same with and without context
        return model.integrate(roi, extra_roi).cpu().numpy(), model.integrate(roi, blank).cpu().numpy()


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Return the softmax of logits (N, K) divided by a temperature."""
    return torch.from_numpy(logits / np.float32(temperature)).softmax(dim=1).numpy()


def confusion(true: NDArray[np.int64], logits: NDArray[np.float32]) -> Confusion:
    """Count (true class, predicted class), int64 (K, K)."""
    classes = logits.shape[1]
    pairs = true * classes + logits.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def counts(scores: Scores, without_context: bool = False) -> NDArray[np.int64]:
    """Return the counts behind all figures and intervals, int64 (G, 3, K); see
    `training.evidence.statistics.counts_by_group`.

    Raises:
        DataError: there are no scores.
        ValueError: `without_context` of a model that reads one picture.
    """
    if not len(scores):
        raise DataError(" ".join(("There is no region to measure on.", *scores.broken[:1])))
    logits = scores.without_context if without_context else scores.logits
    if logits is None:
        raise ValueError("expected the scores of a model that sees two pictures")
    return counts_by_group(scores.true, logits.argmax(axis=1), logits.shape[1], scores.groups)


def statistics(classes: Sequence[str], ambiguous: Sequence[str] = ()) -> dict[str, Statistic]:
    """Return the statistics to measure: macro F1, top-1, and the mean F1 of the ambiguous classes if any are
    named.

    Args:
        ambiguous: names among the classes.
    """
    found: dict[str, Statistic] = {"macro_f1": macro_f1, "top1": top1}
    if ambiguous:
        found["ambiguous_f1"] = mean_f1([classes.index(name) for name in ambiguous])
    return found


def figures(scores: Scores, classes: Sequence[str], ambiguous: Sequence[str] = ()) -> dict[str, float]:
    """Compute every statistic, and for a model that reads two pictures also `_without_context`.

    A statistic of classes without regions is left out.

    Raises:
        DataError: there are no scores.
    """
    found: dict[str, float] = {}
    for blanked in (False, True) if scores.without_context is not None else (False,):
        total = counts(scores, blanked).sum(axis=0)
        for name, statistic in statistics(classes, ambiguous).items():
            if not np.isnan(value := statistic(total)):
                found[name + "_without_context" * blanked] = round(float(value), 4)
    return found


def describe(scores: Scores, classes: Sequence[str], ambiguous: Sequence[str] = ()) -> dict[str, Any]:
    """Return the figures that a checkpoint stores in config.json: overall, by class, and by source if there
    are several.

    Raises:
        DataError: there are no scores.
    """
    total = counts(scores).sum(axis=0)
    samples, f1 = total[0], f1_by_class(total)
    blanked = None
    if scores.without_context is not None:
        blanked = f1_by_class(counts(scores, without_context=True).sum(axis=0))
    groups = np.array(scores.groups)
    groups_of = [len(set(groups[scores.true == i])) for i in range(len(classes))]
    sources = {source: scores.of_source(source) for source in dict.fromkeys(map(_source, scores.names))}
    return {
        **_overall(scores, classes, ambiguous),
        "ambiguous": list(ambiguous),
        "classes_without_regions": [name for name, n in zip(classes, samples, strict=True) if n == 0],
        "classes_of_one_group": [name for name, n in zip(classes, groups_of, strict=True) if n == 1],
        "by_class": {
            name: {
                "regions": int(samples[i]),
                "groups": groups_of[i],
                "f1": round(float(f1[i]), 4),
                **({} if blanked is None else {"f1_without_context": round(float(blanked[i]), 4)}),
            }
            for i, name in enumerate(classes)
            if samples[i]
        },
        **(
            {"by_source": {source: _overall(of, classes, ambiguous) for source, of in sources.items()}}
            if len(sources) > 1
            else {}
        ),
    }


def _overall(scores: Scores, classes: Sequence[str], ambiguous: Sequence[str]) -> dict[str, Any]:
    return {
        "regions": len(scores),
        "groups": len(set(scores.groups)),
        **figures(scores, classes, ambiguous),
    }
