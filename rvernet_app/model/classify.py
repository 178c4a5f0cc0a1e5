"""Predict the class of cut-outs, and explain predictions by activation maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rvernet_app.config import AppConfig
from rvernet_app.errors import CheckpointError, LabelError
from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.device import torch_device
from rvernet_app.model.features import RecentFeatures
from rvernet_app.model.hub import open_checkpoint
from rvernet_app.model.preprocessing import normalise
from rvernet_app.model.rvernet import RveRNet
from rvernet_app.types import ActivationMaps, Cutouts, Photo, Prediction


class Classifier:
    """A checkpoint in use. Safe between threads.

    Attributes:
        name: name of the checkpoint's folder, or its id on the Hub.
        fingerprint: 16 hex digits that identify the checkpoint.
        labels: class names, in the order of the logits.
        metrics: measured results, from the checkpoint.
        calibration: temperature of the probabilities and threshold of `is_sure`; None for an uncalibrated
            checkpoint.

    Raises:
        CheckpointError: the checkpoint is a single-picture baseline.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device | str = "cpu") -> None:
        if not isinstance(checkpoint.model, RveRNet):
            raise CheckpointError(
                f"{checkpoint.name} is a baseline that sees only {checkpoint.model.config.picture}; "
                "the app needs a RveRNet, which sees both cut-outs."
            )
        self.name = checkpoint.name
        self.fingerprint = checkpoint.fingerprint
        self.labels: tuple[str, ...] = checkpoint.classes
        self.metrics: Mapping[str, Any] = checkpoint.metrics
        self.calibration = checkpoint.calibration
        self._device = torch.device(device)
        self._model = checkpoint.model.to(self._device)
        self._preprocessing = checkpoint.preprocessing
        self._recent = {
            name: RecentFeatures(backbone.forward_features, partial(self._input, name))
            for name, backbone in self._model.backbones.items()
        }
        # `explain` puts hooks on the model while it runs; they must not see passes of other callers.
        self._one_pass = Lock()
        self._warming_up = Lock()
        self._warm = False

    def predict(self, cutouts: Cutouts) -> Prediction:
        """Predict the probabilities of all classes for one pair of cut-outs of any size."""
        return self.predict_batch([cutouts])[0]

    def predict_batch(self, cutouts: Sequence[Cutouts]) -> list[Prediction]:
        """Predict for several pairs of cut-outs of any sizes, in one forward pass."""
        if not cutouts:
            return []
        squares = self._preprocessing.squares(cutouts)
        temperature = self.calibration.temperature if self.calibration else 1.0
        with self._one_pass, torch.inference_mode():
            roi, extra_roi = self._features_of(squares)
            logits = self._model.integrate(self._model.pool_roi(roi), self._model.pool_extra_roi(extra_roi))
            probabilities = (logits / temperature).softmax(dim=1).cpu().numpy()
        return [Prediction(self.labels, row) for row in probabilities]

    def is_sure(self, prediction: Prediction) -> bool:
        """True if the most likely class reaches the calibrated threshold, or without a calibration."""
        if self.calibration is None:
            return True
        return float(prediction.probabilities.max()) >= self.calibration.threshold

    def explain(self, cutouts: Cutouts, label: str | None = None, method: str = "gradcam") -> ActivationMaps:
        """Compute the activation maps of both modules for one class, in the photo's frame.

        Args:
            cutouts: one pair of any size.
            label: the class to explain; None takes the most likely one.
            method: one of CAM_METHODS.

        Raises:
            LabelError: the checkpoint does not know the class.
            ValueError: unknown method.
        """
        # Imported late: pytorch-grad-cam takes seconds to import, which would delay the start of the page.
        from rvernet_app.model.explain import activation_maps

        if label is not None and label not in self.labels:
            raise LabelError(f"This checkpoint does not know the class {label!r}.")
        if label is None:
            label = self.predict(cutouts).top_k(1)[0][0]
        squares = self._preprocessing.squares([cutouts])
        roi, extra_roi = (self._input(name, np.stack(of_picture)) for name, of_picture in squares.items())
        with self._one_pass:
            features = self._features_of(squares)
            maps = activation_maps(
                self._model, roi, extra_roi, self.labels.index(label), method, features=features
            )
        (roi_map, roi_peak), (extra_map, extra_peak) = (self._on_photo(m, cutouts.size_hw) for m in maps)
        return ActivationMaps(label, roi_map, extra_map, roi_peak, extra_peak)

    def _features_of(self, squares: Mapping[str, Sequence[Photo]]) -> tuple[Tensor, Tensor]:
        """Return the unpooled features (B, …) of both modules for B pairs of letterboxed pictures."""
        roi, extra_roi = (self._recent[name].of(of_picture) for name, of_picture in squares.items())
        return roi, extra_roi

    def _input(self, name: str, squares: Photo) -> Tensor:
        """Return the input of a picture's module on the device: uint8 (B, S, S, 3) -> float (B, 3, S, S)."""
        return normalise(squares, self._preprocessing.modules[name]).to(self._device)

    def warm_up(self) -> None:
        """Explain a blank picture once: late imports and the first passes through a model are slow."""
        with self._warming_up:
            if not self._warm:
                blank = np.zeros((8, 8, 3), np.uint8)
                self.explain(Cutouts(blank, blank))
                self._warm = True

    def _on_photo(
        self, square: NDArray[np.float32], size_hw: tuple[int, int]
    ) -> tuple[NDArray[np.float32], float]:
        """Return a map over the photo with peak 1, made of one over the square, and the peak it had."""
        on_photo = self._preprocessing.letterbox.undo(square, size_hw)
        peak = float(on_photo.max())
        return (on_photo / np.float32(peak), peak) if peak > 0 else (on_photo, 0.0)


def load_classifier(config: AppConfig) -> Classifier:
    """Load the classifier of `config.checkpoint` on `config.device`.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, inconsistent or a baseline.
        WeightsError: the checkpoint is only on the Hub, and the Hub cannot be reached.
        ConfigError: the device does not exist.
    """
    return Classifier(open_checkpoint(config.checkpoint), torch_device(config.device))
