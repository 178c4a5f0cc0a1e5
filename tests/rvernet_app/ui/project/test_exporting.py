"""Export of a project's labels as a file that the browser fetches, on a real store."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openpyxl import load_workbook

from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.store.annotations import give_verdict
from rvernet_app.store.database import Store
from rvernet_app.store.tables import DONE
from rvernet_app.ui.access import ServedFiles
from rvernet_app.ui.answers import answered_to
from rvernet_app.ui.project.exporting import Exporting
from tests.rvernet_app.store.desk import Desk, commit, nobody, set_up

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A store with one finished photo and three others; exported files go to a temporary folder."""
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    store = Store(tmp_path / "data")
    made = set_up(store)
    made.save(label="rice")
    made.save(label="soup", left=3)
    commit(store, give_verdict, made.items[0], made.ann, DONE)
    yield made
    store.close()


def ask(desk: Desk, served: ServedFiles, **message: Any) -> dict[str, Any]:
    """Return the reply to a request for an export."""
    export = answered_to(Exporting(desk.store, desk.files, served).export_project, nobody)
    return export({"me": "Rita", **message}, REQUEST, None)


@pytest.mark.parametrize("wanted", [name for name in EXPORTS if name != "xlsx"])
def test_every_format_of_several_files_is_a_zip_of_the_finished_photos(desk: Desk, wanted: str) -> None:
    served = ServedFiles()
    reply = ask(desk, served, project=desk.project, format=wanted)
    assert (reply["photos"], reply["foods"]) == (1, 2)
    assert re.fullmatch(rf"Trays-\d{{4}}-\d\d-\d\d-{wanted}\.zip", reply["name"])
    assert reply["left_out"]["photos that are not done"] == 3
    (path,) = served.paths
    assert reply["url"] == f"gradio_api/file={path}"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {reply["name"].removesuffix(".zip")}
    assert [each.name for each in Path(path).parent.iterdir()] == [reply["name"]]


def test_the_workbook_is_no_zip_of_one_file(desk: Desk) -> None:
    served = ServedFiles()
    reply = ask(desk, served, project=desk.project, format="xlsx")
    assert (reply["photos"], reply["foods"]) == (1, 2)
    assert re.fullmatch(r"Trays-\d{4}-\d\d-\d\d\.xlsx", reply["name"])
    (path,) = served.paths
    foods = load_workbook(path)["Foods"].iter_rows(min_row=2, min_col=4, max_col=4, values_only=True)
    assert sorted(foods) == [("rice",), ("soup",)]
    assert [each.name for each in Path(path).parent.iterdir()] == [reply["name"]]


def test_the_food_record_holds_the_foods(desk: Desk) -> None:
    served = ServedFiles()
    ask(desk, served, project=desk.project, format="csv")
    (path,) = served.paths
    with zipfile.ZipFile(path) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("foods.csv"))
        rows = list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
    assert sorted(row["food"] for row in rows) == ["rice", "soup"]


@pytest.mark.parametrize("wrong", [{"format": "xml"}, {"format": 5}, {"project": 99}, {"project": None}])
def test_a_refused_export_leaves_no_file(desk: Desk, tmp_path: Path, wrong: dict[str, Any]) -> None:
    served = ServedFiles()
    reply = ask(desk, served, **{"project": desk.project, "format": "coco", **wrong})
    assert list(reply) == ["error"]
    assert served.paths == set()
    assert not list(tmp_path.glob("uploads/*"))


def test_two_exports_have_different_addresses(desk: Desk) -> None:
    served = ServedFiles()
    for _ in range(2):
        ask(desk, served, project=desk.project, format="csv")
    assert len(served.paths) == 2
