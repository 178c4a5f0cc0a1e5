"""Cut-outs become the tensors that the modules read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rvernet_app.model.baseline import SinglePictureConfig
from rvernet_app.model.preprocessing import Preprocessing, normalise
from rvernet_app.model.rvernet import ModuleSpec, RveRNetConfig
from rvernet_app.picture.cutouts import Letterbox
from rvernet_app.types import Cutouts, Photo

HALF = ModuleSpec("mobilenetv2_035", {}, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNLIKE = ModuleSpec("mobilenetv2_035", {}, (0.0, 0.2, 0.4), (1.0, 0.5, 0.25))
BOTH = {"roi": HALF, "extra_roi": HALF}


def test_pixels_are_scaled_and_normalised_per_channel() -> None:
    squares = np.zeros((1, 1, 2, 3), np.uint8)
    squares[0, 0, 1] = (255, 51, 102)
    expected = torch.tensor([[[[0.0, 1.0]], [[-0.4, 0.0]], [[-1.6, 0.0]]]])  # (1, 3, 1, 2)
    torch.testing.assert_close(normalise(squares, UNLIKE), expected, atol=1e-6, rtol=0)


def test_each_picture_gets_its_own_modules_statistics_and_the_padding_is_grey() -> None:
    cutouts = Cutouts(np.full((1, 2, 3), 255, np.uint8), np.zeros((1, 2, 3), np.uint8))
    roi, extra_roi = Preprocessing(Letterbox(2, padding=51), {"roi": HALF, "extra_roi": UNLIKE})([cutouts])
    grey = 51 / 255
    assert roi.shape == extra_roi.shape == (1, 3, 2, 2)
    torch.testing.assert_close(roi[0, 0], torch.tensor([[1.0, 1.0], [2 * grey - 1] * 2]))
    torch.testing.assert_close(extra_roi[0, 2], torch.tensor([[-1.6, -1.6], [(grey - 0.4) / 0.25] * 2]))


def test_a_blanked_context_is_black_before_the_padding() -> None:
    photo = np.full((1, 2, 3), 200, np.uint8)
    preprocess = Preprocessing(Letterbox(2, padding=255), BOTH)
    roi, extra_roi = preprocess([Cutouts(photo, photo), Cutouts(photo, photo).without_context()])
    torch.testing.assert_close(roi[0], roi[1])
    torch.testing.assert_close(extra_roi[1, 0], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


def test_cutouts_of_different_sizes_make_one_batch() -> None:
    pairs = [Cutouts(p, p) for p in (np.zeros((5, 9, 3), np.uint8), np.zeros((30, 10, 3), np.uint8))]
    roi, extra_roi = Preprocessing(Letterbox(8), BOTH)(pairs)
    assert roi.shape == extra_roi.shape == (2, 3, 8, 8)


@pytest.mark.parametrize(("picture", "value"), [("photo", 255), ("roi", 55), ("extra_roi", 200)])
def test_a_baseline_gets_its_one_picture(picture: str, value: int) -> None:
    cutouts = Cutouts(np.full((2, 2, 3), 55, np.uint8), np.full((2, 2, 3), 200, np.uint8))
    preprocessing = Preprocessing(Letterbox(2), {picture: HALF})
    (pixels,) = preprocessing([cutouts, cutouts])
    torch.testing.assert_close(pixels, torch.full((2, 3, 2, 2), value / 127.5 - 1))


def test_photos_of_many_cutouts_are_not_mixed_up() -> None:
    levels = range(0, 100, 5)
    cutouts = [Cutouts(*(np.full((2, 2, 3), level, np.uint8) for _ in range(2))) for level in levels]
    (pixels,) = Preprocessing(Letterbox(2), {"photo": UNLIKE})(cutouts)
    torch.testing.assert_close(pixels[:, 0, 0, 0], torch.tensor([2 * level / 255 for level in levels]))


def test_a_shared_picture_is_letterboxed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Photo] = []

    def apply(letterbox: Letterbox, picture: Photo) -> Photo:
        seen.append(picture)
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(Letterbox, "apply", apply)
    photo = np.zeros((2, 2, 3), np.uint8)
    cutouts = Cutouts(photo, photo.copy())
    Preprocessing(Letterbox(2), BOTH)([cutouts, cutouts.without_context()])
    assert len(seen) == 3


def test_preprocessing_follows_the_config_of_a_model() -> None:
    rvernet = Preprocessing.of(RveRNetConfig(HALF, UNLIKE, 3, input_size=64), padding=90)
    assert (rvernet.letterbox, list(rvernet.modules)) == (Letterbox(64, 90), ["roi", "extra_roi"])
    assert list(rvernet.modules.values()) == [HALF, UNLIKE]
    baseline = Preprocessing.of(SinglePictureConfig("photo", UNLIKE, 3, input_size=64), padding=90)
    assert baseline == Preprocessing(Letterbox(64, 90), {"photo": UNLIKE})
