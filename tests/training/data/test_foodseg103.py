from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import training.data.foodseg103
from training.data.foodseg103 import FoodSeg103Folder
from training.data.photos import PhotoCache, open_photo
from training.data.regions import DataError, assemble


@pytest.fixture
def read(made_foodseg103: Path, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that reads the generated folder."""
    return lambda **options: FoodSeg103Folder("food", made_foodseg103, tmp_path / "cache", **options).read()


@pytest.fixture
def decoded_masks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the names of decoded mask files."""
    names: list[str] = []
    decode = training.data.foodseg103._read_index

    def counting(path: Path) -> NDArray[np.integer[Any]]:
        names.append(path.name)
        return decode(path)

    monkeypatch.setattr(training.data.foodseg103, "_read_index", counting)
    return names


def mask_path(folder: Path, name: int, split: str = "train") -> Path:
    return folder / "Images" / "ann_dir" / split / f"{name}.png"


def photo_path(folder: Path, name: int, split: str = "train") -> Path:
    return folder / "Images" / "img_dir" / split / f"{name}.jpg"


def rewrite(path: Path, index: NDArray[np.uint16] | NDArray[np.uint8]) -> None:
    """Replace the mask in a file and advance its modification time by one second."""
    changed = path.stat().st_mtime_ns + 10**9
    Image.fromarray(index).save(path)
    os.utime(path, ns=(changed, changed))


def test_each_category_of_a_photo_becomes_a_region(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    found = read()
    assert Counter(r.split for r in found.regions) == {"train": 12, "test": 4}
    assert found.labels == ("ketchup", "pesto")
    assert found.left_out == {}
    first, second = found.regions[:2]
    assert (first.name, first.label, first.group) == ("food/train/0/1", "ketchup", "food/0")
    assert (second.name, second.label, second.group) == ("food/train/1/2", "pesto", "food/1")
    assert (first.photo, first.size_hw) == (photo_path(made_foodseg103, 0), (40, 48))
    assert first.share == 256 / (40 * 48)


def test_two_categories_on_a_photo_are_two_regions_in_one_group(
    made_foodseg103: Path, read: Callable[..., Any]
) -> None:
    index = np.zeros((40, 48), np.uint8)
    index[2:4, 3:5], index[10:12, 20:30] = 2, 1
    rewrite(mask_path(made_foodseg103, 0), index)
    one, other = read().regions[:2]
    assert (one.name, one.label, one.share) == ("food/train/0/1", "ketchup", 20 / 1920)
    assert (other.name, other.label, other.share) == ("food/train/0/2", "pesto", 4 / 1920)
    assert one.group == other.group
    np.testing.assert_array_equal(one.masked[0].read(open_photo)[1], index == 1)
    np.testing.assert_array_equal(other.masked[0].read(open_photo)[1], index == 2)


def test_masks_with_and_without_a_palette_read_the_same(
    made_foodseg103: Path, read: Callable[..., Any]
) -> None:
    for name, mode in ((0, "P"), (1, "L")):
        with Image.open(mask_path(made_foodseg103, name)) as image:
            assert image.mode == mode
            index = np.asarray(image)
        photo, mask = read().regions[name].masked[0].read(open_photo)
        np.testing.assert_array_equal(photo, open_photo(photo_path(made_foodseg103, name)).pixels)
        np.testing.assert_array_equal(mask, index == 1 + name)


def test_reader_accepts_a_palette_with_few_colours(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    path = mask_path(made_foodseg103, 0)
    with Image.open(path) as image:
        image.load()
    image.save(path, bits=2)
    assert read().regions[0].share == 256 / (40 * 48)


def test_reader_keeps_all_bits_of_a_16_bit_mask(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    with (made_foodseg103 / "category_id.txt").open("a") as file:
        file.write("258\tpeas\n65535\tlast\n")
    index = np.zeros((40, 48), np.uint16)
    index[2:4, 3:5], index[10:12, 20:30] = 258, 65535  # would become 2 and 255 in 8 bits
    rewrite(mask_path(made_foodseg103, 0), index)
    one, other = read().regions[:2]
    assert (one.label, one.share, other.label, other.share) == ("peas", 4 / 1920, "last", 20 / 1920)
    np.testing.assert_array_equal(one.masked[0].read(open_photo)[1], index == 258)
    np.testing.assert_array_equal(other.masked[0].read(open_photo)[1], index == 65535)


def test_reader_takes_groups_from_the_groups_file(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    said = [{"name": "0", "group": "monday"}, {"name": "1", "group": "monday"}]
    (made_foodseg103 / "groups.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    assert [r.group for r in read().regions[:3]] == ["food/monday", "food/monday", "food/2"]
    found = read(held_out=["monday"]).regions
    assert [r.name for r in found if r.split == "val"] == ["food/train/0/1", "food/train/1/2"]


def test_mask_shrinks_with_its_photo(read: Callable[..., Any]) -> None:
    region = read().regions[0]
    whole = region.masked[0].read(open_photo)[1]
    photo, mask = region.masked[0].read(PhotoCache(0, max_side=24).open)
    assert photo.shape == (20, 24, 3)
    covered = whole.reshape(20, 2, 24, 2).sum(axis=(1, 3))
    np.testing.assert_array_equal(mask, covered >= 2)


def test_category_names_can_contain_spaces_and_follow_tabs_or_spaces(
    made_foodseg103: Path, read: Callable[..., Any]
) -> None:
    (made_foodseg103 / "category_id.txt").write_text(
        "0\tbackground\r\n1\ttomato ketchup \r\n\r\n2   green  pesto\r\n103\tother ingredients"
    )
    assert read().labels == ("tomato ketchup", "green  pesto", "other ingredients")


def test_rename_changes_category_names(read: Callable[..., Any]) -> None:
    found = read(rename={"pesto": "sauce", "ketchup": "sauce"})
    assert found.labels == ("sauce",)
    assert {r.label for r in found.regions} == {"sauce"}
    with pytest.raises(DataError, match=r"no categories soup to rename"):
        read(rename={"soup": "stew"})


def test_listed_names_can_have_folders_extensions_and_spaces(
    made_foodseg103: Path, read: Callable[..., Any]
) -> None:
    for folder in ("img_dir", "ann_dir"):
        for path in (made_foodseg103 / "Images" / folder / "train").glob("0.*"):
            path.rename(path.with_stem("a plate"))
    (made_foodseg103 / "ImageSets" / "train.txt").write_text("train/a plate.png\n\n1.jpg\r\n2\n2\n")
    names = [r.name for r in read().regions if r.split == "train"]
    assert names == ["food/train/a plate/1", "food/train/1/2", "food/train/2/1"]


def test_reader_ignores_files_outside_the_lists(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    expected = read()
    for folder in ("img_dir", "ann_dir"):
        (made_foodseg103 / "Images" / folder / ".DS_Store").write_bytes(b"")
        (made_foodseg103 / "Images" / folder / "train" / ".DS_Store").write_bytes(b"")
        (made_foodseg103 / "Images" / folder / "train" / "99.png").write_bytes(b"")
    assert read() == expected


def test_held_out_photos_form_the_validation_split(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    found = read(held_out=["8", "9", "10", "11"])
    assert Counter(r.split for r in found.regions) == {"train": 8, "val": 4, "test": 4}
    some = [r for r in read(val_share=0.5).regions if r.split == "val"]
    assert 0 < len(some) < 12


def test_photo_in_training_and_test_lists_fails(made_foodseg103: Path, tmp_path: Path) -> None:
    for path in (mask_path(made_foodseg103, 3), photo_path(made_foodseg103, 3)):
        (path.parents[1] / "test" / path.name).write_bytes(path.read_bytes())
    (made_foodseg103 / "ImageSets" / "test.txt").write_text("3")
    with pytest.raises(DataError, match=r"in both train and test.*food/3"):
        assemble([FoodSeg103Folder("food", made_foodseg103, tmp_path / "cache")])


def test_reader_decodes_each_mask_once(read: Callable[..., Any], decoded_masks: list[str]) -> None:
    expected = read()
    assert len(decoded_masks) == 16
    assert read() == expected
    assert len(decoded_masks) == 16


def test_reader_decodes_only_the_changed_mask_again(
    made_foodseg103: Path, read: Callable[..., Any], decoded_masks: list[str]
) -> None:
    read()
    decoded_masks.clear()
    index = np.zeros((40, 48), np.uint8)
    index[0, :7] = 2
    rewrite(mask_path(made_foodseg103, 4), index)
    found = read()
    assert decoded_masks == ["4.png"]
    assert [(r.label, r.share) for r in found.regions if r.group == "food/4"] == [("pesto", 7 / 1920)]


def test_index_survives_a_later_error(
    made_foodseg103: Path, read: Callable[..., Any], decoded_masks: list[str]
) -> None:
    path = mask_path(made_foodseg103, 7)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DataError, match=r"7\.png is missing or damaged"):
        read()
    assert decoded_masks == [f"{i}.png" for i in range(7)]
    path.write_bytes(content)
    decoded_masks.clear()
    read()
    assert decoded_masks == [f"{i}.png" for i in range(7, 16)]


def test_error_keeps_the_other_index_entries(
    made_foodseg103: Path, read: Callable[..., Any], decoded_masks: list[str]
) -> None:
    read()
    rewrite(mask_path(made_foodseg103, 3), np.ones((40, 48), np.uint8))
    path = mask_path(made_foodseg103, 7)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DataError, match=r"7\.png"):
        read()
    path.write_bytes(content)
    decoded_masks.clear()
    read()
    assert decoded_masks == ["7.png"]


def test_each_folder_has_its_own_index(
    made_foodseg103: Path, tmp_path: Path, decoded_masks: list[str]
) -> None:
    for folder in (made_foodseg103, shutil.copytree(made_foodseg103, tmp_path / "other")):
        FoodSeg103Folder("food", folder, tmp_path / "cache").read()
    assert len(decoded_masks) == 32


def test_reading_regions_opens_no_photo(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    expected = read()
    for path in made_foodseg103.glob("Images/img_dir/*/*"):
        path.write_bytes(b"not a photo")
    assert read() == expected


def test_the_fingerprint_changes_with_the_groups(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    marks = [read().fingerprint]
    for group in ("monday", "tuesday"):
        row = {"name": "0", "group": group}
        (made_foodseg103 / "groups.jsonl").write_text(json.dumps(row))
        marks.append(read().fingerprint)
    assert len(set(marks)) == 3


def test_fingerprint_depends_only_on_masks_and_names(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    before = read().fingerprint
    assert len(before) == 12
    path = mask_path(made_foodseg103, 0)
    with Image.open(path) as image:
        index = np.asarray(image)
    rewrite(path, index)
    assert read().fingerprint == before
    rewrite(path, np.ascontiguousarray(index[::-1]))  # same pixel count at another place
    moved = read().fingerprint
    assert moved != before
    assert read(rename={"pesto": "sauce"}).fingerprint != moved


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def replace_with_color_image(path: Path) -> None:
    Image.new("RGB", (48, 40)).save(path)


SPOILS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not a mask"),
    "cut off": truncate,
    "in colour": replace_with_color_image,
    "a JPEG": lambda path: Image.new("L", (48, 40)).save(path, "JPEG"),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_unusable_mask_fails_or_is_skipped_and_named(
    made_foodseg103: Path, read: Callable[..., Any], spoil: Callable[..., Any]
) -> None:
    spoil(mask_path(made_foodseg103, 5))
    with pytest.raises(DataError, match=r"ann_dir/train/5\.png"):
        read()
    found = read(skip_broken=True)
    assert len(found.regions) == 15
    assert found.left_out == {"mask missing or damaged": ("food/train/5",)}


def test_missing_photo_fails_or_is_skipped_and_named(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    photo_path(made_foodseg103, 5).unlink()
    photo_path(made_foodseg103, 12, "test").unlink()
    with pytest.raises(DataError, match=r"2 photos are missing, first .*img_dir/train/5\.jpg"):
        read()
    found = read(skip_broken=True)
    assert len(found.regions) == 14
    assert found.left_out == {"photo missing": ("food/train/5", "food/test/12")}


def test_category_without_a_name_fails(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    rewrite(mask_path(made_foodseg103, 5), np.full((40, 48), 3, np.uint8))
    with pytest.raises(DataError, match=r"5\.png has the category 3, not among the 2"):
        read(skip_broken=True)


@pytest.mark.parametrize(("ignored", "kind"), [(255, np.uint8), (255, np.uint16), (65535, np.uint16)])
def test_pixels_to_be_ignored_are_no_region_and_named(
    made_foodseg103: Path, read: Callable[..., Any], ignored: int, kind: type
) -> None:
    index: NDArray[np.uint16] = np.full((40, 48), ignored, np.uint16).astype(kind)
    index[2:4, 3:5] = 1
    rewrite(mask_path(made_foodseg103, 4), index)
    found = read()
    [region] = [r for r in found.regions if r.group == "food/4"]
    assert (region.label, region.share) == ("ketchup", 4 / 1920)
    assert found.left_out == {"pixels marked to be ignored": ("food/train/4",)}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_texts_may_begin_with_a_byte_order_mark(
    made_foodseg103: Path, read: Callable[..., Any], encoding: str
) -> None:
    expected = read()
    names = [made_foodseg103 / "category_id.txt", *(made_foodseg103 / "ImageSets").iterdir()]
    for path in names:
        path.write_text(path.read_text(), encoding=encoding)
    assert read() == expected
    (made_foodseg103 / "groups.jsonl").write_text('{"name": "0", "group": "noon"}\n', encoding=encoding)
    assert read().regions[0].group == "food/noon"


def test_mask_with_only_background_has_no_region(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    rewrite(mask_path(made_foodseg103, 5), np.zeros((40, 48), np.uint8))
    assert "food/5" not in [r.group for r in read().regions]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("category_id.txt", b"1 soup\ntwo pesto", "lines of a number and a name"),
        ("category_id.txt", b"0\n1 soup", "lines of a number and a name"),
        ("category_id.txt", b"1 \xff", "lines of a number and a name"),
        ("category_id.txt", b"1 soup\n1 pesto", "gives a number to several categories"),
        ("category_id.txt", None, "cannot be read"),
        ("ImageSets/test.txt", None, r"test\.txt cannot be read"),
        ("ImageSets/test.txt", b"\xff", r"test\.txt cannot be read"),
    ],
)
def test_error_names_the_unreadable_list(
    made_foodseg103: Path, read: Callable[..., Any], name: str, content: bytes | None, sentence: str
) -> None:
    path = made_foodseg103 / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read(skip_broken=True)


def test_reading_names_a_mask_changed_after_indexing(made_foodseg103: Path, read: Callable[..., Any]) -> None:
    regions = read().regions[:3]
    rewrite(mask_path(made_foodseg103, 0), np.full((40, 48), 2, np.uint8))
    rewrite(mask_path(made_foodseg103, 1), np.full((48, 40), 2, np.uint8))
    truncate(mask_path(made_foodseg103, 2))
    for region, sentence in zip(
        regions,
        (
            r"0\.png has no pixel of category 1",
            r"1\.jpg is \(40, 48\) high and wide, its mask \(48, 40\)",
            r"2\.png is missing or damaged",
        ),
        strict=True,
    ):
        with pytest.raises(DataError, match=sentence):
            region.masked[0].read(open_photo)


def test_index_is_json_and_leaves_no_partial_files(read: Callable[..., Any], tmp_path: Path) -> None:
    read()
    (kept,) = (tmp_path / "cache").iterdir()
    assert len(json.loads(kept.read_text())) == 16
