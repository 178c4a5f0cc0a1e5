"""A small SAM for CPUs: MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) with a feature pyramid (Lin et al. 2017,
arXiv 1612.03144) as image encoder; prompt encoder and mask decoder are segment_anything's, half as wide.

Features have stride 8 instead of SAM's 16: a photo of 448 x 448 becomes a grid of 56 x 56, and masks come
out at stride 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import timm
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.prompt_encoder import PositionEmbeddingRandom
from torch import Tensor, nn
from torch.nn import functional

PHOTO_SIDE = 448
STRIDE = 8
CHANNELS = 128
BACKBONE = "mobilenetv2_100"
PIXEL_MEAN = PIXEL_STD = (127.5, 127.5, 127.5)


class PyramidEncoder(nn.Module):
    """(B, 3, S, S) normalised photo -> (B, C, S/8, S/8) features; S is a multiple of 32 up to `img_size`.

    A convolution does not know where it is, but the mask decoder has to tell what is near a click; so the place is
    added to the features, as a transformer's encoder has it from its position embeddings.

    Attributes:
        img_size: side of the squares it was trained for, where SAM looks for it.
        backbone: timm's MobileNetV2 with TensorFlow's padding; four levels, strides 4 to 32.
    """

    def __init__(self, img_size: int = PHOTO_SIDE, channels: int = CHANNELS) -> None:
        super().__init__()
        self.img_size = img_size
        self.backbone = timm.create_model(
            BACKBONE, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4), pad_type="same"
        )
        fine, *coarse = self.backbone.feature_info.channels()
        self.fine = nn.Conv2d(4 * fine, channels, kernel_size=1)
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, kernel_size=1) for c in coarse)
        self.mix = nn.ModuleList(Mix(channels) for _ in coarse)
        self.neck = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(channels),
        )
        self.position = PositionEmbeddingRandom(channels // 2)
        self.to_place = nn.Conv2d(channels, channels, kernel_size=1, bias=False)
        nn.init.zeros_(self.to_place.weight)

    def forward(self, photo: Tensor) -> Tensor:
        features = self.look(photo)
        return features + self.place((0, 0), features.shape[-2:])  # (B, C, S/8, S/8)

    def place(self, offset_yx: tuple[int, int], size_hw: Sequence[int]) -> Tensor:
        """What is added to features that begin at this cell of the whole grid, (1, C, h, w)."""
        side = self.img_size // STRIDE
        (row, column), (height, width) = offset_yx, size_hw
        return self.to_place(self.position((side, side))[None])[
            ..., row : row + height, column : column + width
        ]

    def look(self, photo: Tensor) -> Tensor:
        """(B, 3, S, S) -> features that do not know their place, (B, C, S/8, S/8)."""
        fine, *coarse = self.backbone(photo)  # (B, 24, S/4, S/4), then strides 8, 16, 32
        merged = None
        for level, lateral, mix in zip(
            reversed(coarse), reversed(self.lateral), reversed(self.mix), strict=True
        ):
            here = lateral(level)
            if merged is not None:
                here = here + functional.interpolate(merged, scale_factor=2.0, mode="bilinear")
            if level is coarse[0]:
                here = here + self.fine(functional.pixel_unshuffle(fine, 2))
            merged = mix(here)
        return self.neck(merged)


class Mix(nn.Module):
    """A ConvNeXt block (Liu et al. 2022, arXiv 2201.03545): (B, C, h, w) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels)
        self.norm = LayerNorm2d(channels)
        self.widen = nn.Conv2d(channels, 2 * channels, kernel_size=1)
        self.narrow = nn.Conv2d(2 * channels, channels, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        change = self.norm(self.depthwise(features))
        return features + self.narrow(functional.gelu(self.widen(change)))


def build_small_sam() -> Sam:
    """The bundled model without weights."""
    grid = PHOTO_SIDE // STRIDE
    return Sam(
        image_encoder=PyramidEncoder(),
        prompt_encoder=PromptEncoder(
            embed_dim=CHANNELS,
            image_embedding_size=(grid, grid),
            input_image_size=(PHOTO_SIDE, PHOTO_SIDE),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=CHANNELS, mlp_dim=1024, num_heads=4),
            transformer_dim=CHANNELS,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
        pixel_mean=PIXEL_MEAN,
        pixel_std=PIXEL_STD,
    )
