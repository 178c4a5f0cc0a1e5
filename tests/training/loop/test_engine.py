"""The training loop on a tiny data set and tiny backbones, a few steps long."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import timm
import torch
import yaml
from accelerate.state import AcceleratorState, GradientState
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

import training.loop.engine
from rvernet_app.errors import CheckpointError, ConfigError
from rvernet_app.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rvernet_app.model.preprocessing import Preprocessing, normalise
from rvernet_app.model.rvernet import ModuleSpec
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.types import Mask, Photo
from training.data.photos import open_photo
from training.data.regions import DataError, Region, Regions, assemble
from training.loop.distill import teacher_loss
from training.loop.engine import Trainer
from training.loop.models import build_model
from training.loop.optimization import learning_rate_share
from training.loop.options import TrainOptions
from training.loop.pixels import as_pixels, normalise_pixels
from training.shared.configuration import options_from, put
from training.train import open_accelerator

TINY = {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 12, "num_heads": 3}
DEIT = {"name": "deit_tiny_distilled_patch16_224", "kwargs": TINY}
MOBILENET = {"name": "mobilenetv2_035", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
MODEL = {"roi_module": DEIT, "fusion": "features", "hidden": 8, "input_size": 32}
BASE = {
    "data": {"sources": ["store"], "workers": 0},
    "model": {**MODEL, "weights": "scratch", "batch_norm": "measured"},
    "optimization": {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "backbone_learning_rate": 0.003},
    "device": "cpu",
    "trackers": [],
}
FULL_SIZE: dict[str, Any] = {
    "model__roi_module": {**DEIT, "kwargs": {**TINY, "img_size": 48}, "std": [0.2, 0.3, 0.4]},
    "model__input_size": 48,
    "augmentation__flip": 0,
    "optimization__epochs": 1,
    "optimization__batch_size": 8,
}
"""The photos' own size, and all regions in the only step."""


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Accelerate keeps precision and device for the life of a process."""
    forget_accelerate()
    yield
    forget_accelerate()


def forget_accelerate() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture
def data(made_source: Any) -> Regions:
    """8 regions to train on, 4 of each class, and 4 to validate on."""
    return assemble([made_source])


Make = Callable[..., Trainer]


@pytest.fixture
def make(data: Regions, tmp_path: Path) -> Make:
    """Makes equal trainers: 8 regions in batches of 4, so 2 steps an epoch, 2 epochs.

    Changes of the options have two underscores for a dot.
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
    """Makes a file of random weights of a backbone, as timm names them."""

    def saved(name: str) -> str:
        path = tmp_path / f"{name}.safetensors"
        torch.manual_seed(100)
        save_file(timm.create_model(name).state_dict(), path)
        return str(path)

    return saved


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def assert_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert not changed(one, other)


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def without_speed(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "regions_per_second"} for record in history]


def inputs_of(model: Any) -> list[list[Tensor]]:
    """What each backbone of a model is called with from now on."""
    seen: list[list[Tensor]] = [[] for _ in model.backbones]
    for backbone, inputs in zip(model.backbones.values(), seen, strict=True):
        backbone.register_forward_pre_hook(lambda _, given, inputs=inputs: inputs.append(given[0].clone()))
    return seen


def logits_of(model: Any) -> list[Tensor]:
    """What the integration module of a model answers from now on."""
    seen: list[Tensor] = []
    model.integration_module.register_forward_hook(lambda _, given, said: seen.append(said.detach().clone()))
    return seen


def heads_of(trainer: Trainer) -> dict[str, Any]:
    """The linear heads outside the model, by name."""
    return dict(trainer._student.heads.items())


def in_order(trainer: Trainer, data: Regions, epoch: int = 0, step: int = 0) -> list[Region]:
    """The training regions of a step."""
    return [data.train[i] for i in trainer._plan.epoch(epoch)[step]]


def say(trainer: Trainer, *logits: float) -> None:
    """Let a model answer these logits, whatever it sees."""
    last: Any = trainer.model.integration_module[2]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor(logits))


# Learning rates


def test_the_schedule_moves_with_every_step_not_with_every_epoch(make: Make) -> None:
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


