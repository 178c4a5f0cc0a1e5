"""Pictures pass a backbone once while they are remembered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rvernet_app.model import features
from rvernet_app.model.features import RecentFeatures
from rvernet_app.types import Photo


def square(value: int) -> Photo:
    return np.full((2, 2, 3), value, np.uint8)


@pytest.fixture
def passed() -> list[list[float]]:
    """The batches that passed the backbone, each picture as its mean."""
    return []


@pytest.fixture
def recent(passed: list[list[float]], monkeypatch: pytest.MonkeyPatch) -> RecentFeatures:
    """Features (B, 1) of four bytes, the means of the pictures; two of them are kept."""
    monkeypatch.setattr(features, "MAX_BYTES", 8)

    def encode(pictures: Tensor) -> Tensor:
        means = pictures.mean(dim=(1, 2, 3))[:, None]
        passed.append(means[:, 0].tolist())
        return means

    return RecentFeatures(encode, lambda squares: torch.from_numpy(squares.astype(np.float32)))


def test_equal_pictures_pass_once_and_come_back_in_their_order(
    recent: RecentFeatures, passed: list[list[float]]
) -> None:
    assert recent.of([square(3), square(5), square(3)]).tolist() == [[3], [5], [3]]
    assert passed == [[3, 5]]


def test_only_pictures_that_are_not_known_pass(recent: RecentFeatures, passed: list[list[float]]) -> None:
    recent.of([square(3)])
    assert recent.of([square(4), square(3)]).tolist() == [[4], [3]]
    assert passed == [[3], [4]]


def test_the_oldest_features_are_dropped(recent: RecentFeatures, passed: list[list[float]]) -> None:
    for value in (1, 2, 3, 1):
        recent.of([square(value)])
    assert passed == [[1], [2], [3], [1]]


def test_features_larger_than_all_that_is_kept_are_returned_and_not_kept(
    recent: RecentFeatures, passed: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "MAX_BYTES", 3)
    assert recent.of([square(7)]).tolist() == [[7]]
    assert recent.of([square(7)]).tolist() == [[7]]
    assert passed == [[7], [7]]
