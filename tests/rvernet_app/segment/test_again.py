"""Foods of one photo found again in a later one, by a segmenter that knows flat colours."""

from __future__ import annotations

import numpy as np

from rvernet_app.errors import NoFoodError
from rvernet_app.picture.colours import colours_of
from rvernet_app.segment.again import find_again
from rvernet_app.types import Candidates, Embedding, Mask, Photo, Prompt

TABLE, TOMATO, PEAS, RICE = (220, 215, 205), (200, 60, 40), (90, 140, 50), (240, 215, 120)
Box = tuple[int, int, int, int]


class FlatColours:
    """Finds the area of one colour at a click; the table is no food. Its features are the photo."""

    name, fingerprint = "flat", "0"

    def encode(self, photo: Photo) -> Embedding:
        return Embedding(self.name, (photo.shape[0], photo.shape[1]), photo)

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        ((x, y),) = prompt.points_xy
        photo = embedding.features
        mask = (photo == photo[int(y), int(x)]).all(-1)
        if mask[0, 0]:
            raise NoFoodError
        return Candidates(mask[None], np.array([0.75], np.float32), np.zeros((1, 1, 1), np.float32))


def table(**foods: tuple[Box, tuple[int, int, int]]) -> Photo:
    photo = np.full((120, 160, 3), TABLE, np.uint8)
    for (top, left, height, width), colour in foods.values():
        photo[top : top + height, left : left + width] = colour
    return photo


def area(photo: Photo, colour: tuple[int, int, int]) -> Mask:
    return np.asarray((photo == colour).all(-1))


def test_foods_that_changed_places_are_found_by_their_colours_and_eaten_ones_are_not() -> None:
    served = table(a=((10, 10, 40, 40), TOMATO), b=((60, 100, 40, 40), PEAS), c=((10, 100, 40, 40), RICE))
    left = table(a=((60, 100, 20, 40), TOMATO), b=((10, 10, 40, 30), PEAS))
    segmenter = FlatColours()
    foods = [colours_of(served, area(served, colour)) for colour in (TOMATO, PEAS, RICE)]
    tomato, peas, rice = find_again(segmenter, segmenter.encode(left), left, foods)
    assert tomato is not None
    assert peas is not None
    assert rice is None
    np.testing.assert_array_equal(tomato.mask, area(left, TOMATO))
    np.testing.assert_array_equal(peas.mask, area(left, PEAS))
    assert tomato.score == 0.75


def test_two_foods_are_never_found_in_one_place() -> None:
    served = table(a=((10, 10, 40, 40), TOMATO))
    foods = [colours_of(served, area(served, TOMATO))] * 2
    segmenter = FlatColours()
    found = find_again(segmenter, segmenter.encode(served), served, foods)
    assert [food is None for food in found].count(True) == 1


def test_nothing_is_found_on_an_empty_table() -> None:
    served = table(a=((10, 10, 40, 40), TOMATO))
    segmenter = FlatColours()
    foods = [colours_of(served, area(served, TOMATO))]
    assert find_again(segmenter, segmenter.encode(table()), table(), foods) == [None]
    assert find_again(segmenter, segmenter.encode(served), served, []) == []
