"""COCO instances: `annotations.json` and a folder `images`. An export can be imported without loss.

The export adds to COCO: for an image `split`, `group` (see `groups`), `sha256` (of the original file) and, if
it shows leftovers, `before` (`sha256` of the photo of the meal); for a category the label's `synonyms`,
`colour` and `food_code`; for an annotation `attributes` (portion, note, annotator, food code).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.exchange.exporting import ExportPhoto, VisibleFood
from rvernet_app.exchange.formats.coco_file import (
    CocoAnnotation,
    CocoCategory,
    CocoError,
    CocoFile,
    CocoImage,
    read_coco,
    rle_and_faults,
)
from rvernet_app.exchange.formats.coco_parts import ANNOTATIONS_NAME, IMAGES_NAME, CocoPart, coco_parts
from rvernet_app.exchange.formats.groups import meal_of
from rvernet_app.exchange.plan import NotTakenError, Plan, PlannedAnnotation, PlannedPhoto, StoredPhoto
from rvernet_app.exchange.source_folder import SourceFolder, note_unnamed
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.outlining import outer_polygons, polygons
from rvernet_app.picture.photos import PHOTO_SUFFIXES
from rvernet_app.reading import is_text
from rvernet_app.store.annotations import MAX_NOTE, Portion
from rvernet_app.store.tables import Label

TOP_CATEGORY = "food"
FILLED = "foods whose holes the polygons fill"


def write(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write an export, see `exporting.Write`. Categories count from 1 in the order of the label set."""
    _write(folder, photos, labels, lambda food, size_hw: food.rle)
    return {}


def write_polygons(folder: Path, photos: Iterable[ExportPhoto], labels: Sequence[Label]) -> Mapping[str, int]:
    """Write polygons in place of RLE, for programs that read no RLE, such as Label Studio's converter.

    A polygon may deviate from the mask by a pixel, and fills its holes. Boxes and areas are those of the
    exact masks.
    """
    filled = 0

    def outlines(food: VisibleFood, size_hw: tuple[int, int]) -> list[list[int]]:
        nonlocal filled
        mask = from_rle(food.rle, size_hw)
        outer = outer_polygons(mask)
        filled += len(polygons(mask)) > len(outer)
        return outer

    _write(folder, photos, labels, outlines)
    return {FILLED: filled}


def _write(
    folder: Path,
    photos: Iterable[ExportPhoto],
    labels: Sequence[Label],
    segmentation: Callable[[VisibleFood, tuple[int, int]], object],
) -> None:
    numbers = {label.id: number for number, label in enumerate(labels, 1)}
    (folder / IMAGES_NAME).mkdir()
    # ASCII, because some readers open the file in the encoding of the system.
    with (
        (folder / ANNOTATIONS_NAME).open("w", encoding="ascii") as file,
        tempfile.TemporaryFile("w+", encoding="ascii") as annotations,
    ):
        file.write('{"info": {"description": "Foods in photos"}, "licenses": [], "images": [')
        image_list, annotation_list = _JsonList(file), _JsonList(annotations)
        for photo in photos:
            photo.copy_into(folder / IMAGES_NAME)
            image_list.append(_image_row(photo))
            for food in photo.foods:
                row = _annotation_row(food, photo.final.item.id, numbers[food.label.id])
                annotation_list.append(row | {"segmentation": segmentation(food, photo.size_hw)})
        file.write('\n], "annotations": [')
        annotations.seek(0)
        shutil.copyfileobj(annotations, file)
        file.write(f'\n], "categories": {json.dumps(_category_rows(labels), indent=0)}}}\n')


