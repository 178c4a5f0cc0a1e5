"""SAM's losses (Kirillov et al. 2023, arXiv 2304.02643, appendix A): focal and dice on masks, squares on
their IoU.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FOCAL_WEIGHT = 20.0
GAMMA = 2.0
LATER_GUESSES = 0.25
"""Weight of the three guesses once more than one click says what is meant."""


def mask_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return 20 focal (Lin et al. 2017, arXiv 1708.02002) + dice (Milletari et al. 2016, arXiv 1606.04797)
    per mask.

    Args:
        logits: (M, N, h, w), N outputs for each of M targets.
        targets: float (M, h, w) of 0 and 1.

    Returns:
        (M, N).
    """
    targets = targets[:, None].expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    probability = logits.sigmoid()
    missing = (probability - targets).abs()  # 1 - p of the true class
    focal = (missing**GAMMA * entropy).mean(dim=(-2, -1))
    overlap = (probability * targets).sum(dim=(-2, -1))
    dice = 1 - (2 * overlap + 1) / (probability.sum(dim=(-2, -1)) + targets.sum(dim=(-2, -1)) + 1)
    return FOCAL_WEIGHT * focal + dice


def ious(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the IoU (M, N) of thresholded logits (M, N, h, w) with targets, float (M, h, w) of 0 and 1."""
    masks, wanted = logits > 0, targets[:, None] > 0.5
    intersection = (masks & wanted).sum(dim=(-2, -1))
    return intersection / (masks | wanted).sum(dim=(-2, -1)).clamp(min=1)


def interactive_loss(logits: Tensor, predicted_ious: Tensor, targets: Tensor, first_click: bool) -> Tensor:
    """Return the loss of SAM's four outputs: the single mask, the best of three guesses, and all predicted
    IoUs.

    Only the guess with the smallest loss learns, so that the three can mean different things by one click.

    Args:
        logits: (M, 4, h, w), the single-mask output first.
        predicted_ious: (M, 4).
        targets: float (M, h, w) of 0 and 1.
        first_click: True if the model knows only one click.

    Returns:
        A scalar.
    """
    losses = mask_losses(logits, targets)  # (M, 4)
    guesses = losses[:, 1:].amin(dim=1)
    weight = 1.0 if first_click else LATER_GUESSES
    with torch.no_grad():
        true_ious = ious(logits, targets)
    return (losses[:, 0] + weight * guesses).mean() + functional.mse_loss(predicted_ious, true_ious)
