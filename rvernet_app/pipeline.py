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
from rvernet_app.result import ClickResult, Evidence
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.registry import available_segmenters, open_segmenter
from rvernet_app.types import Candidates, Embedding, Mask, Prompt


@dataclass(eq=False)
class Pipeline:
    """The engine behind the page, the command line and the HTTP API.

    All visitors share it. It keeps nothing of theirs but embeddings, by the photo's SHA-256. Its classifier
    may be replaced while it works.

    Attributes:
        without_trained: whether the checkpoint that was trained here should be at work and cannot be read.
    """

    config: AppConfig
    segmenter: Segmenter
    classifier: Classifier
    embeddings: EmbeddingCache
    without_trained: bool = False

    @property
    def lacks_best(self) -> bool:
        """Whether "auto" left out a better segmenter, because its weights are damaged."""
        best = available_segmenters(self.config)[0]
        return self.config.segmenter == "auto" and self.segmenter.name != best

    def use(self, checkpoint: Path) -> None:
        """Classify with another checkpoint from now on.

        Raises:
            CheckpointError: it is missing or damaged; the one in use stays.
        """
        config = replace(self.config, checkpoint=checkpoint)
        self.classifier, self.config = load_classifier(config), config
        self.without_trained = False

    def encode(self, photo: LoadedPhoto) -> Embedding:
        """Return the photo's embedding. It is computed once; others who ask meanwhile wait for it."""
        return self.embeddings.get_or_encode(self.segmenter, photo.sha256, photo.pixels)

    def forget(self, photo_sha256: str) -> None:
        """Remove a photo's embedding from the cache."""
        self.embeddings.forget(photo_sha256)

    def segment(
        self, photo: LoadedPhoto, prompt: Prompt, timings_ms: dict[str, float] | None = None
    ) -> Candidates:
        """Return the candidates for a prompt, best first.

        Args:
            timings_ms: gets the milliseconds of "encode" and "segment".

        Raises:
            PromptError: the prompt does not fit the photo.
            SegmentationError: nothing was found there.
        """
        timings = {} if timings_ms is None else timings_ms
        prompt.require_within(photo.size_hw)
        with timed(timings, "encode"):
            embedding = self.encode(photo)
        with timed(timings, "segment"):
            return self.segmenter.predict(embedding, prompt)

    def evidence(
        self,
        photo: LoadedPhoto,
        mask: Mask,
        *,
        label: str | None = None,
        cam_method: str | None = None,
        maps_only: bool = False,
    ) -> Iterator[Evidence]:
        """Yield the evidence for a mask in two steps: suggestions first, then activation maps as well.

        A caller that stops after the first step spares the second one's work.

        Args:
            mask: bool (H, W) in the photo's frame.
            label: the class to explain; None takes the likeliest.
            cam_method: one of CAM_METHODS; None takes the configured one.
            maps_only: leave the suggestions out and yield one step.

        Raises:
            LabelError: the checkpoint does not know the label.
        """
        classifier = self.classifier
        timings: dict[str, float] = {}
        with timed(timings, "cut_out"):
            cutouts = cut_out(photo.pixels, mask)
        found = Evidence(
            checkpoint=classifier.name,
            checkpoint_id=f"{classifier.name}@{classifier.fingerprint}",
            classes=classifier.labels,
            cutouts=cutouts,
            suggestions=None,
            without_context=None,
            sure=False,
            maps=None,
            cam_method=cam_method or self.config.cam_method,
            timings_ms=timings,
        )
        if not maps_only:
            with timed(timings, "classify"):
                suggestions, without = classifier.predict_batch([cutouts, cutouts.without_context()])
            found = replace(
                found,
                suggestions=suggestions,
                without_context=without,
                sure=classifier.is_sure(suggestions),
            )
            yield found
            label = label or suggestions.top_k(1)[0][0]
        with timed(timings, "explain"):
            maps = classifier.explain(cutouts, label=label, method=found.cam_method)
        yield replace(found, maps=maps)

    def explain_mask(
        self,
        photo: LoadedPhoto,
        mask: Mask,
        *,
        score: float | None = None,
        label: str | None = None,
        cam_method: str | None = None,
        timings_ms: dict[str, float] | None = None,
    ) -> ClickResult:
        """Return a mask with its complete evidence.

        Args:
            score: the mask's predicted IoU in [0, 1], where a segmenter gave one.
            label, cam_method: as in `evidence`.
            timings_ms: milliseconds of earlier steps.

        Raises:
            LabelError: the checkpoint does not know the label.
        """
        *_, evidence = self.evidence(photo, mask, label=label, cam_method=cam_method)
        return ClickResult(
            photo=photo,
            segmenter=self.segmenter.name,
            mask=mask,
            score=score,
            evidence=evidence,
            timings_ms={**(timings_ms or {}), **evidence.timings_ms},
        )

    def click(self, photo: LoadedPhoto, prompt: Prompt, cam_method: str | None = None) -> ClickResult:
        """Take the whole path: prompt, mask, cut-outs, suggestions, activation maps.

        Raises:
            PromptError, SegmentationError: as `segment`.
        """
        timings: dict[str, float] = {}
        candidates = self.segment(photo, prompt, timings)
        return self.explain_mask(
            photo,
            candidates.masks[0],
            score=float(candidates.scores[0]),
            cam_method=cam_method,
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
    """Build the engine with the best weights found locally; only a checkpoint on the Hub uses the network.

    Raises:
        WeightsError: the segmenter asked for by name has no weights here, or the checkpoint cannot be
            fetched.
        CheckpointError: the checkpoint is missing or damaged.
    """
    return Pipeline(
        config=config,
        segmenter=open_segmenter(config),
        classifier=load_classifier(config),
        embeddings=EmbeddingCache(max_bytes=int(config.embedding_cache_mb * 1_000_000)),
    )
