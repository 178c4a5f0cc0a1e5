"""Models that see one picture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from rvernet_app.model.baseline import PICTURES, SinglePicture, SinglePictureConfig
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig

SMALL = ModuleSpec("mobilenetv2_035")


def make(picture: str = "photo", module: ModuleSpec = SMALL, **changes: Any) -> SinglePicture:
    torch.manual_seed(0)
    config = SinglePictureConfig(picture, module, **{"num_classes": 5, "input_size": 64, **changes})
    return SinglePicture(config).eval()


@pytest.mark.parametrize(("fusion", "width"), [("logits", 1000), ("features", 1280)])
def test_the_integration_module_reads_one_backbone(fusion: str, width: int) -> None:
    model = make(fusion=fusion, hidden=7)
    first, relu, second = model.integration_module
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    assert (first.in_features, first.out_features) == (width, 7)
    assert isinstance(relu, nn.ReLU)
    assert (second.in_features, second.out_features) == (7, 5)
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 5)


def test_logits_come_from_the_backbone_through_the_integration_module() -> None:
    model = make(fusion="features")
    picture = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(picture), model.integration_module(model.module(picture)))


def test_the_backbone_has_the_weights_of_rvernets_module() -> None:
    module = make().module
    rvernet = RveRNet(RveRNetConfig(SMALL, SMALL, 5, input_size=64))
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in rvernet.roi_module.state_dict().items()}


@pytest.mark.parametrize("picture", PICTURES)
def test_the_model_names_the_picture_it_sees(picture: str) -> None:
    model = make(picture)
    assert model.pictures == (picture,)
    assert model.backbones == {picture: model.module}
    assert model.config.modules == {picture: SMALL}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"picture": "mask"}, "picture to be one of photo, roi, extra_roi, got 'mask'"),
        ({"fusion": "sum"}, "fusion"),
        ({"num_classes": 1}, "num_classes"),
        ({"hidden": 0}, "hidden"),
        ({"input_size": 31}, "input_size"),
    ],
)
def test_an_invalid_config_is_refused(changes: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SinglePictureConfig(**{"picture": "roi", "module": SMALL, "num_classes": 5, **changes})


def test_a_backbone_of_another_input_size_is_refused() -> None:
    with pytest.raises(ValueError, match="img_size=96"):
        make(
            module=ModuleSpec("deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 2}), input_size=96
        )
