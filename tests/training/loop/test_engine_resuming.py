"""The weights that a run keeps, and runs that stop and continue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import training.loop.engine
from rvernet_app.errors import CheckpointError
from tests.training.loop.trainers import (
    DEIT,
    MOBILENET,
    TINY,
    Make,
    assert_equal,
    assert_same_end,
    changed,
    weights,
)
from training.data.regions import Regions
from training.loop.engine import Trainer

# Kept weights


def test_moving_average_follows_the_weights_and_is_exported(make: Make) -> None:
    trainer = make(optimization__ema=0.5)
    expected: dict[str, Tensor] = {}
    for step in range(4):
        trainer.run(stop_after=step + 1)
        # timm's warm-up: starts at the weights, then the decay grows up to the requested value
        decay = 0.0 if step < 2 else min(0.5, 1 - step ** (-2 / 3))
        now = weights(trainer)
        expected = {n: decay * expected.get(n, t) + (1 - decay) * t for n, t in now.items()}
    exported = trainer.trained().state_dict()
    assert changed(weights(trainer), exported)
    for name, tensor in expected.items():
        torch.testing.assert_close(exported[name], tensor, rtol=1e-5, atol=1e-6, msg=name)


def with_validation(monkeypatch: pytest.MonkeyPatch, *macro_f1: float) -> None:
    """Replace the validation scores of the epochs by these."""
    values = iter(macro_f1)
    monkeypatch.setattr(
        training.loop.engine, "figures", lambda *_: {"macro_f1": (value := next(values)), "top1": value}
    )


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_run_keeps_the_best_epoch_and_stops_after_its_patience(
    make: Make, monkeypatch: pytest.MonkeyPatch, ema: float
) -> None:
    with_validation(monkeypatch, 0.2, 0.6, 0.6, 0.1, 1.0)
    changes = {"keep": "best", "patience": 2, "epochs": 6, "ema": ema}
    trainer = make(**{f"optimization__{name}": value for name, value in changes.items()})
    trainer.run(stop_after=4)
    kept: Any = trainer._ema.module if trainer._ema else trainer.model
    best = {name: t.clone() for name, t in kept.state_dict().items()}
    trainer.run()
    assert [record["val_macro_f1"] for record in trainer.history] == [0.2, 0.6, 0.6, 0.1]
    again = make(**{f"optimization__{name}": value for name, value in changes.items()})
    assert again.resume()
    again.run()
    assert len(again.history) == 4
    for each in (trainer, again):
        assert_equal(each.trained().state_dict(), best)


def test_run_keeps_the_last_epoch_by_default(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with_validation(monkeypatch, 0.9, 0.1)
    trainer = make()
    trainer.run()
    assert_equal(trainer.trained().state_dict(), weights(trainer))
    assert not (trainer._options.run_folder / "best.safetensors").exists()


# Stopping and resuming


EVERYTHING: dict[str, Any] = {
    "model__roi_module": {**DEIT, "kwargs": {**TINY, "proj_drop_rate": 0.2, "drop_path_rate": 0.1}},
    "optimization__batch_size": 2,
    "optimization__module_loss": 0.3,
    "optimization__ema": 0.9,
    "optimization__keep": "best",
    "augmentation": {"min_crop": 0.7, "brightness": 0.2, "context_dropout": 0.2},
    "mix__mixup": 0.5,
    "data__balance": 0.5,
    "save_every": 3,
}


def with_zeroed_weights(trainer: Trainer) -> Trainer:
    """Zero all weights and buffers, so that resuming must restore them."""
    with torch.no_grad():
        for tensor in (*trainer.model.parameters(), *trainer.model.buffers()):
            tensor.zero_()
    return trainer


def test_run_stopped_after_any_step_resumes_to_the_same_result(make: Make) -> None:
    whole = make("whole", **EVERYTHING)
    whole.run()
    assert whole.step == 8
    for stop in range(1, 8):
        make(f"stopped {stop}", **EVERYTHING).run(stop_after=stop)
        rest = with_zeroed_weights(make(f"stopped {stop}", **EVERYTHING))
        assert rest.resume()
        assert rest.step == stop
        rest.run()
        assert_same_end(rest, whole)


def test_interrupted_run_resumes_from_the_last_saved_state(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make("whole", **EVERYTHING)
    whole.run()
    cut = make("cut", **EVERYTHING)
    steps = cut._train_step

    def interrupt_at_step_5(batches: Any) -> float:
        if cut.step == 5:
            raise KeyboardInterrupt
        return steps(batches)

    monkeypatch.setattr(cut, "_train_step", interrupt_at_step_5)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    rest = make("cut", **EVERYTHING)
    assert rest.resume()
    assert rest.step == 4  # state is saved after each epoch and every third step
    rest.run()
    assert_same_end(rest, whole)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resuming_restores_measured_and_frozen_parts(
    make: Make, weights_of: Callable[[str], str], stop: int
) -> None:
    changes = {
        "model__roi_module": MOBILENET,
        "model__weights": weights_of("mobilenetv2_035"),
        "model__freeze": [{"prefixes": ["conv_stem", "blocks.0"], "until": 0.5}],
        "optimization__micro_batches": 2,
        "optimization__layer_decay": 0.8,
    }
    whole = make("whole", **changes)
    whole.run()
    make("stopped", **changes).run(stop_after=stop)
    rest = with_zeroed_weights(make("stopped", **changes))
    rest.resume()
    rest.run()
    assert_same_end(rest, whole)


def test_finished_run_does_not_change(make: Make) -> None:
    trainer = make()
    trainer.run()
    again = make()
    again.resume()
    again.run()
    assert_same_end(again, trainer)


def test_resume_without_a_state_returns_false(make: Make) -> None:
    assert make().resume() is False


def test_state_of_other_options_or_data_fails(make: Make, data: Regions) -> None:
    make().run(stop_after=1)
    with pytest.raises(CheckpointError, match="other options"):
        make(optimization__learning_rate=0.5).resume()
    for changes in ({"fingerprints": {"store": "another"}}, {"segmenter": "small_sam 0123"}):
        with pytest.raises(
            CheckpointError, match=r"annotations changed since the run in .* began, or the seg"
        ):
            make(data=replace(data, **changes)).resume()
    assert make().resume()


def test_damaged_state_fails(make: Make) -> None:
    trainer = make()
    trainer.run(stop_after=1)
    (trainer._options.run_folder / "state.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        trainer.resume()
