"""How unsure the classifier is of a queue's photos, so that those it would learn most from can come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rvernet_app.errors import PhotoError
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photo_cache import PhotoShelf
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.propose import propose
from rvernet_app.store import queue
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.ui.requests import number
from rvernet_app.ui.visitor.handlers import Reply

NOTHING_FOUND = 1.0
"""The uncertainty of a photo on which no region was found."""
UNREADABLE = 0.0
"""That of a photo whose file is missing or damaged: there is nothing to learn from it."""


class Ranking:
    """Looks photos over one by one, for as long as the page asks."""

    def __init__(self, store: Store, files: PhotoFiles, shelf: PhotoShelf, pipeline: Pipeline) -> None:
        self._store = store
        self._files = files
        self._shelf = shelf
        self._pipeline = pipeline

    @property
    def handlers(self) -> list[Callable[[Mapping[str, Any], str], Reply]]:
        """All that the page may ask."""
        return [self.rank_next]

    def rank_next(self, message: Mapping[str, Any], me: str) -> Reply:
        """{"project"} -> {"left", "total"}, once the next photo not looked over yet has its uncertainty."""
        project_id = int(number(message, "project"))
        with self._store.reading() as session:
            item = queue.next_unranked(session, project_id)
        if item is not None:
            try:
                photo = self._shelf.add(self._files.original(item.photo.sha256))
            except PhotoError:
                uncertainty = UNREADABLE
            else:
                uncertainty = self._uncertainty(photo)
            with self._store.writing() as session:
                queue.set_uncertainty(session, item.id, uncertainty)
        with self._store.reading() as session:
            left, total = queue.count_unranked(session, project_id)
        return {"left": left, "total": total}

    def _uncertainty(self, photo: LoadedPhoto) -> float:
        """1 less the probability of the likeliest class, the mean over the regions found all over the photo."""
        *_, found = propose(self._pipeline.segmenter, self._pipeline.encode(photo))
        if not found.masks:
            return NOTHING_FOUND
        predictions = self._pipeline.classifier.predict_batch(
            [cut_out(photo.pixels, mask) for mask in found.masks]
        )
        return float(np.mean([1 - p.probabilities.max() for p in predictions]))
