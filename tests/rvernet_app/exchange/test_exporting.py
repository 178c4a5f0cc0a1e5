"""What all exports share: which photos, what they are called, and a folder that is there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rvernet_app.errors import StoreError
from rvernet_app.exchange import exporting
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.store.consensus import FinalPhoto
from rvernet_app.store.tables import Photo
from tests.rvernet_app.exchange.formats.kitchen import SHARES, Kitchen

LEFT_OUT = {
    "photos that are not done": 1,
    "photos called unusable": 1,
    "foods without a name": 1,
    "foods of other annotators than the one whose were taken": 1,
}


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", EXPORTS)
def test_the_report_says_what_was_written_and_what_was_not(
    kitchen: Kitchen, tmp_path: Path, name: str
) -> None:
    report = kitchen.export(name, tmp_path / "out")
    left_out = dict(report.left_out)
    covered = {"pixels of foods that lie under another food", "foods that lie wholly under others"}
    assert (left_out.keys() & covered == covered) == (name == "foodseg103")
    for reason in covered:
        left_out.pop(reason, None)
    if name in ("coco", "yolo-seg", "foodseg103"):
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
def test_photos_are_read_one_by_one_and_the_progress_is_told(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    events: list[object] = []
    read_all = exporting.final_photos

    def recording(*arguments: object) -> Iterator[FinalPhoto]:
        for number, final in enumerate(read_all(*arguments), 1):  # type: ignore[arg-type]
            events.append(number)
            yield final

    monkeypatch.setattr(exporting, "final_photos", recording)
    kitchen.export(name, tmp_path / "out", progress=lambda done, total: events.append((done, total)))
    assert events == [event for n in range(1, 7) for event in (n, (n, 6))]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_that_fails_half_way_leaves_nothing(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    with kitchen.store.reading() as session:
        photo = session.get_one(Photo, kitchen.finals()[3].item.photo_id)
    kitchen.files.working_copy(photo.sha256, photo.format).unlink()
    seen: list[int] = []
    with pytest.raises(StoreError, match=r"photo 'left\.png' is missing"):
        kitchen.export(name, tmp_path / "out", progress=lambda done, total: seen.append(done))
    assert seen == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_stopped_leaves_nothing(kitchen: Kitchen, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        kitchen.export("coco", tmp_path / "out", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert list((tmp_path / "out").iterdir()) == []


def test_an_empty_folder_is_filled_and_a_new_one_made_with_its_parents(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    kitchen.export("csv", tmp_path / "empty")
    kitchen.export("csv", tmp_path / "a" / "b" / "c")
    assert files_in(tmp_path / "empty") == files_in(tmp_path / "a" / "b" / "c") == ["foods.csv", "meals.csv"]


def test_a_folder_with_something_in_it_is_left_alone(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in ("out", "file"):
        with pytest.raises(StoreError, match="already exists; export into a new or an empty folder"):
            kitchen.export("csv", tmp_path / place)
    assert files_in(tmp_path) == ["file", "out/mine.txt"]


def test_a_folder_that_another_export_writes_is_left_alone(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "theirs").write_text("theirs")
    with pytest.raises(
        StoreError, match=r"out\.part already exists, from an export that is running or was interrupted"
    ):
        kitchen.export("csv", tmp_path / "out")
    assert files_in(tmp_path) == ["out.part/theirs"]


def test_a_folder_that_cannot_be_made_is_named(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="cannot be created"):
        kitchen.export("csv", tmp_path / "file" / "out")


def test_a_project_that_is_not_there_is_refused(kitchen: Kitchen, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such project"):
        EXPORTS["coco"](kitchen.store, kitchen.files, 99, tmp_path / "out", SHARES)
    assert list(tmp_path.iterdir()) == []


def test_a_project_without_photos_is_a_whole_export(kitchen: Kitchen, tmp_path: Path) -> None:
    empty = kitchen.new_project("rice")
    for name, export in EXPORTS.items():
        report = export(kitchen.store, kitchen.files, empty, tmp_path / name, SHARES)
        assert (report.photos, report.foods, dict(report.left_out)) == (0, 0, {})


def test_photos_are_called_as_they_were_given_and_by_their_content(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("coco", tmp_path / "out")
    expected = {
        f"{stem}-{final.item.photo.sha256[:8]}{'.jpg' if final.item.photo.format == 'JPEG' else '.png'}"
        for stem, final in zip(
            ["plate 1", "=plate", "empty", "left", "many_", "plate 1"], kitchen.finals(), strict=True
        )
    }
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == expected
    assert len(expected) == 6


def test_contents_with_one_beginning_get_the_whole_of_it(kitchen: Kitchen, tmp_path: Path) -> None:
    """Photos of one name and one beginning of the hash, as a hundred thousand photos called image.jpg may have."""
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


def test_a_name_that_ends_in_its_mark_does_not_get_it_again(kitchen: Kitchen, tmp_path: Path) -> None:
    mark = kitchen.finals()[0].item.photo.sha256[:8]
    kitchen.change_item(0, name=f"plate-{mark}.png")
    kitchen.export("coco", tmp_path / "out")
    assert (tmp_path / "out" / "images" / f"plate-{mark}.png").is_file()


def test_photos_are_copies_that_may_be_changed(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.export("coco", tmp_path / "out")
    photo = kitchen.finals()[0].item.photo
    kept = kitchen.files.working_copy(photo.sha256, photo.format)
    [copy] = (tmp_path / "out" / "images").glob(f"*{photo.sha256[:8]}*")
    assert copy.read_bytes() == kept.read_bytes()
    copy.write_bytes(b"shrunk in place")
    assert kept.read_bytes() != b"shrunk in place"


@pytest.mark.parametrize("name", ["foodseg103", "rvernet"])
def test_a_damaged_copy_is_named(kitchen: Kitchen, tmp_path: Path, name: str) -> None:
    photo = kitchen.finals()[0].item.photo
    copy = kitchen.files.working_copy(photo.sha256, photo.format)
    copy.write_bytes(copy.read_bytes()[:-60])
    with pytest.raises(StoreError, match=r"photo 'plate 1\.png' in the data folder is damaged"):
        kitchen.export(name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
