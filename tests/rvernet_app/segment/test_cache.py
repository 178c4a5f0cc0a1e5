"""Embeddings are computed once, also if several threads ask at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.types import Candidates, Embedding, Photo, Prompt

PHOTO = np.zeros((2, 2, 3), np.uint8)
WAIT_S = 10


class CountingSegmenter:
    """Returns features of `nbytes` bytes and counts calls; an encoding waits until `gate` is set."""

    name = "counting"

    def __init__(self, fingerprint: str = "a", nbytes: int = 100) -> None:
        self.fingerprint = fingerprint
        self.nbytes = nbytes
        self.calls = 0
        self.started = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def encode(self, photo: Photo) -> Embedding:
        self.calls += 1
        self.started.set()
        assert self.gate.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        return Embedding(self.name, (photo.shape[0], photo.shape[1]), np.zeros(self.nbytes, np.uint8))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        raise AssertionError("the cache only encodes")


def test_a_photo_is_encoded_once() -> None:
    cache, segmenter = EmbeddingCache(1000), CountingSegmenter()
    first = cache.get_or_encode(segmenter, "x", PHOTO)
    assert cache.get_or_encode(segmenter, "x", PHOTO) is first
    assert segmenter.calls == 1


def test_other_weights_of_the_same_name_encode_again() -> None:
    cache = EmbeddingCache(1000)
    old, new = CountingSegmenter("a"), CountingSegmenter("b")
    cache.get_or_encode(old, "x", PHOTO)
    cache.get_or_encode(new, "x", PHOTO)
    assert (old.calls, new.calls) == (1, 1)


def test_the_least_recently_used_embedding_is_dropped_first() -> None:
    cache, segmenter = EmbeddingCache(250), CountingSegmenter()
    for photo in ("x", "y", "x", "z"):
        cache.get_or_encode(segmenter, photo, PHOTO)
    assert segmenter.calls == 3
    cache.get_or_encode(segmenter, "x", PHOTO)
    assert segmenter.calls == 3
    cache.get_or_encode(segmenter, "y", PHOTO)
    assert segmenter.calls == 4


def test_an_embedding_larger_than_the_cache_is_returned_but_not_kept() -> None:
    cache, segmenter = EmbeddingCache(50), CountingSegmenter()
    assert cache.get_or_encode(segmenter, "x", PHOTO).features.nbytes == 100
    cache.get_or_encode(segmenter, "x", PHOTO)
    assert segmenter.calls == 2


def in_threads(count: int, call: Callable[[], object]) -> tuple[list[threading.Thread], list[object]]:
    """Start `count` threads on `call`; returns the threads and the list to which each appends its result."""
    results: list[object] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def finish(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_threads_that_want_the_same_photo_share_one_encoding() -> None:
    cache, segmenter = EmbeddingCache(1000), CountingSegmenter()
    segmenter.gate.clear()
    threads, results = in_threads(4, lambda: cache.get_or_encode(segmenter, "x", PHOTO))
    assert segmenter.started.wait(WAIT_S)
    segmenter.gate.set()
    finish(threads)
    assert segmenter.calls == 1
    assert len(results) == 4
    assert all(result is results[0] for result in results)


def test_another_photo_does_not_wait_for_a_slow_one() -> None:
    cache, slow, quick = EmbeddingCache(1000), CountingSegmenter("slow"), CountingSegmenter("quick")
    slow.gate.clear()
    threads, _ = in_threads(1, lambda: cache.get_or_encode(slow, "x", PHOTO))
    assert slow.started.wait(WAIT_S)
    cache.get_or_encode(quick, "y", PHOTO)
    assert quick.calls == 1
    slow.gate.set()
    finish(threads)


def test_an_error_reaches_every_waiting_thread_and_is_not_kept() -> None:
    cache, segmenter = EmbeddingCache(1000), CountingSegmenter()
    segmenter.gate.clear()
    segmenter.error = RuntimeError("no memory")
    threads, results = in_threads(3, lambda: cache.get_or_encode(segmenter, "x", PHOTO))
    assert segmenter.started.wait(WAIT_S)
    segmenter.gate.set()
    finish(threads)
    assert [str(result) for result in results] == ["no memory"] * 3
    segmenter.error = None
    assert isinstance(cache.get_or_encode(segmenter, "x", PHOTO), Embedding)


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        EmbeddingCache(0)
