"""How unsure the classifier is of a queue's photos, so that those it would learn most from can come first."""

from __future__ import annotations

import numpy as np

from rvernet_app.errors import PhotoError
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.propose import propose
from rvernet_app.store import queue
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.project.replies import Ranked
from rvernet_app.ui.project.requests import OfProject

NOTHING_FOUND = 1.0
"""The uncertainty of a photo on which no food was found."""
UNREADABLE = 0.0
"""The uncertainty of a photo whose file is missing or damaged: a model learns nothing from it."""


class Ranking:
    """Looks photos over one by one, for as long as the page asks."""

    def __init__(self, store: Store, files: PhotoFiles, photos: PhotoCache, pipeline: Pipeline) -> None:
        self._store = store.acting
        self._files = files
        self._photos = photos
        self._pipeline = pipeline

    @property
    def handlers(self) -> list[StoreHandler]:
        """All that the page may ask."""
        return [self.rank_next]

    def rank_next(self, asked: OfProject, me: Actor) -> Ranked:
        """Give the next photo its uncertainty, and say how many are left."""
        with self._store(me).reading() as session:
            item = queue.next_unranked(session, asked.project)
        if item is not None:
            uncertainty = self._uncertainty(item.photo.sha256)
            with self._store(me).writing() as session:
                queue.set_uncertainty(session, item.id, uncertainty)
        with self._store(me).reading() as session:
            left, total = queue.count_unranked(session, asked.project)
        return Ranked(left=left, total=total)

    def _uncertainty(self, sha256: str) -> float:
        try:
            photo = self._photos.add(self._files.original(sha256))
        except PhotoError:
            return UNREADABLE
        return self._mean_uncertainty(photo)

    def _mean_uncertainty(self, photo: LoadedPhoto) -> float:
        """Return the mean of 1 - probability of the likeliest class over the masks found in the photo."""
        *_, found = propose(self._pipeline.segmenter, self._pipeline.encode(photo))
        if not found.masks:
            return NOTHING_FOUND
        cutouts = [cut_out(photo.pixels, mask) for mask in found.masks]
        predictions = self._pipeline.classifier.predict_batch(cutouts)
        return float(np.mean([1 - p.probabilities.max() for p in predictions]))
