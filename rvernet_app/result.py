"""What the models say of one food, and the files that a click is written to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rvernet_app.picture.masks import bbox_xywh, to_rle
from rvernet_app.picture.overlay import heat_overlay
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.types import ActivationMaps, Cutouts, Mask, Prediction

SUGGESTIONS = 5


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one checkpoint says of one mask. `Pipeline.evidence` yields it in steps that add to each other.

    Attributes:
        checkpoint: name of the checkpoint; checkpoint_id: "name@fingerprint".
        classes: every class the checkpoint knows.
        cutouts: both cut-outs of the photo.
        suggestions: the prediction from both cut-outs; without_context: with the extra-ROI cut-out blanked.
            None where only maps were asked for.
        sure: True if the likeliest suggestion reaches the calibrated threshold.
        maps: activation maps of one class; None until the last step.
        cam_method: the method that makes the maps, one of CAM_METHODS.
        timings_ms: milliseconds by step.
    """

    checkpoint: str
    checkpoint_id: str
    classes: tuple[str, ...]
    cutouts: Cutouts
    suggestions: Prediction | None
    without_context: Prediction | None
    sure: bool
    maps: ActivationMaps | None
    cam_method: str
    timings_ms: dict[str, float]


@dataclass(frozen=True, eq=False)
class ClickResult:
    """One food in one photo: its mask and the complete evidence for its name.

    Attributes:
        mask: bool (H, W).
        score: the mask's predicted IoU in [0, 1]; None if no segmenter scored it.
        timings_ms: milliseconds by step, those of the evidence included.
    """

    photo: LoadedPhoto
    segmenter: str
    mask: Mask
    score: float | None
    evidence: Evidence
    timings_ms: dict[str, float]

    @property
    def maps(self) -> ActivationMaps:
        """The activation maps of the evidence."""
        assert self.evidence.maps is not None
        return self.evidence.maps

    def to_json(self) -> dict[str, Any]:
        """Return the contents of result.json."""
        height, width = self.mask.shape
        evidence, maps = self.evidence, self.maps
        return {
            "photo": {"width": width, "height": height, "sha256": self.photo.sha256},
            "segmenter": self.segmenter,
            "checkpoint": evidence.checkpoint,
            "mask": {
                "bbox": list(bbox_xywh(self.mask)),
                "area": int(self.mask.sum()),
                "score": None if self.score is None else round(self.score, 4),
                "rle": to_rle(self.mask),
            },
            "suggestions": suggestions_json(evidence.suggestions),
            "without_context": suggestions_json(evidence.without_context),
            "sure": evidence.sure,
            "activation_maps": {
                "label": maps.label,
                "method": evidence.cam_method,
                "roi_peak": maps.roi_peak,
                "extra_roi_peak": maps.extra_roi_peak,
            },
            "classes": list(evidence.classes),
            "timings_ms": {step: round(ms, 2) for step, ms in self.timings_ms.items()},
        }

    def write(self, folder: Path) -> list[Path]:
        """Write mask, cut-outs, maps and result.json into a folder, made when missing; return the files.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        photo, cutouts = self.photo.pixels, self.evidence.cutouts
        pictures = {
            "mask.png": Image.fromarray(self.mask.astype(np.uint8) * 255),
            "roi.png": Image.fromarray(cutouts.roi),
            "extra_roi.png": Image.fromarray(cutouts.extra_roi),
            "cam_roi.png": Image.fromarray(heat_overlay(photo, self.maps.roi)),
            "cam_extra_roi.png": Image.fromarray(heat_overlay(photo, self.maps.extra_roi)),
        }
        for name, picture in pictures.items():
            picture.save(folder / name, compress_level=1)
        (folder / "result.json").write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
        return [folder / name for name in (*pictures, "result.json")]


def suggestions_json(prediction: Prediction | None, k: int = SUGGESTIONS) -> list[dict[str, Any]]:
    """Return the k likeliest classes as {"label", "probability"}, likeliest first."""
    likeliest = prediction.top_k(k) if prediction else []
    return [{"label": label, "probability": round(p, 6)} for label, p in likeliest]
