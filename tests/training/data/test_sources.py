from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import training.data.sources
from rvernet_app.config import AppConfig
from rvernet_app.picture.cutouts import Letterbox, cut_out
from rvernet_app.picture.masks import to_rle
from rvernet_app.types import Candidates, Embedding, Prompt
from tests.training.conftest import Store
from training.data.augment import Augmentation
from training.data.coco import CocoFolder
from training.data.foodseg103 import FoodSeg103Folder
from training.data.options import DataOptions, Source
from training.data.paired_folders import PairedFolders
from training.data.pairs import PairedRegions
from training.data.photos import open_photo
from training.data.regions import DataError, Region, assemble
from training.data.sources import open_source, read_data, source_names, with_masks

LAST = ("8", "9", "10", "11")


class Corner:
    """A segmenter that masks the first pixel for every prompt."""

    name, fingerprint = "corner", "v1"

    def encode(self, photo: NDArray[np.uint8]) -> Embedding:
        return Embedding(self.name, photo.shape[:2], np.zeros(1))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        mask = np.zeros((1, *embedding.size_hw), np.bool_)
        mask[0, 0, 0] = True
        return Candidates(mask, np.ones(1, np.float32), np.zeros((1, 2, 2), np.float32))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace every segmenter by a Corner and record the names of opened ones."""
    names = []

    def opening(config: AppConfig) -> Corner:
        names.append(config.segmenter)
        return Corner()

    monkeypatch.setattr(training.data.sources, "open_segmenter", opening)
    return names


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that makes options of sources with a cache in the test's folder."""
    return lambda *sources, **others: DataOptions(sources=sources, cache=tmp_path / "cache", **others)


def areas(region: Region) -> list[int]:
    return [int(masked.read(open_photo)[1].sum()) for masked in region.masked]


# Equal foods from every source


