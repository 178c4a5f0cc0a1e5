from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rvernet_app.picture.cutouts import cut_out
from training.data.paired_folders import CutoutPair, PairedFolders
from training.data.photos import PhotoCache, open_photo
from training.data.regions import DataError, OpenPhoto, SourceRegions, assemble


def read(folder: Path, **options: Any) -> SourceRegions:
    return PairedFolders("pairs", folder, **options).read()


def touch(folder: Path, *places: str) -> Path:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).touch()
    return folder


def names(found: SourceRegions) -> list[str]:
    return [r.name for r in found.regions]


def both(*places: str) -> list[str]:
    """Return the path of a file in both picture folders."""
    return [
        f"{split}/{kind}/{rest}"
        for p in places
        for split, rest in [p.split("/", 1)]
        for kind in ("roi", "extra-roi")
    ]


def test_each_pair_becomes_a_region(made_pairs: Path) -> None:
    found = read(made_pairs)
    assert Counter(r.split for r in found.regions) == {"train": 12, "test": 4}
    assert found.labels == ("ketchup", "pesto")
    assert found.left_out == {}
    first = found.regions[0]
    assert (first.name, first.label, first.group) == ("pairs/train/ketchup/0.jpg", "ketchup", "pairs/0")
    assert (first.photo, first.size_hw, first.box_xyxy, first.share) == (None, None, None, None)


def test_pairs_match_in_split_class_and_name(tmp_path: Path) -> None:
    touch(tmp_path, *both("train/soup/1.jpg", "train/bread/1.jpg", "test/soup/2.jpg"))
    regions = {r.name: r for r in read(tmp_path).regions}
    assert list(regions) == [
        *("pairs/train/bread/1.jpg", "pairs/train/soup/1.jpg"),
        "pairs/test/soup/2.jpg",
    ]
    for name, region in regions.items():
        split, label, file = name.split("/")[1:]
        (pair,) = region.masked
        assert region.label == label
        assert pair == CutoutPair(
            tmp_path / split / "roi" / label / file, tmp_path / split / "extra-roi" / label / file
        )


@pytest.mark.parametrize(
    "partner", ["train/extra-roi/bread/1.jpg", "test/extra-roi/soup/1.jpg", "train/extra-roi/soup/1.png"]
)
def test_files_of_different_class_split_or_extension_do_not_pair(tmp_path: Path, partner: str) -> None:
    touch(tmp_path, "train/roi/soup/1.jpg", partner, *both("train/soup/2.jpg"))
    with pytest.raises(DataError, match=r"2 files of .* have no partner, first pairs/"):
        read(tmp_path)
    found = read(tmp_path, skip_unpaired=True)
    assert names(found) == ["pairs/train/soup/2.jpg"]
    split, _, place = partner.split("/", 2)
    assert set(found.left_out["without a partner"]) == {"pairs/train/soup/1.jpg", f"pairs/{split}/{place}"}


@pytest.mark.parametrize("kind", ["roi", "extra-roi"])
def test_unpaired_file_fails_or_is_skipped_and_named(made_pairs: Path, kind: str) -> None:
    (made_pairs / "train" / kind / "pesto" / "3.jpg").unlink()
    with pytest.raises(DataError, match=r"1 files of .* have no partner, first pairs/train/pesto/3\.jpg"):
        read(made_pairs)
    found = read(made_pairs, skip_unpaired=True)
    assert len(found.regions) == 15
    assert found.left_out == {"without a partner": ("pairs/train/pesto/3.jpg",)}


def test_reader_leaves_out_and_names_hidden_and_stray_pictures(made_pairs: Path) -> None:
    expected = read(made_pairs)
    strays = [
        ".DS_Store",
        "ketchup/.DS_Store",
        "ketchup/._0.jpg",
        "ketchup/Thumbs.db",
        "ketchup/notes.txt",
        "readme.md",
    ]
    touch(made_pairs, *(f"train/roi/{stray}" for stray in strays))
    touch(made_pairs, *both(*(f"test/{stray}" for stray in (*strays, ".trash/1.jpg"))))
    (made_pairs / "train" / "roi" / "empty").mkdir()
    touch(made_pairs, "train/roi/@eaDir/0.jpg")
    found = read(made_pairs)
    assert replace(found, left_out={}) == expected
    assert found.left_out == {
        "copies of other programs": (
            "pairs/train/roi/@eaDir/0.jpg",
            "pairs/train/roi/ketchup/._0.jpg",
            *(
                f"pairs/test/{kind}/{name}"
                for kind in ("roi", "extra-roi")
                for name in (".trash/1.jpg", "ketchup/._0.jpg")
            ),
        )
    }


