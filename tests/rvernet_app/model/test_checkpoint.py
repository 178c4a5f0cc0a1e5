"""Checkpoint folders: saved, loaded, and refused if damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rvernet_app.errors import CheckpointError
from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint, set_calibration
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig

Tensors = dict[str, torch.Tensor]
CLASSES = ("rice", "süß", "chili paste")


@pytest.fixture(scope="module")
def model() -> RveRNet:
    torch.manual_seed(0)
    roi = ModuleSpec("mobilenetv2_035", {"pad_type": "same"}, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    extra_roi = ModuleSpec("deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 2})
    return RveRNet(RveRNetConfig(roi, extra_roi, 3, fusion="features", hidden=8, input_size=64)).eval()


@pytest.fixture
def folder(model: RveRNet, tmp_path: Path) -> Path:
    save_checkpoint(
        tmp_path / "mine", model, CLASSES, padding=90, training={"epochs": 2}, metrics={"top1": 0.5}
    )
    return tmp_path / "mine"


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        place = config
        *parents, last = key.split("__")
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value
    (folder / "config.json").write_text(json.dumps(config))


def change_weights(folder: Path, change: Callable[[Tensors], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change_config(folder, weights_sha256=digest)


def test_a_checkpoint_is_loaded_as_it_was_saved(folder: Path, model: RveRNet) -> None:
    loaded = load_checkpoint(folder)
    assert loaded.name == "mine"
    assert loaded.classes == CLASSES
    assert loaded.training == {"epochs": 2}
    assert loaded.metrics == {"top1": 0.5}
    assert loaded.calibration is None
    assert loaded.model.config == model.config
    assert loaded.preprocessing.letterbox.size == 64
    assert loaded.preprocessing.letterbox.padding == 90
    assert loaded.preprocessing.modules["roi"].mean == (0.5, 0.4, 0.3)
    assert loaded.preprocessing.modules["extra_roi"].mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize("picture", ["photo", "roi", "extra_roi"])
def test_a_baseline_is_loaded_as_it_was_saved(picture: str, tmp_path: Path) -> None:
    module = ModuleSpec("mobilenetv2_035", {"pad_type": "same"}, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    baseline = SinglePicture(SinglePictureConfig(picture, module, 3, hidden=8, input_size=64)).eval()
    save_checkpoint(tmp_path, baseline, CLASSES, padding=90, dtype=torch.float32)
    loaded = load_checkpoint(tmp_path)
    assert isinstance(loaded.model, SinglePicture)
    assert loaded.model.config == baseline.config
    assert loaded.preprocessing.letterbox.padding == 90
    assert loaded.preprocessing.modules == {picture: module}
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded.model(pixels), baseline(pixels))


def test_a_checkpoint_may_be_loaded_under_another_name(folder: Path) -> None:
    assert load_checkpoint(folder, name="ann/meals").name == "ann/meals"


def test_a_calibration_is_saved_with_the_checkpoint(model: RveRNet, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, model, CLASSES, calibration=Calibration(1.5, 0.4, ("meals",)))
    assert load_checkpoint(tmp_path).calibration == Calibration(1.5, 0.4, ("meals",))
    assert json.loads((tmp_path / "config.json").read_text())["calibration"] == {
        "temperature": 1.5,
        "threshold": 0.4,
        "fitted_on": ["meals"],
    }


def test_setting_and_removing_a_calibration_changes_nothing_else(folder: Path) -> None:
    before = json.loads((folder / "config.json").read_text())
    weights = folder / "model.safetensors"
    written = weights.stat().st_mtime_ns
    first = load_checkpoint(folder).fingerprint
    for calibration in (Calibration(2, 0.3), Calibration(0.5, 0.25)):
        set_calibration(folder, calibration)
        assert load_checkpoint(folder).calibration == calibration
    assert load_checkpoint(folder).fingerprint != first
    set_calibration(folder, None)
    assert json.loads((folder / "config.json").read_text()) == before
    assert load_checkpoint(folder).fingerprint == first
    assert weights.stat().st_mtime_ns == written
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_calibration_cannot_be_set_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        set_calibration(tmp_path, Calibration(1, 0.5))
    (tmp_path / "config.json").write_text('{"format": 99}')
    with pytest.raises(CheckpointError, match="format 99"):
        set_calibration(tmp_path, Calibration(1, 0.5))
    assert (tmp_path / "config.json").read_text() == '{"format": 99}'


def test_weights_are_the_stored_ones_as_float32_frozen_and_in_eval_mode(folder: Path, model: RveRNet) -> None:
    loaded = load_checkpoint(folder).model
    stored = load_file(folder / "model.safetensors")
    assert {t.dtype for t in stored.values() if t.is_floating_point()} == {torch.float16}
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name].half().to(tensor.dtype), rtol=0, atol=0)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_float32_checkpoints_give_the_same_logits_bit_for_bit(model: RveRNet, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, model, CLASSES, dtype=torch.float32)
    pictures = torch.randn(2, 1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(load_checkpoint(tmp_path).model(*pictures), model(*pictures))


def test_the_fingerprint_changes_with_either_file(folder: Path, model: RveRNet) -> None:
    first = load_checkpoint(folder).fingerprint
    change_config(folder, metrics={"top1": 0.6})
    second = load_checkpoint(folder).fingerprint
    change_weights(folder, lambda t: t["integration_module.2.bias"].add_(1))
    third = load_checkpoint(folder).fingerprint
    assert len({first, second, third}) == 3
    assert len(first) == 16


def test_saving_replaces_an_older_checkpoint_and_leaves_other_files(folder: Path, model: RveRNet) -> None:
    (folder / "README.md").write_text("card")
    save_checkpoint(folder, model, ("a", "b", "c"))
    assert load_checkpoint(folder).classes == ("a", "b", "c")
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 99}, "format 99; this version reads format 1"),
        ({"classes": ["a", "b"]}, "names 2 classes, but its model has 3"),
        ({"classes": ["a", "b", "b"]}, "all be different"),
        ({"classes": ["a", "b", ""]}, "must be texts"),
        ({"classes": ["a", "b", 3]}, "must be texts"),
        ({"classes": "abc"}, "does not describe a model: expected classes as a JSON list"),
        ({"metrics": 3}, "expected metrics as a JSON dict"),
        ({"model__roi_module__kwargs": {"checkpoint_path": "evil.pth"}}, "checkpoint_path cannot be set"),
        ({"classes": None}, "'classes' is missing"),
        ({"padding": 300}, "padding in 0..255"),
        ({"model": []}, "does not describe a model"),
        ({"model__roi_module__name": "resnet_of_dreams"}, "resnet_of_dreams"),
        ({"model__roi_module__std": [0, 1, 1]}, "above 0"),
        ({"model__roi_module__kwargs": {"wings": 2}}, "wings"),
        ({"model__fusion": "sum"}, "fusion"),
        ({"model__fusion": "logits"}, "lacks|shape|does not have"),
        ({"model__hidden": 9}, "shape"),
        ({"model__surprise": 1}, "surprise"),
        ({"model__picture": "roi"}, "'module' is missing"),
        ({"calibration": {"temperature": 0, "threshold": 0.5}}, "temperature above 0"),
        ({"calibration": {"temperature": 1, "threshold": 2}}, "threshold in 0..1"),
        ({"calibration": {"temperature": 1}}, "threshold"),
        ({"calibration": [1, 0.5]}, "does not describe a model"),
        ({"calibration": {"temperature": 10**400, "threshold": 0.5}}, "temperature above 0"),
        ({"calibration": {"temperature": 1e-320, "threshold": 0.5}}, "temperature above 0"),
        ({"weights_sha256": "0" * 64}, "SHA-256 differs"),
        ({"model__extra_roi_module__kwargs": {"depth": 100_000}}, "no number above 10000"),
        ({"model__extra_roi_module__kwargs": {"depth": 9_000}}, "larger than the file of its weights"),
        ({"model__extra_roi_module__kwargs": {"embed_dim": 9_000}}, "larger than the file of its weights"),
        ({"model__roi_module__kwargs": {"dims": [[10**400]]}}, "no number above 10000"),
        ({"model__roi_module__kwargs": {"features_only": True}}, "does not describe a model"),
        ({"model__roi_module__kwargs": "x" * 100_000}, "does not describe a model"),
        ({"model__roi_module__mean": [10**400, 0, 0]}, "three finite numbers"),
        ({"model__hidden": 10**400}, "hidden as a whole number"),
        ({"model__hidden": 9_999}, "shape"),
        ({"model__input_size": 10_001}, "input_size as a whole number"),
        ({"model__num_classes": 10_000}, "names 3 classes, but its model has 10000"),
    ],
)
def test_an_inconsistent_config_is_refused_with_a_sentence(folder: Path, changes: Any, sentence: str) -> None:
    change_config(folder, **changes)
    with pytest.raises(CheckpointError, match=sentence):
        load_checkpoint(folder)


def remove(tensors: Tensors) -> None:
    del tensors["integration_module.0.weight"]


def add(tensors: Tensors) -> None:
    tensors["wings"] = torch.zeros(1)


def poison(tensors: Tensors) -> None:
    tensors["integration_module.2.bias"][0] = float("nan")


def reshape(tensors: Tensors) -> None:
    tensors["integration_module.2.bias"] = torch.zeros(4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (remove, "lacks 1 of the model's weights, for example integration_module.0.weight"),
        (add, "does not have, for example wings"),
        (poison, "not finite"),
        (reshape, r"shape \(4,\), the model needs \(3,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_a_sentence(
    folder: Path, change: Callable[[Tensors], object], sentence: str
) -> None:
    change_weights(folder, change)
    with pytest.raises(CheckpointError, match=sentence):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"has no {name}"):
        load_checkpoint(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"", b"[" * 100_000, b" " * (10**7 + 1)])
def test_a_config_that_is_not_a_json_object_is_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_checkpoint(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_pipe_is_not_read(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(CheckpointError, match=f"{name} is not a file"):
        load_checkpoint(folder)


def test_truncated_weights_are_refused(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(folder)


def test_weights_that_are_not_safetensors_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04pickle")
    change_config(folder, weights_sha256=hashlib.sha256(b"\x80\x04pickle").hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(folder)


def test_classes_that_do_not_fit_are_not_saved(model: RveRNet, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="names 2 classes"):
        save_checkpoint(tmp_path / "new", model, ("a", "b"))
    assert not (tmp_path / "new").exists()


def test_weights_beyond_float16_are_not_saved(model: RveRNet, tmp_path: Path) -> None:
    huge = RveRNet(model.config)
    with torch.no_grad():
        huge.get_parameter("integration_module.2.bias")[0] = 1e6
    with pytest.raises(CheckpointError, match=r"integration_module\.2\.bias"):
        save_checkpoint(tmp_path / "new", huge, CLASSES)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_created_is_an_error(model: RveRNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "new", model, CLASSES)
