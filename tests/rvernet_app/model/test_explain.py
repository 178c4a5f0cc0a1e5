"""Maps of both modules: exact for a hand-made model, equal to two runs of pytorch-grad-cam for real ones."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection
from torch import Tensor, nn

from rvernet_app.config import CAM_METHODS
from rvernet_app.model.explain import activation_maps
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig

CNN = ModuleSpec("mobilenetv2_035")
VIT = ModuleSpec("vit_tiny_patch16_224", {"img_size": 64, "depth": 2})
DEIT = ModuleSpec("deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 2})
MIXER = ModuleSpec("mixer_s16_224", {"img_size": 64})
SWIN = ModuleSpec("swin_tiny_patch4_window7_224", {"img_size": 64, "window_size": 2, "depths": (1, 1, 1, 1)})

Pictures = tuple[Tensor, Tensor]
"""ROI and extra-ROI, float (1, 3, 64, 64) each."""

GRID_SIDE = {CNN.name: 2, VIT.name: 4, DEIT.name: 4, MIXER.name: 4, SWIN.name: 2}
ALL = pytest.mark.parametrize("spec", [CNN, VIT, DEIT, MIXER, SWIN], ids=lambda spec: spec.name)


def make(roi: ModuleSpec, extra_roi: ModuleSpec) -> RveRNet:
    torch.manual_seed(1)
    config = RveRNetConfig(roi, extra_roi, 4, fusion="features", hidden=16, input_size=64)
    model = RveRNet(config).eval().requires_grad_(False)
    for parameter in model.integration_module.parameters():  # trained weights are as decisive
        parameter.mul_(4)
    return model


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    torch.manual_seed(2)
    roi, extra_roi = torch.randn(2, 1, 3, 64, 64)
    return roi, extra_roi


class Tiny(RveRNet):
    """Features are the pixels, 2 x 2; logit k is the weighted sum of the channels' means."""

    def __init__(self) -> None:
        super().__init__(RveRNetConfig(CNN, CNN, 2, fusion="features", hidden=1, input_size=64))
        self.roi_module, self.extra_roi_module = Pixels(), Pixels()
        weights = torch.tensor([[1.0, -1.0, 0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0, 0.0, -1.0]])
        linear = nn.Linear(6, 2, bias=False)
        linear.weight = nn.Parameter(weights)  # (K, 3 of the ROI, 3 of the extra-ROI)
        self.integration_module = nn.Sequential(linear)


