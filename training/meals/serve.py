"""Draw the vessels of a meal, their foods and their arrangement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.meals.foods.base import Food
from training.meals.layout import pack
from training.meals.shapes import SHAPES, Array, inner_half
from training.meals.vessel import ON_TABLE, Serving, Vessel

PLATES = {
    "plate": 5.0,
    "coupe": 4.0,
    "oval platter": 1.5,
    "square plate": 1.2,
    "long plate": 1.2,
    "tray": 1.2,
    "board": 1.0,
    "round board": 0.7,
    "skillet": 0.7,
    "lunch box": 1.2,
}
SIDES = {"bowl": 3.5, "side dish": 2.5, "small plate": 2.5, "wide bowl": 0.7}
FRUIT_PLACES = {"plate": 2.0, "coupe": 2.0, "wide bowl": 1.2, "board": 1.6, "round board": 1.0, "tray": 0.4}
FRUIT_PLACES |= {"long plate": 0.7, "oval platter": 0.8, "small plate": 0.5, ON_TABLE: 1.6}

DEEP = ("bowl", "wide bowl", "deep plate", "side dish", "small dish")
"""Vessels filled with one food instead of foods side by side."""

BOWL_LABELS = frozenset(
    {
        "rice",
        "noodles",
        "pasta",
        "salad",
        "corn",
        "tofu",
        "soup",
        "potato",
        "french fries",
        "popcorn",
        "cabbage",
        "bean sprouts",
        "wonton dumplings",
        "green beans",
        "red beans",
        "soy",
        "other ingredients",
        "ice cream",
        "blueberry",
        "cherry",
        "strawberry",
        "raspberry",
        "grape",
        "almond",
        "walnut",
        "peanut",
    }
)
"""Labels of foods usually served in a bowl; other foods go there if none of these is available."""

ROOM = (1.0, 0.78, 0.86, 0.92, 0.96)
"""Largest sum of squared radii of one, two ... foods, as a share of the floor's squared radius."""

MOST_ON_ONE = 5
MOST = 7
"""Largest number of foods on one vessel and on all."""


@dataclass(frozen=True)
class Planned:
    """A vessel before it is filled.

    Attributes:
        foods: least number of foods on its floor, if they fit.
        fullness: share of the floor that foods should cover.
        liquid: True for a vessel with a liquid instead.
        given: servings already chosen.
        carried: vessels on its floor.
    """

    vessel: Vessel
    foods: int = 0
    fullness: float = 0.0
    liquid: bool = False
    given: tuple[Serving, ...] = ()
    carried: tuple[Planned, ...] = ()


def arrange(rng: np.random.Generator) -> list[Planned]:
    """Draw the vessels of a meal: a full plate with side dishes, several small ones, or a canteen tray."""
    way = rng.choice(["plated", "spread", "tray", "pot"], p=[0.56, 0.26, 0.1, 0.08])
    if way == "plated":
        laden = _laden(rng, PLATES, int(rng.choice([2, 3, 4, 5], p=[0.2, 0.4, 0.3, 0.1])))
        return [laden, *_sides(rng, int(rng.choice([0, 1, 2], p=[0.5, 0.32, 0.18])))]
    if way == "spread":
        plates = [_laden(rng, PLATES, int(rng.integers(1, 3))) for _ in range(rng.integers(1, 3))]
        return [*plates, *_sides(rng, int(rng.integers(1, 3)))]
    if way == "tray":
        carried = [Planned(draw_vessel(rng, "small plate"), 1), *_sides(rng, int(rng.integers(2, 5)))]
        return [Planned(draw_vessel(rng, "large tray"), carried=tuple(carried))]
    pot = str(rng.choice(["wide bowl", "deep plate", "skillet"]))
    return [Planned(draw_vessel(rng, pot), 2, 0.8), *_sides(rng, int(rng.integers(1, 3)))]


def arrange_fruit(rng: np.random.Generator) -> list[Planned]:
    """Draw the vessels of fruit, which can also lie on boards or on the table."""
    main = _laden(rng, FRUIT_PLACES, int(rng.integers(2, 5)))
    others = [_laden(rng, FRUIT_PLACES | SIDES, 1) for _ in range(rng.integers(0, 3))]
    return [main, *others]


