"""Find the foods of one photo again in a later photo of the same meal.

Trays are moved and plates change places, so places say little: on 12 photos of leftovers, features of the two
photos gave a transform for 2, and foods clicked where they had been were mostly other foods. Colours say a
lot: the later photo is searched for foods, and each food takes the one whose colours are most like its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rvernet_app.picture.colours import Colours, colours_of, likeness
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.propose import propose
from rvernet_app.types import Embedding, Mask, Photo

LEAST_LIKENESS = 0.65
"""Foods whose colours are less alike are two foods.

Measured with `small_sam` on nine photos of leftovers: of 27 foods that were left, 25 were found and none was
taken for another; none of the 6 that had been eaten up was found.
"""


CLEARLY = 0.05
"""A food is taken only if it is by so much more alike than each food that is not found: else it may be the
other one.
"""


@dataclass(frozen=True, eq=False)
class FoundAgain:
    """A food in the later photo: its mask, bool (H, W), and its score in [0, 1]."""

    mask: Mask
    score: float


def find_again(
    segmenter: Segmenter, embedding: Embedding, photo: Photo, foods: Sequence[Colours]
) -> list[FoundAgain | None]:
    """Search a later photo for foods.

    Args:
        segmenter: the segmenter to ask.
        embedding: its embedding of the later photo.
        photo: the later photo, uint8 (H, W, 3).
        foods: the colours of each food in the earlier photo.

    Returns:
        For each food where it is now; None where it was not found. No two foods are in one place.
    """
    *_, proposed = propose(segmenter, embedding)
    found: list[FoundAgain | None] = [None] * len(foods)
    if not proposed.masks or not foods:
        return found
    masks = [colours_of(photo, mask) for mask in proposed.masks]
    alike = np.array([[likeness(food, mask) for mask in masks] for food in foods])
    taken = {
        int(food): int(mask)
        for food, mask in zip(*linear_sum_assignment(-alike), strict=True)
        if alike[food, mask] >= LEAST_LIKENESS
    }
    lost = [food for food in range(len(foods)) if food not in taken]
    for food, mask in taken.items():
        if all(alike[food, mask] - alike[other, mask] > CLEARLY for other in lost):
            found[food] = FoundAgain(proposed.masks[mask], proposed.scores[mask])
    return found
