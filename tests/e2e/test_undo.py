"""Undo and redo in a project follow the store's history, also after a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route

from rvernet_app.store.database import Store
from tests.e2e.project import Project, label_of, new_name, standing

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser

FOODS = ("rice", "tofu", "bread")


@pytest.fixture
def meal(workbench: Workbench, plate: DrawnPhoto) -> Project:
    """A project with one photo and three named foods."""
    project = Project(workbench, new_name())
    project.create()
    project.add([plate.path])
    for centre, name in zip(plate.centres, FOODS, strict=True):
        project.workbench.click(*centre)
        project.name_by_typing(name)
        project.keys("Enter")
    project.saved()
    return project


def reload(project: Project) -> None:
    """Reload the page and wait until the same photo is open."""
    item = project.item
    project.page.reload()
    project.page.wait_for_selector(f'.rv[data-item="{item}"][data-saved="saved"]')
    project.workbench.complaints.clear()  # Gradio logs the stream that ends at a reload


def walk(project: Project, key: str) -> list[str]:
    """Press a key that undoes or redoes one step, and return the listed names."""
    project.keys(key)
    project.saved()
    return project.listed()


def stored(project: Project, store: Store) -> list[str]:
    """Return the names of the stored foods."""
    rows = standing(store, project.item)
    return ["no name yet" if row.label_id is None else label_of(store, row) for row in rows]


def test_undo_restores_cleared_foods_for_good(meal: Project, store: Store) -> None:
    """Reload, clear, undo three times and redo used to lose foods."""
    rice, tofu, bread = FOODS
    before = {row.id for row in standing(store, meal.item)}
    reload(meal)
    meal.keys("Shift+Delete")
    meal.saved()
    assert meal.listed() == []
    assert stored(meal, store) == []

    assert walk(meal, "z") == [rice, tofu, bread]  # Clear is one step
    assert stored(meal, store) == [rice, tofu, bread]
    assert walk(meal, "z") == [rice, tofu, "no name yet"]
    assert walk(meal, "z") == [rice, tofu]
    assert walk(meal, "Shift+z") == [rice, tofu, "no name yet"]
    assert walk(meal, "Shift+z") == [rice, tofu, bread]
    assert walk(meal, "Shift+z") == []
    assert stored(meal, store) == []
    assert walk(meal, "z") == [rice, tofu, bread]

    reload(meal)
    assert meal.listed() == [rice, tofu, bread]
    assert walk(meal, "Shift+z") == []
    assert walk(meal, "z") == [rice, tofu, bread]
    assert {row.id for row in standing(store, meal.item)} == before
    for names in (
        [rice, tofu, "no name yet"],
        [rice, tofu],
        [rice, "no name yet"],
        [rice],
        ["no name yet"],
        [],
    ):
        assert walk(meal, "z") == names
    assert walk(meal, "z") == []
    for names in (["no name yet"], [rice], [rice, "no name yet"], [rice, tofu]):
        assert walk(meal, "Shift+z") == names
    assert stored(meal, store) == [rice, tofu]


def test_a_restored_food_keeps_its_colour_and_its_evidence(meal: Project, plate: DrawnPhoto) -> None:
    x, y = plate.centres[2]
    meal.page.locator("#rv-foods .rv-food").nth(2).click()
    meal.workbench.wait_for_evidence()
    bread = meal.workbench.sent("save_food")[-1]["rle"]
    asked = len(meal.workbench.asked_evidence())
    colour = meal.workbench.overlay_at(x + 30, y)
    meal.keys("Delete")
    meal.saved()
    assert meal.listed() == list(FOODS[:2])

    assert walk(meal, "z") == list(FOODS)
    meal.page.locator("#rv-foods .rv-food").nth(2).click()
    meal.workbench.wait_for_evidence()
    assert meal.workbench.overlay_at(x + 30, y) == colour
    assert bread not in [request["rle"] for request in meal.workbench.asked_evidence()[asked:]]


def test_undo_keys_pressed_faster_than_the_store_answers_all_count(meal: Project) -> None:
    for key in ("z", "z", "z", "Shift+z"):
        meal.keys(key)
    meal.saved()
    assert meal.listed() == [FOODS[0], FOODS[1]]


def test_undo_waits_for_unsaved_changes(meal: Project, plate: DrawnPhoto, store: Store) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if '"save_food"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    meal.page.route("**/component_server/", hold)
    meal.workbench.click(*plate.centres[0], key="Shift")
    meal.keys("z")
    meal.page.wait_for_selector('.rv[data-saved="saving"]')
    meal.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert held
    assert meal.workbench.sent("undo_food") == []
    for route in held:
        route.continue_()
    meal.saved()
    assert len(meal.workbench.sent("undo_food")) == 1
    assert len(standing(store, meal.item)) == 3


def test_an_unsent_step_is_sent_as_one_step_after_a_reload(meal: Project) -> None:
    page = meal.page
    page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
    page.route("**/component_server/", lambda route: route.abort())
    meal.keys("Shift+Delete")
    page.wait_for_selector('.rv[data-saved="not saved"]')
    item = meal.item
    page.reload()
    page.wait_for_selector(".rv[data-ready]")
    page.unroute("**/component_server/")
    lost = len(meal.workbench.sent("delete_food"))
    page.reload()
    page.wait_for_selector(f'.rv[data-item="{item}"][data-saved="saved"]')
    sent = meal.workbench.sent("delete_food")
    assert len(sent) == lost + 3
    assert len({message["step"] for message in sent}) == 1
    meal.workbench.complaints.clear()  # Chromium logs the lost requests by itself


def test_outside_a_project_undo_follows_the_pages_own_history(
    workbench: Workbench, plate: DrawnPhoto, new_visitor: Callable[..., Workbench]
) -> None:
    workbench.open(plate)
    for centre in plate.centres:
        workbench.click(*centre, key="Shift")
    workbench.page.keyboard.press("Shift+Delete")
    counts = []
    for key in ("z", "z", "z", "Shift+Z", "Shift+Z", "Shift+Z"):
        workbench.page.keyboard.press(key)
        counts.append(len(workbench.foods()))
    assert counts == [3, 2, 1, 2, 3, 0]
    assert workbench.sent("undo_food") == []
