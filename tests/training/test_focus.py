from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rvernet_app.errors import RvernetError
from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training import focus as module
from training.data.coco import CocoFolder
from training.data.regions import DataError, Region
from training.focus import as_markdown, focus, main

SPEC = ModuleSpec("mobilenetv2_035")
SIDE = 32


def square(x: int, y: int) -> list[list[int]]:
    return [[x, y, x + 8, y, x + 8, y + 8, x, y + 8]]


@pytest.fixture
def two_foods(tmp_path: Path) -> Path:
    """Make two 32 x 32 photos with 8 x 8 ketchup at the top left and 8 x 8 bread at the bottom right."""
    folder = tmp_path / "foods"
    (folder / "images").mkdir(parents=True)
    described = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "ketchup"}, {"id": 2, "name": "bread"}],
    }
    for i in range(2):
        photo = np.random.default_rng(i).integers(60, 90, (SIDE, SIDE, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo)
        described["images"].append(
            {"id": i, "file_name": f"{i}.png", "width": SIDE, "height": SIDE, "split": "val"}
        )
        for category, corner in ((1, 0), (2, 24)):
            described["annotations"].append(
                {
                    "id": 10 * i + category,
                    "image_id": i,
                    "category_id": category,
                    "bbox": [corner, corner, 8, 8],
                    "segmentation": square(corner, corner),
                }
            )
    (folder / "annotations.json").write_text(json.dumps(described))
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = RveRNet(RveRNetConfig(SPEC, SPEC, 2, fusion="features", hidden=8, input_size=SIDE))
    save_checkpoint(tmp_path / "tiny", model, ("ketchup", "soup"))
    return tmp_path / "tiny"


def split(regions: list[Region] | tuple[Region, ...]) -> tuple[list[Region], list[Region]]:
    return [r for r in regions if r.label == "ketchup"], list(regions)


def test_shares_of_energy_are_exact(
    two_foods: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra_roi = np.zeros((SIDE, SIDE), np.float32)
    extra_roi[24:, 24:] = 3  # 64 pixels of the bread: 192
    extra_roi[0, 31] = 64  # and one empty map
    roi = np.zeros((SIDE, SIDE), np.float32)
    roi[:8, :8] = 1
    monkeypatch.setattr(module, "activation_maps", lambda *_: (roi, extra_roi))
    regions, around = split(CocoFolder("foods", two_foods).read().regions)
    found = focus(load_checkpoint(checkpoint), regions, around)
    assert found["regions"] == 2
    shares = {p: {at: found[p][at]["share"] for at in module.PLACES} for p in ("roi", "extra_roi")}
    assert shares["roi"] == {"region": 1, "other_foods": 0, "elsewhere": 0}
    assert shares["extra_roi"] == {"region": 0, "other_foods": 0.75, "elsewhere": 0.25}
    assert found["extra_roi"]["other_foods"]["even"] == round(64 / (SIDE * SIDE - 64), 4)
    assert found["roi"]["region"]["even"] == 1
    assert found["extra_roi"]["other_foods"]["interval"] == [0.75, 0.75]
    assert "| extra-roi | other foods | 0.750 | 0.750 to 0.750 | 0.067 |" in as_markdown(found)


def test_cut_outs_without_a_photo_have_no_other_foods(
    two_foods: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    even = np.ones((SIDE, SIDE), np.float32)
    monkeypatch.setattr(module, "activation_maps", lambda *_: (even, even))
    all_of_them = [replace(r, photo=None) for r in CocoFolder("foods", two_foods).read().regions]
    found = focus(load_checkpoint(checkpoint), *split(all_of_them))
    assert found["regions"] == 2
    assert found["extra_roi"]["other_foods"]["even"] == 0
    assert found["extra_roi"]["elsewhere"]["even"] == 1


def test_empty_maps_are_counted_but_not_averaged(
    two_foods: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = np.zeros((2, 2), np.float32)
    monkeypatch.setattr(module, "activation_maps", lambda *_: (nothing, nothing))
    regions, around = split(CocoFolder("foods", two_foods).read().regions)
    assert focus(load_checkpoint(checkpoint), regions, around)["extra_roi"] == {"empty_maps": 2}


def test_focus_of_a_baseline_fails(two_foods: Path, tmp_path: Path) -> None:
    model = SinglePicture(SinglePictureConfig("roi", SPEC, 2, fusion="features", hidden=8, input_size=SIDE))
    save_checkpoint(tmp_path / "one", model, ("ketchup", "soup"))
    with pytest.raises(RvernetError, match="sees one picture"):
        focus(load_checkpoint(tmp_path / "one"), *split(CocoFolder("foods", two_foods).read().regions))


def test_unreadable_region_fails_or_is_skipped(two_foods: Path, checkpoint: Path) -> None:
    regions, around = split(CocoFolder("foods", two_foods).read().regions)
    (two_foods / "images" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1\.png"):
        focus(load_checkpoint(checkpoint), regions, around)
    assert focus(load_checkpoint(checkpoint), regions, around, skip_broken=True)["regions"] == 1


def test_command_writes_figures_and_a_sheet(
    two_foods: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [str(checkpoint), "--data", str(two_foods), "--known_only", "--classes", "ketchup"]
    assert main([*asked, "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "focus.json").read_text())
    assert printed["regions"] == 2
    assert (tmp_path / "out" / "focus.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "focus.md").read_text().startswith("| module |")


@pytest.mark.parametrize(
    ("classes", "sentence"), [("bread", "does not know the classes bread"), ("soup", "no regions of these")]
)
def test_classes_without_regions_fail_with_one_line(
    two_foods: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str], classes: str, sentence: str
) -> None:
    asked = [str(checkpoint), "--data", str(two_foods), "--known_only", "--classes", classes]
    assert main(asked) == 2
    assert sentence in capsys.readouterr().err
