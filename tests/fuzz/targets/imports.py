"""Folders and archives of the formats that a project imports."""

from __future__ import annotations

import io
import json
import random
import shutil
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rvernet_app.exchange.formats.registry import IMPORTS
from rvernet_app.picture.masks import to_rle
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from tests.fuzz import mutate
from tests.fuzz.target import FolderTarget, Target

WIDTH, HEIGHT = 32, 24
BOX = [4, 3, 20, 3, 20, 15, 4, 15]
ROUNDS = 500
"""Inputs after which the store starts empty again."""


class Importing:
    """A store that sources are imported into; most imports only look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._store: Store | None = None

    def take(self, format_name: str, source: Path) -> str:
        """Import a source; every fourth is kept."""
        if self._store is None or self._count % ROUNDS == 0:
            self.close()
            shutil.rmtree(self._folder / "data", ignore_errors=True)
            self._store = Store(self._folder / "data")
        self._count += 1
        files = PhotoFiles(self._folder / "data", max_mb=40, max_megapixels=24)
        report = IMPORTS[format_name](self._store, files, "Kitchen", "Ann", source, keep=self._count % 4 == 0)
        return f"{min(2, report.photos + report.known_photos)} photos"

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None


class _Source(FolderTarget):
    """A folder of one format."""

    format_name: str
    megabytes = 600
    short = 15

    def open(self, folder: Path) -> None:
        """Make a store."""
        super().open(folder)
        self._importing = Importing(folder)

    def run(self, data: bytes) -> str:
        """Write the folder, and import it."""
        place = self.folder / "source"
        try:
            mutate.lay_out(mutate.unpacked(data), place)
            return self._importing.take(self.format_name, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def close(self) -> None:
        """Close the store."""
        self._importing.close()


class Coco(_Source):
    """COCO files with polygons and RLEs."""

    name = format_name = "coco"
    weight = 6

    def seeds(self) -> Sequence[bytes]:
        """Return a folder with polygons, one with RLEs, and one with the counts of runs."""
        return _coco_seeds()


class Labelme(_Source):
    """Files of labelme beside their photos."""

    name = format_name = "labelme"
    weight = 4

    def seeds(self) -> Sequence[bytes]:
        """Return a folder with every kind of shape."""
        return _labelme_seeds()


class Yolo(_Source):
    """YOLO folders with data.yaml."""

    name, format_name, weight = "yolo", "yolo-seg", 3

    def seeds(self) -> Sequence[bytes]:
        """Return folders with lists of names and with numbered names."""
        return _yolo_seeds()


class Archives(Target):
    """ZIPs of these folders."""

    name, weight, megabytes, short = "archives", 4, 600, 30

    def open(self, folder: Path) -> None:
        """Make a store."""
        super().open(folder)
        folder.mkdir(parents=True)
        self._importing = Importing(folder)

    def seeds(self) -> Sequence[bytes]:
        """Return a ZIP for each format."""
        return _archives()

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the ZIP with changed bytes, or one with changed names of its members."""
        if rng.random() < 0.5:
            return super().mutated(rng, data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(list(members))
        other = rng.choice(mutate.TEXTS)[:200].encode("utf-8", "replace").decode()
        members[other or "x"] = members.pop(name)
        return _zipped(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)))

    def run(self, data: bytes) -> str:
        """Import the archive as the format that its first bytes say, whatever it is."""
        source = self.folder / "source.zip"
        source.write_bytes(data)
        return self._importing.take(("coco", "labelme", "yolo-seg")[len(data) % 3], source)

    def close(self) -> None:
        """Close the store."""
        self._importing.close()


def photo(number: int = 0) -> bytes:
    """Return a tiny PNG; each number has its own colour."""
    file = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (90, 40 * number % 256, 30)).save(file, "PNG")
    return file.getvalue()


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


@cache
def _coco_seeds() -> tuple[bytes, ...]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[3:15, 4:20] = True
    runs = [4 * HEIGHT + 3, *[12, 12] * 15, 12, 12 * HEIGHT + 9]
    rle = dict(to_rle(mask))
    kinds: tuple[Any, ...] = ([BOX], rle, {"size": [HEIGHT, WIDTH], "counts": runs}, [BOX, BOX])
    images = [
        {"id": 1, "file_name": "one.png", "width": WIDTH, "height": HEIGHT},
        {"id": 2, "file_name": "images/two.png", "width": WIDTH, "height": HEIGHT},
    ]
    categories = [
        {"id": 5, "name": "rice", "supercategory": "food"},
        {"id": 6, "name": "apple", "supercategory": "rice"},
    ]
    made = []
    for kind in kinds:
        food = {"id": 3, "image_id": 1, "category_id": 5, "segmentation": kind, "iscrowd": 0}
        more = {"id": 4, "image_id": 2, "category_id": 6, "segmentation": [BOX], "bbox": [4, 3, 16, 12]}
        more["attributes"] = {"amount": 150.0, "unit": "g", "method": "weighed", "note": "x"}
        content = {"images": images, "annotations": [food, more], "categories": categories}
        folder = {"annotations.json": _dumped(content), "one.png": photo(1), "images/two.png": photo(2)}
        made.append(mutate.packed(folder))
    return tuple(made)


@cache
def _labelme_seeds() -> tuple[bytes, ...]:
    corners = [[4, 3], [20, 3], [20, 15], [4, 15]]
    shapes = [
        {"label": "rice", "points": corners, "shape_type": "polygon", "group_id": 1, "flags": {}},
        {"label": "rice", "points": [[22, 4], [30, 20]], "shape_type": "rectangle", "group_id": 1},
        {"label": "soup", "points": [[8, 8], [12, 8]], "shape_type": "circle"},
        {"label": "bread", "points": corners, "shape_type": "linestrip"},
        {"label": "egg", "points": [[2, 2], [9, 9]], "shape_type": "mask", "mask": ""},
    ]
    content: dict[str, Any] = {
        **{"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "one.png", "imageData": None},
        **{"imageHeight": HEIGHT, "imageWidth": WIDTH},
    }
    with_data = {**content, "imagePath": "gone.png", "imageData": "aGVsbG8="}
    return (
        mutate.packed({"one.json": _dumped(content), "one.png": photo(1)}),
        mutate.packed({"a/one.json": _dumped(content), "a/one.png": photo(1), "b.json": _dumped(with_data)}),
    )


@cache
def _yolo_seeds() -> tuple[bytes, ...]:
    listed = b"path: .\ntrain: images/train\nval: images/val\nnc: 2\nnames: [rice, soup]\n"
    numbered = b"train: images/train\nval: images/train\nnames:\n  0: rice\n  1: 'cr\xc3\xa8me; x'\n"
    rows = b"0 0.1 0.1 0.6 0.1 0.6 0.7 0.1 0.7\n1 0.7 0.2 0.9 0.2 0.9 0.9\n"
    box = b"1 0.5 0.5 0.2 0.3\n"
    files = {
        **{"images/train/one.png": photo(1), "labels/train/one.txt": rows},
        **{"images/val/two.png": photo(2), "labels/val/two.txt": box},
    }
    return (
        mutate.packed({"data.yaml": listed, **files}),
        mutate.packed({"data.yaml": numbered, **files, "train.txt": b"./images/train/one.png\n"}),
    )


@cache
def _archives() -> tuple[bytes, ...]:
    seeds = (_coco_seeds()[0], _labelme_seeds()[0], _yolo_seeds()[0])
    return tuple(_zipped(mutate.unpacked(seed), zipfile.ZIP_DEFLATED) for seed in seeds)


def _zipped(members: dict[str, bytes], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()