class Pixels(nn.Module):
    """A backbone whose features are the pixels and whose output is their mean."""

    def forward_features(self, x: Tensor) -> Tensor:
        return x

    def forward_head(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def test_maps_are_exactly_what_the_methods_define() -> None:
    roi = torch.tensor([[[[1.0, 2], [3, 4]], [[0.0, 5], [0, 0]], [[9.0, 9], [9, 9]]]])  # (1, 3, 2, 2)
    extra_roi = torch.tensor([[[[1.0, 0], [0, 7]], [[3.0, 3], [3, 3]], [[1.0, 1], [1, 1]]]])
    roi_map, extra_roi_map = activation_maps(Tiny().eval(), roi, extra_roi, 0, "gradcam")
    # gradient of logit 0 by channel and cell: (1, -1, 0) / 4 and (2, 0, 0) / 4; times 4 cells
    np.testing.assert_allclose(roi_map, [[1, 0], [3, 4]])
    np.testing.assert_allclose(extra_roi_map, [[2, 0], [0, 14]])
    roi_map, extra_roi_map = activation_maps(Tiny().eval(), roi, extra_roi, 0, "layercam")
    np.testing.assert_allclose(roi_map, [[1, 2], [3, 4]])  # positive gradients only
    np.testing.assert_allclose(extra_roi_map, [[2, 0], [0, 14]])


def test_the_class_decides_the_map() -> None:
    roi = torch.tensor([[[[1.0, 2], [3, 4]], [[0.0, 5], [0, 0]], [[9.0, 0], [0, 0]]]])
    extra_roi = torch.ones(1, 3, 2, 2)
    roi_map, extra_roi_map = activation_maps(Tiny().eval(), roi, extra_roi, 1)
    np.testing.assert_allclose(roi_map, [[36, 0], [0, 0]])
    np.testing.assert_allclose(extra_roi_map, [[0, 0], [0, 0]])  # all evidence is against the class


@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
@ALL
def test_known_features_give_the_same_maps(spec: ModuleSpec, method: str, pictures: Pictures) -> None:
    model = make(spec, CNN)
    with torch.no_grad():
        features = (
            model.roi_module.forward_features(pictures[0]),
            model.extra_roi_module.forward_features(pictures[1]),
        )
    whole = activation_maps(model, *pictures, 1, method)
    rest = activation_maps(model, *pictures, 1, method, features=features)
    for expected, found in zip(whole, rest, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", CAM_METHODS)
@ALL
def test_every_method_gives_a_map_at_every_layouts_own_resolution(
    spec: ModuleSpec, method: str, pictures: Pictures
) -> None:
    model = make(spec, CNN)
    roi_map, extra_roi_map = activation_maps(model, *pictures, 1, method)
    assert roi_map.shape == (GRID_SIDE[spec.name],) * 2
    assert extra_roi_map.shape == (2, 2)
    for found in (roi_map, extra_roi_map):
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert found.min() >= 0


def tokens_to_grid(prefix_tokens: int, side: int) -> Callable[[Tensor], Tensor]:
    return lambda tokens: tokens[:, prefix_tokens:].reshape(len(tokens), side, side, -1).permute(0, 3, 1, 2)


def separately(model: RveRNet, pictures: Pictures, which: int, class_index: int) -> NDArray[np.float32]:
    """Explain one module with pytorch-grad-cam, with the other picture fixed: float32 (64, 64) in [0, 1]."""

    class OneModule(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, picture: Tensor) -> Tensor:
            pair = list(pictures)
            pair[which] = picture
            return self.model.forward(*pair)

    spec = (model.config.roi_module, model.config.extra_roi_module)[which]
    module = (model.roi_module, model.extra_roi_module)[which]
    makers: dict[str, Callable[[], tuple[Any, Any]]] = {
        CNN.name: lambda: (module.bn2, None),
        VIT.name: lambda: (module.blocks[-1].norm1, tokens_to_grid(1, 4)),
        DEIT.name: lambda: (module.blocks[-1].norm1, tokens_to_grid(2, 4)),
        MIXER.name: lambda: (module.norm, tokens_to_grid(0, 4)),
        SWIN.name: lambda: (module.norm, lambda features: features.permute(0, 3, 1, 2)),
    }
    layer, transform = makers[spec.name]()
    cam = GradCAM(OneModule(), [layer], reshape_transform=transform)
    picture = pictures[which].clone().requires_grad_()
    enlarged = cam(picture, [ClassifierOutputTarget(class_index)])[0]  # (64, 64), rescaled to 0..1
    cam.activations_and_grads.release()
    return np.asarray(enlarged)


def own_scale(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enlarge and rescale a map as pytorch-grad-cam does."""
    return np.asarray(scale_cam_image(scale_cam_image(raw[None], (64, 64)))[0])


@ALL
def test_both_maps_equal_two_separate_runs(spec: ModuleSpec, pictures: Pictures) -> None:
    model = make(spec, DEIT)
    chosen = 0
    together = activation_maps(model, *pictures, chosen, "gradcam")
    assert max(found.max() for found in together) > 0
    for which, found in enumerate(together):
        np.testing.assert_allclose(own_scale(found), separately(model, pictures, which, chosen), atol=1e-4)


@ALL
def test_frozen_modules_give_the_same_maps(spec: ModuleSpec, pictures: Pictures) -> None:
    model = make(spec, spec)
    frozen = activation_maps(model, *pictures, 2)
    unfrozen = activation_maps(model.requires_grad_(True), *pictures, 2)
    assert max(found.max() for found in frozen) > 0
    for one, other in zip(frozen, unfrozen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_swapping_the_modules_and_the_pictures_swaps_the_maps(pictures: Pictures) -> None:
    model = make(CNN, VIT)
    swapped = make(VIT, CNN)
    swapped.roi_module, swapped.extra_roi_module = model.extra_roi_module, model.roi_module
    state = model.integration_module.state_dict()
    weight = state["0.weight"]  # (hidden, 1280 of the CNN + 192 of the ViT)
    state["0.weight"] = torch.cat((weight[:, 1280:], weight[:, :1280]), dim=1)
    swapped.integration_module.load_state_dict(state)
    cnn_map, vit_map = activation_maps(model, pictures[0], pictures[1], 3)
    other_vit_map, other_cnn_map = activation_maps(swapped, pictures[1], pictures[0], 3)
    np.testing.assert_allclose(cnn_map, other_cnn_map, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(vit_map, other_vit_map, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", CAM_METHODS)
def test_no_hook_stays_and_no_gradient_is_left(method: str, pictures: Pictures) -> None:
    model = make(CNN, VIT)
    with torch.inference_mode():
        before = model(*pictures)
    activation_maps(model, *pictures, 0, method)
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    with torch.inference_mode():
        assert torch.equal(model(*pictures), before)


def test_eigencam_is_the_librarys_up_to_its_sign(pictures: Pictures) -> None:
    model = make(CNN, CNN)
    kept: list[NDArray[np.float32]] = []
    hook = model.roi_tap.register_forward_hook(lambda module, inputs, output: kept.append(output.numpy()))
    with torch.inference_mode():
        model(*pictures)
    hook.remove()
    library = get_2d_projection(kept[0])[0]
    library = library if library.max() >= -library.min() else -library
    found, _ = activation_maps(model, *pictures, 0, "eigencam")
    np.testing.assert_allclose(found, np.maximum(library, 0) * 4, rtol=1e-3)


def test_nothing_is_kept_between_calls(pictures: Pictures) -> None:
    def tensors() -> int:
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    model = make(CNN, VIT)
    activation_maps(model, *pictures, 0)
    gc.collect()
    gc.disable()  # nothing may be left to the garbage collector
    try:
        before = tensors()
        activation_maps(model, *pictures, 0)
        assert tensors() == before
    finally:
        gc.enable()


def test_hooks_are_gone_after_an_error_too(pictures: Pictures) -> None:
    model = make(CNN, CNN)
    with pytest.raises(RuntimeError):
        activation_maps(model, pictures[0], torch.zeros(1, 5, 64, 64), 0)
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(("class_index", "method"), [(4, "gradcam"), (-1, "gradcam"), (0, "tea leaves")])
def test_an_unknown_class_or_method_is_refused(class_index: int, method: str, pictures: Pictures) -> None:
    with pytest.raises(ValueError, match="expected"):
        activation_maps(make(CNN, CNN), *pictures, class_index, method)
