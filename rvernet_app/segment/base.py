"""The interface of every segmenter: a slow `encode` per photo and a fast `predict` per prompt."""

from __future__ import annotations

from typing import Protocol

from rvernet_app.types import Candidates, Embedding, Photo, Prompt


class Segmenter(Protocol):
    """Predicts masks from prompts. Implementations keep no state between calls; threads may share them.

    Attributes:
        name: value of `AppConfig.segmenter` that selects it.
        fingerprint: identifies the weights; part of the key of cached embeddings.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def encode(self, photo: Photo) -> Embedding:
        """Encode a photo, uint8 (H, W, 3), for `predict`; the features are on the CPU."""
        ...

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        """Predict up to three candidates for one prompt, best first.

        Raises:
            PromptError: the prompt lies outside the photo, or its low-resolution mask has another shape.
            SegmentationError: no mask was found.
            ValueError: another segmenter computed the embedding.
        """
        ...


def require_own(embedding: Embedding, segmenter: Segmenter) -> None:
    """Raise ValueError unless this segmenter made the embedding."""
    if embedding.segmenter != segmenter.name:
        raise ValueError(f"expected an embedding made by {segmenter.name}, got {embedding.segmenter}'s")
