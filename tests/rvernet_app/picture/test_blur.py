"""Parts of a photo that are blurred, and the face finder."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.errors import PromptError, WeightsError
from rvernet_app.picture.blur import BLOCKS, blurred
from rvernet_app.picture.faces import face_weights, find_faces

PHOTO = np.random.default_rng(3).integers(0, 256, (60, 100, 3), np.uint8)


def test_a_box_keeps_nothing_but_the_means_of_its_blocks() -> None:
    before = PHOTO.copy()
    result = blurred(PHOTO, [(10, 20, 60, 40)])
    box = result[20:40, 10:60]
    assert len(np.unique(box.reshape(-1, 3), axis=0)) == BLOCKS * 2
    mean = PHOTO[20:30, 10:20].mean((0, 1))
    np.testing.assert_allclose(box[:10, :10], np.broadcast_to(mean, (10, 10, 3)), atol=1)
    outside = np.ones((60, 100), bool)
    outside[20:40, 10:60] = False
    np.testing.assert_array_equal(result[outside], PHOTO[outside])
    np.testing.assert_array_equal(PHOTO, before)


def test_a_box_beyond_the_border_counts_inside_the_photo() -> None:
    np.testing.assert_array_equal(blurred(PHOTO, [(-50, -9, 7, 5)]), blurred(PHOTO, [(0, 0, 7, 5)]))
    assert len(np.unique(blurred(PHOTO, [(0, 0, 100, 1)])[0], axis=0)) == BLOCKS


@pytest.mark.parametrize("boxes", [[], [(100, 0, 120, 10)], [(5, 5, 5, 9)], [(9, 5, 5, 9)]])
def test_a_box_with_nothing_in_it_is_refused(boxes: list[tuple[int, int, int, int]]) -> None:
    with pytest.raises(PromptError):
        blurred(PHOTO, boxes)


def test_weights_of_the_face_finder_are_found_by_their_name(tmp_path: Path) -> None:
    assert face_weights(tmp_path / "absent") is None
    (tmp_path / "sam_vit_b.onnx").touch()
    assert face_weights(tmp_path) is None
    for name in ("face_detection_yunet_2022mar.onnx", "face_detection_yunet_2023mar.onnx"):
        (tmp_path / name).touch()
    assert face_weights(tmp_path) == tmp_path / "face_detection_yunet_2023mar.onnx"


def test_damaged_weights_of_the_face_finder_are_named(tmp_path: Path) -> None:
    weights = tmp_path / "face_detection_yunet_2023mar.onnx"
    weights.write_bytes(b"not a network")
    with pytest.raises(WeightsError, match="damaged or of another kind"):
        find_faces(PHOTO, weights)


def test_faces_come_back_in_the_pixels_of_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def detect(self, picture: NDArray[np.uint8]) -> tuple[int, NDArray[np.float32]]:
            assert picture.shape == (640, 1280, 3)
            np.testing.assert_array_equal(picture[0, 0], [30, 20, 10])  # OpenCV's order: blue first
            return 1, np.array([[100, 50, 10, 20, *[0] * 10, 0.9]], np.float32)

    monkeypatch.setattr("cv2.FaceDetectorYN.create", lambda *given: Finder())
    photo = np.full((1280, 2560, 3), (10, 20, 30), np.uint8)
    assert find_faces(photo, tmp_path / "any.onnx") == [(196, 92, 225, 149)]