def save(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Save a picture as lossless PNG data under any file extension."""
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture
def alike(
    made_data: Path, made_foodseg103: Path, made_pairs: Path, made_source: Store, tmp_path: Path
) -> dict[str, list[Region]]:
    """Return the same 16 foods from every kind of source, ordered by number."""
    described = json.loads((made_data / "annotations.json").read_text())
    for i, region in enumerate(made_source.regions):
        photo, mask = region.masked[0].read(open_photo)
        split = "train" if i < 12 else "test"
        save(made_foodseg103 / "Images" / "img_dir" / split / f"{i}.jpg", photo)
        cutouts = cut_out(photo, mask)
        save(made_pairs / split / "roi" / region.label / f"{i}.jpg", cutouts.roi)
        save(made_pairs / split / "extra-roi" / region.label / f"{i}.jpg", cutouts.extra_roi)
        (annotation,) = (a for a in described["annotations"] if a["id"] == 100 + i)
        annotation["segmentation"] = to_rle(mask)
    (made_data / "annotations.json").write_text(json.dumps(described))
    read = {
        "coco": CocoFolder("coco", made_data).read(),
        "foodseg103": FoodSeg103Folder("foodseg103", made_foodseg103, tmp_path / "cache").read(),
        "pairs": PairedFolders("pairs", made_pairs).read(),
        "store": made_source.read(),
    }
    numbers = {
        "coco": lambda r: int(r.group.removeprefix("coco/g")),
        "foodseg103": lambda r: int(r.group.removeprefix("foodseg103/")),
        "pairs": lambda r: int(r.group.removeprefix("pairs/")),
        "store": lambda r: int(r.group.removeprefix("store/g")),
    }
    return {name: sorted(found.regions, key=numbers[name]) for name, found in read.items()}


SOURCES = ["coco", "foodseg103", "pairs", "store"]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_photo_mask_and_class(
    alike: dict[str, list[Region]], source: str
) -> None:
    assert [r.label for r in alike[source]] == ["ketchup", "pesto"] * 8
    for one, other in zip(alike["store"], alike[source], strict=True):
        (photo, mask), (same, as_well) = (r.masked[0].read(open_photo) for r in (one, other))
        np.testing.assert_array_equal(same, photo)
        np.testing.assert_array_equal(as_well, mask)
        assert as_well.dtype == np.bool_


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_squares(alike: dict[str, list[Region]], source: str) -> None:
    def squares(regions: list[Region]) -> list[list[NDArray[np.uint8]]]:
        made = PairedRegions(
            regions,
            ("roi", "extra_roi"),
            Augmentation(flip=0.5, min_crop=0.7, brightness=0.2),
            Letterbox(40),
            seed=3,
        )
        return [made[0, i, i][0] for i in range(16)]

    np.testing.assert_array_equal(squares(alike[source]), squares(alike["store"]))


def test_sources_of_every_kind_form_one_data_set(
    made_data: Path, made_foodseg103: Path, made_pairs: Path, made_source: Store, tmp_path: Path
) -> None:
    data = assemble(
        [
            CocoFolder("coco", made_data),
            FoodSeg103Folder("foodseg103", made_foodseg103, tmp_path, held_out=LAST),
            PairedFolders("pairs", made_pairs, held_out=LAST),
            made_source,
        ]
    )
    assert data.classes == ("pesto", "ketchup")
    assert [len(split) for split in (data.train, data.val, data.test)] == [12 + 8 * 3, 4 * 4, 4 * 3]
    assert list(data.fingerprints) == SOURCES


# From options to a data set


def test_format_selects_the_reader(tmp_path: Path, options: Callable[..., Any]) -> None:
    kinds = {"coco": CocoFolder, "foodseg103": FoodSeg103Folder, "rvernet": PairedFolders}
    for format, kind in kinds.items():
        source = Source(tmp_path, format)
        found = open_source(source, "some", options(source))
        assert type(found) is kind
        assert found.name == "some"


@pytest.fixture
def folders(made_data: Path, made_foodseg103: Path, made_pairs: Path) -> dict[str, Path]:
    """Return folders without a validation split by format."""
    described = json.loads((made_data / "annotations.json").read_text())
    for image in described["images"]:
        del image["split"]
        image["group"] = str(image["id"])
    (made_data / "annotations.json").write_text(json.dumps(described))
    return {"coco": made_data, "foodseg103": made_foodseg103, "rvernet": made_pairs}


@pytest.mark.parametrize("format", ["coco", "foodseg103", "rvernet"])
def test_source_options_apply_to_every_format(
    folders: dict[str, Path], options: Callable[..., Any], format: str
) -> None:
    source = Source(folders[format], format, rename={"pesto": "sauce"}, held_out=LAST)
    data = read_data(options(source))
    assert set(data.classes) == {"ketchup", "sauce"}
    assert {r.group.split("/")[1] for r in data.val} == set(LAST)
    shared = read_data(options(Source(folders[format], format, val_share=0.5)))
    assert 0 < len(shared.val) < 12
    assert shared.fingerprints.keys() == {folders[format].name}


def test_val_share_holds_out_the_same_groups_in_every_format(
    folders: dict[str, Path], options: Callable[..., Any]
) -> None:
    held_out = [
        {r.group.split("/")[1] for r in read_data(options(Source(folder, format, val_share=0.5))).val}
        for format, folder in folders.items()
    ]
    assert held_out[1] == held_out[2] == held_out[0] - {"12", "13", "14", "15"}


@pytest.mark.parametrize("format", ["coco", "foodseg103", "rvernet"])
def test_error_names_the_missing_folder(tmp_path: Path, options: Callable[..., Any], format: str) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_data(options(Source(tmp_path / "nowhere", format), broken="skip"))


MISSING = {
    "coco": ("images/5.png", "5.png", "data/105", "photo missing"),
    "foodseg103": (
        "Images/ann_dir/train/5.png",
        "5.png is missing",
        "foodseg103/train/5",
        "mask missing or damaged",
    ),
    "rvernet": (
        "train/roi/pesto/5.jpg",
        "have no partner, first pairs/train/pesto/5.jpg",
        "pairs/train/pesto/5.jpg",
        "without a partner",
    ),
}


@pytest.mark.parametrize("format", ["coco", "foodseg103", "rvernet"])
def test_missing_file_fails_or_is_skipped_as_configured(
    folders: dict[str, Path], options: Callable[..., Any], format: str
) -> None:
    path, sentence, name, reason = MISSING[format]
    (folders[format] / path).unlink()
    source = Source(folders[format], format, held_out=LAST)
    with pytest.raises(DataError, match=sentence):
        read_data(options(source))
    data = read_data(options(source, broken="skip"))
    assert data.left_out[reason] == (name,)
    assert f"left out, {reason}: 1 ({name})" in data.summary()


def test_options_select_the_regions(made_data: Path, options: Callable[..., Any]) -> None:
    source = Source(made_data)
    assert read_data(options(source, classes=("ketchup", "pesto"))).classes == ("ketchup", "pesto")
    assert read_data(options(source, classes=("ketchup",))).classes == ("ketchup",)
    with pytest.raises(DataError, match="No region is left"):
        read_data(options(source, min_share=0.5))
    with pytest.raises(DataError, match="No region is left"):
        read_data(options(source, min_per_class=7))
    assert len(read_data(options(source, min_per_class=6)).train) == 12


def test_reader_accepts_annotations_from_another_path(
    made_data: Path, options: Callable[..., Any], tmp_path: Path
) -> None:
    elsewhere = (made_data / "annotations.json").rename(tmp_path / "elsewhere.json")
    assert len(read_data(options(Source(made_data, annotations=elsewhere))).train) == 12


def test_photos_without_a_split_fail_or_get_the_configured_split(
    folders: dict[str, Path], options: Callable[..., Any]
) -> None:
    source = Source(folders["coco"])
    with pytest.raises(DataError, match="has the split None"):
        read_data(options(source))
    found = open_source(source, "data", options(source), unsplit="val").read()
    assert {r.split for r in found.regions} == {"val"}


def test_sources_take_folder_names_and_numbers_for_duplicates(tmp_path: Path) -> None:
    def named(*places: str) -> list[str]:
        return source_names([Source(tmp_path / place) for place in places])

    assert named("a", "b") == ["a", "b"]
    assert named("x/a", "b", "y/a") == ["a-1", "b", "a-3"]
    assert named("x/../b/.") == ["b"]


def test_folders_with_the_same_name_are_two_sources(
    made_data: Path, options: Callable[..., Any], tmp_path: Path
) -> None:
    other = tmp_path / "other" / "data"
    shutil.copytree(made_data, other)
    data = read_data(options(Source(made_data), Source(other)))
    assert (len(data.train), len(data.val)) == (24, 8)
    assert list(data.fingerprints) == ["data-1", "data-2"]


# Requested kinds of masks


def test_annotated_masks_need_no_segmenter(
    made_foodseg103: Path, options: Callable[..., Any], opened: list[Any]
) -> None:
    chosen = options(Source(made_foodseg103, "foodseg103", held_out=LAST))
    data = read_data(chosen)
    assert with_masks(data, chosen) is data
    assert data.segmenter is None
    assert opened == []


def test_training_and_validation_boxes_become_masks(
    made_data: Path, options: Callable[..., Any], opened: list[Any]
) -> None:
    chosen = options(Source(made_data), segmenter="small_sam")
    data = with_masks(read_data(chosen), chosen)
    assert opened == ["small_sam"]
    assert data.segmenter == "corner v1"
    assert data.fingerprint != read_data(chosen).fingerprint
    assert [areas(r) for r in (*data.train[:2], *data.val[:2])] == [[1], [256], [1], [256]]


def test_training_regions_get_all_mask_kinds_and_others_the_first(
    made_data: Path, options: Callable[..., Any], opened: list[Any]
) -> None:
    chosen = options(Source(made_data), masks=("annotated", "click"))
    data = with_masks(read_data(chosen), chosen)
    assert [areas(r) for r in (data.train[1], data.val[1])] == [[256, 1], [256]]


def test_only_requested_splits_get_masks(
    made_source: Store, options: Callable[..., Any], opened: list[Any], tmp_path: Path
) -> None:
    data = assemble([made_source])
    chosen = options(Source(tmp_path), masks=("click",))
    changed = with_masks(data, chosen, ("test",))
    assert (changed.train, changed.val) == (data.train, data.val)
    assert [areas(r) for r in changed.test] == [[1]] * 4


def test_masks_go_to_the_cache_folder(
    made_data: Path, options: Callable[..., Any], opened: list[Any], tmp_path: Path
) -> None:
    chosen = options(Source(made_data))
    with_masks(read_data(chosen), chosen)
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("masks", [("annotated",), ("click", "annotated")])
def test_broken_photo_fails_or_is_kept_as_configured(
    made_data: Path, options: Callable[..., Any], opened: list[Any], masks: tuple[str, ...]
) -> None:
    (made_data / "images" / "0.png").write_bytes(b"")
    stop, skip = (options(Source(made_data), masks=masks, broken=broken) for broken in ("stop", "skip"))
    with pytest.raises(DataError, match=r"0\.png"):
        with_masks(read_data(stop), stop)
    data = with_masks(read_data(skip), skip)
    assert [len(r.masked) for r in data.train] == [len(masks)] * 12
    made = PairedRegions(data.train, ("roi",), Augmentation(), Letterbox(8), skip_broken=True)
    squares, _, (sentence,), *_ = made[0, 0, 0]
    assert squares[0].shape == (8, 8, 3)
    assert sentence.startswith("data/100: ")
    assert "0.png" in sentence
