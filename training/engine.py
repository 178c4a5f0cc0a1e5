"""The training loop: batches, schedule, steps, and a state that continues exactly where it stopped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from rvernet_app.preprocessing import Preprocessing, normalise
from rvernet_app.rvernet import RveRNet
from training.augment import Augmentation
from training.data import Region, read_region
from training.measure import confusion, macro_f1, score_regions, top1
from training.optimization import (
    freeze,
    learning_rate_share,
    load_state,
    parameter_groups,
    save_state,
    set_learning_rate,
)
from training.options import TrainOptions

Squares = tuple[NDArray[np.uint8], NDArray[np.uint8], int]


class PairedRegions(Dataset[Squares]):
    """Training regions as letterboxed pairs, cut out and augmented on the fly.

    An item is asked for by (epoch, index) and depends on the seed and these two only, not on the order or the
    process it is made in.
    """

    def __init__(
        self,
        regions: Sequence[Region],
        rles: Mapping[int, Mapping[str, Any]],
        augmentation: Augmentation,
        preprocessing: Preprocessing,
        seed: int,
    ) -> None:
        self.regions = regions
        self._rles = rles
        self._augmentation = augmentation
        self._letterbox = preprocessing.letterbox
        self._seed = seed

    def __len__(self) -> int:
        return len(self.regions)

    def __getitem__(self, place: tuple[int, int]) -> Squares:
        """(epoch, index) -> ROI square, extra-ROI square, both uint8 (S, S, 3), and the class index."""
        epoch, index = place
        region = self.regions[index]
        photo, mask = read_region(region, self._rles[region.id])
        cutouts = self._augmentation.cut_out(photo, mask, np.random.default_rng((self._seed, epoch, index)))
        return (
            self._letterbox.apply(cutouts.roi),
            self._letterbox.apply(cutouts.extra_roi),
            region.class_index,
        )


@dataclass(frozen=True)
class Plan:
    """Which regions make up which step.

    Attributes:
        regions, batch_size, epochs, seed: as in the options; `regions` is their number.
    """

    regions: int
    batch_size: int
    epochs: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.regions / self.batch_size)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def batches_from(self, step: int) -> Iterator[list[tuple[int, int]]]:
        """The (epoch, index) places of every step from this one on."""
        for epoch in range(step // self.steps_per_epoch, self.epochs):
            order = np.random.default_rng((self.seed, epoch)).permutation(self.regions)
            first = step % self.steps_per_epoch if epoch == step // self.steps_per_epoch else 0
            for batch in range(first, self.steps_per_epoch):
                chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
                yield [(epoch, int(index)) for index in chosen]


class Trainer:
    """Trains a RveRNet on regions.

    Batch norm keeps the statistics of the pre-trained weights (its layers stay in eval mode), because weights
    with folded batch norm have none to update.

    Attributes:
        step: steps done so far.
        history: one record for each epoch done: epoch, step, loss, val macro F1 and top-1, learning rate.
    """

    def __init__(
        self,
        model: RveRNet,
        preprocessing: Preprocessing,
        train: Sequence[Region],
        val: Sequence[Region],
        rles: Mapping[int, Mapping[str, Any]],
        options: TrainOptions,
        device: torch.device,
    ) -> None:
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._preprocessing = preprocessing
        self._val = val
        self._rles = rles
        self._options = options
        self._device = device
        self._plan = Plan(len(train), options.batch_size, options.epochs, options.seed)
        augmentation = Augmentation(
            options.flip, options.min_crop, options.brightness, options.context_dropout
        )
        self._data = PairedRegions(train, rles, augmentation, preprocessing, options.seed)
        self._loss = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
        freeze(model.roi_module, options.frozen)
        freeze(model.extra_roi_module, options.frozen)
        self._optimizer = torch.optim.AdamW(
            parameter_groups(
                model,
                lambda name: (
                    options.learning_rate
                    if name.startswith("integration_module.")
                    else options.backbone_learning_rate
                ),
                options.weight_decay,
            )
        )
        self._losses: list[float] = []

    def run(self, stop_after: int | None = None) -> None:
        """Train to the end of the plan, or until this many steps are done in all."""
        folder = self._options.run_folder
        folder.mkdir(parents=True, exist_ok=True)
        last = min(self._plan.steps, self._plan.steps if stop_after is None else stop_after)
        loader = DataLoader(
            self._data,
            batch_sampler=self._plan.batches_from(self.step),
            num_workers=self._options.workers,
            collate_fn=_collate,
            worker_init_fn=_one_thread,
        )
        with tqdm(total=self._plan.steps, initial=self.step, desc="train", unit="step") as bar:
            for roi, extra_roi, true in loader if self.step < last else ():
                self._losses.append(self._train_step(roi, extra_roi, true))
                self.step += 1
                bar.update()
                bar.set_postfix(loss=f"{self._losses[-1]:.3f}")
                if self.step % self._plan.steps_per_epoch == 0:
                    self._finish_epoch()
                    bar.write(json.dumps(self.history[-1]))
                if self.step % self._options.save_every == 0 or self.step == last:
                    self.save_state()
                if self.step == last:
                    break

    def save_state(self) -> None:
        """Write all that `resume` needs."""
        save_state(
            self._options.run_folder,
            self._options,
            {
                "step": self.step,
                "history": self.history,
                "losses": self._losses,
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "random": torch.get_rng_state(),
            },
        )

    def resume(self) -> bool:
        """Continue from the run folder's state, if there is one; say whether there was.

        Raises:
            CheckpointError: the state is damaged, or of a run with other options.
        """
        state = load_state(self._options.run_folder, self._options)
        if state is None:
            return False
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.step, self.history, self._losses = state["step"], state["history"], state["losses"]
        return True

    def _train_step(self, roi: NDArray[np.uint8], extra_roi: NDArray[np.uint8], true: Tensor) -> float:
        _train_mode(self.model)
        share = learning_rate_share(self.step, self._plan.steps, self._options.warmup)
        set_learning_rate(self._optimizer, share)
        logits = self.model(
            normalise(roi, self._preprocessing.roi_module).to(self._device),
            normalise(extra_roi, self._preprocessing.extra_roi_module).to(self._device),
        )  # (B, K)
        loss = self._loss(logits, true.to(self._device))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def _finish_epoch(self) -> None:
        scores = score_regions(self.model, self._preprocessing, self._val, self._rles)
        with_context = confusion(scores.true, scores.with_context)
        without_context = confusion(scores.true, scores.without_context)
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "step": self.step,
                "learning_rate": self._optimizer.param_groups[0]["lr"],
                "loss": float(np.mean(self._losses)),
                "val_macro_f1": macro_f1(with_context),
                "val_top1": top1(with_context),
                "val_macro_f1_without_context": macro_f1(without_context),
            }
        )
        self._losses = []
        lines = "".join(json.dumps(record) + "\n" for record in self.history)
        (self._options.run_folder / "metrics.jsonl").write_text(lines)


def _train_mode(model: RveRNet) -> None:
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _collate(items: list[Squares]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Tensor]:
    rois, extra_rois, true = zip(*items, strict=True)
    return np.stack(rois), np.stack(extra_rois), torch.tensor(true)  # (B, S, S, 3), (B, S, S, 3), (B,)


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