def draw_vessel(rng: np.random.Generator, shape: str) -> Vessel:
    """Draw the size and the seed of a vessel of this shape."""
    if shape == ON_TABLE:
        return Vessel(shape, (float(rng.uniform(8, 14)), float(rng.uniform(6, 9))), _seed(rng))
    family = SHAPES[shape]
    long = float(rng.uniform(*family.half))
    short = long * float(rng.uniform(*family.aspect))
    return Vessel(shape, (long, short), _seed(rng), level=float(rng.uniform(0.5, 0.8)))


def with_sauce(
    rng: np.random.Generator, planned: Sequence[Planned], food: Food, in_dish: bool, on_plate: bool
) -> list[Planned]:
    """Add a sauce on the floor of the first vessel, in a dish on it, or in a dish beside it."""
    dish = draw_vessel(rng, "small dish")
    serving = Serving(food.kind, float(rng.uniform(*food.radii_cm)), (0, 0), _turn(rng), _seed(rng))
    first, *others = planned
    roomy = first.vessel.shape not in DEEP and min(first.vessel.floor) > 5
    if roomy and not in_dish:
        return [replace(first, given=(serving,)), *others]
    if not food.liquid:
        return list(planned)
    filled = Planned(dish, given=(replace(serving, radius=_liquid_radius(dish)),))
    if roomy and on_plate:
        return [replace(first, carried=(*first.carried, filled)), *others]
    return [*planned, filled]


def serve(rng: np.random.Generator, planned: Sequence[Planned], foods: Sequence[Food]) -> list[Vessel]:
    """Fill vessels with different foods; each fitting food is about equally likely.

    A food of two cuisines is half as likely in each.
    """
    left = _shuffled(rng, [f for f in foods if not f.liquid])
    liquids = _shuffled(rng, [f for f in foods if f.liquid])

    def fill(plan: Planned) -> Vessel:
        vessel = plan.vessel
        if plan.liquid and liquids:
            radius = _liquid_radius(vessel)
            servings = [Serving(liquids.pop().kind, radius, (0, 0), _turn(rng), _seed(rng))]
        elif plan.given and vessel.shape in DEEP:
            servings = []
        elif vessel.shape in DEEP:
            servings = _fill_bowl(rng, vessel, left)
        else:
            servings = _fill_floor(rng, plan, left)
        return replace(
            vessel, servings=(*plan.given, *servings), carried=tuple(fill(inner) for inner in plan.carried)
        )

    return _at_most(MOST, [fill(plan) for plan in planned])


def lay(rng: np.random.Generator, vessel: Vessel) -> Vessel:
    """Set the wished places on a vessel: foods touch and overlap, vessels stand side by side."""
    if vessel.shape in DEEP:
        return vessel
    tight = float(rng.uniform(0.72, 0.98))
    carried = [replace(lay(rng, inner), turn=_turn(rng)) for inner in vessel.carried]
    xys: list[tuple[float, float]] = []
    for attempt in range(1, 100):
        radii = [v.radius + 0.2 for v in carried] + [s.radius * tight for s in vessel.servings]
        places = pack(rng, radii, vessel.floor, vessel.exponent, pull=0.0 if carried else 0.01)
        xys = [(float(x), float(y)) for x, y in places]
        carried = [replace(v, xy=xy) for v, xy in zip(carried, xys, strict=False)]
        if all(_apart(v.xy, v, w) > 0 for i, v in enumerate(carried) for w in carried[:i]):
            break
        if attempt % 10 == 0:
            carried.pop()
    served = zip(vessel.servings, xys[len(carried) :], strict=True)
    return replace(vessel, carried=tuple(carried), servings=tuple(replace(s, xy=xy) for s, xy in served))


def set_table(rng: np.random.Generator, vessels: Sequence[Vessel]) -> tuple[Vessel, ...]:
    """Place the first vessel in the middle of the table and the others close around it without contact."""
    gap = float(rng.uniform(0.4, 2.5))
    put: list[Vessel] = []
    for vessel in vessels:
        spots = [np.zeros(2)]
        for other in put:
            side = _turn(rng) + np.linspace(0, 2 * np.pi, 24, endpoint=False)
            ring = np.column_stack([np.cos(side), np.sin(side)])
            spots += list(np.asarray(other.xy) + (other.radius + vessel.radius + gap) * ring)
        free = [s for s in spots if all(_apart(s, vessel, other) > 0.9 * gap for other in put)]
        place = min(free, key=lambda s: float(np.hypot(*s)))
        put.append(replace(vessel, xy=(float(place[0]), float(place[1])), turn=_turn(rng)))
    return tuple(put)


