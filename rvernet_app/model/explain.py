"""Class activation maps of both modules of RveRNet, from one forward and one backward pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from rvernet_app.config import CAM_METHODS
from rvernet_app.model.rvernet import RveRNet

Map = NDArray[np.float32]


def activation_maps(
    model: RveRNet,
    roi: Tensor,
    extra_roi: Tensor,
    class_index: int,
    method: str = "gradcam",
    features: tuple[Tensor, Tensor] | None = None,
) -> tuple[Map, Map]:
    """Compute the maps of both modules for one class.

    A map is taken from the last features of a backbone that have positions and influence the output: the
    unpooled features or, if the output depends on class tokens only, the input of the last attention block.
    No gradient is computed further back, so the parameters may be frozen.

    Args:
        model: a model in eval mode. Hooks are on it during the call, so no other pass may run meanwhile.
        roi, extra_roi: float (1, 3, S, S), as for `RveRNet.forward`.
        class_index: index of the class, 0 to K - 1.
        method: one of CAM_METHODS: Grad-CAM (arXiv 1610.02391), Grad-CAM++ (arXiv 1710.11063), HiResCAM
            (arXiv 2011.08891), LayerCAM (Jiang et al. 2021) or EigenCAM (arXiv 2008.00299). "eigencam" is the
            first principal component of the features: it does not depend on the class, its largest value is
            positive, and its two maps have no common scale.
        features: the unpooled features (1, …) of both modules for these pictures, if they are known. They
            spare the passes through the backbones, unless a map is taken further back.

    Returns:
        (roi, extra_roi), each float32 (h, w) over the letterboxed square at the module's own resolution, at
        least 0 and not rescaled: evidence for the logit of the class per unit of the square's area, so that
        maps of different resolutions can be compared.

    Raises:
        ValueError: the method is unknown, or the model has no such class.
    """
    if method not in _METHODS:
        raise ValueError(f"expected method to be one of {', '.join(_METHODS)}, got {method!r}")
    if not 0 <= class_index < model.config.num_classes:
        raise ValueError(f"expected class_index in 0..{model.config.num_classes - 1}, got {class_index}")
    grids = (_Grid(model.roi_module, model.roi_tap), _Grid(model.extra_roi_module, model.extra_roi_tap))
    # The autograd graph starts at the features, whether the parameters are frozen or not.
    leaves = [grid.layer.register_forward_hook(_start_graph) for grid in grids]
    known = None if any(grid.reads_class_token for grid in grids) else features
    passes = _Pair(model) if known is None else _Rest(model, *known)
    cam = _METHODS[method](passes, [grid.layer for grid in grids], grids)
    try:
        with torch.enable_grad():
            roi_map, extra_roi_map = cam(torch.stack((roi, extra_roi)), [ClassifierOutputTarget(class_index)])
    finally:
        cam.activations_and_grads.release()
        for leaf in leaves:
            leaf.remove()
    return roi_map, extra_roi_map


class _Grid:
    """The layer of a backbone from which the map is taken, and the layout of its features.

    Attributes:
        layer: the module that gets the hooks.
        reads_class_token: whether it lies inside the backbone, before its last features.
    """

    def __init__(self, backbone: Any, tap: nn.Module) -> None:
        self._prefix_tokens = getattr(backbone, "num_prefix_tokens", 0)
        self._channels_last = getattr(backbone, "output_fmt", "NCHW") == "NHWC"
        self.reads_class_token = bool(self._prefix_tokens) and backbone.global_pool == "token"
        self.layer: nn.Module = backbone.blocks[-1].norm1 if self.reads_class_token else tap

    def channels_first(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert (B, N, C), (B, h, w, C) or (B, C, h, w) to (B, C, h, w), without class tokens."""
        if features.ndim == 3:
            features = features[:, self._prefix_tokens :]  # (B, h * w, C)
            side = math.isqrt(features.shape[1])  # the input is square, and so are the patches
            features = features.reshape(len(features), side, side, -1)  # (B, h, w, C)
            return np.moveaxis(features, -1, 1)  # (B, C, h, w)
        return np.moveaxis(features, -1, 1) if self._channels_last else features


class _Pair(nn.Module):
    """RveRNet with one input, as pytorch-grad-cam expects: (2, B, 3, S, S) -> logits (B, K)."""

    def __init__(self, model: RveRNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, pair: Tensor) -> Tensor:
        return self.model.forward(pair[0], pair[1])


class _Rest(nn.Module):
    """What follows the unpooled features of both modules, with the signature of `_Pair`."""

    def __init__(self, model: RveRNet, roi: Tensor, extra_roi: Tensor) -> None:
        super().__init__()
        self.model = model
        self._features = roi, extra_roi

    def forward(self, pair: Tensor) -> Tensor:
        model, (roi, extra_roi) = self.model, self._features
        return model.integrate(
            model.pool_roi(model.roi_tap(roi)), model.pool_extra_roi(model.extra_roi_tap(extra_roi))
        )


def _start_graph(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    """Replace a module's output by a leaf of the autograd graph (a forward hook)."""
    return output.detach().requires_grad_()


class _ThinEigenCAM(EigenCAM):  # type: ignore[misc]  # pytorch-grad-cam has no types
    """EigenCAM by a thin SVD: the full SVD of the library takes a second for 1280 channels."""

    def get_cam_image(
        self,
        input_tensor: Tensor,
        target_layer: nn.Module,
        targets: list[Any],
        activations: NDArray[np.float32],
        grads: None,
        eigen_smooth: bool,
    ) -> NDArray[np.float32]:
        places = activations[0].reshape(activations.shape[1], -1).T  # (h * w, C)
        left, values, _ = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
        component = left[:, 0] * values[0]  # (h * w,)
        component *= np.sign(component[np.abs(component).argmax()])
        return np.asarray(component.reshape(1, *activations.shape[2:]))


def _both_maps(method: type[BaseCAM]) -> type[BaseCAM]:
    """Make a pytorch-grad-cam method return the map of each layer instead of the mean of rescaled maps."""

    class BothMaps(method):  # type: ignore[misc]  # pytorch-grad-cam has no types
        def __init__(self, model: nn.Module, layers: list[nn.Module], grids: tuple[_Grid, _Grid]) -> None:
            super().__init__(model, layers)
            self.grids = grids

        def compute_cam_per_layer(
            self, input_tensor: Tensor, targets: list[Any], eigen_smooth: bool
        ) -> list[Map]:
            maps = []
            taken = self.activations_and_grads
            gradients = taken.gradients if self.uses_gradients else [None] * len(self.grids)
            for grid, features, gradient in zip(self.grids, taken.activations, gradients, strict=True):
                features = grid.channels_first(features.numpy())  # (1, C, h, w)
                gradient = None if gradient is None else grid.channels_first(gradient.numpy())
                cam = self.get_cam_image(input_tensor, grid.layer, targets, features, gradient, eigen_smooth)
                # evidence per cell -> per unit of area
                maps.append(np.maximum(cam[0], 0).astype(np.float32) * np.float32(cam[0].size))
            return maps

        def aggregate_multi_layers(self, cam_per_target_layer: list[Map]) -> list[Map]:
            return cam_per_target_layer

    return BothMaps


_METHODS = dict(
    zip(
        CAM_METHODS,
        map(_both_maps, (GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, _ThinEigenCAM)),
        strict=True,
    )
)
