from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.errors import ConfigError
from rvernet_app.picture.cutouts import Letterbox, cut_out
from rvernet_app.types import Mask, Photo
from training.data.photos import open_photo
from training.data.regions import DataError, Region
from training.evidence.conditions import CLEAN, GRADES, MOST, NOISES, Condition
from training.evidence.measure import View
from training.evidence.noise import MASK_ERRORS

PICTURES = ("roi", "extra_roi", "photo")
LETTERBOX = Letterbox(60, 90)  # equals the photo width, so that nothing is rounded
SIZE_HW = (48, 60)
DISTURBING = (*NOISES, *MASK_ERRORS, "background")


@dataclass(frozen=True)
class Made:
    """A photo of random pixels with a rectangular mask."""

    seed: int
    rows: slice
    columns: slice

    def read(self, open_photo: Any) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        photo = np.random.default_rng(self.seed).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
        mask = np.zeros(SIZE_HW, np.bool_)
        mask[self.rows, self.columns] = True
        return photo, mask


def made_region(name: str, photo: int | None, rows: slice, columns: slice) -> Region:
    path = None if photo is None else Path(f"{photo}.png")
    return Region(name, "rice", f"g{photo}", "val", (Made(photo or 0, rows, columns),), path)


RICE = made_region("made/rice", 1, slice(4, 20), slice(6, 22))
SOUP = made_region("made/soup", 1, slice(24, 44), slice(30, 56))
ALONE = made_region("made/alone", 2, slice(10, 30), slice(5, 25))
WITHOUT_PHOTO = made_region("made/cutouts", None, slice(10, 30), slice(5, 25))
REGIONS = (RICE, SOUP, ALONE, WITHOUT_PHOTO)


def squares_of(photo: Photo, mask: Mask) -> list[Photo]:
    cutouts = cut_out(photo, mask)
    return [LETTERBOX.apply(getattr(cutouts, name)) for name in PICTURES]


def assert_same(one: Sequence[Photo], other: Sequence[Photo]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def differs(one: Sequence[Photo], other: Sequence[Photo]) -> bool:
    return any((a != b).any() for a, b in zip(one, other, strict=True))


@pytest.fixture
def backgrounds(tmp_path: Path) -> list[Path]:
    """Return two photos of one colour each, one tall and one wide."""
    paths = [tmp_path / "high.png", tmp_path / "wide.png"]
    for path, size_hw, level in zip(paths, ((90, 40), (30, 80)), (40, 200), strict=True):
        cv2.imwrite(str(path), np.full((*size_hw, 3), level, np.uint8))
    return paths


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("clean", Condition(CLEAN)),
        ("clean=0", Condition(CLEAN)),
        ("permutation", Condition("permutation", 1)),
        ("translocation=0.5", Condition("translocation", 0.5)),
        ("erode=1e-1", Condition("erode", 0.1)),
        ("shift=10", Condition("shift", 10)),
        ("wrong_object=0", Condition("wrong_object", 0)),
        ("background", Condition("background", 1)),
    ],
)
def test_condition_names_are_parsed(text: str, condition: Condition) -> None:
    assert Condition.parse(text) == condition
    assert Condition.parse(str(condition)) == condition


