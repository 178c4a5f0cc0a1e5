"""The training objective: labels, each module by itself, the other foods of the photo, and a teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rvernet_app.model.baseline import Model
from training.data.pairs import Batch
from training.loop.distill import Outputs, mean_over, teacher_loss
from training.loop.options import DistillationOptions, TrainOptions
from training.loop.pixels import as_pixels, normalised


class Objective:
    """Computes the loss of a micro-batch.

    Args:
        model: reads some of the pictures.
        labels: class index of every training region, int64 (N,).
        num_classes: K.
        teacher: reads the same pictures or others of the batch; None without distillation.
        device: of the model.

    Attributes:
        pictures: names of the pictures that a batch must have, in this order.
    """

    def __init__(
        self,
        options: TrainOptions,
        model: Model,
        labels: Tensor,
        num_classes: int,
        teacher: Model | None,
        device: torch.device,
    ) -> None:
        self._options = options
        self._model = model
        self._labels = labels
        self._num_classes = num_classes
        self._teacher = teacher
        self._device = device
        also = teacher.pictures if teacher else ()
        self.pictures: tuple[str, ...] = tuple(dict.fromkeys((*model.pictures, *also)))

    def __call__(self, student: Callable[..., Outputs], batch: Batch, seed: int) -> Tensor:
        """Return the loss, a scalar.

        The extra-ROI module by itself does not learn from a blank picture.

        Args:
            student: the model in training, wrapped for its device.
            seed: of mixup and cutmix, 0 to 2^32 - 1.
        """
        options = self._options
        true = self._labels[batch.indices].to(self._device, non_blocking=True)
        smoothing = options.optimization.label_smoothing
        squares = [as_pixels(p.to(self._device, non_blocking=True)) for p in batch.pictures]
        told = ~batch.blank.to(self._device)
        if options.mix.active:
            told = told & told.flip(0)  # timm mixes a batch with itself in reverse order
            squares, true = options.mix.apply(squares, true, self._num_classes, smoothing, seed)
            smoothing = 0.0
        seen = dict(zip(self.pictures, squares, strict=True))
        said = student(*normalised(seen, self._model))
        loss = F.cross_entropy(said.logits, true, label_smoothing=smoothing)
        loss = loss + self._of_modules(said.of_modules, true, smoothing, told)
        if said.of_others is not None:
            others = batch.others.to(said.of_others)
            missed = F.binary_cross_entropy_with_logits(said.of_others, others, reduction="none").sum(dim=1)
            loss = loss + options.optimization.context_loss * mean_over(missed, told)
        if options.distillation is None or self._teacher is None:
            return loss
        with torch.no_grad():
            wanted = self._teacher(*normalised(seen, self._teacher))
        return _with_teacher(loss, said, wanted, options.distillation)

    def _of_modules(
        self, of_modules: Sequence[Tensor], true: Tensor, smoothing: float, told: Tensor
    ) -> Tensor:
        """Return the weighted losses of the modules by themselves; 0 if these have no outputs.

        Args:
            told: rows with an extra-ROI picture that is not blank, bool (B,).
        """
        total = torch.zeros((), device=self._device)
        for picture, logits in zip(self._model.pictures, of_modules, strict=False):
            alone = F.cross_entropy(logits, true, label_smoothing=smoothing, reduction="none")  # (B,)
            rows = told if picture == "extra_roi" else torch.ones_like(told)
            total = total + self._options.optimization.module_loss * mean_over(alone, rows)
        return total


def _with_teacher(loss: Tensor, said: Outputs, wanted: Tensor, options: DistillationOptions) -> Tensor:
    """Return the loss of the labels and that of the teacher's logits, (B, K), by their strength."""
    learning = said.logits if said.of_tokens is None else said.of_tokens
    from_teacher = teacher_loss(learning, wanted, options.target, options.temperature)
    return (1 - options.strength) * loss + options.strength * from_teacher
