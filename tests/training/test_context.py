"""In the bundled meals, only the surroundings tell ketchup from chili paste."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import from_rle
from rvernet_app.segment.registry import open_segmenter
from rvernet_app.types import Photo

MEALS = ASSETS_DIR / "meals"
LABELS = ("ketchup", "chili paste")


@dataclass(frozen=True, eq=False)
class Sauce:
    """A red sauce: its ROI picture cropped to its box, and the labels of the other foods on the photo."""

    picture: Photo
    around: frozenset[str]


@pytest.fixture(scope="module")
def sauces() -> dict[str, list[Sauce]]:
    coco = json.loads((MEALS / "annotations.json").read_text())
    photos = {image["id"]: image["file_name"] for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    on_photo = defaultdict(list)
    for annotation in coco["annotations"]:
        on_photo[annotation["image_id"]].append(annotation)
    found: dict[str, list[Sauce]] = {label: [] for label in LABELS}
    for image_id, of_photo in on_photo.items():
        around = frozenset(names[a["category_id"]] for a in of_photo) - set(LABELS)
        for annotation in of_photo:
            if (label := names[annotation["category_id"]]) in LABELS:
                photo = np.asarray(Image.open(MEALS / "images" / photos[image_id]))
                mask = from_rle(annotation["segmentation"], photo.shape[:2])
                x, y, width, height = annotation["bbox"]
                roi = cut_out(photo, mask).roi[y : y + height, x : x + width]
                found[label].append(Sauce(roi, around))
    return found


def standardised(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale every column to mean 0 and deviation 1, and drop constant columns."""
    features = features.astype(np.float64)
    telling = features[:, features.std(axis=0) > 1e-6]
    result: NDArray[np.float64] = (telling - telling.mean(axis=0)) / telling.std(axis=0)
    return result


def leave_pair_out(features: NDArray[np.float64], first: int) -> float:
    """Return the share of left-out pairs that a ridge classifier ranks correctly, 0 to 1; chance is 0.5.

    Leave-pair-out cross-validation after Airola et al. 2011 (doi 10.1016/j.csda.2010.11.018).

    Args:
        features: shape (N, C), with all rows of one class first.
        first: number of rows of that class.
    """
    kernel = features @ features.T / features.shape[1]
    target = np.where(np.arange(len(features)) < first, 1.0, -1.0)
    right = []
    for one, other in product(range(first), range(first, len(features))):
        rest = np.setdiff1d(np.arange(len(features)), (one, other))
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + np.eye(len(rest)), target[rest])
        right.append(kernel[one, rest] @ weights > kernel[other, rest] @ weights)
    return float(np.mean(right))


def test_both_sauces_are_about_equally_frequent(sauces: dict[str, list[Sauce]]) -> None:
    ketchup, paste = (len(sauces[label]) for label in LABELS)
    assert min(ketchup, paste) >= 20
    assert max(ketchup, paste) < 2 * min(ketchup, paste)


def test_roi_features_cannot_tell_the_sauces_apart(sauces: dict[str, list[Sauce]]) -> None:
    segmenter = open_segmenter(AppConfig(segmenter="small_sam", device="cpu"))  # trained without class names
    pictures = [sauce.picture for label in LABELS for sauce in sauces[label]]
    encoded = [segmenter.encode(picture).features[0] for picture in pictures]  # each (C, h, w)
    features = np.stack([one.mean(axis=(1, 2)) for one in encoded])  # (N, C)
    colours = np.stack([picture[picture.any(axis=2)].mean(axis=0) for picture in pictures])  # (N, 3)
    for seen in (features, colours):
        assert abs(leave_pair_out(standardised(seen), len(sauces[LABELS[0]])) - 0.5) < 0.15


def test_surrounding_foods_tell_the_sauces_apart(sauces: dict[str, list[Sauce]]) -> None:
    around = [sauce.around for label in LABELS for sauce in sauces[label]]
    foods = sorted(frozenset.union(*around))
    present = np.array([[food in seen for food in foods] for seen in around], float)  # (N, foods)
    assert leave_pair_out(standardised(present), len(sauces[LABELS[0]])) > 0.8
