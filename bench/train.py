"""Compare the speed of training with a plain loop, and time the start-up: `python -m bench.train`.

The plain loop works like the reference code of RveRNet: paired pictures lie on disk, Pillow decodes both in
every step, scales and pads them, and two backbones and a head are trained in float32 without any cache. Our
loop reads the photos that those pictures were cut from. Backbones, batch, number of workers and machine are
the same; each loop runs in a process of its own, one after the other. The plain loop also runs with freed
memory kept as ours keeps it (`keep_memory`), because the gain depends on the machine, and ours also runs
without torch.compile, so that like can be compared with like.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from rvernet_app.config import ASSETS_DIR
from rvernet_app.errors import RvernetError
from rvernet_app.model.malloc import keep_memory
from rvernet_app.model.preprocessing import Preprocessing
from rvernet_app.model.rvernet import ModuleSpec
from rvernet_app.picture.cutouts import cut_out
from training.data.options import DataOptions, Source
from training.data.photos import open_photo
from training.data.regions import Region, Regions
from training.data.sources import read_data, with_masks
from training.loop.engine import Trainer
from training.loop.models import build_model
from training.loop.options import ModelOptions, OptimizationOptions, TrainOptions
from training.train import open_accelerator

T = TypeVar("T")

SIDE, PADDING, HIDDEN = 224, 125, 640
SIZES = (1_000, 10_000, 50_000)
"""Sizes of the data sets whose start-up is timed, in photos."""
MASK_SIZES = (1_000, 4_000)
"""Sizes in the layout of FoodSeg103, whose masks are opened when the folder is read first."""


def read_some(options: DataOptions, regions: int) -> Regions:
    """Return this many training regions with masks, and one to validate on. May raise RvernetError."""
    data = with_masks(read_data(options), options)
    return data.with_split("train", data.train[:regions]).with_split("val", data.val[:1])


class PairedFiles(Dataset[tuple[Tensor, Tensor, int]]):
    """Read both pictures of a region from disk each time, and flip each by itself."""

    def __init__(self, pairs: Sequence[tuple[Path, Path, int]]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        roi, extra_roi, true = self._pairs[index]
        return self._read(roi), self._read(extra_roi), true

    def _read(self, path: Path) -> Tensor:
        picture = Image.open(path).convert("RGB")
        scale = SIDE / max(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
        square = Image.new("RGB", (SIDE, SIDE), (PADDING,) * 3)
        square.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
        if random.random() < 0.5:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        result: Tensor = to_tensor(square)
        return result


class PlainPair(nn.Module):
    """Two backbones, each with 1000 logits, and a head on both."""

    def __init__(self, backbone: str, num_classes: int) -> None:
        super().__init__()
        self.roi = timm.create_model(backbone, pretrained=False)
        self.extra_roi = timm.create_model(backbone, pretrained=False)
        self.head = nn.Sequential(nn.Linear(2000, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes))

    def forward(self, roi: Tensor, extra_roi: Tensor) -> Tensor:
        result: Tensor = self.head(torch.cat((self.roi(roi), self.extra_roi(extra_roi)), dim=1))
        return result


def plain_rates(
    pairs: Sequence[tuple[Path, Path, int]], backbone: str, classes: int, batch: int, epochs: int, keep: bool
) -> list[float]:
    """Return regions per second of each epoch of the plain loop, with freed memory kept or not."""
    if keep:
        keep_memory()
    model = PlainPair(backbone, classes).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    loss = nn.CrossEntropyLoss()
    loader = DataLoader(
        PairedFiles(pairs), batch, shuffle=True, num_workers=1, drop_last=True, persistent_workers=True
    )
    rates = []
    for _ in range(epochs):
        started, seen = time.perf_counter(), 0
        for roi, extra_roi, true in loader:
            optimizer.zero_grad()
            loss(model(roi, extra_roi), true).backward()
            optimizer.step()
            seen += len(true)
        rates.append(round(seen / (time.perf_counter() - started), 2))
    return rates


def our_rates(options: TrainOptions, regions: int) -> list[float]:
    """Return regions per second of each epoch of `training.loop.engine.Trainer`."""
    keep_memory()
    data = read_some(options.data, regions)
    model = build_model(options.model, len(data.classes))
    preprocessing = Preprocessing.of(model.config, options.model.padding)
    trainer = Trainer(model, preprocessing, data, options, open_accelerator(options))
    trainer.run()
    return [epoch["regions_per_second"] for epoch in trainer.history]


def in_own_process(work: Callable[[], T]) -> T:
    """Call a function in a new process and return its result."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work).result()


def write_pairs(
    regions: Sequence[Region], classes: Sequence[str], folder: Path
) -> list[tuple[Path, Path, int]]:
    """Write the cut-outs of regions as files, as the reference code expects them."""
    pairs = []
    for number, region in enumerate(regions):
        cutouts = cut_out(*region.masked[0].read(open_photo))
        paths = folder / f"{number}-roi.jpg", folder / f"{number}-extra-roi.jpg"
        for path, picture in zip(paths, (cutouts.roi, cutouts.extra_roi), strict=True):
            Image.fromarray(picture).save(path, quality=95)
        pairs.append((*paths, classes.index(region.label)))
    return pairs


