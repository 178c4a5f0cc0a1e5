"""Whole runs of the command, from photos to a checkpoint, including resumed and multi-process runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import yaml
from accelerate.state import AcceleratorState, GradientState
from safetensors.torch import load_file, save_file

import training.data.sources
import training.train
from rvernet_app.config import AppConfig
from rvernet_app.errors import CheckpointError
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint, set_calibration
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.preprocessing import Preprocessing
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.segment.registry import open_segmenter
from training.data.photos import open_photo
from training.data.regions import assemble
from training.loop.engine import Trainer
from training.loop.models import build_model
from training.loop.options import TrainOptions
from training.shared.configuration import put, read_options, to_json
from training.train import export, main, open_accelerator

ROOT = Path(__file__).resolve().parents[2]
TINY = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 12, "num_heads": 3}
DEIT = {"name": "deit_tiny_distilled_patch16_224", "kwargs": TINY}
MOBILENET = {"name": "mobilenetv2_035"}


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Reset Accelerate, which keeps precision and device for the life of a process."""
    forget_accelerate()
    yield
    forget_accelerate()


def forget_accelerate() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


Write = Callable[..., list[str]]


@pytest.fixture
def write(made_data: Path, tmp_path: Path) -> Write:
    """Return a function that writes an options file and returns the arguments that name it.

    The run has 12 training regions in batches of 6 and 2 epochs. In the names of changed options, two
    underscores stand for a dot.
    """

    def written(run: str = "run", **changes: Any) -> list[str]:
        values: dict[str, Any] = {
            "data": {
                "sources": [{"path": str(made_data)}],
                "segmenter": "grabcut",
                "cache": str(tmp_path / "cache"),
                "workers": 0,
            },
            "model": {
                "roi_module": DEIT,
                "weights": "scratch",
                "batch_norm": "measured",
                "fusion": "features",
                "hidden": 8,
                "input_size": 32,
            },
            "optimization": {"epochs": 2, "batch_size": 6},
            "run_folder": str(tmp_path / run),
            "export": str(tmp_path / run / "checkpoint"),
            "device": "cpu",
        }
        for key, value in changes.items():
            put(values, key.replace("__", "."), value)
        file = tmp_path / f"{run}.yaml"
        file.write_text(yaml.safe_dump(values))
        return ["--config", str(file)]

    return written


def history(run_folder: Path) -> list[dict[str, Any]]:
    """Return the records of metrics.jsonl without the speed."""
    records = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k != "regions_per_second"} for record in records]


# Sources


