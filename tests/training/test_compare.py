"""A grid of trainings: its runs, their measured regions and their comparison."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rvernet_app.errors import ConfigError
from training import train
from training.compare import as_markdown, compare, draw_comparison, main
from training.data.regions import DataError
from training.data.sources import read_data
from training.evidence import measure
from training.evidence.measure import Scores
from training.loop import grid as grid_module
from training.loop.grid import OPTIONS_NAME, Grid, Measured
from training.loop.optimization import STATE_NAME
from training.loop.options import TrainOptions
from training.shared.configuration import options_from, to_json

CLASSES = ("pesto", "ketchup")
TINY = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 12, "num_heads": 3}
DEIT = {"name": "deit_tiny_distilled_patch16_224", "kwargs": TINY}
RUNS = ["RveRNet_seed_0", "ROI_only_seed_0", "RveRNet_seed_1", "ROI_only_seed_1"]


@pytest.fixture
def data(masked_data: Path) -> Path:
    return masked_data


@pytest.fixture
def written(data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes common options and a changed grid, and returns the grid's path."""

    def write(config: Any = (), **grid: Any) -> Path:
        options = {
            "data": {"sources": [{"path": str(data)}], "workers": 0, "segmenter": "grabcut"},
            "model": {
                "roi_module": DEIT,
                "hidden": 8,
                "input_size": 32,
                "weights": "scratch",
                "batch_norm": "measured",
            },
            "optimization": {"epochs": 1, "batch_size": 6},
            "ambiguous": ["ketchup"],
            "device": "cpu",
            "trackers": [],
            "run_folder": "unused",
            "export": "unused",
        }
        described = {
            "config": str(tmp_path / "options.yaml"),
            "folder": str(tmp_path / "grid"),
            "axes": {"model": {"RveRNet": {}, "ROI only": {"model.kind": "roi"}}},
            "seeds": [0, 1],
            "reference": {"model": "ROI only"},
        }
        (tmp_path / "options.yaml").write_text(yaml.safe_dump({**options, **dict(config)}))
        (tmp_path / "grid.yaml").write_text(yaml.safe_dump({**described, **grid}, sort_keys=False))
        return tmp_path / "grid.yaml"

    return write


@dataclass
class Trainings:
    """Train in this process because starting a process takes longer than such a run.

    Equal options are trained once per test session; later runs reuse the files.

    Attributes:
        kept: maps options without folders to the folder of a run.
        done: names of the trained runs.
        status: if not 0, returned without training.
    """

    kept: Path
    done: list[str] = field(default_factory=list)
    status: int = 0

    def train(self, config: Path) -> int:
        options = options_from(yaml.safe_load(config.read_text()), TrainOptions)
        self.done.append(options.run_folder.name)
        if self.status:
            return self.status
        fingerprint = read_data(options.data).fingerprint
        sources = tuple(replace(source, path=Path()) for source in options.data.sources)
        bound = replace(options, run_folder=Path(), data=replace(options.data, sources=sources))
        mark = f"{to_json(bound, without_free=True)} {fingerprint}"
        kept = self.kept / hashlib.sha256(mark.encode()).hexdigest()
        if not kept.is_dir() or (options.run_folder / STATE_NAME).is_file():
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                status = train.main(["--config", str(config)])
            if status:
                return status
            shutil.copytree(options.run_folder, kept, dirs_exist_ok=True)
            for name in (OPTIONS_NAME, STATE_NAME):  # these depend on the folder
                (kept / name).unlink()
        shutil.copytree(kept, options.run_folder, dirs_exist_ok=True)
        return 0


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trainings")


