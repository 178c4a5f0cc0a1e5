"""The training loop: batches, schedule, steps, and a state from which a run continues exactly."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, gather_object
from safetensors.torch import load_file, save
from timm.optim import param_groups_layer_decay
from timm.utils import ModelEmaV3
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from rvernet_app import files
from rvernet_app.errors import CheckpointError, ConfigError
from rvernet_app.model.baseline import Model
from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.preprocessing import Preprocessing
from training.data.pairs import Batch, OtherFoods, PairedRegions, Plan, collate, one_thread
from training.data.regions import Regions
from training.evidence.measure import Scores, View, figures, score
from training.loop.distill import Student
from training.loop.models import measure_batch_norm
from training.loop.objective import Objective
from training.loop.optimization import (
    freeze,
    learning_rate_share,
    load_state_together,
    parameter_groups,
    save_state,
    set_learning_rate,
)
from training.loop.options import TrainOptions
from training.loop.pixels import as_pixels, normalise_pixels
from training.shared.progress import Progress

BEST_NAME = "best.safetensors"
MEASURED_BATCHES = 8
"""Batches for the statistics of batch norm."""


class Trainer:
    """Trains a model on regions; under `accelerate launch`, as one of several processes.

    A step sees the same regions with the same changes for any number of processes, and depends only on the
    seed and its number. Each process draws dropout, mixup and cutmix for its own share.

    Args:
        model: trained in place.
        data: the regions, each with masks.
        teacher: a checkpoint of the same classes, if the options distil.
        accelerator: devices, precision, processes and trackers.

    Attributes:
        step: steps done so far.
        history: a record for each finished epoch, as in metrics.jsonl.

    Raises:
        ConfigError: the options contradict the model, the teacher, or the number of processes.
    """

    def __init__(
        self,
        model: Model,
        preprocessing: Preprocessing,
        data: Regions,
        options: TrainOptions,
        accelerator: Accelerator,
        teacher: Checkpoint | None = None,
    ) -> None:
        self.model = model
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self._options = options
        self._accelerator = accelerator
        self._preprocessing = preprocessing
        self._data = data.fingerprint
        self._classes = data.classes
        self._val = data.val
        self._losses: list[float] = []
        self._broken: set[str] = set()
        self._frozen: tuple[str, ...] | None = None
        optimization = options.optimization
        indices = {name: i for i, name in enumerate(data.classes)}
        self._plan = Plan(
            tuple(indices[r.label] for r in data.train),
            optimization.batch_size,
            optimization.epochs,
            options.data.balance,
            options.seed,
        )
        pieces = accelerator.num_processes * optimization.micro_batches
        if optimization.batch_size % (2 * pieces if options.mix.active else pieces):
            raise ConfigError(
                f"A batch of {optimization.batch_size} cannot be shared by {accelerator.num_processes} "
                f"processes in {optimization.micro_batches} {'even ' * options.mix.active}micro-batches each."
            )
        self._objective = Objective(
            options,
            model,
            torch.tensor(self._plan.class_indices),
            len(data.classes),
            None if teacher is None else self._fitting(teacher),
            accelerator.device,
        )
        self._regions = PairedRegions(
            data.train,
            self._objective.pictures,
            options.augmentation,
            preprocessing.letterbox,
            seed=options.seed,
            max_cache_mb=options.data.cache_mb,
            skip_broken=options.data.broken == "skip",
            others=OtherFoods(data.train, data.classes) if optimization.context_loss else None,
        )
        self._view = View(model.pictures, preprocessing.letterbox, keep_mb=options.data.cache_mb)
        # most convolutions are faster in this layout
        self.model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        tokens = options.distillation is not None and options.distillation.on == "token"
        self._student = Student(
            model, tokens, modules=optimization.module_loss > 0, others=optimization.context_loss > 0
        ).to(accelerator.device)
        self._optimizer = accelerator.prepare_optimizer(torch.optim.AdamW(self._groups()))
        self._ema = ModelEmaV3(model, decay=optimization.ema, use_warmup=True) if optimization.ema else None

    def run(self, progress: Progress | None = None, stop_after: int | None = None) -> None:
        """Train to the end of the plan, or until patience runs out.

        Args:
            progress: gets the stage "train" with its steps and epochs; None reports nothing.
            stop_after: stop already when this many steps are done in all.
        """
        progress = progress or Progress()
        last = self._plan.steps if stop_after is None else min(self._plan.steps, stop_after)
        if self.step == 0 and self._options.model.batch_norm == "measured":
            self._measure_batch_norm()
        batches = iter(self._loader())
        progress.stage("train", self._plan.steps, self.step, unit="step")
        started, seen = time.perf_counter(), 0
        while self.step < last and not self._out_of_patience():
            self._losses.append(self._train_step(batches))
            self.step += 1
            seen += self._options.optimization.batch_size
            progress.step(self.step, loss=self._losses[-1])
            if ends := self.step % self._plan.steps_per_epoch == 0:
                self._finish_epoch(seen / (time.perf_counter() - started))
                started, seen = time.perf_counter(), 0
                progress.epoch(self.history[-1])
            if ends or self.step % self._options.save_every == 0 or self.step == last:
                self.save_state()

    def save_state(self) -> None:
        """Write everything that `resume` needs, gathered from all processes."""
        self._broken.update(gather_object(sorted(self._broken)))
        if self._accelerator.is_main_process:
            scaler = self._accelerator.scaler
            save_state(
                self._options.run_folder,
                self._options,
                {
                    "data": self._data,
                    "step": self.step,
                    "history": self.history,
                    "losses": self._losses,
                    "broken": sorted(self._broken),
                    "model": self.model.state_dict(),
                    "heads": self._student.heads.state_dict(),
                    "ema": self._ema.module.state_dict() if self._ema else None,
                    "optimizer": self._optimizer.state_dict(),
                    "scaler": scaler.state_dict() if scaler else None,
                },
            )
        self._accelerator.wait_for_everyone()

    def resume(self) -> bool:
        """Continue from the state in the run folder. Return False if it has none.

        Raises:
            CheckpointError: the state is damaged, or of a run with other options or other data.
        """
        state = load_state_together(self._options.run_folder, self._options, self._accelerator)
        if state is None:
            return False
        if state["data"] != self._data:
            raise CheckpointError(
                f"The annotations changed since the run in {self._options.run_folder} began, or the "
                "segmenter that makes masks of them; choose another run_folder."
            )
        self.model.load_state_dict(state["model"])
        self._student.heads.load_state_dict(state["heads"])
        if self._ema:
            self._ema.module.load_state_dict(state["ema"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._accelerator.scaler:
            self._accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.history, self._losses = state["step"], state["history"], state["losses"]
        self._broken = set(state["broken"])
        return True

    @property
    def broken(self) -> tuple[str, ...]:
        """Errors of training regions that were replaced by others."""
        return tuple(sorted(self._broken))

    def trained(self) -> Model:
        """Return the model to export: of the last or the best epoch, or the moving average of its weights."""
        model = self._ema.module if self._ema else self.model
        best = self._options.run_folder / BEST_NAME
        if self._options.optimization.keep == "best" and best.is_file():
            model.load_state_dict(load_file(best))
        return model

    def _fitting(self, teacher: Checkpoint) -> Model:
        if teacher.classes != self._classes:
            raise ConfigError(f"The classes of the teacher {teacher.name} are not those of the data.")
        if teacher.preprocessing.letterbox != self._preprocessing.letterbox:
            raise ConfigError(f"The teacher {teacher.name} reads pictures of another size or padding.")
        return teacher.model.to(self._accelerator.device)

    def _groups(self) -> list[dict[str, Any]]:
        """Group parameters by peak learning rate: layers of the backbones, and the integration module."""
        optimization = self._options.optimization
        heads = nn.ModuleList([self.model.integration_module, self._student.heads])
        groups = parameter_groups(heads, lambda name: optimization.learning_rate, optimization.weight_decay)
        for backbone in self.model.backbones.values():
            unlike = backbone.no_weight_decay() if hasattr(backbone, "no_weight_decay") else ()
            for group in param_groups_layer_decay(
                backbone, optimization.weight_decay, unlike, layer_decay=optimization.layer_decay
            ):
                peak = optimization.backbone_learning_rate * group.pop("lr_scale")
                groups.append({**group, "peak": peak, "lr": peak})
        return groups

    def _loader(self) -> DataLoader[Any]:
        return DataLoader(
            self._regions,
            batch_sampler=self._plan.batches_from(
                self.step,
                self._accelerator.process_index,
                self._accelerator.num_processes,
                self._options.optimization.micro_batches,
            ),
            num_workers=self._options.data.workers,
            collate_fn=collate,
            worker_init_fn=one_thread,
            pin_memory=self._accelerator.device.type == "cuda",
        )

    def _train_step(self, batches: Iterator[Batch]) -> float:
        optimization, accelerator = self._options.optimization, self._accelerator
        self._begin_stage()
        self._train_mode()
        torch.manual_seed(self._draw("dropout"))
        share = learning_rate_share(self.step, self._plan.steps, optimization.warmup)
        set_learning_rate(self._optimizer, share)
        total = torch.zeros((), device=accelerator.device)
        for micro in range(optimization.micro_batches):
            is_last = micro == optimization.micro_batches - 1
            with nullcontext() if is_last else accelerator.no_sync(self._wrapped):
                batch = next(batches)
                self._broken.update(batch.broken)
                loss = self._objective(self._wrapped, batch, self._draw(f"mix {micro}"))
                loss = loss / optimization.micro_batches
                accelerator.backward(loss)
            total += loss.detach()
        if optimization.clip:
            accelerator.clip_grad_norm_(self._student.parameters(), optimization.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if self._ema:
            self._ema.update(self.model, step=self.step)
        return float(accelerator.reduce(total, "mean"))

    def _draw(self, what: str) -> int:
        """Return a seed for the share of this process in this step."""
        return zlib.crc32(
            f"{self._options.seed} {self.step} {self._accelerator.process_index} {what}".encode()
        )

    def _begin_stage(self) -> None:
        """Freeze parameters as the options say for this step; if that changes, wrap the model again."""
        done = self.step / self._plan.steps
        frozen = tuple(p for f in self._options.model.freeze if done < f.until for p in f.prefixes)
        if frozen == self._frozen:
            return
        self._frozen = frozen
        for backbone in self.model.backbones.values():
            freeze(backbone, frozen)
        self._wrapped = self._accelerator.prepare_model(
            self._accelerator.unwrap_model(self._student, keep_fp32_wrapper=False)
        )
        if self._options.optimization.compile:
            self._wrapped.compile()

    def _train_mode(self) -> None:
        self._student.train()
        if self._options.model.batch_norm == "fixed":
            for module in self.model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def _measure_batch_norm(self) -> None:
        """Measure batch norm on the same batches in every process, so that all get the same statistics."""
        places = self._plan.batches_from(0)
        batches = [
            collate([self._regions[place] for place in batch])
            for batch, _ in zip(places, range(min(MEASURED_BATCHES, self._plan.steps)), strict=False)
        ]
        for picture, backbone in self.model.backbones.items():
            at, spec = self._objective.pictures.index(picture), self.model.config.modules[picture]
            squares = (as_pixels(b.pictures[at].to(self._accelerator.device)) for b in batches)
            measure_batch_norm(backbone, (normalise_pixels(s, spec) for s in squares))

    def _finish_epoch(self, regions_per_second: float) -> None:
        model = self._ema.module if self._ema else self.model
        scores = self._score(model)
        record = {
            "epoch": len(self.history) + 1,
            "step": self.step,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "loss": float(np.mean(self._losses)),
            "regions_per_second": round(regions_per_second, 1),
            **{
                f"val_{name}": value
                for name, value in figures(scores, self._classes, self._options.ambiguous).items()
            },
        }
        self._losses = []
        best = max((r["val_macro_f1"] for r in self.history), default=-1.0)
        self.history.append(record)
        self._accelerator.log({k: v for k, v in record.items() if k != "step"}, step=self.step)
        if self._accelerator.is_main_process:
            lines = "".join(json.dumps(r) + "\n" for r in self.history)
            files.write(self._options.run_folder / "metrics.jsonl", lines, durable=False)
            if self._options.optimization.keep == "best" and record["val_macro_f1"] > best:
                best_weights = save({k: v.contiguous() for k, v in model.state_dict().items()})
                files.write(self._options.run_folder / BEST_NAME, best_weights, durable=False)

    def _score(self, model: Model) -> Scores:
        """Score the validation regions, a share of them in each process."""
        part, parts = self._accelerator.process_index, self._accelerator.num_processes
        for buffer in model.buffers():  # each process' batch norm has seen other regions
            broadcast(buffer)
        skip = self._options.data.broken == "skip"
        scores = score(
            model,
            self._preprocessing,
            self._val[part::parts],
            self._classes,
            view=self._view,
            skip_broken=skip,
        )
        return Scores.joined(gather_object([scores]))

    def _out_of_patience(self) -> bool:
        patience = self._options.optimization.patience
        if not patience or len(self.history) <= patience:
            return False
        values = [record["val_macro_f1"] for record in self.history]
        result: bool = max(values[-patience:]) <= max(values[:-patience])
        return result
