from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint, set_calibration
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.calibrate import main as calibrate_main
from training.data.coco import CocoFolder
from training.evaluate import as_markdown, evaluate, main
from training.evidence.measure import Scores, describe, probabilities, score
from training.evidence.statistics import expected_calibration_error

CLASSES = ("ketchup", "pesto", "grape")
SPEC = ModuleSpec("mobilenetv2_035")
FILES = ["confusion.png", "reliability.png", "report.json", "report.md", "worst.png"]


@pytest.fixture(scope="module")
def rvernet() -> RveRNet:
    torch.manual_seed(0)
    return RveRNet(RveRNetConfig(SPEC, SPEC, 3, fusion="features", hidden=8, input_size=32))


@pytest.fixture(scope="module")
def baseline() -> SinglePicture:
    torch.manual_seed(0)
    return SinglePicture(SinglePictureConfig("roi", SPEC, 3, fusion="features", hidden=8, input_size=32))


@pytest.fixture
def checkpoint(rvernet: RveRNet, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "tiny", rvernet, CLASSES)
    return tmp_path / "tiny"


@pytest.fixture
def data(masked_data: Path) -> Path:
    return masked_data


@pytest.fixture
def run(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command and returns its status, output and errors."""

    def run_with(*more: str, folder: Path = checkpoint) -> tuple[int, str, str]:
        status = main([str(folder), "--data", str(data), *more])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run_with


def parse_strict_json(text: str) -> dict[str, Any]:
    """Parse JSON and reject NaN and infinity."""

    def refuse(name: Any) -> None:
        raise AssertionError(name)

    result: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return result


def test_rvernet_is_measured_printed_and_written(
    run: Callable[..., tuple[int, str, str]], checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "report"
    status, printed, _ = run("--json", "--out", str(out), "--ambiguous", "pesto", "--device", "cpu")
    assert status == 0
    report = parse_strict_json(printed)
    assert report == parse_strict_json((out / "report.json").read_text())
    stored = load_checkpoint(checkpoint)
    assert {
        key: report[key] for key in ("checkpoint", "fingerprint", "data", "split", "masks", "left_out")
    } == {
        "checkpoint": "tiny",
        "fingerprint": stored.fingerprint,
        "data": "data",
        "split": "val",
        "masks": "annotated",
        "left_out": ["left out, marked to be ignored: 16 (data/200, data/201, data/202, …)"],
    }
    regions = [r for r in CocoFolder("data", data).read().regions if r.split == "val"]
    scores = score(stored.model, stored.preprocessing, regions, CLASSES)
    expected = describe(scores, CLASSES, ("pesto",))
    assert {key: report["figures"][key] for key in expected} == expected
    assert "macro_f1_without_context" in report["figures"]
    assert report["figures"]["broken"] == []
    assert set(report["figures"]["intervals"]) == {"macro_f1", "top1", "ambiguous_f1"}
    for name, (low, high) in report["figures"]["intervals"].items():
        assert 0 <= low <= report["figures"][name] <= high <= 1
    assert report["cost"]["parameters"] == sum(p.numel() for p in stored.model.parameters())
    assert report["cost"]["device"] == "cpu"
    assert report["cost"]["threads"] == torch.get_num_threads()
    assert all(report["cost"][name] > 0 for name in ("flops", "latency_ms", "peak_memory_mb"))

    assert sorted(path.name for path in out.iterdir()) == FILES
    for name in ("confusion.png", "reliability.png", "worst.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert (out / "report.md").read_text() == as_markdown(report)


def test_markdown_holds_the_same_figures(run: Callable[..., tuple[int, str, str]]) -> None:
    status, printed, _ = run("--ambiguous", "pesto", "ketchup")
    assert status == 0
    lines = printed.splitlines()
    assert lines[0] == "# tiny on data, val, annotated masks"
    assert lines[2].startswith("4 regions of 4 groups. 95 % intervals: macro F1 0.")
    assert "| | macro F1 | top-1 | F1 of pesto, ketchup |" in lines
    for start in (
        "Expected calibration error 0.",
        "One prediction: 0.8",
        "| annotated masks | ",
        "| the same, extra-ROI picture blanked | ",
        "| ketchup | 2 | 2 | ",
        "| pesto | 2 | 2 | ",
    ):
        assert sum(line.startswith(start) for line in lines) == 1, start
    assert "No region, so not measured and not counted: grape." in lines


def test_baseline_is_measured_on_its_only_picture(
    run: Callable[..., tuple[int, str, str]], baseline: SinglePicture, tmp_path: Path
) -> None:
    folder, out = tmp_path / "roi only", tmp_path / "report"
    save_checkpoint(folder, baseline, CLASSES)
    status, printed, _ = run("--json", "--out", str(out), folder=folder)
    assert status == 0
    report = parse_strict_json(printed)
    assert not [name for name in report["figures"] if "without_context" in name]
    assert report["cost"]["parameters"] == sum(p.numel() for p in baseline.parameters())
    assert sorted(path.name for path in out.iterdir()) == FILES
    _, printed, _ = run(folder=folder)
    assert "extra-ROI picture blanked" not in printed
    assert "| class | regions | groups | F1 |" in printed


def test_report_names_one_click_masks(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    status, printed, _ = run(
        *("--masks", "click", "--segmenter", "grabcut", "--cache", str(tmp_path / "masks"))
    )
    assert status == 0
    assert "# tiny on data, val, click masks" in printed
    assert "| masks of one click | " in printed
    assert "annotated" not in printed


def test_report_lists_skipped_classes(run: Callable[..., tuple[int, str, str]], data: Path) -> None:
    path = data / "annotations.json"
    path.write_text(path.read_text().replace('"pesto"', '"soup"'))
    status, printed, _ = run()
    assert status == 0
    assert "2 regions of 2 groups" in printed
    assert printed.rstrip().endswith("- left out, of labels that tiny does not know: 2 of 4 regions (2 soup)")
    assert run("--known_only")[0] == 0


def test_ambiguous_class_without_regions_has_no_figure(run: Callable[..., tuple[int, str, str]]) -> None:
    status, printed, _ = run("--json", "--ambiguous", "grape")
    assert status == 0
    figures = parse_strict_json(printed)["figures"]
    assert "ambiguous_f1" not in {*figures, *figures["intervals"]}
    assert figures["classes_without_regions"] == ["grape"]
    status, printed, _ = run("--ambiguous", "grape")
    assert status == 0
    assert "nan" not in printed


def damage(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    (checkpoint / "model.safetensors").write_bytes(b"\0" * 100)


def rename_pesto_to_soup(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    path = data / "annotations.json"
    path.write_text(path.read_text().replace('"pesto"', '"soup"'))


def break_a_photo(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    (data / "images" / "13.png").write_bytes(b"")


def block_output_folder(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")


def nothing(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "more", "sentence"),
    [
        (damage, [], "model.safetensors is damaged"),
        (rename_pesto_to_soup, ["--all_labels"], "tiny does not know the classes soup"),
        (break_a_photo, [], "13.png: This file is empty"),
        (block_output_folder, ["--out", "{}/taken"], "taken"),
        (nothing, ["--rename", "{pesto}"], "--rename takes a JSON object"),
        (nothing, ["--rename", '{"broth": "pesto"}'], "no categories broth"),
        (nothing, ["--split", "test"], "has no test region"),
        (nothing, ["--ambiguous", "soup"], "tiny does not know the classes soup"),
        (nothing, ["--device", "toaster"], "'toaster'"),
        (nothing, ["--data", "nowhere"], "annotations.json cannot be read"),
    ],
)
def test_failed_measurement_prints_one_line_with_status_2(
    prepare: Callable[..., None],
    more: list[str],
    sentence: str,
    run: Callable[..., tuple[int, str, str]],
    checkpoint: Path,
    data: Path,
    tmp_path: Path,
) -> None:
    prepare(checkpoint, data, tmp_path)
    status, printed, errors = run(*(text.format(tmp_path) if "{}/" in text else text for text in more))
    assert status == 2
    assert printed == ""
    assert sentence in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_missing_checkpoint_fails(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    status, _, errors = run(folder=tmp_path / "nowhere" / "tiny")
    assert status == 2
    assert "There is no checkpoint folder" in errors


NAMES = tuple("abcdefgh")
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 1])
LOGITS = np.array([[3, 0, 0]] * 3 + [[0, 3, 0]] * 4 + [[3, 0, 0]], np.float32)


def test_calibration_error_uses_the_probabilities_of_the_app(checkpoint: Path) -> None:
    scores = Scores(NAMES, NAMES, TRUE, LOGITS, None, broken=("z: gone",))
    plain = evaluate(scores, load_checkpoint(checkpoint))
    uncalibrated = expected_calibration_error(TRUE, probabilities(LOGITS))
    assert uncalibrated == pytest.approx(np.exp(3) / (np.exp(3) + 2) - 6 / 8, abs=1e-6)
    assert plain["calibration_error"] == {
        "uncalibrated": round(uncalibrated, 4),
        "as_shown": round(uncalibrated, 4),
        "fitted_on_these": False,
    }
    set_calibration(checkpoint, Calibration(2.0, 0.3, ("0123 val", "4567 val")))
    calibrated = evaluate(scores, load_checkpoint(checkpoint), parts=("4567 test", "89ab val"))
    assert calibrated["calibration_error"] == {
        "uncalibrated": round(uncalibrated, 4),
        "as_shown": pytest.approx(abs(np.exp(1.5) / (np.exp(1.5) + 2) - 6 / 8), abs=1e-4),
        "fitted_on_these": False,
    }
    again = evaluate(scores, load_checkpoint(checkpoint), parts=("4567 test", "4567 val"))
    assert again["calibration_error"] == {**calibrated["calibration_error"], "fitted_on_these": True}
    assert plain["top1"] == calibrated["top1"] == 0.75
    assert plain["broken"] == ["z: gone"]


def test_report_says_if_the_temperature_was_fitted_on_the_measured_data(
    run: Callable[..., tuple[int, str, str]], checkpoint: Path, data: Path
) -> None:
    labelled = [str(checkpoint), "--data", str(data), "--accuracy", "0"]
    assert calibrate_main([*labelled, "--split", "val"]) == 0
    for split, seen in (("val", True), ("all", True), ("train", False)):
        status, out, _ = run("--split", split)
        assert status == 0
        assert ("as the app shows it, with a temperature fitted on regions measured here, " in out) == seen


def test_unreadable_region_fails_or_is_named(run: Callable[..., tuple[int, str, str]], data: Path) -> None:
    (data / "images" / "13.png").write_bytes(b"")
    status, _, err = run()
    assert status == 2
    assert "13.png" in err
    status, out, _ = run("--skip_broken", "--json")
    assert status == 0
    figures = json.loads(out)["figures"]
    assert figures["regions"] == 3
    assert ["13.png" in sentence for sentence in figures["broken"]] == [True]
