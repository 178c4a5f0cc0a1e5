from __future__ import annotations

import math

import pytest
import torch

from training.segmenter.loss import interactive_loss, ious, mask_losses


def test_focal_and_dice_losses_match_hand_computed_values() -> None:
    logits = torch.zeros(1, 1, 1, 2)  # probability is 1/2 everywhere
    targets = torch.tensor([[[1.0, 0.0]]])
    focal = 0.25 * math.log(2)
    dice = 1 - (2 * 0.5 + 1) / (1 + 1 + 1)
    assert mask_losses(logits, targets).item() == pytest.approx(20 * focal + dice)


def test_confident_correct_masks_have_no_loss() -> None:
    targets = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    logits = (targets * 200 - 100)[:, None]
    assert mask_losses(logits, targets).item() == pytest.approx(0, abs=1e-6)


def test_ious_match_hand_computed_values() -> None:
    targets = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    logits = torch.tensor([[[[1.0, 1.0, -1.0, -1.0]], [[1.0, -1.0, 1.0, -1.0]], [[-1.0, -1.0, -1.0, -1.0]]]])
    torch.testing.assert_close(ious(logits, targets), torch.tensor([[1.0, 1 / 3, 0.0]]))


def test_only_the_best_candidate_and_the_single_mask_learn() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 8, 8, requires_grad=True)
    targets = (torch.rand(2, 8, 8) > 0.5).float()
    torch.autograd.backward(interactive_loss(logits, torch.zeros(2, 4), targets, first_click=True))
    assert logits.grad is not None
    learning = logits.grad.abs().sum(dim=(2, 3)) > 0
    best = mask_losses(logits, targets)[:, 1:].argmin(dim=1) + 1
    expected = torch.zeros(2, 4, dtype=torch.bool)
    expected[:, 0] = True
    expected[torch.arange(2), best] = True
    assert torch.equal(learning, expected)


def test_candidates_weigh_less_after_the_first_click() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(1, 4, 8, 8), (torch.rand(1, 8, 8) > 0.5).float()
    predicted = ious(logits, targets)
    losses = mask_losses(logits, targets)[0]
    for first_click, weight in ((True, 1.0), (False, 0.25)):
        found = interactive_loss(logits, predicted, targets, first_click)
        assert found.item() == pytest.approx((losses[0] + weight * losses[1:].min()).item(), rel=1e-5)
