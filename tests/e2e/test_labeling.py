"""A project on the page: add photos, name foods by mouse and keyboard, save, and work beside others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Response, Route
from sqlalchemy import select

from rvernet_app.picture.masks import from_rle, to_rle
from rvernet_app.segment import again
from rvernet_app.segment.propose import propose
from rvernet_app.store import label_sets, projects
from rvernet_app.store.annotations import Draft, save
from rvernet_app.store.database import Store
from rvernet_app.store.history import history
from rvernet_app.store.tables import DONE, OPEN, UNUSABLE, Annotation, Item, Verdict
from rvernet_app.types import Mask
from rvernet_app.ui.visitor import streams
from tests.e2e.expected import words
from tests.e2e.project import Project, label_of, new_name, standing
from tests.rvernet_app.store.desk import commit

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser

SLOW_MS = 120_000
"""Patience for searching a whole photo."""


@pytest.fixture
def coarse_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search of a photo ask at fewer points, which still meet the two large foods of a plate."""
    for module in (again, streams):
        monkeypatch.setattr(module, "propose", partial(propose, per_side=7))


def test_a_food_is_saved_with_its_mask_before_it_has_a_name(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    reply = project.workbench.click(*plates[0].centres[0])
    project.saved()
    (row,) = standing(store, project.item)
    assert row.counts == reply["candidates"][0]["rle"]["counts"]
    assert (row.label_id, row.revision) == (None, 1)
    assert row.prompts["points"] == [[*plates[0].centres[0], 1]]
    assert row.segmenter is not None
    assert row.segmenter.startswith("grabcut@")


def test_names_come_from_typing_suggestions_and_recent_names(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("gochu")
    project.saved()
    (row,) = standing(store, project.item)
    assert label_of(store, row) == "chili paste"
    assert row.suggestion_taken in (None, False)

    project.keys("Enter")
    project.workbench.click(*plates[0].centres[1])
    project.workbench.wait_for_evidence()
    suggested = project.page.locator("#rv-suggestions .rv-suggestion-name").all_text_contents()
    project.keys("2")
    project.page.wait_for_function("document.querySelector('#rv-label').value !== ''")
    project.saved()
    _, row = standing(store, project.item)
    assert words(label_of(store, row)) == suggested[1]
    assert row.suggestion_taken is True
    assert [words(name) for name, _ in row.suggestions or []] == suggested

    project.keys("7")
    project.page.wait_for_function("document.querySelector('#rv-label').value === 'chili paste'")
    project.saved()
    _, row = standing(store, project.item)
    assert (label_of(store, row), row.suggestion_taken) == ("chili paste", False)


def test_a_new_label_is_added_on_the_fly(project: Project, plates: list[DrawnPhoto], store: Store) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("Käsespätzle")
    project.page.wait_for_selector('#rv-foods li:has-text("Käsespätzle")')
    project.saved()
    assert label_of(store, standing(store, project.item)[0]) == "Käsespätzle"


def test_portion_and_note_are_entered_without_the_mouse(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.keys("a")
    project.page.keyboard.type("120")
    project.keys("Tab", "Tab", "w", "Tab")
    project.page.keyboard.type("150")
    project.keys("Tab")
    project.page.keyboard.type("160")
    project.keys("Tab")
    project.page.wait_for_selector("[data-fault]:not([hidden])")
    assert "does not hold 120" in (project.page.text_content("[data-fault]") or "")
    project.page.fill("#rv-portion [name=low]", "100")
    project.keys("Escape", "i")
    project.page.wait_for_function("document.activeElement.id === 'rv-note'")
    project.page.keyboard.type("with butter")
    with project.page.expect_response(saves):
        project.keys("Escape")
    project.saved()
    (row,) = standing(store, project.item)
    assert row.note == "with butter"
    assert (row.amount, row.unit, row.method, row.low, row.high) == (120, "g", "weighed", 100, 160)


def test_a_reload_restores_photo_foods_and_progress(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.saved()
    project.next_photo()
    project.workbench.click(*plates[1].centres[1])
    project.name_by_typing("tofu")
    project.saved()
    item, (row,) = project.item, standing(store, project.item)
    project.page.reload()
    project.page.wait_for_selector(f'.rv[data-item="{item}"]')
    assert project.listed() == ["tofu"]
    assert project.page.text_content("#rv-progress") == "1 of 3 labelled"
    x, y = plates[1].centres[1]
    assert project.workbench.overlay_at(x, y)[3] > 0
    assert [r.id for r in standing(store, item)] == [row.id]
    project.keys("PageUp")
    project.page.wait_for_selector("#rv-foods :text('rice')")
    assert project.listed() == ["rice"]
    project.workbench.complaints.clear()  # Gradio logs the stream that ends at a reload


def test_undo_and_redo_reach_the_store(project: Project, plates: list[DrawnPhoto], store: Store) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.saved()
    (row,) = standing(store, project.item)
    project.keys("z", "z")
    project.saved()
    assert standing(store, project.item) == []
    project.keys("Shift+z", "Shift+z")
    project.saved()
    (again,) = standing(store, project.item)
    assert (again.id, label_of(store, again), again.counts) == (row.id, "rice", row.counts)


def test_done_asks_where_a_food_has_no_name(project: Project, plates: list[DrawnPhoto], store: Store) -> None:
    item = project.item
    project.workbench.click(*plates[0].centres[0])
    project.saved()
    project.keys("d")
    project.page.wait_for_selector("#rv-question-sheet[open]")
    assert project.page.text_content("#rv-question-title") == "1 food has no name yet"
    project.keys("Enter")  # goes back
    assert project.item == item
    assert state_of(store, item) == OPEN
    project.keys("d")
    project.page.click("#rv-question-choices [value=done]")
    project.page.wait_for_selector(f'.rv:not([data-item="{item}"])')
    assert state_of(store, item) == DONE


def test_done_asks_where_no_food_is_marked(project: Project, store: Store) -> None:
    first = project.item
    project.keys("d")
    project.page.wait_for_selector("#rv-question-sheet[open]")
    project.keys("d", "d", "Escape")
    assert project.item == first
    assert state_of(store, first) is None
    project.keys("d")
    project.page.click("#rv-question-choices [value=done]")
    project.page.wait_for_selector(f'.rv:not([data-item="{first}"])')
    second = project.item
    project.keys("d")
    project.page.click("#rv-question-choices [value=unusable]")
    project.page.wait_for_selector(f'.rv:not([data-item="{second}"])')
    assert [state_of(store, item) for item in (first, second)] == [DONE, UNUSABLE]
    assert project.page.text_content("#rv-progress") == "1 of 3 labelled · 1 unusable"


def state_of(store: Store, item: int) -> str | None:
    """Return what the only annotator says of a photo; None if nothing."""
    with store.reading() as session:
        return session.scalar(select(Verdict.state).where(Verdict.item_id == item))


def test_a_photo_can_be_unusable_with_a_reason(project: Project, store: Store) -> None:
    item = project.item
    project.page.click("#rv-not-usable")
    project.page.fill("#rv-unusable [name=reason]", "blurred")
    project.page.click("#rv-unusable [value=unusable]")
    project.page.wait_for_function(
        "before => document.querySelector('.rv').dataset.item !== before", arg=str(item)
    )
    with store.reading() as session:
        (event,) = [e for e in history(session, item) if (e.after or {}).get("state") == "unusable"]
    assert event.after is not None
    assert event.after["reason"] == "blurred"


def test_brush_and_eraser_correct_the_mask_pixel_by_pixel(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.saved()
    before = mask_of(standing(store, project.item)[0], plates[0])
    start, end = (300, 60), (360, 60)
    project.keys("r")
    with project.page.expect_response(saves):
        project.workbench.drag(start, end)
    project.saved()
    painted = mask_of(standing(store, project.item)[0], plates[0])
    added = painted & ~before
    assert not (before & ~painted).any()
    assert all(added[60, x] for x in range(300, 361))
    assert not added[:20].any()
    project.keys("e")
    with project.page.expect_response(saves):
        project.workbench.drag(start, end)
    project.saved()
    np.testing.assert_array_equal(mask_of(standing(store, project.item)[0], plates[0]), before)


def test_a_polygon_makes_a_food(project: Project, plates: list[DrawnPhoto], store: Store) -> None:
    project.keys("g")
    for corner in ((300, 40), (400, 40), (400, 120), (300, 120)):
        project.workbench.press(*corner)
    project.keys("Enter")
    project.page.wait_for_selector("#rv-foods li")
    project.saved()
    expected = np.zeros((480, 640), np.bool_)
    expected[40:121, 300:401] = True
    np.testing.assert_array_equal(mask_of(standing(store, project.item)[0], plates[0]), expected)


@pytest.mark.usefixtures("coarse_search")
def test_all_foods_of_a_photo_are_proposed(project: Project, plates: list[DrawnPhoto], store: Store) -> None:
    project.keys("j")
    project.page.wait_for_selector("#rv-foods li", timeout=SLOW_MS)
    project.saved()
    rows = standing(store, project.item)
    for food in plates[0].foods:
        ious = [(m & food).sum() / (m | food).sum() for m in (mask_of(r, plates[0]) for r in rows)]
        assert max(ious) > 0.8
    project.keys("z")
    project.saved()
    assert standing(store, project.item) == []


@pytest.mark.usefixtures("coarse_search")
def test_the_foods_of_the_previous_photo_are_found_where_they_are_now(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.saved()
    first = standing(store, project.item)[0]
    project.next_photo()
    project.page.check("#rv-before")
    project.keys("q")
    project.page.wait_for_selector("#rv-foods li", timeout=120_000)
    project.saved()
    (found,) = standing(store, project.item)
    now = mask_of(found, plates[1])
    assert found.label_id == first.label_id
    assert any((now & food).sum() > 0.8 * (now | food).sum() for food in plates[1].foods)
    with store.reading() as session:
        assert session.get_one(Item, project.item).before_id == first.item_id


def test_the_page_asks_which_of_two_versions_of_a_food_to_keep(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.saved()
    (row,) = standing(store, project.item)
    other = commit(store, projects.ensure_annotator, "Someone else")
    with store.reading() as session:
        labels = {label.name: label.id for label in label_sets.labels_of(session, row.project_id)}
    rle = to_rle(mask_of(row, plates[0]))
    commit(
        store,
        save,
        row.item_id,
        other,
        Draft(rle, labels["tofu"]),
        id=row.id,
        revision=row.revision,
    )
    project.name_by_typing("bread")
    project.page.wait_for_selector("#rv-conflict-sheet[open]")
    assert "tofu" in (project.page.text_content("#rv-conflict-theirs") or "")
    project.page.click("#rv-conflict-sheet [value=mine]")
    project.page.wait_for_selector("#rv-conflict-sheet", state="hidden")
    project.saved()
    assert label_of(store, standing(store, row.item_id)[0]) == "bread"
    with store.reading() as session:
        before = [(e.before or {}).get("label_id") for e in history(session, row.item_id)]
    assert labels["tofu"] in before


def test_escape_does_not_settle_a_conflict_and_other_foods_are_saved_meanwhile(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    for centre in plates[0].centres:
        project.workbench.click(*centre)
        project.name_by_typing("rice")
        project.keys("Enter")
    project.saved()
    first, _ = standing(store, project.item)
    other = commit(store, projects.ensure_annotator, "Someone else")
    with store.reading() as session:
        labels = {label.name: label.id for label in label_sets.labels_of(session, first.project_id)}
    theirs = Draft(to_rle(mask_of(first, plates[0])), labels["tofu"])
    commit(store, save, first.item_id, other, theirs, id=first.id, revision=first.revision)
    project.keys("[")
    project.name_by_typing("bread")
    sheet = "#rv-conflict-sheet"
    project.page.wait_for_selector(f"{sheet}[open]")
    project.page.evaluate(  # while the page asks
        """() => {
            const [, food] = document.querySelectorAll('#rv-foods .rv-food');
            food.click();
            document.querySelector('#rv-note').value = 'with butter';
            document.querySelector('#rv-note').dispatchEvent(new Event('change'));
        }"""
    )
    project.keys("Escape")
    project.page.wait_for_selector(f"{sheet}[open]")
    assert label_of(store, standing(store, first.item_id)[0]) == "tofu"
    project.page.click(f"{sheet} [value=theirs]")
    project.page.wait_for_selector(sheet, state="hidden")
    project.page.wait_for_selector("#rv-foods :text('tofu')")
    project.saved()
    kept, noted = standing(store, first.item_id)
    assert (label_of(store, kept), label_of(store, noted), noted.note) == ("tofu", "rice", "with butter")


def test_unsaved_changes_survive_a_reload(project: Project, plates: list[DrawnPhoto], store: Store) -> None:
    """So does the text that was being typed."""
    page = project.page
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.saved()
    item = project.item
    page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
    page.route("**/component_server/", lambda route: route.abort())
    project.keys("i")
    page.wait_for_function("document.activeElement.id === 'rv-note'")
    page.keyboard.type("with butter")
    page.reload()
    page.wait_for_selector(".rv[data-ready]")
    assert standing(store, item)[0].note == ""
    page.unroute("**/component_server/")
    page.reload()
    page.wait_for_selector(f'.rv[data-item="{item}"][data-saved="saved"]')
    (row,) = standing(store, item)
    assert (label_of(store, row), row.note) == ("rice", "with butter")
    assert page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('rvernet-unsaved'))") == []
    project.workbench.complaints.clear()  # Chromium logs the lost requests by itself


def test_a_food_is_saved_once_if_the_reply_is_lost(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        if "save_food" in (route.request.post_data or "") and not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    project.page.route("**/component_server/", lose_first)
    project.workbench.click(*plates[0].centres[0])
    project.page.wait_for_selector('.rv[data-saved="not saved"]')
    project.saved()
    assert len(lost) == 1
    assert len(standing(store, project.item)) == 1
    project.workbench.complaints.clear()  # Chromium logs the lost request by itself


def test_a_mask_that_arrives_after_the_next_photo_is_open_is_saved(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    item = project.item
    held: list[Route] = []

    def hold(route: Route) -> None:
        if '"segment"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    project.page.route("**/component_server/", hold)
    project.workbench.press(*plates[0].centres[0])
    project.keys("t")
    project.page.keyboard.type("rice")
    project.page.wait_for_selector("#rv-label-options li")
    project.keys("Enter")
    project.page.wait_for_function("document.querySelector('#rv-label-options').hidden")
    project.next_photo("PageDown")
    assert standing(store, item) == []
    (segment,) = held
    with project.page.expect_response(saves):
        segment.continue_()
    project.saved()
    (row,) = standing(store, item)
    assert label_of(store, row) == "rice"


def test_suggestions_are_hidden_on_blind_photos(
    workbench: Workbench, plates: list[DrawnPhoto], store: Store
) -> None:
    project = Project(workbench, new_name())
    project.create(blind_share=100)
    project.add([plates[0].path])
    project.workbench.click(*plates[0].centres[0])
    project.page.wait_for_selector("#rv-blind:not([hidden])")
    project.name_by_typing("rice")
    project.saved()
    assert project.page.locator("#rv-suggestions li").count() == 0
    assert standing(store, project.item)[0].suggestion_taken is None


def test_a_reviewer_accepts_one_of_two(
    workbench: Workbench,
    new_visitor: Callable[..., Workbench],
    plates: list[DrawnPhoto],
    store: Store,
) -> None:
    first = Project(workbench, new_name())
    first.create(double_share=100)
    first.add([plates[0].path])
    first.workbench.click(*plates[0].centres[0])
    first.name_by_typing("rice")
    first.saved()
    item = first.item
    first.keys("d")
    first.page.wait_for_function("document.querySelector('#rv-progress').textContent === '1 of 1 labelled'")

    second = Project(new_visitor(), first.name)
    second.open_as("Second")
    assert second.item == item
    assert second.listed() == []
    second.workbench.click(*plates[0].centres[0])
    second.name_by_typing("tofu")
    second.saved()
    second.keys("d")
    second.page.wait_for_function("document.querySelector('#rv-progress').textContent === '1 of 1 labelled'")

    second.keys("w")
    second.page.click("[data-tab=project]")
    second.page.click("#rv-review")
    second.page.wait_for_selector("#rv-compared li")
    assert "named differently" in (second.page.text_content("#rv-compared") or "")
    second.page.click("#rv-decide button:has-text('Second')")
    second.page.wait_for_selector('.rv-opinion[data-status="accepted"]')
    rows = {label_of(store, row): row.status for row in standing(store, item)}
    assert rows == {"rice": "rejected", "tofu": "accepted"}
    second.page.fill("#rv-comment input", "Too white for rice?")
    second.keys("Enter")
    second.page.wait_for_selector("#rv-comments li")
    second.page.click("[data-action=projects]")
    second.page.click("[data-tab=reports]")
    second.page.click("[data-report=agreement]")
    second.page.wait_for_selector("#rv-report-sheet[open]")
    assert "Between annotators" in (second.page.text_content("#rv-report-tables") or "")


def mask_of(row: Annotation, plate: DrawnPhoto) -> Mask:
    """Decode the mask of an annotation: bool (H, W)."""
    width, height = plate.size
    return from_rle({"size": [height, width], "counts": row.counts}, (height, width))


def saves(response: Response) -> bool:
    """Return True for the reply to a request that saves a food."""
    return "save_food" in (response.request.post_data or "")
