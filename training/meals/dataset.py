"""The folder of rendered meals, with all of them in one COCO file.

settings.json      settings of all its meals
images/000000.jpg  a photo
meals/000000.json  its masks, written after the photo
annotations.json   all meals as COCO instances
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rvernet_app import files
from rvernet_app.errors import RvernetError
from rvernet_app.picture.masks import bbox_xywh, to_rle
from rvernet_app.types import Mask

LICENCE = {"id": 1, "name": "CC0-1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}
END_OF_JPEG = b"\xff\xd9"
IDS_PER_MEAL = 100
"""Annotation ids of meal i start at i times this, so that they stay the same when the folder grows."""


class DatasetError(RvernetError):
    """The folder holds meals with other settings, or no food has a requested label."""


@dataclass(frozen=True)
class Settings:
    """Settings shared by all meals of a folder; `blender` is the version of Blender."""

    seed: int
    width: int
    height: int
    samples: int
    blender: str


@dataclass(frozen=True)
class Annotation:
    """A visible serving with its mask and the masks of its pieces."""

    kind: str
    label: str
    mask: Mask
    pieces: tuple[Mask, ...]


class MealFolder:
    """A folder of rendered meals.

    Raises:
        DatasetError: the folder holds meals with other settings.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._settings = settings
        self._begin()

    def photo(self, index: int) -> Path:
        """Return the path of a meal's photo."""
        return self.path / "images" / f"{index:06d}.jpg"

    def is_done(self, index: int) -> bool:
        """True if a meal's photo and record are complete."""
        try:
            json.loads(self._record(index).read_bytes())
            return self.photo(index).read_bytes().endswith(END_OF_JPEG)
        except (OSError, ValueError):
            return False

    def add(self, index: int, photo: Path, about: Mapping[str, Any], found: Sequence[Annotation]) -> None:
        """Add a meal: move its photo into the folder, then write its description and its servings."""
        photo.replace(self.photo(index))
        record = {"about": dict(about), "annotations": [_described(a) for a in found]}
        files.write(self._record(index), json.dumps(record), durable=False)

    def write_annotations(self, labels: Sequence[str]) -> int:
        """Write the COCO file of all complete meals in the folder; returns their number.

        Args:
            labels: names of all categories, including those that no meal shows.
        """
        ids = {label: i for i, label in enumerate(sorted(set(labels)), start=1)}
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for path in sorted((self.path / "meals").glob("*.json")):
            index = int(path.stem)
            if not self.is_done(index):
                continue
            record = json.loads(path.read_bytes())
            images.append(
                {
                    "id": index,
                    "file_name": self.photo(index).name,
                    "width": self._settings.width,
                    "height": self._settings.height,
                    "group": f"meal-{index:06d}",
                    "license": LICENCE["id"],
                    **record["about"],
                }
            )
            for number, annotation in enumerate(record["annotations"], start=1):
                label = annotation.pop("label")
                annotations.append(
                    {
                        "id": index * IDS_PER_MEAL + number,
                        "image_id": index,
                        "category_id": ids[label],
                        "iscrowd": 0,
                        **annotation,
                    }
                )
        coco = {
            "info": {
                "description": "Meals rendered with Blender: python -m training.meals",
                "license": LICENCE["name"],
                **asdict(self._settings),
            },
            "licenses": [LICENCE],
            "categories": [{"id": i, "name": label} for label, i in ids.items()],
            "images": images,
            "annotations": annotations,
        }
        files.write(self.path / "annotations.json", json.dumps(coco), durable=False)
        return len(images)

    def _record(self, index: int) -> Path:
        return self.path / "meals" / f"{index:06d}.json"

    def _begin(self) -> None:
        path = self.path / "settings.json"
        wanted = asdict(self._settings)
        if path.is_file():
            begun = json.loads(path.read_text())
            if changed := [name for name in wanted if begun.get(name) != wanted[name]]:
                told = ", ".join(f"{name} {begun.get(name)} and not {wanted[name]}" for name in changed)
                raise DatasetError(f"{self.path} was begun with {told}; use another folder.")
            return
        for name in ("images", "meals"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        files.write(path, json.dumps(wanted, indent=1), durable=False)


def _described(found: Annotation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "label": found.label,
        "kind": found.kind,
        "bbox": list(bbox_xywh(found.mask)),
        "area": int(found.mask.sum()),
        "segmentation": to_rle(found.mask),
    }
    if len(found.pieces) > 1:
        described["pieces"] = [to_rle(piece) for piece in found.pieces]
    return described
