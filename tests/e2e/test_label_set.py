"""A project's label set on the page: found, changed, taken from a file, kept as one, and labelled with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rvernet_app.labels import LabelName, parse_label_set
from rvernet_app.store import label_sets
from rvernet_app.store.database import Store
from tests.e2e.project import Project, label_of, standing

if TYPE_CHECKING:
    from conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser


def open_label_set(project: Project) -> None:
    project.page.click("[data-action=projects]")
    project.page.click("#rv-labels")


def says(project: Project, text: str) -> None:
    project.page.wait_for_function(
        "text => document.querySelector('#rv-labelset-says').textContent.includes(text)", arg=text
    )


def known(project: Project, store: Store) -> dict[str, LabelName]:
    with store.reading() as session:
        return {label.name: label for label in label_sets.label_names(session, project.id(store))}


def test_what_is_known_of_a_label_is_changed_and_found_by_while_labelling(
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


def test_a_label_set_comes_from_a_file_and_goes_into_one(
    project: Project, store: Store, tmp_path: Path
) -> None:
    page = project.page
    (tmp_path / "set.csv").write_text("name;parent;food_code\nbrown rice;rice;168874\nrice;;168878\n")
    open_label_set(project)
    page.set_input_files("#rv-labelset-file", tmp_path / "set.csv")
    says(project, "1 labels are new, 1 changed")
    assert page.inner_text("#rv-labelset-count") == "106 labels, 2 with a food code"
    with page.expect_download() as caught:
        page.click("#rv-labelset-keep")
    assert caught.value.suggested_filename == f"{project.name} labels.csv"
    kept = {label.name: label for label in parse_label_set(Path(caught.value.path()).read_text("utf-8-sig"))}
    assert kept == known(project, store)
    assert kept["brown rice"].parent == "rice"


def test_a_label_set_that_is_none_says_why_and_changes_nothing(
    project: Project, store: Store, tmp_path: Path
) -> None:
    before = known(project, store)
    (tmp_path / "set.csv").write_text("name,kcal,parent\nrice,130,\n")
    open_label_set(project)
    project.page.set_input_files("#rv-labelset-file", tmp_path / "set.csv")
    says(project, "a column 'kcal'")
    assert known(project, store) == before


def test_a_new_project_takes_a_label_set_along(workbench: Workbench, store: Store, tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("dal; lentils\nbhat; rice\n")
    project = Project(workbench, "Dal bhat")
    workbench.page.click("[data-action=projects]")
    workbench.page.fill("#rv-new-project [name=name]", project.name)
    workbench.page.set_input_files("#rv-new-project [name=label_set]", tmp_path / "set.txt")
    workbench.page.click("#rv-new-project button.rv-primary")
    workbench.page.wait_for_selector('.rv[data-mode="project"]')
    assert [label.name for label in known(project, store).values()] == ["dal", "bhat"]


def test_a_name_in_the_set_is_text(project: Project, store: Store) -> None:
    open_label_set(project)
    project.page.fill("#rv-label-form [name=name]", "<img src=x onerror=alert(1)>")
    project.page.click("#rv-label-form .rv-primary")
    says(project, "Saved")
    project.page.fill("#rv-labelset-search", "<img")
    assert project.page.inner_text("#rv-labelset .rv-food-name") == "<img src=x onerror=alert(1)>"
