"""A project's label set on the page: search, edit, import from a file, export, and use while labeling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rvernet_app.label_files import default_label_set, parse_label_set
from rvernet_app.labels import LabelName
from rvernet_app.store import label_sets
from rvernet_app.store.database import Store
from tests.e2e.project import Project, label_of, standing

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser


def open_label_set(project: Project) -> None:
    project.page.click("[data-action=projects]")
    project.page.click("[data-tab=project]")
    project.page.click("#rv-labels")


def says(project: Project, text: str) -> None:
    """Wait until the label set's message contains a text."""
    project.page.wait_for_function(
        "text => document.querySelector('#rv-labelset-says').textContent.includes(text)", arg=text
    )


def known(project: Project, store: Store) -> dict[str, LabelName]:
    """Return the project's stored labels by name."""
    with store.reading() as session:
        return {label.name: label for label in label_sets.label_names(session, project.id(store))}


def test_a_label_is_edited_and_found_by_its_food_code_while_labeling(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    page = project.page
    open_label_set(project)
    page.fill("#rv-labelset-search", "tofu")
    page.click("#rv-labelset button:has-text('tofu')")
    for name, text in (("synonyms", "bean curd; doufu"), ("parent", "soy"), ("code", "172475")):
        page.fill(f"#rv-label-form [name={name}]", text)
    page.click("#rv-label-form .rv-primary")
    says(project, "Saved")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert known(project, store)["tofu"].synonyms == ("bean curd", "doufu")
    project.workbench.click(*plates[0].centres[0])
    project.name_by_typing("172475")
    project.saved()
    (row,) = standing(store, project.item)
    assert label_of(store, row) == "tofu"


def test_a_label_set_is_imported_from_a_file_and_exported_to_one(
    project: Project, store: Store, tmp_path: Path
) -> None:
    page = project.page
    (tmp_path / "set.csv").write_text("name;parent;food_code\nbrown rice;rice;168874\nrice;;168878\n")
    open_label_set(project)
    page.set_input_files("#rv-labelset-file", tmp_path / "set.csv")
    says(project, "1 labels are new, 1 changed")
    assert (
        page.inner_text("#rv-labelset-count") == f"{len(default_label_set()) + 1} labels, 2 with a food code"
    )
    with page.expect_download() as caught:
        page.click("#rv-labelset-keep")
    assert caught.value.suggested_filename == f"{project.name} labels.csv"
    kept = {label.name: label for label in parse_label_set(Path(caught.value.path()).read_text("utf-8-sig"))}
    assert kept == known(project, store)
    assert kept["brown rice"].parent == "rice"


def test_a_bad_label_set_file_is_refused_with_a_reason_and_changes_nothing(
    project: Project, store: Store, tmp_path: Path
) -> None:
    before = known(project, store)
    (tmp_path / "set.csv").write_text("name,kcal,parent\nrice,130,\n")
    open_label_set(project)
    project.page.set_input_files("#rv-labelset-file", tmp_path / "set.csv")
    says(project, "a column 'kcal'")
    assert known(project, store) == before


def test_a_project_is_created_with_a_label_set_from_a_file(
    workbench: Workbench, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "set.txt").write_text("dal; lentils\nbhat; rice\n")
    project = Project(workbench, "Dal bhat")
    workbench.page.click("[data-action=projects]")
    workbench.page.fill("#rv-new-project [name=name]", project.name)
    workbench.page.set_input_files("#rv-new-project [name=label_set]", tmp_path / "set.txt")
    workbench.page.click("#rv-new-project button.rv-primary")
    workbench.page.wait_for_selector('.rv[data-mode="project"]')
    assert [label.name for label in known(project, store).values()] == ["dal", "bhat"]


def test_a_label_name_is_shown_as_text(project: Project, store: Store) -> None:
    open_label_set(project)
    project.page.fill("#rv-label-form [name=name]", "<img src=x onerror=alert(1)>")
    project.page.click("#rv-label-form .rv-primary")
    says(project, "Saved")
    project.page.fill("#rv-labelset-search", "<img")
    assert project.page.inner_text("#rv-labelset .rv-food-name") == "<img src=x onerror=alert(1)>"


def test_a_label_made_by_a_typing_error_is_asked_about_and_merged(
    project: Project, plates: list[DrawnPhoto], store: Store
) -> None:
    page = project.page
    project.workbench.click(*plates[0].centres[0])
    project.keys("t")
    page.keyboard.type("tofo")
    page.wait_for_selector("#rv-label-says:not([hidden])")
    assert page.inner_text("#rv-label-says") == "Did you mean “tofu”?"
    assert page.locator('#rv-label-options [aria-selected="true"]').count() == 0
    page.click("#rv-label-options li:has-text('Add “tofo”')")
    page.wait_for_function("document.querySelector('#rv-label').value === 'tofo'")
    project.saved()
    open_label_set(project)
    page.fill("#rv-labelset-search", "tofo")
    page.click("#rv-labelset button:has-text('1 food')")
    page.click("#rv-label-merge")
    page.fill("#rv-remove-label [name=into]", "tofu")
    page.click("#rv-remove-label-do")
    says(project, "Named “tofu” now: 1 food")
    (row,) = standing(store, project.item)
    assert label_of(store, row) == "tofu"
    assert known(project, store)["tofu"].synonyms == ("tofo",)
    assert project.listed() == ["tofu"]
