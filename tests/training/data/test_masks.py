from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import training.data.masks
from rvernet_app.errors import SegmentationError
from rvernet_app.picture.masks import to_rle
from rvernet_app.types import Candidates, Embedding, Prompt
from tests.training.conftest import Store
from training.data.coco import CocoFolder
from training.data.foodseg103 import FoodSeg103Folder
from training.data.masks import MaskMaker
from training.data.paired_folders import PairedFolders
from training.data.photos import PhotoCache, open_photo
from training.data.regions import DataError, OpenPhoto, Region


class HalfBox:
    """Segmenter that returns the left half of the box or the clicked pixel, and records its prompts."""

    name, fingerprint = "halfbox", "v1"

    def __init__(self, fails: bool = False) -> None:
        self.encoded = 0
        self.boxes: list[tuple[float, ...]] = []
        self.clicks: list[tuple[float, ...]] = []
        self.fails = fails

    def encode(self, photo: NDArray[np.uint8]) -> Embedding:
        self.encoded += 1
        return Embedding(self.name, photo.shape[:2], np.zeros(1))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        prompt.require_within(embedding.size_hw)
        mask = np.zeros(embedding.size_hw, np.bool_)
        if prompt.box_xyxy is None:
            ((x, y),) = prompt.points_xy
            self.clicks.append((x, y))
            mask[int(y), int(x)] = True
        else:
            self.boxes.append(prompt.box_xyxy)
            x0, y0, x1, y1 = (int(v) for v in prompt.box_xyxy)
            mask[y0:y1, x0 : (x0 + x1) // 2] = True
        if self.fails:
            raise SegmentationError("Nothing there.")
        return Candidates(mask[None], np.ones(1, np.float32), np.zeros((1, 2, 2), np.float32))


class Interrupted(HalfBox):
    """Segmenter that raises KeyboardInterrupt after two masks."""

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        if len(self.boxes) == 2:
            raise KeyboardInterrupt
        return super().predict(embedding, prompt)


@pytest.fixture
def found(made_data: Path) -> Callable[..., Any]:
    """Read the regions of `made_data`: even ids have only a box, odd ids a polygon."""
    return lambda: CocoFolder("coco", made_data).read()


@pytest.fixture
def make(found: Callable[..., Any], tmp_path: Path) -> Callable[..., list[Region]]:
    """Return a function that makes masks of some regions of `made_data`."""

    def make(
        segmenter: HalfBox | Interrupted,
        kinds: list[str] | tuple[str, ...] = ("annotated",),
        some: Any = slice(None),
        **options: Any,
    ) -> list[Region]:
        read = found()
        maker = MaskMaker(segmenter, tmp_path / "masks", {"coco": read.fingerprint}, **options)
        return maker.masked(read.regions[some], kinds)

    return make


def annotate(folder: Path, **changes: Any) -> None:
    """Change the first annotation."""
    path = folder / "annotations.json"
    described = json.loads(path.read_text())
    described["annotations"][0].update(changes)
    path.write_text(json.dumps(described))


def masks_of(region: Region) -> list[NDArray[np.bool_]]:
    return [masked.read(open_photo)[1] for masked in region.masked]


def box_of(region: Region) -> tuple[int, int, int, int]:
    assert region.box_xyxy is not None
    x0, y0, x1, y1 = map(int, region.box_xyxy)
    return x0, y0, x1, y1


def half_of_the_box(region: Region) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = box_of(region)
    assert region.size_hw is not None
    mask = np.zeros(region.size_hw, np.bool_)
    mask[y0:y1, x0 : (x0 + x1) // 2] = True
    return mask


def test_segmenter_runs_once_per_box_and_never_for_annotated_masks(
    found: Callable[..., Any], make: Callable[..., list[Region]]
) -> None:
    segmenter = HalfBox()
    made = make(segmenter)
    assert segmenter.boxes == [r.box_xyxy for r in found().regions[::2]]
    assert segmenter.clicks == []
    np.testing.assert_array_equal(masks_of(made[0])[0], half_of_the_box(made[0]))
    assert masks_of(made[1])[0].sum() == 16 * 16  # from its polygon
    assert [r.name for r in made] == [r.name for r in found().regions]
    assert [replace(r, masked=()) for r in made] == [replace(r, masked=()) for r in found().regions]


def test_cache_prevents_a_second_segmentation(make: Callable[..., list[Region]]) -> None:
    first = [masks_of(r) for r in make(HalfBox())]
    again = HalfBox()
    np.testing.assert_array_equal([masks_of(r) for r in make(again)], first)
    assert again.encoded == 0


def test_made_masks_shrink_with_reduced_photos(make: Callable[..., list[Region]]) -> None:
    region = make(HalfBox())[0]
    photo, mask = region.masked[0].read(PhotoCache(0, max_side=24).open)
    assert photo.shape == (20, 24, 3)
    expected = masks_of(region)[0].reshape(20, 2, 24, 2).sum(axis=(1, 3)) >= 2
    np.testing.assert_array_equal(mask, expected)


def test_click_lands_in_the_center_of_a_box(
    make: Callable[..., list[Region]], found: Callable[..., Any]
) -> None:
    (region,) = make(HalfBox(), ["click"], slice(1))
    x0, y0, x1, y1 = box_of(region)
    assert np.argwhere(masks_of(region)[0]).tolist() == [[(y0 + y1) // 2, (x0 + x1) // 2]]


def test_click_lands_on_the_innermost_point_of_an_annotated_mask(
    make: Callable[..., list[Region]], made_data: Path
) -> None:
    mask = np.zeros((40, 48), np.bool_)
    mask[2:38, 2] = True  # a long line
    mask[30:35, 2:7] = True  # with a foot whose center is the innermost point
    annotate(made_data, segmentation=to_rle(mask), bbox=[2, 2, 5, 36])
    segmenter = HalfBox()
    make(segmenter, ["click"], slice(1))
    assert segmenter.clicks == [(4, 32)]


def test_click_kind_sends_no_box_prompts(make: Callable[..., list[Region]]) -> None:
    segmenter = HalfBox()
    make(segmenter, ["click"])
    assert (len(segmenter.clicks), segmenter.boxes) == (16, [])


def test_regions_get_every_requested_kind_in_order(make: Callable[..., list[Region]]) -> None:
    made = make(HalfBox(), ["click", "annotated"])
    assert [[m.sum() for m in masks_of(r)] for r in made[:2]] == [[1, 8 * 16], [1, 16 * 16]]
    clicks_only = [masks_of(r)[0] for r in make(HalfBox(), ["click"])]
    np.testing.assert_array_equal([masks_of(r)[0] for r in made], clicks_only)


def test_cache_separates_click_masks_from_box_masks(make: Callable[..., list[Region]]) -> None:
    boxed = [masks_of(r) for r in make(HalfBox())]
    make(HalfBox(), ["click"])
    again = HalfBox()
    np.testing.assert_array_equal([masks_of(r) for r in make(again)], boxed)
    assert again.boxes == []


def test_each_photo_is_decoded_and_encoded_once_for_all_its_regions(
    make: Callable[..., list[Region]], made_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made_data / "annotations.json"
    described = json.loads(path.read_text())
    for annotation in described["annotations"]:
        annotation["image_id"] = 0
    path.write_text(json.dumps(described))
    opened: list[str] = []

    def counting(path: Path) -> OpenPhoto:
        opened.append(path.name)
        return open_photo(path)

    monkeypatch.setattr(training.data.masks, "open_photo", counting)
    segmenter = HalfBox()
    make(segmenter, ["click"])
    assert (opened, segmenter.encoded, len(segmenter.clicks)) == (["0.png"], 1, 16)


def test_unknown_kind_fails(make: Callable[..., list[Region]]) -> None:
    with pytest.raises(ValueError, match="among annotated, click, got wink"):
        make(HalfBox(), ["wink", "click"])


@pytest.mark.parametrize("change", [{"name": "other"}, {"fingerprint": "v2"}])
def test_cache_does_not_share_masks_between_segmenters(
    make: Callable[..., list[Region]], change: dict[str, str]
) -> None:
    make(HalfBox())
    newer = HalfBox()
    for name, value in change.items():
        setattr(newer, name, value)
    make(newer)
    assert len(newer.boxes) == 8


def test_changed_annotations_invalidate_cached_masks(
    make: Callable[..., list[Region]], made_data: Path
) -> None:
    make(HalfBox())
    annotate(made_data, bbox=[1, 1, 8, 8])
    newer = HalfBox()
    assert masks_of(make(newer)[0])[0].sum() == 4 * 8
    assert len(newer.boxes) == 8


def test_interruption_keeps_finished_masks(make: Callable[..., list[Region]]) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(Interrupted())
    rest = HalfBox()
    make(rest)
    assert len(rest.boxes) == 6


def test_later_run_adds_masks_of_new_regions(make: Callable[..., list[Region]]) -> None:
    make(HalfBox(), some=slice(5))
    rest = HalfBox()
    make(rest, some=slice(3, None))
    assert len(rest.boxes) == 5
    last = HalfBox()
    make(last)
    assert last.boxes == []


def test_box_becomes_the_mask_if_the_segmenter_finds_nothing(
    make: Callable[..., list[Region]], made_data: Path
) -> None:
    annotate(made_data, bbox=[3.5, 4.0, 5.2, 6.0])
    (region,) = make(HalfBox(fails=True), some=slice(1))
    rows, columns = np.nonzero(masks_of(region)[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 9, 3, 8)
    assert len(rows) == 6 * 6


def test_click_without_result_gives_the_box_around_the_annotated_mask(
    make: Callable[..., list[Region]],
) -> None:
    (region,) = make(HalfBox(fails=True), ["click"], slice(1, 2))
    x0, y0, x1, y1 = box_of(region)
    rows, columns = np.nonzero(masks_of(region)[0])
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (y0, y1, x0, x1)
    assert len(rows) == (y1 - y0) * (x1 - x0)


def test_boxes_are_clipped_to_the_photo(make: Callable[..., list[Region]], made_data: Path) -> None:
    annotate(made_data, bbox=[-5, 10, 500, 8])
    segmenter = HalfBox()
    make(segmenter, some=slice(1))
    assert segmenter.boxes == [(0, 10, 48, 18)]


@pytest.mark.parametrize("kind", ["annotated", "click"])
@pytest.mark.parametrize("box", [[60, 10, 5, 5], [48, 10, 5, 5], [-9, 10, 5, 5]])
def test_error_names_a_box_outside_the_photo(
    make: Callable[..., list[Region]], made_data: Path, kind: str, box: list[int]
) -> None:
    annotate(made_data, bbox=box)
    with pytest.raises(DataError, match=r"The box of coco/100 cannot be used"):
        make(HalfBox(), [kind])


def test_error_names_a_box_without_area(make: Callable[..., list[Region]], made_data: Path) -> None:
    annotate(made_data, bbox=[4, 4, 0, 5])
    with pytest.raises(DataError, match=r"The box of coco/100 cannot be used"):
        make(HalfBox())


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


SPOILS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut off": truncate,
}


@pytest.mark.parametrize("kinds", [["annotated"], ["click", "annotated"]])
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_unusable_photo_fails_at_once_or_on_reading_its_region(
    make: Callable[..., list[Region]],
    found: Callable[..., Any],
    made_data: Path,
    kinds: list[str],
    spoil: Callable[..., Any],
    tmp_path: Path,
) -> None:
    read = found()
    content = (made_data / "images" / "0.png").read_bytes()
    spoil(made_data / "images" / "0.png")

    def masked(segmenter: HalfBox, skip_broken: bool) -> list[Region]:
        maker = MaskMaker(segmenter, tmp_path / "masks", {"coco": read.fingerprint}, skip_broken)
        return maker.masked(read.regions, kinds)

    with pytest.raises(DataError, match=r"0\.png"):
        masked(HalfBox(), False)
    made = masked(HalfBox(), True)
    assert [r.name for r in made] == [r.name for r in read.regions]
    for mask in made[0].masked:
        with pytest.raises(DataError, match=r"0\.png"):
            mask.read(open_photo)
    assert all(masks_of(r) for r in made[1:])

    (made_data / "images" / "0.png").write_bytes(content)
    again = HalfBox()
    assert masks_of(masked(again, True)[0])
    assert len(again.boxes) == 1


def test_error_names_a_photo_whose_size_differs_from_the_annotation(
    make: Callable[..., list[Region]], made_data: Path
) -> None:
    path = made_data / "annotations.json"
    described = json.loads(path.read_text())
    described["images"][0]["width"] = 50
    path.write_text(json.dumps(described))
    with pytest.raises(DataError, match=r"0\.png is \(40, 48\).*annotated as \(40, 50\)"):
        make(HalfBox())


def test_error_names_a_damaged_mask_before_the_click(
    make: Callable[..., list[Region]], made_data: Path
) -> None:
    annotate(made_data, segmentation={"size": [40, 48], "counts": ["x"]})
    with pytest.raises(DataError, match=r"annotation 100 \(0.png\)"):
        make(HalfBox(), ["click"])


def test_moved_mask_gets_a_new_click(made_foodseg103: Path, tmp_path: Path) -> None:
    def click() -> list[Any] | list[tuple[float, float]]:
        read = FoodSeg103Folder("food", made_foodseg103, tmp_path / "cache").read()
        maker = MaskMaker(segmenter := HalfBox(), tmp_path / "masks", {"food": read.fingerprint})
        maker.masked(read.regions, ["click"])
        return segmenter.clicks

    before = click()
    assert len(before) == 16
    assert click() == []
    path = made_foodseg103 / "Images" / "ann_dir" / "train" / "0.png"
    with Image.open(path) as image:
        turned = np.rot90(np.asarray(image), 2)
    Image.fromarray(turned.copy()).save(path)
    os.utime(path, ns=(0, 0))
    (x, y), *others = click()
    assert others == before[1:]
    assert (x, y) != before[0]
    assert turned[int(y), int(x)] == 1


def test_regions_without_a_whole_photo_keep_their_mask(made_pairs: Path, tmp_path: Path) -> None:
    read = PairedFolders("pairs", made_pairs).read()
    maker = MaskMaker(segmenter := HalfBox(), tmp_path / "masks", {"pairs": read.fingerprint})
    made = maker.masked(read.regions, ["click", "annotated"])
    assert [r.masked for r in made] == [r.masked * 2 for r in read.regions]
    assert segmenter.encoded == 0


def test_cache_separates_masks_by_source(
    found: Callable[..., Any], made_source: Store, tmp_path: Path
) -> None:
    coco = found()
    fingerprints = {"coco": coco.fingerprint, "store": made_source.read().fingerprint}
    regions = [*coco.regions[:2], *made_source.read().regions[:2], *coco.regions[2:4]]
    maker = MaskMaker(segmenter := HalfBox(), tmp_path / "masks", fingerprints)
    assert [r.name for r in maker.masked(regions, ["click"])] == [r.name for r in regions]
    assert len(segmenter.clicks) == 6
    assert len(list((tmp_path / "masks").iterdir())) == 2
    maker.masked(regions, ["click"])
    assert len(segmenter.clicks) == 6


@pytest.mark.parametrize("kind", ["annotated", "click"])
@pytest.mark.parametrize(
    ("lacks", "sentence"),
    [
        ({"photo": None}, "coco/100 has no photo to prompt on"),
        ({"box_xyxy": None}, "coco/100 has neither a mask nor a box"),
    ],
)
def test_error_names_a_region_without_box_or_mask(
    found: Callable[..., Any], tmp_path: Path, kind: str, lacks: dict[str, None], sentence: str
) -> None:
    read = found()
    maker = MaskMaker(HalfBox(), tmp_path, {"coco": read.fingerprint})
    with pytest.raises(DataError, match=sentence):
        maker.masked([replace(read.regions[0], **lacks)], [kind])
