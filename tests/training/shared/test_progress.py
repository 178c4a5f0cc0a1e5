"""Progress of a run in the form that other programs read."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from training.shared.progress import PROGRESS_NAME, Progress, one_line


def lines_in(folder: Path) -> list[dict[str, Any]]:
    """Check the times in the file and return its lines without them."""
    lines = [json.loads(line) for line in (folder / PROGRESS_NAME).read_text().splitlines()]
    for line in lines:
        at = datetime.fromisoformat(line.pop("at"))
        assert at.utcoffset() == timedelta(0)
        assert abs(datetime.now(timezone.utc) - at) < timedelta(hours=1)
    return lines


def test_run_reports_progress_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with Progress(folder) as progress:
        progress.stage("data")
        progress.stage("train", 4, unit="step")
        progress.step(1, loss=0.5)
        assert lines_in(folder)[-1]["done"] == 1  # the run has not ended yet
        progress.step(2, loss=math.nan)
        progress.epoch({"epoch": 1, "val_macro_f1": 0.25, "loss": math.inf})
    assert (folder / PROGRESS_NAME).name == "progress.jsonl"
    assert lines_in(folder) == [
        {"event": "stage", "stage": "data", "done": 0, "total": 0},
        {"event": "stage", "stage": "train", "done": 0, "total": 4},
        {"event": "step", "stage": "train", "done": 1, "total": 4, "loss": 0.5},
        {"event": "step", "stage": "train", "done": 2, "total": 4, "loss": None},
        {
            "event": "epoch",
            "stage": "train",
            "done": 2,
            "total": 4,
            "epoch": 1,
            "val_macro_f1": 0.25,
            "loss": None,
        },
        {"event": "done", "stage": "train", "done": 2, "total": 4},
    ]
    printed = capsys.readouterr()
    assert printed.out == '{"epoch": 1, "val_macro_f1": 0.25, "loss": Infinity}\n'
    assert printed.err == ""  # stderr is not a terminal


def test_resumed_run_appends_its_progress(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Progress(tmp_path) as progress:
            progress.stage("train", 3, unit="step")
            progress.step(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Progress(tmp_path) as progress:
        progress.stage("train", 3, 1, unit="step")
    assert lines_in(tmp_path) == [
        {"event": "stage", "stage": "train", "done": 0, "total": 3},
        {"event": "step", "stage": "train", "done": 1, "total": 3},
        {"event": "failed", "stage": "train", "done": 1, "total": 3, "message": "KeyboardInterrupt"},
        {"event": "stage", "stage": "train", "done": 1, "total": 3},
        {"event": "done", "stage": "train", "done": 1, "total": 3},
    ]


def fail(folder: Path, error: Exception, stage: str) -> None:
    with Progress(folder) as progress:
        if stage:
            progress.stage(stage)
        raise error


def test_failed_run_reports_the_reason_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"):
        fail(tmp_path, OSError("The disk\nis full."), "export")
    assert lines_in(tmp_path)[-1] == {
        "event": "failed",
        "stage": "export",
        "done": 0,
        "total": 0,
        "message": "The disk is full.",
    }


def test_run_that_fails_before_its_first_stage_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="options"):
        fail(tmp_path, ValueError("Other options."), "")
    assert not any(tmp_path.iterdir())


def test_unwritable_progress_file_does_not_hide_the_error_of_the_run(tmp_path: Path) -> None:
    def run() -> None:
        with Progress(tmp_path / "run") as progress:
            progress.stage("train", 3)
            (tmp_path / "run" / PROGRESS_NAME).unlink()
            (tmp_path / "run" / PROGRESS_NAME).mkdir()
            raise ValueError("The reason.")

    with pytest.raises(ValueError, match="The reason"):
        run()


def test_run_without_a_folder_reports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Progress() as progress:
        progress.stage("train", 3)
        progress.step(1, loss=1.0)
        progress.epoch({"epoch": 1})
    assert not any(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "line"), [(ValueError("a\n  b"), "a b"), (ValueError(""), "ValueError"), (KeyError("k"), "'k'")]
)
def test_long_errors_shrink_to_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line
