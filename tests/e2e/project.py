"""A driver of a project on the page, and a look into the store behind it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from rvernet_app.store import annotations as stored_foods
from rvernet_app.store import label_sets, projects
from rvernet_app.store.database import Store
from rvernet_app.store.tables import Annotation

if TYPE_CHECKING:
    from tests.e2e.conftest import Workbench

NUMBERS = itertools.count(1)


def new_name() -> str:
    """Return a name that no project has yet."""
    return f"Study {next(NUMBERS)}"


class Project:
    """A driver of one project on the page."""

    def __init__(self, workbench: Workbench, name: str) -> None:
        self.workbench = workbench
        self.page = workbench.page
        self.name = name

    def create(self, **shares: int) -> None:
        """Create the project with shares in percent, such as blind_share=100, and wait until it is open."""
        self.page.click("[data-action=projects]")
        self.page.fill("#rv-new-project [name=name]", self.name)
        for share, percent in shares.items():
            self.page.fill(f"#rv-new-project [name={share}]", str(percent))
        self.page.click("#rv-new-project button")
        self.page.wait_for_function(
            "name => document.querySelector('#rv-project-name').textContent === name", arg=self.name
        )

    @property
    def entry(self) -> str:
        """The selector of the project in the list; its text goes on with the progress, a number."""
        return f"[data-project]:has(.rv-food-name:text-is('{self.name}'))"

    def open(self) -> None:
        """Open the existing project, as another visitor does."""
        self.page.click("[data-action=projects]")
        self.page.click(self.entry)
        self.page.wait_for_selector('.rv[data-mode="project"][data-item]:not([data-item=""])')

    def open_as(self, annotator: str) -> None:
        """Open the existing project under the name of another annotator."""
        self.page.click("[data-action=projects]")
        self.page.wait_for_selector(self.entry)  # it arrives with a name that replaces typed text
        self.page.fill("#rv-me", annotator)
        # The list is redrawn, and a project may lie elsewhere then.
        self.page.eval_on_selector("#rv-projects li", "row => { row.dataset.old = ''; }")
        self.keys("Tab")
        self.page.wait_for_selector("#rv-projects [data-old]", state="detached")
        self.page.click(self.entry)
        self.page.wait_for_selector('.rv[data-item]:not([data-item=""])')

    def add(self, files: list[Path]) -> None:
        """Add photos to the empty project and wait until the first one is open."""
        self.page.set_input_files("#rv-file", files)
        self.page.wait_for_function(
            "count => document.querySelectorAll('#rv-strip [data-item]').length === count", arg=len(files)
        )
        self.page.wait_for_selector('.rv[data-item]:not([data-item=""])')

    def id(self, store: Store) -> int:
        """Return the id of the project in the store."""
        with store.reading() as session:
            return next(p.id for p in projects.all_projects(session) if p.name == self.name)

    @property
    def item(self) -> int:
        """The id of the open photo's place in the queue; 0 if no photo is open."""
        return int(self.workbench.state("item") or 0)

    def saved(self) -> None:
        """Wait until the page says that everything is saved."""
        self.page.wait_for_selector('.rv[data-saved="saved"]')

    def keys(self, *names: str) -> None:
        """Press keys one after the other."""
        for name in names:
            self.page.keyboard.press(name)

    def name_by_typing(self, text: str) -> None:
        """Give the selected food the first label that the typed text finds."""
        self.keys("t")
        self.page.keyboard.type(text)
        self.page.wait_for_selector("#rv-label-options li")
        self.keys("Enter")
        self.page.wait_for_function("document.querySelector('#rv-label-options').hidden")

    def next_photo(self, key: str = "d") -> None:
        """Press a key that leads to another photo and wait until that is open."""
        before = self.workbench.state("item")
        self.keys(key)
        self.page.wait_for_function(
            "before => document.querySelector('.rv').dataset.item !== before", arg=before
        )

    def listed(self) -> list[str]:
        """Return the names in the list of foods."""
        return self.page.locator("#rv-foods .rv-food-name").all_text_contents()


def standing(store: Store, item: int) -> list[Annotation]:
    """Return the annotations of a photo that are not deleted, oldest first."""
    with store.reading() as session:
        return stored_foods.foods(session, item)


def label_of(store: Store, row: Annotation) -> str:
    """Return the label of a named food."""
    with store.reading() as session:
        assert row.label_id is not None
        return label_sets.label(session, row.label_id).name
