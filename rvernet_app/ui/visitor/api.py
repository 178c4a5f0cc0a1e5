"""The HTTP API: named Gradio endpoints /segment and /classify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gradio as gr

from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.photos import LoadedPhoto, read_photo
from rvernet_app.pipeline import Pipeline
from rvernet_app.result import suggestions_json
from rvernet_app.ui.access import session_of, uploaded_file
from rvernet_app.ui.answers import error_json
from rvernet_app.ui.turns import Turns, Urgency
from rvernet_app.ui.visitor.pictures import candidate_replies
from rvernet_app.ui.visitor.requests import PromptRequest


class Api:
    """What programs ask of the engine, through `gradio_client` or plain HTTP."""

    def __init__(self, pipeline: Pipeline, turns: Turns) -> None:
        self._pipeline = pipeline
        self._turns = turns

    async def segment(
        self,
        photo: gr.FileData,
        points: list[list[float]],
        request: gr.Request,
        box: list[float] | None = None,
        insist: bool = False,
    ) -> dict[str, Any]:
        """Find the food at a prompt.

        Args:
            photo: the photo's file.
            points: [x, y, label] in pixels, label 1 on the food, 0 off it.
            box: [left, top, right, bottom] in pixels, or null.
            insist: true takes a mask also where there seems to be no food.

        Returns:
            {"candidates": [{"polygons", "rle", "score", "bbox", "kind"}, …]}, best first.
        """

        return await self._answer(request, Urgency.MASK, partial(self._segment, photo, points, box, insist))

    async def classify(self, photo: gr.FileData, rle: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Name the food under a mask, with the context around it and without.

        Args:
            photo: the photo's file.
            rle: the mask as COCO compressed RLE, as /segment returns it.

        Returns:
            {"checkpoint", "classes", "suggestions", "without_context", "sure"}.
        """
        return await self._answer(request, Urgency.SUGGESTIONS, partial(self._classify, photo, rle))

    async def _answer(
        self, request: gr.Request, urgency: Urgency, work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        try:
            return await self._turns.run(session_of(request), urgency, work)
        except Exception as error:  # Gradio would print what an error says, which may be about a person
            raise gr.Error(error_json(error, "The HTTP API")["error"], print_exception=False) from error

    def _segment(self, photo: object, points: object, box: object, insist: object) -> dict[str, Any]:
        prompt = PromptRequest.read({"points": points, "box": box, "insist": insist}).prompt()
        candidates = self._pipeline.segment(self._read(photo), prompt)
        return {"candidates": [reply.to_json() for reply in candidate_replies(candidates)]}

    def _classify(self, photo: object, rle: object) -> dict[str, Any]:
        loaded = self._read(photo)
        evidence = next(self._pipeline.evidence(loaded, from_rle(rle, loaded.size_hw)))
        return {
            "checkpoint": evidence.checkpoint,
            "classes": list(evidence.classes),
            "suggestions": suggestions_json(evidence.suggestions),
            "without_context": suggestions_json(evidence.without_context),
            "sure": evidence.sure,
        }

    def _read(self, photo: object) -> LoadedPhoto:
        """Read the photo of a FileData, which Gradio hands over as the JSON it came as."""
        config = self._pipeline.config
        path = photo.get("path") if isinstance(photo, Mapping) else None
        return read_photo(
            uploaded_file(path), max_mb=config.max_photo_mb, max_megapixels=config.max_photo_megapixels
        )
