"""One tiny real run from photos to a checkpoint the app loads, and what the command line refuses."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import save_file

from rvernet_app.checkpoint import save_checkpoint
from rvernet_app.classify import load_classifier
from rvernet_app.config import AppConfig
from rvernet_app.errors import CheckpointError, WeightsError
from rvernet_app.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training import evaluate, train

MODULE = "{name: mobilenetv2_035, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}"


@pytest.fixture
def arguments(made_data, tmp_path):
    options = {
        "data": made_data,
        "run_folder": tmp_path / "run",
        "export": tmp_path / "tiny",
        "mask_cache": tmp_path / "masks",
        "roi_module": MODULE,
        "extra_roi_module": MODULE,
        "segmenter": "grabcut",
        "fusion": "features",
        "input_size": 32,
        "epochs": 2,
        "batch_size": 6,
        "workers": 0,
        "notes": "[Drawn by the test itself.]",
    }
    return [text for key, value in options.items() for text in (f"--{key}", str(value))]


def test_a_run_ends_in_a_checkpoint_the_app_loads(arguments, made_data, tmp_path, capsys):
    assert train.main(arguments) == 0
    run, export = tmp_path / "run", tmp_path / "tiny"
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    for name in ("curves.png", "confusion.png"):
        assert (run / name).read_bytes().startswith(b"\x89PNG")
    classifier = load_classifier(AppConfig(checkpoint=export))
    assert classifier.labels == ("pesto", "ketchup")
    assert classifier.metrics["regions"] == 4
    card = (export / "README.md").read_text()
    assert f"| ROI and extra-ROI picture | {classifier.metrics['macro_f1']:.4f} |" in card
    assert "- Drawn by the test itself." in card
    assert "--epochs 2" in card

    capsys.readouterr()
    measure = [str(export), "--data", str(made_data), "--mask_cache", str(tmp_path / "masks")]
    assert evaluate.main([*measure, "--segmenter", "grabcut", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = dict(classifier.metrics)
    clicked = stored.pop("from_one_click")
    assert {key: printed[key] for key in stored} == stored
    assert printed["fingerprint"] == classifier.fingerprint
    assert evaluate.main([*measure, "--segmenter", "grabcut"]) == 0
    assert "| pesto | 2 | 2 |" in capsys.readouterr().out
    assert evaluate.main([*measure, "--segmenter", "grabcut", "--prompt", "click", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {key: printed[key] for key in clicked} == clicked


def test_a_finished_run_is_exported_again_without_training(arguments, tmp_path):
    assert train.main(arguments) == 0
    first = (tmp_path / "tiny" / "model.safetensors").read_bytes()
    assert train.main(arguments) == 0
    assert (tmp_path / "tiny" / "model.safetensors").read_bytes() == first


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--colour", "red"], "Unknown option colour"),
        (["--data", "nowhere"], "annotations.json cannot be read"),
        (["--backbone_weights", "nowhere"], "nowhere cannot be read"),
        (["--segmenter", "scissors"], "scissors"),
        (["--rename", "{soup: broth}"], "broth"),
        (["--rename", "[soup]"], "rename cannot be"),
        (["--roi_module", "{name: deit_tiny_patch16_224, kwargs: {depth: 1}}"], "img_size=32"),
    ],
)
def test_what_cannot_be_trained_ends_with_one_line_and_status_2(arguments, extra, sentence, capsys):
    assert train.main([*arguments, *extra]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert sentence in printed[-1]


def test_evaluation_of_classes_a_checkpoint_does_not_know_ends_with_one_line(
    arguments, made_data, tmp_path, capsys
):
    assert train.main(arguments) == 0
    path = made_data / "annotations.json"
    path.write_text(path.read_text().replace('"pesto"', '"soup"'))
    capsys.readouterr()
    assert evaluate.main([str(tmp_path / "tiny"), "--data", str(made_data)]) == 2
    assert "does not know the classes soup" in capsys.readouterr().err


def small(fusion: str) -> RveRNet:
    spec = ModuleSpec("mobilenetv2_035")
    return RveRNet(RveRNetConfig(spec, spec, 2, fusion=fusion, input_size=32))


@pytest.mark.parametrize("fusion", ["features", "logits"])
def test_both_backbones_start_from_the_same_file(fusion, tmp_path):
    torch.manual_seed(5)
    source = small("logits").roi_module
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    model = small(fusion)
    for backbone in (model.roi_module, model.extra_roi_module):
        train.load_backbone(backbone, tmp_path / "w.safetensors")
        for name, tensor in backbone.state_dict().items():
            assert torch.equal(tensor, source.state_dict()[name]), name


def test_both_modules_start_from_the_roi_module_of_a_checkpoint(tmp_path):
    torch.manual_seed(6)
    source = small("features")
    save_checkpoint(tmp_path / "start", source, ("bun", "soup"), padding=125)
    model = RveRNet(dataclasses.replace(source.config, num_classes=7))
    train.load_modules(model, tmp_path / "start")
    for module in (model.roi_module, model.extra_roi_module):
        for key, tensor in source.roi_module.state_dict().items():
            torch.testing.assert_close(module.state_dict()[key], tensor, rtol=1e-3, atol=1e-3)
    with pytest.raises(CheckpointError, match="another ROI module"):
        train.load_modules(small("logits"), tmp_path / "start")


def lack(tensors):
    del tensors["conv_stem.weight"]


def surplus(tensors):
    tensors["blocks.9.weight"] = torch.zeros(1)


def other_shape(tensors):
    tensors["conv_stem.weight"] = torch.zeros(1)


@pytest.mark.parametrize("edit", [lack, surplus, other_shape])
def test_weights_of_another_backbone_are_refused(edit, tmp_path):
    tensors = dict(small("logits").roi_module.state_dict())
    edit(tensors)
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="another backbone"):
        train.load_backbone(small("features").roi_module, tmp_path / "w.safetensors")
