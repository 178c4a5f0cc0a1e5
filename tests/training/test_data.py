import json

import numpy as np
import pytest

from rvernet_app.errors import SegmentationError
from rvernet_app.masks import from_rle, to_rle
from rvernet_app.types import Candidates, Embedding
from training.data import DataError, read_region, read_regions, region_masks


class HalfBox:
    """A segmenter that masks the left half of the box or the pixel clicked, and remembers the boxes asked."""

    name, fingerprint = "halfbox", "v1"

    def __init__(self, fails: bool = False) -> None:
        self.boxes: list[tuple[float, ...]] = []
        self.fails = fails

    def encode(self, photo):
        return Embedding(self.name, photo.shape[:2], np.zeros(1))

    def predict(self, embedding, prompt):
        self.boxes.append(prompt.box_xyxy)
        if self.fails:
            raise SegmentationError("Nothing there.")
        mask = np.zeros(embedding.size_hw, np.bool_)
        if prompt.box_xyxy is None:
            ((x, y),) = prompt.points_xy
            mask[int(y), int(x)] = True
        else:
            x0, y0, x1, y1 = (int(v) for v in prompt.box_xyxy)
            mask[y0:y1, x0 : (x0 + x1) // 2] = True
        return Candidates(mask[None], np.ones(1, np.float32), np.zeros((1, 2, 2), np.float32))


def change(folder, edit):
    path = folder / "annotations.json"
    described = json.loads(path.read_text())
    edit(described)
    path.write_text(json.dumps(described))


def test_classes_come_from_the_file_in_the_order_of_their_ids(made_data):
    data = read_regions(made_data)
    assert data.classes == ("pesto", "ketchup")  # ids 6 and 7; the coin is ignored everywhere
    assert [r.class_index for r in data.train[:2]] == [1, 0]
    assert (len(data.train), len(data.val)) == (12, 4)


def test_categories_may_be_renamed(made_data):
    assert read_regions(made_data, {"pesto": "green pesto"}).classes == ("green pesto", "ketchup")


def test_no_photo_is_opened_to_read_the_regions(made_data):
    expected = read_regions(made_data)
    for photo in (made_data / "images").iterdir():
        photo.write_bytes(b"not a photo")
    assert read_regions(made_data) == expected


def test_two_foods_in_one_photo_are_two_regions(made_data):
    def add(described):
        described["annotations"].append({"id": 99, "image_id": 0, "category_id": 6, "bbox": [1, 1, 4, 4]})

    change(made_data, add)
    regions = [r for r in read_regions(made_data).train if r.photo.name == "0.png"]
    assert [(r.id, r.class_index) for r in regions] == [(100, 1), (99, 0)]


def test_a_group_in_both_splits_is_an_error(made_data):
    def leak(described):
        described["images"][13]["group"] = "g3"

    change(made_data, leak)
    with pytest.raises(DataError, match=r"1 groups are in both train and val.*g3"):
        read_regions(made_data)


def test_without_a_group_each_photo_is_its_own(made_data):
    change(made_data, lambda described: [image.pop("group") for image in described["images"]])
    assert {r.group for r in read_regions(made_data).val} == {"12.png", "13.png", "14.png", "15.png"}


def drop_split(described):
    del described["images"][0]["split"]


def odd_split(described):
    described["images"][0]["split"] = "some"


def unlearned(described):
    described["categories"].append({"id": 11, "name": "soup"})
    described["annotations"].append({"id": 98, "image_id": 15, "category_id": 11, "bbox": [1, 1, 4, 4]})


def lost_photo(described):
    described["images"][3]["file_name"] = "gone.png"


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (drop_split, "split"),
        (odd_split, "known are train"),
        (unlearned, "no training region of soup"),
        (lost_photo, "1 photos are missing, first .*gone.png"),
        (lambda described: described.pop("images"), "not a COCO instance file"),
    ],
)
def test_a_file_that_contradicts_is_refused(made_data, edit, sentence):
    change(made_data, edit)
    with pytest.raises(DataError, match=sentence):
        read_regions(made_data)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"annotations\.json cannot be read"):
        read_regions(tmp_path)