def test_backbones_have_a_learning_rate_of_their_own(make: Make) -> None:
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
def test_layers_further_from_the_output_learn_more_slowly(
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


def test_biases_norms_tokens_and_positions_are_not_decayed(make: Make) -> None:
    trainer = make(optimization__weight_decay=0.3)
    for name, decay in by_name(trainer, "weight_decay").items():
        token = name.endswith(("cls_token", "dist_token", "pos_embed"))
        plain = token or trainer.model.get_parameter(name).ndim == 1
        assert decay == (0.0 if plain else 0.3), name


# The loss


@pytest.mark.parametrize("mixup", [0.0, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_cross_entropy_of_logits(
    make: Make, data: Regions, smoothing: float, mixup: float
) -> None:
    ketchup = replace(data, train=tuple(r for r in data.train if r.label == "ketchup"))
    changes = {"optimization__epochs": 1, "optimization__label_smoothing": smoothing, "mix__mixup": mixup}
    trainer = make(data=ketchup, **changes)
    say(trainer, 2.0 + math.log(3), 2.0)
    told = logits_of(trainer.model)
    trainer.run()
    assert told[0].tolist() == [pytest.approx([2.0 + math.log(3), 2.0])] * 4
    assert data.classes[0] == "ketchup"
    true, other = -math.log(3 / 4), -math.log(1 / 4)
    expected = (1 - smoothing / 2) * true + smoothing / 2 * other
    assert trainer.history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_each_module_may_have_to_name_the_class_by_itself_too(make: Make, data: Regions) -> None:
    changes = {"optimization__epochs": 1, "optimization__batch_size": 8, "optimization__label_smoothing": 0.1}
    trainer = make("two", optimization__module_loss=0.5, **changes)
    told, of_modules = logits_of(trainer.model), []
    for head in heads_of(trainer).values():
        head.register_forward_hook(lambda _, given, said: of_modules.append(said.detach().clone()))
    heads = [head.weight.detach().clone() for head in heads_of(trainer).values()]
    trainer.run()
    true = torch.tensor([data.classes.index(r.label) for r in in_order(trainer, data)])
    losses = [F.cross_entropy(said, true, label_smoothing=0.1).item() for said in (told[0], *of_modules)]
    assert trainer.history[0]["loss"] == pytest.approx(losses[0] + 0.5 * (losses[1] + losses[2]), rel=1e-5)
    for before, head in zip(heads, heads_of(trainer).values(), strict=True):
        assert not torch.equal(before, head.weight)
    alone = make("alone", **changes)
    assert weights(trainer).keys() == weights(alone).keys()
    alone.run()
    assert changed(weights(trainer), weights(alone))


def test_the_extra_roi_module_may_have_to_name_the_other_foods_too(make: Make, data: Regions) -> None:
    together = [replace(r, photo=Path(str(i // 4))) for i, r in enumerate(data.train)]
    labels = [r.label for r in together[:4]]
    assert (len(set(labels)), len(together)) == (2, 8)
    together[3:4] = [replace(together[3], photo=Path("its own"))]
    photos = data.with_split("train", together)
    changes = {"optimization__epochs": 1, "optimization__batch_size": 8, "optimization__label_smoothing": 0}
    trainer = make("two", photos, optimization__context_loss=0.25, **changes)
    told, of_others = logits_of(trainer.model), []
    head = heads_of(trainer)["others"]
    head.register_forward_hook(lambda _, given, said: of_others.append(said.detach().clone()))
    before = head.weight.detach().clone()
    trainer.run()
    order = in_order(trainer, photos)
    expected = torch.tensor(
        [
            [
                float(any(o.label == name and o.photo == r.photo and o is not r for o in together))
                for name in data.classes
            ]
            for r in order
        ]
    )
    assert 0 < expected.sum() < expected.numel()
    true = torch.tensor([data.classes.index(r.label) for r in order])
    missed = F.binary_cross_entropy_with_logits(of_others[0], expected, reduction="sum") / 8
    loss = F.cross_entropy(told[0], true) + 0.25 * missed
    assert trainer.history[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert not torch.equal(before, head.weight)
    assert weights(trainer).keys() == weights(make("alone", **changes)).keys()


def test_blank_pictures_teach_their_module_nothing(make: Make, data: Regions) -> None:
    together = data.with_split(
        "train", [replace(r, photo=Path(str(i // 4))) for i, r in enumerate(data.train)]
    )
    trainer = make(
        data=together,
        augmentation__context_dropout=0.5,
        optimization__epochs=1,
        optimization__batch_size=8,
        optimization__label_smoothing=0,
        optimization__module_loss=0.5,
        optimization__context_loss=0.25,
    )
    told = logits_of(trainer.model)
    by_head: dict[str, Tensor] = {}
    for name, head in heads_of(trainer).items():
        head.register_forward_hook(lambda _, given, said, name=name: by_head.update({name: said.detach()}))
    trainer.run()
    (places,) = trainer._plan.batches_from(0)
    rows = [row for row, place in enumerate(places) if not trainer._regions[place].blank]
    order = in_order(trainer, together)
    true = torch.tensor([data.classes.index(r.label) for r in order])
    others = torch.ones(8, 2)  # four of each photo, two of each class
    expected = (
        F.cross_entropy(told[0], true)
        + 0.5 * F.cross_entropy(by_head["roi"], true)
        + 0.5 * F.cross_entropy(by_head["extra_roi"][rows], true[rows])
        + 0.25
        * F.binary_cross_entropy_with_logits(by_head["others"][rows], others[rows], reduction="sum")
        / len(rows)
    )
    assert 0 < len(rows) < 8
    assert trainer.history[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_where_every_picture_is_blank_their_module_learns_nothing_by_itself(make: Make) -> None:
    changes = {"augmentation__context_dropout": 1.0, "optimization__module_loss": 0.5}
    trainer = make(**changes)
    before = {name: head.weight.detach().clone() for name, head in heads_of(trainer).items()}
    trainer.run(stop_after=1)
    after = {name: head.weight for name, head in heads_of(trainer).items()}
    assert not torch.equal(before["roi"], after["roi"])
    decayed = before["extra_roi"] * (after["extra_roi"] / before["extra_roi"]).mean()
    torch.testing.assert_close(after["extra_roi"], decayed)


def test_mixing_changes_what_is_learned(make: Make) -> None:
    learned = []
    for run, mixing in (("plain", {}), ("mixup", {"mix__mixup": 1.0}), ("cutmix", {"mix__cutmix": 1.0})):
        trainer = make(run, **mixing)
        trainer.run(stop_after=1)
        learned.append(weights(trainer))
    assert changed(learned[0], learned[1])
    assert changed(learned[0], learned[2])
    assert changed(learned[1], learned[2])


@pytest.mark.parametrize(
    ("processes", "micro_batches", "mixup", "fits"),
    [(3, 1, 0.0, False), (4, 1, 0.0, True), (4, 2, 0.0, False), (4, 1, 0.5, False), (2, 1, 0.5, True)],
)
def test_a_batch_is_shared_evenly_and_mixed_in_even_pieces(
    make: Make, processes: int, micro_batches: int, mixup: float, fits: bool
) -> None:
    several = SimpleNamespace(
        num_processes=processes, device=torch.device("cpu"), prepare_optimizer=lambda optimizer: optimizer
    )
    changes = {"optimization__micro_batches": micro_batches, "mix__mixup": mixup}
    if fits:
        make(accelerator=several, **changes)
    else:
        with pytest.raises(ConfigError, match=f"A batch of 4 cannot be shared by {processes} processes in"):
            make(accelerator=several, **changes)


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
def test_pixels_are_normalised_as_in_the_app(spec: ModuleSpec) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    squares[0, 0, 0], squares[0, 0, 1] = 0, 255
    found = normalise_pixels(as_pixels(torch.from_numpy(squares)), spec)
    torch.testing.assert_close(found, normalise(squares, spec), rtol=1e-5, atol=1e-5)
    mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
    torch.testing.assert_close(found[0, :, 0, 0], -mean / std)
    torch.testing.assert_close(found[0, :, 0, 1], (1 - mean) / std)


def as_served(preprocessing: Preprocessing, regions: list[Region]) -> tuple[Tensor, ...]:
    return preprocessing([cut_out(*region.masked[0].read(open_photo)) for region in regions])


@pytest.mark.parametrize("kind", ["rvernet", "photo", "roi", "extra_roi"])
def test_without_changes_training_sees_what_the_app_sees(make: Make, data: Regions, kind: str) -> None:
    other = {"model__extra_roi_module": MOBILENET} if kind == "rvernet" else {}
    trainer = make(**FULL_SIZE, **other, model__kind=kind)
    seen = inputs_of(trainer.model)
    trainer.run()
    served = as_served(trainer._preprocessing, in_order(trainer, data))
    for (to_measure, to_learn, *_), expected in zip(seen, served, strict=True):
        assert torch.equal(to_measure, to_learn)
        torch.testing.assert_close(to_learn, expected, rtol=1e-5, atol=1e-5)
    assert ("val_macro_f1_without_context" in trainer.history[0]) == (kind == "rvernet")


def test_regions_that_cannot_be_read_stop_the_run_or_are_named(make: Make, data: Regions) -> None:
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


def test_worker_processes_change_nothing(make: Make) -> None:
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


def test_what_is_frozen_stays_until_its_time(make: Make, weights_of: Callable[[str], str]) -> None:
    trainer = make(
        model__roi_module=MOBILENET,
        model__weights=weights_of("mobilenetv2_035"),
        model__batch_norm="fixed",
        model__freeze=[{"prefixes": ["conv_stem", "blocks.1"], "until": 0.5}, {"prefixes": ["blocks.0"]}],
    )
    start = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}

    def moved() -> set[tuple[str, str]]:
        """Modules, and the first two parts of their parameters' names, of which something changed."""
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


def test_a_prefix_that_freezes_nothing_is_an_error(make: Make, weights_of: Callable[[str], str]) -> None:
    trainer = make(
        model__roi_module=MOBILENET,
        model__weights=weights_of("mobilenetv2_035"),
        model__freeze=[{"prefixes": ["blocks.77"]}],
    )
    with pytest.raises(CheckpointError, match=r"blocks\.77"):
        trainer.run()


def test_batch_norm_keeps_the_statistics_of_the_weights_or_has_them_measured(
    make: Make, weights_of: Callable[[str], str]
) -> None:
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


def test_bf16_learns_about_the_same_and_is_stored_as_float16(make: Make, tmp_path: Path) -> None:
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="fp16 is for GPUs, and here is one")
def test_fp16_needs_a_gpu(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"fp16 (needs|mixed precision requires) a .*\.$"):
        make(optimization__precision="fp16")


def test_compiling_is_done_anew_where_what_is_trained_changes(
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


# Which weights are kept


def test_the_moving_average_follows_the_weights_and_is_exported(make: Make) -> None:
    trainer = make(optimization__ema=0.5)
    expected: dict[str, Tensor] = {}
    for step in range(4):
        trainer.run(stop_after=step + 1)
        # timm's warm-up: at first as the weights, then slower and slower up to the decay asked for
        decay = 0.0 if step < 2 else min(0.5, 1 - step ** (-2 / 3))
        now = weights(trainer)
        expected = {n: decay * expected.get(n, t) + (1 - decay) * t for n, t in now.items()}
    exported = trainer.trained().state_dict()
    assert changed(weights(trainer), exported)
    for name, tensor in expected.items():
        torch.testing.assert_close(exported[name], tensor, rtol=1e-5, atol=1e-6, msg=name)


def with_validation(monkeypatch: pytest.MonkeyPatch, *macro_f1: float) -> None:
    """Let the epochs have these scores."""
    values = iter(macro_f1)
    monkeypatch.setattr(
        training.loop.engine, "figures", lambda *_: {"macro_f1": (value := next(values)), "top1": value}
    )


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_the_best_epoch_is_kept_and_patience_ends_the_run(
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


def test_the_last_epoch_is_kept_where_nothing_else_is_asked_for(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_validation(monkeypatch, 0.9, 0.1)
    trainer = make()
    trainer.run()
    assert_equal(trainer.trained().state_dict(), weights(trainer))
    assert not (trainer._options.run_folder / "best.safetensors").exists()


# Stopped and continued


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


def assert_same_end(one: Trainer, other: Trainer) -> None:
    assert_equal(weights(one), weights(other))
    assert_equal(one.trained().state_dict(), other.trained().state_dict())
    assert without_speed(one.history) == without_speed(other.history)
    told = [
        [json.loads(line) for line in (t._options.run_folder / "metrics.jsonl").read_text().splitlines()]
        for t in (one, other)
    ]
    assert without_speed(told[0]) == without_speed(told[1]) == without_speed(one.history)


def scrambled(trainer: Trainer) -> Trainer:
    """With nothing left over from how it was made."""
    with torch.no_grad():
        for tensor in (*trainer.model.parameters(), *trainer.model.buffers()):
            tensor.zero_()
    return trainer


def test_a_run_stopped_after_any_step_goes_on_to_the_same_end(make: Make) -> None:
    whole = make("whole", **EVERYTHING)
    whole.run()
    assert whole.step == 8
    for stop in range(1, 8):
        make(f"stopped {stop}", **EVERYTHING).run(stop_after=stop)
        rest = scrambled(make(f"stopped {stop}", **EVERYTHING))
        assert rest.resume()
        assert rest.step == stop
        rest.run()
        assert_same_end(rest, whole)


def test_it_goes_on_from_the_last_saved_state_where_it_was_not_stopped_in_order(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make("whole", **EVERYTHING)
    whole.run()
    cut = make("cut", **EVERYTHING)
    steps = cut._train_step

    def powers_off(batches: Any) -> float:
        if cut.step == 5:
            raise KeyboardInterrupt
        return steps(batches)

    monkeypatch.setattr(cut, "_train_step", powers_off)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    rest = make("cut", **EVERYTHING)
    assert rest.resume()
    assert rest.step == 4  # the end of an epoch, or every third step
    rest.run()
    assert_same_end(rest, whole)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_measured_and_frozen_parts_go_on_as_well(
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
    rest = scrambled(make("stopped", **changes))
    rest.resume()
    rest.run()
    assert_same_end(rest, whole)


def test_a_finished_run_stays_as_it_is(make: Make) -> None:
    trainer = make()
    trainer.run()
    again = make()
    again.resume()
    again.run()
    assert_same_end(again, trainer)


def test_there_may_be_nothing_to_resume(make: Make) -> None:
    assert make().resume() is False


def test_a_state_of_other_options_or_other_data_is_refused(make: Make, data: Regions) -> None:
    make().run(stop_after=1)
    with pytest.raises(CheckpointError, match="other options"):
        make(optimization__learning_rate=0.5).resume()
    for changes in ({"fingerprints": {"store": "another"}}, {"segmenter": "small_sam 0123"}):
        with pytest.raises(
            CheckpointError, match=r"annotations changed since the run in .* began, or the seg"
        ):
            make(data=replace(data, **changes)).resume()
    assert make().resume()


def test_a_damaged_state_is_refused(make: Make) -> None:
    trainer = make()
    trainer.run(stop_after=1)
    (trainer._options.run_folder / "state.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        trainer.resume()


# A teacher


@pytest.fixture
def teach(make: Make, tmp_path: Path) -> Callable[..., Checkpoint]:
    """Makes teachers that know nothing; changes of the options have two underscores for a dot."""

    def made(
        name: str = "teacher", classes: tuple[str, ...] = ("ketchup", "pesto"), **changes: Any
    ) -> Checkpoint:
        trainer = make(name, seed=7, **changes)
        with torch.no_grad():
            last: Any = trainer.model.integration_module[2]
            last.weight.mul_(20)
        save_checkpoint(tmp_path / name, trainer.model, classes, padding=trainer._options.model.padding)
        return load_checkpoint(tmp_path / name)

    return made


def distilling(**options: Any) -> dict[str, Any]:
    return {"distillation": {"teacher": "teacher", **options}}


def test_strength_0_is_no_teacher(make: Make, teach: Callable[..., Checkpoint]) -> None:
    alone, taught = make("alone"), make("taught", teacher=teach(), **distilling(strength=0))
    alone.run()
    taught.run()
    assert_same_end(alone, taught)


def test_strength_1_does_not_look_at_the_labels(
    make: Make, teach: Callable[..., Checkpoint], data: Regions
) -> None:
    swap = {"ketchup": "pesto", "pesto": "ketchup"}
    swapped = replace(data, train=tuple(replace(r, label=swap[r.label]) for r in data.train))
    learned = []
    for run, of in (("true", data), ("swapped", swapped)):
        trainer = make(run, data=of, teacher=teach(), **distilling(strength=1))
        trainer.run(stop_after=2)
        learned.append(weights(trainer))
    assert_equal(*learned)


@pytest.mark.parametrize("target", ["soft", "hard"])
@pytest.mark.parametrize("on", ["logits", "token"])
def test_labels_and_teacher_have_their_parts_of_the_loss(
    make: Make, teach: Callable[..., Checkpoint], data: Regions, target: str, on: str
) -> None:
    teacher = teach()
    trainer = make(
        teacher=teacher,
        optimization__epochs=1,
        optimization__batch_size=8,
        optimization__label_smoothing=0.1,
        **distilling(target=target, on=on, strength=0.3, temperature=2),
    )
    told, taught = logits_of(trainer.model), logits_of(teacher.model)
    trainer.run()
    true = torch.tensor([data.classes.index(r.label) for r in in_order(trainer, data)])
    of_labels = F.cross_entropy(told[0], true, label_smoothing=0.1)
    of_teacher = teacher_loss(told[1] if on == "token" else told[0], taught[0], target, 2)
    expected = 0.7 * of_labels + 0.3 * of_teacher
    assert trainer.history[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert of_teacher.item() != pytest.approx(of_labels.item(), rel=0.01)


def test_student_and_teacher_see_the_same_changed_and_mixed_pictures(
    make: Make, teach: Callable[..., Checkpoint]
) -> None:
    teacher = teach(model__kind="extra_roi")
    trainer = make(
        teacher=teacher,
        optimization__epochs=1,
        mix__cutmix=1.0,
        augmentation={"flip": 0.5, "min_crop": 0.6, "brightness": 0.3},
        **distilling(),
    )
    (_, extra_rois), (shown,) = inputs_of(trainer.model), inputs_of(teacher.model)
    trainer.run(stop_after=2)
    assert len(shown) == 2
    for learned_from, same in zip(extra_rois[-2:], shown, strict=True):
        assert torch.equal(learned_from, same)


def test_a_teacher_may_see_another_picture_with_statistics_of_its_own(
    make: Make, teach: Callable[..., Checkpoint], data: Regions
) -> None:
    backbone = {**MOBILENET, "std": [0.5, 0.6, 0.7]}
    teacher = teach(**{**FULL_SIZE, "model__kind": "photo", "model__roi_module": backbone})
    trainer = make(teacher=teacher, **FULL_SIZE, **distilling(target="hard"))
    (shown,) = inputs_of(teacher.model)
    trainer.run()
    (served,) = as_served(teacher.preprocessing, in_order(trainer, data))
    torch.testing.assert_close(shown[0], served, rtol=1e-5, atol=1e-5)


def test_a_teacher_does_not_learn(make: Make, teach: Callable[..., Checkpoint]) -> None:
    teacher = teach(model__roi_module=MOBILENET)
    before = {name: tensor.clone() for name, tensor in teacher.model.state_dict().items()}
    make(teacher=teacher, **distilling()).run()
    assert_equal(teacher.model.state_dict(), before)


@pytest.mark.parametrize(
    ("of_teacher", "of_student", "sentence"),
    [
        ({"classes": ("pesto", "ketchup")}, {}, "classes of the teacher teacher are not those of the data"),
        (
            {"classes": ("ketchup", "chili paste")},
            {},
            "classes of the teacher teacher are not those of the data",
        ),
        (
            {"model__roi_module": MOBILENET, "model__input_size": 64},
            {},
            "pictures of another size or padding",
        ),
        ({"model__padding": 0}, {}, "pictures of another size or padding"),
        ({}, {"model__roi_module": MOBILENET, "distillation__on": "token"}, "no distillation token"),
    ],
    ids=["order", "classes", "size", "padding", "token"],
)
def test_a_teacher_that_does_not_fit_is_refused(
    make: Make,
    teach: Callable[..., Checkpoint],
    of_teacher: dict[str, Any],
    of_student: dict[str, Any],
    sentence: str,
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make(teacher=teach(**of_teacher), **distilling(), **of_student)


# Context


@dataclass(frozen=True, eq=False)
class Kept:
    photo: Photo
    mask: Mask

    def read(self, open_photo: Any) -> tuple[Photo, Mask]:
        return self.photo, self.mask


def sauces(numbers: range, split: str) -> tuple[Region, ...]:
    """One and the same red square every time; what is around it is greenish for ketchup, blueish for chili
    paste.
    """
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


def test_context_is_learned_where_only_context_tells(make: Make, weights_of: Callable[[str], str]) -> None:
    """With folded batch norm and nothing that keeps activations alive, the same steps leave nothing."""
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
