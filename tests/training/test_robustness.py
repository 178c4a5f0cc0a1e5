from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.model.preprocessing import Preprocessing
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.picture.cutouts import cut_out
from training import robustness as module
from training.data.coco import CocoFolder
from training.data.photos import open_photo
from training.data.regions import Region
from training.evidence.conditions import GRADES, Condition
from training.evidence.measure import Scores, figures, score
from training.robustness import as_markdown, draw_grades, main, robustness

CLASSES = ("ketchup", "pesto")
SPEC = ModuleSpec("mobilenetv2_035")


@pytest.fixture(scope="module")
def rvernet() -> RveRNet:
    torch.manual_seed(0)
    return RveRNet(RveRNetConfig(SPEC, SPEC, 2, fusion="features", hidden=8, input_size=32))


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


def validation(data: Path) -> list[Region]:
    return [r for r in CocoFolder("data", data).read().regions if r.split == "val"]


def test_every_graded_condition_is_measured_and_written(
    run: Callable[..., tuple[int, str, str]], checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "report"
    status, printed, _ = run("--out", str(out), "--ambiguous", "pesto", "--device", "cpu")
    assert status == 0
    rows = json.loads((out / "robustness.json").read_text())
    graded = [(name, strength) for name, strengths in GRADES.items() for strength in strengths]
    assert [(row["condition"], row["strength"]) for row in rows] == [("clean", 0), *graded]
    stored = load_checkpoint(checkpoint)
    clean = score(stored.model, stored.preprocessing, validation(data), CLASSES)
    expected = figures(clean, CLASSES, ("pesto",))
    assert {key: rows[0][key] for key in expected} == expected
    assert rows[0]["kept"] == 1
    for row in rows:
        assert row.keys() == rows[0].keys()
        assert 0 <= row["kept"] <= 1
        low, high = row["macro_f1_interval"]
        assert low <= row["macro_f1"] <= high
    assert (out / "robustness.md").read_text() == as_markdown(rows) == printed.removesuffix("\n")
    assert (out / "robustness.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in out.iterdir()) == [
        "robustness.json",
        "robustness.md",
        "robustness.png",
    ]


def test_selected_conditions_are_measured_once(run: Callable[..., tuple[int, str, str]]) -> None:
    chosen = ("translocation=1", "clean", "erode=0", "translocation=0.5", "translocation=1.0")
    status, printed, _ = run("--json", "--conditions", *chosen)
    assert status == 0
    rows = json.loads(printed)
    expected = [("clean", 0), ("translocation", 1), ("erode", 0), ("translocation", 0.5)]
    assert [(row["condition"], row["strength"]) for row in rows] == expected
    same = {key: value for key, value in rows[0].items() if key not in ("condition", "strength")}
    assert {key: rows[2][key] for key in same} == same


def test_baseline_is_measured_under_noise(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    model = SinglePicture(SinglePictureConfig("photo", SPEC, 2, fusion="features", hidden=8, input_size=32))
    save_checkpoint(tmp_path / "photo only", model, CLASSES)
    status, printed, _ = run("--conditions", "permutation=1", "shift=1", folder=tmp_path / "photo only")
    assert status == 0
    assert "| condition | strength | macro F1 | top-1 | 95 % of macro F1 | kept |" in printed
    (shifted,) = (line for line in printed.splitlines() if line.startswith("| shift | 1 |"))
    assert shifted.endswith("| 1.000 |")  # it sees the whole photo for any mask


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--conditions", "fog=1"], "Unknown condition 'fog'"),
        (["--conditions", "erode=much"], "erode must be a number"),
        (["--ambiguous", "soup"], "tiny does not know the classes soup"),
        (["--split", "test"], "has no test region"),
        (["--device", "toaster"], "'toaster'"),
    ],
)
def test_failed_measurement_prints_one_line_with_status_2(
    run: Callable[..., tuple[int, str, str]], more: list[str], sentence: str
) -> None:
    status, printed, errors = run(*more)
    assert (status, printed) == (2, "")
    assert len(errors.splitlines()) == 1
    assert sentence in errors


def test_kept_is_the_share_of_unchanged_predictions(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, data: Path
) -> None:
    """The reference is the clean prediction, whether correct or wrong."""
    called = iter([[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 0, 0]])

    def scored(
        model: RveRNet,
        preprocessing: Preprocessing,
        regions: list[Region],
        classes: tuple[str, str],
        view: Any,
        skip_broken: bool,
    ) -> Scores:
        logits = np.eye(2, dtype=np.float32)[next(called)]
        names = tuple(region.name for region in regions)
        return Scores(names, names, np.array([0, 1, 0, 1]), logits, None)

    monkeypatch.setattr(module, "score", scored)
    conditions = (Condition("erode", 0.1), Condition("erode", 0.2))
    rows = robustness(load_checkpoint(checkpoint), validation(data), conditions)
    assert [row["kept"] for row in rows] == [1, 0.75, 0]
    assert [row["top1"] for row in rows] == [0.5, 0.75, 0.5]


