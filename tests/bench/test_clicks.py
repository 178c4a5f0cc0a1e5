"""The simulated clicks of `bench.clicks`, on drawn foods."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.clicks import Clicker, Set, Tally, figures, holds, off_food, read_scenes, seen_correction
from rvernet_app.errors import NoFoodError
from rvernet_app.picture.masks import to_rle
from rvernet_app.types import FOREGROUND, Candidates, Embedding, Mask, Photo, Prompt


def area(top: int, left: int, height: int, width: int) -> Mask:
    mask = np.zeros((100, 150), np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


LEFT, RIGHT = area(20, 10, 40, 40), area(20, 90, 40, 40)


class Halves:
    """Finds the left piece at once, both with two clicks, and no food in the bottom rows."""

    name, fingerprint = "halves", "0"

    def encode(self, photo: Photo) -> Embedding:
        return Embedding(self.name, (100, 150), np.zeros(0))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        if prompt.points_xy[0][1] > 90 and not prompt.insist:
            raise NoFoodError
        mask = LEFT if len(prompt.points_xy) == 1 else LEFT | RIGHT
        return Candidates(mask[None], np.array([0.9], np.float32), np.zeros((1, 1, 1), np.float32))


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def clicker(tally: Tally) -> Clicker:
    segmenter = Halves()
    return Clicker(segmenter, segmenter.encode(np.zeros((100, 150, 3), np.uint8)), tally)


def test_a_food_is_clicked_until_no_error_is_seen(clicker: Clicker, tally: Tally) -> None:
    clicker.food(LEFT | RIGHT, clicks=4)
    assert tally.kept == {FOREGROUND: [True]}
    assert tally.falls == [-0.5]
    assert tally.ious == {1: [0.5], 2: [1.0], 3: [1.0], 4: [1.0]}
    assert tally.refused == {"food": [False]}


def test_a_refused_click_on_food_is_counted_and_insisted_on(clicker: Clicker, tally: Tally) -> None:
    clicker.food(area(92, 10, 6, 6), clicks=1)
    assert tally.refused == {"food": [True]}
    assert tally.ious == {1: [0.0]}


def test_pieces_are_held_once_all_are_clicked(clicker: Clicker, tally: Tally) -> None:
    clicker.pieces([LEFT, RIGHT, area(92, 10, 6, 6)])
    assert tally.pieces == [True, True, False]


def test_clicks_off_the_food_are_refused_or_miss(clicker: Clicker, tally: Tally) -> None:
    clicker.off((5.0, 95.0), "edge")
    clicker.off((30.0, 40.0), "random")
    clicker.off((70.0, 40.0), "random")
    assert tally.refused == {"edge": [True], "random": [False, False]}
    assert tally.missed == [False, True]
    table = figures(tally)
    assert (table["refused at edges"], table["refused off food"]) == ("100.0% of 1", "0.0% of 2")
    assert (table["masks that miss the click"], table["refused on food"]) == ("50.0% of 2", "-")


def test_an_error_too_small_to_see_is_not_corrected() -> None:
    larger = LEFT | area(60, 10, 2, 40)
    assert seen_correction(larger, LEFT, least=1.5) is None
    click = seen_correction(larger, LEFT, least=0.5)
    assert click is not None
    assert not holds(larger, click)
    assert holds(LEFT, click)


def test_places_off_the_food_are_free_reproducible_and_of_both_kinds() -> None:
    found = list(off_food([LEFT, RIGHT], np.random.default_rng(3), random=5, edges=5))
    assert found == list(off_food([LEFT, RIGHT], np.random.default_rng(3), random=5, edges=5))
    assert [kind for _, kind in found] == ["random"] * 5 + ["edge"] * 5
    for (x, y), kind in found:
        assert not (LEFT | RIGHT)[int(y), int(x)]
        assert (min(x, y, 149 - x, 99 - y) < 1) == (kind == "edge")


def test_categories_that_are_no_foods_are_left_out(tmp_path: Path) -> None:
    masks = {"plate": LEFT | RIGHT, "rice": LEFT}
    file = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 150, "height": 100}],
        "categories": [{"id": 1, "name": "plate"}, {"id": 2, "name": "rice"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": n, "segmentation": to_rle(mask), "iscrowd": 0}
            for n, mask in enumerate(masks.values(), 1)
        ],
    }
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "annotations.json").write_text(json.dumps(file), encoding="utf-8")
    (scene,) = read_scenes(tmp_path, Set("set", left_out=("plate",)))
    assert [name for name, _ in scene.foods] == ["rice"]
    assert scene.photo == tmp_path / "set" / "images" / "a.jpg"
