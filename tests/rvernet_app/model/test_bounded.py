"""The bound on the tensors that a described model makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rvernet_app.model.bounded import Bounded, TooLargeError


def test_what_fits_is_made_as_without_the_bound() -> None:
    torch.manual_seed(0)
    meant = nn.Linear(3, 4).state_dict()
    torch.manual_seed(0)
    with Bounded(64, 2):  # weights of 48 bytes, bias of 16
        made = nn.Linear(3, 4).state_dict()
    assert all(torch.equal(made[name], meant[name]) for name in meant)


def test_all_tensors_together_stay_within_the_bytes() -> None:
    with Bounded(63, 2), pytest.raises(TooLargeError):
        nn.Linear(3, 4)


def test_no_more_tensors_than_allowed_are_made() -> None:
    with Bounded(10_000, 3), pytest.raises(TooLargeError):
        nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))


@pytest.mark.parametrize(
    "grow",
    [
        lambda row: row[:, None] * row[None, :],
        lambda row: torch.stack(torch.meshgrid(row, row, indexing="ij")),
        lambda row: row.repeat(50_000_000),
        lambda row: torch.cat([row] * 100_000),
    ],
)
def test_a_small_tensor_does_not_grow_beyond_the_bytes(grow: Callable[[Tensor], Tensor]) -> None:
    with Bounded(10**9, 10):
        row = torch.arange(50_000)
        with pytest.raises(TooLargeError):
            grow(row)


def test_a_tensor_may_grow_within_the_bytes_and_views_take_none() -> None:
    with Bounded(400_000, 1):
        row = torch.arange(5_000, dtype=torch.int32)
        assert row.repeat(2).shape == (10_000,)
        assert row.expand(1_000_000, -1).shape == (1_000_000, 5_000)
