"""Formats in both directions: an export that is imported and exported again stays the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rvernet_app.exchange.formats.registry import EXPORTS, FORMATS, IMPORTS
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.projects import create_project
from rvernet_app.store.tables import DONE, Item, Verdict
from tests.rvernet_app.exchange.formats.kitchen import LABELS, SHARES, Kitchen
from tests.rvernet_app.store.desk import commit

BOTH_WAYS = [name for name, one in FORMATS.items() if one.read is not None and one.write is not None]


def finish(kitchen: Kitchen, project: int) -> None:
    """Mark photos without annotations as done, because an import leaves them open."""
    with kitchen.store.reading() as session:
        seen = select(Verdict.item_id)
        asked = select(Item.id).where(Item.project_id == project, Item.id.not_in(seen))
        items = list(session.scalars(asked))
    for item in items:
        commit(kitchen.store, give_verdict, item, kitchen.ann, DONE)


def files_in(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def without_ids(content: bytes) -> dict[str, Any]:
    """Return a COCO file with ids that count from 1 in the order of the file."""
    described: dict[str, Any] = json.loads(content)
    images = {image["id"]: number for number, image in enumerate(described["images"], 1)}
    for image in described["images"]:
        image["id"] = images[image["id"]]
    for number, annotation in enumerate(described["annotations"], 1):
        annotation |= {"id": number, "image_id": images[annotation["image_id"]]}
    return described


@pytest.fixture
def exports(request: pytest.FixtureRequest, kitchen: Kitchen, tmp_path: Path) -> list[dict[str, bytes]]:
    """The files of an export, and of an export of its import into a new project with the same label set."""
    name: str = request.param
    kitchen.export(name, tmp_path / "first")
    project = commit(kitchen.store, create_project, "Copy", LABELS)
    report = kitchen.take(name, tmp_path / "first", project, kitchen.ann)
    assert (report.photos, report.foods, report.labels, report.not_taken) == (6, 10, (), ())
    finish(kitchen, project)
    EXPORTS[name](kitchen.store, kitchen.files, project, tmp_path / "second", SHARES)
    return [files_in(tmp_path / folder) for folder in ("first", "second")]


def test_two_formats_go_both_ways() -> None:
    assert BOTH_WAYS == ["coco", "yolo-seg"]
    masks = ["coco", "coco-polygons", "yolo-seg", "foodseg103", "rvernet", "imagefolder"]
    assert list(EXPORTS) == [*masks, "csv", "xlsx"]
    assert list(IMPORTS) == ["coco", "labelme", "yolo-seg"]


@pytest.mark.parametrize("exports", ["coco"], indirect=True)
def test_coco_stays_the_same_but_for_the_ids(exports: list[dict[str, bytes]]) -> None:
    first, second = exports
    assert len(first) == 1 + 6
    described = [without_ids(files.pop("annotations.json")) for files in (first, second)]
    assert described[0] == described[1]
    assert first == second


@pytest.mark.parametrize("exports", ["yolo-seg"], indirect=True)
def test_yolo_stays_the_same_but_for_the_order_of_the_photos(exports: list[dict[str, bytes]]) -> None:
    first, second = exports
    assert len(first) == 2 + 6 + 6
    lines = [sorted(files.pop("masks.jsonl").splitlines()) for files in (first, second)]
    assert lines[0] == lines[1]
    assert first == second
