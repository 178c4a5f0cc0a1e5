from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rvernet_app.errors import CheckpointError
from training.loop.optimization import (
    freeze,
    learning_rate_share,
    load_state,
    parameter_groups,
    save_state,
    set_learning_rate,
)


def test_learning_rate_warms_up_and_then_follows_a_cosine_to_about_0() -> None:
    shares = [learning_rate_share(step, 20, 0.2) for step in range(20)]
    assert shares[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])  # the first step already learns
    assert shares[12] == pytest.approx(0.5 * (1 + math.cos(math.pi * 8 / 16)))
    assert shares[4:] == sorted(shares[4:], reverse=True)
    assert 0 < shares[19] < 0.02


@pytest.mark.parametrize(("step", "steps", "warmup", "share"), [(0, 10, 0, 1), (0, 1, 0, 1), (0, 1, 0.1, 1)])
def test_learning_rate_without_warm_up_starts_at_the_peak(
    step: int, steps: int, warmup: float, share: float
) -> None:
    assert learning_rate_share(step, steps, warmup) == share


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 7, 500])
def test_learning_rate_stays_above_0_and_at_most_at_the_peak(steps: int, warmup: float) -> None:
    shares = [learning_rate_share(step, steps, warmup) for step in range(steps)]
    assert min(shares) > 0
    assert max(shares) <= 1
    assert max(shares) > 0.49


def model() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 2))


def test_weight_decay_applies_only_to_matrices_and_kernels() -> None:
    made = model()
    made[0].bias.requires_grad_(False)
    groups = parameter_groups(made, lambda name: 0.1 if name.startswith("2.") else 0.01, 0.5)
    named = {id(p): name for name, p in made.named_parameters()}
    found = {
        tuple(named[id(p)] for p in g["params"]): (g["peak"], g["lr"], g["weight_decay"]) for g in groups
    }
    assert found == {
        ("0.weight",): (0.01, 0.01, 0.5),
        ("1.weight", "1.bias"): (0.01, 0.01, 0.0),
        ("2.weight",): (0.1, 0.1, 0.5),
        ("2.bias",): (0.1, 0.1, 0.0),
    }
    assert {g["weight_decay"] for g in parameter_groups(made, lambda name: 1.0, 0.5, plain=("weight",))} == {
        0.0
    }


def test_each_group_gets_the_share_of_its_own_peak() -> None:
    optimizer = torch.optim.AdamW(parameter_groups(model(), lambda name: 0.1 * (1 + int(name[0])), 0.5))
    set_learning_rate(optimizer, 0.5)
    assert sorted({g["lr"] for g in optimizer.param_groups}) == pytest.approx([0.05, 0.1, 0.15])
    set_learning_rate(optimizer, 1.0)
    assert sorted({g["lr"] for g in optimizer.param_groups}) == pytest.approx([0.1, 0.2, 0.3])


def test_freeze_prefixes_match_whole_name_parts_and_can_thaw() -> None:
    backbone = nn.ModuleDict({"block": nn.Linear(2, 2), "block1": nn.Linear(2, 2), "cls": nn.Linear(2, 2)})
    freeze(backbone, ["block", "cls.bias"])
    assert [name for name, p in backbone.named_parameters() if not p.requires_grad] == [
        "block.weight",
        "block.bias",
        "cls.bias",
    ]
    freeze(backbone, ())
    assert all(p.requires_grad for p in backbone.parameters())


@pytest.mark.parametrize("prefix", ["bloc", "blocks", "block.", "cls.weight.x", ""])
def test_prefix_without_a_match_fails(prefix: str) -> None:
    backbone = nn.ModuleDict({"block": nn.Linear(2, 2), "cls": nn.Linear(2, 2)})
    with pytest.raises(CheckpointError, match=f"no parameters '{prefix}'"):
        freeze(backbone, ["block", prefix])


@dataclass(frozen=True)
class Chosen:
    folder: Path
    seed: int = 0


def test_state_survives_saving_and_loading(tmp_path: Path) -> None:
    assert load_state(tmp_path, Chosen(tmp_path)) is None
    save_state(tmp_path, Chosen(tmp_path), {"step": 1})
    save_state(
        tmp_path, Chosen(tmp_path), {"step": 2, "model": {"w": torch.ones(2)}, "history": [{"a": 0.5}]}
    )
    state = load_state(tmp_path, Chosen(tmp_path))
    assert state is not None
    assert (state["step"], state["history"]) == (2, [{"a": 0.5}])
    assert torch.equal(state["model"]["w"], torch.ones(2))
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


def test_state_of_other_options_fails(tmp_path: Path) -> None:
    save_state(tmp_path, Chosen(tmp_path), {"step": 1})
    with pytest.raises(CheckpointError, match="other options; choose another run_folder"):
        load_state(tmp_path, Chosen(tmp_path, seed=1))


class Spy:
    """An object that must not be unpickled from a file."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path, ...]]:
        return (Path.touch, (Path("unpickled"),))


@pytest.mark.parametrize("kind", ["no state", "half a state", "empty", "another thing", "code"])
def test_damaged_state_fails_without_running_its_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "state.pt"
    save_state(tmp_path, Chosen(tmp_path), {"step": 1})
    whole = path.read_bytes()
    if kind == "another thing":
        torch.save([1, 2], path)
    elif kind == "code":
        options = json.dumps({"folder": str(tmp_path), "seed": 0}, sort_keys=True)
        torch.save({"options": options, "step": Spy()}, path)
    else:
        path.write_bytes(
            {"no state": b"nothing", "half a state": whole[: len(whole) // 2], "empty": b""}[kind]
        )
    with pytest.raises(CheckpointError, match="damaged; remove it") as error:
        load_state(tmp_path, Chosen(tmp_path))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "unpickled").exists()
