"""SAM behind the Segmenter protocol, compared with SamPredictor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from segment_anything import SamPredictor
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from rvernet_app.errors import NoFoodError, PromptError, WeightsError
from rvernet_app.picture.masks import bbox_xywh
from rvernet_app.segment.prompted import Outputs
from rvernet_app.segment.sam import SamSegmenter, build_vit, load_sam
from rvernet_app.segment.small_sam import build_small_sam
from rvernet_app.types import Candidates, Mask, Photo, Prompt

CPU = torch.device("cpu")
CLICK = Prompt(((70.0, 40.0),), (1,))
PROMPTS = {
    "click": CLICK,
    "points": Prompt(((70.0, 40.0), (20.5, 10.25)), (1, 0)),
    "box": Prompt(box_xyxy=(10.0, 12.0, 90.0, 55.0)),
    "box and point": Prompt(((30.0, 30.0),), (1,), box_xyxy=(10.0, 12.0, 90.0, 55.0)),
}


def tiny_sam() -> Sam:
    """Build a SAM with an input side of 64 instead of 1024: embeddings (1, 16, 8, 8), logits 32 x 32."""
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=64, patch_size=8, embed_dim=16, depth=2, num_heads=2, out_chans=16, use_rel_pos=True,
            window_size=4, global_attn_indexes=(1,),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=16, image_embedding_size=(8, 8), input_image_size=(64, 64), mask_in_chans=4
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(depth=2, embedding_dim=16, mlp_dim=32, num_heads=2),
            iou_head_hidden_dim=16,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def random_sam() -> Sam:
    torch.manual_seed(3)
    return tiny_sam().eval()


@pytest.fixture(scope="module")
def checkpoint(random_sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save(random_sam.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def segmenter(checkpoint: Path) -> SamSegmenter:
    return load_sam("vit_b", checkpoint, tiny_sam, CPU)


@pytest.fixture(scope="module")
def photo() -> Photo:
    return np.random.default_rng(0).integers(0, 256, (75, 110, 3), np.uint8)


def predictor_answer(
    sam: Sam, photo: Photo, prompt: Prompt, multimask: bool
) -> tuple[Mask, NDArray[np.float32], NDArray[np.float32]]:
    predictor = SamPredictor(sam)
    predictor.set_image(photo)
    masks, scores, logits = predictor.predict(
        point_coords=np.array(prompt.points_xy) if prompt.points_xy else None,
        point_labels=np.array(prompt.point_labels) if prompt.points_xy else None,
        box=None if prompt.box_xyxy is None else np.array(prompt.box_xyxy),
        mask_input=None if prompt.low_res_mask is None else prompt.low_res_mask[None],
        multimask_output=multimask,
    )
    return masks, scores, logits


def test_the_embedding_is_sam_predictors(segmenter: SamSegmenter, random_sam: Sam, photo: Photo) -> None:
    predictor = SamPredictor(random_sam)
    predictor.set_image(photo)
    embedding = segmenter.encode(photo)
    assert embedding.features.shape == (1, 16, 8, 8)
    assert embedding.features.dtype == np.float32
    assert embedding.size_hw == (75, 110)
    np.testing.assert_allclose(embedding.features.astype(np.float32), predictor.features.numpy(), atol=1e-6)


@pytest.mark.parametrize("name", [*PROMPTS, "mask"])
def test_the_outputs_are_sam_predictors(
    segmenter: SamSegmenter, random_sam: Sam, photo: Photo, name: str
) -> None:
    embedding = segmenter.encode(photo)
    if name == "mask":
        previous = segmenter.outputs(embedding, CLICK).logits[1]
        prompt = Prompt(CLICK.points_xy, CLICK.point_labels, low_res_mask=previous)
    else:
        prompt = PROMPTS[name]
    masks, single_score, single = predictor_answer(random_sam, photo, prompt, multimask=False)
    nested_masks, scores, nested = predictor_answer(random_sam, photo, prompt, multimask=True)
    outputs = segmenter.outputs(embedding, prompt)
    np.testing.assert_allclose(outputs.logits, np.concatenate([single, nested]), atol=1e-5)
    np.testing.assert_allclose(outputs.scores, [*single_score, *scores], atol=1e-5)
    for logits, expected in zip(outputs.logits, (*masks, *nested_masks), strict=True):
        np.testing.assert_array_equal(segmenter.enlarge(logits, (75, 110)), expected)


def test_masks_stay_within_a_box(random_sam: Sam, photo: Photo) -> None:
    segmenter = SamSegmenter("small_sam", "random", random_sam)
    found = segmenter.predict(segmenter.encode(photo), Prompt(box_xyxy=(20, 15, 60, 45)))
    x, y, width, height = bbox_xywh(np.logical_or.reduce(found.masks))
    assert x >= 17
    assert y >= 12
    assert x + width <= 63
    assert y + height <= 48


@pytest.mark.parametrize("size_hw", [(64, 64), (200, 40), (1, 30)])
def test_masks_have_the_photos_size(segmenter: SamSegmenter, size_hw: tuple[int, int]) -> None:
    photo = np.full((*size_hw, 3), 90, np.uint8)
    candidates = segmenter.predict(segmenter.encode(photo), Prompt(((0.0, 0.0),), (1,)))
    assert candidates.masks.shape[1:] == size_hw


def test_safetensors_and_half_precision_load_too(
    random_sam: Sam, segmenter: SamSegmenter, tmp_path: Path, photo: Photo
) -> None:
    path = tmp_path / "tiny.safetensors"
    save_file({name: tensor.half() for name, tensor in random_sam.state_dict().items()}, path)
    loaded = load_sam("vit_b", path, tiny_sam, CPU)
    exact, found = (each.encode(photo).features for each in (segmenter, loaded))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.astype(np.float32), exact.astype(np.float32), atol=0.02)
    assert loaded.fingerprint != segmenter.fingerprint


def test_the_official_models_are_built_without_memory_and_take_weights() -> None:
    official = build_vit("vit_b")
    assert all(parameter.is_meta for parameter in official.parameters())
    assert not official.pixel_mean.is_meta
    assert official.image_encoder.img_size == 1024
    assert official.state_dict()["image_encoder.pos_embed"].shape == (1, 64, 64, 768)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="does not hold the weights of vit_b"):
        load_sam("vit_b", path, tiny_sam, CPU)
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="is not a dictionary of weights"):
        load_sam("vit_b", path, tiny_sam, CPU)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save(Evil(tmp_path / "ran"), path)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_sam("vit_b", path, tiny_sam, CPU)
    assert not (tmp_path / "ran").exists()


class Evil:
    """Creates the file `witness` when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self.witness).touch, (self.witness,)


