"""All imports: one transaction, labels, photos that the project has already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rvernet_app.errors import StoreError
from rvernet_app.exchange import importing
from rvernet_app.exchange.formats.registry import IMPORTS
from rvernet_app.exchange.plan import NotTaken
from rvernet_app.store.annotations import foods
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import all_projects
from rvernet_app.store.queue import next_item
from rvernet_app.store.tables import Item, Verdict
from tests.rvernet_app.conftest import NewStore
from tests.rvernet_app.exchange.formats.kitchen import SMALL, Kitchen, cook, draw, encoded, said, said_visible

SQUARE = [[4, 4, 20, 4, 20, 20, 4, 20]]


def write_coco(folder: Path, foods: Sequence[Sequence[str]], **rest: Any) -> Path:
    """Make a COCO folder with a photo for each list of labels, and on it a square for each label."""
    (folder / "images").mkdir(parents=True)
    names = list(dict.fromkeys(label for labels in foods for label in labels))
    described: dict[str, Any] = {
        "images": [{"id": n, "file_name": f"{n}.png", **rest} for n in range(len(foods))],
        "annotations": [
            {"id": 10 * n + k, "image_id": n, "category_id": names.index(label), "segmentation": SQUARE}
            for n, labels in enumerate(foods)
            for k, label in enumerate(labels)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
    }
    for n in range(len(foods)):
        (folder / "images" / f"{n}.png").write_bytes(encoded(draw(SMALL, 8 + n), "PNG"))
    (folder / "annotations.json").write_text(json.dumps(described))
    return folder


def verdicts(kitchen: Kitchen, project: int, by: int) -> list[str | None]:
    """Return the verdicts of an annotator in the order of the queue, None for items without one."""
    with kitchen.store.reading() as session:
        asked = (
            select(Verdict.state)
            .select_from(Item)
            .outerjoin(Verdict, (Verdict.item_id == Item.id) & (Verdict.annotator_id == by))
            .where(Item.project_id == project)
        )
        return list(session.scalars(asked.order_by(Item.position)))


def test_photos_with_foods_are_done_and_others_wait(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project()
    source = write_coco(tmp_path / "in", [["rice"], [], ["peas", "rice"]])
    report = kitchen.take("coco", source, project)
    assert (report.photos, report.known_photos, report.foods) == (3, 0, 3)
    assert (report.labels, report.not_taken) == (("rice", "peas"), ())
    assert verdicts(kitchen, project, kitchen.ben) == ["done", None, "done"]
    with kitchen.store.reading() as session:
        waiting = next_item(session, project, kitchen.ann)
    assert waiting is not None
    assert waiting.name == "1.png"


def test_labels_are_found_regardless_of_case(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project("CAFÉ", "Rice", new_labels=False)
    report = kitchen.take("coco", write_coco(tmp_path / "in", [["café", "rice", " rice "]]), project)
    assert (report.foods, report.labels, report.not_taken) == (3, (), ())
    with kitchen.store.reading() as session:
        assert [label.name for label in labels_of(session, project)] == ["CAFÉ", "Rice"]


def test_a_project_that_accepts_no_new_labels_skips_foods_with_other_labels(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    project = kitchen.new_project("rice", new_labels=False)
    source = write_coco(tmp_path / "in", [["rice", "peas"], ["peas"]])
    report = kitchen.take("coco", source, project)
    assert (report.photos, report.foods, report.labels) == (2, 1, ())
    name = kitchen.finals(project)[0].item.name
    assert name == "0.png"
    assert [one.what for one in report.not_taken] == ["0.png, peas", "1.png, peas"]
    assert {one.why for one in report.not_taken} == {"Project 'copy 1' does not accept new labels."}
    assert verdicts(kitchen, project, kitchen.ben) == ["done", None]


def test_a_food_with_an_invalid_label_is_skipped(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project()
    report = kitchen.take("coco", write_coco(tmp_path / "in", [["x" * 201, "rice", " "]]), project)
    assert (report.foods, report.labels) == (1, ("rice",))
    assert [one.why for one in report.not_taken] == [
        "A label has 1 to 200 characters, not 201.",
        "A label has 1 to 200 characters, not 0.",
    ]


def test_known_photos_keep_their_place_and_get_the_foods_of_the_importer(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    before = said(kitchen.finals())
    kitchen.export("coco", tmp_path / "out")
    rows = kitchen.rows()
    report = kitchen.take("coco", tmp_path / "out")
    assert (report.photos, report.known_photos, report.foods, report.labels) == (0, 6, 10, ())
    assert report.not_taken == ()
    assert kitchen.rows()["item"] == rows["item"]
    assert kitchen.rows()["annotation"] == rows["annotation"] + 10
    assert said(kitchen.finals()) == before, "Ann began first, so hers count"
    with kitchen.store.reading() as session:
        mine = [len(foods(session, item, kitchen.ben)) for item in kitchen.items]
    assert mine == [2, 2, 0, 0, 0, 1, 4, 2]  # one of the two on photo 1 was Ben's before


def test_importing_twice_saves_once(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project()
    source = write_coco(tmp_path / "in", [["rice", "peas"], ["rice"]])
    kitchen.take("coco", source, project)
    rows = kitchen.rows()
    report = kitchen.take("coco", source, project)
    assert (report.photos, report.known_photos, report.foods) == (0, 2, 0)
    assert report.not_taken == tuple(
        NotTaken(what, "It is in the project already.")
        for what in ("0.png, rice", "0.png, peas", "1.png, rice")
    )
    assert kitchen.rows() == rows


def test_a_photo_with_enough_annotators_makes_room_for_one_more(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project()
    source = write_coco(tmp_path / "in", [["rice"]])
    kitchen.take("coco", source, project, by=kitchen.ann)
    report = kitchen.take("coco", source, project, by=kitchen.ben)
    assert (report.foods, report.not_taken) == (1, ())
    with kitchen.store.reading() as session:
        [item] = session.scalars(select(Item).where(Item.project_id == project))
        assert (item.wanted, item.taken) == (2, 2)
    assert verdicts(kitchen, project, kitchen.ben) == ["done"]


def test_one_photo_under_two_names_is_imported_once(kitchen: Kitchen, tmp_path: Path) -> None:
    project = kitchen.new_project()
    source = write_coco(tmp_path / "in", [["rice"], ["peas"]])
    (source / "images" / "1.png").write_bytes((source / "images" / "0.png").read_bytes())
    report = kitchen.take("coco", source, project)
    assert (report.photos, report.known_photos, report.foods) == (1, 1, 2)


def test_an_error_while_writing_leaves_no_row(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = kitchen.new_project()
    source = write_coco(tmp_path / "in", [["rice"], ["peas"], ["beans"]])
    rows = kitchen.rows()
    calls = []

    def failing(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise StoreError("The disk is full.")

    monkeypatch.setattr(importing, "give_verdict", failing)
    with pytest.raises(StoreError, match="disk is full"):
        kitchen.take("coco", source, project)
    assert len(calls) == 3
    assert kitchen.rows() == rows


def test_a_new_project_and_a_new_annotator_are_created_once(kitchen: Kitchen, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [["rice"]])
    for _ in range(2):
        IMPORTS["coco"](kitchen.store, kitchen.files, "Canteen", "Cleo", source)
    with kitchen.store.reading() as session:
        canteen = {row.name: row.id for row in all_projects(session)}["Canteen"]
    [final] = kitchen.finals(canteen)
    assert [food.annotator for food in final.foods] == ["Cleo"]
    assert kitchen.rows()["project"] == 2
    assert kitchen.rows()["annotator"] == 3


def test_an_error_while_writing_leaves_neither_project_nor_annotator(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> None:
        raise StoreError("The disk is full.")

    source = write_coco(tmp_path / "in", [["rice"]])
    rows = kitchen.rows()
    monkeypatch.setattr(importing, "give_verdict", failing)
    with pytest.raises(StoreError, match="disk is full"):
        IMPORTS["coco"](kitchen.store, kitchen.files, "Canteen", "Cleo", source)
    assert kitchen.rows() == rows


def test_a_source_without_usable_photos_creates_nothing(kitchen: Kitchen, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "in", [["rice"]])
    (source / "images" / "0.png").unlink()
    rows = kitchen.rows()
    report = IMPORTS["coco"](kitchen.store, kitchen.files, "Canteen", "Cleo", source)
    assert report.not_taken == (NotTaken("0.png", "The file '0.png' is missing."),)
    assert (report.photos, report.known_photos, report.foods, report.labels) == (0, 0, 0, ())
    assert kitchen.rows() == rows


@pytest.mark.parametrize("name", IMPORTS)
def test_project_and_annotator_are_checked_before_the_source(
    kitchen: Kitchen, tmp_path: Path, name: str
) -> None:
    nothing = tmp_path / "nothing"
    with pytest.raises(StoreError, match="no such project"):
        IMPORTS[name](kitchen.store, kitchen.files, 99, kitchen.ann, nothing)
    with pytest.raises(StoreError, match="no such annotator"):
        IMPORTS[name](kitchen.store, kitchen.files, kitchen.project, 99, nothing)
    with pytest.raises(StoreError, match="cannot be read"):
        IMPORTS[name](kitchen.store, kitchen.files, kitchen.project, kitchen.ann, nothing / "x")


def test_progress_is_reported_after_each_photo(kitchen: Kitchen, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    source = write_coco(tmp_path / "in", [["rice"], [], ["rice"]])
    IMPORTS["coco"](
        kitchen.store,
        kitchen.files,
        kitchen.new_project(),
        kitchen.ann,
        source,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", ["coco", "yolo-seg"])
def test_meals_and_splits_survive_an_export_and_an_import(
    kitchen: Kitchen, tmp_path: Path, name: str
) -> None:
    kitchen.export(name, tmp_path / "out")
    project = kitchen.new_project()
    kitchen.take(name, tmp_path / "out", project)
    expected = {final.item.photo.sha256: (final.meal, final.split) for final in kitchen.finals()}
    found = {final.item.photo.sha256: (final.meal, final.split) for final in kitchen.finals(project)}
    assert found == {sha256: expected[sha256] for sha256 in found}
    assert len(found) == 5  # without the photo that has no foods, which nobody has finished here
    with kitchen.store.reading() as session:
        meals = session.scalars(select(Item.meal).where(Item.project_id == project))
        assert sum(meal is None for meal in meals) == 1


def test_a_changed_copy_is_a_new_photo(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("coco", tmp_path / "out")
    photo = kitchen.finals()[0].item.photo
    [copy] = (tmp_path / "out" / "images").glob(f"*{photo.sha256[:8]}*")
    copy.write_bytes(encoded(draw((72, 96), 9), "PNG"))
    report = kitchen.take("coco", tmp_path / "out")
    assert (report.photos, report.known_photos) == (1, 5)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
def test_an_import_into_another_store_gives_the_same_masks_and_labels(
    kind: str, new_store: NewStore, tmp_path: Path
) -> None:
    one, other = cook(new_store(kind)), cook(new_store(kind))
    for name in ("coco", "yolo-seg"):
        one.export(name, tmp_path / name)
        project = other.new_project()
        report = other.take(name, tmp_path / name, project)
        assert (report.photos, report.foods, report.not_taken) == (6, 10, ())
        assert sorted(said(other.finals(project))) == sorted(said_visible(one.finals()))
