"""A walk through the states of the page that a person meets in an afternoon of work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.project import Project, new_name

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench


def walk(workbench: Workbench, plates: list[DrawnPhoto], no_photo: Path) -> Iterator[str]:
    """Lead the newly loaded page from state to state; yields the name of each while it is on the screen.

    Args:
        plates: photos for the project, at least two, each with foods.
        no_photo: a file that is not a photo.
    """
    yield "front page without a photo"
    yield from visit(workbench, plates[0], no_photo)
    project = Project(workbench, new_name())
    yield from label(project, plates[1:])
    yield from look_back(project)


def visit(workbench: Workbench, plate: DrawnPhoto, no_photo: Path) -> Iterator[str]:
    """Lead through the states of a photo outside a project."""
    page = workbench.page
    workbench.open(plate)
    yield "photo open"
    workbench.click(*plate.centres[0])
    workbench.wait_for_evidence()
    yield "food found"
    page.click('[data-picture="roi"]')
    yield from opened(workbench, "picture")
    page.set_input_files("#rv-file", no_photo)
    page.wait_for_selector("#rv-toast:not([hidden])")
    yield "error"
    page.keyboard.press("Escape")
    for sheet in ("help", "models"):
        page.click(f"#rv-{sheet}")
        yield from opened(workbench, sheet)


def label(project: Project, plates: list[DrawnPhoto]) -> Iterator[str]:
    """Lead through the states of labeling in a new project."""
    workbench, page = project.workbench, project.page
    page.click("[data-action=projects]")
    yield from opened(workbench, "projects")
    project.create()
    yield "empty project"
    page.click("#rv-add")
    yield from opened(workbench, "add")
    project.add([plate.path for plate in plates])
    yield "photo of a project"
    workbench.click(*plates[0].centres[0])
    workbench.wait_for_evidence()
    project.keys("t")
    page.keyboard.type("ric")
    page.wait_for_selector("#rv-label-options li")
    yield "options of the label field"
    project.keys("Enter")
    project.saved()
    yield "food with a name"
    page.click("#rv-not-usable")
    yield from opened(workbench, "unusable")
    page.click("#rv-show-history")
    yield from opened(workbench, "history")


def look_back(project: Project) -> Iterator[str]:
    """Lead through the sheets and the review of a project with a labelled photo."""
    workbench, page = project.workbench, project.page
    project.next_photo()
    page.click("[data-action=projects]")
    yield from opened_tabs(workbench)
    page.click("[data-tab=project]")
    page.click("#rv-labels")
    page.locator("#rv-labelset button").first.click()
    yield from opened(workbench, "labelset")
    page.keyboard.press("Escape")
    for report in ("dashboard", "agreement"):
        page.click("[data-action=projects]")
        page.click("[data-tab=reports]")
        page.click(f"[data-report={report}]")
        yield from opened(workbench, "report")
        page.keyboard.press("Escape")
    page.click("#rv-find")
    page.wait_for_selector("#rv-grid li")
    page.locator("#rv-grid input").first.check()
    yield from opened(workbench, "grid")
    page.click("[data-action=projects]")
    page.click("[data-tab=project]")
    page.click("#rv-review")
    page.wait_for_selector(".rv[data-review]")
    page.check("#rv-review-all")
    page.wait_for_selector("#rv-decide button")
    yield "review"


def opened_tabs(workbench: Workbench) -> Iterator[str]:
    """Open each tab of the projects sheet and yield its name."""
    for tab in ("projects", "project", "files", "reports", "training"):
        workbench.page.click(f"[data-tab={tab}]")
        workbench.page.wait_for_selector(f"#rv-pane-{tab}:not([hidden])")
        yield f"tab {tab}"


def opened(workbench: Workbench, sheet: str) -> Iterator[str]:
    """Wait until a sheet is open, yield its name, and close it."""
    workbench.page.wait_for_selector(f"#rv-{sheet}-sheet[open]")
    yield f"{sheet} sheet"
    workbench.page.keyboard.press("Escape")
    workbench.page.wait_for_selector(f"#rv-{sheet}-sheet", state="hidden")
