"""Reads COCO instances: polygons, uncompressed and compressed RLE, and what `coco` adds to them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pycocotools import mask as coco

from rvernet_app.errors import LabelError, StoreError
from rvernet_app.exchange.formats.coco import ANNOTATIONS_NAME
from rvernet_app.exchange.importing import (
    KeptPhoto,
    NotTakenError,
    Plan,
    PlannedFood,
    PlannedPhoto,
)
from rvernet_app.exchange.reading import (
    Folder,
    meal_of,
    points,
    read_json,
    rle_of_polygons,
)
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import Rle, require_rle
from rvernet_app.store.annotations import MAX_NOTE, Portion
from rvernet_app.store.database import is_text


def read(source: Path, plan: Plan) -> None:
    """As `importing.Read`.

    Args:
        source: the COCO file, or a folder with `annotations.json`, or else a single JSON file, in it or its folder
            `annotations`. Photos are looked for in the folder, in its `images`, and then by name anywhere in it.
    """
    path, root = _find(source)
    described = read_json(path)
    images, annotations, categories = (
        _list(described, n, path) for n in ("images", "annotations", "categories")
    )
    names = {id: category.get("name") for category in categories if (id := _id(category)) is not None}
    plan.labels = _labels(categories)
    of_image: defaultdict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        of_image[_id(annotation, "image_id")].append(annotation)
    how_often = Counter(_id(image) for image in images)
    groups = Counter(str(image.get("group")) for image in images)
    folder = Folder(root)
    for image in plan.each(images):
        with plan.part(str(image.get("file_name") or f"image {image.get('id')}")):
            id = _id(image)
            found = [] if id is None else of_image.pop(id, [])
            if id is not None and how_often[id] > 1:
                raise NotTakenError(
                    f"Several photos have the id {id}, so nobody can tell whose its foods are."
                )
            photo = _photo(image, found, names, folder, path.parent, plan)
            meal = meal_of(image.get("group"), image.get("sha256"), groups)
            key, before = _text(image, "sha256"), _text(image, "before")
            plan.photos.append(replace(photo, meal=meal, key=key, before=before))
    for image_id, left in of_image.items():
        for annotation in left:
            plan.leave(_called(annotation), f"Its photo {image_id} is not in the file.")


def _labels(categories: Sequence[Mapping[str, Any]]) -> dict[str, LabelName]:
    """What is known of the categories beyond their names; what makes no sense is not."""
    named = {name: category for category in categories if (name := _text(category, "name"))}
    found = {}
    for name, category in named.items():
        synonyms = category.get("synonyms")
        parent = _text(category, "supercategory")
        with suppress(LabelError):
            found[name] = LabelName(
                name,
                tuple(one for one in synonyms if isinstance(one, str)) if isinstance(synonyms, list) else (),
                parent if parent in named else None,
                _text(category, "colour"),
                _text(category, "food_code"),
            )
    return found


def _text(row: Mapping[str, Any], name: str) -> str | None:
    """A text that any database keeps; None where there is none."""
    found = row.get(name)
    return found if isinstance(found, str) and is_text(found) else None


def _id(row: Mapping[str, Any], name: str = "id") -> str | None:
    """A number or a text, which some write as the other; None where there is neither."""
    found = row.get(name)
    return str(found) if isinstance(found, int | float | str) else None


def _list(described: object, name: str, path: Path) -> list[dict[str, Any]]:
    found = described.get(name) if isinstance(described, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise StoreError(f"{path} is no COCO instance file: it has no list of {name}.")
    return found


def _find(source: Path) -> tuple[Path, Path]:
    """The COCO file, and the folder of all that belongs to it."""
    if source.is_dir():
        if (path := source / ANNOTATIONS_NAME).is_file():
            return path, source
        found = [
            path for folder in (source, source / "annotations") for path in sorted(folder.glob("*.json"))
        ]
        if len(found) != 1:
            raise StoreError(
                f"{source} has {len(found)} JSON files and no {ANNOTATIONS_NAME}; name the file to import."
            )
        return found[0], source
    return source, source.parent.parent if source.parent.name == "annotations" else source.parent


def _photo(
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    names: Mapping[str, object],
    folder: Folder,
    beside: Path,
    plan: Plan,
) -> PlannedPhoto:
    file_name = image.get("file_name")
    if not isinstance(file_name, str):
        raise NotTakenError("The file does not name this photo's file.")
    name = PurePosixPath(file_name.replace("\\", "/")).name
    path = folder.file(file_name, folder.root / "images", folder.root, beside)
    photo = plan.keep(path, image.get("sha256"))
    _require_size(image, photo)
    foods = []
    for annotation in annotations:
        what = f"{name}, {_called(annotation)}"
        with plan.part(what):
            foods.append(_food(annotation, names, photo.size_hw, plan, what))
    return PlannedPhoto(name, photo, tuple(foods))


def _called(annotation: Mapping[str, Any]) -> str:
    return f"annotation {annotation.get('id')}"


def _require_size(image: Mapping[str, Any], photo: KeptPhoto) -> None:
    height, width = photo.size_hw
    said = image.get("width") or width, image.get("height") or height
    if said != (width, height):
        raise NotTakenError(
            f"The photo has {width} x {height} pixels, and {said[0]} x {said[1]} by the COCO file; "
            "its masks are of another picture."
        )


def _food(
    annotation: Mapping[str, Any],
    names: Mapping[str, object],
    size_hw: tuple[int, int],
    plan: Plan,
    what: str,
) -> PlannedFood:
    category = _id(annotation, "category_id")
    if category is None or category not in names:
        raise NotTakenError(f"Its category {annotation.get('category_id')} is not in the file.")
    label = names[category]
    if not isinstance(label, str):
        raise NotTakenError(f"Its category {category} has no name.")
    rle = _rle(annotation.get("segmentation"), size_hw)
    attributes = annotation.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    portion = None
    with plan.part(f"{what}, portion"):
        portion = _portion(attributes)
    note = attributes.get("note")
    note = note if isinstance(note, str) else ""
    if len(note) > MAX_NOTE:
        plan.leave(f"{what}, note", f"It has {len(note)} characters, over the limit of {MAX_NOTE}.")
        note = ""
    return PlannedFood(label, rle, portion, note)


def _rle(segmentation: object, size_hw: tuple[int, int]) -> Rle:
    if isinstance(segmentation, dict):
        if isinstance(segmentation.get("counts"), list):
            segmentation = _packed(segmentation, size_hw)
        return require_rle(segmentation, size_hw)
    if not isinstance(segmentation, list) or not segmentation:
        raise NotTakenError("It has no mask; a box alone is not enough.")
    polygons = []
    for numbers in segmentation:
        if not isinstance(numbers, list) or len(numbers) % 2:
            raise NotTakenError("Its outline is not a list of x, y, x, y, ….")
        polygons.append(points(zip(numbers[::2], numbers[1::2], strict=True), size_hw))
    return rle_of_polygons(polygons, size_hw)


def _packed(segmentation: dict[str, Any], size_hw: tuple[int, int]) -> dict[str, Any]:
    """Uncompressed RLE -> compressed."""
    counts, pixels = segmentation["counts"], size_hw[0] * size_hw[1]
    if not all(type(count) is int and 0 <= count <= pixels for count in counts):
        raise NotTakenError("The runs of its mask are not numbers of pixels.")
    if segmentation.get("size") != list(size_hw) or sum(counts) != pixels:
        raise NotTakenError("Its mask is of another size than the photo.")
    packed = coco.frPyObjects({"size": list(size_hw), "counts": counts}, *size_hw)
    return {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}


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
        raise NotTakenError(f"It is no portion: {error}") from error
