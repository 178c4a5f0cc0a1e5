"""Train SAM interactively: a click or a box, then corrections of the result. A run can be resumed exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from segment_anything.modeling import Sam
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from rvernet_app.errors import CheckpointError
from rvernet_app.segment.small_sam import build_small_sam
from training.loop.optimization import (
    freeze,
    learning_rate_share,
    load_state,
    parameter_groups,
    save_state,
    set_learning_rate,
)
from training.segmenter.data import Scene, Window, Windows
from training.segmenter.loss import interactive_loss, ious
from training.segmenter.options import SegmenterOptions
from training.segmenter.prompts import Prompts

MASK_PROMPT = 0.6
"""Probability that a correction comes with the mask that it corrects; people also click without one."""


class SegmenterTrainer:
    """Trains the small SAM on windows of scenes.

    The backbone's batch norm keeps the statistics of its ImageNet weights.

    Attributes:
        sam: the model.
        step: steps done so far.
        history: a record for every step: loss, and IoU after the first and the last prompt.
    """

    def __init__(
        self, sources: Sequence[Sequence[Scene]], options: SegmenterOptions, device: torch.device
    ) -> None:
        torch.manual_seed(options.seed)
        self.sam = build_small_sam()
        self._options = options
        _start(self.sam, options)
        self.sam.to(device)
        self.sam.image_encoder.to(memory_format=torch.channels_last)
        self._device = device
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self._windows = Windows(sources, options)
        self._optimizer = torch.optim.AdamW(
            parameter_groups(
                self.sam,
                lambda name: (
                    options.backbone_learning_rate
                    if name.startswith("image_encoder.backbone.")
                    else options.learning_rate
                ),
                options.weight_decay,
                plain=("embed",),
            )
        )
        self._image_pe = self.sam.prompt_encoder.get_dense_pe()  # (1, C, g, g)
        self._predict_masks, self._loss = self.sam.mask_decoder.predict_masks, interactive_loss
        if options.compile:
            self._predict_masks = torch.compile(self._predict_masks, dynamic=False)
            self._loss = torch.compile(self._loss, dynamic=False)

    def run(self, stop_after: int | None = None) -> Iterator[int]:
        """Train to the end, or until this many steps are done in all; yields after every saved state."""
        options = self._options
        options.run_folder.mkdir(parents=True, exist_ok=True)
        last = min(options.steps, options.steps if stop_after is None else stop_after)
        loader = DataLoader(
            self._windows,
            batch_sampler=[
                [(step, index) for index in range(options.stage_at(step).photos)]
                for step in range(self.step, last)
            ],
            num_workers=options.workers,
            prefetch_factor=4 if options.workers else None,
            collate_fn=list,
            worker_init_fn=_one_thread,
        )
        with tqdm(total=options.steps, initial=self.step, desc="segmenter", unit="step") as bar:
            for windows in loader:
                record = self._train_step(windows)
                self.history.append({"step": self.step, **record})
                self.step += 1
                bar.update()
                bar.set_postfix(loss=f"{record['loss']:.3f}", iou=f"{record['iou']:.3f}")
                if self.step % options.save_every == 0 or self.step == last:
                    self.save_state()
                    yield self.step

    def save_state(self) -> None:
        """Write everything that `resume` needs."""
        save_state(
            self._options.run_folder,
            self._options,
            {
                "step": self.step,
                "history": self.history,
                "model": self.sam.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
        )

    def resume(self) -> bool:
        """Continue from the state in the run folder. Return False if it has none.

        Raises:
            CheckpointError: the state is damaged, or of a run with other options.
        """
        state = load_state(self._options.run_folder, self._options)
        if state is None:
            return False
        self.sam.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.history = state["step"], state["history"]
        return True

    def _train_step(self, windows: Sequence[Window]) -> dict[str, Any]:
        self.sam.image_encoder.backbone.eval()
        share = learning_rate_share(self.step, self._options.steps, self._options.warmup)
        set_learning_rate(self._optimizer, share)
        rng = np.random.default_rng((self._options.seed, self.step))
        pixels = torch.from_numpy(np.stack([w.pixels for w in windows])).to(self._device)
        photos = (pixels.permute(0, 3, 1, 2) - self.sam.pixel_mean) / self.sam.pixel_std  # (B, 3, S, S)
        features = self._encode(photos, windows)
        leaf = features.detach().requires_grad_()
        results = [
            self._interact(leaf[i : i + 1], window, rng, 1 / len(windows)) for i, window in enumerate(windows)
        ]
        torch.autograd.backward(features, leaf.grad)
        nn.utils.clip_grad_norm_(self.sam.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return {
            "loss": float(np.mean([loss for loss, _ in results])),
            "iou": float(np.mean([quality[0] for _, quality in results])),
            "iou_corrected": float(np.mean([quality[-1] for _, quality in results])),
        }

    def _encode(self, photos: Tensor, windows: Sequence[Window]) -> Tensor:
        encoder = self.sam.image_encoder
        features = encoder.look(photos)  # (B, C, g, g)
        places = [encoder.place(window.offset_yx, features.shape[-2:]) for window in windows]
        result: Tensor = features + torch.cat(places)
        return result

    def _interact(
        self, features: Tensor, window: Window, rng: np.random.Generator, weight: float
    ) -> tuple[float, list[float]]:
        """Run all rounds for a window and add up gradients. Return loss, and IoU after each round."""
        targets = torch.from_numpy(window.targets).float().to(self._device)  # (M, h, w)
        box = bool(rng.random() < self._options.box)
        prompts = Prompts.first(window.targets, window.offset_yx, box, rng)
        rounds = int(rng.integers(1, self._options.stage_at(self.step).rounds + 1))
        total, quality, previous = torch.zeros((), device=self._device), [], None
        for turn in range(rounds):
            logits, predicted = self._decode(features, prompts, previous)
            one_click = turn == 0 and not box
            total = total + self._loss(logits, predicted, targets, one_click) / rounds
            single = logits.detach()[:, 0].cpu().numpy()  # (M, h, w), what the app shows first
            shown = torch.from_numpy(prompts.keep(single)).to(self._device)[:, None]
            quality.append(float(ious(shown, targets).mean()))
            if turn + 1 < rounds:
                prompts.correct((shown[:, 0] > 0).cpu().numpy(), window.targets, rng)
                previous = shown if rng.random() < MASK_PROMPT else None
        torch.autograd.backward(weight * total)
        return float(total.detach()), quality

    def _decode(self, features: Tensor, prompts: Prompts, previous: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return SAM's four outputs for M prompts on a window that may be smaller than the model's square.

        Args:
            features: (1, C, g, g).
            previous: logits (M, 1, 4 g, 4 g) of the masks to correct, or None.

        Returns:
            Logits (M, 4, 4 g, 4 g) and predicted IoU (M, 4).
        """
        grid = features.shape[-1]
        row, column = prompts.offset_yx
        points, boxes = prompts.tensors(features.device)
        sparse, dense = self.sam.prompt_encoder(points=points, boxes=boxes, masks=previous)
        result: tuple[Tensor, Tensor] = self._predict_masks(
            image_embeddings=features,
            image_pe=self._image_pe[..., row : row + grid, column : column + grid].contiguous(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense[..., :grid, :grid].contiguous(),
        )
        return result


def _start(sam: Sam, options: SegmenterOptions) -> None:
    """Load the weights that the options name, and freeze what they say."""
    try:
        if options.start is not None:
            sam.load_state_dict({name: value.float() for name, value in load_file(options.start).items()})
        elif options.backbone_weights is not None:
            own = sam.image_encoder.backbone.state_dict()
            found = load_file(options.backbone_weights)
            sam.image_encoder.backbone.load_state_dict({name: found[name] for name in own if name in found})
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"The weights to start from do not fit: {error}") from error
    freeze(sam.image_encoder.backbone, options.frozen)


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
