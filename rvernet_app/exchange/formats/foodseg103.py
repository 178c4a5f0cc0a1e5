"""The layout of FoodSeg103 (Wu et al. 2021, arXiv 2105.05409): photos and masks of category ids.

category_id.txt                     a line for each category: id, tab, name; 0 is the background
ImageSets/{train,test}.txt          names of the photos of a split; validation photos are in train
Images/img_dir/{train,test}/*.jpg   photos; a PNG is converted, because the layout allows only JPEG
Images/ann_dir/{train,test}/*.png   masks, 16 bits deep if there are more than 255 categories
groups.jsonl                        the group of each photo, see `groups`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rvernet_app.exchange.exporting import SIDES, ExportPhoto
from rvernet_app.exchange.formats.groups import GROUPS_NAME, group_line
from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.photos import save_pixels
from rvernet_app.store.files import JPEG_QUALITY
from rvernet_app.store.tables import Label


def write(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`."""
    numbers = {label.id: number for number, label in enumerate(labels, 1)}
    sides = dict.fromkeys(SIDES.values())
    for kind in ("img_dir", "ann_dir"):
        for side in sides:
            (folder / "Images" / kind / side).mkdir(parents=True)
    (folder / "ImageSets").mkdir()
    names = ["background", *(label.name for label in labels)]
    lines = "".join(f"{number}\t{name}\n" for number, name in enumerate(names))
    (folder / "category_id.txt").write_text(lines, encoding="utf-8")
    with ExitStack() as stack:
        lists = {
            side: stack.enter_context((folder / "ImageSets" / f"{side}.txt").open("w", encoding="utf-8"))
            for side in sides
        }
        groups = stack.enter_context((folder / GROUPS_NAME).open("w", encoding="ascii"))
        for photo in photos:
            side = SIDES[photo.split]
            index = np.zeros(photo.size_hw, np.uint8 if len(labels) <= 255 else np.uint16)
            _paint(index, photo, numbers)
            _save_jpeg(photo, folder / "Images" / "img_dir" / side / f"{photo.stem}.jpg")
            Image.fromarray(index).save(folder / "Images" / "ann_dir" / side / f"{photo.stem}.png")
            lists[side].write(f"{photo.stem}.jpg\n")
            groups.write(group_line(photo.stem, photo.final.meal))
    return {}


def _paint(index: NDArray[Any], photo: ExportPhoto, numbers: Mapping[int, int]) -> None:
    """Paint the category numbers of a photo's foods into a mask.

    Args:
        index: unsigned integer (H, W), changed in place.
        numbers: label id -> category number.
    """
    for food in photo.foods:
        index[from_rle(food.rle, photo.size_hw)] = numbers[food.label.id]


def _save_jpeg(photo: ExportPhoto, path: Path) -> None:
    if photo.file.suffix == path.suffix:
        photo.copy_into(path.parent)
    else:
        save_pixels(photo.pixels(), path, "JPEG", quality=JPEG_QUALITY, subsampling=0)
