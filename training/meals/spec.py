"""Draw the content of a photo from (seed, index), without Blender.

Every part of a meal has its own stream of random numbers. Table, vessels, sauce, light and camera do not
depend on the cuisine, so that only the foods around a red sauce distinguish ketchup from chili paste.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.meals.foods.base import FRUIT, KOREAN, WESTERN, Food
from training.meals.serve import Planned, arrange, arrange_fruit, lay, serve, set_table, with_sauce
from training.meals.setting import (
    Camera,
    Clutter,
    Light,
    Table,
    draw_camera,
    draw_clutter,
    draw_light,
    draw_table,
)
from training.meals.vessel import Vessel

SAUCES = {WESTERN: "ketchup", KOREAN: "chili_paste"}
"""Red sauce by cuisine; in its own dish it is the kind `<name>_in_dish`."""

SAUCE_SHARE = 0.4
SPLITS = ("train",) * 8 + ("val", "test")


@dataclass(frozen=True)
class Meal:
    """The content of a photo.

    Attributes:
        split: "train", "val" or "test" by the index: eight, one and one of every ten.
        seed: seed of everything drawn while the scene is built.
    """

    index: int
    cuisine: str
    split: str
    vessels: tuple[Vessel, ...]
    clutter: tuple[Clutter, ...]
    table: Table
    light: Light
    camera: Camera

    @property
    def kinds(self) -> frozenset[str]:
        """Labels of all foods on the photo."""
        return frozenset().union(*(vessel.kinds for vessel in self.vessels))


def draw_meal(seed: int, index: int, menu: Sequence[Food]) -> Meal:
    """Draw the meal with this number and seed; the order of the menu does not matter."""

    def stream(part: str) -> np.random.Generator:
        return np.random.default_rng([seed, index, zlib.crc32(part.encode())])

    foods = {food.kind: food for food in sorted(menu, key=lambda food: food.kind)}
    cuisine = _draw_cuisine(stream("cuisine"), list(foods.values()))
    planned = arrange_fruit(stream("vessels")) if cuisine == FRUIT else arrange(stream("vessels"))
    if cuisine in SAUCES:
        planned = _with_sauce(stream("sauce"), planned, SAUCES[cuisine], foods)
    choice = [f for f in foods.values() if cuisine in f.cuisines and not is_sauce(f.kind)]
    served = serve(stream("foods"), planned, choice)
    places = stream("places")
    vessels = set_table(stream("setting"), [lay(places, vessel) for vessel in served])
    camera = draw_camera(stream("camera"), vessels)
    return Meal(
        index=index,
        cuisine=cuisine,
        split=SPLITS[index % len(SPLITS)],
        vessels=vessels,
        clutter=draw_clutter(stream("clutter"), vessels, camera.azimuth),
        table=draw_table(stream("table")),
        light=draw_light(stream("light")),
        camera=camera,
    )


def is_sauce(kind: str) -> bool:
    """True for the red sauce of a cuisine."""
    return kind.removesuffix("_in_dish") in SAUCES.values()


def _draw_cuisine(rng: np.random.Generator, menu: Sequence[Food]) -> str:
    """Draw a cuisine in proportion to its kinds; a kind of two cuisines counts half in each."""
    names = sorted({name for food in menu for name in food.cuisines})
    weights = np.array([sum(1 / len(f.cuisines) for f in menu if name in f.cuisines) for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def _with_sauce(
    rng: np.random.Generator, planned: Sequence[Planned], name: str, foods: dict[str, Food]
) -> list[Planned]:
    """Add the red sauce on the first vessel or in a dish; its name does not change the draws."""
    present, in_dish, on_plate = rng.random(3) < (SAUCE_SHARE, 0.5, 0.4)
    food = foods.get(f"{name}_in_dish" if in_dish else name)
    if not present or food is None:
        return list(planned)
    return with_sauce(rng, planned, food, in_dish=bool(in_dish), on_plate=bool(on_plate))