def start_up(photos: int, folder: Path) -> dict[str, Any]:
    """Time reading a generated COCO file with this many photos, and parsing its JSON alone, in seconds."""
    images = folder / str(photos) / "images"
    images.mkdir(parents=True)
    for number in range(photos):
        (images / f"{number}.jpg").touch()
    described = {
        "images": [
            {
                "id": i,
                "file_name": f"{i}.jpg",
                "width": 640,
                "height": 480,
                "split": ("train", "val")[i % 5 == 0],
            }
            for i in range(photos)
        ],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": i % 50,
                "bbox": [5, 5, 90, 80],
                "segmentation": [[5, 5, 95, 5, 95, 85]],
            }
            for i in range(photos)
        ],
        "categories": [{"id": i, "name": f"food {i}"} for i in range(50)],
    }
    path = images.parent / "annotations.json"
    path.write_text(json.dumps(described))
    options = DataOptions(sources=(Source(path=path.parent),))
    return {
        "photos": photos,
        "parse_s": seconds(lambda: json.loads(path.read_bytes())),
        "read_s": seconds(lambda: read_data(options)),
    }


def start_up_of_masks(photos: int, folder: Path) -> dict[str, Any]:
    """Time reading a generated folder in the layout of FoodSeg103, first and again, in seconds."""
    root = folder / f"masks {photos}"
    mask = np.zeros((240, 320), np.uint8)
    mask[40:120, 60:200], mask[150:200, 100:220] = 1, 2
    for kind in ("img_dir", "ann_dir"):
        (root / "Images" / kind / "train").mkdir(parents=True)
    Image.fromarray(mask).save(root / "mask.png")
    content = (root / "mask.png").read_bytes()
    for number in range(photos):
        (root / "Images" / "img_dir" / "train" / f"{number}.jpg").touch()
        (root / "Images" / "ann_dir" / "train" / f"{number}.png").write_bytes(content)
    (root / "ImageSets").mkdir()
    (root / "ImageSets" / "train.txt").write_text("".join(f"{number}\n" for number in range(photos)))
    (root / "ImageSets" / "test.txt").touch()
    (root / "category_id.txt").write_text("0 background\n1 rice\n2 soup\n")
    options = DataOptions(sources=(Source(path=root, format="foodseg103"),), cache=root / "cache")
    return {
        "photos": photos,
        "first_read_s": seconds(lambda: read_data(options)),
        "read_s": seconds(lambda: read_data(options)),
    }


def seconds(work: Callable[[], Any]) -> float:
    """Time a function, in seconds."""
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def spread(rates: Sequence[float]) -> dict[str, float]:
    """Return median, least and most of the epochs after the first, in regions per second."""
    counted = rates[1:]
    return {
        "median": round(statistics.median(counted), 2),
        "least": round(min(counted), 2),
        "most": round(max(counted), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ASSETS_DIR / "meals", help="COCO folder")
    parser.add_argument("--annotations", type=Path, help="COCO file, where it does not lie in the folder")
    parser.add_argument("--backbone", default="mobilenetv2_100", help="timm model of both modules")
    parser.add_argument("--regions", type=int, default=96, help="regions of an epoch (default 96)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--epochs", type=int, default=5, help="of each, the first one not counted (default 5)"
    )
    chosen = parser.parse_args()
    if chosen.epochs < 2:
        parser.error("--epochs must be at least 2, as the first is not counted")
    data_options = DataOptions(
        sources=(Source(path=chosen.data, annotations=chosen.annotations, val_share=0.1),)
    )
    try:
        data = read_some(data_options, chosen.regions)
    except RvernetError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        options = TrainOptions(
            data=data_options,
            model=ModelOptions(
                ModuleSpec(chosen.backbone), fusion="logits", weights="scratch", batch_norm="measured"
            ),
            optimization=OptimizationOptions(epochs=chosen.epochs, batch_size=chosen.batch, compile=True),
            run_folder=folder / "run",
            export=folder / "export",
            save_every=10_000,
            trackers=(),
        )
        pairs = write_pairs(data.train, data.classes, folder)
        not_compiled = replace(
            options,
            optimization=replace(options.optimization, compile=False),
            run_folder=folder / "run not compiled",
        )
        plain = partial(plain_rates, pairs, chosen.backbone, len(data.classes), chosen.batch, chosen.epochs)
        rates = {
            "plain": in_own_process(partial(plain, keep=False)),
            "plain, memory kept": in_own_process(partial(plain, keep=True)),
            "ours, not compiled": in_own_process(partial(our_rates, not_compiled, chosen.regions)),
            "ours": in_own_process(partial(our_rates, options, chosen.regions)),
        }
        counted = {name: spread(epochs) for name, epochs in rates.items()}

        def times(one: str, other: str) -> float:
            return round(counted[one]["median"] / counted[other]["median"], 2)

        report: dict[str, Any] = {
            "threads": torch.get_num_threads(),
            "backbone": chosen.backbone,
            "batch": chosen.batch,
            "regions": chosen.regions,
            "regions_per_second": rates,
            "counted": counted,
            "ratio": times("ours", "plain"),
            "ratio_memory_kept": times("ours", "plain, memory kept"),
            "ratio_not_compiled": times("ours, not compiled", "plain"),
            "ratio_of_like_with_like": times("ours, not compiled", "plain, memory kept"),
            "start_up": [start_up(photos, folder / "start") for photos in SIZES],
            "start_up_foodseg103": [start_up_of_masks(photos, folder / "start") for photos in MASK_SIZES],
        }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