def test_run_writes_a_checkpoint_that_the_app_loads_with_its_records(
    write: Write, made_data: Path, tmp_path: Path, capsys: Any
) -> None:
    arguments = write(notes=["Drawn by the test itself."], ambiguous=["ketchup"], model__roi_module=MOBILENET)
    assert main([*arguments, "--seed", "3"]) == 0
    run, checkpoint = tmp_path / "run", tmp_path / "run" / "checkpoint"

    classifier = load_classifier(AppConfig(checkpoint=checkpoint, device="cpu"))
    assert classifier.labels == ("pesto", "ketchup")
    metrics = classifier.metrics
    assert (metrics["regions"], metrics["groups"], metrics["classes_without_regions"]) == (4, 4, [])
    assert metrics.keys() >= {"macro_f1", "top1", "ambiguous_f1", "macro_f1_without_context"}
    assert metrics["from_one_click"].keys() >= {"macro_f1", "top1"}
    stored = load_file(checkpoint / "model.safetensors")
    assert {t.dtype for t in stored.values() if t.is_floating_point()} == {torch.float16}

    assert [(r["epoch"], r["step"]) for r in history(run)] == [(1, 2), (2, 4)]
    assert all(record["loss"] > 0 for record in history(run))
    progress = [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]
    assert [(line["event"], line["stage"], line["done"], line["total"]) for line in progress] == [
        ("stage", "train", 0, 4),
        ("step", "train", 1, 4),
        ("step", "train", 2, 4),
        ("epoch", "train", 2, 4),
        ("step", "train", 3, 4),
        ("step", "train", 4, 4),
        ("epoch", "train", 4, 4),
        ("stage", "export", 0, 0),
        ("done", "export", 0, 0),
    ]
    assert progress[6]["val_macro_f1"] == history(run)[1]["val_macro_f1"]
    assert json.loads((run / "result.json").read_text()) == metrics
    for name in ("curves.png", "confusion.png", "worst.png"):
        assert (run / name).read_bytes().startswith(b"\x89PNG")
    (events, *_) = run.rglob("events.out.tfevents.*")
    assert b"val_macro_f1" in b"".join(file.read_bytes() for file in events.parent.rglob("events.out.*"))
    described = json.loads((run / "data.json").read_text())
    assert described["classes"] == ["pesto", "ketchup"]
    assert described["fingerprints"].keys() == {"data"}
    assert not [file for file in run.rglob("*") if file.name.endswith(".part")]

    options = read_options(["--config", str(run / "config.yaml")], TrainOptions)
    assert options == read_options([*arguments, "--seed", "3"], TrainOptions)
    training = load_checkpoint(checkpoint).training
    assert training["options"] == to_json(options)
    assert (training["train_regions"], training["epochs"]) == (12, 2)
    segmenter = open_segmenter(AppConfig(segmenter="grabcut"))
    assert training["segmenter"] == described["segmenter"] == f"{segmenter.name} {segmenter.fingerprint}"
    card = (checkpoint / "README.md").read_text()
    assert "- Drawn by the test itself." in card
    assert f"{metrics['macro_f1']:.4f}" in card
    assert f"python -m training.train {' '.join(arguments)} --seed 3" in card
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"{checkpoint}: macro_f1 {metrics['macro_f1']:.4f}, top1 {metrics['top1']:.4f}, "
        f"ambiguous_f1 {metrics['ambiguous_f1']:.4f}"
    )


@pytest.mark.parametrize("kind", ["foodseg103", "rvernet"])
def test_foodseg103_and_paired_folders_can_be_trained_on(
    write: Write, made_foodseg103: Path, made_pairs: Path, tmp_path: Path, kind: str
) -> None:
    source = {
        "path": str({"foodseg103": made_foodseg103, "rvernet": made_pairs}[kind]),
        "format": kind,
        "held_out": ["8", "9", "10", "11"],
    }
    assert main(write(data__sources=[source], optimization__batch_size=4)) == 0
    classifier = load_classifier(AppConfig(checkpoint=tmp_path / "run" / "checkpoint", device="cpu"))
    assert classifier.labels == ("ketchup", "pesto")
    assert classifier.metrics["regions"] == 4
    # clicks need whole photos
    assert bool(classifier.metrics["from_one_click"]) == (kind == "foodseg103")


def test_several_sources_form_one_data_set(
    write: Write, made_data: Path, made_pairs: Path, tmp_path: Path
) -> None:
    sources = [{"path": str(made_data)}, {"path": str(made_pairs), "format": "rvernet", "val_share": 0.4}]
    assert main(write(data__sources=sources)) == 0
    described = json.loads((tmp_path / "run" / "data.json").read_text())
    assert described["fingerprints"].keys() == {"data", "pairs"}
    assert load_checkpoint(tmp_path / "run" / "checkpoint").metrics["regions"] > 4


def test_any_region_source_can_be_trained_on(write: Write, made_source: Any, tmp_path: Path) -> None:
    data = assemble([made_source])
    options = read_options(write(trackers=[]), TrainOptions)
    model = build_model(options.model, len(data.classes))
    preprocessing = Preprocessing.of(model.config, options.model.padding)
    trainer = Trainer(model, preprocessing, data, options, open_accelerator(options))
    trainer.run()
    metrics = export(trainer, data, options, "by hand")
    classifier = load_classifier(AppConfig(checkpoint=options.export, device="cpu"))
    assert classifier.labels == data.classes
    assert classifier.metrics == metrics
    assert metrics["regions"] == 4
    photo, mask = data.test[0].masked[0].read(open_photo)
    assert classifier.predict(cut_out(photo, mask)).probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["photo", "roi", "extra_roi"])
