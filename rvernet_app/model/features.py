"""What the backbones made of pictures lately, so that no picture passes a backbone twice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

import cachetools
import numpy as np
import torch
from torch import Tensor

from rvernet_app.types import Photo

MAX_BYTES = 32_000_000
"""Enough for the foods that several people are looking at; a pair of MobileNetV2 takes half a megabyte."""

Encode = Callable[[Tensor], Tensor]
"""A backbone up to its last features with positions: (B, 3, S, S) -> (B, …)."""


class RecentFeatures:
    """Features of one backbone, by the content of its pictures. Safe between threads.

    A food is predicted with its context and without, and explained after that: the same pictures come three
    times. The picture without context is the same for all photos of one shape.

    Args:
        encode: computes features; it is called without autograd.
        normalise: makes the backbone's input of squares: uint8 (B, S, S, 3) -> float (B, 3, S, S).
    """

    def __init__(self, encode: Encode, normalise: Callable[[Photo], Tensor]) -> None:
        self._encode = encode
        self._normalise = normalise
        self._kept: cachetools.LRUCache[bytes, Tensor] = cachetools.LRUCache(
            MAX_BYTES, getsizeof=lambda features: features.nbytes
        )
        self._lock = threading.Lock()

    def of(self, squares: Sequence[Photo]) -> Tensor:
        """Return the features (B, …) of B letterboxed pictures, uint8 (S, S, 3) each.

        Those that are not known pass the backbone together, each once.
        """
        keys = [hashlib.sha256(square).digest() for square in squares]
        with self._lock:
            known = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: square for key, square in zip(keys, squares, strict=True) if key not in known}
        if missing:
            with torch.no_grad():
                computed = self._encode(self._normalise(np.stack(list(missing.values()))))
            found = dict(zip(missing, torch.split(computed, 1), strict=True))
            known |= found
            with self._lock:
                for key, features in found.items():
                    if features.nbytes <= MAX_BYTES:
                        self._kept[key] = features.clone()  # the split is a view of the whole batch
        return torch.cat([known[key] for key in keys])
