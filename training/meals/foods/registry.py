"""All foods that can be served."""

from __future__ import annotations

from training.meals.foods import (
    bakery,
    berries,
    burgers,
    citrus,
    cut_vegetables,
    desserts,
    dried,
    dumplings,
    fruit,
    grains,
    protein,
    pulses,
    roasts,
    salads,
    sauces,
    sides,
    stews,
    whole_vegetables,
)
from training.meals.foods.base import Food

_MODULES = (
    bakery,
    berries,
    burgers,
    citrus,
    cut_vegetables,
    desserts,
    dried,
    dumplings,
    fruit,
    grains,
    protein,
    pulses,
    roasts,
    salads,
    sauces,
    sides,
    stews,
    whole_vegetables,
)

MENU: tuple[Food, ...] = tuple(
    sorted((food for module in _MODULES for food in module.FOODS), key=lambda food: food.kind)
)
"""Every food, by kind."""
