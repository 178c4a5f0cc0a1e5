from pathlib import Path
from typing import Any

import pytest
import yaml

from rvernet_app.errors import ConfigError
from rvernet_app.model.rvernet import ModuleSpec
from training.data.options import Source
from training.loop.grid import Grid
from training.loop.mixup import Mix
from training.loop.options import DistillationOptions, TrainOptions
from training.segmenter.options import SegmenterOptions
from training.shared.configuration import options_from, put, read_options, to_json

NEEDED = """
data: {sources: [photos]}
model: {roi_module: mobilenetv2_035}
run_folder: runs/a
export: out
"""


def options(**changes: Any) -> TrainOptions:
    """Return the required options with changes; two underscores in a name stand for a dot."""
    values = yaml.safe_load(NEEDED)
    for key, value in changes.items():
        put(values, key.replace("__", "."), value)
    return options_from(values, TrainOptions)


def test_only_data_backbone_and_two_folders_are_required() -> None:
    made = options()
    assert made.data.sources == (Source(Path("photos")),)
    assert made.model.roi_module == ModuleSpec("mobilenetv2_035")
    assert made.model.extra_roi_module is None
    assert made.model.pictures == ("roi", "extra_roi")
    assert made.distillation is None
    assert made.trackers == ("tensorboard",)


def test_defaults_follow_the_paper() -> None:
    made = options()
    assert (made.optimization.epochs, made.optimization.batch_size) == (30, 50)
    assert (made.optimization.learning_rate, made.optimization.warmup) == (4e-3, 0.1)
    assert (made.model.hidden, made.model.input_size, made.model.padding) == (640, 224, 125)
    assert made.augmentation.flip == 0.5


