"""Any model of the SAM family (Kirillov et al. 2023, arXiv 2304.02643) as a Segmenter."""

from __future__ import annotations

import math
import pickle  # nosec B403  # for its errors only
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide

from rvernet_app.errors import WeightsError
from rvernet_app.segment.download import sha256_of
from rvernet_app.segment.frame import Frame
from rvernet_app.segment.law import Logits
from rvernet_app.segment.prompted import Outputs, PromptedSegmenter
from rvernet_app.types import Embedding, Mask, Photo, Prompt

State = dict[str, torch.Tensor]
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, SafetensorError)
"""Errors that torch and safetensors raise on damaged files."""


class _Resize(ResizeLongestSide):  # type: ignore[misc]  # segment_anything has no types
    """Shrinks very thin photos to one pixel; segment_anything's own would leave none."""

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """Return height and width of a photo whose longest side is shrunk to this length."""
        height, width = ResizeLongestSide.get_preprocess_shape(oldh, oldw, long_side_length)
        return max(1, height), max(1, width)


class SamSegmenter(PromptedSegmenter):
    """Puts a Sam of `segment_anything` behind the Segmenter protocol, without the state of SamPredictor.

    With the same weights, its outputs are those of SamPredictor: the single-mask output, then the three
    nested masks. The candidates are these four, without those that look alike.

    The weights of the published SAMs and of MobileSAM were not at hand to measure how far they can tell a
    click on food from one on the table. They segment whatever is clicked, plates too, so `least_belief` is 0
    for them: only a click where they find nothing at all is refused.
    """

    def __init__(self, name: str, fingerprint: str, sam: Sam, least_belief: float = 0.0) -> None:
        """Take over a model and set it to eval mode with frozen parameters.

        Args:
            name, fingerprint: see Segmenter.
            sam: the model.
            least_belief: see PromptedSegmenter.
        """
        self.name = name
        self.fingerprint = fingerprint
        self.least_belief = least_belief
        self._sam = sam.eval().requires_grad_(False)
        self._side = int(sam.image_encoder.img_size)
        self._resize = _Resize(self._side)
        self._image_pe = sam.prompt_encoder.get_dense_pe()  # (1, C, h, w)

    def frame(self, size_hw: tuple[int, int]) -> Frame:
        """See PromptedSegmenter."""
        height, width = size_hw
        logits_hw: tuple[int, int] = tuple(self._sam.prompt_encoder.mask_input_size)
        inner_h, inner_w = self._resize.get_preprocess_shape(height, width, self._side)
        stride = self._side / logits_hw[0]
        return Frame(
            size_hw=size_hw,
            inner_hw=(math.ceil(inner_h / stride), math.ceil(inner_w / stride)),
            logits_hw=logits_hw,
            scale_xy=(inner_w / stride / width, inner_h / stride / height),
        )

    def features(self, photo: Photo) -> NDArray[np.float32]:
        """Encode uint8 (H, W, 3) as float32 (1, C, h, w); (1, 256, 64, 64) for the published models."""
        resized = torch.from_numpy(self._resize.apply_image(photo)).to(self._sam.device)  # (h, w, 3)
        with torch.inference_mode():
            square = self._sam.preprocess(resized.permute(2, 0, 1)[None])  # (1, 3, side, side)
            features = self._sam.image_encoder(square)  # (1, C, h, w)
        encoded: NDArray[np.float32] = features.float().cpu().numpy()
        return encoded

    def outputs(self, embedding: Embedding, prompt: Prompt) -> Outputs:
        """Return the single-mask output and the three nested masks. See PromptedSegmenter."""
        sam = self._sam
        with torch.inference_mode():
            sparse, dense = sam.prompt_encoder(**self._prompt_tensors(prompt, embedding.size_hw))
            logits, scores = sam.mask_decoder.predict_masks(
                image_embeddings=torch.from_numpy(embedding.features).to(sam.device),
                image_pe=self._image_pe,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
            )  # (1, 4, h, w), (1, 4)
        return Outputs(logits[0].float().cpu().numpy(), scores[0].float().cpu().numpy())

    def _prompt_tensors(self, prompt: Prompt, size_hw: tuple[int, int]) -> dict[str, object]:
        device = self._sam.device

        def tensor(values: NDArray[np.generic], dtype: torch.dtype) -> torch.Tensor:
            return torch.as_tensor(values, dtype=dtype, device=device)[None]

        points = box = mask = None
        if prompt.points_xy:
            coordinates = self._resize.apply_coords(np.array(prompt.points_xy), size_hw)
            points = tensor(coordinates, torch.float), tensor(np.array(prompt.point_labels), torch.int)
        if prompt.box_xyxy is not None:
            box = tensor(self._resize.apply_boxes(np.array(prompt.box_xyxy), size_hw)[0], torch.float)
        if prompt.low_res_mask is not None:
            mask = tensor(prompt.low_res_mask[None], torch.float)
        return {"points": points, "boxes": box, "masks": mask}

    def enlarge(self, logits: Logits, size_hw: tuple[int, int]) -> Mask:
        """Enlarge logits (h, w) to a mask (H, W), as `Sam.postprocess_masks` does, but with OpenCV.

        The interpolation is bilinear as well. On the CPU this takes a sixth of the time and a third of the
        memory.
        """
        height, width = size_hw
        inner_h, inner_w = self._resize.get_preprocess_shape(height, width, self._side)
        square = cv2.resize(logits, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
        inner = np.ascontiguousarray(square[:inner_h, :inner_w])
        enlarged = cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged > self._sam.mask_threshold)


def load_sam(
    name: str,
    path: Path,
    build: Callable[[], Sam],
    device: torch.device,
    convert: Callable[[Mapping[str, torch.Tensor]], State] = dict,
    least_belief: float = 0.0,
) -> SamSegmenter:
    """Load weights into a model.

    Args:
        name: the segmenter's name.
        path: a published `.pth` or `.pt` file, read with `weights_only=True`, or a `.safetensors` file.
        build: builds the model without weights.
        device: torch device of the model.
        convert: renames the weights of the file to the names of the model.
        least_belief: see PromptedSegmenter.

    Raises:
        WeightsError: the file is missing, damaged or belongs to another model.
    """
    state = convert(_read_state(path))
    sam = build()
    try:
        sam.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not hold the weights of {name}.") from error
    return SamSegmenter(name, sha256_of(path)[:16], sam.float().to(device), least_belief)


def build_vit(name: str) -> Sam:
    """Build the official vit_b, vit_l or vit_h on the meta device; its weights must be assigned."""
    with torch.device("meta"):
        sam: Sam = sam_model_registry[name]()
    return sam


def _read_state(path: Path) -> State:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise WeightsError(f"{path} cannot be read; delete it and download it again.") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(f"{path} is not a dictionary of weights.")
    return state
