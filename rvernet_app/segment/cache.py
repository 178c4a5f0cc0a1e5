"""A cache of embeddings, so that a photo is encoded once and not for every click."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import cachetools

from rvernet_app.segment.base import Segmenter
from rvernet_app.types import Embedding, Photo

Key = tuple[str, str, str]


class EmbeddingCache:
    """Keeps embeddings of up to `max_bytes` and drops the least recently used embedding first. Safe between
    threads.

    Threads that need the same photo at the same time wait for one encoding. If it fails, all of them raise
    the error, and the next call tries again. An embedding larger than the whole cache is returned but not
    kept.

    Raises:
        ValueError: `max_bytes` is below 1.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ValueError(f"expected max_bytes >= 1, got {max_bytes}")
        self._kept: cachetools.LRUCache[Key, Embedding] = cachetools.LRUCache(
            max_bytes, getsizeof=lambda embedding: embedding.nbytes
        )
        self._under_way: dict[Key, Future[Embedding]] = {}
        self._lock = threading.Lock()

    def get_or_encode(self, segmenter: Segmenter, photo_sha256: str, photo: Photo) -> Embedding:
        """Return the embedding of a photo; encode the photo if it is not in the cache.

        Args:
            segmenter: its name and fingerprint are part of the key, so that other weights encode again.
            photo_sha256: SHA-256 of the photo's file, the other part of the key.
            photo: uint8 (H, W, 3).
        """
        key = (segmenter.name, segmenter.fingerprint, photo_sha256)
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            encoded = self._under_way.get(key)
            ours = encoded is None
            if encoded is None:
                encoded = self._under_way[key] = Future()
        if ours:
            self._encode(key, encoded, segmenter, photo)
        return encoded.result()

    def forget(self, photo_sha256: str) -> None:
        """Drop the embeddings of a photo, by whatever segmenter."""
        with self._lock:
            for key in [key for key in self._kept if key[2] == photo_sha256]:
                del self._kept[key]

    def _encode(self, key: Key, encoded: Future[Embedding], segmenter: Segmenter, photo: Photo) -> None:
        try:
            embedding = segmenter.encode(photo)
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            encoded.set_exception(error)
            return
        with self._lock:
            del self._under_way[key]
            if embedding.nbytes <= self._kept.maxsize:
                self._kept[key] = embedding
        encoded.set_result(embedding)
