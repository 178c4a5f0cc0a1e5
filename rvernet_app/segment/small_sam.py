"""A small SAM for CPUs.

The image encoder is MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) with a feature pyramid (Lin et al.
2017, arXiv 1612.03144). Prompt encoder and mask decoder are those of segment_anything, half as wide. Features
have stride 8 instead of SAM's 16: a photo of 448 x 448 becomes a grid of 56 x 56, and low-resolution masks
have stride 2.
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

LEAST_BELIEF = 0.04
"""`least_belief` of the bundled weights (see PromptedSegmenter), chosen on a half of the photos of four sets
and of rendered meals, divided by group.

On the other half it refuses 1.9 % of the clicks in the middle of a food, 5 % of those anywhere on one, 85 %
of those at random places off the food and 91 % of those at the photo's edges. `python -m bench.clicks`
measures it; new weights must be measured again.
"""

PIXEL_MEAN = PIXEL_STD = (127.5, 127.5, 127.5)


class PyramidEncoder(nn.Module):
    """Image encoder: normalised photo (B, 3, S, S) -> features (B, C, S/8, S/8); S is a multiple of 32 up to
    `img_size`.

    A position embedding is added to the features. The mask decoder needs positions to find the features near
    a click, and convolutions, unlike a transformer, do not provide them.

    Attributes:
        img_size: side of the squares it was trained with, under the name that Sam expects.
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
        """Encode a photo: (B, 3, S, S) -> (B, C, S/8, S/8)."""
        features = self.look(photo)
        return features + self.place((0, 0), features.shape[-2:])  # (B, C, S/8, S/8)

    def place(self, offset_yx: tuple[int, int], size_hw: Sequence[int]) -> Tensor:
        """Return the position embedding of a part of the grid, (1, C, h, w).

        Args:
            offset_yx: row and column of the part's first cell.
            size_hw: rows and columns of the part.
        """
        side = self.img_size // STRIDE
        (row, column), (height, width) = offset_yx, size_hw
        whole: Tensor = self.to_place(self.position((side, side))[None])  # (1, C, side, side)
        return whole[..., row : row + height, column : column + width]

    def look(self, photo: Tensor) -> Tensor:
        """Encode a photo without position embedding: (B, 3, S, S) -> (B, C, S/8, S/8)."""
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
        features: Tensor = self.neck(merged)
        return features  # (B, C, S/8, S/8)


class Mix(nn.Module):
    """A ConvNeXt block (Liu et al. 2022, arXiv 2201.03545): (B, C, h, w) -> (B, C, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels)
        self.norm = LayerNorm2d(channels)
        self.widen = nn.Conv2d(channels, 2 * channels, kernel_size=1)
        self.narrow = nn.Conv2d(2 * channels, channels, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        change = self.norm(self.depthwise(features))
        widened = functional.gelu(self.widen(change))  # (B, 2C, h, w)
        mixed: Tensor = features + self.narrow(widened)
        return mixed


def build_small_sam() -> Sam:
    """Build the bundled model with random weights."""
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
