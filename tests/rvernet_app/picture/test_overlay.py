"""Activation maps drawn over photos."""

import numpy as np
import pytest

from rvernet_app.picture.overlay import fit_within, heat_overlay


def test_fit_within_shrinks_a_photo_only_if_it_is_longer() -> None:
    photo = np.zeros((300, 600, 3), np.uint8)
    assert fit_within(photo, 200).shape == (100, 200, 3)
    assert fit_within(photo, 1000).shape == photo.shape
    assert fit_within(np.zeros((1, 900, 3), np.uint8), 90).shape == (1, 90, 3)


def test_fit_within_never_returns_the_callers_array() -> None:
    photo = np.zeros((10, 10, 3), np.uint8)
    fit_within(photo, 100)[:] = 9
    assert not photo.any()


def test_a_cold_map_only_dims_a_grey_photo_and_a_hot_one_colours_it() -> None:
    photo = np.full((4, 4, 3), 100, np.uint8)
    activation = np.zeros((4, 4), np.float32)
    activation[0, 0] = 1
    drawn = heat_overlay(photo, activation)
    assert drawn[3, 3] == pytest.approx([90, 90, 90], abs=1)
    # inferno's last colour is (252, 255, 164); three quarters of the way there from 90
    assert drawn[0, 0] == pytest.approx([212, 214, 146], abs=2)
    assert (photo == 100).all()


def test_a_small_map_is_scaled_to_the_photo() -> None:
    photo = np.zeros((30, 60, 3), np.uint8)
    drawn = heat_overlay(photo, np.array([[0.0, 1.0]], np.float32))
    assert drawn.shape == photo.shape
    assert drawn[:, 50:].sum() > drawn[:, :10].sum()
