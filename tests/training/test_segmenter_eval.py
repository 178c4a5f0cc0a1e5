from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rvernet_app.picture.masks import to_rle
from training import segmenter_eval


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    photo = np.full((60, 90, 3), 220, np.uint8)
    photo[15:45, 30:60] = (20, 40, 180)
    food = np.zeros((60, 90), bool)
    food[15:45, 30:60] = True
    annotations = []
    for i in range(2):
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), photo)
        rle = to_rle(food)
        annotations.append({"id": i, "image_id": i, "category_id": 1, "segmentation": rle})
    images = [
        {"id": i, "file_name": f"{i}.png", "width": 90, "height": 60, "group": f"g{i}"} for i in range(2)
    ]
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "tofu"}]}
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    return tmp_path


def test_command_measures_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--segmenter", "grabcut", "--data", str(folder), "--clicks", "3"]
    assert segmenter_eval.main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["segmenter"], report["foods"]) == ("grabcut", 2)
    assert report["mIoU@1"] > 0.9
    assert segmenter_eval.main([*command, "--groups", "g1"]) == 0
    assert "foods 1.0" in capsys.readouterr().out


@pytest.mark.parametrize("extra", [[], ["--no-photos"]])
def test_sheet_shows_the_masks(folder: Path, tmp_path: Path, extra: list[str]) -> None:
    sheet = tmp_path / "sheet.jpg"
    command = [
        "--segmenter",
        "grabcut",
        "--data",
        str(folder),
        "--clicks",
        "1",
        "--sheet",
        str(sheet),
        *extra,
    ]
    assert segmenter_eval.main(command) == 0
    tile = np.asarray(Image.open(sheet))[:184, :244]
    orange = (np.abs(tile.astype(int) - (255, 176, 0)) < 60).all(axis=2)
    rows, columns = np.nonzero(orange)
    assert 60 < np.ptp(columns) < 100
    assert 60 < np.ptp(rows) < 100


@pytest.mark.parametrize(
    "arguments",
    [["--segmenter", "scissors"], ["--clicks", "0"], ["--split", "test"], ["--groups", "g9"]],
    ids=lambda arguments: arguments[0],
)
def test_failed_measurement_prints_one_line(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert segmenter_eval.main(["--data", str(folder), *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_missing_folder_prints_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert segmenter_eval.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
