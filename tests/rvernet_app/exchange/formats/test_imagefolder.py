"""Hugging Face's imagefolder: exports read by datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from tests.rvernet_app.exchange.formats.kitchen import (
    CREME,
    FORMULA,
    SHARES,
    Kitchen,
    draw,
    meal_in,
    visible_masks_of,
)

FOLDERS = {"train": "train", "val": "validation", "test": "test"}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads a folder with datasets, with a temporary cache and no network."""
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return lambda folder: datasets.load_dataset(
        "imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache")
    )


def rows(folder: Path, split: str) -> list[dict[str, Any]]:
    lines = (folder / FOLDERS[split] / "metadata.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line) for line in lines]


def test_datasets_reads_photos_and_masks(kitchen: Kitchen, tmp_path: Path, load: Any) -> None:
    kitchen.export("imagefolder", tmp_path / "out")
    found = load(tmp_path / "out")
    assert set(found) == {"train", "validation", "test"}
    for split, folder in FOLDERS.items():
        finals = [f for f in kitchen.finals() if f.split == split and f.foods]
        assert len(found[folder]) == len(finals)
        for row, final in zip(found[folder], finals, strict=True):
            objects = row["objects"]
            assert objects["label"] == [food.label.name for food in final.foods]
            expected = [m for masks in visible_masks_of(final).values() for m in masks]
            for rle, mask in zip(objects["segmentation"], expected, strict=True):
                np.testing.assert_array_equal(coco.decode(rle), mask)
            assert objects["area"] == [int(mask.sum()) for mask in expected]
            assert row["image"].size == (final.item.photo.width, final.item.photo.height)
            assert row["group"] == final.meal
    first = found["train"][0]
    np.testing.assert_array_equal(np.asarray(first["image"]), draw((72, 96), 0))
    objects = first["objects"]
    assert objects["label"] == ["rice", CREME]
    assert objects["bbox"] == [[6, 14, 45, 45], [51, 5, 38, 66]]
    assert (objects["amount"], objects["low"], objects["high"]) == ([150, -1], [120, -1], [180.5, -1])
    assert (objects["unit"], objects["method"]) == (["g", ""], ["weighed", ""])
    assert (objects["note"], objects["annotator"]) == (["=1+1, «two»\nlines", ""], ["Ann, RD"] * 2)
    assert objects["food_code"] == ["168878", ""]


def test_photos_without_foods_are_left_out(kitchen: Kitchen, tmp_path: Path) -> None:
    report = kitchen.export("imagefolder", tmp_path / "out")
    assert report.left_out["photos without foods"] == 1
    assert not list((tmp_path / "out").rglob("empty*"))


def test_texts_that_look_like_dates_stay_texts(kitchen: Kitchen, tmp_path: Path, load: Any) -> None:
    """datasets would infer another type for a split in which all texts are dates."""
    dates = [f"20{n:02}-05-01" for n in range(24, 99)]
    by_split = {s: next(d for d in dates if SHARES.split_of(d) == s) for s in FOLDERS}
    kitchen.change_item(0, meal=by_split["train"])
    kitchen.change_item(1, meal=by_split["val"])
    kitchen.change_item(5, meal=by_split["train"], before_id=None)
    kitchen.change_item(7, meal=by_split["train"])
    assert SHARES.split_of(meal_in("test")) == "test"  # photo 6 keeps its meal, which is not a date
    kitchen.export("imagefolder", tmp_path / "out")
    assert [row["group"] for row in rows(tmp_path / "out", "val")] == [f"{by_split['val']} "]
    found = load(tmp_path / "out")
    assert found["validation"][0]["group"] == f"{by_split['val']} "
    assert found["test"][0]["objects"]["label"][-1] == FORMULA
