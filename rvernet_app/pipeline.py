"""The path of one click: prompt, mask, cut-outs, suggestions, activation maps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rvernet_app.config import AppConfig
from rvernet_app.model.classify import Classifier, load_classifier
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.result import ClickResult
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.registry import open_segmenter
from rvernet_app.types import Candidates, Cutouts, Embedding, Mask, Prediction, Prompt


@dataclass(eq=False)
class Pipeline:
    """The engine behind page, command line and HTTP API. Shared by all visitors; keeps nothing of theirs
    but embeddings, by content of the photo. Its classifier may be replaced while it works."""

    config: AppConfig
    segmenter: Segmenter
    classifier: Classifier
    embeddings: EmbeddingCache

    def use(self, checkpoint: Path) -> None:
        """Classify with another checkpoint from now on.

        Raises:
            CheckpointError: it is missing or damaged; the one in use stays.
        """
        config = replace(self.config, checkpoint=checkpoint)
        self.classifier, self.config = load_classifier(config), config

    def encode(self, photo: LoadedPhoto) -> Embedding:
        """The photo's embedding; computed once, while others who ask for it wait."""
        return self.embeddings.get_or_encode(self.segmenter, photo.sha256, photo.pixels)

    def segment(self, photo: LoadedPhoto, prompt: Prompt) -> Candidates:
        """Candidates for a prompt, best first.

        Raises:
            PromptError: the prompt does not fit the photo.
            SegmentationError: nothing was found there.
        """
        prompt.require_within(photo.size_hw)
        return self.segmenter.predict(self.encode(photo), prompt)

    def classify(self, cutouts: Cutouts) -> tuple[Prediction, Prediction]:
        """Predictions (with, without) the context around the food, in one forward pass."""
        with_context, without = self.classifier.predict_batch([cutouts, cutouts.without_context()])
        return with_context, without

    def click(self, photo: LoadedPhoto, prompt: Prompt, cam_method: str | None = None) -> ClickResult:
        """The whole path: prompt, mask, and what `explain_mask` makes of it.

        Raises:
            PromptError, SegmentationError: as `segment`.
        """
        timings: dict[str, float] = {}
        with timed(timings, "encode"):
            self.encode(photo)
        with timed(timings, "segment"):
            candidates = self.segment(photo, prompt)
        result = self.explain_mask(
            photo, candidates.masks[0], score=float(candidates.scores[0]), cam_method=cam_method
        )
        return replace(result, timings_ms=timings | result.timings_ms)

    def explain_mask(
        self,
        photo: LoadedPhoto,
        mask: Mask,
        *,
        score: float | None = None,
        label: str | None = None,
        cam_method: str | None = None,
    ) -> ClickResult:
        """Cut-outs, suggestions and the maps of one class, the likeliest unless `label` names another.

        Raises:
            LabelError: the checkpoint does not know the label.
        """
        method = cam_method or self.config.cam_method
        timings: dict[str, float] = {}
        with timed(timings, "cut_out"):
            cutouts = cut_out(photo.pixels, mask)
        with timed(timings, "classify"):
            suggestions, without_context = self.classify(cutouts)
        with timed(timings, "explain"):
            label = label or suggestions.top_k(1)[0][0]
            maps = self.classifier.explain(cutouts, label=label, method=method)
        return ClickResult(
            photo=photo,
            segmenter=self.segmenter.name,
            checkpoint=self.classifier.name,
            classes=self.classifier.labels,
            mask=mask,
            score=score,
            cutouts=cutouts,
            suggestions=suggestions,
            without_context=without_context,
            sure=self.classifier.is_sure(suggestions),
            maps=maps,
            cam_method=method,
            timings_ms=timings,
        )


@contextmanager
def timed(timings_ms: dict[str, float], step: str) -> Iterator[None]:
    """Store how many milliseconds the block took under `step`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings_ms[step] = (time.perf_counter() - start) * 1000


def build_pipeline(config: AppConfig) -> Pipeline:
    """The engine with the best weights found locally; the network is touched for a checkpoint on the Hub alone.

    Raises:
        WeightsError: the segmenter asked for by name has no weights here, or the checkpoint cannot be fetched.
        CheckpointError: the checkpoint is missing or damaged.
    """
    return Pipeline(
        config=config,
        segmenter=open_segmenter(config),
        classifier=load_classifier(config),
        embeddings=EmbeddingCache(max_bytes=int(config.embedding_cache_mb * 1_000_000)),
    )
