"""The command line: files, result.json, exit status and one line on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image

from rvernet_app.cli.main import main
from rvernet_app.config import AppConfig
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import from_rle
from rvernet_app.segment.grabcut import GrabCutSegmenter

FILES = {"mask.png", "roi.png", "extra_roi.png", "cam_roi.png", "cam_extra_roi.png", "result.json"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red disc on gray, 240 x 160 pixels."""
    y, x = np.mgrid[:160, :240]
    pixels = np.full((160, 240, 3), 190, np.uint8)
    pixels[(x - 90) ** 2 + (y - 80) ** 2 < 35**2] = (200, 30, 30)
    path = tmp_path / "disc.png"
    Image.fromarray(pixels).save(path)
    return path


def test_predict_writes_the_files_of_the_contract(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    status = main(
        ["predict", str(photo), "--point", "90,80", "--segmenter", "grabcut", "--out", str(out), "--json"]
    )
    assert status == 0
    assert {file.name for file in out.iterdir()} == FILES
    result = json.loads((out / "result.json").read_text())
    assert json.loads(capsys.readouterr().out) == result
    assert result["photo"]["width"] == 240
    assert result["photo"]["height"] == 160
    assert result["segmenter"] == "grabcut"
    assert result["checkpoint"] == "rvernet-mobilenetv2"
    assert set(result["mask"]) == {"bbox", "area", "score", "rle"}
    assert {"encode", "segment", "classify", "explain"} <= set(result["timings_ms"])
    assert len(result["suggestions"]) == len(result["without_context"]) == 5
    threshold = json.loads(Path(AppConfig.checkpoint, "config.json").read_text())["calibration"]["threshold"]
    assert result["sure"] is (result["suggestions"][0]["probability"] >= threshold)
    assert {s["label"] for s in result["suggestions"]} <= set(result["classes"])

    mask = from_rle(result["mask"]["rle"], (160, 240))
    assert mask.sum() == result["mask"]["area"]
    assert np.array_equal(np.array(Image.open(out / "mask.png")) > 0, mask)
    x, y, width, height = result["mask"]["bbox"]
    assert (x, y, width, height) == pytest.approx((56, 46, 69, 69), abs=4)
    cutouts = cut_out(np.array(Image.open(photo)), mask)
    assert np.array_equal(np.array(Image.open(out / "roi.png")), cutouts.roi)
    assert np.array_equal(np.array(Image.open(out / "extra_roi.png")), cutouts.extra_roi)
    assert Image.open(out / "cam_roi.png").size == Image.open(out / "cam_extra_roi.png").size == (240, 160)


def test_predict_takes_boxes_and_background_points(photo: Path, tmp_path: Path) -> None:
    arguments = [
        "predict",
        str(photo),
        "--box",
        "50,40,130,120",
        "--negative",
        "5,5",
        "--segmenter",
        "grabcut",
    ]
    assert main([*arguments, "--cam", "layercam", "--out", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["mask"]["area"] == pytest.approx(np.pi * 35**2, rel=0.1)
    assert result["activation_maps"]["method"] == "layercam"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--point", "900,80"], "outside the photo"),
        (["--negative", "9,8"], "background"),
        ([], "at least one point or a box"),
        (["--point", "here"], "X,Y"),
        (["--point", "1,2,3"], "X,Y"),
        (["--box", "9,9,3,3"], "left < right"),
        (["--point", "90,80", "--segmenter", "nobody"], "nobody"),
        (["--point", "90,80", "--segmenter", "vit_b"], "weights get vit_b"),
        (["--point", "90,80", "--checkpoint", "/nowhere"], "/nowhere"),
        (["--point", "90,80", "--checkpoint", "ann/meals"], "ann/meals was not fetched before"),
        (["--point", "90,80", "--cam", "shap"], "gradcam"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(
    arguments: list[str],
    says: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RVERNET_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    status: int | str | None
    try:
        status = main(["predict", str(photo), *arguments, "--out", str(tmp_path / "out")])
    except SystemExit as stop:
        status = int(stop.code or 0)
    printed = capsys.readouterr()
    assert status == 2
    assert printed.err.count("\n") == 1
    assert says in printed.err
    assert not (tmp_path / "out").exists()


def test_a_click_on_no_food_needs_anyway(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GrabCutSegmenter, "least_belief", 1.1)
    click = [
        "predict",
        str(photo),
        "--point",
        "90,80",
        "--segmenter",
        "grabcut",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(click) == 2
    said = capsys.readouterr().err
    assert said.startswith("rvernet: No food found here.")
    assert said.count("\n") == 1
    assert not (tmp_path / "o").exists()
    assert main([*click, "--anyway"]) == 0


def test_a_file_that_is_not_a_photo_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.jpg").write_text("milk, eggs")
    assert main(["predict", str(tmp_path / "notes.jpg"), "--point", "1,1", "--out", str(tmp_path / "o")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_weights_list_and_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVERNET_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "mobile_sam.pt").write_bytes(b"here")
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == [
        "vit_h",
        "vit_l",
        "vit_b",
        "mobile_sam",
        "small_sam",
        "grabcut",
    ]
    assert str(tmp_path / "mobile_sam.pt") in listed[3]
    assert main(["weights", "path"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"


def test_unknown_weights_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "get", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
