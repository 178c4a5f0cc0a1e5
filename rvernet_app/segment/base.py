"""What every segmenter offers: a slow `encode` once a photo, a fast `predict` for every prompt."""

from __future__ import annotations

from typing import Protocol

from rvernet_app.types import Candidates, Embedding, Photo, Prompt


class Segmenter(Protocol):
    """Turns a prompt into masks. Implementations keep no state between calls and may be shared by threads.

    Attributes:
        name: what `AppConfig.segmenter` calls it.
        fingerprint: identifies the weights; part of the key embeddings are cached under.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def encode(self, photo: Photo) -> Embedding:
        """uint8 (H, W, 3) -> what `predict` needs of the photo, on the CPU."""
        ...

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        """Three candidates for one prompt, best first.

        Raises:
            PromptError: the prompt does not fit the photo.
            SegmentationError: nothing was found there.
            ValueError: the embedding is another segmenter's.
        """
        ...


def require_own(embedding: Embedding, segmenter: Segmenter) -> None:
    """Raise ValueError unless this segmenter made the embedding."""
    if embedding.segmenter != segmenter.name:
        raise ValueError(f"expected an embedding made by {segmenter.name}, got {embedding.segmenter}'s")
