"""Generated data sets: red squares and green discs on gray, one object per group."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rvernet_app.picture.cutouts import cut_out
from rvernet_app.types import Mask, Photo
from training.data.photos import fit_mask
from training.data.regions import OpenPhoto, Region, SourceRegions

SIDE = 48
CLASSES = ("ketchup", "pesto")


def draw_food(kind: str, seed: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Return a uint8 RGB photo of shape (40, 48, 3) and the food's x, y, width and height."""
    random = np.random.default_rng(seed)
    photo = random.integers(100, 120, (40, SIDE, 3), dtype=np.uint8)
    x, y = (int(v) for v in random.integers(4, 18, 2))
    if kind == "ketchup":
        photo[y : y + 16, x : x + 16] = (200, 20, 20)
    else:
        cv2.circle(photo, (x + 8, y + 8), 8, (20, 200, 20), -1)
    return photo, (x, y, 16, 16)


@pytest.fixture
def made_data(tmp_path: Path) -> Path:
    """Make 12 training and 4 validation photos, one region each: even ids have a box, odd ids a polygon."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(16):
        split = "train" if i < 12 else "val"
        photo, (x, y, w, h) = draw_food(("ketchup", "pesto")[i % 2], seed=i)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), photo[:, :, ::-1])
        images.append(
            {"id": i, "file_name": f"{i}.png", "width": SIDE, "height": 40, "group": f"g{i}", "split": split}
        )
        annotation = {
            "id": 100 + i,
            "image_id": i,
            "category_id": 7 - i % 2,
            "bbox": [x, y, w, h],
            "iscrowd": 0,
        }
        if i % 2:
            annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        annotations.append(annotation)
        annotations.append(
            {"id": 200 + i, "image_id": i, "category_id": 9, "bbox": [0, 0, 3, 3], "ignore": 1}
        )
    categories = [{"id": 9, "name": "coin"}, {"id": 7, "name": "ketchup"}, {"id": 6, "name": "pesto"}]
    described = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(described))
    return folder


@pytest.fixture
def masked_data(made_data: Path) -> Path:
    """Give every region of the generated data a polygon, so that no segmenter is needed."""
    path = made_data / "annotations.json"
    described = json.loads(path.read_text())
    for annotation in described["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    path.write_text(json.dumps(described))
    return made_data


def masked_foods() -> Iterator[tuple[int, str, Photo, Mask]]:
    """Yield number, class, photo and mask of each food of `made_data`."""
    for i in range(16):
        photo, _ = draw_food(CLASSES[i % 2], seed=i)
        yield i, CLASSES[i % 2], photo, photo.max(axis=2) == 200


@pytest.fixture
def made_foodseg103(tmp_path: Path) -> Path:
    """Make a FoodSeg103 folder: training photos 0 to 11, test photos 12 to 15, one region each.

    Even numbers have a palette. The folder has no validation split: hold photos out by name, for example
    `held_out=("8", "9", "10", "11")`, or use `val_share`.
    """
    folder = tmp_path / "foodseg103"
    for kind in ("img_dir", "ann_dir"):
        for split in ("train", "test"):
            (folder / "Images" / kind / split).mkdir(parents=True)
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for i, label, photo, mask in masked_foods():
        split = "train" if i < 12 else "test"
        Image.fromarray(photo).save(
            folder / "Images" / "img_dir" / split / f"{i}.jpg", quality=95, subsampling=0
        )
        index = Image.fromarray(mask.astype(np.uint8) * (1 + CLASSES.index(label)))
        if i % 2 == 0:
            index.putpalette([0, 0, 0, 200, 20, 20, 20, 200, 20])
        index.save(folder / "Images" / "ann_dir" / split / f"{i}.png")
        lists[split].append(f"{i}.png\n")
    (folder / "ImageSets").mkdir()
    for split, names in lists.items():
        (folder / "ImageSets" / f"{split}.txt").write_text("".join(names))
    (folder / "category_id.txt").write_text("0\tbackground\n1\tketchup\n2\tpesto\n")
    return folder


@pytest.fixture
def made_pairs(tmp_path: Path) -> Path:
    """Make paired cut-outs: training names 0 to 11 and test names 12 to 15.

    The folder has no validation split: hold pairs out by name, for example
    `held_out=("8", "9", "10", "11")`, or use `val_share`.
    """
    folder = tmp_path / "pairs"
    for i, label, photo, mask in masked_foods():
        cutouts = cut_out(photo, mask)
        for kind, picture in (("roi", cutouts.roi), ("extra-roi", cutouts.extra_roi)):
            file = folder / ("train" if i < 12 else "test") / kind / label / f"{i}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(file, quality=95, subsampling=0)
    return folder


@dataclass(frozen=True, eq=False)
class StoredMask:
    """A photo on disk and its mask in memory."""

    photo: Path
    mask: Mask

    def read(self, open_photo: Callable[[Path], OpenPhoto]) -> tuple[Photo, Mask]:
        pixels = open_photo(self.photo).pixels
        return pixels, fit_mask(self.mask, pixels.shape[:2])


@dataclass(frozen=True, eq=False)
class Store:
    """A `RegionSource` of regions in memory."""

    name: str
    regions: tuple[Region, ...]

    def read(self) -> SourceRegions:
        return SourceRegions(self.regions, CLASSES, fingerprint="0123456789ab")


@pytest.fixture
def made_source(tmp_path: Path) -> Store:
    """Stand in for the app's annotations: 8 training, 4 validation and 4 test regions."""
    folder = tmp_path / "store"
    folder.mkdir()
    regions = []
    for i, label, photo, mask in masked_foods():
        file = folder / f"{i}.png"
        Image.fromarray(photo).save(file)
        regions.append(
            Region(
                name=f"store/{i}",
                label=label,
                group=f"store/g{i}",
                split="train" if i < 8 else "val" if i < 12 else "test",
                masked=(StoredMask(file, mask),),
                photo=file,
                size_hw=mask.shape,
                share=float(mask.mean()),
            )
        )
    return Store("store", tuple(regions))
