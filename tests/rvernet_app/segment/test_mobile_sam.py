"""Names and shapes of the published MobileSAM file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from segment_anything.modeling import Sam

from rvernet_app.segment.mobile_sam import TinyVitEncoder, build_mobile_sam, from_published

Shapes = Iterator[tuple[str, tuple[int, ...]]]
State = dict[str, torch.Tensor]
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def conv_bn(prefix: str, out_channels: int, in_channels: int, kernel: int) -> Shapes:
    yield f"{prefix}.c.weight", (out_channels, in_channels, kernel, kernel)
    for name in BATCH_NORM:
        yield f"{prefix}.bn.{name}", (out_channels,)
    yield f"{prefix}.bn.num_batches_tracked", ()


def affine(prefix: str, *shape: int) -> Shapes:
    yield f"{prefix}.weight", shape
    yield f"{prefix}.bias", shape[:1]


def merging(prefix: str, channels: int, out_channels: int) -> Shapes:
    yield from conv_bn(f"{prefix}.conv1", out_channels, channels, 1)
    yield from conv_bn(f"{prefix}.conv2", out_channels, 1, 3)
    yield from conv_bn(f"{prefix}.conv3", out_channels, out_channels, 1)


def published_encoder() -> Shapes:
    """Names and shapes of the image encoder in the published `mobile_sam.pt`, written out independently."""
    yield from conv_bn("patch_embed.seq.0", 32, 3, 3)
    yield from conv_bn("patch_embed.seq.2", 64, 32, 3)
    for block in range(2):
        prefix = f"layers.0.blocks.{block}"
        yield from conv_bn(f"{prefix}.conv1", 256, 64, 1)
        yield from conv_bn(f"{prefix}.conv2", 256, 1, 3)
        yield from conv_bn(f"{prefix}.conv3", 64, 256, 1)
    yield from merging("layers.0.downsample", 64, 128)
    stages = ((1, 128, 2, 4, 7), (2, 160, 6, 5, 14), (3, 320, 2, 10, 7))
    for layer, channels, depth, heads, window in stages:
        for block in range(depth):
            prefix = f"layers.{layer}.blocks.{block}"
            yield f"{prefix}.attn.attention_biases", (heads, window * window)
            yield from affine(f"{prefix}.attn.norm", channels)
            yield from affine(f"{prefix}.attn.qkv", 3 * channels, channels)
            yield from affine(f"{prefix}.attn.proj", channels, channels)
            yield from affine(f"{prefix}.mlp.norm", channels)
            yield from affine(f"{prefix}.mlp.fc1", 4 * channels, channels)
            yield from affine(f"{prefix}.mlp.fc2", channels, 4 * channels)
            yield from conv_bn(f"{prefix}.local_conv", channels, 1, 3)
    yield from merging("layers.1.downsample", 128, 160)
    yield from merging("layers.2.downsample", 160, 320)
    yield from affine("norm_head", 320)
    yield from affine("head", 1000, 320)
    yield "neck.0.weight", (256, 320, 1, 1)
    yield from affine("neck.1", 256)
    yield "neck.2.weight", (256, 256, 3, 3)
    yield from affine("neck.3", 256)


@pytest.fixture(scope="module")
def mobile_sam() -> Sam:
    return build_mobile_sam()


@pytest.fixture(scope="module")
def published(mobile_sam: Sam) -> State:
    """A state dict with the names of the published file."""
    state = {f"image_encoder.{name}": torch.rand(shape) for name, shape in published_encoder()}
    own = mobile_sam.state_dict().items()
    return state | {name: value.clone() for name, value in own if not name.startswith("image_encoder.")}


def test_the_published_names_are_as_many_as_in_the_file() -> None:
    """The encoder has 302 names; 4 of them belong to the unused classifier."""
    names = [name for name, _ in published_encoder()]
    assert len(names) == len(set(names)) == 302


def test_every_published_weight_is_loaded(mobile_sam: Sam, published: State) -> None:
    mobile_sam.load_state_dict(from_published(published))
    own = mobile_sam.state_dict()
    for theirs, ours in (
        ("patch_embed.seq.2.c.weight", "patch_embed.conv2.conv.weight"),
        ("layers.0.blocks.1.conv3.bn.bias", "stages.0.blocks.1.conv3.bn.bias"),
        ("layers.2.downsample.conv2.c.weight", "stages.3.downsample.conv2.conv.weight"),
        ("layers.2.blocks.5.local_conv.c.weight", "stages.2.blocks.5.local_conv.conv.weight"),
        ("layers.3.blocks.1.attn.attention_biases", "stages.3.blocks.1.attn.attention_biases"),
        ("neck.3.bias", "neck.3.bias"),
    ):
        torch.testing.assert_close(own[f"image_encoder.{ours}"], published[f"image_encoder.{theirs}"])


def test_a_missing_weight_is_noticed(mobile_sam: Sam, published: State) -> None:
    state = from_published(published)
    del state["image_encoder.stages.2.blocks.3.attn.attention_biases"]
    with pytest.raises(RuntimeError, match="attention_biases"):
        mobile_sam.load_state_dict(state)


def test_names_of_this_model_are_kept(mobile_sam: Sam) -> None:
    own = mobile_sam.state_dict()
    assert from_published(own).keys() == own.keys()


def test_the_last_downsampling_keeps_the_resolution() -> None:
    encoder = TinyVitEncoder(img_size=64).eval()
    with torch.inference_mode():
        assert encoder(torch.zeros(1, 3, 64, 64)).shape == (1, 256, 4, 4)
