"""Edits of small masks drawn as text. The caller's mask is never changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.picture.mask_edit import fill_holes, from_polygon, keep_largest, move_outline, paint, smooth
from rvernet_app.picture.outlining import polygons
from rvernet_app.types import Mask


def drawn(*rows: str) -> Mask:
    """Make a mask from rows of text in which # is the food."""
    return np.array([[mark == "#" for mark in row] for row in rows])


def rows_of(mask: Mask) -> tuple[str, ...]:
    assert mask.dtype == np.bool_
    return tuple("".join(".#"[int(pixel)] for pixel in row) for row in mask)


def distance_to(stroke: list[tuple[float, float]], size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Return the distance of each pixel to a stroke of straight pieces, float (H, W)."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    pixels = np.stack([x, y], axis=-1).astype(float)
    found = np.full(size_hw, np.inf)
    for start, end in zip(stroke, [*stroke[1:], stroke[-1]], strict=True):
        a, along = np.array(start), np.subtract(end, start)
        share = np.clip(((pixels - a) @ along) / max(along @ along, 1e-9), 0, 1)
        found = np.minimum(found, np.linalg.norm(pixels - a - share[..., None] * along, axis=-1))
    return found


def test_a_stroke_of_one_point_is_a_disc() -> None:
    assert rows_of(paint(np.zeros((5, 7), np.bool_), [(3, 2)], 1)) == (
        ".......",
        "...#...",
        "..###..",
        "...#...",
        ".......",
    )


def test_a_stroke_covers_all_pixels_under_the_brush() -> None:
    assert rows_of(paint(np.zeros((7, 9), np.bool_), [(2, 3), (6, 3)], 2)) == (
        ".........",
        "..#####..",
        ".#######.",
        "#########",
        ".#######.",
        "..#####..",
        ".........",
    )


@pytest.mark.parametrize("radius", [2.0, 3.5, 8.0])
def test_a_crooked_stroke_is_as_wide_as_its_brush(radius: float) -> None:
    stroke = [(10.25, 12.0), (40.5, 20.75), (30.0, 44.0), (30.0, 44.0), (12.0, 40.5)]
    painted = paint(np.zeros((56, 60), np.bool_), stroke, radius)
    distance = distance_to(stroke, (56, 60))
    assert painted[distance <= radius - 0.25].all()
    assert not painted[distance >= radius + 1.25].any()


@pytest.mark.parametrize(("radius", "within"), [(33.0, 1.0), (127.5, 1.0), (200.0, 2.0), (400.0, 4.0)])
def test_a_wide_brush_is_as_wide_within_a_share_of_its_radius(radius: float, within: float) -> None:
    size_hw = (int(2 * radius), int(2.4 * radius))
    stroke = [(0.3 * radius, -0.5 * radius), (0.4 * radius, 0.6 * radius), (1.3 * radius, 0.2 * radius)]
    painted = paint(np.zeros(size_hw, np.bool_), stroke, radius)
    distance = distance_to(stroke, size_hw)
    assert painted[distance <= radius - within].all()
    assert not painted[distance >= radius + within].any()
    assert not painted.all()


def test_a_wide_stroke_does_not_depend_on_the_number_of_points() -> None:
    mask = np.zeros((300, 400), np.bool_)
    ends = [(40.0, 60.0), (360.0, 220.0)]
    between = [(40 + 320 * share, 60 + 160 * share) for share in np.linspace(0, 1, 5000)]
    differing = paint(mask, ends, 40) ^ paint(mask, between, 40)
    assert differing.sum() < 0.005 * paint(mask, ends, 40).sum()


def test_paint_is_added_to_the_mask() -> None:
    assert rows_of(paint(drawn("#....", "#....", "#...."), [(3, 1)], 1)) == ("#..#.", "#.###", "#..#.")


def test_the_eraser_removes_pixels_and_adds_none() -> None:
    mask = drawn("#####", "#####", "....#")
    assert rows_of(paint(mask, [(1, 1)], 1, erase=True)) == ("#.###", "...##", "....#")


def test_a_brush_at_the_corner_stays_in_the_photo() -> None:
    assert rows_of(paint(np.zeros((3, 4), np.bool_), [(0, 0)], 1)) == ("##..", "#...", "....")


@pytest.mark.parametrize("stroke", [[(-30.0, -4.0)], [(100.0, 2.0), (90_000.0, 80_000.0)]])
@pytest.mark.parametrize("erase", [False, True])
def test_a_stroke_outside_the_photo_changes_nothing(stroke: list[tuple[float, float]], erase: bool) -> None:
    mask = drawn(".##.", ".##.")
    assert np.array_equal(paint(mask, stroke, 3, erase=erase), mask)


@pytest.mark.parametrize("radius", [3, 60])
def test_a_brush_with_its_centre_outside_the_photo_reaches_into_it(radius: int) -> None:
    painted = paint(np.zeros((2 * radius, 3 * radius), np.bool_), [(-radius / 3, radius)], radius)
    distance = distance_to([(-radius / 3, radius)], painted.shape)
    assert painted[distance <= radius - 1].all()
    assert not painted[distance >= radius + 1.25].any()


def test_a_stroke_from_edge_to_edge_may_begin_and_end_far_outside() -> None:
    crossed = paint(np.zeros((7, 9), np.bool_), [(-90_000, 3), (90_000, 3)], 1)
    assert rows_of(crossed) == (".........",) * 2 + ("#########",) * 3 + (".........",) * 2


def test_a_polygon_holds_its_corners() -> None:
    assert rows_of(from_polygon((6, 6), [(1, 1), (4, 1), (4, 4), (1, 4)])) == (
        "......",
        ".####.",
        ".####.",
        ".####.",
        ".####.",
        "......",
    )
    assert rows_of(from_polygon((4, 5), [(0, 0), (3, 0), (0, 3)])) == ("####.", "###..", "##...", "#....")


def test_pixels_that_a_polygon_encloses_twice_are_outside() -> None:
    turns = np.deg2rad([90, 234, 18, 162, 306])  # a star drawn in one line
    star = from_polygon((101, 101), [(50 + 45 * np.cos(t), 50 - 45 * np.sin(t)) for t in turns])
    assert not star[50, 50]
    assert star[50 - 30, 50]


def test_a_polygon_is_cut_at_the_photos_edge() -> None:
    around = [(-50.0, -50.0), (90_000.0, -50.0), (90_000.0, 90_000.0), (-50.0, 90_000.0)]
    assert from_polygon((4, 6), around).all()
    left = [(-50.0, -50.0), (2.0, -50.0), (2.0, 50.0), (-50.0, 50.0)]
    assert rows_of(from_polygon((2, 6), left)) == ("###...",) * 2
    assert not from_polygon((4, 6), [(10, 10), (20, 10), (20, 20)]).any()


RING = drawn("........", ".#####..", ".#...#..", ".#...#..", ".#####..", "........")
OUTER, HOLE = [(1, 1), (1, 5), (6, 5), (6, 1)], [(2, 2), (5, 2), (5, 4), (2, 4)]


def moved(
    ring: list[tuple[int, int]], places: dict[tuple[int, int], tuple[int, int]]
) -> list[tuple[int, int]]:
    return [places.get(place, place) for place in ring]


def test_an_outline_that_stays_changes_nothing() -> None:
    for ring in (OUTER, HOLE):
        assert np.array_equal(move_outline(RING, ring, ring), RING)


def test_moving_a_corner_moves_the_mask() -> None:
    wider = moved(OUTER, {(6, 1): (8, 1), (6, 5): (8, 5)})
    assert np.array_equal(
        move_outline(RING, OUTER, wider),
        drawn("........", ".#######", ".#...###", ".#...###", ".#######", "........"),
    )
    narrower = moved(OUTER, {(1, 1): (1, 2), (6, 1): (6, 2)})
    assert np.array_equal(
        move_outline(RING, OUTER, narrower),
        drawn("........", "........", ".#...#..", ".#...#..", ".#####..", "........"),
    )


def test_enlarging_a_hole_removes_pixels() -> None:
    wider = moved(HOLE, {(5, 2): (6, 2), (5, 4): (6, 4)})
    expected = drawn("........", ".#####..", ".#......", ".#......", ".#####..", "........")
    assert np.array_equal(move_outline(RING, HOLE, wider), expected)


def test_outlines_of_holes_run_the_other_way_round() -> None:
    outer, hole = (np.array(ring, np.float32).reshape(-1, 2) for ring in polygons(RING))
    for ring, ours in ((outer, OUTER), (hole, HOLE)):
        assert (cv2.contourArea(ring, True) > 0) == (cv2.contourArea(np.array(ours, np.float32), True) > 0)


def test_removing_a_corner_removes_its_pixels() -> None:
    square = drawn("####", "####", "####", "####")
    corners = [(0, 0), (0, 4), (4, 4), (4, 0)]
    without = move_outline(square, corners, corners[:3])
    assert np.array_equal(without, drawn("....", "#...", "##..", "###."))


def test_other_parts_of_the_mask_stay_when_an_outline_is_moved() -> None:
    speckled = RING | drawn("#.......", "........", "........", "...#....", "........", ".......#")
    lower = moved(OUTER, {(1, 5): (1, 6), (6, 5): (6, 6)})
    expected = speckled | drawn("........", "........", "........", "........", "........", ".#####..")
    assert np.array_equal(move_outline(speckled, OUTER, lower), expected)


def test_an_outline_far_outside_the_photo_changes_nothing() -> None:
    far = [(50, 50), (60, 50), (60, 60)]
    assert np.array_equal(move_outline(RING, far, [(x + 5, y) for x, y in far]), RING)


def test_holes_are_filled_and_bays_are_not() -> None:
    mask = drawn(
        "#####..###",
        "#...#..#.#",
        "#.#.#..###",
        "#...#.....",
        "#####..###",
        ".......#..",
        ".......###",
    )
    assert rows_of(fill_holes(mask)) == (
        "#####..###",
        "#####..###",
        "#####..###",
        "#####.....",
        "#####..###",
        ".......#..",
        ".......###",
    )


def test_a_gap_between_the_mask_and_the_photos_edge_is_not_a_hole() -> None:
    mask = drawn("..#..", "..#..", "###..")
    assert np.array_equal(fill_holes(mask), mask)


def test_the_largest_component_includes_touching_corners() -> None:
    mask = drawn(
        "##....#",
        "##...#.",
        "....#..",
        "#..#...",
        "..#....",
    )
    assert rows_of(keep_largest(mask)) == (
        "......#",
        ".....#.",
        "....#..",
        "...#...",
        "..#....",
    )


def test_an_empty_mask_stays_empty() -> None:
    nothing = np.zeros((3, 4), np.bool_)
    assert not fill_holes(nothing).any()
    assert not keep_largest(nothing).any()
    assert not smooth(nothing, 2).any()


@pytest.mark.parametrize("radius", [1.0, 3.0, 9.0])
def test_a_straight_edge_stays_where_it_is_also_along_the_photos_border(radius: float) -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[:, :13] = True
    assert np.array_equal(smooth(mask, radius), mask)
    assert smooth(np.ones((20, 30), np.bool_), radius).all()


def test_smoothing_removes_spikes_and_fragments_and_closes_pinholes() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[10:30, 10:30] = True
    rough = mask.copy()
    rough[20, 30:36] = True  # a spike
    rough[3, 3] = True  # a fragment
    rough[18, 18] = False  # a pinhole
    smoothed = smooth(rough, 3)
    assert not smoothed[:, 31:].any()
    smoothed[19:22, 30] = False  # the base of the spike
    assert sorted(map(tuple, np.argwhere(smoothed != mask))) == [(10, 10), (10, 29), (29, 10), (29, 29)]


@pytest.mark.parametrize("radius", [20.0, 60.0, 300.0])
def test_a_wide_smoothing_leaves_a_straight_edge_where_it_is(radius: float) -> None:
    """The edge moves by less than a hundredth of the radius."""
    mask = np.zeros((90, 900), np.bool_)
    mask[:, :437] = True
    edges = smooth(mask, radius).argmin(axis=1)
    assert np.abs(edges - 437).max() <= max(1, radius / 100)


@pytest.mark.parametrize("radius", [9.0, 40.0, 90.0])
def test_smoothing_is_the_majority_within_a_gaussian(radius: float) -> None:
    mask = np.zeros((420, 500), np.bool_)
    mask[60:330, 90:400] = True
    mask[180:230, 300:400] = False
    blurred = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), radius / 2, borderType=cv2.BORDER_REPLICATE)
    differing = smooth(mask, radius) ^ (blurred >= 0.5)
    assert differing.sum() < 0.005 * mask.sum()  # a third of a pixel all along its edge


