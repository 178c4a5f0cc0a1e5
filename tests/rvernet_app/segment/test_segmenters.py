"""Tests that every segmenter must pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from rvernet_app.errors import PromptError
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.segment.mobile_sam import TinyVitEncoder
from rvernet_app.segment.sam import SamSegmenter
from rvernet_app.segment.small_sam import build_small_sam
from rvernet_app.types import Candidates, Embedding, Photo, Prompt


def small_sam(image_encoder: ImageEncoderViT | TinyVitEncoder, channels: int) -> Sam:
    photo_side = int(image_encoder.img_size)
    side = photo_side // 16
    return Sam(
        image_encoder=image_encoder,
        prompt_encoder=PromptEncoder(
            embed_dim=channels,
            image_embedding_size=(side, side),
            input_image_size=(photo_side, photo_side),
            mask_in_chans=4,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=channels,
            transformer=TwoWayTransformer(depth=1, embedding_dim=channels, mlp_dim=32, num_heads=2),
            iou_head_hidden_dim=16,
        ),
    )


def vit() -> Segmenter:
    encoder = ImageEncoderViT(
        img_size=128, patch_size=16, embed_dim=16, depth=1, num_heads=2, out_chans=16, window_size=0
    )
    return SamSegmenter("vit_b", "random", small_sam(encoder, 16))


def own_small_sam() -> Segmenter:
    return SamSegmenter("small_sam", "random", build_small_sam())


def mobile_sam() -> Segmenter:
    return SamSegmenter("mobile_sam", "random", small_sam(TinyVitEncoder(img_size=128), 256))


@pytest.fixture(
    scope="module", params=[GrabCutSegmenter, vit, mobile_sam, own_small_sam], ids=lambda make: make.__name__
)
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    torch.manual_seed(0)
    make: Callable[[], Segmenter] = request.param
    return make()


@pytest.fixture(scope="module")
def photo() -> Photo:
    picture = np.full((90, 140, 3), np.array((200, 200, 190), np.uint8))
    picture[30:60, 50:90] = (180, 60, 40)
    return picture


@pytest.fixture(scope="module")
def embedding(segmenter: Segmenter, photo: Photo) -> Embedding:
    return segmenter.encode(photo)


PROMPTS = {
    "a click": Prompt(((70, 45),), (1,)),
    "foreground and background points": Prompt(((70, 45), (60, 50), (10, 10)), (1, 1, 0)),
    "a box": Prompt(box_xyxy=(40, 20, 100, 70)),
    "a box and points": Prompt(((70, 45), (45, 25)), (1, 0), box_xyxy=(40, 20, 100, 70)),
    "a box over the edge": Prompt(box_xyxy=(-10, -10, 100, 70)),
    "a click in the corner": Prompt(((139.9, 89.9),), (1,)),
}


def assert_well_formed(candidates: Candidates) -> None:
    assert 1 <= len(candidates.masks) <= 3
    assert candidates.masks.shape[1:] == (90, 140)
    assert candidates.masks.any((1, 2)).all()
    assert candidates.scores.dtype == candidates.low_res.dtype == np.float32
    assert ((candidates.scores >= 0) & (candidates.scores <= 1)).all()


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_any_prompt_gives_well_formed_candidates(
    segmenter: Segmenter, embedding: Embedding, prompt: Prompt
) -> None:
    assert_well_formed(segmenter.predict(embedding, prompt))


def test_each_candidate_can_be_refined(segmenter: Segmenter, embedding: Embedding) -> None:
    first = segmenter.predict(embedding, PROMPTS["a click"])
    for previous in first.low_res:
        prompt = Prompt(((70, 45), (75, 50)), (1, 1), low_res_mask=previous)
        assert_well_formed(segmenter.predict(embedding, prompt))


def test_the_same_prompt_gives_the_same_answer(
    segmenter: Segmenter, photo: Photo, embedding: Embedding
) -> None:
    before = photo.copy(), embedding.features.copy()
    one = segmenter.predict(embedding, PROMPTS["a click"])
    other = segmenter.predict(segmenter.encode(photo), PROMPTS["a click"])
    np.testing.assert_array_equal(one.masks, other.masks)
    np.testing.assert_array_equal(photo, before[0])
    np.testing.assert_array_equal(embedding.features, before[1])


def test_an_embedding_names_its_segmenter_and_the_size_of_its_photo(
    segmenter: Segmenter, embedding: Embedding
) -> None:
    assert (embedding.segmenter, embedding.size_hw) == (segmenter.name, (90, 140))
    assert isinstance(embedding.features, np.ndarray)
    assert isinstance(segmenter.fingerprint, str)
    assert segmenter.fingerprint


def test_a_prompt_outside_the_photo_is_refused(segmenter: Segmenter, embedding: Embedding) -> None:
    with pytest.raises(PromptError, match="outside"):
        segmenter.predict(embedding, Prompt(((140, 45),), (1,)))


def test_another_segmenters_embedding_is_refused(segmenter: Segmenter, embedding: Embedding) -> None:
    foreign = Embedding("another", embedding.size_hw, embedding.features)
    with pytest.raises(ValueError, match="another"):
        segmenter.predict(foreign, PROMPTS["a click"])


def test_the_protocols_signatures(segmenter: Segmenter) -> None:
    for method in ("encode", "predict"):
        wanted = list(inspect.signature(getattr(Segmenter, method)).parameters)[1:]
        assert list(inspect.signature(getattr(segmenter, method)).parameters) == wanted