def test_conditions_print_as_written() -> None:
    assert str(Condition.parse("clean")) == "clean"
    assert str(Condition.parse("erode=0.50")) == "erode=0.5"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fog=1", "Unknown condition 'fog'; known are clean, .*permutation"),
        ("", "Unknown condition ''"),
        ("clean=0.5", r"clean must be in 0\.\.0, got 0\.5"),
        ("permutation=1.5", r"permutation must be in 0\.\.1, got 1\.5"),
        ("drop=-0.1", r"drop must be in 0\.\.1"),
        ("background=2", r"background must be in 0\.\.1"),
        ("erode=11", r"erode must be in 0\.\.10"),
        ("erode=nan", "must be in"),
        ("erode=much", "erode must be a number, got 'much'"),
    ],
)
def test_unknown_conditions_fail(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Condition.parse(text)


def test_graded_conditions_cover_every_condition() -> None:
    assert {Condition(name, strength).name for name in GRADES for strength in GRADES[name]} == set(DISTURBING)
    assert set(MOST) <= {CLEAN, *DISTURBING}


def test_clean_condition_matches_the_app() -> None:
    view = Condition(CLEAN).view(PICTURES, LETTERBOX, REGIONS)
    for region in REGIONS:
        seen = view(region)
        assert seen.size_hw == SIZE_HW
        assert_same(seen.squares, squares_of(*region.masked[0].read(open_photo)))


@pytest.mark.parametrize("name", DISTURBING)
def test_strength_0_matches_the_clean_condition(name: str) -> None:
    clean, view = (
        condition.view(PICTURES, LETTERBOX, REGIONS) for condition in (Condition(CLEAN), Condition(name, 0))
    )
    for region in REGIONS:
        assert_same(view(region).squares, clean(region).squares)
        assert view(region).size_hw == clean(region).size_hw


@pytest.mark.parametrize("name", DISTURBING)
def test_draws_depend_only_on_seed_and_region_name(name: str, backgrounds: list[Path]) -> None:
    def view(seed: int, regions: tuple[Region, ...] = REGIONS) -> Any:
        return Condition(name, 0.5).view(PICTURES, LETTERBOX, regions, seed, backgrounds)

    first = view(seed=3)
    forwards = {region.name: first(region).squares for region in REGIONS}
    second = view(seed=3)
    for region in reversed(REGIONS):
        assert_same(second(region).squares, forwards[region.name])
        assert_same(
            second(region).squares, forwards[region.name]
        )  # independent of the number of earlier draws


@pytest.mark.parametrize("name", ["permutation", "shift", "drop"])
def test_different_seeds_or_names_give_different_draws(name: str) -> None:
    seen = Condition(name, 0.5).view(PICTURES, LETTERBOX, REGIONS, seed=0)(RICE).squares
    assert differs(seen, Condition(name, 0.5).view(PICTURES, LETTERBOX, REGIONS, seed=1)(RICE).squares)
    renamed = Region("made/other", RICE.label, RICE.group, "val", RICE.masked, RICE.photo)
    assert differs(seen, Condition(name, 0.5).view(PICTURES, LETTERBOX, REGIONS, seed=0)(renamed).squares)


@pytest.mark.parametrize("name", ["permutation", "translocation"])
def test_both_pictures_get_the_same_noise(name: str) -> None:
    roi, extra_roi, photo = Condition(name, 1).view(PICTURES, LETTERBOX, REGIONS)(RICE).squares
    clean = Condition(CLEAN).view(PICTURES, LETTERBOX, REGIONS)(RICE).squares
    assert differs((photo,), clean[2:])
    padded = (photo == LETTERBOX.padding).all(axis=2)
    np.testing.assert_array_equal(np.where(padded[:, :, None], photo, roi + extra_roi), photo)


@pytest.mark.parametrize("name", ["erode", "dilate", "shift", "drop"])
def test_wrong_mask_leaves_the_photo_unchanged(name: str) -> None:
    view = Condition(name, 0.5).view(PICTURES, LETTERBOX, REGIONS)
    roi, _, photo = view(RICE).squares
    clean_roi, _, clean_photo = View(PICTURES, LETTERBOX)(RICE).squares
    np.testing.assert_array_equal(photo, clean_photo)
    assert (roi != clean_roi).any()


def test_wrong_object_is_another_food_of_the_same_photo() -> None:
    view = Condition("wrong_object", 1).view(PICTURES, LETTERBOX, REGIONS)
    photo, mask = SOUP.masked[0].read(open_photo)
    assert_same(view(RICE).squares, squares_of(photo, mask))
    photo, mask = RICE.masked[0].read(open_photo)
    assert_same(view(SOUP).squares, squares_of(photo, mask))


@pytest.mark.parametrize("region", [ALONE, WITHOUT_PHOTO], ids=["alone", "without a photo"])
def test_wrong_object_is_the_mirrored_mask_without_another_food(region: Region) -> None:
    another = made_region("made/another", None, slice(0, 5), slice(0, 5))  # cut-outs share no photo
    view = Condition("wrong_object", 1).view(PICTURES, LETTERBOX, (*REGIONS, another))
    photo, mask = region.masked[0].read(open_photo)
    assert_same(view(region).squares, squares_of(photo, mask[:, ::-1]))


def test_half_strength_swaps_half_of_the_objects() -> None:
    regions = [made_region(f"made/{i}", i, slice(10, 30), slice(5, 25)) for i in range(200)]
    view = Condition("wrong_object", 0.5).view(("roi",), LETTERBOX, regions)
    clean = View(("roi",), LETTERBOX)
    wrong = sum(differs(view(region).squares, clean(region).squares) for region in regions)
    assert wrong == pytest.approx(100, abs=25)


def test_background_condition_pastes_the_food_on_another_photo(backgrounds: list[Path]) -> None:
    view = Condition("background", 1).view(PICTURES, LETTERBOX, REGIONS, backgrounds=backgrounds)
    photo, mask = RICE.masked[0].read(open_photo)
    levels = set()
    for region in (Region(f"made/{i}", "rice", "g", "val", RICE.masked, RICE.photo) for i in range(20)):
        squares = view(region).squares
        (level,) = {
            level for level in (40, 200) if not differs(squares, squares_of(_on(level, photo, mask), mask))
        }
        levels.add(level)
    assert levels == {40, 200}


def test_unreadable_background_fails_or_is_replaced(backgrounds: list[Path]) -> None:
    backgrounds[0].write_bytes(b"")
    regions = [Region(f"made/{i}", "rice", "g", "val", RICE.masked, RICE.photo) for i in range(20)]
    photo, mask = RICE.masked[0].read(open_photo)
    background = Condition("background", 1)
    view = background.view(PICTURES, LETTERBOX, REGIONS, backgrounds=backgrounds, skip_broken=True)
    for region in regions:
        assert_same(view(region).squares, squares_of(_on(200, photo, mask), mask))
    stopping = background.view(PICTURES, LETTERBOX, REGIONS, backgrounds=backgrounds)
    with pytest.raises(DataError, match=r"high\.png"):
        [stopping(region) for region in regions]
    alone = background.view(PICTURES, LETTERBOX, REGIONS, backgrounds=backgrounds[:1], skip_broken=True)
    with pytest.raises(ConfigError, match="No other photo"):
        alone(RICE)


def _on(level: int, photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[:, :, None], photo, np.uint8(level))


def test_photos_of_other_groups_are_the_default_backgrounds(tmp_path: Path) -> None:
    regions = []
    for i, group in enumerate(("meal", "meal", "other meal")):
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), np.full((*SIZE_HW, 3), 50 + i, np.uint8))
        regions.append(Region(f"made/{i}", "rice", group, "val", RICE.masked, path))
    view = Condition("background", 1).view(PICTURES, LETTERBOX, regions)
    photo, mask = RICE.masked[0].read(open_photo)
    for region in regions[:2]:
        assert_same(view(region).squares, squares_of(_on(52, photo, mask), mask))
    alone = Condition("background", 1).view(PICTURES, LETTERBOX, regions[:2])
    with pytest.raises(ConfigError, match="No other photo"):
        alone(regions[0])