@pytest.fixture
def drawn_on(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of pixels that OpenCV got in each call."""
    pixels: list[int] = []

    def counted(name: str) -> None:
        function = getattr(cv2, name)

        def call(picture: NDArray[Any], *rest: object, **options: object) -> object:
            pixels.append(picture.size)
            return function(picture, *rest, **options)

        monkeypatch.setattr(cv2, name, call)

    for name in ("polylines", "circle", "distanceTransform", "fillPoly", "findContours", "drawContours"):
        counted(name)
    for name in ("connectedComponentsWithStats", "GaussianBlur"):
        counted(name)
    return pixels


SMALL_EDITS: dict[str, Callable[[Mask], Mask]] = {
    "paint": lambda mask: paint(mask, [(1500, 700), (1520, 720)], 10),
    "paint wide": lambda mask: paint(mask, [(1500, 700), (1520, 720)], 40),
    "polygon": lambda mask: from_polygon((1500, 2000), [(1500, 700), (1520, 700), (1510, 720)]),
    "fill_holes": fill_holes,
    "keep_largest": keep_largest,
    "smooth": lambda mask: smooth(mask, 10),
}


@pytest.mark.parametrize("name", SMALL_EDITS)
def test_the_work_of_an_edit_depends_on_its_own_size(name: str, drawn_on: list[int]) -> None:
    mask = np.zeros((1500, 2000), np.bool_)
    mask[700:740, 1500:1540] = True
    SMALL_EDITS[name](mask)
    assert 0 < max(drawn_on) < 0.03 * mask.size


def test_the_work_of_a_wide_brush_does_not_depend_on_the_number_of_points(drawn_on: list[int]) -> None:
    scribble = np.random.default_rng(0).uniform(0, 1500, (5000, 2))
    paint(np.zeros((1500, 2000), np.bool_), [(x, y) for x, y in scribble], 900)
    assert len(drawn_on) == 2


@pytest.mark.parametrize("radius", [3.0, 30.0])
def test_an_edit_does_not_depend_on_the_place_of_the_mask(radius: float) -> None:
    part = np.random.default_rng(0).random((60, 80)) < 0.6
    whole = np.zeros((400, 500), np.bool_)
    whole[170:230, 210:290] = part
    for edit in (fill_holes, keep_largest, lambda mask: smooth(mask, radius)):
        moved = np.roll(edit(whole), (-100, -120), axis=(0, 1))
        assert np.array_equal(edit(np.roll(whole, (-100, -120), axis=(0, 1))), moved)


EDITS: dict[str, Callable[[Mask], Mask]] = {
    "paint": lambda mask: paint(mask, [(1, 1), (3, 2)], 1),
    "erase": lambda mask: paint(mask, [(1, 1), (3, 2)], 1, erase=True),
    "outline": lambda mask: move_outline(mask, [(0, 0), (0, 3), (4, 3)], [(0, 0), (0, 4), (5, 4)]),
    "fill_holes": fill_holes,
    "keep_largest": keep_largest,
    "smooth": lambda mask: smooth(mask, 1),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("mask", [drawn("####.", "#..#.", "####.", "....#"), drawn(".....", ".....")])
def test_the_callers_mask_is_not_changed(name: str, mask: Mask) -> None:
    before = mask.copy()
    edited = EDITS[name](mask)
    edited[:] = ~edited
    assert np.array_equal(mask, before)


@pytest.mark.parametrize("name", EDITS)
def test_a_part_of_a_larger_mask_is_edited_as_a_mask_of_its_own(name: str) -> None:
    whole = np.zeros((9, 11), np.bool_)
    part = whole[2:6, 3:8]
    part[:] = drawn("####.", "#..#.", "####.", "....#")
    assert np.array_equal(EDITS[name](part), EDITS[name](part.copy()))
