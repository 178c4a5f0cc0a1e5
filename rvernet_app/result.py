"""What one click yields, and the files it is kept in."""

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
class ClickResult:
    """Mask, cut-outs, suggestions and activation maps of one food in one photo.

    Attributes:
        mask: bool (H, W); score is its predicted IoU in [0, 1], None for a mask no segmenter scored.
        suggestions: the prediction from both cut-outs; without_context: with the extra-ROI one blanked.
        sure: whether the likeliest suggestion is more than a guess.
        classes: every class the checkpoint knows.
        timings_ms: milliseconds by step.
    """

    photo: LoadedPhoto
    segmenter: str
    checkpoint: str
    classes: tuple[str, ...]
    mask: Mask
    score: float | None
    cutouts: Cutouts
    suggestions: Prediction
    without_context: Prediction
    sure: bool
    maps: ActivationMaps
    cam_method: str
    timings_ms: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The contents of result.json."""
        height, width = self.mask.shape
        return {
            "photo": {"width": width, "height": height, "sha256": self.photo.sha256},
            "segmenter": self.segmenter,
            "checkpoint": self.checkpoint,
            "mask": {
                "bbox": list(bbox_xywh(self.mask)),
                "area": int(self.mask.sum()),
                "score": None if self.score is None else round(self.score, 4),
                "rle": to_rle(self.mask),
            },
            "suggestions": suggestions_json(self.suggestions),
            "without_context": suggestions_json(self.without_context),
            "sure": self.sure,
            "activation_maps": {
                "label": self.maps.label,
                "method": self.cam_method,
                "roi_peak": self.maps.roi_peak,
                "extra_roi_peak": self.maps.extra_roi_peak,
            },
            "classes": list(self.classes),
            "timings_ms": {step: round(ms, 2) for step, ms in self.timings_ms.items()},
        }

    def write(self, folder: Path) -> list[Path]:
        """Write mask, cut-outs, maps and result.json into a folder, made when missing; returns the files.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        photo = self.photo.pixels
        pictures = {
            "mask.png": Image.fromarray(self.mask.astype(np.uint8) * 255),
            "roi.png": Image.fromarray(self.cutouts.roi),
            "extra_roi.png": Image.fromarray(self.cutouts.extra_roi),
            "cam_roi.png": Image.fromarray(heat_overlay(photo, self.maps.roi)),
            "cam_extra_roi.png": Image.fromarray(heat_overlay(photo, self.maps.extra_roi)),
        }
        for name, picture in pictures.items():
            picture.save(folder / name, compress_level=1)
        (folder / "result.json").write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
        return [folder / name for name in (*pictures, "result.json")]


def suggestions_json(prediction: Prediction, k: int = SUGGESTIONS) -> list[dict[str, Any]]:
    """The k likeliest classes as {"label", "probability"}."""
    return [{"label": label, "probability": round(p, 6)} for label, p in prediction.top_k(k)]
