"""A project of the app's annotation store as a source of training data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rvernet_app.config import AppConfig
from rvernet_app.errors import StoreError
from rvernet_app.store.consensus import FinalPhoto, Shares, final_photos
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import all_projects
from rvernet_app.store.tables import Annotation
from training.data.coco import AnnotatedPhoto
from training.data.regions import DataError, Region, SourceRegions, split_by_group


class ProjectSource:
    """The finished photos of a project, as a `RegionSource`; no photo is opened.

    Args:
        name: name of the source.
        folder: the app's data folder.
        project: name of the project; None for the only one.
        rename: class names to use instead of labels.
        held_out, val_share: see `split_by_group`; a group is a meal.
        database_url: URL of the database, if it is not in the folder.
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
        """See `RegionSource`."""
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
        try:
            with store.reading() as session:
                found = {project.name: project.id for project in all_projects(session)}
                chosen = self._project or (next(iter(found)) if len(found) == 1 else "")
                if chosen not in found:
                    raise DataError(
                        f"The store in {self._folder} has the projects {', '.join(found) or 'none'}; name one."
                    )
                labels = [label.name for label in labels_of(session, found[chosen])]
                for photo in final_photos(session, found[chosen], Shares(0.0, 0.0)):
                    of_photo = self._regions(photo, files)
                    regions.extend(of_photo)
                    mark.update(_described(photo, of_photo))
        finally:
            store.close()
        return SourceRegions(
            regions=split_by_group(regions, self._held_out, self._val_share, self.name),
            labels=tuple(dict.fromkeys(self._rename.get(label, label) for label in labels)),
            fingerprint=mark.hexdigest()[:12],
        )

    def _regions(self, photo: FinalPhoto, files: PhotoFiles) -> list[Region]:
        row = photo.item.photo
        path, size_hw = files.working_copy(row.sha256, row.format), (row.height, row.width)
        return [
            Region(
                name=(name := f"{self.name}/{food.annotation.id}"),
                label=self._rename.get(food.label.name, food.label.name),
                group=f"{self.name}/{photo.meal}",
                split="train",
                masked=(AnnotatedPhoto(path, size_hw, dict(food.rle), name),),
                photo=path,
                size_hw=size_hw,
                box_xyxy=_box_xyxy(food.annotation),
                share=food.annotation.area / (row.height * row.width),
            )
            for food in photo.foods
        ]


def _described(photo: FinalPhoto, regions: Sequence[Region]) -> bytes:
    """All that a training makes of a photo, the same wherever the folder lies."""
    foods = [
        (food.annotation.id, region.label, food.rle)
        for food, region in zip(photo.foods, regions, strict=True)
    ]
    return json.dumps((photo.item.photo.sha256, photo.meal, foods)).encode()


def _box_xyxy(row: Annotation) -> tuple[float, float, float, float]:
    return (
        float(row.box_x),
        float(row.box_y),
        float(row.box_x + row.box_w),
        float(row.box_y + row.box_h),
    )
