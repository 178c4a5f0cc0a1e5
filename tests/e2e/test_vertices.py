"""Corners of a mask's outline: dragged, added on an edge, cut away; the rest of the mask stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rvernet_app.picture.masks import from_rle
from rvernet_app.store.database import Store
from tests.e2e.project import Project, standing

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.browser

SQUARE = [(200, 120), (400, 120), (400, 320), (200, 320)]


@pytest.fixture
def square(project: Project) -> Project:
    """A square drawn with the polygon tool, whose corners can be dragged."""
    project.keys("g")
    for corner in SQUARE:
        project.workbench.press(*corner)
    project.keys("Enter")
    project.page.wait_for_selector("#rv-foods li")
    project.saved()
    return project


def mask(project: Project, store: Store) -> NDArray[np.bool_]:
    (row,) = standing(store, project.item)
    return from_rle({"size": [480, 640], "counts": row.counts}, (480, 640))


def after(project: Project, store: Store, was: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask once it is another one, and saved."""
    project.page.wait_for_function("() => document.querySelector('.rv').dataset.saved === 'saved'")
    project.page.wait_for_function("() => !document.querySelector('#rv-undo').disabled")
    now = mask(project, store)
    assert not np.array_equal(now, was)
    return now


def drag(project: Project, start: tuple[int, int], end: tuple[int, int]) -> None:
    with project.page.expect_response(lambda response: "save_food" in (response.request.post_data or "")):
        project.workbench.drag(start, end)


def test_a_corner_is_dragged_and_the_mask_follows(square: Project, store: Store) -> None:
    was = mask(square, store)
    drag(square, SQUARE[2], (500, 420))
    now = after(square, store, was)
    assert now[380, 460]
    assert not was[380, 460]
    assert np.array_equal(now[:200, :300], was[:200, :300])
    assert now.sum() > was.sum()


def test_an_edge_that_is_dragged_gets_a_corner_of_its_own(square: Project, store: Store) -> None:
    was = mask(square, store)
    drag(square, (200, 220), (120, 220))
    now = after(square, store, was)
    assert now[220, 140]
    assert not now[140, 140]
    assert np.array_equal(now[:, 205:], was[:, 205:])


def test_a_corner_is_cut_away_with_the_right_button(square: Project, store: Store) -> None:
    was = mask(square, store)
    with square.page.expect_response(lambda response: "save_food" in (response.request.post_data or "")):
        square.workbench.press(*SQUARE[1], button="right")
    now = after(square, store, was)
    assert not now[125, 390]
    assert now[310, 210]
    assert now.sum() == pytest.approx(was.sum() / 2, rel=0.05)


def test_dragging_is_undone_with_the_rest(square: Project, store: Store) -> None:
    was = mask(square, store)
    drag(square, SQUARE[0], (100, 60))
    after(square, store, was)
    square.keys("z")
    square.saved()
    assert np.array_equal(mask(square, store), was)
