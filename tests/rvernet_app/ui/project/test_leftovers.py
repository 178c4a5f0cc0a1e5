"""Foods of the served photo looked for in a photo of leftovers, with a segmenter whose foods are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from rvernet_app.config import AppConfig
from rvernet_app.errors import NoFoodError
from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.pipeline import Pipeline
from rvernet_app.store import queue
from rvernet_app.store.database import Store
from rvernet_app.types import Candidates, Embedding, Photo, Prompt
from rvernet_app.ui.answers import answered_to
from rvernet_app.ui.project.leftovers import Leftovers
from tests.rvernet_app.store.desk import SIZE_HW, Desk, commit, nobody, set_up

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))


class OneFood:
    """A fake segmenter that finds one food, in the right third of a photo, and none elsewhere."""

    name, fingerprint = "one food", "0"

    def encode(self, photo: Photo) -> Embedding:
        return Embedding(self.name, (photo.shape[0], photo.shape[1]), np.zeros(0))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        ((x, _),) = prompt.points_xy
        if int(3 * x / SIZE_HW[1]) < 2:
            raise NoFoodError
        mask = np.zeros(SIZE_HW, np.bool_)
        mask[1:5, 6:8] = True
        return Candidates(mask[None], np.array([0.75], np.float32), np.zeros((1, 1, 1), np.float32))


@dataclass(frozen=True)
class Page:
    """The handler, called as the browser calls it."""

    desk: Desk
    leftovers: Leftovers

    def find_again(self, item: int) -> dict[str, Any]:
        sent = {"project": self.desk.project, "item": self.desk.items[item], "me": "Ann"}
        return dict(answered_to(self.leftovers.find_again, nobody)(sent, REQUEST, None))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    store = Store(tmp_path / "data")
    desk = set_up(store, photos=3)
    segmenter = OneFood()
    engine = SimpleNamespace(segmenter=segmenter, encode=lambda photo: segmenter.encode(photo.pixels))
    photos = PhotoCache(AppConfig(photos_dir=tmp_path / "photos"))
    yield Page(desk, Leftovers(store, desk.files, photos, cast("Pipeline", engine)))
    store.close()


def test_a_food_is_found_where_it_is_now(page: Page) -> None:
    page.desk.save(label="soup")
    reply = page.find_again(1)
    (food,) = reply["foods"]
    assert (food["label"], reply["lost"]) == (page.desk.labels["soup"], [])
    mask = from_rle(food["mask"]["rle"], SIZE_HW)
    assert mask[1:5, 6:8].all()
    assert mask.sum() == 8
    assert food["mask"]["score"] == 0.75
    x, y, label = food["point"]
    assert mask[y, x]
    assert label == 1


def test_of_two_foods_of_like_colours_with_one_left_neither_is_guessed(page: Page) -> None:
    page.desk.save(label="soup")
    page.desk.save(label="rice", left=3)
    reply = page.find_again(1)
    assert (reply["foods"], sorted(reply["lost"])) == ([], ["rice", "soup"])


def test_the_linked_photo_counts_and_not_the_one_before(page: Page) -> None:
    page.desk.save(label="soup")
    assert page.find_again(2) == {"error": "The photo before has no foods of yours."}
    commit(page.desk.store, queue.link_before, page.desk.items[2], page.desk.items[0])
    reply = page.find_again(2)
    assert (reply["served"], len(reply["foods"]), reply["lost"]) == (0, 1, [])


def test_the_first_photo_has_none_before_it(page: Page) -> None:
    assert page.find_again(0) == {"error": "The photo before has no foods of yours."}
