"""The small SAM and its bundled weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rvernet_app.config import AppConfig
from rvernet_app.segment.registry import SMALL_SAM_PATH, open_segmenter
from rvernet_app.segment.small_sam import CHANNELS, PHOTO_SIDE, STRIDE, PyramidEncoder, build_small_sam
from rvernet_app.types import Prompt


def test_features_have_stride_8_at_any_multiple_of_32() -> None:
    encoder = PyramidEncoder().eval()
    with torch.inference_mode():
        assert encoder(torch.zeros(2, 3, 64, 96)).shape == (2, CHANNELS, 8, 12)


def test_every_level_reaches_the_features() -> None:
    encoder = PyramidEncoder().eval()
    photo = torch.rand(1, 3, 64, 64, requires_grad=True)
    levels = encoder.backbone(photo)
    for level in levels:
        level.retain_grad()
    encoder.backbone.forward = lambda _: levels
    encoder(photo).sum().backward()
    assert all(level.grad.abs().sum() > 0 for level in levels)


def test_the_position_is_that_of_the_whole_grid() -> None:
    encoder = PyramidEncoder()
    torch.nn.init.normal_(encoder.to_place.weight)
    whole = encoder.place((0, 0), (56, 56))
    assert torch.equal(encoder.place((3, 40), (8, 16)), whole[..., 3:11, 40:56])
    photo = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(encoder(photo), encoder.look(photo) + whole[..., :8, :8])


def test_the_model_is_small() -> None:
    assert sum(p.numel() for p in build_small_sam().parameters()) <= 8_000_000


def test_the_decoder_expects_the_grid_of_the_encoder() -> None:
    sam = build_small_sam()
    side = PHOTO_SIDE // STRIDE
    assert sam.prompt_encoder.get_dense_pe().shape == (1, CHANNELS, side, side)
    assert tuple(sam.prompt_encoder.mask_input_size) == (4 * side, 4 * side)


def test_the_bundled_file_is_small_and_half_precision() -> None:
    assert SMALL_SAM_PATH.stat().st_size <= 16_000_000
    assert {value.dtype for value in load_file(SMALL_SAM_PATH).values()} == {torch.float16}


@pytest.mark.parametrize("at", [(60, 50), (140, 90)])
def test_one_click_on_a_plain_disc_with_the_bundled_model(at: tuple[int, int]) -> None:
    photo = np.full((150, 200, 3), (214, 212, 205), np.uint8)
    rows, columns = np.mgrid[:150, :200]
    disc = (columns - at[0]) ** 2 + (rows - at[1]) ** 2 < 34**2
    photo[disc] = (190, 70, 30)
    segmenter = open_segmenter(AppConfig(segmenter="small_sam", device="cpu"))
    found = segmenter.predict(segmenter.encode(photo), Prompt((at,), (1,)))
    assert (found.masks[0] & disc).sum() / (found.masks[0] | disc).sum() > 0.8
