from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

import training.data.photos
from rvernet_app.errors import ConfigError
from rvernet_app.picture.cutouts import Letterbox
from rvernet_app.picture.photos import LoadedPhoto, read_photo
from rvernet_app.types import Mask
from tests.training.conftest import Store
from training.data.augment import Augmentation, Change
from training.data.pairs import Item, OtherFoods, PairedRegions, Plan, collate, one_thread
from training.data.photos import fit_mask
from training.data.regions import DataError, OpenPhoto, Region

BOTH = ("roi", "extra_roi")
PLAIN = Augmentation(flip=0)
CHANGED = Augmentation(flip=0.5, min_crop=0.6, brightness=0.3)
HEIGHT, WIDTH = 20, 30
ROWS, COLUMNS = np.mgrid[1 : HEIGHT + 1, 1 : WIDTH + 1].astype(np.uint8)
MAP = np.stack([ROWS, COLUMNS, np.full_like(ROWS, 200)], axis=2)
"""A photo whose pixels encode their position: row + 1, column + 1, 200."""
FOOD = np.zeros((HEIGHT, WIDTH), np.bool_)
FOOD[6:12, 8:15] = True
FOOD[6, 8] = False


@dataclass(frozen=True, eq=False)
class Given:
    """Return MAP and a mask, or raise DataError if the mask is None."""

    mask: Mask | None

    def read(self, open_photo: Callable[..., Any]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if self.mask is None:
            raise DataError("nothing to see")
        return MAP, self.mask


@dataclass(frozen=True)
class NoChange(Letterbox):
    """Augmentation that changes nothing, so that tests see the plain cut-outs."""

    size: int = 64

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return picture


def region(name: int | str, *masks: Any) -> Region:
    return Region(f"a/{name}", "soup", f"a/{name}", "train", tuple(Given(mask) for mask in masks))


def item_of(
    regions: list[Region],
    place: tuple[int, int, int] = (0, 0, 0),
    pictures: tuple[str, ...] = BOTH,
    augmentation: Augmentation = PLAIN,
    letterbox: Letterbox | None = None,
    **options: Any,
) -> tuple[list[NDArray[np.uint8]], int, list[str]]:
    made = PairedRegions(regions, pictures, augmentation, letterbox or NoChange(), **options)
    return made[place][:3]


# Regions of a step


def test_unbalanced_plan_uses_each_region_once_per_epoch() -> None:
    plan = Plan((0,) * 9 + (1,) * 3, batch_size=4, epochs=5)
    assert (plan.steps_per_epoch, plan.steps) == (3, 15)
    orders = [plan.epoch(e) for e in range(5)]
    for order in orders:
        assert order.shape == (3, 4)
        assert sorted(order.ravel()) == list(range(12))
    assert len({tuple(order.ravel()) for order in orders}) == 5


def test_incomplete_batch_drops_different_regions_each_epoch() -> None:
    plan = Plan((0,) * 11, batch_size=4, epochs=20)
    assert (plan.steps_per_epoch, plan.steps) == (2, 40)
    left = set()
    for e in range(20):
        drawn = set(plan.epoch(e).ravel().tolist())
        assert len(drawn) == 8
        left |= set(range(11)) - drawn
    assert left == set(range(11))


def test_plan_repeats_regions_to_fill_a_small_batch() -> None:
    plan = Plan((0, 1, 0), batch_size=8, epochs=2)
    assert plan.steps_per_epoch == 1
    assert sorted(Counter(plan.epoch(0).ravel().tolist()).values()) == [2, 3, 3]


@pytest.mark.parametrize(("balance", "share"), [(0.5, 3 / 4), (1.0, 1 / 2), (0.25, 9**0.75 / (9**0.75 + 1))])
def test_balanced_plan_draws_classes_by_a_power_of_their_size(balance: float, share: float) -> None:
    classes = (1,) * 10 + (0,) * 90
    plan = Plan(classes, batch_size=100, epochs=100, balance=balance)
    drawn = np.concatenate([plan.epoch(e).ravel() for e in range(100)])
    assert len(drawn) == 10_000
    assert np.mean(drawn >= 10) == pytest.approx(share, abs=0.02)  # tolerance: four standard deviations
    assert set(drawn.tolist()) == set(range(100))


def test_balanced_plan_draws_regions_of_a_class_uniformly() -> None:
    plan = Plan((0,) * 4 + (1,) * 16, batch_size=20, epochs=500, balance=1.0)
    counts = np.bincount(np.concatenate([plan.epoch(e).ravel() for e in range(500)]))
    np.testing.assert_allclose(counts[:4], 10_000 / 8, rtol=0.15)
    np.testing.assert_allclose(counts[4:], 10_000 / 32, rtol=0.3)


def test_class_without_regions_does_not_change_the_plan() -> None:
    plan = Plan((0, 0, 5, 5), batch_size=4, epochs=1, balance=1.0)
    assert plan.epoch(0).shape == (1, 4)


@pytest.mark.parametrize("balance", [0.0, 0.7])
def test_plan_depends_only_on_seed_and_epoch(balance: float) -> None:
    plan = Plan((0, 1, 1, 1, 2, 2) * 4, batch_size=6, epochs=3, balance=balance, seed=5)
    np.testing.assert_array_equal(plan.epoch(2), replace(plan, epochs=9).epoch(2))
    assert not np.array_equal(plan.epoch(2), plan.epoch(1))
    assert not np.array_equal(plan.epoch(2), replace(plan, seed=6).epoch(2))


PLAN = Plan((0, 1) * 13, batch_size=8, epochs=3, seed=3)


def steps_of(plan: Plan, parts: int, micro_batches: int, step: int = 0) -> list[list[tuple[Any, ...]]]:
    """Return the places of each step, ordered by process and micro-batch."""
    runs = [list(plan.batches_from(step, part, parts, micro_batches)) for part in range(parts)]
    assert {len(run) for run in runs} == {(plan.steps - step) * micro_batches}
    return [
        [place for m in range(micro_batches) for run in runs for place in run[number * micro_batches + m]]
        for number in range(plan.steps - step)
    ]


def test_place_holds_epoch_draw_and_region() -> None:
    places = [place for batch in PLAN.batches_from(0) for place in batch]
    assert [place[:2] for place in places] == [(e, d) for e in range(3) for d in range(24)]
    assert [place[2] for place in places] == [i for e in range(3) for i in PLAN.epoch(e).ravel()]


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_step_uses_the_same_regions_for_any_number_of_processes(parts: int, micro_batches: int) -> None:
    assert steps_of(PLAN, parts, micro_batches) == list(PLAN.batches_from(0))


@pytest.mark.parametrize("step", [1, 2, 3, 4, 8, 9])
@pytest.mark.parametrize(("part", "parts", "micro_batches"), [(0, 1, 1), (1, 2, 1), (0, 2, 2)])
def test_batches_from_a_later_step_are_the_tail_of_all_batches(
    step: int, part: int, parts: int, micro_batches: int
) -> None:
    everything = list(PLAN.batches_from(0, part, parts, micro_batches))
    assert list(PLAN.batches_from(step, part, parts, micro_batches)) == everything[step * micro_batches :]


# Items


def test_item_holds_the_cut_outs_of_its_region() -> None:
    (roi, extra_roi), true, broken = item_of([region(0, FOOD)])
    np.testing.assert_array_equal(roi, MAP * FOOD[:, :, None])
    np.testing.assert_array_equal(extra_roi, MAP * ~FOOD[:, :, None])
    assert (true, broken) == (0, [])


@pytest.mark.parametrize("pictures", [("photo",), ("roi",), ("extra_roi",), ("extra_roi", "roi", "photo")])
def test_item_holds_the_requested_pictures_in_order(
    pictures: tuple[str, ...],
) -> None:
    squares, _, _ = item_of([region(0, FOOD)], pictures=pictures)
    of = {"photo": MAP, "roi": MAP * FOOD[:, :, None], "extra_roi": MAP * ~FOOD[:, :, None]}
    assert len(squares) == len(pictures)
    for square, name in zip(squares, pictures, strict=True):
        np.testing.assert_array_equal(square, of[name])


def test_both_squares_have_the_same_letterbox() -> None:
    letterbox = Letterbox(16, padding=125)
    (roi, extra_roi), _, _ = item_of([region(0, FOOD)], letterbox=letterbox)
    np.testing.assert_array_equal(roi, letterbox.apply(MAP * FOOD[:, :, None]))
    np.testing.assert_array_equal(extra_roi, letterbox.apply(MAP * ~FOOD[:, :, None]))
    assert roi.shape == (16, 16, 3)


def test_both_cut_outs_share_every_change_for_any_seed() -> None:
    seen = set()
    for seed in range(200):
        (roi, extra_roi), _, _ = item_of(
            [region(0, FOOD)], augmentation=Augmentation(flip=0.5, min_crop=0.5), seed=seed
        )
        together = roi + extra_roi
        rows, columns = (together[:, :, i].astype(int) - 1 for i in (0, 1))
        top, mirrored = rows[0, 0], columns[0, 0] > columns[0, -1]
        left = columns.min()
        window = np.s_[top : top + together.shape[0], left : left + together.shape[1]]
        expected, mask = MAP[window], FOOD[window]
        if mirrored:
            expected, mask = expected[:, ::-1], mask[:, ::-1]
        np.testing.assert_array_equal(together, expected)
        np.testing.assert_array_equal(roi, expected * mask[:, :, None])
        assert mask.sum() == FOOD.sum()
        seen.add((mirrored, top, left, together.shape))
    assert len(seen) > 100
    assert {mirrored for mirrored, *_ in seen} == {True, False}


def test_both_cut_outs_share_a_change_of_brightness() -> None:
    levels = set()
    for seed in range(50):
        (roi, extra_roi, photo), _, _ = item_of(
            [region(0, FOOD)], (0, 0, 0), (*BOTH, "photo"), Augmentation(flip=0.5, brightness=0.2), seed=seed
        )
        np.testing.assert_array_equal(roi + extra_roi, photo)
        (level,) = np.unique(photo[:, :, 2])
        assert 160 <= level <= 240
        levels.add(int(level))
        inside = roi[:, :, 2] > 0
        assert np.array_equal(inside, FOOD) or np.array_equal(inside, FOOD[:, ::-1])
    assert len(levels) > 20


def test_context_dropout_blanks_only_the_extra_roi_picture() -> None:
    blanked = 0
    for seed in range(60):
        made = PairedRegions(
            [region(0, FOOD)], BOTH, Augmentation(flip=0, context_dropout=0.5), NoChange(), seed=seed
        )
        (roi, extra_roi), _, _, blank, _ = made[0, 0, 0]
        np.testing.assert_array_equal(roi, MAP * FOOD[:, :, None])
        assert blank == (not extra_roi.any())
        blanked += blank
    assert 15 < blanked < 45


def test_each_item_draws_one_of_several_masks() -> None:
    other = ~FOOD
    taken: Counter[bool] = Counter()
    for draw in range(100):
        (roi, _), _, _ = item_of([region(0, FOOD, other)], (0, draw, 0))
        taken[np.array_equal(roi.any(axis=2), FOOD)] += 1
    assert taken[True] + taken[False] == 100
    assert 30 < taken[True] < 70


def test_making_an_item_does_not_change_the_photo() -> None:
    before = MAP.copy()
    for seed in range(20):
        item_of([region(0, FOOD)], augmentation=CHANGED, seed=seed)
    np.testing.assert_array_equal(MAP, before)


# Decoding photos once


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the names of decoded files in order."""
    names = []

    def counting(path: Path, **limits: float) -> LoadedPhoto:
        names.append(path.name)
        return read_photo(path, **limits)

    monkeypatch.setattr(training.data.photos, "read_photo", counting)
    return names


def paired(regions: list[Region] | tuple[Region, ...], **options: Any) -> PairedRegions:
    return PairedRegions(regions, BOTH, CHANGED, Letterbox(32), **options)


def test_both_cut_outs_share_one_decoded_photo(made_source: Store, decoded: list[Any]) -> None:
    made = paired(made_source.regions)
    made[0, 0, 3]
    assert decoded == ["3.png"]
    made[0, 1, 3]
    assert decoded == ["3.png", "3.png"]


def test_sufficient_memory_decodes_each_photo_once(made_source: Store, decoded: list[Any]) -> None:
    made = paired(made_source.regions, max_cache_mb=1)
    for epoch in range(3):
        for index in range(16):
            made[epoch, index, index]
    assert decoded == [f"{i}.png" for i in range(16)]


def test_regions_of_a_photo_share_one_decoded_photo(made_source: Store, decoded: list[Any]) -> None:
    first = made_source.regions[0]
    made = paired([first, replace(first, name="store/again")], max_cache_mb=1)
    made[0, 0, 0], made[0, 1, 1]
    assert decoded == ["0.png"]


def test_photos_shrink_to_the_size_that_the_smallest_window_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = set()

    class Large:
        def read(self, open_photo: Callable[..., Any]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
            photo = open_photo(Path("large.png"))
            sides.add(photo.pixels.shape)
            return photo.pixels, fit_mask(np.ones((1000, 2000), np.bool_), photo.pixels.shape[:2])

    def large(path: Path) -> OpenPhoto:
        return OpenPhoto(np.zeros((1000, 2000, 3), np.uint8), (1000, 2000))

    monkeypatch.setattr(training.data.photos, "open_photo", large)
    soup = Region("a/0", "soup", "a/0", "train", (Large(),))
    item_of([soup], augmentation=Augmentation(min_crop=0.5), letterbox=Letterbox(100))
    assert sides == {(100, 200, 3)}


# Items depend only on seed and place


def test_items_do_not_depend_on_order_or_cache(made_source: Store) -> None:
    places = [(epoch, draw, draw % 16) for epoch in range(2) for draw in range(20)]
    expected = {place: paired(made_source.regions, seed=4)[place] for place in places}
    kept = paired(made_source.regions, seed=4, max_cache_mb=1)
    for place in reversed(places):
        item = kept[place]
        np.testing.assert_array_equal(item.squares, expected[place].squares)
        assert item[1:4] == expected[place][1:4]


@pytest.mark.parametrize(
    "other", [((0, 5, 3), 5), ((0, 6, 3), 4), ((1, 5, 3), 4)], ids=["seed", "draw", "epoch"]
)
def test_items_depend_on_seed_and_place(made_source: Store, other: tuple[tuple[int, int, int], int]) -> None:
    place, seed = other
    one = paired(made_source.regions, seed=4)[0, 5, 3]
    assert not np.array_equal(one[0], paired(made_source.regions, seed=seed)[place][0])


def test_batches_do_not_depend_on_the_worker_process(made_source: Store) -> None:
    plan = Plan((0, 1) * 8, batch_size=4, epochs=1)
    made = paired(made_source.regions, max_cache_mb=1)
    here, there = (
        list(
            DataLoader(
                made,
                batch_sampler=list(plan.batches_from(0)),
                collate_fn=collate,
                num_workers=workers,
                worker_init_fn=one_thread,
            )
        )
        for workers in (0, 1)
    )
    assert len(here) == len(there) == 4
    for one, other in zip(here, there, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.pictures, other.pictures, strict=True))
        assert torch.equal(one.indices, other.indices)


def test_batch_stacks_the_pictures(made_source: Store) -> None:
    made = paired(made_source.regions)
    items = [made[0, draw, index] for draw, index in enumerate((2, 3, 8))]
    batch = collate(items)
    assert [p.shape for p in batch.pictures] == [(3, 32, 32, 3)] * 2
    assert {p.dtype for p in batch.pictures} == {torch.uint8}
    assert (batch.indices.tolist(), batch.indices.dtype) == ([2, 3, 8], torch.int64)
    assert batch.broken == ()
    assert batch.blank.tolist() == [False] * 3
    assert batch.others.shape == (3, 0)
    for number, item in enumerate(items):
        np.testing.assert_array_equal([p[number] for p in batch.pictures], item.squares)


def test_batch_tells_blank_pictures_and_the_foods_shown() -> None:
    one, other = (
        Item([MAP], number, [], blank, np.array(others))
        for number, blank, others in ((3, True, [True, False]), (4, False, [False, False]))
    )
    batch = collate([one, other])
    assert (batch.blank.tolist(), batch.others.tolist()) == ([True, False], [[True, False], [False, False]])
    assert (batch.blank.dtype, batch.others.dtype) == (torch.bool, torch.bool)


# Broken regions


def test_broken_region_fails() -> None:
    with pytest.raises(DataError, match="nothing to see"):
        item_of([region(0, None), region(1, FOOD)])


def test_skip_replaces_and_names_a_broken_region() -> None:
    regions = [region(0, FOOD), region(1, None), region(2, FOOD)]
    chosen = set()
    for draw in range(20):
        squares, index, broken = item_of(regions, (0, draw, 1), skip_broken=True)
        assert len(squares) == 2
        assert broken == ["a/1: nothing to see"]
        chosen.add(index)
    assert chosen == {0, 2}


def test_batch_keeps_its_size_and_names_broken_regions() -> None:
    regions = [region(0, FOOD), region(1, None), region(2, None)]
    made = PairedRegions(regions, BOTH, PLAIN, Letterbox(8), skip_broken=True)
    batch = collate([made[0, draw, draw % 3] for draw in range(6)])
    assert [p.shape for p in batch.pictures] == [(6, 8, 8, 3)] * 2
    assert batch.indices.tolist() == [0] * 6
    assert set(batch.broken) == {"a/1: nothing to see", "a/2: nothing to see"}


def test_each_place_names_a_broken_region_once() -> None:
    regions = [region(0, FOOD), *(region(i, None) for i in range(1, 6))]
    for draw in range(20):
        _, true, broken = item_of(regions, (0, draw, 4), skip_broken=True)
        assert true == 0
        assert broken[0] == "a/4: nothing to see"
        assert len(broken) == len(set(broken))


def test_all_regions_unreadable_fails() -> None:
    with pytest.raises(DataError, match="None of the 3 training regions can be read, first a/1: nothing"):
        item_of([region(i, None) for i in range(3)], (0, 0, 1), skip_broken=True)


def test_skip_replaces_a_file_that_breaks_later(made_source: Store) -> None:
    photo = made_source.regions[3].photo
    assert photo is not None
    photo.write_bytes(photo.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"3\.png"):
        paired(made_source.regions)[0, 0, 3]
    squares, _, (sentence,), *_ = paired(made_source.regions, skip_broken=True)[0, 0, 3]
    assert [s.shape for s in squares] == [(32, 32, 3)] * 2
    assert sentence.startswith("store/3: ")


def test_length_equals_the_number_of_regions() -> None:
    assert len(PairedRegions([region(0, FOOD)] * 7, BOTH, PLAIN, NoChange())) == 7


# Other foods on the photo


def on_photo(photo: str | None, label: str, box: tuple[int, int, int, int] | None = None) -> Region:
    name = f"a/{photo}/{label}"
    path = None if photo is None else Path(photo)
    return Region(
        name, label, f"a/{photo}", "train", (Given(FOOD),), path, (HEIGHT, WIDTH) if box else None, box
    )


WHOLE = Change(slice(0, HEIGHT), slice(0, WIDTH), flipped=False, gain=1, blank=False)


def test_other_foods_of_a_photo_come_from_its_other_regions() -> None:
    on_two = [("one", "rice"), ("two", "soup"), ("one", "soup"), ("one", "rice"), ("three", "kimchi")]
    others = OtherFoods([on_photo(*names) for names in on_two], ["kimchi", "rice", "soup"])
    found = [others.shown(index, WHOLE, (HEIGHT, WIDTH)) for index in range(5)]
    assert {of.dtype for of in found} == {np.dtype(np.bool_)}
    assert np.array(found, int).tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_window_shows_another_food_if_it_holds_a_quarter_of_its_box() -> None:
    boxes = {"rice": (0, 0, 8, 8), "soup": (0, 0, 8, 7), "kimchi": (12, 12, 14, 14)}
    regions = [on_photo("one", "tea", (0, 0, 1, 1)), *(on_photo("one", *of) for of in boxes.items())]
    others = OtherFoods(regions, ["tea", "rice", "soup", "kimchi"])
    window = replace(WHOLE, rows=slice(4, 20), columns=slice(4, 20), flipped=True)
    # 16 of 64 pixels of the rice and 12 of 56 of the soup
    assert others.shown(0, window, (HEIGHT, WIDTH)).tolist() == [False, True, False, True]
    # the same photo at half the size
    half = replace(window, rows=slice(2, 10), columns=slice(2, 10))
    assert others.shown(0, half, (HEIGHT // 2, WIDTH // 2)).tolist() == [False, True, False, True]


def test_item_lists_the_foods_inside_its_own_window() -> None:
    regions = [on_photo("one", "soup", (8, 6, 15, 12)), on_photo("one", "rice", (0, 0, 2, 2))]
    others = OtherFoods(regions, ["rice", "soup"])
    augmentation = Augmentation(flip=0, min_crop=0.5)
    told = set()
    for seed in range(40):
        item = PairedRegions(regions, BOTH, augmentation, NoChange(), seed=seed, others=others)[0, 0, 0]
        corner = np.sum(item.squares, axis=0)[0, 0]
        in_window = max(0, 3 - int(corner[0])) * max(0, 3 - int(corner[1])) >= 1
        assert item.others.tolist() == [in_window, False]
        told.add(in_window)
    assert told == {True, False}


def test_cut_outs_without_a_photo_list_no_other_foods() -> None:
    with pytest.raises(ConfigError, match="needs whole photos with their regions; a/None/soup has none"):
        OtherFoods([on_photo("one", "rice"), on_photo(None, "soup")], ["rice", "soup"])


def test_batch_preparation_can_be_pickled_for_a_spawned_process() -> None:
    made = PairedRegions([region("food", FOOD)], BOTH, PLAIN, Letterbox(16), max_cache_mb=1)
    sent = pickle.loads(pickle.dumps(made))
    (roi, _), index, broken, *_ = sent[0, 0, 0]
    assert (roi.shape, index, broken) == ((16, 16, 3), 0, [])
