"""Reads COCO instances: polygons, uncompressed and compressed RLE, and what `coco` adds to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pycocotools import mask as coco

from rvernet_app.errors import StoreError
from rvernet_app.masks import Rle, from_rle, require_rle, to_rle
from rvernet_app.store.annotations import MAX_NOTE, Portion
from rvernet_app.store.formats.coco import ANNOTATIONS_NAME
from rvernet_app.store.formats.importing import KeptPhoto, NotTakenError, Plan, PlannedFood, PlannedPhoto
from rvernet_app.store.formats.reading import Folder, points, read_json, rle_of_polygons

MAX_MEAL = 200


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
    names = {str(category.get("id")): str(category.get("name") or "") for category in categories}
    of_image: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        of_image[str(annotation.get("image_id"))].append(annotation)
    folder = Folder(root)
    for image in plan.each(images):
        with plan.part(str(image.get("file_name") or f"image {image.get('id')}")):
            found = of_image.pop(str(image.get("id")), [])
            plan.photos.append(_photo(image, found, names, folder, path.parent, plan))
    for image_id, left in of_image.items():
        for annotation in left:
            plan.leave(_called(annotation), f"Its photo {image_id} is not in the file.")


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
    names: Mapping[str, str],
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
    return PlannedPhoto(name, photo, tuple(foods), _meal(image))


def _called(annotation: Mapping[str, Any]) -> str:
    return f"annotation {annotation.get('id')}"


def _require_size(image: Mapping[str, Any], photo: KeptPhoto) -> None:
    height, width = photo.size_hw
    said = image.get("width", width), image.get("height", height)
    if said != (width, height):
        raise NotTakenError(
            f"The photo has {width} x {height} pixels, and {said[0]} x {said[1]} by the COCO file; "
            "its masks are of another picture."
        )


def _meal(image: Mapping[str, Any]) -> str | None:
    """The meal a photo is of; one that the export calls by its own hash is of none."""
    group = image.get("group")
    named = isinstance(group, str) and 0 < len(group) <= MAX_MEAL and group != image.get("sha256")
    return group if named else None


def _food(
    annotation: Mapping[str, Any], names: Mapping[str, str], size_hw: tuple[int, int], plan: Plan, what: str
) -> PlannedFood:
    category = str(annotation.get("category_id"))
    if category not in names:
        raise NotTakenError(f"Its category {category} is not in the file.")
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
    return PlannedFood(names[category], rle, portion, note)


def _rle(segmentation: object, size_hw: tuple[int, int]) -> Rle:
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts")
        read_rle = _compressed if isinstance(counts, list) else require_rle
        return read_rle(segmentation, size_hw)
    if not isinstance(segmentation, list) or not segmentation:
        raise NotTakenError("It has no mask; a box alone is not enough.")
    polygons = []
    for numbers in segmentation:
        if not isinstance(numbers, list) or len(numbers) % 2:
            raise NotTakenError("Its outline is not a list of x, y, x, y, ….")
        polygons.append(points(zip(numbers[::2], numbers[1::2], strict=True), size_hw))
    return rle_of_polygons(polygons, size_hw)


def _compressed(segmentation: dict[str, Any], size_hw: tuple[int, int]) -> Rle:
    """Uncompressed RLE -> compressed, as this program writes it: others may have runs of no length."""
    counts, pixels = segmentation["counts"], size_hw[0] * size_hw[1]
    if not all(type(count) is int and 0 <= count <= pixels for count in counts):
        raise NotTakenError("The runs of its mask are not numbers of pixels.")
    if segmentation.get("size") != list(size_hw) or sum(counts) != pixels:
        raise NotTakenError("Its mask is of another size than the photo.")
    packed = coco.frPyObjects({"size": list(size_hw), "counts": counts}, *size_hw)
    rle = {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}
    return to_rle(from_rle(rle, size_hw))


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
