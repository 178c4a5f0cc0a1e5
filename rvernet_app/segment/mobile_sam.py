"""MobileSAM (Zhang et al. 2023, arXiv 2306.14289): a TinyViT (arXiv 2207.10666) image encoder in SAM.

The encoder is timm's TinyViT with MobileSAM's two changes: the last downsampling keeps the resolution, so
that a photo of 1024 x 1024 becomes 64 x 64 features, and SAM's neck replaces the classifier.

Verified: the names in the published `mobile_sam.pt`, as printed in public repositories, map one to one onto
this model; the shapes follow from the published architecture; with random weights the encoder agrees with an
independent implementation. Not verified: the published file itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from timm.models.tiny_vit import TinyVit
from torch import nn

PHOTO_SIDE = 1024
FEATURE_SIDE = 64
CHANNELS = 256


class TinyVitEncoder(nn.Module):
    """Image encoder: normalised photo (B, 3, S, S) -> features (B, 256, S/16, S/16).

    Attributes:
        img_size: S, under the name that Sam expects.
    """

    def __init__(self, img_size: int = PHOTO_SIDE) -> None:
        super().__init__()
        self.img_size = img_size
        tiny_vit = TinyVit(
            num_classes=0,
            embed_dims=(64, 128, 160, 320),
            depths=(2, 2, 6, 2),
            num_heads=(2, 4, 5, 10),
            window_sizes=(7, 7, 14, 7),
            drop_path_rate=0.0,
        )
        tiny_vit.stages[-1].downsample.conv2.conv.stride = (1, 1)
        self.patch_embed = tiny_vit.patch_embed
        self.stages = tiny_vit.stages
        self.neck = nn.Sequential(
            nn.Conv2d(tiny_vit.num_features, CHANNELS, kernel_size=1, bias=False),
            LayerNorm2d(CHANNELS),
            nn.Conv2d(CHANNELS, CHANNELS, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(CHANNELS),
        )

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        features = self.patch_embed(photo)  # (B, 64, S/4, S/4)
        features = self.stages(features)  # (B, 320, S/16, S/16)
        encoded: torch.Tensor = self.neck(features)
        return encoded  # (B, 256, S/16, S/16)


def build_mobile_sam() -> Sam:
    """Build MobileSAM with random weights; only the image encoder differs from the published SAMs."""
    return Sam(
        image_encoder=TinyVitEncoder(),
        prompt_encoder=PromptEncoder(
            embed_dim=CHANNELS,
            image_embedding_size=(FEATURE_SIDE, FEATURE_SIDE),
            input_image_size=(PHOTO_SIDE, PHOTO_SIDE),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=CHANNELS, mlp_dim=2048, num_heads=8),
            transformer_dim=CHANNELS,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )


def from_published(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of the published file to the names of this model; names of this model stay
    unchanged.

    The unused ImageNet classifier (`norm_head`, `head`) is dropped. The downsampling at the end of a
    published layer is the beginning of the next stage in timm.
    """
    return {
        _renamed(key): value
        for key, value in state.items()
        if not key.startswith(("image_encoder.norm_head.", "image_encoder.head."))
    }


def _renamed(key: str) -> str:
    if not key.startswith("image_encoder."):
        return key
    key = key.replace("patch_embed.seq.0.", "patch_embed.conv1.").replace(
        "patch_embed.seq.2.", "patch_embed.conv2."
    )
    key = re.sub(r"\.layers\.(\d+)\.downsample\.", lambda m: f".stages.{int(m[1]) + 1}.downsample.", key)
    key = key.replace(".layers.", ".stages.")
    return key.replace(".c.weight", ".conv.weight")
