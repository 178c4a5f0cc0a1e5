"""A project of the app's annotation store as a source, so that saved labels train the next model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rvernet_app.config import AppConfig
from rvernet_app.errors import StoreError
from rvernet_app.picture.masks import Rle, area_and_box
from rvernet_app.picture.overlaps import visible_rles
from rvernet_app.store.consensus import FinalFood, FinalPhoto, Shares, final_photos
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import all_projects
from training.data.coco import AnnotatedPhoto
from training.data.regions import DataError, Region, SourceRegions, split_by_group


class ProjectSource:
    """A `RegionSource` of the finished photos of a project. No photo is opened.

    A region is what is visible of a food, as in an export; see `picture.overlaps`.

    Args:
        name: of the source.
        folder: the data folder of the app.
        project: name of the project; None takes the only one.
        rename: labels -> the class names to use instead.
        held_out, val_share: see `split_by_group`; a group is a meal.
        database_url: of the database, if it is not in the folder.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        project: str | None = None,
        rename: Mapping[str, str] = MappingProxyType({}),
        held_out: Sequence[str] = (),
        val_share: float = 0.0,
        database_url: str = "",
    ) -> None:
        self.name = name
        self._folder = folder
        self._project = project
        self._rename = rename
        self._held_out = held_out
        self._val_share = val_share
        self._url = database_url

    def read(self) -> SourceRegions:
        """See `RegionSource.read`."""
        if not self._url and not (self._folder / DATABASE_NAME).is_file():
            raise DataError(f"There is no annotation store in {self._folder}.")
        try:
            store = Store(self._folder, self._url or None)
        except StoreError as error:
            raise DataError(str(error)) from error
        limits = AppConfig()
        files = PhotoFiles(
            self._folder, max_mb=limits.max_photo_mb, max_megapixels=limits.max_photo_megapixels
        )
        mark = hashlib.sha256()
        regions: list[Region] = []
        covered: list[str] = []
        try:
            with store.reading() as session:
                found = {project.name: project.id for project in all_projects(session)}
                chosen = self._project or (next(iter(found)) if len(found) == 1 else "")
                if chosen not in found:
                    raise DataError(
                        f"The store in {self._folder} has the projects {', '.join(found) or 'none'}; "
                        "name one."
                    )
                labels = [label.name for label in labels_of(session, found[chosen])]
                for photo in final_photos(session, found[chosen], Shares(0.0, 0.0)):
                    shown = _shown(photo)
                    of_photo = [self._region(photo, food, rle, files) for food, rle in shown.visible]
                    regions.extend(of_photo)
                    mark.update(_described(photo, shown, of_photo))
                    covered.extend(f"{self.name}/{food.annotation.id}" for food in shown.covered)
        finally:
            store.close()
        return SourceRegions(
            regions=split_by_group(regions, self._held_out, self._val_share, self.name),
            labels=tuple(dict.fromkeys(self._rename.get(label, label) for label in labels)),
            fingerprint=mark.hexdigest()[:12],
            left_out={"completely covered by other foods": tuple(covered)} if covered else {},
        )

    def _region(self, photo: FinalPhoto, food: FinalFood, rle: Rle, files: PhotoFiles) -> Region:
        row = photo.item.photo
        path, size_hw = files.working_copy(row.sha256, row.format), (row.height, row.width)
        name = f"{self.name}/{food.annotation.id}"
        area, (left, top, width, height) = area_and_box(rle)
        return Region(
            name=name,
            label=self._rename.get(food.label.name, food.label.name),
            group=f"{self.name}/{photo.meal}",
            split="train",
            masked=(AnnotatedPhoto(path, size_hw, dict(rle), name),),
            photo=path,
            size_hw=size_hw,
            box_xyxy=(float(left), float(top), float(left + width), float(top + height)),
            share=area / (row.height * row.width),
        )


@dataclass(frozen=True)
class _Shown:
    """The foods of a photo: what is visible of each, and those that others cover wholly."""

    visible: tuple[tuple[FinalFood, Rle], ...]
    covered: tuple[FinalFood, ...]


def _shown(photo: FinalPhoto) -> _Shown:
    row = photo.item.photo
    rles = visible_rles([food.rle for food in photo.foods], (row.height, row.width))
    shown = list(zip(photo.foods, rles, strict=True))
    return _Shown(
        tuple((food, rle) for food, rle in shown if rle is not None),
        tuple(food for food, rle in shown if rle is None),
    )


def _described(photo: FinalPhoto, shown: _Shown, regions: Sequence[Region]) -> bytes:
    """Return everything that a training uses of a photo, independent of the place of the folder."""
    foods = [
        (food.annotation.id, region.label, rle)
        for (food, rle), region in zip(shown.visible, regions, strict=True)
    ]
    return json.dumps((photo.item.photo.sha256, photo.meal, foods)).encode()
