"""All exports: the choice of photos, their names, and a folder that is complete or absent."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from rvernet_app.errors import StoreError
from rvernet_app.exchange import exporting
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.scratch import replacing_folder
from rvernet_app.store.consensus import FinalPhoto, Shares, final_photos
from rvernet_app.store.tables import Photo
from tests.rvernet_app.exchange.formats.kitchen import SHARES, SMALL, Kitchen, disc

LEFT_OUT = {
    "photos that are not done": 1,
    "photos marked as unusable": 1,
    "foods without a name": 1,
    "foods of other annotators on the same photos": 1,
}


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", EXPORTS)
def test_the_report_counts_what_is_exported_and_left_out(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    report = kitchen.export(name, tmp_path / "out")
    left_out = dict(report.left_out)
    covered = (disc(SMALL, 20, 24, 14) & disc(SMALL, 30, 24, 10)).sum() + disc(SMALL, 52, 24, 4).sum()
    assert left_out.pop("pixels of foods covered by another food") == covered
    assert left_out.pop("foods whose holes the polygons fill", 0) == 2 * (name == "coco-polygons")
    if name in ("coco", "coco-polygons", "yolo-seg", "foodseg103", "xlsx"):
        assert (report.photos, report.foods) == (6, 10)
        assert left_out == LEFT_OUT
    else:
        assert (report.photos, report.foods) == (5, 10)
        assert left_out == {**LEFT_OUT, "photos without foods": 1}
    assert files_in(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", EXPORTS)
def test_the_same_project_gives_the_same_files(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    for folder in ("one", "two"):
        kitchen.export(name, tmp_path / folder)
    names = files_in(tmp_path / "one")
    assert files_in(tmp_path / "two") == names
    for file in names:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


@pytest.mark.parametrize("name", EXPORTS)
def test_photos_are_read_one_by_one_with_progress(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    events: list[object] = []

    def recording(session: Session, project_id: int, shares: Shares) -> Iterator[FinalPhoto]:
        for number, final in enumerate(final_photos(session, project_id, shares), 1):
            events.append(number)
            yield final

    monkeypatch.setattr(exporting, "final_photos", recording)
    kitchen.export(name, tmp_path / "out", progress=lambda done, total: events.append((done, total)))
    assert events == [event for n in range(1, 7) for event in (n, (n, 6))]


@pytest.mark.parametrize("name", EXPORTS)
def test_a_failed_export_leaves_nothing(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    with kitchen.store.reading() as session:
        photo = session.get_one(Photo, kitchen.finals()[3].item.photo_id)
    kitchen.files.working_copy(photo.sha256, photo.format).unlink()
    kitchen.files.original(photo.sha256).unlink()
    seen: list[int] = []
    with pytest.raises(StoreError, match=r"photo 'left\.png' cannot be exported.* add the same photo again"):
        kitchen.export(name, tmp_path / "out", progress=lambda done, total: seen.append(done))
    assert seen == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_export_leaves_nothing(kitchen: Kitchen, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        kitchen.export("coco", tmp_path / "out", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert list((tmp_path / "out").iterdir()) == []


def test_an_empty_folder_is_filled_and_a_new_one_created_with_its_parents(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    kitchen.export("csv", tmp_path / "empty")
    kitchen.export("csv", tmp_path / "a" / "b" / "c")
    assert files_in(tmp_path / "empty") == files_in(tmp_path / "a" / "b" / "c") == ["foods.csv", "meals.csv"]


def test_a_folder_that_is_not_empty_is_not_changed(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in ("out", "file"):
        with pytest.raises(StoreError, match="already exists; export into a new or an empty folder"):
            kitchen.export("csv", tmp_path / place)
    assert files_in(tmp_path) == ["file", "out/mine.txt"]


def test_the_folder_of_a_running_export_is_not_changed(kitchen: Kitchen, tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "out") as running:
        (running / "theirs").write_text("theirs")
        kitchen.export("csv", tmp_path / "out")
        assert files_in(running) == ["theirs"]
        shutil.rmtree(tmp_path / "out")
    assert files_in(tmp_path) == ["out/theirs"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")
def test_the_folder_of_a_killed_export_is_removed_by_the_next(kitchen: Kitchen, tmp_path: Path) -> None:
    for name in (f".out.{'0' * 12}.part", f".other.{'0' * 12}.part", "out.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "foods.csv").write_text("")
    kitchen.export("csv", tmp_path / "out")
    assert files_in(tmp_path) == [
        f".other.{'0' * 12}.part/foods.csv",
        "out.part/foods.csv",
        "out/foods.csv",
        "out/meals.csv",
    ]


def test_a_folder_that_cannot_be_created_is_reported(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="cannot be created"):
        kitchen.export("csv", tmp_path / "file" / "out")


def test_an_unknown_project_is_refused(kitchen: Kitchen, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such project"):
        EXPORTS["coco"](kitchen.store, kitchen.files, 99, tmp_path / "out", SHARES)
    assert list(tmp_path.iterdir()) == []


def test_a_project_without_photos_can_be_exported(kitchen: Kitchen, tmp_path: Path) -> None:
    empty = kitchen.new_project("rice")
    for name, export in EXPORTS.items():
        report = export(kitchen.store, kitchen.files, empty, tmp_path / name, SHARES)
        assert (report.photos, report.foods, dict(report.left_out)) == (0, 0, {})


def test_photos_are_named_by_their_given_name_and_their_hash(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("coco", tmp_path / "out")
    expected = {
        f"{stem}-{final.item.photo.sha256[:8]}{'.jpg' if final.item.photo.format == 'JPEG' else '.png'}"
        for stem, final in zip(
            ["plate 1", "=plate", "empty", "left", "many_", "plate 1"], kitchen.finals(), strict=True
        )
    }
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == expected
    assert len(expected) == 6


def test_photos_whose_hashes_start_alike_get_the_whole_hash(kitchen: Kitchen, tmp_path: Path) -> None:
    """As may happen among a hundred thousand photos that are all called image.jpg."""
    first, last = kitchen.finals()[0].item.photo, kitchen.finals()[5].item.photo
    alike = first.sha256[:8] + last.sha256[8:]
    moved = kitchen.files.working_copy(alike, last.format)
    moved.parent.mkdir(parents=True, exist_ok=True)
    kitchen.files.working_copy(last.sha256, last.format).rename(moved)
    with kitchen.store.writing() as session:
        session.get_one(Photo, last.id).sha256 = alike
    kitchen.export("coco", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out" / "images").iterdir()}
    assert {f"plate 1-{first.sha256}.png", f"plate 1-{alike}.png"} <= names
    assert len(names) == 6


def test_a_name_that_ends_with_its_hash_is_not_extended(kitchen: Kitchen, tmp_path: Path) -> None:
    mark = kitchen.finals()[0].item.photo.sha256[:8]
    kitchen.change_item(0, name=f"plate-{mark}.png")
    kitchen.export("coco", tmp_path / "out")
    assert (tmp_path / "out" / "images" / f"plate-{mark}.png").is_file()


def test_exported_photos_can_be_changed_without_changing_the_store(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("coco", tmp_path / "out")
    photo = kitchen.finals()[0].item.photo
    kept = kitchen.files.working_copy(photo.sha256, photo.format)
    [copy] = (tmp_path / "out" / "images").glob(f"*{photo.sha256[:8]}*")
    assert copy.read_bytes() == kept.read_bytes()
    copy.write_bytes(b"shrunk in place")
    assert kept.read_bytes() != b"shrunk in place"


@pytest.mark.parametrize("name", ["foodseg103", "rvernet"])
def test_a_damaged_photo_file_is_reported(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    photo = kitchen.finals()[0].item.photo
    copy = kitchen.files.working_copy(photo.sha256, photo.format)
    copy.write_bytes(copy.read_bytes()[:-60])
    with pytest.raises(StoreError, match=r"photo 'plate 1\.png' in the data folder is damaged"):
        kitchen.export(name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