def test_folders_and_files_are_sorted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, *both("train/soup/2.jpg", "train/bread/9.PNG", "train/soup/10.jpg", "train/Salad/1.webp"))
    found = read(tmp_path)
    assert names(found) == [
        *("pairs/train/Salad/1.webp", "pairs/train/bread/9.PNG"),
        *("pairs/train/soup/10.jpg", "pairs/train/soup/2.jpg"),
    ]
    assert found.labels == ("Salad", "bread", "soup")


def test_reading_pairs_opens_no_picture(made_pairs: Path) -> None:
    expected = read(made_pairs)
    for path in made_pairs.rglob("*.jpg"):
        path.write_bytes(b"")
    assert read(made_pairs).regions == expected.regions


def test_rename_changes_class_names(made_pairs: Path) -> None:
    found = read(made_pairs, rename={"pesto": "sauce", "ketchup": "sauce"})
    assert found.labels == ("sauce",)
    assert {r.label for r in found.regions} == {"sauce"}


def test_renaming_an_unknown_class_fails(made_pairs: Path) -> None:
    with pytest.raises(DataError, match=r"no classes soup to rename"):
        read(made_pairs, rename={"soup": "stew"})


def test_pairs_with_the_same_name_form_a_group(tmp_path: Path) -> None:
    touch(tmp_path, *both("train/soup/1.jpg", "train/bread/1.png", "train/soup/2.jpg"))
    found = read(tmp_path, held_out=["1"])
    assert [(r.name, r.split) for r in found.regions] == [
        ("pairs/train/bread/1.png", "val"),
        ("pairs/train/soup/1.jpg", "val"),
        ("pairs/train/soup/2.jpg", "train"),
    ]


def test_reader_takes_groups_from_the_groups_file(tmp_path: Path) -> None:
    touch(tmp_path, *both("train/soup/1.jpg", "train/bread/2.png", "train/soup/3.jpg"))
    said = [{"name": "1", "group": "monday"}, {"name": "2", "group": "monday"}, {"name": "9", "group": "x"}]
    (tmp_path / "groups.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    assert [(r.name, r.group) for r in read(tmp_path).regions] == [
        ("pairs/train/bread/2.png", "pairs/monday"),
        ("pairs/train/soup/1.jpg", "pairs/monday"),
        ("pairs/train/soup/3.jpg", "pairs/3"),
    ]
    splits = [r.split for r in read(tmp_path, held_out=["monday"]).regions]
    assert splits == ["val", "val", "train"]


