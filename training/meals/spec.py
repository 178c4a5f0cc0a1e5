"""What is on a photo, drawn from (seed, index) alone and without Blender.

Every part of a meal has a stream of random numbers of its own. Those of the table, the vessels, the sauce,
the light and the camera never see the cuisine, so that the foods around a red sauce are all that tells
ketchup from chili paste.
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
"""The red sauce of a cuisine; in a dish of its own it is the kind `<name>_in_dish`."""

SAUCE_SHARE = 0.4
SPLITS = ("train",) * 8 + ("val", "test")


@dataclass(frozen=True)
class Meal:
    """All that a photo shows.

    Attributes:
        split: "train", "val" or "test", by the index alone: eight, one and one of every ten.
        seed: of what is drawn while the scene is built.
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
        """Of all foods on it."""
        return frozenset().union(*(vessel.kinds for vessel in self.vessels))


def draw_meal(seed: int, index: int, menu: Sequence[Food]) -> Meal:
    """The meal with this number of this seed; the menu's order does not matter."""

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
    """Whether this is the red sauce of some cuisine."""
    return kind.removesuffix("_in_dish") in SAUCES.values()


def _draw_cuisine(rng: np.random.Generator, menu: Sequence[Food]) -> str:
    """A cuisine, the likelier the more kinds it has, a kind of two cuisines counting half in each."""
    names = sorted({name for food in menu for name in food.cuisines})
    weights = np.array([sum(1 / len(f.cuisines) for f in menu if name in f.cuisines) for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def _with_sauce(
    rng: np.random.Generator, planned: Sequence[Planned], name: str, foods: dict[str, Food]
) -> list[Planned]:
    """With the red sauce on the first vessel or in a dish; the draws are the same whatever its name."""
    present, in_dish, on_plate = rng.random(3) < (SAUCE_SHARE, 0.5, 0.4)
    food = foods.get(f"{name}_in_dish" if in_dish else name)
    if not present or food is None:
        return list(planned)
    return with_sauce(rng, planned, food, in_dish=bool(in_dish), on_plate=bool(on_plate))
