"""A project of the app's store as a training source."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import to_rle
from rvernet_app.store.annotations import Draft, Saved, delete, give_verdict, save
from rvernet_app.store.database import DATABASE_NAME, Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.projects import create_project, ensure_annotator
from rvernet_app.store.queue import add_photos, link_before
from rvernet_app.store.tables import DONE, Item
from rvernet_app.types import Mask, Photo
from tests.rvernet_app.store.desk import commit
from training.data.options import DataOptions, Source
from training.data.photos import open_photo
from training.data.projects import ProjectSource
from training.data.regions import DataError, Region, assemble
from training.data.sources import read_data

SIZE_HW = (20, 30)
LABELS = (LabelName("rice"), LabelName("soup"), LabelName("beans"), LabelName("never seen"))


def draw(number: int) -> Photo:
    """Return a photo without equal neighboring pixels, different for each number."""
    return np.random.default_rng(number).integers(0, 256, (*SIZE_HW, 3), np.uint8)


def encoded(photo: Photo, file_format: str = "PNG", orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    how = {"exif": exif, "quality": 95, "subsampling": 0} if file_format == "JPEG" else {}
    Image.fromarray(photo).save(file, file_format, **how)
    return file.getvalue()


def block(top: int, left: int, height: int, width: int, size_hw: tuple[int, int] = SIZE_HW) -> Mask:
    mask = np.zeros(size_hw, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


@dataclass(frozen=True)
class Kitchen:
    """A project in which tests add and label photos one by one."""

    store: Store
    files: PhotoFiles
    project: int
    labels: dict[str, int]
    ann: int

    def add(self, number: int, meal: str | None = None, data: bytes | None = None) -> int:
        source = encoded(draw(number)) if data is None else data
        (added,) = add_photos(self.store, self.files, self.project, [(f"{number}.png", source)], meal=meal)
        assert added.item_id is not None
        return added.item_id

    def put(self, item: int, label: str | None, mask: Mask, **rest: Any) -> Saved:
        label_id = None if label is None else self.labels[label]
        return commit(self.store, save, item, self.ann, Draft(to_rle(mask), label_id, **rest))

    def done(self, *items: int) -> None:
        for item in items:
            commit(self.store, give_verdict, item, self.ann, DONE)

    def finished(self, number: int, label: str = "rice", meal: str | None = None) -> int:
        """Add a finished photo with one food."""
        item = self.add(number, meal)
        self.put(item, label, block(2, 3, 10, 12))
        self.done(item)
        return item

    def read(self, **options: Any) -> list[Region]:
        return list(self.source(**options).read().regions)

    def source(self, **options: Any) -> ProjectSource:
        return ProjectSource("kitchen", self.store.folder, **options)

    def fingerprint(self) -> str:
        return self.source().read().fingerprint


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    for name in ("DATABASE_URL", "RVERNET_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    store = Store(tmp_path / "data")
    yield new_kitchen(store)
    store.close()


def new_kitchen(store: Store, name: str = "Kitchen") -> Kitchen:
    project = commit(store, create_project, name, LABELS)
    files = PhotoFiles(store.folder, max_mb=1, max_megapixels=1)
    with store.reading() as session:
        labels = {label.name: label.id for label in labels_of(session, project)}
    return Kitchen(store, files, project, labels, commit(store, ensure_annotator, "Ann"))


# Regions


def test_regions_match_the_saved_foods(kitchen: Kitchen) -> None:
    rice, soup = block(2, 3, 10, 12), block(5, 20, 4, 5)
    soup[6, 22] = False
    item = kitchen.add(1, meal="Monday")
    first, second = kitchen.put(item, "rice", rice), kitchen.put(item, "soup", soup)
    kitchen.done(item)
    one, other = kitchen.read()
    assert (one.name, other.name) == (f"kitchen/{first.id}", f"kitchen/{second.id}")
    assert (one.label, one.group, one.split) == ("rice", "kitchen/Monday", "train")
    assert (one.size_hw, one.box_xyxy, one.share) == (SIZE_HW, (3, 2, 15, 12), 120 / 600)
    assert (other.label, other.box_xyxy, other.share) == ("soup", (20, 5, 25, 9), 19 / 600)
    with kitchen.store.reading() as session:
        photo = session.get_one(Item, item).photo
    assert one.photo == other.photo == kitchen.files.working_copy(photo.sha256, photo.format)
    for region, mask in ((one, rice), (other, soup)):
        (masked,) = region.masked
        pixels, read = masked.read(open_photo)
        assert np.array_equal(read, mask)
        assert np.array_equal(pixels, draw(1))


def test_mask_matches_the_upright_photo(kitchen: Kitchen) -> None:
    upright = np.zeros((30, 20, 3), np.uint8)
    mask = block(4, 3, 8, 10, (30, 20))
    upright[mask] = 250
    lying = np.rot90(upright, 1).copy()  # orientation 6 turns it back
    item = kitchen.add(1, data=encoded(lying, "JPEG", orientation=6))
    kitchen.put(item, "rice", mask)
    kitchen.done(item)
    (region,) = kitchen.read()
    pixels, read = region.masked[0].read(open_photo)
    assert region.size_hw == pixels.shape[:2] == (30, 20)
    assert np.array_equal(read, mask)
    assert pixels[mask].min() > 200
    assert pixels[~mask].max() < 50


def test_source_takes_only_labeled_foods_of_finished_photos(kitchen: Kitchen) -> None:
    done, begun = kitchen.add(1), kitchen.add(2)
    named = kitchen.put(done, "rice", block(2, 3, 4, 4))
    kitchen.put(done, None, block(8, 3, 4, 4))
    gone = kitchen.put(done, "soup", block(2, 10, 4, 4))
    commit(kitchen.store, delete, done, kitchen.ann, id=gone.id, revision=gone.revision)
    kitchen.put(begun, "rice", block(2, 3, 4, 4))
    kitchen.done(done)
    assert [region.name for region in kitchen.read()] == [f"kitchen/{named.id}"]


def test_reading_regions_opens_no_photo(kitchen: Kitchen) -> None:
    kitchen.finished(1)
    before = kitchen.read()
    for folder in ("originals", "photos"):
        for path in (kitchen.store.folder / folder).rglob("*"):
            if path.is_file():
                path.write_bytes(b"no photo")
    assert kitchen.read() == before
    with pytest.raises(DataError):
        before[0].masked[0].read(open_photo)


def test_labels_follow_the_project_order_and_can_be_renamed(kitchen: Kitchen) -> None:
    kitchen.finished(1, "beans")
    kitchen.finished(2, "soup")
    assert kitchen.source().read().labels == ("rice", "soup", "beans", "never seen")
    found = kitchen.source(rename={"soup": "broth", "beans": "rice"}).read()
    assert found.labels == ("rice", "broth", "never seen")
    assert [region.label for region in found.regions] == ["rice", "broth"]


# Groups


@pytest.mark.parametrize("val_share", [0.1, 0.3, 0.5, 0.7])
def test_split_never_divides_a_meal(kitchen: Kitchen, val_share: float) -> None:
    meals = [f"tray {number % 6}" for number in range(18)]
    for number, meal in enumerate(meals):
        kitchen.finished(number, meal=meal)
    alone = kitchen.finished(99)
    found = assemble([kitchen.source(val_share=val_share)])
    splits: dict[str, set[str]] = {}
    for region in (*found.train, *found.val):
        splits.setdefault(region.group, set()).add(region.split)
    assert {len(of_group) for of_group in splits.values()} == {1}
    with kitchen.store.reading() as session:
        of_itself = session.get_one(Item, alone).photo.sha256
    assert set(splits) == {f"kitchen/tray {number}" for number in range(6)} | {f"kitchen/{of_itself}"}


def test_meal_keeps_its_split_as_others_are_added(kitchen: Kitchen) -> None:
    for number in range(8):
        kitchen.finished(number, meal=f"tray {number}")
    before = {region.group: region.split for region in kitchen.read(val_share=0.5)}
    for number in range(8, 12):
        kitchen.finished(number, meal=f"tray {number}")
    after = {region.group: region.split for region in kitchen.read(val_share=0.5)}
    assert set(before.values()) == {"train", "val"}
    assert {group: after[group] for group in before} == before


def test_leftovers_share_the_split_of_the_photo_before_the_meal(kitchen: Kitchen) -> None:
    before, after, before_alone, after_alone = (
        kitchen.finished(number, meal=meal) for number, meal in enumerate(("Monday", None, None, None))
    )
    commit(kitchen.store, link_before, after, before)
    commit(kitchen.store, link_before, after_alone, before_alone)
    monday, left, alone, left_alone = (region.group for region in kitchen.read())
    assert monday == left == "kitchen/Monday"
    assert alone == left_alone != monday


def test_held_out_names_select_meals(kitchen: Kitchen) -> None:
    for number, meal in enumerate(("Monday", "Tuesday", "Monday")):
        kitchen.finished(number, meal=meal)
    assert [region.split for region in kitchen.read(held_out=("Monday",))] == ["val", "train", "val"]
    with pytest.raises(DataError, match="no groups kitchen/Sunday to hold out"):
        kitchen.read(held_out=("Sunday",))


# Fingerprints


def test_fingerprint_follows_the_training_data(kitchen: Kitchen) -> None:
    item = kitchen.add(1)
    saved = kitchen.put(item, "rice", block(2, 3, 10, 12))
    kitchen.done(item)
    marks = [kitchen.fingerprint(), kitchen.fingerprint()]
    assert marks[0] == marks[1]
    assert len(marks[0]) == 12

    def edit(label: str, mask: Mask, **rest: Any) -> str:
        nonlocal saved
        draft = Draft(to_rle(mask), kitchen.labels[label], **rest)
        saved = commit(kitchen.store, save, item, kitchen.ann, draft, id=saved.id, revision=saved.revision)
        return kitchen.fingerprint()

    assert edit("rice", block(2, 3, 10, 12), note="no oil") == marks[0]
    other_label = edit("soup", block(2, 3, 10, 12))
    other_mask = edit("soup", block(2, 3, 10, 13))
    kitchen.finished(2)
    one_more = kitchen.fingerprint()
    assert len({marks[0], other_label, other_mask, one_more}) == 4


def test_fingerprint_does_not_depend_on_the_folder_path(kitchen: Kitchen, tmp_path: Path) -> None:
    for number in range(3):
        kitchen.finished(number, meal="Monday")
    moved = tmp_path / "elsewhere" / "under another name"
    shutil.copytree(kitchen.store.folder, moved)
    assert ProjectSource("moved", moved).read().fingerprint == kitchen.fingerprint()


@pytest.mark.parametrize("meal", [None, "Tuesday"])
def test_fingerprint_distinguishes_meals_from_photos(kitchen: Kitchen, meal: str | None) -> None:
    kitchen.finished(1, meal="Monday")
    other = new_kitchen(Store(kitchen.store.folder.with_name("other")))
    other.finished(1 if meal else 2, meal=meal or "Monday")
    assert other.fingerprint() != kitchen.fingerprint()
    other.store.close()


def test_renamed_label_changes_the_fingerprint(kitchen: Kitchen) -> None:
    kitchen.finished(1, "soup")
    assert kitchen.source(rename={"soup": "broth"}).read().fingerprint != kitchen.fingerprint()


# Options


def test_options_open_the_named_project(kitchen: Kitchen) -> None:
    for number in range(12):
        kitchen.finished(number, ("rice", "soup")[number % 2], meal=f"tray {number}")
    options = DataOptions(sources=(Source(kitchen.store.folder, format="project", val_share=0.4),))
    found = read_data(options)
    assert found.classes == ("rice", "soup")
    assert len(found.train) + len(found.val) == 12
    assert min(len(found.train), len(found.val)) > 0
    assert list(found.fingerprints) == ["data"]
    masks = [region.masked[0].read(open_photo)[1] for region in found.train]
    assert all(np.array_equal(mask, block(2, 3, 10, 12)) for mask in masks)


def test_several_projects_require_a_project_name(kitchen: Kitchen) -> None:
    other = new_kitchen(kitchen.store, "Other")
    kitchen.finished(1)
    other.finished(1, "soup")
    for name, label in (("Kitchen", "rice"), ("Other", "soup")):
        (region,) = kitchen.read(project=name)
        assert region.label == label
    for wrong in (None, "", "Soups"):
        with pytest.raises(DataError, match="Kitchen, Other; name one"):
            kitchen.read(project=wrong)


def test_source_accepts_a_database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"
    store = Store(tmp_path / "data", url)
    new_kitchen(store).finished(1)
    store.close()
    assert not (tmp_path / "data" / DATABASE_NAME).exists()
    monkeypatch.setenv("RVERNET_DATABASE_URL", url)
    found = read_data(DataOptions(sources=(Source(tmp_path / "data", format="project"),)))
    assert [region.label for region in found.train] == ["rice"]


# Errors


@pytest.mark.parametrize("there", [False, True])
def test_error_names_a_folder_without_a_store_and_leaves_it_unchanged(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "data"
    if there:
        folder.mkdir()
    with pytest.raises(DataError, match=f"no annotation store in {folder}"):
        ProjectSource("kitchen", folder).read()
    assert folder.exists() == there
    assert not there or not any(folder.iterdir())


def test_damaged_store_raises_a_data_error(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"no database " * 100)
    with pytest.raises(DataError, match="cannot be opened"):
        ProjectSource("kitchen", tmp_path).read()


def test_store_without_projects_raises_a_data_error(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with pytest.raises(DataError, match="has the projects none"):
        ProjectSource("kitchen", tmp_path).read()


def test_project_without_finished_photos_raises_a_data_error(kitchen: Kitchen) -> None:
    item = kitchen.add(1)
    kitchen.put(item, "rice", block(2, 3, 10, 12))
    assert kitchen.read() == []
    with pytest.raises(DataError, match="No region is left"):
        assemble([kitchen.source()])
