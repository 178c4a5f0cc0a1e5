"""Smaller inputs that may fail as a found one does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any


def smallest(
    data: bytes, smaller: Callable[[bytes], Iterator[bytes]], fails: Callable[[bytes], bool]
) -> bytes:
    """Return the smallest input found that still fails; `fails` may stop the search by StopIteration."""
    found = True
    while found:
        found = False
        for candidate in smaller(data):
            if len(candidate) >= len(data):
                continue
            try:
                still = fails(candidate)
            except StopIteration:
                return data
            if still:
                data, found = candidate, True
                break
    return data


def smaller_bytes(data: bytes) -> Iterator[bytes]:
    """Yield the bytes without their end, or without a part; the largest parts first."""
    size = len(data) // 2
    while size:
        yield data[:-size]
        for start in range(0, len(data) - size, max(size, len(data) // 24)):
            yield data[:start] + data[start + size :]
        size //= 2


def smaller_json(data: bytes) -> Iterator[bytes]:
    """Yield a JSON value without one of its parts, or with a shorter text or list."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        yield from smaller_bytes(data)
        return
    for smaller in _smaller(value):
        yield json.dumps(smaller).encode()


def _smaller(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
        for key, inner in value.items():
            for smaller in _smaller(inner):
                yield {**value, key: smaller}
    elif isinstance(value, list):
        if len(value) > 2:
            half = len(value) // 2
            yield value[:half]
            yield value[half:]
        for at in range(min(len(value), 20)):
            yield value[:at] + value[at + 1 :]
        for at, inner in enumerate(value[:20]):
            for smaller in _smaller(inner):
                yield [*value[:at], smaller, *value[at + 1 :]]
    elif isinstance(value, str) and len(value) > 1:
        text = value.encode("latin-1", "ignore").decode("latin-1")
        if text == value:
            yield from (smaller.decode("latin-1") for smaller in smaller_bytes(value.encode("latin-1")))
        else:
            yield value[: len(value) // 2]
            yield value[len(value) // 2 :]
