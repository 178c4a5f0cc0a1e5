from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rvernet_app.errors import ConfigError
from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.loop.distill import Student, mean_over, teacher_loss

TINY = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 12, "num_heads": 3}
DISTILLED = ModuleSpec("deit_tiny_distilled_patch16_224", TINY)


def as_logits(*rows: tuple[float, ...]) -> Tensor:
    """Return logits with an arbitrary offset for these probabilities."""
    return torch.tensor(rows).log() + 5


def test_hard_target_is_cross_entropy_with_the_teacher_class() -> None:
    student = as_logits((0.25, 0.75), (0.5, 0.5))
    teacher = as_logits((0.9, 0.1), (0.4, 0.6))
    expected = -(math.log(0.25) + math.log(0.5)) / 2
    for temperature in (1.0, 3.0):
        assert teacher_loss(student, teacher, "hard", temperature).item() == pytest.approx(expected)


def test_soft_target_is_the_kl_divergence_from_the_teacher() -> None:
    student, teacher = as_logits((0.25, 0.75), (0.5, 0.5)), as_logits((0.5, 0.5), (0.5, 0.5))
    one = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert teacher_loss(student, teacher, "soft", 1.0).item() == pytest.approx(one / 2)
    assert teacher_loss(teacher, teacher, "soft", 1.0).item() == pytest.approx(0, abs=1e-7)


def test_temperature_softens_both_and_its_square_rescales_the_loss() -> None:
    student, teacher = as_logits((0.1, 0.9)), as_logits((0.8, 0.2))
    # temperature 2 takes the square root of the odds: 1 to 3, and 2 to 1
    expected = 2 / 3 * math.log((2 / 3) / (1 / 4)) + 1 / 3 * math.log((1 / 3) / (3 / 4))
    assert teacher_loss(student, teacher, "soft", 2.0).item() == pytest.approx(4 * expected)


def test_soft_target_gradient_keeps_its_size_at_any_temperature() -> None:
    sizes = []
    for temperature in (50.0, 100.0):
        student = torch.tensor([[1.0, -1.0, 0.0]], requires_grad=True)
        torch.autograd.backward(teacher_loss(student, torch.tensor([[0.0, 2.0, 1.0]]), "soft", temperature))
        assert student.grad is not None
        sizes.append(student.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)
    assert sizes[0] > 0.1


def test_mean_covers_only_the_selected_rows() -> None:
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert mean_over(losses, torch.tensor([True, False, True])) == 3.5
    assert mean_over(losses, torch.tensor([False, False, False])) == 0


def pair(extra: ModuleSpec = DISTILLED) -> RveRNet:
    torch.manual_seed(0)
    return RveRNet(RveRNetConfig(DISTILLED, extra, 3, fusion="features", hidden=5, input_size=32))


def single() -> SinglePicture:
    torch.manual_seed(0)
    return SinglePicture(SinglePictureConfig("roi", DISTILLED, 3, fusion="logits", hidden=5, input_size=32))


def test_student_without_tokens_returns_the_model_logits() -> None:
    model, pictures = pair(), torch.randn(2, 2, 3, 32, 32)
    said = Student(model).train()(*pictures)
    assert torch.equal(said.logits, model(*pictures))
    assert said.of_tokens is None
    assert said.of_modules == ()


@pytest.mark.parametrize("make", [pair, single])
def test_student_with_tokens_returns_class_and_distillation_logits(
    make: Callable[..., RveRNet] | Callable[..., SinglePicture],
) -> None:
    model = make()
    pictures = torch.randn(len(model.pictures), 2, 3, 32, 32)
    logits, of_tokens, _, _ = Student(model, tokens=True).train()(*pictures)
    tokens = [
        backbone.forward_features(picture)[:, :2]
        for backbone, picture in zip(model.backbones.values(), pictures, strict=True)
    ]
    one = [backbone.head(of[:, 0]) for backbone, of in zip(model.backbones.values(), tokens, strict=True)]
    other = [
        backbone.head_dist(of[:, 1]) for backbone, of in zip(model.backbones.values(), tokens, strict=True)
    ]
    torch.testing.assert_close(logits, model.integration_module(torch.cat(one, dim=1)))
    torch.testing.assert_close(of_tokens, model.integration_module(torch.cat(other, dim=1)))
    model.eval()
    mean = [(a + b) / 2 for a, b in zip(one, other, strict=True)]
    torch.testing.assert_close(model(*pictures), model.integration_module(torch.cat(mean, dim=1)))


@pytest.mark.parametrize(("of", "learned"), [("logits", "head"), ("of_tokens", "head_dist")])
def test_labels_train_the_class_token_and_the_teacher_trains_the_distillation_token(
    of: str, learned: str
) -> None:
    model = single()
    said = Student(model, tokens=True).train()(torch.randn(2, 3, 32, 32))
    getattr(said, of).sum().backward()
    backbone = model.backbones["roi"]
    taught = {name for name in ("head", "head_dist") if getattr(backbone, name).weight.grad is not None}
    assert taught == {learned}


@pytest.mark.parametrize("make", [pair, single])
@pytest.mark.parametrize("tokens", [False, True])
def test_each_module_can_have_its_own_class_head(
    make: Callable[..., RveRNet] | Callable[..., SinglePicture], tokens: bool
) -> None:
    model = make()
    pictures = torch.randn(len(model.pictures), 2, 3, 32, 32)
    student = Student(model, tokens=tokens, modules=True).train()
    said = student(*pictures)
    assert len(said.of_modules) == len(model.pictures)
    for of_module, head, backbone, picture in zip(
        said.of_modules, student.heads.values(), model.backbones.values(), pictures, strict=True
    ):
        of_class_token = backbone.head(backbone.forward_features(picture)[:, 0])
        backbone.eval()
        torch.testing.assert_close(of_module, head(of_class_token if tokens else backbone(picture)))
    assert not any(name.startswith("heads") for name in model.state_dict())


def test_extra_roi_module_can_have_a_head_for_the_foods_it_sees() -> None:
    model = pair()
    pictures = torch.randn(2, 2, 3, 32, 32)
    student = Student(model, others=True).train()
    said = student(*pictures)
    model.eval()
    assert said.of_modules == ()
    expected = student.heads["others"](model.extra_roi_module(pictures[1]))
    torch.testing.assert_close(said.of_others, expected)
    torch.testing.assert_close(said.logits, model(*pictures))


def test_token_distillation_needs_tokens_in_every_backbone() -> None:
    model = pair(ModuleSpec("deit_tiny_patch16_224", TINY))
    Student(model)
    with pytest.raises(ConfigError, match="The backbone for extra_roi has no distillation token"):
        Student(model, tokens=True)
