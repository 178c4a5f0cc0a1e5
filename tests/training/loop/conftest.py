"""Fixtures that make tiny trainers on generated regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import yaml
from safetensors.torch import save_file

from rvernet_app.model.checkpoint import Checkpoint
from rvernet_app.model.preprocessing import Preprocessing
from tests.training.loop.trainers import BASE, Make, forget_accelerate
from training.data.regions import Regions, assemble
from training.loop.engine import Trainer
from training.loop.models import build_model
from training.loop.options import TrainOptions
from training.shared.configuration import options_from, put
from training.train import open_accelerator


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Reset Accelerate, which keeps precision and device for the life of a process."""
    forget_accelerate()
    yield
    forget_accelerate()


@pytest.fixture
def data(made_source: Any) -> Regions:
    """Return 8 training regions, 4 of each class, and 4 validation regions."""
    return assemble([made_source])


@pytest.fixture
def make(data: Regions, tmp_path: Path) -> Make:
    """Return a function that makes equal trainers: 8 regions in batches of 4 (2 steps per epoch), 2 epochs.

    In the names of changed options, two underscores stand for a dot.
    """

    def made(
        run: str = "run",
        data: Regions = data,
        teacher: Checkpoint | None = None,
        accelerator: Any = None,
        **changes: Any,
    ) -> Trainer:
        values: dict[str, Any] = yaml.safe_load(yaml.safe_dump(BASE))
        values |= {"run_folder": str(tmp_path / run), "export": str(tmp_path / run / "export")}
        for key, value in changes.items():
            put(values, key.replace("__", "."), value)
        options = options_from(values, TrainOptions)
        torch.manual_seed(options.seed)
        model = build_model(options.model, len(data.classes))
        preprocessing = Preprocessing.of(model.config, options.model.padding)
        accelerator = accelerator or open_accelerator(options)
        return Trainer(model, preprocessing, data, options, accelerator, teacher)

    return made


@pytest.fixture
def weights_of(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that saves random weights of a timm backbone to a file."""

    def saved(name: str) -> str:
        path = tmp_path / f"{name}.safetensors"
        torch.manual_seed(100)
        save_file(timm.create_model(name).state_dict(), path)
        return str(path)

    return saved
