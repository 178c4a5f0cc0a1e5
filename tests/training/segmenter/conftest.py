"""Generated scenes: coloured discs and squares on grey, with exact masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rvernet_app.picture.masks import to_rle
from rvernet_app.segment.small_sam import build_small_sam
from training.segmenter.options import SegmenterOptions, Source, Stage


@pytest.fixture
def scenes_folder(tmp_path: Path) -> Path:
    """Make four 120 x 90 photos with a disc and a two-piece square each; g3 has no split."""
    folder = tmp_path / "scenes"
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i in range(4):
        rng = np.random.default_rng(i)
        photo = rng.integers(90, 110, (90, 120, 3), dtype=np.uint8)
        disc, square = np.zeros((90, 120), np.uint8), np.zeros((90, 120), np.uint8)
        cv2.circle(disc, (35, 40 + i), 20, 1, -1)
        square[30:60, 70:100] = 1
        photo[disc > 0], photo[square > 0] = (30, 180, 40), (30, 30, 200)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo)
        images.append({"id": i, "file_name": f"{i}.png", "width": 120, "height": 90, "group": f"g{i}"})
        if i < 3:
            images[-1]["split"] = ("train", "train", "val")[i]
        halves = [square.copy(), square.copy()]
        halves[0][:, 85:], halves[1][:, :85] = 0, 0
        pieces = [to_rle(half.astype(bool)) for half in halves]
        for mask, extra in ((disc, {}), (square, {"pieces": pieces})):
            rle = to_rle(mask.astype(bool))
            annotations.append({"id": len(annotations), "image_id": i, "segmentation": rle, **extra})
    described = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "food"}]}
    (folder / "annotations.json").write_text(json.dumps(described))
    return folder


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """Save random weights of the timm backbone."""
    torch.manual_seed(3)
    path = tmp_path / "backbone.safetensors"
    save_file(build_small_sam().image_encoder.backbone.state_dict(), path)
    return path


@pytest.fixture
def options(scenes_folder: Path, backbone: Path, tmp_path: Path) -> SegmenterOptions:
    """Return options with two steps on small windows and one on larger ones."""
    return SegmenterOptions(
        sources=(Source(scenes_folder, held_out=("g3",)),),
        stages=(Stage(2, window=64, photos=2, rounds=2), Stage(1, window=96, photos=1, rounds=3)),
        run_folder=tmp_path / "run",
        export=tmp_path / "run" / "small.safetensors",
        backbone_weights=backbone,
        frozen=("conv_stem", "blocks.0"),
        masks=2,
        mask_cache=tmp_path / "masks",
        workers=0,
        save_every=2,
        device="cpu",
    )
