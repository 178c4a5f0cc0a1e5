"""Class-wise figures of predictions, and predictions over a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from rvernet_app.cutouts import cut_out
from rvernet_app.preprocessing import Preprocessing
from rvernet_app.rvernet import RveRNet
from training.data import Region, read_region

Confusion = NDArray[np.int64]
"""int64 (K, K), rows the true class, columns the predicted one."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Probabilities over a split, with and without context.

    Attributes:
        true: int64 (N,).
        with_context, without_context: float32 (N, K); the second has the extra-ROI picture blanked.
    """

    true: NDArray[np.int64]
    with_context: NDArray[np.float32]
    without_context: NDArray[np.float32]


def score_regions(
    model: RveRNet,
    preprocessing: Preprocessing,
    regions: Sequence[Region],
    rles: Mapping[int, Mapping[str, Any]],
    batch_size: int = 32,
) -> Scores:
    """Run a model, in eval mode, over regions cut out as the app does it; no augmentation.

    Args:
        model: put into eval mode and left so.
        rles: the mask of each region, by region id.
    """
    model.eval()
    device = next(model.parameters()).device
    found: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    for start in tqdm(range(0, len(regions), batch_size), desc="measure", unit="batch", leave=False):
        batch = [cut_out(*read_region(r, rles[r.id])) for r in regions[start : start + batch_size]]
        pixels = preprocessing([*batch, *(cutouts.without_context() for cutouts in batch)])
        roi, extra_roi = (p.to(device) for p in pixels)  # (2 B, 3, S, S), B with and B without context
        with torch.inference_mode():
            seen = model.encode_roi(roi[: len(batch)])  # the ROI is the same with and without context
            logits = model.integrate(torch.cat((seen, seen)), model.encode_extra_roi(extra_roi))  # (2 B, K)
        probabilities = logits.softmax(dim=1).cpu().numpy()
        found[0].append(probabilities[: len(batch)])
        found[1].append(probabilities[len(batch) :])
    true = np.array([r.class_index for r in regions], np.int64)
    return Scores(true, np.concatenate(found[0]), np.concatenate(found[1]))


def confusion(true: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Confusion:
    """Counts (K, K) of (true class, likeliest class)."""
    classes = probabilities.shape[1]
    pairs = true * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def f1_by_class(counts: Confusion) -> NDArray[np.float64]:
    """F1 of each class, float64 (K,); NaN for a class without a true sample."""
    true, predicted, hit = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    return np.where(true > 0, 2 * hit / np.maximum(true + predicted, 1), np.nan)


def macro_f1(counts: Confusion) -> float:
    """Mean F1 over the classes that have true samples."""
    return float(np.nanmean(f1_by_class(counts)))


def top1(counts: Confusion) -> float:
    """Share of samples whose likeliest class is the true one."""
    return float(np.diag(counts).sum() / counts.sum())


def overall(scores: Scores) -> dict[str, Any]:
    """Macro F1 and top-1 with context, and the same without it."""
    with_context, without_context = (
        {"macro_f1": round(macro_f1(counts), 4), "top1": round(top1(counts), 4)}
        for counts in (
            confusion(scores.true, scores.with_context),
            confusion(scores.true, scores.without_context),
        )
    )
    return {**with_context, "without_context": without_context}


def describe(scores: Scores, classes: Sequence[str], regions: Sequence[Region]) -> dict[str, Any]:
    """Figures as they are stored in a checkpoint's config.json: overall and by class."""
    with_context = confusion(scores.true, scores.with_context)
    samples = with_context.sum(axis=1)
    f1 = f1_by_class(with_context)
    f1_without = f1_by_class(confusion(scores.true, scores.without_context))
    return {
        "regions": len(regions),
        "groups": len({r.group for r in regions}),
        **overall(scores),
        "classes_without_regions": [name for name, n in zip(classes, samples, strict=True) if n == 0],
        "by_class": {
            name: {
                "regions": int(samples[i]),
                "groups": len({r.group for r in regions if r.class_index == i}),
                "f1": round(float(f1[i]), 4),
                "f1_without_context": round(float(f1_without[i]), 4),
            }
            for i, name in enumerate(classes)
            if samples[i]
        },
    }