def test_command_trains_baselines(write: Write, tmp_path: Path, kind: str) -> None:
    assert main([*write(), "--model.kind", kind]) == 0
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoint")
    assert checkpoint.model.pictures == (kind,)
    assert not any("without_context" in name for name in checkpoint.metrics)
    assert ("from_one_click" in checkpoint.metrics) == (kind == "roi")
    assert f"A model of one picture ({kind})" in (tmp_path / "run" / "checkpoint" / "README.md").read_text()
    with pytest.raises(CheckpointError, match=f"sees only {kind}"):
        load_classifier(AppConfig(checkpoint=tmp_path / "run" / "checkpoint", device="cpu"))


def test_modules_learn_from_their_own_teachers_before_pairing(write: Write, tmp_path: Path) -> None:
    checkpoints = {}
    for picture in ("roi", "extra_roi"):
        teacher = {"model__kind": picture, "model__roi_module": MOBILENET, "optimization__epochs": 1}
        assert main(write(f"teacher_{picture}", **teacher)) == 0
        distillation = {"teacher": str(tmp_path / f"teacher_{picture}" / "checkpoint"), "on": "token"}
        assert main(write(picture, model__kind=picture, distillation=distillation)) == 0
        checkpoints[picture] = tmp_path / picture / "checkpoint"
    start = {picture: str(folder) for picture, folder in checkpoints.items()}
    arguments = write("pair", model__start=start)
    options = read_options(arguments, TrainOptions)
    for picture, backbone in build_model(options.model, 2).backbones.items():
        module: Any = load_checkpoint(checkpoints[picture]).model.module
        learned = module.state_dict()
        assert all(torch.equal(t, learned[name]) for name, t in backbone.state_dict().items())
    assert main(arguments) == 0
    pair = load_checkpoint(tmp_path / "pair" / "checkpoint")
    assert pair.model.pictures == ("roi", "extra_roi")
    assert pair.training["options"]["model"]["start"] == start


def test_skip_leaves_out_and_names_unreadable_regions(
    write: Write, made_data: Path, tmp_path: Path, capsys: Any
) -> None:
    for number in (3, 13):  # one training and one validation region
        (made_data / "images" / f"{number}.png").write_bytes(f"no photo {number}".encode())
    assert main(write()) == 2
    assert "3.png" in capsys.readouterr().err.splitlines()[-1]
    assert main(write("skips", data__broken="skip")) == 0
    assert load_checkpoint(tmp_path / "skips" / "checkpoint").metrics["regions"] == 3
    named = (tmp_path / "skips" / "broken.txt").read_text().splitlines()
    assert [line.split(":")[0] for line in named] == ["data/103", "data/113"]


