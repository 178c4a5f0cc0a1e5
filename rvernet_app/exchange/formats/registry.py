"""The formats by the names that the command line and the page give them."""

from __future__ import annotations

from functools import partial

from rvernet_app.exchange.exporting import Export, export
from rvernet_app.exchange.formats import (
    coco,
    coco_in,
    csv_record,
    foodseg103,
    imagefolder,
    labelme_in,
    rvernet,
    yolo_in,
    yolo_seg,
)
from rvernet_app.exchange.importing import Import, import_source

EXPORTS: dict[str, Export] = {
    "coco": partial(export, coco.write),
    "yolo-seg": partial(export, yolo_seg.write),
    "foodseg103": partial(export, foodseg103.write),
    "rvernet": partial(export, rvernet.write),
    "imagefolder": partial(export, imagefolder.write),
    "csv": partial(export, csv_record.write),
}

IMPORTS: dict[str, Import] = {
    name: partial(import_source, read, name)
    for name, read in {"coco": coco_in.read, "labelme": labelme_in.read, "yolo-seg": yolo_in.read}.items()
}
