"""Answers about photos of leftovers: the served foods are looked for again, and never copied."""

from __future__ import annotations

from rvernet_app.errors import StoreError
from rvernet_app.picture.colours import colours_of
from rvernet_app.picture.masks import Rle, from_rle, innermost_point
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.again import find_again
from rvernet_app.store import annotations as stored_foods
from rvernet_app.store import projects, queue
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.roles import Actor
from rvernet_app.store.tables import Item
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import FoodAgain, FoundAgain
from rvernet_app.ui.project.requests import FindAgain
from rvernet_app.ui.visitor.pictures import mask_reply

UNNAMED = "a food without a name"


class Leftovers:
    """Looks for the foods of a served photo in a photo of its leftovers."""

    def __init__(self, store: Store, files: PhotoFiles, photos: PhotoCache, pipeline: Pipeline) -> None:
        self._store = store.acting
        self._files = files
        self._photos = photos
        self._pipeline = pipeline

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.find_again]

    def find_again(self, asked: FindAgain, me: Actor) -> FoundAgain:
        """Look for the visitor's foods of the served photo, or of the photo before, in a photo."""
        with self._store(me).reading() as session:
            mine = projects.find_annotator(session, me.name) or projects.NOBODY
            item = queue.item(session, asked.project, asked.item)
            if item.before_id is None:
                before = queue.neighbour(session, asked.project, item.position, -1)
            else:
                before = session.get(Item, item.before_id)
            rows = [] if before is None else stored_foods.foods(session, before.id, mine)
            if before is None or not rows:
                raise StoreError("The photo before has no foods of yours.")
            size_hw = before.photo.height, before.photo.width
            rles = [Rle(size=list(size_hw), counts=row.counts) for row in rows]
            names: dict[int | None, str] = {
                label.id: label.name for label in labels_of(session, asked.project)
            }
            labels = [(row.label_id, names.get(row.label_id, UNNAMED)) for row in rows]
            served, now, position = before.photo.sha256, item.photo.sha256, before.position
        earlier = self._photos.add(self._files.original(served))
        photo = self._photos.add(self._files.original(now))
        foods = [colours_of(earlier.pixels, from_rle(rle, size_hw)) for rle in rles]
        found = find_again(self._pipeline.segmenter, self._pipeline.encode(photo), photo.pixels, foods)
        return FoundAgain(
            served=position,
            foods=[
                FoodAgain(
                    label=label,
                    mask=mask_reply(food.mask, food.score),
                    point=[*innermost_point(food.mask), 1],
                )
                for food, (label, _) in zip(found, labels, strict=True)
                if food is not None
            ],
            lost=[name for food, (_, name) in zip(found, labels, strict=True) if food is None],
        )
