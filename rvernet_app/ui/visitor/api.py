"""The HTTP API: named Gradio endpoints /segment and /classify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from rvernet_app.errors import RvernetError
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.photos import LoadedPhoto, read_photo
from rvernet_app.pipeline import Pipeline
from rvernet_app.result import suggestions_json
from rvernet_app.ui.requests import read_prompt
from rvernet_app.ui.visitor.handlers import candidates_json, uploaded_file


class Api:
    """What programs ask of the engine, through `gradio_client` or plain HTTP."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def segment(
        self, photo: gr.FileData, points: list[list[float]], box: list[float] | None = None
    ) -> dict[str, Any]:
        """Masks of the food at a prompt.

        Args:
            photo: the photo's file.
            points: [x, y, label] in pixels, label 1 on the food, 0 off it.
            box: [left, top, right, bottom] in pixels, or null.

        Returns:
            {"candidates": [{"polygons", "rle", "score", "bbox"}, …]}, best first.
        """
        try:
            prompt = read_prompt({"points": points, "box": box})
            return {"candidates": candidates_json(self._pipeline.segment(self._read(photo), prompt))}
        except RvernetError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def classify(self, photo: gr.FileData, rle: dict[str, Any]) -> dict[str, Any]:
        """What the food under a mask is, with the context around it and without.

        Args:
            photo: the photo's file.
            rle: the mask as COCO compressed RLE, as /segment returns it.

        Returns:
            {"checkpoint", "classes", "suggestions", "without_context", "sure"}.
        """
        try:
            loaded = self._read(photo)
            cutouts = cut_out(loaded.pixels, from_rle(rle, loaded.size_hw))
            with_context, without = self._pipeline.classify(cutouts)
        except RvernetError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return {
            "checkpoint": self._pipeline.classifier.name,
            "classes": list(self._pipeline.classifier.labels),
            "suggestions": suggestions_json(with_context),
            "without_context": suggestions_json(without),
            "sure": self._pipeline.classifier.is_sure(with_context),
        }

    def _read(self, photo: object) -> LoadedPhoto:
        """Gradio hands a FileData over as the JSON it came as."""
        config = self._pipeline.config
        path = photo.get("path") if isinstance(photo, Mapping) else None
        return read_photo(
            uploaded_file(path), max_mb=config.max_photo_mb, max_megapixels=config.max_photo_megapixels
        )
