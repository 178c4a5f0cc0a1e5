"""The layout of RveRNet's reference code: two cut-outs for each food, in folders by split, side and class.

{train,test}/{roi,extra-roi}/<class>/<name>.png   PNG, because JPEG bleeds across the border of a cut-out
classes.json                                      folder -> label; not all labels can be names of folders
groups.jsonl                                      the group of each name, see `groups`

Validation photos are in train.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from PIL import Image

from rvernet_app.exchange.exporting import SIDES, WITHOUT_FOODS, ExportPhoto
from rvernet_app.exchange.formats.groups import GROUPS_NAME, group_line
from rvernet_app.exchange.formats.names import safe_names
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import from_rle
from rvernet_app.store.tables import Label

CLASSES_NAME = "classes.json"


def write(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`. More foods of a class on one photo get numbered names."""
    names = safe_names([label.name for label in labels])
    folders = {label.id: name for label, name in zip(labels, names, strict=True)}
    described = {folders[label.id]: label.name for label in labels}
    (folder / CLASSES_NAME).write_text(json.dumps(described, indent=0), encoding="ascii")
    without_foods = 0
    with (folder / GROUPS_NAME).open("w", encoding="ascii") as groups:
        for photo in photos:
            if photo.foods:
                _write_foods(folder / SIDES[photo.split], photo, folders, groups)
            else:
                without_foods += 1
    return {WITHOUT_FOODS: without_foods}


def _write_foods(side: Path, photo: ExportPhoto, folders: Mapping[int, str], groups: IO[str]) -> None:
    pixels = photo.pixels()
    of_class: Counter[str] = Counter()
    names: set[str] = set()
    for food in photo.foods:
        label = folders[food.label.id]
        of_class[label] += 1
        name = photo.stem if of_class[label] == 1 else f"{photo.stem}-{of_class[label]}"
        if name not in names:
            groups.write(group_line(name, photo.final.meal))
            names.add(name)
        cutouts = cut_out(pixels, from_rle(food.rle, photo.size_hw))
        for kind, picture in (("roi", cutouts.roi), ("extra-roi", cutouts.extra_roi)):
            file = side / kind / label / f"{name}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(file)
