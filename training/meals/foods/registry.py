"""All foods that can be served."""

from __future__ import annotations

from training.meals.foods import (
    bakery,
    berries,
    citrus,
    desserts,
    dried,
    dumplings,
    fruit,
    grains,
    meats,
    protein,
    sauces,
    vegetables,
    vegetables_heaps,
    vegetables_leaves,
    vegetables_pieces,
    western,
    western_burger,
    western_meat,
)
from training.meals.foods.base import Food

_MODULES = (
    *(bakery, berries, citrus, desserts, dried, dumplings, fruit, grains, meats, protein, sauces),
    *(vegetables, vegetables_heaps, vegetables_leaves, vegetables_pieces),
    *(western, western_burger, western_meat),
)

MENU: tuple[Food, ...] = tuple(
    sorted((food for module in _MODULES for food in module.FOODS), key=lambda food: food.kind)
)
"""Every food, by kind."""
