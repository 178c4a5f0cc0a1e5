"""FoodSeg103: exports read by the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.picture.masks import to_rle
from rvernet_app.store.annotations import Draft, give_verdict, save
from rvernet_app.store.consensus import Shares
from rvernet_app.store.label_sets import labels_of
from rvernet_app.store.queue import add_photos
from rvernet_app.store.tables import DONE
from rvernet_app.types import Mask
from tests.rvernet_app.exchange.formats.kitchen import (
    FORMULA,
    LABEL_NAMES,
    RING,
    SHARES,
    SMALL,
    TWO_PARTS,
    Kitchen,
    disc,
    draw,
    encoded,
    masks_of,
)
from tests.rvernet_app.store.desk import commit
from training.data.foodseg103 import FoodSeg103Folder
from training.data.photos import open_photo


@pytest.fixture
def out(kitchen: Kitchen, tmp_path: Path) -> Path:
    kitchen.export("foodseg103", tmp_path / "out")
    return tmp_path / "out"


def index_of(out: Path, mark: str) -> np.ndarray:
    [file] = (out / "Images" / "ann_dir").rglob(f"*-{mark}.png")
    return np.asarray(Image.open(file))


def test_pixels_are_category_ids_in_the_order_of_the_label_set(kitchen: Kitchen, out: Path) -> None:
    lines = (out / "category_id.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{n}\t{name}" for n, name in enumerate(["background", *LABEL_NAMES])]
    index = index_of(out, kitchen.finals()[0].item.photo.sha256[:8])
    np.testing.assert_array_equal(index, 1 * RING + 2 * TWO_PARTS)
    assert index.dtype == np.uint8


def test_smaller_foods_lie_on_larger_ones_and_covered_pixels_are_counted(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    report = kitchen.export("foodseg103", tmp_path / "out")
    under, over = disc(SMALL, 20, 24, 14), disc(SMALL, 30, 24, 10)
    small = disc(SMALL, 52, 24, 4)
    assert report.left_out["pixels of foods covered by another food"] == (under & over).sum() + small.sum()
    assert "foods completely covered by others" not in report.left_out
    index = index_of(tmp_path / "out", kitchen.finals()[4].item.photo.sha256[:8])
    np.testing.assert_array_equal(index == 1 + LABEL_NAMES.index(".."), over)
    np.testing.assert_array_equal(index == 1 + LABEL_NAMES.index("a/b"), under & ~over)
    np.testing.assert_array_equal(index == 1 + LABEL_NAMES.index("CON"), small)
    np.testing.assert_array_equal(index == 1 + LABEL_NAMES.index(FORMULA), disc(SMALL, 52, 24, 6) & ~small)


def test_validation_photos_are_in_train(kitchen: Kitchen, out: Path) -> None:
    sides = {
        final.item.photo.sha256[:8]: "test" if final.split == "test" else "train"
        for final in kitchen.finals()
    }
    assert set(sides.values()) == {"train", "test"}
    for side in ("train", "test"):
        names = (out / "ImageSets" / f"{side}.txt").read_text(encoding="utf-8").splitlines()
        assert {name[-12:-4] for name in names} == {mark for mark, s in sides.items() if s == side}
        for name in names:
            assert (out / "Images" / "img_dir" / side / name).is_file()


def test_the_training_reads_the_export(kitchen: Kitchen, out: Path, tmp_path: Path) -> None:
    found = FoodSeg103Folder("kitchen", out, tmp_path / "cache").read()
    assert found.labels == LABEL_NAMES
    assert found.left_out == {}
    first = kitchen.finals()[0]
    regions = {r.label: r for r in found.regions if first.item.photo.sha256[:8] in r.name}
    expected = masks_of(first)
    assert regions.keys() == expected.keys()
    for label, region in regions.items():
        photo, mask = region.masked[0].read(open_photo)
        np.testing.assert_array_equal(mask, expected[label][0])
        assert np.abs(photo.astype(int) - draw(mask.shape, 0)).max() <= 8  # PNG became JPEG


def test_two_foods_of_a_class_become_one_region(kitchen: Kitchen, out: Path, tmp_path: Path) -> None:
    last = kitchen.finals()[5].item.photo.sha256[:8]
    [region] = [r for r in FoodSeg103Folder("k", out, tmp_path / "c").read().regions if last in r.name]
    _, mask = region.masked[0].read(open_photo)
    np.testing.assert_array_equal(mask, disc(SMALL, 16, 24, 10) | disc(SMALL, 44, 24, 11))


def test_the_groups_are_the_meals(kitchen: Kitchen, out: Path, tmp_path: Path) -> None:
    regions = FoodSeg103Folder("k", out, tmp_path / "cache", val_share=SHARES.val).read().regions
    for final in kitchen.finals():
        of_photo = [r for r in regions if final.item.photo.sha256[:8] in r.name]
        assert {(r.group, r.split) for r in of_photo} <= {(f"k/{final.meal}", final.split)}
    served, left = kitchen.finals()[0], kitchen.finals()[3]
    assert served.meal == left.meal  # two photos, one group
    assert len({r.group for r in regions}) == 4


def one_photo(kitchen: Kitchen, classes: int, *foods: tuple[int, Mask]) -> int:
    """Create a project with one finished photo. Foods are (class number from 1, mask). Return its id."""
    project = kitchen.new_project(*(f"food {n}" for n in range(1, classes + 1)))
    [added] = add_photos(kitchen.store, kitchen.files, project, [("one.png", encoded(draw(SMALL, 9), "PNG"))])
    with kitchen.store.reading() as session:
        labels = [label.id for label in labels_of(session, project)]
    for number, mask in foods:
        commit(kitchen.store, save, added.item_id or 0, kitchen.ann, Draft(to_rle(mask), labels[number - 1]))
    commit(kitchen.store, give_verdict, added.item_id or 0, kitchen.ann, DONE)
    return project


def test_the_training_reads_three_hundred_categories(kitchen: Kitchen, tmp_path: Path) -> None:
    masks = {1: disc(SMALL, 10, 10, 6), 255: disc(SMALL, 30, 10, 6), 256: disc(SMALL, 50, 10, 6)}
    masks |= {257: disc(SMALL, 10, 35, 6), 300: disc(SMALL, 50, 35, 6)}
    project = one_photo(kitchen, 300, *masks.items())
    EXPORTS["foodseg103"](kitchen.store, kitchen.files, project, tmp_path / "out", Shares(0, 0))
    found = FoodSeg103Folder("k", tmp_path / "out", tmp_path / "cache").read()
    assert len(found.labels) == 300
    assert [region.label for region in found.regions] == [f"food {number}" for number in masks]
    for region, mask in zip(found.regions, masks.values(), strict=True):
        np.testing.assert_array_equal(region.masked[0].read(open_photo)[1], mask)
        assert region.share == mask.sum() / mask.size


@pytest.mark.parametrize(("classes", "mode", "kind"), [(255, "L", np.uint8), (256, "I;16", np.uint16)])
def test_more_than_255_categories_need_sixteen_bits(
    kitchen: Kitchen, tmp_path: Path, classes: int, mode: str, kind: type
) -> None:
    mask = disc(SMALL, 20, 20, 9)
    project = one_photo(kitchen, classes, (classes, mask))
    EXPORTS["foodseg103"](kitchen.store, kitchen.files, project, tmp_path / "out", Shares(0, 0))
    [file] = (tmp_path / "out" / "Images" / "ann_dir" / "train").iterdir()
    with Image.open(file) as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), (mask * classes).astype(kind))
