"""Projects and their photos are managed on the page: added, found, judged, deleted, imported."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.store import listing, projects
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.consensus import Shares
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from tests.e2e.project import Project, new_name, standing

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser


def listed(project: Project, store: Store) -> list[tuple[str, str]]:
    """Return the file name and the state of each photo in the store."""
    with store.reading() as session:
        found = listing.list_items(
            session, project.id(store), projects.find_annotator(session, me(project)) or 0
        )
        return [(one.item.name, one.state) for one in found]


def me(project: Project) -> str:
    """Return the name that the page saves under."""
    return project.page.input_value("#rv-me")


def confirm(project: Project) -> str:
    """Agree to a deletion; returns what the page said would go."""
    project.page.wait_for_selector("#rv-question-sheet[open]")
    told = project.page.inner_text("#rv-question-text")
    project.page.click("#rv-question-choices [value=delete]")
    return told


def open_tab(project: Project, tab: str) -> None:
    project.page.click("[data-action=projects]")
    project.page.click(f"[data-tab={tab}]")
    project.page.wait_for_selector(f"#rv-pane-{tab}:not([hidden])")


def test_a_deleted_photo_is_gone_and_another_tab_loses_nothing_else(
    project: Project, plates: list[DrawnPhoto], new_visitor: Callable[..., Workbench], store: Store
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.saved()
    gone = project.item
    other = Project(new_visitor(), project.name)
    other.open()
    assert other.item == gone
    project.page.click("#rv-not-usable")
    project.page.click("#rv-delete-photo")
    assert "1 photo, 1 food (1 of " in confirm(project).replace(" and ", ", ")
    project.page.wait_for_function(
        "gone => document.querySelector('.rv').dataset.item !== gone", arg=str(gone)
    )
    assert [name for name, _ in listed(project, store)] == [plate.path.name for plate in plates[1:]]
    other.workbench.press(*plates[0].centres[1])
    other.page.wait_for_selector("#rv-toast:has-text('This photo was deleted from the project')")
    other.page.locator("#rv-strip [data-item]").first.click()
    other.page.wait_for_selector(f'.rv[data-photo="{plates[1].sha256}"]')
    other.workbench.click(*plates[1].centres[0])
    other.saved()
    assert len(standing(store, other.item)) == 1


def test_photos_are_found_and_judged_together(project: Project, store: Store) -> None:
    page = project.page
    page.click("#rv-find")
    page.wait_for_function("document.querySelectorAll('#rv-grid li').length === 3")
    page.fill("#rv-grid-filters [name=search]", "drawn-2")
    page.wait_for_function("document.querySelectorAll('#rv-grid li').length === 1")
    page.fill("#rv-grid-filters [name=search]", "")
    page.wait_for_function("document.querySelectorAll('#rv-grid li').length === 3")
    boxes = page.locator("#rv-grid input")
    boxes.nth(1).focus()
    project.keys("Space")
    boxes.nth(2).click(modifiers=["Shift"])
    assert page.inner_text("#rv-grid-count") == "3 photos, 2 selected"
    page.click("[data-grid=skipped]")
    page.wait_for_selector("#rv-grid li[data-state=skipped] >> nth=1")
    assert [state for _, state in listed(project, store)] == ["new", "skipped", "skipped"]
    page.click("[data-grid=open]")
    page.wait_for_selector("#rv-grid li[data-state=open] >> nth=1")
    last = page.locator("#rv-grid .rv-tile").nth(2)
    last.focus()
    project.keys("Enter")
    page.wait_for_selector("#rv-grid-sheet", state="hidden")
    page.wait_for_function("document.querySelector('#rv-photo-size').textContent === 'photo 3 of 3'")


def test_what_came_of_adding_stays_to_be_read(
    project: Project, plates: list[DrawnPhoto], tmp_path: Path
) -> None:
    page = project.page
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 cut off")
    day = tmp_path / "day.zip"
    with zipfile.ZipFile(day, "w") as archive:
        archive.write(plates[0].path, "lunch/again.jpg")
        archive.writestr("lunch/notes.txt", "hello")
    page.set_input_files("#rv-file", [broken, day])
    page.wait_for_selector("#rv-add-sheet[open]")
    said = page.inner_text("#rv-added")
    assert said.startswith("No photo was added. 1 photo is here already. 2 files are not taken:")
    assert "broken.jpg: " in said
    assert "lunch/notes.txt: It is not a photo." in said
    project.keys("Escape")
    page.click("#rv-add")
    assert page.inner_text("#rv-added") == said


def test_an_import_says_what_would_come_of_it_and_then_does_that(
    project: Project, plates: list[DrawnPhoto], store: Store, tmp_path: Path
) -> None:
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("rice")
    project.saved()
    with store.writing() as session:
        give_verdict(session, project.item, projects.ensure_annotator(session, me(project)), "done")
    files = PhotoFiles(store.folder, max_mb=5, max_megapixels=10)
    EXPORTS["coco"](store, files, project.id(store), tmp_path / "made", Shares())
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        for path in (tmp_path / "made").rglob("*"):
            archive.write(path, path.relative_to(tmp_path))
    target = Project(project.workbench, new_name())
    target.create()
    open_tab(target, "files")
    target.page.set_input_files("#rv-import-files", tmp_path / "made.zip")
    target.page.wait_for_selector("#rv-import-go:not([hidden])")
    assert target.page.inner_text("#rv-import-report").startswith("This would import 1 new photo and 1 food")
    assert listed(target, store) == []
    target.page.click("#rv-import-go")
    target.page.wait_for_selector("#rv-import-report:has-text('Imported 1 new photo')")
    assert [state for _, state in listed(target, store)] == ["done"]


def test_a_project_is_renamed_and_deleted(project: Project, store: Store) -> None:
    page, name = project.page, new_name()
    open_tab(project, "project")
    page.fill("#rv-settings [name=name]", name)
    page.click("#rv-settings button")
    page.wait_for_selector("#rv-settings-said:has-text('Saved.')")
    assert page.inner_text("#rv-project-name") == name
    page.fill("#rv-delete-project [name=name]", "something else")
    page.click("#rv-delete-project button")
    page.wait_for_selector("#rv-toast:has-text('Type the project')")
    assert page.inner_text("#rv-project-loss").startswith("This deletes 3 photos and no foods")
    page.fill("#rv-delete-project [name=name]", name)
    page.click("#rv-delete-project button")
    page.wait_for_selector('.rv:not([data-mode="project"])')
    with store.reading() as session:
        assert name not in [one.name for one in projects.all_projects(session)]
