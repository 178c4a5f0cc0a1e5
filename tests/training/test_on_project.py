"""Training on a project of the app, and whether what comes of it is better there."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from PIL import Image

import training.data.sources
from rvernet_app.baseline import Model, SinglePicture, SinglePictureConfig
from rvernet_app.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rvernet_app.classify import load_classifier
from rvernet_app.config import AppConfig
from rvernet_app.labels import LabelName
from rvernet_app.masks import to_rle
from rvernet_app.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.annotations import Draft, give_verdict, save
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.projects import annotator_id, create_project, labels_of
from rvernet_app.store.queue import add_photos
from rvernet_app.store.tables import DONE
from tests.training.conftest import Store as MadeSource
from tests.training.conftest import masked_foods
from training.on_project import COMPARISON_NAME, compare, macro_f1, main, named

MODULE = ModuleSpec(
    "deit_tiny_distilled_patch16_224",
    kwargs={"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 12, "num_heads": 3},
)


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Accelerate keeps its device for the life of a process."""
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
    """A checkpoint that calls every region the same."""
    model = small_model(len(classes))
    last = model.integration_module[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([float(name == said) for name in classes]))
    return stored(folder / said, model, classes)


# Macro F1


@pytest.mark.parametrize(
    ("true", "said", "f1"),
    [
        ("aabb", "aabb", 1),
        ("aabb", "bbaa", 0),
        ("aabb", "abbb", (2 / 3 + 4 / 5) / 2),  # a: 1 of 1 said and of 2 there; b: 2 of 3 said and of 2 there
        ("aaab", "aaaa", (6 / 7 + 0) / 2),
        ("aabb", "accc", (2 / 3 + 0) / 2),  # c, which is nowhere, is no class of its own
        ("abc", "abx", (1 + 1 + 0) / 3),
        ("a", "b", 0),
    ],
)
def test_macro_f1_is_the_mean_over_the_classes_there_are(true: str, said: str, f1: float) -> None:
    assert macro_f1(list(true), list(said)) == pytest.approx(f1)


# Comparison


def test_regions_are_called_what_the_checkpoint_calls_them(made_source: MadeSource, tmp_path: Path) -> None:
    regions = made_source.regions[8:12]
    for said in ("soup", "ketchup"):
        assert named(always(tmp_path, said, ("soup", "ketchup", "rice")), regions) == [said] * 4


def test_a_region_that_cannot_be_read_is_a_miss(made_source: MadeSource, tmp_path: Path) -> None:
    regions = made_source.regions[8:12]
    broken = regions[1].photo
    assert broken is not None
    broken.write_bytes(b"no photo")
    said = named(always(tmp_path, "pesto", ("soup", "pesto")), regions)
    assert said == ["pesto", "", "pesto", "pesto"]


def test_a_class_that_one_checkpoint_does_not_know_is_a_miss(made_source: MadeSource, tmp_path: Path) -> None:
    """Of two with ketchup and two with pesto, of which the old one has never heard."""
    regions = made_source.regions[8:12]
    old = always(tmp_path / "old", "ketchup", ("ketchup", "soup"))
    new = always(tmp_path / "new", "pesto", ("ketchup", "pesto"))
    lost = always(tmp_path / "lost", "soup", ("ketchup", "soup"))
    third = round(2 / 3 / 2, 4)  # all called ketchup: F1 2/3 of ketchup and 0 of pesto
    expected = {"regions": 4, "photos": 4, "classes": 2}
    assert compare(old, new, regions) == {
        **expected,
        **{"old_macro_f1": third, "new_macro_f1": third, "better": False},
    }
    assert compare(lost, new, regions) == {
        **expected,
        **{"old_macro_f1": 0.0, "new_macro_f1": third, "better": True},
    }
    assert compare(new, lost, regions)["better"] is False
    on_one_photo = [replace(region, photo=regions[0].photo) for region in regions]
    assert compare(old, new, on_one_photo)["photos"] == 1


# The command


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose project has 16 photos, each a meal of its own with one food; by their names 2, 3, 5 and 9 are held
    out. What is kept beside it goes to an empty working directory."""
    for name in ("DATABASE_URL", "RVERNET_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(training.data.sources, "open_segmenter", lambda config: GrabCutSegmenter())
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    store = Store(tmp_path / "data")
    project = create_project(store, "Sauces", [LabelName("pesto"), LabelName("ketchup"), LabelName("rice")])
    files, ann = PhotoFiles(store.folder, max_mb=1, max_megapixels=1), annotator_id(store, "Ann")
    with store.reading() as session:
        labels = {label.name: label.id for label in labels_of(session, project)}
    for number, label, photo, mask in masked_foods():
        file = io.BytesIO()
        Image.fromarray(photo).save(file, "PNG")
        source = (f"{number}.png", file.getvalue())
        (added,) = add_photos(store, files, project, [source], meal=f"meal {number}")
        assert added.item_id is not None
        save(store, added.item_id, ann, Draft(to_rle(mask), labels[label]))
        give_verdict(store, added.item_id, ann, DONE)
    store.close()
    return tmp_path / "data"


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """The checkpoint in use, which knows ketchup but not pesto."""
    stored(tmp_path / "start", small_model(3), ("soup", "ketchup", "rice"))
    return tmp_path / "start"


def test_a_project_trains_a_checkpoint_that_is_compared_with_the_one_before(
    data: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [str(data), "--project", "Sauces", "--start", str(start), "--out", str(out)]
    assert main([*arguments, "--epochs", "1", "--device", "cpu"]) == 0
    compared = json.loads((out / COMPARISON_NAME).read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == compared
    assert (compared["regions"], compared["photos"], compared["classes"]) == (4, 4, 2)
    assert compared["better"] is (compared["new_macro_f1"] > compared["old_macro_f1"])
    assert compared["old_macro_f1"] <= 0.5  # pesto is missed whatever it says

    made = load_classifier(AppConfig(checkpoint=out / "checkpoint", device="cpu"))
    assert made.labels == ("pesto", "ketchup")
    assert made.metrics["macro_f1"] == pytest.approx(compared["new_macro_f1"], abs=1e-4)
    assert (made.metrics["regions"], made.metrics["groups"]) == (4, 4)
    training_of = load_checkpoint(out / "checkpoint").training
    assert (training_of["train_regions"], training_of["train_groups"], training_of["epochs"]) == (12, 12, 1)
    assert training_of["command"].startswith(f"python -m training.on_project {data}")
    assert (out / "run" / "metrics.jsonl").is_file()
    # the modules began as those of the checkpoint in use, and learned
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
def test_bad_input_is_one_line_and_status_2(
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


def test_a_folder_without_a_store_is_named(
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


def test_a_project_without_a_meal_to_hold_out_is_not_trained_on(
    data: Path,
    start: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("training.on_project.VAL_SHARE", 0.01)
    given = [str(data), "--start", str(start), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(given) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "No region is held out" in said


def test_a_checkpoint_that_sees_one_picture_is_not_started_from(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = SinglePictureConfig("roi", MODULE, 2, fusion="features", hidden=8, input_size=32)
    stored(tmp_path / "baseline", SinglePicture(config), ("soup", "ketchup"))
    given = [str(data), "--start", str(tmp_path / "baseline"), "--out", str(tmp_path / "out")]
    assert main(given) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "sees one picture" in said
