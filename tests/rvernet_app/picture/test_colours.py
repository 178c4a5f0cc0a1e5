"""Colours of parts of photos."""

from __future__ import annotations

import numpy as np
import pytest

from rvernet_app.picture.colours import BINS, colours_of, likeness
from rvernet_app.types import Mask, Photo


def half_and_half() -> tuple[Photo, Mask]:
    """A photo with a red left half and a green right half, and the mask of the left one."""
    photo = np.full((40, 60, 3), (60, 160, 60), np.uint8)
    photo[:, :30] = (200, 60, 40)
    left = np.zeros((40, 60), np.bool_)
    left[:, :30] = True
    return photo, left


def test_parts_of_one_colour_are_alike_and_others_are_not() -> None:
    photo, left = half_and_half()
    upper = left.copy()
    upper[20:] = False
    red, green = colours_of(photo, left), colours_of(photo, ~left)
    assert red.shape == BINS
    assert red.sum() == pytest.approx(1)
    assert likeness(red, colours_of(photo, upper)) == pytest.approx(1)
    assert likeness(red, green) == pytest.approx(0)


def test_a_mask_of_one_pixel_in_a_large_photo_has_colours() -> None:
    photo = np.full((1500, 2000, 3), 90, np.uint8)
    mask = np.zeros((1500, 2000), np.bool_)
    mask[700, 900] = True
    assert colours_of(photo, mask).sum() == pytest.approx(1)
