"""Training on a project of the app, and comparison with the previous checkpoint."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from PIL import Image

import training.data.sources
from rvernet_app.config import AppConfig
from rvernet_app.labels import LabelName
from rvernet_app.model.baseline import Model, SinglePicture, SinglePictureConfig
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.picture.masks import to_rle
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.annotations import Draft, give_verdict, save
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import add_photos
from rvernet_app.store.tables import DONE
from tests.rvernet_app.store.desk import commit
from tests.training.conftest import Store as MadeSource
from tests.training.conftest import masked_foods
from training.data.options import DataOptions, Source
from training.data.regions import DataError, Regions
from training.data.sources import read_data
from training.on_project import (
    COMPARISON_NAME,
    calibration_of,
    compare,
    main,
    named,
    with_held_out,
)

MODULE = ModuleSpec(
    "deit_tiny_distilled_patch16_224",
    kwargs={"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 12, "num_heads": 3},
)


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Reset Accelerate, which keeps its device for the life of a process."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def small_model(classes: int) -> RveRNet:
    torch.manual_seed(0)
    return RveRNet(RveRNetConfig(MODULE, MODULE, classes, fusion="features", hidden=8, input_size=32))


def stored(folder: Path, model: Model, classes: tuple[str, ...]) -> Checkpoint:
    save_checkpoint(folder, model, classes)
    return load_checkpoint(folder)


def always(folder: Path, said: str, classes: tuple[str, ...]) -> Checkpoint:
    """Return a checkpoint that predicts the same class for every region."""
    model = small_model(len(classes))
    last: Any = model.integration_module[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([float(name == said) for name in classes]))
    return stored(folder / said, model, classes)


# Macro F1


# Comparison


def test_predictions_match_the_checkpoint(made_source: MadeSource, tmp_path: Path) -> None:
    regions = made_source.regions[8:12]
    for said in ("soup", "ketchup"):
        assert named(always(tmp_path, said, ("soup", "ketchup", "rice")), regions) == [said] * 4


def test_unreadable_region_counts_as_a_miss(made_source: MadeSource, tmp_path: Path) -> None:
    regions = made_source.regions[8:12]
    broken = regions[1].photo
    assert broken is not None
    broken.write_bytes(b"no photo")
    said = named(always(tmp_path, "pesto", ("soup", "pesto")), regions)
    assert said == ["pesto", "", "pesto", "pesto"]


def test_class_unknown_to_a_checkpoint_counts_as_a_miss(made_source: MadeSource, tmp_path: Path) -> None:
    """Two regions show ketchup and two show pesto, which the old checkpoint does not know."""
    regions = made_source.regions[8:12]
    old = always(tmp_path / "old", "ketchup", ("ketchup", "soup"))
    new = always(tmp_path / "new", "pesto", ("ketchup", "pesto"))
    lost = always(tmp_path / "lost", "soup", ("ketchup", "soup"))
    third = round(2 / 3 / 2, 4)  # predicts only ketchup: F1 is 2/3 for ketchup and 0 for pesto
    knows = {"old_classes": 2, "new_classes": 2, "forgotten": 1, "learned": 1}
    expected = {"regions": 4, "photos": 4, "classes": 2, **knows}
    assert compare(old, new, regions) == {
        **expected,
        **{"old_macro_f1": third, "new_macro_f1": third, "better": False},
        "difference_interval": [-1.0, 1.0],
    }
    assert compare(lost, new, regions) == {
        **expected,
        **{"old_macro_f1": 0.0, "new_macro_f1": third, "better": True},
        "difference_interval": [0.0, 1.0],
    }
    assert compare(new, lost, regions)["better"] is False
    on_one_photo = [replace(region, photo=regions[0].photo) for region in regions]
    assert compare(old, new, on_one_photo)["photos"] == 1


def test_comparison_counts_forgotten_and_learned_regions(made_source: MadeSource, tmp_path: Path) -> None:
    old = always(tmp_path / "old", "soup", ("soup", "ketchup", "rice", "egg"))
    new = always(tmp_path / "new", "pesto", ("ketchup", "pesto"))
    compared = compare(old, new, made_source.regions[8:10])
    counts = {name: compared[name] for name in ("old_classes", "new_classes", "forgotten", "learned")}
    assert counts == {"old_classes": 4, "new_classes": 2, "forgotten": 3, "learned": 1}


# Calibration


def test_always_correct_checkpoint_gets_threshold_0(made_source: MadeSource, tmp_path: Path) -> None:
    ketchup = made_source.regions[:8:2]
    assert calibration_of(always(tmp_path, "ketchup", ("ketchup", "pesto")), ketchup) == Calibration(1.0, 0.0)


def test_half_correct_checkpoint_gets_threshold_1(made_source: MadeSource, tmp_path: Path) -> None:
    calibration = calibration_of(always(tmp_path, "ketchup", ("ketchup", "pesto")), made_source.regions[:8])
    assert calibration is not None
    assert calibration.threshold == 1.0
    assert calibration.temperature > 10  # equal probabilities fit best here


def test_three_meals_are_too_few_to_calibrate(made_source: MadeSource, tmp_path: Path) -> None:
    checkpoint = always(tmp_path, "ketchup", ("ketchup", "pesto"))
    assert calibration_of(checkpoint, made_source.regions[:3]) is None


# Held-out meals


def food_store(folder: Path, foods: Sequence[tuple[str | None, str]]) -> Path:
    """Make a data folder with a project of finished one-food photos, given as (meal, label)."""
    drawn = list(masked_foods())
    store = Store(folder)
    project = commit(
        store, create_project, "Sauces", [LabelName("pesto"), LabelName("ketchup"), LabelName("rice")]
    )
    files, ann = PhotoFiles(store.folder, max_mb=1, max_megapixels=1), commit(store, ensure_annotator, "Ann")
    with store.reading() as session:
        labels = {label.name: label.id for label in labels_of(session, project)}
    for (number, _, photo, mask), (meal, label) in zip(drawn, foods, strict=False):
        file = io.BytesIO()
        Image.fromarray(photo).save(file, "PNG")
        (added,) = add_photos(store, files, project, [(f"{number}.png", file.getvalue())], meal=meal)
        assert added.item_id is not None
        commit(store, save, added.item_id, ann, Draft(to_rle(mask), labels[label]))
        commit(store, give_verdict, added.item_id, ann, DONE)
    store.close()
    return folder


def split(folder: Path) -> Regions:
    whole = DataOptions(sources=(Source(folder, format="project"),))
    return read_data(with_held_out(whole))


@pytest.fixture
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "RVERNET_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "foods",
    [
        [("a", "pesto"), ("a", "ketchup"), ("b", "ketchup")],
        [("a", "pesto"), ("b", "ketchup"), ("c", "pesto")],
        [(None, "pesto"), (None, "ketchup"), (None, "pesto"), (None, "ketchup")],
        [("a", "pesto"), ("b", "rice"), ("c", "ketchup"), ("d", "ketchup"), ("e", "ketchup")],
    ],
)
def test_few_meals_hold_out_one_with_trained_classes(
    foods: list[tuple[str | None, str]], tmp_path: Path, no_url: None
) -> None:
    found = split(food_store(tmp_path / "data", foods))
    assert found.val
    assert len(found.classes) >= 2
    assert {region.label for region in found.val} <= {region.label for region in found.train}


@pytest.mark.parametrize(
    ("foods", "says"),
    [
        ([], "0 meals with 0 foods: finish at least 2 more photos of other meals"),
        ([("a", "pesto")], "1 meal with 1 food: finish at least 1 more photo of another meal"),
        ([("a", "pesto"), ("a", "rice")], "1 meal with 2 foods: finish at least 1 more photo of another"),
        ([("a", "rice"), ("b", "rice"), ("c", "rice")], "3 meals with 1 food: finish at least 1 more photo"),
        ([("a", "rice"), ("b", "pesto")], "2 meals with 2 foods: finish at least 1 more photo of another"),
    ],
)
def test_too_few_meals_or_foods_report_how_many_are_missing(
    foods: list[tuple[str | None, str]], says: str, tmp_path: Path, no_url: None
) -> None:
    with pytest.raises(DataError, match=says):
        split(food_store(tmp_path / "data", foods))


def test_many_meals_hold_out_a_share_by_name(tmp_path: Path, no_url: None) -> None:
    foods = [(f"meal {n}", ("pesto", "ketchup")[n % 2]) for n in range(16)]
    found = split(food_store(tmp_path / "data", foods))
    assert {region.group for region in found.val} == {f"data/meal {n}" for n in (2, 3, 5, 9)}


# The command


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_url: None) -> Path:
    """Make a store with a project of 16 one-food photos, each its own meal, and enter an empty directory.

    Their names put meals 2, 3, 5 and 9 into the validation split.
    """
    monkeypatch.setattr(training.data.sources, "open_segmenter", lambda config: GrabCutSegmenter())
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return food_store(tmp_path / "data", [(f"meal {n}", label) for n, label, *_ in masked_foods()])


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """Make the current checkpoint, which knows ketchup but not pesto and uses a dark padding."""
    save_checkpoint(tmp_path / "start", small_model(3), ("soup", "ketchup", "rice"), padding=40)
    return tmp_path / "start"


def test_project_trains_a_checkpoint_and_compares_it_with_the_previous_one(
    data: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [str(data), "--project", "Sauces", "--start", str(start), "--out", str(out)]
    assert main([*arguments, "--epochs", "1", "--device", "cpu"]) == 0
    compared = json.loads((out / COMPARISON_NAME).read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == compared
    assert (compared["regions"], compared["photos"], compared["classes"]) == (4, 4, 2)
    assert compared["better"] is (compared["new_macro_f1"] > compared["old_macro_f1"])
    assert compared["old_macro_f1"] <= 0.5  # it misses pesto in every case
    knows = {name: compared[name] for name in ("old_classes", "new_classes", "forgotten", "learned")}
    assert knows == {"old_classes": 3, "new_classes": 2, "forgotten": 2, "learned": 1}
    assert compared["calibrated"] is True

    made = load_classifier(AppConfig(checkpoint=out / "checkpoint", device="cpu"))
    assert made.labels == ("pesto", "ketchup")
    assert made.metrics["macro_f1"] == pytest.approx(compared["new_macro_f1"], abs=1e-4)
    assert (made.metrics["regions"], made.metrics["groups"]) == (4, 4)
    assert made.calibration is not None
    stored_as = load_checkpoint(out / "checkpoint")
    assert stored_as.preprocessing.letterbox.padding == 40
    assert list((data / "training" / "masks").glob("*.json"))
    assert not any(Path.cwd().iterdir())
    training_of = stored_as.training
    assert (training_of["train_regions"], training_of["train_groups"], training_of["epochs"]) == (12, 12, 1)
    assert training_of["command"].startswith(f"python -m training.on_project {data}")
    assert (out / "run" / "metrics.jsonl").is_file()
    progress = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in progress if line["event"] == "stage"] == [
        "data",
        "train",
        "export",
        "compare",
    ]
    assert progress[-1]["event"] == "done"
    # the modules started from the current checkpoint and learned
    before, after = load_checkpoint(start).model, load_checkpoint(out / "checkpoint").model
    for name, backbone in before.backbones.items():
        learned = after.backbones[name].state_dict()
        change = max(float((learned[n] - t).abs().max()) for n, t in backbone.state_dict().items())
        assert 0 < change < 0.01


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--project", "Soups"], "has the projects Sauces; name one"),
        (["--start", "/nowhere"], "no checkpoint folder /nowhere"),
        (["--epochs", "0"], "epochs must be at least 1"),
    ],
)
def test_bad_input_prints_one_line_with_status_2(
    arguments: list[str],
    says: str,
    data: Path,
    start: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    given = [str(data), "--start", str(start), "--out", str(out), "--device", "cpu", *arguments]
    assert main(given) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert says in said
    assert not (out / COMPARISON_NAME).exists()
    last = json.loads((out / "progress.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["message"]) == ("failed", said)


def test_error_names_a_folder_without_a_store(
    start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        str(tmp_path / "empty"),
        "--start",
        str(start),
        "--out",
        str(tmp_path / "out"),
        "--device",
        "cpu",
    ]
    assert main(given) == 2
    assert "no annotation store" in capsys.readouterr().err


def test_project_with_too_few_meals_fails_before_training(
    tmp_path: Path, start: Path, no_url: None, capsys: pytest.CaptureFixture[str]
) -> None:
    few = food_store(tmp_path / "few", [("a", "pesto"), ("a", "ketchup")])
    given = [str(few), "--start", str(start), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(given) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "finish at least 1 more photo" in said


def test_baseline_checkpoint_fails_as_a_starting_point(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = SinglePictureConfig("roi", MODULE, 2, fusion="features", hidden=8, input_size=32)
    stored(tmp_path / "baseline", SinglePicture(config), ("soup", "ketchup"))
    given = [str(data), "--start", str(tmp_path / "baseline"), "--out", str(tmp_path / "out")]
    assert main(given) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "sees one picture" in said