def test_a_previous_mask_of_another_size_is_refused(segmenter: SamSegmenter, photo: Photo) -> None:
    prompt = Prompt(CLICK.points_xy, CLICK.point_labels, low_res_mask=np.zeros((5, 5), np.float32))
    with pytest.raises(PromptError, match="32 x 32"):
        segmenter.predict(segmenter.encode(photo), prompt)


def answer(
    segmenter: SamSegmenter,
    photo: Photo,
    monkeypatch: pytest.MonkeyPatch,
    logits: NDArray[np.float32],
    scores: list[float],
) -> Candidates:
    """Predict from four given decoder outputs, float32 (4, 32, 32)."""
    outputs = Outputs(logits, np.array(scores, np.float32))
    monkeypatch.setattr(segmenter, "outputs", lambda *_: outputs)
    return segmenter.predict(segmenter.encode(photo), CLICK)


def test_candidates_are_best_first_without_empty_and_like_ones(
    segmenter: SamSegmenter, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = np.full((4, 32, 32), -2, np.float32)
    logits[0, 4:20, 4:28] = 2
    logits[1, 4:20, 5:28] = 2  # hardly smaller
    logits[3, 8:16, 16:24] = 2
    candidates = answer(segmenter, photo, monkeypatch, logits, [0.1, 0.75, 0.875, 0.5])
    np.testing.assert_allclose(candidates.scores, [0.75, 0.5])
    assert candidates.kinds == ("whole", "part")


def test_finding_nothing_is_an_error(
    segmenter: SamSegmenter, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoFoodError, match="box"):
        answer(segmenter, photo, monkeypatch, np.full((4, 32, 32), -1, np.float32), [0.1, 0.5, 0.9, 0.7])


def test_fragments_and_pinholes_are_removed(
    segmenter: SamSegmenter, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = np.full((4, 32, 32), -1, np.float32)
    logits[:, 4:20, 4:28] = 1
    logits[:, 10, 10] = -1
    logits[:, 0, 31] = 1
    mask = answer(segmenter, photo, monkeypatch, logits, [0.1, 0.5, 0.9, 0.7]).masks[0]
    logits[:, 10, 10] = 1
    logits[:, 0, 31] = -1
    np.testing.assert_array_equal(
        mask, answer(segmenter, photo, monkeypatch, logits, [0.1, 0.5, 0.9, 0.7]).masks[0]
    )


def test_a_photo_thinner_than_a_pixel_of_the_model_keeps_one() -> None:
    segmenter = SamSegmenter("sam", "0", build_small_sam())
    assert segmenter.frame((65000, 4)).inner_hw[1] == 1
    assert segmenter.frame((1, 30000)).shrink(np.zeros((1, 30000, 3), np.uint8)).shape[0] == 1
