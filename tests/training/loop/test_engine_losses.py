"""The loss of the training loop: labels, auxiliary heads, mixing and a teacher."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rvernet_app.errors import ConfigError
from rvernet_app.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tests.training.loop.trainers import (
    FULL_SIZE,
    MOBILENET,
    Make,
    as_served,
    assert_equal,
    assert_same_end,
    changed,
    force_logits,
    heads_of,
    inputs_of,
    logits_of,
    regions_of_step,
    weights,
)
from training.data.regions import Regions
from training.loop.distill import teacher_loss

# The loss


@pytest.mark.parametrize("mixup", [0.0, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_is_the_cross_entropy_of_logits(
    make: Make, data: Regions, smoothing: float, mixup: float
) -> None:
    ketchup = replace(data, train=tuple(r for r in data.train if r.label == "ketchup"))
    changes = {"optimization__epochs": 1, "optimization__label_smoothing": smoothing, "mix__mixup": mixup}
    trainer = make(data=ketchup, **changes)
    force_logits(trainer, 2.0 + math.log(3), 2.0)
    told = logits_of(trainer.model)
    trainer.run()
    assert told[0].tolist() == [pytest.approx([2.0 + math.log(3), 2.0])] * 4
    assert data.classes[0] == "ketchup"
    true, other = -math.log(3 / 4), -math.log(1 / 4)
    expected = (1 - smoothing / 2) * true + smoothing / 2 * other
    assert trainer.history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_module_loss_trains_a_class_head_on_each_module(make: Make, data: Regions) -> None:
    changes = {"optimization__epochs": 1, "optimization__batch_size": 8, "optimization__label_smoothing": 0.1}
    trainer = make("two", optimization__module_loss=0.5, **changes)
    told, of_modules = logits_of(trainer.model), []
    for head in heads_of(trainer).values():
        head.register_forward_hook(lambda _, given, said: of_modules.append(said.detach().clone()))
    heads = [head.weight.detach().clone() for head in heads_of(trainer).values()]
    trainer.run()
    true = torch.tensor([data.classes.index(r.label) for r in regions_of_step(trainer, data)])
    losses = [F.cross_entropy(said, true, label_smoothing=0.1).item() for said in (told[0], *of_modules)]
    assert trainer.history[0]["loss"] == pytest.approx(losses[0] + 0.5 * (losses[1] + losses[2]), rel=1e-5)
    for before, head in zip(heads, heads_of(trainer).values(), strict=True):
        assert not torch.equal(before, head.weight)
    alone = make("alone", **changes)
    assert weights(trainer).keys() == weights(alone).keys()
    alone.run()
    assert changed(weights(trainer), weights(alone))


def test_context_loss_trains_a_head_for_the_other_foods(make: Make, data: Regions) -> None:
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
    order = regions_of_step(trainer, photos)
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


def test_blank_pictures_do_not_count_in_the_loss_of_their_module(make: Make, data: Regions) -> None:
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
    order = regions_of_step(trainer, together)
    true = torch.tensor([data.classes.index(r.label) for r in order])
    others = torch.ones(8, 2)  # four regions per photo, two per class
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


def test_module_head_only_decays_if_every_picture_is_blank(make: Make) -> None:
    changes = {"augmentation__context_dropout": 1.0, "optimization__module_loss": 0.5}
    trainer = make(**changes)
    before = {name: head.weight.detach().clone() for name, head in heads_of(trainer).items()}
    trainer.run(stop_after=1)
    after = {name: head.weight for name, head in heads_of(trainer).items()}
    assert not torch.equal(before["roi"], after["roi"])
    decayed = before["extra_roi"] * (after["extra_roi"] / before["extra_roi"]).mean()
    torch.testing.assert_close(after["extra_roi"], decayed)


def test_mixing_changes_the_learned_weights(make: Make) -> None:
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
def test_batch_must_divide_evenly_into_pieces(
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


# A teacher


@pytest.fixture
def teach(make: Make, tmp_path: Path) -> Callable[..., Checkpoint]:
    """Return a function that makes untrained teachers; two underscores in an option stand for a dot."""

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


def test_strength_0_ignores_the_teacher(make: Make, teach: Callable[..., Checkpoint]) -> None:
    alone, taught = make("alone"), make("taught", teacher=teach(), **distilling(strength=0))
    alone.run()
    taught.run()
    assert_same_end(alone, taught)


def test_strength_1_ignores_the_labels(make: Make, teach: Callable[..., Checkpoint], data: Regions) -> None:
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
def test_labels_and_teacher_share_the_loss_by_strength(
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
    true = torch.tensor([data.classes.index(r.label) for r in regions_of_step(trainer, data)])
    of_labels = F.cross_entropy(told[0], true, label_smoothing=0.1)
    of_teacher = teacher_loss(told[1] if on == "token" else told[0], taught[0], target, 2)
    expected = 0.7 * of_labels + 0.3 * of_teacher
    assert trainer.history[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert of_teacher.item() != pytest.approx(of_labels.item(), rel=0.01)


def test_student_and_teacher_see_the_same_augmented_and_mixed_pictures(
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


def test_teacher_can_see_another_picture_with_its_own_normalization(
    make: Make, teach: Callable[..., Checkpoint], data: Regions
) -> None:
    backbone = {**MOBILENET, "std": [0.5, 0.6, 0.7]}
    teacher = teach(**{**FULL_SIZE, "model__kind": "photo", "model__roi_module": backbone})
    trainer = make(teacher=teacher, **FULL_SIZE, **distilling(target="hard"))
    (shown,) = inputs_of(teacher.model)
    trainer.run()
    (served,) = as_served(teacher.preprocessing, regions_of_step(trainer, data))
    torch.testing.assert_close(shown[0], served, rtol=1e-5, atol=1e-5)


def test_teacher_does_not_learn(make: Make, teach: Callable[..., Checkpoint]) -> None:
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
def test_incompatible_teacher_fails(
    make: Make,
    teach: Callable[..., Checkpoint],
    of_teacher: dict[str, Any],
    of_student: dict[str, Any],
    sentence: str,
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make(teacher=teach(**of_teacher), **distilling(), **of_student)
