"""The formats, by the names that the command line and the page use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from rvernet_app.exchange.exporting import Export, Write, export
from rvernet_app.exchange.formats import (
    coco,
    csv_record,
    foodseg103,
    imagefolder,
    labelme,
    rvernet,
    workbook,
    yolo_seg,
)
from rvernet_app.exchange.importing import Import, import_source
from rvernet_app.exchange.plan import Read


@dataclass(frozen=True)
class Format:
    """What the program can do with a format.

    Attributes:
        write: None if it is never exported.
        read: None if it is never imported.
    """

    write: Write | None = None
    read: Read | None = None


FORMATS = {
    "coco": Format(coco.write, coco.read),
    "coco-polygons": Format(coco.write_polygons),
    "labelme": Format(read=labelme.read),
    "yolo-seg": Format(yolo_seg.write, yolo_seg.read),
    "foodseg103": Format(foodseg103.write),
    "rvernet": Format(rvernet.write),
    "imagefolder": Format(imagefolder.write),
    "csv": Format(csv_record.write),
    "xlsx": Format(workbook.write),
}

EXPORTS: dict[str, Export] = {
    name: partial(export, one.write) for name, one in FORMATS.items() if one.write is not None
}
IMPORTS: dict[str, Import] = {
    name: partial(import_source, one.read, name) for name, one in FORMATS.items() if one.read is not None
}
