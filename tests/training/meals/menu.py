"""A small menu of foods that are never built."""

from __future__ import annotations

from training.meals.foods.base import FRUIT, KOREAN, WESTERN, Build, Food


def _not_built() -> Build:
    def build(rng: object, radius: float) -> list[object]:
        raise AssertionError("drawing a meal builds nothing")

    return build


def _food(
    kind: str, label: str, cuisines: set[str], radii: tuple[float, float], liquid: bool = False
) -> Food:
    return Food(kind, label, frozenset(cuisines), radii, _not_built(), liquid)


SAUCES = tuple(
    _food(kind + form, label, {cuisine}, (2.2, 3.8), liquid=bool(form))
    for kind, label, cuisine in (("ketchup", "ketchup", WESTERN), ("chili_paste", "chili paste", KOREAN))
    for form in ("", "_in_dish")
)
MENU = (
    *SAUCES,
    _food("soup", "soup", {WESTERN, KOREAN}, (4, 8), liquid=True),
    *(_food(f"western_{i}", "bread", {WESTERN}, (3, 5.5)) for i in range(9)),
    *(_food(f"korean_{i}", "rice", {KOREAN}, (3, 5.5)) for i in range(9)),
    *(_food(f"both_{i}", "egg", {WESTERN, KOREAN}, (3, 5.5)) for i in range(5)),
    *(_food(f"fruit_{i}", "apple", {FRUIT}, (3, 5.5)) for i in range(8)),
)
