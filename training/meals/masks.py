"""Exact masks from Cryptomatte: each pixel belongs to the object that covers most of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rvernet_app.types import Mask

Coverage = dict[str, NDArray[np.float32]]
"""Object name -> share of each pixel that the object covers, float32 (H, W)."""


def read_coverage(path: Path, names: Sequence[str]) -> Coverage:
    """Read the coverage of the named objects from a multilayer EXR with an object Cryptomatte.

    Objects that cover no pixel are left out.
    """
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:  # parts are emptied when the file is closed
        manifest = next(
            json.loads(value)
            for part in file.parts
            for key, value in part.header.items()
            if key.endswith("/manifest")
        )
        channels = {name: channel.pixels for part in file.parts for name, channel in part.channels.items()}
    ids, shares = _ranked(channels)
    return {name: cover for name in names if (cover := _cover(ids, shares, int(manifest[name], 16))).any()}


def serving_masks(
    coverage: Coverage, servings: Sequence[Sequence[str]], least: float
) -> list[tuple[Mask, list[Mask]] | None]:
    """Return for each serving its mask and the masks of its visible pieces.

    A pixel belongs to the serving that covers most of it, or to none if things that are not food cover more.
    Within its serving it belongs to the piece that covers most of it.

    Args:
        servings: names of the pieces of each serving.
        least: servings on a smaller share of the picture become None.
    """
    if not coverage:
        return [None] * len(servings)
    size_hw = next(iter(coverage.values())).shape
    nothing = np.zeros(size_hw, np.float32)
    stacks = [np.stack([coverage.get(name, nothing) for name in pieces]) for pieces in servings]
    totals = np.stack([stack.sum(axis=0) for stack in stacks])
    winner = np.where(totals.max(axis=0) > 1 - totals.sum(axis=0), totals.argmax(axis=0), -1)
    found: list[tuple[Mask, list[Mask]] | None] = []
    for number, stack in enumerate(stacks):
        whole = winner == number
        if whole.sum() < max(1, least * whole.size):
            found.append(None)
            continue
        nearest = stack.argmax(axis=0)
        pieces = [whole & (nearest == i) for i in range(len(stack))]
        found.append((whole, [piece for piece in pieces if piece.any()]))
    return found


def _ranked(channels: dict[str, NDArray[np.float32]]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Return ids and shares of all ranks, (R, H, W) each.

    Red and blue of a layer are ids, green and alpha are shares.
    """
    layers = sorted({name.rsplit(".", 1)[0] for name in channels if "CryptoObject" in name})
    ids = [channels[f"{layer}.{channel}"] for layer in layers for channel in "rb"]
    shares = [channels[f"{layer}.{channel}"] for layer in layers for channel in "ga"]
    return np.stack(ids).view(np.uint32), np.stack(shares)


def _cover(ids: NDArray[np.uint32], shares: NDArray[np.float32], wanted: int) -> NDArray[np.float32]:
    return np.asarray(np.where(ids == np.uint32(wanted), shares, np.float32(0)).sum(axis=0))
