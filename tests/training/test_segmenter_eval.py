import json

import cv2
import numpy as np
import pytest

from rvernet_app.errors import SegmentationError
from rvernet_app.picture.masks import to_rle
from rvernet_app.types import Candidates, Embedding
from training import segmenter_eval
from training.segmenter_eval import Answer, answer, summary


class Stub:
    """Answers the n-th click with the n-th mask, and a box with the box; None means nothing was found."""

    name, fingerprint = "stub", "1"

    def __init__(self, *masks):
        self.masks = masks

    def encode(self, photo):
        return Embedding("stub", photo.shape[:2], np.zeros((1, 1, 1, 1), np.float32))

    def predict(self, embedding, prompt):
        if prompt.box_xyxy is not None:
            left, top, right, bottom = (int(v) for v in prompt.box_xyxy)
            found = np.zeros(embedding.size_hw, bool)
            found[top:bottom, left:right] = True
        else:
            found = self.masks[min(len(prompt.points_xy), len(self.masks)) - 1]
        if found is None:
            raise SegmentationError("nothing")
        return Candidates(found[None], np.ones(1, np.float32), np.zeros((1, 2, 2), np.float32))


def square(left, top, right, bottom, size_hw=(20, 30)):
    mask = np.zeros(size_hw, bool)
    mask[top:bottom, left:right] = True
    return mask


TRUE = square(5, 5, 15, 15)
HALF = square(5, 5, 10, 15)


@pytest.fixture
def embedding():
    return Embedding("stub", (20, 30), np.zeros((1, 1, 1, 1), np.float32))


def test_clicks_go_on_until_the_mask_is_right(embedding):
    found = answer(Stub(HALF, TRUE), embedding, TRUE, clicks=4)
    assert found == Answer((0.5, 1.0, 1.0, 1.0), 0.5, 1.0)


def test_where_nothing_is_found_the_mask_so_far_counts(embedding):
    assert answer(Stub(None, HALF, None), embedding, TRUE, clicks=3).click_ious == (0.0, 0.5, 0.5)


def test_summary_means_over_foods():
    figures = summary([Answer((0.5, 0.9, 0.9), 0.6, 0.8), Answer((0.86, 0.86, 0.86), 1.0, 1.0)])
    assert figures == {
        "foods": 2,
        "mIoU@1": 0.68,
        "mIoU@2": 0.88,
        "mIoU@3": 0.88,
        "best of 3": 0.8,
        "box IoU": 0.9,
        "NoC@80": 1.5,
        "NoC@85": 1.5,
        "NoC@90": 2.5,
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    photo = np.full((60, 90, 3), 220, np.uint8)
    photo[15:45, 30:60] = (20, 40, 180)
    annotations = []
    for i in range(2):
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), photo)
        rle = to_rle(square(30, 15, 60, 45, (60, 90)))
        annotations.append({"id": i, "image_id": i, "category_id": 1, "segmentation": rle})
    images = [
        {"id": i, "file_name": f"{i}.png", "width": 90, "height": 60, "group": f"g{i}"} for i in range(2)
    ]
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "tofu"}]}
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    return tmp_path


def test_the_command_measures_a_folder(folder, capsys):
    command = ["--segmenter", "grabcut", "--data", str(folder), "--clicks", "3"]
    assert segmenter_eval.main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["segmenter"], report["foods"]) == ("grabcut", 2)
    assert report["mIoU@1"] > 0.9
    assert segmenter_eval.main([*command, "--groups", "g1"]) == 0
    assert "foods 1.0" in capsys.readouterr().out


@pytest.mark.parametrize("extra", [[], ["--no-photos"]])
def test_a_sheet_shows_the_masks(folder, tmp_path, extra):
    sheet = tmp_path / "sheet.jpg"
    command = [
        "--segmenter",
        "grabcut",
        "--data",
        str(folder),
        "--clicks",
        "1",
        "--sheet",
        str(sheet),
        *extra,
    ]
    assert segmenter_eval.main(command) == 0
    tile = cv2.imread(str(sheet))[:184, :244]
    orange = (np.abs(tile.astype(int) - (0, 176, 255)) < 60).all(axis=2)
    rows, columns = np.nonzero(orange)
    assert 60 < np.ptp(columns) < 100
    assert 60 < np.ptp(rows) < 100


@pytest.mark.parametrize(
    "arguments",
    [["--segmenter", "scissors"], ["--clicks", "0"], ["--split", "test"], ["--groups", "g9"]],
    ids=lambda arguments: arguments[0],
)
def test_what_cannot_be_measured_ends_with_one_line(folder, arguments, capsys):
    assert segmenter_eval.main(["--data", str(folder), *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_missing_folder_ends_with_one_line(tmp_path, capsys):
    assert segmenter_eval.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