class _JsonList:
    """Write the members of a JSON list, one a line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._before = "\n"

    def append(self, member: Mapping[str, Any]) -> None:
        self._file.write(self._before + json.dumps(member))
        self._before = ",\n"


def _category_rows(labels: Sequence[Label]) -> list[dict[str, Any]]:
    names = {label.id: label.name for label in labels}
    return [
        {
            "id": number,
            "name": label.name,
            "supercategory": names.get(label.parent_id or 0, TOP_CATEGORY),
            "synonyms": label.synonyms,
            "colour": label.colour,
            "food_code": label.food_code,
        }
        for number, label in enumerate(labels, 1)
    ]


def _image_row(photo: ExportPhoto) -> dict[str, Any]:
    height, width = photo.size_hw
    row = {
        "id": photo.final.item.id,
        "file_name": photo.name,
        "width": width,
        "height": height,
        "split": photo.split,
        "group": photo.final.meal,
        "sha256": photo.final.item.photo.sha256,
    }
    return row if photo.final.before is None else row | {"before": photo.final.before.photo.sha256}


def _annotation_row(food: VisibleFood, image_id: int, category_id: int) -> dict[str, Any]:
    row = food.annotation
    return {
        "id": row.id,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": None,
        "bbox": list(food.box_xywh),
        "area": food.area,
        "iscrowd": 0,
        "attributes": {
            "amount": row.amount,
            "unit": row.unit,
            "low": row.low,
            "high": row.high,
            "method": row.method,
            "note": row.note,
            "annotator": food.annotator,
            "food_code": food.label.food_code,
        },
    }


def read(source: Path, plan: Plan) -> None:
    """Read a source, see `plan.Read`.

    Args:
        source: see `coco_parts`. Photos are looked for in the places of their part, then in all folders.
    """
    try:
        found = coco_parts(source)
        files = [(part, read_coco(part.path)) for part in found.parts]
    except CocoError as error:
        raise StoreError(str(error)) from error
    folder = SourceFolder(found.root)
    for path in found.unread:
        plan.leave(path.relative_to(found.root).as_posix(), "Only COCO files with masks are read.")
    for part, described in files:
        plan.labels |= _labels(described.categories)
        folder.expect((image.file_name for image in described.images if image.file_name), *part.places)
    images = [(part, described, image) for part, described in files for image in described.images]
    readers = {part.path: _Reader(plan, folder, part, described) for part, described in files}
    groups = Counter(image.group for _, _, image in images if image.group is not None)
    for part, _, image in plan.each(images):
        with plan.part(image.file_name or f"image {image.id}"):
            photo = readers[part.path].photo(image)
            meal = meal_of(image.group, image.sha256, groups)
            key, before = _storable(image.sha256), _storable(image.before)
            plan.photos.append(replace(photo, meal=meal, key=key, before=before))
    for reader in readers.values():
        reader.leave_rest()
    if source.is_dir():
        note_unnamed(plan, folder, PHOTO_SUFFIXES)


def _labels(categories: Sequence[CocoCategory]) -> dict[str, LabelName]:
    """Return details of the categories by name, without categories that cannot be labels."""
    named = {name: category for category in categories if (name := _storable(category.name))}
    found = {}
    for name, category in named.items():
        with suppress(LabelError):
            found[name] = LabelName(
                name,
                tuple(filter(is_text, category.synonyms)),
                category.supercategory if category.supercategory in named else None,
                _storable(category.colour),
                _storable(category.food_code),
            )
    return found


def _storable(text: str | None) -> str | None:
    """Return a text that a database can store, else None."""
    return text if text is not None and is_text(text) else None


def _called(annotation: CocoAnnotation) -> str:
    return f"annotation {annotation.id}"


class _Reader:
    """Reads the images of a COCO file into a plan."""

    def __init__(self, plan: Plan, folder: SourceFolder, part: CocoPart, described: CocoFile) -> None:
        self._plan = plan
        self._folder = folder
        self._places = part.places
        self._names = {
            category.id: category.name for category in described.categories if category.id is not None
        }
        self._twice = _of_several_names(described.categories)
        self._ids = Counter(image.id for image in described.images)
        self._of_image: defaultdict[str | None, list[CocoAnnotation]] = defaultdict(list)
        for annotation in described.annotations:
            self._of_image[annotation.image_id].append(annotation)

    def photo(self, image: CocoImage) -> PlannedPhoto:
        """Store the photo of an image, and read its annotations."""
        annotations = [] if image.id is None else self._of_image.pop(image.id, [])
        if image.id is not None and self._ids[image.id] > 1:
            raise NotTakenError(
                f"Several photos have the id {image.id}, so it is unclear which one its foods belong to."
            )
        if image.file_name is None:
            raise NotTakenError("The COCO file does not name the photo's file.")
        _require_no_faults(image.faults, "width", "height")
        name = PurePosixPath(image.file_name.replace("\\", "/")).name
        path = self._folder.file(image.file_name, *self._places)
        photo = self._plan.keep(path, image.sha256)
        _require_size(image, photo)
        found = []
        for annotation in self._plan.foods(annotations, name):
            what = f"{name}, {_called(annotation)}"
            with self._plan.part(what):
                found.append(self._annotation(annotation, photo.size_hw, what))
        return PlannedPhoto(name, photo, tuple(found), folder=self._folder.folder_of(path))

    def leave_rest(self) -> None:
        """Note the annotations of photos that are not in the file."""
        for image_id, left in self._of_image.items():
            for annotation in left:
                with self._plan.part(_called(annotation)):
                    _require_no_faults(annotation.faults, "image_id")
                    raise NotTakenError(f"Its photo {image_id} is not in the file.")

    def _annotation(
        self, annotation: CocoAnnotation, size_hw: tuple[int, int], what: str
    ) -> PlannedAnnotation:
        _require_no_faults(annotation.faults, "category_id")
        category = annotation.category_id
        if category is None or category not in self._names:
            raise NotTakenError(f"Its category {category} is not in the file.")
        if category in self._twice:
            raise NotTakenError(f"Several categories have the id {category}, so its name is unclear.")
        label = self._names[category]
        if label is None:
            raise NotTakenError(f"Its category {category} has no name.")
        rle, faults = rle_and_faults(annotation.segmentation, size_hw)
        for part, why in faults.items():
            self._plan.leave(f"{what}, part {part} of its outline", why)
        portion = None
        with self._plan.part(f"{what}, portion"):
            portion = _portion(annotation.attributes)
        note = annotation.attributes.get("note")
        note = note if isinstance(note, str) else ""
        if len(note) > MAX_NOTE:
            why = f"It has {len(note)} characters, over the limit of {MAX_NOTE}."
            self._plan.leave(f"{what}, note", why)
            note = ""
        return PlannedAnnotation(label, rle, portion, note)


def _of_several_names(categories: Sequence[CocoCategory]) -> frozenset[str]:
    """Return the ids that categories of different names share."""
    names: defaultdict[str, set[str | None]] = defaultdict(set)
    for category in categories:
        if category.id is not None:
            names[category.id].add(category.name)
    return frozenset(id for id, called in names.items() if len(called) > 1)


def _require_no_faults(faults: Mapping[str, str], *names: str) -> None:
    for name in names:
        if name in faults:
            raise NotTakenError(f"Its {name} is {faults[name]}, which cannot be used.")


def _require_size(image: CocoImage, photo: StoredPhoto) -> None:
    if image.size_hw not in (None, photo.size_hw):
        (height, width), (said_height, said_width) = photo.size_hw, image.size_hw
        raise NotTakenError(
            f"The photo has {width} x {height} pixels, and {said_width} x {said_height} by the COCO file; "
            "its masks are of another picture."
        )


def _portion(attributes: Mapping[str, Any]) -> Portion | None:
    said = {
        name: attributes[name] for name in ("amount", "low", "high") if attributes.get(name) not in (None, "")
    }
    if "amount" not in said:
        return None
    try:
        numbers = {name: float(value) for name, value in said.items()}
        return Portion(unit=str(attributes.get("unit")), method=str(attributes.get("method")), **numbers)
    except (StoreError, OverflowError, TypeError, ValueError) as error:
        raise NotTakenError(f"It is not a portion: {error}") from error
