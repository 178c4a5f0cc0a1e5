"""Answers that come in steps: the evidence for a mask, and proposals all over a photo.

Each request carries a number. A visitor's newer request makes the older ones stop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import gradio as gr

from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.pipeline import Pipeline
from rvernet_app.result import SUGGESTIONS, Evidence
from rvernet_app.segment.propose import propose
from rvernet_app.types import Photo, Prediction
from rvernet_app.ui.access import is_awaited, message_of, session_of
from rvernet_app.ui.answers import Json, error_json
from rvernet_app.ui.turns import Turns, Urgency
from rvernet_app.ui.visitor.pictures import cutouts_reply, maps_reply, mask_reply
from rvernet_app.ui.visitor.replies import EvidenceReply, Proposals, Suggestion
from rvernet_app.ui.visitor.requests import EvidenceRequest, Propose

PROGRESS_STEP = 0.05
"""The share of a photo after which the page hears how far the search is."""


@dataclass
class Newest:
    """Numbers of one visitor's newest requests, kept in that visitor's Gradio session."""

    evidence: int = 0
    proposals: int = 0


class Streams:
    """Answers in steps, by one engine that all visitors share in turn.

    Args:
        photos: the photos that may be asked about.
    """

    def __init__(self, pipeline: Pipeline, photos: PhotoCache, turns: Turns) -> None:
        self._pipeline = pipeline
        self._photos = photos
        self._turns = turns

    async def evidence(
        self, newest: Newest, event: gr.EventData, request: gr.Request | None = None
    ) -> AsyncIterator[Any]:
        """Yield the suggestions and cut-outs of a mask, then its activation maps as well."""
        seq = 0
        try:
            asked = EvidenceRequest.read(message_of(event))
            seq = asked.seq
            newest.evidence = max(newest.evidence, seq)
            urgency = Urgency.MAPS if asked.stage == "maps" else Urgency.SUGGESTIONS
            steps = self._in_turn(
                self._evidence(asked),
                chain([urgency], repeat(Urgency.MAPS)),
                wanted=lambda: newest.evidence == seq and is_awaited(request),
                visitor=session_of(request),
            )
            async for reply in steps:
                yield reply
        except Exception as error:  # the browser must get an answer, whatever happened
            yield {"seq": seq, **error_json(error, "evidence")}

    def _evidence(self, asked: EvidenceRequest) -> Iterator[Json]:
        photo = self._photos.get(asked.photo)
        steps = self._pipeline.evidence(
            photo,
            from_rle(asked.rle, photo.size_hw),
            label=asked.label,
            cam_method=asked.method,
            maps_only=asked.stage == "maps",
        )
        for evidence in steps:
            yield evidence_json(asked, evidence, photo.pixels)

    async def propose(
        self, newest: Newest, event: gr.EventData, request: gr.Request | None = None
    ) -> AsyncIterator[Any]:
        """Yield how far the search of a photo is, then the masks found, as {"proposals": {…}}."""
        try:
            asked = Propose.read(message_of(event))
            newest.proposals = max(newest.proposals, asked.seq)
            if asked.stop:
                yield gr.skip()
                return
            steps = self._in_turn(
                self._propose(asked),
                repeat(Urgency.SEARCH),
                wanted=lambda: newest.proposals == asked.seq and is_awaited(request),
                visitor=session_of(request),
            )
            async for reply in steps:
                yield reply
        except Exception as error:  # the browser must get an answer, whatever happened
            yield {"proposals": error_json(error, "propose")}

    def _propose(self, asked: Propose) -> Iterator[Json]:
        """Yield a reply after each point of the search, an empty one if there is little to tell."""
        photo = self._photos.get(asked.photo)
        shown = -1.0
        for found in propose(self._pipeline.segmenter, self._pipeline.encode(photo)):
            share = found.done / found.total
            if share - shown >= PROGRESS_STEP and share < 1:
                shown = share
                yield {"proposals": Proposals(seq=asked.seq, share=share).to_json()}
            else:
                yield {}
        masks = [mask_reply(m, s) for m, s in zip(found.masks, found.scores, strict=True)]
        yield {"proposals": Proposals(seq=asked.seq, share=1.0, masks=masks).to_json()}

    async def _in_turn(
        self,
        steps: Iterator[Json],
        urgencies: Iterator[Urgency],
        *,
        wanted: Callable[[], bool],
        visitor: str,
    ) -> AsyncIterator[Any]:
        """Take each step when it is the visitor's turn; stop where nobody waits for the answer any more."""
        for urgency in urgencies:
            reply = await self._turns.run(visitor, urgency, lambda: next(steps, None) if wanted() else None)
            if reply is None:
                break
            if reply:
                yield reply
        yield gr.skip()


def evidence_json(asked: EvidenceRequest, evidence: Evidence, photo: Photo) -> Json:
    """Return one step of evidence for the page, without what it already has of the mask."""
    steps: dict[str, Any] = {}
    if evidence.suggestions and evidence.without_context:
        steps["suggestions"] = suggestions(evidence.suggestions, evidence.without_context)
        steps["sure"] = evidence.sure
        steps["cutouts"] = cutouts_reply(evidence.cutouts)
    if evidence.maps:
        steps["maps"] = maps_reply(photo, evidence.maps, evidence.cam_method, asked.scale)
    reply = EvidenceReply(
        seq=asked.seq, checkpoint=evidence.checkpoint_id, timings=evidence.timings_ms, **steps
    )
    return reply.to_json()


def suggestions(prediction: Prediction, without_context: Prediction) -> list[Suggestion]:
    """Return the likeliest classes, likeliest first, each with its probability without context."""
    return [
        Suggestion(
            label=label, probability=probability, without_context=without_context.probability_of(label)
        )
        for label, probability in prediction.top_k(SUGGESTIONS)
    ]
