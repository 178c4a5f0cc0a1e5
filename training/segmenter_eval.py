"""Measure how well a segmenter masks annotated foods: `python -m training.segmenter_eval --data DIR`.

Clicks follow `training.data.clicks`. After each click the first candidate counts, and it goes back to the segmenter as
the mask to correct, as on the page. NoC@q is the mean number of clicks until the IoU is at least q %, at most --clicks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from rvernet_app.config import AppConfig
from rvernet_app.model.device import torch_device
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.registry import load_segmenter, open_segmenter
from training.data.regions import SPLITS, DataError
from training.segmenter.data import Scene, read_masks
from training.segmenter.measure import CLICKS, answers, summary
from training.segmenter.options import Source
from training.segmenter.sheets import draw_sheet
from training.shared.command import command


@command
def main(arguments: Sequence[str]) -> None:
    """Measure a segmenter; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m training.segmenter_eval", description=__doc__)
    parser.add_argument("--segmenter", default="auto", help="name of a segmenter of the app (default: auto)")
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and annotations.json")
    parser.add_argument("--annotations", type=Path, help="another COCO file for the images in the folder")
    parser.add_argument("--split", choices=SPLITS, help="only this split (default: all)")
    parser.add_argument("--groups", nargs="+", help="only images of these groups")
    parser.add_argument(
        "--clicks", type=int, default=CLICKS, help=f"clicks per food at most (default: {CLICKS})"
    )
    parser.add_argument("--weights", type=Path, help="weights file to use instead of the app's")
    parser.add_argument("--sheet", type=Path, help="also draw the masks of one click on 40 foods, as a JPEG")
    parser.add_argument("--no-photos", action="store_true", help="draw annotated masks instead of photos")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    if chosen.clicks < 1:
        raise DataError(f"--clicks must be at least 1, got {chosen.clicks}.")
    segmenter = _open(chosen)
    scenes = _choose(chosen)
    figures = summary(answers(segmenter, tqdm(scenes, unit="photo"), chosen.clicks))
    if chosen.sheet:
        draw_sheet(segmenter, scenes, chosen.sheet, with_photos=not chosen.no_photos)
    report: dict[str, Any] = {"segmenter": segmenter.name, "data": str(chosen.data), **figures}
    if chosen.json:
        print(json.dumps(report))
    else:
        print("  ".join(f"{name} {value}" for name, value in report.items()))


def _open(chosen: argparse.Namespace) -> Segmenter:
    config = replace(AppConfig.from_env(), segmenter=chosen.segmenter)
    if chosen.weights is None:
        return open_segmenter(config)
    return load_segmenter(chosen.segmenter, chosen.weights, torch_device(config.device))


def _choose(chosen: argparse.Namespace) -> list[Scene]:
    source = Source(chosen.data, chosen.annotations, held_out=tuple(chosen.groups or ()))
    by_split = read_masks(source)
    if chosen.groups:
        scenes = by_split["val"]
    elif chosen.split:
        scenes = by_split[chosen.split]
    else:
        scenes = [scene for split in SPLITS for scene in by_split[split]]
    if not scenes:
        raise DataError(f"{chosen.data} has no annotated masks in the chosen split or groups.")
    return scenes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
