"""Drawn meals."""

from collections import Counter

import numpy as np
import pytest

from tests.training.meals.menu import MENU
from training.meals.foods.base import FRUIT, KOREAN, WESTERN
from training.meals.serve import MOST
from training.meals.shapes import SHAPES
from training.meals.spec import SAUCE_SHARE, Meal, draw_meal, is_sauce
from training.meals.vessel import ON_TABLE, Serving, Vessel

MEALS = [draw_meal(7, i, MENU) for i in range(250)]
FOODS = {food.kind: food for food in MENU}


def vessels_of(meal: Meal) -> list[Vessel]:
    return [v for vessel in meal.vessels for v in (vessel, *vessel.carried)]


def servings_of(meal: Meal) -> list[Serving]:
    return [serving for vessel in vessels_of(meal) for serving in vessel.servings]


def sauces_of(meal: Meal) -> list[Serving]:
    return [serving for serving in servings_of(meal) if is_sauce(serving.kind)]


# --- what a meal depends on


def test_a_meal_depends_only_on_seed_and_index() -> None:
    assert draw_meal(7, 31, MENU) == MEALS[31]
    assert draw_meal(7, 31, MENU[::-1]) == MEALS[31]
    assert draw_meal(8, 31, MENU) != MEALS[31]
    assert MEALS[30].table != MEALS[31].table


def test_of_ten_meals_eight_train_and_one_each_validates_and_tests() -> None:
    for start in (0, 130):
        assert Counter(m.split for m in MEALS[start : start + 10]) == {"train": 8, "val": 1, "test": 1}


# --- the red sauce, named by the meal around it


def test_the_setting_does_not_depend_on_the_cuisine(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(index: int, cuisine: str) -> Meal:
        monkeypatch.setattr("training.meals.spec._draw_cuisine", lambda rng, menu: cuisine)
        return draw_meal(7, index, MENU)

    for index in range(60):
        one, other = drawn(index, WESTERN), drawn(index, KOREAN)
        assert (one.table, one.light, one.camera, one.clutter) == (
            other.table,
            other.light,
            other.camera,
            other.clutter,
        )
        looks = [[(v.shape, v.half, v.seed, v.level, v.xy) for v in m.vessels] for m in (one, other)]
        assert looks[0] == looks[1]
        sauces = [
            [(s.radius, s.turn, s.seed, "_in_dish" in s.kind) for s in sauces_of(m)] for m in (one, other)
        ]
        assert sauces[0] == sauces[1]


def test_the_sauce_has_one_look_for_both_labels() -> None:
    sauced = [m for m in MEALS if sauces_of(m)]
    for meal in sauced:
        kind = sauces_of(meal)[0].kind
        assert kind.startswith({WESTERN: "ketchup", KOREAN: "chili_paste"}[meal.cuisine])
    eligible = sum(m.cuisine != FRUIT for m in MEALS)
    assert len(sauced) / eligible == pytest.approx(SAUCE_SHARE, abs=0.07)


# --- foods


def test_a_meal_has_foods_of_its_cuisine_without_repeats() -> None:
    for meal in MEALS:
        kinds = [serving.kind for serving in servings_of(meal)]
        assert len(kinds) == len(set(kinds))
        assert 1 <= len(kinds) <= MOST
        assert all(meal.cuisine in FOODS[kind].cuisines for kind in kinds)


def test_kinds_are_about_equally_frequent() -> None:
    counts = Counter(s.kind for m in MEALS for s in servings_of(m))
    solid = [counts[f.kind] for f in MENU if not f.liquid and not is_sauce(f.kind)]
    assert min(solid) > 0.4 * max(solid)


def test_radii_are_in_their_range_and_liquids_in_deep_vessels() -> None:
    for meal in MEALS:
        for vessel in vessels_of(meal):
            for serving in vessel.servings:
                food = FOODS[serving.kind]
                if food.liquid:
                    assert SHAPES[vessel.shape].round
                    assert serving.radius < vessel.half[0]
                else:
                    assert food.radii_cm[0] <= serving.radius <= food.radii_cm[1]


# --- the table


def test_no_vessel_stands_in_another() -> None:
    for meal in MEALS:
        for group in (meal.vessels, *(v.carried for v in meal.vessels)):
            for i, one in enumerate(group):
                for other in group[:i]:
                    assert np.hypot(*np.subtract(one.xy, other.xy)) > one.radius + other.radius


def test_clutter_keeps_clear_of_vessels() -> None:
    seen = Counter(thing.kind for meal in MEALS for thing in meal.clutter)
    assert len(seen) > 10
    for meal in MEALS:
        for thing in meal.clutter:
            assert all(np.hypot(*np.subtract(thing.xy, v.xy)) > v.radius for v in meal.vessels)


def test_every_table_and_vessel_occurs() -> None:
    assert {v.shape for m in MEALS for v in vessels_of(m)} == {*SHAPES, ON_TABLE}
    assert len({m.table.kind for m in MEALS}) == 12


def test_the_camera_looks_down_at_25_to_85_degrees() -> None:
    assert all(25 <= np.degrees(m.camera.elevation) <= 85 for m in MEALS)