def _at_most(count: int, vessels: Sequence[Vessel]) -> list[Vessel]:
    """Keep the first `count` servings."""
    kept = []
    for vessel in vessels:
        servings = vessel.servings[:count]
        count -= len(servings)
        carried = _at_most(count, vessel.carried)
        count -= sum(len(v.servings) for v in carried)
        kept.append(replace(vessel, servings=servings, carried=tuple(carried)))
    return kept


def _apart(place: Array | tuple[float, float], vessel: Vessel, other: Vessel) -> float:
    return float(np.hypot(place[0] - other.xy[0], place[1] - other.xy[1])) - vessel.radius - other.radius


def _pick(rng: np.random.Generator, weights: dict[str, float]) -> Vessel:
    shares = np.array(list(weights.values()))
    return draw_vessel(rng, str(rng.choice(list(weights), p=shares / shares.sum())))


def _laden(rng: np.random.Generator, weights: dict[str, float], foods: int) -> Planned:
    return Planned(_pick(rng, weights), foods, float(rng.uniform(0.55, 0.95)))


def _sides(rng: np.random.Generator, count: int) -> list[Planned]:
    plans = [Planned(_pick(rng, SIDES), 1) for _ in range(count)]
    soup = rng.random(count) < 0.4
    return [replace(p, liquid=bool(s) and "bowl" in p.vessel.shape) for p, s in zip(plans, soup, strict=True)]


def _shuffled(rng: np.random.Generator, foods: Sequence[Food]) -> list[Food]:
    """Shuffle foods so that foods of several cuisines tend to the front, which is taken last."""
    keys = [rng.exponential() * len(food.cuisines) for food in foods]
    return [food for _, food in sorted(zip(keys, foods, strict=True), key=lambda pair: -pair[0])]


def _liquid_radius(vessel: Vessel) -> float:
    return inner_half(SHAPES[vessel.shape], vessel.half[0], vessel.depth * vessel.level)


def _fill_bowl(rng: np.random.Generator, vessel: Vessel, left: list[Food]) -> list[Serving]:
    """Take the next food usually served in a bowl, or else the next that fits, as large as possible."""
    room = _liquid_radius(vessel)
    fitting = [f for f in left if f.radii_cm[0] <= room]
    if not fitting:
        return []
    soon = fitting[-4:]
    food = next((f for f in reversed(soon) if f.label in BOWL_LABELS), fitting[-1])
    left.remove(food)
    return [Serving(food.kind, min(room, food.radii_cm[1]), (0, 0), _turn(rng), _seed(rng))]


def _fill_floor(rng: np.random.Generator, plan: Planned, left: list[Food]) -> list[Serving]:
    """Take the next foods that fit side by side: as many as planned, and more until the floor is full.

    Radii shrink down to their minimum if necessary.
    """
    if not plan.foods:
        return []
    a, b = plan.vessel.floor
    given = sum(s.radius**2 for s in plan.given) + sum(p.vessel.radius**2 for p in plan.carried)
    before = len(plan.given) + len(plan.carried)

    def room(count: int) -> float:
        return ROOM[min(before + count, len(ROOM)) - 1] * a * b - given

    foods: list[Food] = []
    wished: list[float] = []
    for food in reversed(left):
        least, most = food.radii_cm
        full = sum(r * r for r in wished) + given > plan.fullness * a * b
        if len(foods) >= (plan.foods if full else MOST_ON_ONE):
            break
        fits = sum(f.radii_cm[0] ** 2 for f in foods) + least**2 <= room(len(foods) + 1)
        if (fits or not foods) and least <= min(max(a, b), 1.15 * min(a, b)):
            foods.append(food)
            wished.append(min(float(rng.uniform(0.6 * least + 0.4 * most, most)), max(a, b)))
    if not foods:
        return []
    for food in foods:
        left.remove(food)
    smallest = np.array([food.radii_cm[0] for food in foods])
    extra = np.array(wished) - smallest
    share = next(
        (t for t in np.linspace(1, 0, 21) if ((smallest + t * extra) ** 2).sum() <= room(len(foods))), 0.0
    )
    radii = (smallest + share * extra).tolist()
    return [Serving(f.kind, r, (0, 0), _turn(rng), _seed(rng)) for f, r in zip(foods, radii, strict=True)]


def _turn(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
