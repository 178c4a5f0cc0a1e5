"""In the bundled meals only what is around a red sauce tells ketchup from chili paste."""

import json
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from rvernet_app.checkpoint import Checkpoint, load_checkpoint
from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.cutouts import Letterbox, cut_out
from rvernet_app.masks import from_rle
from rvernet_app.preprocessing import normalise
from rvernet_app.rvernet import ModuleSpec
from rvernet_app.types import Cutouts, Photo

MEALS = ASSETS_DIR / "meals"


@pytest.fixture(scope="module")
def sauces() -> dict[str, list[tuple[Cutouts, tuple[int, int, int, int]]]]:
    """By label, the cut-outs of every red sauce and its box, x y width height."""
    coco = json.loads((MEALS / "annotations.json").read_text())
    photos = {image["id"]: image["file_name"] for image in coco["images"]}
    ids = {category["name"]: category["id"] for category in coco["categories"]}
    found: dict[str, list[tuple[Cutouts, tuple[int, int, int, int]]]] = {"ketchup": [], "chili paste": []}
    for annotation in coco["annotations"]:
        for label, cuts in found.items():
            if annotation["category_id"] == ids[label]:
                photo = np.asarray(Image.open(MEALS / "images" / photos[annotation["image_id"]]))
                mask = from_rle(annotation["segmentation"], photo.shape[:2])
                x, y, width, height = map(round, annotation["bbox"])
                cuts.append((cut_out(photo, mask), (x, y, width, height)))
    return found


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(AppConfig.checkpoint)


def features_of(
    pictures: Sequence[Photo],
    letterbox: Letterbox,
    module: ModuleSpec,
    encode: Callable[[torch.Tensor], torch.Tensor],
) -> NDArray[np.float64]:
    """(N, C) of N pictures as a module sees them, every column with mean 0 and deviation 1."""
    squares = np.stack([letterbox.apply(picture) for picture in pictures])
    with torch.inference_mode():
        features = encode(normalise(squares, module)).numpy().astype(np.float64)
    return (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)


def leave_pair_out(features: NDArray[np.float64], first: int) -> float:
    """How often a ridge classifier that saw all but one of each kind ranks those two rightly, 0 to 1; 0.5 is chance.

    Leave-pair-out cross-validation after Airola et al. 2011 (doi 10.1016/j.csda.2010.11.018).

    Args:
        features: (N, C), those of one kind first.
        first: how many those are.
    """
    kernel = features @ features.T / features.shape[1]
    target = np.where(np.arange(len(features)) < first, 1.0, -1.0)
    right = []
    for one, other in product(range(first), range(first, len(features))):
        rest = np.setdiff1d(np.arange(len(features)), (one, other))
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + np.eye(len(rest)), target[rest])
        right.append(kernel[one, rest] @ weights > kernel[other, rest] @ weights)
    return float(np.mean(right))


def crop(picture: Photo, box_xywh: tuple[int, int, int, int]) -> Photo:
    x, y, width, height = box_xywh
    return picture[y : y + height, x : x + width]


def test_there_are_as_good_as_equally_many_of_both(sauces) -> None:
    ketchup, paste = (len(cuts) for cuts in sauces.values())
    assert min(ketchup, paste) >= 25
    assert max(ketchup, paste) < 2 * min(ketchup, paste)


def test_the_sauce_alone_does_not_tell(sauces, checkpoint) -> None:
    pictures = [crop(cut.roi, box) for cuts in sauces.values() for cut, box in cuts]
    features = features_of(
        pictures,
        checkpoint.preprocessing.letterbox,
        checkpoint.preprocessing.roi_module,
        checkpoint.model.encode_roi,
    )
    assert abs(leave_pair_out(features, len(sauces["ketchup"])) - 0.5) < 0.15


def test_what_is_around_it_does(sauces, checkpoint) -> None:
    pictures = [cut.extra_roi for cuts in sauces.values() for cut, _ in cuts]
    features = features_of(
        pictures,
        checkpoint.preprocessing.letterbox,
        checkpoint.preprocessing.extra_roi_module,
        checkpoint.model.encode_extra_roi,
    )
    assert leave_pair_out(features, len(sauces["ketchup"])) > 0.75
