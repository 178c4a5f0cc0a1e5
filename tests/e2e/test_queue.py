"""A queue on the page that other annotators, other tabs or earlier visits have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from rvernet_app.store import projects, queue, review
from rvernet_app.store.database import Store
from rvernet_app.store.tables import Item
from tests.e2e.project import Project, label_of, new_name, standing

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server, Workbench

pytestmark = pytest.mark.browser


def as_other(project: Project, workbench: Workbench, name: str) -> Project:
    """Open a project as another annotator."""
    other = Project(workbench, project.name)
    other.open_as(name)
    return other


def label(project: Project, at: tuple[int, int], name: str, amount: str = "") -> None:
    """Click a food, name it, enter an amount if there is one, and wait until it is saved."""
    project.workbench.click(*at)
    project.name_by_typing(name)
    if amount:
        project.keys("a")
        project.page.keyboard.type(amount)
        project.keys("Enter")
    project.saved()


def open_photo(project: Project, place: int) -> None:
    """Open a photo by its thumbnail."""
    thumb = project.page.locator("#rv-strip [data-item]").nth(place)
    item = thumb.get_attribute("data-item")
    thumb.click()
    project.page.wait_for_selector(f'.rv[data-item="{item}"]')


def test_a_photo_with_enough_annotators_can_be_viewed_but_not_changed(
    project: Project, plates: list[DrawnPhoto], new_visitor: Callable[..., Workbench], store: Store
) -> None:
    label(project, plates[0].centres[0], "rice")
    item = project.item
    project.next_photo()
    other = as_other(project, new_visitor(), "Ben")
    assert other.page.text_content("#rv-progress") == "0 of 2 labelled"
    open_photo(other, 0)
    assert other.workbench.state("full") == ""
    other.workbench.press(*plates[0].centres[1])
    other.page.wait_for_selector("#rv-toast:has-text('all the annotators it wants')")
    assert other.listed() == []
    assert len(standing(store, item)) == 1


def test_changes_from_before_a_reload_are_undone_and_redone(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    label(project, plates[0].centres[0], "rice")
    item = project.item
    project.workbench.wait_for_evidence()
    project.page.reload()
    project.page.wait_for_selector(f'.rv[data-item="{item}"]')
    project.page.wait_for_selector("#rv-foods li")
    project.keys("z")
    project.page.wait_for_selector("#rv-foods .rv-food-name:has-text('no name yet')")
    assert standing(store, item)[0].label_id is None
    project.keys("z")
    project.page.wait_for_function("!document.querySelector('#rv-foods li')")
    assert standing(store, item) == []
    project.keys("Shift+z", "Shift+z")
    project.page.wait_for_selector("#rv-foods .rv-food-name:has-text('rice')")
    (row,) = standing(store, item)
    assert label_of(store, row) == "rice"


def test_the_page_shows_what_another_tab_saved(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    first = project.item
    project.next_photo("PageDown")
    tab = Project(type(project.workbench)(project.page.context.new_page(), project.workbench.server), "")
    tab.workbench.load()
    tab.page.wait_for_selector('.rv[data-item]:not([data-item=""])')
    open_photo(tab, 0)
    label(tab, plates[0].centres[0], "rice")
    tab.page.close()
    project.next_photo("PageUp")
    assert project.item == first
    assert project.listed() == ["rice"]


def test_photos_are_assigned_to_a_meal(
    project: Project, store: Store, draw: Callable[..., DrawnPhoto]
) -> None:
    project.page.click("#rv-show-meal")
    project.page.fill("#rv-meal-form [name=meal]", "Monday lunch")
    project.page.click("#rv-meal-form button")
    project.page.wait_for_selector("#rv-show-meal:has-text('Monday lunch')")
    project.page.click("#rv-add")
    project.page.fill("#rv-add-meal", "Tuesday lunch")
    project.page.set_input_files("#rv-file", draw((320, 240), [(100, 100)]).path)
    project.page.wait_for_function("document.querySelectorAll('#rv-strip [data-item]').length === 4")
    with store.reading() as session:
        meals = [item.meal for item in session.query(Item).order_by(Item.id).all()][-4:]
    assert meals == ["Monday lunch", None, None, "Tuesday lunch"]


def test_a_photo_whose_file_is_missing_does_not_block_the_queue(
    project: Project, plates: list[DrawnPhoto], server: Server, store: Store
) -> None:
    for copy in server.pipeline.config.data_dir.rglob(f"{plates[0].sha256}*"):
        copy.unlink()
    for copy in server.pipeline.config.photos_dir.rglob(f"{plates[0].sha256}*"):
        copy.unlink()
    project.page.reload()
    project.page.wait_for_selector(".rv-no-thumb")
    project.page.wait_for_selector('.rv[data-item]:not([data-item=""])')
    label(project, plates[1].centres[0], "rice")


def test_merging_masks_asks_which_of_two_amounts_to_keep(
    workbench: Workbench, plates: list[DrawnPhoto], new_visitor: Callable[..., Workbench], store: Store
) -> None:
    first = Project(workbench, new_name())
    first.create(double_share=100)
    first.add([plates[0].path])
    label(first, plates[0].centres[0], "rice", "100")
    item = first.item
    first.keys("d")
    first.page.wait_for_function("document.querySelector('#rv-progress').textContent === '1 of 1 labelled'")
    second = as_other(first, new_visitor(), "Cleo")
    label(second, plates[0].centres[0], "rice", "110")
    second.keys("d")
    second.page.wait_for_function("document.querySelector('#rv-progress').textContent === '1 of 1 labelled'")
    second.keys("w")
    second.page.click("[data-tab=project]")
    second.page.click("#rv-review")
    second.page.wait_for_selector("#rv-compared li")
    second.page.click("#rv-decide button:has-text('Merge')")
    second.page.click("#rv-amounts button:has-text('110 g')")
    second.page.wait_for_selector('.rv-opinion[data-status="rejected"]')
    (merged,) = [row for row in standing(store, item) if row.sources]
    assert (merged.amount, merged.unit, label_of(store, merged)) == (110, "g", "rice")


def test_in_a_review_a_thumbnail_opens_that_photo_for_review(
    workbench: Workbench, plates: list[DrawnPhoto], store: Store
) -> None:
    project = Project(workbench, new_name())
    project.create()
    project.add([plate.path for plate in plates])
    for plate in plates[:2]:
        label(project, plate.centres[0], "rice")
        project.next_photo()
    project.keys("w")
    project.page.click("[data-tab=project]")
    project.page.click("#rv-review")
    project.page.check("#rv-review-all")
    project.page.wait_for_selector("#rv-compared li")
    project.page.locator("#rv-strip [data-item]").nth(1).click()
    project.page.wait_for_function("document.querySelector('#rv-photo-size').textContent === 'photo 2'")
    project.page.click("#rv-decide button")
    project.page.wait_for_selector('.rv-opinion[data-status="accepted"]')
    with store.reading() as session:
        found = projects.project(session, project.id(store))
        second = queue.neighbour(session, found.id, 0, 1)
        assert second is not None
        (annotation,) = review.side_by_side(session, second.id).foods[0].annotations
    assert annotation is not None
    assert annotation.status == "accepted"


def test_enter_presses_the_focused_button(project: Project, plates: list[DrawnPhoto]) -> None:
    label(project, plates[0].centres[0], "rice")
    project.page.keyboard.press("Tab")
    project.page.locator("#rv-show-history").focus()
    project.page.keyboard.press("Shift+Tab")
    project.page.keyboard.press("Tab")
    project.page.keyboard.press("Enter")
    project.page.wait_for_selector("#rv-history-sheet[open]")
