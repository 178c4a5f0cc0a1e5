"""RveRNet and its config."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig

SMALL = ModuleSpec("mobilenetv2_035")
TOKENS = ModuleSpec("deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 2})


def make(roi: ModuleSpec = SMALL, extra_roi: ModuleSpec = SMALL, **changes: Any) -> RveRNet:
    torch.manual_seed(0)
    return RveRNet(RveRNetConfig(roi, extra_roi, **{"num_classes": 5, "input_size": 64, **changes})).eval()


@pytest.mark.parametrize(
    ("fusion", "width"), [("logits", 1000 + 1000), ("features", 1280 + 192)], ids=["logits", "features"]
)
def test_the_integration_module_is_linear_relu_linear(fusion: str, width: int) -> None:
    model = make(SMALL, TOKENS, fusion=fusion)
    first, relu, second = model.integration_module
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    assert (first.in_features, first.out_features) == (width, 640)
    assert isinstance(relu, nn.ReLU)
    assert (second.in_features, second.out_features) == (640, 5)
    assert model(torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 64, 64)).shape == (2, 5)


def test_each_module_sees_its_own_picture_and_the_roi_comes_first() -> None:
    model = make(fusion="features")
    roi, extra_roi = torch.randn(2, 1, 3, 64, 64)
    expected = model.integration_module(
        torch.cat((model.roi_module(roi), model.extra_roi_module(extra_roi)), 1)
    )
    torch.testing.assert_close(model(roi, extra_roi), expected)
    assert not torch.allclose(model(extra_roi, roi), expected)


def test_the_model_names_its_pictures_and_their_backbones() -> None:
    model = make(SMALL, TOKENS)
    assert model.pictures == ("roi", "extra_roi")
    assert model.backbones == {"roi": model.roi_module, "extra_roi": model.extra_roi_module}
    assert model.config.modules == {"roi": SMALL, "extra_roi": TOKENS}


def test_it_returns_logits_not_probabilities() -> None:
    model = make()
    with torch.no_grad():
        model.get_parameter("integration_module.2.weight").zero_()
        model.get_parameter("integration_module.2.bias").copy_(torch.tensor([3.0, -2.0, 0.0, 0.0, 9.0]))
    logits = model(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64))
    assert logits.tolist() == [[3.0, -2.0, 0.0, 0.0, 9.0]]


def test_the_papers_modules_and_small_ones_have_the_statistics_of_their_weights() -> None:
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    half = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    expected = {
        "mobilenetv2_100": imagenet,
        "vit_base_patch16_224": half,
        "deit_base_patch16_224": imagenet,
        "deit_base_distilled_patch16_224": imagenet,
        "mixer_b16_224": half,
        "deit_tiny_distilled_patch16_224": imagenet,
        "mobilenetv4_conv_small": imagenet,
        "convnext_atto": imagenet,
    }
    found = {name: ModuleSpec(name) for name in expected}
    assert {name: (spec.mean, spec.std) for name, spec in found.items()} == expected


def test_arguments_reach_the_backbone() -> None:
    plain, same = make(), make(ModuleSpec("mobilenetv2_035", {"pad_type": "same"}))
    assert type(plain.roi_module.conv_stem).__name__ == "Conv2d"
    assert type(same.roi_module.conv_stem).__name__ == "Conv2dSame"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "resnet_of_dreams"}, "name of a timm model"),
        ({"name": "mobilenetv2_035", "kwargs": {"pretrained": True}}, "pretrained cannot be set"),
        (
            {"name": "mobilenetv2_035", "kwargs": {"checkpoint_path": "a.pth"}},
            "checkpoint_path cannot be set",
        ),
        ({"name": "mobilenetv2_035", "mean": (0.5,)}, "three finite numbers as mean"),
        ({"name": "mobilenetv2_035", "mean": (0.5, 0.5, float("nan"))}, "three finite numbers as mean"),
        ({"name": "mobilenetv2_035", "std": (0.5, 0.0, 0.5)}, "above 0"),
    ],
)
def test_an_invalid_module_spec_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ModuleSpec(**arguments)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fusion": "sum"}, "fusion"),
        ({"num_classes": 1}, "num_classes"),
        ({"hidden": 0}, "hidden"),
        ({"input_size": 64.0}, "input_size"),
    ],
)
def test_an_invalid_config_is_refused(changes: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RveRNetConfig(SMALL, SMALL, **{"num_classes": 5, **changes})


@pytest.mark.parametrize("spec", [TOKENS, ModuleSpec("mixer_s16_224", {"img_size": 64})])
def test_a_backbone_of_another_input_size_is_refused(spec: ModuleSpec) -> None:
    with pytest.raises(ValueError, match="img_size=96"):
        make(spec, SMALL, input_size=96)


def test_an_argument_the_backbone_does_not_know_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="mobilenetv2_035"):
        make(ModuleSpec("mobilenetv2_035", {"wings": 2}))
