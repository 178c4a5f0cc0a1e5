import threading

import numpy as np
import pytest

from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.types import Embedding

PHOTO = np.zeros((2, 2, 3), np.uint8)
WAIT_S = 10


class CountingSegmenter:
    """Encodes to 100 bytes and counts; `gate` holds an encoding until it is set."""

    name = "counting"

    def __init__(self, fingerprint="a", nbytes=100):
        self.fingerprint = fingerprint
        self.nbytes = nbytes
        self.calls = 0
        self.started = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.error = None

    def encode(self, photo):
        self.calls += 1
        self.started.set()
        assert self.gate.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        return Embedding(self.name, photo.shape[:2], np.zeros(self.nbytes, np.uint8))


def test_a_photo_is_encoded_once():
    cache, segmenter = EmbeddingCache(1000), CountingSegmenter()
    first = cache.get_or_encode(segmenter, "x", PHOTO)
    assert cache.get_or_encode(segmenter, "x", PHOTO) is first
    assert segmenter.calls == 1
    assert cache.nbytes == 100


def test_other_weights_of_the_same_name_encode_anew():
    cache = EmbeddingCache(1000)
    old, new = CountingSegmenter("a"), CountingSegmenter("b")
    cache.get_or_encode(old, "x", PHOTO)
    cache.get_or_encode(new, "x", PHOTO)
    assert (old.calls, new.calls) == (1, 1)


def test_the_least_recently_used_goes_first():
    cache, segmenter = EmbeddingCache(250), CountingSegmenter()
    for photo in ("x", "y", "x", "z"):
        cache.get_or_encode(segmenter, photo, PHOTO)
    assert segmenter.calls == 3
    assert cache.nbytes == 200
    cache.get_or_encode(segmenter, "x", PHOTO)
    assert segmenter.calls == 3
    cache.get_or_encode(segmenter, "y", PHOTO)
    assert segmenter.calls == 4


def test_what_is_larger_than_the_cache_is_returned_but_not_kept():
    cache, segmenter = EmbeddingCache(50), CountingSegmenter()
    assert cache.get_or_encode(segmenter, "x", PHOTO).features.nbytes == 100
    assert cache.nbytes == 0
    cache.get_or_encode(segmenter, "x", PHOTO)
    assert segmenter.calls == 2


def in_threads(count, call):
    """Start `count` threads on `call` and return (threads, results); results fill as they end."""
    results = []

    def work():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def finish(threads):
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_threads_that_want_the_same_photo_share_one_encoding():
    cache, segmenter = EmbeddingCache(1000), CountingSegmenter()
    segmenter.gate.clear()
    threads, results = in_threads(4, lambda: cache.get_or_encode(segmenter, "x", PHOTO))
    assert segmenter.started.wait(WAIT_S)
    segmenter.gate.set()
    finish(threads)
    assert segmenter.calls == 1
    assert len(results) == 4
    assert all(result is results[0] for result in results)


def test_another_photo_does_not_wait_for_a_slow_one():
    cache, slow, quick = EmbeddingCache(1000), CountingSegmenter("slow"), CountingSegmenter("quick")
    slow.gate.clear()
    threads, _ = in_threads(1, lambda: cache.get_or_encode(slow, "x", PHOTO))
    assert slow.started.wait(WAIT_S)
    cache.get_or_encode(quick, "y", PHOTO)
    assert quick.calls == 1
    slow.gate.set()
    finish(threads)


def test_an_error_reaches_every_waiting_thread_and_is_not_kept():
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


def test_a_cache_has_room_for_something():
    with pytest.raises(ValueError, match="max_bytes"):
        EmbeddingCache(0)
