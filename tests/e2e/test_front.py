"""The front page keeps photos and foods in the browser, and turns into a project."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Dialog

from rvernet_app.store.database import Store
from tests.e2e.project import Project, label_of, new_name, standing

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser


def reload(visitor: Workbench, photo: DrawnPhoto, foods: int) -> None:
    """Reload the page, which must ask nothing, and wait until the photo is shown with its foods."""
    asked: list[str] = []
    visitor.page.wait_for_selector('.rv[data-kept="kept"]')

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    visitor.page.on("dialog", accept)
    visitor.page.reload()
    visitor.page.wait_for_selector(f'.rv[data-photo="{photo.sha256}"]')
    visitor.page.wait_for_function(
        "count => document.querySelectorAll('#rv-foods li').length === count", arg=foods
    )
    visitor.complaints.clear()  # Gradio logs the stream that ends at a reload
    assert asked == []


def label_two(visitor: Workbench, photo: DrawnPhoto) -> Project:
    """Open a photo on the front page and name two foods, one with an amount."""
    project = Project(visitor, new_name())
    visitor.open(photo)
    visitor.click(*photo.centres[0])
    project.name_by_typing("tofu")
    project.keys("Enter")
    visitor.click(*photo.centres[1])
    project.name_by_typing("rice")
    project.keys("a")
    visitor.page.keyboard.type("120")
    project.keys("Enter")
    visitor.page.wait_for_selector("#rv-foods :text('120 g')")
    return project


def test_a_reload_keeps_photos_foods_and_their_history(
    new_visitor: Callable[..., Workbench], plate: DrawnPhoto
) -> None:
    visitor = new_visitor()
    project = label_two(visitor, plate)
    assert visitor.page.inner_text("#rv-front-kept") == "Kept in this browser only"
    project.keys("Shift+Delete")
    reload(visitor, plate, foods=0)
    project.keys("z")
    visitor.page.wait_for_selector("#rv-foods :text('120 g')")
    assert project.listed() == ["tofu", "rice"]
    reload(visitor, plate, foods=2)
    project.keys("Shift+z")
    visitor.page.wait_for_selector("#rv-foods-empty:not([hidden])")
    visitor.click(*plate.centres[2])  # the server still knows the photo
    assert len(visitor.foods()) == 1


def test_another_tab_shows_the_same(new_visitor: Callable[..., Workbench], plate: DrawnPhoto) -> None:
    visitor = new_visitor()
    project = label_two(visitor, plate)
    other = visitor.page.context.new_page()
    other.goto(visitor.server.url)
    other.wait_for_selector("#rv-foods :text('120 g')")
    project.keys("Shift+Delete")
    other.wait_for_selector("#rv-foods-empty:not([hidden])")
    other.keyboard.press("z")
    visitor.page.wait_for_selector("#rv-foods :text('120 g')")
    assert project.listed() == ["tofu", "rice"]


def test_the_front_page_turns_into_a_project(
    new_visitor: Callable[..., Workbench], plate: DrawnPhoto, store: Store
) -> None:
    visitor = new_visitor()
    page = visitor.page
    project = label_two(visitor, plate)
    page.click("#rv-move-open")
    page.fill("#rv-move [name=name]", project.name)
    page.fill("#rv-move [name=me]", "Ann")
    page.click("#rv-move .rv-primary")
    page.wait_for_selector('.rv[data-mode="project"][data-item]:not([data-item=""])')
    assert page.inner_text("#rv-project-name") == project.name
    rows = standing(store, project.item)
    assert [(label_of(store, row), row.amount) for row in rows] == [("tofu", None), ("rice", 120)]
    page.click("[data-action=projects]")
    page.click("#rv-leave")
    page.wait_for_selector(".rv:not([data-mode])")
    assert page.locator("#rv-strip [data-photo]").count() == 0
    assert not page.is_visible("#rv-front")


def test_a_fresh_start_asks_first(new_visitor: Callable[..., Workbench], plate: DrawnPhoto) -> None:
    visitor = new_visitor()
    label_two(visitor, plate)
    visitor.page.click("#rv-afresh")
    assert "1 photo with 2 foods" in visitor.page.inner_text("#rv-question-text")
    visitor.page.keyboard.press("Escape")
    assert len(visitor.foods()) == 2
    visitor.page.click("#rv-afresh")
    visitor.page.click("#rv-question-choices [value=remove]")
    visitor.page.wait_for_selector('.rv[data-state="empty"]')
    visitor.page.reload()
    visitor.page.wait_for_selector(".rv[data-ready]")
    assert visitor.page.locator("#rv-strip [data-photo]").count() == 0
    visitor.complaints.clear()  # Gradio logs the stream that ends at a reload
