from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rvernet_app.errors import ConfigError
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training import calibrate as module
from training.calibrate import calibrate, main
from training.data.regions import DataError
from training.evidence.measure import Scores, probabilities
from training.evidence.statistics import expected_calibration_error, fit_temperature

CLASSES = ("ketchup", "pesto")


@pytest.fixture(scope="module")
def model() -> RveRNet:
    torch.manual_seed(0)
    spec = ModuleSpec("mobilenetv2_035")
    return RveRNet(RveRNetConfig(spec, spec, 2, fusion="features", hidden=8, input_size=32))


@pytest.fixture
def checkpoint(model: RveRNet, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "tiny", model, CLASSES, metrics={"top1": 0.5})
    return tmp_path / "tiny"


@pytest.fixture
def run(
    checkpoint: Path, made_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command and returns its status, output and errors."""
    cache = ("--segmenter", "grabcut", "--cache", str(tmp_path / "masks"))

    def run_with(*more: str, folder: Path | str = checkpoint) -> tuple[int, str, str]:
        status = main([str(folder), "--data", str(made_data), "--split", "all", *cache, *more])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run_with


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made_scores(groups: int, of_each: list[tuple[float, bool]]) -> Scores:
    """Return scores in which every group has one sample per (margin, correct) pair.

    The margin is the logit of the likelier class minus the other; the likelier class alternates.
    """
    margins, right = (np.array(column) for column in zip(*of_each * groups, strict=True))
    likeliest = np.arange(len(margins)) % 2
    logits = np.zeros((len(margins), 2), np.float32)
    logits[np.arange(len(margins)), likeliest] = margins
    names = tuple(str(i) for i in range(len(margins)))
    of_group = tuple(f"g{i // len(of_each)}" for i in range(len(margins)))
    return Scores(names, of_group, np.where(right, likeliest, 1 - likeliest), logits, None)


def test_calibration_of_scores_with_three_of_four_correct() -> None:
    scores = made_scores(6, [(4, True), (4, True), (4, False), (4, True)])
    calibration, worth = calibrate(scores, 0.7)
    assert calibration.temperature == pytest.approx(4 / np.log(3), rel=1e-3)  # odds are 3 to 1
    assert calibration.threshold == 0
    sure = 1 / (1 + np.exp(-4))
    assert worth == {
        "regions": 24,
        "calibration_error_before": pytest.approx(sure - 0.75, abs=1e-5),
        "calibration_error_after": pytest.approx(0, abs=1e-3),
        "answered": 1.0,
        "right": 0.75,
        "right_where_answered": 0.75,
    }


def test_threshold_passes_predictions_at_the_target_accuracy() -> None:
    scores = made_scores(6, [(4, True), (4, True), (1, True), (1, False)])
    calibration, worth = calibrate(scores, 0.95)
    shown = probabilities(scores.logits, calibration.temperature).max(axis=1)
    np.testing.assert_array_equal(shown >= calibration.threshold, [True, True, False, False] * 6)
    assert (worth["answered"], worth["right"], worth["right_where_answered"]) == (0.5, 0.75, 1.0)


def test_each_half_is_measured_with_the_calibration_of_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The halves consist of whole groups, so that similar samples are on one side only."""
    random = np.random.default_rng(0)
    groups = tuple(str(i // 3) for i in range(60))
    logits = random.normal(size=(60, 2)).astype(np.float32)
    scores = Scores(tuple(map(str, range(60))), groups, random.integers(0, 2, 60), logits, None)
    fitted = []

    def fit(seen: NDArray[np.float32], true: NDArray[np.int64]) -> float:
        chosen = np.isin(logits[:, 0], seen[:, 0])
        np.testing.assert_array_equal(scores.true[chosen], true)
        fitted.append(chosen)
        return float(len(fitted))  # 1 from all samples, then 2 and 3 from the halves

    monkeypatch.setattr(module, "fit_temperature", fit)
    calibration, worth = calibrate(scores, 0.1)
    everything, one, other = fitted
    assert everything.all()
    np.testing.assert_array_equal(one, ~other)
    for half in (one, other):
        assert half.sum() == 30
        assert not {groups[i] for i in np.flatnonzero(half)} & {groups[i] for i in np.flatnonzero(~half)}
    assert calibration.temperature == 1
    shown = np.where(one[:, None], probabilities(logits, 3.0), probabilities(logits, 2.0))
    expected = expected_calibration_error(scores.true, shown)
    assert worth["calibration_error_after"] == pytest.approx(expected)


def test_calibration_error_falls_on_held_out_groups() -> None:
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 600)
    logits = random.normal(size=(600, 3)).astype(np.float32)
    logits[np.arange(600), true] += 1
    scores = Scores(tuple(map(str, range(600))), tuple(map(str, range(600))), true, 5 * logits, None)
    calibration, worth = calibrate(scores, 0.8)
    assert calibration.temperature == pytest.approx(5 * fit_temperature(logits, true), rel=0.01)
    assert worth["calibration_error_after"] < 0.06 < 0.2 < worth["calibration_error_before"]
    assert worth["right_where_answered"] == pytest.approx(0.8, abs=0.05)
    assert 0.2 < worth["answered"] < 0.9


def test_half_without_a_threshold_answers_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = made_scores(4, [(4, True), (3, True)])
    bounds = iter([0.5, 2.0, 2.0])
    monkeypatch.setattr(module, "abstain_threshold", lambda *_: next(bounds))
    _, worth = calibrate(scores, 0.9)
    assert (worth["answered"], worth["right"], worth["right_where_answered"]) == (0, 1, None)


def test_too_few_groups_fail() -> None:
    with pytest.raises(DataError, match="at least 4 groups; these have 3"):
        calibrate(made_scores(3, [(2, True), (1, False)]), 0.9)


def test_unreachable_accuracy_fails() -> None:
    scores = made_scores(5, [(4, False), (1, True)])
    with pytest.raises(DataError, match=r"No threshold makes 0\.9 of the answers right"):
        calibrate(scores, 0.9)


@pytest.mark.parametrize("accuracy", [-0.1, 95, float("nan")])
def test_accuracy_outside_0_to_1_fails(accuracy: float) -> None:
    with pytest.raises(ConfigError, match="accuracy must be in"):
        calibrate(made_scores(5, [(4, True), (1, False)]), accuracy)


def test_command_writes_only_temperature_and_threshold(
    run: Callable[..., tuple[int, str, str]], checkpoint: Path
) -> None:
    before, config = content(checkpoint), json.loads((checkpoint / "config.json").read_text())
    written = (checkpoint / "model.safetensors").stat().st_mtime_ns
    status, printed, _ = run("--accuracy", "0.1", "--device", "cpu")
    assert status == 0
    found = json.loads(printed)
    assert list(found) == [
        *("temperature", "threshold", "regions", "calibration_error_before", "calibration_error_after"),
        *("answered", "right", "right_where_answered"),
    ]
    assert found["regions"] == 16
    calibration = load_checkpoint(checkpoint).calibration
    assert calibration is not None
    assert calibration.temperature == pytest.approx(found["temperature"], abs=1e-4)
    assert calibration.threshold == pytest.approx(found["threshold"], abs=1e-4)
    after = content(checkpoint)
    assert after.keys() == before.keys()
    assert after["model.safetensors"] == before["model.safetensors"]
    assert (checkpoint / "model.safetensors").stat().st_mtime_ns == written
    changed = json.loads(after["config.json"])
    assert changed.pop("calibration") == {
        "temperature": calibration.temperature,
        "threshold": calibration.threshold,
        "fitted_on": list(calibration.fitted_on),
    }
    assert [part.partition(" ")[2] for part in calibration.fitted_on] == ["train", "val", "test"]
    assert changed == config

    assert run("--accuracy", "0.1")[1] == printed  # the existing calibration has no influence
    assert content(checkpoint) == after


def test_dry_run_writes_nothing(run: Callable[..., tuple[int, str, str]], checkpoint: Path) -> None:
    before = content(checkpoint)
    status, printed, _ = run("--accuracy", "0.1", "--dry_run")
    assert status == 0
    assert json.loads(printed)["temperature"] > 0
    assert content(checkpoint) == before


def test_tilde_expands_to_the_home_directory(
    run: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("--accuracy", "0.1", folder="~/tiny")[0] == 0
    assert load_checkpoint(checkpoint).calibration is not None


@pytest.mark.parametrize("where", ["owner/tiny", "owner/tiny@main", "nowhere", "~/nowhere"])
def test_writing_needs_a_local_checkpoint_folder(
    where: str, run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*arguments: Any, **how: Any) -> None:
        raise AssertionError("unexpected download")

    monkeypatch.setattr("rvernet_app.model.hub.snapshot_download", fetch)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    status, printed, errors = run(folder=where)
    assert (status, printed) == (2, "")
    assert len(errors.splitlines()) == 1
    assert errors.startswith(f"There is no checkpoint folder {where} to write into")
    assert list((tmp_path / "here").iterdir()) == []


def test_hub_checkpoint_is_calibrated_without_writing(
    run: Callable[..., tuple[int, str, str]], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rvernet_app.model.hub.snapshot_download", lambda *arguments, **how: str(checkpoint))
    before = content(checkpoint)
    status, printed, _ = run("--accuracy", "0.1", "--dry_run", folder="owner/tiny")
    assert status == 0
    assert json.loads(printed)["regions"] == 16
    assert content(checkpoint) == before


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--accuracy", "95"], "accuracy must be in 0..1, got 95"),
        (["--split", "test"], "has no test region"),
        (["--device", "toaster"], "'toaster'"),
    ],
)
def test_failed_calibration_prints_one_line_and_keeps_the_checkpoint(
    run: Callable[..., tuple[int, str, str]], checkpoint: Path, more: list[str], sentence: str
) -> None:
    before = content(checkpoint)
    status, printed, errors = run(*more)
    assert (status, printed) == (2, "")
    assert sentence in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert content(checkpoint) == before
