"""A walk through the states of the page that a person meets in an afternoon of work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import FilePayload, Route

from tests.e2e.project import Project, new_name

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench


SPOON = [300, 20, 340, 20, 340, 60, 300, 60]
ELSEWHERE = {
    "images": [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in (1, 2)],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SPOON], "iscrowd": 0}],
    "categories": [{"id": 1, "name": "soup"}],
}
"""Labels in the COCO format, with one photo more than is imported with them."""


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
    yield from look_back(project, plates[0])


def visit(workbench: Workbench, plate: DrawnPhoto, no_photo: Path) -> Iterator[str]:
    """Lead through the states of a photo outside a project."""
    page = workbench.page
    workbench.open(plate)
    yield "photo open"
    workbench.click(*plate.centres[0])
    workbench.wait_for_evidence()
    page.wait_for_selector("#rv-candidates button >> nth=1")
    yield "food found, with other masks"
    page.click("#rv-move-open")
    yield from opened(workbench, "move")
    yield from called_out(workbench, plate)
    page.click('[data-picture="roi"]')
    yield from opened(workbench, "picture")
    page.set_input_files("#rv-file", no_photo)
    page.wait_for_selector("#rv-toast:not([hidden])")
    yield "error"
    page.keyboard.press("Escape")
    for sheet in ("help", "models"):
        page.click(f"#rv-{sheet}")
        yield from opened(workbench, sheet)


def called_out(workbench: Workbench, plate: DrawnPhoto) -> Iterator[str]:
    """Lead through what is said beside a click; the first food is selected in the end."""
    page = workbench.page
    page.route("**/component_server/", find_no_food)
    workbench.press(*plate.corner)
    page.wait_for_selector("#rv-callout:has-text('No food found here')")
    yield "callout about no food"
    page.keyboard.press("Escape")
    page.unroute("**/component_server/", find_no_food)
    workbench.click(*plate.centres[1], key="Shift")
    workbench.press(*plate.centres[0])
    page.wait_for_selector("#rv-callout:has-text('New food here')")
    yield "callout about a food"
    workbench.wait_for_evidence()


def find_no_food(route: Route) -> None:
    """Answer a request for a mask as the server does where it finds no food."""
    if '"segment"' in (route.request.post_data or ""):
        route.fulfill(json={"error": "No food found here. Draw a box around it.", "no_food": True})
    else:
        route.continue_()


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


def look_back(project: Project, elsewhere: DrawnPhoto) -> Iterator[str]:
    """Lead through the sheets and the review of a project with a labelled photo.

    Args:
        elsewhere: a photo to import.
    """
    workbench, page = project.workbench, project.page
    project.next_photo()
    page.click("[data-action=projects]")
    yield from opened_tabs(workbench)
    page.click("[data-tab=files]")
    photo = FilePayload(name="1.jpg", mimeType="image/jpeg", buffer=elsewhere.path.read_bytes())
    labels = FilePayload(name="day.json", mimeType="application/json", buffer=json.dumps(ELSEWHERE).encode())
    page.set_input_files("#rv-import-files", [photo, labels])
    page.wait_for_selector("#rv-import-report:has-text('This would import 1 new photo')")
    yield "import report"
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
