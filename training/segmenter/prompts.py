"""Random prompts that a person might give, in the frame of masks with half the window's side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rvernet_app.picture.clean import keep_to_prompt
from rvernet_app.segment.small_sam import STRIDE
from rvernet_app.types import FOREGROUND, Mask
from training.data.clicks import correction

MASK_STRIDE = 2
"""Pixels of the window per pixel of a mask."""


@dataclass
class Prompts:
    """Prompts so far for M masks of one window.

    Attributes:
        points: float (M, N, 2), x and y in the model's square; N grows by one per round; None before the
            first.
        labels: int (M, N), 1 foreground, 0 background.
        boxes: float (M, 4) as x0, y0, x1, y1 in the model's square, or None.
    """

    offset_yx: tuple[int, int]
    points: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    boxes: NDArray[np.float32] | None = None

    @staticmethod
    def first(
        targets: NDArray[np.bool_], offset_yx: tuple[int, int], box: bool, rng: np.random.Generator
    ) -> Prompts:
        """Return a click on each target, bool (M, h, w), or a box around it drawn with a shaky hand."""
        prompts = Prompts(offset_yx)
        if box:
            prompts.boxes = prompts._placed(np.stack([_loose_box(t, rng) for t in targets])).astype(
                np.float32
            )
        else:
            prompts._add([(*_inside(target, rng), FOREGROUND) for target in targets])
        return prompts

    def correct(self, masks: NDArray[np.bool_], targets: NDArray[np.bool_], rng: np.random.Generator) -> None:
        """Add a click for each mask, bool (M, h, w): in the middle of the largest error, or anywhere in an
        error.
        """
        clicks = []
        for mask, target in zip(masks, targets, strict=True):
            if rng.random() < 0.5 or not (wrong := mask ^ target).any():
                clicks.append(correction(mask, target) or (*_inside(target, rng), FOREGROUND))
            else:
                rows, columns = np.nonzero(wrong)
                one = int(rng.integers(len(rows)))
                clicks.append((float(columns[one]), float(rows[one]), int(target[rows[one], columns[one]])))
        self._add(clicks)

    def keep(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the app would show of logits (M, h, w), each cleaned by its own prompt."""
        count = len(logits)
        boxes = [None] * count if self.boxes is None else [tuple(box) for box in self._lifted(self.boxes)]
        clicks: list[list[tuple[float, float]]] = [[] for _ in range(count)]
        if self.points is not None and self.labels is not None:
            for own, points, labels in zip(clicks, self.points, self.labels, strict=True):
                own.extend(map(tuple, self._lifted(points[labels == FOREGROUND])))
        return np.stack([keep_to_prompt(*one) for one in zip(logits, clicks, boxes, strict=True)])

    def tensors(self, device: torch.device) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
        """Return points and boxes as SAM's prompt encoder takes them."""
        points = None
        if self.points is not None and self.labels is not None:
            points = torch.from_numpy(self.points).to(device), torch.from_numpy(self.labels).to(device)
        return points, None if self.boxes is None else torch.from_numpy(self.boxes).to(device)

    def _add(self, clicks: list[tuple[float, float, int]]) -> None:
        points = self._placed(np.array([click[:2] for click in clicks]))[:, None].astype(np.float32)
        labels = np.array([[click[2]] for click in clicks])
        if self.points is None or self.labels is None:
            self.points, self.labels = points, labels
        else:
            self.points = np.concatenate([self.points, points], axis=1)  # (M, N + 1, 2)
            self.labels = np.concatenate([self.labels, labels], axis=1)  # (M, N + 1)

    def _placed(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map columns and rows of mask pixels, in pairs per row, to x and y in the model's square."""
        return (xy + 0.5) * MASK_STRIDE - 0.5 + self._offset(xy)

    def _lifted(self, xy: NDArray[np.float32]) -> NDArray[np.float64]:
        """Invert `_placed`, to corners of mask pixels instead of their middles."""
        return (xy + 0.5 - self._offset(xy)) / MASK_STRIDE

    def _offset(self, xy: NDArray[Any]) -> NDArray[np.int64]:
        return np.tile(np.array(self.offset_yx[::-1]) * STRIDE, xy.shape[1] // 2)


def _inside(mask: Mask, rng: np.random.Generator) -> tuple[float, float]:
    """Return a pixel of the mask: the innermost half of the time, else one of random depth."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    share = 1.0 if rng.random() < 0.5 else rng.uniform(0.05, 0.9)
    rows, columns = np.nonzero(depth >= share * depth.max())
    one = int(rng.integers(len(rows)))
    return float(columns[one]), float(rows[one])


def _loose_box(mask: Mask, rng: np.random.Generator) -> NDArray[np.float64]:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = np.array([left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5])
    shake = rng.normal(0, 0.06, 4) * [width, height, width, height]
    result: NDArray[np.float64] = box + np.clip(shake, -8, 8) * (rng.random() < 0.7)
    return result
