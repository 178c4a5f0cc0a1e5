"""Render the app's sample photos: `python -m training.meals.showpieces --out assets/samples`, with Blender.

The meals have their own seed and were chosen by eye; no model is trained on them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from rvernet_app import files
from training.meals.dataset import MealFolder, Settings
from training.meals.job import Job, menu_labels, render_meal

SEED = 7
SIZE_WH = (1280, 960)
SAMPLES = 24
SHOWPIECES = {
    57: "burger-and-fries",
    47: "canteen-tray",
    98: "croissant",
    92: "fruit-board",
    51: "lunch-box",
    62: "rice-and-bulgogi",
    27: "rice-and-eggs",
    95: "salmon-board",
    31: "side-dishes",
}
"""File names of the photos by meal number."""


def main() -> int:
    arguments = _parse()
    settings = Settings(SEED, *SIZE_WH, SAMPLES, version("bpy"))
    folder = MealFolder(arguments.work, settings)
    for index in tqdm(SHOWPIECES, unit="meal"):
        if not folder.is_done(index):
            render_meal(Job(index, arguments.work, settings, os.cpu_count() or 1))
    folder.write_annotations(menu_labels())
    coco = json.loads((arguments.work / "annotations.json").read_bytes())
    photos = arguments.out / "images"
    photos.mkdir(parents=True, exist_ok=True)
    for image in coco["images"]:
        image["file_name"], image["split"] = f"{SHOWPIECES[image['id']]}.jpg", "test"
        shutil.copyfile(folder.photo(image["id"]), photos / image["file_name"])
    files.write(arguments.out / "annotations.json", json.dumps(coco), durable=False)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.meals.showpieces", description="Render the app's sample photos."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the samples")
    parser.add_argument("--work", type=Path, default=Path("runs/showpieces"), help="folder of the renders")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