# Errors


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--colour", "red"], "Unknown option colour"),
        (["--optimization.colour", "red"], "Unknown option optimization.colour"),
        (["--optimization.epochs", "many"], "optimization.epochs cannot be 'many'"),
        (["--optimization.epochs"], "Options are given as --key value"),
        (["--data.sources", "[nowhere]"], "nowhere/annotations.json cannot be read"),
        (["--data.sources", "[{path: nowhere, format: foodseg103}]"], "nowhere"),
        (["--data.sources", "[{path: nowhere, format: rvernet}]"], "nowhere"),
        (["--data.segmenter", "scissors"], "scissors"),
        (["--data.classes", "[pesto]"], "can be built from these options: expected num_classes"),
        (["--data.classes", "[pesto, soup]"], "too few training regions of soup"),
        (["--data.min_per_class", "7"], "No region is left to train on"),
        (["--ambiguous", "[soup]"], "no classes soup to report as ambiguous"),
        (["--model.weights", "nowhere"], "nowhere cannot be read"),
        (["--model.start", "{roi: nowhere}"], "no checkpoint folder nowhere"),
        (["--model.roi_module", "{name: deit_tiny_patch16_224, kwargs: {depth: 1}}"], "img_size=32"),
        (["--distillation.teacher", "nowhere"], "no checkpoint folder nowhere"),
        (["--optimization.precision", "fp32"], "precision is one of no, bf16, fp16"),
        (["--run_folder", "/dev/null/run"], "The run cannot be set up"),
    ],
)
def test_bad_input_prints_one_line_with_status_2(
    write: Write, tmp_path: Path, extra: list[str], sentence: str, capsys: Any
) -> None:
    assert main([*write(), *extra]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert sentence in said
    assert not (tmp_path / "cache").exists()  # no masks were made


def test_run_without_validation_regions_fails(write: Write, made_data: Path, capsys: Any) -> None:
    path = made_data / "annotations.json"
    path.write_text(path.read_text().replace('"val"', '"test"'))
    assert main(write()) == 2
    assert "No region is held out to validate on" in capsys.readouterr().err


@pytest.mark.parametrize("tracker", ["wandb", "trackio"])
def test_error_names_a_missing_tracker_package(
    write: Write, monkeypatch: Any, capsys: Any, tracker: str
) -> None:
    monkeypatch.setattr(training.train, "get_available_trackers", lambda: ["tensorboard"])
    assert main([*write(), "--trackers", f"[tensorboard, {tracker}]"]) == 2
    assert capsys.readouterr().err == (
        f"The tracker {tracker} is not installed here; install it or leave it out of `trackers`.\n"
    )


def test_error_names_a_tracker_that_does_not_start(write: Write, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "rvernet").write_text("in the way of the events")
    assert main(write()) == 2
    assert "The trackers tensorboard cannot start" in capsys.readouterr().err.splitlines()[-1]


def test_run_without_trackers_writes_only_metrics_jsonl(write: Write, tmp_path: Path) -> None:
    assert main([*write(), "--trackers", "[]"]) == 0
    assert len(history(tmp_path / "run")) == 2
    assert not [*(tmp_path / "run").rglob("events.*")]


# Stopping and resuming


def test_finished_run_exports_again_without_training(write: Write, tmp_path: Path) -> None:
    arguments = write()
    assert main(arguments) == 0
    first = (tmp_path / "run" / "checkpoint" / "model.safetensors").read_bytes()
    before = history(tmp_path / "run")
    set_calibration(tmp_path / "run" / "checkpoint", Calibration(1.5, 0.4))
    assert main(arguments) == 0
    assert (tmp_path / "run" / "checkpoint" / "model.safetensors").read_bytes() == first
    assert history(tmp_path / "run") == before
    assert load_checkpoint(tmp_path / "run" / "checkpoint").calibration == Calibration(1.5, 0.4)


def test_export_drops_the_calibration_of_other_weights(write: Write, tmp_path: Path) -> None:
    assert main(write()) == 0
    set_calibration(tmp_path / "run" / "checkpoint", Calibration(1.5, 0.4))
    assert main([*write(), "--seed", "1", "--run_folder", str(tmp_path / "other")]) == 0
    assert load_checkpoint(tmp_path / "run" / "checkpoint").calibration is None


def test_random_draws_of_the_segmenter_do_not_change_the_weights(
    write: Write, tmp_path: Path, monkeypatch: Any
) -> None:
    def open_and_draw(config: AppConfig) -> Any:
        torch.rand(3)  # like random weights before the segmenter loads its own
        return open_segmenter(config)

    assert main(write("plain", optimization__module_loss=0.1, trackers=[])) == 0
    monkeypatch.setattr(training.data.sources, "open_segmenter", open_and_draw)
    assert main(write("draws", optimization__module_loss=0.1, trackers=[])) == 0
    plain, draws = (
        load_file(tmp_path / run / "checkpoint" / "model.safetensors") for run in ("plain", "draws")
    )
    assert all(torch.equal(tensor, draws[name]) for name, tensor in plain.items())


def test_refused_run_does_not_change_the_run_in_its_folder(write: Write, tmp_path: Path, capsys: Any) -> None:
    arguments = write()
    assert main(arguments) == 0
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert main([*arguments, "--seed", "1"]) == 2
    assert "is of a run with other options" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == before


@pytest.fixture
def one_thread() -> Iterator[dict[str, str]]:
    """Limit threads to one and return an environment for processes with bit-identical results."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    torch.set_num_threads(threads)


def test_killed_run_resumes_to_the_same_result(
    write: Write, tmp_path: Path, one_thread: dict[str, str]
) -> None:
    changes = {
        "model__roi_module": MOBILENET,
        "optimization__batch_size": 2,
        "optimization__epochs": 4,
        "optimization__ema": 0.9,
        "augmentation": {"min_crop": 0.7, "brightness": 0.2, "context_dropout": 0.2},
        "save_every": 1,
        "trackers": [],
    }
    assert main(write("whole", **changes)) == 0
    forget_accelerate()

    arguments = write("killed", **changes)
    command = [sys.executable, "-m", "training.train", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=one_thread, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())  # after the first of four epochs
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    assert told["epoch"] == 1
    state = torch.load(tmp_path / "killed" / "state.pt", weights_only=True)
    assert 5 <= state["step"] < 24
    assert not (tmp_path / "killed" / "checkpoint").exists()

    assert main(arguments) == 0
    assert history(tmp_path / "killed") == history(tmp_path / "whole")
    whole, killed = (
        load_file(tmp_path / run / "checkpoint" / "model.safetensors") for run in ("whole", "killed")
    )
    assert all(torch.equal(tensor, killed[name]) for name, tensor in whole.items())


# Multiple processes


def launched(
    module: str, arguments: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a module in two processes and check that it succeeds."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launcher += ["--num_machines", "1", "--main_process_port", "0", "--mixed_precision", "no"]
    launcher += ["--dynamo_backend", "no", "-m", module, *arguments]
    done = subprocess.run(launcher, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_two_processes_match_one_process(write: Write, tmp_path: Path, one_thread: dict[str, str]) -> None:
    """Use the GPU launcher, because `accelerate launch --cpu` starts a single process without MPI."""
    torch.manual_seed(4)
    save_file(timm.create_model(DEIT["name"], **TINY).state_dict(), tmp_path / "w.safetensors")
    changes = {
        "model__weights": str(tmp_path / "w.safetensors"),
        "model__freeze": [{"prefixes": ["patch_embed"], "until": 0.5}],
        "optimization__batch_size": 4,
        "optimization__micro_batches": 2,
        "optimization__module_loss": 0.2,
        "optimization__ema": 0.5,
        "trackers": [],
    }
    assert main(write("one", **changes)) == 0
    done = launched("training.train", write("two", **changes), one_thread)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [record["epoch"] for record in told] == [1, 2]  # written by only one of the two

    states = [torch.load(tmp_path / run / "state.pt", weights_only=True) for run in ("one", "two")]
    for part in ("model", "ema"):
        for name, tensor in states[0][part].items():
            torch.testing.assert_close(states[1][part][name], tensor, rtol=1e-3, atol=1e-4, msg=name)
    start = load_file(tmp_path / "w.safetensors")["patch_embed.proj.weight"]
    assert not torch.allclose(states[1]["model"]["roi_module.patch_embed.proj.weight"], start, atol=1e-4)
    for one, two in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert {k: v for k, v in two.items() if k != "loss"} == {k: v for k, v in one.items() if k != "loss"}


@pytest.mark.slow
def test_two_processes_resume_from_the_state_of_the_main_one(
    write: Write, tmp_path: Path, one_thread: dict[str, str]
) -> None:
    changes = {
        "model__roi_module": MOBILENET,
        "model__weights": "scratch",
        "model__batch_norm": "measured",
        "optimization__batch_size": 4,
        "optimization__ema": 0.5,
        "trackers": [],
    }
    launched("tests.training.resumed_by_two", write("run", **changes), one_thread)
    whole, rest = (torch.load(tmp_path / run / "state.pt", weights_only=True) for run in ("whole", "stopped"))
    assert whole["step"] == rest["step"] == 6
    assert any("running_var" in name for name in whole["model"])
    for part in ("model", "ema"):
        for name, tensor in whole[part].items():
            assert torch.equal(rest[part][name], tensor), name
    assert history(tmp_path / "whole") == history(tmp_path / "stopped")
    assert not (tmp_path / "stopped elsewhere" / "state.pt").exists()
