"""Any model of the SAM family (Kirillov et al. 2023, arXiv 2304.02643) as a Segmenter."""

from __future__ import annotations

import pickle
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

from rvernet_app.errors import PromptError, SegmentationError, WeightsError
from rvernet_app.picture.clean import clean, keep_to_prompt
from rvernet_app.segment.base import require_own
from rvernet_app.segment.download import sha256_of
from rvernet_app.types import FOREGROUND, Candidates, Embedding, Mask, Photo, Prompt

State = dict[str, torch.Tensor]
CANDIDATES = 3
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, SafetensorError)
"""Errors that torch and safetensors raise on damaged files."""


class SamSegmenter:
    """Puts a Sam of `segment_anything` behind the Segmenter protocol, without the state of SamPredictor.

    With the same weights, the masks before cleaning are those of SamPredictor. One click is ambiguous, so its
    candidates are SAM's three nested masks, ordered by predicted IoU. Several points, a box or a
    low-resolution mask are not ambiguous: SAM's single-mask output comes first, as its authors advise, and
    the best two nested masks follow. The constructor documents the differences of small models.

    Attributes:
        name, fingerprint: see Segmenter.
    """

    def __init__(self, name: str, fingerprint: str, sam: Sam, small: bool = False) -> None:
        """Take over a model and set it to eval mode with frozen parameters.

        Args:
            name, fingerprint: see Segmenter.
            sam: the model.
            small: True for a model weaker than the published ones. Its single-mask output, trained to give a
                whole food, comes first also for one click, and `keep_to_prompt` cuts its masks.
        """
        self.name = name
        self.fingerprint = fingerprint
        self._small = small
        self._sam = sam.eval().requires_grad_(False)
        self._side = int(sam.image_encoder.img_size)
        self._resize = ResizeLongestSide(self._side)
        self._image_pe = sam.prompt_encoder.get_dense_pe()  # (1, C, h, w)

    def encode(self, photo: Photo) -> Embedding:
        """Encode uint8 (H, W, 3) as float32 (1, C, h, w); (1, 256, 64, 64) for the published models."""
        resized = torch.from_numpy(self._resize.apply_image(photo)).to(self._sam.device)  # (h, w, 3)
        with torch.inference_mode():
            square = self._sam.preprocess(resized.permute(2, 0, 1)[None])  # (1, 3, side, side)
            features = self._sam.image_encoder(square)  # (1, C, h, w)
        height, width = photo.shape[:2]
        return Embedding(self.name, (height, width), features.float().cpu().numpy())

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        """Predict three candidates, best first; fewer if outputs of SAM are empty. See Segmenter."""
        require_own(embedding, self)
        prompt.require_within(embedding.size_hw)
        logits, scores = self._decode(embedding, prompt)
        if self._small:
            logits = self._keep_to_prompt(logits, prompt, embedding.size_hw)
        clicks = [
            xy for xy, label in zip(prompt.points_xy, prompt.point_labels, strict=True) if label == FOREGROUND
        ]
        found: dict[int, Mask] = {}
        for index in self._order(scores, prompt):
            mask = clean(self._enlarge(logits[index], embedding.size_hw), clicks)
            if mask.any():
                found[index] = mask
            if len(found) == CANDIDATES:
                break
        if not found:
            raise SegmentationError(
                "Nothing was found there; try another point, or draw a box around the food."
            )
        order = list(found)
        return Candidates(
            masks=np.stack(list(found.values())),
            scores=np.clip(scores[order], 0, 1),
            low_res=logits[order],
        )

    def _decode(
        self, embedding: Embedding, prompt: Prompt
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits float32 (4, h, w) and predicted IoU float32 (4,).

        Index 0 is the single-mask output; the three nested masks follow.
        """
        sam = self._sam
        with torch.inference_mode():
            sparse, dense = sam.prompt_encoder(**self._prompt_tensors(prompt, embedding.size_hw))
            logits, scores = sam.mask_decoder.predict_masks(
                image_embeddings=torch.from_numpy(embedding.features).to(sam.device),
                image_pe=self._image_pe,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
            )  # (1, 4, h, w), (1, 4)
        return logits[0].float().cpu().numpy(), scores[0].float().cpu().numpy()

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
            expected = tuple(self._sam.prompt_encoder.mask_input_size)
            if prompt.low_res_mask.shape != expected:
                raise PromptError(
                    f"A previous mask for {self.name} has {expected[0]} x {expected[1]} logits, "
                    f"got {prompt.low_res_mask.shape}."
                )
            mask = tensor(prompt.low_res_mask[None], torch.float)
        return {"points": points, "boxes": box, "masks": mask}

    def _keep_to_prompt(
        self, logits: NDArray[np.float32], prompt: Prompt, size_hw: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Apply `keep_to_prompt` to all outputs, logits float32 (4, h, w)."""
        scale = logits.shape[-1] / self._side
        points = self._resize.apply_coords(np.array(prompt.points_xy).reshape(-1, 2), size_hw) * scale
        foreground = [
            (x, y) for (x, y), label in zip(points, prompt.point_labels, strict=True) if label == FOREGROUND
        ]
        box = None
        if prompt.box_xyxy is not None:
            box = tuple(self._resize.apply_boxes(np.array(prompt.box_xyxy), size_hw)[0] * scale)
        return np.stack([keep_to_prompt(output, foreground, box) for output in logits])

    def _order(self, scores: NDArray[np.float32], prompt: Prompt) -> list[int]:
        """Return the indices of all four outputs, best first; 0 is the single-mask output."""
        nested = [1 + int(i) for i in np.argsort(-scores[1:], kind="stable")]
        ambiguous = len(prompt.points_xy) == 1 and prompt.box_xyxy is None and prompt.low_res_mask is None
        return [*nested, 0] if ambiguous and not self._small else [0, *nested]

    def _enlarge(self, logits: NDArray[np.float32], size_hw: tuple[int, int]) -> Mask:
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
    small: bool = False,
) -> SamSegmenter:
    """Load weights into a model.

    Args:
        name: the segmenter's name.
        path: a published `.pth` or `.pt` file, read with `weights_only=True`, or a `.safetensors` file.
        build: builds the model without weights.
        device: torch device of the model.
        convert: renames the weights of the file to the names of the model.
        small: see SamSegmenter.

    Raises:
        WeightsError: the file is missing, damaged or belongs to another model.
    """
    state = convert(_read_state(path))
    sam = build()
    try:
        sam.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not hold the weights of {name}.") from error
    return SamSegmenter(name, sha256_of(path)[:16], sam.float().to(device), small)


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