def test_dotted_names_set_nested_options(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(NEEDED)
    arguments = ["--config", str(tmp_path / "a.yaml"), "--optimization.epochs", "3"]
    arguments += ["--distillation.teacher", "t", "--mix.mixup", "0.8", "--optimization.precision", "no"]
    arguments += [
        "--model.extra_roi_module",
        "{name: mobilenetv2_050, kwargs: {pad_type: same}, mean: [0, 0, 0]}",
    ]
    made = read_options(arguments, TrainOptions)
    assert (made.optimization.epochs, made.optimization.precision) == (3, "no")
    assert made.distillation == DistillationOptions(Path("t"))
    assert made.mix == Mix(mixup=0.8)
    assert made.model.extra_roi_module == ModuleSpec("mobilenetv2_050", {"pad_type": "same"}, (0, 0, 0))


def test_stored_options_can_be_read_again(tmp_path: Path) -> None:
    made = options(
        data__masks=["annotated", "click"],
        model__start={"roi": "a", "extra_roi": "b"},
        model__freeze=[{"prefixes": ["conv_stem"], "until": 0.5}],
        distillation={"teacher": "t", "on": "token"},
        augmentation={"context_dropout": 0.25},
    )
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(to_json(made), sort_keys=False))
    assert read_options(["--config", str(tmp_path / "config.yaml")], TrainOptions) == made


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        # unknown or missing names, and wrong types
        ({"epochs": 3}, "Unknown option epochs; known are data, model,"),
        ({"optimization__epoch": 3}, "Unknown option optimization.epoch; known are epochs,"),
        ({"data__sources": [{"path": "a", "kind": "b"}]}, "Unknown option data.sources[0].kind;"),
        ({"model__freeze": [{"prefixes": ["a"], "til": 1}]}, "Unknown option model.freeze[0].til;"),
        ({"data__sources": None}, "data.sources cannot be None"),
        ({"data__sources": [{"format": "coco"}]}, "Missing required options: data.sources[0].path."),
        ({"optimization__epochs": 2.5}, "optimization.epochs cannot be 2.5"),
        ({"optimization__compile": "yes"}, "optimization.compile cannot be 'yes'"),
        ({"model__roi_module": "resnet_of_dreams"}, "model.roi_module: expected the name of a timm model"),
        ({"model__roi_module": {"name": "mobilenetv2_035", "wings": 2}}, "option model.roi_module.wings;"),
        (
            {"model__roi_module": {"name": "mobilenetv2_035", "kwargs": {"pretrained": True}}},
            "model.roi_module: pretrained cannot be set",
        ),
        ({"model__freeze": ["blocks"]}, "model.freeze[0].prefixes cannot be 'blocks': expected list"),
        # out of range
        ({"data__sources": []}, "data: sources must name at least one"),
        ({"data__sources": [{"path": "a", "format": "voc"}]}, "data.sources[0]: format is one of coco,"),
        ({"data__sources": [{"path": "a", "val_share": 1}]}, "data.sources[0]: val_share must be in 0..0.9"),
        ({"data__masks": []}, "data: masks are among annotated, click"),
        ({"data__masks": ["drawn"]}, "data: masks are among annotated, click; got drawn."),
        ({"data__broken": "ignore"}, "data: broken is one of stop, skip"),
        ({"data__min_per_class": 0}, "data: min_per_class must be at least 1"),
        ({"data__balance": 1.5}, "data: balance must be in 0..1, got 1.5."),
        ({"data__workers": -1}, "data: workers and cache_mb must not be below 0"),
        ({"model__kind": "pair"}, "model: kind is one of rvernet, photo, roi, extra_roi"),
        ({"model__fusion": "sum"}, "model: fusion is one of logits, features"),
        ({"model__batch_norm": "train"}, "model: batch_norm is one of fixed, measured"),
        ({"model__padding": 256}, "model: padding must be in 0..255"),
        ({"model__freeze": [{"prefixes": []}]}, "model.freeze[0]: prefixes must name at least one"),
        ({"model__freeze": [{"prefixes": ["a"], "until": 2}]}, "model.freeze[0]: until must be in 0..1"),
        ({"optimization__epochs": 0}, "optimization: epochs must be at least 1, got 0."),
        ({"optimization__learning_rate": 0}, "optimization: learning_rate must be above 0"),
        ({"optimization__backbone_learning_rate": -1}, "backbone_learning_rate must be above 0"),
        ({"optimization__layer_decay": 0}, "layer_decay must be in (0, 1]"),
        ({"optimization__weight_decay": -0.1}, "weight_decay must not be below 0"),
        ({"optimization__warmup": 1}, "warmup must be in"),
        ({"optimization__label_smoothing": 1}, "label_smoothing must be in"),
        ({"optimization__ema": 1}, "ema must be in"),
        ({"optimization__keep": "first"}, "keep is one of last, best"),
        ({"optimization__precision": "fp8"}, "precision is one of no, bf16, fp16"),
        ({"augmentation__flip": 1.5}, "augmentation: flip must be in 0..1"),
        ({"augmentation__min_crop": 0}, "augmentation: min_crop must be in"),
        ({"augmentation__brightness": 1}, "augmentation: brightness must be in"),
        ({"mix__mixup": -1}, "mix: mixup must be in"),
        ({"distillation": {"teacher": "t", "target": "firm"}}, "distillation: target is one of soft, hard"),
        ({"distillation": {"teacher": "t", "on": "class"}}, "distillation: on is one of logits, token"),
        ({"distillation": {"teacher": "t", "strength": 2}}, "distillation: strength must be in 0..1"),
        ({"distillation": {"teacher": "t", "temperature": 0}}, "distillation: temperature must be above 0"),
        (
            {"distillation": {"teacher": "t", "on": "token", "strength": 1}},
            "distillation: with strength 1 on token the class tokens would learn nothing",
        ),
        (
            {"distillation": {"teacher": "t", "on": "token", "strength": 0}},
            "distillation: with strength 0 on token the distillation tokens would learn nothing",
        ),
        ({"seed": -1}, "seed must not be below 0"),
        ({"save_every": 0}, "save_every must be at least 1"),
        ({"device": "tpu"}, "device is one of auto, cpu"),
        ({"trackers": ["paper"]}, "trackers are among tensorboard, trackio, wandb; got paper."),
        # contradictions
        (
            {"data__sources": [{"path": "a", "format": "rvernet", "annotations": "b"}]},
            "annotations names a COCO file, but format is rvernet",
        ),
        (
            {"model__kind": "roi", "model__extra_roi_module": "mobilenetv2_035"},
            "extra_roi_module is for kind rvernet",
        ),
        (
            {"model__kind": "roi", "model__start": {"extra_roi": "a"}},
            "start names extra_roi, but the model sees roi",
        ),
        ({"model__weights": "scratch"}, "batch norm from scratch has no statistics to keep"),
        (
            {
                "model__weights": "scratch",
                "model__batch_norm": "measured",
                "model__freeze": [{"prefixes": ["a"]}],
            },
            "frozen parameters of a backbone from scratch would stay random",
        ),
        (
            {"model__weights": "scratch", "model__start": {"roi": "a"}},
            "batch norm from scratch has no statistics to keep",
        ),
        ({"optimization__patience": 2}, "patience without `keep: best`"),
        ({"optimization__batch_size": 6, "optimization__micro_batches": 4}, "6 cannot be taken in 4 pieces"),
        ({"optimization__batch_size": 5, "mix__cutmix": 1}, "mixup and cutmix need even batches, not 5"),
        (
            {"optimization__batch_size": 6, "optimization__micro_batches": 2, "mix__mixup": 1},
            "mixup and cutmix need even batches, not 3",
        ),
        ({"model__kind": "roi", "augmentation__context_dropout": 0.1}, "a model of kind roi does not see"),
        ({"model__kind": "photo", "optimization__context_loss": 0.1}, "a model of kind photo does not see"),
        ({"optimization__context_loss": 0.1, "mix__mixup": 1}, "not know what a mixed picture shows"),
        ({"optimization__context_loss": -0.1}, "context_loss must not be below 0, got -0.1"),
    ],
)
def test_invalid_options_fail_with_their_names(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        options(**changes)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_apparent_contradictions_are_accepted() -> None:
    both = {"roi": "a", "extra_roi": "b"}
    options(model__weights="scratch", model__start=both, model__freeze=[{"prefixes": ["a"]}])
    options(model__kind="extra_roi", augmentation__context_dropout=0.1)
    options(optimization__patience=2, optimization__keep="best")


KINDS: dict[str, type[Any]] = {"small_sam": SegmenterOptions, "compare_": Grid, "": TrainOptions}


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "training" / "configs").glob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_repository_configurations_are_readable(path: Path) -> None:
    kind = next(kind for start, kind in KINDS.items() if path.stem.startswith(start))
    assert isinstance(read_options(["--config", str(path)], kind), kind)


def test_state_ignores_options_that_do_not_change_the_run() -> None:
    config = ["--config", str(Path(__file__).parents[3] / "training" / "configs" / "meals.yaml")]
    bound = to_json(read_options(config, TrainOptions), without_free=True)
    other = ["--data.workers", "3", "--trackers", "[]", "--save_every", "7", "--export", "elsewhere"]
    asked = read_options([*config, *other], TrainOptions)
    assert to_json(asked, without_free=True) == bound
    assert to_json(asked)["data"]["workers"] == 3
    asked = read_options([*config, "--data.balance", "0.5"], TrainOptions)
    assert to_json(asked, without_free=True) != bound