def test_boxes_prompt_the_segmenter_once_and_annotated_masks_never(made_data, tmp_path):
    data = read_regions(made_data)
    segmenter = HalfBox()
    rles = region_masks(data.train, data.fingerprint, segmenter, tmp_path / "cache")
    assert len(rles) == 12
    assert len(segmenter.boxes) == 6  # even ids have a box only
    first, second = data.train[:2]
    photo, mask = read_region(first, rles[first.id])
    x0, y0, x1, y1 = (int(v) for v in first.box_xyxy)
    assert photo.shape == (40, 48, 3)
    assert mask.sum() == 8 * 16
    assert mask[y0:y1, x0 : (x0 + x1) // 2].all()
    assert read_region(second, rles[second.id])[1].sum() == 16 * 16  # its polygon

    again = HalfBox()
    assert region_masks(data.train, data.fingerprint, again, tmp_path / "cache") == rles
    assert again.boxes == []


def test_a_click_goes_into_the_middle_of_the_box_and_leaves_the_masks_by_box_alone(made_data, tmp_path):
    data, segmenter = read_regions(made_data), HalfBox()
    boxed = region_masks(data.val, data.fingerprint, segmenter, tmp_path)
    clicked = region_masks(data.val, data.fingerprint, segmenter, tmp_path, prompt="click")
    for region in data.val:
        x0, y0, _, _ = (int(v) for v in region.box_xyxy)
        assert np.argwhere(from_rle(clicked[region.id], (40, 48))).tolist() == [[y0 + 8, x0 + 8]]
    assert region_masks(data.val, data.fingerprint, segmenter, tmp_path) == boxed


def test_an_unknown_prompt_is_refused(made_data, tmp_path):
    data = read_regions(made_data)
    with pytest.raises(ValueError, match="box, click"):
        region_masks(data.val, data.fingerprint, HalfBox(), tmp_path, prompt="wink")


def test_another_segmenter_does_not_get_the_first_ones_masks(made_data, tmp_path):
    data = read_regions(made_data)
    region_masks(data.val, data.fingerprint, HalfBox(), tmp_path)
    newer = HalfBox()
    newer.fingerprint = "v2"
    region_masks(data.val, data.fingerprint, newer, tmp_path)
    assert len(newer.boxes) == 2


def test_masks_made_before_an_interruption_are_kept(made_data, tmp_path):
    data = read_regions(made_data)

    class Interrupted(HalfBox):
        def predict(self, embedding, prompt):
            if len(self.boxes) == 2:
                raise KeyboardInterrupt
            return super().predict(embedding, prompt)

    with pytest.raises(KeyboardInterrupt):
        region_masks(data.train, data.fingerprint, Interrupted(), tmp_path)
    rest = HalfBox()
    region_masks(data.train, data.fingerprint, rest, tmp_path)
    assert len(rest.boxes) == 4


def test_where_nothing_is_found_the_box_is_the_mask(made_data, tmp_path):
    data = read_regions(made_data)
    rles = region_masks(data.train[:1], data.fingerprint, HalfBox(fails=True), tmp_path)
    assert from_rle(rles[data.train[0].id], (40, 48)).sum() == 16 * 16


def test_boxes_beyond_the_photo_are_cut_off(made_data, tmp_path):
    def widen(described):
        described["annotations"][0]["bbox"] = [-5, 10, 500, 8]

    change(made_data, widen)
    data, segmenter = read_regions(made_data), HalfBox()
    region_masks(data.train[:1], data.fingerprint, segmenter, tmp_path)
    assert segmenter.boxes == [(0, 10, 48, 18)]


@pytest.mark.parametrize("counts", ["compressed", "uncompressed"])
def test_masks_of_the_file_may_be_rle(made_data, tmp_path, counts):
    mask = np.zeros((40, 48), np.bool_)
    mask[5:9, 7:9] = True
    runs = [7 * 40 + 5, 4, 36, 4, 39 * 40 + 31]
    rle = to_rle(mask) if counts == "compressed" else {"size": [40, 48], "counts": runs}
    assert sum(runs) == 40 * 48

    def annotate(described):
        described["annotations"][0]["segmentation"] = rle

    change(made_data, annotate)
    data = read_regions(made_data)
    rles = region_masks(data.train[:1], data.fingerprint, HalfBox(), tmp_path)
    np.testing.assert_array_equal(read_region(data.train[0], rles[data.train[0].id])[1], mask)


def test_a_damaged_mask_is_named(made_data, tmp_path):
    def damage(described):
        described["annotations"][0]["segmentation"] = {"size": [40, 48], "counts": ["x"]}

    change(made_data, damage)
    data = read_regions(made_data)
    with pytest.raises(DataError, match=r"annotation 100 \(0.png\)"):
        region_masks(data.train[:1], data.fingerprint, HalfBox(), tmp_path)


def test_a_photo_of_another_size_than_annotated_is_named(made_data, tmp_path):
    def resize(described):
        described["images"][0]["width"] = 50

    change(made_data, resize)
    data = read_regions(made_data)
    with pytest.raises(DataError, match=r"0\.png is \(40, 48\).*annotated as \(40, 50\)"):
        region_masks(data.train[:1], data.fingerprint, HalfBox(), tmp_path)
