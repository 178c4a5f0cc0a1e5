import numpy as np
import pytest
import torch
from torch import Tensor

from rvernet_app.errors import ConfigError
from training.loop.mixup import Mix

TRUE = torch.arange(4)
ROI = torch.arange(4 * 3 * 16 * 16, dtype=torch.float32).view(4, 3, 16, 16)
EXTRA_ROI = 5000 - ROI.flip(3)


def mixed(mix: Mix, seed: int, smoothing: float = 0.0) -> tuple[list[Tensor], Tensor]:
    return mix.apply([ROI, EXTRA_ROI], TRUE, 5, smoothing, seed)


def shares(target: Tensor) -> Tensor:
    """Return the share of each region's own class in the mixed pictures of a batch without repeats."""
    return target[torch.arange(4), TRUE]


def test_mixup_gives_both_pictures_the_same_partner_and_share() -> None:
    seen = set()
    for seed in range(10):
        (roi, extra_roi), target = mixed(Mix(mixup=1.0), seed)
        share = shares(target)[0]
        torch.testing.assert_close(roi, share * ROI + (1 - share) * ROI.flip(0), rtol=1e-5, atol=1e-3)
        expected = share * EXTRA_ROI + (1 - share) * EXTRA_ROI.flip(0)
        torch.testing.assert_close(extra_roi, expected, rtol=1e-5, atol=1e-3)
        expected = torch.zeros(4, 5)
        expected[TRUE, TRUE], expected[TRUE, TRUE.flip(0)] = share, 1 - share
        torch.testing.assert_close(target, expected)
        seen.add(round(share.item(), 3))
    assert len(seen) == 10


def test_cutmix_gives_both_pictures_the_same_box() -> None:
    areas = set()
    for seed in range(10):
        (roi, extra_roi), target = mixed(Mix(cutmix=1.0), seed)
        taken = (roi == ROI.flip(0)).all(dim=(0, 1))  # (S, S)
        rows, columns = taken.any(dim=1).nonzero(), taken.any(dim=0).nonzero()
        area = int(taken.sum())
        assert area == len(rows) * len(columns)
        torch.testing.assert_close(roi, torch.where(taken, ROI.flip(0), ROI))
        torch.testing.assert_close(extra_roi, torch.where(taken, EXTRA_ROI.flip(0), EXTRA_ROI))
        torch.testing.assert_close(shares(target), torch.full((4,), 1 - area / 256))
        areas.add(area)
    assert len(areas) > 5


def test_label_smoothing_matches_the_loss() -> None:
    plain, smooth = (mixed(Mix(mixup=1.0), 0, smoothing=smoothing)[1] for smoothing in (0.0, 0.1))
    torch.testing.assert_close(smooth, 0.9 * plain + 0.1 / 5)


def test_mixup_and_cutmix_are_equally_likely() -> None:
    ways = []
    for seed in range(60):
        (roi, _), _ = mixed(Mix(mixup=1.0, cutmix=1.0), seed)
        ways.append("cut" if torch.isin(roi, ROI).all() else "mixed")
    assert ways.count("cut") / 60 == pytest.approx(0.5, abs=0.12)


def test_mixing_depends_only_on_the_seed_and_keeps_its_inputs() -> None:
    before = ROI.clone(), EXTRA_ROI.clone()
    one, first = mixed(Mix(mixup=0.5, cutmix=0.5), 3)
    np.random.seed(99)  # noqa: NPY002 -- global draws must not matter
    other, again = mixed(Mix(mixup=0.5, cutmix=0.5), 3)
    for a, b in zip([*one, first], [*other, again], strict=True):
        assert torch.equal(a, b)
    assert torch.equal(ROI, before[0])
    assert torch.equal(EXTRA_ROI, before[1])


def test_single_picture_is_mixed() -> None:
    (only,), target = Mix(mixup=1.0).apply([ROI], TRUE, 5, 0.0, 7)
    (roi, _), of_both = mixed(Mix(mixup=1.0), 7)
    assert torch.equal(only, roi)
    assert torch.equal(target, of_both)


@pytest.mark.parametrize(
    ("mix", "active"),
    [(Mix(), False), (Mix(mixup=0.2), True), (Mix(cutmix=0.2), True)],
)
def test_mixing_is_active_if_it_can_change_a_batch(mix: Mix, active: bool) -> None:
    assert mix.active is active


@pytest.mark.parametrize("values", [{"mixup": -0.1}, {"cutmix": 101}])
def test_values_out_of_range_fail(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(values))} must be in"):
        Mix(**values)
