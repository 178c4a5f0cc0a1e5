"""The training loop on a tiny data set and tiny backbones: learning rates, inputs and steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from rvernet_app.errors import CheckpointError, ConfigError
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.preprocessing import normalise
from rvernet_app.model.rvernet import ModuleSpec
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.types import Mask, Photo
from tests.training.loop.trainers import (
    DEIT,
    FULL_SIZE,
    MOBILENET,
    Make,
    as_served,
    assert_equal,
    changed,
    forget_accelerate,
    inputs_of,
    regions_of_step,
    weights,
)
from training.data.photos import open_photo
from training.data.regions import DataError, Region, Regions
from training.loop.engine import Trainer
from training.loop.optimization import learning_rate_share
from training.loop.pixels import as_pixels, normalise_pixels

# Learning rates


def test_schedule_advances_every_step(make: Make) -> None:
    trainer = make(optimization__warmup=0.5, optimization__epochs=4)
    expected = [learning_rate_share(step, 8, 0.5) for step in range(8)]
    assert 0 < expected[0] < expected[1] < expected[2] < expected[3] < expected[4] == 1
    assert expected[7] < 0.2
    for step, share in enumerate(expected):
        trainer.run(stop_after=step + 1)
        for group in trainer._optimizer.param_groups:
            assert group["lr"] == pytest.approx(share * group["peak"])
    told = [record["learning_rate"] for record in trainer.history]
    assert told == pytest.approx([0.01 * expected[step] for step in (1, 3, 5, 7)])


def by_name(trainer: Trainer, key: str) -> dict[str, float]:
    named = {id(p): name for name, p in trainer.model.named_parameters()}
    return {named[id(p)]: g[key] for g in trainer._optimizer.param_groups for p in g["params"]}


def test_backbones_have_their_own_learning_rate(make: Make) -> None:
    trainer = make()
    found = by_name(trainer, "peak")
    assert found.keys() == dict(trainer.model.named_parameters()).keys()
    for name, rate in found.items():
        assert rate == (0.01 if name.startswith("integration_module.") else 0.003)


@pytest.mark.parametrize(
    ("backbone", "parameters"),
    [
        (DEIT, ("patch_embed.proj", "blocks.0.norm1", "blocks.1.norm1", "norm")),
        (MOBILENET, ("conv_stem", "blocks.1.0.conv_pw", "blocks.5.0.conv_pw", "conv_head")),
    ],
    ids=["deit", "mobilenet"],
)
def test_layers_farther_from_the_output_have_lower_learning_rates(
    make: Make, backbone: dict[str, Any], parameters: tuple[str, ...]
) -> None:
    found = by_name(make(model__roi_module=backbone, optimization__layer_decay=0.5), "peak")
    for module in ("roi_module", "extra_roi_module"):
        rates = [found[f"{module}.{name}.weight"] for name in parameters]
        assert rates == sorted(rates)
        assert len(set(rates)) >= 3
        assert rates[-1] == pytest.approx(0.003)
        assert all(round(math.log2(0.003 / rate), 6).is_integer() for rate in rates)
    assert found["integration_module.0.weight"] == 0.01


def test_biases_norms_tokens_and_positions_have_no_weight_decay(make: Make) -> None:
    trainer = make(optimization__weight_decay=0.3)
    for name, decay in by_name(trainer, "weight_decay").items():
        token = name.endswith(("cls_token", "dist_token", "pos_embed"))
        plain = token or trainer.model.get_parameter(name).ndim == 1
        assert decay == (0.0 if plain else 0.3), name


# Pictures


@pytest.mark.parametrize(
    "spec",
    [
        ModuleSpec("mobilenetv2_035"),
        ModuleSpec("mobilenetv2_035", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
        ModuleSpec("vit_base_patch16_224"),
    ],
    ids=lambda spec: str(spec.mean),
)
def test_pixels_are_normalized_as_in_the_app(spec: ModuleSpec) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    squares[0, 0, 0], squares[0, 0, 1] = 0, 255
    found = normalise_pixels(as_pixels(torch.from_numpy(squares)), spec)
    torch.testing.assert_close(found, normalise(squares, spec), rtol=1e-5, atol=1e-5)
    mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
    torch.testing.assert_close(found[0, :, 0, 0], -mean / std)
    torch.testing.assert_close(found[0, :, 0, 1], (1 - mean) / std)


@pytest.mark.parametrize("kind", ["rvernet", "photo", "roi", "extra_roi"])
def test_unaugmented_training_inputs_match_the_app(make: Make, data: Regions, kind: str) -> None:
    other = {"model__extra_roi_module": MOBILENET} if kind == "rvernet" else {}
    trainer = make(**FULL_SIZE, **other, model__kind=kind)
    seen = inputs_of(trainer.model)
    trainer.run()
    served = as_served(trainer._preprocessing, regions_of_step(trainer, data))
    for (to_measure, to_learn, *_), expected in zip(seen, served, strict=True):
        assert torch.equal(to_measure, to_learn)
        torch.testing.assert_close(to_learn, expected, rtol=1e-5, atol=1e-5)
    assert ("val_macro_f1_without_context" in trainer.history[0]) == (kind == "rvernet")


def test_unreadable_regions_fail_or_are_named(make: Make, data: Regions) -> None:
    assert data.train[3].photo is not None
    data.train[3].photo.unlink()
    with pytest.raises(DataError):
        make("stops").run()
    trainer = make("goes on", data__broken="skip")
    trainer.run(stop_after=3)
    again = make("goes on", data__broken="skip")
    again.resume()
    (sentence,) = again.broken
    assert sentence.startswith(f"{data.train[3].name}: ")


def test_worker_processes_do_not_change_the_weights(make: Make) -> None:
    alone, helped = make("alone"), make("helped", data__workers=1)
    alone.run(stop_after=3)
    helped.run(stop_after=3)
    assert_equal(weights(alone), weights(helped))


# Steps


def test_micro_batches_take_the_same_step(make: Make) -> None:
    whole, pieces = make("whole"), make("pieces", optimization__micro_batches=2)
    whole.run()
    pieces.run()
    for name, tensor in weights(whole).items():
        torch.testing.assert_close(weights(pieces)[name], tensor, rtol=1e-3, atol=1e-4, msg=name)
    for one, other in zip(whole.history, pieces.history, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)


def test_frozen_parts_stay_until_they_thaw(make: Make, weights_of: Callable[[str], str]) -> None:
    trainer = make(
        model__roi_module=MOBILENET,
        model__weights=weights_of("mobilenetv2_035"),
        model__batch_norm="fixed",
        model__freeze=[{"prefixes": ["conv_stem", "blocks.1"], "until": 0.5}, {"prefixes": ["blocks.0"]}],
    )
    start = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}

    def moved() -> set[tuple[str, str]]:
        """Return the changed parts as pairs of a module and the start of the parameter name."""
        now = {name: p.detach() for name, p in trainer.model.named_parameters()}
        parts = [name.split(".") for name in changed(start, now)]
        return {(p[0], ".".join(p[1:3]) if p[1] == "blocks" else p[1]) for p in parts}

    both = {"roi_module", "extra_roi_module"}
    trainer.run(stop_after=2)
    assert {(m, "conv_head") for m in both} | {(m, "blocks.6") for m in both} <= moved()
    assert not moved() & {(m, p) for m in both for p in ("conv_stem", "blocks.0", "blocks.1")}
    trainer.run()
    assert {(m, p) for m in both for p in ("conv_stem", "blocks.1")} <= moved()
    assert not moved() & {(m, "blocks.0") for m in both}


def test_prefix_without_a_match_fails(make: Make, weights_of: Callable[[str], str]) -> None:
    trainer = make(
        model__roi_module=MOBILENET,
        model__weights=weights_of("mobilenetv2_035"),
        model__freeze=[{"prefixes": ["blocks.77"]}],
    )
    with pytest.raises(CheckpointError, match=r"blocks\.77"):
        trainer.run()


def test_batch_norm_statistics_are_fixed_or_measured(make: Make, weights_of: Callable[[str], str]) -> None:
    statistics = {}
    for kind in ("fixed", "measured"):
        trainer = make(
            kind,
            model__roi_module=MOBILENET,
            model__weights=weights_of("mobilenetv2_035"),
            model__batch_norm=kind,
        )
        before = {name: b.clone() for name, b in trainer.model.named_buffers() if "running" in name}
        trainer.run(stop_after=2)
        after = dict(trainer.model.named_buffers())
        statistics[kind] = changed(before, after)
        assert len(before) == 2 * 52 * 2
    assert statistics["fixed"] == set()
    assert len(statistics["measured"]) == 2 * 52 * 2


def test_bf16_run_learns_about_the_same_and_stores_float16(make: Make, tmp_path: Path) -> None:
    single = make("single")
    single.run()
    forget_accelerate()
    half = make("half", optimization__precision="bf16")
    half.run()
    assert changed(weights(single), weights(half))
    assert half.history[0]["loss"] == pytest.approx(single.history[0]["loss"], rel=0.02)
    assert {t.dtype for t in half.model.parameters()} == {torch.float32}
    save_checkpoint(tmp_path / "stored", half.trained(), ("ketchup", "pesto"))
    stored = load_file(tmp_path / "stored" / "model.safetensors")
    assert {t.dtype for t in stored.values() if t.is_floating_point()} == {torch.float16}
    assert all(t.isfinite().all() for t in stored.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="checks the error on machines without a GPU")
def test_fp16_needs_a_gpu(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"fp16 (needs|mixed precision requires) a .*\.$"):
        make(optimization__precision="fp16")


def test_model_compiles_again_after_thawing(
    make: Make, weights_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self))
    trainer = make(
        model__roi_module=MOBILENET,
        model__weights=weights_of("mobilenetv2_035"),
        model__freeze=[{"prefixes": ["conv_stem"], "until": 0.5}],
        optimization__compile=True,
    )
    trainer.run()
    assert [type(module).__name__ for module in compiled] == ["Student", "Student"]
    assert all(module.model is trainer.model for module in compiled)


# Context


@dataclass(frozen=True, eq=False)
class Kept:
    photo: Photo
    mask: Mask

    def read(self, open_photo: Any) -> tuple[Photo, Mask]:
        return self.photo, self.mask


def sauces(numbers: range, split: str) -> tuple[Region, ...]:
    """Return regions with an identical red square on green (ketchup) or blue (chili paste) surroundings."""
    mask = np.zeros((32, 32), np.bool_)
    mask[12:20, 12:20] = True
    regions = []
    for i in numbers:
        photo = np.random.default_rng(i).integers(60, 120, (32, 32, 3), dtype=np.uint8)
        photo[:, :, 1 + i % 2] += 100
        photo[mask] = (200, 20, 20)
        name = f"sauces/{i}"
        regions.append(Region(name, ("ketchup", "chili paste")[i % 2], name, split, (Kept(photo, mask),)))
    return tuple(regions)


def test_model_learns_context_if_only_context_separates_the_classes(
    make: Make, weights_of: Callable[[str], str]
) -> None:
    """Training with fixed folded batch norm fails here because its activations vanish."""
    data = Regions(
        ("ketchup", "chili paste"),
        sauces(range(32), "train"),
        sauces(range(32, 48), "val"),
        (),
        {"sauces": "0"},
    )
    rois = {cut_out(*r.masked[0].read(open_photo)).roi.tobytes() for r in (*data.train, *data.val)}
    assert len(rois) == 1
    ends = {}
    for kind in ("measured", "fixed"):
        trainer = make(
            kind,
            data=data,
            model__roi_module="mobilenetv2_035",
            model__weights=weights_of("mobilenetv2_035"),
            model__batch_norm=kind,
            optimization__epochs=12,
            optimization__batch_size=8,
            optimization__backbone_learning_rate=0.01,
        )
        trainer.run()
        ends[kind] = trainer.history[-1]
    assert ends["measured"]["val_macro_f1"] > 0.9
    assert ends["measured"]["val_macro_f1_without_context"] < 0.5
    assert ends["fixed"]["val_macro_f1"] < 0.5
