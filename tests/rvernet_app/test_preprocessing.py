import numpy as np
import torch

from rvernet_app.cutouts import Letterbox
from rvernet_app.preprocessing import Preprocessing, normalise
from rvernet_app.rvernet import ModuleSpec
from rvernet_app.types import Cutouts

HALF = ModuleSpec("mobilenetv2_035", {}, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNLIKE = ModuleSpec("mobilenetv2_035", {}, (0.0, 0.2, 0.4), (1.0, 0.5, 0.25))


def test_pixels_are_scaled_and_normalised_per_channel():
    squares = np.zeros((1, 1, 2, 3), np.uint8)
    squares[0, 0, 1] = (255, 51, 102)
    expected = torch.tensor([[[[0.0, 1.0]], [[-0.4, 0.0]], [[-1.6, 0.0]]]])  # (1, 3, 1, 2)
    torch.testing.assert_close(normalise(squares, UNLIKE), expected, atol=1e-6, rtol=0)


def test_each_picture_gets_its_own_modules_statistics_and_the_padding_is_grey():
    cutouts = Cutouts(np.full((1, 2, 3), 255, np.uint8), np.zeros((1, 2, 3), np.uint8))
    roi, extra_roi = Preprocessing(Letterbox(2, padding=51), HALF, UNLIKE)([cutouts])
    grey = 51 / 255
    assert roi.shape == extra_roi.shape == (1, 3, 2, 2)
    torch.testing.assert_close(roi[0, 0], torch.tensor([[1.0, 1.0], [2 * grey - 1] * 2]))
    torch.testing.assert_close(extra_roi[0, 2], torch.tensor([[-1.6, -1.6], [(grey - 0.4) / 0.25] * 2]))


def test_a_blanked_context_is_black_before_the_padding():
    photo = np.full((1, 2, 3), 200, np.uint8)
    preprocess = Preprocessing(Letterbox(2, padding=255), HALF, HALF)
    roi, extra_roi = preprocess([Cutouts(photo, photo), Cutouts(photo, photo).without_context()])
    torch.testing.assert_close(roi[0], roi[1])
    torch.testing.assert_close(extra_roi[1, 0], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


def test_cutouts_of_unlike_sizes_make_one_batch():
    pairs = [Cutouts(p, p) for p in (np.zeros((5, 9, 3), np.uint8), np.zeros((30, 10, 3), np.uint8))]
    roi, extra_roi = Preprocessing(Letterbox(8), HALF, HALF)(pairs)
    assert roi.shape == extra_roi.shape == (2, 3, 8, 8)