def test_kept_covers_regions_readable_in_both_conditions(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, data: Path
) -> None:
    names = tuple(region.name for region in validation(data))
    scored_ones = iter(
        [
            Scores(names[1:], names[1:], np.array([1, 0, 1]), np.eye(2, dtype=np.float32)[[1, 0, 1]], None),
            Scores(names[:3], names[:3], np.array([0, 1, 0]), np.eye(2, dtype=np.float32)[[1, 1, 1]], None),
        ]
    )
    monkeypatch.setattr(module, "score", lambda *_, **__: next(scored_ones))
    rows = robustness(
        load_checkpoint(checkpoint), validation(data), (Condition("erode", 0.1),), skip_broken=True
    )
    assert [row["kept"] for row in rows] == [1, 0.5]  # for the second and third regions


def test_unreadable_background_removes_no_region(
    run: Callable[..., tuple[int, str, str]], data: Path, tmp_path: Path
) -> None:
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    cv2.imwrite(str(good), np.full((40, 48, 3), 255, np.uint8))
    broken.write_bytes(b"")
    (data / "images" / "12.png").write_bytes(b"")
    asked = ("--json", "--conditions", "background=1", "--backgrounds", str(good), str(broken))
    status, printed, _ = run(*asked, "--skip_broken")
    assert status == 0
    assert [row["regions"] for row in json.loads(printed)] == [3, 3]
    assert run(*asked)[0] == 2


def test_wrong_object_can_have_an_unknown_class(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str, str]], data: Path
) -> None:
    path = data / "annotations.json"
    described = json.loads(path.read_text())
    for annotation in described["annotations"]:
        annotation.pop("ignore", None)  # turns the coin on every photo into a region
    path.write_text(json.dumps(described))
    views = []

    def scored(
        model: RveRNet,
        preprocessing: Preprocessing,
        regions: tuple[Region, ...],
        classes: tuple[str, str],
        view: Any,
        skip_broken: bool,
    ) -> Scores:
        views.append((view, preprocessing.letterbox, regions))
        return score(model, preprocessing, regions, classes, view=view)

    monkeypatch.setattr(module, "score", scored)
    status, _, _ = run("--known_only", "--conditions", "wrong_object=1")
    assert status == 0
    view, letterbox, regions = views[-1]
    assert {region.label for region in regions} == set(CLASSES)
    for region in regions:
        photo, mask = region.masked[0].read(open_photo)
        coin = np.zeros_like(mask)
        coin[:3, :3] = True
        np.testing.assert_array_equal(view(region).squares[0], letterbox.apply(cut_out(photo, coin).roi))


def test_foods_are_pasted_on_the_given_backgrounds(
    checkpoint: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    white = tmp_path / "white.png"
    cv2.imwrite(str(white), np.full((40, 48, 3), 255, np.uint8))
    seen = []

    def scored(
        model: RveRNet,
        preprocessing: Preprocessing,
        regions: list[Region],
        classes: tuple[str, str],
        view: Any,
        skip_broken: bool,
    ) -> Scores:
        seen.append([view(region) for region in regions])
        return score(model, preprocessing, regions, classes, view=view)

    monkeypatch.setattr(module, "score", scored)
    robustness(
        load_checkpoint(checkpoint), validation(data), [Condition("background", 1)], backgrounds=[white]
    )
    for clean, laid in zip(*seen, strict=True):
        np.testing.assert_array_equal(laid.squares[0], clean.squares[0])
        assert laid.squares[1].mean() > 200 > clean.squares[1].mean()


def test_chart_accepts_conditions_in_any_order_or_none(tmp_path: Path) -> None:
    def row(condition: str, strength: float, f1: float) -> dict[str, Any]:
        interval = [f1 - 0.1, f1 + 0.1]
        return {"condition": condition, "strength": strength, "macro_f1": f1, "macro_f1_interval": interval}

    clean = row("clean", 0, 0.8)
    for rows in (
        [clean],
        [clean, row("wrong_object", 1, 0.2), row("erode", 0.5, 0.3), row("erode", 0.1, 0.7)],
    ):
        draw_grades(rows, tmp_path / "grades.png")
        assert (tmp_path / "grades.png").read_bytes().startswith(b"\x89PNG")