@pytest.fixture
def trainings(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    trainings = Trainings(kept)
    monkeypatch.setattr(grid_module, "train_in_own_process", trainings.train)
    return trainings


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record each scoring of regions."""
    calls: list[Any] = []

    def score(*arguments: Any, **how: Any) -> Scores:
        calls.append(arguments)
        return original(*arguments, **how)

    original = measure.score
    monkeypatch.setattr(grid_module, "score", score)
    return calls


def test_grid_is_trained_measured_and_written(
    written: Callable[..., Path],
    trainings: Trainings,
    measured: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = written(conditions=["clean", "permutation=1"])
    assert main(["--grid", str(file)]) == 0
    folder = tmp_path / "grid"
    assert trainings.done == RUNS
    assert len(measured) == 8
    names = ["comparison.json", "comparison.md", "comparison.png", "progress.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*RUNS, *names])
    for run in RUNS:
        scores = [path.name for path in (folder / run).glob("*.npz")]
        assert sorted(scores) == ["val clean.npz", "val permutation=1.npz"]
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    table = capsys.readouterr().out
    assert (folder / "comparison.md").read_text() == table.removesuffix("\n")
    records = json.loads((folder / "comparison.json").read_text())
    assert [(record["row"], record["condition"]) for record in records] == [
        ({"model": model}, condition)
        for model in ("RveRNet", "ROI only")
        for condition in ("clean", "permutation=1")
    ]
    for record in records:
        assert len(record["macro_f1_by_seed"]) == 2
        low, high = record["macro_f1_interval"]
        assert 0 <= low <= record["macro_f1"] <= high <= 1
        assert ("top1_less_reference" in record) == (record["row"] == {"model": "RveRNet"})


def test_command_line_options_override_the_file(
    written: Callable[..., Path], trainings: Trainings, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(written())
    assert main(["--grid", file, "--seeds", "[1]"]) == 0
    assert trainings.done == [run for run in RUNS if run.endswith("seed_1")]
    assert "One seed on" in capsys.readouterr().out
    assert main(["--grid", file]) == 0
    assert sorted(trainings.done) == sorted(RUNS)
    assert main(["--grid", file, "--sedes", "[1]"]) == 2
    assert "Unknown option sedes" in capsys.readouterr().err


def test_grid_can_be_measured_on_other_photos(
    written: Callable[..., Path],
    trainings: Trainings,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(data, other)
    for photo in (other / "images").iterdir():
        photo.write_bytes(photo.read_bytes() + b"\0")
    described = json.loads((other / "annotations.json").read_text())
    pesto = next(c for c in described["categories"] if c["name"] == "pesto")
    pesto["name"] = "mustard"
    (other / "annotations.json").write_text(json.dumps(described))
    file = written(measured_on=[{"path": str(other)}], reference={})
    assert main(["--grid", str(file)]) == 0
    assert "Mean of 2 seeds on elsewhere;" in capsys.readouterr().out
    (scores,) = (tmp_path / "grid" / RUNS[0]).glob("*.npz")
    assert scores.name.startswith("elsewhere ")
    found = Scores.load(scores)
    ketchup = next(c["id"] for c in described["categories"] if c["name"] == "ketchup")
    wanted = {str(a["id"]) for a in described["annotations"] if a["category_id"] == ketchup}
    assert {name.removeprefix("elsewhere/") for name in found.names} == wanted  # of every split
    assert {CLASSES[i] for i in found.true} == {"ketchup"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("same", "is trained on and cannot be measured on"),
        ("copy", "elsewhere holds what is trained on"),
        ("photos", "12 photos are in both train and measured_on"),
        ("unknown", "no region of a class that is trained on"),
    ],
)
def test_measured_photos_must_be_new_and_of_known_classes(
    written: Callable[..., Path],
    trainings: Trainings,
    data: Path,
    tmp_path: Path,
    kind: str,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = data
    if kind != "same":
        other = tmp_path / "elsewhere"
        shutil.copytree(data, other)
    if kind in ("photos", "unknown"):
        described = json.loads((other / "annotations.json").read_text())
        for category in described["categories"]:
            category["name"] += " pie" * (kind == "unknown")
        described["info"] = kind
        (other / "annotations.json").write_text(json.dumps(described))
    if kind == "unknown":
        for photo in (other / "images").iterdir():
            photo.write_bytes(photo.read_bytes() + b"\0")
    assert main(["--grid", str(written(measured_on=[{"path": str(other)}]))]) == 2
    assert expected in capsys.readouterr().err
    assert trainings.done == []


def test_finished_runs_are_not_repeated(
    written: Callable[..., Path],
    trainings: Trainings,
    measured: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, folder = written(), tmp_path / "grid"
    assert main(["--grid", str(file)]) == 0
    table = capsys.readouterr().out
    for path in folder.glob("comparison.*"):
        path.unlink()

    def again() -> tuple[list[Any], int] | tuple[list[str], int]:
        del trainings.done[:], measured[:]
        assert main(["--grid", str(file)]) == 0
        assert capsys.readouterr().out == table
        return trainings.done, len(measured)

    assert again() == ([], 0)
    shutil.rmtree(folder / RUNS[2])
    assert again() == ([RUNS[2]], 1)
    (folder / RUNS[1] / "val clean.npz").unlink()
    assert again() == ([], 1)
    (folder / RUNS[3] / "result.json").unlink()  # it was interrupted
    assert again() == ([RUNS[3]], 1)
    assert sorted(path.name for path in folder.glob("comparison.*")) == [
        f"comparison.{ending}" for ending in ("json", "md", "png")
    ]


def test_run_with_changed_options_is_trained_and_measured_again(
    written: Callable[..., Path], trainings: Trainings, measured: list[Any], tmp_path: Path
) -> None:
    shorter, longer = ({"optimization": {"epochs": epochs, "batch_size": 4}} for epochs in (1, 2))
    assert main(["--grid", str(written(shorter, seeds=[0]))]) == 0
    assert (tmp_path / "grid" / RUNS[0] / STATE_NAME).is_file()
    del trainings.done[:], measured[:]
    assert main(["--grid", str(written(longer, seeds=[0]))]) == 0
    assert (trainings.done, len(measured)) == (RUNS[:2], 2)


def test_failed_training_does_not_use_older_results(
    written: Callable[..., Path], trainings: Trainings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--grid", str(written())]) == 0
    trainings.status = 2
    file = written({"optimization": {"epochs": 2, "batch_size": 6}})
    del trainings.done[:]
    for _ in range(2):
        assert main(["--grid", str(file)]) == 2
    assert trainings.done == [RUNS[0]] * 2


def test_failing_run_stops_the_grid_with_its_status(
    written: Callable[..., Path], trainings: Trainings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainings.status = 3
    file = written()
    assert main(["--grid", str(file)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"The run {tmp_path / 'grid' / RUNS[0]} failed with exit status 3. Correct the cause, then "
        "start again."
    ]
    assert trainings.done == RUNS[:1]
    trainings.status = 0
    assert main(["--grid", str(file)]) == 0
    assert trainings.done == [RUNS[0], *RUNS]


def test_comparing_runs_with_different_regions_fails(
    written: Callable[..., Path],
    trainings: Trainings,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other" / "data"
    shutil.copytree(data, other)
    path = other / "annotations.json"
    described = json.loads(path.read_text())
    described["images"][15]["split"] = "train"
    path.write_text(json.dumps(described))
    axes = {"data": {"all": {}, "less": {"data.sources": [{"path": str(other)}]}}}
    assert main(["--grid", str(written(axes=axes, reference={}))]) == 2
    assert "less_seed_0 was measured on other regions or classes" in capsys.readouterr().err


def test_comparing_runs_with_different_classes_fails(
    written: Callable[..., Path], trainings: Trainings, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = {"order": {"as found": {}, "other": {"data.classes": ["ketchup", "pesto"]}}}
    assert main(["--grid", str(written(axes=axes, reference={}))]) == 2
    assert "other_seed_0 was measured on other regions or classes" in capsys.readouterr().err


def test_grid_fails_if_its_data_have_changed(
    written: Callable[..., Path], trainings: Trainings, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--grid", str(written())]) == 0
    path = data / "annotations.json"
    path.write_text(path.read_text().replace('"g3"', '"g33"'))
    assert main(["--grid", str(written())]) == 2
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert "The data have changed since " in sentence
    assert sentence.endswith(f"{RUNS[0]} was trained; remove the folder to train it again.")


def test_error_in_the_last_run_is_reported_before_any_training(
    written: Callable[..., Path], trainings: Trainings, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = {"kind": {"right": {}, "wrong": {"model.kind": "soup"}}}
    assert main(["--grid", str(written(axes=axes, reference={}))]) == 2
    assert "kind is one of" in capsys.readouterr().err
    assert trainings.done == []


def test_empty_split_is_reported_before_any_training(
    written: Callable[..., Path], trainings: Trainings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--grid", str(written(split="test"))]) == 2
    assert "no test region to measure on" in capsys.readouterr().err
    assert trainings.done == []


def test_grid_skips_broken_regions_if_the_runs_skip_them(
    written: Callable[..., Path], trainings: Trainings, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "images" / "13.png").write_bytes(b"")
    assert main(["--grid", str(written())]) == 2
    assert "13.png" in capsys.readouterr().err
    sources = [{"path": str(data)}]
    skipping = {"data": {"sources": sources, "workers": 0, "segmenter": "grabcut", "broken": "skip"}}
    assert main(["--grid", str(written(skipping, seeds=[0]))]) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"axes": {}}, "axes must name at least one value each"),
        ({"axes": {"model": {}}}, "axes must name at least one value each"),
        ({"seeds": []}, "seeds must not be empty"),
        ({"seeds": [1, 1]}, "two runs would share the folder ROI_only_seed_1"),
        ({"axes": {"a": {"x y": {}, "x_y": {}}}, "reference": {}}, "share the folder x_y_seed_0"),
        ({"split": "holdout"}, "split is one of train, val, test; got 'holdout'"),
        ({"conditions": []}, "conditions must differ"),
        ({"conditions": ["erode", "erode=1.0"]}, "conditions must differ, got erode, erode=1.0"),
        ({"conditions": ["fog"]}, "Unknown condition 'fog'"),
        ({"reference": {"model": "soup"}}, "reference must be a value of each axis"),
        ({"reference": {"data": "RveRNet"}}, "reference must be a value of each axis"),
        ({"colour": "red"}, "Unknown option colour"),
    ],
)
def test_inconsistent_grid_fails(
    written: Callable[..., Path],
    trainings: Trainings,
    change: Any,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--grid", str(written(**change))]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert sentence in errors
    assert trainings.done == []


def test_missing_grid_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--grid", str(tmp_path / "nowhere.yaml")]) == 2
    assert "nowhere.yaml cannot be read" in capsys.readouterr().err


def test_run_options_combine_the_file_with_the_row(written: Callable[..., Path]) -> None:
    file = written({"seed": 7}, changes={"optimization.epochs": 3, "model.hidden": 4}, folder="runs/grid")
    grid = options_from(yaml.safe_load(file.read_text()), Grid)
    options = [options_from(run.options(), TrainOptions) for run in grid.runs]
    assert [(o.model.kind, o.seed) for o in options] == [
        *(("rvernet", 0), ("roi", 0)),
        *(("rvernet", 1), ("roi", 1)),
    ]
    assert {o.optimization.epochs for o in options} == {3}
    assert {o.model.hidden for o in options} == {4}
    assert {o.optimization.batch_size for o in options} == {6}
    assert options[1].run_folder == Path("runs/grid/ROI_only_seed_0")
    assert options[1].export == Path("runs/grid/ROI_only_seed_0/checkpoint")


def test_rows_cover_every_combination() -> None:
    axes: dict[str, dict[str, dict[str, Any]]] = {
        "roi": {"a": {}, "b": {}},
        "extra-roi": {"c": {}, "d/e": {}},
    }
    grid = Grid(Path("options.yaml"), Path("grid"), axes, seeds=(4,))
    assert grid.rows == [("a", "c"), ("a", "d/e"), ("b", "c"), ("b", "d/e")]
    assert [run.folder for run in grid.runs][1] == Path("grid/a_d_e_seed_4")
    with pytest.raises(ConfigError, match="reference"):
        Grid(Path("options.yaml"), Path("grid"), axes, reference={"roi": "a"})


TRUE = np.array([0, 0, 0, 1, 1, 1])
NAMES = tuple("abcdef")


def scores_of(predicted: list[int]) -> Scores:
    return Scores(NAMES, NAMES, TRUE, np.eye(2, dtype=np.float32)[predicted], None)


MADE = {
    ("all", 0): scores_of([0, 0, 0, 1, 1, 1]),
    ("all", 1): scores_of([0, 0, 1, 1, 1, 1]),
    ("none", 0): scores_of([1, 0, 0, 1, 1, 0]),
    ("none", 1): scores_of([0, 0, 0, 0, 0, 0]),
}


@pytest.fixture
def made_grid() -> Callable[..., tuple[Grid, list[Measured]]]:
    """Return a function that makes a grid of two rows and two seeds with generated scores."""

    def make(
        made: dict[tuple[str, int], Scores] = MADE,
        reference: dict[str, str] | None = None,
        ambiguous: tuple[str, ...] = ("ketchup",),
        **more: Any,
    ) -> tuple[Grid, list[Measured]]:
        axes: dict[str, dict[str, dict[str, Any]]] = {"context": {"all": {}, "none": {}}}
        grid = Grid(Path("x"), Path("y"), axes, seeds=(0, 1), reference=reference or {}, **more)

        return grid, [
            Measured(run, CLASSES, ambiguous, dict.fromkeys(grid.conditions, made[run.row[0], run.seed]))
            for run in grid.runs
        ]

    return make


def test_means_and_differences_are_exact(made_grid: Callable[..., tuple[Grid, list[Measured]]]) -> None:
    everything, nothing = compare(*made_grid(reference={"context": "none"}))
    assert everything["top1_by_seed"] == [1, round(5 / 6, 4)]
    assert everything["top1"] == round((1 + 5 / 6) / 2, 4)
    assert nothing["top1_by_seed"] == [round(4 / 6, 4), 0.5]
    f1 = {
        "all": [(1 + 1) / 2, (2 * 2 / (3 + 2) + 2 * 3 / (3 + 4)) / 2],
        "none": [(2 * 2 / 6 + 2 * 2 / 6) / 2, (2 * 3 / 9 + 0) / 2],
    }
    assert everything["macro_f1"] == round(np.mean(f1["all"]), 4)
    assert everything["macro_f1_less_reference"] == round(np.mean(f1["all"]) - np.mean(f1["none"]), 4)
    assert everything["top1_less_reference"] == round((11 / 6 - 7 / 6) / 2, 4)
    assert everything["ambiguous_f1"] == round((1 + 6 / 7) / 2, 4)
    assert everything["ambiguous_f1_less_reference"] == round((1 + 6 / 7) / 2 - (2 / 3 + 0) / 2, 4)
    low, high = everything["top1_less_reference_interval"]
    assert low <= everything["top1_less_reference"] <= high
    assert not [name for name in nothing if "reference" in name]


def test_grid_without_a_reference_has_no_differences(
    made_grid: Callable[..., tuple[Grid, list[Measured]]],
) -> None:
    grid, measured = made_grid()
    records = compare(grid, measured)
    assert not [name for record in records for name in record if "reference" in name]
    assert "less" not in as_markdown(grid, records)


def test_row_does_not_differ_from_itself(
    made_grid: Callable[..., tuple[Grid, list[Measured]]],
) -> None:
    made = {key: MADE["all", key[1]] for key in MADE}
    _, record = compare(*made_grid(made, reference={"context": "all"}))
    assert record["macro_f1_less_reference"] == 0
    assert record["macro_f1_less_reference_interval"] == [0, 0]


def test_ambiguous_class_without_regions_has_no_figure(
    made_grid: Callable[..., tuple[Grid, list[Measured]]],
) -> None:
    only_pesto = {key: Scores(NAMES, NAMES, 0 * TRUE, made.logits, None) for key, made in MADE.items()}
    grid, measured = made_grid(only_pesto)
    records = compare(grid, measured)
    assert not [name for record in records for name in record if "ambiguous" in name]
    assert "nan" not in as_markdown(grid, records)


def test_comparing_empty_scores_fails(made_grid: Callable[..., tuple[Grid, list[Measured]]]) -> None:
    empty = Scores((), (), np.zeros(0, np.int64), np.zeros((0, 2), np.float32), None, broken=("a: gone",))
    with pytest.raises(DataError, match=r"no region to measure on\. a: gone"):
        compare(*made_grid(dict.fromkeys(MADE, empty)))


def test_table_shows_rows_conditions_and_differences(
    made_grid: Callable[..., tuple[Grid, list[Measured]]],
) -> None:
    grid, measured = made_grid(reference={"context": "none"}, conditions=("clean", "erode=0.1"), split="test")
    lines = as_markdown(grid, compare(grid, measured)).splitlines()
    assert lines[0] == (
        "| context | condition | macro F1 | F1 of the ambiguous classes | top-1 "
        "| F1 of the ambiguous classes, less none |"
    )
    assert [line.split(" | ")[:2] for line in lines[2:6]] == [
        ["| all", "clean"],
        ["| all", "erode=0.1"],
        ["| none", "clean"],
        ["| none", "erode=0.1"],
    ]
    assert "| 0.917 [" in lines[2]
    assert lines[2].split(" | ")[-1].startswith("0.595 [")
    assert lines[4].endswith("|  |")
    assert lines[-1] == "Mean of 2 seeds on the test split; in brackets 95 % intervals over groups."
    one, measured = made_grid(ambiguous=())
    assert as_markdown(one, compare(one, measured)).splitlines()[0] == "| context | macro F1 | top-1 |"


@pytest.mark.parametrize("values", [("RveRNet", "ROI only"), ("0", "0.5"), ("1", "many")])
@pytest.mark.parametrize("conditions", [("clean",), ("clean", "erode=0.1")])
def test_rows_are_drawn_side_by_side_or_over_numbers(
    values: tuple[str, str], conditions: tuple[str, ...], tmp_path: Path
) -> None:
    grid = Grid(Path("x"), Path("y"), {"share": {value: {} for value in values}}, conditions=conditions)
    records = [
        {
            "row": {"share": value},
            "condition": condition,
            "macro_f1": 0.5,
            "macro_f1_by_seed": [0.4, 0.6],
            "macro_f1_interval": [0.55, 0.7],  # a percentile interval can exclude the value itself
        }
        for value in values
        for condition in conditions
    ]
    draw_comparison(grid, records, tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_grid_reports_the_figures_of_its_trainings(
    written: Callable[..., Path], trainings: Trainings, tmp_path: Path
) -> None:
    file, folder = written(conditions=["clean", "translocation=1"]), tmp_path / "grid"
    assert main(["--grid", str(file)]) == 0
    assert trainings.done == RUNS
    table = (folder / "comparison.md").read_text()
    results = [json.loads((folder / name / "result.json").read_text()) for name in RUNS]
    records = json.loads((folder / "comparison.json").read_text())
    assert records[0]["top1_by_seed"] == [result["top1"] for result in results[::2]]
    assert records[2]["macro_f1_by_seed"] == [result["macro_f1"] for result in results[1::2]]
    shutil.rmtree(folder / RUNS[1])
    assert main(["--grid", str(file)]) == 0
    assert trainings.done[4:] == [RUNS[1]]
    assert (folder / "comparison.md").read_text() == table


def test_grid_reports_its_progress(
    written: Callable[..., Path], trainings: Trainings, tmp_path: Path
) -> None:
    assert main(["--grid", str(written())]) == 0
    trainings.status = 3
    assert main(["--grid", str(written({"seed": 1}, seeds=[5]))]) == 2
    lines = [json.loads(line) for line in (tmp_path / "grid" / "progress.jsonl").read_text().splitlines()]
    assert [(line["event"], line["stage"], line["done"], line["total"]) for line in lines] == [
        ("stage", "runs", 0, 4),
        *[("step", "runs", number, 4) for number in (1, 2, 3, 4)],
        ("done", "runs", 4, 4),
        ("stage", "runs", 0, 2),
        ("failed", "runs", 0, 2),
    ]
    assert lines[-1]["message"].endswith("failed with exit status 3. Correct the cause, then start again.")


def test_each_training_runs_in_its_own_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Invalid options make the real command end at once."""
    (tmp_path / "options.yaml").write_text("colour: red")
    assert grid_module.train_in_own_process(tmp_path / "options.yaml") == 2
    assert "Unknown option colour" in capfd.readouterr().err