@pytest.mark.parametrize(
    "content", [b"{", b"[]\n", b"7\n", b'{"name": "1"}\n', b"\xff\n", b'{"name": "1", "group": "a"}\n\n{']
)
def test_error_names_the_damaged_groups_file(tmp_path: Path, content: bytes) -> None:
    touch(tmp_path, *both("train/soup/1.jpg"))
    (tmp_path / "groups.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"groups\.jsonl is damaged, or not a list of groups"):
        read(tmp_path)


def test_name_in_training_and_test_folders_fails(tmp_path: Path) -> None:
    touch(tmp_path, *both("train/soup/1.jpg", "test/soup/1.jpg"))
    with pytest.raises(DataError, match=r"in both train and test.*pairs/1"):
        assemble([PairedFolders("pairs", tmp_path)])


def test_val_share_holds_out_training_pairs(made_pairs: Path) -> None:
    assert 0 < sum(r.split == "val" for r in read(made_pairs, val_share=0.5).regions) < 12


def test_folder_without_pairs_fails(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no train/roi/<class>/<name> with a partner"):
        read(tmp_path)


def test_the_fingerprint_changes_with_the_pairs(made_pairs: Path) -> None:
    before = read(made_pairs).fingerprint
    assert len(before) == 12
    touch(made_pairs, *both("train/ketchup/99.jpg"))
    assert read(made_pairs).fingerprint != before


def test_the_fingerprint_changes_with_the_pictures_and_the_groups(made_pairs: Path) -> None:
    marks = [read(made_pairs).fingerprint]
    picture = next((made_pairs / "train" / "roi" / "ketchup").iterdir())
    changed = picture.stat().st_mtime_ns + 10**9
    os.utime(picture, ns=(changed, changed))
    marks.append(read(made_pairs).fingerprint)
    picture.write_bytes(picture.read_bytes() + b"more")
    os.utime(picture, ns=(changed, changed))
    marks.append(read(made_pairs).fingerprint)
    (made_pairs / "groups.jsonl").write_text('{"name": "0", "group": "monday"}\n')
    marks.append(read(made_pairs).fingerprint)
    assert len(set(marks)) == 4
    moved = made_pairs.rename(made_pairs.with_name("elsewhere"))
    assert PairedFolders("another", moved).read().fingerprint == marks[-1]


PHOTO = np.random.default_rng(0).integers(1, 256, (24, 32, 3), dtype=np.uint8)
MASK = np.zeros((24, 32), np.bool_)
MASK[5:15, 8:20] = True


def opened(
    roi: NDArray[np.uint8], extra_roi: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return photo and mask of a pair of pictures."""
    pictures = {Path("roi"): roi, Path("extra-roi"): extra_roi}
    return CutoutPair(*pictures).read(lambda path: OpenPhoto(pictures[path], pictures[path].shape[:2]))


def test_pair_restores_photo_and_mask() -> None:
    cutouts = cut_out(PHOTO, MASK)
    photo, mask = opened(cutouts.roi, cutouts.extra_roi)
    np.testing.assert_array_equal(photo, PHOTO)
    np.testing.assert_array_equal(mask, MASK)


def test_mask_ignores_faint_noise_on_black() -> None:
    photo = PHOTO // 2 + np.uint8(60)  # values 60 to 187
    cutouts = cut_out(photo, MASK)
    noise = np.random.default_rng(1).integers(0, 9, (2, 24, 32, 3), dtype=np.uint8)
    found, mask = opened(
        cutouts.roi + noise[0] * ~MASK[:, :, None], cutouts.extra_roi + noise[1] * MASK[:, :, None]
    )
    np.testing.assert_array_equal(mask, MASK)
    assert np.all(found - photo < 9)


def test_noise_on_white_does_not_wrap_to_black() -> None:
    white = np.full((24, 32, 3), 255, np.uint8)
    cutouts = cut_out(white, MASK)
    photo, mask = opened(cutouts.roi, cutouts.extra_roi + np.uint8(7) * MASK[:, :, None])
    np.testing.assert_array_equal(photo, white)
    np.testing.assert_array_equal(mask, MASK)


def test_jpeg_compression_keeps_the_mask(tmp_path: Path) -> None:
    photo = np.full((24, 32, 3), (90, 120, 150), np.uint8)
    photo[MASK] = (200, 40, 30)
    cutouts = cut_out(photo, MASK)
    for name in ("roi", "extra_roi"):
        Image.fromarray(getattr(cutouts, name)).save(tmp_path / f"{name}.jpg", quality=75)
    _, mask = CutoutPair(tmp_path / "roi.jpg", tmp_path / "extra_roi.jpg").read(open_photo)
    assert np.count_nonzero(mask ^ MASK) <= 4


def test_reduced_pair_has_no_dark_rim_around_the_region(tmp_path: Path) -> None:
    cutouts = cut_out(np.full((24, 32, 3), 200, np.uint8), MASK)  # edges cross reduced pixels
    for name in ("roi", "extra_roi"):
        Image.fromarray(getattr(cutouts, name)).save(tmp_path / f"{name}.png")
    pair = CutoutPair(tmp_path / "roi.png", tmp_path / "extra_roi.png")
    photo, mask = pair.read(PhotoCache(0, max_side=8).open)
    assert photo.shape == (6, 8, 3)
    assert np.all(np.abs(photo.astype(int) - 200) <= 1)
    np.testing.assert_array_equal(mask, MASK.reshape(6, 4, 8, 4).sum(axis=(1, 3)) >= 8)


def test_region_smaller_than_a_reduced_pixel_keeps_one_pixel(tmp_path: Path) -> None:
    mask = np.zeros((24, 32), np.bool_)
    mask[9, 13] = True
    cutouts = cut_out(np.full((24, 32, 3), 200, np.uint8), mask)
    for name in ("roi", "extra_roi"):
        Image.fromarray(getattr(cutouts, name)).save(tmp_path / f"{name}.png")
    _, reduced = CutoutPair(tmp_path / "roi.png", tmp_path / "extra_roi.png").read(
        PhotoCache(0, max_side=8).open
    )
    assert np.argwhere(reduced).tolist() == [[2, 3]]


def test_error_names_pictures_of_different_sizes() -> None:
    with pytest.raises(DataError, match=r"roi is \(24, 32\) high and wide, extra-roi \(24, 31\)"):
        opened(PHOTO, PHOTO[:, 1:])


def test_error_names_a_black_roi_picture() -> None:
    with pytest.raises(DataError, match="roi shows nothing"):
        opened(np.zeros_like(PHOTO), PHOTO)
    with pytest.raises(DataError, match="roi shows nothing"):
        opened(np.zeros_like(PHOTO), np.zeros_like(PHOTO))


@pytest.mark.parametrize("kind", ["roi", "extra-roi"])
@pytest.mark.parametrize("content", [b"", b"not a photo"])
def test_error_names_an_unusable_picture(made_pairs: Path, kind: str, content: bytes) -> None:
    path = made_pairs / "train" / kind / "ketchup" / "0.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"train/{kind}/ketchup/0\.jpg"):
        read(made_pairs).regions[0].masked[0].read(open_photo)
