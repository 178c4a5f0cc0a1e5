"""Ranking photos by uncertainty, with an engine whose regions and probabilities are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from rvernet_app.config import AppConfig
from rvernet_app.errors import SegmentationError
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.pipeline import Pipeline
from rvernet_app.store.database import Store
from rvernet_app.store.projects import create_project
from rvernet_app.types import Candidates, Cutouts, Embedding, Photo, Prediction, Prompt
from rvernet_app.ui.answers import answered_to
from rvernet_app.ui.project.ranking import NOTHING_FOUND, UNREADABLE, Ranking
from tests.rvernet_app.store.desk import SIZE_HW, Desk, commit, nobody, set_up

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))


class TwoFoods:
    """A fake segmenter that finds a food in the left and in the right third of a photo, none between them."""

    name, fingerprint = "two foods", "0"

    def encode(self, photo: Photo) -> Embedding:
        return Embedding(self.name, photo.shape[:2], np.zeros(0))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        ((x, _),) = prompt.points_xy
        mask = np.zeros(SIZE_HW, np.bool_)
        third = int(3 * x / SIZE_HW[1])
        if third == 1:
            raise SegmentationError("Nothing was found here.")
        mask[1:5, 0:2] = third == 0
        mask[1:5, 6:8] = third == 2
        return Candidates(mask[None], np.array([0.9], np.float32), np.zeros((1, 1, 1), np.float32))


class Nothing(TwoFoods):
    """A fake segmenter that finds no food at all."""

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        raise SegmentationError("Nothing was found here.")


class Sure:
    """A fake classifier; the given probabilities are those of each region's likeliest class, in turn."""

    def __init__(self, *likeliest: float) -> None:
        self._likeliest = likeliest

    def predict_batch(self, cutouts: Sequence[Cutouts]) -> list[Prediction]:
        rows = [np.array([1 - p, p], np.float32) for p in self._likeliest]
        assert len(rows) == len(cutouts)
        return [Prediction(("rice", "soup"), row) for row in rows]


class Engine:
    """A fake of the pipeline."""

    def __init__(self, segmenter: TwoFoods, classifier: Sure) -> None:
        self.segmenter, self.classifier = segmenter, classifier

    def encode(self, photo: LoadedPhoto) -> Embedding:
        return self.segmenter.encode(photo.pixels)


@dataclass(frozen=True)
class Page:
    """The handler, called as the browser calls it."""

    desk: Desk
    ranking: Ranking
    engine: Engine

    def rank_next(self, **message: Any) -> dict[str, Any]:
        sent = {"project": self.desk.project, "me": "Ann", **message}
        return dict(answered_to(self.ranking.rank_next, nobody)(sent, REQUEST, None))

    def uncertainties(self) -> list[float | None]:
        return [self.desk.item(number).uncertainty for number in range(len(self.desk.items))]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A project of three photos that are not ranked yet."""
    store = Store(tmp_path / "data")
    desk = set_up(store, photos=3)
    engine = Engine(TwoFoods(), Sure(0.75, 0.5))
    photos = PhotoCache(AppConfig(photos_dir=tmp_path / "photos"))
    yield Page(desk, Ranking(store, desk.files, photos, cast("Pipeline", engine)), engine)
    store.close()


def test_the_handler_is_offered(page: Page) -> None:
    assert page.ranking.handlers == [page.ranking.rank_next]


def test_photos_are_ranked_one_by_one_in_the_order_of_the_queue(page: Page) -> None:
    assert page.rank_next() == {"left": 2, "total": 3}
    assert page.uncertainties() == [0.375, None, None]  # the mean of 0.25 and 0.5
    page.engine.classifier = Sure(1.0, 0.5)
    assert page.rank_next() == {"left": 1, "total": 3}
    assert page.uncertainties() == [0.375, 0.25, None]
    for _ in range(2):
        assert page.rank_next() == {"left": 0, "total": 3}
    assert page.uncertainties() == [0.375, 0.25, 0.25]


def test_a_photo_without_regions_gets_the_highest_uncertainty(page: Page) -> None:
    page.engine.segmenter = Nothing()
    page.rank_next()
    assert page.uncertainties() == [NOTHING_FOUND, None, None]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"damaged")])
def test_a_missing_or_damaged_file_does_not_stop_the_ranking_of_other_photos(
    page: Page, spoil: Callable[[Path], object]
) -> None:
    spoil(page.desk.files.original(page.desk.item(0).photo.sha256))
    assert page.rank_next() == {"left": 2, "total": 3}
    assert page.rank_next() == {"left": 1, "total": 3}
    assert page.uncertainties() == [UNREADABLE, 0.375, None]


def test_an_engine_error_stores_no_uncertainty(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(photo: LoadedPhoto) -> Embedding:
        raise SegmentationError("The engine is out of memory.")

    monkeypatch.setattr(page.engine, "encode", refuse)
    assert page.rank_next() == {"error": "The engine is out of memory."}
    assert page.uncertainties() == [None] * 3


def test_a_queue_without_photos_has_nothing_left(page: Page) -> None:
    empty = commit(page.desk.store, create_project, "Empty", [])
    assert page.rank_next(project=empty) == {"left": 0, "total": 0}
    assert "project" in page.rank_next(project="Trays")["error"]
